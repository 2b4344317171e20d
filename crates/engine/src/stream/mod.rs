//! One stream of a camera: a connection that is kept alive, its ring of recent packets, and
//! those who want its packets or pictures. Most cameras have one; a camera with a sub stream
//! for its detector has two.

mod change;
mod derived;
mod frozen;
mod health;
mod knock;
mod reader;
mod supervisor;
mod tap;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_media::{GopRing, Packet, Picture, SourceSpec, Stop, StreamInfo};
use omma_types::{CameraId, Stage, WallTime};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::camera::Camera;
use crate::config::CameraConfig;
use crate::demand::{Demand, Plan};
use crate::error::EngineError;
use crate::feed::Preroll;
use crate::input::{self, Relayed};
use crate::sent::{self, Inlet};
use crate::shared::Shared;
use crate::telemetry::{CameraMetrics, Drop as Dropped};

pub(crate) use health::Health;
pub(crate) use supervisor::Supervisor;
pub(crate) use tap::{Taken, Tap};

/// Which of a camera's streams it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What is shown, recorded and passed on, and detected in unless there is a sub stream.
    Main,
    /// What only the detector sees.
    Detect,
}

/// The address of what another process reads.
const RELAYED: &str = "bus";

/// One stream.
pub(crate) struct Stream {
    pub(crate) camera: CameraId,
    pub(crate) role: Role,
    pub(crate) demand: Demand,
    pub(crate) metrics: Arc<CameraMetrics>,
    pub(crate) health: Health,
    config: CameraConfig,
    /// For what comes over a bus.
    runtime: Handle,
    /// Where the packets come from, where another process reads the camera.
    relay: Option<Relayed>,
    /// Where the packets come in, where the camera sends by itself.
    pub(crate) inlet: Option<Arc<Inlet>>,
    held: Mutex<Held>,
    counters: Counters,
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The packets of the open connection, and whoever gets each of them.
struct Held {
    /// Of the open connection; none while there is none.
    info: Option<Arc<StreamInfo>>,
    ring: GopRing,
    taps: Vec<std::sync::Weak<Tap>>,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    decoded: AtomicU64,
    dropped: AtomicU64,
    decoding: AtomicBool,
}

/// What a stream's ring holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingReport {
    /// When its oldest picture was taken.
    pub start: Option<WallTime>,
    /// When its newest picture was taken.
    pub end: Option<WallTime>,
    /// Pictures held.
    pub pictures: usize,
    /// Keyframes among them.
    pub keyframes: usize,
    /// Bytes of packet data held.
    pub bytes: usize,
}

impl Stream {
    pub(crate) fn new(
        config: &CameraConfig,
        role: Role,
        metrics: Arc<CameraMetrics>,
        runtime: &Handle,
        relay: Option<Relayed>,
    ) -> Arc<Self> {
        let ring = GopRing::new(config.ring_bytes, config.history);
        let is_sent = role == Role::Main && relay.is_none() && sent::is_sent(&config.url);
        let inlet = is_sent.then(|| Inlet::new(metrics.left_out.clone()));
        Arc::new(Self {
            camera: config.id.clone(),
            role,
            demand: Demand::new(),
            metrics,
            health: Health::new(),
            config: config.clone(),
            runtime: runtime.clone(),
            relay,
            inlet,
            held: Mutex::new(Held { info: None, ring, taps: Vec::new() }),
            counters: Counters::default(),
            stop: Stop::new(),
            thread: Mutex::new(None),
        })
    }

    /// Starts the thread that keeps the stream alive.
    pub(crate) fn start(
        self: &Arc<Self>,
        camera: &Arc<Camera>,
        shared: &Arc<Shared>,
    ) -> Result<(), EngineError> {
        let name = match self.role {
            Role::Main => format!("cam-{}", self.camera),
            Role::Detect => format!("sub-{}", self.camera),
        };
        let supervisor = Supervisor::new(Arc::clone(camera), Arc::clone(self), shared);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || supervisor.run())
            .map_err(|source| EngineError::System {
                what: format!("cannot start the thread of camera `{}`", self.camera),
                source,
            })?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Tells the thread to end, and those who read packets that no more come.
    pub(crate) fn begin_stop(&self) {
        self.stop.stop();
        let mut held = self.held.lock();
        for tap in held.taps.drain(..).filter_map(|tap| tap.upgrade()) {
            tap.end();
        }
    }

    /// Waits until the thread has ended, at most for the time that FFmpeg needs to notice.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(camera = %self.camera, "the camera's thread ended in a panic");
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// The address, passwords included.
    pub(crate) fn url(&self) -> &str {
        match (self.role, &self.config.detect_url) {
            (Role::Detect, Some(url)) => url,
            _ if self.relay.is_some() => RELAYED,
            _ => &self.config.url,
        }
    }

    fn source(&self) -> Result<SourceSpec, EngineError> {
        if let Some(relay) = &self.relay {
            let left_out = self.metrics.left_out.clone();
            let runtime = self.runtime.clone();
            return Ok(input::relayed(&self.camera, relay.clone(), runtime, left_out));
        }
        if let Some(inlet) = &self.inlet {
            return Ok(inlet.source());
        }
        let left_out = &self.metrics.left_out;
        let spec = crate::source::resolve(&self.config, self.url(), &self.runtime, left_out)?;
        Ok(spec.with_audio(self.role == Role::Main && self.config.audio))
    }

    pub(crate) fn received(&self) -> u64 {
        self.counters.received.load(Ordering::Relaxed)
    }

    pub(crate) fn decoded(&self) -> u64 {
        self.counters.decoded.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.counters.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn is_decoding(&self) -> bool {
        self.counters.decoding.load(Ordering::Relaxed)
    }

    pub(crate) fn count_drop(&self, reason: Dropped) {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        self.metrics.drop_frame(reason);
    }

    /// What the open connection carries; none while there is none.
    pub(crate) fn info(&self) -> Option<Arc<StreamInfo>> {
        self.held.lock().info.clone()
    }

    /// What the ring holds.
    pub(crate) fn ring_report(&self) -> RingReport {
        let held = self.held.lock();
        let mut report = RingReport { bytes: held.ring.bytes(), ..RingReport::default() };
        for packet in held.ring.packets().filter(|packet| packet.is_video()) {
            report.start = Some(report.start.map_or(packet.wall, |start| start.min(packet.wall)));
            report.end = Some(report.end.map_or(packet.wall, |end| end.max(packet.wall)));
            report.pictures += 1;
            report.keyframes += usize::from(packet.keyframe);
        }
        report
    }

    /// Packets of the ring that are needed to show the pictures taken from `from` to `to`,
    /// with what they are packets of. None where the ring holds none of them.
    pub(crate) fn past(
        &self,
        from: WallTime,
        to: WallTime,
    ) -> Option<(Arc<StreamInfo>, Vec<Packet>)> {
        let held = self.held.lock();
        let info = held.info.clone()?;
        let pictures: Vec<&Packet> = held.ring.packets().filter(|p| p.is_video()).collect();
        let first = pictures.iter().position(|p| p.wall >= from)?;
        let last = pictures.iter().rposition(|p| p.wall <= to).filter(|last| *last >= first)?;
        let start = pictures.iter().take(first + 1).rposition(|p| p.keyframe)?;
        // What is shown last may need the packets up to the next keyframe.
        let after = pictures.iter().skip(last + 1).position(|p| p.keyframe);
        let end = after.map_or(pictures.len(), |after| last + 1 + after);
        Some((info, pictures.get(start..end)?.iter().map(|p| (*p).clone()).collect()))
    }

    /// Whether anybody wants its packets or pictures at `now`.
    fn is_wanted(&self, now: Instant) -> bool {
        let has_taps = self.held.lock().taps.iter().any(|tap| tap.strong_count() > 0);
        has_taps || self.demand.plan(now) > Plan::Nothing
    }

    /// Lets `tap` have every packet from now on, and of those before what `preroll` says.
    pub(crate) fn attach(&self, tap: &Arc<Tap>, preroll: Preroll, now: Instant) {
        let mut held = self.held.lock();
        // Whoever stops the stream ends the taps: one that came later would wait for ever.
        if self.stop.is_stopped() {
            tap.end();
            return;
        }
        if let Some(info) = &held.info {
            tap.open(Arc::clone(info));
            for packet in preroll.of(&held.ring, now) {
                tap.push(packet);
            }
        }
        held.taps.retain(|tap| tap.strong_count() > 0);
        held.taps.push(Arc::downgrade(tap));
    }

    /// A connection was opened: its times have nothing to do with those before.
    fn opened(&self, info: &StreamInfo) {
        let info = Arc::new(info.clone());
        let mut held = self.held.lock();
        held.ring.clear();
        for tap in held.taps.iter().filter_map(std::sync::Weak::upgrade) {
            tap.open(Arc::clone(&info));
        }
        held.info = Some(info);
    }

    /// The connection is gone. The ring stays until the next one: its past can still be seen.
    fn closed(&self) {
        self.counters.decoding.store(false, Ordering::Relaxed);
    }

    /// Keeps a packet and hands it on. Tells how many packets since the newest keyframe are
    /// held, for whoever comes late.
    fn keep(&self, packet: &Packet) {
        self.counters.received.fetch_add(u64::from(packet.is_video()), Ordering::Relaxed);
        self.metrics.received.increment(u64::from(packet.is_video()));
        self.metrics.received_bytes.increment(packet.len() as u64);
        let mut held = self.held.lock();
        let oversized = held.ring.oversized_groups();
        held.ring.push(packet.clone());
        let mut gone = false;
        for tap in &held.taps {
            match tap.upgrade() {
                Some(tap) => tap.push(packet),
                None => gone = true,
            }
        }
        if gone {
            held.taps.retain(|tap| tap.strong_count() > 0);
        }
        self.metrics.ring_overflows.increment(held.ring.oversized_groups() - oversized);
        self.metrics.ring_bytes.set(held.ring.bytes() as f64);
    }

    /// The pictures since the newest keyframe, as packets.
    fn since_keyframe(&self) -> Vec<Packet> {
        self.held.lock().ring.since_keyframe().filter(|p| p.is_video()).cloned().collect()
    }

    /// A picture was decoded: counts it, and gives it to whoever wants it.
    fn shown(&self, picture: &Picture, arrival: Instant, spent: Duration, wanted: bool) {
        self.counters.decoded.fetch_add(1, Ordering::Relaxed);
        self.metrics.decoded.increment(1);
        self.metrics.stage(Stage::Decode, spent);
        self.health.note_size(picture.stamp().size);
        if wanted {
            self.demand.offer(picture, arrival);
        }
    }
}
