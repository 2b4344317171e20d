//! The dialects' own pages: a picture after the other, with what their users know from them.
//!
//! Nothing is drawn while nobody looks. A viewer that is slow misses pictures.

use std::sync::Arc;

use omma_imaging::{
    Anchor, Color, ColorMatrix, ColorRange, ImagingError, JpegEncoder, LabelStyle, Painter,
    YuvImage,
};
use omma_media::Picture;
use omma_types::{Clock as _, FrameStamp, MediaTime, Point, Rect, Size, SystemClock, WallSource};
use tokio::sync::watch;

use super::sight::{LOADING_SIZE, Sight, Waiting};
use crate::status::JpegFrame;

/// Of the red rectangles around people, in pixels.
const LINE_WIDTH: f32 = 5.0;

/// Of the pages' JPEGs.
const QUALITY: u8 = 80;

const RED: Color = Color::rgb(0xff, 0x00, 0x00);
const WHITE: Color = Color::rgb(0xff, 0xff, 0xff);

/// What the viewers of a page are shown.
pub(super) struct Page {
    pictures: watch::Sender<Option<Arc<JpegFrame>>>,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { pictures: watch::channel(None).0 }
    }

    pub(super) fn has_viewers(&self) -> bool {
        self.pictures.receiver_count() > 0
    }

    pub(super) fn show(&self, frame: JpegFrame) {
        self.pictures.send_replace(Some(Arc::new(frame)));
    }

    pub(super) fn view(&self) -> PageView {
        PageView { pictures: self.pictures.subscribe() }
    }
}

/// A viewer's end of a page.
pub struct PageView {
    pictures: watch::Receiver<Option<Arc<JpegFrame>>>,
}

impl PageView {
    /// The next picture from now on; those in between are skipped. None when the engine stops.
    pub async fn next(&mut self) -> Option<Arc<JpegFrame>> {
        loop {
            self.pictures.changed().await.ok()?;
            if let Some(frame) = self.pictures.borrow_and_update().clone() {
                return Some(frame);
            }
        }
    }
}

/// What is written and drawn on a page's picture.
#[derive(Clone, Debug)]
pub(super) enum Marks {
    /// As `EdgeRealtimeVideoAnalytics` does it.
    People {
        /// Around people, in fractions of the picture.
        boxes: Vec<Rect>,
        label: String,
    },
    /// As `DeepVision` does it.
    Sight(Box<Sight>),
}

/// Draws and encodes a page's pictures. Keeps its working memory.
pub(super) struct PageArtist {
    encoder: JpegEncoder,
    painter: Painter,
    canvas: YuvImage,
    made: u64,
}

impl PageArtist {
    pub(super) fn new() -> Result<Self, ImagingError> {
        let canvas = YuvImage::black(Size::new(2, 2), ColorRange::Limited, ColorMatrix::Bt601);
        Ok(Self { encoder: JpegEncoder::new()?, painter: Painter::new(), canvas, made: 0 })
    }

    pub(super) fn draw(
        &mut self,
        picture: &Picture,
        marks: &Marks,
    ) -> Result<JpegFrame, ImagingError> {
        self.canvas.copy_from(&picture.view());
        match marks {
            Marks::People { boxes, label } => {
                let mut canvas = self.painter.on(&mut self.canvas);
                for rect in boxes {
                    canvas.rect(rect, LINE_WIDTH, RED, 1.0);
                }
                let style = LabelStyle { size: 16.0, text: WHITE, background: RED, opacity: 1.0 };
                canvas.label(Point::new(0.01, 0.02), Anchor::TopLeft, label, &style);
            }
            Marks::Sight(sight) => sight.draw(&mut self.painter, &mut self.canvas),
        }
        self.encode(picture.stamp(), false)
    }

    /// The picture that is shown until something was tracked.
    pub(super) fn draw_waiting(&mut self, waiting: &Waiting) -> Result<JpegFrame, ImagingError> {
        self.canvas = YuvImage::black(LOADING_SIZE, ColorRange::Limited, ColorMatrix::Bt601);
        waiting.draw(&mut self.painter, &mut self.canvas);
        let stamp = FrameStamp {
            seq: 0,
            media: MediaTime::ZERO,
            wall: SystemClock.wall(),
            wall_source: WallSource::Arrival,
            size: LOADING_SIZE,
        };
        self.encode(stamp, true)
    }

    fn encode(&mut self, stamp: FrameStamp, is_notice: bool) -> Result<JpegFrame, ImagingError> {
        let bytes = self.encoder.encode(&self.canvas.view(), QUALITY)?.to_vec();
        self.made += 1;
        Ok(JpegFrame { bytes, stamp, number: self.made, is_notice })
    }
}
