//! Sources that FFmpeg reads: files, network cameras, devices.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use omma_types::{ErrorKind, MediaTime, WallSource, WallTime};

use super::pace::Pacer;
use crate::av::{AudioStream, AvError, AvPacket, Input, Interrupt, VideoStream};
use crate::spec::SourceKind;
use crate::{AudioInfo, MediaError, Medium, Packet, SourceSpec, Stop, StreamInfo, Transport};

/// A camera's clock further away from ours than this was never set: arrival counts instead.
const CLOCK_TRUST: Duration = Duration::from_secs(3600);
/// How long to look at a live stream before it starts; nothing read meanwhile is lost.
const ANALYZE_MICROS: &str = "3000000";
/// So many pictures in a row with the same time mean that the camera has no clock.
const STANDS_STILL: u32 = 10;
/// Assumed where neither time stamps nor a frame rate exist.
const FALLBACK_INTERVAL: Duration = Duration::from_millis(40);

pub(super) struct Demuxed {
    spec: SourceSpec,
    stop: Stop,
    input: Input,
    stream: VideoStream,
    /// Where packets of sound are wanted and there are any.
    audio: Option<AudioStream>,
    info: StreamInfo,
    clock: StreamClock,
    pacer: Option<Pacer>,
    /// How long it may be without pictures.
    silence: Option<Duration>,
    /// Time spent waiting since the last picture, while only sound came.
    without_picture: Duration,
    /// Whether its end can only mean that something broke.
    endless: bool,
    seq: u64,
    audio_seq: u64,
    /// Packets of the video stream in this pass through the file.
    in_this_pass: u64,
    opened_wall: WallTime,
}

impl Demuxed {
    pub(super) fn open(spec: &SourceSpec, stop: &Stop) -> Result<Self, MediaError> {
        let Opened { input, stream, audio, endless } = open_streams(spec, stop)?;
        let container = input.format_name();
        let info = StreamInfo {
            codec: stream.parameters.codec_name(),
            size: stream.parameters.size(),
            frame_rate: stream.frame_rate,
            time_base: stream.time_base,
            audio: audio.as_ref().map(|audio| describe_audio(audio, spec)).transpose()?,
            duration: stream.duration,
            frames: stream.frames,
            container,
            parameters: Arc::new(copy_parameters(&stream, spec)?),
        };
        // Motion JPEG over HTTP carries no time stamps; FFmpeg would invent 25 fps.
        let by_arrival = matches!(spec.kind, SourceKind::Http(_))
            && ["mpjpeg", "mjpeg"].contains(&info.container.as_str());
        let has_pace = matches!(spec.kind, SourceKind::File(_) | SourceKind::Http(_));
        let pacer = (spec.paced && has_pace && !by_arrival).then(Pacer::default);
        let silence = spec.silence_limit(by_arrival);
        Ok(Self {
            silence,
            without_picture: Duration::ZERO,
            endless,
            clock: StreamClock { live: endless, by_arrival, ..StreamClock::new(&stream) },
            spec: spec.clone(),
            stop: stop.clone(),
            input,
            stream,
            audio: audio.filter(|_| spec.with_audio),
            info,
            pacer,
            seq: 0,
            audio_seq: 0,
            in_this_pass: 0,
            opened_wall: SystemTime::now().into(),
        })
    }

    pub(super) fn info(&self) -> &StreamInfo {
        &self.info
    }

    pub(super) fn read(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            let Some((medium, mut packet)) = self.next_packet()? else {
                if self.is_cut_off() {
                    return Err(self.cut_off_error());
                }
                if let Some(missing) = self.missing_segments() {
                    return Err(missing);
                }
                if !(self.spec.looped && self.spec.is_file() && self.clock.has_progressed()) {
                    return Ok(None);
                }
                self.start_again()?;
                continue;
            };
            // Half a packet where a file or connection broke off would become half a picture.
            if packet.is_corrupt() && self.comes_whole() {
                continue;
            }
            if medium == Medium::Video && self.is_changed(&packet) {
                return Err(MediaError::new(
                    ErrorKind::Unreachable,
                    self.spec.name(),
                    "the camera changed its picture size or profile",
                    "open it again",
                ));
            }
            let times = match (medium, &self.audio) {
                (Medium::Audio, Some(audio)) => {
                    self.clock.times_of_sound(&packet, audio.time_base, Instant::now())
                }
                _ => {
                    self.in_this_pass += 1;
                    Some(self.clock.times_of(&mut packet, Instant::now()))
                }
            };
            // Sound in front of the first picture of a stream whose start is not known.
            let Some(times) = times else { continue };
            if let Some(pacer) = &mut self.pacer {
                let due = pacer.due(times.decode, Instant::now());
                if self.stop.wait_until(due) {
                    return Err(MediaError::stopped(self.spec.name()));
                }
            }
            let (wall, wall_source) = self.wall_of(&times);
            let count = match medium {
                Medium::Video => &mut self.seq,
                Medium::Audio => &mut self.audio_seq,
            };
            let seq = *count;
            *count += u64::from(!packet.is_hidden());
            return Ok(Some(Packet {
                medium,
                seq,
                pts: times.media,
                dts: times.decode,
                duration: times.duration,
                keyframe: medium == Medium::Video && packet.is_keyframe(),
                arrival: Instant::now(),
                wall,
                wall_source,
                pts_is_known: times.is_known,
                data: Arc::new(packet),
            }));
        }
    }

    /// The next packet of the chosen streams as FFmpeg gives it; None at the end. Sound does
    /// not extend the time that a camera has for its next picture.
    fn next_packet(&mut self) -> Result<Option<(Medium, AvPacket)>, MediaError> {
        let no_memory = |_| MediaError::out_of_memory(self.spec.name());
        let mut packet = AvPacket::new().map_err(no_memory)?;
        let began = Instant::now();
        let left = self.silence.map(|limit| limit.saturating_sub(self.without_picture));
        self.input.interrupt().set_limit(left);
        let audio = self.audio.as_ref().map(|audio| audio.index);
        loop {
            if self.stop.is_stopped() {
                return Err(MediaError::stopped(self.spec.name()));
            }
            match self.input.read(&mut packet) {
                // What comes once the time is up is half a packet, or what a parser held back
                // for as long; or sound, with which FFmpeg never looks at the clock.
                Ok(()) if self.input.interrupt().has_expired() => {
                    return Err(self.read_error(AvError::GIVEN_UP));
                }
                Ok(()) if packet.stream_index() == self.stream.index => {
                    self.without_picture = Duration::ZERO;
                    return Ok(Some((Medium::Video, packet)));
                }
                Ok(()) if Some(packet.stream_index()) == audio => {
                    self.without_picture += began.elapsed();
                    return Ok(Some((Medium::Audio, packet)));
                }
                Ok(()) => packet.clear(),
                // Devices are asked without blocking, since FFmpeg could not be interrupted.
                Err(AvError::AGAIN) if !self.input.interrupt().has_expired() => {
                    if self.stop.wait(Duration::from_millis(5)) {
                        return Err(MediaError::stopped(self.spec.name()));
                    }
                }
                Err(AvError::END) if !self.endless && !self.input.interrupt().has_expired() => {
                    return Ok(None);
                }
                Err(error) => return Err(self.read_error(error)),
            }
        }
    }

    /// Whether a live stream goes on with another header than it began with. Decoders would
    /// take it, but files and streams made of the packets begin with the old one.
    fn is_changed(&self, packet: &AvPacket) -> bool {
        let new = packet.new_extradata().filter(|_| !self.spec.is_file());
        new.is_some_and(|new| !new.is_empty() && new != self.info.extradata())
    }

    /// Whether packets are damaged only where the source ends. On RTP a lost datagram damages
    /// a packet in the middle, and the decoder makes the best of it.
    fn comes_whole(&self) -> bool {
        use SourceKind as K;
        matches!(self.spec.kind, K::File(_) | K::Http(_) | K::Rtmp(_))
    }

    fn read_error(&self, error: AvError) -> MediaError {
        let name = self.spec.name();
        if self.stop.is_stopped() {
            return MediaError::stopped(name);
        }
        // Where the limit cuts a packet in two, FFmpeg gives its first half, and only to the
        // next call, which has a limit of its own, that it gave up.
        if self.input.interrupt().has_expired() || error == AvError::GIVEN_UP {
            let limit = self.silence.unwrap_or_default().as_secs_f64();
            return MediaError::new(
                ErrorKind::Timeout,
                name,
                format!("connected, but no picture came for {limit:.1} s"),
                "check the camera and the network",
            );
        }
        if self.spec.is_file() && error == AvError::INVALID_DATA {
            return self.cut_off_error();
        }
        if matches!(self.spec.kind, SourceKind::Http(_)) && error == AvError::END {
            return MediaError::new(
                ErrorKind::Unreachable,
                name,
                "the live stream ended, or its server went away",
                "check the camera, or try again later",
            );
        }
        MediaError::from_network(name, error)
    }

    /// Whether a file ended before all packets came that its index names.
    fn is_cut_off(&self) -> bool {
        self.spec.is_file() && self.in_this_pass < self.input.indexed_packets(self.stream.index)
    }

    /// FFmpeg passes over segments that it can't fetch. Their stated lengths may be rounded.
    fn missing_segments(&self) -> Option<MediaError> {
        let stated = self.info.duration.filter(|_| self.info.container == "hls")?;
        let got = self.clock.length();
        (got + stated / 10 + Duration::from_secs(1) < stated).then(|| {
            let (got, stated) = (got.as_secs_f64(), stated.as_secs_f64());
            MediaError::new(
                ErrorKind::Unreachable,
                self.spec.name(),
                format!("after {got:.1} s of {stated:.1} s the rest could not be fetched"),
                "check the server, or try again later",
            )
        })
    }

    fn cut_off_error(&self) -> MediaError {
        MediaError::new(
            ErrorKind::Corrupt,
            self.spec.name(),
            format!("damaged or cut off after {} pictures", self.in_this_pass),
            "copy or record it again; what came before is good",
        )
    }

    /// Opens the file anew at its end: right for every container, also those in which FFmpeg
    /// can't seek, and cheap for files.
    fn start_again(&mut self) -> Result<(), MediaError> {
        let Opened { input, stream, audio, .. } = open_streams(&self.spec, &self.stop)?;
        if stream.parameters.codec_name() != self.info.codec
            || stream.time_base != self.stream.time_base
        {
            return Err(MediaError::new(
                ErrorKind::Corrupt,
                self.spec.name(),
                "the file was replaced by another kind of video while it was played",
                "start this source again",
            ));
        }
        self.clock.start_again(&stream);
        self.in_this_pass = 0;
        (self.input, self.stream) = (input, stream);
        self.audio = audio.filter(|_| self.audio.is_some());
        Ok(())
    }

    fn wall_of(&self, times: &Times) -> (WallTime, WallSource) {
        let now: WallTime = SystemTime::now().into();
        if self.spec.is_file() && !self.spec.paced {
            let since = Duration::from_nanos(u64::try_from(times.media.as_nanos()).unwrap_or(0));
            return (self.opened_wall + since, WallSource::Arrival);
        }
        let zero = self.input.start_wall_micros().filter(|_| !self.clock.by_arrival);
        if let (SourceKind::Rtsp(_), Some(zero)) = (&self.spec.kind, zero) {
            let sent = WallTime::from_micros(zero.saturating_add(times.raw.as_nanos() / 1000));
            if sent.since(now) < CLOCK_TRUST && now.since(sent) < CLOCK_TRUST {
                return (sent, WallSource::SenderReport);
            }
        }
        (now, WallSource::Arrival)
    }
}

/// The times of one packet.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// When to show it, from the stream's start, going on over loops.
    media: MediaTime,
    /// When to decode it, on the same clock: what pacing follows.
    decode: MediaTime,
    /// When to show it in the stream's own, unshifted time.
    raw: MediaTime,
    /// How long to show it.
    duration: Duration,
    /// Whether the stream gave `media` itself.
    is_known: bool,
}

/// Turns ticks into times that start near zero and go on where a file loops.
struct StreamClock {
    time_base: (i32, i32),
    /// Whether packets come when they were made.
    live: bool,
    /// Whether time goes by arrival, because the stream's own is none.
    by_arrival: bool,
    /// When time by arrival began, and what time it was then.
    first_arrival: Option<(Instant, MediaTime)>,
    /// Pictures in a row whose time was not later than the one before.
    standing: u32,
    /// First time stamp of this pass through the file.
    zero: Option<i64>,
    /// Added to time stamps in this pass.
    offset: i64,
    /// Where the next pass begins.
    end: i64,
    /// Assumed duration of a packet in ticks.
    interval: i64,
    last_decode: Option<i64>,
    /// Where the last piece of sound ended in the stream's own time.
    sound_end: Option<MediaTime>,
}

impl StreamClock {
    fn new(stream: &VideoStream) -> Self {
        let tick = f64::from(stream.time_base.0) / f64::from(stream.time_base.1.max(1));
        let interval = stream.frame_rate.map_or(FALLBACK_INTERVAL.as_secs_f64(), |rate| 1.0 / rate);
        Self {
            time_base: stream.time_base,
            live: false,
            by_arrival: false,
            first_arrival: None,
            standing: 0,
            zero: stream.start,
            offset: 0,
            end: i64::MIN,
            interval: if tick > 0.0 { ((interval / tick).round() as i64).max(1) } else { 1 },
            last_decode: None,
            sound_end: None,
        }
    }

    /// Whether this pass gave any packet.
    fn has_progressed(&self) -> bool {
        self.last_decode.is_some()
    }

    /// From the stream's start to the end of what was read.
    fn length(&self) -> Duration {
        self.media(self.end.max(0)).since(MediaTime::ZERO)
    }

    fn start_again(&mut self, stream: &VideoStream) {
        self.zero = stream.start;
        self.offset = self.end;
        self.last_decode = None;
        self.sound_end = None;
    }

    fn media(&self, ticks: i64) -> MediaTime {
        MediaTime::from_ticks(ticks, self.time_base.0, self.time_base.1)
    }

    /// The packet's times; moves its time stamps so that they go on over loops.
    fn times_of(&mut self, packet: &mut AvPacket, arrival: Instant) -> Times {
        let next = self.last_decode.map(|last| last.saturating_add(self.interval));
        let (pts, dts) = (packet.pts(), packet.dts());
        // A camera's first packet may lack a time; the stream's start is then that of the second.
        let before_start = self.zero.map(|zero| zero.saturating_sub(self.interval));
        let fallback = dts.or(next).or(before_start).unwrap_or(0);
        let shown = pts.unwrap_or(fallback);
        let decoded = dts.or(pts).unwrap_or(fallback);
        let zero = *self.zero.get_or_insert(shown);
        let duration = if packet.duration() > 0 { packet.duration() } else { self.interval };
        let stands = self.last_decode.is_some_and(|last| decoded == last);
        self.standing = if stands { self.standing + 1 } else { 0 };
        self.last_decode = Some(decoded);
        packet.shift(self.offset);
        if packet.duration() == 0 {
            packet.set_duration(duration);
        }
        let place = |ticks: i64| ticks.saturating_sub(zero).saturating_add(self.offset);
        let (media, decode) = (place(shown), place(decoded));
        self.end = self.end.max(media.saturating_add(duration));
        if self.live && self.standing == STANDS_STILL && !self.by_arrival {
            tracing::warn!(
                "the camera gives all pictures the same time; the time of arrival counts instead"
            );
            self.by_arrival = true;
            self.first_arrival = Some((arrival, self.media(media)));
        }
        if self.by_arrival {
            let (first, then) = *self.first_arrival.get_or_insert((arrival, MediaTime::ZERO));
            let media = then + arrival.saturating_duration_since(first);
            let duration = self.length_of(duration);
            return Times { media, decode: media, raw: media, duration, is_known: true };
        }
        Times {
            media: self.media(media),
            decode: self.media(decode),
            raw: self.media(shown),
            duration: self.length_of(duration),
            is_known: pts.is_some(),
        }
    }

    fn length_of(&self, ticks: i64) -> Duration {
        self.media(ticks).since(MediaTime::ZERO)
    }

    /// The times of a piece of sound on the pictures' clock; None while that has no zero.
    fn times_of_sound(
        &mut self,
        packet: &AvPacket,
        time_base: (i32, i32),
        arrival: Instant,
    ) -> Option<Times> {
        let time = |ticks| MediaTime::from_ticks(ticks, time_base.0, time_base.1);
        let duration = time(packet.duration()).since(MediaTime::ZERO);
        if self.by_arrival {
            let (first, then) = self.first_arrival?;
            let media = then + arrival.saturating_duration_since(first);
            return Some(Times { media, decode: media, raw: media, duration, is_known: true });
        }
        let zero = self.media(self.zero?).as_nanos();
        let offset = self.media(self.offset).as_nanos();
        let given = packet.pts().or(packet.dts()).map(time);
        let raw = given.or(self.sound_end)?;
        self.sound_end = Some(raw + duration);
        let media = raw.as_nanos().saturating_sub(zero).saturating_add(offset);
        let media = MediaTime::from_nanos(media);
        // Where sound is longer than the pictures, the next pass through a file waits for it.
        let tick = i128::from(self.time_base.0.max(1)) * 1_000_000_000;
        let end = i128::from((media + duration).as_nanos()) * i128::from(self.time_base.1) / tick;
        self.end = self.end.max(i64::try_from(end).unwrap_or(self.end));
        Some(Times { media, decode: media, raw, duration, is_known: given.is_some() })
    }
}

fn describe_audio(audio: &AudioStream, spec: &SourceSpec) -> Result<AudioInfo, MediaError> {
    let parameters = if spec.with_audio {
        let copy = audio.parameters.try_clone();
        Some(Arc::new(copy.map_err(|_error| MediaError::out_of_memory(spec.name()))?))
    } else {
        None
    };
    Ok(AudioInfo {
        codec: audio.parameters.codec_name(),
        sample_rate: audio.parameters.sample_rate(),
        channels: audio.parameters.channels(),
        parameters,
    })
}

fn copy_parameters(
    stream: &VideoStream,
    spec: &SourceSpec,
) -> Result<crate::av::CodecParameters, MediaError> {
    stream.parameters.try_clone().map_err(|_error| MediaError::out_of_memory(spec.name()))
}

struct Opened {
    input: Input,
    stream: VideoStream,
    audio: Option<AudioStream>,
    /// Whether the end of this source can only mean that something broke.
    endless: bool,
}

/// Opens the source and finds its streams.
fn open_streams(spec: &SourceSpec, stop: &Stop) -> Result<Opened, MediaError> {
    let started = Instant::now();
    let mut is_known = false;
    let mut input = match &spec.kind {
        SourceKind::File(path) => open_file(spec, path, stop)?,
        SourceKind::Rtsp(url) => {
            is_known = true;
            open_rtsp(spec, url, stop)?
        }
        SourceKind::Rtmp(url) => {
            open_url(spec, url, None, &live_options(&[("rtmp_live", "live")]), stop)?
        }
        SourceKind::Http(url) => open_url(spec, url, None, &live_options(&[]), stop)?,
        SourceKind::V4l2(device) => {
            open_url(spec, device, Some("video4linux2"), &live_options(&[]), stop)?
        }
        SourceKind::Producer(_) | SourceKind::Relay(_) => {
            return Err(MediaError::new(
                ErrorKind::Internal,
                spec.name(),
                "it is not read by FFmpeg",
                "report this as a bug",
            ));
        }
    };
    let endless = match spec.kind {
        SourceKind::File(_) => false,
        // A live HLS list, motion JPEG and the like.
        SourceKind::Http(_) => !input.has_known_end(),
        _ => true,
    };
    let name = spec.name();
    // An MP4's header says all that is needed to decode; looking into the packets would decode
    // some. Whoever wants sound too makes files or streams of the packets and must know more:
    // how many pictures are reordered.
    let container = input.format_name();
    let has_header =
        !spec.with_audio && (container.starts_with("mov,mp4") || container.starts_with("matroska"));
    is_known |= spec.is_file() && has_header && input.header_says_all();
    if !is_known {
        let left = spec.open_timeout.saturating_sub(started.elapsed());
        let limit = (!spec.is_file()).then_some(left);
        find_streams(&mut input, limit, stop).map_err(|failure| failure.into_error(spec))?;
    }
    let no_memory = |_| MediaError::out_of_memory(name);
    let audio = input.audio().map_err(no_memory)?;
    let wanted = audio.as_ref().filter(|_| spec.with_audio).map(|audio| audio.index);
    let stream = input.select_video(wanted).map_err(no_memory)?.ok_or_else(|| {
        let sound = if input.has_audio() { "only sound, no video" } else { "no video" };
        MediaError::new(
            ErrorKind::Invalid,
            name,
            format!("it has {sound} stream"),
            "give a source with pictures",
        )
    })?;
    // FFmpeg plays text files as films of a terminal.
    let codec = stream.parameters.codec_name();
    if ["none", "ansi"].contains(&codec) {
        return Err(open_error(spec, AvError::INVALID_DATA));
    }
    Ok(Opened { input, stream, audio, endless })
}

fn live_options(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    // The frame rate is not measured: it would cost up to 20 pictures of delay.
    let common = [("analyzeduration", ANALYZE_MICROS), ("fpsprobesize", "0")];
    common.iter().chain(more).map(|&(name, value)| (name, value.to_owned())).collect()
}

fn open_file(spec: &SourceSpec, path: &Path, stop: &Stop) -> Result<Input, MediaError> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = spec.name();
    let file = fs::File::open(path).map_err(|error| MediaError::from_reading(name, &error))?;
    let facts = file.metadata().map_err(|error| MediaError::from_reading(name, &error))?;
    let refuse = |kind, reason: &str, advice| Err(MediaError::new(kind, name, reason, advice));
    if facts.is_dir() {
        return refuse(ErrorKind::Invalid, "it is a folder", "give the name of a video file");
    }
    if !facts.is_file() && !spec.is_pipe {
        return refuse(
            ErrorKind::Unsupported,
            "it is no regular file",
            "give a video file, or v4l2:/dev/videoN for a camera device",
        );
    }
    if facts.len() == 0 && !spec.is_pipe {
        return refuse(ErrorKind::Corrupt, "the file is empty", "copy or record it again");
    }
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_bytes());
    let interrupt = Interrupt::new(stop);
    Input::open(&url, None, &[], interrupt).map_err(|(error, _)| {
        if stop.is_stopped() { MediaError::stopped(name) } else { open_error(spec, error) }
    })
}

/// Reads until the streams are known.
fn find_streams(input: &mut Input, limit: Option<Duration>, stop: &Stop) -> Result<(), Failure> {
    if limit.is_some() {
        input.interrupt().set_limit(limit);
    }
    let found = input.find_stream_info();
    if stop.is_stopped() {
        return Err(Failure::Stopped);
    }
    if input.interrupt().has_expired() {
        return Err(Failure::TimedOut);
    }
    found.map_err(Failure::FFmpeg)
}

/// TCP first, unless UDP is asked for: nothing gets lost on the way. Where the camera has no
/// TCP (461), FFmpeg asks for UDP in the same session; where it answers otherwise, or where
/// only one is asked for, a new session asks for the other.
fn open_rtsp(spec: &SourceSpec, url: &str, stop: &Stop) -> Result<Input, MediaError> {
    let started = Instant::now();
    let attempt = |transports: &str, limit: Duration| -> Result<Input, Failure> {
        let options = live_options(&[
            ("rtsp_transport", transports),
            ("rtsp_flags", "prefer_tcp"),
            ("max_delay", "200000"),
        ]);
        let until = Instant::now() + limit;
        let mut input = open_raw(url, None, &options, limit, stop)?;
        let left = until.saturating_duration_since(Instant::now());
        find_streams(&mut input, Some(left), stop)?;
        Ok(input)
    };
    let whole = spec.open_timeout;
    let (first, second, limit) = match spec.transport {
        Transport::Auto => ("tcp+udp", "udp", whole),
        Transport::Tcp => ("tcp", "udp", whole),
        // Datagrams that a firewall swallows must leave time for TCP.
        Transport::Udp => ("udp", "tcp", whole / 2),
    };
    let failure = match attempt(first, limit) {
        Ok(input) => return Ok(input),
        Err(failure) if failure.is_of_transport() || (limit < whole && failure.is_timeout()) => {
            failure
        }
        Err(failure) => return Err(failure.into_error(spec)),
    };
    tracing::info!(source = spec.name(), first, second, "no rtsp over the first transport");
    let mut tries = 0;
    loop {
        let left = whole.saturating_sub(started.elapsed());
        return match attempt(second, left) {
            Ok(input) => Ok(input),
            // Some cameras are still busy with the end of the first session.
            Err(Failure::FFmpeg(AvError::SERVER_ERROR))
                if tries < BUSY_TRIES && left > BUSY_PAUSE =>
            {
                tries += 1;
                if stop.wait(BUSY_PAUSE) {
                    return Err(MediaError::stopped(spec.name()));
                }
                continue;
            }
            // That the camera has no other transport either is not why the first one failed.
            Err(again) if again.is_of_transport() => Err(failure.into_error(spec)),
            Err(again) => Err(again.into_error(spec)),
        };
    }
}

/// How often a camera that is busy is asked again for another transport.
const BUSY_TRIES: u32 = 8;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

fn open_url(
    spec: &SourceSpec,
    url: &str,
    format: Option<&str>,
    options: &[(&str, String)],
    stop: &Stop,
) -> Result<Input, MediaError> {
    open_raw(url, format, options, spec.open_timeout, stop)
        .map_err(|failure| failure.into_error(spec))
}

enum Failure {
    Stopped,
    TimedOut,
    FFmpeg(AvError),
}

impl Failure {
    /// Whether the camera may only have refused the transport.
    fn is_of_transport(&self) -> bool {
        use AvError as E;
        let refusals = [E::PROTOCOL_NOT_SUPPORTED, E::INVALID_DATA, E::BAD_REQUEST, E::OTHER_4XX];
        matches!(self, Self::FFmpeg(error) if refusals.contains(error))
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    fn into_error(self, spec: &SourceSpec) -> MediaError {
        match self {
            Self::Stopped => MediaError::stopped(spec.name()),
            Self::TimedOut => open_timeout_error(spec),
            Self::FFmpeg(error) => open_error(spec, error),
        }
    }
}

fn open_raw(
    url: &str,
    format: Option<&str>,
    options: &[(&str, String)],
    limit: Duration,
    stop: &Stop,
) -> Result<Input, Failure> {
    let interrupt = Interrupt::new(stop);
    interrupt.set_limit(Some(limit));
    Input::open(url.as_bytes(), format, options, interrupt).map_err(|(error, interrupt)| {
        if stop.is_stopped() {
            Failure::Stopped
        } else if interrupt.has_expired() {
            Failure::TimedOut
        } else {
            Failure::FFmpeg(error)
        }
    })
}

fn open_timeout_error(spec: &SourceSpec) -> MediaError {
    MediaError::new(
        ErrorKind::Timeout,
        spec.name(),
        format!("no picture came within {:.1} s of opening", spec.open_timeout.as_secs_f64()),
        "check the camera and the network",
    )
}

fn open_error(spec: &SourceSpec, error: AvError) -> MediaError {
    if !spec.is_file() {
        return MediaError::from_network(spec.name(), error);
    }
    match error {
        AvError::INVALID_DATA | AvError::END | AvError::IO => MediaError::new(
            ErrorKind::Corrupt,
            spec.name(),
            "it is no video file, or it was cut off before its index was written",
            "check the file with ffprobe, or record it again",
        ),
        AvError::NO_MEMORY => MediaError::out_of_memory(spec.name()),
        other => MediaError::new(
            ErrorKind::Corrupt,
            spec.name(),
            other.text(),
            "check the file with ffprobe",
        ),
    }
}
