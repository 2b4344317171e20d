//! Families of detectors: how each is fed, how it is recognised by its outputs, and how boxes
//! are read out of them. Reading is a pure function of the output tensors.

mod detr;
mod nanodet;
mod yolo;
mod yolox;

use std::fmt;
use std::str::FromStr;

use omma_imaging::{ChannelOrder, Fit};
use omma_types::{Rect, Size};

use crate::engine::{Numbers, Tensor};

/// A family of detectors that are fed and read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// YOLOX (arXiv 2107.08430).
    Yolox,
    /// YOLOv5, v8, v10, 11, 26 in the export formats of Ultralytics; YOLOv7's end-to-end one.
    Yolo,
    /// NanoDet and NanoDet-Plus.
    Nanodet,
    /// RT-DETR (arXiv 2304.08069), D-FINE (2410.13842), DEIM (2412.04234), RF-DETR.
    Detr,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 4] = [Self::Yolox, Self::Yolo, Self::Nanodet, Self::Detr];

    /// The word used in cards and interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yolox => "yolox",
            Self::Yolo => "yolo",
            Self::Nanodet => "nanodet",
            Self::Detr => "detr",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|family| family.as_str() == word).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown family {word:?}: expected one of {known}")
        })
    }
}

/// What a family's models are usually fed, in terms of samples from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Feeding {
    pub(crate) order: ChannelOrder,
    pub(crate) fit: Fit,
    pub(crate) mean: [f32; 3],
    pub(crate) std: [f32; 3],
    pub(crate) pad: f32,
}

/// RGB from 0 to 1, the picture stretched.
const UNIT_STRETCHED: Feeding = Feeding {
    order: ChannelOrder::Rgb,
    fit: Fit::Stretch,
    mean: [0.0; 3],
    std: [255.0; 3],
    pad: 0.0,
};

/// A box before it has left the tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// In tensor pixels.
    pub(crate) rect: Rect,
    /// Index of the class in the model's list.
    pub(crate) class: usize,
    /// 0 to 1.
    pub(crate) score: f32,
}

/// Which candidates are worth reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sieve<'a> {
    pub(crate) min_score: f32,
    /// By class index; none means all.
    pub(crate) classes: Option<&'a [bool]>,
}

impl Sieve<'_> {
    fn keeps(&self, class: usize, score: f32) -> bool {
        score >= self.min_score
            && self.classes.is_none_or(|wanted| wanted.get(class).copied().unwrap_or(false))
    }
}

/// How the outputs of one model are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Yolox(yolox::Yolox),
    Yolo(yolo::Yolo),
    Nanodet(nanodet::Nanodet),
    Detr(detr::Detr),
}

/// Name and extents of an output, as seen in a trial run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputShape {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

impl fmt::Display for OutputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.shape)
    }
}

impl Head {
    /// Finds the layout that fits `outputs` of a model with an input of `size`, of `family`
    /// where it is known. The families' outputs differ in their number, names and extents, so
    /// that a file needs no card; where two fit, the order here decides.
    pub(crate) fn recognise(
        family: Option<Family>,
        size: Size,
        outputs: &[OutputShape],
    ) -> Option<Self> {
        let may = |candidate| family.is_none_or(|f| f == candidate);
        let detr = || detr::Detr::recognise(outputs).map(Self::Detr);
        let nanodet = || nanodet::Nanodet::recognise(size, outputs).map(Self::Nanodet);
        let yolox = || yolox::Yolox::recognise(size, outputs).map(Self::Yolox);
        let yolo = || yolo::Yolo::recognise(size, outputs).map(Self::Yolo);
        let found = may(Family::Detr).then(detr).flatten();
        let found = found.or_else(|| may(Family::Yolox).then(yolox).flatten());
        let found = found.or_else(|| may(Family::Yolo).then(yolo).flatten());
        found.or_else(|| may(Family::Nanodet).then(nanodet).flatten())
    }

    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Yolox(_) => Family::Yolox,
            Self::Yolo(_) => Family::Yolo,
            Self::Nanodet(_) => Family::Nanodet,
            Self::Detr(_) => Family::Detr,
        }
    }

    /// The layout in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Yolox(_) => "one row an anchor: box, objectness, class scores",
            Self::Yolo(head) => head.describe(),
            Self::Nanodet(head) => head.describe(),
            Self::Detr(head) => head.describe(),
        }
    }

    /// Number of classes, where the outputs tell.
    pub(crate) fn classes(&self) -> Option<usize> {
        match self {
            Self::Yolox(head) => Some(head.classes),
            Self::Yolo(head) => head.classes(),
            Self::Nanodet(head) => Some(head.classes),
            Self::Detr(head) => head.classes(),
        }
    }

    /// How models with this head are usually fed.
    pub(crate) fn feeding(&self) -> Feeding {
        match self {
            Self::Yolox(_) => yolox::FEEDING,
            Self::Yolo(_) => yolo::FEEDING,
            Self::Nanodet(head) => head.feeding(),
            Self::Detr(head) => head.feeding(),
        }
    }

    /// Overlap above which the weaker of two boxes of a class is dropped; none where the
    /// model gives each object once.
    pub(crate) fn nms(&self) -> Option<f32> {
        match self {
            Self::Yolox(_) => Some(yolox::NMS),
            Self::Yolo(head) => head.nms(),
            Self::Nanodet(_) => Some(nanodet::NMS),
            Self::Detr(_) => None,
        }
    }

    /// Reads the boxes of the picture with number `item` in the batch. None where `outputs`
    /// don't have the extents that the layout was recognised by.
    pub(crate) fn decode(
        &self,
        size: Size,
        outputs: &[Tensor<'_>],
        item: usize,
        sieve: Sieve<'_>,
        found: &mut Vec<Candidate>,
    ) -> Option<()> {
        match self {
            Self::Yolox(head) => head.decode(size, outputs, item, sieve, found),
            Self::Yolo(head) => head.decode(size, outputs, item, sieve, found),
            Self::Nanodet(head) => head.decode(size, outputs, item, sieve, found),
            Self::Detr(head) => head.decode(size, outputs, item, sieve, found),
        }
    }
}

/// The columns and rows of the grid of cells of `stride` pixels, rounded up.
fn grid(size: Size, stride: u32) -> (usize, usize) {
    (size.width.div_ceil(stride) as usize, size.height.div_ceil(stride) as usize)
}

/// Cells in the grids of all `strides`.
fn cells(size: Size, strides: &[u32]) -> usize {
    strides.iter().map(|stride| grid(size, *stride)).map(|(w, h)| w * h).sum()
}

/// The numbers of picture `item` of a batched output whose extents after the first are
/// `shape`. None where they are not.
fn item_of<'a>(output: &Tensor<'a>, item: usize, shape: &[usize]) -> Option<&'a [f32]> {
    let Numbers::F32(numbers) = output.numbers else { return None };
    let length: usize = shape.iter().product();
    (output.shape.get(1..)? == shape).then_some(())?;
    numbers.get(item * length..(item + 1) * length)
}

/// The best of some class scores; the first of equals.
fn best(scores: &[f32]) -> Option<(usize, f32)> {
    scores
        .iter()
        .copied()
        .enumerate()
        .reduce(|best, this| if this.1 > best.1 { this } else { best })
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests;
