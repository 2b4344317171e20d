//! What WHEP and WHIP have in common: offers read, answers given, sessions ended.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use omma_types::{CameraId, ErrorKind};
use str0m::RtcError;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::Mid;

use super::{Registered, Webrtc};
use crate::error::{ApiError, ApiResult};
use crate::server::App;

/// Offers of browsers are a few thousand bytes.
const MAX_OFFER: usize = 64 * 1024;

const SDP: &str = "application/sdp";

pub(super) fn webrtc(app: &App) -> ApiResult<&Arc<Webrtc>> {
    app.webrtc.as_ref().ok_or_else(|| {
        ApiError::unavailable(ErrorKind::Unsupported, "there is no WebRTC here: `webrtc` is off")
            .with_status(StatusCode::NOT_IMPLEMENTED)
    })
}

/// The offer in a request's body.
pub(super) fn read_offer(headers: &HeaderMap, body: &str) -> ApiResult<SdpOffer> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_sdp =
        kind.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim() == SDP);
    if !is_sdp || body.len() > MAX_OFFER {
        return Err(ApiError::invalid(
            "that is no offer of WebRTC",
            "post what `createOffer` gives, as `application/sdp`",
        ));
    }
    SdpOffer::from_sdp_string(body).map_err(|error| {
        ApiError::invalid(
            format!("the offer can't be read: {error}"),
            "post what `createOffer` gives, as it is",
        )
    })
}

pub(super) fn no_offer(error: &RtcError) -> ApiError {
    ApiError::invalid(
        format!("the offer can't be answered: {error}"),
        "offer to receive or to send video, as browsers, WHEP players and WHIP encoders do",
    )
}

/// The names of an offer's parts.
pub(super) fn mids(offer: &str) -> Vec<Mid> {
    const LONGEST: usize = 16;
    let names = offer.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::trim);
    let is_name = |name: &&str| !name.is_empty() && name.len() <= LONGEST && name.is_ascii();
    names.filter(is_name).map(Mid::from).collect()
}

/// The answer, and where the session is ended.
pub(super) fn answered(registered: &Registered, answer: &SdpAnswer) -> Response {
    let headers =
        [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, registered.location())];
    (StatusCode::CREATED, headers, with_formats(&answer.to_sdp_string())).into_response()
}

/// A part that is refused must name a format all the same (RFC 3264, 6), or browsers refuse the
/// whole answer.
fn with_formats(answer: &str) -> String {
    let mend = |line: &str| match line.strip_suffix("SAVPF ") {
        Some(_) if line.starts_with("m=") => format!("{line}0\r\n"),
        _ => format!("{line}\r\n"),
    };
    answer.lines().map(mend).collect()
}

/// The path below which a camera's sessions of one kind are.
pub(super) fn place(camera: &CameraId, kind: &str) -> String {
    format!("/api/v1/cameras/{camera}/{kind}")
}

/// Ends a session.
pub(super) fn end(app: &App, camera: &str, kind: &str, session: &str) -> ApiResult<StatusCode> {
    let camera = CameraId::new(camera).ok();
    let found = camera.zip(app.webrtc.as_ref());
    if found.is_some_and(|(camera, webrtc)| webrtc.end(&place(&camera, kind), session)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::not_found("there is no such session", "it may have ended by itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_part_names_a_format() {
        let answer = "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF \r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
        let mended = "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
        assert_eq!(with_formats(answer), mended);
    }

    #[test]
    fn parts_are_found_by_their_names() {
        let names = |offer| mids(offer).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names("a=mid:0\r\na=x\r\na=mid:video\r\n").len(), 2);
        assert!(names("a=mid:\r\na=mid:0123456789abcdefg\r\n").is_empty());
    }
}
