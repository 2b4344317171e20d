//! One camera's analysis: takes pictures at its rate, has them looked at by the pool, and
//! turns detections into tracks, counts and events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_bus::native::DetectAnswer;
use omma_infer::{MotionDetector, MotionOptions, Wanted};
use omma_media::Picture;
use omma_rules::{Counts, Line, Zone};
use omma_types::{
    Analysis, CameraId, ClassName, Clock as _, Detection, Event, EventIds, EventKind, FrameStamp,
    Point, Stage, StageTimings, SystemClock, Track, TrackId, TrackState,
};
use parking_lot::{Condvar, Mutex};

use crate::cluster::{Mandate, Take};
use crate::config::{CameraConfig, DetectConfig, Detector, MOTION};
use crate::demand::Consumer;
use crate::error::EngineError;
use crate::models::Models;
use crate::pipeline::Pipeline;
use crate::pool::{Pool, Sessions};
use crate::record::Library;
use crate::remote::Remote;
use crate::snapshot::{Artist, Shots, Snapshots, Taken};
use crate::status::{DetectorStatus, Message};
use crate::telemetry::{CameraMetrics, Drop as Dropped};
use crate::waiting::Waiting;
use crate::writer::EventSender;

/// After something moved the model looks on for this long: people who stand still are
/// followed, and the tracker does not lose them to the gate.
const GATE_LINGER: Duration = Duration::from_secs(5);

/// An analysis that may go on elsewhere leaves no picture out, up to here.
const TOO_FAR_BEHIND: Duration = Duration::from_secs(10);

/// How often it is looked whether the detector is free.
const EYES_EVERY: Duration = Duration::from_millis(50);

/// The picture that is being looked at when a camera is stopped is waited for so long.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What is said of a detector on the bus that does not answer.
const NO_ANSWER: &str = "no program on the bus answers for this model; start one that does";

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

/// What the live view needs to draw: the last two analyses and what hangs on them.
#[derive(Clone, Default)]
pub(crate) struct Scene {
    pub(crate) latest: Option<Arc<Analysis>>,
    pub(crate) previous: Option<Arc<Analysis>>,
    pub(crate) tails: Arc<HashMap<TrackId, Vec<Point>>>,
}

/// The analysis of one camera.
pub(crate) struct Analyst {
    /// Tells analysts apart in the pool.
    pub(crate) key: u64,
    camera: CameraId,
    detect: DetectConfig,
    pool: Arc<Pool>,
    events: EventSender,
    library: Arc<Library>,
    snapshots: Arc<Snapshots>,
    messages: tokio::sync::broadcast::Sender<Message>,
    metrics: Arc<CameraMetrics>,
    eyes: Mutex<Eyes>,
    /// Where programs on the bus are asked, and the pictures that wait for their answers.
    remote: Option<Arc<Remote>>,
    waiting: Mutex<Waiting<(Picture, Instant)>>,
    /// An answer has come.
    answered: Condvar,
    /// Where the analysis may go on in another process: what it picks and remembers.
    mandate: Option<Arc<Mandate>>,
    /// Apart from `eyes`, which stay locked while a model runs: whoever asks for counts does
    /// not wait for that.
    pipeline: Mutex<Pipeline>,
    /// The best pictures of the objects in sight; none without rules, which raise no events.
    shots: Mutex<Option<Shots<Picture>>>,
    scene: Mutex<Scene>,
    status: Mutex<DetectorStatus>,
    /// Set, with the pipeline locked, when its last events have been told.
    finished: AtomicBool,
    dropped: AtomicU64,
    analysed: AtomicU64,
    witnesses: Mutex<Vec<Weak<dyn Witness>>>,
}

/// Somebody who must not miss an analysis.
pub(crate) trait Witness: Send + Sync {
    /// Is told of each analysis before anybody else. Must not block.
    fn saw(&self, analysis: &Analysis);
}

/// What looks at pictures; only the worker at hand touches it.
struct Eyes {
    motion: Option<MotionDetector>,
    wanted: Option<Wanted>,
    moved_at: Option<Instant>,
}

/// A picture that was looked at, here or elsewhere.
struct Seen<'a> {
    stamp: FrameStamp,
    /// None where somebody else took it from the stream.
    picture: Option<&'a Picture>,
    arrival: Instant,
}

/// What an analyst is connected to.
pub(crate) struct Links {
    pub(crate) pool: Arc<Pool>,
    pub(crate) events: EventSender,
    pub(crate) library: Arc<Library>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) messages: tokio::sync::broadcast::Sender<Message>,
    pub(crate) metrics: Arc<CameraMetrics>,
    pub(crate) ids: EventIds,
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) mandate: Option<Arc<Mandate>>,
}

impl Analyst {
    /// # Errors
    /// Two rules of the camera have the same name.
    pub(crate) fn new(
        config: &CameraConfig,
        detect: DetectConfig,
        links: Links,
    ) -> Result<Arc<Self>, EngineError> {
        let needs_motion = detect.detector == Detector::Motion || detect.motion_gate;
        let mut pipeline = Pipeline::new(
            config.id.clone(),
            detect.start_score,
            config.lines.clone(),
            config.zones.clone(),
            links.ids,
        )
        .map_err(|source| EngineError::Rule { camera: config.id.to_string(), source })?;
        if let Some(memory) =
            links.mandate.as_ref().and_then(|m| m.begin(detect.rate.interval(), needs_motion))
            && let Err(error) = pipeline.restore(&memory)
        {
            tracing::warn!(camera = %config.id, %error, "what another process knew is not used");
        }
        let status = match &detect.detector {
            Detector::Motion => {
                DetectorStatus { name: MOTION.to_owned(), engine: MOTION.to_owned(), error: None }
            }
            Detector::Model(model) => {
                DetectorStatus { name: model.model.clone(), engine: String::new(), error: None }
            }
            Detector::Bus(name) => {
                DetectorStatus { name: name.clone(), engine: "bus".to_owned(), error: None }
            }
        };
        Ok(Arc::new(Self {
            key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
            camera: config.id.clone(),
            detect,
            pool: links.pool,
            events: links.events,
            library: links.library,
            snapshots: links.snapshots,
            messages: links.messages,
            metrics: links.metrics,
            pipeline: Mutex::new(pipeline),
            eyes: Mutex::new(Eyes {
                motion: needs_motion.then(|| MotionDetector::new(MotionOptions::default())),
                wanted: None,
                moved_at: None,
            }),
            remote: links.remote,
            waiting: Mutex::new(Waiting::new()),
            answered: Condvar::new(),
            mandate: links.mandate,
            shots: Mutex::new(shots_for(&config.lines, &config.zones)),
            scene: Mutex::new(Scene::default()),
            status: Mutex::new(status),
            finished: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            analysed: AtomicU64::new(0),
            witnesses: Mutex::default(),
        }))
    }

    pub(crate) fn interval(&self) -> Duration {
        self.detect.rate.interval()
    }

    pub(crate) fn scene(&self) -> Scene {
        self.scene.lock().clone()
    }

    pub(crate) fn status(&self) -> DetectorStatus {
        self.status.lock().clone()
    }

    pub(crate) fn analysed(&self) -> u64 {
        self.analysed.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn count_drop(&self, reason: Dropped) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.metrics.drop_frame(reason);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.pipeline.lock().counts()
    }

    /// Exchanges the rules. Returns what the former ones have counted.
    pub(crate) fn replace_rules(&self, lines: Vec<Line>, zones: Vec<Zone>) -> Counts {
        let mut pipeline = self.pipeline.lock();
        let counted = pipeline.counts();
        let mut shots = self.shots.lock();
        if shots.is_some() == (lines.is_empty() && zones.is_empty()) {
            *shots = shots_for(&lines, &zones);
        }
        drop(shots);
        if let Err(error) = pipeline.replace_rules(lines, zones) {
            tracing::error!(camera = %self.camera, %error, "lines and zones stay as they were");
        }
        counted
    }

    /// No more pictures come: takes back what waits and closes open visits. A picture that a
    /// worker is looking at comes too late: it would open them again.
    pub(crate) fn finish(&self) {
        self.pool.withdraw(self);
        self.waiting.lock().clear();
        let events = {
            let mut pipeline = self.pipeline.lock();
            self.finished.store(true, Ordering::Relaxed);
            pipeline.finish()
        };
        self.report(events, Instant::now());
    }

    /// The camera is about to be stopped: nobody waits for the detector any more.
    pub(crate) fn begin_stop(&self) {
        self.mandate.iter().for_each(|mandate| mandate.close());
    }

    /// The camera is stopped. Where its analysis may go on in another process, that one goes on
    /// with what is open; else it is closed.
    pub(crate) fn stop(&self) {
        let Some(mandate) = &self.mandate else { return self.finish() };
        self.pool.withdraw(self);
        self.waiting.lock().clear();
        // What is being looked at still counts, and its events go before the memory.
        self.pool.wait_until_idle(self.key, Instant::now() + LAST_LOOK);
        let last = {
            let pipeline = self.pipeline.lock();
            let was_finished = self.finished.swap(true, Ordering::Relaxed);
            let latest = pipeline.last_frame().filter(|_| !was_finished);
            latest.and_then(|stamp| mandate.analysed(stamp, || pipeline.save(), true))
        };
        last.into_iter().for_each(|checkpoint| mandate.write(checkpoint));
    }

    /// Waits for the detector, where a picture must not be left out: at most until the camera is
    /// stopped, or the analysis is too far behind.
    fn wait_for_eyes(&self, mandate: &Mandate, stamp: &FrameStamp) {
        loop {
            let is_idle = self.pool.wait_until_idle(self.key, Instant::now() + EYES_EVERY);
            let is_free = is_idle && self.wait_for_answers();
            let is_too_late = SystemClock.wall().since(stamp.wall) > TOO_FAR_BEHIND;
            if is_free || is_too_late || mandate.is_closed() {
                return;
            }
        }
    }

    /// Waits a moment where many pictures wait for answers. Answers whether there is room.
    fn wait_for_answers(&self) -> bool {
        let mut waiting = self.waiting.lock();
        if !waiting.has_room() {
            self.answered.wait_for(&mut waiting, EYES_EVERY);
        }
        waiting.has_room()
    }

    /// Shows a picture that a predecessor has analysed to what learns from pictures.
    fn warm_up(&self, picture: &Picture) {
        if let Some(motion) = &mut self.eyes.lock().motion {
            motion.update(&picture.view(), picture.stamp().media);
        }
    }

    /// A worker panicked over a picture of this camera.
    pub(crate) fn panicked(&self) {
        tracing::error!(camera = %self.camera, "the analysis of a picture panicked; it is skipped");
        self.status.lock().error = Some("the analysis panicked; see the log".to_owned());
    }

    /// Loads the model ahead of the first picture and notes in the status how that went.
    pub(crate) fn load_model(&self, models: &Models) {
        let Detector::Model(config) = &self.detect.detector else { return };
        match models.get(config) {
            Ok(model) => {
                let mut status = self.status.lock();
                status.name = model.name().to_owned();
                status.engine = model.engine().as_str().to_owned();
                status.error = None;
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Looks at one picture, on a worker of the pool.
    pub(crate) fn look(
        &self,
        picture: &Picture,
        arrival: Instant,
        models: &Models,
        sessions: &mut Sessions,
    ) {
        let mut timings = StageTimings::default();
        if let Detector::Bus(_) = &self.detect.detector {
            self.ask(picture, arrival);
            return;
        }
        match self.detect(picture, arrival, models, sessions, &mut timings) {
            Ok(detections) => {
                let seen = Seen { stamp: picture.stamp(), picture: Some(picture), arrival };
                self.digest(&seen, detections, timings);
            }
            Err(reason) => self.fail(&reason),
        }
    }

    /// Has a program on the bus look at a picture.
    fn ask(&self, picture: &Picture, arrival: Instant) {
        let Some(remote) = &self.remote else { return };
        let now = Instant::now();
        // Those that nobody answered make room.
        self.settle(now);
        let Some(request) = self.waiting.lock().ask((picture.clone(), arrival), now) else {
            self.count_drop(Dropped::DetectorBusy);
            return;
        };
        if let Err(reason) = remote.ask(&self.camera, &self.detect, request, picture) {
            self.fail(&reason);
        }
    }

    /// A program on the bus has answered.
    pub(crate) fn answered(&self, model: &str, answer: DetectAnswer) {
        // Another one may still answer for what the camera was configured with before.
        if self.detect.detector != Detector::Bus(model.to_owned()) {
            return;
        }
        let now = Instant::now();
        match answer {
            DetectAnswer::Found { request, detections } => {
                let detections = self.wanted_of(detections);
                // One that comes too late is counted where the picture was given up.
                self.waiting.lock().answer(request, detections, now);
            }
            DetectAnswer::Unasked { frame, detections } => {
                let seen = Seen { stamp: frame, picture: None, arrival: now };
                self.digest(&seen, self.wanted_of(detections), StageTimings::default());
            }
            DetectAnswer::Failed { request, reason } => {
                self.waiting.lock().give_up(request);
                self.settle(now);
                self.fail(&reason);
                return;
            }
        }
        self.settle(now);
    }

    /// Goes on with the pictures whose turn it is, in the order in which they were taken.
    fn settle(&self, now: Instant) {
        // Held meanwhile: two threads must not exchange the order.
        let mut waiting = self.waiting.lock();
        while let Some(((picture, arrival), answer)) = waiting.pop(now) {
            let Some(detections) = answer else {
                self.count_drop(Dropped::NoAnswer);
                self.fail(NO_ANSWER);
                continue;
            };
            let mut timings = StageTimings::default();
            timings.add(Stage::Infer, arrival.elapsed());
            let seen = Seen { stamp: picture.stamp(), picture: Some(&picture), arrival };
            self.digest(&seen, detections, timings);
        }
        drop(waiting);
        self.answered.notify_all();
    }

    /// Of what somebody else found, what is asked for.
    fn wanted_of(&self, mut detections: Vec<Detection>) -> Vec<Detection> {
        let classes = &self.detect.classes;
        detections.retain(|found| {
            let is_asked_for = classes.is_empty() || classes.contains(&found.class);
            is_asked_for && found.score >= self.detect.min_score
        });
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        detections
    }

    /// Makes tracks, counts and events of what was found.
    fn digest(&self, seen: &Seen<'_>, detections: Vec<Detection>, mut timings: StageTimings) {
        let (stamp, arrival) = (seen.stamp, seen.arrival);
        let (tracks, events, tails, checkpoint) = {
            let mut pipeline = self.pipeline.lock();
            if self.finished.load(Ordering::Relaxed) {
                return;
            }
            let (tracks, events) = pipeline.digest(&stamp, &detections, &mut timings);
            self.measure(&pipeline, &events);
            let checkpoint = self
                .mandate
                .as_ref()
                .and_then(|mandate| mandate.analysed(&stamp, || pipeline.save(), false));
            (tracks, events, Arc::new(pipeline.tails()), checkpoint)
        };

        // Whatever was in the way, it no longer is.
        self.status.lock().error = None;
        self.analysed.fetch_add(1, Ordering::Relaxed);
        self.metrics.analysed.increment(1);
        self.metrics.stages(&timings);
        if let Some(picture) = seen.picture {
            self.keep_shots(picture, &tracks);
        }
        let confirmed = || tracks.iter().filter(|t| t.state == TrackState::Confirmed);
        let people = confirmed().filter(|t| t.class.as_str() == "person").count();
        self.metrics.people.set(people as f64);
        self.metrics.objects.set(confirmed().count() as f64);

        let camera = self.camera.clone();
        let analysis = Arc::new(Analysis { camera, frame: stamp, detections, tracks, timings });
        {
            let mut scene = self.scene.lock();
            scene.previous = scene.latest.replace(Arc::clone(&analysis));
            scene.tails = tails;
        }
        self.tell_witnesses(&analysis);
        // Nobody listens: that is no failure.
        drop(self.messages.send(Message::Analysis(analysis)));
        self.report(events, arrival);
        // Behind the events that it knows of.
        if let Some((mandate, checkpoint)) = self.mandate.as_ref().zip(checkpoint) {
            mandate.write(checkpoint);
        }
    }

    /// Tells `witness` of every analysis from now on, until it is dropped.
    pub(crate) fn add_witness(&self, witness: &Arc<dyn Witness>) {
        self.witnesses.lock().push(Arc::downgrade(witness));
    }

    fn tell_witnesses(&self, analysis: &Analysis) {
        self.witnesses.lock().retain(|witness| match witness.upgrade() {
            Some(witness) => {
                witness.saw(analysis);
                true
            }
            None => false,
        });
    }

    fn detect(
        &self,
        picture: &Picture,
        now: Instant,
        models: &Models,
        sessions: &mut Sessions,
        timings: &mut StageTimings,
    ) -> Result<Vec<Detection>, String> {
        let view = picture.view();
        let mut eyes = self.eyes.lock();
        let mut moving = Vec::new();
        if let Some(motion) = &mut eyes.motion {
            let started = Instant::now();
            moving = motion.update(&view, picture.stamp().media);
            timings.add(Stage::Infer, started.elapsed());
            if !moving.is_empty() {
                eyes.moved_at = Some(now);
            }
        }
        let Detector::Model(config) = &self.detect.detector else { return Ok(moving) };
        let still = eyes.moved_at.is_none_or(|at| now.duration_since(at) > GATE_LINGER);
        if self.detect.motion_gate && still {
            return Ok(Vec::new());
        }
        let session = sessions.get(config, models).map_err(|error| error.to_string())?;
        if eyes.wanted.is_none() {
            let classes: Vec<&str> = self.detect.classes.iter().map(ClassName::as_str).collect();
            let wanted = session.model().wanted(self.detect.min_score, &classes);
            eyes.wanted = Some(wanted.map_err(|error| error.to_string())?);
        }
        let Some(wanted) = &eyes.wanted else { return Ok(Vec::new()) };
        let mut found =
            session.detect(&[view], wanted, timings).map_err(|error| error.to_string())?;
        Ok(found.pop().unwrap_or_default())
    }

    fn measure(&self, pipeline: &Pipeline, events: &[Event]) {
        for event in events {
            if let (EventKind::LineCrossed { direction }, Some(line)) = (&event.kind, &event.rule) {
                let class = event.class.as_ref().map_or("", |class| class.as_str());
                self.metrics.crossing(line, *direction, class);
            }
        }
        for zone in &pipeline.counts().zones {
            self.metrics.occupancy(&zone.name, zone.occupancy());
        }
    }

    /// Keeps the picture for the objects that were never seen better.
    fn keep_shots(&self, picture: &Picture, tracks: &[Track]) {
        let mut shots = self.shots.lock();
        let Some(shots) = shots.as_mut() else { return };
        let stamp = picture.stamp();
        let taken = Taken {
            picture,
            seq: stamp.seq,
            // Luma, and two planes of a quarter.
            bytes: stamp.size.width as usize * stamp.size.height as usize * 3 / 2,
            media: stamp.media,
            wall: stamp.wall,
        };
        shots.observe(&taken, tracks, |picture, shot| {
            Artist::new().and_then(|mut artist| artist.draw(&self.camera, picture, shot)).ok()
        });
    }

    /// Hands events to the writer, and their pictures to the one who keeps them. Blocks while
    /// the writer's queue is full: facts are not dropped.
    fn report(&self, events: Vec<Event>, arrival: Instant) {
        if let Some(shots) = self.shots.lock().as_ref() {
            self.snapshots.write(&self.camera, &events, shots, &self.metrics);
        }
        for event in events {
            self.library.event(&event.camera, arrival);
            self.events.send(event, Some((arrival, Arc::clone(&self.metrics))));
        }
    }

    fn fail(&self, reason: &str) {
        let mut status = self.status.lock();
        if status.error.as_deref() != Some(reason) {
            tracing::warn!(camera = %self.camera, reason, "pictures are not analysed");
            status.error = Some(reason.to_owned());
        }
    }
}

/// Nothing is kept where no rule can raise an event.
fn shots_for(lines: &[Line], zones: &[Zone]) -> Option<Shots<Picture>> {
    (!lines.is_empty() || !zones.is_empty()).then(Shots::new)
}

/// Connects an analyst with its camera's demand.
pub(crate) struct Intake(pub(crate) Arc<Analyst>);

impl Consumer for Intake {
    fn offer(&self, picture: &Picture, arrival: Instant) {
        if let Some(mandate) = &self.0.mandate {
            match mandate.takes(&picture.stamp()) {
                Take::No => return,
                Take::ToWarmUp => return self.0.warm_up(picture),
                Take::Yes => self.0.wait_for_eyes(mandate, &picture.stamp()),
            }
        }
        self.0.pool.submit(&self.0, picture, arrival);
    }
}
