//! Lines: who crossed, and which way.
//!
//! A track's side of a line changes where the cross product of its anchor point changes
//! sign; the change is a crossing if the way between the two observations meets the segment,
//! and a walk around its end otherwise. An anchor exactly on the line keeps its side, so a
//! track that starts on the line, ends on it or moves along it crosses nothing, and one that
//! stops on the line and goes on crosses once.
//!
//! Boxes tremble. A change of side is therefore undecided until the anchor has moved across
//! by more than the noise, or has stayed for a while (a Schmitt trigger with a time limit).
//! Crossings that happen while undecided are summed with their sign: there and back again
//! is nothing, through the line and back around its end remains one crossing.

use omma_types::{ClassName, Point};
use serde::{Deserialize, Serialize};

use crate::entry::{Nanos, Now, Seen, nanos};
use crate::error::RuleError;
use crate::geometry::{cross, meets};
use crate::{Anchor, SETTLE_FRACTION, SETTLE_TIME};

/// A line with a direction: forward is from the left to the right of the arrow from its
/// first point to its second.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    name: String,
    from: Point,
    to: Point,
    classes: Vec<ClassName>,
    anchor: Anchor,
}

impl Line {
    /// A line for all classes, crossed by the foot of a box. Points are fractions of the
    /// picture, 0 to 1; the name has 1 to 64 characters.
    pub fn new(name: &str, from: Point, to: Point) -> Result<Self, RuleError> {
        check_name(name)?;
        check_points(name, &[from, to])?;
        if from == to {
            return Err(RuleError::NoLength { rule: name.to_owned(), x: from.x, y: from.y });
        }
        Ok(Self { name: name.to_owned(), from, to, classes: Vec::new(), anchor: Anchor::Foot })
    }

    /// Counts only these classes; none means all.
    #[must_use]
    pub fn with_classes(mut self, classes: Vec<ClassName>) -> Self {
        self.classes = classes;
        self
    }

    /// Watches this point of the boxes.
    #[must_use]
    pub const fn with_anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// Its name, unique among the rules of a camera.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the arrow starts.
    pub const fn from(&self) -> Point {
        self.from
    }

    /// Where the arrow ends.
    pub const fn to(&self) -> Point {
        self.to
    }

    /// The classes that count; empty for all.
    pub fn classes(&self) -> &[ClassName] {
        &self.classes
    }

    /// The point of a box that counts.
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// The side of `point`: 1 right, -1 left, 0 on the line.
    pub(crate) fn side(&self, point: Point) -> i8 {
        let cross = cross(self.from, self.to, point);
        i8::from(cross > 0.0) - i8::from(cross < 0.0)
    }

    /// What going from `start` to `end` is worth where `end` is on `side` and `start` was
    /// not: 1 crossed forward, -1 crossed backward, 0 went around an end.
    pub(crate) fn worth(&self, start: Point, end: Point, side: i8) -> i32 {
        if meets(self.from, self.to, start, end) { i32::from(side) } else { 0 }
    }

    /// Whether `seen` is farther from the line than a box trembles.
    fn is_clear(&self, seen: &Seen, now: &Now) -> bool {
        let distance = now.metric.to_segment(self.from, self.to, self.anchor.of(&seen.rect));
        let extent = now.metric.extent(distance.normal, seen.rect.width, seen.rect.height);
        distance.length >= extent * f64::from(SETTLE_FRACTION)
    }

    /// Takes in an observation. Returns the crossings that are now decided: how many and, by
    /// their sign, which way; and the observation that made the newest of them.
    pub(crate) fn observe(
        &self,
        state: &mut LineState,
        seen: &Seen,
        now: &Now,
    ) -> Option<(i32, Seen)> {
        let here = self.anchor.of(&seen.rect);
        let side = self.side(here);
        let start = std::mem::replace(&mut state.point, here);
        if side == 0 {
            return None;
        }
        if side != state.side {
            if state.side != 0 {
                let worth = self.worth(start, here, side);
                state.add(worth, seen);
            }
            state.side = side;
            state.turned = seen.at;
        }
        self.settle(state, seen, now)
    }

    /// The undecided crossings of a track that is at `seen`, if they are decided now.
    pub(crate) fn settle(
        &self,
        state: &mut LineState,
        seen: &Seen,
        now: &Now,
    ) -> Option<(i32, Seen)> {
        if state.undecided == 0 {
            return None;
        }
        let lasted = seen.at.saturating_sub(state.turned) >= nanos(SETTLE_TIME);
        if lasted || self.is_clear(seen, now) { state.decide() } else { None }
    }
}

/// What one track has to do with one line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LineState {
    /// 1 right, -1 left, 0 not known yet.
    pub(crate) side: i8,
    /// Whether the track has been counted among the line's different tracks.
    pub(crate) counted: bool,
    /// Crossings since the last moment without doubt: forward minus backward.
    pub(crate) undecided: i32,
    /// When it last changed sides.
    pub(crate) turned: Nanos,
    /// The newest anchor point.
    #[serde(with = "crate::form::point")]
    pub(crate) point: Point,
    /// The newest undecided crossing forward, and backward.
    crossed: Option<Box<[Option<Seen>; 2]>>,
}

impl LineState {
    /// Whether there is room to count on.
    pub(crate) const fn is_sound(&self) -> bool {
        self.undecided.unsigned_abs() < 1 << 16
    }

    /// Adds undecided crossings.
    pub(crate) fn add(&mut self, worth: i32, seen: &Seen) {
        if worth == 0 {
            return;
        }
        self.undecided += worth;
        let [forward, backward] = self.crossed.get_or_insert_default().as_mut();
        *(if worth > 0 { forward } else { backward }) = Some(*seen);
    }

    /// Takes what is undecided as it stands.
    pub(crate) fn decide(&mut self) -> Option<(i32, Seen)> {
        let net = std::mem::take(&mut self.undecided);
        let [forward, backward] = *self.crossed.take()?;
        let seen = if net > 0 { forward } else { backward };
        seen.filter(|_| net != 0).map(|seen| (net, seen))
    }
}

/// 1 to 64 characters.
pub(crate) fn check_name(name: &str) -> Result<(), RuleError> {
    let length = name.chars().count();
    if (1..=64).contains(&length) {
        return Ok(());
    }
    Err(RuleError::Name { name: name.chars().take(64).collect(), length })
}

/// All coordinates are fractions of the picture.
pub(crate) fn check_points(rule: &str, points: &[Point]) -> Result<(), RuleError> {
    let usable = |value: f32| (0.0..=1.0).contains(&value);
    match points.iter().position(|point| !usable(point.x) || !usable(point.y)) {
        None => Ok(()),
        Some(index) => {
            let Point { x, y } = points.get(index).copied().unwrap_or_default();
            Err(RuleError::OutsidePicture { rule: rule.to_owned(), position: index + 1, x, y })
        }
    }
}

/// Whether a rule for `classes` is for `class`.
pub(crate) fn applies(classes: &[ClassName], class: &ClassName) -> bool {
    classes.is_empty() || classes.contains(class)
}
