//! When one object's track ends and another begins: passing the memory on.
//!
//! Trackers lose objects and find them again under a new id, sometimes after a gap, sometimes
//! while the old track is still alive. Counted naively, a person whose id changes on a
//! line is missed or counted twice. So a track that is born where a believed track of its
//! class was lost, or on top of one, has that track for a predecessor and is silent until
//! the matter is clear: the old one stays away, and the new one goes on with its memory; or
//! both go on, and they are two.

use std::time::Duration;

use omma_types::{Direction, EventKind, Point, Rect};

use crate::entry::{Entry, Nanos, Now, RuleIndex, Seen, nanos};
use crate::rules::{RuleSet, Rules, push_crossings};
use crate::{GRACE, Line, MAX_PATH, SETTLE_TIME};

/// How far from where a lost track is expected a new one may appear to be its continuation,
/// in units of the boxes' size (root of the area): this much at once...
const REACH: f64 = 0.5;
/// ...and this much more a second of absence. Walking covers about 1.3 sizes of a person a
/// second, and the course measured just before a loss, when boxes are half hidden, says
/// little. On PETS09-S2L1 under 14 conditions, the counts' error is the same from 1 to 2,
/// a sixth larger with 0.5, a third larger without any hand-over.
const REACH_PER_SECOND: f64 = 1.0;

/// Widths, and heights, of the two boxes may differ by this factor.
const SIZE_RATIO: f32 = 2.0;

/// The time over which a lost track's course is measured.
const COURSE: Duration = Duration::from_secs(1);

/// Part of the smaller box that both cover, from which a new track may be a second one of an
/// object whose track is still alive.
const OVERLAP: f32 = 0.5;

/// How long a track may be unobserved before one that overlaps it takes over.
const PAUSE: Duration = Duration::from_millis(300);

impl Rules {
    /// Finds for each track born in this picture the one whose place it may have taken.
    pub(crate) fn find_predecessors(&mut self, now: &Now) {
        for index in 0..self.entries.len() {
            let Some(young) = self.entries.get(index).filter(|entry| entry.born == now.at) else {
                continue;
            };
            let best = self
                .entries
                .iter()
                .filter(|old| old.can_be_followed_by(young, now))
                .filter_map(|old| strangeness(old, young, now).map(|value| (value, old.id)))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if let Some(young) = self.entries.get_mut(index) {
                young.predecessor = best.map(|(_, id)| id);
            }
        }
    }

    /// Settles for each track with a predecessor whether it takes over, where that is clear.
    pub(crate) fn settle_predecessors(&mut self, now: &Now) {
        for index in 0..self.entries.len() {
            let Some((young, id)) = self.entries.get(index).and_then(|e| Some((e, e.predecessor?)))
            else {
                continue;
            };
            let old_index = self.entries.binary_search_by_key(&id, |entry| entry.id).ok();
            let old = old_index.and_then(|at| self.entries.get(at)).filter(|e| !e.handed_over);
            match old.map_or(Verdict::Two, |old| judge(young, old, now)) {
                Verdict::Wait => {}
                Verdict::Two => {
                    if let Some(young) = self.entries.get_mut(index) {
                        young.predecessor = None;
                    }
                }
                Verdict::One => {
                    if let Ok([young, old]) =
                        self.entries.get_disjoint_mut([index, old_index.unwrap_or(index)])
                    {
                        self.set.take_over(young, old, now);
                    }
                }
            }
        }
    }
}

enum Verdict {
    /// Not clear yet.
    Wait,
    /// Two objects.
    Two,
    /// One object: the young track takes over.
    One,
}

fn judge(young: &Entry, old: &Entry, now: &Now) -> Verdict {
    if old.last.at == now.at {
        let together = now.at.saturating_sub(young.born) < nanos(SETTLE_TIME);
        let apart = young.last.at == now.at && overlap(&old.last.rect, &young.last.rect) < OVERLAP;
        return if apart || !together { Verdict::Two } else { Verdict::Wait };
    }
    if !young.confirmed || young.last.at <= old.last.at {
        return Verdict::Wait;
    }
    let paused = now.at.saturating_sub(old.last.at) >= nanos(PAUSE);
    if old.last.at <= young.born || paused { Verdict::One } else { Verdict::Wait }
}

impl RuleSet {
    /// `young` goes on with the memory of `old`, as if it had been one track: what `old` was
    /// observed to do stands, and what `young` did before `old` was last seen is dropped.
    fn take_over(&self, young: &mut Entry, old: &mut Entry, now: &Now) {
        let parted = old.last.at;
        for (index, (line, _)) in self.lines.iter().enumerate() {
            join_line(index, line, young, old, now);
        }
        for index in 0..self.zones.len() {
            join_zone(index, young, old);
        }
        // What the old track could not tell yet is now the young one's to tell or not.
        young.held.splice(0..0, old.held.drain(..));
        young.predecessor = old.predecessor.filter(|id| *id != young.id);
        young.path.retain(|seen| seen.at > parted);
        let missing = MAX_PATH.saturating_sub(young.path.len());
        let joint = young.path.front().map_or(young.last.media, |seen| seen.media);
        let before = old.path.iter().chain(std::iter::once(&old.last)).rev();
        // Nothing from before a stream started over: a path runs forward in time.
        for seen in before.take_while(|seen| seen.media <= joint).take(missing) {
            young.path.push_front(*seen);
        }
        old.strip();
    }
}

/// The observations of `young` after `parted`, oldest first.
fn own_since(young: &Entry, parted: Nanos) -> impl Iterator<Item = &Seen> {
    young.path.iter().chain(std::iter::once(&young.last)).filter(move |seen| seen.at > parted)
}

/// The old track's side goes on, and the way from its last place to the young one's first is
/// a way like any other.
fn join_line(index: usize, line: &Line, young: &mut Entry, old: &mut Entry, now: &Now) {
    let parted = old.last.at;
    let Some(before) = old.lines.get_mut(index).filter(|before| before.side != 0) else { return };
    let beside = |seen: &&Seen| line.side(line.anchor().of(&seen.rect)) != 0;
    let joint = own_since(young, parted).find(beside).copied();
    let Some(state) = young.lines.get_mut(index) else { return };
    state.counted |= before.counted;
    if state.turned <= parted {
        state.undecided = 0;
    }
    let mut moves: Vec<(i32, Seen)> = before.decide().into_iter().collect();
    match joint {
        Some(joint) => {
            let point = line.anchor().of(&joint.rect);
            let side = line.side(point);
            if side != before.side {
                moves.push((line.worth(before.point, point, side), joint));
            }
        }
        // All of it exactly on the line: it keeps the side from which it came.
        None => state.side = before.side,
    }
    let mut net: i32 = moves.iter().map(|(worth, _)| worth).sum();
    // What the young track did while the old one was alive, the old one did. And a crossing
    // that only came about by the difference of their boxes is undone by a crossing back.
    young.held.retain(|draft| {
        let EventKind::LineCrossed { direction } = draft.kind else { return true };
        if draft.rule != RuleIndex::Line(index) {
            return true;
        }
        let worth = if direction == Direction::Forward { 1 } else { -1 };
        let cancels = worth * net < 0;
        if draft.seen.at > parted && cancels {
            net += worth;
        }
        draft.seen.at > parted && !cancels
    });
    let seen = moves.iter().rev().find(|(worth, _)| worth * net > 0).map(|(_, seen)| *seen);
    if let Some(seen) = seen {
        for _ in 0..net.unsigned_abs() {
            state.add(net.signum(), &seen);
        }
        if let Some((net, at)) = line.settle(state, &young.last, now) {
            push_crossings(RuleIndex::Line(index), net, &at, &young.class, &mut young.held);
        }
    }
}

/// The old track's visit goes on; what the young one did in the zone is part of it.
fn join_zone(index: usize, young: &mut Entry, old: &mut Entry) {
    let parted = old.last.at;
    let Some(before) = old.zones.get_mut(index) else { return };
    let Some(visit) = before.visit.take() else { return };
    let joint = own_since(young, parted).next().copied();
    let Some(state) = young.zones.get_mut(index) else { return };
    let mut left = before.changed.or(joint);
    young.held.retain(|draft| {
        let ours = draft.rule == RuleIndex::Zone(index);
        if ours && matches!(draft.kind, EventKind::ZoneLeft { .. }) {
            left = Some(draft.seen);
        }
        !ours
    });
    state.visit = Some(visit);
    state.changed = if state.inside { None } else { left };
}

impl Entry {
    /// Whether a track born now may be a continuation, as far as time and class go.
    fn can_be_followed_by(&self, young: &Self, now: &Now) -> bool {
        self.confirmed
            && !self.handed_over
            && !self.ended
            && self.born < now.at
            && self.class == young.class
            && now.at.saturating_sub(self.last.at) <= nanos(GRACE)
    }

    /// Where it would be by now had it kept to the course of its last second.
    fn expected(&self, now: &Now) -> Point {
        let here = self.last.rect.center();
        let start = self.last.at.saturating_sub(nanos(COURSE));
        let Some(past) = self.path.iter().find(|seen| seen.at >= start) else { return here };
        let took = self.last.at.saturating_sub(past.at) as f64;
        // Two observations close together say more of their noise than of the course.
        if took < nanos(COURSE) as f64 / 4.0 {
            return here;
        }
        let ahead = (now.at.saturating_sub(self.last.at) as f64 / took) as f32;
        let there = past.rect.center();
        Point::new(here.x + (here.x - there.x) * ahead, here.y + (here.y - there.y) * ahead)
    }
}

/// How little `young`, just born, looks like the continuation of `old`: 0 as much as can be,
/// up to 1; none if it cannot be.
fn strangeness(old: &Entry, young: &Entry, now: &Now) -> Option<f64> {
    let (then, place) = (old.last.rect, young.last.rect);
    if old.last.at == now.at {
        let overlap = overlap(&then, &place);
        return (overlap >= OVERLAP).then(|| f64::from(1.0 - overlap));
    }
    let alike = |a: f32, b: f32| a <= b * SIZE_RATIO && b <= a * SIZE_RATIO;
    if !alike(then.width, place.width) || !alike(then.height, place.height) {
        return None;
    }
    let gone = now.at.saturating_sub(old.last.at) as f64 / 1e9;
    let size = (f64::from(then.area() + place.area()) / 2.0 * now.metric.aspect).sqrt();
    let reach = size * (REACH + REACH_PER_SECOND * gone);
    let nearest = [then.center(), old.predicted.center(), old.expected(now)]
        .map(|point| now.metric.distance(point, place.center()))
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    Some(nearest / reach).filter(|value| *value <= 1.0)
}

/// The part of the smaller box that both cover, 0 to 1.
fn overlap(a: &Rect, b: &Rect) -> f32 {
    let smaller = a.area().min(b.area());
    if smaller > 0.0 { a.intersection(b) / smaller } else { 0.0 }
}
