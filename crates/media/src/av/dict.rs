//! Options for FFmpeg: a list of names and values.

use std::ffi::CString;
use std::ptr;

use ffmpeg_next::ffi;

use super::AvError;

pub(super) struct Dict(*mut ffi::AVDictionary);

impl Dict {
    /// Fails where a name or value holds a NUL byte or memory is out.
    pub(super) fn new(options: &[(&str, String)]) -> Result<Self, AvError> {
        let mut dict = Self(ptr::null_mut());
        for (name, value) in options {
            let name = c_string(*name)?;
            let value = c_string(value.as_str())?;
            // SAFETY: both strings end with NUL and are copied (flags 0).
            super::check(unsafe {
                ffi::av_dict_set(&raw mut dict.0, name.as_ptr(), value.as_ptr(), 0)
            })?;
        }
        Ok(dict)
    }

    /// For calls that take what they know out of the list and leave the rest.
    pub(super) fn as_mut(&mut self) -> *mut *mut ffi::AVDictionary {
        &raw mut self.0
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        // SAFETY: the list is ours, or null, which is fine.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}

pub(super) fn c_string(text: impl Into<Vec<u8>>) -> Result<CString, AvError> {
    CString::new(text).or(Err(AvError::INVALID_ARGUMENT))
}
