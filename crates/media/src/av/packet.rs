//! A compressed packet: reference counted by FFmpeg, read-only once shared.

use std::ptr::{self, NonNull};
use std::{fmt, slice};

use ffmpeg_next::ffi;

use super::AvError;

pub(crate) struct AvPacket(NonNull<ffi::AVPacket>);

// SAFETY: a packet owns its references; the counters of its buffers are atomic, and its
// data is only read through `&self`.
unsafe impl Send for AvPacket {}
// SAFETY: as above; `&self` gives no way to change anything.
unsafe impl Sync for AvPacket {}

impl AvPacket {
    pub(crate) fn new() -> Result<Self, AvError> {
        // SAFETY: no precondition; null means that memory is out.
        let packet = unsafe { ffi::av_packet_alloc() };
        NonNull::new(packet).map(Self).ok_or(AvError::NO_MEMORY)
    }

    /// A packet with `bytes` of undefined data.
    #[cfg(test)]
    pub(crate) fn with_size(bytes: usize) -> Result<Self, AvError> {
        let mut packet = Self::new()?;
        // SAFETY: the packet is blank.
        super::check(unsafe { ffi::av_new_packet(packet.as_mut_ptr(), bytes as libc::c_int) })?;
        Ok(packet)
    }

    /// Another reference to the same data, with `pts` in place of its time stamp.
    pub(crate) fn set_to_reference(&mut self, source: &Self, pts: i64) -> Result<(), AvError> {
        self.clear();
        // SAFETY: this packet is blank; the source is valid and not changed.
        unsafe {
            super::check(ffi::av_packet_ref(self.as_mut_ptr(), source.as_ptr()))?;
            (*self.0.as_ptr()).pts = pts;
            (*self.0.as_ptr()).dts = pts;
        }
        Ok(())
    }

    /// A copy of these bytes, decoded and shown or heard at `pts`, where decoding can start.
    pub(crate) fn set_to_copy(&mut self, bytes: &[u8], pts: i64) -> Result<(), AvError> {
        self.clear();
        let size = i32::try_from(bytes.len()).or(Err(AvError::INVALID_ARGUMENT))?;
        // SAFETY: this packet is blank; it gets a buffer of `size` bytes, which is filled.
        unsafe {
            super::check(ffi::av_new_packet(self.as_mut_ptr(), size))?;
            let packet = &mut *self.0.as_ptr();
            ptr::copy_nonoverlapping(bytes.as_ptr(), packet.data, bytes.len());
            (packet.pts, packet.dts) = (pts, pts);
            packet.flags = ffi::AV_PKT_FLAG_KEY;
        }
        Ok(())
    }

    /// A copy of bytes that were received elsewhere.
    pub(crate) fn received(
        bytes: &[u8],
        pts: i64,
        dts: i64,
        keyframe: bool,
    ) -> Result<Self, AvError> {
        let mut packet = Self::new()?;
        packet.set_to_copy(bytes, pts)?;
        let inner = packet.get_mut();
        inner.dts = dts;
        inner.flags = if keyframe { ffi::AV_PKT_FLAG_KEY } else { 0 };
        Ok(packet)
    }

    /// Lets go of the data.
    pub(crate) fn clear(&mut self) {
        // SAFETY: the packet is valid; afterwards it is blank.
        unsafe { ffi::av_packet_unref(self.as_mut_ptr()) };
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.0.as_ptr()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.0.as_ptr()
    }

    fn get(&self) -> &ffi::AVPacket {
        // SAFETY: valid until dropped.
        unsafe { self.0.as_ref() }
    }

    fn get_mut(&mut self) -> &mut ffi::AVPacket {
        // SAFETY: valid until dropped, and borrowed mutably here.
        unsafe { self.0.as_mut() }
    }

    pub(crate) fn data(&self) -> &[u8] {
        let packet = self.get();
        let length = usize::try_from(packet.size).unwrap_or(0);
        if packet.data.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: FFmpeg keeps `size` bytes at `data` for as long as this reference lives.
        unsafe { slice::from_raw_parts(packet.data, length) }
    }

    /// The codec's header that counts from this packet on, where a container sends a new one.
    pub(crate) fn new_extradata(&self) -> Option<&[u8]> {
        let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA;
        let mut length = 0;
        // SAFETY: the packet is valid; what is found has `length` bytes and lives as long as
        // the packet.
        unsafe {
            let data = ffi::av_packet_get_side_data(self.as_ptr(), kind, &raw mut length);
            if data.is_null() {
                return None;
            }
            Some(slice::from_raw_parts(data, length))
        }
    }

    pub(crate) fn stream_index(&self) -> i32 {
        self.get().stream_index
    }

    pub(crate) fn is_keyframe(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_KEY != 0
    }

    pub(crate) fn is_corrupt(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_CORRUPT != 0
    }

    /// Whether it is needed to decode what follows but is itself never shown: what an edit
    /// list cuts away.
    pub(crate) fn is_hidden(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_DISCARD != 0
    }

    /// Presentation time in ticks.
    pub(crate) fn pts(&self) -> Option<i64> {
        known(self.get().pts)
    }

    /// Decoding time in ticks.
    pub(crate) fn dts(&self) -> Option<i64> {
        known(self.get().dts)
    }

    /// Duration in ticks, 0 where unknown.
    pub(crate) fn duration(&self) -> i64 {
        self.get().duration.max(0)
    }

    pub(crate) fn set_dts(&mut self, ticks: i64) {
        self.get_mut().dts = ticks;
    }

    pub(crate) fn set_duration(&mut self, ticks: i64) {
        self.get_mut().duration = ticks;
    }

    /// Moves both time stamps by `ticks`.
    pub(crate) fn shift(&mut self, ticks: i64) {
        let packet = self.get_mut();
        packet.pts = known(packet.pts).map_or(packet.pts, |pts| pts.saturating_add(ticks));
        packet.dts = known(packet.dts).map_or(packet.dts, |dts| dts.saturating_add(ticks));
    }
}

/// A time stamp, unless it is FFmpeg's mark for "unknown".
pub(super) fn known(ticks: i64) -> Option<i64> {
    (ticks != ffi::AV_NOPTS_VALUE).then_some(ticks)
}

impl Drop for AvPacket {
    fn drop(&mut self) {
        let mut packet = self.0.as_ptr();
        // SAFETY: ours, and freed only here.
        unsafe { ffi::av_packet_free(&raw mut packet) };
    }
}

impl fmt::Debug for AvPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvPacket").field("bytes", &self.data().len()).finish_non_exhaustive()
    }
}
