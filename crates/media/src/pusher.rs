//! Packets to another server, over RTMP: pictures as they are, sound as AAC.

use std::time::Duration;

use omma_types::ErrorKind;

use crate::av::{AvError, AvPacket, Interrupt, Remote, Track, can_hold};
use crate::timing::{Sample, Sound, VIDEO_SCALE, VideoTimes};
use crate::{MediaError, Medium, Packet, Stop, StreamInfo};

/// How long connecting may take in all.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take nothing.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// The container of RTMP.
const FORMAT: &str = "flv";
/// Players expect nothing else in it.
const COPIED_SOUND: [&str; 1] = ["aac"];

/// A connection to a server that takes streams (`rtmp://`, `rtmps://`). All calls block, none
/// longer than its limit (10 s to connect, 5 s to send a packet).
pub struct Pusher {
    name: String,
    stop: Stop,
    remote: Remote,
    times: VideoTimes,
    sound: Option<Sound>,
    scratch: AvPacket,
}

impl Pusher {
    /// Connects, and announces the stream. Sound comes along where `info` has it (see
    /// [`crate::SourceSpec::with_audio`]); what is not AAC becomes AAC.
    ///
    /// # Errors
    /// `Unsupported` for other kinds of addresses, and for pictures that RTMP can't carry
    /// (H.265, unless FFmpeg is 6.1 or newer); `Unreachable`, `Denied`, `Timeout`.
    pub fn open(url: &str, info: &StreamInfo, stop: &Stop) -> Result<Self, MediaError> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("rtmp" | "rtmps")) {
            let reason = "streams can't be passed on to this kind of address";
            let advice = "use rtmp:// or rtmps://";
            return Err(MediaError::new(ErrorKind::Unsupported, url, reason, advice));
        }
        if !can_hold(FORMAT, &info.parameters) {
            let reason = format!("RTMP can't carry {} with this FFmpeg", info.codec);
            let advice = "set the camera to H.264";
            return Err(MediaError::new(ErrorKind::Unsupported, url, reason, advice));
        }
        let out_of_memory = |_| MediaError::out_of_memory(url);
        let sound = Sound::of(info, &COPIED_SOUND);
        let interrupt = Interrupt::new(stop);
        interrupt.set_limit(Some(OPEN_LIMIT));
        let remote = Remote::connect(url, FORMAT, interrupt).map_err(|(error, interrupt)| {
            send_error(url, stop, interrupt.has_expired().then_some(OPEN_LIMIT), error)
        })?;
        let mut pusher = Self {
            name: url.to_owned(),
            stop: stop.clone(),
            remote,
            times: VideoTimes::new(info.parameters.reordered(), info.frame_rate),
            sound,
            scratch: AvPacket::new().map_err(out_of_memory)?,
        };
        pusher.announce(info)?;
        Ok(pusher)
    }

    fn announce(&mut self, info: &StreamInfo) -> Result<(), MediaError> {
        let scale = |ticks: u32| i32::try_from(ticks).unwrap_or(i32::MAX);
        let mut tracks =
            vec![Track { parameters: &info.parameters, timescale: scale(VIDEO_SCALE), tag: None }];
        if let Some(sound) = &self.sound {
            let timescale = scale(sound.scale());
            tracks.push(Track { parameters: sound.parameters(), timescale, tag: None });
        }
        // A live stream has no head to go back to at the end.
        let options = [("flvflags", "no_duration_filesize".to_owned())];
        let sent = self.remote.write_header(&tracks, &options);
        sent.map_err(|error| self.failure(OPEN_LIMIT, error))
    }

    /// Sends a packet. The first picture must be a keyframe; sound before it is left out.
    ///
    /// # Errors
    /// `Invalid` where the first picture is no keyframe, `Timeout` where the server took
    /// nothing for 5 s, `Unreachable` where the connection broke off. All but `Invalid` end
    /// the connection: open another.
    pub fn push(&mut self, packet: &Packet) -> Result<(), MediaError> {
        self.remote.interrupt().set_limit(Some(WRITE_LIMIT));
        match packet.medium {
            Medium::Video => self.push_picture(packet),
            Medium::Audio if self.times.has_begun() => self.push_sound(packet),
            Medium::Audio => Ok(()),
        }
    }

    fn push_picture(&mut self, packet: &Packet) -> Result<(), MediaError> {
        if !self.times.has_begun() && !packet.keyframe {
            return Err(MediaError::new(
                ErrorKind::Invalid,
                &self.name,
                "the first picture of a stream must be a keyframe",
                "begin at a keyframe",
            ));
        }
        let Some(placed) = self.times.place(packet.pts) else { return Ok(()) };
        let pts = placed.dts.saturating_add(i64::from(placed.cts)).max(placed.dts);
        let sent = self.scratch.set_to_reference(&packet.data, pts).and_then(|()| {
            self.scratch.set_dts(placed.dts);
            self.scratch.set_duration(i64::from(placed.duration));
            self.remote.write(&mut self.scratch, 0)
        });
        self.scratch.clear();
        sent.map_err(|error| self.failure(WRITE_LIMIT, error))
    }

    fn push_sound(&mut self, packet: &Packet) -> Result<(), MediaError> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        let (mut samples, mut data) = (Vec::new(), Vec::new());
        let mut sent = sound.push(packet, &self.times, &mut samples, &mut data);
        // The pictures' delay, which no edit list takes away here.
        let delay = i64::from(self.times.delay()) * i64::from(sound.scale());
        let delay = delay / i64::from(VIDEO_SCALE);
        let mut rest = &data[..];
        for Sample { dts, size, duration, .. } in samples {
            let (bytes, behind) = rest.split_at_checked(size as usize).unwrap_or((rest, &[]));
            rest = behind;
            sent = sent.and_then(|()| {
                self.scratch.set_to_copy(bytes, dts + delay)?;
                self.scratch.set_duration(i64::from(duration));
                self.remote.write(&mut self.scratch, 1)
            });
        }
        self.scratch.clear();
        sent.map_err(|error| self.failure(WRITE_LIMIT, error))
    }

    /// Ends the stream and says goodbye.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.remote.interrupt().set_limit(Some(WRITE_LIMIT));
        let sent = self.remote.write_trailer();
        sent.map_err(|error| self.failure(WRITE_LIMIT, error))
    }

    fn failure(&self, limit: Duration, error: AvError) -> MediaError {
        let expired = self.remote.interrupt().has_expired().then_some(limit);
        send_error(&self.name, &self.stop, expired, error)
    }
}

fn send_error(name: &str, stop: &Stop, expired: Option<Duration>, error: AvError) -> MediaError {
    if stop.is_stopped() {
        return MediaError::stopped(name);
    }
    if let Some(limit) = expired {
        let reason = format!("the server took nothing for {:.1} s", limit.as_secs_f64());
        let advice = "check the server and the network";
        return MediaError::new(ErrorKind::Timeout, name, reason, advice);
    }
    if error == AvError::INVALID_DATA {
        let reason = "the stream can't be put into FLV, or the server answers nonsense";
        let advice = "set the camera to H.264, and check the address";
        return MediaError::new(ErrorKind::Unsupported, name, reason, advice);
    }
    MediaError::from_sending(name, error)
}
