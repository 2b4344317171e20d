//! From the decoder's planes to a model's tensor in one pass, at the model's size.
//!
//! A detector looks at some 400x400 pixels; converting a whole 1080p picture to RGB first
//! costs more than the rest of the preparation. Here only the samples that a tensor pixel is
//! made of are touched: two source rows are blended, the needed columns picked out of the
//! blend, and the colour conversion runs at the tensor's size.
//!
//! Sampling is what OpenCV calls `INTER_LINEAR`: two taps each way, pixel centres at half
//! coordinates, no smoothing when shrinking. Published detectors were trained on pictures
//! resized like that, so anything "better" costs accuracy.

use omma_types::{Rect, Size};

use crate::{ColorMatrix, ColorRange, Plane, YuvView};

/// How a picture of another shape goes into the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Shape kept, picture in the top left corner, the rest padded.
    #[default]
    TopLeft,
    /// Shape kept, picture in the middle, padding on two sides.
    Center,
    /// Shape not kept: the picture fills the tensor.
    Stretch,
}

/// Which colour comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red: models trained with OpenCV.
    Bgr,
}

/// How the tensor lies in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Three planes, one a channel.
    #[default]
    Nchw,
    /// Pixel after pixel.
    Nhwc,
}

/// What a model wants to be fed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorSpec {
    /// Columns and rows of the tensor, at least 1x1.
    pub size: Size,
    /// How the picture goes in.
    pub fit: Fit,
    /// Which colour comes first.
    pub order: ChannelOrder,
    /// How the tensor lies in memory.
    pub layout: Layout,
    /// Subtracted from each channel (0 to 255), in the tensor's channel order.
    pub mean: [f32; 3],
    /// Multiplied with each channel after the subtraction, in the tensor's channel order.
    pub scale: [f32; 3],
    /// The colour (0 to 255) around the picture, all channels; `mean` and `scale` apply to it.
    pub pad: f32,
}

/// The way back from tensor pixels to fractions of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapping {
    scale: [f32; 2],
    offset: [f32; 2],
}

impl Mapping {
    /// A box in tensor pixels as fractions of the picture; not clipped to it.
    pub fn to_fractions(&self, rect: Rect) -> Rect {
        Rect::new(
            rect.left * self.scale[0] + self.offset[0],
            rect.top * self.scale[1] + self.offset[1],
            rect.width * self.scale[0],
            rect.height * self.scale[1],
        )
    }
}

/// Fills tensors for one model. Keeps its scratch memory and the tables for the sizes of
/// pictures that it met last: a call allocates only for a new size.
#[derive(Debug)]
pub struct Letterbox {
    spec: TensorSpec,
    tables: Vec<Tables>,
    scratch: Scratch,
}

impl Letterbox {
    /// A filler of tensors of `spec`.
    pub fn new(spec: TensorSpec) -> Self {
        let size = Size::new(spec.size.width.max(1), spec.size.height.max(1));
        Self { spec: TensorSpec { size, ..spec }, tables: Vec::new(), scratch: Scratch::default() }
    }

    /// What the tensors look like.
    pub fn spec(&self) -> &TensorSpec {
        &self.spec
    }

    /// Numbers in one tensor: three times columns times rows.
    pub fn tensor_len(&self) -> usize {
        3 * self.spec.size.width as usize * self.spec.size.height as usize
    }

    /// Writes `picture` into `tensor`. None, with nothing written, where `tensor` is not
    /// exactly [`tensor_len`](Self::tensor_len) long.
    pub fn fill(&mut self, picture: &YuvView<'_>, tensor: &mut [f32]) -> Option<Mapping> {
        if tensor.len() != self.tensor_len() {
            return None;
        }
        let known = self.tables.iter().position(|t| t.source == picture.size());
        let at = known.unwrap_or_else(|| {
            if self.tables.len() >= MOST_TABLES {
                self.tables.remove(0);
            }
            self.tables.push(Tables::new(picture.size(), &self.spec));
            self.tables.len() - 1
        });
        let tables = self.tables.get(at)?;
        self.scratch.fit(tables);
        let colors = Colors::new(picture, &self.spec);
        match self.spec.layout {
            Layout::Nchw => fill_planes(picture, tables, &mut self.scratch, &colors, tensor),
            Layout::Nhwc => fill_pixels(picture, tables, &mut self.scratch, &colors, tensor),
        }
        Some(tables.mapping)
    }
}

/// Sizes of pictures that tables are kept for: a session serves cameras of few sizes.
const MOST_TABLES: usize = 4;
/// Bits behind the binary point of the weights between two rows. Eight, because the blend of
/// two samples of 8 bits then just fits into 16, which is what SIMD units are quick with.
const ROW_BITS: u32 = 8;
/// Bits behind the binary point of the weights between two columns.
const COLUMN_BITS: u32 = 14;

/// A pair of neighbouring samples and the weight of the second.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: u32,
    weight: f32,
}

impl Tap {
    /// The taps for `count` target samples over `length` source samples.
    /// `half` is 1 for luma; 2 for colour planes, whose samples are two luma samples wide and
    /// whose `length` is their own.
    fn table(count: u32, luma_length: u32, length: u32, half: f64) -> Vec<Self> {
        let step = f64::from(luma_length) / f64::from(count) / half;
        let last = f64::from(length - 1);
        (0..count)
            .map(|i| {
                let at = ((f64::from(i) + 0.5) * step - 0.5).clamp(0.0, last);
                Self { first: at as u32, weight: at.fract() as f32 }
            })
            .collect()
    }
}

/// The columns of one kind of plane: where each pair starts, and both weights.
#[derive(Debug)]
struct Columns {
    first: Vec<u32>,
    weights: Vec<[i16; 2]>,
}

impl Columns {
    fn new(taps: &[Tap]) -> Self {
        let one = 1i16 << COLUMN_BITS;
        let weight = |tap: &Tap| {
            let second = (tap.weight * f32::from(one)).round() as i16;
            [one - second, second]
        };
        Self {
            first: taps.iter().map(|t| t.first).collect(),
            weights: taps.iter().map(weight).collect(),
        }
    }
}

/// Everything that follows from the picture's size and the spec.
#[derive(Debug)]
struct Tables {
    source: Size,
    target: Size,
    /// The picture's place in the tensor.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    luma_rows: Vec<Tap>,
    chroma_rows: Vec<Tap>,
    luma: Columns,
    chroma: Columns,
    mapping: Mapping,
}

impl Tables {
    fn new(source: Size, spec: &TensorSpec) -> Self {
        let target = spec.size;
        let ratios = [
            f64::from(target.width) / f64::from(source.width),
            f64::from(target.height) / f64::from(source.height),
        ];
        let ratio = ratios[0].min(ratios[1]);
        let fitted =
            |length: u32, limit: u32| ((f64::from(length) * ratio).round() as u32).clamp(1, limit);
        let (width, height) = match spec.fit {
            Fit::Stretch => (target.width, target.height),
            Fit::TopLeft | Fit::Center => {
                (fitted(source.width, target.width), fitted(source.height, target.height))
            }
        };
        let (left, top) = match spec.fit {
            Fit::Center => ((target.width - width) / 2, (target.height - height) / 2),
            Fit::TopLeft | Fit::Stretch => (0, 0),
        };
        let chroma = crate::picture::chroma_size(source);
        Self {
            source,
            target,
            left: left as usize,
            top: top as usize,
            width: width as usize,
            height: height as usize,
            luma_rows: Tap::table(height, source.height, source.height, 1.0),
            chroma_rows: Tap::table(height, source.height, chroma.height, 2.0),
            luma: Columns::new(&Tap::table(width, source.width, source.width, 1.0)),
            chroma: Columns::new(&Tap::table(width, source.width, chroma.width, 2.0)),
            mapping: Mapping {
                scale: [1.0 / width as f32, 1.0 / height as f32],
                offset: [-(left as f32) / width as f32, -(top as f32) / height as f32],
            },
        }
    }
}

/// Memory for one row on its way.
#[derive(Debug, Default)]
struct Scratch {
    /// Blended source rows, luma and both colours; at least one sample longer than the
    /// plane, so that the last sample has a right neighbour.
    blends: [Vec<i16>; 3],
    /// The pairs that the columns of the row are made of.
    pairs: [Vec<[i16; 2]>; 3],
    /// Finished channels, for the layout that interleaves them.
    channels: [Vec<f32>; 3],
}

impl Scratch {
    fn fit(&mut self, tables: &Tables) {
        let chroma = crate::picture::chroma_size(tables.source);
        for (plane, length) in
            [tables.source.width, chroma.width, chroma.width].into_iter().enumerate()
        {
            // Growing only, so that pictures of different sizes may take turns.
            let (blend, pairs) = (&mut self.blends[plane], &mut self.pairs[plane]);
            blend.resize(blend.len().max(length as usize + 1).max(ROW + 1), 0);
            pairs.resize(pairs.len().max(tables.width), [0; 2]);
            let channel = &mut self.channels[plane];
            channel.resize(channel.len().max(tables.width), 0.0);
        }
    }

    /// Blends the rows for target row `y` and picks the pairs of its columns.
    fn gather(&mut self, picture: &YuvView<'_>, tables: &Tables, y: usize) {
        let [luma, blue, red] = &mut self.blends;
        blend(&picture.y, tables.luma_rows[y], luma);
        blend(&picture.u, tables.chroma_rows[y], blue);
        blend(&picture.v, tables.chroma_rows[y], red);
        let [luma_pairs, blue_pairs, red_pairs] = &mut self.pairs;
        pick(luma, &tables.luma.first, luma_pairs);
        pick(blue, &tables.chroma.first, blue_pairs);
        pick(red, &tables.chroma.first, red_pairs);
    }
}

/// The room for a blended row: for every width below the next power of two and one more.
const ROW: usize = 8192;

/// Copies the pair that starts at each of `first` out of `row`.
fn pick(row: &[i16], first: &[u32], pairs: &mut [[i16; 2]]) {
    // In a row of a length known to the compiler no access needs a check. That matters: this
    // loop is a third of all the work.
    let whole = row.len() == ROW + 1;
    match row.first_chunk::<{ ROW + 1 }>() {
        Some(row) if whole => {
            for (pair, &at) in pairs.iter_mut().zip(first) {
                let at = at as usize % ROW;
                *pair = [row[at], row[at + 1]];
            }
        }
        _ => {
            for (pair, &at) in pairs.iter_mut().zip(first) {
                *pair = [row[at as usize], row[at as usize + 1]];
            }
        }
    }
}

/// Two rows of `plane` weighted into one. The sums use all 16 bits; flipping the top bit
/// makes them signed (less by 2^15), which [`Colors`] takes back.
fn blend(plane: &Plane<'_>, tap: Tap, out: &mut [i16]) {
    let first = tap.first as usize;
    let upper = plane.row(first);
    let lower = plane.row((first + 1).min(plane.size().height as usize - 1));
    let one = 1u16 << ROW_BITS;
    let below = (tap.weight * f32::from(one)).round() as u16;
    let above = one - below;
    for ((out, &a), &b) in out.iter_mut().zip(upper).zip(lower) {
        *out = ((u16::from(a) * above + u16::from(b) * below) ^ 0x8000) as i16;
    }
    if let Some([last, beyond]) = out.get_mut(upper.len() - 1..=upper.len()) {
        *beyond = *last;
    }
}

/// The colour conversion, folded with the scales of the weights and the model's
/// normalisation: sums of weighted samples in, numbers of the tensor out.
struct Colors {
    /// Red, green, blue.
    channels: [Channel; 3],
    /// Whether blue comes first in the tensor.
    reversed: bool,
    /// What surrounds the picture, in the tensor's order.
    pad: [f32; 3],
}

/// A channel is luma * `luma` + blue difference * `blue` + red difference * `red` + `base`,
/// limited to `low` and `high`.
#[derive(Clone, Copy)]
struct Channel {
    luma: f32,
    blue: f32,
    red: f32,
    base: f32,
    low: f32,
    high: f32,
}

impl Colors {
    fn new(picture: &YuvView<'_>, spec: &TensorSpec) -> Self {
        // ITU-T H.273: the weights of red and blue in luma say all the rest.
        let (red_weight, blue_weight) = match picture.matrix {
            ColorMatrix::Bt601 => (0.299f32, 0.114f32),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
        };
        let green_weight = 1.0 - red_weight - blue_weight;
        let (luma, black, chroma) = match picture.range {
            ColorRange::Limited => (255.0 / 219.0, 16.0, 255.0 / 224.0),
            ColorRange::Full => (1.0, 0.0, 1.0),
        };
        let to_blue = 2.0 * (1.0 - blue_weight) * chroma;
        let to_red = 2.0 * (1.0 - red_weight) * chroma;
        let blue = [0.0, -to_blue * blue_weight / green_weight, to_blue];
        let red = [to_red, -to_red * red_weight / green_weight, 0.0];
        let reversed = spec.order == ChannelOrder::Bgr;
        // A sum is sample * 2^22 - 2^15 * 2^14: one unit is 2^-22, and zero stands for 128.
        let unit = 1.0 / (1u32 << (ROW_BITS + COLUMN_BITS)) as f32;
        let channel = |c: usize| {
            let at = if reversed { 2 - c } else { c };
            let (mean, scale) = (spec.mean[at], spec.scale[at]);
            let ends = [-mean * scale, (255.0 - mean) * scale];
            Channel {
                luma: luma * unit * scale,
                blue: blue[c] * unit * scale,
                red: red[c] * unit * scale,
                base: ((128.0 - black) * luma - mean) * scale,
                low: ends[0].min(ends[1]),
                high: ends[0].max(ends[1]),
            }
        };
        Self {
            channels: [0, 1, 2].map(channel),
            reversed,
            pad: [0, 1, 2].map(|c| (spec.pad - spec.mean[c]) * spec.scale[c]),
        }
    }

    /// Colours one row into its three channels.
    fn row(&self, pairs: &[Vec<[i16; 2]>; 3], tables: &Tables, mut out: [&mut [f32]; 3]) {
        if self.reversed {
            out.reverse();
        }
        let width = tables.width;
        let [red, green, blue] = out;
        let (red, green, blue) = (&mut red[..width], &mut green[..width], &mut blue[..width]);
        let [luma, us, vs] = pairs;
        let (luma, us, vs) = (&luma[..width], &us[..width], &vs[..width]);
        let (luma_weights, weights) =
            (&tables.luma.weights[..width], &tables.chroma.weights[..width]);
        let [r, g, b] = self.channels;
        for x in 0..width {
            let y = dot(luma[x], luma_weights[x]);
            let u = dot(us[x], weights[x]);
            let v = dot(vs[x], weights[x]);
            // Red has nothing of the blue difference, blue nothing of the red one.
            red[x] = r.limit(y * r.luma + v * r.red + r.base);
            green[x] = g.limit(y * g.luma + u * g.blue + v * g.red + g.base);
            blue[x] = b.limit(y * b.luma + u * b.blue + b.base);
        }
    }
}

impl Channel {
    /// Written out, because `clamp` panics where a spec holds no numbers, and `max` and `min`
    /// cost three instructions each for the sake of such.
    #[inline(always)]
    fn limit(&self, value: f32) -> f32 {
        let value = if value > self.low { value } else { self.low };
        if value < self.high { value } else { self.high }
    }
}

#[inline(always)]
fn dot(pair: [i16; 2], weights: [i16; 2]) -> f32 {
    (i32::from(pair[0]) * i32::from(weights[0]) + i32::from(pair[1]) * i32::from(weights[1])) as f32
}

fn fill_planes(
    picture: &YuvView<'_>,
    tables: &Tables,
    scratch: &mut Scratch,
    colors: &Colors,
    tensor: &mut [f32],
) {
    let stride = tables.target.width as usize;
    let (first, rest) = tensor.split_at_mut(tensor.len() / 3);
    let (second, third) = rest.split_at_mut(rest.len() / 2);
    let (rows, right) = (tables.top..tables.top + tables.height, tables.left + tables.width);
    let mut planes = [first, second, third];
    for (plane, pad) in planes.iter_mut().zip(colors.pad) {
        plane[..rows.start * stride].fill(pad);
        plane[rows.end * stride..].fill(pad);
        for row in plane[rows.start * stride..rows.end * stride].chunks_exact_mut(stride) {
            row[..tables.left].fill(pad);
            row[right..].fill(pad);
        }
    }
    for y in 0..tables.height {
        scratch.gather(picture, tables, y);
        let start = (tables.top + y) * stride + tables.left;
        let channels = planes.each_mut().map(|p| &mut p[start..start + tables.width]);
        colors.row(&scratch.pairs, tables, channels);
    }
}

fn fill_pixels(
    picture: &YuvView<'_>,
    tables: &Tables,
    scratch: &mut Scratch,
    colors: &Colors,
    tensor: &mut [f32],
) {
    let stride = 3 * tables.target.width as usize;
    for (y, row) in tensor.chunks_exact_mut(stride).enumerate() {
        for pixel in row.chunks_exact_mut(3) {
            pixel.copy_from_slice(&colors.pad);
        }
        let Some(y) = y.checked_sub(tables.top).filter(|&y| y < tables.height) else { continue };
        scratch.gather(picture, tables, y);
        let Scratch { pairs, channels, .. } = scratch;
        colors.row(pairs, tables, channels.each_mut().map(Vec::as_mut_slice));
        let pixels = row[3 * tables.left..].chunks_exact_mut(3);
        for (x, pixel) in pixels.take(tables.width).enumerate() {
            for (value, channel) in pixel.iter_mut().zip(&*channels) {
                *value = channel[x];
            }
        }
    }
}

#[cfg(test)]
mod tests;
