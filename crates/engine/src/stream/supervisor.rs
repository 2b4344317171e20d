//! Keeps one stream alive: opens it, reads it, and opens it again whenever something goes
//! wrong. Nothing that happens here touches another camera.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_media::{Source, StreamInfo};
use omma_types::{Clock as _, ErrorKind, EventIds, Stage, SystemClock};

use super::change::ParameterWatch;
use super::frozen::FrozenWatch;
use super::knock::{Door, Knock};
use super::reader::Reader;
use super::{Role, Stream};
use crate::backoff::Backoff;
use crate::camera::Camera;
use crate::derive::Derived;
use crate::error::EngineError;
use crate::shared::{Shared, random_seed};
use crate::status::{CameraState, StreamStatus};
use crate::writer::{EventSender, camera_state};

/// A door is knocked at this often while a camera is away.
const KNOCK_EVERY: Duration = Duration::from_millis(400);

/// A door that takes connections and says nothing is knocked at less and less, down to this.
const MUTE_KNOCK_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether somebody sends to a camera that is not fetched.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// However closed a door seems, the camera itself is tried again after this: what knocks may
/// be mistaken.
const TRY_ANYWAY: Duration = Duration::from_secs(30);

/// A camera that repeats its pictures is known to do so, and is read on.
const REPEATS: &str = "the camera repeats the same pictures; opening it again did not help";

/// What a stream's thread runs.
pub(crate) struct Supervisor {
    camera: Arc<Camera>,
    pub(super) stream: Arc<Stream>,
    /// Where a derived camera finds the one that it is made from.
    pub(super) shared: Weak<Shared>,
    events: EventSender,
    ids: EventIds,
    backoff: Backoff,
    door: Option<Door>,
    /// The pictures that it repeated when it was last opened again because of them.
    repeated: Option<u64>,
}

/// Why a connection was given up without an error.
pub(super) enum End {
    /// A file has been played.
    Played(String),
    /// The stream is another one from here on.
    Changed,
}

/// What to do before the next attempt.
enum Next {
    /// Nothing: it has ended.
    Never,
    /// Wait; where the camera may be gone, until it answers again.
    After(Duration, bool),
}

impl Supervisor {
    pub(crate) fn new(camera: Arc<Camera>, stream: Arc<Stream>, shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            door: Door::of(stream.url()),
            camera,
            stream,
            events: shared.events(),
            ids: EventIds::new(random_seed()),
            backoff: Backoff::new(random_seed()),
            repeated: None,
        }
    }

    pub(crate) fn run(mut self) {
        let stream = Arc::clone(&self.stream);
        while !stream.is_stopped() {
            self.enter(CameraState::Connecting, "");
            let mut online = None;
            let derived = Derived::of(stream.url());
            let session = std::panic::AssertUnwindSafe(|| match derived {
                Some(derived) => self.derive(derived, &mut online),
                None => self.session(&mut online),
            });
            let outcome = std::panic::catch_unwind(session);
            stream.closed();
            if stream.is_stopped() {
                return;
            }
            if let Some(since) = online {
                self.backoff.worked(since.elapsed());
            }
            let outcome = outcome.map_err(drop);
            let Next::After(delay, may_be_gone) = self.settle(outcome, online.is_some()) else {
                return;
            };
            stream.health.note_attempts(self.backoff.attempts());
            stream.metrics.reconnects.increment(1);
            self.wait(delay, may_be_gone);
        }
    }

    /// Says how a connection ended, and what follows.
    fn settle(&mut self, outcome: Result<Result<End, EngineError>, ()>, was_online: bool) -> Next {
        match outcome {
            Ok(Ok(End::Played(reason))) => {
                self.camera.played(self.stream.role);
                self.enter(CameraState::Ended, &reason);
                Next::Never
            }
            Ok(Ok(End::Changed)) => {
                tracing::info!(camera = %self.stream.camera, "the camera changed its stream; opening it again");
                Next::After(Duration::ZERO, false)
            }
            Ok(Err(error)) => {
                let kind = error.kind();
                let (state, delay) = match kind {
                    ErrorKind::Timeout if was_online => {
                        (CameraState::Stalled, self.backoff.next_delay())
                    }
                    ErrorKind::Invalid | ErrorKind::Unsupported => {
                        (CameraState::Failed, self.backoff.longest())
                    }
                    _ => (CameraState::Offline, self.backoff.next_delay()),
                };
                self.enter(state, &error.to_string());
                Next::After(delay, matches!(kind, ErrorKind::Unreachable | ErrorKind::Timeout))
            }
            Err(()) => {
                self.enter(CameraState::Offline, "its thread panicked; see the log");
                Next::After(self.backoff.next_delay(), false)
            }
        }
    }

    /// Waits for `delay`. A camera that may be gone is knocked at meanwhile: as soon as it
    /// answers again the wait is over, and while its door is closed it goes on.
    fn wait(&self, delay: Duration, may_be_gone: bool) {
        let stop = &self.stream.stop;
        if let Some(inlet) = &self.stream.inlet {
            // Nothing can be done before somebody sends, and then nothing is to be waited for.
            while !inlet.has_sender() && !stop.wait(LOOK_EVERY) {}
            return;
        }
        let Some(door) = self.door.as_ref().filter(|_| may_be_gone) else {
            stop.wait(delay);
            return;
        };
        let started = Instant::now();
        let mut was_gone = false;
        loop {
            let knocked = door.knock();
            let waited = started.elapsed();
            let is_over = match knocked {
                Knock::Answers => was_gone || waited >= delay,
                // Whoever does not answer a knock would hold an attempt to open it for its full
                // ten seconds, and meanwhile could return unnoticed.
                Knock::Mute | Knock::Closed => waited >= TRY_ANYWAY,
            };
            was_gone |= knocked != Knock::Answers;
            let left = delay.saturating_sub(waited);
            let nap = match knocked {
                // Each knock leaves a connection behind in a server that has got stuck.
                Knock::Mute => (waited / 8).clamp(KNOCK_EVERY, MUTE_KNOCK_EVERY),
                _ if left.is_zero() => KNOCK_EVERY,
                _ => left.min(KNOCK_EVERY),
            };
            if is_over || stop.wait(nap) {
                return;
            }
        }
    }

    /// Opens the stream and reads it to its end; says how it ended. Notes in `online` when
    /// packets begin to come.
    fn session(&mut self, online: &mut Option<Instant>) -> Result<End, EngineError> {
        let stream = Arc::clone(&self.stream);
        let spec = stream.source()?;
        let mut source = Source::open(&spec, &stream.stop)?;
        self.opened(source.info());
        let is_network = self.door.is_some();
        let mut reader = Reader::new(&stream, Instant::now());
        let (mut frozen, mut parameters) = (FrozenWatch::new(), ParameterWatch::default());
        loop {
            let packet = match source.read() {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    return Ok(End::Played("the file has been played to its end".to_owned()));
                }
                // Playing its good part again and again would count everybody again.
                Err(error)
                    if error.kind() == ErrorKind::Corrupt
                        && online.is_some()
                        && spec.is_file()
                        && !stream.config.looped =>
                {
                    return Ok(End::Played(error.to_string()));
                }
                Err(error) => return Err(error.into()),
            };
            if source.began_anew() {
                self.opened(source.info());
                reader = Reader::new(&stream, Instant::now());
                (frozen, parameters) = (FrozenWatch::new(), ParameterWatch::default());
            }
            if online.is_none() && packet.is_video() {
                *online = Some(packet.arrival);
                self.enter(CameraState::Online, "");
            }
            if is_network && packet.is_video() {
                if packet.keyframe && parameters.has_changed(source.info().codec, packet.data()) {
                    return Ok(End::Changed);
                }
                let repeats = frozen.look(packet.keyframe, packet.data(), packet.arrival);
                self.judge(repeats)?;
            }
            // Waiting for the next packet is no work: only what follows its arrival counts.
            stream.metrics.stage(Stage::Demux, packet.arrival.elapsed());
            reader.take(&packet, source.info())?;
        }
    }

    /// Notes what the open connection carries, which may also change in its middle.
    fn opened(&self, info: &StreamInfo) {
        self.stream.health.note_stream(StreamStatus {
            codec: info.codec.to_owned(),
            size: info.size.unwrap_or_default(),
            fps: info.frame_rate,
        });
        self.stream.opened(info);
    }

    /// Opens a frozen camera again; one that stays frozen is read on, and said to be stalled.
    fn judge(&mut self, repeats: Option<u64>) -> Result<(), EngineError> {
        match repeats {
            None => {
                if self.stream.health.state() == CameraState::Stalled {
                    self.repeated = None;
                    self.enter(CameraState::Online, "");
                }
                Ok(())
            }
            Some(which) if self.repeated == Some(which) => {
                self.enter(CameraState::Stalled, REPEATS);
                Ok(())
            }
            Some(which) => {
                self.repeated = Some(which);
                Err(EngineError::Frozen { camera: self.stream.camera.to_string() })
            }
        }
    }

    /// Notes a change of state, and makes it an event.
    pub(super) fn enter(&mut self, state: CameraState, reason: &str) {
        let wall = SystemClock.wall();
        let attempts = self.backoff.attempts();
        if !self.stream.health.enter(state, reason, attempts, wall) {
            return;
        }
        let camera = &self.stream.camera;
        let role = match self.stream.role {
            Role::Main => "main",
            Role::Detect => "detect",
        };
        self.camera.entered(self.stream.role, state);
        match state {
            CameraState::Connecting => return,
            CameraState::Online => {
                tracing::info!(%camera, stream = role, state = state.as_str(), "camera");
            }
            CameraState::Ended => {
                tracing::info!(%camera, stream = role, state = state.as_str(), reason, "camera");
            }
            _ => tracing::warn!(%camera, stream = role, state = state.as_str(), reason, "camera"),
        }
        if self.stream.role == Role::Main {
            let event = camera_state(self.ids.next(wall), camera, state.as_str(), reason, wall);
            self.events.send(event, None);
        }
    }
}
