//! `/api/v1/annotations`: what other programs found out, on its way to a webhook.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use omma_engine::annotations::Annotation;
use serde::Deserialize as _;
use serde_json::Value;

use crate::dto::{
    AcceptedAnnotationsDto, AnnotationDto, AnnotationsDto, AnnotationsStatusDto, ErrorBody,
    RevivedAnnotationsDto,
};
use crate::error::{ApiError, ApiResult};
use crate::server::App;

/// The most annotations in one request: what video-edge-ai-proxy put into a batch.
const MOST_AT_ONCE: usize = 299;

/// The longest body of a request.
const MOST_BYTES: usize = 8 << 20;

const HINT: &str = "see /api/v1/openapi.json for the fields of an annotation";

/// Add annotations
///
/// One, or a list of at most 299: all or none. What the answer names is on the disk, and will
/// be delivered to `annotations.url` at least once and in order.
#[utoipa::path(
    post, path = "/api/v1/annotations", operation_id = "add_annotations", tag = "annotations",
    request_body = AnnotationsDto,
    responses(
        (status = 202, description = "Accepted", body = AcceptedAnnotationsDto),
        (status = 400, description = "One breaks a rule; none was accepted", body = ErrorBody),
        (status = 413, description = "The request is longer than 8 MiB", body = ErrorBody),
        (status = 503, description = "`annotations.url` is not set, or too many wait",
         body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    body: Body,
) -> ApiResult<(StatusCode, Json<AcceptedAnnotationsDto>)> {
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        let error = ApiError::invalid(
            "the request is longer than 8 MiB, or broke off",
            "send fewer annotations at once",
        );
        return Err(error.with_status(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let (annotations, alone) = read(&body)?;
    match annotations.as_slice() {
        [one] if alone => app.handle.annotations().add(one).await?,
        all => app.handle.annotations().add_all(all).await?,
    }
    let accepted = annotations.iter().map(Into::into).collect();
    Ok((StatusCode::ACCEPTED, Json(AcceptedAnnotationsDto { accepted })))
}

/// How the delivery of annotations goes
#[utoipa::path(
    get, path = "/api/v1/annotations/status", operation_id = "get_annotations_status",
    tag = "annotations",
    responses((status = 200, description = "What waits and what failed",
               body = AnnotationsStatusDto))
)]
pub(crate) async fn status(State(app): State<App>) -> ApiResult<Json<AnnotationsStatusDto>> {
    Ok(Json(app.handle.annotations().status().await?.into()))
}

/// Deliver once more what was set aside
///
/// Annotations that the receiver called wrong take their old places in the queue.
#[utoipa::path(
    post, path = "/api/v1/annotations/revive", operation_id = "revive_annotations",
    tag = "annotations",
    responses((status = 200, description = "How many there were", body = RevivedAnnotationsDto))
)]
pub(crate) async fn revive(State(app): State<App>) -> ApiResult<Json<RevivedAnnotationsDto>> {
    let revived = app.handle.annotations().revive().await?;
    Ok(Json(RevivedAnnotationsDto { revived }))
}

/// The annotations in a body, and whether there was one outside of a list.
fn read(body: &[u8]) -> ApiResult<(Vec<Annotation>, bool)> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the request is no JSON: {error}"), HINT))?;
    let list = match value {
        Value::Array(list) => list,
        one => return Ok((vec![annotation(None, one)?], true)),
    };
    if list.is_empty() || list.len() > MOST_AT_ONCE {
        return Err(ApiError::invalid(
            format!("{} annotations in one request", list.len()),
            format!("send 1 to {MOST_AT_ONCE}"),
        ));
    }
    let all = list.into_iter().enumerate().map(|(at, one)| annotation(Some(at), one));
    Ok((all.collect::<ApiResult<_>>()?, false))
}

fn annotation(index: Option<usize>, value: Value) -> ApiResult<Annotation> {
    let place = index.map_or_else(String::new, |index| format!("annotation {index}: "));
    let Value::Object(fields) = value else {
        return Err(ApiError::invalid(format!("{place}not an object with fields"), HINT));
    };
    let whole = Value::Object(fields.clone());
    AnnotationDto::deserialize(whole).map(Into::into).map_err(|error| {
        // The library does not say which field it was; every field may stand alone.
        let culprit = fields.into_iter().find_map(|(name, value)| {
            let alone = Value::Object([(name.clone(), value)].into_iter().collect());
            let error = AnnotationDto::deserialize(alone).err()?;
            Some((name, error))
        });
        let message = match culprit {
            Some((name, error)) => {
                let name: String = name.chars().take(64).collect();
                format!("{place}`{name}`: {error}")
            }
            None => format!("{place}{error}"),
        };
        ApiError::invalid(message, HINT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        format!("{:?}", read(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn one_and_lists_are_understood_with_both_spellings() {
        let one = r#"{"device_name": "d", "type": "t", "start_timestamp": 5, "is_keyrame": true,
            "object_bouding_box": {"top": 1}, "location": null}"#;
        let (read_one, alone) = read(one.as_bytes()).unwrap();
        assert!(alone && read_one[0].is_keyframe && read_one[0].location.is_none());
        assert_eq!(read_one[0].object_bouding_box.map(|b| (b.top, b.left)), Some((1, 0)));
        let other = one.replace("keyrame", "keyframe").replace("bouding", "bounding");
        let (list, alone) = read(format!("[{other}, {one}]").as_bytes()).unwrap();
        assert!(!alone);
        assert_eq!(list, [read_one[0].clone(), read_one[0].clone()]);
    }

    #[test]
    fn what_is_wrong_is_told_with_place_and_field() {
        for (body, words) in [
            ("", &["no JSON"][..]),
            ("{\"device_name\": \"d\",", &["no JSON", "line 1"]),
            ("5", &["not an object"]),
            ("[]", &["0 annotations", "1 to 299"]),
            ("[{}, 5]", &["annotation 1: not an object"]),
            (
                r#"[{"device_name": "d"}, {"device_name": "d", "width": "wide"}]"#,
                &["annotation 1: `width`", "expected i32"],
            ),
            (r#"{"start_timestamp": 1.5}"#, &["`start_timestamp`", "floating point"]),
            (r#"{"start_timestamp": 99999999999999999999}"#, &["`start_timestamp`"]),
            (r#"{"device_nam": "d"}"#, &["`device_nam`", "unknown field", "`device_name`"]),
            (r#"{"mask": [{"x": 1, "q": 2}]}"#, &["`mask`", "unknown field `q`"]),
            (r#"{"is_keyframe": true, "is_keyrame": true}"#, &["duplicate field"]),
        ] {
            let text = refused(body);
            for word in words {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
        let many = format!("[{}]", vec!["{}"; 300].join(","));
        assert!(refused(&many).contains("300 annotations"));
    }
}
