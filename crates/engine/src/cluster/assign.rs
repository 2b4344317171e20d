//! What a process should claim and release, by rules that lead every process to the same plan.
//!
//! A camera without an owner goes to the process that has fewest, so that only one process
//! claims it, or, where all were cut off for a while, back to who had it; should two see different states for a moment, the log keeps the first. A process
//! gives up a camera only where another one then has no more than itself: nothing wanders to
//! and fro. One camera a second moves, so that the others go on undisturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use omma_types::CameraId;

use super::ledger::{Ledger, NodeState};
use super::record::{Duty, Hold, NodeId};

/// Time between two cameras that move to even out.
const MOVE_EVERY: Duration = Duration::from_secs(1);

/// The cameras that need somebody, by duty.
pub type Cameras = BTreeMap<Duty, BTreeSet<CameraId>>;

/// What a process should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nobody does this: claim it.
    Claim {
        /// The camera.
        camera: CameraId,
        /// Which part of its work.
        duty: Duty,
    },
    /// Stop it, then say so.
    Release {
        /// What is held.
        hold: Hold,
    },
}

/// What `node` should do so that all of `cameras` have owners, evenly. Empty where it is not
/// known well enough who owns what, and for a process that is not taken to live.
pub fn assign(ledger: &Ledger, cameras: &Cameras, node: &NodeId) -> Vec<Action> {
    if !ledger.is_settled() || !ledger.nodes().contains_key(node) {
        return Vec::new();
    }
    let mut actions = Vec::new();
    let none = BTreeSet::new();
    for duty in Duty::ALL {
        let cameras = cameras.get(&duty).unwrap_or(&none);
        Plan::new(ledger, cameras, node, duty).act(&mut actions);
    }
    actions
}

/// Who has how much of one duty.
struct Plan<'a> {
    ledger: &'a Ledger,
    cameras: &'a BTreeSet<CameraId>,
    node: &'a NodeId,
    duty: Duty,
    /// Processes that take it on, and how many cameras each has.
    counts: BTreeMap<&'a NodeId, usize>,
}

impl<'a> Plan<'a> {
    fn new(
        ledger: &'a Ledger,
        cameras: &'a BTreeSet<CameraId>,
        node: &'a NodeId,
        duty: Duty,
    ) -> Self {
        let takes = |state: &NodeState| state.roles.contains(&duty.role());
        let able = ledger.nodes().iter().filter(|(_, state)| takes(state));
        let mut counts: BTreeMap<&NodeId, usize> = able.map(|(node, _)| (node, 0)).collect();
        for (_, _, tenure) in ledger.owned().filter(|(of, _, _)| *of == duty) {
            if let Some(count) = counts.get_mut(&tenure.node) {
                *count += 1;
            }
        }
        Self { ledger, cameras, node, duty, counts }
    }

    fn act(mut self, actions: &mut Vec<Action>) {
        let able = self.counts.contains_key(self.node);
        let mine = self.ledger.holds(self.node).into_iter().filter(|hold| hold.duty == self.duty);
        let (wanted, unwanted): (Vec<Hold>, Vec<Hold>) =
            mine.partition(|hold| able && self.cameras.contains(&hold.camera));
        actions.extend(unwanted.into_iter().map(|hold| Action::Release { hold }));
        let (ledger, duty, cameras) = (self.ledger, self.duty, self.cameras);
        let free: Vec<&CameraId> =
            cameras.iter().filter(|camera| ledger.owner(camera, duty).is_none()).collect();
        if free.is_empty() {
            if let Some(hold) = self.surplus(wanted) {
                actions.push(Action::Release { hold });
            }
            return;
        }
        // Those who were only cut off go on with what they had, up to their share.
        let share = cameras.len().div_ceil(self.counts.len().max(1));
        let mut rest = Vec::with_capacity(free.len());
        for camera in free {
            let former = ledger.lapsed_owner(camera, duty).and_then(|former| {
                let (node, count) = self.counts.get_key_value(former)?;
                (*count < share && self.has_room(node, *count)).then_some(*node)
            });
            match former {
                Some(former) => self.give(camera, former, actions),
                None => rest.push(camera),
            }
        }
        for camera in rest {
            if let Some(taker) = self.taker(camera) {
                self.give(camera, taker, actions);
            }
        }
    }

    /// Plans that `camera` goes to `taker`; if that is this process, it claims it.
    fn give(&mut self, camera: &CameraId, taker: &'a NodeId, actions: &mut Vec<Action>) {
        *self.counts.entry(taker).or_default() += 1;
        if taker == self.node {
            actions.push(Action::Claim { camera: camera.clone(), duty: self.duty });
        }
    }

    /// Whether `node` takes one more.
    fn has_room(&self, node: &NodeId, count: usize) -> bool {
        let most = self.ledger.nodes().get(node).map_or(0, |state| state.capacity);
        most == 0 || u32::try_from(count).is_ok_and(|count| count < most)
    }

    /// Who gets `camera`: of those that have fewest the one that has its pictures already,
    /// else whom the lots prefer.
    fn taker(&self, camera: &CameraId) -> Option<&'a NodeId> {
        let reader = self.ledger.owner(camera, Duty::Ingest).map(|tenure| &tenure.node);
        self.counts
            .iter()
            .filter(|(node, count)| self.has_room(node, **count))
            .min_by_key(|(node, count)| {
                (**count, reader != Some(**node), std::cmp::Reverse(lot(node, camera)))
            })
            .map(|(node, _)| *node)
    }

    /// What this process should give up for the sake of one that has less, if it is the one
    /// to do so.
    fn surplus(&self, wanted: Vec<Hold>) -> Option<Hold> {
        let now = self.ledger.now()?;
        if self.ledger.moved(self.duty).is_some_and(|moved| now.since(moved) < MOVE_EVERY) {
            return None;
        }
        let open = self.counts.iter().filter(|(node, count)| self.has_room(node, **count));
        let fewest = open.map(|(_, count)| *count).min()?;
        let (giver, most) =
            self.counts.iter().max_by_key(|(node, count)| (**count, std::cmp::Reverse(**node)))?;
        if *giver != self.node || *most < fewest + 2 {
            return None;
        }
        // Rather one that would go where its pictures are than one whose pictures are here.
        wanted.into_iter().min_by_key(|hold| {
            let reader = self.ledger.owner(&hold.camera, Duty::Ingest).map(|tenure| &tenure.node);
            let here = reader == Some(self.node);
            let there = reader.and_then(|reader| self.counts.get(reader)) == Some(&fewest);
            (here, !there, lot(self.node, &hold.camera))
        })
    }
}

/// A number for each pair that everybody draws alike: the camera goes where it is greatest
/// (rendezvous hashing, Thaler and Ravishankar 1998). FNV-1a, then the mix of SplitMix64.
fn lot(node: &NodeId, camera: &CameraId) -> u64 {
    let bytes = node.name().bytes().chain(node.run().to_le_bytes());
    let bytes = bytes.chain(std::iter::once(0xff)).chain(camera.as_str().bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
