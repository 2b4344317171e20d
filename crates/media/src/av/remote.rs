//! A container being sent to a server, with deadlines and cancelling.

use std::ptr::{self, NonNull};
use std::time::Duration;

use ffmpeg_next::ffi;

use super::dict::{Dict, c_string};
use super::header::Track;
use super::input::interrupted;
use super::{AvError, AvPacket, CodecParameters, Interrupt, check};

/// How long a server that is left may take to be told so.
const GOODBYE: Duration = Duration::from_millis(500);

pub(crate) struct Remote {
    context: NonNull<ffi::AVFormatContext>,
    interrupt: Box<Interrupt>,
    /// Ticks a second of the packets that come in, for each track.
    timescales: Vec<i32>,
    header_written: bool,
}

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Remote {}

/// Whether FFmpeg's container of this name can hold the codec. Newer ones can hold more.
pub(crate) fn can_hold(format: &str, parameters: &CodecParameters) -> bool {
    super::init();
    let Ok(format) = c_string(format) else { return false };
    // SAFETY: the name ends with NUL; the format is FFmpeg's constant or null, which is asked
    // for before it is used; the parameters are valid.
    unsafe {
        let format = ffi::av_guess_format(format.as_ptr(), ptr::null(), ptr::null());
        let codec = (*parameters.as_ptr()).codec_id;
        !format.is_null()
            && ffi::avformat_query_codec(format, codec, ffi::FF_COMPLIANCE_NORMAL) == 1
    }
}

impl Remote {
    /// Connects to `url` for a container of FFmpeg's name `format`. The limit set on
    /// `interrupt` counts.
    pub(crate) fn connect(
        url: &str,
        format: &str,
        interrupt: Box<Interrupt>,
    ) -> Result<Self, (AvError, Box<Interrupt>)> {
        match Self::allocate(url, format, &interrupt) {
            Ok(context) => {
                let remote =
                    Self { context, interrupt, timescales: Vec::new(), header_written: false };
                Ok(remote)
            }
            Err(error) => Err((error, interrupt)),
        }
    }

    fn allocate(
        url: &str,
        format: &str,
        interrupt: &Interrupt,
    ) -> Result<NonNull<ffi::AVFormatContext>, AvError> {
        super::init();
        let (url, format) = (c_string(url)?, c_string(format)?);
        let mut context = ptr::null_mut();
        // SAFETY: the strings end with NUL; the context is made or stays null. Where opening
        // fails, `pb` stays null and the context is freed here. The interrupt outlives both.
        unsafe {
            check(ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                format.as_ptr(),
                url.as_ptr(),
            ))?;
            let made = NonNull::new(context).ok_or(AvError::NO_MEMORY)?;
            (*context).interrupt_callback = ffi::AVIOInterruptCB {
                callback: Some(interrupted),
                opaque: ptr::from_ref(interrupt).cast_mut().cast(),
            };
            let opened = check(ffi::avio_open2(
                &raw mut (*context).pb,
                url.as_ptr(),
                ffi::AVIO_FLAG_WRITE,
                &raw const (*context).interrupt_callback,
                ptr::null_mut(),
            ));
            if let Err(error) = opened {
                ffi::avformat_free_context(context);
                return Err(error);
            }
            Ok(made)
        }
    }

    /// Sends the head of the container.
    pub(crate) fn write_header(
        &mut self,
        tracks: &[Track<'_>],
        options: &[(&str, String)],
    ) -> Result<(), AvError> {
        let mut dict = Dict::new(options)?;
        // SAFETY: the context is valid and has no stream yet; the parameters are copied.
        unsafe {
            for track in tracks {
                let stream = ffi::avformat_new_stream(self.context.as_ptr(), ptr::null());
                if stream.is_null() {
                    return Err(AvError::NO_MEMORY);
                }
                check(ffi::avcodec_parameters_copy((*stream).codecpar, track.parameters.as_ptr()))?;
                (*(*stream).codecpar).codec_tag = track.tag.map_or(0, u32::from_le_bytes);
                (*stream).time_base = ffi::AVRational { num: 1, den: track.timescale };
                self.timescales.push(track.timescale);
            }
            check(ffi::avformat_write_header(self.context.as_ptr(), dict.as_mut()))?;
        }
        self.header_written = true;
        self.flush()
    }

    /// Sends one packet, whose times are in ticks of its track.
    pub(crate) fn write(&mut self, packet: &mut AvPacket, track: usize) -> Result<(), AvError> {
        let ticks = self.timescales.get(track).copied().ok_or(AvError::INVALID_ARGUMENT)?;
        // SAFETY: the header is written (checked), so the stream exists; the muxer only reads
        // the packet's data, or takes a reference of its own.
        unsafe {
            if !self.header_written {
                return Err(AvError::INVALID_ARGUMENT);
            }
            let stream = *(*self.context.as_ptr()).streams.add(track);
            (*packet.as_mut_ptr()).stream_index = (*stream).index;
            let from = ffi::AVRational { num: 1, den: ticks };
            ffi::av_packet_rescale_ts(packet.as_mut_ptr(), from, (*stream).time_base);
            check(ffi::av_write_frame(self.context.as_ptr(), packet.as_mut_ptr()))?;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is valid and its output open; an error that happened while a
        // buffer was sent stays in `error`.
        unsafe {
            let pb = (*self.context.as_ptr()).pb;
            ffi::avio_flush(pb);
            check((*pb).error).map(|_| ())
        }
    }

    /// Sends the end of the container.
    pub(crate) fn write_trailer(&mut self) -> Result<(), AvError> {
        if !std::mem::take(&mut self.header_written) {
            return Ok(());
        }
        // SAFETY: the header is written, and the trailer only once.
        check(unsafe { ffi::av_write_trailer(self.context.as_ptr()) })?;
        self.flush()
    }

    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.interrupt.start_closing(GOODBYE);
        // SAFETY: both are ours and freed only here, the muxer's own memory with the context;
        // the interrupt is dropped after them.
        unsafe {
            let closed = check(ffi::avio_closep(&raw mut (*self.context.as_ptr()).pb));
            if let Err(error) = closed {
                tracing::debug!(error = error.text(), "closing a connection failed");
            }
            ffi::avformat_free_context(self.context.as_ptr());
        }
    }
}
