//! The task of one outlet: pictures and analyses in, one call of the outlet at a time.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use omma_bus::topic::LazyTopics;
use omma_bus::{BusError, Frame, Outlet, Wanted};
use omma_imaging::ImagingError;
use omma_media::Picture;
use omma_types::{Analysis, Clock as _, SystemClock, TrackState};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::convert::Converter;
use super::inbox::Inbox;
use super::open::{open, rate};
use super::page::{Marks, Page, PageArtist, PageView};
use super::past;
use super::sight::Waiting;
use super::status::{Progress, PublicationState, PublicationStatus};
use super::viewer::Viewer;
use crate::backoff::Backoff;
use crate::camera::Camera;
use crate::config::{DialectConfig, PublishConfig};
use crate::demand::Consumer;
use crate::feed::{Parcel, Preroll};
use crate::scene::carried_on;
use crate::shared::{Shared, random_seed};
use crate::status::{CameraState, JpegFrame, Message};
use crate::telemetry::{PublishDrop, PublishMetrics, Telemetry};

/// How often a camera that does not run is looked for, and whether one that runs still does.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// An outlet that has not answered by then is cut off.
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// That a message could not be sent is told for this long, though others were.
const UNSENT_TOLD_FOR: Duration = Duration::from_secs(30);

/// How often figures are told.
const FIGURES_EVERY: Duration = Duration::from_millis(250);

/// Analyses that are written before the next picture has its turn.
const ANALYSES_AT_A_TIME: usize = 16;

/// All publications of an engine.
pub(crate) struct Publishers {
    /// Of the bus, where there is one: outlets of Omma's own form share its connections.
    bus: Option<LazyTopics>,
    telemetry: Arc<Telemetry>,
    running: Mutex<Vec<Running>>,
}

/// One entry of the configuration, and what is known of it.
struct Entry {
    config: PublishConfig,
    page: Option<Page>,
    /// One of each outlet.
    progress: Vec<Arc<Mutex<Progress>>>,
}

/// An entry and its tasks: one of each outlet, and what its dialect needs besides.
struct Running {
    entry: Arc<Entry>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    /// What is on its way to a broker may or may not arrive.
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Publishers {
    /// Publishes nothing yet.
    pub(crate) fn new(bus: Option<LazyTopics>, telemetry: Arc<Telemetry>) -> Self {
        Self { bus, telemetry, running: Mutex::default() }
    }

    /// Publishes `wanted` and nothing else, in this order; what was published before goes on
    /// undisturbed. Returns what changed, for people.
    pub(crate) fn apply(&self, shared: &Arc<Shared>, wanted: &[PublishConfig]) -> Vec<String> {
        let mut running = self.running.lock();
        let mut before = std::mem::take(&mut *running);
        let mut report = Vec::new();
        for config in wanted {
            let same = before.iter().position(|running| running.entry.config == *config);
            running.push(match same {
                Some(at) => before.swap_remove(at),
                None => {
                    report.push(format!("{}: published", told(config)));
                    self.start(shared, config)
                }
            });
        }
        report.extend(
            before.iter().map(|gone| {
                format!("{}: not published any more as it was", told(&gone.entry.config))
            }),
        );
        report
    }

    /// Opens the outlets of `config`. One that can't be opened is told of in its status. Must
    /// be called on a Tokio runtime.
    fn start(&self, shared: &Arc<Shared>, config: &PublishConfig) -> Running {
        let progress = || {
            Arc::new(Mutex::new(Progress::new(
                config.camera.clone(),
                config.dialect.as_str(),
                config.name.clone(),
                config.broker.shown(),
            )))
        };
        let mut entry = Entry {
            config: config.clone(),
            page: config.page.is_some().then(Page::new),
            progress: Vec::new(),
        };
        let outlets = match open(config, self.bus.as_ref()) {
            Ok(outlets) => {
                entry.progress.extend(outlets.iter().map(|_| progress()));
                outlets
            }
            Err(error) => {
                tracing::error!(
                    camera = %config.camera, dialect = config.dialect.as_str(), %error,
                    "a camera can't be published"
                );
                let failed = progress();
                failed.lock().enter(PublicationState::Failed, error.to_string());
                entry.progress.push(failed);
                Vec::new()
            }
        };
        let entry = Arc::new(entry);
        let drivers = outlets.into_iter().zip(&entry.progress).enumerate();
        let drivers = drivers.map(|(at, (outlet, progress))| Driver {
            outlet,
            progress: Arc::clone(progress),
            metrics: self.telemetry.publication(&config.camera, config.dialect.as_str()),
            is_first: at == 0,
            viewer: Viewer::new(config),
            tools: None,
            backoff: Backoff::new(random_seed()),
            away_until: None,
            well_since: None,
            unsent_at: None,
            told: Instant::now(),
            entry: Arc::clone(&entry),
        });
        let mut tasks: Vec<JoinHandle<()>> =
            drivers.map(|driver| tokio::spawn(driver.run(Arc::downgrade(shared)))).collect();
        if matches!(config.dialect, DialectConfig::Chrysalis { .. }) {
            let answering = past::answer_all(config.clone(), Arc::downgrade(shared));
            tasks.push(tokio::spawn(answering));
        }
        Running { entry, tasks }
    }

    /// Ends all tasks.
    pub(crate) fn stop(&self) {
        self.running.lock().clear();
    }

    /// All outlets in the order of the configuration.
    pub(crate) fn status(&self) -> Vec<PublicationStatus> {
        let now = Instant::now();
        let running = self.running.lock();
        let progress = running.iter().flat_map(|running| &running.entry.progress);
        progress.map(|progress| progress.lock().as_of(now)).collect()
    }

    /// A view of the page of the entry that the configuration describes so.
    pub(crate) fn page(&self, config: &PublishConfig) -> Option<PageView> {
        let running = self.running.lock();
        let running = running.iter().find(|running| running.entry.config == *config)?;
        running.entry.page.as_ref().map(Page::view)
    }
}

/// A publication in reports.
fn told(config: &PublishConfig) -> String {
    format!("camera `{}` as {} `{}`", config.camera, config.dialect.as_str(), config.name)
}

/// What makes pictures into what is sent and shown; works on threads for that.
struct Tools {
    converter: Converter,
    artist: PageArtist,
}

impl Tools {
    fn new(config: &PublishConfig) -> Result<Self, ImagingError> {
        Ok(Self { converter: Converter::new(config.camera.clone())?, artist: PageArtist::new()? })
    }
}

/// One outlet and what it is fed with.
struct Driver {
    entry: Arc<Entry>,
    outlet: Box<dyn Outlet>,
    progress: Arc<Mutex<Progress>>,
    metrics: PublishMetrics,
    /// The first outlet of an entry is the one whose pictures its page shows.
    is_first: bool,
    /// Where its page is DeepVision's.
    viewer: Option<Viewer>,
    tools: Option<Tools>,
    backoff: Backoff,
    /// The broker is not bothered before that.
    away_until: Option<Instant>,
    well_since: Option<Instant>,
    /// When a message could not be sent last, though the broker is well.
    unsent_at: Option<Instant>,
    /// When figures were told last.
    told: Instant,
}

impl Driver {
    /// Publishes whatever camera has the entry's name, for as long as there is an engine.
    async fn run(mut self, shared: Weak<Shared>) {
        self.viewer.iter_mut().for_each(Viewer::start);
        loop {
            let Some(now) = shared.upgrade() else { return };
            let camera = now.camera(&self.entry.config.camera);
            let messages = now.messages.subscribe();
            drop(now);
            match camera.filter(|camera| camera.main().is_ok_and(|main| !main.is_stopped())) {
                Some(camera) if self.outlet.wanted() == Wanted::Packets => {
                    self.follow_packets(&camera).await;
                }
                Some(camera) => self.follow(&camera, messages).await,
                None => {
                    let reason = format!("camera `{}` does not run", self.entry.config.camera);
                    self.progress.lock().enter(PublicationState::Waiting, reason);
                    self.tell_figures();
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Until the camera is stopped.
    async fn follow(&mut self, camera: &Arc<Camera>, mut messages: broadcast::Receiver<Message>) {
        let Ok(main) = camera.main() else { return };
        let inbox = Arc::new(Inbox::new(self.metrics.clone(), Arc::clone(&self.progress)));
        let consumer: Arc<dyn Consumer> = Arc::<Inbox>::clone(&inbox);
        if self.outlet.wanted() != Wanted::Nothing {
            main.demand.add(&consumer, rate(&self.entry.config));
        }
        // A clock of its own: analyses of other cameras come by all the time.
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !main.is_stopped() {
            tokio::select! {
                biased;
                picture = inbox.next() => {
                    self.picture(picture, camera).await;
                    // A broker that is slow with pictures must not keep analyses for ever.
                    for _ in 0..ANALYSES_AT_A_TIME {
                        let message = match messages.try_recv() {
                            Ok(message) => Ok(message),
                            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                        };
                        self.message(message).await;
                    }
                }
                message = messages.recv() => {
                    if matches!(message, Err(RecvError::Closed)) {
                        return;
                    }
                    self.message(message).await;
                }
                _ = look.tick() => drop(self.show_loading(camera).await),
            }
            if self.told.elapsed() >= FIGURES_EVERY {
                self.tell_figures();
            }
        }
    }

    /// The same for an outlet that takes packets: none are left out between two keyframes.
    async fn follow_packets(&mut self, camera: &Arc<Camera>) {
        let Ok(mut feed) = camera.packets(Preroll::Group) else { return };
        let Some(mut tools) = self.take_tools() else {
            return tokio::time::sleep(LOOK_EVERY).await;
        };
        let mut stream = None;
        let mut in_order = false;
        loop {
            let parcel = match tokio::time::timeout(LOOK_EVERY, feed.next()).await {
                Ok(Some(parcel)) => parcel,
                Ok(None) => break,
                Err(_nothing_yet) => continue,
            };
            let packet = match parcel {
                Parcel::Stream(info) => {
                    stream = Some(info);
                    in_order = false;
                    tools.converter.restart();
                    continue;
                }
                Parcel::Missed(missed) => {
                    in_order = false;
                    self.drop_frames(PublishDrop::Slow, missed);
                    continue;
                }
                Parcel::Packet(packet) if !packet.is_video() => continue,
                Parcel::Packet(packet) => packet,
            };
            let Some(info) = &stream else { continue };
            in_order |= packet.keyframe;
            if !in_order || self.is_away() {
                in_order = false;
                self.drop_frames(PublishDrop::Away, 1);
                continue;
            }
            if !self.outlet.is_due(packet.wall) {
                in_order = false;
                self.drop_frames(PublishDrop::LeftOut, 1);
                continue;
            }
            let frame = tools.converter.packet(&packet, info);
            in_order = self.write(&frame).await;
        }
        self.tools = Some(tools);
    }

    fn take_tools(&mut self) -> Option<Tools> {
        if let Some(tools) = self.tools.take() {
            return Some(tools);
        }
        match Tools::new(&self.entry.config) {
            Ok(tools) => Some(tools),
            Err(error) => {
                self.progress.lock().enter(PublicationState::Failed, error.to_string());
                None
            }
        }
    }

    fn is_away(&self) -> bool {
        self.away_until.is_some_and(|until| Instant::now() < until)
    }

    fn drop_frames(&self, reason: PublishDrop, count: u64) {
        self.progress.lock().status.dropped += count;
        self.metrics.drop_frames(reason, count);
    }

    /// Makes what is wanted of a picture, and hands it on.
    async fn picture(&mut self, picture: Picture, camera: &Arc<Camera>) {
        if let Some(viewer) = &self.viewer {
            camera.set_notes(viewer.notes());
        }
        let due = !self.is_away() && self.outlet.is_due(picture.stamp().wall);
        let reason = if self.is_away() { PublishDrop::Away } else { PublishDrop::LeftOut };
        if due {
            let (wanted, to_send) = (self.outlet.wanted(), picture.clone());
            let made = self.work(move |tools| tools.converter.frame(&to_send, wanted)).await;
            match made {
                Some(frame) => drop(self.write(&frame).await),
                None => self.drop_frames(PublishDrop::Failed, 1),
            }
        } else {
            self.drop_frames(reason, 1);
        }
        let entry = Arc::clone(&self.entry);
        let viewed = entry.page.as_ref().filter(|page| self.is_first && page.has_viewers());
        if let Some(page) = viewed
            && !self.show_loading(camera).await
        {
            let marks = self.marks(&picture, camera);
            let drawn = self.work(move |tools| tools.artist.draw(&picture, &marks)).await;
            drawn.into_iter().for_each(|frame: JpegFrame| page.show(frame));
        }
    }

    /// Whether a page waits for the model or the camera, and says so.
    async fn show_loading(&mut self, camera: &Camera) -> bool {
        let entry = Arc::clone(&self.entry);
        let Some(page) = entry.page.as_ref().filter(|page| page.has_viewers()) else {
            return false;
        };
        let (Some(viewer), Some(detect)) = (&mut self.viewer, camera.config().detect) else {
            return false;
        };
        let Some(since) = viewer.is_waiting(camera.scene().latest.is_some()) else {
            return false;
        };
        let status = camera.status();
        let waiting = if status.state == CameraState::Online {
            Waiting::for_model(&detect.name, since)
        } else {
            // The model would wait for ever.
            let line = format!("Camera {} is {}", camera.id, status.state.as_str());
            Waiting { line, more: status.reason }
        };
        let drawn = self.work(move |tools| tools.artist.draw_waiting(&waiting)).await;
        drawn.into_iter().for_each(|frame: JpegFrame| page.show(frame));
        true
    }

    /// What is drawn on `picture` for the page: the newest people, where they are in it.
    fn marks(&mut self, picture: &Picture, camera: &Camera) -> Marks {
        let (scene, stamp) = (camera.scene(), picture.stamp());
        let tracks = scene.latest.as_ref().map(|latest| {
            // Two streams have two clocks; when a picture was taken, both know.
            let at = if camera.has_sub_stream() {
                latest.frame.media + stamp.wall.since(latest.frame.wall)
            } else {
                stamp.media
            };
            carried_on(latest, scene.previous.as_deref(), at)
        });
        let tracks = tracks.unwrap_or_default();
        let id = self.outlet.newest_id();
        let id = id.unwrap_or_else(|| format!("{}-0", stamp.wall.as_millis()));
        let label = format!("{}:{id}", self.entry.config.name);
        if let Some(viewer) = &mut self.viewer {
            return viewer.marks(&tracks, label);
        }
        let people = tracks
            .into_iter()
            .filter(|t| t.state == TrackState::Confirmed && t.class.as_str() == "person");
        let boxes: Vec<_> = people.map(|track| track.rect).collect();
        let label = format!("{label} people: {}", boxes.len());
        Marks::People { boxes, label }
    }

    /// Does something heavy on a thread for such. None where it failed, which is logged.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Tools) -> Result<T, ImagingError> + Send + 'static,
    ) -> Option<T> {
        let mut tools = self.take_tools()?;
        let working = tokio::task::spawn_blocking(move || {
            let made = work(&mut tools);
            (tools, made)
        });
        let camera = &self.entry.config.camera;
        match working.await {
            Ok((tools, made)) => {
                self.tools = Some(tools);
                made.inspect_err(|error| tracing::warn!(%camera, %error, "picture not published"))
                    .ok()
            }
            Err(error) => {
                tracing::error!(%camera, %error, "making a picture panicked");
                None
            }
        }
    }

    /// Whether it was written.
    async fn write(&mut self, frame: &Frame) -> bool {
        let outcome = within(self.outlet.frame(frame)).await;
        let is_written = outcome.is_ok();
        if is_written {
            self.metrics.frames.increment(1);
            self.metrics.bytes.increment(frame.data.len() as u64);
            self.progress.lock().wrote(Instant::now());
        } else {
            self.drop_frames(PublishDrop::Failed, 1);
        }
        self.judge(outcome);
        is_written
    }

    /// Hands an analysis of the camera on.
    async fn message(&mut self, message: Result<Message, RecvError>) {
        let analysis: Arc<Analysis> = match message {
            Ok(Message::Analysis(analysis)) => analysis,
            Ok(Message::Event(..)) | Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(missed)) => {
                return self.metrics.drop_analyses(PublishDrop::Slow, missed);
            }
        };
        if analysis.camera != self.entry.config.camera {
            return;
        }
        if self.is_away() {
            return self.metrics.drop_analyses(PublishDrop::Away, 1);
        }
        let outcome = within(self.outlet.analysis(&analysis)).await;
        match &outcome {
            Ok(()) => {
                self.metrics.analyses.increment(1);
                self.progress.lock().status.analyses += 1;
            }
            Err(_) => self.metrics.drop_analyses(PublishDrop::Failed, 1),
        }
        self.judge(outcome);
    }

    /// Notes how a call did, and how long to leave the broker alone.
    fn judge(&mut self, outcome: Result<(), BusError>) {
        let (now, config) = (Instant::now(), &self.entry.config);
        let (camera, dialect) = (&config.camera, config.dialect.as_str());
        let error = match outcome {
            Ok(()) => {
                let since = *self.well_since.get_or_insert(now);
                self.backoff.worked(now.duration_since(since));
                self.away_until = None;
                self.metrics.up.set(1.0);
                let mut progress = self.progress.lock();
                let is_online = progress.status.state == PublicationState::Online;
                if is_online && self.unsent_at.is_some_and(|at| now - at < UNSENT_TOLD_FOR) {
                    return;
                }
                self.unsent_at = None;
                if progress.enter(PublicationState::Online, String::new()) {
                    tracing::info!(%camera, dialect, name = config.name, "published");
                }
                return;
            }
            Err(error) => error,
        };
        let is_news;
        if error.is_of_one_message() {
            // One message that could not be made or sent; the next one may be fine.
            is_news = self.unsent_at.replace(now).is_none();
            self.progress.lock().enter(PublicationState::Online, error.to_string());
        } else {
            self.well_since = None;
            self.away_until = Some(now + self.backoff.next_delay());
            self.metrics.up.set(0.0);
            is_news = self.progress.lock().enter(PublicationState::Offline, error.to_string());
        }
        if is_news {
            tracing::warn!(%camera, dialect, name = config.name, %error, "not published");
        }
    }

    fn tell_figures(&mut self) {
        self.told = Instant::now();
        for figure in self.outlet.figures(SystemClock.wall()) {
            self.metrics.figure(figure.name, &figure.camera, figure.value);
        }
    }
}

/// An outlet's call, cut off where it takes too long.
async fn within(call: BoxFuture<'_, Result<(), BusError>>) -> Result<(), BusError> {
    match tokio::time::timeout(CALL_WITHIN, call).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(BusError::Unreachable {
            broker: "the broker".to_owned(),
            reason: format!("no answer within {} s", CALL_WITHIN.as_secs()),
        }),
    }
}
