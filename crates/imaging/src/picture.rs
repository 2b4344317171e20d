//! A picture as decoders give it: three planes of 8 bits, colour at half resolution.

use omma_types::Size;

/// Which numbers stand for black and white (ITU-T H.273, `VideoFullRangeFlag`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorRange {
    /// Luma 16 to 235: nearly all cameras and films.
    #[default]
    Limited,
    /// Luma 0 to 255: JPEG, and some cameras.
    Full,
}

/// How luma and colour make red, green and blue (ITU-T H.273, `MatrixCoefficients`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMatrix {
    /// Rec. ITU-R BT.601: standard definition, and streams that don't say.
    #[default]
    Bt601,
    /// Rec. ITU-R BT.709: high definition.
    Bt709,
}

/// One plane of samples, row after row, `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
    size: Size,
}

impl<'a> Plane<'a> {
    /// A plane of `size` samples over `data`. None where `data` is too short for it or
    /// `stride` is less than the width.
    pub fn new(data: &'a [u8], stride: usize, size: Size) -> Option<Self> {
        let (width, height) = (size.width as usize, size.height as usize);
        let needed = stride.checked_mul(height.checked_sub(1)?)?.checked_add(width)?;
        (stride >= width && data.len() >= needed).then_some(Self { data, stride, size })
    }

    /// Row `y` (below the plane's height), exactly the plane's width long.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.stride;
        &self.data[start..start + self.size.width as usize]
    }

    /// Bytes between the starts of two rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All bytes from the first sample on, padding included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.size
    }
}

/// A borrowed picture in YUV 4:2:0 with 8 bits a sample. The colour planes have half the
/// luma plane's width and height, rounded up.
#[derive(Clone, Copy, Debug)]
pub struct YuvView<'a> {
    /// Luma.
    pub y: Plane<'a>,
    /// Blue difference.
    pub u: Plane<'a>,
    /// Red difference.
    pub v: Plane<'a>,
    /// Which numbers stand for black and white.
    pub range: ColorRange,
    /// How to get to red, green and blue.
    pub matrix: ColorMatrix,
}

impl<'a> YuvView<'a> {
    /// A picture from its planes. None where the colour planes don't fit the luma plane.
    pub fn new(
        y: Plane<'a>,
        u: Plane<'a>,
        v: Plane<'a>,
        range: ColorRange,
        matrix: ColorMatrix,
    ) -> Option<Self> {
        let chroma = chroma_size(y.size());
        (u.size() == chroma && v.size() == chroma).then_some(Self { y, u, v, range, matrix })
    }

    /// Columns and rows of the picture.
    pub fn size(&self) -> Size {
        self.y.size()
    }
}

/// The size of the colour planes of a picture of `size`.
pub(crate) fn chroma_size(size: Size) -> Size {
    Size::new(size.width.div_ceil(2), size.height.div_ceil(2))
}

/// An owned picture that can be drawn on. Its buffer is kept when it is filled again with a
/// picture of the same size.
#[derive(Clone, Debug)]
pub struct YuvImage {
    size: Size,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    range: ColorRange,
    matrix: ColorMatrix,
}

impl YuvImage {
    /// A black picture, at least 1x1.
    pub fn black(size: Size, range: ColorRange, matrix: ColorMatrix) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let chroma = chroma_size(size);
        let luma = if range == ColorRange::Limited { 16 } else { 0 };
        let samples = |s: Size| s.width as usize * s.height as usize;
        Self {
            size,
            y: vec![luma; samples(size)],
            u: vec![128; samples(chroma)],
            v: vec![128; samples(chroma)],
            range,
            matrix,
        }
    }

    /// Gives this picture another size (at least 1x1) and meaning; its samples are then
    /// whatever they were before, or black where the size changed.
    pub(crate) fn prepare(&mut self, size: Size, range: ColorRange, matrix: ColorMatrix) {
        if self.size != size {
            *self = Self::black(size, range, matrix);
        }
        (self.range, self.matrix) = (range, matrix);
    }

    /// Makes this picture a copy of `source`, size included.
    pub fn copy_from(&mut self, source: &YuvView<'_>) {
        self.prepare(source.size(), source.range, source.matrix);
        for (mine, theirs) in
            [(&mut self.y, source.y), (&mut self.u, source.u), (&mut self.v, source.v)]
        {
            let width = theirs.size().width as usize;
            for (y, row) in mine.chunks_exact_mut(width).enumerate() {
                row.copy_from_slice(theirs.row(y));
            }
        }
    }

    /// This picture, borrowed.
    pub fn view(&self) -> YuvView<'_> {
        let chroma = chroma_size(self.size);
        let plane = |data, size: Size| Plane { data, stride: size.width as usize, size };
        YuvView {
            y: plane(&self.y, self.size),
            u: plane(&self.u, chroma),
            v: plane(&self.v, chroma),
            range: self.range,
            matrix: self.matrix,
        }
    }

    /// The samples of luma, blue and red difference, rows packed without padding.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        [&mut self.y, &mut self.u, &mut self.v]
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Which numbers stand for black and white.
    pub fn range(&self) -> ColorRange {
        self.range
    }

    /// How to get to red, green and blue.
    pub fn matrix(&self) -> ColorMatrix {
        self.matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_refuse_buffers_that_are_too_short() {
        assert!(Plane::new(&[0; 11], 4, Size::new(3, 3)).is_some());
        assert!(Plane::new(&[0; 10], 4, Size::new(3, 3)).is_none());
        assert!(Plane::new(&[0; 12], 2, Size::new(3, 3)).is_none());
        assert!(Plane::new(&[], 4, Size::new(3, 0)).is_none());
    }

    #[test]
    fn a_copy_drops_the_padding_and_keeps_the_samples() {
        let luma: Vec<u8> = (0..4 * 8).collect();
        let chroma = [7u8; 2 * 8];
        let (size, half) = (Size::new(3, 4), Size::new(2, 2));
        let view = YuvView::new(
            Plane::new(&luma, 8, size).unwrap(),
            Plane::new(&chroma, 8, half).unwrap(),
            Plane::new(&chroma, 8, half).unwrap(),
            ColorRange::Full,
            ColorMatrix::Bt709,
        )
        .unwrap();
        let mut copy = YuvImage::black(Size::new(1, 1), ColorRange::Limited, ColorMatrix::Bt601);
        copy.copy_from(&view);
        assert_eq!(copy.view().y.row(3), [24, 25, 26]);
        assert_eq!((copy.range(), copy.matrix()), (ColorRange::Full, ColorMatrix::Bt709));
    }
}
