//! One camera: its thread reads, decodes what somebody wants, and is opened again whenever
//! something goes wrong. Nothing that happens here touches another camera.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_media::{
    Decoder, DecoderOptions, GopRing, MediaError, Packet, Picture, Skip, Source, SourceSpec, Stop,
};
use omma_types::{
    CameraId, Clock as _, Direction, ErrorKind, Event, EventIds, EventKind, MediaTime, Stage,
    SystemClock, WallTime, redact_url,
};
use parking_lot::Mutex;

use crate::analyst::{Analyst, Intake, Links, Scene};
use crate::backoff::Backoff;
use crate::config::{CameraConfig, Rate};
use crate::demand::{Consumer, Demand, Plan};
use crate::error::EngineError;
use crate::live::{Feed, LiveView};
use crate::shared::{Shared, random_seed};
use crate::status::{
    CameraState, CameraStatus, FrameCounts, StreamStatus, Totals, ViewOptions, ZoneTotals,
};
use crate::telemetry::{CameraMetrics, Drop as Dropped};

/// Frames over which the rate of a stream is measured.
const RATE_WINDOW: u64 = 50;

/// A camera that was online this long starts its backoff anew.
const STABLE_AFTER: Duration = Duration::from_secs(10);

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
    /// Counted before this process started, from the store.
    base: Totals,
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
            base,
            feeds: Mutex::new(HashMap::new()),
            counters: Counters::default(),
            stop: Stop::new(),
            thread: Mutex::new(None),
            config: Mutex::new(config),
        });
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
    pub(crate) fn replace_rules(&self, config: CameraConfig) {
        if let Some(analyst) = &self.analyst {
            analyst.replace_rules(config.lines.clone(), config.zones.clone());
        }
        *self.config.lock() = config;
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
            people: if online {
                confirmed().filter(|t| t.class.as_str() == "person").count()
            } else {
                0
            },
            objects: if online { confirmed().count() } else { 0 },
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let config = self.config();
        let counts = self.analyst.as_ref().map(|analyst| analyst.counts());
        let line = |name: &str| {
            let before = self.base.lines.iter().find(|line| line.name == name);
            let now = counts.as_ref().and_then(|c| c.lines.iter().find(|l| l.name == name));
            let mut totals = before.cloned().unwrap_or_default();
            totals.name = name.to_owned();
            if let Some(now) = now {
                totals.forward += now.total(Direction::Forward);
                totals.backward += now.total(Direction::Backward);
            }
            totals
        };
        let zone = |name: &str| {
            let before = self.base.zones.iter().find(|zone| zone.name == name);
            let now = counts.as_ref().and_then(|c| c.zones.iter().find(|z| z.name == name));
            let mut totals = before.cloned().unwrap_or_default();
            totals.name = name.to_owned();
            if let Some(now) = now {
                let now = ZoneTotals::from(now);
                totals.occupancy = now.occupancy;
                totals.mean_dwell =
                    mean((totals.mean_dwell, totals.visits), (now.mean_dwell, now.visits));
                totals.visits += now.visits;
            }
            totals
        };
        Totals {
            lines: config.lines.iter().map(|l| line(l.name())).collect(),
            zones: config.zones.iter().map(|z| zone(z.name())).collect(),
        }
    }

    /// A live view with these options; views with equal options share one encoder.
    pub(crate) fn live(self: &Arc<Self>, options: ViewOptions) -> Result<LiveView, EngineError> {
        let mut feeds = self.feeds.lock();
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

/// The mean of two means, each with its number of samples.
fn mean((a, a_count): (Duration, u64), (b, b_count): (Duration, u64)) -> Duration {
    let count = a_count + b_count;
    if count == 0 {
        return Duration::ZERO;
    }
    let sum = a.as_secs_f64() * a_count as f64 + b.as_secs_f64() * b_count as f64;
    Duration::from_secs_f64(sum / count as f64)
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
            let opened = Instant::now();
            let session = std::panic::AssertUnwindSafe(|| self.session());
            let outcome = std::panic::catch_unwind(session);
            camera.counters.decoding.store(false, Ordering::Relaxed);
            if camera.stop.is_stopped() {
                return;
            }
            let was_online = camera.health.lock().state == CameraState::Online;
            if was_online && opened.elapsed() > STABLE_AFTER {
                self.backoff.succeeded();
            }
            let delay = match outcome {
                Ok(Ok(())) => {
                    self.enter(CameraState::Ended, "the file has been played to its end");
                    return;
                }
                Ok(Err(error)) => {
                    let silent = was_online && error.kind() == ErrorKind::Timeout;
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

    /// Opens the camera and reads it to its end.
    fn session(&mut self) -> Result<(), EngineError> {
        let config = self.camera.config();
        let spec: SourceSpec = crate::source::resolve(&config)?;
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
            let Some(packet) = source.read()? else { return Ok(()) };
            if reader.packets == 0 {
                self.backoff.succeeded();
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
            health.attempts = self.backoff.attempts();
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
        camera.metrics.state(state);
        if state != CameraState::Online {
            // Nobody is seen any more.
            camera.metrics.people.set(0.0);
            camera.metrics.objects.set(0.0);
        }
        match state {
            CameraState::Connecting => return,
            CameraState::Online | CameraState::Ended => {
                tracing::info!(camera = %camera.id, state = state.as_str(), "camera");
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
        let before = self.ring.dropped();
        self.ring.push(packet.clone());
        for _ in before..self.ring.dropped() {
            camera.count_drop(Dropped::RingFull);
        }
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
