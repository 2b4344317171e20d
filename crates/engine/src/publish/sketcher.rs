//! Pictures for the messages of imagebus: of pixels, with parts hidden, boxes drawn, and as
//! small as a message has room for.

use bytes::Bytes;
use omma_bus::dialect::imagebus::{Mark, Sketch, Sketcher};
use omma_imaging::{
    Anchor, Color, ColorMatrix, ColorRange, ImagingError, JpegEncoder, LabelStyle, Painter,
    Redaction, YuvImage,
};
use omma_types::{Point, Size};
use parking_lot::Mutex;

/// Boxes cut off hair and hands; what is hidden grows by this much of its size on each side.
const MARGIN: f32 = 0.15;

/// Of boxes, in pixels of a picture of 720 rows.
const LINE_WIDTH: f32 = 3.0;

/// Of words, likewise.
const TEXT: f32 = 18.0;

/// Makes the pictures, one at a time. Keeps its working memory.
pub(super) struct Artist(Mutex<Desk>);

struct Desk {
    encoder: JpegEncoder,
    painter: Painter,
    picture: YuvImage,
    smaller: YuvImage,
}

impl Artist {
    pub(super) fn new() -> Result<Self, ImagingError> {
        let picture = YuvImage::black(Size::new(2, 2), ColorRange::Full, ColorMatrix::Bt601);
        let desk = Desk {
            encoder: JpegEncoder::new()?,
            painter: Painter::new(),
            smaller: picture.clone(),
            picture,
        };
        Ok(Self(Mutex::new(desk)))
    }
}

impl Sketcher for Artist {
    fn jpeg(&self, bgr: &[u8], size: Size, sketch: &Sketch<'_>) -> Result<Bytes, String> {
        let mut desk = self.0.lock();
        desk.jpeg(bgr, size, sketch).map_err(|error| error.to_string())
    }
}

impl Desk {
    fn jpeg(&mut self, bgr: &[u8], size: Size, sketch: &Sketch<'_>) -> Result<Bytes, ImagingError> {
        // Kept as it came, it needs no other planes.
        let is_plain = sketch.hidden.is_empty() && sketch.marks.is_empty() && sketch.size == size;
        if is_plain {
            let bytes = self.encoder.encode_bgr(bgr, size, sketch.quality)?;
            return Ok(Bytes::copy_from_slice(bytes));
        }
        self.picture.copy_from_bgr(bgr, size)?;
        // Before it becomes smaller: what is hidden is gone from all that follows.
        self.picture.redact(sketch.hidden, MARGIN, Redaction::BlackOut);
        let drawn = if sketch.size == size {
            &mut self.picture
        } else {
            self.smaller.resize_from(&self.picture.view(), sketch.size);
            &mut self.smaller
        };
        let mut canvas = self.painter.on(drawn);
        for mark in sketch.marks {
            canvas.rect(&mark.rect, LINE_WIDTH, color_of(mark), 1.0);
        }
        for mark in sketch.marks {
            let background = color_of(mark);
            let text = background.text_on();
            let style = LabelStyle { size: TEXT, text, background, opacity: 0.9 };
            let at = Point::new(mark.rect.left, mark.rect.top);
            canvas.label(at, Anchor::BottomLeft, &mark.text, &style);
        }
        Ok(Bytes::copy_from_slice(self.encoder.encode(&drawn.view(), sketch.quality)?))
    }
}

/// The same for all objects of a kind, whose name the words begin with.
fn color_of(mark: &Mark) -> Color {
    let kind = mark.text.split(" : ").next().unwrap_or_default();
    let sum = kind.bytes().fold(0u64, |sum, byte| sum * 31 % 8191 + u64::from(byte));
    Color::for_track(sum)
}

#[cfg(test)]
mod tests {
    use omma_types::Rect;

    use super::*;

    const SIZE: Size = Size::new(320, 240);

    /// White, with a thin red cross in the middle of what is to be hidden.
    fn pixels() -> Vec<u8> {
        let mut pixels = vec![255; 320 * 240 * 3];
        for (index, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = (index % 320, index / 320);
            if (96..224).contains(&x) && (72..168).contains(&y) && (x % 20 < 3 || y % 20 < 3) {
                pixel.copy_from_slice(&[0, 0, 255]);
            }
        }
        pixels
    }

    fn sketch<'a>(hidden: &'a [Rect], marks: &'a [Mark], size: Size) -> Sketch<'a> {
        Sketch { hidden, marks, size, quality: 80 }
    }

    /// The pixels of a JPEG: red, green, blue.
    fn decoded(jpeg: &[u8], size: Size) -> Vec<[u8; 3]> {
        let cursor = zune_jpeg::zune_core::bytestream::ZCursor::new(jpeg);
        let mut decoder = zune_jpeg::JpegDecoder::new(cursor);
        let bytes = decoder.decode().expect("a JPEG");
        let pixels: Vec<[u8; 3]> = bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
        assert_eq!(pixels.len(), (size.width * size.height) as usize);
        pixels
    }

    #[test]
    fn nothing_is_left_of_what_is_hidden_at_any_size() {
        let artist = Artist::new().expect("an encoder");
        let hidden = [Rect::new(0.3, 0.3, 0.4, 0.4)];
        for size in [SIZE, Size::new(160, 120), Size::new(40, 30)] {
            let jpeg = artist.jpeg(&pixels(), SIZE, &sketch(&hidden, &[], size)).expect("made");
            let pixels = decoded(&jpeg, size);
            for (index, pixel) in pixels.iter().enumerate() {
                let (x, y) = (index as u32 % size.width, index as u32 / size.width);
                let at = Point::new(
                    (x as f32 + 0.5) / size.width as f32,
                    (y as f32 + 0.5) / size.height as f32,
                );
                let inside = (hidden[0].left..hidden[0].right()).contains(&at.x)
                    && (hidden[0].top..hidden[0].bottom()).contains(&at.y);
                if inside {
                    assert!(pixel.iter().all(|c| *c < 24), "{pixel:?} at {x},{y} of {size}");
                }
            }
            assert!(pixels[0].iter().all(|c| *c > 230), "the rest stays");
        }
    }

    #[test]
    fn boxes_are_drawn_with_their_words_and_a_plain_picture_is_as_it_was() {
        let artist = Artist::new().expect("an encoder");
        let rect = Rect::new(0.1, 0.3, 0.15, 0.5);
        let marks = [Mark { rect, text: "person : 93.5".to_owned() }];
        let make = |marks: &[Mark]| {
            let jpeg = artist.jpeg(&pixels(), SIZE, &sketch(&[], marks, SIZE)).expect("made");
            decoded(&jpeg, SIZE)
        };
        let (drawn, plain) = (make(&marks), make(&[]));
        let changed = |columns: std::ops::Range<usize>, rows: std::ops::Range<usize>| {
            let at = rows.flat_map(|y| columns.clone().map(move |x| y * 320 + x));
            let far = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > 40);
            at.filter(|at| far(drawn[*at], plain[*at])).count()
        };
        assert!(changed(32..36, 80..180) > 90, "the left edge of the box");
        assert_eq!(changed(45..70, 90..170), 0, "nothing in it");
        assert!(changed(32..120, 58..71) > 200, "words above it");
        let short = artist.jpeg(&pixels()[3..], SIZE, &sketch(&[], &marks, SIZE));
        assert!(short.is_err(), "pixels are missing");
    }
}
