//! A stream that is made from another camera's pictures.
//!
//! It holds no connection: it looks for the other camera, is online while that one is, and
//! asks for its pictures only while somebody wants what comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_imaging::{ColorMatrix, ColorRange, Painter, Redaction, YuvImage};
use omma_media::{LiveEncoder, LiveOptions, Picture, Taken};
use omma_types::{CameraId, Rect, Size, Stage};

use super::Stream;
use super::reader::Reader;
use super::supervisor::{End, Supervisor};
use crate::analyst::Witness;
use crate::camera::Camera;
use crate::config::{Rate, RedactConfig, RedactStyle};
use crate::demand::Consumer;
use crate::derive::{Cover, Derived, Hiding, Inbox, Intake, Kind, check_model};
use crate::error::EngineError;
use crate::live::annotate;
use crate::shared::Shared;
use crate::status::{CameraState, StreamStatus};

/// Whether somebody wants pictures, and how the other camera does, is looked at this often.
const NAP: Duration = Duration::from_millis(50);

/// From one keyframe to the next: who comes late waits for it, or decodes from it.
const KEYFRAMES: Duration = Duration::from_secs(1);

/// Where the other camera's rate is not known.
const USUAL_RATE: f64 = 25.0;

/// Redaction of everything leaves no more than this picture does.
const WHOLE: Rect = Rect::new(0.0, 0.0, 1.0, 1.0);

/// The camera that pictures are made from, as long as it is the same.
struct Link {
    parent: Arc<Camera>,
    inbox: Arc<Inbox>,
    redact: Option<RedactConfig>,
}

impl Supervisor {
    /// Makes pictures until the stream is stopped.
    pub(super) fn derive(
        &mut self,
        derived: Result<Derived, String>,
        online: &mut Option<Instant>,
    ) -> Result<End, EngineError> {
        let stream = Arc::clone(&self.stream);
        let camera = stream.camera.to_string();
        let derived = derived.map_err(|reason| EngineError::Source { camera, reason })?;
        let mut link: Option<Link> = None;
        while !stream.stop.wait(NAP) {
            let Some(shared) = self.shared.upgrade() else { break };
            let now = shared.camera(&derived.parent);
            if link.as_ref().is_some_and(|link| !is_same(now.as_ref(), link)) {
                link = None;
            }
            let (None, Some(parent)) = (&link, &now) else {
                let Some(link) = &link else {
                    let reason = format!("there is no camera `{}`", derived.parent);
                    self.enter(CameraState::Offline, &reason);
                    continue;
                };
                drop(shared);
                self.follow(link, online)?;
                continue;
            };
            match join(&stream, &derived, parent, &shared) {
                Ok(joined) => link = Some(joined),
                Err(reason) => self.enter(CameraState::Failed, &reason),
            }
        }
        Ok(End::Changed)
    }

    /// Says how the other camera does, and makes pictures of its pictures while they are
    /// wanted.
    fn follow(&mut self, link: &Link, online: &mut Option<Instant>) -> Result<(), EngineError> {
        let parent = link.parent.status();
        if parent.state == CameraState::Connecting && online.is_none() {
            return Ok(());
        }
        if parent.state != CameraState::Online {
            let reason = match parent.reason.as_str() {
                "" => format!("camera `{}` is {}", parent.id, parent.state.as_str()),
                reason => format!("camera `{}` is {}: {reason}", parent.id, parent.state.as_str()),
            };
            let state = match parent.state {
                CameraState::Ended => CameraState::Ended,
                _ => CameraState::Offline,
            };
            self.enter(state, &reason);
            return Ok(());
        }
        online.get_or_insert_with(Instant::now);
        let stream = Arc::clone(&self.stream);
        let fps = parent.stream.as_ref().and_then(|known| known.fps);
        if let Some(known) = parent.stream {
            stream.health.note_stream(StreamStatus { codec: "h264".to_owned(), ..known });
        }
        let reason = if link.redact.is_some() && !parent.reason.is_empty() {
            format!("all of the picture is hidden: camera `{}` is {}", parent.id, parent.reason)
        } else {
            String::new()
        };
        self.enter(CameraState::Online, &reason);
        if stream.is_wanted(Instant::now()) {
            let rate = fps.filter(|fps| (0.1..=240.0).contains(fps)).unwrap_or(USUAL_RATE);
            make(&stream, link, rate)?;
        }
        Ok(())
    }
}

fn is_same(now: Option<&Arc<Camera>>, link: &Link) -> bool {
    now.is_some_and(|now| Arc::ptr_eq(now, &link.parent))
}

/// Begins to note what the other camera's detector sees.
fn join(
    stream: &Arc<Stream>,
    derived: &Derived,
    parent: &Arc<Camera>,
    shared: &Shared,
) -> Result<Link, String> {
    let config = parent.config();
    derived.check(&stream.config, &config)?;
    let by_wall = parent.has_sub_stream();
    let (Kind::Redacted, Some(analyst), Some(detect)) =
        (derived.kind, parent.analyst(), &config.detect)
    else {
        let inbox = Inbox::new(stream, by_wall, None);
        return Ok(Link { parent: Arc::clone(parent), inbox, redact: None });
    };
    let redact = stream.config.redact.clone().unwrap_or_default();
    check_model(&redact, detect, shared.pool.models())?;
    let hiding = Hiding {
        redact: redact.clone(),
        // To hide one thing too many is the smaller mistake.
        min_score: detect.start_score / 2.0,
        interval: analyst.interval(),
    };
    let inbox = Inbox::new(stream, by_wall, Some((hiding, analyst.analysed() > 0)));
    let witness: Arc<dyn Witness> = Arc::<Inbox>::clone(&inbox);
    analyst.add_witness(&witness);
    Ok(Link { parent: Arc::clone(parent), inbox, redact: Some(redact) })
}

/// Makes pictures as long as somebody wants them and the other camera gives them.
fn make(stream: &Arc<Stream>, link: &Link, rate: f64) -> Result<(), EngineError> {
    let Ok(main) = link.parent.main() else { return Ok(()) };
    link.inbox.clear();
    let intake: Arc<dyn Consumer> = Arc::new(Intake(Arc::clone(&link.inbox)));
    main.demand.add(&intake, Rate::All);
    let mut studio = Studio::new(&stream.camera, rate);
    let mut reader = Reader::new(stream, Instant::now());
    let outcome = loop {
        let now = Instant::now();
        let is_over = main.health.state() != CameraState::Online && link.inbox.is_empty();
        if is_over || stream.is_stopped() || main.is_stopped() || !stream.is_wanted(now) {
            break Ok(());
        }
        let Some((picture, cover)) = link.inbox.next(now + NAP) else { continue };
        if let Err(error) = studio.make(stream, link, &picture, &cover, &mut reader) {
            break Err(error);
        }
    };
    drop(intake);
    link.inbox.clear();
    stream.closed();
    // Whoever may come back to the derived camera has been waited for already.
    main.demand.stop_lingering();
    outcome
}

/// Draws and encodes.
struct Studio {
    camera: CameraId,
    rate: f64,
    canvas: YuvImage,
    painter: Painter,
    encoder: Option<LiveEncoder>,
}

impl Studio {
    fn new(camera: &CameraId, rate: f64) -> Self {
        let canvas = YuvImage::black(Size::new(2, 2), ColorRange::Limited, ColorMatrix::Bt601);
        Self { camera: camera.clone(), rate, canvas, painter: Painter::new(), encoder: None }
    }

    fn make(
        &mut self,
        stream: &Stream,
        link: &Link,
        picture: &Picture,
        cover: &Cover,
        reader: &mut Reader<'_>,
    ) -> Result<(), EngineError> {
        let drawing = Instant::now();
        self.canvas.copy_from(&picture.view());
        match &link.redact {
            Some(redact) => hide(&mut self.canvas, cover, redact),
            None => annotate(&link.parent, &picture.stamp(), &mut self.painter, &mut self.canvas),
        }
        stream.metrics.stage(Stage::Draw, drawing.elapsed());
        let encoding = Instant::now();
        let fitting = self.encoder.take().filter(|encoder| encoder.fits(self.canvas.size()));
        let encoder = match fitting {
            Some(encoder) => self.encoder.insert(encoder),
            None => {
                let options = LiveOptions {
                    frame_rate: self.rate,
                    keyframes: KEYFRAMES,
                    preset: "ultrafast",
                };
                let view = self.canvas.view();
                let encoder = LiveEncoder::new(self.camera.as_str(), &view, &options)?;
                stream.opened(encoder.info());
                self.encoder.insert(encoder)
            }
        };
        let stamp = picture.stamp();
        let taken = Taken {
            media: stamp.media,
            wall: stamp.wall,
            wall_source: stamp.wall_source,
            arrival: Instant::now(),
        };
        let packet = encoder.encode(&self.canvas.view(), &taken)?;
        stream.metrics.stage(Stage::Encode, encoding.elapsed());
        if let Some(packet) = packet {
            reader.take(&packet, encoder.info())?;
        }
        Ok(())
    }
}

fn hide(canvas: &mut YuvImage, cover: &Cover, redact: &RedactConfig) {
    let redaction = match redact.style {
        RedactStyle::Black => Redaction::BlackOut,
        RedactStyle::Blur => Redaction::Blur,
        RedactStyle::Pixelate => Redaction::Pixelate,
    };
    match cover {
        Cover::Areas(areas) => canvas.redact(areas, redact.margin, redaction),
        Cover::Everything => canvas.redact(&[WHOLE], 0.0, redaction),
    }
}
