//! A camera's analysis in the hands of this process: where it began, which pictures it takes,
//! and what it remembers for the next owner.
//!
//! A successor must come to the same events as its predecessor would have. So it takes the very
//! pictures that the predecessor would have taken, from the one behind the checkpoint on, and
//! waits for the detector rather than leaving pictures out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_bus::topic::Start;
use omma_types::{CameraId, FrameStamp, MediaTime, WallTime};
use parking_lot::Mutex;

use super::checkpoint::Checkpoint;
use super::record::Position;
use super::reporter::Reporter;
use crate::pacer::Pacer;

/// How often a checkpoint is written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// What looks for motion learns the background anew; it is shown so much of what a predecessor
/// has analysed, before the checkpoint.
const WARM_UP: Duration = Duration::from_secs(3);

/// A camera that nobody analysed yet is analysed from so much before its claim on: who reads it
/// may have begun earlier than who analyses it.
const FIRST_LOOK: Duration = Duration::from_secs(8);

/// Keyframes whose places are remembered.
const MOST_PLACES: usize = 64;

/// Pictures that were taken and not yet analysed, at most.
const MOST_TAKEN: usize = 64;

/// The analysis of one camera, from its claim to its end.
pub(crate) struct Mandate {
    camera: CameraId,
    fence: Position,
    /// When it was claimed, by the broker's clock.
    begun: Option<WallTime>,
    reporter: Reporter,
    state: Mutex<State>,
    closed: AtomicBool,
}

/// What is to be done with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Nothing.
    No,
    /// A predecessor has analysed it: whatever learns from pictures sees it.
    ToWarmUp,
    /// It is analysed.
    Yes,
}

struct State {
    /// The newest one: the predecessor's, or since then the own.
    checkpoint: Option<Checkpoint>,
    /// Pictures up to this one were analysed before this tenure began.
    skip_to: Option<WallTime>,
    /// Picks those of them that something is to learn from; none where nothing learns.
    warm_up: Option<Pacer>,
    pacer: Pacer,
    /// When the picture behind the last analysed one is due.
    due: Option<MediaTime>,
    /// Pictures on their way through the detector: when they were taken, and when the one
    /// behind each is due.
    taken: VecDeque<(WallTime, Option<MediaTime>)>,
    /// When keyframes were taken, and came to the broker.
    places: VecDeque<(WallTime, WallTime)>,
    written: Option<Instant>,
}

impl Mandate {
    /// The tenure that began with the claim at `fence`, about `begun` by the broker's clock,
    /// behind what a predecessor left.
    pub(crate) fn new(
        camera: CameraId,
        fence: Position,
        begun: Option<WallTime>,
        checkpoint: Option<Checkpoint>,
        reporter: Reporter,
    ) -> Arc<Self> {
        let state = State {
            checkpoint,
            skip_to: None,
            warm_up: None,
            pacer: Pacer::new(Duration::ZERO),
            due: None,
            taken: VecDeque::new(),
            places: VecDeque::new(),
            written: None,
        };
        let (state, closed) = (Mutex::new(state), AtomicBool::new(false));
        Arc::new(Self { camera, fence, begun, reporter, state, closed })
    }

    /// The camera.
    pub(crate) fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// The place of its claim.
    pub(crate) fn fence(&self) -> Position {
        self.fence
    }

    /// The analysis begins, or begins again with other settings: a picture every `interval`,
    /// behind the newest checkpoint, or a little before it where something `learns` from
    /// pictures. Answers what is remembered.
    pub(crate) fn begin(&self, interval: Duration, learns: bool) -> Option<Bytes> {
        self.closed.store(false, Ordering::Relaxed);
        let mut state = self.state.lock();
        let checkpoint = state.checkpoint.clone();
        state.skip_to = checkpoint.as_ref().map(|checkpoint| checkpoint.frame);
        state.due = checkpoint.as_ref().and_then(|checkpoint| checkpoint.due);
        state.pacer = Pacer::resumed(interval, state.due);
        state.warm_up = learns.then(|| Pacer::new(interval));
        state.taken.clear();
        checkpoint.map(|checkpoint| checkpoint.memory)
    }

    /// From where on the camera's packets are to be read.
    pub(crate) fn start(&self) -> Start {
        let state = self.state.lock();
        // A connection that broke goes on where it was, not where the tenure began.
        match (state.places.back(), &state.checkpoint) {
            (Some((_, at)), _) => Start::Since(*at),
            (None, Some(checkpoint)) => {
                let early = if state.warm_up.is_some() { WARM_UP } else { Duration::ZERO };
                checkpoint.start(early)
            }
            (None, None) => self.begun.map_or(Start::Newest, |at| Start::Since(at - FIRST_LOOK)),
        }
    }

    /// A keyframe taken at `frame` came to the broker at `at`.
    pub(crate) fn passed_keyframe(&self, frame: WallTime, at: WallTime) {
        let mut state = self.state.lock();
        if state.places.len() == MOST_PLACES {
            state.places.pop_front();
        }
        state.places.push_back((frame, at));
    }

    /// What is to be done with a picture. One that is to be analysed is on its way then.
    pub(crate) fn takes(&self, stamp: &FrameStamp) -> Take {
        let mut state = self.state.lock();
        if state.skip_to.is_some_and(|last| stamp.wall <= last) {
            let learns = state.warm_up.as_mut().is_some_and(|pacer| pacer.is_due(stamp.media));
            return if learns { Take::ToWarmUp } else { Take::No };
        }
        state.skip_to = None;
        if !state.pacer.is_due(stamp.media) {
            return Take::No;
        }
        if state.taken.len() == MOST_TAKEN {
            state.taken.pop_front();
        }
        let due = state.pacer.due();
        state.taken.push_back((stamp.wall, due));
        Take::Yes
    }

    /// The picture was analysed. Writes a checkpoint with what `remember` answers, if it is
    /// time for one, or this is the `last` one.
    pub(crate) fn analysed(
        &self,
        stamp: &FrameStamp,
        memory: impl FnOnce() -> Vec<u8>,
        is_last: bool,
    ) -> Option<Checkpoint> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(at) = state.taken.iter().position(|(wall, _)| *wall == stamp.wall) {
            let looked_at = state.taken.drain(..=at).next_back();
            state.due = looked_at.and_then(|(_, due)| due);
        }
        let recent = |written: Instant| now.duration_since(written) < CHECKPOINT_EVERY;
        if !is_last && state.written.is_some_and(recent) {
            return None;
        }
        state.written = Some(now);
        let before = |(frame, _): &&(WallTime, WallTime)| *frame <= stamp.wall;
        let read_from = state.places.iter().rev().find(before).map(|(_, at)| *at);
        let checkpoint =
            Checkpoint { frame: stamp.wall, due: state.due, read_from, memory: memory().into() };
        state.checkpoint = Some(checkpoint.clone());
        Some(checkpoint)
    }

    /// Writes what [`Self::analysed`] answered, behind the events that were told until now.
    pub(crate) fn write(&self, checkpoint: Checkpoint) {
        self.reporter.checkpoint(&self.camera, self.fence, checkpoint);
    }

    /// The camera is being stopped: nobody waits for its detector any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
