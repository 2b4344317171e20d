//! `omma probe` and `omma bench decode`.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;

use omma_testkit::{Omma, RtspCamera, ffmpeg};

fn omma(dir: &Path) -> Omma {
    Omma::new(env!("CARGO_BIN_EXE_omma"), dir)
}

#[test]
fn a_camera_is_described_with_advice_and_without_its_password() {
    let camera = ["--user", "bob", "--password", "geheim", "--codec", "h265", "--gop", "30"];
    let Some(camera) = RtspCamera::start(&camera) else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = camera.address("bob:geheim@", "cam");
    let ran = omma(dir.path()).args("probe --json --seconds 3").arg(&url).run().ok();
    let seen = ran.json();
    assert_eq!(seen["codec"], "hevc");
    assert_eq!((&seen["width"], &seen["height"]), (&320.into(), &240.into()));
    assert_eq!(seen["keyframe_pictures"], 30);
    assert!((13.0..17.0).contains(&seen["frame_rate"].as_f64().unwrap()), "{seen}");
    assert!(seen["advice"].to_string().contains("H.265"), "{seen}");
    assert!(seen["source"].as_str().unwrap().starts_with("rtsp://bob:***@"), "{seen}");

    let wrong = camera.address("bob:falsch@", "cam");
    let refusal = omma(dir.path()).args("--log debug probe").arg(&wrong).run().refusal();
    assert!(refusal.contains("401") && !refusal.contains("falsch"), "{refusal}");
    let refusal = omma(dir.path()).args("probe x.mp4 --seconds 0").run().refusal();
    assert!(refusal.contains("0.5 to 600"), "{refusal}");
}

#[test]
fn every_way_of_decoding_is_measured_or_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=320x240:rate=25:duration=4 -g 25 -pix_fmt yuv420p x.mp4",
    );
    let ran = omma(dir.path()).args("bench decode x.mp4 --seconds 0.3 --json").run().ok();
    let report = ran.json();
    let ways = report["ways"].as_array().unwrap();
    let names: Vec<&str> = ways.iter().map(|way| way["way"].as_str().unwrap()).collect();
    assert_eq!(names, ["one thread", "all threads", "keyframes only", "vaapi", "cuda"]);
    for way in ways {
        let measured = way["pictures_per_second"].as_f64().is_some_and(|rate| rate > 0.0);
        let refused = way["refused"].as_str().is_some_and(|why| !why.is_empty());
        assert!(measured != refused, "{way}");
    }
    let share = |at: usize| ways[at]["core_share_per_camera"].as_f64().unwrap();
    assert!(share(2) < share(0) / 2.0, "keyframes alone cost less: {report}");
    let text = omma(dir.path()).args("bench decode x.mp4 --seconds 0.1").run().ok();
    drop(text);
    let refusal = omma(dir.path()).args("bench decode missing.mp4").run().refusal();
    assert!(refusal.contains("no such file"), "{refusal}");
}
