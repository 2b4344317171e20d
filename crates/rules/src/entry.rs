//! What the rules remember of one track.

use std::collections::VecDeque;

use omma_types::{
    ClassName, EventKind, FrameStamp, MediaTime, Point, Rect, Track, TrackId, WallTime,
};
use serde::{Deserialize, Serialize};

use crate::form::{self, SeenForm};
use crate::geometry::Metric;
use crate::line::LineState;
use crate::zone::ZoneState;
use crate::{Anchor, MAX_PATH, PATH_SPACING};

/// Nanoseconds on the rules' own clock: it follows the stream's, but never stands still or
/// runs backward, so that a stream that starts over disturbs no timer.
pub(crate) type Nanos = u64;

pub(crate) fn nanos(duration: std::time::Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The picture at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Nanos,
    pub(crate) media: MediaTime,
    pub(crate) wall: WallTime,
    pub(crate) metric: Metric,
}

impl Now {
    pub(crate) fn new(at: Nanos, frame: &FrameStamp) -> Self {
        // A size of zero says that nobody knows it: squares are then as good as anything.
        let (width, height) = (frame.size.width.max(1), frame.size.height.max(1));
        let metric = Metric { aspect: f64::from(width) / f64::from(height) };
        Self { at, media: frame.media, wall: frame.wall, metric }
    }
}

/// An observed box and when that was.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(from = "SeenForm", into = "SeenForm")]
pub(crate) struct Seen {
    pub(crate) at: Nanos,
    pub(crate) media: MediaTime,
    pub(crate) wall: WallTime,
    pub(crate) rect: Rect,
    pub(crate) score: f32,
}

impl Seen {
    pub(crate) const fn new(now: &Now, track: &Track) -> Self {
        let Now { at, media, wall, .. } = *now;
        Self { at, media, wall, rect: track.rect, score: track.score }
    }
}

/// Which rule, by its place in the list. Lines sort before zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum RuleIndex {
    Line(usize),
    Zone(usize),
}

/// An event that has been decided, but not yet told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) rule: RuleIndex,
    #[serde(with = "form::kind")]
    pub(crate) kind: EventKind,
    pub(crate) seen: Seen,
    #[serde(with = "form::class")]
    pub(crate) class: ClassName,
}

/// One track's memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(with = "form::track")]
    pub(crate) id: TrackId,
    #[serde(with = "form::class")]
    pub(crate) class: ClassName,
    /// Whether it has ever been confirmed.
    pub(crate) confirmed: bool,
    /// First observation.
    pub(crate) born: Nanos,
    /// Newest observation.
    pub(crate) last: Seen,
    /// Newest word of the tracker, observation or prediction.
    pub(crate) reported: Nanos,
    /// Newest box, observed or predicted.
    #[serde(with = "form::rect")]
    pub(crate) predicted: Rect,
    /// Thinned observations, oldest first, without the newest one.
    pub(crate) path: VecDeque<Seen>,
    pub(crate) lines: Vec<LineState>,
    pub(crate) zones: Vec<ZoneState>,
    /// What it did before it may speak: while tentative, or while it may be a second track
    /// of an object that has one.
    pub(crate) held: Vec<Draft>,
    /// The track whose place it may have taken.
    #[serde(with = "form::maybe_track")]
    pub(crate) predecessor: Option<TrackId>,
    /// What it left open has been ended; nothing has been reported of it since.
    pub(crate) ended: bool,
    /// Its memory went to another track; should it be seen again, it starts afresh.
    pub(crate) handed_over: bool,
}

impl Entry {
    pub(crate) fn new(track: &Track, now: &Now, lines: usize, zones: usize) -> Self {
        Self {
            id: track.id,
            class: track.class.clone(),
            confirmed: false,
            born: now.at,
            last: Seen::new(now, track),
            reported: now.at,
            predicted: track.rect,
            path: VecDeque::with_capacity(MAX_PATH),
            lines: vec![LineState::default(); lines],
            zones: vec![ZoneState::default(); zones],
            held: Vec::new(),
            predecessor: None,
            ended: false,
            handed_over: false,
        }
    }

    /// Whether rules of so many lines and zones can go on with it when their clock is at
    /// `clock`.
    pub(crate) fn is_sound(&self, lines: usize, zones: usize, clock: Nanos) -> bool {
        let known = |draft: &Draft| match draft.rule {
            RuleIndex::Line(index) => index < lines,
            RuleIndex::Zone(index) => index < zones,
        };
        self.lines.len() == lines
            && self.zones.len() == zones
            && self.lines.iter().all(LineState::is_sound)
            && self.born <= clock
            && self.reported <= clock
            && self.held.iter().all(known)
    }

    /// Whether what it does is told at once.
    pub(crate) const fn may_speak(&self) -> bool {
        self.confirmed && self.predecessor.is_none()
    }

    /// Makes `seen` the newest observation and keeps the one before it where the path needs
    /// a point.
    pub(crate) fn advance(&mut self, seen: Seen) {
        let spaced = self
            .path
            .back()
            .is_none_or(|kept| self.last.at.saturating_sub(kept.at) >= nanos(PATH_SPACING));
        if spaced && seen.at > self.last.at && seen.media >= self.last.media {
            if self.path.len() == MAX_PATH {
                self.path.pop_front();
            }
            self.path.push_back(self.last);
        }
        self.last = seen;
    }

    /// The path up to and including `end`, oldest first.
    pub(crate) fn path_to(&self, end: &Seen, anchor: Anchor) -> Vec<(MediaTime, Point)> {
        let before = self.path.iter().filter(|seen| seen.at < end.at);
        let skip = before.clone().count().saturating_sub(MAX_PATH - 1);
        before
            .skip(skip)
            .chain(std::iter::once(end))
            .map(|seen| (seen.media, anchor.of(&seen.rect)))
            .collect()
    }

    /// Forgets everything but who it is: another track goes on with the memory.
    pub(crate) fn strip(&mut self) {
        self.lines.fill(LineState::default());
        self.zones.fill(ZoneState::default());
        self.path.clear();
        self.held.clear();
        self.predecessor = None;
        self.handed_over = true;
    }
}
