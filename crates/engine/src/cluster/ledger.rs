//! Who lives and who owns what, as the log says: the same for everybody who has read as far.
//!
//! Who starts to read in the middle of the log does not know what was claimed before. Signs of
//! life therefore name what their process holds, and a ledger that is still learning believes
//! them. Some of them are wrong: a process that was taken for dead may name for a while what it
//! has lost. It can do so for one lease at most after its lease ran out, since signs of life
//! that are more out of date than that count for nothing; it has dropped it, or is dead again,
//! a lease later; and who is named rightly is so within another one. After [`SETTLE`] both have
//! come to the same state, and nothing but claims gives anything to anybody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use omma_types::{CameraId, WallTime};

use super::record::{Alive, Duty, Entry, Hold, NodeId, Position, Record};
use super::{HISTORY, LEASE, SETTLE};
use crate::config::Role;

/// Processes that are known at a time, at most; more are passed over.
const MAX_NODES: usize = 1000;

/// Former owners that are remembered, at most.
const MAX_HISTORY: usize = 20_000;

/// Where in the log a ledger begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its very first record: nothing was before.
    Beginning,
    /// Somewhere, what was before is cut off or was passed over.
    Middle,
}

/// A process that lives.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeState {
    /// What it takes on.
    pub roles: BTreeSet<Role>,
    /// Cameras that it takes for each duty, at most; 0: any number.
    pub capacity: u32,
    /// How busy it says it is.
    pub load: f32,
    /// How far its analysis is behind, as it says.
    pub lag: Duration,
    /// Its newest sign of life, in the broker's time.
    pub renewed: WallTime,
}

impl NodeState {
    /// Until when it is taken to live.
    fn until(&self) -> WallTime {
        self.renewed + LEASE
    }
}

/// An owner's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenure {
    /// The owner.
    pub node: NodeId,
    /// The place of its claim.
    pub fence: Position,
    /// Since when; none if that was before this ledger began.
    pub since: Option<WallTime>,
}

/// A tenure that is over.
#[derive(Clone, Debug)]
struct Former {
    camera: CameraId,
    duty: Duty,
    node: NodeId,
    /// Whether its lease ran out; else it gave the camera up.
    has_lapsed: bool,
    fence: Position,
    since: Option<WallTime>,
    until: WallTime,
}

/// The state to which the log leads.
#[derive(Clone, Debug)]
pub struct Ledger {
    start: Start,
    /// Time of the first record.
    first: Option<WallTime>,
    /// The newest record.
    seen: Option<(Position, WallTime)>,
    nodes: BTreeMap<NodeId, NodeState>,
    tenures: BTreeMap<(Duty, CameraId), Tenure>,
    /// Oldest end first.
    history: VecDeque<Former>,
    /// When something was last claimed or released, by duty.
    moved: BTreeMap<Duty, WallTime>,
}

impl Ledger {
    /// A ledger that has read nothing yet.
    pub const fn new(start: Start) -> Self {
        Self {
            start,
            first: None,
            seen: None,
            nodes: BTreeMap::new(),
            tenures: BTreeMap::new(),
            history: VecDeque::new(),
            moved: BTreeMap::new(),
        }
    }

    /// Takes in the next record. One that is not behind the newest is passed over, so that
    /// reading twice does no harm.
    pub fn apply(&mut self, record: &Record) {
        let newest = self.seen.map(|(position, _)| position);
        if newest.is_some_and(|newest| record.position <= newest) {
            return;
        }
        let now = self.now().map_or(record.at, |now| now.max(record.at));
        self.first.get_or_insert(now);
        self.seen = Some((record.position, now));
        self.end_lapsed(now);
        match &record.entry {
            Entry::Alive(alive) => self.renew(&record.node, alive, now),
            Entry::Claim { camera, duty } => {
                self.claim(&record.node, camera, *duty, record.position, now);
            }
            Entry::Release { hold } => self.release(&record.node, hold, now),
            Entry::Leave => {
                self.nodes.remove(&record.node);
                self.end_where((now, false), |_, tenure| tenure.node == record.node);
            }
        }
    }

    /// The newest record's place and time.
    pub const fn seen(&self) -> Option<(Position, WallTime)> {
        self.seen
    }

    /// The broker's time as of the newest record.
    pub fn now(&self) -> Option<WallTime> {
        self.seen.map(|(_, at)| at)
    }

    /// Whether this ledger says what all others say. Until then it may name a wrong owner, or
    /// none where there is one: nobody may claim by it.
    pub fn is_settled(&self) -> bool {
        let (Some(first), Some(now)) = (self.first, self.now()) else { return false };
        self.start == Start::Beginning || now.since(first) >= SETTLE
    }

    /// The processes that live.
    pub const fn nodes(&self) -> &BTreeMap<NodeId, NodeState> {
        &self.nodes
    }

    /// Who owns `duty` of `camera`.
    pub fn owner(&self, camera: &CameraId, duty: Duty) -> Option<&Tenure> {
        self.tenures.get(&(duty, camera.clone()))
    }

    /// All that has an owner, by duty and camera.
    pub fn owned(&self) -> impl Iterator<Item = (Duty, &CameraId, &Tenure)> {
        self.tenures.iter().map(|((duty, camera), tenure)| (*duty, camera, tenure))
    }

    /// All that `node` holds.
    pub fn holds(&self, node: &NodeId) -> Vec<Hold> {
        let mine = self.owned().filter(|(_, _, tenure)| tenure.node == *node);
        let hold = |(duty, camera, tenure): (Duty, &CameraId, &Tenure)| Hold {
            camera: camera.clone(),
            duty,
            fence: tenure.fence,
        };
        mine.map(hold).collect()
    }

    /// Whose lease on `camera` ran out, where that was the last that happened to it: one that
    /// was only cut off does best to go on with it.
    pub fn lapsed_owner(&self, camera: &CameraId, duty: Duty) -> Option<&NodeId> {
        let same = |former: &&Former| former.duty == duty && former.camera == *camera;
        let last = self.history.iter().rev().find(same)?;
        last.has_lapsed.then_some(&last.node)
    }

    /// When something was last claimed or released for `duty`.
    pub fn moved(&self, duty: Duty) -> Option<WallTime> {
        self.moved.get(&duty).copied()
    }

    /// Whether the owner by the claim at `fence` was the owner at `at`, in the broker's time:
    /// for who reads a message with this fence and the broker's time of that message. None if
    /// the log has not been read that far yet, or the answer is forgotten.
    pub fn was_owner(
        &self,
        camera: &CameraId,
        duty: Duty,
        fence: Position,
        at: WallTime,
    ) -> Option<bool> {
        let begun = |since: Option<WallTime>| since.is_none_or(|since| at >= since);
        if let Some(tenure) = self.owner(camera, duty).filter(|tenure| tenure.fence == fence) {
            let until = self.nodes.get(&tenure.node).map(NodeState::until);
            let read = self.now().is_some_and(|now| at <= now);
            return match until {
                Some(until) if read || at <= until => Some(begun(tenure.since)),
                _ => None,
            };
        }
        let same = |f: &&Former| f.fence == fence && f.duty == duty && f.camera == *camera;
        if let Some(former) = self.history.iter().find(same) {
            return Some(begun(former.since) && at < former.until);
        }
        let (seen, _) = self.seen?;
        let oldest = self.history.front().map(|former| former.until);
        let forgotten = self.first.is_none_or(|first| at < first)
            || oldest.is_some_and(|oldest| at < oldest && self.history.len() == MAX_HISTORY);
        if fence > seen || !self.is_settled() || forgotten { None } else { Some(false) }
    }

    /// Ends the tenures of processes whose lease ran out.
    fn end_lapsed(&mut self, now: WallTime) {
        let lapsed: BTreeMap<NodeId, WallTime> = self
            .nodes
            .iter()
            .filter(|(_, state)| state.until() < now)
            .map(|(node, state)| (node.clone(), state.until()))
            .collect();
        for (node, until) in lapsed {
            self.nodes.remove(&node);
            self.end_where((until, true), |_, tenure| tenure.node == node);
        }
        let oldest = now - HISTORY;
        while self.history.front().is_some_and(|former| former.until < oldest)
            || self.history.len() > MAX_HISTORY
        {
            self.history.pop_front();
        }
    }

    fn renew(&mut self, node: &NodeId, alive: &Alive, now: WallTime) {
        if alive.seen.is_some_and(|(_, at)| now.since(at) > LEASE) {
            return;
        }
        if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(node) {
            return;
        }
        let state = NodeState {
            roles: alive.roles.clone(),
            capacity: alive.capacity,
            load: alive.load,
            lag: alive.lag,
            renewed: now,
        };
        self.nodes.insert(node.clone(), state);
        if let Some((seen, _)) = alive.seen {
            let named: BTreeSet<Position> = alive.held.iter().map(|hold| hold.fence).collect();
            self.end_where((now, false), |_, tenure| {
                tenure.node == *node && tenure.fence <= seen && !named.contains(&tenure.fence)
            });
        }
        if !self.is_settled() {
            for hold in &alive.held {
                self.learn(node, hold, now);
            }
        }
    }

    /// Believes that `node` has held `hold` since before this ledger could know it. Only while
    /// the ledger has not settled.
    fn learn(&mut self, node: &NodeId, hold: &Hold, now: WallTime) {
        let key = (hold.duty, hold.camera.clone());
        let known_to_be_over = self
            .history
            .iter()
            .any(|f| f.fence == hold.fence && f.duty == hold.duty && f.camera == hold.camera);
        let taken = self.tenures.get(&key).is_some_and(|other| other.fence >= hold.fence);
        if taken || known_to_be_over {
            return;
        }
        let tenure = Tenure { node: node.clone(), fence: hold.fence, since: None };
        if let Some(former) = self.tenures.insert(key, tenure) {
            self.remember(&hold.camera, hold.duty, &former, (now, false));
        }
    }

    fn claim(
        &mut self,
        node: &NodeId,
        camera: &CameraId,
        duty: Duty,
        fence: Position,
        now: WallTime,
    ) {
        let may = self.nodes.get(node).is_some_and(|state| state.roles.contains(&duty.role()));
        let key = (duty, camera.clone());
        if may && !self.tenures.contains_key(&key) {
            self.tenures.insert(key, Tenure { node: node.clone(), fence, since: Some(now) });
            self.moved.insert(duty, now);
        }
    }

    fn release(&mut self, node: &NodeId, hold: &Hold, now: WallTime) {
        let key = (hold.duty, hold.camera.clone());
        let is_this = |tenure: &Tenure| tenure.node == *node && tenure.fence == hold.fence;
        if self.tenures.get(&key).is_some_and(is_this) {
            self.end_where((now, false), |this, _| *this == key);
            self.moved.insert(hold.duty, now);
        }
    }

    /// Ends the tenures that `over` picks, as of when, and whether because a lease ran out.
    fn end_where(
        &mut self,
        end: (WallTime, bool),
        over: impl Fn(&(Duty, CameraId), &Tenure) -> bool,
    ) {
        let mut ended = Vec::new();
        self.tenures.retain(|key, tenure| {
            let over = over(key, tenure);
            if over {
                ended.push((key.clone(), tenure.clone()));
            }
            !over
        });
        for ((duty, camera), tenure) in ended {
            self.remember(&camera, duty, &tenure, end);
        }
    }

    fn remember(&mut self, camera: &CameraId, duty: Duty, tenure: &Tenure, end: (WallTime, bool)) {
        let (until, has_lapsed) = end;
        self.history.push_back(Former {
            camera: camera.clone(),
            duty,
            node: tenure.node.clone(),
            has_lapsed,
            fence: tenure.fence,
            since: tenure.since,
            until,
        });
    }
}
