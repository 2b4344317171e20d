//! What may be a line or a zone, and what is said of that which may not.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use common::{line, zone};
use omma_rules::{Line, RuleError, Rules, Zone};
use omma_types::{CameraId, ErrorKind, EventIds, Point};

fn points(corners: &[(f32, f32)]) -> Vec<Point> {
    corners.iter().map(|&(x, y)| Point::new(x, y)).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, RuleError>, words: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in `{text}`");
    }
}

#[test]
fn bad_lines_are_refused() {
    let a = Point::new(0.5, 0.5);
    refused(Line::new("door", a, a), &["door", "no length", "move one"]);
    let cases = [(1.5, 0.5), (-0.1, 0.5), (0.5, f32::NAN), (f32::INFINITY, 0.5)];
    for (x, y) in cases {
        refused(Line::new("door", a, Point::new(x, y)), &["point 2 of `door`", "fractions"]);
    }
    refused(Line::new("", a, Point::new(0.6, 0.5)), &["0 characters", "1 to 64"]);
    refused(Line::new(&"x".repeat(65), a, Point::new(0.6, 0.5)), &["65 characters", "1 to 64"]);
    assert!(Line::new(&"ä".repeat(64), a, Point::new(0.0, 1.0)).is_ok());
}

#[test]
fn bad_zones_are_refused() {
    let cases: &[(&[(f32, f32)], &[&str])] = &[
        (&[], &["0 different points", "at least 3"]),
        (&[(0.1, 0.1), (0.9, 0.1)], &["2 different points"]),
        (&[(0.1, 0.1), (0.9, 0.1), (0.1, 0.1), (0.9, 0.1)], &["2 different points"]),
        (&[(0.125, 0.125), (0.25, 0.25), (0.5, 0.5)], &["no area"]),
        (&[(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)], &["point 1 to 2", "point 3 to 4"]),
        // The same bow tie with a point said twice: positions are those that were given.
        (
            &[(0.1, 0.1), (0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)],
            &["point 1 to 3", "point 4 to 5"],
        ),
        // An edge that ends on another one.
        (&[(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.1), (0.1, 0.9)], &["meets"]),
        // A spike.
        (&[(0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.5, 0.1), (0.5, 0.9)], &["meets"]),
        (&[(0.1, 0.1), (0.9, 0.1), (0.9, 2.0)], &["point 3 of `yard`", "fractions"]),
    ];
    for (corners, words) in cases {
        refused(Zone::new("yard", points(corners)), words);
    }
}

#[test]
fn closed_and_repeated_points_are_fine() {
    let corners = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.1)];
    assert_eq!(zone("yard", &corners).polygon().len(), 3);
    // Concave, and with a corner on a straight edge.
    let corners = [(0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.5), (0.1, 0.9)];
    assert_eq!(zone("yard", &corners).polygon().len(), 6);
}

#[test]
fn names_are_unique_among_lines_and_zones() {
    let door = line("door", (0.1, 0.1), (0.9, 0.1));
    let yard = zone("door", &[(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)]);
    let camera = CameraId::new("test").unwrap();
    let rules = Rules::new(camera, vec![door], vec![yard], EventIds::new(1));
    refused(rules, &["two rules are called `door`"]);
}
