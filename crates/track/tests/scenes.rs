//! Small made-up scenes, each with one difficulty.

use omma_track::{Tracker, TrackerConfig};
use omma_types::{ClassName, Detection, MediaTime, Rect, Track, TrackState};

/// A standing person of 40 x 100 pixels with its feet at (`x`, 300).
fn person(x: f64, score: f32) -> Detection {
    let rect = Rect::new(x as f32 - 20.0, 200.0, 40.0, 100.0);
    Detection { rect, class: ClassName::new("person"), score }
}

/// Runs a scene: `seen` gives the detections at each time.
fn play(times: &[f64], seen: impl Fn(f64) -> Vec<Detection>) -> Vec<Vec<Track>> {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let answers = times
        .iter()
        .map(|&secs| tracker.update(MediaTime::from_secs_f64(100.0 + secs), &seen(secs)).to_vec());
    answers.collect()
}

fn steady(fps: f64, secs: f64) -> Vec<f64> {
    (0..(fps * secs) as u32).map(|frame| f64::from(frame) / fps).collect()
}

/// The id of the confirmed track whose centre is nearest to `x`, if within 15 pixels.
fn id_at(tracks: &[Track], x: f64) -> Option<u64> {
    let off = |track: &Track| (f64::from(track.rect.center().x) - x).abs();
    let confirmed = tracks.iter().filter(|track| track.state == TrackState::Confirmed);
    let nearest = confirmed.min_by(|a, b| off(a).total_cmp(&off(b)))?;
    (off(nearest) < 15.0).then_some(nearest.id.0)
}

fn last_id(answers: &[Vec<Track>]) -> u64 {
    answers.iter().flatten().map(|track| track.id.0).max().unwrap_or(0)
}

#[test]
fn two_people_who_cross_keep_their_ids() {
    for fps in [5.0, 12.5, 25.0] {
        // They meet at 3 s, and for half a second the detector sees only the one in front.
        let walker = |secs: f64| 100.0 + 60.0 * secs;
        let comer = |secs: f64| 460.0 - 60.0 * secs;
        let times = steady(fps, 6.0);
        let answers = play(&times, |secs| {
            let hidden = (secs - 3.0).abs() < 0.25;
            let mut seen = vec![person(walker(secs), 0.9)];
            if !hidden {
                seen.push(person(comer(secs), 0.85));
            }
            seen
        });
        let (early, late) = (times.len() / 5, times.len() - 1);
        for place in [walker, comer] {
            let before = id_at(&answers[early], place(times[early]));
            let after = id_at(&answers[late], place(times[late]));
            assert!(before.is_some());
            assert_eq!(before, after, "at {fps} frames a second");
        }
        assert_eq!(last_id(&answers), 2);
    }
}

#[test]
fn a_person_hidden_for_a_second_comes_back_as_the_same() {
    for fps in [4.0, 10.0, 30.0] {
        let place = |secs: f64| 100.0 + 80.0 * secs;
        let hidden = |secs: f64| (2.0..3.0).contains(&secs);
        let times = steady(fps, 5.0);
        let answers =
            play(
                &times,
                |secs| {
                    if hidden(secs) { Vec::new() } else { vec![person(place(secs), 0.8)] }
                },
            );
        assert_eq!(last_id(&answers), 1, "at {fps} frames a second");
        for (tracks, &secs) in answers.iter().zip(&times).filter(|(_, secs)| **secs > 1.0) {
            let expected = if hidden(secs) { TrackState::Coasting } else { TrackState::Confirmed };
            assert_eq!(tracks[0].state, expected, "at {secs} s");
            let off = f64::from(tracks[0].rect.center().x) - place(secs);
            assert!(off.abs() < 12.0, "{off} pixels off at {secs} s and {fps} frames a second");
        }
    }
}

#[test]
fn someone_gone_for_good_is_not_waited_for() {
    let times = steady(10.0, 8.0);
    let answers = play(&times, |secs| match secs {
        s if s < 2.0 => vec![person(200.0, 0.8)],
        s if s < 5.0 => Vec::new(),
        _ => vec![person(200.0, 0.8)],
    });
    assert!(answers[45].is_empty(), "2.5 s after it was seen last");
    assert_eq!(last_id(&answers), 2, "and who comes then is somebody else");
}

#[test]
fn people_walk_at_two_frames_a_second() {
    // 1.4 m/s is about 0.8 heights or two widths a second: at 2 fps a person moves by a width.
    let (right, left) = (|secs: f64| 50.0 + 80.0 * secs, |secs: f64| 900.0 - 80.0 * secs);
    let times = steady(2.0, 8.0);
    let answers = play(&times, |secs| vec![person(right(secs), 0.8), person(left(secs), 0.7)]);
    assert_eq!(last_id(&answers), 2);
    let last = answers.last().unwrap();
    assert!(last.iter().all(|track| track.state == TrackState::Confirmed));
    assert!(id_at(last, right(7.5)).is_some() && id_at(last, left(7.5)).is_some());
}

#[test]
fn cars_are_followed_at_five_frames_a_second() {
    // 50 km/h past the camera is about three car lengths a second, in both directions.
    let car = |x: f64| {
        let rect = Rect::new(x as f32 - 80.0, 200.0, 160.0, 60.0);
        Detection { rect, class: ClassName::new("car"), score: 0.8 }
    };
    let (right, left) = (|secs: f64| 480.0 * secs, |secs: f64| 1900.0 - 480.0 * secs);
    let times = steady(5.0, 4.0);
    let answers = play(&times, |secs| vec![car(right(secs)), car(left(secs) + 700.0)]);
    assert_eq!(last_id(&answers), 2);
}

#[test]
fn irregular_time_stamps_do_not_matter() {
    // Every third picture of a 15 fps stream is lost, and then a burst of them.
    let times: Vec<f64> = steady(15.0, 6.0)
        .into_iter()
        .enumerate()
        .filter(|(n, secs)| n % 3 != 0 && !(2.0..2.8).contains(secs))
        .map(|(_, secs)| secs)
        .collect();
    let answers = play(&times, |secs| vec![person(100.0 + 90.0 * secs, 0.8)]);
    assert_eq!(last_id(&answers), 1);
    assert_eq!(answers.last().unwrap()[0].state, TrackState::Confirmed);
}

#[test]
fn a_flickering_detector_makes_one_track() {
    // Seen in two pictures of three, with a score that swings through both bands, and with a
    // box that jitters.
    let times = steady(10.0, 10.0);
    let answers = play(&times, |secs| {
        let frame = (secs * 10.0).round() as u32;
        let shake = [0.0, 3.0, -2.0, 1.0, -3.0][frame as usize % 5];
        let score = [0.8, 0.65, 0.4, 0.7, 0.3][frame as usize % 5];
        if frame % 3 == 2 { Vec::new() } else { vec![person(100.0 + 30.0 * secs + shake, score)] }
    });
    assert_eq!(last_id(&answers), 1);
}

#[test]
fn low_scores_never_start_a_track_but_keep_one() {
    let times = steady(10.0, 6.0);
    let answers = play(&times, |_| vec![person(100.0, 0.55)]);
    assert!(answers.iter().all(Vec::is_empty));

    let answers = play(&times, |secs| vec![person(100.0, if secs < 1.0 { 0.7 } else { 0.2 })]);
    assert_eq!(last_id(&answers), 1);
    assert_eq!(answers.last().unwrap()[0].state, TrackState::Confirmed);
}

#[test]
fn one_sure_detection_and_many_unsure_ones_are_not_believed() {
    let answers =
        play(&steady(10.0, 3.0), |secs| vec![person(100.0, if secs < 0.05 { 0.9 } else { 0.5 })]);
    let states: Vec<_> = answers.iter().flatten().map(|track| track.state).collect();
    assert_eq!(states, [TrackState::Tentative]);
}

#[test]
fn a_single_flash_is_never_believed() {
    let answers = play(&steady(25.0, 3.0), |secs| {
        if (1.0..1.03).contains(&secs) { vec![person(100.0, 0.95)] } else { Vec::new() }
    });
    let states: Vec<_> = answers.iter().flatten().map(|track| track.state).collect();
    assert_eq!(states, [TrackState::Tentative]);
}

#[test]
fn a_double_of_someone_starts_no_track() {
    let answers = play(&steady(10.0, 3.0), |_| vec![person(100.0, 0.9), person(108.0, 0.7)]);
    assert_eq!(last_id(&answers), 1);
}

#[test]
fn two_who_walk_side_by_side_from_the_start_are_two() {
    let answers = play(&steady(10.0, 3.0), |_| vec![person(100.0, 0.9), person(108.0, 0.85)]);
    assert_eq!(last_id(&answers), 2);
}

#[test]
fn classes_do_not_mix() {
    let car = |x: f64| Detection { class: ClassName::new("car"), ..person(x, 0.9) };
    let answers = play(&steady(10.0, 3.0), |secs| {
        if secs < 1.5 { vec![person(100.0, 0.9)] } else { vec![car(100.0)] }
    });
    assert_eq!(last_id(&answers), 2);
    let last = answers.last().unwrap();
    let kinds: Vec<_> = last.iter().map(|track| (track.class.as_str(), track.state)).collect();
    assert_eq!(kinds, [("person", TrackState::Coasting), ("car", TrackState::Confirmed)]);
}

#[test]
fn a_camera_that_sways_keeps_its_tracks() {
    // The picture swings by four widths of a person and back in a second and a half, far from
    // any steady walk; only what all tracks learn together keeps up. (Each track alone loses
    // its person again and again: 46 ids.)
    let times = steady(25.0, 15.0);
    let sway = |secs: f64| 80.0 * (secs * 4.0).sin();
    let answers = play(&times, |secs| {
        (0..5).map(|n| person(100.0 + 120.0 * f64::from(n) + sway(secs), 0.8)).collect()
    });
    assert!(last_id(&answers) <= 8, "{} ids for 5 people", last_id(&answers));
}

#[test]
fn a_stream_that_starts_over_starts_over_with_new_ids() {
    let mut times = steady(10.0, 5.0);
    times.extend(steady(10.0, 2.0));
    let answers = play(&times, |_| vec![person(100.0, 0.9)]);
    assert!(answers[..50].iter().flatten().all(|track| track.id.0 == 1));
    assert!(answers[50..].iter().flatten().all(|track| track.id.0 == 2));
}

#[test]
fn one_time_stamp_out_of_order_does_no_harm() {
    let mut times = steady(10.0, 4.0);
    times.swap(20, 21);
    times[30] = times[29];
    let answers = play(&times, |secs| vec![person(100.0 + 50.0 * secs, 0.9)]);
    assert_eq!(last_id(&answers), 1);
}
