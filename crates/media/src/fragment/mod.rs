//! Packets into fragmented MP4 (ISO/IEC 14496-12), in memory: no I/O inside. A file made of
//! the head and any number of fragments plays; one that breaks off in a fragment plays up to
//! it.

mod boxes;
mod mime;
pub(crate) mod units;

use std::time::Duration;

use omma_types::{ErrorKind, WallTime};

use boxes::Run;
use units::Form;

use crate::av::{AvError, Track, mp4_header};
use crate::timing::{Sample, Sound, VIDEO_SCALE, VideoTimes};
use crate::{MediaError, Medium, Packet, StreamInfo};

/// Bytes that may wait for [`FragmentMuxer::cut`].
const MAX_PENDING: usize = 256 << 20;
/// Browsers play these from MP4.
const PLAYED_SOUND: [&str; 4] = ["aac", "mp3", "opus", "flac"];

/// Makes fragmented MP4 of the packets of one stream, without transcoding pictures. Sound
/// that browsers can't play from MP4 (G.711 and the like) becomes AAC.
///
/// Whatever the packets' time stamps do, decoding times in the file rise, and each fragment
/// says itself when it begins, so that the file's time stays the camera's. Steps of the
/// camera's clock (back by more than 1 s, ahead by more than 10 s) are taken out.
pub struct FragmentMuxer {
    codec: &'static str,
    header: Vec<u8>,
    mime: Option<String>,
    form: Form,
    times: VideoTimes,
    pictures: Pending,
    sound: Option<(Sound, Pending)>,
    sequence: u32,
}

/// What the next fragment holds of a track.
#[derive(Default)]
struct Pending {
    samples: Vec<Sample>,
    data: Vec<u8>,
}

impl FragmentMuxer {
    /// For packets of this stream. `started`, the wall time of the first picture, is written
    /// into the file, to the second as `creation_time` and to the millisecond as
    /// `com.apple.quicktime.creationdate`.
    ///
    /// # Errors
    /// `Unsupported` where MP4 can't hold the codec; `Corrupt` where the stream has not told
    /// its parameters (SPS, PPS).
    pub fn new(info: &StreamInfo, started: Option<WallTime>) -> Result<Self, MediaError> {
        let needs_header = ["h264", "hevc", "mpeg4"].contains(&info.codec);
        if info.size.is_none() || (needs_header && info.extradata().is_empty()) {
            return Err(MediaError::new(
                ErrorKind::Corrupt,
                &format!("codec {}", info.codec),
                "the stream has not told its parameters",
                "set the camera to send them with each keyframe",
            ));
        }
        let sound = Sound::of(info, &PLAYED_SOUND);
        let times = VideoTimes::new(info.parameters.reordered(), info.frame_rate);
        let header = Self::write_header(info, sound.as_ref(), started)
            .map_err(|error| unsupported(info.codec, error))?;
        let header = boxes::with_edit_list(header, times.delay());
        Ok(Self {
            codec: info.codec,
            mime: mime::of(&header),
            header,
            form: Form::of(&info.parameters),
            times,
            pictures: Pending::default(),
            sound: sound.map(|sound| (sound, Pending::default())),
            sequence: 0,
        })
    }

    /// Writes into the head how long the film will be, for players that read it as it comes.
    /// Without it they take the length of what they have read so far.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        boxes::set_duration(&mut self.header, duration);
        self
    }

    fn write_header(
        info: &StreamInfo,
        sound: Option<&Sound>,
        started: Option<WallTime>,
    ) -> Result<Vec<u8>, AvError> {
        let scale = |ticks: u32| i32::try_from(ticks).or(Err(AvError::INVALID_ARGUMENT));
        let mut tracks = vec![Track {
            parameters: &info.parameters,
            timescale: scale(VIDEO_SCALE)?,
            // Safari plays no H.265 under FFmpeg's name for it, hev1.
            tag: (info.codec == "hevc").then_some(*b"hvc1"),
        }];
        if let Some(sound) = sound {
            let timescale = scale(sound.scale())?;
            tracks.push(Track { parameters: sound.parameters(), timescale, tag: None });
        }
        let mut metadata = Vec::new();
        if let Some(started) = started {
            metadata.push(("creation_time", started.to_string()));
            metadata.push(("com.apple.quicktime.creationdate", started.to_string()));
        }
        mp4_header(&tracks, &metadata)
    }

    /// The film's type with the exact codecs (RFC 6381), as a browser's `MediaSource` wants it;
    /// none where browsers play the codec of no film.
    pub fn mime(&self) -> Option<&str> {
        self.mime.as_deref()
    }

    /// The head of the file (`ftyp` and `moov`), which comes first, once.
    ///
    /// # Errors
    /// `Invalid` where it was given out already.
    pub fn header(&mut self) -> Result<Vec<u8>, MediaError> {
        let header = std::mem::take(&mut self.header);
        if header.is_empty() {
            return Err(MediaError::new(
                ErrorKind::Invalid,
                &format!("codec {}", self.codec),
                "the head of the file was written already",
                "make a new muxer for each file",
            ));
        }
        Ok(header)
    }

    /// Adds a packet to the next fragment. The first picture must be a keyframe; it is shown
    /// at 0. Sound before it is left out, and so are pictures shown before it.
    ///
    /// # Errors
    /// `Invalid` where the first picture is no keyframe, `Full` where nobody calls
    /// [`Self::cut`]; the packet is not taken then, and the muxer goes on.
    pub fn push(&mut self, packet: &Packet) -> Result<(), MediaError> {
        if self.pending() + packet.len() > MAX_PENDING {
            return Err(self.too_large());
        }
        match packet.medium {
            Medium::Video => self.push_picture(packet),
            Medium::Audio if !self.times.has_begun() => Ok(()),
            Medium::Audio => {
                let Some((sound, Pending { samples, data })) = &mut self.sound else {
                    return Ok(());
                };
                sound
                    .push(packet, &self.times, samples, data)
                    .map_err(|error| unsupported("of the sound", error))
            }
        }
    }

    fn push_picture(&mut self, packet: &Packet) -> Result<(), MediaError> {
        if !self.times.has_begun() && !packet.keyframe {
            return Err(MediaError::new(
                ErrorKind::Invalid,
                &format!("codec {}", self.codec),
                "the first picture of a file must be a keyframe",
                "begin at a keyframe",
            ));
        }
        let Pending { samples, data } = &mut self.pictures;
        let before = data.len();
        self.form.append(packet.data(), data);
        let size = data.len() - before;
        if size == 0 {
            return Ok(());
        }
        match self.times.place(packet.pts) {
            Some(placed) => samples.push(Sample {
                dts: placed.dts,
                cts: placed.cts,
                size: u32::try_from(size).unwrap_or(u32::MAX),
                duration: placed.duration,
                is_sync: packet.keyframe,
            }),
            None => data.truncate(before),
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.pictures.data.len() + self.sound.as_ref().map_or(0, |(_, sound)| sound.data.len())
    }

    fn too_large(&self) -> MediaError {
        MediaError::new(
            ErrorKind::Full,
            &format!("codec {}", self.codec),
            "a fragment is larger than 256 MB",
            "cut fragments more often",
        )
    }

    /// The fragment (`moof` and `mdat`) of what was pushed since the last one; empty where
    /// nothing was.
    ///
    /// # Errors
    /// `Full` where it is larger than MP4 can tell; what was pushed is lost then.
    pub fn cut(&mut self) -> Result<Vec<u8>, MediaError> {
        let Self { pictures, sound, .. } = self;
        let mut runs = vec![Run { track: 1, samples: &pictures.samples, data: &pictures.data }];
        if let Some((_, sound)) = sound {
            runs.push(Run { track: 2, samples: &sound.samples, data: &sound.data });
        }
        let fragment = boxes::fragment(self.sequence + 1, &runs);
        pictures.clear();
        if let Some((_, sound)) = sound {
            sound.clear();
        }
        let fragment = fragment.ok_or_else(|| self.too_large())?;
        self.sequence += u32::from(!fragment.is_empty());
        Ok(fragment)
    }

    /// The last fragment, with the sound that its encoder still held; empty where nothing is
    /// left.
    ///
    /// # Errors
    /// As [`Self::cut`].
    pub fn finish(&mut self) -> Result<Vec<u8>, MediaError> {
        if let Some((sound, Pending { samples, data })) = &mut self.sound
            && let Err(error) = sound.finish(samples, data)
        {
            tracing::debug!(error = error.text(), "the last sound is lost");
        }
        self.cut()
    }

    /// Length of the film so far, the last picture's duration (an estimate) included.
    pub fn end(&self) -> Duration {
        self.times.end()
    }
}

impl Pending {
    fn clear(&mut self) {
        self.samples.clear();
        self.data.clear();
    }
}

fn unsupported(codec: &str, error: AvError) -> MediaError {
    if error == AvError::NO_MEMORY {
        return MediaError::out_of_memory(codec);
    }
    MediaError::new(
        ErrorKind::Unsupported,
        &format!("codec {codec}"),
        format!("it can't be kept in MP4: {}", error.text()),
        "set the camera to H.264 or H.265",
    )
}
