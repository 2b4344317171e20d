//! Passing a camera's stream on to another server, as it comes: nothing is decoded.
//!
//! One thread a stream takes packets out of a queue of its own, so a slow or dead server
//! costs the camera nothing. It begins with the group of pictures in the ring, and connects
//! again by itself.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_media::{Pusher, Stop, StreamInfo};
use omma_types::{CameraId, Clock as _, ErrorKind, SystemClock, WallTime};
use parking_lot::Mutex;

use crate::backoff::Backoff;
use crate::config::PassThroughConfig;
use crate::error::EngineError;
use crate::feed::{PacketFeed, Parcel, Preroll, Waited};
use crate::shared::random_seed;
use crate::stream::Stream;

/// How often the thread looks whether it shall end.
const GLANCE: Duration = Duration::from_millis(250);

/// How passing on a camera's stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassThroughState {
    /// Nobody asked for it.
    Off,
    /// It waits for the camera, or for the server to answer.
    Connecting,
    /// Packets go out.
    Streaming,
    /// The server is away or refuses; it is tried again.
    Offline,
}

impl PassThroughState {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Offline => "offline",
        }
    }
}

/// Passing on a camera's stream, as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassThroughStatus {
    /// Where to, without what lets somebody send there.
    pub url: String,
    /// How it does.
    pub state: PassThroughState,
    /// Why, for people; empty while all is well.
    pub reason: String,
    /// Since when.
    pub since: WallTime,
    /// Packets that went out since it was started.
    pub packets: u64,
    /// Packets left out because the server was too slow.
    pub dropped: u64,
}

/// A stream that is passed on. Ends when dropped, without being waited for.
pub(crate) struct PassThrough {
    pub(crate) config: PassThroughConfig,
    status: Arc<Mutex<PassThroughStatus>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl PassThrough {
    /// Not running.
    pub(crate) fn new(config: PassThroughConfig) -> Self {
        let status = PassThroughStatus {
            url: config.redacted(),
            state: PassThroughState::Off,
            reason: String::new(),
            since: SystemClock.wall(),
            packets: 0,
            dropped: 0,
        };
        Self { config, status: Arc::new(Mutex::new(status)), stop: Stop::new(), thread: None }
    }

    pub(crate) fn status(&self) -> PassThroughStatus {
        self.status.lock().clone()
    }

    /// Begins to pass `stream` on.
    pub(crate) fn start(&mut self, stream: &Arc<Stream>) -> Result<(), EngineError> {
        let pushing = Pushing {
            camera: stream.camera.clone(),
            stream: Arc::clone(stream),
            url: self.config.url.clone(),
            shown: self.config.redacted(),
            status: Arc::clone(&self.status),
            stop: self.stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("push-{}", stream.camera))
            .spawn(move || pushing.run())
            .map_err(|source| EngineError::System {
                what: format!("cannot start the thread that passes camera `{}` on", stream.camera),
                source,
            })?;
        self.thread = Some(thread);
        Ok(())
    }

    /// Ends it and waits, at most for the time that FFmpeg needs to notice.
    pub(crate) fn stop(mut self) {
        self.stop.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(url = self.config.redacted(), "passing on ended in a panic");
        }
    }
}

impl Drop for PassThrough {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// What the thread works with.
struct Pushing {
    camera: CameraId,
    stream: Arc<Stream>,
    url: String,
    /// The address without the stream key.
    shown: String,
    status: Arc<Mutex<PassThroughStatus>>,
    stop: Stop,
}

/// Why a connection to the server ended.
enum End {
    /// The camera was opened anew: so must the connection be.
    Reopened,
    /// The camera, or passing it on, was stopped.
    Over,
}

impl Pushing {
    fn run(self) {
        let mut backoff = Backoff::new(random_seed());
        loop {
            let begun = Instant::now();
            match self.connection() {
                Ok(End::Over) => break,
                Ok(End::Reopened) => backoff.worked(begun.elapsed()),
                Err(_stopped) if self.stop.is_stopped() => break,
                Err(error) => {
                    backoff.worked(begun.elapsed());
                    // Not the error's own text: it names the whole address, stream key included.
                    let (shown, why) = (&self.shown, error.reason());
                    let text = format!("{shown}: {why}; {}", error.advice());
                    self.enter(PassThroughState::Offline, &text);
                    let delay = match error.kind() {
                        ErrorKind::Unsupported | ErrorKind::Invalid => backoff.longest(),
                        _ => backoff.next_delay(),
                    };
                    if self.stop.wait(delay) {
                        break;
                    }
                }
            }
        }
        self.enter(PassThroughState::Off, "");
    }

    /// One connection: begins with the group of pictures in the ring.
    fn connection(&self) -> Result<End, omma_media::MediaError> {
        let mut feed = PacketFeed::new(&self.stream, Preroll::Group, Instant::now());
        let mut pusher: Option<Pusher> = None;
        let mut described: Option<Arc<StreamInfo>> = None;
        loop {
            if self.stop.is_stopped() {
                return pusher.map_or(Ok(()), Pusher::finish).map(|()| End::Over);
            }
            let packet = match feed.wait(GLANCE) {
                Waited::Nothing => continue,
                Waited::Over => return Ok(End::Over),
                Waited::Got(Parcel::Missed(packets)) => {
                    self.status.lock().dropped += packets;
                    continue;
                }
                Waited::Got(Parcel::Stream(_)) if described.is_some() => return Ok(End::Reopened),
                Waited::Got(Parcel::Stream(info)) => {
                    described = Some(info);
                    continue;
                }
                Waited::Got(Parcel::Packet(packet)) => packet,
            };
            let Some(info) = &described else { continue };
            let mut open = match pusher.take() {
                Some(open) => open,
                // A server that sees the middle of a group first has nothing to show.
                None if !packet.keyframe => continue,
                None => {
                    self.enter(PassThroughState::Connecting, "");
                    let open = Pusher::open(&self.url, info, &self.stop)?;
                    self.enter(PassThroughState::Streaming, "");
                    open
                }
            };
            open.push(&packet)?;
            self.status.lock().packets += 1;
            pusher = Some(open);
        }
    }

    fn enter(&self, state: PassThroughState, reason: &str) {
        let mut status = self.status.lock();
        // As for cameras: another attempt is no news while the server is away.
        let is_away = status.state == PassThroughState::Offline;
        if (status.state == state && status.reason == reason)
            || (is_away && state == PassThroughState::Connecting)
        {
            return;
        }
        status.state = state;
        reason.clone_into(&mut status.reason);
        status.since = SystemClock.wall();
        drop(status);
        let (camera, state) = (&self.camera, state.as_str());
        tracing::info!(%camera, state, reason, "passing the stream on");
    }
}
