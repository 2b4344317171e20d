//! An event as sinks write it: the fields of the REST interface, so that a reader of both
//! needs to know one form.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use omma_bus::proto;
use omma_store::StoredEvent;
use omma_types::{Event, EventKind};
use prost::Message as _;
use serde::Serialize;

#[derive(Serialize)]
struct EventJson<'a> {
    id: String,
    seq: i64,
    camera: &'a str,
    kind: &'static str,
    time: String,
    time_ms: i64,
    media_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwell_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    rect: Option<BoxJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<PathPointJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct BoxJson {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

#[derive(Serialize)]
struct PathPointJson {
    media_ms: f64,
    x: f32,
    y: f32,
}

/// What only some kinds of event have.
#[derive(Default)]
struct Special<'a> {
    direction: Option<&'static str>,
    dwell: Option<Duration>,
    state: Option<&'static str>,
    reason: Option<&'a str>,
}

impl<'a> Special<'a> {
    fn of(kind: &'a EventKind) -> Self {
        match kind {
            EventKind::LineCrossed { direction } => {
                Self { direction: Some(direction.as_str()), ..Self::default() }
            }
            EventKind::ZoneEntered => Self::default(),
            EventKind::ZoneLeft { dwell } | EventKind::ZoneDwelled { dwell } => {
                Self { dwell: Some(*dwell), ..Self::default() }
            }
            EventKind::CameraState { state, reason }
            | EventKind::RecordingState { state, reason } => {
                Self { state: Some(state), reason: Some(reason), ..Self::default() }
            }
        }
    }
}

/// The event as JSON. `snapshot` says whether there is a picture of it.
pub fn event_json(seq: i64, event: &Event, snapshot: bool) -> Vec<u8> {
    let special = Special::of(&event.kind);
    let id = event.id.to_string();
    let json = EventJson {
        snapshot: snapshot.then(|| format!("/api/v1/events/{id}/snapshot.jpg")),
        id,
        seq,
        camera: event.camera.as_str(),
        kind: event.kind.as_str(),
        time: event.wall.to_string(),
        time_ms: event.wall.as_millis(),
        media_ms: event.media.as_nanos() as f64 / 1e6,
        rule: event.rule.as_deref(),
        direction: special.direction,
        dwell_ms: special.dwell.map(|dwell| dwell.as_micros() as f64 / 1000.0),
        state: special.state,
        reason: special.reason,
        track: event.track.map(|track| track.to_string()),
        class: event.class.as_ref().map(omma_types::ClassName::as_str),
        score: event.score,
        rect: event.rect.as_ref().map(|rect| BoxJson {
            left: rect.left,
            top: rect.top,
            width: rect.width,
            height: rect.height,
        }),
        path: event
            .path
            .iter()
            .map(|(time, point)| PathPointJson {
                media_ms: time.as_nanos() as f64 / 1e6,
                x: point.x,
                y: point.y,
            })
            .collect(),
        attributes: &event.attributes,
    };
    // Nothing in it can fail to be JSON: keys are text, numbers that are none become null.
    serde_json::to_vec(&json).unwrap_or_default()
}

/// The event as `omma.v1.Event`.
pub(crate) fn event_protobuf(stored: &StoredEvent) -> Bytes {
    let event = &stored.event;
    let special = Special::of(&event.kind);
    let message = proto::Event {
        id: event.id.to_string(),
        seq: stored.seq,
        camera: event.camera.as_str().to_owned(),
        kind: event.kind.as_str().to_owned(),
        time_us: event.wall.as_micros(),
        media_ns: event.media.as_nanos(),
        rule: event.rule.clone(),
        direction: special.direction.map(str::to_owned),
        dwell_us: special.dwell.map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX)),
        state: special.state.map(str::to_owned),
        reason: special.reason.map(str::to_owned),
        track: event.track.map(|track| track.0),
        class: event.class.as_ref().map(|class| class.as_str().to_owned()),
        score: event.score,
        r#box: event.rect.as_ref().map(|rect| proto::Rect {
            left: rect.left,
            top: rect.top,
            width: rect.width,
            height: rect.height,
        }),
        path: event
            .path
            .iter()
            .map(|(time, point)| proto::PathPoint {
                media_ns: time.as_nanos(),
                position: Some(proto::Point { x: point.x, y: point.y }),
            })
            .collect(),
        attributes: event.attributes.clone().into_iter().collect(),
        tenure: None,
    };
    message.encode_to_vec().into()
}
