//! Totals, live reload, classes, what an event carries, and what is forgotten.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::time::Duration;

use common::{crossings, frame, line, rules, sized_frame, told, track, zone};
use omma_rules::{Anchor, FORGET_AFTER, MAX_PATH, Rules};
use omma_types::{ClassName, Event, MediaTime, Point, Rect, Size, Track, TrackId, TrackState};

fn person(id: u64, x: f32) -> Track {
    track(id, x, 0.5, TrackState::Confirmed)
}

/// Shows one person at each of `xs`, 10 pictures a second, from picture `start` on.
fn walk(rules: &mut Rules, id: u64, start: usize, xs: &[f32]) -> Vec<Event> {
    let mut events = Vec::new();
    for (n, x) in xs.iter().enumerate() {
        rules.update(&frame((start + n) as f64 / 10.0), &[person(id, *x)], &mut events);
    }
    events
}

const LEFT_HALF: [(f32, f32); 4] = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)];

#[test]
fn an_event_is_complete() {
    let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new());
    let events = walk(&mut rules, 3, 10, &[0.4, 0.45, 0.501, 0.55]);
    let [event] = &events[..] else { panic!("{events:?}") };
    // It is known for sure with the last picture, but happened in the one before.
    assert_eq!(told(event), "1.2 door 3 backward");
    assert_eq!(event.camera.as_str(), "test");
    assert_eq!(event.wall.as_millis(), 1_700_000_001_200);
    assert_eq!(event.class, Some(ClassName::new("person")));
    assert_eq!(event.score, Some(0.8));
    assert_eq!(event.rect, Some(person(3, 0.501).rect));
    let path: Vec<(MediaTime, Point)> = [(1.0, 0.4), (1.1, 0.45), (1.2, 0.501)]
        .map(|(at, x)| (MediaTime::from_secs_f64(at), person(3, x).rect.foot()))
        .to_vec();
    assert_eq!(event.path, path);
}

#[test]
fn a_path_is_thin_and_short() {
    let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new());
    let mut events = Vec::new();
    for n in 0..600 {
        let x = 0.1 + 0.8 * n as f32 / 600.0;
        rules.update(&frame(f64::from(n) / 60.0), &[person(1, x)], &mut events);
    }
    let path = &events[0].path;
    assert_eq!(path.len(), MAX_PATH);
    let (first, last) = (path[0].0, path[MAX_PATH - 1].0);
    assert!(last.since(first) >= Duration::from_secs(3), "{first:?} {last:?}");
}

#[test]
fn totals_by_class_and_direction() {
    let door = line("door", (0.5, 0.0), (0.5, 1.0));
    let half = zone("half", &LEFT_HALF);
    let mut rules = rules(vec![door], vec![half]);
    let car = |x: f32| Track { class: ClassName::new("car"), ..person(2, x) };
    let mut events = Vec::new();
    for (n, (a, b)) in [(0.2, 0.3), (0.6, 0.4), (0.7, 0.6), (0.3, 0.7)].into_iter().enumerate() {
        rules.update(&frame(n as f64), &[person(1, a), car(b)], &mut events);
    }
    let counts = rules.counts();
    let [door] = &counts.lines[..] else { panic!() };
    let of = |class: &str| door.by_class.get(class).map(|c| (c.forward, c.backward));
    assert_eq!((of("person"), of("car")), (Some((1, 1)), Some((0, 1))));
    assert_eq!(door.tracks, 2);
    let [half] = &counts.zones[..] else { panic!() };
    let (person, car) = (half.by_class["person"], half.by_class["car"]);
    assert_eq!((person.entered, person.left, person.inside()), (2, 1, 1));
    assert_eq!(
        (person.total_dwell, person.max_dwell),
        (Duration::from_secs(1), person.total_dwell)
    );
    assert_eq!((car.entered, car.left, car.mean_dwell()), (1, 1, Duration::from_secs(2)));
    assert_eq!(half.occupancy(), 1);
}

#[test]
fn rules_are_for_their_classes() {
    let cars = || vec![ClassName::new("car"), ClassName::new("truck")];
    let door = line("door", (0.5, 0.0), (0.5, 1.0)).with_classes(cars());
    let half = zone("half", &LEFT_HALF).with_classes(cars());
    let mut rules = rules(vec![door], vec![half]);
    assert_eq!(walk(&mut rules, 1, 0, &[0.4, 0.6, 0.4]), []);
    let mut events = Vec::new();
    for (n, x) in [0.4, 0.6].into_iter().enumerate() {
        let truck = Track { class: ClassName::new("truck"), ..person(2, x) };
        rules.update(&frame(10.0 + n as f64), &[truck], &mut events);
    }
    let events: Vec<String> = events.iter().map(told).collect();
    assert_eq!(events, ["10 half 2 entered", "11 door 2 backward", "11 half 2 left 1"]);
}

#[test]
fn the_centre_can_be_the_anchor() {
    // Boxes are 0.1 high: feet are below the line, centres above.
    let (from, to) = ((0.0, 0.48), (1.0, 0.48));
    let lines = vec![line("feet", from, to), line("centre", from, to).with_anchor(Anchor::Center)];
    let mut rules = rules(lines, Vec::new());
    let mut events = Vec::new();
    for (n, y) in [0.5, 0.55].into_iter().enumerate() {
        rules.update(&frame(n as f64), &[track(1, 0.5, y, TrackState::Confirmed)], &mut events);
    }
    let events: Vec<String> = events.iter().map(told).collect();
    assert_eq!(events, ["1 centre 1 forward"]);
}

#[test]
fn noise_is_measured_in_the_picture_not_in_fractions() {
    // Four times as wide as high: 0.04 of the width are 0.16 of the height. A diagonal line
    // of 45 degrees on the screen, and a step of 0.1 box extents across it.
    let size = Size::new(4000, 1000);
    let step = |length: f32| {
        let mut rules = rules(vec![line("door", (0.45, 0.2), (0.55, 0.6))], Vec::new());
        let mut events = Vec::new();
        for (n, off) in [-0.05, length].into_iter().enumerate() {
            let foot = Point::new(0.5 + off / 4.0, 0.4 - off);
            let rect = Rect::new(foot.x - 0.02, foot.y - 0.1, 0.04, 0.1);
            let tracks = [Track { rect, ..person(1, 0.0) }];
            rules.update(&sized_frame(n as f64 / 10.0, size), &tracks, &mut events);
        }
        events.len()
    };
    // Extent across: (0.16 + 0.1) / sqrt 2; a tenth of it is 0.0184, as is a step of 0.013
    // both ways.
    assert_eq!((step(0.0125), step(0.0135)), (0, 1));
}

#[test]
fn reload_keeps_what_did_not_change() {
    let door = || line("door", (0.5, 0.2), (0.5, 0.8));
    let half = || zone("half", &LEFT_HALF).with_dwell(Some(Duration::from_secs(1)));
    let gone = line("gone", (0.45, 0.2), (0.45, 0.8));
    let mut rules = rules(vec![gone, door()], vec![half()]);
    let events = walk(&mut rules, 1, 0, &[0.4, 0.43, 0.47, 0.6, 0.47]);
    assert_eq!(events.len(), 6, "{events:?}");

    let new = line("new", (0.48, 0.2), (0.48, 0.8));
    let changed = zone("other", &LEFT_HALF);
    rules.replace(vec![door(), new], vec![changed.clone(), half()]).unwrap();
    assert_eq!(crossings(&rules, "door"), (1, 1));
    assert_eq!(crossings(&rules, "new"), (0, 0));
    let occupancies: Vec<u64> = rules.counts().zones.iter().map(|zone| zone.occupancy()).collect();
    assert_eq!(occupancies, [0, 1]);

    // The side of the old line is still known, the new one starts from here.
    let events = walk(&mut rules, 1, 5, &[0.55, 0.47, 0.46]);
    let events: Vec<String> = events.iter().map(told).collect();
    let expected = [
        "0.5 door 1 backward",
        "0.5 half 1 left 0.1",
        "0.6 door 1 forward",
        "0.6 new 1 forward",
        "0.6 other 1 entered",
        "0.6 half 1 entered",
    ];
    assert_eq!(events, expected);

    // A refused reload changes nothing.
    let before = rules.counts();
    assert!(rules.replace(vec![door(), door()], Vec::new()).is_err());
    assert_eq!(rules.counts(), before);
    assert_eq!(rules.lines().len(), 2);
}

#[test]
fn a_stream_that_starts_over_disturbs_nothing() {
    let mut rules =
        rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], vec![zone("half", &LEFT_HALF)]);
    let mut events = walk(&mut rules, 1, 1000, &[0.6, 0.45, 0.45]);
    // The clock jumps back by 100 s, the person walks on.
    events.extend(walk(&mut rules, 1, 0, &[0.45, 0.45, 0.6, 0.7]));
    let texts: Vec<String> = events.iter().map(told).collect();
    let expected = ["100.1 door 1 forward", "100.1 half 1 entered", "0.2 door 1 backward"];
    assert_eq!(texts[..3], expected);
    let dwell = events[3].clone();
    assert!(told(&dwell).starts_with("0.2 half 1 left 0.3"), "{dwell:?}");
    for event in &events {
        assert!(event.path.is_sorted_by_key(|(time, _)| *time), "{event:?}");
    }
}

#[test]
fn lost_tracks_are_forgotten() {
    let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new());
    let mut events = Vec::new();
    let seconds = 3 * FORGET_AFTER.as_secs();
    let mut most = 0;
    for second in 0..seconds {
        // 100 new tracks a second, half of them never confirmed.
        let tracks: Vec<Track> = (0..100)
            .map(|n| {
                let state = if n % 2 == 0 { TrackState::Confirmed } else { TrackState::Tentative };
                let id = TrackId(second * 100 + n + 1);
                Track { id, ..track(1, n as f32 / 100.0, 0.5, state) }
            })
            .collect();
        rules.update(&frame(second as f64), &tracks, &mut events);
        most = most.max(rules.remembered());
    }
    assert!(most <= 100 * FORGET_AFTER.as_secs() as usize, "{most}");
    rules.update(&frame((seconds + FORGET_AFTER.as_secs()) as f64), &[], &mut events);
    assert_eq!(rules.remembered(), 0);
}

#[test]
fn a_track_that_is_tentative_for_ever_is_not_remembered_for_ever() {
    let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new());
    let mut events = Vec::new();
    for n in 0..1000 {
        let x = if n % 2 == 0 { 0.4 } else { 0.6 };
        let state = if n == 999 { TrackState::Confirmed } else { TrackState::Tentative };
        rules.update(&frame(f64::from(n) / 10.0), &[track(1, x, 0.5, state)], &mut events);
    }
    assert!((1..=65).contains(&events.len()), "{}", events.len());
}

#[test]
fn odd_input_is_passed_over() {
    let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new());
    let mut events = Vec::new();
    let broken = Rect::new(f32::NAN, 0.5, 0.1, 0.1);
    for (n, x) in [0.4, 0.45, 0.55].into_iter().enumerate() {
        // The same id twice (the first one counts), and a box that is none.
        let tracks = [person(1, x), person(1, 1.0 - x), Track { rect: broken, ..person(2, 0.5) }];
        rules.update(&sized_frame(n as f64, Size::default()), &tracks, &mut events);
    }
    let texts: Vec<String> = events.iter().map(told).collect();
    assert_eq!(texts, ["2 door 1 backward"]);
    assert_eq!(rules.remembered(), 1);
}
