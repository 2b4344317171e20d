//! A decoded picture in FFmpeg's own, reference counted and pooled buffers.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::{fmt, slice};

use ffi::AVPixelFormat::{self, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P};
use ffmpeg_next::ffi;
use omma_imaging::{ColorMatrix, ColorRange, Plane, YuvView};
use omma_types::Size;

use super::AvError;
use crate::PictureKind;

pub(crate) struct AvFrame(NonNull<ffi::AVFrame>);

// SAFETY: a frame owns its references; the counters of its buffers are atomic.
unsafe impl Send for AvFrame {}
// SAFETY: `&self` only reads. A frame that a decoder has given out is complete, and the
// decoder itself only reads it from then on.
unsafe impl Sync for AvFrame {}

impl AvFrame {
    /// A frame without a buffer.
    pub(crate) fn new() -> Result<Self, AvError> {
        // SAFETY: no precondition; null means that memory is out.
        NonNull::new(unsafe { ffi::av_frame_alloc() }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    /// A frame for 8-bit 4:2:0 samples with a buffer of its own, contents undefined.
    pub(crate) fn yuv420p(
        size: Size,
        range: ColorRange,
        matrix: ColorMatrix,
    ) -> Result<Self, AvError> {
        let mut frame = Self::new()?;
        frame.describe(size, range, matrix)?;
        // SAFETY: format and size are set and there is no buffer yet.
        super::check(unsafe { ffi::av_frame_get_buffer(frame.as_mut_ptr(), 0) })?;
        Ok(frame)
    }

    fn describe(
        &mut self,
        size: Size,
        range: ColorRange,
        matrix: ColorMatrix,
    ) -> Result<(), AvError> {
        let frame = self.get_mut();
        frame.format = AV_PIX_FMT_YUV420P as libc::c_int;
        frame.width = i32::try_from(size.width).or(Err(AvError::INVALID_ARGUMENT))?;
        frame.height = i32::try_from(size.height).or(Err(AvError::INVALID_ARGUMENT))?;
        frame.color_range = av_range(range);
        frame.colorspace = av_matrix(matrix);
        Ok(())
    }

    /// Makes sure that nobody else holds the buffer, at the cost of a copy where somebody does.
    pub(crate) fn make_writable(&mut self) -> Result<(), AvError> {
        // SAFETY: the frame is valid and has a buffer or none.
        super::check(unsafe { ffi::av_frame_make_writable(self.as_mut_ptr()) }).map(|_| ())
    }

    /// Copies the samples of `view`, cut at the right and at the bottom to this frame's size.
    /// Only for frames made by [`Self::yuv420p`] that nobody else holds.
    pub(crate) fn copy_from(&mut self, view: &YuvView<'_>) {
        let size = self.size();
        let chroma = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
        let planes = [(view.y, size), (view.u, chroma), (view.v, chroma)];
        let frame = self.get_mut();
        for ((plane, want), (data, stride)) in
            planes.into_iter().zip(frame.data.iter().zip(frame.linesize))
        {
            let width = want.width.min(plane.size().width) as usize;
            for y in 0..want.height.min(plane.size().height) as usize {
                let row = plane.row(y);
                // SAFETY: av_frame_get_buffer made `height` rows of at least `width` samples,
                // `stride` bytes apart, and nobody else holds them (see make_writable).
                unsafe {
                    let target = data.offset(y as isize * stride as isize);
                    ptr::copy_nonoverlapping(row.as_ptr(), target, width);
                }
            }
        }
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0.as_ptr()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0.as_ptr()
    }

    pub(super) fn get(&self) -> &ffi::AVFrame {
        // SAFETY: valid until dropped.
        unsafe { self.0.as_ref() }
    }

    fn get_mut(&mut self) -> &mut ffi::AVFrame {
        // SAFETY: valid until dropped, and borrowed mutably here.
        unsafe { self.0.as_mut() }
    }

    /// The time stamp, untouched from the packet that held the picture.
    pub(crate) fn pts(&self) -> Option<i64> {
        super::packet::known(self.get().pts)
    }

    pub(crate) fn set_pts(&mut self, ticks: i64) {
        self.get_mut().pts = ticks;
    }

    /// What it is built on. Formats that know no such thing keep every picture whole.
    pub(crate) fn kind(&self) -> PictureKind {
        use ffi::AVPictureType::{
            AV_PICTURE_TYPE_B, AV_PICTURE_TYPE_BI, AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_S,
            AV_PICTURE_TYPE_SP,
        };
        match self.get().pict_type {
            AV_PICTURE_TYPE_P | AV_PICTURE_TYPE_S | AV_PICTURE_TYPE_SP => PictureKind::P,
            AV_PICTURE_TYPE_B | AV_PICTURE_TYPE_BI => PictureKind::B,
            _ => PictureKind::I,
        }
    }

    /// FFmpeg's name of the samples' format, e.g. `yuv420p`.
    pub(crate) fn format_name(&self) -> Option<&'static str> {
        format_name(self.get().format)
    }

    /// Whether the decoder had to guess parts of it.
    pub(crate) fn is_damaged(&self) -> bool {
        self.get().flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 || self.get().decode_error_flags != 0
    }

    pub(crate) fn size(&self) -> Size {
        let frame = self.get();
        Size::new(frame.width.max(0) as u32, frame.height.max(0) as u32)
    }

    pub(crate) fn range(&self) -> ColorRange {
        let frame = self.get();
        let jpeg = frame.color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG
            || FULL_RANGE.iter().any(|&format| frame.format == format as libc::c_int);
        if jpeg { ColorRange::Full } else { ColorRange::Limited }
    }

    /// Whether the samples are red, green and blue (or numbers of a palette of those).
    pub(crate) fn is_rgb(&self) -> bool {
        let Some(format) = super::scale::pixel_format(self) else { return false };
        // SAFETY: the result is FFmpeg's constant or null.
        let flags = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() }.map_or(0, |d| d.flags);
        flags & u64::from((ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL) as u32) != 0
    }

    pub(crate) fn matrix(&self) -> ColorMatrix {
        match self.get().colorspace {
            ffi::AVColorSpace::AVCOL_SPC_BT709 => ColorMatrix::Bt709,
            _ => ColorMatrix::Bt601,
        }
    }

    /// Whether the planes can be lent as they are: 8 bits, 4:2:0, rows top down.
    pub(crate) fn is_yuv420p(&self) -> bool {
        let frame = self.get();
        let format = frame.format == AV_PIX_FMT_YUV420P as libc::c_int
            || frame.format == AV_PIX_FMT_YUVJ420P as libc::c_int;
        format && frame.linesize.iter().take(3).all(|&stride| stride > 0)
    }

    /// The planes of a frame that [`Self::is_yuv420p`]; None for others.
    pub(crate) fn view(&self) -> Option<YuvView<'_>> {
        if !self.is_yuv420p() {
            return None;
        }
        let size = self.size();
        let chroma = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
        YuvView::new(
            self.plane(0, size)?,
            self.plane(1, chroma)?,
            self.plane(2, chroma)?,
            self.range(),
            self.matrix(),
        )
    }

    fn plane(&self, index: usize, size: Size) -> Option<Plane<'_>> {
        let frame = self.get();
        let data = *frame.data.get(index)?;
        let stride = usize::try_from(*frame.linesize.get(index)?).ok()?;
        let (width, height) = (size.width as usize, size.height as usize);
        if data.is_null() || height == 0 || stride < width {
            return None;
        }
        let length = stride.checked_mul(height - 1)?.checked_add(width)?;
        // SAFETY: an 8-bit 4:2:0 frame of FFmpeg has `height` rows of `width` samples in this
        // plane, `stride` bytes apart; they live as long as this frame and nobody writes them.
        let samples = unsafe { slice::from_raw_parts(data, length) };
        Plane::new(samples, stride, size)
    }
}

/// FFmpeg's name of a format of samples; none for a number that is none.
pub(super) fn format_name(format: libc::c_int) -> Option<&'static str> {
    if !(0..AVPixelFormat::AV_PIX_FMT_NB as libc::c_int).contains(&format) {
        return None;
    }
    // SAFETY: a number below the count of formats is one of them, and the enum has its
    // representation; the name is a constant of FFmpeg, or null.
    let name = unsafe {
        let name =
            ffi::av_get_pix_fmt_name(std::mem::transmute::<libc::c_int, AVPixelFormat>(format));
        if name.is_null() { None } else { Some(CStr::from_ptr(name)) }
    };
    name?.to_str().ok()
}

/// Formats whose name already says that luma uses 0 to 255.
const FULL_RANGE: [AVPixelFormat; 5] = [
    AVPixelFormat::AV_PIX_FMT_YUVJ411P,
    AVPixelFormat::AV_PIX_FMT_YUVJ420P,
    AVPixelFormat::AV_PIX_FMT_YUVJ422P,
    AVPixelFormat::AV_PIX_FMT_YUVJ440P,
    AVPixelFormat::AV_PIX_FMT_YUVJ444P,
];

pub(super) fn av_range(range: ColorRange) -> ffi::AVColorRange {
    match range {
        ColorRange::Limited => ffi::AVColorRange::AVCOL_RANGE_MPEG,
        ColorRange::Full => ffi::AVColorRange::AVCOL_RANGE_JPEG,
    }
}

pub(super) fn av_matrix(matrix: ColorMatrix) -> ffi::AVColorSpace {
    match matrix {
        ColorMatrix::Bt601 => ffi::AVColorSpace::AVCOL_SPC_SMPTE170M,
        ColorMatrix::Bt709 => ffi::AVColorSpace::AVCOL_SPC_BT709,
    }
}

impl Drop for AvFrame {
    fn drop(&mut self) {
        let mut frame = self.0.as_ptr();
        // SAFETY: ours, and freed only here; the buffers go back to their pool.
        unsafe { ffi::av_frame_free(&raw mut frame) };
    }
}

impl fmt::Debug for AvFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvFrame").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// Buffers for converted pictures of one size, used again and again.
pub(crate) struct FramePool {
    pool: NonNull<ffi::AVBufferPool>,
    size: Size,
}

// SAFETY: FFmpeg's pools are made for use from several threads.
unsafe impl Send for FramePool {}

/// Rows start at multiples of this, for vector instructions.
const ALIGNMENT: libc::c_int = 64;

impl FramePool {
    pub(crate) fn new(size: Size) -> Result<Self, AvError> {
        let width = i32::try_from(size.width).or(Err(AvError::INVALID_ARGUMENT))?;
        let height = i32::try_from(size.height).or(Err(AvError::INVALID_ARGUMENT))?;
        // SAFETY: pure computation.
        let bytes = super::check(unsafe {
            ffi::av_image_get_buffer_size(AV_PIX_FMT_YUV420P, width, height, ALIGNMENT)
        })?;
        // SAFETY: None chooses FFmpeg's own allocation; room for reads beyond the end by
        // vector instructions is added.
        let pool = unsafe { ffi::av_buffer_pool_init(bytes as usize + 64, None) };
        NonNull::new(pool).map(|pool| Self { pool, size }).ok_or(AvError::NO_MEMORY)
    }

    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// A frame of the pool's size, contents undefined.
    pub(crate) fn frame(&self, range: ColorRange, matrix: ColorMatrix) -> Result<AvFrame, AvError> {
        let mut frame = AvFrame::new()?;
        frame.describe(self.size, range, matrix)?;
        // SAFETY: the pool is valid; the buffer's ownership goes to the frame, which frees it
        // with its other references. The planes fit: same format, size and alignment as in new.
        unsafe {
            let buffer = ffi::av_buffer_pool_get(self.pool.as_ptr());
            if buffer.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let inner = frame.get_mut();
            inner.buf[0] = buffer;
            super::check(ffi::av_image_fill_arrays(
                inner.data.as_mut_ptr(),
                inner.linesize.as_mut_ptr(),
                (*buffer).data,
                AV_PIX_FMT_YUV420P,
                inner.width,
                inner.height,
                ALIGNMENT,
            ))?;
        }
        Ok(frame)
    }
}

impl Drop for FramePool {
    fn drop(&mut self) {
        let mut pool = self.pool.as_ptr();
        // SAFETY: ours; buffers still in use keep the pool alive until they come back.
        unsafe { ffi::av_buffer_pool_uninit(&raw mut pool) };
    }
}
