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

#[cfg(test)]
mod tests {
    use omma_media::{Source, SourceSpec, Stop};
    use omma_testkit::ffmpeg;

    use super::*;

    /// A film of 30 pictures with a keyframe every 10 and sound, as a camera's parcels.
    fn parcels(options: &str) -> Vec<Parcel> {
        let dir = tempfile::tempdir().unwrap();
        let sources = "-f lavfi -i testsrc=size=320x180:rate=10 -f lavfi -i sine";
        let shape = "-t 3 -g 10 -sc_threshold 0";
        ffmpeg(dir.path(), &format!("{sources} {options} {shape} film.mkv"));
        let spec = SourceSpec::file(dir.path().join("film.mkv")).paced(false).with_audio(true);
        let mut source = Source::open(&spec, &Stop::new()).unwrap();
        let mut parcels = vec![Parcel::Stream(Arc::new(source.info().clone()))];
        while let Ok(Some(packet)) = source.read() {
            parcels.push(Parcel::Packet(packet));
        }
        parcels
    }

    const H264: &str = "-c:v libx264 -pix_fmt yuv420p -bf 0 -c:a aac";

    /// What was announced, and the number of fragments of each film.
    fn show(films: &mut Films, parcels: &[Parcel]) -> Vec<(FilmDto, usize)> {
        let mut shown: Vec<(FilmDto, usize)> = Vec::new();
        for reel in parcels.iter().flat_map(|parcel| films.take(parcel).unwrap()) {
            match (reel, shown.last_mut()) {
                (Reel::Begins(film), _) => shown.push((film, 0)),
                (Reel::Part(bytes), Some((_, count))) => {
                    let is_fragment = bytes.get(4..8) == Some(b"moof");
                    assert_eq!(bytes.get(4..8) == Some(b"ftyp"), !is_fragment);
                    *count += usize::from(is_fragment);
                }
                (Reel::Part(_), None) => panic!("a part of nothing"),
            }
        }
        shown
    }

    fn pictures(parcels: &[Parcel]) -> Vec<usize> {
        let is_picture = |parcel: &Parcel| matches!(parcel, Parcel::Packet(p) if p.is_video());
        (0..parcels.len()).filter(|&at| is_picture(&parcels[at])).collect()
    }

    #[test]
    fn every_picture_is_a_fragment_of_one_film_with_sound() {
        let shown = show(&mut Films::default(), &parcels(H264));
        let [(film, count)] = &shown[..] else { panic!("{shown:?}") };
        assert_eq!((*count, film.missed), (30, 0));
        assert!(film.mime.ends_with(",mp4a.40.2\""), "{}", film.mime);
    }

    #[test]
    fn another_film_begins_at_the_next_keyframe_behind_a_gap() {
        let mut parcels = parcels(H264);
        let at = pictures(&parcels);
        // Four of the first group were left out: its last three have nothing to build on.
        parcels.splice(at[3]..at[7], [Parcel::Missed(4)]);
        let shown = show(&mut Films::default(), &parcels);
        let counts: Vec<_> = shown.iter().map(|(film, count)| (*count, film.missed)).collect();
        assert_eq!(counts, [(3, 0), (20, 7)]);
        let later = shown[1].0.media_ms - shown[0].0.media_ms;
        assert!((later - 1000.0).abs() < 1.5, "{later}");
        assert!((shown[1].0.wall_ms - shown[0].0.wall_ms - 1000).abs() < 3);
    }

    #[test]
    fn another_film_begins_where_the_camera_s_clock_jumps() {
        let mut parcels = parcels(H264);
        let at = pictures(&parcels);
        for parcel in &mut parcels[at[10]..] {
            if let Parcel::Packet(packet) = parcel {
                packet.pts = MediaTime::from_nanos(packet.pts.as_nanos() + 60_000_000_000);
            }
        }
        let shown = show(&mut Films::default(), &parcels);
        let counts: Vec<_> = shown.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [10, 20]);
        assert!(shown[1].0.media_ms > 60_000.0);
    }

    #[test]
    fn what_browsers_do_not_play_is_said() {
        let parcels = parcels("-c:v mpeg4 -an");
        let mut films = Films::default();
        let error = parcels.iter().find_map(|parcel| films.take(parcel).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("mpeg4"), "{error}");
    }
}
