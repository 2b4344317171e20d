//! Another process goes on in the place of one that was killed: from what the first one saved
//! last, the second must give exactly what the first would have given.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]
#![allow(clippy::print_stderr, reason = "says what was measured")]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use omma_engine::{Pipeline, SavedError};
use omma_rules::{Counts, Line, Zone};
use omma_testkit::data;
use omma_track::mot;
use omma_types::{
    CameraId, ClassName, Detection, Event, EventIds, FrameStamp, MediaTime, Point, Rect, Size,
    StageTimings, Track, TrackId, WallSource, WallTime,
};
use proptest::prelude::*;

/// One picture and what was detected in it.
type Picture = (FrameStamp, Vec<Detection>);

/// Everything that a pipeline shows to the outside.
#[derive(Debug, PartialEq)]
struct Shown {
    tracks: Vec<Vec<Track>>,
    events: Vec<Event>,
    counts: Counts,
    tails: HashMap<TrackId, Vec<Point>>,
}

fn stamp(seq: u64, secs: f64) -> FrameStamp {
    FrameStamp {
        seq,
        media: MediaTime::from_secs_f64(secs),
        wall: WallTime::from_millis(1_700_000_000_000 + seq as i64 * 40),
        wall_source: WallSource::SenderReport,
        size: Size::new(768, 576),
    }
}

fn line(name: &str, from: (f32, f32), to: (f32, f32)) -> Line {
    Line::new(name, Point::new(from.0, from.1), Point::new(to.0, to.1)).unwrap()
}

fn lines() -> Vec<Line> {
    vec![
        line("path-mid", (0.50, 0.30), (0.50, 0.95)),
        line("path-left", (0.25, 0.30), (0.25, 0.75)).with_classes(vec![ClassName::new("person")]),
        line("road-top", (0.10, 0.50), (1.00, 0.45)),
    ]
}

fn zones() -> Vec<Zone> {
    let corners = [(0.3, 0.3), (0.8, 0.35), (0.75, 0.9), (0.3, 0.8)];
    let corners = corners.map(|(x, y)| Point::new(x, y)).to_vec();
    vec![Zone::new("square", corners).unwrap().with_dwell(Some(Duration::from_secs(1)))]
}

/// A pipeline as a process makes it at its start; each process has a seed of its own.
fn pipeline(seed: u64, lines: Vec<Line>) -> Pipeline {
    let camera = CameraId::new("door").unwrap();
    Pipeline::new(camera, 0.6, lines, zones(), EventIds::new(seed)).unwrap()
}

/// Shows `pictures` to `pipeline`, the end too, and collects what it says.
fn shown(pipeline: &mut Pipeline, pictures: &[Picture]) -> Shown {
    let mut timings = StageTimings::default();
    let (mut tracks, mut events) = (Vec::new(), Vec::new());
    for (stamp, detections) in pictures {
        let (now, happened) = pipeline.digest(stamp, detections, &mut timings);
        tracks.push(now);
        events.extend(happened);
    }
    let tails = pipeline.tails();
    events.extend(pipeline.finish());
    Shown { tracks, events, counts: pipeline.counts(), tails }
}

/// The same numbers for the same seed (SplitMix64), 0 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z ^ (z >> 27)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Somebody who walks: start, velocity, and whether it is a person.
type Walker = (f32, f32, f32, f32, bool);

/// What a bad detector says of walkers: boxes tremble, are missed, doubled and doubtful, and
/// the stream's clock steps back once where `jump` says so.
fn scene(
    walkers: &[Walker],
    pictures: u64,
    fps: f64,
    seed: u64,
    jump: Option<u64>,
) -> Vec<Picture> {
    let mut noise = Noise(seed);
    let mut picture = |seq: u64| {
        let back = if jump.is_some_and(|at| seq >= at) { 7.5 } else { 0.0 };
        let at = seq as f64 / fps;
        let mut detections = Vec::new();
        for &(x, y, vx, vy, person) in walkers {
            if noise.next() < 0.2 {
                continue;
            }
            let mut tremble = || (noise.next() - 0.5) * 0.01;
            let place = |start: f32, speed: f32| {
                let way = (start + speed * at as f32).rem_euclid(2.0);
                if way > 1.0 { 2.0 - way } else { way }
            };
            let (left, top) = (place(x, vx) + tremble() - 0.03, place(y, vy) + tremble() - 0.2);
            let rect = Rect::new(left, top, 0.06 + tremble(), 0.2 + tremble());
            let class = ClassName::new(if person { "person" } else { "dog" });
            detections.push(Detection { rect, class, score: 0.3 + 0.7 * noise.next() });
        }
        (stamp(seq, at - back), detections)
    };
    (0..pictures).map(&mut picture).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn who_takes_over_goes_on_as_the_first_would_have(
        walkers in prop::collection::vec(
            (0.0f32..1.0, 0.2f32..1.0, -0.4f32..0.4, -0.1f32..0.1, any::<bool>()), 1..9),
        pictures in 2u64..160, fps in 3.0f64..30.0, seed in any::<u64>(),
        jump in prop::option::of(1u64..160), cut in 0.0f64..1.0,
    ) {
        let pictures = scene(&walkers, pictures, fps, seed, jump);
        let (before, after) = pictures.split_at((pictures.len() as f64 * cut) as usize);
        let mut first = pipeline(1, lines());
        for (stamp, detections) in before {
            first.digest(stamp, detections, &mut StageTimings::default());
        }
        let saved = first.save();
        let mut second = pipeline(2, lines());
        second.restore(&saved).unwrap();
        prop_assert_eq!(second.save(), saved);
        prop_assert_eq!(second.counts(), first.counts());
        prop_assert_eq!(second.tails(), first.tails());
        prop_assert_eq!(shown(&mut second, after), shown(&mut first, after));
    }

    #[test]
    fn damaged_bytes_are_refused_and_change_nothing(
        at in any::<prop::sample::Index>(), flip in 1u8.., keep in any::<prop::sample::Index>(),
    ) {
        let pictures = scene(&[(0.1, 0.5, 0.3, 0.0, true)], 40, 10.0, 3, None);
        let mut pipeline = pipeline(1, lines());
        for (stamp, detections) in &pictures {
            pipeline.digest(stamp, detections, &mut StageTimings::default());
        }
        let saved = pipeline.save();
        let mut damaged = saved.clone();
        damaged[at.index(saved.len())] ^= flip;
        prop_assert!(pipeline.restore(&damaged).is_err());
        prop_assert!(pipeline.restore(&saved[..keep.index(saved.len())]).is_err());
        prop_assert_eq!(pipeline.save(), saved);
    }

    #[test]
    fn forged_bytes_with_the_right_sum_do_no_harm(
        at in any::<prop::sample::Index>(), flip in 1u8.., more in any::<prop::sample::Index>(),
    ) {
        let pictures = scene(&[(0.1, 0.5, 0.3, 0.0, true), (0.8, 0.6, -0.3, 0.0, true)], 80, 10.0, 3, None);
        let mut first = pipeline(1, lines());
        for (stamp, detections) in &pictures[..40] {
            first.digest(stamp, detections, &mut StageTimings::default());
        }
        let mut forged = first.save();
        for at in [at, more] {
            let place = 12 + at.index(forged.len() - 12);
            forged[place] ^= flip;
        }
        let sum = forged[12..].iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        forged[4..12].copy_from_slice(&sum.to_le_bytes());
        let mut second = pipeline(2, lines());
        // Taken or refused: whatever comes after it, nothing panics.
        if second.restore(&forged).is_err() {
            prop_assert_eq!(second.save(), pipeline(2, lines()).save());
        }
        shown(&mut second, &pictures[40..]);
    }
}

#[test]
fn foreign_bytes_and_other_cameras_are_told_apart() {
    let mut pipeline = pipeline(1, lines());
    let saved = pipeline.save();
    for foreign in [&b""[..], b"Oms", b"Oms\x02aaaaaaaaaaaa", b"{\"camera\":\"door\"}"] {
        let refused = pipeline.restore(foreign);
        assert!(matches!(refused, Err(SavedError::Foreign { .. })), "{refused:?}");
    }
    let yard = CameraId::new("yard").unwrap();
    let mut other = Pipeline::new(yard, 0.6, lines(), zones(), EventIds::new(1)).unwrap();
    let refused = other.restore(&saved).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the saved state for `yard` is that of `door`: it starts afresh"
    );
}

#[test]
fn rules_that_have_changed_since_start_from_nothing_and_the_others_go_on() {
    let walkers = [(0.1, 0.6, 0.3, 0.0, true), (0.9, 0.7, -0.25, 0.0, true)];
    let pictures = scene(&walkers, 400, 10.0, 5, None);
    let (before, after) = pictures.split_at(200);
    let mut first = pipeline(1, lines());
    for (stamp, detections) in before {
        first.digest(stamp, detections, &mut StageTimings::default());
    }
    let moved = line("path-left", (0.2, 0.3), (0.2, 0.9));
    let changed = vec![moved, line("new", (0.6, 0.2), (0.6, 1.0)), lines().swap_remove(0)];

    let mut second = pipeline(2, changed.clone());
    second.restore(&first.save()).unwrap();

    let find = |counts: &Counts, name: &str| {
        counts.lines.iter().find(|line| line.name == name).unwrap().tracks
    };
    let (then, now) = (first.counts(), second.counts());
    assert!(find(&then, "path-left") > 0 && find(&then, "path-mid") > 0, "{then:?}");
    assert_eq!(find(&now, "path-mid"), find(&then, "path-mid"));
    assert_eq!((find(&now, "path-left"), find(&now, "new")), (0, 0));
    assert_eq!(now.zones, then.zones);
    // The same as changing the rules of a pipeline that runs.
    first.replace_rules(changed, zones()).unwrap();
    assert_eq!(shown(&mut second, after), shown(&mut first, after));
}

/// The detections of a real detector on real people, by picture.
fn pets() -> Option<Vec<Picture>> {
    let text = std::fs::read_to_string(data()?.mot("PETS09-S2L1", "det-yolox-nano.txt")).unwrap();
    let person = ClassName::new("person");
    let mut by_frame: BTreeMap<u32, Vec<Detection>> = BTreeMap::new();
    for row in mot::parse(&text).unwrap().iter().filter(|row| row.score >= 0.1) {
        let mut detection = row.detection(&person);
        detection.rect = detection.rect.to_fractions(Size::new(768, 576));
        by_frame.entry(row.frame).or_default().push(detection);
    }
    let pictures = (1..=795u32).map(|frame| {
        let secs = f64::from(frame) / 7.0;
        (stamp(frame.into(), secs), by_frame.remove(&frame).unwrap_or_default())
    });
    Some(pictures.collect())
}

#[test]
fn a_clip_of_real_people_taken_over_at_any_second_gives_the_same_events() {
    let Some(pictures) = pets() else { return };
    let whole = shown(&mut pipeline(1, lines()), &pictures);
    assert!(whole.events.len() > 100, "{}", whole.events.len());

    // One process a second: each goes on from what the one before it has saved.
    let (mut saved, mut events, mut tracks) = (None::<Vec<u8>>, Vec::new(), Vec::new());
    let (mut largest, mut most) = (0, 0);
    let mut last = None;
    for (seed, second) in (100..).zip(pictures.chunks(7)) {
        let mut pipeline = pipeline(if saved.is_none() { 1 } else { seed }, lines());
        if let Some(saved) = &saved {
            pipeline.restore(saved).unwrap();
        }
        for (stamp, detections) in second {
            let (now, happened) = pipeline.digest(stamp, detections, &mut StageTimings::default());
            most = most.max(now.len());
            tracks.push(now);
            events.extend(happened);
        }
        let bytes = pipeline.save();
        largest = largest.max(bytes.len());
        saved = Some(bytes);
        last = Some(pipeline);
    }
    let mut last = last.unwrap();
    let tails = last.tails();
    events.extend(last.finish());
    assert_eq!(Shown { tracks, events, counts: last.counts(), tails }, whole);
    eprintln!("largest save of 114: {largest} bytes; most tracks {most}");
}

#[test]
fn a_save_of_twenty_objects_is_small() {
    let walkers: Vec<Walker> =
        (0..20).map(|n| (n as f32 / 20.0, 0.3 + n as f32 / 30.0, 0.05, 0.01, true)).collect();
    let pictures = scene(&walkers, 300, 25.0, 9, None);
    let mut first = pipeline(1, lines());
    let mut tracks = 0;
    for (stamp, detections) in &pictures {
        tracks = first.digest(stamp, detections, &mut StageTimings::default()).0.len();
    }
    let started = Instant::now();
    for _ in 0..99 {
        first.save();
    }
    let saved = first.save();
    let save = started.elapsed() / 100;
    let mut second = pipeline(2, lines());
    let started = Instant::now();
    for _ in 0..100 {
        second.restore(&saved).unwrap();
    }
    let restore = started.elapsed() / 100;
    eprintln!("{tracks} tracks: {} bytes, save {save:?}, restore {restore:?}", saved.len());
    // Path and tail of each: some 32 and 48 points; a bus takes a message of 1 MB.
    assert!(saved.len() < 100_000, "{}", saved.len());
}
