//! What can be asked of the store, and how the answers look.

use std::num::NonZeroU32;
use std::time::Duration;

use omma_types::{CameraId, ClassName, Direction, Event, TrackId, WallTime};

/// The most events that one page holds.
pub const MAX_PAGE: u32 = 1000;

/// The most rows that one answer of [`crate::Store::counts`] holds.
pub const MAX_COUNT_ROWS: usize = 50_000;

/// An event with its place in the order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// From 1, strictly rising, with gaps.
    pub seq: i64,
    /// The event.
    pub event: Event,
}

/// In which order events come, by sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

/// Which events are wanted. The default asks for the newest 100 of all; each filter narrows.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    /// Of any of these cameras; empty: all.
    pub cameras: Vec<CameraId>,
    /// Of any of these kinds, as [`omma_types::EventKind::as_str`] calls them; empty: all.
    pub kinds: Vec<String>,
    /// Of this line or zone.
    pub rule: Option<String>,
    /// About an object of this class.
    pub class: Option<ClassName>,
    /// About this track.
    pub track: Option<TrackId>,
    /// With at least this score, 0 to 1. Events without a score don't match.
    pub min_score: Option<f32>,
    /// At this time or later.
    pub from: Option<WallTime>,
    /// Before this time.
    pub to: Option<WallTime>,
    /// With a higher sequence number.
    pub after_seq: Option<i64>,
    /// With a lower sequence number.
    pub before_seq: Option<i64>,
    /// That somebody has looked at, or that nobody has.
    pub reviewed: Option<bool>,
    /// Without those that were counted later, from stored tracks.
    pub live_only: bool,
    /// At most so many: 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Which come first.
    pub order: Order,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            cameras: Vec::new(),
            kinds: Vec::new(),
            rule: None,
            class: None,
            track: None,
            min_score: None,
            from: None,
            to: None,
            after_seq: None,
            before_seq: None,
            reviewed: None,
            live_only: false,
            limit: 100,
            order: Order::Newest,
        }
    }
}

/// Some events, and where to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    /// In the order asked for.
    pub events: Vec<StoredEvent>,
    /// When more match: the value for `before_seq` (newest first) or `after_seq` (oldest
    /// first) that gives the next page.
    pub next: Option<i64>,
}

/// The spans of time into which counts are divided, aligned to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// So many minutes.
    Minutes(NonZeroU32),
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to the first of the next, UTC.
    Month,
}

impl Bucket {
    /// Its length in minutes; none for months, which differ.
    pub fn minutes(self) -> Option<i64> {
        match self {
            Self::Minutes(minutes) => Some(i64::from(minutes.get())),
            Self::Hour => Some(60),
            Self::Day => Some(24 * 60),
            Self::Month => None,
        }
    }
}

/// Which counts are wanted. The default asks for all of them, for all time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountQuery {
    /// Of any of these cameras; empty: all.
    pub cameras: Vec<CameraId>,
    /// Of this line or zone.
    pub rule: Option<String>,
    /// Of objects of this class.
    pub class: Option<ClassName>,
    /// Of events of this kind, as [`omma_types::EventKind::as_str`] calls it.
    pub kind: Option<String>,
    /// Of crossings this way.
    pub direction: Option<Direction>,
    /// From this time on, rounded down to the minute.
    pub from: Option<WallTime>,
    /// Before this time, rounded up to the minute.
    pub to: Option<WallTime>,
    /// Divided into such spans; `None`: one sum for the whole time.
    pub bucket: Option<Bucket>,
}

/// How often one thing happened in one span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct CountRow {
    /// Start of the span; `None` when no bucket was asked for.
    pub bucket_start: Option<WallTime>,
    /// The camera.
    pub camera: CameraId,
    /// The line or zone.
    pub rule: String,
    /// The kind of event, as [`omma_types::EventKind::as_str`] calls it.
    pub kind: &'static str,
    /// Which way, for lines.
    pub direction: Option<Direction>,
    /// Of which class.
    pub class: Option<ClassName>,
    /// How often.
    pub count: u64,
    /// How many of those were counted later, from stored tracks.
    pub later: u64,
    /// Sum of the dwell times, for `zone_left`; else zero.
    pub dwell_total: Duration,
}
