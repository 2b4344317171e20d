//! What is drawn on a picture, joined from tracks, tails, rules and totals.
//!
//! The live view and `analyze` draw with this, so that both look the same.

use std::collections::HashMap;
use std::time::Duration;

use omma_imaging::{LineMark, Overlay, Painter, TrackMark, YuvImage, ZoneMark};
use omma_rules::{Line, Zone};
use omma_types::{Analysis, MediaTime, Point, Rect, Track, TrackId, TrackState};

use crate::status::Totals;

/// Boxes are carried on along their way for at most this long past their picture.
const CARRY_ON: Duration = Duration::from_millis(500);

/// Boxes of an analysis further away than this, and than two steps of the detector, are no
/// longer true: the detector rests or fails, or the stream began anew.
const STALE: Duration = Duration::from_secs(2);

/// What to draw on one picture.
pub(crate) struct Drawing<'a> {
    pub(crate) tracks: &'a [Track],
    pub(crate) tails: &'a HashMap<TrackId, Vec<Point>>,
    pub(crate) lines: &'a [Line],
    pub(crate) zones: &'a [Zone],
    pub(crate) totals: &'a Totals,
    pub(crate) title: &'a str,
    pub(crate) note: &'a str,
}

impl Drawing<'_> {
    /// Draws on `image`.
    pub(crate) fn draw(&self, painter: &mut Painter, image: &mut YuvImage) {
        let tracks: Vec<TrackMark<'_>> = self
            .tracks
            .iter()
            .filter(|track| track.state != TrackState::Tentative)
            .map(|track| TrackMark {
                track,
                tail: self.tails.get(&track.id).map_or(&[], Vec::as_slice),
            })
            .collect();
        let lines: Vec<LineMark<'_>> = self
            .lines
            .iter()
            .map(|line| {
                let totals = self.totals.lines.iter().find(|t| t.name == line.name());
                LineMark {
                    name: line.name(),
                    from: line.from(),
                    to: line.to(),
                    forward: totals.map_or(0, |t| t.forward),
                    backward: totals.map_or(0, |t| t.backward),
                }
            })
            .collect();
        let zones: Vec<ZoneMark<'_>> = self
            .zones
            .iter()
            .map(|zone| ZoneMark {
                name: zone.name(),
                polygon: zone.polygon(),
                occupancy: self
                    .totals
                    .zones
                    .iter()
                    .find(|t| t.name == zone.name())
                    .map_or(0, |t| t.occupancy),
            })
            .collect();
        let overlay = Overlay {
            tracks: &tracks,
            lines: &lines,
            zones: &zones,
            title: self.title,
            note: self.note,
        };
        painter.annotate(image, &overlay);
    }
}

/// The tracks of `latest` as they should stand at `media`: each goes on in the direction it
/// had between the last two analyses, so that boxes do not lag behind moving people when the
/// detector is slower than the video.
pub(crate) fn carried_on(
    latest: &Analysis,
    previous: Option<&Analysis>,
    media: MediaTime,
) -> Vec<Track> {
    let step = previous.map_or(Duration::ZERO, |p| latest.frame.media.since(p.frame.media));
    let away = media.since(latest.frame.media).max(latest.frame.media.since(media));
    if away > STALE.max(step * 2) {
        return Vec::new();
    }
    let ahead = media.since(latest.frame.media).min(CARRY_ON).as_secs_f32();
    let mut tracks = latest.tracks.clone();
    let Some(previous) = previous else { return tracks };
    let step = step.as_secs_f32();
    if step <= 0.0 || ahead <= 0.0 {
        return tracks;
    }
    for track in &mut tracks {
        if let Some(before) = previous.tracks.iter().find(|b| b.id == track.id) {
            track.rect = between(&before.rect, &track.rect, 1.0 + ahead / step);
        }
    }
    tracks
}

/// The box at `at` on the way from `a` (0) to `b` (1), or beyond.
pub(crate) fn between(a: &Rect, b: &Rect, at: f32) -> Rect {
    let mix = |a: f32, b: f32| a + (b - a) * at;
    // Extents are not carried on: a box that shrank must not turn inside out.
    let extent = at.min(1.0);
    let mix_extent = |a: f32, b: f32| a + (b - a) * extent;
    let (width, height) = (mix_extent(a.width, b.width), mix_extent(a.height, b.height));
    let center = Point::new(mix(a.center().x, b.center().x), mix(a.center().y, b.center().y));
    Rect::from_center(center, width, height)
}

#[cfg(test)]
mod tests {
    use omma_types::{CameraId, ClassName, FrameStamp, Size, StageTimings, WallSource, WallTime};

    use super::*;

    #[test]
    fn a_box_goes_on_the_way_it_came() {
        let (a, b) = (Rect::new(0.1, 0.1, 0.2, 0.2), Rect::new(0.2, 0.1, 0.2, 0.2));
        let on = between(&a, &b, 1.5);
        assert!((on.left - 0.25).abs() < 1e-6 && (on.top - 0.1).abs() < 1e-6);
        assert_eq!(between(&a, &b, 0.0).left, a.left);
    }

    #[test]
    fn boxes_vanish_when_nobody_looks_any_more() {
        let analysis = |secs: f64| Analysis {
            camera: CameraId::new("door").unwrap(),
            frame: FrameStamp {
                seq: 0,
                media: MediaTime::from_secs_f64(secs),
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                size: Size::new(64, 48),
            },
            detections: Vec::new(),
            tracks: vec![Track {
                id: TrackId(1),
                class: ClassName::new("person"),
                rect: Rect::new(0.1, 0.1, 0.2, 0.2),
                score: 0.9,
                state: TrackState::Confirmed,
            }],
            timings: StageTimings::default(),
        };
        let shown = |latest, previous: Option<f64>, at| {
            let previous = previous.map(analysis);
            let at = MediaTime::from_secs_f64(at);
            carried_on(&analysis(latest), previous.as_ref(), at).len()
        };
        assert_eq!(shown(10.0, Some(9.8), 11.0), 1);
        assert_eq!(shown(10.0, Some(9.8), 13.0), 0, "the detector fails");
        assert_eq!(shown(10.0, Some(5.0), 15.0), 1, "one picture in 5 s is what was asked for");
        assert_eq!(shown(100.0, Some(99.8), 0.1), 0, "the stream began anew");
        assert_eq!(shown(10.0, None, 10.1), 1);
    }
}
