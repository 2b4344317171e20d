//! Conversion to 8-bit 4:2:0 and scaling (libswscale).

use std::ptr;

use ffi::AVPixelFormat::{self, AV_PIX_FMT_YUV420P};
use ffmpeg_next::ffi;
use omma_imaging::{ColorMatrix, ColorRange, YuvView};
use omma_types::Size;

use super::{AvError, AvFrame};

/// A converter that keeps its tables while the formats stay the same.
pub(crate) struct Scaler(*mut ffi::SwsContext);

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Scaler {}

/// What goes in: format, size and the meaning of the numbers.
struct Side {
    format: AVPixelFormat,
    size: Size,
    range: ColorRange,
    matrix: ColorMatrix,
}

impl Scaler {
    pub(crate) fn new() -> Self {
        Self(ptr::null_mut())
    }

    /// Sets the context up for this pair; cheap where nothing changed.
    fn prepare(&mut self, from: &Side, to: &Side) -> Result<(), AvError> {
        let dimension = |n: u32| i32::try_from(n).or(Err(AvError::INVALID_ARGUMENT));
        // SAFETY: the old context (or null) goes in and is freed or used again; the result
        // replaces it, null on failure.
        self.0 = unsafe {
            ffi::sws_getCachedContext(
                self.0,
                dimension(from.size.width)?,
                dimension(from.size.height)?,
                from.format,
                dimension(to.size.width)?,
                dimension(to.size.height)?,
                to.format,
                ffi::SWS_BILINEAR,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if self.0.is_null() {
            return Err(AvError::INVALID_DATA);
        }
        let table = |matrix| match matrix {
            ColorMatrix::Bt601 => ffi::SWS_CS_ITU601,
            ColorMatrix::Bt709 => ffi::SWS_CS_ITU709,
        };
        // SAFETY: the context is valid; the tables are FFmpeg's own constants. Where the pair
        // of formats has no such settings, the call says so and changes nothing.
        unsafe {
            ffi::sws_setColorspaceDetails(
                self.0,
                ffi::sws_getCoefficients(table(from.matrix)),
                libc::c_int::from(from.range == ColorRange::Full),
                ffi::sws_getCoefficients(table(to.matrix)),
                libc::c_int::from(to.range == ColorRange::Full),
                0,
                1 << 16,
                1 << 16,
            );
        }
        Ok(())
    }

    /// Converts `from` to 8-bit 4:2:0 of the size and colours of `to`, which nobody else may
    /// hold.
    pub(crate) fn convert(&mut self, from: &AvFrame, to: &mut AvFrame) -> Result<(), AvError> {
        let Some(format) = pixel_format(from) else { return Err(AvError::INVALID_DATA) };
        let source = Side { format, size: from.size(), range: from.range(), matrix: from.matrix() };
        let (data, strides) = (from.get().data, from.get().linesize);
        let data = data.map(<*mut u8>::cast_const);
        self.run(&source, &data, &strides, to)
    }

    fn run(
        &mut self,
        source: &Side,
        data: &[*const u8; 8],
        strides: &[libc::c_int; 8],
        to: &mut AvFrame,
    ) -> Result<(), AvError> {
        let target = Side {
            format: AV_PIX_FMT_YUV420P,
            size: to.size(),
            range: to.range(),
            matrix: to.matrix(),
        };
        self.prepare(source, &target)?;
        let height = i32::try_from(source.size.height).or(Err(AvError::INVALID_ARGUMENT))?;
        // SAFETY: the context was made for exactly these formats and sizes; the source's
        // planes are valid for the caller's borrow, the target's are its own.
        super::check(unsafe {
            ffi::sws_scale(
                self.0,
                data.as_ptr(),
                strides.as_ptr(),
                0,
                height,
                (*to.as_ptr()).data.as_ptr(),
                (*to.as_ptr()).linesize.as_ptr(),
            )
        })?;
        Ok(())
    }
}

/// Scales and recolours `view` into `to`, which nobody else may hold.
pub(crate) fn scale_view(
    scaler: &mut Scaler,
    view: &YuvView<'_>,
    to: &mut AvFrame,
) -> Result<(), AvError> {
    let source = Side {
        format: AV_PIX_FMT_YUV420P,
        size: view.size(),
        range: view.range,
        matrix: view.matrix,
    };
    let mut data = [ptr::null(); 8];
    let mut strides = [0; 8];
    for ((plane, data), stride) in [view.y, view.u, view.v].iter().zip(&mut data).zip(&mut strides)
    {
        *data = plane.data().as_ptr();
        *stride = i32::try_from(plane.stride()).or(Err(AvError::INVALID_ARGUMENT))?;
    }
    scaler.run(&source, &data, &strides, to)
}

/// The frame's format; the deprecated full-range names become their plain ones (the range
/// travels on its own).
pub(super) fn pixel_format(frame: &AvFrame) -> Option<AVPixelFormat> {
    use AVPixelFormat as P;
    let raw = frame.get().format;
    let plain = [
        (P::AV_PIX_FMT_YUVJ411P, P::AV_PIX_FMT_YUV411P),
        (P::AV_PIX_FMT_YUVJ420P, P::AV_PIX_FMT_YUV420P),
        (P::AV_PIX_FMT_YUVJ422P, P::AV_PIX_FMT_YUV422P),
        (P::AV_PIX_FMT_YUVJ440P, P::AV_PIX_FMT_YUV440P),
        (P::AV_PIX_FMT_YUVJ444P, P::AV_PIX_FMT_YUV444P),
    ];
    if let Some(&(_, format)) = plain.iter().find(|(jpeg, _)| *jpeg as libc::c_int == raw) {
        return Some(format);
    }
    // SAFETY: the descriptor is FFmpeg's constant or null for numbers that are no format; the
    // way back from it gives a number that this FFmpeg, and so its bindings, know.
    unsafe {
        let format: AVPixelFormat = if (0..P::AV_PIX_FMT_NB as libc::c_int).contains(&raw) {
            std::mem::transmute::<libc::c_int, AVPixelFormat>(raw)
        } else {
            return None;
        };
        (!ffi::av_pix_fmt_desc_get(format).is_null()).then_some(format)
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: ours or null.
        unsafe { ffi::sws_freeContext(self.0) };
    }
}
