//! Live pictures for people: annotated where they want it, as JPEG.
//!
//! A feed is one thread that draws and encodes for all viewers with the same wishes. It
//! costs nothing while nobody looks: the feed goes with its last viewer, and with it the
//! camera's need to decode. A slow viewer misses pictures; it slows nobody down.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_imaging::{
    Anchor, Color, ColorMatrix, ColorRange, JpegEncoder, LabelStyle, Painter, YuvImage,
};
use omma_media::Picture;
use omma_types::{Clock as _, FrameStamp, MediaTime, Point, Size, Stage, SystemClock, WallSource};
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::camera::Camera;
use crate::demand::Consumer;
use crate::derive::{Derived, Kind};
use crate::error::EngineError;
use crate::publish::draw_notes;
use crate::scene::{Drawing, carried_on};
use crate::status::{CameraState, JpegFrame, ViewOptions};
use crate::telemetry::Drop as Dropped;

/// How long a snapshot waits for a picture.
pub(crate) const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// Without a picture for this long, viewers are shown why there is none.
const SILENCE: Duration = Duration::from_secs(2);

/// The picture shown instead has this size unless the camera's is known.
const PLACEHOLDER: Size = Size::new(640, 360);

/// A viewer's end of a feed.
pub struct LiveView {
    frames: watch::Receiver<Option<Arc<JpegFrame>>>,
    _feed: Arc<Feed>,
}

impl LiveView {
    /// The next picture that this viewer has not seen; pictures in between are skipped. None
    /// when the camera is gone.
    pub async fn next(&mut self) -> Option<Arc<JpegFrame>> {
        loop {
            self.frames.changed().await.ok()?;
            if let Some(frame) = self.frames.borrow_and_update().clone() {
                return Some(frame);
            }
        }
    }
}

/// One drawing and encoding thread and what it is fed with.
pub(crate) struct Feed {
    inbox: Arc<Inbox>,
    frames: watch::Receiver<Option<Arc<JpegFrame>>>,
}

/// The newest picture, and whether the feed has ended.
#[derive(Default)]
struct Inbox {
    state: Mutex<InboxState>,
    news: Condvar,
    camera: Weak<Camera>,
}

#[derive(Default)]
struct InboxState {
    picture: Option<Picture>,
    closed: bool,
}

impl Feed {
    pub(crate) fn start(
        camera: &Arc<Camera>,
        options: ViewOptions,
    ) -> Result<Arc<Self>, EngineError> {
        let encoder = JpegEncoder::new().map_err(|error| EngineError::System {
            what: format!("cannot show camera `{}`", camera.id),
            source: std::io::Error::other(error),
        })?;
        let (sender, frames) = watch::channel(None);
        let inbox = Arc::new(Inbox { camera: Arc::downgrade(camera), ..Inbox::default() });
        let artist = Artist {
            inbox: Arc::clone(&inbox),
            options,
            encoder,
            painter: Painter::new(),
            canvas: YuvImage::black(PLACEHOLDER, ColorRange::Limited, ColorMatrix::Bt601),
            sender,
            made: 0,
        };
        std::thread::Builder::new()
            .name(format!("view-{}", camera.id))
            .spawn(move || artist.run())
            .map_err(|source| EngineError::System {
                what: format!("cannot start a thread to show camera `{}`", camera.id),
                source,
            })?;
        Ok(Arc::new(Self { inbox, frames }))
    }

    pub(crate) fn view(self: &Arc<Self>) -> LiveView {
        let mut frames = self.frames.clone();
        // A picture that is already there is news to this viewer.
        frames.mark_changed();
        LiveView { frames, _feed: Arc::clone(self) }
    }

    /// Ends the feed: its viewers are told that the camera is gone.
    pub(crate) fn close(&self) {
        self.inbox.state.lock().closed = true;
        self.inbox.news.notify_all();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}

impl Consumer for Feed {
    fn offer(&self, picture: &Picture, _arrival: Instant) {
        let replaced = self.inbox.state.lock().picture.replace(picture.clone()).is_some();
        self.inbox.news.notify_one();
        if replaced && let Some(camera) = self.inbox.camera.upgrade() {
            camera.count_drop(Dropped::ViewBusy);
        }
    }
}

/// The thread's own things.
struct Artist {
    inbox: Arc<Inbox>,
    options: ViewOptions,
    encoder: JpegEncoder,
    painter: Painter,
    canvas: YuvImage,
    sender: watch::Sender<Option<Arc<JpegFrame>>>,
    /// Pictures so far.
    made: u64,
}

impl Artist {
    fn run(mut self) {
        while let Some(next) = self.wait() {
            let Some(camera) = self.inbox.camera.upgrade() else { return };
            let (stamp, is_notice) = match next {
                Some(picture) => (self.draw(&camera, &picture), false),
                None if camera.status().state == CameraState::Online => continue,
                None => (self.draw_reason(&camera), true),
            };
            let started = Instant::now();
            match self.encoder.encode(&self.canvas.view(), self.options.quality) {
                Ok(bytes) => {
                    self.made += 1;
                    let number = self.made;
                    let frame = JpegFrame { bytes: bytes.to_vec(), stamp, number, is_notice };
                    camera.metrics.stage(Stage::Encode, started.elapsed());
                    // Nobody looks any more: the next wait ends the thread.
                    self.sender.send_replace(Some(Arc::new(frame)));
                }
                Err(error) => tracing::warn!(camera = %camera.id, %error, "picture not shown"),
            }
        }
    }

    /// The next picture, or none after a silence; ends when the feed is closed.
    fn wait(&self) -> Option<Option<Picture>> {
        let mut state = self.inbox.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(picture) = state.picture.take() {
                return Some(Some(picture));
            }
            if self.inbox.news.wait_for(&mut state, SILENCE).timed_out() {
                return if state.closed { None } else { Some(state.picture.take()) };
            }
        }
    }

    fn draw(&mut self, camera: &Camera, picture: &Picture) -> FrameStamp {
        let started = Instant::now();
        let stamp = picture.stamp();
        let size = fit(stamp.size, self.options.max_width);
        if size == stamp.size {
            self.canvas.copy_from(&picture.view());
        } else {
            self.canvas.resize_from(&picture.view(), size);
        }
        if self.options.annotated {
            annotate(camera, &stamp, &mut self.painter, &mut self.canvas);
        }
        camera.metrics.stage(Stage::Draw, started.elapsed());
        stamp
    }

    /// A dark picture that says why there is no other.
    fn draw_reason(&mut self, camera: &Camera) -> FrameStamp {
        let status = camera.status();
        // A stream's size may still be unknown, and is then zero.
        let known = status.stream.as_ref().map(|s| s.size).filter(|s| s.width > 0 && s.height > 0);
        let size = known.unwrap_or(PLACEHOLDER);
        let size = fit(size, self.options.max_width);
        let wall = SystemClock.wall();
        self.canvas = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let title = format!("{} is {}", camera.id, status.state.as_str());
        self.notice(&title, &status.reason);
        FrameStamp { seq: 0, media: MediaTime::ZERO, wall, wall_source: WallSource::Arrival, size }
    }
}

impl Artist {
    /// Two lines of text in the middle of the canvas.
    fn notice(&mut self, title: &str, reason: &str) {
        let mut canvas = self.painter.on(&mut self.canvas);
        let (ink, paper) = (Color::rgb(0xf2, 0xf4, 0xf7), Color::rgb(0x1b, 0x20, 0x28));
        let style = |size| LabelStyle { size, text: ink, background: paper, opacity: 1.0 };
        canvas.label(Point::new(0.5, 0.45), Anchor::Center, title, &style(32.0));
        canvas.label(Point::new(0.5, 0.57), Anchor::Center, reason, &style(16.0));
    }
}

/// Draws on a camera's picture what its detector found, its lines, zones and counts.
pub(crate) fn annotate(
    camera: &Camera,
    stamp: &FrameStamp,
    painter: &mut Painter,
    canvas: &mut YuvImage,
) {
    let scene = camera.scene();
    let config = camera.config();
    let tracks = match &scene.latest {
        Some(latest) => {
            let at = if camera.has_sub_stream() {
                // Two streams have two clocks; when a picture was taken, both know.
                let later = stamp.wall.since(latest.frame.wall);
                latest.frame.media + later
            } else {
                stamp.media
            };
            carried_on(latest, scene.previous.as_deref(), at)
        }
        None => Vec::new(),
    };
    // The same words over those that stand in an annotated picture already can't be read.
    let is_annotated = matches!(Derived::of(&config.url), Some(Ok(d)) if d.kind == Kind::Annotated);
    let clock = clock_text(stamp.wall);
    let (title, note) = if is_annotated { ("", "") } else { (camera.id.as_str(), clock.as_str()) };
    let drawing = Drawing {
        tracks: &tracks,
        tails: &scene.tails,
        lines: &config.lines,
        zones: &config.zones,
        totals: &camera.totals(),
        title,
        note,
    };
    drawing.draw(painter, canvas);
    let (notes, shown) = (camera.notes(), canvas.size());
    if !notes.is_empty() {
        draw_notes(&mut painter.on(canvas), &notes, stamp.size, shown);
    }
}

/// `size` made no wider than `max_width`, at even numbers.
pub(crate) fn fit(size: Size, max_width: u32) -> Size {
    let max_width = max_width.max(16);
    if size.width <= max_width {
        return size;
    }
    let height = u64::from(size.height) * u64::from(max_width) / u64::from(size.width.max(1));
    let even = |n: u32| (n & !1).max(2);
    Size::new(even(max_width), even(u32::try_from(height).unwrap_or(2)))
}

/// Date and time to the second, in UTC.
pub(crate) fn clock_text(wall: omma_types::WallTime) -> String {
    let text = wall.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{} UTC", seconds.replace('T', " ")),
        None => text,
    }
}
