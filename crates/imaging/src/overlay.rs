//! What people see on an analysed picture: zones, lines, tails, boxes with their labels, and
//! a caption. It takes plain facts, so that it need not know who found them.

use omma_types::{Point, Rect, Track, TrackState};

use crate::canvas::{Anchor, LabelStyle};
use crate::{Canvas, Color, Painter, YuvImage};

/// A track with the way it came.
#[derive(Clone, Copy, Debug)]
pub struct TrackMark<'a> {
    /// The track.
    pub track: &'a Track,
    /// Its last positions, oldest first.
    pub tail: &'a [Point],
}

/// A counting line.
#[derive(Clone, Copy, Debug)]
pub struct LineMark<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its first point.
    pub from: Point,
    /// Its second point.
    pub to: Point,
    /// Crossings from the left of the arrow `from` to `to` to its right.
    pub forward: u64,
    /// Crossings the other way.
    pub backward: u64,
}

/// A zone.
#[derive(Clone, Copy, Debug)]
pub struct ZoneMark<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its corners.
    pub polygon: &'a [Point],
    /// How many objects are in it now.
    pub occupancy: u64,
}

/// Everything to draw on one picture. Empty parts are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overlay<'a> {
    /// Objects.
    pub tracks: &'a [TrackMark<'a>],
    /// Counting lines.
    pub lines: &'a [LineMark<'a>],
    /// Zones.
    pub zones: &'a [ZoneMark<'a>],
    /// Text at the top left, e.g. the camera's name.
    pub title: &'a str,
    /// Text at the top right, e.g. the time.
    pub note: &'a str,
}

const ZONE: Color = Color::rgb(0x1f, 0xc8, 0xdb);
const LINE: Color = Color::rgb(0xff, 0xc1, 0x07);
const INK: Color = Color::rgb(0x10, 0x14, 0x1a);
const LABEL_SIZE: f32 = 18.0;
/// Thickness of outlines, in pixels of a picture of 720 rows.
const OUTLINE: f32 = 2.8;
/// Length of the arrow on a line, in heights of the picture.
const ARROW: f32 = 0.05;
/// Space between a line and its label, in heights of the picture.
const GAP: f32 = 0.012;
/// How many rows of labels may pile up where objects stand close together.
const PILE: usize = 3;

impl Painter {
    /// Draws `overlay` on `image`: zones lowest, then lines, tails, boxes, labels, caption.
    pub fn annotate(&mut self, image: &mut YuvImage, overlay: &Overlay<'_>) {
        let mut canvas = self.on(image);
        for zone in overlay.zones {
            canvas.zone(zone);
        }
        for line in overlay.lines {
            canvas.counting_line(line);
        }
        for mark in overlay.tracks {
            canvas.tail(mark);
        }
        for mark in overlay.tracks {
            canvas.track_box(mark.track);
        }
        for zone in overlay.zones {
            canvas.zone_label(zone);
        }
        for line in overlay.lines {
            canvas.line_label(line);
        }
        let mut placed = Vec::with_capacity(overlay.tracks.len());
        for mark in overlay.tracks {
            canvas.track_label(mark.track, &mut placed);
        }
        canvas.caption(overlay.title, Point::new(0.0, 0.0), Anchor::TopLeft);
        canvas.caption(overlay.note, Point::new(1.0, 0.0), Anchor::TopRight);
    }
}

impl Canvas<'_> {
    fn zone(&mut self, zone: &ZoneMark<'_>) {
        let Some(&first) = zone.polygon.first() else { return };
        let busy = zone.occupancy > 0;
        self.polygon(zone.polygon, ZONE, if busy { 0.22 } else { 0.14 });
        let mut outline = zone.polygon.to_vec();
        outline.push(first);
        self.polyline(&outline, OUTLINE, ZONE, 0.9);
    }

    fn zone_label(&mut self, zone: &ZoneMark<'_>) {
        let corners = zone.polygon.iter();
        let highest = corners.min_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
        let Some(&at) = highest else { return };
        let text = format!("{} · {}", zone.name, zone.occupancy);
        let style = LabelStyle { size: LABEL_SIZE, text: INK, background: ZONE, opacity: 0.85 };
        self.label(at, Anchor::TopLeft, &text, &style);
    }

    fn counting_line(&mut self, line: &LineMark<'_>) {
        let ends = [line.from, line.to];
        self.polyline(&ends, 6.0, INK, 0.35);
        self.polyline(&ends, 3.5, LINE, 1.0);
        for end in ends {
            self.dot(end, 5.0, LINE, 1.0);
        }
        let (middle, (across_x, across_y)) = (line.middle(), self.forward(line));
        let tip = Point::new(middle.x + across_x, middle.y + across_y);
        self.arrow(middle, tip, 4.0, LINE, 1.0);
    }

    fn line_label(&mut self, line: &LineMark<'_>) {
        let (across_x, across_y) = self.forward(line);
        let (forth, back) = arrows(across_x * self.aspect(), across_y);
        let text = format!("{}  {forth} {}  {back} {}", line.name, line.forward, line.backward);
        let style = LabelStyle { size: LABEL_SIZE, text: INK, background: LINE, opacity: 0.9 };
        // Beside the line, on the side away from the arrow, so that both stay visible: as far
        // out as the label reaches in that direction.
        let middle = line.middle();
        let Some(area) = self.label_area(middle, Anchor::Center, &text, &style) else { return };
        let half_width = area.width * self.aspect() / 2.0;
        let (unit_x, unit_y) = (across_x * self.aspect() / ARROW, across_y / ARROW);
        let reach = half_width * unit_x.abs() + area.height / 2.0 * unit_y.abs() + GAP;
        let (x, y) = (across_x * reach / ARROW, across_y * reach / ARROW);
        self.label(Point::new(middle.x - x, middle.y - y), Anchor::Center, &text, &style);
    }

    /// From a line's middle to the tip of its arrow, which stands upright on the line.
    fn forward(&self, line: &LineMark<'_>) -> (f32, f32) {
        let aspect = self.aspect();
        let (dx, dy) = ((line.to.x - line.from.x) * aspect, line.to.y - line.from.y);
        let length = (dx * dx + dy * dy).sqrt();
        if !length.is_finite() || length <= 0.0 {
            return (0.0, 0.0);
        }
        (-dy / length * ARROW / aspect, dx / length * ARROW)
    }

    fn tail(&mut self, mark: &TrackMark<'_>) {
        if mark.track.state != TrackState::Tentative && mark.tail.len() > 1 {
            let color = Color::for_track(mark.track.id.0);
            self.trail(mark.tail, 5.0, color, 0.85);
        }
    }

    fn track_box(&mut self, track: &Track) {
        let color = Color::for_track(track.id.0);
        match track.state {
            TrackState::Confirmed => {
                self.rect(&self.grown(&track.rect, 1.0), OUTLINE + 2.0, INK, 0.30);
                self.rect(&track.rect, OUTLINE, color, 1.0);
            }
            TrackState::Coasting => self.rect(&track.rect, 1.5, color, 0.6),
            TrackState::Tentative => self.rect(&track.rect, 1.0, Color::WHITE, 0.45),
        }
    }

    /// The label stands on the box, or above the labels that stand there already.
    fn track_label(&mut self, track: &Track, placed: &mut Vec<Rect>) {
        if track.state == TrackState::Tentative {
            return;
        }
        let color = Color::for_track(track.id.0);
        let text = format!("{} {}", track.class, track.id);
        let opacity = if track.state == TrackState::Confirmed { 0.9 } else { 0.5 };
        let style =
            LabelStyle { size: LABEL_SIZE, text: color.text_on(), background: color, opacity };
        let rect = track.rect;
        let mut at = Point::new(rect.left, rect.top);
        let Some(area) = self.label_area(at, Anchor::BottomLeft, &text, &style) else { return };
        // No room above: inside the box, at its top.
        if area.bottom() > rect.top + area.height * 0.25 {
            at.y = rect.top.max(0.0) + area.height;
        }
        for _ in 1..PILE {
            let area = self.label_area(at, Anchor::BottomLeft, &text, &style).unwrap_or(area);
            let below = placed.iter().find(|other| other.intersection(&area) > 0.0);
            match below {
                Some(other) if other.top >= area.height => at.y = other.top,
                _ => break,
            }
        }
        placed.extend(self.label(at, Anchor::BottomLeft, &text, &style));
    }

    fn caption(&mut self, text: &str, at: Point, anchor: Anchor) {
        let style = LabelStyle { size: 20.0, text: Color::WHITE, background: INK, opacity: 0.55 };
        let inset = self.margin();
        let x = if at.x > 0.5 { at.x - inset.0 } else { at.x + inset.0 };
        self.label(Point::new(x, at.y + inset.1), anchor, text, &style);
    }
}

impl LineMark<'_> {
    fn middle(&self) -> Point {
        Point::new((self.from.x + self.to.x) / 2.0, (self.from.y + self.to.y) / 2.0)
    }
}

/// The arrow letters nearest to the direction (`x` right, `y` down), and opposite to it.
fn arrows(x: f32, y: f32) -> (char, char) {
    const ROUND: [char; 8] = ['→', '↘', '↓', '↙', '←', '↖', '↑', '↗'];
    let eighths = (y.atan2(x) / std::f32::consts::FRAC_PI_4).round() as i32;
    let at = |eighths: i32| ROUND[eighths.rem_euclid(8) as usize];
    (at(eighths), at(eighths.saturating_add(4)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorMatrix, ColorRange};
    use omma_types::{ClassName, Size, TrackId};
    use proptest::prelude::*;

    fn track(rect: Rect, state: TrackState) -> Track {
        Track { id: TrackId(7), class: ClassName::new("person"), rect, score: 0.8, state }
    }

    #[test]
    fn letters_for_directions() {
        assert_eq!(arrows(1.0, 0.0), ('→', '←'));
        assert_eq!(arrows(0.0, 1.0), ('↓', '↑'));
        assert_eq!(arrows(-1.0, -1.0), ('↖', '↘'));
        assert_eq!(arrows(0.0, 0.0), ('→', '←'));
    }

    #[test]
    fn the_arrow_of_a_line_points_to_the_right_of_its_way() {
        let mut image = YuvImage::black(Size::new(400, 200), ColorRange::Full, ColorMatrix::Bt601);
        let mut painter = Painter::new();
        let canvas = painter.on(&mut image);
        let line = |from: (f32, f32), to: (f32, f32)| LineMark {
            name: "door",
            from: Point::new(from.0, from.1),
            to: Point::new(to.0, to.1),
            forward: 0,
            backward: 0,
        };
        // To the right in the picture: its right hand is down.
        let (x, y) = canvas.forward(&line((0.1, 0.5), (0.9, 0.5)));
        assert!(x.abs() < 1e-6 && y > 0.0);
        // Down: its right hand is left, and 0.05 heights are half as many widths here.
        let (x, y) = canvas.forward(&line((0.5, 0.1), (0.5, 0.9)));
        assert!((x + ARROW / 2.0).abs() < 1e-6 && y.abs() < 1e-6);
        assert_eq!(canvas.forward(&line((0.5, 0.5), (0.5, 0.5))), (0.0, 0.0));
    }

    #[test]
    fn a_box_has_the_colour_of_its_track_and_a_tentative_one_has_none() {
        let rect = Rect::new(0.3, 0.3, 0.3, 0.5);
        let drawn = |state| {
            let size = Size::new(320, 240);
            let mut image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt601);
            let track = track(rect, state);
            let tracks = [TrackMark { track: &track, tail: &[] }];
            let overlay = Overlay { tracks: &tracks, ..Overlay::default() };
            Painter::new().annotate(&mut image, &overlay);
            image
        };
        let color = Color::for_track(7).to_yuv(ColorMatrix::Bt601, ColorRange::Full);
        let image = drawn(TrackState::Confirmed);
        assert_eq!(image.view().y.row(140)[96], color.y);
        let coloured =
            |image: &YuvImage| image.view().u.data().iter().any(|&u| u.abs_diff(128) > 5);
        assert!(coloured(&image) && coloured(&drawn(TrackState::Coasting)));
        assert!(!coloured(&drawn(TrackState::Tentative)));
    }

    #[test]
    fn labels_of_objects_at_the_same_place_do_not_cover_each_other() {
        let mut image = YuvImage::black(Size::new(640, 360), ColorRange::Full, ColorMatrix::Bt601);
        let mut painter = Painter::new();
        let mut canvas = painter.on(&mut image);
        let mut placed = Vec::new();
        for left in [0.50, 0.51, 0.52] {
            let rect = Rect::new(left, 0.5, 0.1, 0.3);
            canvas.track_label(&track(rect, TrackState::Confirmed), &mut placed);
        }
        assert_eq!(placed.len(), 3);
        for (index, a) in placed.iter().enumerate() {
            assert!(placed.iter().skip(index + 1).all(|b| a.intersection(b) < 1e-6));
        }
    }

    proptest! {
        #[test]
        fn any_overlay_is_survived(
            size in (1u32..100, 1u32..100), numbers in prop::collection::vec(any::<f32>(), 8),
            name in ".{0,8}",
        ) {
            let mut image =
                YuvImage::black(Size::new(size.0, size.1), ColorRange::Limited, ColorMatrix::Bt709);
            let points: Vec<Point> =
                numbers.chunks_exact(2).map(|pair| Point::new(pair[0], pair[1])).collect();
            let rect = Rect::new(numbers[0], numbers[1], numbers[2], numbers[3]);
            for state in [TrackState::Tentative, TrackState::Confirmed, TrackState::Coasting] {
                let track = track(rect, state);
                let line = LineMark {
                    name: &name, from: points[0], to: points[1], forward: u64::MAX, backward: 0,
                };
                Painter::new().annotate(&mut image, &Overlay {
                    tracks: &[TrackMark { track: &track, tail: &points }],
                    lines: &[line],
                    zones: &[ZoneMark { name: &name, polygon: &points, occupancy: 3 }],
                    title: &name,
                    note: &name,
                });
            }
        }
    }
}
