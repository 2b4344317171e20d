//! The YOLO versions that Ultralytics exports, by their outputs:
//!
//! - v5: `[n, anchors, 5 + classes]`, boxes as centre and extent in tensor pixels, objectness;
//! - v8, v9, 11, 12: `[n, 4 + classes, anchors]`, the same without objectness;
//! - v10, 26, and all others exported with NMS inside: `[n, boxes, 6]`, corners, score, class;
//! - v7's end-to-end export: `[boxes, 7]`, picture, corners, class, score;
//! - the four outputs of an "efficient NMS" node: count, corners, scores, classes.

use omma_imaging::{ChannelOrder, Fit};
use omma_types::{Point, Rect, Size};

use super::{Candidate, Feeding, OutputShape, Sieve, best, cells, item_of};
use crate::engine::{Numbers, Tensor};

pub(super) const FEEDING: Feeding = Feeding {
    order: ChannelOrder::Rgb,
    fit: Fit::Center,
    mean: [0.0; 3],
    std: [255.0; 3],
    pad: 114.0,
};
const STRIDES: [u32; 3] = [8, 16, 32];
/// The larger models ("P6") look at one more scale.
const STRIDES_P6: [u32; 4] = [8, 16, 32, 64];
/// More boxes than any export with NMS inside gives, fewer than any model without has.
const MOST_FINAL_BOXES: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Yolo {
    /// v5.
    Objectness { anchors: usize, classes: usize },
    /// v8 and later.
    Channels { anchors: usize, classes: usize },
    /// NMS inside, or none needed.
    Final { boxes: usize },
    /// v7 end to end.
    Flat,
    /// Count, corners, scores, classes, at these places among the outputs.
    Counted { boxes: usize, places: [usize; 4] },
}

impl Yolo {
    pub(super) fn recognise(size: Size, outputs: &[OutputShape]) -> Option<Self> {
        if let [OutputShape { shape, .. }] = outputs {
            let (plain, p6) = (cells(size, &STRIDES), cells(size, &STRIDES_P6));
            return match shape[..] {
                [_, rows, columns] if (rows == 3 * plain || rows == 3 * p6) && columns > 5 => {
                    Some(Self::Objectness { anchors: rows, classes: columns - 5 })
                }
                [_, rows, columns] if (columns == plain || columns == p6) && rows > 4 => {
                    Some(Self::Channels { anchors: columns, classes: rows - 4 })
                }
                [_, rows, 6] if rows <= MOST_FINAL_BOXES => Some(Self::Final { boxes: rows }),
                [_, 7] => Some(Self::Flat),
                _ => None,
            };
        }
        let place = |words: &[&str]| {
            outputs.iter().position(|o| words.iter().any(|word| o.name.contains(word)))
        };
        let places =
            [place(&["num"])?, place(&["box"])?, place(&["score"])?, place(&["class", "label"])?];
        match outputs.get(places[1])?.shape[..] {
            [_, boxes, 4] if outputs.len() == 4 => Some(Self::Counted { boxes, places }),
            _ => None,
        }
    }

    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Objectness { .. } => "v5: one row an anchor, with objectness",
            Self::Channels { .. } => "v8 and later: one column an anchor",
            Self::Final { .. } => "finished boxes (v10, 26, or exported with NMS)",
            Self::Flat => "finished boxes of all pictures in one list (v7 end to end)",
            Self::Counted { .. } => "finished boxes with their count (NMS node)",
        }
    }

    pub(super) fn classes(&self) -> Option<usize> {
        match self {
            Self::Objectness { classes, .. } | Self::Channels { classes, .. } => Some(*classes),
            Self::Final { .. } | Self::Flat | Self::Counted { .. } => None,
        }
    }

    pub(super) fn nms(&self) -> Option<f32> {
        match self {
            Self::Objectness { .. } => Some(0.45),
            Self::Channels { .. } => Some(0.7),
            Self::Final { .. } | Self::Flat | Self::Counted { .. } => None,
        }
    }

    pub(super) fn decode(
        &self,
        _size: Size,
        outputs: &[Tensor<'_>],
        item: usize,
        sieve: Sieve<'_>,
        found: &mut Vec<Candidate>,
    ) -> Option<()> {
        let output = outputs.first()?;
        match *self {
            Self::Objectness { anchors, classes } => {
                let numbers = item_of(output, item, &[anchors, 5 + classes])?;
                for row in numbers.chunks_exact(5 + classes) {
                    let &[cx, cy, w, h, objectness, ref scores @ ..] = row else { return None };
                    if objectness < sieve.min_score {
                        continue;
                    }
                    let (class, score) = best(scores)?;
                    let score = score * objectness;
                    if sieve.keeps(class, score) {
                        let rect = Rect::from_center(Point::new(cx, cy), w, h);
                        found.push(Candidate { rect, class, score });
                    }
                }
            }
            Self::Channels { anchors, classes } => {
                let numbers = item_of(output, item, &[4 + classes, anchors])?;
                decode_channels(numbers, anchors, sieve, found)?;
            }
            Self::Final { boxes } => {
                let numbers = item_of(output, item, &[boxes, 6])?;
                for row in numbers.chunks_exact(6) {
                    let &[left, top, right, bottom, score, class] = row else { return None };
                    push_final([left, top, right, bottom], class, score, sieve, found);
                }
            }
            Self::Flat => {
                let Numbers::F32(numbers) = output.numbers else { return None };
                for row in numbers.chunks_exact(7) {
                    let &[picture, left, top, right, bottom, class, score] = row else {
                        return None;
                    };
                    if picture as usize == item {
                        push_final([left, top, right, bottom], class, score, sieve, found);
                    }
                }
            }
            Self::Counted { boxes, places } => {
                let [counts, corners, scores, classes] = places;
                let counts = outputs.get(counts)?.numbers.to_f32();
                let corners = item_of(outputs.get(corners)?, item, &[boxes, 4])?;
                let scores = item_of(outputs.get(scores)?, item, &[boxes])?;
                let classes = outputs.get(classes)?.numbers.to_f32();
                let classes = classes.get(item * boxes..(item + 1) * boxes)?;
                let count = *counts.get(item)? as usize;
                let rows = corners.chunks_exact(4).zip(scores).zip(classes).take(count);
                for ((corners, &score), &class) in rows {
                    push_final(corners.try_into().ok()?, class, score, sieve, found);
                }
            }
        }
        Some(())
    }
}

/// Classes outside, anchors inside: the running maximum over all anchors at once goes
/// through memory in order, which a look at one anchor after the other would not.
fn decode_channels(
    numbers: &[f32],
    anchors: usize,
    sieve: Sieve<'_>,
    found: &mut Vec<Candidate>,
) -> Option<()> {
    let mut rows = numbers.chunks_exact(anchors);
    let [cx, cy, w, h] = [rows.next()?, rows.next()?, rows.next()?, rows.next()?];
    let mut best = vec![(f32::MIN, 0u32); anchors];
    for (class, scores) in rows.enumerate() {
        for (best, &score) in best.iter_mut().zip(scores) {
            if score > best.0 {
                *best = (score, class as u32);
            }
        }
    }
    for (((((score, class), cx), cy), w), h) in best.into_iter().zip(cx).zip(cy).zip(w).zip(h) {
        let class = class as usize;
        if sieve.keeps(class, score) {
            let rect = Rect::from_center(Point::new(*cx, *cy), *w, *h);
            found.push(Candidate { rect, class, score });
        }
    }
    Some(())
}

/// A finished box; the unused rows at the end of a list have the score zero.
fn push_final(
    [left, top, right, bottom]: [f32; 4],
    class: f32,
    score: f32,
    sieve: Sieve<'_>,
    found: &mut Vec<Candidate>,
) {
    let class = class as usize;
    if score > 0.0 && sieve.keeps(class, score) {
        let rect = Rect::from_corners(left, top, right, bottom);
        found.push(Candidate { rect, class, score });
    }
}
