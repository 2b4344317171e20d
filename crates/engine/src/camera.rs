//! One camera: its streams, what looks at its pictures, and those who look at it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use omma_bus::dialect::deepvision::Note;
use omma_rules::{Line, Zone};
use omma_types::{Analysis, CameraId, EventIds, Track, TrackState, redact_url};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::analyst::{Analyst, Intake, Links, Scene, Witness};
use crate::config::{CameraConfig, PassThroughConfig, Rate, RecordConfig};
use crate::demand::Consumer;
use crate::error::EngineError;
use crate::feed::{PacketFeed, PictureFeed, Preroll};
use crate::input::Relayed;
use crate::live::{Feed, LiveView};
use crate::pass_through::{PassThrough, PassThroughStatus};
use crate::record::{Library, Recorder, RecordingStatus};
use crate::sent::PacketSender;
use crate::shared::{Shared, random_seed};
use crate::status::{CameraState, CameraStatus, FrameCounts, Message, Totals, ViewOptions};
use crate::stream::{Role, Stream};
use crate::telemetry::{CameraMetrics, Drop as Dropped};
use crate::tracks::Log;

/// One camera.
pub(crate) struct Camera {
    pub(crate) id: CameraId,
    config: Mutex<CameraConfig>,
    pub(crate) metrics: Arc<CameraMetrics>,
    /// None while the camera is paused.
    main: Option<Arc<Stream>>,
    /// A stream for the detector alone, where there is one.
    sub: Option<Arc<Stream>>,
    analyst: Option<Arc<Analyst>>,
    /// Keeps where everybody went; none where that is not kept.
    log: Option<Arc<Log>>,
    /// Keeps the analyst's demand alive; dropped when the camera stops.
    intake: Mutex<Option<Arc<dyn Consumer>>>,
    /// Counted before: by former processes, by the camera's predecessor before a reload, and
    /// by rules that were exchanged. Locked before the analyst's rules.
    base: Mutex<Totals>,
    /// Whether what is counted, here or elsewhere, comes back as events: then the store's
    /// counts are all, and go into `base` again and again.
    counts_come: bool,
    /// What another process found out about its pictures last.
    heard: Mutex<Scene>,
    feeds: Mutex<HashMap<ViewOptions, std::sync::Weak<Feed>>>,
    /// What other programs want to have drawn into its live picture.
    notes: Mutex<Vec<Note>>,
    pass_through: Mutex<Option<PassThrough>>,
    recorder: Mutex<Option<Recorder>>,
    library: Arc<Library>,
    since: omma_types::WallTime,
}

impl Camera {
    /// Starts the camera's threads.
    pub(crate) fn start(
        config: CameraConfig,
        base: Totals,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Self>, EngineError> {
        let metrics = Arc::new(shared.telemetry.camera(&config.id));
        let mandate = shared.cluster.as_ref().and_then(|cluster| cluster.mandate(&config.id));
        let relay = shared
            .remote
            .as_ref()
            .filter(|_| config.relayed)
            .map(|remote| Relayed { topics: remote.topics().clone(), mandate: mandate.clone() });
        let analyst = config.detect.clone().map(|detect| -> Result<_, EngineError> {
            let links = Links {
                pool: Arc::clone(&shared.pool),
                events: shared.events(),
                library: Arc::clone(&shared.library),
                snapshots: Arc::clone(&shared.snapshots),
                messages: shared.messages.clone(),
                metrics: Arc::clone(&metrics),
                ids: EventIds::new(random_seed()),
                remote: shared.remote.clone(),
                mandate: mandate.clone(),
            };
            Analyst::new(&config, detect, links)
        });
        let analyst = analyst.transpose()?;
        let log = shared.keeper.as_ref().zip(analyst.as_ref()).map(|(keeper, analyst)| {
            let log = keeper.log(&config.id);
            let witness: Arc<dyn Witness> = Arc::clone(&log) as _;
            analyst.add_witness(&witness);
            log
        });
        let main = (!config.paused).then(|| {
            Stream::new(&config, Role::Main, Arc::clone(&metrics), &shared.runtime, relay)
        });
        let sub = (!config.paused && config.detect_url.is_some()).then(|| {
            let metrics = Arc::new(shared.telemetry.sub_stream(&config.id));
            Stream::new(&config, Role::Detect, metrics, &shared.runtime, None)
        });
        let seen = sub.as_ref().or(main.as_ref());
        let intake = analyst.as_ref().zip(config.detect.as_ref()).map(|(analyst, detect)| {
            let intake: Arc<dyn Consumer> = Arc::new(Intake(Arc::clone(analyst)));
            if let Some(seen) = seen {
                // An analysis that may go on elsewhere picks its pictures itself.
                let picks = mandate.is_some() && detect.rate != Rate::Keyframes;
                seen.demand.add(&intake, if picks { Rate::All } else { detect.rate });
            }
            intake
        });
        let camera = Arc::new(Self {
            id: config.id.clone(),
            metrics,
            main,
            sub,
            analyst,
            log,
            intake: Mutex::new(intake),
            base: Mutex::new(base),
            counts_come: shared.cluster.as_ref().is_some_and(|cluster| cluster.serves()),
            heard: Mutex::default(),
            feeds: Mutex::new(HashMap::new()),
            notes: Mutex::default(),
            pass_through: Mutex::new(None),
            recorder: Mutex::new(None),
            library: Arc::clone(&shared.library),
            since: omma_types::Clock::wall(&omma_types::SystemClock),
            config: Mutex::new(config),
        });
        camera.metrics.state(Some(camera.state()));
        for stream in camera.streams() {
            stream.start(&camera, shared)?;
        }
        camera.pass_on(camera.config().pass_through)?;
        camera.record(camera.config().record.as_ref())?;
        Ok(camera)
    }

    /// What other programs want to have drawn into its live picture.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.lock().clone()
    }

    pub(crate) fn set_notes(&self, notes: Vec<Note>) {
        *self.notes.lock() = notes;
    }

    fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.main.iter().chain(&self.sub)
    }

    /// The stream that is shown and recorded.
    ///
    /// # Errors
    /// The camera is paused.
    pub(crate) fn main(&self) -> Result<&Arc<Stream>, EngineError> {
        self.main.as_ref().ok_or_else(|| self.no_picture())
    }

    /// The stream that the detector sees.
    fn seen(&self) -> Option<&Arc<Stream>> {
        self.sub.as_ref().or(self.main.as_ref())
    }

    /// Ends the camera's threads and settles what its rules have open. Blocks, at most for
    /// the time that FFmpeg needs to notice.
    pub(crate) fn stop(&self) {
        self.begin_stop();
        if let Some(pass_through) = self.pass_through.lock().take() {
            pass_through.stop();
        }
        if let Some(recorder) = self.recorder.lock().take() {
            recorder.stop(None);
        }
        for stream in self.streams() {
            stream.join();
        }
        if let Some(analyst) = &self.analyst {
            analyst.stop();
        }
        self.log.iter().for_each(|log| log.flush());
        // The camera may be gone for good: no metric may say for ever that it is there.
        self.metrics.state(None);
        self.nobody_seen();
    }

    /// Tells the camera's threads to end, without waiting for them.
    pub(crate) fn begin_stop(&self) {
        for stream in self.streams() {
            stream.begin_stop();
        }
        *self.intake.lock() = None;
        self.analyst.iter().for_each(|analyst| analyst.begin_stop());
        for feed in self.feeds.lock().values().filter_map(std::sync::Weak::upgrade) {
            feed.close();
        }
    }

    /// A stream entered a state.
    pub(crate) fn entered(&self, role: Role, state: CameraState) {
        if role == Role::Main {
            self.metrics.state(Some(state));
        }
        if role == self.seen_role() && state != CameraState::Online {
            self.nobody_seen();
        }
    }

    /// A stream that was a file has been played to its end.
    pub(crate) fn played(&self, role: Role) {
        if role == self.seen_role()
            && let Some(analyst) = &self.analyst
        {
            analyst.finish();
        }
    }

    fn seen_role(&self) -> Role {
        if self.sub.is_some() { Role::Detect } else { Role::Main }
    }

    /// Nobody is seen any more.
    fn nobody_seen(&self) {
        self.metrics.nobody_seen();
        for zone in &self.config().zones {
            self.metrics.occupancy(zone.name(), 0);
        }
    }

    pub(crate) fn state(&self) -> CameraState {
        self.main.as_ref().map_or(CameraState::Paused, |stream| stream.health.state())
    }

    /// Whether its analyses carry the times of another stream than its pictures.
    pub(crate) fn has_sub_stream(&self) -> bool {
        self.sub.is_some()
    }

    pub(crate) fn config(&self) -> CameraConfig {
        self.config.lock().clone()
    }

    pub(crate) fn analyst(&self) -> Option<&Arc<Analyst>> {
        self.analyst.as_ref()
    }

    pub(crate) fn log(&self) -> Option<&Arc<Log>> {
        self.log.as_ref()
    }

    pub(crate) fn scene(&self) -> Scene {
        match &self.analyst {
            Some(analyst) => analyst.scene(),
            None => self.heard.lock().clone(),
        }
    }

    /// Another process has analysed a picture.
    pub(crate) fn heard(&self, analysis: Arc<Analysis>, messages: &broadcast::Sender<Message>) {
        let confirmed = || analysis.tracks.iter().filter(|t| t.state == TrackState::Confirmed);
        let people = confirmed().filter(|t| t.class.as_str() == "person").count();
        self.metrics.people.set(people as f64);
        self.metrics.objects.set(confirmed().count() as f64);
        for zone in &self.config().zones {
            let inside = confirmed().filter(|track| zone.holds(track)).count();
            self.metrics.occupancy(zone.name(), inside as u64);
        }
        {
            let mut scene = self.heard.lock();
            scene.previous = scene.latest.replace(Arc::clone(&analysis));
        }
        // Nobody listens: that is no failure.
        drop(messages.send(Message::Analysis(analysis)));
    }

    /// What the store has counted by now, where counts come as events.
    pub(crate) fn counted(&self, totals: Totals) {
        if self.counts_come {
            *self.base.lock() = totals;
        }
    }

    /// How many objects are in each zone, as far as this process knows.
    fn occupy(&self, totals: &mut Totals) {
        let inside = |name: &str| match &self.analyst {
            Some(analyst) => {
                let counts = analyst.counts();
                counts.zones.iter().find(|zone| zone.name == name).map_or(0, |z| z.occupancy())
            }
            None => {
                let config = self.config();
                let zone = config.zones.iter().find(|zone| zone.name() == name);
                let latest = self.heard.lock().latest.clone();
                zone.zip(latest).map_or(0, |(zone, latest)| {
                    let confirmed = |track: &&Track| track.state == TrackState::Confirmed;
                    let inside = latest.tracks.iter().filter(confirmed).filter(|t| zone.holds(t));
                    inside.count() as u64
                })
            }
        };
        for zone in &mut totals.zones {
            zone.occupancy = inside(&zone.name);
        }
    }

    pub(crate) fn latest(&self) -> Option<Arc<omma_types::Analysis>> {
        self.scene().latest
    }

    /// Makes `config` the camera's, which differs in nothing that the stream would have to be
    /// touched for.
    pub(crate) fn adapt(&self, config: &CameraConfig) {
        if self.config().pass_through != config.pass_through
            && let Err(error) = self.pass_on(config.pass_through.clone())
        {
            tracing::error!(camera = %self.id, %error, "the stream is not passed on");
        }
        if self.config().record != config.record
            && let Err(error) = self.record(config.record.as_ref())
        {
            tracing::error!(camera = %self.id, %error, "the stream is not recorded");
        }
        self.replace_rules(config);
    }

    /// Records the stream as `config` says, in place of what was before.
    fn record(&self, config: Option<&RecordConfig>) -> Result<(), EngineError> {
        self.library.set_limits(&self.id, config);
        let mut recorder = self.recorder.lock();
        if let Some(before) = recorder.take() {
            before.stop(config.is_none().then_some("it is switched off in the configuration"));
        }
        if let (Some(config), Some(main)) = (config, &self.main) {
            let main = Arc::clone(main);
            let feeds = Box::new(move |preroll| PacketFeed::new(&main, preroll, Instant::now()));
            let metrics = Arc::clone(&self.metrics);
            *recorder = Some(Recorder::start(&self.id, config, feeds, &self.library, metrics)?);
        }
        Ok(())
    }

    /// How recording the camera does; none where it is not to be recorded.
    pub(crate) fn recording(&self) -> Option<RecordingStatus> {
        self.recorder.lock().as_ref().map(Recorder::status)
    }

    /// Passes the stream on as `config` says, in place of what was before.
    fn pass_on(&self, config: Option<PassThroughConfig>) -> Result<(), EngineError> {
        let mut now = config.map(PassThrough::new);
        if let (Some(pass_through), Some(main)) = (&mut now, &self.main)
            && pass_through.config.start
        {
            pass_through.start(main)?;
        }
        *self.pass_through.lock() = now;
        Ok(())
    }

    /// How passing the stream on does; none where there is no address for it.
    pub(crate) fn pass_through(&self) -> Option<PassThroughStatus> {
        self.pass_through.lock().as_ref().map(PassThrough::status)
    }

    fn replace_rules(&self, config: &CameraConfig) {
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
        let health = self.main.as_ref().map(|stream| stream.health.report());
        let state = self.state();
        let mut reason = health.as_ref().map(|h| h.reason.clone()).unwrap_or_default();
        let mut sees = state == CameraState::Online;
        let mut trouble = detector.as_ref().and_then(|d| d.error.clone());
        if let Some(sub) = &self.sub {
            let report = sub.health.report();
            sees = report.state == CameraState::Online;
            if !sees && trouble.is_none() {
                trouble = Some(format!(
                    "its `detect_url` is {}: {}",
                    report.state.as_str(),
                    report.reason
                ));
            }
        }
        if let Some(trouble) = trouble.filter(|_| state == CameraState::Online) {
            reason = format!("not analysed: {trouble}");
            sees = false;
        }
        CameraStatus {
            id: self.id.clone(),
            source: redact_url(&self.config.lock().url),
            state,
            reason,
            since: health.as_ref().map_or(self.since, |h| h.since),
            attempts: health.as_ref().map_or(0, |h| h.attempts),
            stream: health.and_then(|h| h.stream),
            decoding: self.streams().any(|stream| stream.is_decoding()),
            detector,
            frames: FrameCounts {
                received: self.main.as_ref().map_or(0, |stream| stream.received()),
                decoded: self.streams().map(|stream| stream.decoded()).sum(),
                analysed,
                dropped: self.streams().map(|stream| stream.dropped()).sum::<u64>() + missed,
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
        if self.counts_come {
            self.occupy(&mut totals);
        }
        if self.seen().is_none_or(|stream| stream.health.state() != CameraState::Online) {
            // Nobody is seen any more.
            totals.zones.iter_mut().for_each(|zone| zone.occupancy = 0);
        }
        totals
    }

    /// The same, also of rules that are no longer there: what a successor begins with.
    pub(crate) fn all_totals(&self) -> Totals {
        let base = self.base.lock();
        match &self.analyst {
            _ if self.counts_come => base.clone(),
            Some(analyst) => base.plus(&analyst.counts()),
            None => base.clone(),
        }
    }

    /// A live view with these options; views with equal options share one encoder.
    pub(crate) fn live(self: &Arc<Self>, options: ViewOptions) -> Result<LiveView, EngineError> {
        let mut feeds = self.feeds.lock();
        // Whoever stops the camera closes the feeds: one that came later would never end.
        let main = self.main()?;
        if main.is_stopped() {
            return Err(self.no_picture());
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        if let Some(feed) = feeds.get(&options).and_then(std::sync::Weak::upgrade) {
            return Ok(feed.view());
        }
        let feed = Feed::start(self, options)?;
        let consumer: Arc<dyn Consumer> = Arc::<Feed>::clone(&feed);
        main.demand.add(&consumer, Rate::Fps(f64::from(options.fps.clamp(1, 60))));
        feeds.insert(options, Arc::downgrade(&feed));
        Ok(feed.view())
    }

    /// Packets from now on.
    pub(crate) fn packets(&self, preroll: Preroll) -> Result<PacketFeed, EngineError> {
        Ok(PacketFeed::new(self.main()?, preroll, Instant::now()))
    }

    /// A way to send its packets.
    pub(crate) fn sender(&self) -> Result<PacketSender, EngineError> {
        let inlet = self.main()?.inlet.as_ref();
        let inlet = inlet.ok_or_else(|| EngineError::NotSent { camera: self.id.to_string() })?;
        Ok(inlet.open())
    }

    /// Decoded pictures from now on.
    pub(crate) fn pictures(&self, rate: Rate) -> Result<PictureFeed, EngineError> {
        Ok(PictureFeed::new(self.main()?, rate))
    }

    pub(crate) fn no_picture(&self) -> EngineError {
        let reason = match &self.main {
            Some(stream) => stream.health.report().reason,
            None => "resume it to see it".to_owned(),
        };
        EngineError::NoPicture { camera: self.id.to_string(), state: self.state().as_str(), reason }
    }

    pub(crate) fn count_drop(&self, reason: Dropped) {
        match &self.main {
            Some(stream) => stream.count_drop(reason),
            None => self.metrics.drop_frame(reason),
        }
    }
}
