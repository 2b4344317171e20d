//! What must hold for any walk.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use common::{crossings, frame, line, rules, track, zone};
use omma_rules::{Line, Rules, Zone};
use omma_types::{Event, EventKind, Point, Track, TrackState};
use proptest::prelude::*;

/// A walk as steps from a start, staying in the picture.
fn walk() -> impl Strategy<Value = Vec<(f32, f32)>> {
    let step = (-0.06f32..0.06, -0.06f32..0.06);
    ((0.1f32..0.9, 0.2f32..0.9), prop::collection::vec(step, 1..80)).prop_map(|(start, steps)| {
        let mut place = start;
        let mut places = vec![start];
        for (x, y) in steps {
            place = ((place.0 + x).clamp(0.05, 0.95), (place.1 + y).clamp(0.15, 0.95));
            places.push(place);
        }
        places
    })
}

/// Places on a grid of eighths: corners and lines are hit exactly, again and again.
fn grid_walk() -> impl Strategy<Value = Vec<(f32, f32)>> {
    let place = (0u8..9, 0u8..9).prop_map(|(x, y)| (f32::from(x) / 8.0, f32::from(y) / 8.0));
    prop::collection::vec(place, 2..40)
}

/// Plays walks, one a track, at 2 pictures a second: slow enough that no two of them are
/// taken for one and that no hysteresis is left undecided for long.
fn play(rules: &mut Rules, walks: &[Vec<(f32, f32)>]) -> Vec<Event> {
    let length = walks.iter().map(Vec::len).max().unwrap_or(0);
    let mut events = Vec::new();
    for n in 0..length {
        let tracks: Vec<Track> = walks
            .iter()
            .zip(1..)
            .filter_map(|(walk, id)| {
                let &(x, y) = walk.get(n)?;
                Some(track(id, x, y, TrackState::Confirmed))
            })
            .collect();
        rules.update(&frame(n as f64 / 2.0), &tracks, &mut events);
    }
    rules.finish(&frame(length as f64 / 2.0), &mut events);
    events
}

fn count(lines: Vec<Line>, walk: &[(f32, f32)]) -> Vec<(u64, u64)> {
    let names: Vec<String> = lines.iter().map(|line| line.name().to_owned()).collect();
    let mut rules = rules(lines, Vec::new());
    play(&mut rules, &[walk.to_vec()]);
    names.iter().map(|name| crossings(&rules, name)).collect()
}

fn net((forward, backward): (u64, u64)) -> i64 {
    forward as i64 - backward as i64
}

proptest! {
    #[test]
    fn a_mirrored_walk_swaps_directions(walk in walk()) {
        let door = || vec![line("door", (0.5, 0.1), (0.5, 0.9))];
        let mirrored: Vec<_> = walk.iter().map(|&(x, y)| (1.0 - x, y)).collect();
        let (there, here) = (count(door(), &walk), count(door(), &mirrored));
        prop_assert_eq!(there[0], (here[0].1, here[0].0));
    }

    #[test]
    fn a_turned_line_swaps_directions(walk in grid_walk()) {
        let there = count(vec![line("door", (0.5, 0.25), (0.5, 0.75))], &walk);
        let here = count(vec![line("door", (0.5, 0.75), (0.5, 0.25))], &walk);
        prop_assert_eq!(there[0], (here[0].1, here[0].0));
    }

    #[test]
    fn crossings_add_up_to_the_change_of_side(walk in walk()) {
        let counted = count(vec![line("all", (0.5, 0.0), (0.5, 1.0))], &walk);
        // Forward of a line that points down is to the left.
        let side = |x: f32| i64::from(x < 0.5);
        let (first, last) = (walk[0].0, walk[walk.len() - 1].0);
        prop_assert_eq!(net(counted[0]), side(last) - side(first));
    }

    #[test]
    fn a_line_in_two_parts_counts_the_same(walk in grid_walk(), part in 2u8..6) {
        let part = f32::from(part) / 8.0;
        let whole = count(vec![line("whole", (0.5, 0.125), (0.5, 0.75))], &walk);
        let parts = count(
            vec![line("upper", (0.5, 0.125), (0.5, part)), line("lower", (0.5, part), (0.5, 0.75))],
            &walk,
        );
        prop_assert_eq!(net(whole[0]), net(parts[0]) + net(parts[1]));
    }

    #[test]
    fn a_closed_fence_is_crossed_as_often_as_its_inside_changes(walk in grid_walk()) {
        // A triangle whose corners run clockwise in the picture: forward is into it.
        let corners = [(0.25, 0.25), (0.75, 0.375), (0.375, 0.75)];
        let fence = |from: usize, to: usize| line(&format!("{from}"), corners[from], corners[to]);
        let crossed = |walk: &[(f32, f32)]| -> i64 {
            let counted = count(vec![fence(0, 1), fence(1, 2), fence(2, 0)], walk);
            counted.iter().map(|&counted| net(counted)).sum()
        };
        let side = |(x, y): (f32, f32)| {
            let cross = |a: (f32, f32), b: (f32, f32)| {
                (b.0 - a.0) * (y - a.1) - (b.1 - a.1) * (x - a.0)
            };
            let sides = [(0, 1), (1, 2), (2, 0)].map(|(a, b)| cross(corners[a], corners[b]));
            (sides.iter().all(|side| *side != 0.0), sides.iter().all(|side| *side > 0.0))
        };
        // Places exactly on the fence's lines have no side; the ways between others may well
        // lead through its corners.
        let walk: Vec<_> = walk.into_iter().filter(|&place| side(place).0).collect();
        prop_assume!(walk.len() > 1);
        let crossed = crossed(&walk);
        let (first, last) = (side(walk[0]).1, side(walk[walk.len() - 1]).1);
        prop_assert_eq!(crossed, i64::from(last) - i64::from(first));
    }

    #[test]
    fn trembling_is_never_counted_twice(
        offsets in prop::collection::vec(-0.0039f32..0.0039, 2..60),
        fps in prop::sample::select(vec![7.0, 10.0, 25.0, 60.0]),
    ) {
        let mut rules = rules(vec![line("door", (0.5, 0.1), (0.5, 0.9))], Vec::new());
        let mut events = Vec::new();
        let walk = [0.4, 0.45].into_iter().chain(offsets.into_iter().map(|o| 0.5 + o)).chain([0.55]);
        let mut length = 0.0;
        let mut longest: f64 = 0.0;
        let (mut side, mut since) = (true, 0.0);
        for x in walk {
            if (x < 0.5) != side && x != 0.5 {
                (side, since) = (x < 0.5, length);
            }
            longest = f64::max(longest, length - since);
            let tracks = [track(1, x, 0.5, TrackState::Confirmed)];
            rules.update(&frame(length), &tracks, &mut events);
            length += 1.0 / fps;
        }
        // Somebody who stays behind the line for a second is behind it.
        prop_assume!(longest < 0.99);
        prop_assert_eq!(crossings(&rules, "door"), (0, 1));
    }

    #[test]
    fn gaps_lose_no_crossing(
        walk in walk(),
        states in prop::collection::vec(0u8..6, 90),
        fps in prop::sample::select(vec![2.0, 7.0, 25.0]),
    ) {
        let mut rules = rules(vec![line("all", (0.5, 0.0), (0.5, 1.0))], Vec::new());
        let mut events = Vec::new();
        let mut seen = Vec::new();
        for (n, (&(x, y), state)) in walk.iter().zip(&states).enumerate() {
            let state = match state {
                0 => TrackState::Coasting,
                1 => TrackState::Tentative,
                _ => TrackState::Confirmed,
            };
            // A prediction may be anywhere.
            let x = if state == TrackState::Coasting { 1.0 - x } else { x };
            if state != TrackState::Coasting {
                seen.push((x, state));
            }
            let tracks = [track(1, x, y, state)];
            let absent = n % 5 == 4 && state == TrackState::Coasting;
            let tracks = if absent { &[][..] } else { &tracks[..] };
            rules.update(&frame(n as f64 / fps), tracks, &mut events);
        }
        rules.finish(&frame(walk.len() as f64 / fps), &mut events);
        prop_assume!(seen.iter().any(|(_, state)| *state == TrackState::Confirmed));
        let side = |(x, _): &(f32, TrackState)| i64::from(*x < 0.5);
        let change = seen.last().map_or(0, side) - seen.first().map_or(0, side);
        prop_assert_eq!(net(crossings(&rules, "all")), change);
    }

    #[test]
    fn the_order_of_tracks_does_not_matter(walks in prop::collection::vec(walk(), 1..6)) {
        let lines = || vec![line("a", (0.5, 0.1), (0.5, 0.9)), line("b", (0.1, 0.5), (0.9, 0.6))];
        let zones = || vec![zone("c", &[(0.2, 0.2), (0.8, 0.3), (0.5, 0.8)])];
        let length = walks.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = Vec::new();
        for turn in 0..3 {
            let mut rules = rules(lines(), zones());
            let mut events = Vec::new();
            for n in 0..length {
                let mut tracks: Vec<Track> = walks
                    .iter()
                    .zip(1..)
                    .filter_map(|(walk, id)| {
                        let &(x, y) = walk.get(n)?;
                        Some(track(id, x, y, TrackState::Confirmed))
                    })
                    .collect();
                let middle = tracks.len() / 2;
                match turn {
                    0 => {}
                    1 => tracks.reverse(),
                    _ => tracks.rotate_left(middle),
                }
                rules.update(&frame(n as f64 / 10.0), &tracks, &mut events);
            }
            all.push((events, rules.counts()));
        }
        prop_assert_eq!(&all[0], &all[1]);
        prop_assert_eq!(&all[0], &all[2]);
    }

    #[test]
    fn every_visit_begins_and_ends(
        walks in prop::collection::vec(walk(), 1..6),
        states in prop::collection::vec(0u8..10, 100),
        steps in prop::collection::vec(-0.1f64..0.8, 100),
    ) {
        let zones: Vec<Zone> = vec![
            zone("left", &[(0.1, 0.2), (0.5, 0.2), (0.5, 0.8), (0.1, 0.8)]),
            zone("right", &[(0.5, 0.2), (0.9, 0.2), (0.9, 0.8), (0.5, 0.8)]),
        ];
        let mut rules = rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], zones);
        let mut events = Vec::new();
        let mut time = 0.0;
        for (n, step) in steps.iter().enumerate() {
            time += step;
            let tracks: Vec<Track> = walks
                .iter()
                .zip(1u64..)
                .filter_map(|(walk, id)| {
                    let &(x, y) = walk.get(n)?;
                    let state = match states[(n + id as usize * 7) % 100] {
                        0 | 1 => return None,
                        2 | 3 => TrackState::Coasting,
                        4 => TrackState::Tentative,
                        _ => TrackState::Confirmed,
                    };
                    Some(track(id, x, y, state))
                })
                .collect();
            rules.update(&frame(time), &tracks, &mut events);
            let inside: u64 = rules.counts().zones.iter().map(|zone| zone.occupancy()).sum();
            let told = |kind: fn(&EventKind) -> bool| {
                events.iter().filter(|event| kind(&event.kind)).count() as u64
            };
            let entered = told(|kind| matches!(kind, EventKind::ZoneEntered));
            let left = told(|kind| matches!(kind, EventKind::ZoneLeft { .. }));
            prop_assert_eq!(inside, entered - left);
        }
        rules.finish(&frame(time), &mut events);
        for zone in rules.counts().zones {
            prop_assert_eq!(zone.occupancy(), 0);
            for visits in zone.by_class.values() {
                prop_assert_eq!(visits.entered, visits.left);
                prop_assert!(visits.mean_dwell() <= visits.max_dwell);
            }
        }
        prop_assert!(events.iter().all(|event| event.path.len() <= omma_rules::MAX_PATH));
        prop_assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
        prop_assert_eq!(rules.remembered(), 0);
    }

    #[test]
    fn any_numbers_make_a_rule_or_an_error(
        corners in prop::collection::vec((any::<f32>(), any::<f32>()), 0..6),
        near in prop::collection::vec((0u8..4, 0u8..4), 0..7),
    ) {
        let points = corners.iter().map(|&(x, y)| Point::new(x, y)).collect();
        drop(Zone::new("zone", points));
        let points = near.iter().map(|&(x, y)| Point::new(f32::from(x) / 4.0, f32::from(y) / 4.0));
        if let Ok(zone) = Zone::new("zone", points.collect()) {
            let mut rules = rules(Vec::new(), vec![zone]);
            play(&mut rules, &[vec![(0.25, 0.25), (0.3, 0.6), (0.5, 0.5)]]);
        }
    }
}
