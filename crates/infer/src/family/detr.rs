//! Transformer detectors, which give each object once and need no NMS, by their outputs:
//!
//! - finished: `labels`, `boxes`, `scores`, boxes as corners in the unit that the second
//!   input `orig_target_sizes` (width, height) sets. RT-DETR, D-FINE and DEIM as their own
//!   projects export them;
//! - raw: boxes `[n, queries, 4]` as centre and extent in fractions, and class logits
//!   `[n, queries, classes]`. RF-DETR (`dets`, `labels`, fed with ImageNet's normalisation);
//!   RT-DETR and D-FINE from Hugging Face (`pred_boxes`, `logits`, fed with 0 to 1).

use omma_types::{Point, Rect, Size};

use super::{Candidate, Feeding, OutputShape, Sieve, UNIT_STRETCHED, best, item_of, sigmoid};
use crate::engine::Tensor;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detr {
    /// Places of labels, boxes, scores among the outputs.
    Final { queries: usize, places: [usize; 3] },
    /// Places of boxes and logits.
    Raw { queries: usize, classes: usize, places: [usize; 2], imagenet: bool },
}

impl Detr {
    pub(super) fn recognise(outputs: &[OutputShape]) -> Option<Self> {
        let place = |name: &str| outputs.iter().position(|o| o.name == name);
        let shape = |at: usize| outputs.get(at).map_or(&[][..], |o| &o.shape[..]);
        if let (Some(labels), Some(boxes), Some(scores)) =
            (place("labels"), place("boxes"), place("scores"))
            && let [_, queries, 4] = *shape(boxes)
        {
            return Some(Self::Final { queries, places: [labels, boxes, scores] });
        }
        let names = [("dets", "labels", true), ("pred_boxes", "logits", false)];
        names.into_iter().find_map(|(boxes, logits, imagenet)| {
            let places = [place(boxes)?, place(logits)?];
            let [_, queries, 4] = *shape(places[0]) else { return None };
            match *shape(places[1]) {
                [_, rows, classes] if rows == queries && classes > 0 => {
                    Some(Self::Raw { queries, classes, places, imagenet })
                }
                _ => None,
            }
        })
    }

    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Final { .. } => "labels, boxes, scores (RT-DETR, D-FINE, DEIM)",
            Self::Raw { imagenet: true, .. } => "boxes and class logits (RF-DETR)",
            Self::Raw { imagenet: false, .. } => "boxes and class logits (Hugging Face export)",
        }
    }

    pub(super) fn classes(&self) -> Option<usize> {
        match self {
            Self::Final { .. } => None,
            Self::Raw { classes, .. } => Some(*classes),
        }
    }

    pub(super) fn feeding(&self) -> Feeding {
        match self {
            Self::Raw { imagenet: true, .. } => Feeding {
                mean: [123.675, 116.28, 103.53],
                std: [58.395, 57.12, 57.375],
                ..UNIT_STRETCHED
            },
            Self::Raw { .. } | Self::Final { .. } => UNIT_STRETCHED,
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
        match *self {
            Self::Final { queries, places: [labels, boxes, scores] } => {
                let boxes = item_of(outputs.get(boxes)?, item, &[queries, 4])?;
                let scores = item_of(outputs.get(scores)?, item, &[queries])?;
                let labels = outputs.get(labels)?.numbers.to_f32();
                let labels = labels.get(item * queries..(item + 1) * queries)?;
                for ((corners, &score), &label) in boxes.chunks_exact(4).zip(scores).zip(labels) {
                    let &[left, top, right, bottom] = corners else { return None };
                    let class = label as usize;
                    if sieve.keeps(class, score) {
                        let rect = Rect::from_corners(left, top, right, bottom);
                        found.push(Candidate { rect, class, score });
                    }
                }
            }
            Self::Raw { queries, classes, places: [boxes, logits], .. } => {
                let boxes = item_of(outputs.get(boxes)?, item, &[queries, 4])?;
                let logits = item_of(outputs.get(logits)?, item, &[queries, classes])?;
                let (width, height) = (size.width as f32, size.height as f32);
                for (rect, logits) in boxes.chunks_exact(4).zip(logits.chunks_exact(classes)) {
                    let &[cx, cy, w, h] = rect else { return None };
                    let (class, logit) = best(logits)?;
                    let score = sigmoid(logit);
                    if sieve.keeps(class, score) {
                        let center = Point::new(cx * width, cy * height);
                        let rect = Rect::from_center(center, w * width, h * height);
                        found.push(Candidate { rect, class, score });
                    }
                }
            }
        }
        Some(())
    }
}
