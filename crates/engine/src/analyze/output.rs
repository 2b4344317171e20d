//! The annotated video: what the detector saw, drawn or hidden, on every picture.
//!
//! Where the detector looks at some pictures only, the others wait for the next one it looks
//! at, and boxes are put on the straight way between the two. Hiding people must not have
//! gaps: an object known before or after is hidden in between.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use omma_imaging::{ColorMatrix, ColorRange, Painter, Redaction, YuvImage};
use omma_media::{FrameRate, MediaError, Picture, StreamInfo, VideoWriter, WriterOptions};
use omma_rules::{Line, Zone};
use omma_types::{
    CameraId, ClassName, Detection, MediaTime, Point, Rect, Size, Stage, StageTimings, Track,
    TrackId,
};

use super::AnalyzeOptions;
use super::reader::Clock;
use crate::error::EngineError;
use crate::pipeline::Pipeline;
use crate::scene::{Drawing, between};
use crate::status::Totals;

/// Pictures that may wait for the next analysis; beyond that they are drawn as known so far.
const HELD_PICTURES: usize = 60;

/// Pictures between drawing and encoding.
const QUEUED_PICTURES: usize = 4;

/// Boxes cut off hair and hands: what is hidden is larger by this part of the box.
const REDACTION_MARGIN: f32 = 0.1;

/// What was hidden stays hidden for this long where nothing is found any more, and what is
/// found is hidden for this long before: a detector that blinks, or that knows somebody only
/// at the second look, must not show for some pictures what it hides in all others.
const LINGER: Duration = Duration::from_millis(500);

/// A box that overlaps one of this picture by so much has been found again.
const FOUND_AGAIN: f32 = 0.3;

/// The annotated video.
#[derive(Clone, Debug)]
pub struct OutputOptions {
    /// The file; its name's end tells the container, e.g. `.mp4`.
    pub path: PathBuf,
    /// Classes to hide; empty hides nothing.
    pub redact: Vec<ClassName>,
    /// How they are hidden.
    pub redaction: Redaction,
}

/// What is known at one analysed picture.
#[derive(Default)]
struct Known {
    media: MediaTime,
    tracks: Vec<Track>,
    hidden: Vec<Rect>,
    tails: HashMap<TrackId, Vec<Point>>,
    totals: Totals,
}

/// Draws pictures and hands them to the encoder.
pub(super) struct Output {
    camera: CameraId,
    lines: Vec<Line>,
    zones: Vec<Zone>,
    options: OutputOptions,
    hide_from: f32,
    painter: Painter,
    known: Arc<Known>,
    lingering: Lingering,
    held: Vec<Picture>,
    ready: VecDeque<Ready>,
    encoder: Encoder,
}

/// A picture of which all is known but who will be found on it only later.
struct Ready {
    picture: Picture,
    tracks: Vec<Track>,
    hidden: Vec<Rect>,
    known: Arc<Known>,
}

/// The boxes of `found` that are not where something was hidden before.
fn newcomers(found: &[Rect], before: &[Rect]) -> Vec<Rect> {
    let is_new = |new: &&Rect| before.iter().all(|old| new.iou(old) < FOUND_AGAIN);
    found.iter().filter(is_new).copied().collect()
}

/// Boxes that were hidden and have not been found again, each with when it was found last.
#[derive(Default)]
struct Lingering(Vec<(MediaTime, Rect)>);

impl Lingering {
    /// What to hide at `media`, where these boxes are `found`.
    fn hide(&mut self, media: MediaTime, found: Vec<Rect>) -> Vec<Rect> {
        self.0.retain(|(seen, old)| {
            let is_recent = *seen <= media && media.since(*seen) <= LINGER;
            is_recent && found.iter().all(|new| new.iou(old) < FOUND_AGAIN)
        });
        let lost: Vec<Rect> = self.0.iter().map(|(_, rect)| *rect).collect();
        self.0.extend(found.iter().map(|rect| (media, *rect)));
        found.into_iter().chain(lost).collect()
    }
}

impl Output {
    /// Opens the file.
    pub(super) fn create(
        options: &OutputOptions,
        all: &AnalyzeOptions,
        info: &StreamInfo,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            camera: all.camera.clone(),
            lines: all.lines.clone(),
            zones: all.zones.clone(),
            options: options.clone(),
            // To hide one thing too many is the smaller mistake.
            hide_from: all.detect.start_score / 2.0,
            painter: Painter::new(),
            known: Arc::default(),
            lingering: Lingering::default(),
            held: Vec::new(),
            ready: VecDeque::new(),
            encoder: Encoder::start(&options.path, info)?,
        })
    }

    /// Keeps a picture that the detector did not see until the next one that it did.
    pub(super) fn hold(
        &mut self,
        picture: Picture,
        timings: &mut StageTimings,
    ) -> Result<(), EngineError> {
        self.held.push(picture);
        if self.held.len() < HELD_PICTURES {
            return Ok(());
        }
        self.release(None, timings)
    }

    /// Takes a picture that the detector saw, with what it saw.
    pub(super) fn show(
        &mut self,
        picture: &Picture,
        detections: &[Detection],
        tracks: Vec<Track>,
        pipeline: &Pipeline,
        timings: &mut StageTimings,
    ) -> Result<(), EngineError> {
        let now = self.know(picture, detections, tracks, pipeline);
        let newcomers = newcomers(&now.hidden, &self.known.hidden);
        for ready in &mut self.ready {
            ready.hidden.extend(&newcomers);
        }
        self.release(Some(&now), timings)?;
        self.known = Arc::new(now);
        let (tracks, hidden) = (self.known.tracks.clone(), self.known.hidden.clone());
        self.queue(picture.clone(), tracks, hidden, timings)
    }

    /// Draws what is still held and ends the file.
    pub(super) fn finish(mut self, timings: &mut StageTimings) -> Result<(), EngineError> {
        self.release(None, timings)?;
        while let Some(ready) = self.ready.pop_front() {
            self.draw(&ready, timings)?;
        }
        timings.add(Stage::Encode, self.encoder.finish()?);
        Ok(())
    }

    fn know(
        &mut self,
        picture: &Picture,
        detections: &[Detection],
        tracks: Vec<Track>,
        pipeline: &Pipeline,
    ) -> Known {
        let is_secret = |class: &ClassName| self.options.redact.contains(class);
        let seen = detections
            .iter()
            .filter(|d| d.score >= self.hide_from && is_secret(&d.class))
            .map(|d| d.rect);
        let followed = tracks.iter().filter(|t| is_secret(&t.class)).map(|t| t.rect);
        let media = picture.stamp().media;
        let found = seen.chain(followed).collect();
        Known {
            media,
            hidden: self.lingering.hide(media, found),
            tails: pipeline.tails(),
            totals: Totals::default().plus(&pipeline.counts()),
            tracks,
        }
    }

    /// Draws the held pictures, on the way from what is known to `next`.
    fn release(
        &mut self,
        next: Option<&Known>,
        timings: &mut StageTimings,
    ) -> Result<(), EngineError> {
        for picture in std::mem::take(&mut self.held) {
            let media = picture.stamp().media;
            let (tracks, hidden) = match next {
                Some(next) => on_the_way(&self.known, next, media, &self.options.redact),
                None => (self.known.tracks.clone(), self.known.hidden.clone()),
            };
            self.queue(picture, tracks, hidden, timings)?;
        }
        Ok(())
    }

    /// Draws pictures in their order; where something is to be hidden, only once nobody can
    /// be found any more who has to be hidden on them too.
    fn queue(
        &mut self,
        picture: Picture,
        tracks: Vec<Track>,
        hidden: Vec<Rect>,
        timings: &mut StageTimings,
    ) -> Result<(), EngineError> {
        let newest = picture.stamp().media;
        let known = Arc::clone(&self.known);
        self.ready.push_back(Ready { picture, tracks, hidden, known });
        let wait = if self.options.redact.is_empty() { Duration::ZERO } else { LINGER };
        let is_due = |ready: &mut Ready| newest.since(ready.picture.stamp().media) >= wait;
        while let Some(ready) = self.ready.pop_front_if(is_due) {
            self.draw(&ready, timings)?;
        }
        Ok(())
    }

    fn draw(&mut self, ready: &Ready, timings: &mut StageTimings) -> Result<(), EngineError> {
        let mut image = self.encoder.canvas()?;
        let clock = Clock::start();
        image.copy_from(&ready.picture.view());
        if !ready.hidden.is_empty() {
            image.redact(&ready.hidden, REDACTION_MARGIN, self.options.redaction);
        }
        let media = ready.picture.stamp().media;
        let drawing = Drawing {
            tracks: &ready.tracks,
            tails: &ready.known.tails,
            lines: &self.lines,
            zones: &self.zones,
            totals: &ready.known.totals,
            title: self.camera.as_str(),
            note: &position_text(media),
        };
        drawing.draw(&mut self.painter, &mut image);
        timings.add(Stage::Draw, clock.elapsed());
        self.encoder.write(image, media)
    }
}

/// Tracks and hidden boxes at `media` between two analysed pictures.
fn on_the_way(
    before: &Known,
    after: &Known,
    media: MediaTime,
    secret: &[ClassName],
) -> (Vec<Track>, Vec<Rect>) {
    let span = after.media.since(before.media).as_secs_f32();
    let at = if span > 0.0 { media.since(before.media).as_secs_f32() / span } else { 1.0 };
    let mut tracks = Vec::new();
    for track in &before.tracks {
        let mut track = track.clone();
        if let Some(later) = after.tracks.iter().find(|t| t.id == track.id) {
            track.rect = between(&track.rect, &later.rect, at);
        }
        tracks.push(track);
    }
    let moved = tracks.iter().filter(|t| secret.contains(&t.class)).map(|t| t.rect);
    let hidden = moved.chain(before.hidden.iter().copied()).chain(after.hidden.iter().copied());
    let hidden = hidden.collect();
    (tracks, hidden)
}

/// Minutes, seconds and tenths into the video.
fn position_text(media: MediaTime) -> String {
    let tenths = (media.as_secs_f64().max(0.0) * 10.0) as u64;
    format!("{:02}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

/// The thread that encodes. Canvases go round: drawn here, encoded there, used again.
struct Encoder {
    drawn: Option<SyncSender<(YuvImage, MediaTime)>>,
    used: Receiver<YuvImage>,
    /// Whether all pictures were given: without its end it is no film, and not kept.
    complete: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Duration, MediaError>>>,
}

impl Encoder {
    fn start(path: &Path, info: &StreamInfo) -> Result<Self, EngineError> {
        let rate = info.frame_rate.map_or(FrameRate::Variable, FrameRate::Constant);
        let size = info.size.unwrap_or_default();
        let mut writer = VideoWriter::create(path, size, rate, WriterOptions::default())?;
        let (drawn, queue) = sync_channel::<(YuvImage, MediaTime)>(QUEUED_PICTURES);
        let (give_back, used) = sync_channel(QUEUED_PICTURES + 2);
        let complete = Arc::new(AtomicBool::new(false));
        let is_complete = Arc::clone(&complete);
        let encode = move || {
            let clock = Clock::start();
            for (image, media) in queue {
                writer.write(&image.view(), media)?;
                // A canvas that nobody takes back is simply gone.
                drop(give_back.try_send(image));
            }
            if is_complete.load(Ordering::Acquire) {
                writer.finish()?;
            }
            Ok(clock.elapsed())
        };
        let thread = std::thread::Builder::new().name("encode".to_owned()).spawn(encode).map_err(
            |source| EngineError::System {
                what: "cannot start the thread that encodes".to_owned(),
                source,
            },
        )?;
        Ok(Self { drawn: Some(drawn), used, complete, thread: Some(thread) })
    }

    fn canvas(&self) -> Result<YuvImage, EngineError> {
        Ok(self.used.try_recv().unwrap_or_else(|_none_yet| {
            YuvImage::black(Size::new(2, 2), ColorRange::Limited, ColorMatrix::Bt601)
        }))
    }

    fn write(&mut self, image: YuvImage, media: MediaTime) -> Result<(), EngineError> {
        let sent = self.drawn.as_ref().is_some_and(|drawn| drawn.send((image, media)).is_ok());
        // The encoder ended early: its failure says why.
        if sent { Ok(()) } else { self.finish().map(drop) }
    }

    /// Ends the file. Returns the processor time of encoding.
    fn finish(&mut self) -> Result<Duration, EngineError> {
        self.complete.store(true, Ordering::Release);
        self.drawn = None;
        let Some(thread) = self.thread.take() else { return Ok(Duration::ZERO) };
        match thread.join() {
            Ok(outcome) => Ok(outcome?),
            Err(_panic) => Err(EngineError::System {
                what: "writing the video panicked".to_owned(),
                source: std::io::Error::other("see the log"),
            }),
        }
    }
}

/// An analysis that fails leaves no half film behind: the thread takes it away.
impl Drop for Encoder {
    fn drop(&mut self) {
        self.drawn = None;
        if let Some(thread) = self.thread.take() {
            // Why the analysis ended is told elsewhere.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_detector_loses_for_a_moment_stays_hidden() {
        let person = Rect::new(0.2, 0.2, 0.1, 0.3);
        let moved = Rect::new(0.21, 0.2, 0.1, 0.3);
        let at = MediaTime::from_secs_f64;
        let mut lingering = Lingering::default();
        assert_eq!(lingering.hide(at(0.0), vec![person]), [person]);
        assert_eq!(lingering.hide(at(0.04), Vec::new()), [person]);
        assert_eq!(lingering.hide(at(0.08), vec![moved]), [moved], "found again: not twice");
        assert_eq!(lingering.hide(at(0.58), Vec::new()), [moved]);
        assert!(lingering.hide(at(0.7), Vec::new()).is_empty());
    }

    #[test]
    fn only_who_was_not_hidden_before_is_hidden_backwards() {
        let (person, other) = (Rect::new(0.2, 0.2, 0.1, 0.3), Rect::new(0.7, 0.2, 0.1, 0.3));
        let moved = Rect::new(0.22, 0.2, 0.1, 0.3);
        assert_eq!(newcomers(&[moved, other], &[person]), [other]);
        assert_eq!(newcomers(&[moved], &[]), [moved]);
    }

    const SIZE: Size = Size::new(64, 48);

    fn black() -> YuvImage {
        YuvImage::black(SIZE, ColorRange::Limited, ColorMatrix::Bt601)
    }

    #[test]
    fn a_film_that_is_given_up_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.mp4");
        let options = WriterOptions::default();
        let mut writer =
            VideoWriter::create(&source, SIZE, FrameRate::Constant(25.0), options).unwrap();
        writer.write(&black().view(), MediaTime::ZERO).unwrap();
        writer.finish().unwrap();
        let info = omma_media::probe(&source).unwrap();

        let film = |name: &str, is_finished: bool| {
            let path = folder.path().join(name);
            let mut encoder = Encoder::start(&path, &info).unwrap();
            for frame in 0..3 {
                let at = MediaTime::from_secs_f64(f64::from(frame) / 25.0);
                encoder.write(black(), at).unwrap();
            }
            if is_finished {
                encoder.finish().unwrap();
            }
            drop(encoder);
            path.exists()
        };
        assert!(film("whole.mp4", true));
        assert!(!film("half.mp4", false));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "source and whole film, nothing unfinished");
    }
}
