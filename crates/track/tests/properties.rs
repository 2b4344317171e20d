//! What must hold for any input.

use std::collections::{BTreeMap, BTreeSet};

use omma_track::{Tracker, TrackerConfig};
use omma_types::{ClassName, Detection, MediaTime, Rect, Track, TrackState};
use proptest::prelude::*;

const CLASSES: [&str; 2] = ["person", "car"];

fn detection() -> impl Strategy<Value = Detection> {
    // Few places, so that boxes overlap, come back and compete.
    let shape = (0u8..12, 0u8..4, 1u8..4, 1u8..5);
    (shape, 0..CLASSES.len(), 0.0f32..1.0).prop_map(|((x, y, w, h), class, score)| {
        let rect = Rect::new(f32::from(x), f32::from(y), f32::from(w), f32::from(h));
        Detection { rect, class: ClassName::new(CLASSES[class]), score }
    })
}

/// Pictures with the seconds since the one before.
fn video() -> impl Strategy<Value = Vec<(f64, Vec<Detection>)>> {
    let gap = prop_oneof![8 => 0.0f64..0.3, 1 => 0.3f64..4.0, 1 => -1.0f64..0.0];
    let picture = (gap, proptest::collection::vec(detection(), 0..8));
    proptest::collection::vec(picture, 1..25)
}

fn play(video: &[(f64, Vec<Detection>)]) -> Vec<Vec<Track>> {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut secs = 50.0;
    let answers = video.iter().map(|(gap, detections)| {
        secs += gap;
        tracker.update(MediaTime::from_secs_f64(secs), detections).to_vec()
    });
    answers.collect()
}

fn mapped(
    video: &[(f64, Vec<Detection>)],
    change: impl Fn(&Rect) -> Rect,
) -> Vec<(f64, Vec<Detection>)> {
    let moved = |d: &Detection| Detection { rect: change(&d.rect), ..d.clone() };
    video.iter().map(|(gap, seen)| (*gap, seen.iter().map(moved).collect())).collect()
}

proptest! {
    #[test]
    fn ids_are_unique_and_tracks_keep_their_promises(video in video()) {
        let mut class_of: BTreeMap<u64, String> = BTreeMap::new();
        let mut believed: BTreeSet<u64> = BTreeSet::new();
        let mut gone: BTreeSet<u64> = BTreeSet::new();
        let mut newest = 0;
        for ((_, detections), tracks) in video.iter().zip(play(&video)) {
            let ids: BTreeSet<u64> = tracks.iter().map(|track| track.id.0).collect();
            prop_assert_eq!(ids.len(), tracks.len(), "an id twice in one picture");
            for track in &tracks {
                let id = track.id.0;
                prop_assert!(id > 0 && !gone.contains(&id), "{} came back", id);
                match class_of.get(&id) {
                    Some(class) => prop_assert_eq!(class, track.class.as_str()),
                    None => {
                        prop_assert!(id > newest, "ids rise");
                        prop_assert_eq!(track.state, TrackState::Tentative);
                        newest = id;
                        class_of.insert(id, track.class.to_string());
                    }
                }
                match track.state {
                    TrackState::Tentative => prop_assert!(!believed.contains(&id)),
                    TrackState::Confirmed => { believed.insert(id); }
                    TrackState::Coasting => prop_assert!(believed.contains(&id)),
                }
                prop_assert!(track.rect.is_valid() && track.rect.area() > 0.0);
            }
            // Believed tracks are named in every picture until they end. Doubtful ones may be
            // silent in between, so only for believed ones absence means the end.
            gone.extend(believed.iter().filter(|id| !ids.contains(id)));
            // No detection serves two tracks.
            let seen = tracks.iter().filter(|track| track.state != TrackState::Coasting);
            prop_assert!(seen.count() <= detections.len());
        }
    }

    #[test]
    fn the_order_of_detections_does_not_matter(video in video(), seed in any::<u64>()) {
        let mut shuffled = video.clone();
        let mut state = seed | 1;
        for (_, detections) in &mut shuffled {
            for last in (1..detections.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                detections.swap(last, (state >> 33) as usize % (last + 1));
            }
        }
        prop_assert_eq!(play(&video), play(&shuffled));
    }

    #[test]
    fn the_unit_of_the_boxes_does_not_matter(video in video()) {
        // Powers of two scale without rounding, so even ties stay ties.
        let scaled = mapped(&video, |r| {
            Rect::new(r.left / 64.0, r.top * 32.0, r.width / 64.0, r.height * 32.0)
        });
        for (a, b) in play(&video).iter().zip(play(&scaled)) {
            let names = |tracks: &[Track]| -> Vec<_> {
                tracks.iter().map(|track| (track.id, track.state)).collect()
            };
            prop_assert_eq!(names(a), names(&b));
        }
    }

    #[test]
    fn any_numbers_are_survived(
        frames in proptest::collection::vec(
            (any::<i64>(), proptest::collection::vec(proptest::array::uniform5(proptest::num::f32::ANY), 0..6)), 1..12),
    ) {
        let mut tracker = Tracker::new(TrackerConfig::default());
        for (nanos, boxes) in frames {
            let detections: Vec<Detection> = boxes
                .iter()
                .map(|&[left, top, width, height, score]| Detection {
                    rect: Rect::new(left, top, width, height),
                    class: ClassName::new("person"),
                    score,
                })
                .collect();
            for track in tracker.update(MediaTime::from_nanos(nanos), &detections) {
                prop_assert!(track.rect.is_valid(), "{:?}", track.rect);
            }
        }
    }
}

#[test]
fn thousands_of_detections_are_survived() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let at = |n: u32, frame: u32| {
        // A third of them at one spot, the rest spread out.
        let x = if n.is_multiple_of(3) { 0.5 } else { f64::from(n * 7919 % 5000) / 5000.0 };
        let rect = Rect::new(x as f32, 0.001 * frame as f32, 0.01, 0.05);
        Detection { rect, class: ClassName::new("ant"), score: 0.9 }
    };
    let config = TrackerConfig::default();
    for frame in 0..10 {
        let detections: Vec<Detection> = (0..5000).map(|n| at(n, frame)).collect();
        let now = MediaTime::from_secs_f64(0.1 * f64::from(frame));
        let tracks = tracker.update(now, &detections);
        let seen = tracks.iter().filter(|track| track.state != TrackState::Coasting).count();
        assert!(seen > 0 && seen <= config.max_detections);
    }
}

#[test]
fn a_stream_without_time_still_tracks() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let seen = [Detection {
        rect: Rect::new(0.1, 0.1, 0.1, 0.3),
        class: ClassName::new("person"),
        score: 0.9,
    }];
    for _ in 0..20 {
        let tracks = tracker.update(MediaTime::ZERO, &seen);
        assert_eq!((tracks.len(), tracks[0].id.0), (1, 1));
        // No time has passed, so nothing was seen for long enough.
        assert_eq!(tracks[0].state, TrackState::Tentative);
    }
}
