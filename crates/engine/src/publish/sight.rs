//! What `DeepVision`'s viewer shows: boxes with their scores, the way that each object came,
//! the entry's number, what other programs have to say, and how long the model takes to load.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use omma_bus::dialect::deepvision::Note;
use omma_imaging::{Anchor, Canvas, Color, LabelStyle, Painter, YuvImage};
use omma_types::{Point, Rect, Size, Track, TrackState};

/// The size of the picture that is shown until something was tracked.
pub(super) const LOADING_SIZE: Size = Size::new(1280, 720);

/// Of boxes, in pixels.
const LINE_WIDTH: f32 = 5.0;

/// Of all words, in pixels.
const TEXT: f32 = 20.0;

/// A tail goes when its object was missed in this many pictures in a row.
const MISSES: u32 = 5;

/// The longest tail, whatever is configured.
const LONGEST: usize = 2000;

/// The way that each object came, over the last pictures.
pub(super) struct Tails {
    most: usize,
    ways: BTreeMap<u64, (VecDeque<Point>, u32)>,
}

impl Tails {
    /// Tails of `most` pictures.
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(LONGEST).min(LONGEST);
        Self { most, ways: BTreeMap::new() }
    }

    /// Takes in the objects of the next picture.
    fn see<'a>(&mut self, tracks: impl Iterator<Item = &'a Track>) {
        for (_, misses) in self.ways.values_mut() {
            *misses += 1;
        }
        for track in tracks {
            let (way, misses) = self.ways.entry(track.id.0).or_default();
            *misses = 0;
            way.push_back(track.rect.center());
            while way.len() > self.most {
                way.pop_front();
            }
        }
        self.ways.retain(|_, (_, misses)| *misses < MISSES);
    }
}

/// What is drawn on one picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    /// Number, place and score of each object.
    objects: Vec<(u64, Rect, f32)>,
    /// The ways of objects, oldest point first.
    ways: Vec<(u64, Vec<Point>)>,
    /// Stands in the corner.
    pub(super) label: String,
    /// What other programs want to be drawn.
    pub(super) notes: Vec<Note>,
}

impl Sight {
    /// `tracks` whose score is above `score`, with the `tails` that they go on.
    pub(super) fn new(tracks: &[Track], score: f32, tails: &mut Tails) -> Self {
        let shown = || {
            let believed = |track: &&Track| track.state == TrackState::Confirmed;
            tracks.iter().filter(believed).filter(|track| track.score > score)
        };
        tails.see(shown());
        let way =
            |(id, (way, _)): (&u64, &(VecDeque<Point>, u32))| (*id, way.iter().copied().collect());
        Self {
            objects: shown().map(|track| (track.id.0, track.rect, track.score)).collect(),
            ways: tails.ways.iter().map(way).collect(),
            ..Self::default()
        }
    }

    /// Draws it all.
    pub(super) fn draw(&self, painter: &mut Painter, image: &mut YuvImage) {
        let size = image.size();
        let mut canvas = painter.on(image);
        for (id, way) in &self.ways {
            canvas.polyline(way, LINE_WIDTH * 0.6, Color::for_track(*id), 0.9);
        }
        for (id, rect, score) in &self.objects {
            let color = Color::for_track(*id);
            canvas.rect(rect, LINE_WIDTH, color, 1.0);
            let at = Point::new(rect.left, rect.top);
            let text = format!("score: {score:.3}");
            canvas.label(at, Anchor::BottomLeft, &text, &style(color));
        }
        draw_notes(&mut canvas, &self.notes, size, size);
        let dark = Color::rgb(0x20, 0x24, 0x2c);
        canvas.label(Point::new(0.01, 0.02), Anchor::TopLeft, &self.label, &style(dark));
    }
}

fn style(background: Color) -> LabelStyle {
    LabelStyle { size: TEXT, text: background.text_on(), background, opacity: 0.9 }
}

/// Draws what other programs have to say about a picture of `size` on one that is `shown` in
/// another.
pub(crate) fn draw_notes(canvas: &mut Canvas<'_>, notes: &[Note], size: Size, shown: Size) {
    for note in notes {
        draw_note(canvas, note, size, shown.height as f32);
    }
}

/// Positions of notes are in pixels of the picture, and so are their lengths.
fn draw_note(canvas: &mut Canvas<'_>, note: &Note, size: Size, rows: f32) {
    let (width, height) = (size.width.max(1) as f32, size.height.max(1) as f32);
    // A canvas takes lengths as of 720 rows, and scales them less than the picture.
    let length = |pixels: f32| pixels * rows / height / (rows / 720.0).powf(0.75);
    let color = |[r, g, b]: [u8; 3]| Color::rgb(r, g, b);
    if let Some([left, top, right, bottom]) = note.bounds {
        let rect = Rect::from_corners(left / width, top / height, right / width, bottom / height);
        canvas.rect(&rect, length(note.line_width), color(note.color), 1.0);
    }
    if !note.text.is_empty() {
        // The position is the upper left corner; letters reach 93 % of their size above the
        // line on which they stand.
        let (x, y) = note.at;
        let at = Point::new(x / width, (y + note.font_size * 0.93) / height);
        canvas.text(at, &note.text, length(note.font_size), color(note.font_color), 1.0);
    }
}

/// Why there is no picture yet: a line, and more in smaller letters.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) line: String,
    pub(super) more: String,
}

impl Waiting {
    /// `model` is not ready since `waiting`.
    pub(super) fn for_model(model: &str, waiting: Duration) -> Self {
        let line = format!("The model {model} is still loading: {} s", waiting.as_secs());
        Self { line, more: String::new() }
    }

    /// Says it on a black picture.
    pub(super) fn draw(&self, painter: &mut Painter, image: &mut YuvImage) {
        let mut canvas = painter.on(image);
        let style = |size| LabelStyle { size, ..style(Color::BLACK) };
        canvas.label(Point::new(0.5, 0.5), Anchor::Center, &self.line, &style(32.0));
        canvas.label(Point::new(0.5, 0.56), Anchor::Center, &self.more, &style(16.0));
    }
}

#[cfg(test)]
mod tests {
    use omma_imaging::{ColorMatrix, ColorRange};
    use omma_types::{ClassName, TrackId};

    use super::*;

    fn track(id: u64, left: f32, score: f32) -> Track {
        let (rect, class) = (Rect::new(left, 0.3, 0.15, 0.5), ClassName::new("person"));
        Track { id: TrackId(id), class, rect, score, state: TrackState::Confirmed }
    }

    #[test]
    fn tails_last_as_long_as_they_should() {
        let mut tails = Tails::new(3);
        for step in 0..5 {
            let tracks = [track(1, step as f32 / 10.0, 0.9), track(2, 0.5, 0.2)];
            let sight = Sight::new(&tracks, 0.5, &mut tails);
            assert_eq!(sight.objects.len(), 1, "below the score");
            assert_eq!(sight.ways[0].1.len(), (step + 1).min(3));
        }
        for missed in 1..=5 {
            let sight = Sight::new(&[], 0.5, &mut tails);
            assert_eq!(sight.ways.len(), usize::from(missed < 5), "each object by itself");
        }
    }

    #[test]
    fn a_sight_is_drawn() {
        let mut tails = Tails::new(60);
        let mut sight = Sight::default();
        for step in 0..30 {
            let tracks = [track(1, step as f32 / 60.0, 0.975), track(4, 0.7, 0.88)];
            sight = Sight::new(&tracks, 0.5, &mut tails);
        }
        sight.label = "camera:0 1795132800000-0".to_owned();
        sight.notes.push(Note {
            text: "a message of another program".to_owned(),
            at: (20.0, 400.0),
            bounds: Some([10.0, 300.0, 200.0, 440.0]),
            color: [255, 128, 0],
            line_width: 4.0,
            font_size: 24.0,
            font_color: [255, 255, 0],
        });
        let mut image =
            YuvImage::black(Size::new(1280, 720), ColorRange::Limited, ColorMatrix::Bt601);
        let mut painter = Painter::new();
        sight.draw(&mut painter, &mut image);
        let luma = |image: &YuvImage, x: usize, y: usize| image.view().y.row(y)[x];
        let expected = Color::rgb(255, 128, 0).to_yuv(ColorMatrix::Bt601, ColorRange::Limited);
        assert_eq!(luma(&image, 12, 350), expected.y, "the note's box");
        assert_eq!(luma(&image, 100, 350), 16, "nothing in it");
        save(&image, "sight");
        let mut image = YuvImage::black(LOADING_SIZE, ColorRange::Limited, ColorMatrix::Bt601);
        Waiting::for_model("yolox-nano", Duration::from_millis(7_900))
            .draw(&mut painter, &mut image);
        assert!((0..1280).any(|x| luma(&image, x, 360) > 200), "words in the middle");
        save(&image, "loading");
    }

    #[test]
    fn notes_stand_where_they_belong_in_a_smaller_picture() {
        let (size, shown) = (Size::new(1280, 720), Size::new(640, 360));
        let note = Note {
            text: String::new(),
            at: (0.0, 0.0),
            bounds: Some([200.0, 100.0, 600.0, 500.0]),
            color: [255, 255, 255],
            line_width: 8.0,
            font_size: 24.0,
            font_color: [255, 255, 255],
        };
        let mut image = YuvImage::black(shown, ColorRange::Limited, ColorMatrix::Bt601);
        let mut painter = Painter::new();
        draw_notes(&mut painter.on(&mut image), &[note], size, shown);
        let row = image.view().y.row(150);
        let bright: Vec<usize> = (0..640).filter(|x| row[*x] > 120).collect();
        assert_eq!(bright, [100, 101, 102, 103, 296, 297, 298, 299]);
    }

    /// For people who want to look: `OMMA_LOOK=FOLDER`.
    fn save(image: &YuvImage, name: &str) {
        let Some(folder) = std::env::var_os("OMMA_LOOK") else { return };
        let mut encoder = omma_imaging::JpegEncoder::new().expect("an encoder");
        let bytes = encoder.encode(&image.view(), 90).expect("a JPEG").to_vec();
        let file = std::path::Path::new(&folder).join(format!("{name}.jpg"));
        std::fs::write(file, bytes).expect("written");
    }
}
