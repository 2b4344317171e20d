//! Smaller pictures for previews and snapshots: each sample becomes the mean of the area it
//! stands for, so that nothing flickers or turns into steps.

use omma_types::Size;

use crate::{Plane, YuvImage, YuvView};

/// One, in the fixed-point weights below.
const ONE: u32 = 1 << 8;

impl YuvImage {
    /// Makes this picture a copy of `source` at `size` (at least 1x1), by the mean over each
    /// sample's area. Enlarging works, without smoothing. Range and matrix stay as they are
    /// in `source`.
    pub fn resize_from(&mut self, source: &YuvView<'_>, size: Size) {
        let size = Size::new(size.width.max(1), size.height.max(1));
        if size == source.size() {
            self.copy_from(source);
            return;
        }
        self.prepare(size, source.range, source.matrix);
        let chroma = self.view().u.size();
        let targets = [size, chroma, chroma];
        let planes = self.planes_mut().into_iter().zip([source.y, source.u, source.v]);
        for ((out, plane), size) in planes.zip(targets) {
            shrink(&plane, out, size);
        }
    }
}

/// The source samples that one target sample stands for: the first, and the weight of each,
/// the sum being [`ONE`].
struct Span {
    first: usize,
    weights: std::ops::Range<usize>,
}

/// The spans of all `to` samples over `from` samples, and their weights in one list.
fn spans(from: usize, to: usize) -> (Vec<Span>, Vec<u32>) {
    let mut weights = Vec::with_capacity(from + 2 * to);
    let scale = from as f64 / to as f64;
    let spans = (0..to).map(|index| {
        let start = index as f64 * scale;
        let end = (start + scale).min(from as f64);
        let first = (start as usize).min(from - 1);
        let last = ((end.ceil() as usize).max(first + 1)).min(from);
        let begin = weights.len();
        // Rounding the running sum, not each weight, makes the weights add up exactly.
        let mut given = 0;
        for sample in first..last {
            let covered = ((sample + 1) as f64).min(end) - start;
            let sum = if sample + 1 == last {
                ONE
            } else {
                (covered / (end - start) * f64::from(ONE)) as u32
            };
            weights.push(sum - given);
            given = sum;
        }
        Span { first, weights: begin..weights.len() }
    });
    (spans.collect(), weights)
}

/// Where the samples' areas meet, in samples of the source: whole part, and the rest in
/// 1/65536.
fn edges(from: usize, to: usize) -> Vec<(usize, u64)> {
    let edge = |index: usize| {
        let place = ((index * from) << 16) / to;
        (place >> 16, (place & 0xffff) as u64)
    };
    (0..=to).map(edge).collect()
}

fn shrink(plane: &Plane<'_>, out: &mut [u8], size: Size) {
    let from = plane.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let columns = edges(from.width as usize, width);
    let (rows, row_weights) = spans(from.height as usize, height);
    // 16 bits hold a sample times ONE: the sum over a span never gets larger.
    let mut sums = vec![0u16; from.width as usize];
    // The sum of all before a column: the mean over any stretch is then a difference. One
    // column more for the right edge.
    let mut before = vec![(0u64, 0u64); from.width as usize + 1];
    // From the sum over a stretch to its mean: one over its length times ONE, in 2^-32.
    let scale = ((width as u64) << 32) / (u64::from(from.width) * u64::from(ONE));
    for (row, line) in rows.iter().zip(out.chunks_exact_mut(width)) {
        sums.fill(0);
        let weights = row_weights.get(row.weights.clone()).unwrap_or_default();
        for (index, &weight) in weights.iter().enumerate() {
            let weight = weight as u16;
            for (sum, &sample) in sums.iter_mut().zip(plane.row(row.first + index)) {
                *sum = sum.wrapping_add(u16::from(sample).wrapping_mul(weight));
            }
        }
        let mut total = 0;
        for (before, &sum) in before.iter_mut().zip(sums.iter().chain(&[0])) {
            *before = (total, u64::from(sum));
            total += u64::from(sum);
        }
        let up_to = |&(whole, rest): &(usize, u64)| {
            before.get(whole).map_or(0, |&(total, sum)| (total << 16) + sum * rest)
        };
        let mut left = 0;
        for (edge, pixel) in columns.iter().skip(1).zip(line) {
            let right = up_to(edge);
            *pixel = ((((right - left) >> 16) * scale + (1 << 31)) >> 32) as u8;
            left = right;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorMatrix, ColorRange};
    use proptest::prelude::*;

    fn image(size: Size, luma: impl Fn(usize, usize) -> u8) -> YuvImage {
        let mut image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt709);
        let width = image.size().width as usize;
        let [y, u, v] = image.planes_mut();
        for (index, sample) in y.iter_mut().enumerate() {
            *sample = luma(index % width, index / width);
        }
        u.fill(77);
        v.fill(199);
        image
    }

    #[test]
    fn half_size_is_the_mean_of_four() {
        let source = image(Size::new(8, 4), |x, y| (x * 20 + y * 3) as u8);
        let mut half = YuvImage::black(Size::new(1, 1), ColorRange::Limited, ColorMatrix::Bt601);
        half.resize_from(&source.view(), Size::new(4, 2));
        // Columns 0 and 1, rows 0 and 1: 0, 20, 3, 23.
        assert_eq!(half.view().y.row(0), [12, 52, 92, 132]);
        assert_eq!(half.view().y.row(1), [18, 58, 98, 138]);
        assert_eq!((half.range(), half.matrix()), (ColorRange::Full, ColorMatrix::Bt709));
    }

    proptest! {
        #[test]
        fn an_even_picture_stays_even(
            from in (1u32..90, 1u32..90), to in (1u32..90, 1u32..90), luma: u8,
        ) {
            let source = image(Size::new(from.0, from.1), |_, _| luma);
            let mut out = YuvImage::black(Size::new(3, 3), ColorRange::Full, ColorMatrix::Bt601);
            out.resize_from(&source.view(), Size::new(to.0, to.1));
            let view = out.view();
            for (plane, value) in [(view.y, luma), (view.u, 77), (view.v, 199)] {
                for row in 0..plane.size().height as usize {
                    prop_assert!(plane.row(row).iter().all(|&sample| sample == value));
                }
            }
        }

        #[test]
        fn the_mean_is_kept(to in (20u32..64, 20u32..64), seed: u32) {
            let noise = |x: usize, y: usize| {
                ((x * 31 + y * 17 + seed as usize).wrapping_mul(2_654_435_761) >> 7) as u8
            };
            let source = image(Size::new(64, 64), noise);
            let mut out = YuvImage::black(Size::new(1, 1), ColorRange::Full, ColorMatrix::Bt601);
            out.resize_from(&source.view(), Size::new(to.0, to.1));
            let mean = |image: &YuvImage| {
                let view = image.view();
                let rows = 0..view.size().height as usize;
                let sum: f64 = rows.flat_map(|y| view.y.row(y)).map(|&v| f64::from(v)).sum();
                sum / f64::from(view.size().width * view.size().height)
            };
            prop_assert!((mean(&source) - mean(&out)).abs() < 2.0);
        }
    }
}
