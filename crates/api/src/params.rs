//! What comes in: query strings and names, checked, with answers that help.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use omma_engine::{CameraStatus, Handle};
use omma_store::{Bucket, EventQuery};
use omma_types::{CameraId, Direction, EventKind, WallTime};
use serde::de::DeserializeOwned;

use crate::accounts::Caller;
use crate::error::{ApiError, ApiResult};
use crate::server::App;

/// The query string as a `T`. Unknown names are refused, so that a typing error does not
/// silently widen a filter.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|rejection| {
            let text = rejection.body_text();
            // The library's own opening says less than what follows it.
            let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            ApiError::invalid(reason, "see /api/v1/openapi.json for what can be asked")
        })
    }
}

/// The camera that the path names.
pub(crate) struct Camera(pub(crate) CameraStatus);

impl FromRequestParts<App> for Camera {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let Path(name) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|rejection| {
                ApiError::invalid(
                    rejection.body_text(),
                    "a camera's name is made of A-Z a-z 0-9 _ -",
                )
            })?;
        let caller = Caller::from_request_parts(parts, app).await?;
        let id = CameraId::new(&name).ok().filter(|id| caller.may_see(id));
        let status = id.and_then(|id| app.handle.camera(&id));
        status.map(Self).ok_or_else(|| ApiError::no_camera(&name, Some(&caller.known(&app.handle))))
    }
}

/// The name of a camera, there or not, that the path holds.
pub(crate) struct Name(pub(crate) CameraId);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let hint = "a camera's name is made of A-Z a-z 0-9 _ -";
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ApiError::invalid(rejection.body_text(), hint))?;
        CameraId::new(&name).map(Self).map_err(|error| ApiError::invalid(error.to_string(), hint))
    }
}

/// The body as a `T`. It must say that it is JSON: without that, browsers would send it for
/// pages of other sites without asking.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => {
                let status = match rejection.status() {
                    StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                    status => status,
                };
                let hint = "send JSON, with `Content-Type: application/json`; see \
                            /api/v1/openapi.json for its form";
                Err(ApiError::invalid(rejection.body_text(), hint).with_status(status))
            }
        }
    }
}

/// The names of all cameras; whoever asks may not see all of them.
pub(crate) fn all_cameras(handle: &Handle) -> Vec<CameraId> {
    handle.cameras().into_iter().map(|camera| camera.id).collect()
}

/// The parts of a list `a,b,c`; none for no list.
fn parts(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The cameras of a list like `door,yard`. Cameras that are no longer configured can be named
/// as long as there are events of them. For a caller who may not see a camera there is none.
pub(crate) async fn cameras(
    handle: &Handle,
    caller: &Caller,
    list: Option<&str>,
) -> ApiResult<Vec<CameraId>> {
    let known = caller.known(handle);
    let mut cameras = Vec::new();
    for name in parts(list) {
        let id = CameraId::new(name).ok().filter(|id| caller.may_see(id));
        let Some(id) = id else { return Err(ApiError::no_camera(name, Some(&known))) };
        if !known.contains(&id) && !is_remembered(handle, &id).await? {
            return Err(ApiError::no_camera(name, Some(&known)));
        }
        cameras.push(id);
    }
    Ok(cameras)
}

async fn is_remembered(handle: &Handle, id: &CameraId) -> ApiResult<bool> {
    let any = EventQuery { cameras: vec![id.clone()], limit: 1, ..EventQuery::default() };
    let store = handle.store();
    Ok(!store.events(&any).await?.events.is_empty() || !store.totals(id).await?.is_empty())
}

/// The words of a list like `line_crossed,zone_left`, each one of `known`.
pub(crate) fn words(name: &str, list: Option<&str>, known: &[&str]) -> ApiResult<Vec<String>> {
    parts(list).map(|text| word(name, text, known).map(str::to_owned)).collect()
}

/// `text`, if it is one of `known`.
pub(crate) fn word<'a>(name: &str, text: &'a str, known: &[&str]) -> ApiResult<&'a str> {
    if known.contains(&text) {
        return Ok(text);
    }
    Err(unusable(name, text, &format!("use {}", known.join(", "))))
}

/// A kind of event.
pub(crate) fn kind(text: &str) -> ApiResult<String> {
    word("kind", text, &EventKind::WORDS).map(str::to_owned)
}

/// A direction.
pub(crate) fn direction(text: &str) -> ApiResult<Direction> {
    [Direction::Forward, Direction::Backward]
        .into_iter()
        .find(|direction| direction.as_str() == text)
        .ok_or_else(|| unusable("direction", text, "use forward or backward"))
}

/// The longest that a moment is with all its digits: with many more zeros, what stands behind it in
/// an address would not get into the audit log.
const LONGEST_TIME: usize = 40;

/// A moment: RFC 3339, or milliseconds since 1970.
pub(crate) fn time(name: &str, text: &str) -> ApiResult<WallTime> {
    let wrong = || {
        let hint = "use RFC 3339 like 2026-11-20T09:30:00Z, or milliseconds since 1970";
        unusable(name, text, hint)
    };
    if text.len() > LONGEST_TIME {
        return Err(wrong());
    }
    if let Ok(millis) = text.parse() {
        return Ok(WallTime::from_millis(millis));
    }
    // An unescaped + of an offset arrives as a space.
    text.replace(' ', "+").parse().map_err(|_not_a_time| wrong())
}

/// Both ends of a span of time.
pub(crate) fn span(
    from: Option<&str>,
    to: Option<&str>,
) -> ApiResult<(Option<WallTime>, Option<WallTime>)> {
    let from = from.map(|text| time("from", text)).transpose()?;
    let to = to.map(|text| time("to", text)).transpose()?;
    match (from, to) {
        (Some(start), Some(end)) if start > end => {
            Err(ApiError::invalid("`from` is after `to`", "swap them"))
        }
        span => Ok(span),
    }
}

/// A bucket: `5m`, `minute`, `1h`, `hour`, `1d`, `day`, `month`.
pub(crate) fn bucket(text: &str) -> ApiResult<Bucket> {
    const MINUTES_A_YEAR: u32 = 366 * 24 * 60;
    let bad = || {
        let hint = "use minute, hour, day, month, or a number with m, h or d like 5m, 6h, 7d; \
                    at most 366d";
        unusable("bucket", text, hint)
    };
    let (number, unit) = match text {
        "minute" => ("1", 1),
        "hour" => return Ok(Bucket::Hour),
        "day" => return Ok(Bucket::Day),
        "month" => return Ok(Bucket::Month),
        other => {
            let unit = [('m', 1), ('h', 60), ('d', 24 * 60)];
            let split =
                unit.into_iter().find_map(|(c, minutes)| Some((other.strip_suffix(c)?, minutes)));
            split.ok_or_else(bad)?
        }
    };
    let minutes = number.parse::<u32>().ok().and_then(|n| n.checked_mul(unit));
    let minutes = minutes.filter(|minutes| *minutes <= MINUTES_A_YEAR).and_then(NonZeroU32::new);
    minutes.map(Bucket::Minutes).ok_or_else(bad)
}

/// A number within bounds.
pub(crate) fn within<T>(name: &str, value: T, least: T, most: T) -> ApiResult<T>
where
    T: Copy + PartialOrd + std::fmt::Display,
{
    if value >= least && value <= most {
        return Ok(value);
    }
    Err(unusable(name, &value.to_string(), &format!("use {least} to {most}")))
}

fn unusable(name: &str, text: &str, hint: &str) -> ApiError {
    let shown: String = text.chars().take(64).collect();
    ApiError::invalid(format!("`{name}` can't be `{shown}`"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_or_refused() {
        let minutes = |text| bucket(text).ok().and_then(Bucket::minutes);
        assert_eq!(bucket("month").ok(), Some(Bucket::Month));
        let cases = [
            ("minute", Some(1)),
            ("hour", Some(60)),
            ("day", Some(1440)),
            ("5m", Some(5)),
            ("6h", Some(360)),
            ("7d", Some(10_080)),
            ("366d", Some(527_040)),
            ("367d", None),
            ("4294967295d", None),
            ("0m", None),
            ("-5m", None),
            ("m", None),
            ("5", None),
            ("5 m", None),
            ("fortnight", None),
            ("5é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_text_or_milliseconds() {
        let expected = WallTime::from_millis(1_795_132_800_000);
        for text in [
            "1795132800000",
            "2026-11-20T00:00:00Z",
            "2026-11-20T01:00:00+01:00",
            "2026-11-20T01:00:00 01:00",
        ] {
            assert_eq!(time("from", text).ok(), Some(expected), "{text}");
        }
        assert!(time("from", "yesterday").is_err());
        assert!(time("from", &format!("{:0>41}", 1)).is_err());
        assert!(span(Some("2"), Some("1")).is_err());
    }
}
