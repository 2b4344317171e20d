//! The one way in which shapes get onto the planes: a shape says how much of each pixel it
//! covers, two rows at a time, and the colour is blended in by that much; the four pixels
//! that share a colour sample blend it by their mean.

use std::ops::Range;

use crate::YuvImage;
use crate::color::Yuv;

/// Horizontal slices of a row, from which smooth edges come.
pub(crate) const SLICES: usize = 4;
/// What a full slice adds to a pixel; four of them saturate at 255.
const SLICE: f32 = 64.0;

/// Coverage of one row while a shape is being laid down.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// 0 (nothing) to 255 (all of the pixel); zero outside `touched`.
    coverage: Vec<u8>,
    touched: Vec<Range<usize>>,
    width: usize,
}

impl Row {
    fn reset(&mut self, width: usize) {
        self.width = width;
        // One column more for an odd width, so that pairs can be read.
        self.coverage.clear();
        self.coverage.resize(width + 1, 0);
        self.touched.clear();
    }

    fn clear(&mut self) {
        for range in self.touched.drain(..) {
            if let Some(pixels) = self.coverage.get_mut(range) {
                pixels.fill(0);
            }
        }
    }

    fn touch(&mut self, range: Range<usize>) {
        match self.touched.last_mut() {
            Some(last) if range.start <= last.end && range.end >= last.start => {
                *last = last.start.min(range.start)..last.end.max(range.end);
            }
            _ => self.touched.push(range),
        }
    }

    /// Adds the stretch from `left` to `right` (pixels) in one of the row's [`SLICES`].
    pub(crate) fn add_slice(&mut self, left: f32, right: f32) {
        let (left, right) = (left.max(0.0), right.min(self.width as f32));
        if left >= right {
            return;
        }
        let (first, last) = (left as usize, right as usize);
        self.touch(first..(last + 1).min(self.width));
        if first == last {
            self.add(first, (right - left) * SLICE);
            return;
        }
        self.add(first, ((first + 1) as f32 - left) * SLICE);
        if let Some(inside) = self.coverage.get_mut(first + 1..last) {
            inside.iter_mut().for_each(|a| *a = a.saturating_add(SLICE as u8));
        }
        if last < self.width {
            self.add(last, (right - last as f32) * SLICE);
        }
    }

    /// Covers all of the pixels in `columns` (whole numbers).
    pub(crate) fn cover(&mut self, columns: Range<f32>) {
        let (left, right) = (columns.start.max(0.0), columns.end.min(self.width as f32));
        if left < right {
            let range = left as usize..right as usize;
            self.touch(range.clone());
            if let Some(pixels) = self.coverage.get_mut(range) {
                pixels.fill(255);
            }
        }
    }

    fn add(&mut self, x: usize, amount: f32) {
        if let Some(pixel) = self.coverage.get_mut(x) {
            *pixel = pixel.saturating_add(amount as u8);
        }
    }

    /// Raises the pixels `columns` to what `amount` (0 to 1) says for their centres.
    pub(crate) fn raise(&mut self, columns: Range<f32>, amount: impl Fn(f32) -> f32) {
        let (left, right) = (columns.start.max(0.0), columns.end.min(self.width as f32));
        if left >= right {
            return;
        }
        let range = left as usize..(right.ceil() as usize).min(self.width);
        self.touch(range.clone());
        let start = range.start;
        if let Some(pixels) = self.coverage.get_mut(range) {
            for (index, pixel) in pixels.iter_mut().enumerate() {
                let value = amount((start + index) as f32 + 0.5) * 255.0;
                *pixel = (*pixel).max(value as u8);
            }
        }
    }

    /// Raises the pixels from column `x` on to `coverage`; columns may lie outside.
    pub(crate) fn raise_to(&mut self, x: i32, coverage: &[u8]) {
        let skipped = usize::try_from(-i64::from(x)).unwrap_or(0);
        let start = usize::try_from(x).unwrap_or(0);
        let Some(visible) = coverage.get(skipped..) else { return };
        let end = start.saturating_add(visible.len()).min(self.width);
        if start >= end {
            return;
        }
        self.touch(start..end);
        if let Some(pixels) = self.coverage.get_mut(start..end) {
            for (pixel, &amount) in pixels.iter_mut().zip(visible) {
                *pixel = (*pixel).max(amount);
            }
        }
    }
}

/// Working memory for laying shapes down.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    rows: [Row; 2],
    pairs: Vec<Range<usize>>,
}

impl Mask {
    /// Blends `color` into `image` wherever `shape` covers it. `rows` are the rows the shape
    /// can reach and may lie outside; `shape` is asked for each of them inside the picture.
    /// `opacity` is 0 to 1.
    pub(crate) fn blend(
        &mut self,
        image: &mut YuvImage,
        rows: Range<f32>,
        color: Yuv,
        opacity: f32,
        mut shape: impl FnMut(usize, &mut Row),
    ) {
        let (width, height) = (image.size().width as usize, image.size().height as usize);
        let (top, bottom) = (rows.start.max(0.0), rows.end.min(height as f32));
        let opacity = (opacity * 256.0) as u16;
        if top >= bottom || opacity == 0 {
            return;
        }
        let opacity = opacity.min(256);
        let (top, bottom) = (top as usize, (bottom.ceil() as usize).min(height));
        let half = width.div_ceil(2);
        for row in &mut self.rows {
            row.reset(width);
        }
        let [luma, blue, red] = image.planes_mut();
        for pair in top / 2..bottom.div_ceil(2) {
            let first = pair * 2;
            for (y, row) in (first..).zip(&mut self.rows) {
                if y < top || y >= bottom {
                    continue;
                }
                shape(y, row);
                let Some(line) = luma.get_mut(y * width..(y + 1) * width) else { continue };
                row.touched.sort_unstable_by_key(|range| range.start);
                let mut done = 0;
                for range in &row.touched {
                    let range = range.start.max(done)..range.end;
                    done = done.max(range.end);
                    let pixels = line.get_mut(range.clone());
                    let Some((pixels, amounts)) = pixels.zip(row.coverage.get(range)) else {
                        continue;
                    };
                    for (pixel, &amount) in pixels.iter_mut().zip(amounts) {
                        *pixel = mix(*pixel, color.y, scale(u16::from(amount), opacity));
                    }
                }
                if width % 2 == 1 {
                    // The last colour sample has one column only: it counts twice.
                    row.coverage[width] = row.coverage[width - 1];
                }
            }
            self.blend_colour(pair, half, height, (blue, red), color, opacity);
            for row in &mut self.rows {
                row.coverage[width] = 0;
                row.clear();
            }
        }
    }

    fn blend_colour(
        &mut self,
        pair: usize,
        half: usize,
        height: usize,
        (blue, red): (&mut [u8], &mut [u8]),
        color: Yuv,
        opacity: u16,
    ) {
        self.pairs.clear();
        for row in &self.rows {
            let pairs = row.touched.iter().map(|r| r.start / 2..r.end.div_ceil(2));
            self.pairs.extend(pairs);
        }
        self.pairs.sort_unstable_by_key(|range| range.start);
        let [upper, lower] = &self.rows;
        // The last row of an odd height has its colour samples for itself.
        let lower = if pair * 2 + 1 < height { lower } else { upper };
        let line = pair * half..(pair + 1) * half;
        let (Some(blue), Some(red)) = (blue.get_mut(line.clone()), red.get_mut(line)) else {
            return;
        };
        let mut done = 0;
        for range in &self.pairs {
            let range = range.start.max(done)..range.end.min(half);
            done = done.max(range.end);
            let pixels = range.start * 2..range.end * 2;
            let (Some(blue), Some(red)) = (blue.get_mut(range.clone()), red.get_mut(range)) else {
                continue;
            };
            let (Some(upper), Some(lower)) =
                (upper.coverage.get(pixels.clone()), lower.coverage.get(pixels))
            else {
                continue;
            };
            let amounts = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red).zip(amounts) {
                let sum: u16 = upper.iter().chain(lower).map(|&a| u16::from(a)).sum();
                let amount = scale((sum + 2) / 4, opacity);
                *blue = mix(*blue, color.u, amount);
                *red = mix(*red, color.v, amount);
            }
        }
    }
}

/// `amount` (0..=255) times `opacity` (0..=256).
fn scale(amount: u16, opacity: u16) -> u16 {
    // At most 255 * 256: fits.
    (amount * opacity) >> 8
}

/// `from` with `amount` of 255 parts replaced by `to`, rounded; all in 16 bits, so that the
/// compiler can work on 8 to 16 samples at once.
fn mix(from: u8, to: u8, amount: u16) -> u8 {
    let sum = u16::from(from) * (255 - amount) + u16::from(to) * amount + 128;
    ((sum + (sum >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorMatrix, ColorRange};
    use omma_types::Size;

    #[test]
    fn mixing_is_exact_at_both_ends() {
        for (from, to) in (0..=255u8).flat_map(|a| (0..=255u8).map(move |b| (a, b))) {
            assert_eq!((mix(from, to, 0), mix(from, to, 255)), (from, to));
        }
    }

    #[test]
    fn half_a_pixel_gets_half_the_colour() {
        let size = Size::new(5, 3);
        let mut image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt601);
        let color = Yuv { y: 200, u: 28, v: 228 };
        Mask::default().blend(&mut image, 0.0..9.0, color, 1.0, |_, row| {
            (0..SLICES).for_each(|_| row.add_slice(1.5, 9.0));
        });
        let view = image.view();
        for y in 0..3 {
            assert_eq!(view.y.row(y), [0, 100, 200, 200, 200]);
        }
        for y in 0..2 {
            assert_eq!((view.u.row(y)[0], view.v.row(y)[0]), (103, 153));
            assert_eq!((view.u.row(y)[2], view.v.row(y)[2]), (28, 228));
        }
    }
}
