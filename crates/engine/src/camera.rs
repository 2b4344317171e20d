//! One camera: its thread reads, decodes what somebody wants, and is opened again whenever
//! something goes wrong. Nothing that happens here touches another camera.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use omma_media::{
    Decoder, DecoderOptions, GopRing, MediaError, Packet, Picture, Skip, Source, SourceSpec, Stop,
};
use omma_rules::{Line, Zone};
use omma_types::{
    CameraId, Clock as _, ErrorKind, Event, EventIds, EventKind, MediaTime, Stage, SystemClock,
    WallTime, redact_url,
};
use parking_lot::Mutex;

use crate::analyst::{Analyst, Intake, Links, Scene};
use crate::backoff::Backoff;
use crate::config::{CameraConfig, Rate};
use crate::demand::{Consumer, Demand, Plan};
use crate::error::EngineError;
use crate::live::{Feed, LiveView};
use crate::shared::{Shared, random_seed};
use crate::status::{CameraState, CameraStatus, FrameCounts, StreamStatus, Totals, ViewOptions};
use crate::telemetry::{CameraMetrics, Drop as Dropped};

/// Frames over which the rate of a stream is measured.
const RATE_WINDOW: u64 = 50;

/// One camera.
pub(crate) struct Camera {
    pub(crate) id: CameraId,
    config: Mutex<CameraConfig>,
    pub(crate) demand: Demand,
    pub(crate) metrics: Arc<CameraMetrics>,
    analyst: Option<Arc<Analyst>>,
    /// Keeps the analyst's demand alive; dropped when the camera stops.
    intake: Mutex<Option<Arc<dyn Consumer>>>,
    health: Mutex<Health>,
    /// Counted before: by former processes, by the camera's predecessor before a reload, and
    /// by rules that were exchanged. Locked before the analyst's rules.
    base: Mutex<Totals>,
    feeds: Mutex<HashMap<ViewOptions, std::sync::Weak<Feed>>>,
    counters: Counters,
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    decoded: AtomicU64,
    dropped: AtomicU64,
    decoding: AtomicBool,
}

struct Health {
    state: CameraState,
    reason: String,
    since: WallTime,
    attempts: u32,
    stream: Option<StreamStatus>,
}

impl Camera {
    /// Starts the camera's thread.
    pub(crate) fn start(
        config: CameraConfig,
        base: Totals,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Self>, EngineError> {
        let metrics = Arc::new(shared.telemetry.camera(&config.id));
        let analyst = config.detect.clone().map(|detect| -> Result<_, EngineError> {
            let links = Links {
                pool: Arc::clone(&shared.pool),
                events: shared.events(),
                messages: shared.messages.clone(),
                metrics: Arc::clone(&metrics),
                ids: EventIds::new(random_seed()),
            };
            Analyst::new(&config, detect, links)
        });
        let analyst = analyst.transpose()?;
        let demand = Demand::new();
        let intake = analyst.as_ref().zip(config.detect.as_ref()).map(|(analyst, detect)| {
            let intake: Arc<dyn Consumer> = Arc::new(Intake(Arc::clone(analyst)));
            demand.add(&intake, detect.rate);
            intake
        });
        let camera = Arc::new(Self {
            id: config.id.clone(),
            demand,
            metrics,
            analyst,
            intake: Mutex::new(intake),
            health: Mutex::new(Health {
                state: CameraState::Connecting,
                reason: String::new(),
                since: SystemClock.wall(),
                attempts: 0,
                stream: None,
            }),
            base: Mutex::new(base),
            feeds: Mutex::new(HashMap::new()),
            counters: Counters::default(),
            stop: Stop::new(),
            thread: Mutex::new(None),
            config: Mutex::new(config),
        });
        camera.metrics.state(Some(CameraState::Connecting));
        let supervisor = Supervisor {
            camera: Arc::clone(&camera),
            events: shared.events(),
            ids: EventIds::new(random_seed()),
            backoff: Backoff::new(random_seed()),
        };
        let thread = std::thread::Builder::new()
            .name(format!("cam-{}", camera.id))
            .spawn(move || supervisor.run())
            .map_err(|source| EngineError::System {
                what: format!("cannot start the thread of camera `{}`", camera.id),
                source,
            })?;
        *camera.thread.lock() = Some(thread);
        Ok(camera)
    }

    /// Ends the camera's thread and settles what its rules have open. Blocks, at most for
    /// the time that FFmpeg needs to notice.
    pub(crate) fn stop(&self) {
        self.begin_stop();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(camera = %self.id, "the camera's thread ended in a panic");
        }
        if let Some(analyst) = &self.analyst {
            analyst.finish();
        }
        // The camera may be gone for good: no metric may say for ever that it is there.
        self.metrics.state(None);
        self.metrics.nobody_seen();
        for zone in &self.config().zones {
            self.metrics.occupancy(zone.name(), 0);
        }
    }

    /// Tells the camera's thread to end, without waiting for it.
    pub(crate) fn begin_stop(&self) {
        self.stop.stop();
        *self.intake.lock() = None;
        for feed in self.feeds.lock().values().filter_map(std::sync::Weak::upgrade) {
            feed.close();
        }
    }

    pub(crate) fn config(&self) -> CameraConfig {
        self.config.lock().clone()
    }

    pub(crate) fn analyst(&self) -> Option<&Arc<Analyst>> {
        self.analyst.as_ref()
    }

    pub(crate) fn scene(&self) -> Scene {
        self.analyst.as_ref().map(|analyst| analyst.scene()).unwrap_or_default()
    }

    pub(crate) fn latest(&self) -> Option<Arc<omma_types::Analysis>> {
        self.scene().latest
    }

    /// Makes the lines and zones of `config` the camera's, without touching its stream.
    pub(crate) fn replace_rules(&self, config: &CameraConfig) {
        let mut base = self.base.lock();
        let old = std::mem::replace(&mut *self.config.lock(), config.clone());
        let Some(analyst) = &self.analyst else { return };
        let mut counted = analyst.replace_rules(config.lines.clone(), config.zones.clone());
        // Rules that stay the same go on counting. What the others have counted stays with
        // their names, as in the store.
        let same_line = |line: &Line| config.lines.contains(line);
        let same_zone = |zone: &Zone| config.zones.contains(zone);
        counted.lines.retain(|c| !old.lines.iter().any(|l| l.name() == c.name && same_line(l)));
        counted.zones.retain(|c| !old.zones.iter().any(|z| z.name() == c.name && same_zone(z)));
        *base = base.plus(&counted);
    }

    pub(crate) fn status(&self) -> CameraStatus {
        let scene = self.scene();
        let tracks = scene.latest.as_ref().map(|a| a.tracks.as_slice()).unwrap_or_default();
        let confirmed = || tracks.iter().filter(|t| t.state == omma_types::TrackState::Confirmed);
        let detector = self.analyst.as_ref().map(|analyst| analyst.status());
        let (analysed, missed) =
            self.analyst.as_ref().map_or((0, 0), |a| (a.analysed(), a.dropped()));
        let health = self.health.lock();
        let online = health.state == CameraState::Online;
        let not_analysed = detector.as_ref().and_then(|d| d.error.as_ref());
        let reason = match not_analysed {
            Some(error) if online => format!("not analysed: {error}"),
            _ => health.reason.clone(),
        };
        let sees = online && not_analysed.is_none();
        CameraStatus {
            id: self.id.clone(),
            source: redact_url(&self.config.lock().url),
            state: health.state,
            reason,
            since: health.since,
            attempts: health.attempts,
            stream: health.stream.clone(),
            decoding: self.counters.decoding.load(Ordering::Relaxed),
            detector,
            frames: FrameCounts {
                received: self.counters.received.load(Ordering::Relaxed),
                decoded: self.counters.decoded.load(Ordering::Relaxed),
                analysed,
                dropped: self.counters.dropped.load(Ordering::Relaxed) + missed,
            },
            people: if sees {
                confirmed().filter(|t| t.class.as_str() == "person").count()
            } else {
                0
            },
            objects: if sees { confirmed().count() } else { 0 },
        }
    }

    /// What the lines and zones have counted, restarts included.
    pub(crate) fn totals(&self) -> Totals {
        let config = self.config();
        let mut totals = self.all_totals().of_rules(&config.lines, &config.zones);
        if self.health.lock().state != CameraState::Online {
            // Nobody is seen any more.
            totals.zones.iter_mut().for_each(|zone| zone.occupancy = 0);
        }
        totals
    }

    /// The same, also of rules that are no longer there: what a successor begins with.
    pub(crate) fn all_totals(&self) -> Totals {
        let base = self.base.lock();
        match &self.analyst {
            Some(analyst) => base.plus(&analyst.counts()),
            None => base.clone(),
        }
    }

    /// A live view with these options; views with equal options share one encoder.
    pub(crate) fn live(self: &Arc<Self>, options: ViewOptions) -> Result<LiveView, EngineError> {
        let mut feeds = self.feeds.lock();
        // Whoever stops the camera closes the feeds: one that came later would never end.
        if self.stop.is_stopped() {
            return Err(self.no_picture());
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        if let Some(feed) = feeds.get(&options).and_then(std::sync::Weak::upgrade) {
            return Ok(feed.view());
        }
        let feed = Feed::start(self, options)?;
        let consumer: Arc<dyn Consumer> = Arc::<Feed>::clone(&feed);
        self.demand.add(&consumer, Rate::Fps(f64::from(options.fps.clamp(1, 60))));
        feeds.insert(options, Arc::downgrade(&feed));
        Ok(feed.view())
    }

    pub(crate) fn no_picture(&self) -> EngineError {
        let health = self.health.lock();
        EngineError::NoPicture {
            camera: self.id.to_string(),
            state: health.state.as_str(),
            reason: health.reason.clone(),
        }
    }

    pub(crate) fn count_drop(&self, reason: Dropped) {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        self.metrics.drop_frame(reason);
    }
}

/// Keeps one camera alive.
struct Supervisor {
    camera: Arc<Camera>,
    events: crate::writer::EventSender,
    ids: EventIds,
    backoff: Backoff,
}

impl Supervisor {
    fn run(mut self) {
        let camera = Arc::clone(&self.camera);
        while !camera.stop.is_stopped() {
            self.enter(CameraState::Connecting, "");
            let mut online = None;
            let session = std::panic::AssertUnwindSafe(|| self.session(&mut online));
            let outcome = std::panic::catch_unwind(session);
            camera.counters.decoding.store(false, Ordering::Relaxed);
            if camera.stop.is_stopped() {
                return;
            }
            if let Some(since) = online {
                self.backoff.worked(since.elapsed());
            }
            let delay = match outcome {
                Ok(Ok(reason)) => {
                    if let Some(analyst) = &camera.analyst {
                        analyst.finish();
                    }
                    self.enter(CameraState::Ended, &reason);
                    return;
                }
                Ok(Err(error)) => {
                    let silent = online.is_some() && error.kind() == ErrorKind::Timeout;
                    let (state, delay) = match error.kind() {
                        _ if silent => (CameraState::Stalled, self.backoff.next_delay()),
                        ErrorKind::Invalid | ErrorKind::Unsupported => {
                            (CameraState::Failed, self.backoff.longest())
                        }
                        _ => (CameraState::Offline, self.backoff.next_delay()),
                    };
                    self.enter(state, &error.to_string());
                    delay
                }
                Err(_panic) => {
                    self.enter(CameraState::Offline, "its thread panicked; see the log");
                    self.backoff.next_delay()
                }
            };
            camera.health.lock().attempts = self.backoff.attempts();
            camera.metrics.reconnects.increment(1);
            camera.stop.wait(delay);
        }
    }

    /// Opens the camera and reads it to its end; says how it ended. Notes in `online` when
    /// packets begin to come.
    fn session(&mut self, online: &mut Option<Instant>) -> Result<String, EngineError> {
        let config = self.camera.config();
        let spec: SourceSpec = crate::source::resolve(&config, &config.url)?;
        let mut source = Source::open(&spec, &self.camera.stop)?;
        let info = source.info();
        self.camera.health.lock().stream = Some(StreamStatus {
            codec: info.codec.to_owned(),
            size: info.size.unwrap_or_default(),
            fps: info.frame_rate,
        });
        let camera = Arc::clone(&self.camera);
        let mut reader = Reader::new(&camera, config.ring_bytes);
        loop {
            let packet = match source.read() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok("the file has been played to its end".to_owned()),
                // Playing its good part again and again would count everybody again.
                Err(error)
                    if error.kind() == ErrorKind::Corrupt
                        && online.is_some()
                        && spec.is_file()
                        && !config.looped =>
                {
                    return Ok(error.to_string());
                }
                Err(error) => return Err(error.into()),
            };
            if online.is_none() {
                *online = Some(Instant::now());
                self.enter(CameraState::Online, "");
            }
            // Waiting for the next packet is no work: only what follows its arrival counts.
            self.camera.metrics.stage(Stage::Demux, packet.arrival.elapsed());
            reader.take(&packet, source.info())?;
        }
    }

    /// Notes a change of state, and makes it an event.
    fn enter(&mut self, state: CameraState, reason: &str) {
        let camera = &self.camera;
        let wall = SystemClock.wall();
        {
            let mut health = camera.health.lock();
            let known = health.state == state && health.reason == reason;
            let is_back = state == CameraState::Online;
            health.attempts = if is_back { 0 } else { self.backoff.attempts() };
            if known {
                return;
            }
            // An attempt to reconnect is no news while the camera is away: the reason why
            // it is away is what people want to read.
            if state == CameraState::Connecting && !health.reason.is_empty() {
                return;
            }
            health.state = state;
            health.reason = reason.to_owned();
            health.since = wall;
        }
        camera.metrics.state(Some(state));
        if state != CameraState::Online {
            // Nobody is seen any more.
            camera.metrics.nobody_seen();
            for zone in &camera.config().zones {
                camera.metrics.occupancy(zone.name(), 0);
            }
        }
        match state {
            CameraState::Connecting => return,
            CameraState::Online => {
                tracing::info!(camera = %camera.id, state = state.as_str(), "camera");
            }
            CameraState::Ended => {
                tracing::info!(camera = %camera.id, state = state.as_str(), reason, "camera");
            }
            _ => tracing::warn!(camera = %camera.id, state = state.as_str(), reason, "camera"),
        }
        let event = Event {
            id: self.ids.next(wall),
            camera: camera.id.clone(),
            kind: EventKind::CameraState { state: state.as_str(), reason: reason.to_owned() },
            rule: None,
            track: None,
            class: None,
            score: None,
            rect: None,
            media: MediaTime::ZERO,
            wall,
            path: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
        };
        self.events.send(event, None);
    }
}

/// The reading side of one connection: ring, gate and decoder.
struct Reader<'a> {
    camera: &'a Camera,
    ring: GopRing,
    decoder: Option<Decoder>,
    /// Whether the decoder saw every packet since a keyframe.
    in_step: bool,
    plan: Plan,
    packets: u64,
    window: (Instant, u64),
}

impl<'a> Reader<'a> {
    fn new(camera: &'a Camera, ring_bytes: usize) -> Self {
        Self {
            camera,
            ring: GopRing::new(ring_bytes),
            decoder: None,
            in_step: false,
            plan: Plan::Nothing,
            packets: 0,
            window: (Instant::now(), 0),
        }
    }

    fn take(&mut self, packet: &Packet, info: &omma_media::StreamInfo) -> Result<(), MediaError> {
        self.packets += 1;
        let camera = self.camera;
        camera.counters.received.fetch_add(1, Ordering::Relaxed);
        camera.metrics.received.increment(1);
        camera.metrics.received_bytes.increment(packet.len() as u64);
        self.measure_rate();
        let plan = camera.demand.plan(packet.arrival);
        let late = plan > self.plan && !packet.keyframe;
        let catch_up = late && plan == Plan::Everything;
        let oversized = self.ring.oversized_groups();
        self.ring.push(packet.clone());
        camera.metrics.ring_overflows.increment(self.ring.oversized_groups() - oversized);
        camera.metrics.ring_bytes.set(self.ring.bytes() as f64);
        self.follow(plan, info)?;
        if self.decoder.is_none() {
            return Ok(());
        }
        if catch_up {
            // A consumer came in the middle of a group: the ring holds its beginning.
            let missed: Vec<Packet> = self.ring.since_keyframe().cloned().collect();
            self.in_step = !missed.is_empty();
            let last = missed.len().saturating_sub(1);
            for (index, packet) in missed.iter().enumerate() {
                self.decode(packet, index == last);
            }
            return Ok(());
        }
        if packet.keyframe {
            self.in_step = true;
        }
        if self.in_step && (plan == Plan::Everything || packet.keyframe) {
            self.decode(packet, true);
        } else if plan == Plan::Keyframes {
            self.in_step = false;
        }
        Ok(())
    }

    /// Opens, closes or changes the decoder to fit `plan`.
    fn follow(&mut self, plan: Plan, info: &omma_media::StreamInfo) -> Result<(), MediaError> {
        if plan == self.plan && (self.decoder.is_some() == (plan > Plan::Nothing)) {
            return Ok(());
        }
        self.camera.counters.decoding.store(plan > Plan::Nothing, Ordering::Relaxed);
        self.plan = plan;
        match plan {
            Plan::Nothing => {
                self.decoder = None;
                self.in_step = false;
            }
            Plan::Keyframes | Plan::Everything => {
                let decoder = match self.decoder.take() {
                    Some(decoder) => decoder,
                    None => Decoder::new(info, DecoderOptions::default())?,
                };
                let mut decoder = decoder;
                decoder.set_skip(if plan == Plan::Keyframes { Skip::NonKey } else { Skip::None });
                decoder.reset();
                self.in_step = false;
                self.decoder = Some(decoder);
            }
        }
        Ok(())
    }

    fn decode(&mut self, packet: &Packet, wanted: bool) {
        let Some(decoder) = &mut self.decoder else { return };
        let started = Instant::now();
        let damaged_before = decoder.stats().corrupt;
        let mut failed = decoder.send(packet).is_err();
        loop {
            match decoder.receive() {
                Ok(Some(picture)) => self.camera.shown(&picture, packet.arrival, started, wanted),
                Ok(None) => break,
                Err(_failure) => {
                    failed = true;
                    break;
                }
            }
        }
        let damaged = decoder.stats().corrupt - damaged_before;
        for _ in 0..damaged.max(u64::from(failed)) {
            self.camera.count_drop(Dropped::Corrupt);
        }
    }

    fn measure_rate(&mut self) {
        let (since, from) = self.window;
        let counted = self.packets - from;
        if counted < RATE_WINDOW {
            return;
        }
        let secs = since.elapsed().as_secs_f64();
        if let Some(stream) = &mut self.camera.health.lock().stream
            && secs > 0.0
        {
            stream.fps = Some(counted as f64 / secs);
        }
        self.window = (Instant::now(), self.packets);
    }
}

impl Camera {
    /// A picture was decoded: counts it and gives it to whoever wants it.
    fn shown(&self, picture: &Picture, arrival: Instant, started: Instant, wanted: bool) {
        self.counters.decoded.fetch_add(1, Ordering::Relaxed);
        self.metrics.decoded.increment(1);
        self.metrics.stage(Stage::Decode, started.elapsed());
        let size = picture.stamp().size;
        if let Some(stream) = &mut self.health.lock().stream {
            stream.size = size;
        }
        if wanted {
            self.demand.offer(picture, arrival);
        }
    }
}
