//! Drawing on the planes of a picture: lines, boxes, areas, dots, arrows and text, all with
//! smooth edges.
//!
//! Positions are fractions of the picture. Thicknesses and text sizes are in pixels of a
//! picture of 720 rows and grow and shrink with the picture (more slowly than it, so that a
//! small picture stays legible). Whatever lies outside is cut off; a shape with a coordinate
//! that is no number is not drawn.

use omma_types::{Point, Rect};

use crate::mask::{Mask, Row, SLICES};
use crate::text::{Letters, Line};
use crate::{Color, YuvImage};

/// Coordinates beyond this many pixels are pulled in: nothing of them is seen, and 32 bits
/// still hold fractions of a pixel.
const FAR: f32 = 100_000.0;

/// What drawing needs again and again: the font, its letters, working memory. Keep one a
/// thread.
#[derive(Debug)]
pub struct Painter {
    letters: Letters,
    mask: Mask,
    crossings: Vec<f32>,
    corners: Vec<(f32, f32)>,
    line: Line,
}

/// Where a label lies relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The point is the label's bottom left corner.
    BottomLeft,
    /// The point is the label's top left corner.
    TopLeft,
    /// The point is the label's top right corner.
    TopRight,
    /// The point is the middle of the label.
    Center,
}

/// How a label looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelStyle {
    /// Height of the text, in pixels of a picture of 720 rows.
    pub size: f32,
    /// Colour of the text.
    pub text: Color,
    /// Colour of the background.
    pub background: Color,
    /// Opacity of the background, 0 to 1.
    pub opacity: f32,
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}

impl Painter {
    /// A painter. Reads the embedded font (microseconds).
    pub fn new() -> Self {
        Self {
            letters: Letters::new(),
            mask: Mask::default(),
            crossings: Vec::new(),
            corners: Vec::new(),
            line: Line::default(),
        }
    }

    /// Starts drawing on `image`.
    pub fn on<'a>(&'a mut self, image: &'a mut YuvImage) -> Canvas<'a> {
        let size = image.size();
        Canvas { width: size.width as f32, height: size.height as f32, painter: self, image }
    }
}

/// A picture that is being drawn on.
#[derive(Debug)]
pub struct Canvas<'a> {
    painter: &'a mut Painter,
    image: &'a mut YuvImage,
    width: f32,
    height: f32,
}

impl Canvas<'_> {
    /// Pixels of this picture for `length` pixels of one of 720 rows.
    fn scaled(&self, length: f32) -> f32 {
        length * (self.height / 720.0).powf(0.75)
    }

    /// Width over height.
    pub(crate) fn aspect(&self) -> f32 {
        self.width / self.height
    }

    /// Free space to the picture's edges, in fractions of its width and height.
    pub(crate) fn margin(&self) -> (f32, f32) {
        let pixels = self.scaled(10.0).round();
        (pixels / self.width, pixels / self.height)
    }

    /// `rect` with `pixels` more on each side.
    pub(crate) fn grown(&self, rect: &Rect, pixels: f32) -> Rect {
        let (x, y) = (pixels / self.width, pixels / self.height);
        Rect::new(rect.left - x, rect.top - y, rect.width + 2.0 * x, rect.height + 2.0 * y)
    }

    /// As [`Self::scaled`], but at least a pixel.
    fn stroke(&self, thickness: f32) -> f32 {
        self.scaled(thickness).max(1.0)
    }

    fn pixel(&self, point: Point) -> Option<(f32, f32)> {
        let (x, y) = (point.x * self.width, point.y * self.height);
        (x.is_finite() && y.is_finite()).then(|| (x.clamp(-FAR, FAR), y.clamp(-FAR, FAR)))
    }

    /// `rect` in whole pixels: left, top, right, bottom.
    fn pixels(&self, rect: &Rect) -> Option<[f32; 4]> {
        let (left, top) = self.pixel(Point::new(rect.left, rect.top))?;
        let (right, bottom) = self.pixel(Point::new(rect.right(), rect.bottom()))?;
        let corners = [left.round(), top.round(), right.round(), bottom.round()];
        (right >= left && bottom >= top).then_some(corners)
    }

    fn blend(
        &mut self,
        rows: std::ops::Range<f32>,
        color: Color,
        opacity: f32,
        shape: impl FnMut(usize, &mut Row),
    ) {
        let color = color.to_yuv(self.image.matrix(), self.image.range());
        let opacity = if opacity.is_finite() { opacity.clamp(0.0, 1.0) } else { 0.0 };
        self.painter.mask.blend(self.image, rows, color, opacity, shape);
    }

    /// The outline of `rect`, drawn inwards from its edges, with slightly rounded corners.
    pub fn rect(&mut self, rect: &Rect, thickness: f32, color: Color, opacity: f32) {
        let Some([left, top, right, bottom]) = self.pixels(rect) else { return };
        let thickness = self.stroke(thickness).round();
        let (right, bottom) = (right.max(left + thickness), bottom.max(top + thickness));
        let radius = (thickness * 1.5).min((right - left).min(bottom - top) / 2.0);
        let outer = Rounded { left, top, right, bottom, radius };
        let inner = Rounded {
            left: left + thickness,
            top: top + thickness,
            right: right - thickness,
            bottom: bottom - thickness,
            radius: (radius - thickness).max(0.0),
        };
        self.blend(top..bottom, color, opacity, |y, row| {
            for slice in slices(y) {
                let Some((left, right)) = outer.at(slice) else { continue };
                match inner.at(slice) {
                    Some((hole_left, hole_right)) => {
                        row.add_slice(left, hole_left);
                        row.add_slice(hole_right, right);
                    }
                    None => row.add_slice(left, right),
                }
            }
        });
    }

    /// The area of `rect`.
    pub fn fill_rect(&mut self, rect: &Rect, color: Color, opacity: f32) {
        let Some([left, top, right, bottom]) = self.pixels(rect) else { return };
        self.fill_rounded(Rounded { left, top, right, bottom, radius: 0.0 }, color, opacity);
    }

    fn fill_rounded(&mut self, area: Rounded, color: Color, opacity: f32) {
        self.blend(area.top..area.bottom, color, opacity, |y, row| {
            for slice in slices(y) {
                if let Some((left, right)) = area.at(slice) {
                    row.add_slice(left, right);
                }
            }
        });
    }

    /// Lines from point to point with round ends.
    pub fn polyline(&mut self, points: &[Point], thickness: f32, color: Color, opacity: f32) {
        self.strokes(points, |_| (1.0, 1.0), thickness, color, opacity);
    }

    /// Lines from point to point, transparent and thin at the first, full at the last.
    pub fn trail(&mut self, points: &[Point], thickness: f32, color: Color, opacity: f32) {
        let last = points.len().saturating_sub(1).max(1) as f32;
        let fade = |index: usize| (index as f32 / last, 0.4 + 0.6 * index as f32 / last);
        self.strokes(points, fade, thickness, color, opacity);
    }

    /// Lines whose opacity and thickness at point i are `weight(i)` times the full ones.
    fn strokes(
        &mut self,
        points: &[Point],
        weight: impl Fn(usize) -> (f32, f32),
        thickness: f32,
        color: Color,
        opacity: f32,
    ) {
        let radius = self.stroke(thickness) / 2.0;
        let ends: Option<Vec<_>> = points
            .iter()
            .enumerate()
            .map(|(index, &point)| {
                let ((x, y), (strength, width)) = (self.pixel(point)?, weight(index));
                Some(End { x, y, strength, radius: radius * width })
            })
            .collect();
        let Some(ends) = ends else { return };
        let mut segments: Vec<Segment> =
            ends.windows(2).map(|pair| Segment::new(pair[0], pair[1])).collect();
        if let ([end], true) = (ends.as_slice(), segments.is_empty()) {
            segments.push(Segment::new(*end, *end));
        }
        let top = segments.iter().map(|s| s.top).fold(f32::INFINITY, f32::min);
        let bottom = segments.iter().map(|s| s.bottom).fold(f32::NEG_INFINITY, f32::max);
        self.blend(top..bottom, color, opacity, |y, row| {
            let y = y as f32 + 0.5;
            for segment in segments.iter().filter(|s| s.top <= y && y <= s.bottom) {
                if let Some(columns) = segment.columns(y) {
                    row.raise(columns, |x| segment.coverage(x, y));
                }
            }
        });
    }

    /// The area inside `corners`; where the outline crosses itself, the even-odd rule holds.
    pub fn polygon(&mut self, corners: &[Point], color: Color, opacity: f32) {
        let mut pixels = std::mem::take(&mut self.painter.corners);
        pixels.clear();
        pixels.extend(corners.iter().map_while(|&corner| self.pixel(corner)));
        if pixels.len() == corners.len() {
            self.fill_corners(&pixels, color, opacity);
        }
        self.painter.corners = pixels;
    }

    /// The area inside `corners` (pixels).
    fn fill_corners(&mut self, corners: &[(f32, f32)], color: Color, opacity: f32) {
        let Some(&last) = corners.last() else { return };
        let mut crossings = std::mem::take(&mut self.painter.crossings);
        let top = corners.iter().map(|c| c.1).fold(f32::INFINITY, f32::min);
        let bottom = corners.iter().map(|c| c.1).fold(f32::NEG_INFINITY, f32::max);
        self.blend(top..bottom, color, opacity, |y, row| {
            for y in slices(y) {
                crossings.clear();
                let mut from = last;
                for &to in corners {
                    if (from.1 <= y) != (to.1 <= y) {
                        let along = (y - from.1) / (to.1 - from.1);
                        crossings.push(from.0 + along * (to.0 - from.0));
                    }
                    from = to;
                }
                crossings.sort_unstable_by(f32::total_cmp);
                for pair in crossings.chunks_exact(2) {
                    row.add_slice(pair[0], pair[1]);
                }
            }
        });
        self.painter.crossings = crossings;
    }

    /// A filled circle.
    pub fn dot(&mut self, center: Point, radius: f32, color: Color, opacity: f32) {
        self.polyline(&[center], radius * 2.0, color, opacity);
    }

    /// A circle's outline.
    pub fn ring(&mut self, center: Point, radius: f32, thickness: f32, color: Color, opacity: f32) {
        let Some((x, y)) = self.pixel(center) else { return };
        let (radius, half) = (self.stroke(radius), self.stroke(thickness) / 2.0);
        let reach = radius + half + 1.0;
        self.blend(y - reach..y + reach, color, opacity, |row_y, row| {
            let dy = row_y as f32 + 0.5 - y;
            row.raise(x - reach..x + reach, |column| {
                let from_line = ((column - x).hypot(dy) - radius).abs();
                (half + 0.5 - from_line).clamp(0.0, 1.0)
            });
        });
    }

    /// An arrow from `from` to `to`; its head is at most half as long as the arrow.
    pub fn arrow(&mut self, from: Point, to: Point, thickness: f32, color: Color, opacity: f32) {
        let (Some(start), Some(tip)) = (self.pixel(from), self.pixel(to)) else { return };
        let (dx, dy) = (tip.0 - start.0, tip.1 - start.1);
        let length = dx.hypot(dy);
        if length < 1.0 {
            return;
        }
        let (dx, dy) = (dx / length, dy / length);
        let head = (self.stroke(thickness) * 3.5).min(length / 2.0);
        let base = (tip.0 - dx * head, tip.1 - dy * head);
        let half = head * 0.6;
        let shaft = self.stroke(thickness) / 2.0;
        let side = |(x, y): (f32, f32), by: f32| (x - dy * by, y + dx * by);
        let outline = [
            side(start, shaft),
            side(base, shaft),
            side(base, half),
            tip,
            side(base, -half),
            side(base, -shaft),
            side(start, -shaft),
        ];
        self.fill_corners(&outline, color, opacity);
    }

    /// A line of text on a background with round corners. It is moved to lie within the
    /// picture where it fits. Returns the area it covers, none where `at` is no number or
    /// the text is empty.
    pub fn label(
        &mut self,
        at: Point,
        anchor: Anchor,
        text: &str,
        style: &LabelStyle,
    ) -> Option<Rect> {
        let area = self.label_area(at, anchor, text, style)?;
        let [left, top, right, bottom] = self.pixels(&area)?;
        let size = self.text_size(style.size);
        let (padding, _) = label_padding(size);
        let radius = (f32::from(size) * 0.22).round();
        let back = Rounded { left, top, right, bottom, radius };
        self.fill_rounded(back, style.background, style.opacity);
        // Capitals reach 73 % of the size: they, not the accents, are to be in the middle.
        let baseline = (top + bottom) / 2.0 + f32::from(size) * 0.31;
        let start = (left as i32 + padding, baseline.round() as i32);
        self.set_text(start, text, size, style.text, 1.0);
        Some(area)
    }

    /// Where [`Self::label`] would put a label.
    pub fn label_area(
        &mut self,
        at: Point,
        anchor: Anchor,
        text: &str,
        style: &LabelStyle,
    ) -> Option<Rect> {
        let (x, y) = self.pixel(at)?;
        let size = self.text_size(style.size);
        self.painter.letters.set(text, size, &mut self.painter.line);
        let (across, down) = label_padding(size);
        let width = self.painter.line.width.ceil() + (2 * across) as f32;
        let height = f32::from(size) + (2 * down) as f32;
        let (left, top) = match anchor {
            Anchor::BottomLeft => (x, y - height),
            Anchor::TopLeft => (x, y),
            Anchor::TopRight => (x - width, y),
            Anchor::Center => (x - width / 2.0, y - height / 2.0),
        };
        // Left and top win where the picture is smaller than the label.
        let left = left.min(self.width - width).max(0.0).round();
        let top = top.min(self.height - height).max(0.0).round();
        (!text.is_empty()).then(|| {
            Rect::new(
                left / self.width,
                top / self.height,
                width / self.width,
                height / self.height,
            )
        })
    }

    /// A line of text without a background; `at` is the start of its baseline. `size` is the
    /// height in pixels of a picture of 720 rows.
    pub fn text(&mut self, at: Point, text: &str, size: f32, color: Color, opacity: f32) {
        let Some((x, y)) = self.pixel(at) else { return };
        let size = self.text_size(size);
        self.set_text((x.round() as i32, y.round() as i32), text, size, color, opacity);
    }

    /// The size of letters in pixels: never so small that they can't be read.
    fn text_size(&self, size: f32) -> u16 {
        self.scaled(size).clamp(9.0, 400.0).round() as u16
    }

    fn set_text(&mut self, (x, y): (i32, i32), text: &str, size: u16, color: Color, opacity: f32) {
        let color = color.to_yuv(self.image.matrix(), self.image.range());
        let Painter { letters, mask, line, .. } = &mut *self.painter;
        letters.set(text, size, line);
        let (above, below) = letters.extent(size);
        let rows = y as f32 - above - 1.0..y as f32 + below + 1.0;
        mask.blend(self.image, rows, color, opacity, |row_y, row| {
            for &(c, offset) in &line.letters {
                let glyph = letters.glyph(c, size);
                let Ok(inside) = usize::try_from(row_y as i32 - y - glyph.top) else { continue };
                let start = inside.saturating_mul(glyph.width);
                if let Some(coverage) = glyph.coverage.get(start..start + glyph.width) {
                    row.raise_to(x.saturating_add(offset + glyph.left), coverage);
                }
            }
        });
    }
}

/// Free columns left and right of a label's text, and free rows above and below it.
fn label_padding(size: u16) -> (i32, i32) {
    let size = f32::from(size);
    ((size * 0.35).round() as i32, (size * 0.12).round() as i32)
}

/// The middles of the slices of row `y`.
fn slices(y: usize) -> impl Iterator<Item = f32> {
    (0..SLICES).map(move |slice| y as f32 + (slice as f32 + 0.5) / SLICES as f32)
}

/// A box with round corners, in pixels.
#[derive(Clone, Copy)]
struct Rounded {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
    radius: f32,
}

impl Rounded {
    /// Where it starts and ends at height `y`.
    fn at(&self, y: f32) -> Option<(f32, f32)> {
        let from_edge = (y - self.top).min(self.bottom - y);
        if from_edge <= 0.0 || self.left >= self.right {
            return None;
        }
        let above = (self.radius - from_edge).max(0.0);
        let inset = self.radius - (self.radius * self.radius - above * above).max(0.0).sqrt();
        let inset = if above > 0.0 { inset } else { 0.0 };
        Some((self.left + inset, self.right - inset))
    }
}

/// One end of a stroke.
#[derive(Clone, Copy)]
struct End {
    x: f32,
    y: f32,
    strength: f32,
    radius: f32,
}

/// A stroke between two ends, ready to answer for pixels.
struct Segment {
    from: End,
    to: End,
    top: f32,
    bottom: f32,
    reach: f32,
    /// 1 / squared length, 0 for a dot.
    inverse: f32,
}

impl Segment {
    fn new(from: End, to: End) -> Self {
        let reach = from.radius.max(to.radius) + 1.0;
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let squared = dx * dx + dy * dy;
        Self {
            from,
            to,
            top: from.y.min(to.y) - reach,
            bottom: from.y.max(to.y) + reach,
            reach,
            inverse: if squared > 1e-6 { 1.0 / squared } else { 0.0 },
        }
    }

    /// The columns it can cover at height `y`.
    fn columns(&self, y: f32) -> Option<std::ops::Range<f32>> {
        let (from, to) = (&self.from, &self.to);
        let dy = to.y - from.y;
        // The part of the stroke whose height is within reach.
        let (start, end) = if dy.abs() > 1e-3 {
            let (a, b) = ((y - self.reach - from.y) / dy, (y + self.reach - from.y) / dy);
            (a.min(b).max(0.0), a.max(b).min(1.0))
        } else {
            (0.0, 1.0)
        };
        let x = |along: f32| from.x + along * (to.x - from.x);
        let (a, b) = (x(start), x(end));
        (start <= end).then(|| a.min(b) - self.reach..a.max(b) + self.reach)
    }

    /// How much of the pixel around (`x`, `y`) it covers, 0 to 1.
    fn coverage(&self, x: f32, y: f32) -> f32 {
        let (from, to) = (&self.from, &self.to);
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let along = (((x - from.x) * dx + (y - from.y) * dy) * self.inverse).clamp(0.0, 1.0);
        let (away_x, away_y) = (x - from.x - along * dx, y - from.y - along * dy);
        let distance = (away_x * away_x + away_y * away_y).sqrt();
        let radius = from.radius + along * (to.radius - from.radius);
        let strength = from.strength + along * (to.strength - from.strength);
        (radius + 0.5 - distance).clamp(0.0, 1.0) * strength
    }
}
