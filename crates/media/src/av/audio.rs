//! Sound decoded and encoded to AAC, for containers that can't hold what the camera sends.

use std::ptr::{self, NonNull};
use std::slice;

use ffi::AVSampleFormat as Format;
use ffmpeg_next::ffi;

use super::codec::Context;
use super::{AvError, AvFrame, AvPacket, CodecParameters, check};

/// Samples of all channels, each from -1 to 1.
pub(crate) struct Samples {
    pub(crate) channels: Vec<Vec<f32>>,
}

/// The samples of a frame of sound; None for kinds of samples that no camera's codec gives.
pub(crate) fn samples_of(frame: &AvFrame) -> Option<Samples> {
    let inner = frame.get();
    let count = usize::try_from(inner.nb_samples).ok()?;
    let channels = usize::try_from(inner.ch_layout.nb_channels).ok()?;
    if channels == 0 || inner.extended_data.is_null() {
        return None;
    }
    let convert: (usize, bool, fn(&[u8]) -> f32) = match inner.format {
        f if f == Format::AV_SAMPLE_FMT_U8 as i32 => (1, false, from_u8),
        f if f == Format::AV_SAMPLE_FMT_U8P as i32 => (1, true, from_u8),
        f if f == Format::AV_SAMPLE_FMT_S16 as i32 => (2, false, from_s16),
        f if f == Format::AV_SAMPLE_FMT_S16P as i32 => (2, true, from_s16),
        f if f == Format::AV_SAMPLE_FMT_S32 as i32 => (4, false, from_s32),
        f if f == Format::AV_SAMPLE_FMT_S32P as i32 => (4, true, from_s32),
        f if f == Format::AV_SAMPLE_FMT_FLT as i32 => (4, false, from_f32),
        f if f == Format::AV_SAMPLE_FMT_FLTP as i32 => (4, true, from_f32),
        _ => return None,
    };
    let (width, planar, convert) = convert;
    let mut result = Vec::with_capacity(channels);
    for channel in 0..channels {
        let (plane, stride, first) =
            if planar { (channel, width, 0) } else { (0, width * channels, channel * width) };
        let length = count * stride;
        // SAFETY: a frame of sound has one plane (interleaved) or one for each channel, each
        // with `nb_samples` samples of that many bytes; they live as long as the frame.
        let bytes = unsafe {
            let data = *inner.extended_data.add(plane);
            if data.is_null() {
                return None;
            }
            slice::from_raw_parts(data, length)
        };
        let samples = bytes
            .chunks_exact(stride)
            .map(|piece| convert(piece.get(first..first + width).unwrap_or_default()));
        result.push(samples.collect());
    }
    Some(Samples { channels: result })
}

fn from_u8(bytes: &[u8]) -> f32 {
    (f32::from(bytes.first().copied().unwrap_or(128)) - 128.0) / 128.0
}

fn from_s16(bytes: &[u8]) -> f32 {
    f32::from(bytes.try_into().map_or(0, i16::from_ne_bytes)) / 32768.0
}

fn from_s32(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0, i32::from_ne_bytes) as f32 / 2_147_483_648.0
}

fn from_f32(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0.0, f32::from_ne_bytes)
}

/// FFmpeg's AAC encoder.
pub(crate) struct AacEncoder {
    context: Context,
    frame_size: usize,
}

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for AacEncoder {}

impl AacEncoder {
    pub(crate) fn new(sample_rate: u32, channels: u32) -> Result<Self, AvError> {
        super::init();
        // SAFETY: the result is FFmpeg's constant or null.
        let codec = unsafe { ffi::avcodec_find_encoder(ffi::AVCodecID::AV_CODEC_ID_AAC) };
        if codec.is_null() {
            return Err(AvError(ffi::AVERROR_ENCODER_NOT_FOUND));
        }
        let number = |n: u32| i32::try_from(n).or(Err(AvError::INVALID_ARGUMENT));
        let (rate, channels) = (number(sample_rate)?, number(channels)?);
        let mut context = Context::new(codec)?;
        let inner = context.get_mut();
        inner.sample_rate = rate;
        inner.sample_fmt = Format::AV_SAMPLE_FMT_FLTP;
        inner.time_base = ffi::AVRational { num: 1, den: rate };
        // Enough for speech at any rate, and for music at the usual ones.
        inner.bit_rate = i64::from(rate.clamp(16_000, 64_000)) * 2 * i64::from(channels.min(2));
        inner.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as libc::c_int;
        // SAFETY: the layout is part of the context and still empty.
        unsafe { ffi::av_channel_layout_default(&raw mut inner.ch_layout, channels) };
        // SAFETY: a fresh context with its own codec.
        check(unsafe { ffi::avcodec_open2(context.as_ptr(), codec, ptr::null_mut()) })?;
        let frame_size = usize::try_from(context.get_mut().frame_size).unwrap_or(0).max(1);
        Ok(Self { context, frame_size })
    }

    pub(crate) fn parameters(&self) -> Result<CodecParameters, AvError> {
        CodecParameters::from_context(&self.context)
    }

    /// Samples of each channel that one packet holds.
    pub(crate) fn frame_size(&self) -> usize {
        self.frame_size
    }

    /// Encodes [`Self::frame_size`] samples of each channel (fewer only at the end), the
    /// first of which is the one numbered `at`.
    pub(crate) fn send(&mut self, channels: &[&[f32]], at: i64) -> Result<(), AvError> {
        let mut frame = AvFrame::new()?;
        let count = channels.first().map_or(0, |samples| samples.len());
        // SAFETY: the context is open; the frame is ours, gets a buffer of the context's form
        // for `count` samples, and each channel's samples are copied into its own plane.
        unsafe {
            let (inner, context) = (&mut *frame.as_mut_ptr(), &*self.context.as_ptr());
            inner.nb_samples = i32::try_from(count).or(Err(AvError::INVALID_ARGUMENT))?;
            inner.format = Format::AV_SAMPLE_FMT_FLTP as i32;
            inner.sample_rate = context.sample_rate;
            inner.pts = at;
            check(ffi::av_channel_layout_copy(
                &raw mut inner.ch_layout,
                &raw const context.ch_layout,
            ))?;
            check(ffi::av_frame_get_buffer(frame.as_mut_ptr(), 0))?;
            let planes = usize::try_from(inner.ch_layout.nb_channels).unwrap_or(0);
            for (index, samples) in channels.iter().enumerate().take(planes) {
                let plane = (*inner.extended_data.add(index)).cast::<f32>();
                let plane = NonNull::new(plane).ok_or(AvError::NO_MEMORY)?;
                let length = samples.len().min(count);
                ptr::copy_nonoverlapping(samples.as_ptr(), plane.as_ptr(), length);
            }
            check(ffi::avcodec_send_frame(self.context.as_ptr(), frame.as_ptr())).map(|_| ())
        }
    }

    /// No more samples come; [`Self::receive`] gives what is left.
    pub(crate) fn end(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is open; null ends the stream.
        check(unsafe { ffi::avcodec_send_frame(self.context.as_ptr(), ptr::null()) }).map(|_| ())
    }

    /// The next packet, its time stamp counted in samples; None where none is ready.
    pub(crate) fn receive(&mut self) -> Result<Option<AvPacket>, AvError> {
        let mut packet = AvPacket::new()?;
        // SAFETY: the context is open, the packet is ours.
        let code =
            unsafe { ffi::avcodec_receive_packet(self.context.as_ptr(), packet.as_mut_ptr()) };
        match check(code) {
            Ok(_) => Ok(Some(packet)),
            Err(AvError::AGAIN | AvError::END) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
