//! FFmpeg behind safe types: all `unsafe` of this crate lives in this folder.
//!
//! `ffmpeg-next` gives the bindings; its own safe layer is not used because it copies
//! packets on clone, leaks a context when probing fails, panics on paths that are not UTF-8
//! and has no interrupt callback that outlives the opening. Each file here owns one kind of
//! FFmpeg object, frees it exactly once and hands out nothing that can outlive it.
#![expect(unsafe_code, reason = "FFmpeg is a C library")]

mod audio;
mod codec;
mod dict;
mod frame;
mod hardware;
mod header;
mod input;
mod log;
mod output;
mod packet;
mod remote;
mod scale;

use std::ffi::CStr;
use std::sync::Once;

use ffmpeg_next::ffi;

pub(crate) use audio::{AacEncoder, Samples, samples_of};
pub(crate) use codec::{CodecParameters, DecoderContext, EncoderContext, EncoderSettings};
pub(crate) use frame::{AvFrame, FramePool};
pub(crate) use hardware::{Device, DeviceKind};
pub(crate) use header::{Track, mp4_header};
pub(crate) use input::{AudioStream, Input, Interrupt, VideoStream};
pub(crate) use output::Output;
pub(crate) use packet::AvPacket;
pub(crate) use remote::{Remote, can_hold};
pub(crate) use scale::{Scaler, scale_view};

/// An FFmpeg error code (negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AvError(pub(crate) i32);

impl AvError {
    pub(crate) const AGAIN: Self = Self(-libc::EAGAIN);
    pub(crate) const NO_MEMORY: Self = Self(-libc::ENOMEM);
    pub(crate) const INVALID_ARGUMENT: Self = Self(-libc::EINVAL);
    pub(crate) const BROKEN_PIPE: Self = Self(-libc::EPIPE);
    pub(crate) const CONNECTION_RESET: Self = Self(-libc::ECONNRESET);
    pub(crate) const IO: Self = Self(-libc::EIO);
    pub(crate) const PROTOCOL_NOT_SUPPORTED: Self = Self(-libc::EPROTONOSUPPORT);
    /// Also what some of FFmpeg's parts mean by a plain -1.
    pub(crate) const NOT_PERMITTED: Self = Self(-libc::EPERM);
    pub(crate) const UNKNOWN: Self = Self(ffi::AVERROR_UNKNOWN);
    pub(crate) const EXTERNAL: Self = Self(ffi::AVERROR_EXTERNAL);
    /// What FFmpeg says once the interrupt has told it to give up.
    pub(crate) const GIVEN_UP: Self = Self(ffi::AVERROR_EXIT);
    pub(crate) const END: Self = Self(ffi::AVERROR_EOF);
    pub(crate) const INVALID_DATA: Self = Self(ffi::AVERROR_INVALIDDATA);
    pub(crate) const DECODER_NOT_FOUND: Self = Self(ffi::AVERROR_DECODER_NOT_FOUND);
    pub(crate) const DEMUXER_NOT_FOUND: Self = Self(ffi::AVERROR_DEMUXER_NOT_FOUND);
    pub(crate) const PROTOCOL_NOT_FOUND: Self = Self(ffi::AVERROR_PROTOCOL_NOT_FOUND);
    pub(crate) const UNAUTHORIZED: Self = Self(ffi::AVERROR_HTTP_UNAUTHORIZED);
    pub(crate) const FORBIDDEN: Self = Self(ffi::AVERROR_HTTP_FORBIDDEN);
    pub(crate) const NOT_FOUND: Self = Self(ffi::AVERROR_HTTP_NOT_FOUND);
    pub(crate) const OTHER_4XX: Self = Self(ffi::AVERROR_HTTP_OTHER_4XX);
    pub(crate) const SERVER_ERROR: Self = Self(ffi::AVERROR_HTTP_SERVER_ERROR);
    pub(crate) const BAD_REQUEST: Self = Self(ffi::AVERROR_HTTP_BAD_REQUEST);

    /// FFmpeg's words for it, e.g. `Connection refused`.
    pub(crate) fn text(self) -> String {
        let mut buffer: [libc::c_char; 128] = [0; 128];
        // SAFETY: the buffer is writable for its whole length; av_strerror ends it with NUL,
        // also for codes that it does not know.
        let text = unsafe {
            ffi::av_strerror(self.0, buffer.as_mut_ptr(), buffer.len());
            CStr::from_ptr(buffer.as_ptr())
        };
        text.to_string_lossy().into_owned()
    }

    /// The operating system's error number, where the code stands for one.
    pub(crate) fn errno(self) -> Option<i32> {
        let number = self.0.checked_neg()?;
        (1..4096).contains(&number).then_some(number)
    }
}

/// `Err` for negative codes, the code itself otherwise.
fn check(code: libc::c_int) -> Result<libc::c_int, AvError> {
    if code < 0 { Err(AvError(code)) } else { Ok(code) }
}

/// Sets FFmpeg up once in the life of the process: devices, network, and its log, which goes
/// to `tracing` and never to standard error.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::route_to_tracing();
        // SAFETY: both may be called at any time and from any thread; `Once` makes it once.
        unsafe {
            ffi::avdevice_register_all();
            ffi::avformat_network_init();
        }
    });
}
