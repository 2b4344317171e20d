//! Track updates a second: 3 lines and 2 zones, people who walk to and fro through them.

use omma_rules::{Line, Rules, Zone};
use omma_types::{
    CameraId, ClassName, EventIds, FrameStamp, MediaTime, Point, Rect, Size, Track, TrackId,
    TrackState, WallSource, WallTime,
};

fn main() {
    divan::main();
}

const FRAMES: usize = 500;

#[divan::bench(args = [10, 100, 1000])]
fn update(bencher: divan::Bencher<'_, '_>, people: usize) {
    let frames: Vec<(FrameStamp, Vec<Track>)> =
        (0..FRAMES).map(|n| (stamp(n), tracks(n, people))).collect();
    bencher
        .counter(divan::counter::ItemsCount::new(FRAMES * people))
        .with_inputs(|| (rules(), Vec::new()))
        .bench_local_values(|(mut rules, mut events)| {
            for (frame, tracks) in &frames {
                rules.update(frame, tracks, &mut events);
            }
            (rules, events)
        });
}

fn rules() -> Rules {
    let line = |name: &str, x| {
        Line::new(name, Point::new(x, 0.1), Point::new(x, 0.9))
            .expect("rules of the bench are valid")
    };
    let zone = |name: &str, x| {
        let corners = [(x, 0.2), (x + 0.2, 0.2), (x + 0.25, 0.5), (x + 0.2, 0.8), (x, 0.8)];
        Zone::new(name, corners.map(|(x, y)| Point::new(x, y)).to_vec())
            .expect("rules of the bench are valid")
    };
    let lines = vec![line("left", 0.25), line("middle", 0.5), line("right", 0.75)];
    let zones = vec![zone("here", 0.1), zone("there", 0.6)];
    let camera = CameraId::new("bench").expect("rules of the bench are valid");
    Rules::new(camera, lines, zones, EventIds::new(1)).expect("rules of the bench are valid")
}

fn stamp(n: usize) -> FrameStamp {
    FrameStamp {
        seq: n as u64,
        media: MediaTime::from_ticks(n as i64, 1, 25),
        wall: WallTime::from_millis(n as i64 * 40),
        wall_source: WallSource::Arrival,
        size: Size::new(1280, 720),
    }
}

fn tracks(n: usize, people: usize) -> Vec<Track> {
    let class = ClassName::new("person");
    let person = |id: usize| {
        let phase = (n as f32 * 0.002 + id as f32 * 0.37) % 2.0;
        let foot = Point::new(if phase > 1.0 { 2.0 - phase } else { phase }, 0.5);
        Track {
            id: TrackId(id as u64 + 1),
            class: class.clone(),
            rect: Rect::new(foot.x - 0.02, foot.y - 0.15, 0.04, 0.15),
            score: 0.9,
            state: TrackState::Confirmed,
        }
    };
    (0..people).map(person).collect()
}
