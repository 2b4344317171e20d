//! The head of a fragmented MP4 file (`ftyp` and `moov`), written by FFmpeg's muxer, which
//! knows how each codec describes itself there.

use std::ptr::{self, NonNull};
use std::slice;

use ffmpeg_next::ffi;

use super::dict::{Dict, c_string};
use super::{AvError, CodecParameters, check};

/// One track of the file.
pub(crate) struct Track<'a> {
    pub(crate) parameters: &'a CodecParameters,
    /// Ticks a second.
    pub(crate) timescale: i32,
    /// The four characters that name the codec, where FFmpeg's choice is not right.
    pub(crate) tag: Option<[u8; 4]>,
}

/// The head for these tracks, numbered from 1, with `metadata` for the whole file.
pub(crate) fn mp4_header(
    tracks: &[Track<'_>],
    metadata: &[(&str, String)],
) -> Result<Vec<u8>, AvError> {
    super::init();
    let mut context = Context::new()?;
    for track in tracks {
        context.add(track)?;
    }
    context.describe(metadata)?;
    context.write()
}

struct Context(NonNull<ffi::AVFormatContext>);

impl Context {
    fn new() -> Result<Self, AvError> {
        let format = c_string("mp4")?;
        let mut context = ptr::null_mut();
        // SAFETY: the name ends with NUL; the context is made or stays null.
        check(unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                format.as_ptr(),
                ptr::null(),
            )
        })?;
        let context = Self(NonNull::new(context).ok_or(AvError::NO_MEMORY)?);
        // SAFETY: the context is valid; its output is memory that grows, freed in `take`.
        check(unsafe { ffi::avio_open_dyn_buf(&raw mut (*context.0.as_ptr()).pb) })?;
        Ok(context)
    }

    fn add(&mut self, track: &Track<'_>) -> Result<(), AvError> {
        // SAFETY: the context is valid and its head is not written; the parameters are copied.
        unsafe {
            let stream = ffi::avformat_new_stream(self.0.as_ptr(), ptr::null());
            if stream.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            check(ffi::avcodec_parameters_copy((*stream).codecpar, track.parameters.as_ptr()))?;
            (*(*stream).codecpar).codec_tag = track.tag.map_or(0, u32::from_le_bytes);
            (*stream).time_base = ffi::AVRational { num: 1, den: track.timescale };
        }
        Ok(())
    }

    fn describe(&mut self, metadata: &[(&str, String)]) -> Result<(), AvError> {
        for (name, value) in metadata {
            let (name, value) = (c_string(*name)?, c_string(value.as_str())?);
            // SAFETY: the context is valid; both strings end with NUL and are copied.
            check(unsafe {
                ffi::av_dict_set(
                    &raw mut (*self.0.as_ptr()).metadata,
                    name.as_ptr(),
                    value.as_ptr(),
                    0,
                )
            })?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<Vec<u8>, AvError> {
        let flags = "frag_custom+empty_moov+default_base_moof+use_metadata_tags";
        // SAFETY: the context is valid.
        let timescale = unsafe { (**(*self.0.as_ptr()).streams).time_base.den };
        let mut dict = Dict::new(&[
            ("movflags", flags.to_owned()),
            // Older FFmpeg took FLAC and Opus in MP4 for experiments.
            ("strict", "experimental".to_owned()),
            ("video_track_timescale", timescale.to_string()),
        ])?;
        // SAFETY: the context is valid, has streams and an output; the head is written once.
        check(unsafe { ffi::avformat_write_header(self.0.as_ptr(), dict.as_mut()) })?;
        self.take()
    }

    /// What was written; the output is gone afterwards.
    fn take(&mut self) -> Result<Vec<u8>, AvError> {
        let mut bytes = ptr::null_mut();
        // SAFETY: the output was opened as a growing buffer and is closed once: it is null
        // from here on. The buffer holds `length` bytes and becomes ours.
        unsafe {
            let pb = (*self.0.as_ptr()).pb;
            (*self.0.as_ptr()).pb = ptr::null_mut();
            if pb.is_null() {
                return Ok(Vec::new());
            }
            let length = ffi::avio_close_dyn_buf(pb, &raw mut bytes);
            if bytes.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let length = usize::try_from(length).unwrap_or(0);
            let copy = slice::from_raw_parts(bytes, length).to_vec();
            ffi::av_free(bytes.cast());
            Ok(copy)
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // What is left of a failed attempt is of no use.
        drop(self.take());
        // SAFETY: ours, and freed only here; the muxer's own memory goes with it.
        unsafe { ffi::avformat_free_context(self.0.as_ptr()) };
    }
}
