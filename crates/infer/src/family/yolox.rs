//! YOLOX: one output of rows `[cx, cy, w, h, objectness, class scores...]`, one row a cell of
//! the grids of strides 8, 16 and 32. Centres are in cells from the cell's corner, extents
//! the logarithm of cells; scores are probabilities. (arXiv 2107.08430; layout as in the
//! export of the YOLOX project with `decode_in_inference` off.)

use omma_imaging::{ChannelOrder, Fit};
use omma_types::{Point, Rect, Size};

use super::{Candidate, Feeding, OutputShape, Sieve, best, cells, grid, item_of};
use crate::engine::Tensor;

pub(super) const FEEDING: Feeding = Feeding {
    order: ChannelOrder::Bgr,
    fit: Fit::TopLeft,
    mean: [0.0; 3],
    std: [1.0; 3],
    pad: 114.0,
};
pub(super) const NMS: f32 = 0.45;
const STRIDES: [u32; 3] = [8, 16, 32];
/// Box and objectness in front of the class scores.
const HEAD: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Yolox {
    pub(super) classes: usize,
}

impl Yolox {
    pub(super) fn recognise(size: Size, outputs: &[OutputShape]) -> Option<Self> {
        let [OutputShape { shape, .. }] = outputs else { return None };
        let [_, rows, columns] = shape[..] else { return None };
        (rows == cells(size, &STRIDES) && columns > HEAD).then(|| Self { classes: columns - HEAD })
    }

    pub(super) fn decode(
        &self,
        size: Size,
        outputs: &[Tensor<'_>],
        item: usize,
        sieve: Sieve<'_>,
        found: &mut Vec<Candidate>,
    ) -> Option<()> {
        let columns = HEAD + self.classes;
        let numbers = item_of(outputs.first()?, item, &[cells(size, &STRIDES), columns])?;
        let mut rows = numbers.chunks_exact(columns);
        for stride in STRIDES {
            let (width, height) = grid(size, stride);
            for (index, row) in rows.by_ref().take(width * height).enumerate() {
                let &[cx, cy, w, h, objectness, ref scores @ ..] = row else { return None };
                // Nearly all cells end here: no class can lift the product any more.
                if objectness < sieve.min_score {
                    continue;
                }
                let (class, score) = best(scores)?;
                let score = score * objectness;
                if sieve.keeps(class, score) {
                    let step = stride as f32;
                    let center = Point::new(
                        (cx + (index % width) as f32) * step,
                        (cy + (index / width) as f32) * step,
                    );
                    let rect = Rect::from_center(center, w.exp() * step, h.exp() * step);
                    found.push(Candidate { rect, class, score });
                }
            }
        }
        Some(())
    }
}
