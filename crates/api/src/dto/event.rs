//! Events, as they are listed and as they are told.

use std::collections::BTreeMap;

use omma_store::{EventMark, StoredEvent, Verdict};
use omma_types::{Event, EventKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BoxDto, millis};

/// Some events, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventPage)]
pub struct EventPageDto {
    /// In the order asked for.
    pub events: Vec<EventDto>,
    /// When more match: the value for `before_seq` (newest first) or `after_seq` (oldest
    /// first) that gives the next page.
    pub next: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventDto {
    /// Its identity, a ULID.
    #[schema(example = "01KB0V3G7ZJ6QW8N4M2X5T9RCD")]
    pub id: String,
    /// Its place in the order of arrival, strictly rising.
    pub seq: i64,
    /// Where it happened.
    pub camera: String,
    /// `line_crossed`, `zone_entered`, `zone_left`, `zone_dwelled` or `camera_state`.
    #[schema(example = "line_crossed")]
    pub kind: &'static str,
    /// When.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
    /// The same on the stream's own clock, in milliseconds.
    pub media_ms: f64,
    /// The line or zone; absent for `camera_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `forward` (from left to right of the line's arrow) or `backward`; for `line_crossed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// Time in the zone so far, in milliseconds; for `zone_left` and `zone_dwelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_ms: Option<f64>,
    /// The camera's new state; for `camera_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Why the camera is in this state; for `camera_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The object's track.
    #[schema(example = "17")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// What the object is.
    #[schema(example = "person")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Score of the object's newest detection, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The object's box when it happened.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub rect: Option<BoxDto>,
    /// The way the object came, oldest point first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathPointDto>,
    /// Where its picture is, the object marked; absent where there is none.
    #[schema(example = "/api/v1/events/01KB0V3G7ZJ6QW8N4M2X5T9RCD/snapshot.jpg")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Where the footage around it is; absent where nothing was recorded, and in messages of
    /// the WebSocket, which come before footage is written.
    #[schema(example = "/api/v1/events/01KB0V3G7ZJ6QW8N4M2X5T9RCD/clip.mp4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<String>,
    /// Whether somebody has looked at it; in lists and answers alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<bool>,
    /// What somebody said of it: `right`, `wrong`, or nothing (null); in lists and answers alone.
    #[schema(value_type = Option<String>, example = "right")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Option<&'static str>>,
    /// Anything more, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// A point on an object's way, in fractions of the picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PathPoint)]
pub struct PathPointDto {
    /// When, on the stream's own clock, in milliseconds.
    pub media_ms: f64,
    /// From the left edge (0) to the right edge (1).
    pub x: f32,
    /// From the top edge (0) to the bottom edge (1).
    pub y: f32,
}

impl EventDto {
    /// The event with its place in the order of arrival.
    pub(crate) fn new(seq: i64, event: &Event) -> Self {
        let (mut direction, mut dwell_ms, mut state, mut reason) = (None, None, None, None);
        match &event.kind {
            EventKind::LineCrossed { direction: way } => direction = Some(way.as_str()),
            EventKind::ZoneEntered => {}
            EventKind::ZoneLeft { dwell } | EventKind::ZoneDwelled { dwell } => {
                dwell_ms = Some(millis(*dwell));
            }
            EventKind::CameraState { state: new, reason: why }
            | EventKind::RecordingState { state: new, reason: why } => {
                state = Some(*new);
                reason = Some(why.clone());
            }
        }
        let path = event.path.iter().map(|(time, point)| PathPointDto {
            media_ms: time.as_nanos() as f64 / 1e6,
            x: point.x,
            y: point.y,
        });
        Self {
            id: event.id.to_string(),
            seq,
            camera: event.camera.as_str().to_owned(),
            kind: event.kind.as_str(),
            time: event.wall.to_string(),
            time_ms: event.wall.as_millis(),
            media_ms: event.media.as_nanos() as f64 / 1e6,
            rule: event.rule.clone(),
            direction,
            dwell_ms,
            state,
            reason,
            track: event.track.map(|track| track.to_string()),
            class: event.class.as_ref().map(|class| class.as_str().to_owned()),
            score: event.score,
            rect: event.rect.as_ref().map(BoxDto::from),
            path: path.collect(),
            snapshot: None,
            clip: None,
            reviewed: None,
            verdict: None,
            attributes: event.attributes.clone(),
        }
    }

    /// The same with the address of its picture, where there is one.
    pub(crate) fn with_snapshot(mut self, there: bool) -> Self {
        self.snapshot = there.then(|| format!("/api/v1/events/{}/snapshot.jpg", self.id));
        self
    }

    /// The same with what people have said of it.
    pub(crate) fn with_mark(mut self, mark: EventMark) -> Self {
        self.reviewed = Some(mark.reviewed);
        self.verdict = Some(mark.verdict.map(Verdict::as_str));
        self
    }

    /// The same with the address of its footage, where there is some.
    pub(crate) fn with_clip(mut self, there: bool) -> Self {
        self.clip = there.then(|| format!("/api/v1/events/{}/clip.mp4", self.id));
        self
    }
}

impl From<&StoredEvent> for EventDto {
    fn from(stored: &StoredEvent) -> Self {
        Self::new(stored.seq, &stored.event)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use omma_types::{
        CameraId, ClassName, Direction, EventId, MediaTime, Point, Rect, TrackId, WallTime,
    };

    use super::*;

    /// Readers of sinks and of the REST interface see the same fields.
    #[test]
    fn sinks_write_events_as_they_are_listed() {
        let kinds = [
            EventKind::LineCrossed { direction: Direction::Backward },
            EventKind::ZoneEntered,
            EventKind::ZoneLeft { dwell: Duration::from_micros(1_234_567) },
            EventKind::ZoneDwelled { dwell: Duration::from_secs(9) },
            EventKind::CameraState { state: "offline", reason: "\"gone\"".to_owned() },
            EventKind::RecordingState { state: "off", reason: String::new() },
        ];
        for (seq, kind) in (1i64..).zip(kinds) {
            let full = Event {
                id: EventId(77 << 70),
                camera: CameraId::new("door").unwrap(),
                kind,
                rule: Some("kerb".to_owned()),
                track: Some(TrackId(u64::MAX)),
                class: Some(ClassName::new("person")),
                score: Some(0.3),
                rect: Some(Rect::new(0.1, 0.2, 0.3, 0.4)),
                media: MediaTime::from_nanos(1_500_001),
                wall: WallTime::from_micros(1_795_132_800_250_001),
                path: vec![(MediaTime::from_nanos(-5), Point::new(0.1, 0.7))],
                attributes: BTreeMap::from([("plate".to_owned(), "B 1".to_owned())]),
            };
            let bare = Event {
                rule: None,
                track: None,
                class: None,
                score: None,
                rect: None,
                path: Vec::new(),
                attributes: BTreeMap::new(),
                ..full.clone()
            };
            for (event, snapshot) in [(&full, true), (&full, false), (&bare, false)] {
                let listed = EventDto::new(seq, event).with_snapshot(snapshot);
                let listed = serde_json::to_string(&listed).unwrap();
                let sent = omma_engine::sinks::event_json(seq, event, snapshot);
                assert_eq!(String::from_utf8(sent).unwrap(), listed);
            }
        }
    }
}
