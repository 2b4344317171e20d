//! When one object's track ends and another begins: passing the memory on.
//!
//! Trackers lose objects and find them again under a new id, sometimes after a gap, some-
//! times while the old track is still alive. Counted naively, a person whose id changes on a
//! line is missed or counted twice. So a track that is born where a believed track of its
//! class was lost, or on top of one, has that track for a predecessor and is silent until
//! the matter is clear: the old one stays away, and the new one goes on with its memory; or
//! both go on, and they are two.

use std::time::Duration;

use omma_types::{Direction, EventKind, Rect};

use crate::entry::{Entry, Now, RuleIndex, nanos};
use crate::rules::{RuleSet, Rules};
use crate::{GRACE, SETTLE_TIME};

/// How alike the place of a new track must be to that of a lost one: intersection over union
/// of both boxes, each grown by [`GROWTH`] of its extent on every side.
const LIKENESS: f32 = 0.2;
const GROWTH: f32 = 0.3;

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
            let likeness = |old: &Entry| -> Option<f32> {
                let candidate = old.confirmed
                    && !old.handed_over
                    && !old.ended
                    && old.born < now.at
                    && old.class == young.class
                    && now.at.saturating_sub(old.last.at) <= nanos(GRACE);
                if !candidate {
                    return None;
                }
                let place = young.last.rect;
                if old.last.at == now.at {
                    let overlap = overlap(&old.last.rect, &place);
                    return (overlap >= OVERLAP).then_some(overlap);
                }
                let place = grown(&place);
                let alike = [old.last.rect, old.predicted].map(|rect| grown(&rect).iou(&place));
                let [observed, predicted] = alike;
                Some(observed.max(predicted)).filter(|alike| *alike >= LIKENESS)
            };
            let best = self
                .entries
                .iter()
                .filter_map(|old| likeness(old).map(|alike| (alike, old.id)))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
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
                        self.set.take_over(young, old);
                        young.predecessor = None;
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
    if !young.confirmed {
        return Verdict::Wait;
    }
    let paused = now.at.saturating_sub(old.last.at) >= nanos(PAUSE);
    if old.last.at <= young.born || paused { Verdict::One } else { Verdict::Wait }
}

impl RuleSet {
    /// `young` goes on with the memory of `old`, as if it had been one track: what `old` was
    /// observed to do stands, and what `young` did before `old` was last seen is dropped.
    fn take_over(&self, young: &mut Entry, old: &mut Entry) {
        let parted = old.last.at;
        let own = young.path.iter().chain(std::iter::once(&young.last));
        let Some(joint) = own.copied().find(|seen| seen.at > parted) else { return };
        young.held.retain(|draft| draft.seen.at > parted);
        for (index, (line, _)) in self.lines.iter().enumerate() {
            let states = (young.lines.get_mut(index), old.lines.get_mut(index));
            let (Some(state), Some(before)) = states else { continue };
            state.counted |= before.counted;
            if state.turned <= parted {
                state.undecided = 0;
            }
            let point = line.anchor().of(&joint.rect);
            let side = line.side(point);
            if before.side == 0 || side == 0 {
                continue;
            }
            let mut carried = before.undecided;
            if side != before.side {
                carried += line.worth(before.point, point, side);
            }
            // A crossing that only came about by the two tracks' boxes differing is undone
            // by the young one's own crossing back.
            young.held.retain(|draft| {
                let ours = draft.rule == RuleIndex::Line(index);
                let worth = match &draft.kind {
                    EventKind::LineCrossed { direction: Direction::Forward } if ours => 1,
                    EventKind::LineCrossed { direction: Direction::Backward } if ours => -1,
                    _ => 0,
                };
                let cancels = worth * carried < 0;
                carried += if cancels { worth } else { 0 };
                !cancels
            });
            for _ in 0..carried.unsigned_abs() {
                state.add(carried.signum(), &joint);
            }
        }
        for (index, (state, before)) in young.zones.iter_mut().zip(&mut old.zones).enumerate() {
            let Some(visit) = before.visit.take() else { continue };
            // The visit goes on: what the young track did on its own is part of it.
            let mut left = before.changed;
            young.held.retain(|draft| {
                let other = draft.rule != RuleIndex::Zone(index);
                if !other && matches!(draft.kind, EventKind::ZoneLeft { .. }) {
                    left = Some(draft.seen);
                }
                other
            });
            state.visit = Some(visit);
            state.changed = if state.inside { None } else { Some(left.unwrap_or(joint)) };
        }
        young.path.retain(|seen| seen.at > parted);
        let missing = crate::MAX_PATH.saturating_sub(young.path.len());
        for seen in old.path.iter().chain(std::iter::once(&old.last)).rev().take(missing) {
            young.path.push_front(*seen);
        }
        old.strip();
    }
}

fn grown(rect: &Rect) -> Rect {
    let factor = 1.0 + 2.0 * GROWTH;
    Rect::from_center(rect.center(), rect.width * factor, rect.height * factor)
}

/// The part of the smaller box that both cover, 0 to 1.
fn overlap(a: &Rect, b: &Rect) -> f32 {
    let smaller = a.area().min(b.area());
    if smaller > 0.0 { a.intersection(b) / smaller } else { 0.0 }
}
