//! Zones: who is inside, since when, and for how long.
//!
//! A visit begins with the first observation inside and ends with the first one outside.
//! As with lines, a change is undecided until the anchor has moved by more than its noise or
//! the change has lasted; a change back in the meantime cancels it, and the event carries
//! the time at which the change began. An object that is inside when first seen enters at
//! that moment. One that passes through between two observations was never inside.

use std::time::Duration;

use omma_types::{ClassName, EventKind, Point, Track};
use serde::{Deserialize, Serialize};

use crate::entry::{Now, Seen, nanos};
use crate::error::RuleError;
use crate::geometry::{contains, cross, edges};
use crate::line::{check_name, check_points};
use crate::{Anchor, SETTLE_FRACTION, SETTLE_TIME};

/// An area of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    polygon: Vec<Point>,
    classes: Vec<ClassName>,
    anchor: Anchor,
    dwell: Option<Duration>,
}

impl Zone {
    /// A zone for all classes, entered by the foot of a box, without a dwell time. The
    /// polygon's points are fractions of the picture, 0 to 1, in order around the area in
    /// either sense; a point that repeats the one before it, or the first one at the end,
    /// is dropped. The name has 1 to 64 characters.
    pub fn new(name: &str, polygon: Vec<Point>) -> Result<Self, RuleError> {
        check_name(name)?;
        check_points(name, &polygon)?;
        let polygon = check_polygon(name, polygon)?;
        let (classes, anchor, dwell) = (Vec::new(), Anchor::Foot, None);
        Ok(Self { name: name.to_owned(), polygon, classes, anchor, dwell })
    }

    /// Watches only these classes; none means all.
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

    /// Raises an event once a visit that has lasted this long.
    #[must_use]
    pub const fn with_dwell(mut self, dwell: Option<Duration>) -> Self {
        self.dwell = dwell;
        self
    }

    /// Its name, unique among the rules of a camera.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its corners, without repetition.
    pub fn polygon(&self) -> &[Point] {
        &self.polygon
    }

    /// The classes that are watched; empty for all.
    pub fn classes(&self) -> &[ClassName] {
        &self.classes
    }

    /// Whether `track` is one that this zone watches, and in it now: one picture's word, without
    /// what the rule makes of trembling boxes.
    pub fn holds(&self, track: &Track) -> bool {
        let is_watched = self.classes.is_empty() || self.classes.contains(&track.class);
        is_watched && contains(&self.polygon, self.anchor.of(&track.rect))
    }

    /// The point of a box that counts.
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// After how long inside an event is raised.
    pub const fn dwell(&self) -> Option<Duration> {
        self.dwell
    }

    /// Whether `seen` is farther from the border than a box trembles.
    fn is_clear(&self, seen: &Seen, now: &Now) -> bool {
        let distance = now.metric.to_border(&self.polygon, self.anchor.of(&seen.rect));
        let extent = now.metric.extent(distance.normal, seen.rect.width, seen.rect.height);
        distance.length >= extent * f64::from(SETTLE_FRACTION)
    }

    /// Takes in an observation and tells what happened by it, each with the observation at
    /// which it happened.
    pub(crate) fn observe(
        &self,
        state: &mut ZoneState,
        seen: &Seen,
        class: &ClassName,
        now: &Now,
        mut tell: impl FnMut(EventKind, Seen, &ClassName),
    ) {
        let inside = contains(&self.polygon, self.anchor.of(&seen.rect));
        if !state.known {
            *state = ZoneState { known: true, inside, ..ZoneState::default() };
            if inside {
                state.enter(*seen, class, &mut tell);
            }
        } else if inside != state.inside {
            state.inside = inside;
            let undone = inside == state.visit.is_some();
            state.changed = if undone { None } else { Some(*seen) };
        }
        if let Some(changed) = &state.changed {
            let lasted = seen.at.saturating_sub(changed.at) >= nanos(SETTLE_TIME);
            if lasted || self.is_clear(seen, now) {
                state.decide(class, &mut tell);
            }
        }
        if let (Some(limit), Some(visit)) = (self.dwell, state.visit.as_mut())
            && state.changed.is_none()
            && !visit.dwelled
        {
            let dwell = visit.dwell(seen);
            if dwell >= limit {
                visit.dwelled = true;
                tell(EventKind::ZoneDwelled { dwell }, *seen, &visit.class);
            }
        }
    }
}

/// One stay in a zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) since: Seen,
    /// The class as which it came in: what came in as a person leaves as a person.
    #[serde(with = "crate::form::class")]
    pub(crate) class: ClassName,
    pub(crate) dwelled: bool,
}

impl Visit {
    pub(crate) fn dwell(&self, until: &Seen) -> Duration {
        Duration::from_nanos(until.at.saturating_sub(self.since.at))
    }
}

/// What one track has to do with one zone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ZoneState {
    /// Whether anything has been observed.
    pub(crate) known: bool,
    /// Where the newest observation was.
    pub(crate) inside: bool,
    /// The visit at hand, as decided.
    pub(crate) visit: Option<Box<Visit>>,
    /// The undecided change: the first observation on the other side.
    pub(crate) changed: Option<Seen>,
}

impl ZoneState {
    fn enter(
        &mut self,
        seen: Seen,
        class: &ClassName,
        tell: &mut impl FnMut(EventKind, Seen, &ClassName),
    ) {
        tell(EventKind::ZoneEntered, seen, class);
        let class = class.clone();
        self.visit = Some(Box::new(Visit { since: seen, class, dwelled: false }));
    }

    /// Takes an undecided change as it stands.
    pub(crate) fn decide(
        &mut self,
        class: &ClassName,
        tell: &mut impl FnMut(EventKind, Seen, &ClassName),
    ) {
        let Some(seen) = self.changed.take() else { return };
        match self.visit.take() {
            None => self.enter(seen, class, tell),
            Some(visit) => {
                tell(EventKind::ZoneLeft { dwell: visit.dwell(&seen) }, seen, &visit.class);
            }
        }
    }

    /// The track has ended, last seen at `last`: whatever visit there is ends too.
    pub(crate) fn end(
        &mut self,
        last: &Seen,
        class: &ClassName,
        tell: &mut impl FnMut(EventKind, Seen, &ClassName),
    ) {
        self.decide(class, tell);
        if self.visit.is_some() {
            self.changed = Some(*last);
            self.decide(class, tell);
        }
        *self = Self::default();
    }
}

/// The polygon without repeated points, if it has an area and no edge meets another one
/// than its neighbours.
fn check_polygon(name: &str, polygon: Vec<Point>) -> Result<Vec<Point>, RuleError> {
    let rule = || name.to_owned();
    // Positions as the user wrote them, from 1, so that messages still fit after points
    // have been dropped.
    let mut kept: Vec<(usize, Point)> = (1..).zip(polygon).collect();
    kept.dedup_by_key(|(_, point)| *point);
    while kept.len() > 1 && kept.first().map(|(_, p)| *p) == kept.last().map(|(_, p)| *p) {
        kept.pop();
    }
    let mut different: Vec<Point> = Vec::new();
    for (_, point) in &kept {
        if !different.contains(point) {
            different.push(*point);
        }
    }
    if different.len() < 3 {
        return Err(RuleError::TooFewPoints { rule: rule(), count: different.len() });
    }
    let points: Vec<Point> = kept.iter().map(|(_, point)| *point).collect();
    let (first, second) = (different.first().copied(), different.get(1).copied());
    if let (Some(a), Some(b)) = (first, second)
        && points.iter().all(|q| cross(a, b, *q) == 0.0)
    {
        return Err(RuleError::NoArea { rule: rule() });
    }
    let count = points.len();
    let borders: Vec<(Point, Point)> = edges(&points).collect();
    for (i, first) in borders.iter().enumerate() {
        for (j, second) in borders.iter().enumerate().skip(i + 1) {
            let neighbours = j == i + 1 || (i == 0 && j == count - 1);
            let meet = if neighbours { fold_back(*first, *second) } else { touch(*first, *second) };
            if meet {
                let position = |index: usize| kept.get(index % count).map_or(0, |(at, _)| *at);
                return Err(RuleError::EdgesCross {
                    rule: rule(),
                    first: position(i),
                    first_end: position(i + 1),
                    second: position(j),
                    second_end: position(j + 1),
                });
            }
        }
    }
    Ok(points)
}

/// Whether two edges that share one end run back over each other.
fn fold_back(first: (Point, Point), second: (Point, Point)) -> bool {
    let (shared, one, other) = if first.1 == second.0 {
        (first.1, first.0, second.1)
    } else {
        (first.0, first.1, second.0)
    };
    let along = f64::from(one.x - shared.x) * f64::from(other.x - shared.x)
        + f64::from(one.y - shared.y) * f64::from(other.y - shared.y);
    cross(shared, one, other) == 0.0 && along > 0.0
}

/// Whether two segments share any point.
fn touch((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let within = |a: Point, b: Point, q: Point| {
        q.x >= a.x.min(b.x) && q.x <= a.x.max(b.x) && q.y >= a.y.min(b.y) && q.y <= a.y.max(b.y)
    };
    let (ac, ad, ca, cb) = (cross(a, b, c), cross(a, b, d), cross(c, d, a), cross(c, d, b));
    if ac * ad < 0.0 && ca * cb < 0.0 {
        return true;
    }
    (ac == 0.0 && within(a, b, c))
        || (ad == 0.0 && within(a, b, d))
        || (ca == 0.0 && within(c, d, a))
        || (cb == 0.0 && within(c, d, b))
}
