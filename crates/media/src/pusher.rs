//! Packets to another server.

use omma_types::ErrorKind;

use crate::{MediaError, Packet, Stop, StreamInfo};

/// A connection to a server that takes streams.
pub struct Pusher(());

impl Pusher {
    /// Connects.
    pub fn open(url: &str, _info: &StreamInfo, _stop: &Stop) -> Result<Self, MediaError> {
        Err(MediaError::new(ErrorKind::Unsupported, url, "not built yet", "wait"))
    }

    /// Sends a packet.
    pub fn push(&mut self, _packet: &Packet) -> Result<(), MediaError> {
        Ok(())
    }

    /// Ends the stream.
    pub fn finish(self) -> Result<(), MediaError> {
        Ok(())
    }
}
