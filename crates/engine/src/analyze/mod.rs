//! A finished video through the same stages as a live camera, as fast as the machine allows.
//!
//! One thread reads and decodes; workers make tensors and run the model, each on its own
//! picture; the caller's thread puts the results back in order, tracks, counts and draws;
//! one more thread encodes. All queues are bounded, so memory does not depend on the length
//! of the video, and the result does not depend on the number of workers.

mod output;
mod reader;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use omma_infer::EngineKind;
use omma_media::{Stop, StreamInfo};
use omma_rules::{Counts, Line, Zone};
use omma_track::offline::{Trajectories, Trajectory};
use omma_types::{
    CameraId, ClassName, Detection, Event, EventIds, FrameStamp, Size, Stage, StageTimings,
};

use crate::config::{DetectConfig, Detector, MOTION};
use crate::error::EngineError;
use crate::models::Models;
use crate::pipeline::Pipeline;

use output::Output;
use worker::Work;

pub use output::OutputOptions;

/// Decoded pictures that wait for a worker, for each worker.
const WAITING_PER_WORKER: usize = 2;

/// What is to be done with a video.
#[derive(Clone, Debug)]
pub struct AnalyzeOptions {
    /// The name under which events speak of the video.
    pub camera: CameraId,
    /// The detector, how often it looks, and what it keeps.
    pub detect: DetectConfig,
    /// Lines to count.
    pub lines: Vec<Line>,
    /// Zones to watch.
    pub zones: Vec<Zone>,
    /// The annotated video to write, if any.
    pub output: Option<OutputOptions>,
    /// Threads that run the model; at least 1.
    pub workers: usize,
}

/// How far an analysis has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Pictures read so far.
    pub frames: u64,
    /// Pictures in the whole video, where the container tells.
    pub total: Option<u64>,
    /// Wall time since the start.
    pub elapsed: Duration,
}

/// What an analysis found and what it cost.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The video.
    pub video: PathBuf,
    /// Picture size in pixels, of the first picture.
    pub size: Size,
    /// Pictures decoded.
    pub frames_read: u64,
    /// Pictures that the detector saw.
    pub frames_analysed: u64,
    /// Length of the video.
    pub duration: Duration,
    /// Wall time.
    pub wall: Duration,
    /// Processor time of all threads.
    pub cpu: Duration,
    /// Processor time by stage.
    pub stages: StageTimings,
    /// The detector: `motion` or the model's name.
    pub detector: String,
    /// What ran it.
    pub engine: String,
    /// Believed objects by class.
    pub objects: BTreeMap<ClassName, u64>,
    /// Crossings and visits.
    pub counts: Counts,
    /// All believed objects from their first detection to their last.
    pub trajectories: Vec<Trajectory>,
    /// Why reading ended before the end of the video, if it did.
    pub problem: Option<String>,
}

/// Analyses `video`. `on_event` gets each event in order, `on_progress` is called after each
/// picture. Where `stop` is thrown, the analysis ends as if the video did.
///
/// # Errors
/// The video can't be opened or holds no picture, the model can't be used, what is to be
/// hidden can't be found, or the annotated video can't be written; no half video is left
/// then. A video that ends in damage is no error: what could be read is in
/// the summary, and its `problem` says where it ended.
pub fn analyze(
    video: &Path,
    options: &AnalyzeOptions,
    models: &Models,
    stop: &Stop,
    on_event: &mut dyn FnMut(&Event),
    on_progress: &mut dyn FnMut(&Progress),
) -> Result<Summary, EngineError> {
    let started = Instant::now();
    let cpu_before = ProcessTime::try_now().ok();
    check_classes(options)?;
    let info = omma_media::probe(video)?;
    let source = reader::open(video, stop)?;
    let (detector, engine) = worker::describe(&options.detect.detector, models)?;
    if let Some(output) = &options.output {
        worker::check_redaction(&output.redact, &options.detect, models)?;
    }

    let workers = match options.detect.detector {
        // The motion detector learns from each picture in turn.
        Detector::Motion => 1,
        Detector::Model(_) | Detector::Bus(_) => options.workers.max(1),
    };
    let (pictures_in, pictures_out) = sync_channel::<Work>(workers * WAITING_PER_WORKER);
    let (results_in, results_out) = sync_channel(workers * WAITING_PER_WORKER);
    let pictures_out = Arc::new(Mutex::new(pictures_out));
    let keep_all = options.output.is_some();
    let hidden = options.output.as_ref().map(|o| o.redact.as_slice()).unwrap_or_default();
    let rate = options.detect.rate;
    let given_up = AtomicBool::new(false);

    let (mut run, reading) = std::thread::scope(|scope| -> Result<_, EngineError> {
        let spawn = |name: String| std::thread::Builder::new().name(name);
        let no_thread = |source| EngineError::System {
            what: "cannot start a thread for the analysis".to_owned(),
            source,
        };
        let given_up = &given_up;
        let reading = spawn("read".to_owned())
            .spawn_scoped(scope, move || {
                reader::read(source, rate, keep_all, &pictures_in, given_up)
            })
            .map_err(no_thread)?;
        for index in 0..workers {
            let queue = Arc::clone(&pictures_out);
            let results = results_in.clone();
            let detect = &options.detect;
            spawn(format!("detect-{index}"))
                .spawn_scoped(scope, move || worker::run(detect, hidden, models, &queue, &results))
                .map_err(no_thread)?;
        }
        // The results end when the last worker does; the pictures when nobody takes them.
        drop((results_in, pictures_out));
        let mut run = Run::new(options, &info, started)?;
        let outcome = run.collect(&results_out, on_event, on_progress);
        drop(results_out);
        // After a failure nobody takes pictures any more.
        given_up.store(outcome.is_err(), Ordering::Relaxed);
        let reading = reading.join().unwrap_or_else(|_panic| reader::Outcome::panicked());
        outcome?;
        Ok((run, reading))
    })?;

    for event in run.pipeline.finish() {
        on_event(&event);
    }
    let Run { pipeline, mut timings, trajectories, output, first, last, analysed, .. } = run;
    if let Some(output) = output {
        output.finish(&mut timings)?;
    }
    timings.merge(&reading.timings);
    let cpu = cpu_before.and_then(|before| before.try_elapsed().ok()).unwrap_or_default();
    if engine == EngineKind::Rten.as_str() {
        let others: Duration = Stage::ALL.iter().map(|stage| timings.get(*stage)).sum();
        timings.add(Stage::Infer, cpu.saturating_sub(others));
    }
    let Some((first, last)) = first.zip(last) else {
        return Err(reading
            .error
            .unwrap_or_else(|| EngineError::NoFrames { video: video.display().to_string() }));
    };
    let trajectories = trajectories.finish();
    let mut objects = BTreeMap::new();
    for trajectory in &trajectories {
        *objects.entry(trajectory.class.clone()).or_default() += 1;
    }
    Ok(Summary {
        video: video.to_owned(),
        size: first.size,
        frames_read: reading.frames,
        frames_analysed: analysed,
        duration: info.duration.unwrap_or_else(|| last.media.since(first.media)),
        wall: started.elapsed(),
        cpu,
        stages: timings,
        detector,
        engine,
        objects,
        counts: pipeline.counts(),
        trajectories,
        problem: reading.error.map(|error| error.to_string()),
    })
}

/// The motion detector tells no classes apart: who asks it for some would count nothing.
fn check_classes(options: &AnalyzeOptions) -> Result<(), EngineError> {
    if options.detect.detector != Detector::Motion {
        return Ok(());
    }
    match options.detect.classes.iter().find(|class| class.as_str() != MOTION) {
        Some(class) => Err(EngineError::MotionHasNoClasses { class: class.to_string() }),
        None => Ok(()),
    }
}

/// The stages on the caller's thread, in the order of the pictures.
struct Run {
    pipeline: Pipeline,
    classes: Vec<ClassName>,
    trajectories: Trajectories,
    output: Option<Output>,
    timings: StageTimings,
    total: Option<u64>,
    started: Instant,
    first: Option<FrameStamp>,
    last: Option<FrameStamp>,
    analysed: u64,
}

impl Run {
    fn new(
        options: &AnalyzeOptions,
        info: &StreamInfo,
        started: Instant,
    ) -> Result<Self, EngineError> {
        let output = match &options.output {
            Some(output) => Some(Output::create(output, options, info)?),
            None => None,
        };
        Ok(Self {
            pipeline: Pipeline::new(
                options.camera.clone(),
                options.detect.start_score,
                options.lines.clone(),
                options.zones.clone(),
                EventIds::new(crate::shared::random_seed()),
            )
            .map_err(|source| EngineError::Rule { camera: options.camera.to_string(), source })?,
            classes: options.detect.classes.clone(),
            trajectories: Trajectories::default(),
            output,
            timings: StageTimings::default(),
            total: info.expected_frames(),
            started,
            first: None,
            last: None,
            analysed: 0,
        })
    }

    /// Takes results as they come and works on them in order.
    fn collect(
        &mut self,
        results: &Receiver<Result<worker::Seen, EngineError>>,
        on_event: &mut dyn FnMut(&Event),
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), EngineError> {
        let mut early: BTreeMap<u64, worker::Seen> = BTreeMap::new();
        let mut next = 0;
        for result in results {
            let seen = result?;
            early.insert(seen.order, seen);
            while let Some(seen) = early.remove(&next) {
                next += 1;
                let frames = seen.picture.stamp().seq + 1;
                self.take(seen, on_event)?;
                on_progress(&Progress {
                    frames,
                    total: self.total,
                    elapsed: self.started.elapsed(),
                });
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        seen: worker::Seen,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<(), EngineError> {
        let stamp = seen.picture.stamp();
        self.first.get_or_insert(stamp);
        self.last = Some(stamp);
        self.timings.merge(&seen.timings);
        let Some(detections) = seen.detections else {
            if let Some(output) = &mut self.output {
                output.hold(seen.picture, &mut self.timings)?;
            }
            return Ok(());
        };
        self.analysed += 1;
        // What was found only to be hidden is not tracked.
        let is_kept = |d: &&Detection| self.classes.is_empty() || self.classes.contains(&d.class);
        let kept: Vec<Detection> = detections.iter().filter(is_kept).cloned().collect();
        let (tracks, events) = self.pipeline.digest(&stamp, &kept, &mut self.timings);
        self.trajectories.record(stamp.seq, stamp.media, &tracks);
        for event in &events {
            on_event(event);
        }
        if let Some(output) = &mut self.output {
            output.show(&seen.picture, &detections, tracks, &self.pipeline, &mut self.timings)?;
        }
        Ok(())
    }
}
