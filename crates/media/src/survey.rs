//! What a camera really sends, as seen for a few seconds, and what to change about it.

use std::time::{Duration, Instant};

use omma_types::{MediaTime, WallSource};

use crate::{MediaError, Medium, Packet, Source, SourceSpec, Stop, StreamInfo};

/// What a source sent while it was watched.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What the source says of itself.
    pub info: StreamInfo,
    /// From the attempt to open it to the first picture that can be decoded.
    pub first_picture: Duration,
    /// How much of the stream was seen, in its own time.
    pub watched: Duration,
    /// Pictures seen.
    pub pictures: u64,
    /// Pictures a second by their time stamps.
    pub frame_rate: Option<f64>,
    /// Whether pictures come at uneven distances.
    pub variable_rate: bool,
    /// The longest way from one keyframe to the next.
    pub gop: Gop,
    /// Whether pictures are decoded in another order than shown.
    pub b_frames: bool,
    /// Bits a second of the pictures: on average, and in the fullest second.
    pub bit_rate: (u64, u64),
    /// How late pictures come, measured by their time stamps, 95 of 100; None for sources
    /// that are not live.
    pub jitter: Option<Duration>,
    /// Bits a second of the sound, where any came.
    pub sound_bit_rate: Option<u64>,
    /// Where the wall time of pictures comes from.
    pub clock: WallSource,
    /// Why it ended early.
    pub broke_off: Option<String>,
    /// The first keyframe.
    pub keyframe: Option<Packet>,
    /// What to change, one sentence each.
    pub advice: Vec<String>,
}

/// A distance between keyframes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gop {
    /// In time.
    pub duration: Duration,
    /// In pictures.
    pub pictures: u64,
    /// Whether the next keyframe did not come while watching, so that it is longer.
    pub at_least: bool,
}

/// Watches a source for so long.
///
/// # Errors
/// Where it can't be opened, or sends no keyframe.
pub fn survey(spec: &SourceSpec, duration: Duration, stop: &Stop) -> Result<Survey, MediaError> {
    let started = Instant::now();
    let spec = spec.clone().with_audio(true).paced(false);
    let mut source = Source::open(&spec, stop)?;
    let mut seen = Seen::new(!spec.is_file());
    let (mut first_picture, mut keyframe) = (None, None);
    let mut broke_off = None;
    loop {
        match source.read() {
            Ok(Some(packet)) => {
                if packet.keyframe && first_picture.is_none() {
                    first_picture = Some(Instant::now());
                    keyframe = Some(packet.clone());
                }
                seen.take(&packet);
            }
            Ok(None) => break,
            Err(error) if first_picture.is_none() || error.is_stopped() => return Err(error),
            Err(error) => {
                broke_off = Some(error.reason().to_owned());
                break;
            }
        }
        let since = first_picture.map(|first: Instant| first.elapsed());
        let live_is_over = !spec.is_file() && since.is_some_and(|since| since >= duration);
        let waits_in_vain = first_picture.is_none() && started.elapsed() > NO_KEYFRAME + duration;
        if live_is_over || seen.watched() >= duration || waits_in_vain {
            break;
        }
    }
    let Some(first_picture) = first_picture else {
        return Err(MediaError::new(
            omma_types::ErrorKind::Corrupt,
            spec.name(),
            "it sends no keyframe, so nothing can be decoded",
            "set a distance between keyframes on the camera",
        ));
    };
    let mut survey = seen.summarize(source.info(), first_picture - started, broke_off);
    survey.advice = advice(&survey);
    survey.keyframe = keyframe;
    Ok(survey)
}

/// How long to wait for a first keyframe, beside the time for watching.
const NO_KEYFRAME: Duration = Duration::from_secs(20);

/// What is remembered of the packets.
struct Seen {
    is_live: bool,
    /// Times of showing and sizes, from the first keyframe on.
    pictures: Vec<(MediaTime, usize)>,
    /// When they came, in the order of coming.
    arrivals: Vec<(Instant, MediaTime)>,
    /// Indices of keyframes in `pictures`.
    keyframes: Vec<usize>,
    newest: MediaTime,
    b_frames: bool,
    sound_bytes: u64,
    clock: WallSource,
}

/// Seconds are enough; a flood of packets must not fill the memory.
const MAX_PICTURES: usize = 100_000;

impl Seen {
    fn new(is_live: bool) -> Self {
        Self {
            is_live,
            pictures: Vec::new(),
            arrivals: Vec::new(),
            keyframes: Vec::new(),
            newest: MediaTime::ZERO,
            b_frames: false,
            sound_bytes: 0,
            clock: WallSource::Arrival,
        }
    }

    fn take(&mut self, packet: &Packet) {
        if packet.medium == Medium::Audio {
            self.sound_bytes += packet.len() as u64;
            return;
        }
        if (self.pictures.is_empty() && !packet.keyframe) || self.pictures.len() == MAX_PICTURES {
            return;
        }
        if packet.keyframe {
            self.keyframes.push(self.pictures.len());
        }
        if self.pictures.is_empty() {
            self.newest = packet.pts;
        }
        self.b_frames |= packet.pts < self.newest;
        self.newest = self.newest.max(packet.pts);
        self.clock = packet.wall_source;
        self.pictures.push((packet.pts, packet.len()));
        self.arrivals.push((packet.arrival, packet.dts));
    }

    fn watched(&self) -> Duration {
        self.pictures.first().map_or(Duration::ZERO, |(first, _)| self.newest.since(*first))
    }

    fn summarize(
        &self,
        info: &StreamInfo,
        first_picture: Duration,
        broke_off: Option<String>,
    ) -> Survey {
        let watched = self.watched();
        let mut times: Vec<MediaTime> = self.pictures.iter().map(|(time, _)| *time).collect();
        times.sort();
        let steps: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        let seconds = watched.as_secs_f64();
        let frame_rate = (seconds > 0.0).then(|| steps.len() as f64 / seconds);
        let bytes: u64 = self.pictures.iter().map(|(_, bytes)| *bytes as u64).sum();
        // The last picture's length is not known; it lasts as long as the others.
        let length = seconds + frame_rate.map_or(0.0, |rate| 1.0 / rate);
        let rate = |bytes: u64| {
            if length > 0.0 { (bytes as f64 * 8.0 / length).round() as u64 } else { 0 }
        };
        Survey {
            info: info.clone(),
            first_picture,
            watched,
            pictures: self.pictures.len() as u64,
            frame_rate,
            variable_rate: is_uneven(&steps),
            gop: self.gop(),
            b_frames: self.b_frames,
            bit_rate: (rate(bytes), self.fullest_second().max(rate(bytes))),
            jitter: if self.is_live { self.jitter() } else { None },
            sound_bit_rate: (self.sound_bytes > 0).then(|| rate(self.sound_bytes)),
            clock: self.clock,
            broke_off,
            keyframe: None,
            advice: Vec::new(),
        }
    }

    fn gop(&self) -> Gop {
        let time = |index: usize| self.pictures.get(index).map_or(self.newest, |(time, _)| *time);
        let whole = self.keyframes.windows(2).map(|pair| Gop {
            duration: time(pair[1]).since(time(pair[0])),
            pictures: (pair[1] - pair[0]) as u64,
            at_least: false,
        });
        let last = self.keyframes.last().copied().unwrap_or(0);
        let open = Gop {
            duration: self.newest.since(time(last)),
            pictures: (self.pictures.len() - last) as u64,
            at_least: true,
        };
        let longest = whole.max_by(|a, b| a.duration.cmp(&b.duration));
        longest.filter(|gop| gop.duration >= open.duration).unwrap_or(open)
    }

    /// Bits in the fullest second.
    fn fullest_second(&self) -> u64 {
        let (mut fullest, mut sum, mut oldest) = (0, 0, 0);
        for (time, bytes) in &self.pictures {
            sum += *bytes as u64 * 8;
            while let Some((old, bytes)) = self.pictures.get(oldest)
                && time.since(*old) >= Duration::from_secs(1)
            {
                sum -= *bytes as u64 * 8;
                oldest += 1;
            }
            fullest = fullest.max(sum);
        }
        fullest
    }

    /// How much later than the earliest pictures come, by their time stamps. What was read to
    /// get to know the stream comes in one go and does not count.
    fn jitter(&self) -> Option<Duration> {
        let in_time = self.arrivals.windows(2).position(|pair| {
            let came = pair[1].0.saturating_duration_since(pair[0].0);
            came * 2 >= pair[1].1.since(pair[0].1)
        })?;
        let arrivals = self.arrivals.get(in_time + 1..)?;
        let (begin, zero) = *arrivals.first()?;
        let mut late: Vec<f64> = arrivals
            .iter()
            .map(|(at, time)| {
                let came = at.saturating_duration_since(begin).as_secs_f64();
                came - (time.as_secs_f64() - zero.as_secs_f64())
            })
            .collect();
        late.sort_by(f64::total_cmp);
        let earliest = *late.first()?;
        let most = *late.get((late.len() - 1) * 95 / 100)?;
        Duration::try_from_secs_f64(most - earliest).ok()
    }
}

/// Whether one of ten pictures or more is off by a quarter of the usual distance.
fn is_uneven(steps: &[Duration]) -> bool {
    let mut sorted = steps.to_vec();
    sorted.sort();
    let Some(usual) = sorted.get(sorted.len() / 2).map(Duration::as_secs_f64) else {
        return false;
    };
    let off = sorted.iter().filter(|step| (step.as_secs_f64() - usual).abs() > usual / 4.0);
    off.count() * 10 >= sorted.len()
}

/// Until the next keyframe a new viewer sees nothing, and a recording can't be cut.
const LONG_GOP: Duration = Duration::from_secs(4);
/// Detectors look at 640x640; larger pictures cost time and gain little.
const LARGE: u64 = 2560 * 1440;

fn advice(survey: &Survey) -> Vec<String> {
    let info = &survey.info;
    let mut advice = Vec::new();
    let mut say = |text: String| advice.push(text);
    if let Some(reason) = &survey.broke_off {
        say(format!("the stream broke off while it was watched: {reason}"));
    }
    let gop = survey.gop;
    if gop.duration > LONG_GOP {
        let seconds = gop.duration.as_secs_f64();
        let least = if gop.at_least { "at least " } else { "" };
        say(format!(
            "keyframes are {least}{seconds:.1} s apart: late viewers wait as long, recordings \
             are cut no finer, and the ring holds less; set 1 to 2 s"
        ));
    }
    if survey.b_frames {
        say("it sends B-frames, which delay each picture by a few others; switch them off, or \
             set the profile to Baseline"
            .to_owned());
    }
    if survey.variable_rate {
        say("pictures come at uneven distances; set a constant frame rate".to_owned());
    }
    if let (Some(told), Some(seen)) = (info.frame_rate, survey.frame_rate)
        && (told - seen).abs() > seen / 10.0
    {
        say(format!("it announces {told:.1} pictures a second and sends {seen:.1}"));
    }
    if info.size.is_some_and(|size| u64::from(size.width) * u64::from(size.height) >= LARGE) {
        say("its pictures are large; name the camera's smaller stream as `detect_url`, which \
             costs a fraction to decode"
            .to_owned());
    }
    match info.codec {
        "h264" => {}
        "hevc" => say("not every browser plays H.265, and RTMP can't carry it; set H.264 where \
                       that matters"
            .to_owned()),
        "mjpeg" => say("motion JPEG needs many times the space of H.264, and browsers don't \
                        play recordings of it; set H.264"
            .to_owned()),
        other => say(format!("browsers may not play {other}; set H.264")),
    }
    match &info.audio {
        None => say("it sends no sound".to_owned()),
        Some(_) if survey.sound_bit_rate.is_none() => {
            say("it announces sound but sends none".to_owned());
        }
        Some(audio) if audio.codec == "aac" => {}
        Some(audio) => say(format!(
            "its sound is {}, which is turned into AAC for recordings and pass-through; set AAC \
             to have it copied",
            audio.codec
        )),
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::tests::film;

    /// What would be said of these times of showing, in milliseconds.
    fn seen(times: &[i64], keyframe_every: usize) -> Survey {
        let (info, packets) = film(1);
        let mut seen = Seen::new(true);
        let start = Instant::now();
        for (index, time) in times.iter().enumerate() {
            let mut packet = packets[0].clone();
            packet.pts = MediaTime::from_nanos(time * 1_000_000);
            packet.dts = packet.pts;
            packet.keyframe = index % keyframe_every == 0;
            packet.arrival = start + Duration::from_millis(u64::try_from(*time).unwrap());
            seen.take(&packet);
        }
        let mut survey = seen.summarize(&info, Duration::ZERO, None);
        survey.advice = advice(&survey);
        survey
    }

    fn even(count: i64, step: i64) -> Vec<i64> {
        (0..count).map(|at| at * step).collect()
    }

    #[test]
    fn a_sound_camera_gets_no_advice_but_for_its_sound() {
        let survey = seen(&even(100, 40), 50);
        assert_eq!(survey.frame_rate, Some(25.0));
        let gop = Gop { duration: Duration::from_secs(2), pictures: 50, at_least: false };
        assert_eq!(survey.gop, gop);
        assert_eq!(survey.jitter, Some(Duration::ZERO));
        assert_eq!(survey.advice, ["it sends no sound"]);
        let (mean, peak) = survey.bit_rate;
        assert!(mean > 0 && mean.abs_diff(peak) < mean / 20, "{mean} {peak}");
    }

    #[test]
    fn long_groups_b_frames_lies_and_uneven_pictures_are_told() {
        let words = |survey: &Survey, word: &str| survey.advice.iter().any(|a| a.contains(word));
        let survey = seen(&even(125, 40), 1000);
        assert!(survey.gop.at_least && words(&survey, "at least 5.0 s apart"), "{survey:?}");
        assert!(words(&seen(&even(250, 40), 125), "are 5.0 s apart"));
        assert!(words(&seen(&[0, 120, 40, 80, 240, 160, 200], 50), "B-frames"));
        assert!(words(&seen(&even(60, 80), 25), "announces 25.0 pictures a second and sends 12.5"));
        let uneven: Vec<i64> = (0..50).map(|at| at * 40 + (at % 2) * 20).collect();
        let survey = seen(&uneven, 50);
        assert!(survey.variable_rate && words(&survey, "uneven"), "{survey:?}");
    }

    #[test]
    fn nothing_seen_is_no_reason_to_panic() {
        for times in [&[][..], &[0], &[40, 40]] {
            let survey = seen(times, 1);
            assert!(!survey.variable_rate && survey.bit_rate.1 >= survey.bit_rate.0);
        }
    }
}
