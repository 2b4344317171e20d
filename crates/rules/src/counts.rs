//! Totals: what has been counted so far, as a snapshot that others may keep.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_types::{ClassName, Direction};

/// All totals of one camera's rules since they were made. Rules keep the order in which
/// they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// A line each.
    pub lines: Vec<LineCounts>,
    /// A zone each.
    pub zones: Vec<ZoneCounts>,
}

/// Crossings of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// The line's name.
    pub name: String,
    /// Crossings by class; a class appears with its first crossing.
    pub by_class: BTreeMap<ClassName, Crossings>,
    /// Different tracks among them; tracks joined by hand-over are one.
    pub tracks: u64,
}

impl LineCounts {
    /// Crossings of all classes in one direction.
    pub fn total(&self, direction: Direction) -> u64 {
        self.by_class.values().map(|crossings| crossings.get(direction)).sum()
    }
}

/// Crossings of one line by one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossings {
    /// From the left to the right of the line's arrow.
    pub forward: u64,
    /// From the right to the left.
    pub backward: u64,
}

impl Crossings {
    /// Crossings in one direction.
    pub const fn get(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Forward => self.forward,
            Direction::Backward => self.backward,
        }
    }

    pub(crate) const fn add(&mut self, direction: Direction) {
        match direction {
            Direction::Forward => self.forward += 1,
            Direction::Backward => self.backward += 1,
        }
    }
}

/// Visits to one zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneCounts {
    /// The zone's name.
    pub name: String,
    /// Visits by class; a class appears with its first visit.
    pub by_class: BTreeMap<ClassName, Visits>,
}

impl ZoneCounts {
    /// How many objects of all classes are inside now.
    pub fn occupancy(&self) -> u64 {
        self.by_class.values().map(Visits::inside).sum()
    }
}

/// Visits to one zone by one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    /// Visits begun.
    pub entered: u64,
    /// Visits ended.
    pub left: u64,
    /// Time inside of all ended visits.
    pub total_dwell: Duration,
    /// Time inside of the longest ended visit.
    pub max_dwell: Duration,
}

impl Visits {
    /// How many are inside now.
    pub const fn inside(&self) -> u64 {
        self.entered.saturating_sub(self.left)
    }

    /// Mean time inside of the ended visits; zero before the first.
    pub fn mean_dwell(&self) -> Duration {
        match self.left {
            0 => Duration::ZERO,
            left => self.total_dwell.div_f64(left as f64),
        }
    }

    pub(crate) fn end(&mut self, dwell: Duration) {
        self.left += 1;
        self.total_dwell += dwell;
        self.max_dwell = self.max_dwell.max(dwell);
    }
}
