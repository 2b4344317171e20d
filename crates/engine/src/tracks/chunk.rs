//! Tracks as bytes: some seconds of one camera, thinned.
//!
//! Stored are the times of all pictures, exactly, and of each track the runs of its states, also
//! exactly, with as many of its boxes as a straight line between them needs ([`super::thin`]).
//! So what is read back has every picture and every track of each picture, with boxes that are
//! off by at most [`PLACE_ERROR`] and [`EXTENT_ERROR`]: the rules, which go by time and state,
//! see the same as they did live.
//!
//! Integers are variable-length (7 bits a byte, the lowest first), signed ones folded so that
//! small ones stay short. Times are differences of differences, in runs: a steady camera's
//! cost a few bytes in all.

use omma_types::{
    ClassName, FrameStamp, MediaTime, Rect, Size, Track, TrackId, TrackState, WallSource, WallTime,
};

use super::bytes::{Reader, Writer};
use super::thin::{AXES, Sample, between, keep};

/// The foot of a box (middle of its lower edge) that is read back is off by at most this
/// fraction of the picture's width, and height.
pub const PLACE_ERROR: f32 = 0.0005;

/// Width and height of a box that is read back are off by at most this fraction of the
/// picture's.
pub const EXTENT_ERROR: f32 = 0.004;

/// Pictures in one chunk, at most.
pub const MAX_PICTURES: usize = 4096;

/// Boxes in one chunk, at most; counted before thinning.
pub const MAX_BOXES: usize = 1 << 16;

/// The first byte: other forms may come.
const VERSION: u8 = 1;

/// Steps of the stored grid to the picture's width, and height.
const STEPS: f64 = 32768.0;

/// Boxes lie in and around the picture. What is farther out is stored as here.
const FARTHEST: f64 = 8.0;

/// Classes in a chunk, at most.
const MAX_CLASSES: usize = 1024;

/// A picture with the tracks as of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The picture. Its number (`seq`) is not stored: what is read back counts from 0.
    pub frame: FrameStamp,
    /// Confirmed, coasting and tentative ones.
    pub tracks: Vec<Track>,
}

/// Why stored tracks can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored tracks are damaged, or of a newer version: {0}")]
pub struct BadChunk(pub(super) &'static str);

/// A chunk as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// For [`decode`].
    pub bytes: Vec<u8>,
    /// Boxes that came in.
    pub boxes: usize,
    /// Boxes that were kept.
    pub points: usize,
}

/// One track's samples: in which picture, in which state, with which score.
struct Way<'a> {
    id: u64,
    class: &'a ClassName,
    samples: Vec<(usize, &'a Track)>,
}

/// Makes bytes of `moments`, which are in order of time, share a size and a source of the wall
/// time, and are at most [`MAX_PICTURES`] with at most [`MAX_BOXES`] tracks: what is beyond is
/// left out. So are boxes that are not valid, and second tracks of one id in a picture: the
/// rules pass over them.
pub fn encode(moments: &[Moment]) -> Encoded {
    let moments = moments.get(..MAX_PICTURES).unwrap_or(moments);
    let mut out = Writer::default();
    out.byte(VERSION);
    let stamps: Vec<FrameStamp> = moments.iter().map(|moment| moment.frame).collect();
    write_stamps(&mut out, &stamps);
    let ways = ways_of(moments);
    let mut classes: Vec<&ClassName> = ways.iter().map(|way| way.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.truncate(MAX_CLASSES);
    out.count(classes.len());
    for class in &classes {
        out.text(class.as_str());
    }
    let ways: Vec<(usize, Way<'_>)> = ways
        .into_iter()
        .filter_map(|way| Some((classes.binary_search(&way.class).ok()?, way)))
        .collect();
    out.count(ways.len());
    let (mut boxes, mut points) = (0, 0);
    for (class, way) in &ways {
        out.unsigned(way.id);
        out.count(*class);
        write_states(&mut out, &way.samples);
        boxes += way.samples.len();
        points += write_points(&mut out, &way.samples, &stamps);
    }
    Encoded { bytes: out.into_bytes(), boxes, points }
}

/// Reads what [`encode`] has written.
///
/// # Errors
/// The bytes are something else.
pub fn decode(bytes: &[u8]) -> Result<Vec<Moment>, BadChunk> {
    let mut input = Reader::new(bytes);
    if input.byte()? != VERSION {
        return Err(BadChunk("its version is not known"));
    }
    let mut moments: Vec<Moment> = read_stamps(&mut input)?
        .into_iter()
        .map(|frame| Moment { frame, tracks: Vec::new() })
        .collect();
    let count = input.count(MAX_CLASSES)?;
    let classes: Vec<ClassName> =
        (0..count).map(|_| input.text().map(ClassName::new)).collect::<Result<_, _>>()?;
    let mut left = MAX_BOXES;
    for _ in 0..input.count(MAX_BOXES)? {
        let id = TrackId(input.unsigned()?);
        let class = classes.get(input.count(MAX_CLASSES)?).ok_or(BadChunk("no such class"))?;
        let states = read_states(&mut input, moments.len())?;
        left = left.checked_sub(states.len()).ok_or(BadChunk("too many boxes"))?;
        read_points(&mut input, &states, &mut moments, |rect, score, state| Track {
            id,
            class: class.clone(),
            rect,
            score,
            state,
        })?;
    }
    if input.is_empty() { Ok(moments) } else { Err(BadChunk("there is more than it says")) }
}

/// The tracks of all pictures, each with its samples; in order of their first one, and of id.
fn ways_of(moments: &[Moment]) -> Vec<Way<'_>> {
    let mut ways: Vec<Way<'_>> = Vec::new();
    let mut known = std::collections::HashMap::new();
    let tracks = moments.iter().enumerate().flat_map(|(at, moment)| {
        moment.tracks.iter().filter(|track| track.rect.is_valid()).map(move |track| (at, track))
    });
    for (at, track) in tracks.take(MAX_BOXES) {
        let place = *known.entry((track.id, &track.class)).or_insert_with(|| {
            ways.push(Way { id: track.id.0, class: &track.class, samples: Vec::new() });
            ways.len() - 1
        });
        let Some(way) = ways.get_mut(place) else { continue };
        if way.samples.last().is_none_or(|(last, _)| *last < at) {
            way.samples.push((at, track));
        }
    }
    ways
}

fn write_stamps(out: &mut Writer, stamps: &[FrameStamp]) {
    out.count(stamps.len());
    let Some(first) = stamps.first() else { return };
    out.unsigned(u64::from(first.size.width));
    out.unsigned(u64::from(first.size.height));
    out.byte(match first.wall_source {
        WallSource::Arrival => 0,
        WallSource::SenderReport => 1,
    });
    // A camera's pace is steady, and so is the distance of its two clocks.
    let mut runs: Vec<([i64; 2], usize)> = Vec::new();
    let mut media = Steady::default();
    let mut wall = Steady::default();
    for stamp in stamps {
        let at = stamp.media.as_nanos();
        let apart = stamp.wall.as_micros().wrapping_sub(at.div_euclid(1000));
        let step = [media.step_of(at), wall.step_of(apart)];
        match runs.last_mut() {
            Some((last, count)) if *last == step => *count += 1,
            _ => runs.push((step, 1)),
        }
    }
    for (step, count) in runs {
        out.count(count);
        step.into_iter().for_each(|number| out.signed(number));
    }
}

fn read_stamps(input: &mut Reader<'_>) -> Result<Vec<FrameStamp>, BadChunk> {
    let count = input.count(MAX_PICTURES)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let side = |number: u64| {
        u32::try_from(number).map_err(|_too_large| BadChunk("no picture is so large"))
    };
    let size = Size::new(side(input.unsigned()?)?, side(input.unsigned()?)?);
    let wall_source = match input.byte()? {
        0 => WallSource::Arrival,
        1 => WallSource::SenderReport,
        _ => return Err(BadChunk("its source of time is not known")),
    };
    let mut stamps = Vec::with_capacity(count);
    let mut media = Steady::default();
    let mut wall = Steady::default();
    while stamps.len() < count {
        let run = input.count(count - stamps.len())?;
        if run == 0 {
            return Err(BadChunk("a run without length"));
        }
        let (media_step, wall_step) = (input.signed()?, input.signed()?);
        for _ in 0..run {
            let at = media.value_at(media_step);
            let apart = wall.value_at(wall_step);
            stamps.push(FrameStamp {
                seq: stamps.len() as u64,
                media: MediaTime::from_nanos(at),
                wall: WallTime::from_micros(apart.wrapping_add(at.div_euclid(1000))),
                wall_source,
                size,
            });
        }
    }
    Ok(stamps)
}

/// A series whose steps hardly change; stored is by how much they do. The first number is a
/// step from 0, and does not make the second one's.
#[derive(Default)]
struct Steady {
    seen: u8,
    value: i64,
    step: i64,
}

impl Steady {
    fn step_of(&mut self, value: i64) -> i64 {
        let step = value.wrapping_sub(self.value);
        let change = step.wrapping_sub(self.step);
        self.take(value, step);
        change
    }

    fn value_at(&mut self, change: i64) -> i64 {
        let step = change.wrapping_add(self.step);
        let value = self.value.wrapping_add(step);
        self.take(value, step);
        value
    }

    fn take(&mut self, value: i64, step: i64) {
        self.value = value;
        self.step = if self.seen == 0 { 0 } else { step };
        self.seen = 1;
    }
}

const ABSENT: u8 = 3;

fn state_number(state: TrackState) -> u8 {
    match state {
        TrackState::Tentative => 0,
        TrackState::Confirmed => 1,
        TrackState::Coasting => 2,
    }
}

/// Runs of states from the first picture on, each as its length and the state in the lowest two
/// bits; ends with a 0.
fn write_states(out: &mut Writer, samples: &[(usize, &Track)]) {
    let mut runs: Vec<(u8, u64)> = Vec::new();
    let mut add = |state, length| match runs.last_mut() {
        Some((last, count)) if *last == state => *count += length,
        _ => runs.push((state, length)),
    };
    let mut next = 0;
    for (at, track) in samples {
        if *at > next {
            add(ABSENT, (*at - next) as u64);
        }
        add(state_number(track.state), 1);
        next = at + 1;
    }
    for (state, length) in runs {
        out.unsigned(length << 2 | u64::from(state));
    }
    out.unsigned(0);
}

/// In which pictures a track is, and in which state.
fn read_states(
    input: &mut Reader<'_>,
    pictures: usize,
) -> Result<Vec<(usize, TrackState)>, BadChunk> {
    let mut states = Vec::new();
    let mut next = 0;
    loop {
        let word = input.unsigned()?;
        if word == 0 {
            break;
        }
        let length = usize::try_from(word >> 2).unwrap_or(usize::MAX);
        if length == 0 || length > pictures - next {
            return Err(BadChunk("a track outlives its pictures"));
        }
        let state = match word & 3 {
            0 => Some(TrackState::Tentative),
            1 => Some(TrackState::Confirmed),
            2 => Some(TrackState::Coasting),
            _ => None,
        };
        if let Some(state) = state {
            states.extend((next..next + length).map(|at| (at, state)));
        }
        next += length;
    }
    if states.is_empty() { Err(BadChunk("a track without a box")) } else { Ok(states) }
}

/// Foot and extent on the stored grid.
fn place_of(rect: &Rect) -> [i32; AXES] {
    let (left, width) = (f64::from(rect.left), f64::from(rect.width));
    let (top, height) = (f64::from(rect.top), f64::from(rect.height));
    [left + width / 2.0, top + height, width, height]
        .map(|number| (number.clamp(-FARTHEST, FARTHEST) * STEPS).round() as i32)
}

fn rect_at(place: [f64; AXES]) -> Rect {
    let [x, bottom, width, height] = place.map(|steps| steps / STEPS);
    let (left, top) = ((x - width / 2.0) as f32, (bottom - height) as f32);
    // An empty box is one that the rules don't take.
    let least = 1.0 / STEPS as f32;
    Rect::new(left, top, (width as f32).max(least), (height as f32).max(least))
}

/// What thinning may add to half a step of the grid.
fn bounds() -> [f64; AXES] {
    let steps = |error: f32| f64::from(error) * STEPS - 0.6;
    [steps(PLACE_ERROR), steps(PLACE_ERROR), steps(EXTENT_ERROR), steps(EXTENT_ERROR)]
}

/// Writes the boxes that are needed, and returns how many those are. The first one stands for
/// the track's first sample; each further one begins with how many samples later it is.
fn write_points(out: &mut Writer, samples: &[(usize, &Track)], stamps: &[FrameStamp]) -> usize {
    let media = |at: usize| stamps.get(at).map_or(0, |stamp| stamp.media.as_nanos());
    let places: Vec<Sample> = samples
        .iter()
        .map(|(at, track)| Sample { at: media(*at), place: place_of(&track.rect) })
        .collect();
    let kept = keep(&places, bounds());
    let mut before = [0; AXES];
    let mut last = 0;
    for index in &kept {
        let (Some(sample), Some((_, track))) = (places.get(*index), samples.get(*index)) else {
            continue;
        };
        if *index > 0 {
            out.count(index - last);
        }
        for (now, before) in sample.place.iter().zip(before) {
            out.signed(i64::from(*now) - i64::from(before));
        }
        out.byte((track.score.clamp(0.0, 1.0) * 255.0).round() as u8);
        (before, last) = (sample.place, *index);
    }
    kept.len()
}

fn read_points(
    input: &mut Reader<'_>,
    states: &[(usize, TrackState)],
    moments: &mut [Moment],
    track: impl Fn(Rect, f32, TrackState) -> Track,
) -> Result<(), BadChunk> {
    let mut place = [0i32; AXES];
    let mut start: Option<(Sample, f32)> = None;
    let mut next = 0;
    while next < states.len() {
        let index = match start {
            None => 0,
            Some(_) => next - 1 + input.count(states.len() - next)?,
        };
        if index < next {
            return Err(BadChunk("two points of one moment"));
        }
        for number in &mut place {
            let change = i32::try_from(input.signed()?).ok();
            let sum = change.and_then(|change| number.checked_add(change));
            *number = sum.ok_or(BadChunk("a point far out"))?;
        }
        let score = f32::from(input.byte()?) / 255.0;
        let media = states
            .get(index)
            .and_then(|(at, _)| moments.get(*at))
            .map_or(0, |moment| moment.frame.media.as_nanos());
        let end = Sample { at: media, place };
        let (from, score_before) = start.unwrap_or((end, score));
        for (sample, (at, state)) in states.iter().enumerate().take(index + 1).skip(next) {
            let Some(moment) = moments.get_mut(*at) else { continue };
            let (rect, score) = if sample == index {
                (rect_at(end.place.map(f64::from)), score)
            } else {
                let now = moment.frame.media.as_nanos();
                (rect_at(between(&from, &end, now)), score_before)
            };
            moment.tracks.push(track(rect, score, *state));
        }
        start = Some((end, score));
        next = index + 1;
    }
    Ok(())
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
