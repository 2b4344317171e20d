//! What people see on an analysed picture: zones, lines, tails, boxes with their labels, and
//! a caption. It takes plain facts, so that it need not know who found them.

use omma_types::{Point, Track, TrackState};

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
/// Pixels of a picture of 720 rows between a box and its label.
const THIN: f32 = 2.5;

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
        for mark in overlay.tracks {
            canvas.track_label(mark.track);
        }
        canvas.caption(overlay.title, Point::new(0.0, 0.0), Anchor::TopLeft);
        canvas.caption(overlay.note, Point::new(1.0, 0.0), Anchor::TopRight);
    }
}

impl Canvas<'_> {
    fn zone(&mut self, zone: &ZoneMark<'_>) {
        let Some(&first) = zone.polygon.first() else { return };
        let busy = zone.occupancy > 0;
        self.polygon(zone.polygon, ZONE, if busy { 0.24 } else { 0.14 });
        let mut outline = zone.polygon.to_vec();
        outline.push(first);
        self.polyline(&outline, THIN, ZONE, 0.9);
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
        // On the side away from the arrow, so that it stays visible.
        let middle = line.middle();
        let at = Point::new(middle.x - across_x * 0.75, middle.y - across_y * 0.75);
        self.label(at, Anchor::Center, &text, &style);
    }

    /// From a line's middle to the tip of its arrow, which stands upright on the line.
    fn forward(&self, line: &LineMark<'_>) -> (f32, f32) {
        let aspect = self.aspect();
        let (dx, dy) = ((line.to.x - line.from.x) * aspect, line.to.y - line.from.y);
        let length = (dx * dx + dy * dy).sqrt();
        if !(length > 0.0) {
            return (0.0, 0.0);
        }
        (-dy / length * 0.05 / aspect, dx / length * 0.05)
    }

    fn tail(&mut self, mark: &TrackMark<'_>) {
        if mark.track.state != TrackState::Tentative && mark.tail.len() > 1 {
            let color = Color::for_track(mark.track.id.0);
            self.trail(mark.tail, 4.0, color, 0.85);
        }
    }

    fn track_box(&mut self, track: &Track) {
        let color = Color::for_track(track.id.0);
        match track.state {
            TrackState::Confirmed => {
                self.rect(&self.grown(&track.rect, 1.0), THIN + 2.0, INK, 0.30);
                self.rect(&track.rect, THIN, color, 1.0);
            }
            TrackState::Coasting => self.rect(&track.rect, 1.5, color, 0.6),
            TrackState::Tentative => self.rect(&track.rect, 1.0, Color::WHITE, 0.45),
        }
    }

    fn track_label(&mut self, track: &Track) {
        if track.state == TrackState::Tentative {
            return;
        }
        let color = Color::for_track(track.id.0);
        let text = format!("{} {}", track.class, track.id);
        let opacity = if track.state == TrackState::Confirmed { 0.9 } else { 0.5 };
        let style =
            LabelStyle { size: LABEL_SIZE, text: color.text_on(), background: color, opacity };
        let rect = track.rect;
        let above = Point::new(rect.left, rect.top);
        let area = self.label_area(above, Anchor::BottomLeft, &text, &style);
        // No room above: inside the box, where it hides least.
        let fits = area.is_some_and(|area| area.bottom() <= rect.top + area.height * 0.25);
        let anchor = if fits { Anchor::BottomLeft } else { Anchor::TopLeft };
        self.label(Point::new(rect.left, rect.top.max(0.0)), anchor, &text, &style);
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
