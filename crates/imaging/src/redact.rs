//! Making people and things unrecognisable, in place and for good.
//!
//! Blurring here is not a filter that a sharpening one could undo. The area is first reduced
//! to the mean colours of a coarse grid, and nothing else of it goes into the result: blur
//! and pixelation differ only in how the grid is painted, smooth or in tiles.

use omma_types::Rect;

use crate::{ColorRange, YuvImage};

/// Grid cells along the shorter side of an area, at most. A face of a person seen from head
/// to foot then has two to four cells.
const CELLS: usize = 5;
/// Luma columns and rows of a cell, at least.
const SMALLEST_CELL: usize = 8;

/// Bits behind the point of means that are blended.
const FRACTION: u32 = 16;

/// How something is made unrecognisable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Redaction {
    /// Painted over in black: nothing remains.
    #[default]
    BlackOut,
    /// The mean colours of a coarse grid, flowing into each other.
    Blur,
    /// The mean colours of a coarse grid, as tiles.
    Pixelate,
}

impl YuvImage {
    /// Makes `areas` unrecognisable, each enlarged by `margin` times its width and height on
    /// every side (0.1 is sensible: boxes cut off hair and hands). Areas may lie partly or
    /// fully outside. An area with a coordinate that is no number can't be placed, so the
    /// whole picture is redacted: a box that is wrong must not show what it was to hide.
    pub fn redact(&mut self, areas: &[Rect], margin: f32, redaction: Redaction) {
        let size = self.size();
        let margin = if margin.is_finite() { margin.max(0.0) } else { 0.0 };
        let black = if self.range() == ColorRange::Limited { 16 } else { 0 };
        let half_width = size.width.div_ceil(2) as usize;
        let mut grid = Grid::default();
        for area in areas {
            let wide = Rect::new(
                area.left - area.width * margin,
                area.top - area.height * margin,
                area.width * (1.0 + 2.0 * margin),
                area.height * (1.0 + 2.0 * margin),
            );
            let edges = [wide.left, wide.top, wide.right(), wide.bottom()];
            let [left, top, right, bottom] = if edges.iter().all(|edge| edge.is_finite()) {
                edges
            } else {
                [0.0, 0.0, 1.0, 1.0]
            };
            // In samples of the colour planes, outwards, so that no half-covered one leaks.
            let columns = (size.width, left, right);
            let [columns, rows] =
                [columns, (size.height, top, bottom)].map(|(count, start, end)| {
                    let count = count as f32;
                    let start = (start * count).floor().clamp(0.0, count) as usize;
                    let end = (end * count).ceil().clamp(0.0, count) as usize;
                    start / 2..end.div_ceil(2)
                });
            if columns.is_empty() || rows.is_empty() {
                continue;
            }
            let widths = [size.width as usize, half_width, half_width];
            let shorter = columns.len().min(rows.len());
            let cell = shorter.div_ceil(CELLS).max(SMALLEST_CELL / 2);
            for (index, (plane, width)) in self.planes_mut().into_iter().zip(widths).enumerate() {
                let (scale, black) = if index == 0 { (2, black) } else { (1, 128) };
                let columns = columns.start * scale..(columns.end * scale).min(width);
                let height = plane.len() / width;
                let rows = rows.start * scale..(rows.end * scale).min(height);
                let mut area = Area { plane, width, columns, rows };
                match redaction {
                    Redaction::BlackOut => area.fill(black),
                    Redaction::Blur => {
                        grid.measure(&mut area, cell * scale);
                        grid.paint_smooth(&mut area);
                    }
                    Redaction::Pixelate => {
                        grid.measure(&mut area, cell * scale);
                        grid.paint_tiles(&mut area);
                    }
                }
            }
        }
    }
}

/// A part of one plane, inside of it.
struct Area<'a> {
    plane: &'a mut [u8],
    width: usize,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

impl Area<'_> {
    /// The rows of the area, cut to its columns.
    fn lines(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let (columns, rows) = (self.columns.clone(), self.rows.clone());
        self.plane
            .chunks_exact_mut(self.width)
            .skip(rows.start)
            .take(rows.len())
            .filter_map(move |row| row.get_mut(columns.clone()))
    }

    fn fill(&mut self, value: u8) {
        self.lines().for_each(|line| line.fill(value));
    }
}

/// Mean values of the cells of an area.
#[derive(Default)]
struct Grid {
    cell: usize,
    columns: usize,
    rows: usize,
    means: Vec<u32>,
    counts: Vec<u32>,
    /// The means on their way from one row of cells to the next.
    blended: Vec<i32>,
}

impl Grid {
    fn measure(&mut self, area: &mut Area<'_>, cell: usize) {
        self.cell = cell;
        self.columns = area.columns.len().div_ceil(cell);
        self.rows = area.rows.len().div_ceil(cell);
        for list in [&mut self.means, &mut self.counts] {
            list.clear();
            list.resize(self.columns * self.rows, 0);
        }
        for (y, line) in area.lines().enumerate() {
            let first = y / cell * self.columns;
            let cells = self.means.iter_mut().zip(&mut self.counts).skip(first);
            for ((mean, count), samples) in cells.zip(line.chunks(cell)) {
                *mean += samples.iter().map(|&s| u32::from(s)).sum::<u32>();
                *count += samples.len() as u32;
            }
        }
        for (mean, &count) in self.means.iter_mut().zip(&self.counts) {
            *mean /= count.max(1);
        }
    }

    fn row(&self, index: usize) -> &[u32] {
        let start = index.min(self.rows - 1) * self.columns;
        &self.means[start..start + self.columns]
    }

    fn paint_tiles(&self, area: &mut Area<'_>) {
        for (y, line) in area.lines().enumerate() {
            for (samples, &mean) in line.chunks_mut(self.cell).zip(self.row(y / self.cell)) {
                samples.fill(mean as u8);
            }
        }
    }

    /// Between the middles of the cells the means flow into each other (bilinear).
    fn paint_smooth(&mut self, area: &mut Area<'_>) {
        let mut blended = std::mem::take(&mut self.blended);
        blended.clear();
        blended.resize(self.columns, 0);
        let double = 2 * self.cell as u32;
        for (y, line) in area.lines().enumerate() {
            let (above, below, weight) = neighbours(y, self.cell);
            let (above, below) = (self.row(above), self.row(below));
            for ((out, &a), &b) in blended.iter_mut().zip(above).zip(below) {
                let sum = u64::from(a * (double - weight) + b * weight);
                *out = ((sum << FRACTION) / u64::from(double)) as i32;
            }
            self.paint_line(line, &blended);
        }
        self.blended = blended;
    }

    /// One line between the middles of `means`, which are in parts of `1 << FRACTION`.
    fn paint_line(&self, line: &mut [u8], means: &[i32]) {
        let Some((&first, &last)) = means.first().zip(means.last()) else { return };
        let half = (self.cell / 2).min(line.len());
        let (head, rest) = line.split_at_mut(half);
        head.fill((first >> FRACTION) as u8);
        let rights = means.iter().skip(1).chain(std::iter::repeat(&last));
        let steps = 2 * self.cell as i32;
        for ((samples, &a), &b) in rest.chunks_mut(self.cell).zip(means).zip(rights) {
            // Rounded towards zero, so that no sum goes beyond `b`.
            let slope = (b - a) / steps;
            // A middle lies between two samples, or on one.
            let mut value = a + if self.cell.is_multiple_of(2) { slope } else { 0 };
            for sample in samples {
                *sample = (value >> FRACTION) as u8;
                value += 2 * slope;
            }
        }
    }
}

/// The cells whose middles lie before and after `position`, and the share of the latter in
/// parts of `2 * cell`. Before the first middle both are the first cell.
fn neighbours(position: usize, cell: usize) -> (usize, usize, u32) {
    let doubled = 2 * position + 1;
    match doubled.checked_sub(cell) {
        None => (0, 0, 0),
        Some(past) => (past / (2 * cell), past / (2 * cell) + 1, (past % (2 * cell)) as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ColorMatrix;
    use omma_types::Size;
    use proptest::prelude::*;

    fn noise(size: Size) -> YuvImage {
        let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let mut state = 1u32;
        for plane in image.planes_mut() {
            for sample in plane {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = (state >> 24) as u8;
            }
        }
        image
    }

    #[test]
    fn black_out_leaves_nothing_inside_and_everything_outside() {
        let before = noise(Size::new(64, 48));
        let mut image = before.clone();
        image.redact(&[Rect::new(0.25, 0.25, 0.5, 0.5)], 0.0, Redaction::BlackOut);
        for y in 0..48 {
            for x in 0..64 {
                let sample = image.view().y.row(y)[x];
                if (16..48).contains(&x) && (12..36).contains(&y) {
                    assert_eq!(sample, 16);
                    assert_eq!(image.view().u.row(y / 2)[x / 2], 128);
                } else {
                    assert_eq!(sample, before.view().y.row(y)[x]);
                }
            }
        }
    }

    #[test]
    fn blur_and_tiles_keep_no_more_than_a_coarse_grid() {
        // Two pictures with different pixels but the same means in each cell can't be told
        // apart afterwards.
        let size = Size::new(160, 160);
        let stripes = |even: u8, odd: u8| {
            let mut image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt601);
            for (index, sample) in image.planes_mut()[0].iter_mut().enumerate() {
                *sample = if index % 2 == 0 { even } else { odd };
            }
            image
        };
        for redaction in [Redaction::Blur, Redaction::Pixelate] {
            let [mut a, mut b] = [stripes(40, 160), stripes(160, 40)];
            for image in [&mut a, &mut b] {
                image.redact(&[Rect::new(0.0, 0.0, 1.0, 1.0)], 0.0, redaction);
            }
            assert_eq!(a.view().y.data(), b.view().y.data());
        }
    }

    #[test]
    fn blur_flows_from_cell_to_cell_and_never_beyond() {
        let mut image = YuvImage::black(Size::new(160, 160), ColorRange::Full, ColorMatrix::Bt601);
        for (index, sample) in image.planes_mut()[0].iter_mut().enumerate() {
            *sample = if index % 160 < 64 { 0 } else { 255 };
        }
        image.redact(&[Rect::new(0.0, 0.0, 1.0, 1.0)], 0.0, Redaction::Blur);
        let row = image.view().y.row(80);
        assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{row:?}");
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] <= 255 / 30), "{row:?}");
        assert_eq!((row[0], row[159]), (0, 255));
    }

    proptest! {
        #[test]
        fn any_box_is_survived(
            size in (1u32..70, 1u32..70),
            boxes in prop::collection::vec(any::<[f32; 4]>(), 0..4),
            near in prop::collection::vec((-1.0f32..2.0, -1.0f32..2.0, 0.0f32..2.0, 0.0f32..2.0), 0..4),
            margin: f32,
        ) {
            let mut boxes: Vec<Rect> =
                boxes.into_iter().map(|[l, t, w, h]| Rect::new(l, t, w, h)).collect();
            boxes.extend(near.into_iter().map(|(l, t, w, h)| Rect::new(l, t, w, h)));
            for redaction in [Redaction::BlackOut, Redaction::Blur, Redaction::Pixelate] {
                noise(Size::new(size.0, size.1)).redact(&boxes, margin, redaction);
            }
        }

        #[test]
        fn every_pixel_of_a_box_is_blackened(
            size in (2u32..70, 2u32..70), l in -0.5f32..1.0, t in -0.5f32..1.0,
            w in 0.01f32..1.0, h in 0.01f32..1.0,
        ) {
            let area = Rect::new(l, t, w, h);
            let mut image = noise(Size::new(size.0, size.1));
            image.redact(&[area], 0.1, Redaction::BlackOut);
            let view = image.view();
            for y in 0..size.1 {
                for x in 0..size.0 {
                    let (cx, cy) = ((x as f32 + 0.5) / size.0 as f32, (y as f32 + 0.5) / size.1 as f32);
                    if cx > l && cx < area.right() && cy > t && cy < area.bottom() {
                        prop_assert_eq!(view.y.row(y as usize)[x as usize], 16);
                    }
                }
            }
        }
    }
}
