//! Small scenes written as data: where each track is, picture by picture, and what must be
//! told of it. The picture is square, boxes are 0.04 wide and 0.1 high, so that the noise of
//! an anchor is 0.004 across and 0.01 up and down.
//!
//! A track is a row of places: `.4` is x with y at 0.5, `.4,.6` is both; `a..b*n` walks from
//! a to b in n pictures, `a*n` stays. A `t` before a place makes it tentative, a `c` coasting,
//! and `-` or `-*n` says nothing of the track. Events read as time, rule, track, what.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::time::Duration;

use common::{frame, line, rules, told, track, zone};
use omma_rules::Rules;
use omma_types::{Point, Track, TrackState};

/// The places of one row, one a picture.
fn places(row: &str) -> Vec<Option<(Point, TrackState)>> {
    let number = |text: &str| text.parse::<f32>().unwrap_or_else(|_| panic!("`{text}` in `{row}`"));
    let point = |text: &str| {
        let (x, y) = text.split_once(',').unwrap_or((text, "0.5"));
        Point::new(number(x), number(y))
    };
    let mut places = Vec::new();
    for word in row.split_whitespace() {
        let (word, times) = word.split_once('*').unwrap_or((word, "1"));
        let times: usize = times.parse().unwrap();
        let (state, word) = match word.split_at(1) {
            ("t", rest) => (TrackState::Tentative, rest),
            ("c", rest) => (TrackState::Coasting, rest),
            _ => (TrackState::Confirmed, word),
        };
        if word == "-" {
            places.extend(vec![None; times]);
            continue;
        }
        let (start, end) = word.split_once("..").unwrap_or((word, word));
        let (start, end) = (point(start), point(end));
        for n in 0..times {
            let part = if times > 1 { n as f32 / (times - 1) as f32 } else { 0.0 };
            let place =
                Point::new(start.x + (end.x - start.x) * part, start.y + (end.y - start.y) * part);
            places.push(Some((place, state)));
        }
    }
    places
}

/// Plays `rows` (track id, places) at `fps` and compares what is told. Also with the tracks
/// in the opposite order, which must not matter.
fn play(name: &str, rules: impl Fn() -> Rules, fps: f64, rows: &[(u64, &str)], expected: &[&str]) {
    let rows: Vec<_> = rows.iter().map(|(id, row)| (*id, places(row))).collect();
    let length = rows.iter().map(|(_, places)| places.len()).max().unwrap_or(0);
    for reversed in [false, true] {
        let mut rules = rules();
        let mut events = Vec::new();
        for n in 0..length {
            let mut tracks: Vec<Track> = rows
                .iter()
                .filter_map(|(id, places)| {
                    let (place, state) = (*places.get(n)?)?;
                    Some(track(*id, place.x, place.y, state))
                })
                .collect();
            if reversed {
                tracks.reverse();
            }
            rules.update(&frame(n as f64 / fps), &tracks, &mut events);
        }
        rules.finish(&frame(length as f64 / fps), &mut events);
        let mut texts: Vec<(f64, String)> =
            events.iter().map(|event| (event.media.as_secs_f64(), told(event))).collect();
        // The order in which events are told may differ from the one in which they happened.
        texts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expected, "{name}");
        for event in &events {
            assert!(event.path.len() <= omma_rules::MAX_PATH, "{name}");
            assert!(event.path.is_sorted_by_key(|(time, _)| *time), "{name}");
            assert_eq!(event.path.last().map(|(time, _)| *time), Some(event.media), "{name}");
        }
    }
}

/// A vertical line at x = 0.5 whose arrow points down: forward is to the left.
fn door() -> Rules {
    rules(vec![line("door", (0.5, 0.2), (0.5, 0.8))], Vec::new())
}

#[test]
fn lines() {
    let cases: &[(&str, &[(u64, &str)], &[&str])] = &[
        ("walks across to the left", &[(1, ".6..0.4*11")], &["0.6 door 1 forward"]),
        ("walks across to the right", &[(1, ".4..0.6*11")], &["0.6 door 1 backward"]),
        ("walks beside the line", &[(1, ".4..0.48*20")], &[]),
        ("passes beyond its end", &[(1, ".4,.9 .45,.9 .55,.9 .6,.9")], &[]),
        (
            "turns round well behind the line",
            &[(1, ".4..0.56*9 .55..0.4*9")],
            &["0.6 door 1 backward", "1.2 door 1 forward"],
        ),
        ("turns round on the line", &[(1, ".4..0.498*9 .502 .498..0.4*9")], &[]),
        (
            "trembles on the line",
            &[(1, ".44..0.49*9 .503 .497 .503 .497 .503 .498 .497..0.4*9")],
            &[],
        ),
        (
            "trembles while crossing",
            &[(1, ".47 .48 .495 .503 .497 .503 .498 .503 .51 .53 .55")],
            &["0.7 door 1 backward"],
        ),
        ("stays just behind the line", &[(1, ".47 .485 .498 .503*30")], &["0.3 door 1 backward"]),
        (
            "creeps back after a second",
            &[(1, ".45 .48 .503*12 .497*12 .45")],
            &["0.2 door 1 backward", "1.4 door 1 forward"],
        ),
        ("jumps across between two pictures", &[(1, ".1 .9")], &["0.1 door 1 backward"]),
        ("starts on the line", &[(1, ".5*3 .55 .6")], &[]),
        ("starts on the line and crosses later", &[(1, ".5 .55 .45 .4")], &["0.2 door 1 forward"]),
        ("ends on the line", &[(1, ".4 .45 .5*20")], &[]),
        ("walks along the line", &[(1, ".5,.3 .5,.4 .5,.5 .5,.7")], &[]),
        ("stops on the line and goes on", &[(1, ".4 .5*5 .6")], &["0.6 door 1 backward"]),
        ("stops on the line and turns", &[(1, ".4 .5*5 .4")], &[]),
        (
            "goes through and back around the end",
            &[(1, ".45,.75 .55,.75 .55,.9 .45,.9 .45,.75")],
            &["0.1 door 1 backward"],
        ),
        (
            "enters on the line, leaves the line beyond its end",
            &[(1, ".45,.7 .5,.7 .5,.9 .55,.9")],
            &[],
        ),
    ];
    for (name, rows, expected) in cases {
        play(name, door, 10.0, rows, expected);
    }
}

#[test]
fn belief() {
    let cases: &[(&str, &[(u64, &str)], &[&str])] = &[
        ("never believed", &[(1, "t.6..0.4*11")], &[]),
        ("crosses while tentative", &[(1, "t.6..0.4*11 .38")], &["0.6 door 1 forward"]),
        (
            "crosses both ways while tentative",
            &[(1, "t.6..0.4*5 t.4..0.6*5 .6")],
            &["0.3 door 1 forward", "0.8 door 1 backward"],
        ),
        ("a prediction crosses and is never confirmed", &[(1, ".4 .45 .48 c.5..0.6*8")], &[]),
        ("a prediction crosses and returns", &[(1, ".4 .45 .48 c.52 c.55 .48 .45")], &[]),
        (
            "is seen again behind the line",
            &[(1, ".4 .45 .48 c.51 c.54 .57")],
            &["0.5 door 1 backward"],
        ),
        (
            "comes back under its id after a long absence",
            &[(1, ".4 .45 -*100 .57 .6")],
            &["10.2 door 1 backward"],
        ),
        (
            "the last thing seen of it is a small step across",
            &[(1, ".4 .498 .498*9 .502 -*40")],
            &["1.1 door 1 backward"],
        ),
        ("first known as coasting", &[(1, "c.4 c.45 .55 .6")], &[]),
    ];
    for (name, rows, expected) in cases {
        play(name, door, 10.0, rows, expected);
    }
}

#[test]
fn changing_ids() {
    let cases: &[(&str, &[(u64, &str)], &[&str])] = &[
        (
            "a new id on the line",
            &[(1, ".4..0.49*10 -*10"), (2, "-*10 .51..0.6*10")],
            &["1 door 2 backward"],
        ),
        (
            "a new id on the line, tentative at first, the old one coasting",
            &[(1, ".4..0.49*10 c.5..0.6*10"), (2, "-*10 t.51 t.52 .53..0.6*8")],
            &["1 door 2 backward"],
        ),
        (
            "a new id before the line",
            &[(1, ".4..0.47*8 -*12"), (2, "-*8 .48..0.6*12")],
            &["1 door 2 backward"],
        ),
        (
            "a new id behind the line",
            &[(1, ".4..0.53*14 -*12"), (2, "-*14 .54..0.6*12")],
            &["1.1 door 1 backward"],
        ),
        (
            "both live for a moment, both cross",
            &[(1, ".44..0.53*10 -*10"), (2, "-*5 .485..0.6*13")],
            &["0.7 door 1 backward"],
        ),
        (
            "both live for a moment, only the new one crosses",
            &[(1, ".43..0.49*7 -*10"), (2, "-*5 .475..0.6*13")],
            &["0.8 door 2 backward"],
        ),
        (
            "lost behind somebody for a second and a half, found in line with its course",
            &[(1, ".3..0.45*16 -*30"), (2, "-*30 .59..0.7*10")],
            &["3 door 2 backward"],
        ),
        (
            "the tentative box of the new id is off to the other side",
            &[(1, ".4..0.48*9 -*20"), (2, "-*9 t.51 t.48 .46..0.4*10")],
            &[],
        ),
        (
            "two people who walk together",
            &[(1, ".4..0.6*21"), (2, ".39..0.59*21")],
            &["1.1 door 1 backward", "1.2 door 2 backward"],
        ),
        (
            "somebody comes out from behind another and both cross",
            &[(1, ".4..0.6*21"), (2, "-*5 .44..0.58*15")],
            &["1.1 door 1 backward", "1.2 door 2 backward"],
        ),
        (
            "lost far away from where another one appears",
            &[(1, ".3..0.4*10 -*10"), (2, "-*12 .6..0.7*10")],
            &[],
        ),
        (
            "the lost one comes back after all",
            &[(1, ".4..0.46*7 -*10 .44..0.3*10"), (2, "-*9 .47..0.6*14")],
            &["1.3 door 2 backward"],
        ),
    ];
    for (name, rows, expected) in cases {
        play(name, door, 10.0, rows, expected);
    }
}

/// A room from x = 0.4 to 0.6 with a dwell time of 1 s.
fn room() -> Rules {
    let corners = [(0.4, 0.2), (0.6, 0.2), (0.6, 0.8), (0.4, 0.8)];
    rules(Vec::new(), vec![zone("room", &corners).with_dwell(Some(Duration::from_secs(1)))])
}

#[test]
fn zones() {
    let cases: &[(&str, &[(u64, &str)], &[&str])] = &[
        (
            "goes through",
            &[(1, ".35 .39 .45 .5 .55 .59 .65 .7")],
            &["0.2 room 1 entered", "0.6 room 1 left 0.4"],
        ),
        (
            "stays",
            &[(1, ".35 .45*15 .35*2")],
            &["0.1 room 1 entered", "1.1 room 1 dwelled 1", "1.6 room 1 left 1.5"],
        ),
        (
            "starts and ends inside",
            &[(1, ".5*6 -*40")],
            &["0 room 1 entered", "0.5 room 1 left 0.5"],
        ),
        ("the stream ends", &[(1, ".3 .5*6")], &["0.1 room 1 entered", "0.6 room 1 left 0.5"]),
        (
            "the border flickers",
            &[(1, ".35 .395 .405 .398 .403 .397 .42 .402 .398 .42 .398 .395 .35")],
            &["0.2 room 1 entered", "1 room 1 left 0.8"],
        ),
        ("trembles outside of the border", &[(1, ".35..0.397*9 .403 .397 .402 .396*9")], &[]),
        (
            "goes out for half a second and comes back",
            &[(1, ".5*3 .35*5 .5*3")],
            &["0 room 1 entered", "0.3 room 1 left 0.3", "0.8 room 1 entered", "1 room 1 left 0.2"],
        ),
        (
            "undetected for a second",
            &[(1, ".5*3 c.5*5 -*5 .5*3")],
            &["0 room 1 entered", "1.3 room 1 dwelled 1.3", "1.5 room 1 left 1.5"],
        ),
        (
            "a new id inside",
            &[(1, ".35 .5*4 -*20"), (2, "-*8 t.51 .5*4 .35*3")],
            &["0.1 room 1 entered", "1.1 room 2 dwelled 1", "1.3 room 2 left 1.2"],
        ),
        (
            "a new id that is outside when first seen",
            &[(1, ".41*4 -*20"), (2, "-*6 .39 .38 .37 .36")],
            &["0 room 1 entered", "0.6 room 2 left 0.6"],
        ),
        ("never believed", &[(1, "t.5*9")], &[]),
        (
            "inside while tentative",
            &[(1, "t.5*3 .5*2 .3")],
            &["0 room 1 entered", "0.5 room 1 left 0.5"],
        ),
    ];
    for (name, rows, expected) in cases {
        play(name, room, 10.0, rows, expected);
    }
}

#[test]
fn slow_and_fast_streams() {
    for fps in [2.0, 5.0, 25.0, 60.0] {
        // 0.1 a second, standing on the line for a while, then on.
        let leg = (fps * 1.0) as usize;
        let row = format!(".4..0.49*{leg} .497*{leg} .51..0.6*{leg}");
        let expected = format!("{} door 1 backward", told_time(2 * leg, fps));
        play("walks on", door, fps, &[(1, &row)], &[&expected]);
    }
}

fn told_time(n: usize, fps: f64) -> f64 {
    (n as f64 / fps * 1e3).round() / 1e3
}
