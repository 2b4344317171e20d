//! Makes one film: decodes, looks, waits, hides, encodes. Runs on a thread where it may block.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_imaging::{ColorMatrix, ColorRange, Redaction, YuvImage};
use omma_infer::{InferError, Model, Session, Wanted};
use omma_media::{
    Decoder, DecoderOptions, FragmentMuxer, LiveEncoder, LiveOptions, Picture, Source, SourceSpec,
    Stop, Taken,
};
use omma_types::{
    Analysis, CameraId, EventIds, FrameStamp, MediaTime, Rect, Size, StageTimings, WallTime,
};
use tokio::runtime::Handle as Runtime;

use super::RedactionError;
use super::outlet::Outlet;
use super::pipe::{Flow, flow};
use crate::config::{DEFAULT_MIN_SCORE, RedactConfig};
use crate::derive::{Cover, Hiding, Sightings};
use crate::pacer::Pacer;
use crate::pipeline::Pipeline;
use crate::record::Footage;

/// The detector looks so often. Nobody waits for a film as for a live picture, so it can be more
/// often than a camera's.
const LOOK_EVERY: Duration = Duration::from_millis(125);

/// Of the believed score, from which on something is hidden: to hide one thing too many is the
/// smaller mistake.
const HIDE_FROM: f32 = 0.35;

/// Bytes of pictures that wait until enough is known of them; beyond that the oldest is hidden
/// whole.
const WAITING_BYTES: usize = 512 << 20;

/// From one keyframe, and one fragment, to the next.
const KEYFRAMES: Duration = Duration::from_secs(1);

/// Where the footage does not say how many pictures a second it has.
const USUAL_RATE: f64 = 25.0;

const WHOLE: Rect = Rect::new(0.0, 0.0, 1.0, 1.0);

/// What finds people.
pub(super) struct Eyes {
    session: Session,
    wanted: Wanted,
    start_score: f32,
}

impl Eyes {
    /// `model`, looking for `classes`.
    pub(super) fn open(
        model: &Arc<Model>,
        classes: &[&str],
        start_score: f32,
    ) -> Result<Self, InferError> {
        let wanted = model.wanted(DEFAULT_MIN_SCORE, classes)?;
        Ok(Self { session: model.session()?, wanted, start_score })
    }
}

/// Why no more is made.
enum End {
    /// Nobody wants it any more.
    Unwanted,
    /// It can't be made.
    Failed(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A film that is made.
pub(super) struct Film {
    camera: CameraId,
    eyes: Eyes,
    outlet: Outlet,
}

impl Film {
    pub(super) fn new(camera: CameraId, eyes: Eyes, outlet: Outlet) -> Self {
        Self { camera, eyes, outlet }
    }

    /// Makes it of `footage` and tells how it ended, if anybody still listens.
    pub(super) fn make(self, footage: Footage) {
        let Self { camera, eyes, mut outlet } = self;
        match make(&camera, eyes, &mut outlet, footage) {
            Ok(()) => outlet.close(),
            Err(End::Unwanted) => {}
            Err(End::Failed(reason)) => {
                tracing::error!(%camera, reason, "footage could not be redacted");
                let failed = RedactionError::Failed { camera, reason };
                if Runtime::current().block_on(outlet.send(Err(failed))) {
                    outlet.close();
                }
            }
        }
    }
}

fn make(camera: &CameraId, eyes: Eyes, outlet: &mut Outlet, footage: Footage) -> Result<(), End> {
    let start = footage.start();
    let Flow { reader, failure } = flow(footage)?;
    let name = format!("footage of camera `{camera}`");
    let mut source = Source::open(&SourceSpec::pipe(&reader, &name), &Stop::new())
        .map_err(|error| End::Failed(failure.get().cloned().unwrap_or(error.to_string())))?;
    // Only the source reads now: when it goes, so does what writes.
    drop(reader);
    let rate = source.info().frame_rate.filter(|rate| (0.1..=240.0).contains(rate));
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default())?;
    let lens = Lens::new(eyes, camera)?;
    let press = Press::new(camera, start, rate.unwrap_or(USUAL_RATE), outlet);
    let mut studio = Studio { lens, press, waiting: VecDeque::new(), bytes: 0 };
    loop {
        let packet = source.read()?;
        match &packet {
            Some(packet) => decoder.send(packet)?,
            None => decoder.flush()?,
        }
        while let Some(picture) = decoder.receive()? {
            studio.take(picture)?;
        }
        if packet.is_none() {
            break;
        }
    }
    if let Some(reason) = failure.get() {
        return Err(End::Failed(reason.clone()));
    }
    studio.finish()
}

/// Looks at pictures, and remembers what it saw.
struct Lens {
    camera: CameraId,
    eyes: Eyes,
    pacer: Pacer,
    pipeline: Pipeline,
    sightings: Sightings,
    hold: Duration,
    looked: Option<MediaTime>,
}

impl Lens {
    fn new(eyes: Eyes, camera: &CameraId) -> Result<Self, End> {
        let redact = RedactConfig::default();
        let hold = redact.hold;
        let ids = EventIds::new(crate::shared::random_seed());
        let pipeline =
            Pipeline::new(camera.clone(), eyes.start_score, Vec::new(), Vec::new(), ids)?;
        let min_score = eyes.start_score * HIDE_FROM;
        let hiding = Hiding { redact, min_score, interval: LOOK_EVERY };
        Ok(Self {
            camera: camera.clone(),
            eyes,
            pacer: Pacer::new(LOOK_EVERY),
            pipeline,
            sightings: Sightings::new(hiding, false),
            hold,
            looked: None,
        })
    }

    /// Looks at the picture if it is time to.
    fn glance(&mut self, picture: &Picture) -> Result<(), End> {
        if self.pacer.is_due(picture.stamp().media) { self.look(picture) } else { Ok(()) }
    }

    fn look(&mut self, picture: &Picture) -> Result<(), End> {
        let frame = picture.stamp();
        if self.looked == Some(frame.media) {
            return Ok(());
        }
        let mut timings = StageTimings::default();
        let Eyes { session, wanted, .. } = &mut self.eyes;
        let detections = session.detect(&[picture.view()], wanted, &mut timings)?;
        let detections = detections.into_iter().next().unwrap_or_default();
        let (tracks, _events) = self.pipeline.digest(&frame, &detections, &mut timings);
        let camera = self.camera.clone();
        let analysis = Analysis { camera, frame, detections, tracks, timings };
        self.sightings.note(frame.media, &analysis);
        self.looked = Some(frame.media);
        Ok(())
    }

    /// There are no more pictures behind this one: nobody can come who is not there yet.
    fn close(&mut self, last: &Picture) -> Result<(), End> {
        self.look(last)?;
        let frame = last.stamp();
        let nothing = Analysis {
            camera: self.camera.clone(),
            frame: FrameStamp { media: frame.media + self.hold, ..frame },
            detections: Vec::new(),
            tracks: Vec::new(),
            timings: StageTimings::default(),
        };
        self.sightings.note(nothing.frame.media, &nothing);
        Ok(())
    }
}

/// Pictures on their way from the decoder to the press.
struct Studio<'a> {
    lens: Lens,
    press: Press<'a>,
    waiting: VecDeque<Picture>,
    bytes: usize,
}

impl Studio<'_> {
    fn take(&mut self, picture: Picture) -> Result<(), End> {
        // At once: a player wants to know that something comes.
        self.press.open(&picture)?;
        self.lens.glance(&picture)?;
        self.bytes += bytes_of(picture.stamp().size);
        self.waiting.push_back(picture);
        while let Some(first) = self.waiting.front() {
            let is_known = self.lens.sightings.reach(first.stamp().media);
            if !is_known && self.bytes <= WAITING_BYTES {
                break;
            }
            self.print_next()?;
        }
        Ok(())
    }

    fn print_next(&mut self) -> Result<(), End> {
        let Some(picture) = self.waiting.pop_front() else { return Ok(()) };
        self.bytes -= bytes_of(picture.stamp().size);
        let cover = self.lens.sightings.cover(picture.stamp().media);
        self.press.print(&picture, &cover)
    }

    fn finish(mut self) -> Result<(), End> {
        match self.waiting.back().cloned() {
            Some(last) => self.lens.close(&last)?,
            None => return Err(End::Failed("it holds no picture that can be decoded".to_owned())),
        }
        while !self.waiting.is_empty() {
            self.print_next()?;
        }
        self.press.finish()
    }
}

fn bytes_of(size: Size) -> usize {
    size.width as usize * size.height as usize * 3 / 2
}

/// Hides, encodes and sends.
struct Press<'a> {
    camera: &'a CameraId,
    start: WallTime,
    rate: f64,
    canvas: YuvImage,
    running: Option<(LiveEncoder, FragmentMuxer)>,
    outlet: &'a mut Outlet,
}

impl<'a> Press<'a> {
    fn new(camera: &'a CameraId, start: WallTime, rate: f64, outlet: &'a mut Outlet) -> Self {
        let canvas = YuvImage::black(Size::new(2, 2), ColorRange::Limited, ColorMatrix::Bt601);
        Self { camera, start, rate, canvas, running: None, outlet }
    }

    /// Sends the film's head, made for pictures like this one.
    fn open(&mut self, picture: &Picture) -> Result<(), End> {
        if self.running.is_some() {
            return Ok(());
        }
        let options =
            LiveOptions { frame_rate: self.rate, keyframes: KEYFRAMES, preset: "veryfast" };
        let encoder = LiveEncoder::new(self.camera.as_str(), &picture.view(), &options)?;
        let mut muxer = FragmentMuxer::new(encoder.info(), Some(self.start))?;
        let head = muxer.header()?;
        self.running = Some((encoder, muxer));
        self.send(head)
    }

    fn print(&mut self, picture: &Picture, cover: &Cover) -> Result<(), End> {
        self.canvas.copy_from(&picture.view());
        match cover {
            Cover::Areas(areas) => {
                let margin = RedactConfig::default().margin;
                self.canvas.redact(areas, margin, Redaction::BlackOut);
            }
            Cover::Everything => self.canvas.redact(&[WHOLE], 0.0, Redaction::BlackOut),
        }
        let Some((encoder, muxer)) = &mut self.running else { return Ok(()) };
        let stamp = picture.stamp();
        let taken = Taken {
            media: stamp.media,
            wall: stamp.wall,
            wall_source: stamp.wall_source,
            arrival: Instant::now(),
        };
        let Some(packet) = encoder.encode(&self.canvas.view(), &taken)? else { return Ok(()) };
        let done = if packet.keyframe { muxer.cut()? } else { Vec::new() };
        muxer.push(&packet)?;
        self.send(done)
    }

    fn finish(mut self) -> Result<(), End> {
        let Some((_encoder, mut muxer)) = self.running.take() else { return Ok(()) };
        let rest = muxer.finish()?;
        self.send(rest)
    }

    fn send(&mut self, bytes: Vec<u8>) -> Result<(), End> {
        let is_wanted = if bytes.is_empty() {
            !self.outlet.is_closed()
        } else {
            Runtime::current().block_on(self.outlet.send(Ok(bytes)))
        };
        if is_wanted { Ok(()) } else { Err(End::Unwanted) }
    }
}
