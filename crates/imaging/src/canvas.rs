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
            if outer.is_straight(y) && inner.is_straight(y) && inner.left < inner.right {
                row.cover(left..inner.left);
                row.cover(inner.right..right);
                return;
            }
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
            if area.is_straight(y) {
                row.cover(area.left..area.right);
                return;
            }
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

    /// A limb: a line with round ends, `from_radius` thick at one and `to_radius` at the
    /// other, in fractions of the picture's height.
    pub fn capsule(
        &mut self,
        (from, from_radius): (Point, f32),
        (to, to_radius): (Point, f32),
        color: Color,
        opacity: f32,
    ) {
        let (Some(start), Some(end)) = (self.pixel(from), self.pixel(to)) else { return };
        let radius = |fraction: f32| (fraction * self.height).clamp(0.0, FAR);
        let end_at = |(x, y), radius| End { x, y, strength: 1.0, radius };
        let segment =
            Segment::new(end_at(start, radius(from_radius)), end_at(end, radius(to_radius)));
        self.blend(segment.top..segment.bottom, color, opacity, |y, row| {
            let y = y as f32 + 0.5;
            if let Some(columns) = segment.columns(y) {
                row.raise(columns, |x| segment.coverage(x, y));
            }
        });
    }

    /// A filled ellipse; its radii are fractions of the picture's height. `softness` is the
    /// share of the radius over which the edge fades out: 0 for a sharp edge, 1 for a shadow.
    pub fn ellipse(
        &mut self,
        center: Point,
        (radius_x, radius_y): (f32, f32),
        softness: f32,
        color: Color,
        opacity: f32,
    ) {
        let Some((x, y)) = self.pixel(center) else { return };
        let radius = |fraction: f32| (fraction * self.height).clamp(0.0, FAR);
        let (across, down) = (radius(radius_x), radius(radius_y));
        if across <= 0.0 || down <= 0.0 {
            return;
        }
        // A sharp edge is one that fades within a pixel, around the radius; a soft one fades
        // inside of it.
        let fade = softness.clamp(1.0 / across.min(down).max(1.0), 1.0);
        let middle = if softness > 0.0 { 0.0 } else { 0.5 };
        self.blend(y - down..y + down, color, opacity, |row_y, row| {
            let from_middle = (row_y as f32 + 0.5 - y) / down;
            let left = 1.0 - from_middle * from_middle;
            if left > 0.0 {
                let half = across * left.sqrt() + 1.0;
                row.raise(x - half..x + half, |column| {
                    let aside = (column - x) / across;
                    let out = (aside * aside + from_middle * from_middle).sqrt();
                    ((1.0 - out) / fade + middle).clamp(0.0, 1.0)
                });
            }
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
            for &(number, offset) in &line.letters {
                let Some(glyph) = letters.glyph(number) else { continue };
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
        let above = self.radius - from_edge;
        let inset = if above > 0.0 {
            self.radius - (self.radius * self.radius - above * above).max(0.0).sqrt()
        } else {
            0.0
        };
        Some((self.left + inset, self.right - inset))
    }

    /// Whether row `y` lies between the corners, so that all its slices are alike.
    fn is_straight(&self, y: usize) -> bool {
        y as f32 >= self.top + self.radius && (y + 1) as f32 <= self.bottom - self.radius
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorMatrix, ColorRange};
    use omma_types::Size;
    use proptest::prelude::*;

    const RED: Color = Color::rgb(255, 0, 0);

    fn blank(width: u32, height: u32) -> YuvImage {
        YuvImage::black(Size::new(width, height), ColorRange::Full, ColorMatrix::Bt601)
    }

    /// Columns of row `y` with luma of at least half of white.
    fn lit(image: &YuvImage, y: usize) -> Vec<usize> {
        let row = image.view().y.row(y);
        (0..row.len()).filter(|&x| row[x] >= 128).collect()
    }

    #[test]
    fn an_outline_covers_its_edges_and_nothing_else() {
        let mut image = blank(100, 100);
        let area = Rect::new(0.2, 0.3, 0.5, 0.4);
        Painter::new().on(&mut image).rect(&area, 8.0, Color::WHITE, 1.0);
        // 8 pixels of 720 rows are 1.8 pixels of 100 rows.
        assert_eq!(lit(&image, 50), [20, 21, 68, 69]);
        assert_eq!(lit(&image, 29), []);
        assert_eq!(lit(&image, 70), []);
        // The corners are rounded off: one pixel at each end of the first row.
        assert_eq!(lit(&image, 30), (21..69).collect::<Vec<_>>());
    }

    #[test]
    fn areas_have_their_size() {
        let mut image = blank(200, 200);
        let triangle = [Point::new(0.1, 0.1), Point::new(0.9, 0.1), Point::new(0.1, 0.9)];
        let mut painter = Painter::new();
        painter.on(&mut image).polygon(&triangle, Color::WHITE, 1.0);
        let sum = |image: &YuvImage| {
            (0..200).flat_map(|y| image.view().y.row(y).to_vec()).map(f64::from).sum::<f64>()
        };
        assert!((sum(&image) / 255.0 - 160.0 * 160.0 / 2.0).abs() < 60.0);

        let mut image = blank(200, 200);
        painter.on(&mut image).dot(Point::new(0.5, 0.5), 100.0, Color::WHITE, 1.0);
        let radius = 100.0 * (200.0f64 / 720.0).powf(0.75);
        let wanted = std::f64::consts::PI * radius * radius;
        assert!((sum(&image) / 255.0 / wanted - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_colour_is_the_same_in_every_kind_of_yuv() {
        for (range, matrix) in
            [(ColorRange::Limited, ColorMatrix::Bt709), (ColorRange::Full, ColorMatrix::Bt601)]
        {
            let mut image = YuvImage::black(Size::new(9, 9), range, matrix);
            Painter::new().on(&mut image).fill_rect(&Rect::new(0.0, 0.0, 1.0, 1.0), RED, 1.0);
            let wanted = RED.to_yuv(matrix, range);
            let view = image.view();
            assert_eq!(
                (view.y.row(8)[8], view.u.row(4)[4], view.v.row(4)[4]),
                (wanted.y, wanted.u, wanted.v)
            );
        }
    }

    #[test]
    fn an_ellipse_and_a_limb_have_their_area() {
        let mut painter = Painter::new();
        let lit = |image: &YuvImage| (0..300).map(|y| lit(image, y).len()).sum::<usize>() as f64;
        let mut image = blank(400, 300);
        let middle = Point::new(0.5, 0.5);
        painter.on(&mut image).ellipse(middle, (0.3, 0.1), 0.0, Color::WHITE, 1.0);
        assert!((lit(&image) / (std::f64::consts::PI * 90.0 * 30.0) - 1.0).abs() < 0.03);

        let mut image = blank(400, 300);
        let (from, to) = ((Point::new(0.2, 0.5), 0.05), (Point::new(0.8, 0.5), 0.05));
        painter.on(&mut image).capsule(from, to, Color::WHITE, 1.0);
        let wanted = 240.0 * 30.0 + std::f64::consts::PI * 15.0 * 15.0;
        assert!((lit(&image) / wanted - 1.0).abs() < 0.02);
    }

    #[test]
    fn opacity_mixes() {
        let mut image = blank(4, 4);
        let all = Rect::new(-1.0, -1.0, 3.0, 3.0);
        Painter::new().on(&mut image).fill_rect(&all, Color::WHITE, 0.5);
        assert!(image.view().y.data().iter().all(|&luma| luma.abs_diff(128) <= 1));
    }

    #[test]
    fn labels_stay_inside_and_text_stands_out() {
        let mut image = blank(640, 360);
        let style = LabelStyle { size: 20.0, text: Color::WHITE, background: RED, opacity: 1.0 };
        let mut painter = Painter::new();
        for (x, y) in [(0.0, 0.0), (1.0, 1.0), (-3.0, 0.5), (0.5, 9.0)] {
            for anchor in [Anchor::BottomLeft, Anchor::TopLeft, Anchor::TopRight, Anchor::Center] {
                let mut canvas = painter.on(&mut image);
                let area = canvas.label(Point::new(x, y), anchor, "Größe 7", &style).unwrap();
                assert!(area.left >= 0.0 && area.top >= 0.0);
                assert!(area.right() <= 1.0001 && area.bottom() <= 1.0001);
            }
        }
        let white = image.view().y.data().iter().filter(|&&luma| luma > 220).count();
        assert!(white > 200, "{white}");
        assert_eq!(
            painter.on(&mut image).label(Point::new(0.5, 0.5), Anchor::Center, "", &style),
            None
        );
    }

    #[test]
    fn an_arrow_points_at_its_tip() {
        let mut image = blank(400, 400);
        let (from, to) = (Point::new(0.1, 0.5), Point::new(0.9, 0.5));
        Painter::new().on(&mut image).arrow(from, to, 20.0, Color::WHITE, 1.0);
        let height_at = |x: usize| (0..400).filter(|&y| image.view().y.row(y)[x] > 128).count();
        assert!(height_at(345) < height_at(320), "the head gets narrower");
        assert!(height_at(320) > height_at(100), "the head is wider than the shaft");
        assert_eq!((height_at(30), height_at(370)), (0, 0));
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -0.5f32..1.5,
            1 => any::<f32>(),
            1 => prop::sample::select(vec![
                f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, 1.0, 1e-30,
            ]),
        ]
    }

    fn point() -> impl Strategy<Value = Point> {
        (number(), number()).prop_map(|(x, y)| Point::new(x, y))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn nothing_panics(
            size in (1u32..120, 1u32..120),
            points in prop::collection::vec(point(), 0..6),
            (a, b) in (point(), point()),
            (thickness, opacity) in (number(), number()),
            text in ".{0,12}",
        ) {
            let mut image = blank(size.0, size.1);
            let mut painter = Painter::new();
            let mut canvas = painter.on(&mut image);
            let rect = Rect::new(a.x, a.y, b.x, b.y);
            canvas.rect(&rect, thickness, RED, opacity);
            canvas.fill_rect(&rect, RED, opacity);
            canvas.polyline(&points, thickness, RED, opacity);
            canvas.trail(&points, thickness, RED, opacity);
            canvas.polygon(&points, RED, opacity);
            canvas.dot(a, thickness, RED, opacity);
            canvas.ring(a, thickness, opacity, RED, opacity);
            canvas.arrow(a, b, thickness, RED, opacity);
            canvas.capsule((a, thickness), (b, opacity), RED, opacity);
            canvas.ellipse(a, (b.x, b.y), thickness, RED, opacity);
            canvas.text(a, &text, thickness, RED, opacity);
            let style = LabelStyle { size: thickness, text: RED, background: RED, opacity };
            for anchor in [Anchor::BottomLeft, Anchor::TopLeft, Anchor::TopRight, Anchor::Center] {
                canvas.label(b, anchor, &text, &style);
            }
        }

        #[test]
        fn what_lies_outside_leaves_the_picture_alone(
            x in 1.2f32..50.0, y in 0.0f32..1.0, flip: bool,
        ) {
            let x = if flip { 1.0 - x } else { x };
            let mut image = blank(80, 60);
            let mut painter = Painter::new();
            let mut canvas = painter.on(&mut image);
            canvas.dot(Point::new(x, y), 5.0, RED, 1.0);
            canvas.polyline(&[Point::new(x, y), Point::new(x, 1.0 - y)], 5.0, RED, 1.0);
            canvas.rect(&Rect::new(x, y, 0.0, 0.3), 3.0, RED, 1.0);
            let untouched = blank(80, 60);
            prop_assert_eq!(image.view().y.data(), untouched.view().y.data());
            prop_assert_eq!(image.view().v.data(), untouched.view().v.data());
        }
    }
}
