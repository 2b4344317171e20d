//! NanoDet: for each cell class probabilities and, for each of the four sides, a distribution
//! over distances from the centre to that side in cells, whose mean is the distance
//! (Generalized Focal Loss, arXiv 2006.04388, section 3).
//!
//! NanoDet-m has two outputs a stride (8, 16, 32) and centres in the middle of the cells;
//! NanoDet-Plus has one output for all strides (and 64), class scores in front of the
//! distances, and centres at the corners of the cells.

use omma_imaging::{ChannelOrder, Fit};
use omma_types::{Rect, Size};

use super::{Candidate, Feeding, OutputShape, Sieve, best, cells, grid, item_of};
use crate::engine::Tensor;

pub(super) const NMS: f32 = 0.6;
const STRIDES: [u32; 3] = [8, 16, 32];
const STRIDES_PLUS: [u32; 4] = [8, 16, 32, 64];
/// Steps of a distribution: 0 to 7 cells.
const BINS: usize = 8;
const SIDES: usize = 4 * BINS;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nanodet {
    pub(super) classes: usize,
    layout: Layout,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Layout {
    /// The places of scores and distances among the outputs, a pair a stride.
    Split([(usize, usize); 3]),
    /// Strides in use.
    Joint(usize),
}

impl Nanodet {
    pub(super) fn recognise(size: Size, outputs: &[OutputShape]) -> Option<Self> {
        if let [OutputShape { shape, .. }] = outputs {
            let [_, rows, columns] = shape[..] else { return None };
            let strides = [STRIDES_PLUS.len(), STRIDES.len()];
            let used = strides.into_iter().find(|n| {
                STRIDES_PLUS.get(..*n).is_some_and(|strides| rows == cells(size, strides))
            })?;
            let classes = columns.checked_sub(SIDES).filter(|n| *n > 0)?;
            return Some(Self { classes, layout: Layout::Joint(used) });
        }
        if outputs.len() != 2 * STRIDES.len() {
            return None;
        }
        // Which is which: by the number of cells, then by the number of columns. With 32
        // classes both have the same, and the names decide.
        let mut classes = None;
        let mut places = [(0, 0); 3];
        for (place, stride) in places.iter_mut().zip(STRIDES) {
            let count = cells(size, &[stride]);
            let fits = |o: &OutputShape| matches!(o.shape[..], [_, rows, _] if rows == count);
            let mut pair = outputs.iter().enumerate().filter(|(_, o)| fits(o));
            let ((first, a), (second, b)) = (pair.next()?, pair.next()?);
            let (a_columns, b_columns) = (*a.shape.last()?, *b.shape.last()?);
            let a_is_distance =
                a_columns == SIDES && (b_columns != SIDES || a.name.contains("dis"));
            let (scores, distances, columns) = match a_is_distance {
                true => (second, first, b_columns),
                false if b_columns == SIDES => (first, second, a_columns),
                false => return None,
            };
            if *classes.get_or_insert(columns) != columns {
                return None;
            }
            *place = (scores, distances);
        }
        Some(Self { classes: classes?, layout: Layout::Split(places) })
    }

    pub(super) fn describe(&self) -> &'static str {
        match self.layout {
            Layout::Split(_) => "NanoDet: scores and distances a stride",
            Layout::Joint(_) => "NanoDet-Plus: scores and distances in one output",
        }
    }

    pub(super) fn feeding(&self) -> Feeding {
        Feeding {
            order: ChannelOrder::Bgr,
            fit: match self.layout {
                Layout::Split(_) => Fit::Center,
                Layout::Joint(_) => Fit::Stretch,
            },
            mean: [103.53, 116.28, 123.675],
            std: [57.375, 57.12, 58.395],
            pad: 0.0,
        }
    }

    pub(super) fn decode(
        &self,
        size: Size,
        outputs: &[Tensor<'_>],
        item: usize,
        sieve: Sieve<'_>,
        found: &mut Vec<Candidate>,
    ) -> Option<()> {
        match &self.layout {
            Layout::Split(places) => {
                for ((scores, distances), stride) in places.iter().zip(STRIDES) {
                    let count = cells(size, &[stride]);
                    let scores = item_of(outputs.get(*scores)?, item, &[count, self.classes])?;
                    let distances = item_of(outputs.get(*distances)?, item, &[count, SIDES])?;
                    let rows = scores.chunks_exact(self.classes).zip(distances.chunks_exact(SIDES));
                    decode_stride(size, stride, 0.5, rows, sieve, found)?;
                }
            }
            Layout::Joint(used) => {
                let strides = STRIDES_PLUS.get(..*used)?;
                let columns = self.classes + SIDES;
                let numbers = item_of(outputs.first()?, item, &[cells(size, strides), columns])?;
                let mut rows = numbers.chunks_exact(columns).map(|r| r.split_at(self.classes));
                for &stride in strides {
                    let rows = rows.by_ref().take(cells(size, &[stride]));
                    decode_stride(size, stride, 0.0, rows, sieve, found)?;
                }
            }
        }
        Some(())
    }
}

/// One stride: `rows` of class scores and distances, a row a cell; `middle` is where in its
/// cell a centre lies.
fn decode_stride<'a>(
    size: Size,
    stride: u32,
    middle: f32,
    rows: impl Iterator<Item = (&'a [f32], &'a [f32])>,
    sieve: Sieve<'_>,
    found: &mut Vec<Candidate>,
) -> Option<()> {
    let (width, _) = grid(size, stride);
    let step = stride as f32;
    for (index, (scores, distances)) in rows.enumerate() {
        let (class, score) = best(scores)?;
        if !sieve.keeps(class, score) {
            continue;
        }
        let x = ((index % width) as f32 + middle) * step;
        let y = ((index / width) as f32 + middle) * step;
        let mut sides = distances.chunks_exact(BINS).map(|bins| mean_of_softmax(bins) * step);
        let [left, top, right, bottom] =
            [sides.next()?, sides.next()?, sides.next()?, sides.next()?];
        // The training clips boxes to the picture; a box outside of it is noise.
        let rect = Rect::from_corners(x - left, y - top, x + right, y + bottom);
        found.push(Candidate { rect, class, score });
    }
    Some(())
}

/// The mean of 0, 1, 2, ... under the distribution that `logits` describe.
fn mean_of_softmax(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let (mut sum, mut mean) = (0.0, 0.0);
    for (step, logit) in logits.iter().enumerate() {
        let weight = (logit - top).exp();
        sum += weight;
        mean += weight * step as f32;
    }
    mean / sum
}
