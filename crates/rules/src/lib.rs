//! Lines, zones and the events they raise.
//!
//! This crate exists so that counting can be tested to the last crossing: it takes tracks
//! and time stamps and gives events and totals. It knows no pixels, threads, clocks, files
//! or cameras beyond their name; the same input always gives the same output, in whatever
//! order the tracks of a picture are listed.
//!
//! What counts, in short:
//! - Only tracks that were confirmed at some time count. What such a track did while it was
//!   still tentative counts too, at the time it happened; the event comes at confirmation.
//! - Only observed boxes count. The predicted box of a coasting track moves nobody across a
//!   line: if the object is seen again, the way between the two observations decides.
//! - A line is crossed where the way between two observed anchor points meets the segment.
//!   A change of side shorter than the noise of a box ([`SETTLE_FRACTION`],
//!   [`SETTLE_TIME`]) cancels against the change back.
//! - A track that takes up where another was lost takes over its memory: sides, visits and
//!   what was still undecided (`handover.rs`).

mod counts;
mod entry;
mod error;
mod form;
mod geometry;
mod handover;
mod line;
mod rules;
mod state;
mod zone;

pub use counts::{Counts, Crossings, LineCounts, Visits, ZoneCounts};
pub use error::RuleError;
pub use line::Line;
pub use rules::Rules;
pub use state::RulesState;
pub use zone::Zone;

use std::time::Duration;

use omma_types::{Point, Rect};

/// The point of a box that stands for the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// Middle of the bottom edge: where a person or vehicle touches the ground.
    #[default]
    Foot,
    /// Middle of the box: for views from above.
    Center,
}

impl Anchor {
    /// The anchor of `rect`.
    pub fn of(self, rect: &Rect) -> Point {
        match self {
            Self::Foot => rect.foot(),
            Self::Center => rect.center(),
        }
    }
}

/// How far an anchor must get beyond a line or border, as a fraction of its box's extent in
/// that direction, before the change of side is taken for real at once. Half the width of
/// the band in which the boxes of people who stand still tremble. On PETS09-S2L1
/// under 14 conditions, counts are equally good from 0.1 to 0.4 and half as good with 0.
pub const SETTLE_FRACTION: f32 = 0.1;

/// A change of side smaller than [`SETTLE_FRACTION`] is taken for real when it has lasted
/// this long. On PETS09-S2L1, counts are equally good from 0.3 s to 2 s.
pub const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How long after the tracker's last word on a track its visits and undecided crossings stay
/// open, for the track itself or one that takes up its place.
pub const GRACE: Duration = Duration::from_secs(2);

/// How long a track that is no longer reported is remembered, should its id come back.
pub const FORGET_AFTER: Duration = Duration::from_secs(30);

/// Points in an event's path, at most.
pub const MAX_PATH: usize = 32;

/// Least time between two points of a path.
pub const PATH_SPACING: Duration = Duration::from_millis(100);
