//! One process's side of the log: what it writes, and what it may publish.
//!
//! A lease runs in the broker's time, which a process does not know between two records. It
//! knows by its own clock when it sent a sign of life, and the broker can't have written that
//! down earlier: a lease that is over [`LEASE`] after the sending, less [`MARGIN`], is over
//! before the log's. A process that was stopped (SIGSTOP, a frozen virtual machine) finds its
//! lease over when it wakes. One that was stopped between the question and the sending still
//! sends; its readers ask [`Ledger::was_owner`] with the broker's time of what they read.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use omma_types::CameraId;

use super::assign::{Action, Cameras, assign};
use super::ledger::{Ledger, Start};
use super::record::{Alive, Duty, Entry, Hold, NodeId, Position, Record};
use super::{LEASE, MARGIN};
use crate::config::Role;

/// Signs of life that are waited for, at most.
const MAX_SENT: usize = 16;

/// What one process knows and does about the sharing of work.
#[derive(Clone, Debug)]
pub struct Member {
    node: NodeId,
    roles: BTreeSet<Role>,
    capacity: u32,
    ledger: Ledger,
    beat: u64,
    /// Signs of life that have not come back from the log, with the time of their sending.
    sent: VecDeque<(u64, Instant)>,
    /// When the newest sign of life was sent that came back and counted.
    renewed: Option<Instant>,
    /// Claims that this process has given up, though the log does not say so yet.
    given_up: BTreeSet<Position>,
}

impl Member {
    /// A process that has read nothing and said nothing yet.
    pub const fn new(node: NodeId, roles: BTreeSet<Role>, capacity: u32, start: Start) -> Self {
        Self {
            node,
            roles,
            capacity,
            ledger: Ledger::new(start),
            beat: 0,
            sent: VecDeque::new(),
            renewed: None,
            given_up: BTreeSet::new(),
        }
    }

    /// What it has read.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Its name and number.
    pub const fn node(&self) -> &NodeId {
        &self.node
    }

    /// The sign of life to send now, [`super::HEARTBEAT`] after the last one: how busy the
    /// process is (1 is all of its processors), and how far its analysis is behind.
    pub fn beat(&mut self, load: f32, lag: Duration, now: Instant) -> Entry {
        self.beat += 1;
        self.sent.push_back((self.beat, now));
        if self.sent.len() > MAX_SENT {
            self.sent.pop_front();
        }
        Entry::Alive(Alive {
            beat: self.beat,
            roles: self.roles.clone(),
            capacity: self.capacity,
            load,
            lag,
            seen: self.ledger.seen(),
            held: self.ledger.holds(&self.node),
        })
    }

    /// Takes in the next record of the log.
    pub fn apply(&mut self, record: &Record) {
        let before = self.ledger.seen();
        self.ledger.apply(record);
        if self.ledger.seen() == before || record.node != self.node {
            return;
        }
        if let Entry::Alive(alive) = &record.entry {
            let counted = self.ledger.nodes().get(&self.node).map(|state| state.renewed);
            while self.sent.front().is_some_and(|(beat, _)| *beat <= alive.beat) {
                let sent = self.sent.pop_front().filter(|(beat, _)| *beat == alive.beat);
                if let Some((_, sent)) = sent
                    && counted == self.ledger.now()
                {
                    self.renewed = Some(sent);
                }
            }
        }
        let fences: BTreeSet<Position> =
            self.ledger.holds(&self.node).iter().map(|hold| hold.fence).collect();
        self.given_up.retain(|fence| fences.contains(fence));
    }

    /// What to do so that all cameras have owners, evenly. The process must have stopped what
    /// it gives up before it sends what [`Self::release`] answers.
    pub fn decide(&self, cameras: &Cameras, now: Instant) -> Vec<Action> {
        if self.holds_lease(now) { assign(&self.ledger, cameras, &self.node) } else { Vec::new() }
    }

    /// Gives up `hold` at once, and says what to write about it: from here on
    /// [`Self::may_publish`] says no.
    pub fn release(&mut self, hold: Hold) -> Entry {
        self.given_up.insert(hold.fence);
        Entry::Release { hold }
    }

    /// The process ends: gives up everything at once, and says what to write about it.
    pub fn leave(&mut self) -> Entry {
        self.renewed = None;
        self.sent.clear();
        Entry::Leave
    }

    /// The fence under which this process may publish `duty` of `camera` now; none if it may
    /// not. To be asked for each message, right before it is sent.
    pub fn may_publish(&self, camera: &CameraId, duty: Duty, now: Instant) -> Option<Position> {
        let tenure = self.ledger.owner(camera, duty)?;
        let mine = tenure.node == self.node && !self.given_up.contains(&tenure.fence);
        (mine && self.ledger.is_settled() && self.holds_lease(now)).then_some(tenure.fence)
    }

    /// Whether its lease runs, by its own clock.
    pub fn holds_lease(&self, now: Instant) -> bool {
        self.renewed.is_some_and(|renewed| now.saturating_duration_since(renewed) < LEASE - MARGIN)
    }
}
