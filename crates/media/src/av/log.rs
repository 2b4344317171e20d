//! FFmpeg's own messages, routed to `tracing`.
//!
//! What matters to an operator comes back as an error code and becomes a `MediaError`. The
//! lines themselves are details, and a damaged stream makes hundreds a second: they are at
//! level debug (target `omma_media::ffmpeg`), except fatal ones, which are warnings.

use std::ffi::CStr;

use ffmpeg_next::ffi;
use omma_types::redact_text;

const TARGET: &str = "omma_media::ffmpeg";

pub(super) fn route_to_tracing() {
    // SAFETY: the callback is a plain function that lives as long as the process.
    unsafe { ffi::av_log_set_callback(Some(callback)) };
}

/// Called by FFmpeg from any of its threads, with a printf format and its arguments.
unsafe extern "C" fn callback(
    object: *mut libc::c_void,
    level: libc::c_int,
    format: *const libc::c_char,
    arguments: *mut ffi::__va_list_tag,
) {
    // The upper bits may carry a colour.
    let level = level & 0xff;
    let fatal = level <= ffi::AV_LOG_FATAL;
    if level > ffi::AV_LOG_WARNING
        || !(fatal || tracing::enabled!(target: TARGET, tracing::Level::DEBUG))
    {
        return;
    }
    let mut line: [libc::c_char; 1024] = [0; 1024];
    let mut print_prefix: libc::c_int = 1;
    // SAFETY: `object`, `format` and `arguments` come from FFmpeg and are handed back
    // untouched; the line is cut to the buffer and ends with NUL.
    let text = unsafe {
        ffi::av_log_format_line2(
            object,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            line.len() as libc::c_int,
            &raw mut print_prefix,
        );
        CStr::from_ptr(line.as_ptr())
    };
    let text = redact_text(text.to_string_lossy().trim());
    if fatal {
        tracing::warn!(target: TARGET, text, "ffmpeg reports");
    } else {
        tracing::debug!(target: TARGET, text, "ffmpeg reports");
    }
}
