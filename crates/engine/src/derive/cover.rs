//! What must be hidden in a picture, from what the detector saw before and after it.
//!
//! Pure: knows pictures by their time alone. Unsure means hidden.

use std::collections::VecDeque;
use std::time::Duration;

use omma_types::{Analysis, MediaTime, Rect, TrackId};

use crate::config::RedactConfig;
use crate::scene::between;

/// Looks at the camera's pictures that are remembered at most.
const REMEMBERED: usize = 4096;

/// Looks further apart than this, than what is held and than one and a half steps of the
/// detector are a gap, in which nothing is known.
const LEAST_GAP: Duration = Duration::from_millis(500);

/// Times that go back by more than this are those of a stream that began anew.
const ANEW: Duration = Duration::from_secs(1);

/// Boxes become one as long as it is no larger than this many times the first of them: a
/// second of somebody's way is then covered by a few areas and not by dozens.
const MERGED: f32 = 1.5;

/// What is hidden in one picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cover {
    /// These parts.
    Areas(Vec<Rect>),
    /// All of it: too little is known.
    Everything,
}

/// What to hide, and how long what was seen holds.
#[derive(Clone, Debug)]
pub(crate) struct Hiding {
    pub(crate) redact: RedactConfig,
    /// Weaker detections are not hidden.
    pub(crate) min_score: f32,
    /// Between two looks of the detector.
    pub(crate) interval: Duration,
}

/// One look of the detector.
struct Look {
    at: MediaTime,
    boxes: Vec<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// Whose box it is, where that is clear.
    track: Option<TrackId>,
    rect: Rect,
    /// By the detector, and not only followed by the tracker.
    is_detected: bool,
}

impl Look {
    /// Where the detector saw `track`.
    fn detected(&self, track: TrackId) -> Option<&Rect> {
        let found = self.boxes.iter().find(|seen| seen.is_detected && seen.track == Some(track));
        found.map(|seen| &seen.rect)
    }
}

/// From one look to the next, boxes of one object overlap by at least this (intersection over
/// union). A track that jumps further may have gone over to somebody else.
const FOLLOWED: f32 = 0.1;

/// What was seen lately.
pub(crate) struct Sightings {
    hiding: Hiding,
    looks: VecDeque<Look>,
    /// From here on all is known; none before the first look.
    from: Option<MediaTime>,
    /// Whether the detector may have looked before anything was noted here.
    joined_late: bool,
}

impl Sightings {
    /// `joined_late` tells that the detector has looked already: what it saw then is not
    /// known here, and still holds for a while.
    pub(crate) fn new(hiding: Hiding, joined_late: bool) -> Self {
        Self { hiding, looks: VecDeque::new(), from: None, joined_late }
    }

    /// Notes what the detector saw in the picture at `at`.
    pub(crate) fn note(&mut self, at: MediaTime, analysis: &Analysis) {
        if self.looks.back().is_some_and(|newest| newest.at.since(at) > ANEW) {
            self.restart();
        }
        let hiding = &self.hiding;
        let is_secret =
            |class| hiding.redact.classes.is_empty() || hiding.redact.classes.contains(class);
        let detected = analysis.detections.iter().zip(analysis.owners());
        let detected = detected.filter(|(d, _)| d.score >= hiding.min_score && is_secret(&d.class));
        let followed = analysis.tracks.iter().filter(|track| is_secret(&track.class));
        let boxes = detected
            .map(|(d, track)| Seen { track, rect: d.rect, is_detected: true })
            .chain(followed.map(|t| Seen { track: Some(t.id), rect: t.rect, is_detected: false }))
            .collect();
        let before_it = if self.joined_late { hiding.redact.hold } else { Duration::ZERO };
        self.from.get_or_insert(at + before_it);
        let place = self.looks.partition_point(|look| look.at <= at);
        self.looks.insert(place, Look { at, boxes });
        self.forget();
    }

    /// The stream began anew: its times have nothing to do with those before.
    pub(crate) fn restart(&mut self) {
        self.looks.clear();
        self.from = None;
        self.joined_late = false;
    }

    /// A picture waits for `hold` and then once more as long, and needs what was seen `hold`
    /// before it.
    fn forget(&mut self) {
        let Some(newest) = self.looks.back().map(|look| look.at) else { return };
        let oldest = newest - self.hiding.redact.hold * 4 - LEAST_GAP * 8;
        while self.looks.len() > REMEMBERED
            || self.looks.front().is_some_and(|look| look.at < oldest)
        {
            self.looks.pop_front();
            // What is forgotten may have to be hidden for `hold` after it.
            if let (Some(from), Some(first)) = (&mut self.from, self.looks.front()) {
                *from = (*from).max(first.at + self.hiding.redact.hold);
            }
        }
    }

    /// Whether all has been seen that can concern the picture at `at`.
    pub(crate) fn reach(&self, at: MediaTime) -> bool {
        self.looks.back().is_some_and(|newest| newest.at >= at + self.hiding.redact.hold)
    }

    /// Whether the detector saw `track` in each look from `first` to `last`, never far from where
    /// it had seen it before.
    fn follows(&self, track: TrackId, first: usize, last: usize) -> bool {
        let mut previous: Option<&Rect> = None;
        self.looks.range(first..=last).all(|look| {
            let now = look.detected(track);
            let is_near = |now| previous.is_none_or(|previous| previous.iou(now) >= FOLLOWED);
            let is_followed = now.is_some_and(is_near);
            previous = now;
            is_followed
        })
    }

    /// What to hide in the picture at `at`, as far as is known by now.
    pub(crate) fn cover(&self, at: MediaTime) -> Cover {
        let is_known = self.from.is_some_and(|from| from <= at);
        let behind = self.looks.partition_point(|look| look.at <= at);
        let Some(before_index) = behind.checked_sub(1) else { return Cover::Everything };
        let is_exact = self.looks.get(before_index).is_some_and(|look| look.at == at);
        let after_index = if is_exact { before_index } else { behind };
        let looks = (self.looks.get(before_index), self.looks.get(after_index));
        let (Some(before), Some(after)) = looks else { return Cover::Everything };
        let hold = self.hiding.redact.hold;
        let gap = LEAST_GAP.max(hold).max(self.hiding.interval * 3 / 2);
        let span = after.at.since(before.at);
        if !is_known || span > gap || !self.reach(at) {
            return Cover::Everything;
        }
        let near = |(_, look): &(usize, &Look)| look.at + hold >= at && look.at <= at + hold;
        // Whom the detector has seen all the way from there to here is here, and need not be
        // hidden where they were. The looks next to it stay: no box is quite right.
        let held = self.looks.iter().enumerate().filter(near).flat_map(|(index, look)| {
            let (first, last) = (index.min(before_index), index.max(after_index));
            let is_next = index + 1 >= before_index && index <= after_index + 1;
            look.boxes.iter().filter(move |seen| {
                is_next || !seen.track.is_some_and(|track| self.follows(track, first, last))
            })
        });
        let mut areas = Vec::new();
        for seen in held.chain(&before.boxes).chain(&after.boxes) {
            add(&mut areas, seen.rect);
        }
        let part = if span.is_zero() {
            0.0
        } else {
            at.since(before.at).as_secs_f32() / span.as_secs_f32()
        };
        for seen in &before.boxes {
            let same = |later: &&Seen| seen.track.is_some() && later.track == seen.track;
            if let Some(later) = after.boxes.iter().find(same) {
                add(&mut areas, between(&seen.rect, &later.rect, part));
            }
        }
        Cover::Areas(areas.into_iter().map(|area| area.rect).collect())
    }
}

struct Area {
    rect: Rect,
    /// Of the first box in it.
    first: f32,
}

/// Adds a box, joined with one that it nearly covers.
fn add(areas: &mut Vec<Area>, rect: Rect) {
    let edges = [rect.left, rect.top, rect.right(), rect.bottom()];
    if edges.iter().any(|edge| !edge.is_finite()) {
        // It can't be joined with anything; drawing it hides the whole picture.
        areas.push(Area { rect, first: 0.0 });
        return;
    }
    for area in areas.iter_mut() {
        let joined = Rect::from_corners(
            area.rect.left.min(rect.left),
            area.rect.top.min(rect.top),
            area.rect.right().max(rect.right()),
            area.rect.bottom().max(rect.bottom()),
        );
        if joined.area() <= MERGED * area.first {
            area.rect = joined;
            return;
        }
    }
    areas.push(Area { rect, first: rect.area() });
}

#[cfg(test)]
mod tests {
    use omma_types::{
        CameraId, ClassName, Detection, FrameStamp, Size, StageTimings, Track, TrackState,
        WallSource, WallTime,
    };
    use proptest::prelude::*;

    use super::*;

    fn at(secs: f64) -> MediaTime {
        MediaTime::from_secs_f64(secs)
    }

    fn hiding(classes: &[&str], hold: f64) -> Hiding {
        Hiding {
            redact: RedactConfig {
                classes: classes.iter().map(|class| ClassName::new(class)).collect(),
                hold: Duration::from_secs_f64(hold),
                ..RedactConfig::default()
            },
            min_score: 0.3,
            interval: Duration::from_millis(200),
        }
    }

    fn analysis(secs: f64, detections: &[(&str, f32, Rect)], tracks: &[(u64, Rect)]) -> Analysis {
        Analysis {
            camera: CameraId::new("door").unwrap(),
            frame: FrameStamp {
                seq: 0,
                media: at(secs),
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                size: Size::new(64, 48),
            },
            detections: detections
                .iter()
                .map(|&(class, score, rect)| Detection {
                    rect,
                    score,
                    class: ClassName::new(class),
                })
                .collect(),
            tracks: tracks
                .iter()
                .map(|&(id, rect)| Track {
                    id: TrackId(id),
                    class: ClassName::new("person"),
                    rect,
                    score: 0.9,
                    state: TrackState::Coasting,
                })
                .collect(),
            timings: StageTimings::default(),
        }
    }

    fn person_at(left: f32) -> Rect {
        Rect::new(left, 0.2, 0.1, 0.3)
    }

    /// The detector looks every 0.2 s from 0 to `until`; a person is there as `seen` says.
    fn sightings(hold: f64, until: f64, seen: impl Fn(f64) -> Option<Rect>) -> Sightings {
        let mut sightings = Sightings::new(hiding(&["person"], hold), false);
        for step in 0..=(until / 0.2).round() as u32 {
            let secs = f64::from(step) * 0.2;
            let found: Vec<_> = seen(secs).map(|rect| ("person", 0.9, rect)).into_iter().collect();
            sightings.note(at(secs), &analysis(secs, &found, &[]));
        }
        sightings
    }

    fn covers(cover: &Cover, rect: Rect) -> bool {
        match cover {
            Cover::Everything => true,
            Cover::Areas(areas) => {
                // Small enough a grid for boxes of a tenth.
                (0..=20).all(|x| {
                    (0..=20).all(|y| {
                        let (x, y) = (
                            rect.left + rect.width * x as f32 / 20.0,
                            rect.top + rect.height * y as f32 / 20.0,
                        );
                        areas.iter().any(|area| {
                            let (e, r, b) = (1e-5, area.right(), area.bottom());
                            x >= area.left - e && x <= r + e && y >= area.top - e && y <= b + e
                        })
                    })
                })
            }
        }
    }

    #[test]
    fn what_is_found_is_hidden_before_and_after_it_is_found() {
        let seen = |secs: f64| (2.9..3.1).contains(&secs).then(|| person_at(0.4));
        let sightings = sightings(1.0, 6.0, seen);
        for (secs, hidden) in [(1.9, false), (2.1, true), (3.0, true), (3.9, true), (4.1, false)] {
            let cover = sightings.cover(at(secs));
            assert_eq!(covers(&cover, person_at(0.4)), hidden, "{secs}: {cover:?}");
            assert_ne!(cover, Cover::Everything, "{secs}");
        }
    }

    #[test]
    fn nothing_is_shown_before_all_is_known() {
        let sightings = sightings(1.0, 4.0, |_| None);
        assert!(sightings.reach(at(3.0)) && !sightings.reach(at(3.1)));
        assert_eq!(sightings.cover(at(3.1)), Cover::Everything, "the detector is behind");
        assert_eq!(sightings.cover(at(3.0)), Cover::Areas(Vec::new()));
        assert_eq!(sightings.cover(at(-0.1)), Cover::Everything, "before its first picture");
        let none = Sightings::new(hiding(&[], 1.0), false);
        assert_eq!(none.cover(at(0.0)), Cover::Everything, "it never looked");
    }

    #[test]
    fn who_joins_late_shows_nothing_that_older_looks_may_hide() {
        let mut sightings = Sightings::new(hiding(&[], 1.0), true);
        for step in 0..20 {
            let secs = 50.0 + f64::from(step) * 0.2;
            sightings.note(at(secs), &analysis(secs, &[], &[]));
        }
        assert_eq!(sightings.cover(at(50.9)), Cover::Everything);
        assert_eq!(sightings.cover(at(51.1)), Cover::Areas(Vec::new()));
    }

    #[test]
    fn a_gap_of_the_detector_hides_everything() {
        let mut sightings = Sightings::new(hiding(&[], 1.0), false);
        for secs in [0.0, 0.5, 1.0, 3.0, 3.5, 4.0, 4.5] {
            sightings.note(at(secs), &analysis(secs, &[], &[]));
        }
        for (secs, shown) in [(0.7, true), (1.0, true), (1.1, false), (2.9, false), (3.0, true)] {
            assert_eq!(sightings.cover(at(secs)) != Cover::Everything, shown, "{secs}");
        }
    }

    #[test]
    fn boxes_of_a_track_are_hidden_on_the_way_between_them() {
        let mut sightings = Sightings::new(hiding(&["person"], 0.0), false);
        sightings.note(at(0.0), &analysis(0.0, &[], &[(7, person_at(0.1))]));
        sightings.note(at(0.4), &analysis(0.4, &[], &[(7, person_at(0.5))]));
        let cover = sightings.cover(at(0.2));
        for left in [0.1, 0.3, 0.5] {
            assert!(covers(&cover, person_at(left)), "{left} {cover:?}");
        }
        assert!(!covers(&cover, person_at(0.7)));
    }

    #[test]
    fn who_is_seen_all_the_time_is_hidden_where_they_are_and_not_where_they_were() {
        let mut sightings = Sightings::new(hiding(&["person"], 1.0), false);
        for step in 0..=20u32 {
            let secs = f64::from(step) * 0.2;
            let rect = person_at(step as f32 * 0.04);
            // One is missed around second 2; the tracker guesses.
            let is_missed = (9..=11).contains(&step);
            let found = [("person", 0.9, rect)];
            let found = if is_missed { &[][..] } else { &found[..] };
            sightings.note(at(secs), &analysis(secs, found, &[(7, rect)]));
        }
        let cover = sightings.cover(at(1.1));
        assert!(covers(&cover, person_at(0.22)), "{cover:?}");
        assert!(!covers(&cover, person_at(0.02)), "long gone from there: {cover:?}");
        let cover = sightings.cover(at(2.1));
        for step in 6..=15u8 {
            assert!(covers(&cover, person_at(f32::from(step) * 0.04)), "missed: {step} {cover:?}");
        }
    }

    #[test]
    fn a_track_that_goes_over_to_somebody_else_gives_nobody_away() {
        let mut sightings = Sightings::new(hiding(&["person"], 1.0), false);
        for step in 0..=20u32 {
            let secs = f64::from(step) * 0.2;
            // Two stand there; from second 1 on the detector misses the first one, and the
            // tracker takes the second one for it.
            let (one, other) = (person_at(0.1), person_at(0.6));
            let (found, tracks) = if step < 5 {
                (vec![("person", 0.9, one), ("person", 0.9, other)], vec![(7, one), (8, other)])
            } else {
                (vec![("person", 0.9, other)], vec![(7, other)])
            };
            sightings.note(at(secs), &analysis(secs, &found, &tracks));
        }
        for secs in [1.0, 1.1, 1.5, 1.7] {
            let cover = sightings.cover(at(secs));
            assert!(covers(&cover, person_at(0.1)), "{secs}: {cover:?}");
        }
    }

    #[test]
    fn other_classes_and_weak_detections_are_shown() {
        let mut sightings = Sightings::new(hiding(&["person"], 0.0), false);
        let found = [
            ("car", 0.9, person_at(0.1)),
            ("person", 0.2, person_at(0.4)),
            ("person", 0.4, person_at(0.7)),
        ];
        sightings.note(at(0.0), &analysis(0.0, &found, &[]));
        let cover = sightings.cover(at(0.0));
        assert!(covers(&cover, person_at(0.7)), "{cover:?}");
        assert!(!covers(&cover, person_at(0.1)) && !covers(&cover, person_at(0.4)), "{cover:?}");
        let mut all = Sightings::new(hiding(&[], 0.0), false);
        all.note(at(0.0), &analysis(0.0, &found, &[]));
        assert!(covers(&all.cover(at(0.0)), person_at(0.1)), "no classes: everything found");
    }

    #[test]
    fn a_stream_that_begins_anew_is_known_anew() {
        let mut sightings = sightings(1.0, 4.0, |_| Some(person_at(0.4)));
        sightings.note(at(0.1), &analysis(0.1, &[], &[]));
        assert!(!sightings.reach(at(0.1)), "what came before is of other pictures");
        assert_eq!(sightings.cover(at(2.0)), Cover::Everything);
    }

    #[test]
    fn a_box_that_is_no_box_is_kept_to_hide_all() {
        let broken = Rect::new(f32::NAN, 0.0, 1.0, 1.0);
        let sightings = sightings(1.0, 4.0, |_| Some(broken));
        let Cover::Areas(areas) = sightings.cover(at(2.0)) else { panic!("it is known") };
        assert!(areas.iter().any(|area| area.left.is_nan()));
    }

    proptest! {
        /// Whoever is seen at a time is covered in all pictures within `hold` of it.
        #[test]
        fn no_sighting_is_ever_shown(
            lefts in prop::collection::vec(prop::option::weighted(0.7, -0.1f32..1.0), 40),
            hold in 0.0f64..2.0,
            picture in 0.0f64..8.0,
        ) {
            let seen = |secs: f64| lefts.get((secs / 0.2).round() as usize).copied().flatten();
            let sightings = sightings(hold, 7.8, |secs| seen(secs).map(person_at));
            let cover = sightings.cover(at(picture));
            for step in 0..40 {
                let secs = f64::from(step) * 0.2;
                if let Some(left) = seen(secs)
                    && (secs - picture).abs() <= hold - 1e-6
                {
                    prop_assert!(covers(&cover, person_at(left)), "{secs} {cover:?}");
                }
            }
        }

        #[test]
        fn what_is_remembered_is_bounded(times in prop::collection::vec(0.0f64..100.0, 0..200)) {
            let mut sightings = Sightings::new(hiding(&[], 0.5), false);
            for secs in times {
                sightings.note(at(secs), &analysis(secs, &[], &[]));
                let (Some(first), Some(last)) = (sightings.looks.front(), sightings.looks.back())
                else { panic!("something was noted") };
                prop_assert!(last.at.since(first.at) <= Duration::from_secs(7));
            }
        }
    }
}
