//! Tracker and rules joined: what the crossings counted are worth.
//!
//! Each room has tests of its own; only here do the errors of one meet the other. Real
//! detections of real people, in full, thinned out and with gaps, against the crossings of
//! the ground truth; and the simulated street, where nothing is missing and every count must
//! be right.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::{BTreeMap, BTreeSet};

use omma_engine::Pipeline;
use omma_rules::{Counts, Line, Rules};
use omma_sim::{Street, Truth, TruthObject};
use omma_testkit::{Data, data};
use omma_track::mot;
use omma_types::{
    CameraId, ClassName, Detection, Direction, Event, EventIds, EventKind, FrameStamp, MediaTime,
    Point, Size, StageTimings, Track, TrackId, TrackState, WallSource, WallTime,
};

/// The score from which a detection may start a track, as it is for models by default.
const START_SCORE: f32 = 0.6;

const BOTH: [Direction; 2] = [Direction::Forward, Direction::Backward];

fn stamp(frame: u64, fps: f64, size: Size) -> FrameStamp {
    let secs = frame as f64 / fps;
    FrameStamp {
        seq: frame,
        media: MediaTime::from_secs_f64(secs),
        wall: WallTime::from_millis((secs * 1e3) as i64),
        wall_source: WallSource::Arrival,
        size,
    }
}

fn line(name: &str, from: (f32, f32), to: (f32, f32)) -> Line {
    Line::new(name, Point::new(from.0, from.1), Point::new(to.0, to.1)).unwrap()
}

fn camera() -> CameraId {
    CameraId::new("test").unwrap()
}

fn pipeline(lines: Vec<Line>) -> Pipeline {
    Pipeline::new(camera(), START_SCORE, lines, Vec::new(), EventIds::new(1)).unwrap()
}

/// What rules count of tracks that are known to be right.
fn counts_of_truth(
    lines: Vec<Line>,
    pictures: impl Iterator<Item = (FrameStamp, Vec<Track>)>,
) -> Counts {
    let mut rules = Rules::new(camera(), lines, Vec::new(), EventIds::new(1)).unwrap();
    let mut events: Vec<Event> = Vec::new();
    let mut last = None;
    for (stamp, tracks) in pictures {
        rules.update(&stamp, &tracks, &mut events);
        last = Some(stamp);
    }
    rules.finish(&last.unwrap(), &mut events);
    rules.counts()
}

/// Crossings by line, direction and class.
fn table(counts: &Counts) -> BTreeMap<(String, &'static str, String), u64> {
    let mut table = BTreeMap::new();
    for line in &counts.lines {
        for (class, crossings) in &line.by_class {
            for (way, count) in [("forward", crossings.forward), ("backward", crossings.backward)] {
                if count > 0 {
                    table.insert((line.name.clone(), way, class.to_string()), count);
                }
            }
        }
    }
    table
}

// --- real people

const PETS_SIZE: Size = Size::new(768, 576);
const PETS_FPS: f64 = 7.0;
const PETS_FRAMES: u32 = 795;

fn pets_lines() -> Vec<Line> {
    vec![
        line("path-mid", (0.50, 0.30), (0.50, 0.95)),
        line("path-left", (0.25, 0.30), (0.25, 0.75)),
        line("road-top", (0.55, 0.45), (1.00, 0.45)),
    ]
}

/// Rows by frame, from 1.
type Rows = BTreeMap<u32, Vec<mot::Row>>;

fn rows(data: &Data, file: &str) -> Rows {
    let text = std::fs::read_to_string(data.mot("PETS09-S2L1", file)).unwrap();
    let rows = if file == "gt.txt" { mot::parse_truth(&text) } else { mot::parse(&text) };
    let mut by_frame: Rows = BTreeMap::new();
    for row in rows.unwrap() {
        by_frame.entry(row.frame).or_default().push(row);
    }
    by_frame
}

/// Which of the detections there are.
#[derive(Debug)]
struct Condition {
    /// Only every n-th picture, beginning at `phase`.
    every: u32,
    phase: u32,
    /// Only from this score on.
    min_score: f64,
    /// One of so many is missing; 0: none.
    lost: u32,
}

impl Condition {
    /// Whether the `n`-th detection of a picture is there. Which ones are lost looks random,
    /// but is the same each time.
    fn keeps(&self, frame: u32, n: usize) -> bool {
        let mixed = frame.wrapping_mul(2_654_435_761).wrapping_add(n as u32 * 40_503) >> 7;
        self.lost == 0 || !mixed.is_multiple_of(self.lost)
    }

    /// The crossings that the tracked detections give.
    fn count(&self, detected: &Rows) -> Counts {
        let person = ClassName::new("person");
        let mut pipeline = pipeline(pets_lines());
        for frame in (1..=PETS_FRAMES).filter(|f| f % self.every == self.phase) {
            let found = detected.get(&frame).map(Vec::as_slice).unwrap_or_default();
            let found = found.iter().filter(|row| row.score >= self.min_score).enumerate();
            let mut detections: Vec<Detection> = found
                .filter(|(n, _)| self.keeps(frame, *n))
                .map(|(_, row)| {
                    let mut detection = row.detection(&person);
                    detection.rect = detection.rect.to_fractions(PETS_SIZE);
                    detection
                })
                .collect();
            detections.sort_by(|a, b| b.score.total_cmp(&a.score));
            let stamp = stamp(u64::from(frame), PETS_FPS, PETS_SIZE);
            pipeline.digest(&stamp, &detections, &mut StageTimings::default());
        }
        pipeline.finish();
        pipeline.counts()
    }
}

fn pets_truth(data: &Data) -> Counts {
    let person = ClassName::new("person");
    let pictures = rows(data, "gt.txt").into_iter().map(|(frame, rows)| {
        let track = |row: &mot::Row| Track {
            id: TrackId(row.id as u64),
            class: person.clone(),
            rect: row.rect().to_fractions(PETS_SIZE),
            score: 1.0,
            state: TrackState::Confirmed,
        };
        (stamp(u64::from(frame), PETS_FPS, PETS_SIZE), rows.iter().map(track).collect())
    });
    counts_of_truth(pets_lines(), pictures)
}

/// Sum of the differences by line and direction.
fn off(counts: &Counts, truth: &Counts) -> u64 {
    let pairs = counts.lines.iter().zip(&truth.lines);
    pairs.flat_map(|(a, b)| BOTH.map(|way| a.total(way).abs_diff(b.total(way)))).sum()
}

#[test]
fn detected_people_are_counted_within_two_of_59_crossings() {
    let Some(data) = data() else { return };
    let truth = pets_truth(&data);
    let total: u64 = truth.lines.iter().map(|l| l.total(BOTH[0]) + l.total(BOTH[1])).sum();
    assert_eq!(total, 59);
    let detected = rows(&data, "det-yolox-nano.txt");
    for min_score in [0.05, 0.1, 0.2, 0.3] {
        let condition = Condition { every: 1, phase: 0, min_score, lost: 0 };
        let counts = condition.count(&detected);
        assert!(off(&counts, &truth) <= 2, "{condition:?}: {:?}", table(&counts));
    }
}

#[test]
fn fewer_pictures_and_gaps_cost_at_most_four_of_59_crossings() {
    let Some(data) = data() else { return };
    let truth = pets_truth(&data);
    let detected = rows(&data, "det-yolox-nano.txt");
    let thinned = [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)].map(|(every, phase)| Condition {
        every,
        phase,
        min_score: 0.05,
        lost: 0,
    });
    let lossy = [10, 5, 3].map(|lost| Condition { every: 1, phase: 0, min_score: 0.05, lost });
    for condition in thinned.into_iter().chain(lossy) {
        let counts = condition.count(&detected);
        assert!(off(&counts, &truth) <= 4, "{condition:?}: {:?}", table(&counts));
    }
}

// --- the simulated street

const STREET_SECS: f64 = 120.0;

/// Crossings in the last seconds may be decided after the end: they are not compared.
const COMPARED_SECS: f64 = STREET_SECS - 2.0;

/// Nobody may stand closer than this to a line, as a fraction of the picture's width: half
/// the width of somebody walking in front.
const CLEAR: f32 = 0.05;

/// The street's truth, picture by picture.
struct Scene {
    truths: Vec<Truth>,
    fps: f64,
    size: Size,
}

impl Scene {
    fn new(query: &str) -> Self {
        let mut street = Street::new(query.parse().unwrap());
        let (fps, size) = (street.config().fps, street.config().size);
        let frames = (STREET_SECS * fps) as u64;
        Self { truths: (0..frames).map(|_| street.next_truth()).collect(), fps, size }
    }

    fn stamp(&self, truth: &Truth) -> FrameStamp {
        stamp(truth.frame, self.fps, self.size)
    }

    /// Upright lines all over the street, except where somebody stops: whether a person who
    /// stands or turns round on a line has crossed it depends on the last pixel of his box,
    /// and is no matter of right or wrong.
    fn lines(&self) -> Vec<Line> {
        let standing = |pair: &[Truth]| -> Vec<f32> {
            let last = |id| pair[0].objects.iter().find(|object| object.id == id);
            let stands = |object: &&TruthObject| {
                object.class.as_str() == "person"
                    && last(object.id).is_some_and(|before| before.rect == object.rect)
            };
            pair[1].objects.iter().filter(stands).map(|object| object.rect.foot().x).collect()
        };
        let stops: Vec<f32> = self.truths.windows(2).flat_map(standing).collect();
        let places = (2..=18).map(|n| n as f32 * 0.05);
        let clear = |x: &f32| stops.iter().all(|stop| (stop - x).abs() > CLEAR);
        places.filter(clear).map(|x| line(&format!("at {x:.2}"), (x, 0.3), (x, 1.0))).collect()
    }
}

/// The objects that are in the picture, also those that something nearer hides: their boxes
/// are part of the ground truth like any other.
fn inside(truth: &Truth) -> impl Iterator<Item = &TruthObject> {
    truth.objects.iter().filter(|object| {
        let rect = &object.rect;
        rect.left < 1.0 && rect.right() > 0.0 && rect.top < 1.0 && rect.bottom() > 0.0
    })
}

/// Crossings by line, direction and class.
fn crossings(events: &[Event]) -> BTreeMap<(String, &'static str, String), u64> {
    let mut table = BTreeMap::new();
    for event in events.iter().filter(|event| event.media.as_secs_f64() < COMPARED_SECS) {
        let EventKind::LineCrossed { direction } = event.kind else { continue };
        let (line, class) = (event.rule.clone().unwrap(), event.class.clone().unwrap());
        *table.entry((line, direction.as_str(), class.to_string())).or_default() += 1;
    }
    table
}

/// What the rules count when they are told who is who.
fn expected(scene: &Scene, lines: Vec<Line>) -> Vec<Event> {
    let track = |object: &TruthObject| Track {
        id: object.id,
        class: object.class.clone(),
        rect: object.rect,
        score: 0.9,
        state: TrackState::Confirmed,
    };
    let mut rules = Rules::new(camera(), lines, Vec::new(), EventIds::new(1)).unwrap();
    let mut events = Vec::new();
    for truth in &scene.truths {
        let tracks: Vec<Track> = inside(truth).map(track).collect();
        rules.update(&scene.stamp(truth), &tracks, &mut events);
    }
    events
}

/// What is counted when the tracker has to find out who is who.
fn counted(scene: &Scene, lines: Vec<Line>) -> Vec<Event> {
    let detection = |object: &TruthObject| Detection {
        class: object.class.clone(),
        rect: object.rect,
        score: 0.9,
    };
    let mut pipeline = pipeline(lines);
    let mut events = Vec::new();
    for truth in &scene.truths {
        let seen: Vec<Detection> = inside(truth).map(detection).collect();
        let timings = &mut StageTimings::default();
        events.extend(pipeline.digest(&scene.stamp(truth), &seen, timings).1);
    }
    events
}

#[test]
fn the_simulated_street_is_counted_exactly_on_20_seeds() {
    let (mut all, mut lines_used) = (0, 0);
    let mut wrong = Vec::new();
    for seed in 0..20 {
        let scene = Scene::new(&format!("people=6&cars=2&seed={seed}"));
        let lines = scene.lines();
        lines_used += lines.len();
        let expected = crossings(&expected(&scene, lines.clone()));
        let counted = crossings(&counted(&scene, lines));
        all += expected.values().sum::<u64>();
        for key in expected.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
            let (counted, expected) = (counted.get(key), expected.get(key));
            if counted != expected {
                wrong.push(format!("seed {seed}, {key:?}: {counted:?} instead of {expected:?}"));
            }
        }
    }
    assert!(lines_used > 80 && all > 5000, "{lines_used} lines, {all} crossings");
    assert!(wrong.is_empty(), "of {all} crossings:\n{}", wrong.join("\n"));
}
