//! Pictures to JPEG, straight from the planes.
//!
//! JPEG (JFIF, ITU-T T.871) knows one kind of YUV: matrix BT.601, range 0 to 255. Planes of
//! that kind go to libjpeg-turbo as they are; others are first brought to it by one pass of
//! integer arithmetic. A JPEG with the wrong range looks grey and flat, one with the wrong
//! matrix has green faces.
//!
//! This is the only file of the crate with foreign code: six functions of libjpeg-turbo's
//! TurboJPEG 2 interface, which all versions since 2010 carry.

use std::ffi::{CStr, c_int, c_ulong};
use std::ptr;

use omma_types::Size;
use turbojpeg_sys as tj;

use crate::color::weights;
use crate::picture::chroma_size;
use crate::{ColorMatrix, ColorRange, ImagingError, Plane, YuvView};

/// The largest side that libjpeg accepts (`JPEG_MAX_DIMENSION`).
const MAX_SIDE: u32 = 65_500;

/// Colour at half resolution both ways.
const SAMPLING: c_int = tj::TJSAMP_TJSAMP_420 as c_int;

/// Makes JPEGs. Keeps its working memory, so use one for many pictures.
#[derive(Debug)]
pub struct JpegEncoder {
    handle: Handle,
    converted: [Vec<u8>; 3],
    output: Vec<u8>,
}

impl JpegEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// [`ImagingError::JpegInit`] where libjpeg-turbo has no memory.
    pub fn new() -> Result<Self, ImagingError> {
        Ok(Self { handle: Handle::new()?, converted: Default::default(), output: Vec::new() })
    }

    /// `picture` as a JPEG with colour at half resolution. `quality` is 1 (smallest) to 100
    /// (best), others are clamped; 75 to 85 is usual. The bytes are valid until the next call.
    ///
    /// # Errors
    /// [`ImagingError::JpegTooLarge`] and [`ImagingError::JpegEncode`].
    pub fn encode(&mut self, picture: &YuvView<'_>, quality: u8) -> Result<&[u8], ImagingError> {
        let size = picture.size();
        if size.width > MAX_SIDE || size.height > MAX_SIDE {
            return Err(ImagingError::JpegTooLarge { size });
        }
        let planes = match (picture.range, picture.matrix) {
            (ColorRange::Full, ColorMatrix::Bt601) => [picture.y, picture.u, picture.v],
            _ => {
                convert(picture, &mut self.converted);
                let chroma = chroma_size(size);
                let [y, u, v] = &self.converted;
                let planes = [(y, size), (u, chroma), (v, chroma)]
                    .map(|(data, size)| Plane::new(data, size.width as usize, size));
                let [Some(y), Some(u), Some(v)] = planes else {
                    return Err(ImagingError::JpegEncode { size, reason: "it is empty".into() });
                };
                [y, u, v]
            }
        };
        let length =
            self.handle.compress(&planes, size, quality.clamp(1, 100), &mut self.output)?;
        Ok(&self.output[..length])
    }
}

impl JpegEncoder {
    /// Pixels as a JPEG: rows from top to bottom without padding, three bytes a pixel: blue,
    /// green, red. Otherwise as [`Self::encode`].
    ///
    /// # Errors
    /// [`ImagingError::JpegTooLarge`], and [`ImagingError::JpegEncode`] also where there are
    /// more or fewer pixels than `size` says.
    pub fn encode_bgr(
        &mut self,
        pixels: &[u8],
        size: Size,
        quality: u8,
    ) -> Result<&[u8], ImagingError> {
        if size.width > MAX_SIDE || size.height > MAX_SIDE {
            return Err(ImagingError::JpegTooLarge { size });
        }
        let expected = size.width as usize * size.height as usize * 3;
        if pixels.len() != expected || expected == 0 {
            let reason = format!("{} bytes came in place of {expected}", pixels.len());
            return Err(ImagingError::JpegEncode { size, reason });
        }
        let quality = quality.clamp(1, 100);
        let length = self.handle.compress_bgr(pixels, size, quality, &mut self.output)?;
        Ok(&self.output[..length])
    }
}

/// Brings `picture` to BT.601, full range, in packed planes.
fn convert(picture: &YuvView<'_>, planes: &mut [Vec<u8>; 3]) {
    let (size, chroma) = (picture.size(), chroma_size(picture.size()));
    let [y, u, v] = planes;
    y.resize(size.width as usize * size.height as usize, 0);
    u.resize(chroma.width as usize * chroma.height as usize, 0);
    v.resize(chroma.width as usize * chroma.height as usize, 0);
    let (width, half) = (size.width as usize, chroma.width as usize);
    let limited = picture.range == ColorRange::Limited;
    match picture.matrix {
        ColorMatrix::Bt601 => {
            for (row, out) in y.chunks_exact_mut(width).enumerate() {
                luma_to_full(picture.y.row(row), out, limited);
            }
            for (plane, out) in [(&picture.u, u), (&picture.v, v)] {
                for (row, out) in out.chunks_exact_mut(half).enumerate() {
                    chroma_to_full(plane.row(row), out, limited);
                }
            }
        }
        ColorMatrix::Bt709 => {
            let mixing = Mixing::from_709();
            // Two spare columns: an odd width still reads pairs.
            let mut shift = vec![0i16; half * 2];
            let chroma_rows = u.chunks_exact_mut(half).zip(v.chunks_exact_mut(half));
            for (row, (u_out, v_out)) in chroma_rows.enumerate() {
                chroma_to_full(picture.u.row(row), u_out, limited);
                chroma_to_full(picture.v.row(row), v_out, limited);
                mixing.apply(u_out, v_out, &mut shift);
                for line in [row * 2, row * 2 + 1] {
                    let Some(out) = y.chunks_exact_mut(width).nth(line) else { break };
                    luma_to_full(picture.y.row(line), out, limited);
                    for (luma, shift) in out.iter_mut().zip(&shift) {
                        *luma = (i16::from(*luma) + shift).clamp(0, 255) as u8;
                    }
                }
            }
        }
    }
}

/// 16..235 to 0..255, or a copy. 298/256 is 255/219 to one part in ten thousand, and 16 bits
/// hold the product, so that the compiler can work on 8 to 16 samples at once.
fn luma_to_full(input: &[u8], output: &mut [u8], limited: bool) {
    if !limited {
        output.copy_from_slice(input);
        return;
    }
    for (out, &sample) in output.iter_mut().zip(input) {
        let above_black = u16::from(sample.saturating_sub(16).min(219));
        *out = ((above_black * 298 + 128) >> 8) as u8;
    }
}

/// 16..240 to 0..255 around 128, or a copy. 291/256 is 255/224 to 0.2 %.
fn chroma_to_full(input: &[u8], output: &mut [u8], limited: bool) {
    if !limited {
        output.copy_from_slice(input);
        return;
    }
    for (out, &sample) in output.iter_mut().zip(input) {
        let difference = i16::from(sample.clamp(16, 240)) - 128;
        *out = (((difference * 291 + 128) >> 8) + 128) as u8;
    }
}

/// From one matrix to another without the way over red, green and blue: both are linear, so
/// luma shifts by a mix of the colour differences, and these mix with each other. In 1/128.
struct Mixing {
    luma: [i16; 2],
    u: [i16; 2],
    v: [i16; 2],
}

impl Mixing {
    /// BT.709 to BT.601, both full range.
    fn from_709() -> Self {
        let ((kr, kb), (to_kr, to_kb)) = (weights(ColorMatrix::Bt709), weights(ColorMatrix::Bt601));
        // Red, green and blue above luma, for (U, V) = (1, 0) and (0, 1) in the old matrix.
        let above = |u: f32, v: f32| {
            let (r, b) = (2.0 * (1.0 - kr) * v, 2.0 * (1.0 - kb) * u);
            (r, -(kr * r + kb * b) / (1.0 - kr - kb), b)
        };
        let new = |(r, g, b): (f32, f32, f32)| {
            let luma = to_kr * r + (1.0 - to_kr - to_kb) * g + to_kb * b;
            (luma, (b - luma) / (2.0 * (1.0 - to_kb)), (r - luma) / (2.0 * (1.0 - to_kr)))
        };
        let (from_u, from_v) = (new(above(1.0, 0.0)), new(above(0.0, 1.0)));
        let fixed = |value: f32| (value * 128.0).round() as i16;
        Self {
            luma: [fixed(from_u.0), fixed(from_v.0)],
            u: [fixed(from_u.1), fixed(from_v.1)],
            v: [fixed(from_u.2), fixed(from_v.2)],
        }
    }

    /// Converts one row of colour in place and says by how much each luma column shifts.
    fn apply(&self, u_row: &mut [u8], v_row: &mut [u8], shift: &mut [i16]) {
        let pairs = u_row.iter_mut().zip(v_row.iter_mut());
        for ((u, v), shift) in pairs.zip(shift.chunks_exact_mut(2)) {
            let (old_u, old_v) = (i16::from(*u) - 128, i16::from(*v) - 128);
            // At most 128 * (128 + 27): fits 16 bits.
            let mix = |weights: [i16; 2]| {
                old_u.saturating_mul(weights[0]).saturating_add(old_v.saturating_mul(weights[1]))
            };
            shift.fill((mix(self.luma).saturating_add(64)) >> 7);
            *u = (((mix(self.u).saturating_add(64)) >> 7) + 128).clamp(0, 255) as u8;
            *v = (((mix(self.v).saturating_add(64)) >> 7) + 128).clamp(0, 255) as u8;
        }
    }
}

/// A compressor of libjpeg-turbo.
#[derive(Debug)]
struct Handle(tj::tjhandle);

// SAFETY: a compressor has no ties to the thread that made it; it is only not to be used by
// two threads at once, and `compress` takes it by `&mut`.
#[allow(unsafe_code, reason = "libjpeg-turbo is a C library")]
unsafe impl Send for Handle {}

#[allow(unsafe_code, reason = "libjpeg-turbo is a C library")]
impl Handle {
    fn new() -> Result<Self, ImagingError> {
        // SAFETY: has no preconditions.
        let handle = unsafe { tj::tjInitCompress() };
        if handle.is_null() {
            return Err(ImagingError::JpegInit { reason: error_text(ptr::null_mut()) });
        }
        Ok(Self(handle))
    }

    /// Writes a JPEG into `output`, which grows to the worst case and is never moved by the
    /// library. Returns the JPEG's length.
    fn compress(
        &mut self,
        planes: &[Plane<'_>; 3],
        size: Size,
        quality: u8,
        output: &mut Vec<u8>,
    ) -> Result<usize, ImagingError> {
        let too_large = || ImagingError::JpegTooLarge { size };
        let int = |value: usize| c_int::try_from(value).ok();
        let (width, height) = (size.width as c_int, size.height as c_int);
        let worst = room_for(size, output)?;
        let mut data = planes.map(|plane| plane.data().as_ptr());
        let [Some(y), Some(u), Some(v)] = planes.map(|plane| int(plane.stride())) else {
            return Err(too_large());
        };
        let strides = [y, u, v];
        let mut target = output.as_mut_ptr();
        let mut length: c_ulong = worst;
        // SAFETY: the handle is a live compressor. Each plane holds `stride * (rows - 1) +
        // width` bytes (checked by `Plane::new`), and the planes' sizes are those of 4:2:0
        // (checked by `YuvView::new`, or made so by `convert`). `target` has room for
        // `length` bytes, the worst case, and TJFLAG_NOREALLOC keeps the library from
        // allocating another buffer.
        let status = unsafe {
            tj::tjCompressFromYUVPlanes(
                self.0,
                data.as_mut_ptr(),
                width,
                strides.as_ptr(),
                height,
                SAMPLING,
                &raw mut target,
                &raw mut length,
                c_int::from(quality),
                tj::TJFLAG_NOREALLOC as c_int,
            )
        };
        self.outcome(status, length, size, output)
    }

    /// The same from pixels; there are three bytes for each of `size`.
    fn compress_bgr(
        &mut self,
        pixels: &[u8],
        size: Size,
        quality: u8,
        output: &mut Vec<u8>,
    ) -> Result<usize, ImagingError> {
        let mut length: c_ulong = room_for(size, output)?;
        let mut target = output.as_mut_ptr();
        // SAFETY: the handle is a live compressor. `pixels` holds `3 * width * height` bytes
        // (checked by the caller; a pitch of 0 says that rows are not padded). `target` has
        // room for `length` bytes, the worst case, and TJFLAG_NOREALLOC keeps the library from
        // allocating another buffer.
        let status = unsafe {
            tj::tjCompress2(
                self.0,
                pixels.as_ptr(),
                size.width as c_int,
                0,
                size.height as c_int,
                tj::TJPF_TJPF_BGR as c_int,
                &raw mut target,
                &raw mut length,
                SAMPLING,
                c_int::from(quality),
                tj::TJFLAG_NOREALLOC as c_int,
            )
        };
        self.outcome(status, length, size, output)
    }

    fn outcome(
        &self,
        status: c_int,
        length: c_ulong,
        size: Size,
        output: &[u8],
    ) -> Result<usize, ImagingError> {
        let failed = |reason: String| ImagingError::JpegEncode { size, reason };
        if status != 0 {
            return Err(failed(error_text(self.0)));
        }
        usize::try_from(length)
            .ok()
            .filter(|&length| length <= output.len())
            .ok_or_else(|| failed("the library wrote too much".to_owned()))
    }
}

/// Makes room in `output` for the worst JPEG of `size`; answers its length.
#[allow(unsafe_code, reason = "libjpeg-turbo is a C library")]
fn room_for(size: Size, output: &mut Vec<u8>) -> Result<c_ulong, ImagingError> {
    // SAFETY: has no preconditions; answers -1 where the size makes no sense.
    let worst = unsafe { tj::tjBufSize(size.width as c_int, size.height as c_int, SAMPLING) };
    // 2 GB is far above any picture, and below what -1 becomes in an unsigned number.
    let capacity = usize::try_from(worst).ok().filter(|&w| w > 0 && w < 1 << 31);
    let capacity = capacity.ok_or(ImagingError::JpegTooLarge { size })?;
    if output.len() < capacity {
        output.resize(capacity, 0);
    }
    Ok(worst)
}

impl Drop for Handle {
    #[allow(unsafe_code, reason = "libjpeg-turbo is a C library")]
    fn drop(&mut self) {
        // SAFETY: the handle is live and is not used again.
        unsafe { tj::tjDestroy(self.0) };
    }
}

/// What the library says about the last failure of `handle`.
#[allow(unsafe_code, reason = "libjpeg-turbo is a C library")]
fn error_text(handle: tj::tjhandle) -> String {
    // SAFETY: answers a C string that lives until the next call with this handle on this
    // thread, for the null handle too.
    let text = unsafe {
        let text = tj::tjGetErrorStr2(handle);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    text.unwrap_or_else(|| "no reason given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Color, Painter, YuvImage};
    use omma_types::Rect;
    use proptest::prelude::*;

    /// Red, green and blue of the middle of each quarter, read by a decoder not written here.
    fn quarters(jpeg: &[u8], size: Size) -> [[u8; 3]; 4] {
        let mut decoder =
            zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(jpeg));
        let pixels = decoder.decode().unwrap();
        let (width, height) = (size.width as usize, size.height as usize);
        assert_eq!(pixels.len(), width * height * 3);
        [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
            let at = (height * y / 4 * width + width * x / 4) * 3;
            [pixels[at], pixels[at + 1], pixels[at + 2]]
        })
    }

    #[test]
    fn pixels_keep_their_colours() {
        let size = Size::new(64, 32);
        let (left, right) = ([200u8, 30, 40], [20u8, 160, 60]);
        let pixel = |x: u32| if x < 32 { left } else { right };
        let rgb: Vec<u8> = (0..32).flat_map(|_| (0..64).flat_map(pixel)).collect();
        let bgr: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
        let mut encoder = JpegEncoder::new().unwrap();
        let seen = quarters(encoder.encode_bgr(&bgr, size, 95).unwrap(), size);
        for (seen, wanted) in seen.into_iter().zip([left, right, left, right]) {
            for (seen, wanted) in seen.into_iter().zip(wanted) {
                assert!(seen.abs_diff(wanted) <= 5, "{seen} {wanted}");
            }
        }
        assert!(encoder.encode_bgr(&bgr, Size::new(64, 33), 95).is_err());
        assert!(encoder.encode_bgr(&[], Size::new(0, 0), 95).is_err());
    }

    #[test]
    fn colours_survive_in_every_kind_of_yuv() {
        let size = Size::new(129, 95);
        let colors = [
            [Color::BLACK, Color::WHITE, Color::rgb(200, 30, 40), Color::rgb(20, 160, 60)],
            [
                Color::rgb(30, 60, 220),
                Color::rgb(222, 180, 150),
                Color::rgb(128, 128, 128),
                Color::rgb(250, 210, 40),
            ],
        ];
        let mut encoder = JpegEncoder::new().unwrap();
        for range in [ColorRange::Limited, ColorRange::Full] {
            for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
                for colors in colors {
                    let mut image = YuvImage::black(size, range, matrix);
                    for (index, color) in colors.into_iter().enumerate() {
                        let (x, y) = ((index % 2) as f32 / 2.0, (index / 2) as f32 / 2.0);
                        let quarter = Rect::new(x, y, 0.5, 0.5);
                        Painter::new().on(&mut image).fill_rect(&quarter, color, 1.0);
                    }
                    let jpeg = encoder.encode(&image.view(), 95).unwrap();
                    for (seen, color) in quarters(jpeg, size).into_iter().zip(colors) {
                        for (seen, wanted) in seen.into_iter().zip([color.r, color.g, color.b]) {
                            let off = seen.abs_diff(wanted);
                            assert!(off <= 5, "{range:?} {matrix:?} {color:?}: {seen}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn too_large_a_picture_is_refused() {
        let image = YuvImage::black(Size::new(65_501, 1), ColorRange::Full, ColorMatrix::Bt601);
        let error = JpegEncoder::new().unwrap().encode(&image.view(), 80).unwrap_err();
        assert_eq!(error.kind(), omma_types::ErrorKind::Unsupported);
        assert!(error.to_string().contains("65501x1"), "{error}");
    }

    proptest! {
        #[test]
        fn any_size_and_quality_gives_a_jpeg_of_that_size(
            width in 1u32..80, height in 1u32..80, quality: u8, hd: bool, full: bool, seed: u8,
        ) {
            let matrix = if hd { ColorMatrix::Bt709 } else { ColorMatrix::Bt601 };
            let range = if full { ColorRange::Full } else { ColorRange::Limited };
            let mut image = YuvImage::black(Size::new(width, height), range, matrix);
            for plane in image.planes_mut() {
                for (index, sample) in plane.iter_mut().enumerate() {
                    *sample = (index as u8).wrapping_mul(73).wrapping_add(seed);
                }
            }
            let mut encoder = JpegEncoder::new().unwrap();
            let jpeg = encoder.encode(&image.view(), quality).unwrap();
            let cursor = zune_jpeg::zune_core::bytestream::ZCursor::new(jpeg);
            let mut decoder = zune_jpeg::JpegDecoder::new(cursor);
            decoder.decode_headers().unwrap();
            prop_assert_eq!(decoder.dimensions(), Some((width as usize, height as usize)));
        }
    }
}
