//! A container being written to a file.

use std::ptr::{self, NonNull};

use ffmpeg_next::ffi;

use super::dict::{Dict, c_string};
use super::{AvError, AvPacket, CodecParameters, check};

pub(crate) struct Output {
    context: NonNull<ffi::AVFormatContext>,
    /// Ticks a second of the packets that come in.
    ticks: i32,
    header_written: bool,
}

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Output {}

impl Output {
    /// Creates (or empties) the file at `path` for a container of FFmpeg's name `format`.
    pub(crate) fn create(path: &[u8], format: &str) -> Result<Self, AvError> {
        super::init();
        let mut url = b"file:".to_vec();
        url.extend_from_slice(path);
        let (url, format) = (c_string(url)?, c_string(format)?);
        let mut context = ptr::null_mut();
        // SAFETY: the strings end with NUL; the context is made or stays null.
        check(unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                format.as_ptr(),
                url.as_ptr(),
            )
        })?;
        let context = NonNull::new(context).ok_or(AvError::NO_MEMORY)?;
        let output = Self { context, ticks: 1, header_written: false };
        // SAFETY: the context is valid; on failure its `pb` stays null.
        check(unsafe {
            ffi::avio_open(
                &raw mut (*output.context.as_ptr()).pb,
                url.as_ptr(),
                ffi::AVIO_FLAG_WRITE,
            )
        })?;
        Ok(output)
    }

    /// Writes the head of the file, for one video stream whose packets have time stamps in
    /// 1 / `ticks` seconds.
    pub(crate) fn write_header(
        &mut self,
        parameters: &CodecParameters,
        ticks: i32,
        frame_rate: Option<f64>,
        options: &[(&str, String)],
    ) -> Result<(), AvError> {
        self.ticks = ticks;
        let mut dict = Dict::new(options)?;
        // SAFETY: the context is valid and has no stream yet; the parameters are copied.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context.as_ptr(), ptr::null());
            if stream.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            check(ffi::avcodec_parameters_copy((*stream).codecpar, parameters.as_ptr()))?;
            (*(*stream).codecpar).codec_tag = 0;
            (*stream).time_base = ffi::AVRational { num: 1, den: ticks };
            if let Some(rate) = frame_rate {
                (*stream).avg_frame_rate = ffi::av_d2q(rate, 100_000);
            }
            check(ffi::avformat_write_header(self.context.as_ptr(), dict.as_mut()))?;
        }
        self.header_written = true;
        Ok(())
    }

    /// Writes one packet; its data is only read. Packets must come in decoding order.
    pub(crate) fn write(&mut self, packet: &mut AvPacket) -> Result<(), AvError> {
        // SAFETY: the header is written (checked), so stream 0 exists; the muxer takes its own
        // reference or copies.
        unsafe {
            if !self.header_written {
                return Err(AvError::INVALID_ARGUMENT);
            }
            let stream = *(*self.context.as_ptr()).streams;
            (*packet.as_mut_ptr()).stream_index = 0;
            let from = ffi::AVRational { num: 1, den: self.ticks };
            ffi::av_packet_rescale_ts(packet.as_mut_ptr(), from, (*stream).time_base);
            check(ffi::av_write_frame(self.context.as_ptr(), packet.as_mut_ptr()))?;
        }
        Ok(())
    }

    /// Writes the end of the file and closes it; all errors come to light here at the latest.
    pub(crate) fn finish(mut self) -> Result<(), AvError> {
        let trailer = if self.header_written {
            self.header_written = false;
            // SAFETY: the header is written, and the trailer only once.
            check(unsafe { ffi::av_write_trailer(self.context.as_ptr()) }).map(|_| ())
        } else {
            Ok(())
        };
        let closed = self.close();
        trailer.and(closed)
    }

    fn close(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is valid; avio_closep takes null and leaves null. An error that
        // happened while a buffer was written stays in `error` and would be lost otherwise.
        unsafe {
            let pb = (*self.context.as_ptr()).pb;
            if pb.is_null() {
                return Ok(());
            }
            ffi::avio_flush(pb);
            let error = (*pb).error;
            let closed = ffi::avio_closep(&raw mut (*self.context.as_ptr()).pb);
            check(error).and(check(closed)).map(|_| ())
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.header_written {
            // The muxer's own memory is freed by the trailer; its output no longer matters.
            // SAFETY: the header is written, and the trailer only once.
            unsafe { ffi::av_write_trailer(self.context.as_ptr()) };
        }
        if let Err(error) = self.close() {
            tracing::debug!(error = error.text(), "closing an unfinished file failed");
        }
        // SAFETY: ours, and freed only here.
        unsafe { ffi::avformat_free_context(self.context.as_ptr()) };
    }
}
