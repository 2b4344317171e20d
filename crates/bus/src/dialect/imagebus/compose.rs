//! The messages of one picture, made so that they fit: pictures become smaller until the
//! message that holds them does. Nothing here waits; it works, for milliseconds, on a thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_types::{Detection, Rect, Size};

use super::classes::to_imagebus;
use super::message::local;
use super::pending::Ready;
use super::{Detail, Message, write_json, write_msgpack};
use crate::dialect::imagebus::writer::{Mark, Settings, Sketch, Sketcher};

/// What is tried when a message is too large: quality at most, and halvings of the size.
const SMALLER: [(u8, u32); 6] = [(60, 0), (40, 0), (60, 1), (40, 1), (40, 2), (30, 3)];

/// What Kafka adds to a message, of which it counts the bytes too.
const ENVELOPE: usize = 512;

/// A message, and its bytes.
pub(super) type Composed = (Message, Vec<u8>);

/// How many messages there were, and what they took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    pub(super) count: i64,
    spent: Duration,
}

impl Mean {
    pub(super) fn add(&mut self, spent: Duration) {
        self.count += 1;
        self.spent += spent;
    }

    pub(super) fn average(&self) -> Duration {
        self.spent / u32::try_from(self.count.max(1)).unwrap_or(u32::MAX)
    }
}

/// Whoever makes messages of pictures.
pub(super) struct Composer {
    pub(super) settings: Settings,
    pub(super) sketcher: Arc<dyn Sketcher>,
}

/// How a picture is made at one try.
#[derive(Clone, Copy)]
struct Try {
    quality: u8,
    halvings: u32,
    is_first: bool,
}

/// Pixels and what is done to them.
struct Canvas<'a> {
    pixels: &'a Bytes,
    size: Size,
}

impl Composer {
    /// The message of a camera's picture.
    pub(super) fn source(
        &self,
        pixels: &Bytes,
        size: Size,
        message: &Message,
    ) -> Result<Composed, String> {
        let canvas = Canvas { pixels, size };
        self.fitting(|attempt| {
            let image = Some(self.jpeg(&canvas, attempt, &[], &[])?);
            Ok(Message { image, ..message.clone() })
        })
    }

    /// The message of what was found; `message` has all but picture, findings and parent.
    pub(super) fn analysis(&self, ready: &Ready, message: &Message) -> Result<Composed, String> {
        let size = ready.picture.stamp.size;
        let canvas = Canvas { pixels: &ready.picture.pixels, size };
        let marks: Vec<Mark> = ready.seen.detections.iter().map(mark).collect();
        self.fitting(|attempt| {
            let image = Some(self.jpeg(&canvas, attempt, &[], &marks)?);
            let details = details(&ready.seen.detections, smaller(size, attempt.halvings));
            let parent = Some(Arc::new(self.parent(ready, &canvas, attempt)?));
            Ok(Message { image, details: Some(details.into()), parent, ..message.clone() })
        })
    }

    /// The message with what is to be hidden blacked out. `analysis` is the message of what was
    /// found, as [`Self::analysis`] takes it; none where the picture came in one already.
    pub(super) fn redaction(
        &self,
        ready: &Ready,
        message: &Message,
        analysis: Option<&Message>,
        past: Mean,
    ) -> Result<Composed, String> {
        let size = ready.picture.stamp.size;
        let canvas = Canvas { pixels: &ready.picture.pixels, size };
        let marks: Vec<Mark> = ready.seen.detections.iter().map(mark).collect();
        self.fitting(|attempt| {
            let started = Instant::now();
            let image = self.jpeg(&canvas, attempt, &ready.hidden, &[])?;
            let mut mean = past;
            mean.add(started.elapsed());
            let speed = Some(seconds(started.elapsed(), 4));
            let average = Some(seconds(mean.average(), 4));
            let mut details = details(&ready.seen.detections, smaller(size, attempt.halvings));
            for (detail, found) in details.iter_mut().zip(&ready.seen.detections) {
                detail.redacted = self.settings.hides(&found.class);
            }
            let details = Some(Arc::new(details));
            let mut parent = match analysis {
                None => self.parent(ready, &canvas, attempt)?,
                Some(analysis) if self.settings.embed_original => Message {
                    image: Some(self.jpeg(&canvas, attempt, &[], &marks)?),
                    parent: Some(Arc::new(self.parent(ready, &canvas, attempt)?)),
                    ..analysis.clone()
                },
                Some(analysis) => {
                    let parent = Some(Arc::clone(&ready.picture.source));
                    Message { parent, ..analysis.clone() }
                }
            };
            parent.details.clone_from(&details);
            if !self.settings.embed_original {
                parent = parent.with_only(image.clone());
            }
            let parent = Some(Arc::new(parent));
            Ok(Message { image: Some(image), details, parent, speed, average, ..message.clone() })
        })
    }

    /// The message that the picture came in, with the picture as small as this try has it.
    fn parent(&self, ready: &Ready, canvas: &Canvas<'_>, attempt: Try) -> Result<Message, String> {
        if attempt.is_first {
            return Ok((*ready.picture.source).clone());
        }
        Ok(ready.picture.source.with_only(self.jpeg(canvas, attempt, &[], &[])?))
    }

    fn jpeg(
        &self,
        canvas: &Canvas<'_>,
        attempt: Try,
        hidden: &[Rect],
        marks: &[Mark],
    ) -> Result<Bytes, String> {
        let sketch = Sketch {
            hidden,
            marks,
            size: smaller(canvas.size, attempt.halvings),
            quality: attempt.quality,
        };
        self.sketcher.jpeg(canvas.pixels, canvas.size, &sketch)
    }

    /// What `compose` makes at the first try that is small enough.
    fn fitting(
        &self,
        compose: impl Fn(Try) -> Result<Message, String>,
    ) -> Result<Composed, String> {
        let first = Try { quality: self.settings.quality, halvings: 0, is_first: true };
        let further = SMALLER.into_iter().map(|(quality, halvings)| Try {
            quality: quality.min(self.settings.quality),
            halvings,
            is_first: false,
        });
        let limit = self.settings.max_bytes.saturating_sub(ENVELOPE);
        let mut least = usize::MAX;
        for attempt in std::iter::once(first).chain(further) {
            let started = Instant::now();
            let message = compose(attempt)?;
            // Pictures alone may be too much: then they need not be written as text first.
            let bytes = message.picture_bytes();
            if bytes <= limit {
                let written = self.written(&message);
                least = least.min(written.len());
                if written.len() <= limit {
                    return Ok((message, written));
                }
            }
            least = least.min(bytes);
            let spent = started.elapsed();
            tracing::debug!(bytes, limit, ?spent, "a message is too large and is made smaller");
        }
        Err(format!(
            "it has {least} bytes with the smallest pictures, and `max_size` is {}; raise it, and \
             message.max.bytes of the broker",
            self.settings.max_bytes
        ))
    }

    fn written(&self, message: &Message) -> Vec<u8> {
        if self.settings.msgpack { write_msgpack(message) } else { write_json(message) }
    }
}

/// Seconds with so many decimals, as imagebus's programs round them.
pub(super) fn seconds(spent: Duration, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (spent.as_secs_f64() * scale).round() / scale
}

/// The message that a program on the way begins with.
pub(super) fn processor(
    name: &str,
    topic: &str,
    reference: i64,
    now: omma_types::WallTime,
) -> Message {
    Message {
        name: name.to_owned(),
        topic: topic.to_owned(),
        frame_rate: 1,
        frame_reference: reference,
        date_time: Some(local(now)),
        ..Message::default()
    }
}

fn smaller(size: Size, halvings: u32) -> Size {
    let half = |side: u32| (side >> halvings).max(1);
    Size::new(half(size.width), half(size.height))
}

fn mark(found: &Detection) -> Mark {
    let text = format!("{} : {:.1}", to_imagebus(found.class.as_str()), found.score * 100.0);
    Mark { rect: found.rect, text }
}

fn details(found: &[Detection], size: Size) -> Vec<Detail> {
    let whole = Rect::new(0.0, 0.0, 1.0, 1.0);
    let detail = |found: &Detection| {
        let rect = found.rect.clipped_to(&whole).to_pixels(size);
        let edges = [rect.left, rect.top, rect.right(), rect.bottom()];
        Detail {
            name: to_imagebus(found.class.as_str()).to_owned(),
            percentage: (f64::from(found.score) * 10_000.0).round() / 100.0,
            position: edges.map(|edge| edge.round() as i64),
            redacted: false,
        }
    };
    found.iter().map(detail).collect()
}
