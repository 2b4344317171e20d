//! A camera's packets as films that a browser appends to its Media Source: of each its type
//! and time as JSON, its head, and a fragment for every picture. Nothing is sent here.
//!
//! A new film begins wherever pictures do not follow each other: the camera was opened anew,
//! the viewer was slow, the camera's clock jumped. So time within a film runs without gaps,
//! at which browsers would stop, and what is at which time is known exactly.

use std::sync::Arc;

use bytes::Bytes;
use omma_engine::Parcel;
use omma_media::{FragmentMuxer, MediaError, Packet, StreamInfo};
use omma_types::{ErrorKind, MediaTime};

use crate::dto::FilmDto;

/// A step of time stamps that the films' clock would take out, in nanoseconds: back, ahead.
const JUMP: (i64, i64) = (-1_000_000_000, 10_000_000_000);

/// What goes to the browser.
#[derive(Debug)]
pub(super) enum Reel {
    /// A film begins.
    Begins(FilmDto),
    /// The head or a fragment.
    Part(Bytes),
}

/// Makes films of one camera for one viewer.
#[derive(Default)]
pub(super) struct Films {
    stream: Option<Arc<StreamInfo>>,
    film: Option<Film>,
    /// Left out in front of the next film.
    missed: u64,
}

struct Film {
    muxer: FragmentMuxer,
    last: MediaTime,
}

impl Films {
    /// What becomes of this parcel, in order.
    ///
    /// # Errors
    /// Browsers do not play the camera's codec, or the stream does not say enough of itself.
    pub(super) fn take(&mut self, parcel: &Parcel) -> Result<Vec<Reel>, MediaError> {
        match parcel {
            Parcel::Stream(info) => {
                (self.stream, self.film) = (Some(Arc::clone(info)), None);
                Ok(Vec::new())
            }
            Parcel::Missed(count) => {
                self.film = None;
                self.missed += count;
                Ok(Vec::new())
            }
            Parcel::Packet(packet) => self.packet(packet),
        }
    }

    fn packet(&mut self, packet: &Packet) -> Result<Vec<Reel>, MediaError> {
        let mut reels = Vec::new();
        if self.film.as_ref().is_some_and(|film| film.is_torn_by(packet)) {
            self.film = None;
        }
        if self.film.is_none() && packet.is_video() && packet.keyframe {
            reels = self.begin(packet)?;
        }
        let Some(film) = &mut self.film else {
            self.missed += u64::from(packet.is_video());
            return Ok(reels);
        };
        film.muxer.push(packet)?;
        if packet.is_video() {
            film.last = packet.pts;
            let fragment = film.muxer.cut()?;
            if !fragment.is_empty() {
                reels.push(Reel::Part(fragment.into()));
            }
        }
        Ok(reels)
    }

    /// Begins a film with this keyframe.
    fn begin(&mut self, packet: &Packet) -> Result<Vec<Reel>, MediaError> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        let mut muxer = FragmentMuxer::new(stream, Some(packet.wall))?;
        let Some(mime) = muxer.mime() else {
            return Err(MediaError::new(
                ErrorKind::Unsupported,
                &format!("codec {}", stream.codec),
                "browsers do not play it as the camera sends it",
                "watch `live.mjpg`, or set the camera to H.264",
            ));
        };
        let film = FilmDto {
            mime: mime.to_owned(),
            media_ms: packet.pts.as_nanos() as f64 / 1e6,
            wall_ms: packet.wall.as_millis(),
            missed: std::mem::take(&mut self.missed),
        };
        let head = muxer.header()?;
        self.film = Some(Film { muxer, last: packet.pts });
        Ok(vec![Reel::Begins(film), Reel::Part(head.into())])
    }
}

impl Film {
    fn is_torn_by(&self, packet: &Packet) -> bool {
        let step = packet.pts.as_nanos().saturating_sub(self.last.as_nanos());
        packet.is_video() && !(JUMP.0..=JUMP.1).contains(&step)
    }
}
