//! `/api/v1/probe`: what a camera sends, looked at before it is added.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use omma_engine::{EngineError, Probe, probe as look};
use omma_media::{MediaError, Stop, Survey};
use omma_types::{CameraId, ErrorKind, WallSource};
use serde_json::{Map, Value};

use super::setup::no_stars;
use crate::dto::{
    ErrorBody, ErrorDetail, FindingDto, ProbeDto, ProbeQuestionDto, ProbedAudioDto, ProbedVideoDto,
};
use crate::error::{ApiError, ApiResult, message_and_hint};
use crate::params::JsonBody;
use crate::server::App;

/// Seconds that are watched unless something else is said.
const USUAL: f64 = 5.0;

/// Ends what was begun for somebody who no longer waits for it.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Look at what a camera sends
///
/// Opens the address for some seconds and says what comes, what to change about it, and shows
/// the first picture. Nothing is kept. An address that can't be opened is an answer, too:
/// `online` is false, and `error` says why.
#[utoipa::path(
    post, path = "/api/v1/probe", operation_id = "probe", tag = "cameras",
    request_body = ProbeQuestionDto,
    responses(
        (status = 200, description = "What was seen", body = ProbeDto),
        (status = 400, description = "A setting is wrong; the message names it", body = ErrorBody),
        (status = 503, description = "Too many are looked at already", body = ErrorBody),
    )
)]
pub(crate) async fn probe(
    State(app): State<App>,
    JsonBody(question): JsonBody<ProbeQuestionDto>,
) -> ApiResult<Json<ProbeDto>> {
    let seconds = question.seconds.unwrap_or(USUAL);
    if !(1.0..=20.0).contains(&seconds) {
        return Err(ApiError::invalid("`seconds` is not within 1 to 20", "5 is enough for most"));
    }
    let like = question.camera.as_deref().map(CameraId::new).transpose();
    let like = like.map_err(|error| ApiError::invalid(error.to_string(), "name a camera"))?;
    let mut settings = Map::from_iter([("url".to_owned(), Value::from(question.source))]);
    for (key, value) in [("transport", question.transport), ("stall", question.stall)] {
        settings.extend(value.map(|value| (key.to_owned(), Value::from(value))));
    }
    let before = match &like {
        Some(like) => app.handle.camera_settings(like).await,
        None => None,
    };
    no_stars(&settings, before.as_ref())?;
    // Its name for messages.
    let name = CameraId::new("probe").map_err(|error| ApiError::internal(error.to_string()))?;
    let settings = Value::Object(settings).to_string();
    let camera = app.handle.check_camera(&name, &settings, like.as_ref()).await?;
    let Ok(permit) = app.probes.clone().try_acquire_owned() else {
        let message = "several addresses are looked at already; try again in some seconds";
        return Err(ApiError::unavailable(ErrorKind::Busy, message));
    };
    let stop = Stop::new();
    let _ending = StopOnDrop(stop.clone());
    let span = Duration::from_secs_f64(seconds);
    let seen = tokio::task::spawn_blocking(move || {
        let seen = look(&camera, span, &stop);
        drop(permit);
        seen
    });
    match seen.await {
        Ok(Ok(seen)) => Ok(Json(online(&seen))),
        Ok(Err(EngineError::Media(error))) => Ok(Json(offline(&error))),
        Ok(Err(error)) => Err(error.into()),
        Err(_panicked) => Err(ApiError::internal("looking at it panicked; see the log")),
    }
}

fn offline(error: &MediaError) -> ProbeDto {
    ProbeDto {
        online: false,
        error: Some(ErrorDetail {
            kind: error.kind().as_str(),
            message: format!("{}: {}", error.subject(), error.reason()),
            hint: Some(error.advice().to_owned()),
        }),
        video: None,
        audio: None,
        findings: Vec::new(),
        picture: None,
    }
}

fn online(seen: &Probe) -> ProbeDto {
    let survey = &seen.survey;
    let sound = survey.info.audio.as_ref().map(|audio| ProbedAudioDto {
        codec: audio.codec,
        sample_rate: audio.sample_rate,
        channels: audio.channels,
        bitrate: survey.sound_bit_rate,
    });
    let mut findings = Vec::new();
    if let Err(reason) = &seen.picture {
        findings.push(finding("warn", &format!("its first picture can't be shown: {reason}")));
    }
    for (at, advice) in survey.advice.iter().enumerate() {
        // Where it broke off, this is said first.
        let broke_off = at == 0 && survey.broke_off.is_some();
        findings.push(finding(if broke_off { "warn" } else { "info" }, advice));
    }
    ProbeDto {
        online: true,
        error: None,
        video: Some(video(survey)),
        audio: sound,
        findings,
        picture: seen.picture.as_ref().ok().map(|jpeg| STANDARD.encode(jpeg)),
    }
}

fn video(survey: &Survey) -> ProbedVideoDto {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (bitrate, bitrate_peak) = survey.bit_rate;
    ProbedVideoDto {
        codec: survey.info.codec,
        width: survey.info.size.map(|size| size.width),
        height: survey.info.size.map(|size| size.height),
        fps: survey.frame_rate,
        fps_announced: survey.info.frame_rate,
        keyframe_interval_ms: millis(survey.gop.duration),
        keyframe_at_least: survey.gop.at_least,
        bitrate,
        bitrate_peak,
        b_frames: survey.b_frames,
        first_picture_ms: millis(survey.first_picture),
        jitter_ms: survey.jitter.map(millis),
        clock: match survey.clock {
            WallSource::SenderReport => "camera",
            WallSource::Arrival => "arrival",
        },
    }
}

fn finding(level: &'static str, advice: &str) -> FindingDto {
    let (message, hint) = message_and_hint(advice);
    FindingDto { level, message, hint }
}
