//! A source: opened once, then read packet by packet until it ends or fails.

mod demux;
mod pace;
mod producer;
mod relayed;

use std::path::Path;

use demux::Demuxed;
use producer::Produced;
use relayed::Relayed;
pub use relayed::{PacketFactory, PacketProducer, RelayedPacket};
pub(crate) use relayed::{describe, received};

use crate::spec::SourceKind;
use crate::{MediaError, Packet, SourceSpec, Stop, StreamInfo};

/// An opened source. Not restarted by itself: after an error, open it again.
pub struct Source(Inner);

enum Inner {
    Demuxed(Box<Demuxed>),
    Produced(Box<Produced>),
    Relayed(Box<Relayed>),
}

impl Source {
    /// Opens `spec`. Returns within its open timeout (the operating system's name resolution
    /// is not counted), and soon after `stop` is thrown.
    ///
    /// # Errors
    /// One message for each reason, with its kind: `NotFound` (no such file, 404),
    /// `Denied` (permission, 401, 403), `Corrupt` (empty, damaged, no video at all),
    /// `Invalid` (a folder, no video stream), `Unreachable`, `Timeout`, `Unsupported`.
    pub fn open(spec: &SourceSpec, stop: &Stop) -> Result<Self, MediaError> {
        if stop.is_stopped() {
            return Err(MediaError::stopped(spec.name()));
        }
        Ok(Self(match &spec.kind {
            SourceKind::Producer(factory) => {
                Inner::Produced(Box::new(Produced::open(spec, factory, stop)?))
            }
            SourceKind::Relay(factory) => {
                Inner::Relayed(Box::new(Relayed::open(spec, factory, stop)?))
            }
            _ => Inner::Demuxed(Box::new(Demuxed::open(spec, stop)?)),
        }))
    }

    /// Facts about the video stream.
    pub fn info(&self) -> &StreamInfo {
        match &self.0 {
            Inner::Demuxed(demuxed) => demuxed.info(),
            Inner::Produced(produced) => produced.info(),
            Inner::Relayed(relayed) => relayed.info(),
        }
    }

    /// Whether the packet that was just read is the first of another stream: what
    /// [`Self::info`] said before no longer holds, and times have no relation to those before.
    /// Only packets that are received elsewhere do this; asking takes the answer away.
    pub fn began_anew(&mut self) -> bool {
        match &mut self.0 {
            Inner::Demuxed(_) | Inner::Produced(_) => false,
            Inner::Relayed(relayed) => relayed.began_anew(),
        }
    }

    /// The next packet of the video stream; None at the end of a file, also one over HTTP (one
    /// whose size or duration was known from the start). Paced sources wait
    /// until it is due; network sources wait for it no longer than their read timeout.
    ///
    /// # Errors
    /// `Timeout` for silence, `Unreachable` for a lost connection or the end of a live stream,
    /// `Corrupt` where a file is
    /// damaged or cut off (after its good part was delivered).
    pub fn read(&mut self) -> Result<Option<Packet>, MediaError> {
        match &mut self.0 {
            Inner::Demuxed(demuxed) => demuxed.read(),
            Inner::Produced(produced) => produced.read().map(Some),
            Inner::Relayed(relayed) => relayed.read().map(Some),
        }
    }
}

/// Facts about a file without reading it through: for progress bars and checks.
///
/// # Errors
/// As [`Source::open`].
pub fn probe(path: &Path) -> Result<StreamInfo, MediaError> {
    let spec = SourceSpec::file(path).paced(false);
    Ok(Source::open(&spec, &Stop::new())?.info().clone())
}
