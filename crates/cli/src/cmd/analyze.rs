//! `omma analyze`: detect, track and count in finished videos.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use omma_engine::Models;
use omma_engine::analyze::{AnalyzeOptions, OutputOptions, Progress, Summary, analyze};
use omma_engine::config::{
    Config, DEFAULT_MIN_SCORE, DetectConfig, Detector, MOTION, ModelConfig, Rate,
    process_environment,
};
use omma_imaging::Redaction;
use omma_infer::EngineChoice;
use omma_media::Stop;
use omma_rules::{Line, Zone};
use omma_track::mot;
use omma_types::{CameraId, ClassName, Direction, Event, Stage};
use tokio::signal::unix::{SignalKind, signal};

use crate::{json, paths, text};

/// Plain progress lines come this often.
const PLAIN_PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The model that is used where none is named.
const DEFAULT_MODEL: &str = "yolox-nano";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Videos to analyse, one after the other
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// A model card's name, an ONNX file, or `motion`
    #[arg(long, value_name = "CARD|FILE.onnx", default_value = DEFAULT_MODEL)]
    model: String,
    /// What runs the model
    #[arg(long, default_value = "auto")]
    engine: EngineArg,
    /// Keep only these classes, e.g. person,car
    #[arg(long, value_delimiter = ',', value_name = "CLASS,…")]
    classes: Vec<String>,
    /// Do not look at detections below this score; 0.1 where nothing is said
    #[arg(long, value_name = "S", value_parser = text::parse_score)]
    min_score: Option<f32>,
    /// Score from which a detection may start a track; weaker ones only keep one that is
    /// there. 0.6 for models, 0.5 for motion where nothing is said
    #[arg(long, value_name = "S", value_parser = text::parse_score)]
    start_score: Option<f32>,
    /// Pictures a second that the detector looks at, `all`, or `keyframes`; by default all, or
    /// what the configuration says
    #[arg(long, value_name = "N|all", value_parser = text::parse_rate)]
    fps: Option<Rate>,
    /// Count crossings of a line, in fractions of the picture; repeatable
    #[arg(long = "line", value_name = "NAME=x1,y1,x2,y2", value_parser = text::parse_line)]
    lines: Vec<Line>,
    /// Count visits to a zone, in fractions of the picture; repeatable
    #[arg(long = "zone", value_name = "NAME=x1,y1,x2,y2,x3,y3,…", value_parser = text::parse_zone)]
    zones: Vec<Zone>,
    /// Take model, classes, lines and zones of a camera from this configuration instead
    #[arg(long, value_name = "FILE", requires = "camera", conflicts_with_all = ["lines", "zones", "model", "engine", "classes", "min_score", "start_score"])]
    config: Option<PathBuf>,
    /// The camera in the configuration
    #[arg(long, value_name = "NAME", requires = "config")]
    camera: Option<String>,
    /// Write a video with boxes, ids, tails, lines, zones and counts drawn
    #[arg(long, value_name = "annotated.mp4")]
    out: Option<PathBuf>,
    /// Hide these classes in the video written by --out, e.g. person
    #[arg(long, value_delimiter = ',', value_name = "CLASS,…", requires = "out")]
    redact: Vec<String>,
    /// How to hide them
    #[arg(long, default_value = "blur", requires = "redact")]
    redact_with: RedactArg,
    /// Write each event as a line of JSON
    #[arg(long, value_name = "FILE.jsonl")]
    events: Option<PathBuf>,
    /// Write tracks as MOTChallenge rows
    #[arg(long, value_name = "FILE.txt")]
    tracks: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Threads that run the model; by default one for each core
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Where models and libraries are looked for, besides $OMMA_DATA; by default the
    /// configuration's data directory, or the user's own
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum EngineArg {
    /// ONNX Runtime where it is found, else rten
    Auto,
    /// ONNX Runtime
    Ort,
    /// Built in, pure Rust
    Rten,
}

impl From<EngineArg> for EngineChoice {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Auto => Self::Auto,
            EngineArg::Ort => Self::Ort,
            EngineArg::Rten => Self::Rten,
        }
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RedactArg {
    /// Blurred beyond recognition
    Blur,
    /// Coarse squares
    Pixelate,
    /// Blacked out
    Black,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.videos.len() > 1 {
        let single = [("--out", &args.out), ("--tracks", &args.tracks)];
        if let Some((option, _)) = single.iter().find(|(_, path)| path.is_some()) {
            bail!(
                "{option} writes one file, but {} videos are given; run them one by one",
                args.videos.len()
            );
        }
    }
    if let Some(stream) = args.videos.iter().filter_map(|v| v.to_str()).find(|v| v.contains("://"))
    {
        bail!(
            "{}: it is an address, and only finished videos can be analysed; give a file, or \
             put it into a configuration and use `omma run`",
            omma_types::redact_url(stream)
        );
    }
    check_files(args)?;
    let config = args.config.as_deref().map(read_config).transpose()?;
    let plan = plan(args, config.as_ref())?;
    let interrupt = Interrupt::listen()?;
    let data_dir = args.data_dir.clone().or(config.map(|config| config.data_dir));
    let models = paths::models(&data_dir.unwrap_or_else(paths::user_data))?;
    let mut events = match &args.events {
        Some(path) => Some(create(path)?),
        None => None,
    };
    let mut summaries = Vec::new();
    let mut problems = Vec::new();
    for video in &args.videos {
        let summary = match analyze_one(video, &plan, args, &models, events.as_mut(), &interrupt.0)
        {
            Ok(summary) => summary,
            // The next one may do better.
            Err(error) => {
                problems.push(error);
                if interrupt.0.is_stopped() {
                    break;
                }
                continue;
            }
        };
        problems.extend(summary.problem.clone().map(anyhow::Error::msg));
        // The summary says what was written: it must have been.
        if let (Some(events), Some(path)) = (&mut events, &args.events) {
            events.flush().with_context(|| format!("cannot write {}", path.display()))?;
        }
        let files: Vec<&Path> = [&args.out, &args.events, &args.tracks]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect();
        if args.json {
            summaries.push(json::summary(&summary, &files));
        } else {
            print_summary(&summary, &files);
        }
        if interrupt.0.is_stopped() {
            break;
        }
    }
    if args.json {
        match (args.videos.len(), summaries.pop()) {
            (1, None) => {}
            (1, Some(summary)) => println!("{summary:#}"),
            (_, last) => {
                summaries.extend(last);
                println!("{:#}", serde_json::Value::from(summaries));
            }
        }
    }
    match (args.videos.len(), problems.len(), problems.pop()) {
        (_, 0, _) | (_, _, None) => Ok(()),
        (1, _, Some(problem)) => Err(problem),
        (videos, count, last) => {
            for problem in problems.iter().chain(&last) {
                eprintln!("error: {problem:#}");
            }
            bail!("{count} of {videos} videos could not be analysed to the end")
        }
    }
}

/// Refuses to write over a video that is to be read, and two things into one file.
fn check_files(args: &Args) -> anyhow::Result<()> {
    let outputs = [("--out", &args.out), ("--events", &args.events), ("--tracks", &args.tracks)];
    let outputs = || outputs.iter().filter_map(|(option, path)| Some((*option, path.as_ref()?)));
    for (option, path) in outputs() {
        if let Some(video) = args.videos.iter().find(|video| is_same_file(video, path)) {
            bail!("{option} would write over the video {}; choose another file", video.display());
        }
        let other = outputs().find(|(other, at)| *other != option && is_same_file(at, path));
        if let Some((other, _)) = other {
            bail!("{option} and {other} name the same file {}; choose two", path.display());
        }
    }
    Ok(())
}

/// Whether two paths lead to one file, also where it does not exist yet.
fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Ctrl-C and SIGTERM: the first one ends reading, so that files are completed with what was
/// read until then; the second one ends the process.
struct Interrupt(Stop);

impl Interrupt {
    fn listen() -> anyhow::Result<Self> {
        let stop = Stop::new();
        let own = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            let listen = |kind| signal(kind).context("cannot listen for signals");
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
        };
        let wait = move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if own.is_stopped() {
                        end_at_once();
                    }
                    own.stop();
                    eprintln!("Ending with what was read so far; once more ends at once.");
                }
            });
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)
            .context("cannot start the thread that listens for signals")?;
        Ok(Self(stop))
    }
}

#[expect(clippy::exit, reason = "somebody asked twice")]
fn end_at_once() -> ! {
    // 128 and the number of SIGINT, as shells count.
    std::process::exit(130)
}

/// What to do with each video.
fn plan(args: &Args, config: Option<&Config>) -> anyhow::Result<AnalyzeOptions> {
    let workers = match args.workers {
        Some(0) => bail!("--workers must be 1 or more"),
        Some(workers) => workers,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let output = args.out.as_ref().map(|path| OutputOptions {
        path: path.clone(),
        redact: args.redact.iter().map(|class| ClassName::new(class)).collect(),
        redaction: match args.redact_with {
            RedactArg::Blur => Redaction::Blur,
            RedactArg::Pixelate => Redaction::Pixelate,
            RedactArg::Black => Redaction::BlackOut,
        },
    });
    if let (Some(path), Some(name), Some(config)) = (&args.config, &args.camera, config) {
        let id = CameraId::new(name)?;
        let Some(camera) = config.camera(&id) else {
            let names: Vec<&str> = config.cameras.iter().map(|c| c.id.as_str()).collect();
            bail!("{} has no camera `{name}`; it has: {}", path.display(), names.join(", "));
        };
        let Some(detect) = camera.detect.clone() else {
            bail!("camera `{name}` in {} has no `detect`; nothing would be found", path.display());
        };
        return Ok(AnalyzeOptions {
            camera: id,
            detect: DetectConfig { rate: args.fps.unwrap_or(detect.rate), ..detect },
            lines: camera.lines.clone(),
            zones: camera.zones.clone(),
            output,
            workers,
        });
    }
    let detector = match args.model.as_str() {
        MOTION => Detector::Motion,
        name => Detector::Model(ModelConfig { model: name.to_owned(), engine: args.engine.into() }),
    };
    let min_score = args.min_score.unwrap_or(DEFAULT_MIN_SCORE);
    let start_score = args.start_score.unwrap_or(detector.default_start_score().max(min_score));
    Ok(AnalyzeOptions {
        camera: CameraId::new("video")?,
        detect: DetectConfig {
            name: args.model.clone(),
            detector,
            rate: args.fps.unwrap_or(Rate::All),
            classes: args.classes.iter().map(|class| ClassName::new(class)).collect(),
            min_score,
            start_score,
            motion_gate: false,
        },
        lines: args.lines.clone(),
        zones: args.zones.clone(),
        output,
        workers,
    })
}

pub(crate) fn read_config(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read the configuration {} (`omma demo --print-config` prints one to start from)",
            path.display()
        )
    })?;
    Ok(Config::from_yaml(&text, &path.display().to_string(), &process_environment)?)
}

fn analyze_one(
    video: &Path,
    plan: &AnalyzeOptions,
    args: &Args,
    models: &Models,
    events: Option<&mut BufWriter<File>>,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    let mut options = plan.clone();
    if args.config.is_none() {
        options.camera = name_after(video);
    }
    let mut meter = Meter::new(video);
    let mut write_error = None;
    let mut events = events;
    let outcome = analyze(
        video,
        &options,
        models,
        stop,
        &mut |event: &Event| {
            if let Some(file) = events.as_deref_mut()
                && write_error.is_none()
            {
                write_error = writeln!(file, "{}", json::event(event)).err();
            }
        },
        &mut |progress| meter.show(progress),
    );
    meter.end();
    let summary = outcome?;
    if let (Some(error), Some(path)) = (write_error, &args.events) {
        return Err(error).with_context(|| format!("cannot write events to {}", path.display()));
    }
    if let Some(path) = &args.tracks {
        write_tracks(path, &summary)?;
    }
    Ok(summary)
}

/// The video's file name as a camera name, so that events of several videos stay apart.
fn name_after(video: &Path) -> CameraId {
    let stem = video.file_stem().unwrap_or_default().to_string_lossy();
    let usable = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = stem.chars().take(64).map(usable).collect();
    CameraId::new(&name).or_else(|_| CameraId::new("video")).unwrap_or_else(|_| unreachable!())
}

fn write_tracks(path: &Path, summary: &Summary) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for trajectory in &summary.trajectories {
        for point in &trajectory.points {
            let frame = u32::try_from(point.frame + 1).unwrap_or(u32::MAX);
            let id = i64::try_from(trajectory.id.0).unwrap_or(i64::MAX);
            rows.push(mot::Row::new(frame, id, point.rect.to_pixels(summary.size), point.score));
        }
    }
    rows.sort_by_key(|row| (row.frame, row.id));
    std::fs::write(path, mot::write(&rows))
        .with_context(|| format!("cannot write tracks to {}", path.display()))
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}

/// Progress: a bar on a terminal, plain lines elsewhere.
struct Meter {
    bar: Option<ProgressBar>,
    name: String,
    last_line: Instant,
}

impl Meter {
    fn new(video: &Path) -> Self {
        let name = video.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_prefix(name.clone());
            bar
        });
        Self { bar, name, last_line: Instant::now() }
    }

    fn show(&mut self, progress: &Progress) {
        let fps = progress.frames as f64 / progress.elapsed.as_secs_f64().max(1e-9);
        if let Some(bar) = &self.bar {
            if let Some(total) = progress.total
                && bar.length() != Some(total)
            {
                bar.set_length(total.max(progress.frames));
                let template = "{prefix} [{bar:30}] {pos}/{len} frames, {msg}, {eta} left";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
            }
            bar.set_position(progress.frames);
            bar.set_message(format!("{fps:.0} fps"));
        } else if self.last_line.elapsed() >= PLAIN_PROGRESS_EVERY {
            self.last_line = Instant::now();
            let of = progress.total.map_or(String::new(), |total| format!(" of {total}"));
            let left = progress.total.map_or(String::new(), |total| {
                let secs = total.saturating_sub(progress.frames) as f64 / fps.max(1e-9);
                format!(", {} left", text::short_duration(Duration::from_secs_f64(secs)))
            });
            eprintln!("{}: {}{of} frames, {fps:.0} fps{left}", self.name, progress.frames);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn print_summary(summary: &Summary, files: &[&Path]) {
    let fps = summary.frames_read as f64 / summary.wall.as_secs_f64().max(1e-9);
    println!(
        "{}  {}  {}",
        summary.video.display(),
        summary.size,
        text::short_duration(summary.duration)
    );
    println!(
        "  frames     {} read, {} analysed by {} ({})",
        summary.frames_read, summary.frames_analysed, summary.detector, summary.engine
    );
    println!(
        "  time       {} wall ({fps:.0} fps), {} cpu",
        text::short_duration(summary.wall),
        text::short_duration(summary.cpu)
    );
    let per_frame = |spent: Duration| spent.as_secs_f64() * 1e3 / summary.frames_read.max(1) as f64;
    let stages: Vec<String> = Stage::ALL
        .iter()
        .map(|stage| (stage, summary.stages.get(*stage)))
        .filter(|(_, spent)| !spent.is_zero())
        .map(|(stage, spent)| format!("{} {:.2}", stage.as_str(), per_frame(spent)))
        .collect();
    println!("  cpu/frame  {} ms", stages.join(", "));
    let objects: Vec<String> =
        summary.objects.iter().map(|(class, count)| format!("{count} {class}")).collect();
    let objects = if objects.is_empty() { "none".to_owned() } else { objects.join(", ") };
    println!("  objects    {objects}");
    for line in &summary.counts.lines {
        println!(
            "  line       {}: {} forward, {} backward, {} different",
            line.name,
            line.total(Direction::Forward),
            line.total(Direction::Backward),
            line.tracks
        );
    }
    for zone in &summary.counts.zones {
        let (visits, left, dwell, longest) = zone.by_class.values().fold(
            (0, 0, Duration::ZERO, Duration::ZERO),
            |(visits, left, dwell, longest), v| {
                (visits + v.entered, left + v.left, dwell + v.total_dwell, longest.max(v.max_dwell))
            },
        );
        let mean = dwell.div_f64(f64::max(left as f64, 1.0));
        println!(
            "  zone       {}: {visits} visits, dwell {} mean, {} longest",
            zone.name,
            text::short_duration(mean),
            text::short_duration(longest)
        );
    }
    for file in files {
        println!("  written    {}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Command::try_parse_from(["analyze"].iter().chain(words)).unwrap().args
    }

    #[test]
    fn no_video_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("a.mp4");
        std::fs::write(&video, "").unwrap();
        let video = video.to_str().unwrap();
        let other_way = format!("{}/./a.mp4", folder.path().display());
        for option in ["--out", "--events", "--tracks"] {
            let refused = check_files(&args(&[video, option, &other_way])).unwrap_err().to_string();
            assert!(refused.contains(option) && refused.contains("write over"), "{refused}");
        }
        assert!(check_files(&args(&["b.mp4", "--events", "x", "--tracks", "x"])).is_err());
        assert!(check_files(&args(&[video, "--out", "b.mp4", "--tracks", "x"])).is_ok());
    }

    #[test]
    fn what_the_configuration_decides_can_not_be_given_beside_it() {
        for option in ["--min-score=0.3", "--classes=car", "--engine=rten", "--start-score=0.5"] {
            let words = ["analyze", "a.mp4", "--config", "c.yaml", "--camera", "door", option];
            assert!(Command::try_parse_from(words).is_err(), "{option}");
        }
    }
}
