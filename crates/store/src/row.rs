//! Events to columns and back.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_types::{
    CameraId, ClassName, Direction, Event, EventId, EventKind, MediaTime, Point, Rect, TrackId,
    WallTime,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::StoredEvent;

/// The columns of `events` that [`read_event`] reads, in its order.
pub(crate) const COLUMNS: &str = "seq, id, camera, kind, direction, dwell_us, state, reason, \
     rule, track, class, score, rect, media_ns, wall_us, path, attributes";

/// The columns that only some kinds of event have.
#[derive(Default)]
pub(crate) struct KindColumns<'a> {
    pub(crate) direction: Option<&'static str>,
    pub(crate) dwell_us: Option<i64>,
    pub(crate) state: Option<&'static str>,
    pub(crate) reason: Option<&'a str>,
}

impl<'a> KindColumns<'a> {
    pub(crate) fn of(kind: &'a EventKind) -> Self {
        match kind {
            EventKind::LineCrossed { direction } => {
                Self { direction: Some(direction.as_str()), ..Self::default() }
            }
            EventKind::ZoneEntered => Self::default(),
            EventKind::ZoneLeft { dwell } | EventKind::ZoneDwelled { dwell } => {
                Self { dwell_us: Some(micros(*dwell)), ..Self::default() }
            }
            EventKind::CameraState { state, reason }
            | EventKind::RecordingState { state, reason } => {
                Self { state: Some(state), reason: Some(reason), ..Self::default() }
            }
        }
    }
}

/// Microseconds that fit a column; longer than 292,000 years is cut.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

pub(crate) fn rect_bytes(rect: &Rect) -> Vec<u8> {
    [rect.left, rect.top, rect.width, rect.height].iter().flat_map(|n| n.to_le_bytes()).collect()
}

pub(crate) fn path_bytes(path: &[(MediaTime, Point)]) -> Option<Vec<u8>> {
    if path.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len() * 16);
    for (time, point) in path {
        bytes.extend(time.as_nanos().to_le_bytes());
        bytes.extend(point.x.to_le_bytes());
        bytes.extend(point.y.to_le_bytes());
    }
    Some(bytes)
}

pub(crate) fn attributes_text(attributes: &BTreeMap<String, String>) -> Option<String> {
    let object = || attributes.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    (!attributes.is_empty()).then(|| serde_json::Value::Object(object().collect()).to_string())
}

/// A row whose content makes no sense, and why.
pub(crate) struct BadRow(pub(crate) String);

impl From<sqlx::Error> for BadRow {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

/// An event from a row with [`COLUMNS`].
pub(crate) fn read_event(row: &SqliteRow) -> Result<StoredEvent, BadRow> {
    let seq: i64 = row.try_get(0)?;
    let id: Vec<u8> = row.try_get(1)?;
    let id = <[u8; 16]>::try_from(id.as_slice())
        .map_err(|_wrong_length| BadRow(format!("event {seq} has an id of {} bytes", id.len())))?;
    let event = Event {
        id: EventId(u128::from_be_bytes(id)),
        camera: read_camera(row.try_get(2)?)?,
        kind: read_kind(row, seq)?,
        rule: row.try_get(8)?,
        track: row.try_get::<Option<i64>, _>(9)?.map(|track| TrackId(track.cast_unsigned())),
        class: row.try_get::<Option<&str>, _>(10)?.map(ClassName::new),
        score: row.try_get::<Option<f64>, _>(11)?.map(|score| score as f32),
        rect: row.try_get::<Option<&[u8]>, _>(12)?.map(read_rect).transpose()?,
        media: MediaTime::from_nanos(row.try_get(13)?),
        wall: WallTime::from_micros(row.try_get(14)?),
        path: read_path(row.try_get::<Option<&[u8]>, _>(15)?.unwrap_or_default())?,
        attributes: read_attributes(row.try_get(16)?)?,
    };
    Ok(StoredEvent { seq, event })
}

pub(crate) fn read_camera(name: &str) -> Result<CameraId, BadRow> {
    CameraId::new(name).map_err(|e| BadRow(e.to_string()))
}

pub(crate) fn read_direction(word: &str) -> Result<Direction, BadRow> {
    [Direction::Forward, Direction::Backward]
        .into_iter()
        .find(|direction| direction.as_str() == word)
        .ok_or_else(|| BadRow(format!("unknown direction `{word}`")))
}

/// The word `word` out of `words`.
pub(crate) fn read_word(words: &[&'static str], word: &str) -> Result<&'static str, BadRow> {
    words.iter().find(|w| **w == word).copied().ok_or_else(|| BadRow(format!("unknown `{word}`")))
}

fn read_kind(row: &SqliteRow, seq: i64) -> Result<EventKind, BadRow> {
    let missing = |column: &str| BadRow(format!("event {seq} has no {column}"));
    let dwell = || -> Result<Duration, BadRow> {
        Ok(duration(row.try_get::<Option<i64>, _>(5)?.ok_or_else(|| missing("dwell_us"))?))
    };
    let state = |known: &[&'static str]| -> Result<(&'static str, String), BadRow> {
        let word = row.try_get::<Option<&str>, _>(6)?.ok_or_else(|| missing("state"))?;
        Ok((read_word(known, word)?, row.try_get::<Option<String>, _>(7)?.unwrap_or_default()))
    };
    Ok(match row.try_get::<&str, _>(3)? {
        "line_crossed" => {
            let word = row.try_get::<Option<&str>, _>(4)?.ok_or_else(|| missing("direction"))?;
            EventKind::LineCrossed { direction: read_direction(word)? }
        }
        "zone_entered" => EventKind::ZoneEntered,
        "zone_left" => EventKind::ZoneLeft { dwell: dwell()? },
        "zone_dwelled" => EventKind::ZoneDwelled { dwell: dwell()? },
        "camera_state" => {
            let (state, reason) = state(&EventKind::CAMERA_STATES)?;
            EventKind::CameraState { state, reason }
        }
        "recording_state" => {
            let (state, reason) = state(&EventKind::RECORDING_STATES)?;
            EventKind::RecordingState { state, reason }
        }
        other => return Err(BadRow(format!("event {seq} is of unknown kind `{other}`"))),
    })
}

fn read_rect(bytes: &[u8]) -> Result<Rect, BadRow> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    match (numbers, rest) {
        (&[left, top, width, height], []) => Ok(Rect::new(
            f32::from_le_bytes(left),
            f32::from_le_bytes(top),
            f32::from_le_bytes(width),
            f32::from_le_bytes(height),
        )),
        _ => Err(BadRow(format!("a box of {} bytes", bytes.len()))),
    }
}

fn read_path(bytes: &[u8]) -> Result<Vec<(MediaTime, Point)>, BadRow> {
    let (points, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(BadRow(format!("a path of {} bytes", bytes.len())));
    }
    let read = |&[t0, t1, t2, t3, t4, t5, t6, t7, x0, x1, x2, x3, y0, y1, y2, y3]: &[u8; 16]| {
        let time = i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let (x, y) = (f32::from_le_bytes([x0, x1, x2, x3]), f32::from_le_bytes([y0, y1, y2, y3]));
        (MediaTime::from_nanos(time), Point::new(x, y))
    };
    Ok(points.iter().map(read).collect())
}

fn read_attributes(text: Option<&str>) -> Result<BTreeMap<String, String>, BadRow> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    serde_json::from_str(text).map_err(|e| BadRow(format!("attributes: {e}")))
}
