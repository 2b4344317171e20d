//! Which crate may know which: the arrows of the architecture, asked of cargo itself.
//!
//! cli → api → engine → {media, infer, track, rules, bus, store, sim} → imaging → types.
//! A room may know the rooms behind it, never one beside or in front of it; so a room can be
//! understood, tested and replaced alone.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::process::Command;

use serde_json::Value;

/// Each crate with the height of its room; equal heights do not know each other.
const ROOMS: [(&str, u32); 13] = [
    ("omma-types", 0),
    ("omma-imaging", 1),
    ("omma-media", 2),
    ("omma-infer", 2),
    ("omma-track", 2),
    ("omma-rules", 2),
    ("omma-bus", 2),
    ("omma-store", 2),
    ("omma-sim", 2),
    ("omma-engine", 3),
    ("omma-api", 4),
    ("omma", 5),
    // Knows nobody, and only tests know it.
    (TESTKIT, 0),
];

const TESTKIT: &str = "omma-testkit";

/// One crate that knows another.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    only_tests: bool,
}

/// What is wrong with `arrow`.
fn fault(arrow: &Arrow<'_>) -> Option<String> {
    let Arrow { from, to, only_tests } = *arrow;
    if to == TESTKIT && from != TESTKIT {
        return (!only_tests).then(|| format!("{from} knows {to} outside of its tests"));
    }
    let height = |name| ROOMS.iter().find(|(room, _)| *room == name).map(|(_, height)| *height);
    match (height(from), height(to)) {
        (Some(above), Some(below)) if above > below => None,
        (Some(_), Some(_)) => Some(format!("{from} must not know {to}")),
        _ => Some(format!("{from} or {to} has no place in this test; give it one")),
    }
}

/// Cargo's description of the workspace.
fn workspace() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn no_crate_knows_one_beside_or_in_front_of_it() {
    let workspace = workspace();
    let packages = workspace["packages"].as_array().unwrap();
    assert!(packages.len() >= 12, "{} crates", packages.len());
    let mut faults = Vec::new();
    let mut arrows = 0;
    for package in packages {
        let from = package["name"].as_str().unwrap();
        assert!(ROOMS.iter().any(|(room, _)| *room == from), "{from} has no place in this test");
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            if to != "omma" && !to.starts_with("omma-") {
                continue;
            }
            let only_tests = dependency["kind"] == "dev";
            faults.extend(fault(&Arrow { from, to, only_tests }));
            arrows += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(arrows > 30, "only {arrows} arrows: this test looks at the wrong thing");
}

#[test]
fn wrong_arrows_are_found() {
    let arrow = |from, to, only_tests| fault(&Arrow { from, to, only_tests });
    assert_eq!(arrow("omma-engine", "omma-rules", false), None);
    assert_eq!(arrow("omma-media", "omma-testkit", true), None);
    for (from, to, only_tests) in [
        ("omma-rules", "omma-track", false),
        ("omma-rules", "omma-track", true),
        ("omma-track", "omma-engine", true),
        ("omma-types", "omma-imaging", false),
        ("omma-testkit", "omma-types", false),
        ("omma-media", "omma-testkit", false),
        ("omma-engine", "omma-news", false),
    ] {
        assert!(arrow(from, to, only_tests).is_some(), "{from} knows {to}");
    }
}
