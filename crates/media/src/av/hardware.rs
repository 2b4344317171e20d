//! Devices that decode beside the processor.

use std::ptr::{self, NonNull};

use ffi::{AVHWDeviceType, AVPixelFormat};
use ffmpeg_next::ffi;

use super::codec::Context;
use super::{AvError, AvFrame, CodecParameters, check};

/// FFmpeg's kinds of devices that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Vaapi,
    Cuda,
}

impl DeviceKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vaapi => "vaapi",
            Self::Cuda => "cuda",
        }
    }

    fn av(self) -> AVHWDeviceType {
        match self {
            Self::Vaapi => AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI,
            Self::Cuda => AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA,
        }
    }
}

/// One of FFmpeg's references to an opened device.
pub(crate) struct Device {
    kind: DeviceKind,
    buffer: NonNull<ffi::AVBufferRef>,
}

// SAFETY: a reference with an atomic counter; FFmpeg's devices may be used from any thread.
unsafe impl Send for Device {}

impl Device {
    /// Opens the machine's first device of this kind.
    pub(crate) fn open(kind: DeviceKind) -> Result<Self, AvError> {
        super::init();
        let mut buffer = ptr::null_mut();
        // All decoders of a process share one context of CUDA; each of its own would cost
        // hundreds of megabytes.
        let flags = match kind {
            DeviceKind::Cuda => 1, // AV_CUDA_USE_PRIMARY_CONTEXT
            DeviceKind::Vaapi => 0,
        };
        // SAFETY: null chooses the device and no options; the reference is made or stays null.
        check(unsafe {
            ffi::av_hwdevice_ctx_create(
                &raw mut buffer,
                kind.av(),
                ptr::null(),
                ptr::null_mut(),
                flags,
            )
        })?;
        NonNull::new(buffer).map(|buffer| Self { kind, buffer }).ok_or(AvError::NO_MEMORY)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let mut buffer = self.buffer.as_ptr();
        // SAFETY: ours, and given back only here.
        unsafe { ffi::av_buffer_unref(&raw mut buffer) };
    }
}

/// A decoder for these parameters that can use a device of this kind, and the format of the
/// pictures that lie on it.
pub(super) fn find_decoder(
    parameters: &CodecParameters,
    kind: DeviceKind,
) -> Option<(*const ffi::AVCodec, AVPixelFormat)> {
    let mut state = ptr::null_mut();
    loop {
        // SAFETY: the state is only touched by this call; codecs are FFmpeg's constants, the
        // last one is null; configurations are listed up to a null.
        unsafe {
            let codec = ffi::av_codec_iterate(&raw mut state);
            if codec.is_null() {
                return None;
            }
            let fits = (*codec).id == (*parameters.as_ptr()).codec_id;
            if !fits || ffi::av_codec_is_decoder(codec) == 0 {
                continue;
            }
            for index in 0.. {
                let Some(config) = ffi::avcodec_get_hw_config(codec, index).as_ref() else { break };
                let method = ffi::AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX as libc::c_int;
                if config.device_type == kind.av() && config.methods & method != 0 {
                    return Some((codec, config.pix_fmt));
                }
            }
        }
    }
}

/// Lets a decoder that is not open yet use the device for pictures of this format.
pub(super) fn attach(
    context: &mut Context,
    device: &Device,
    format: AVPixelFormat,
) -> Result<(), AvError> {
    // SAFETY: the device is valid; the new reference belongs to the context, which frees it.
    let reference = unsafe { ffi::av_buffer_ref(device.buffer.as_ptr()) };
    if reference.is_null() {
        return Err(AvError::NO_MEMORY);
    }
    let inner = context.get_mut();
    inner.hw_device_ctx = reference;
    inner.opaque = format as usize as *mut libc::c_void;
    inner.get_format = Some(choose_format);
    tracing::debug!(device = device.kind.name(), "decoding on a device");
    Ok(())
}

/// Called by FFmpeg with the formats that it could decode to, the last of which needs no
/// device: the device's where it is among them (it is not where the device refused).
unsafe extern "C" fn choose_format(
    context: *mut ffi::AVCodecContext,
    formats: *const AVPixelFormat,
) -> AVPixelFormat {
    // SAFETY: FFmpeg gives a valid context and a list that ends with NONE.
    unsafe {
        let wanted = (*context).opaque as usize;
        let mut chosen = AVPixelFormat::AV_PIX_FMT_NONE;
        let mut at = formats;
        while *at != AVPixelFormat::AV_PIX_FMT_NONE {
            if *at as usize == wanted {
                return *at;
            }
            let on_device = ffi::av_pix_fmt_desc_get(*at)
                .as_ref()
                .is_some_and(|d| d.flags & ffi::AV_PIX_FMT_FLAG_HWACCEL as u64 != 0);
            if !on_device && chosen == AVPixelFormat::AV_PIX_FMT_NONE {
                chosen = *at;
            }
            at = at.add(1);
        }
        chosen
    }
}

impl AvFrame {
    /// Whether the samples lie on a device.
    pub(crate) fn is_on_device(&self) -> bool {
        !self.get().hw_frames_ctx.is_null()
    }

    /// Copies the samples of a frame on a device, and what is known about it, into this one,
    /// whose buffer is used again where it fits.
    pub(crate) fn download(&mut self, source: &Self) -> Result<(), AvError> {
        if self.size() != source.size() {
            *self = Self::new()?;
        }
        // SAFETY: both frames are valid; this one has a buffer of the same size, or none, and
        // is given one then.
        unsafe {
            check(ffi::av_hwframe_transfer_data(self.as_mut_ptr(), source.as_ptr(), 0))?;
            check(ffi::av_frame_copy_props(self.as_mut_ptr(), source.as_ptr())).map(|_| ())
        }
    }
}
