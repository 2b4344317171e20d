//! Pictures as programs outside take them: blue, green and red, three bytes a pixel.
//!
//! Nothing inside needs this; numerical programs in Python and C++ (OpenCV) do. One pass over
//! the planes, by the `yuv` crate with the processor's vector instructions.

use omma_types::Size;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix,
};

use crate::picture::chroma_size;
use crate::{ColorMatrix, ColorRange, ImagingError, YuvImage, YuvView};

/// Adds `picture` to `out` as blue, green, red: rows from top to bottom without padding.
///
/// # Errors
/// [`ImagingError::Bgr`] where the picture is larger than memory can address. What is then at
/// the end of `out` means nothing.
pub fn append_bgr(picture: &YuvView<'_>, out: &mut Vec<u8>) -> Result<(), ImagingError> {
    let size = picture.size();
    let failed = |reason: String| ImagingError::Bgr { size, reason };
    let too_large = || failed("it is too large".to_owned());
    let row = size.width.checked_mul(3).ok_or_else(too_large)?;
    let bytes = (row as usize).checked_mul(size.height as usize).ok_or_else(too_large)?;
    let stride = |stride: usize| u32::try_from(stride).or(Err(too_large()));
    let planes = YuvPlanarImage {
        y_plane: picture.y.data(),
        y_stride: stride(picture.y.stride())?,
        u_plane: picture.u.data(),
        u_stride: stride(picture.u.stride())?,
        v_plane: picture.v.data(),
        v_stride: stride(picture.v.stride())?,
        width: size.width,
        height: size.height,
    };
    let range = match picture.range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    };
    let matrix = match picture.matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
    };
    let start = out.len();
    out.resize(start + bytes, 0);
    let Some(pixels) = out.get_mut(start..) else { return Ok(()) };
    yuv::yuv420_to_bgr(&planes, pixels, row, range, matrix)
        .map_err(|error| failed(error.to_string()))
}

impl YuvImage {
    /// Makes this picture one of `pixels`, which are as [`append_bgr`] gives them: in the
    /// range and by the matrix of JPEG, so that an encoder takes it as it is.
    ///
    /// # Errors
    /// [`ImagingError::Bgr`] where there are more or fewer pixels than `size` says, or none.
    /// What this picture then shows means nothing.
    pub fn copy_from_bgr(&mut self, pixels: &[u8], size: Size) -> Result<(), ImagingError> {
        let failed = |reason: String| ImagingError::Bgr { size, reason };
        let expected = u64::from(size.width) * u64::from(size.height) * 3;
        if expected == 0 || pixels.len() as u64 != expected {
            return Err(failed(format!("{} bytes came in place of {expected}", pixels.len())));
        }
        self.prepare(size, ColorRange::Full, ColorMatrix::Bt601);
        let chroma = chroma_size(size);
        let [y, u, v] = self.planes_mut();
        let mut planes = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: size.width,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: chroma.width,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: chroma.width,
            width: size.width,
            height: size.height,
        };
        let row = size.width.checked_mul(3).ok_or_else(|| failed("it is too large".to_owned()))?;
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
        yuv::bgr_to_yuv420(&mut planes, pixels, row, range, matrix, YuvConversionMode::Balanced)
            .map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Plane, Yuv};

    #[test]
    fn pixels_become_a_picture_and_come_back() {
        let size = Size::new(38, 21);
        // One colour for each four pixels: colour has half the resolution.
        let color = |row: usize, column: usize| {
            let (row, column) = (row / 2, column / 2);
            [(row * 20) as u8, (column * 13) as u8, (row * 9 + column * 5) as u8]
        };
        let pixels: Vec<u8> =
            (0..21).flat_map(|row| (0..38).flat_map(move |column| color(row, column))).collect();
        let mut image = YuvImage::black(Size::new(1, 1), ColorRange::Limited, ColorMatrix::Bt709);
        image.copy_from_bgr(&pixels, size).unwrap();
        assert_eq!(image.size(), size);
        let mut back = Vec::new();
        append_bgr(&image.view(), &mut back).unwrap();
        for (index, (got, wanted)) in back.iter().zip(&pixels).enumerate() {
            assert!(got.abs_diff(*wanted) <= 4, "{got} for {wanted} at {index}");
        }
        for (bytes, size) in [(&pixels[1..], size), (&[][..], Size::new(0, 3))] {
            assert!(image.copy_from_bgr(bytes, size).is_err());
        }
    }

    proptest! {
        /// Every pixel is what the standard's equations say, to rounding: any size, odd ones
        /// and padded rows included, any range and matrix. (Samples that a range forbids have
        /// no right answer.)
        #[test]
        fn every_pixel_is_what_the_standard_says(
            (width, height) in (1u32..70, 1u32..12),
            padding in 0usize..40,
            samples in prop::collection::vec(any::<u8>(), 64),
            full: bool,
            hd: bool,
        ) {
            let range = if full { ColorRange::Full } else { ColorRange::Limited };
            let matrix = if hd { ColorMatrix::Bt709 } else { ColorMatrix::Bt601 };
            let (size, half) =
                (Size::new(width, height), Size::new(width.div_ceil(2), height.div_ceil(2)));
            let (least, most) = if full { (0, 255) } else { (16, 235) };
            let make = |size: Size, salt: usize| -> Vec<u8> {
                let stride = size.width as usize + padding;
                // As FFmpeg's planes: no padding behind the last row.
                let length = stride * (size.height as usize - 1) + size.width as usize;
                let sample = |i: usize| samples[(i * 7 + salt + i / stride) % 64];
                (0..length).map(|i| sample(i).clamp(least, most)).collect()
            };
            let (y, u, v) = (make(size, 0), make(half, 21), make(half, 42));
            let plane = |data, size: Size| Plane::new(data, size.width as usize + padding, size);
            let view = YuvView::new(
                plane(&y, size).unwrap(),
                plane(&u, half).unwrap(),
                plane(&v, half).unwrap(),
                range,
                matrix,
            ).unwrap();
            let mut out = vec![7; padding];
            append_bgr(&view, &mut out).unwrap();
            let pixels = out.split_off(padding);
            prop_assert_eq!(out, vec![7; padding]);
            prop_assert_eq!(pixels.len(), (width * height * 3) as usize);
            for (index, pixel) in pixels.chunks_exact(3).enumerate() {
                let (row, column) = (index / width as usize, index % width as usize);
                let wanted = Yuv {
                    y: view.y.row(row)[column],
                    u: view.u.row(row / 2)[column / 2],
                    v: view.v.row(row / 2)[column / 2],
                }
                .to_rgb(matrix, range);
                for (got, wanted) in pixel.iter().zip([wanted.b, wanted.g, wanted.r]) {
                    prop_assert!(
                        got.abs_diff(wanted) <= 3,
                        "{got} for {wanted} at {column},{row}"
                    );
                }
            }
        }
    }
}
