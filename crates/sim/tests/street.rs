//! The street seen from outside: it repeats itself, and its truth fits its pictures.

use std::collections::{BTreeMap, BTreeSet};

use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_sim::{Street, StreetConfig, Truth, crossings};
use omma_types::{MediaTime, Point, Rect, Size};
use proptest::prelude::*;

fn street(query: &str) -> Street {
    Street::new(query.parse().expect("a configuration that can be used"))
}

fn blank() -> YuvImage {
    YuvImage::black(Size::new(1, 1), ColorRange::Full, ColorMatrix::Bt709)
}

fn samples(image: &YuvImage) -> Vec<u8> {
    let view = image.view();
    [view.y.data(), view.u.data(), view.v.data()].concat()
}

#[test]
fn equal_configurations_give_equal_pictures_and_others_do_not() {
    let query = "size=320x180&people=8&cars=3&light=0.1&clock=true&seed=";
    let run = |seed: u64| {
        let (mut street, mut image) = (street(&format!("{query}{seed}")), blank());
        (0..60)
            .map(|_| {
                let truth = street.next(&mut image);
                (truth, samples(&image))
            })
            .collect::<Vec<_>>()
    };
    let first = run(5);
    assert!(first == run(5));
    assert!(first[59].1 != run(6)[59].1);
}

#[test]
fn the_truth_does_not_depend_on_painting() {
    let query = "size=160x120&people=9&cars=2&seed=3";
    let (mut painted, mut unpainted, mut image) = (street(query), street(query), blank());
    for frame in 0..500 {
        let truth = unpainted.next_truth();
        // Some pictures painted, some not: the street goes on all the same.
        let other = if frame % 3 == 0 { painted.next(&mut image) } else { painted.next_truth() };
        assert_eq!(truth, other);
        assert_eq!(truth.frame, frame);
        assert_eq!(truth.media, MediaTime::from_secs_f64(frame as f64 / 25.0));
    }
}

#[test]
fn as_many_objects_as_asked_for_come_and_go_unseen_on_20_seeds() {
    for seed in 0..20 {
        let mut street = street(&format!("people=7&cars=3&seed={seed}"));
        let mut last: BTreeMap<u64, f32> = BTreeMap::new();
        let mut gone = BTreeSet::new();
        let mut seen = 0;
        for frame in 0..3000 {
            let truth = street.next_truth();
            let count = |class: &str| {
                truth.objects.iter().filter(|object| object.class.as_str() == class).count()
            };
            assert_eq!((count("person"), count("car")), (7, 3));
            let now: BTreeMap<u64, f32> =
                truth.objects.iter().map(|object| (object.id.0, object.visible)).collect();
            assert_eq!(now.len(), 10, "ids are unique");
            for object in &truth.objects {
                assert!(object.rect.is_valid() && (0.0..=1.0).contains(&object.visible));
                assert!(object.rect.height < 0.5 && object.rect.width < 0.5);
                assert!(object.rect.top > 0.1 && object.rect.bottom() < 1.0);
                seen += usize::from(object.visible > 0.5);
            }
            for (id, visible) in &now {
                assert!(!gone.contains(id), "id {id} came back");
                if frame > 0 && !last.contains_key(id) {
                    assert_eq!(*visible, 0.0, "id {id} appeared out of nothing");
                }
            }
            for (id, visible) in &last {
                if !now.contains_key(id) {
                    gone.insert(*id);
                    assert!(*visible < 0.01, "id {id} vanished in plain sight");
                }
            }
            last = now;
        }
        assert!(seen > 3000 * 4, "seed {seed}: hardly anything to see ({seen})");
        assert!(gone.len() > 20, "seed {seed}: {} left", gone.len());
    }
}

#[test]
fn nobody_jumps_on_20_seeds() {
    for seed in 0..20 {
        let mut street = street(&format!("people=8&cars=3&seed={seed}"));
        let mut last: BTreeMap<u64, Point> = BTreeMap::new();
        for frame in 0..3000 {
            for object in street.next_truth().objects {
                let foot = object.rect.foot();
                let before = last.insert(object.id.0, foot).unwrap_or(foot);
                // A car near the camera goes furthest.
                let moved = (foot.x - before.x).hypot(foot.y - before.y);
                let limit = if object.class.as_str() == "person" { 0.012 } else { 0.04 };
                assert!(moved < limit, "seed {seed} frame {frame} {object:?} moved {moved}");
            }
        }
    }
}

/// Luma of the same street without anybody.
fn empty(seed: u64) -> YuvImage {
    let mut image = blank();
    street(&format!("people=0&cars=0&noise=0&light=0&size=640x360&seed={seed}")).next(&mut image);
    image
}

#[test]
fn pictures_differ_from_the_empty_street_where_the_truth_says_so_and_nowhere_else() {
    let mut checked = 0;
    for seed in 0..4 {
        let empty = empty(seed);
        let mut street =
            street(&format!("people=5&cars=2&noise=0&light=0&size=640x360&seed={seed}"));
        let mut image = blank();
        for _ in 0..10 {
            let mut truth = street.next(&mut image);
            for _ in 0..20 {
                truth = street.next(&mut image);
            }
            let changed = |x: usize, y: usize| {
                image.view().y.row(y)[x].abs_diff(empty.view().y.row(y)[x]) > 6
            };
            // Shadows fall beside the boxes, to the right and a little below.
            let shadowed: Vec<Rect> = truth
                .objects
                .iter()
                .map(|object| {
                    let r = object.rect;
                    let (wide, high) = (r.height * 0.5 + r.width * 0.25, r.height * 0.25);
                    Rect::new(r.left - wide, r.top - 0.01, r.width + 2.0 * wide, r.height + high)
                })
                .collect();
            let inside = |rect: &Rect, x: f32, y: f32| {
                (rect.left..rect.right()).contains(&x) && (rect.top..rect.bottom()).contains(&y)
            };
            let place = |x: usize, y: usize| ((x as f32 + 0.5) / 640.0, (y as f32 + 0.5) / 360.0);
            for y in 0..360 {
                for x in 0..640 {
                    let (fx, fy) = place(x, y);
                    if changed(x, y) {
                        assert!(shadowed.iter().any(|rect| inside(rect, fx, fy)), "{x}, {y}");
                    }
                }
            }
            for object in truth.objects.iter().filter(|object| object.visible > 0.9) {
                let r = object.rect;
                let mut counts = (0, 0);
                for y in (0..360).filter(|&y| inside(&r, r.left, place(0, y).1)) {
                    for x in (0..640).filter(|&x| inside(&r, place(x, 0).0, r.top)) {
                        counts.0 += 1;
                        counts.1 += usize::from(changed(x, y));
                    }
                }
                let share = counts.1 as f32 / counts.0 as f32;
                assert!(share > 0.25, "{object:?}: {share} of the box differs");
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn who_walks_behind_somebody_is_less_visible() {
    let inside = |rect: &Rect| rect.left > 0.0 && rect.right() < 1.0;
    let share_hidden = |query: &str| {
        let mut street = street(query);
        let visible: Vec<f32> = (0..2000)
            .flat_map(|_| street.next_truth().objects)
            .filter(|object| inside(&object.rect) && object.class.as_str() == "person")
            .map(|object| object.visible)
            .collect();
        visible.iter().filter(|&&visible| visible < 0.7).count() as f32 / visible.len() as f32
    };
    let (one, crowd) = (share_hidden("people=1&cars=0&seed=2"), share_hidden("people=30&seed=2"));
    // Trees and the lamp hide people too.
    assert!(one < 0.06, "{one}");
    assert!(crowd > 0.15, "{crowd}");
}

#[test]
fn noise_and_light_are_what_was_asked_for() {
    let pictures = |query: &str, frames: usize| {
        let (mut street, mut image) = (street(query), blank());
        let mean_and_all = |_| {
            street.next(&mut image);
            image.view().y.data().to_vec()
        };
        (0..frames).map(mean_and_all).collect::<Vec<_>>()
    };
    let still = pictures("people=0&cars=0&noise=0&light=0&size=320x180", 3);
    assert!(still[0] == still[1] && still[1] == still[2]);
    let noisy = pictures("people=0&cars=0&noise=4&light=0&size=320x180", 2);
    let pairs = noisy[0].iter().zip(&noisy[1]);
    let squares: f64 = pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    // The difference of two pictures has twice the variance of one.
    let deviation = (squares / noisy[0].len() as f64 / 2.0).sqrt();
    assert!((deviation - 4.0).abs() < 0.3, "{deviation}");
    // A quarter of the light's period of 40 s is its peak.
    let bright = pictures("people=0&cars=0&noise=0&light=0.2&size=320x180&fps=1", 11);
    let above_black = |luma: &[u8]| luma.iter().map(|&s| f64::from(s) - 16.0).sum::<f64>();
    let gain = above_black(&bright[10]) / above_black(&bright[0]);
    assert!((gain - 1.2).abs() < 0.02, "{gain}");
}

#[test]
fn people_cross_a_line_both_ways() {
    let mut both = (0, 0);
    for seed in 0..20 {
        let mut street = street(&format!("cars=0&seed={seed}"));
        let truths: Vec<Truth> = (0..1500).map(|_| street.next_truth()).collect();
        let line = (Point::new(0.5, 0.3), Point::new(0.5, 1.0));
        let counts = crossings(&truths, line.0, line.1);
        // Turned around, the line counts the same people the other way.
        assert_eq!(crossings(&truths, line.1, line.0), (counts.1, counts.0), "seed {seed}");
        both = (both.0 + counts.0, both.1 + counts.1);
    }
    assert!(both.0 > 50 && both.1 > 50, "{both:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_valid_configuration_gives_pictures(
        (people, cars) in (0u32..=60, 0u32..=12), seed: u64,
        (width, height) in (80u32..400, 60u32..300), fps in 0.5f64..120.0,
        (noise, light, clock) in (0.0f32..20.0, 0.0f32..0.5, any::<bool>()),
    ) {
        let size = Size::new(width * 2, height * 2);
        let config = StreetConfig { people, cars, seed, size, fps, noise, light, clock, stamp: false };
        let mut image = blank();
        let mut street = Street::new(config);
        for _ in 0..3 {
            let truth = street.next(&mut image);
            prop_assert_eq!(image.size(), size);
            prop_assert_eq!(truth.objects.len() as u32, people + cars);
        }
    }
}
