//! Where people walked: how long feet stood in each part of the picture.

use std::collections::HashMap;
use std::time::Duration;

use omma_types::{ClassName, MediaTime, Point, TrackId, TrackState};

use super::chunk::Moment;

/// Between two pictures that are farther apart nobody knows who stood where.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// A grid over the picture with seconds in its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    columns: usize,
    rows: usize,
    seconds: Vec<f64>,
    classes: Vec<ClassName>,
    run: Option<i64>,
    newest: Option<MediaTime>,
    /// Where everybody was seen last.
    last: HashMap<TrackId, Point>,
}

impl Heat {
    /// An empty grid, for objects of `classes` (none: all).
    pub fn new(columns: usize, rows: usize, classes: Vec<ClassName>) -> Self {
        let (columns, rows) = (columns.max(1), rows.max(1));
        let seconds = vec![0.0; columns * rows];
        Self { columns, rows, seconds, classes, run: None, newest: None, last: HashMap::new() }
    }

    /// Adds some pictures of the run `run`, in order of time: each object's time from one picture
    /// to the next goes to the field where its feet were in between.
    pub fn show(&mut self, run: i64, moments: &[Moment]) {
        if self.run.replace(run) != Some(run) {
            self.newest = None;
            self.last.clear();
        }
        for moment in moments {
            let media = moment.frame.media;
            let passed = self.newest.filter(|newest| *newest <= media);
            let passed = passed.map_or(Duration::ZERO, |newest| media.since(newest));
            self.newest = Some(media);
            let mut now = HashMap::new();
            let is_wanted = |class| self.classes.is_empty() || self.classes.contains(class);
            let believed = moment
                .tracks
                .iter()
                .filter(|track| track.state != TrackState::Tentative && is_wanted(&track.class));
            for track in believed {
                let foot = track.rect.foot();
                if let Some(before) = self.last.get(&track.id)
                    && passed <= LONGEST_STEP
                {
                    let middle = Point::new(
                        f32::midpoint(before.x, foot.x),
                        f32::midpoint(before.y, foot.y),
                    );
                    let field = field(middle, self.columns, self.rows);
                    if let Some(field) = field.and_then(|at| self.seconds.get_mut(at)) {
                        *field += passed.as_secs_f64();
                    }
                }
                now.insert(track.id, foot);
            }
            self.last = now;
        }
    }

    /// Fields in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Seconds in each field, row by row from the top left.
    pub fn seconds(&self) -> &[f64] {
        &self.seconds
    }
}

/// The field with `point` in it; none outside the picture. Its right and lower edges belong to
/// the last ones.
fn field(point: Point, columns: usize, rows: usize) -> Option<usize> {
    let place = |at: f32, count: usize| {
        (0.0..=1.0).contains(&at).then(|| ((f64::from(at) * count as f64) as usize).min(count - 1))
    };
    Some(place(point.y, rows)? * columns + place(point.x, columns)?)
}

#[cfg(test)]
mod tests {
    use omma_types::{FrameStamp, Rect, Size, Track, WallSource, WallTime};

    use super::*;

    fn moment(secs: f64, feet: &[(u64, f32, f32)]) -> Moment {
        let track = |(id, x, y): &(u64, f32, f32)| Track {
            id: TrackId(*id),
            class: ClassName::new("person"),
            rect: Rect::new(x - 0.05, y - 0.2, 0.1, 0.2),
            score: 0.9,
            state: TrackState::Confirmed,
        };
        let frame = FrameStamp {
            seq: 0,
            media: MediaTime::from_secs_f64(secs),
            wall: WallTime::default(),
            wall_source: WallSource::Arrival,
            size: Size::new(64, 48),
        };
        Moment { frame, tracks: feet.iter().map(track).collect() }
    }

    #[test]
    fn time_goes_where_the_feet_are_whatever_the_rate() {
        let total = |step: f64| {
            let mut heat = Heat::new(4, 2, Vec::new());
            let count = (8.0 / step) as u32;
            // One stands below left, one walks through above.
            let moments: Vec<Moment> = (0..=count)
                .map(|n| {
                    let at = f64::from(n) * step;
                    moment(at, &[(1, 0.1, 0.9), (2, (at / 8.0) as f32, 0.3)])
                })
                .collect();
            heat.show(1, &moments);
            heat.seconds().to_vec()
        };
        for step in [0.1, 0.5] {
            let seconds = total(step);
            assert!((seconds[4] - 8.0).abs() < 1e-6, "{seconds:?}");
            assert!(seconds[..4].iter().all(|field| (field - 2.0).abs() < step + 1e-6));
            assert!(seconds[5..].iter().all(|field| *field == 0.0));
        }
    }

    #[test]
    fn gaps_other_runs_other_classes_and_outside_count_nothing() {
        let mut heat = Heat::new(2, 2, vec![ClassName::new("person")]);
        heat.show(1, &[moment(0.0, &[(1, 0.2, 0.9)]), moment(10.0, &[(1, 0.2, 0.9)])]);
        heat.show(2, &[moment(10.1, &[(1, 0.2, 0.9)])]);
        heat.show(2, &[moment(10.2, &[(8, 1.7, 0.9)]), moment(10.3, &[(8, 1.7, 0.9)])]);
        let mut car = moment(10.4, &[(7, 0.2, 0.2)]);
        car.tracks[0].class = ClassName::new("car");
        let mut later = car.clone();
        later.frame.media = MediaTime::from_secs_f64(10.5);
        heat.show(2, &[car, later]);
        assert!(heat.seconds().iter().all(|field| *field == 0.0), "{heat:?}");
    }
}
