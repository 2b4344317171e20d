//! The numbers of the dashboards: people with their aggregates over minutes, pictures a second,
//! and how long each step takes.

use std::collections::VecDeque;

use omma_types::{Stage, StageTimings};

use super::adaptive::MovingAverage;
use crate::Figure;

/// Minutes over which people are aggregated.
pub(super) const MINUTES: [u32; 3] = [1, 5, 15];

const SECOND: i64 = 1000;
const LONGEST: i64 = 15 * 60;

/// Steps in the order of the dashboards' legend.
pub(super) const STEPS: [&str; 7] =
    ["prf_read", "prf_resize", "prf_model", "prf_script", "prf_boxes", "prf_store", "prf_total"];

/// Counts up, and begins again with each second.
#[derive(Clone, Debug, Default)]
pub(super) struct SecondCounter {
    second: i64,
    count: u64,
}

impl SecondCounter {
    /// Counts one at this moment. Returns how many it were in this second so far.
    pub(super) fn add(&mut self, millis: i64) -> u64 {
        let second = millis.div_euclid(SECOND);
        if second != self.second {
            (self.second, self.count) = (second, 0);
        }
        self.count += 1;
        self.count
    }
}

/// How often something happened in the last second that is over.
#[derive(Clone, Debug, Default)]
struct Rate {
    counter: SecondCounter,
    before: (i64, u64),
}

impl Rate {
    fn add(&mut self, millis: i64) {
        let ended = (self.counter.second, self.counter.count);
        self.counter.add(millis);
        if self.counter.second != ended.0 {
            self.before = ended;
        }
    }

    fn at(&self, millis: i64) -> u64 {
        let last = millis.div_euclid(SECOND) - 1;
        if self.counter.second == last {
            self.counter.count
        } else if self.before.0 == last {
            self.before.1
        } else {
            0
        }
    }
}

/// People seen in one second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    second: i64,
    sum: u64,
    count: u64,
    min: u64,
    max: u64,
}

/// All figures of one camera.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    people: u64,
    /// Fifteen minutes at most, a bucket a second.
    buckets: VecDeque<Bucket>,
    seen: Rate,
    done: Rate,
    steps: [MovingAverage; STEPS.len()],
}

impl Figures {
    /// A picture came, taken or not.
    pub(super) fn seen(&mut self, millis: i64) {
        self.seen.add(millis);
    }

    /// A result was written.
    pub(super) fn done(&mut self, millis: i64, people: u64) {
        self.done.add(millis);
        self.people = people;
        let second = millis.div_euclid(SECOND);
        match self.buckets.back_mut() {
            Some(last) if last.second >= second => {
                last.sum += people;
                last.count += 1;
                last.min = last.min.min(people);
                last.max = last.max.max(people);
            }
            _ => self.buckets.push_back(Bucket {
                second,
                sum: people,
                count: 1,
                min: people,
                max: people,
            }),
        }
        while self.buckets.front().is_some_and(|first| first.second <= second - LONGEST) {
            self.buckets.pop_front();
        }
    }

    /// How long the steps of a picture took, in milliseconds.
    pub(super) fn took(&mut self, step: &str, millis: f64) {
        if let Some(at) = STEPS.iter().position(|name| *name == step)
            && let Some(average) = self.steps.get_mut(at)
        {
            average.add(millis);
        }
    }

    /// The steps that an analysis knows of.
    pub(super) fn timings(&mut self, timings: &StageTimings) {
        let millis = |stage| timings.get(stage).as_secs_f64() * 1000.0;
        self.took("prf_read", millis(Stage::Demux) + millis(Stage::Decode));
        self.took("prf_resize", millis(Stage::Prepare));
        self.took("prf_model", millis(Stage::Infer));
        self.took("prf_script", millis(Stage::Track));
    }

    /// The means of the steps that are known.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let known = STEPS.iter().zip(&self.steps);
        known.filter_map(|(name, average)| Some((*name, average.get()?)))
    }

    /// The last `minutes` as mean, least and most; none where nobody looked then.
    fn aggregate(&self, now: i64, minutes: u32) -> Option<(f64, u64, u64)> {
        let from = now.div_euclid(SECOND) - i64::from(minutes) * 60;
        let within = || self.buckets.iter().filter(|bucket| bucket.second > from);
        let count: u64 = within().map(|bucket| bucket.count).sum();
        let sum: u64 = within().map(|bucket| bucket.sum).sum();
        let min = within().map(|bucket| bucket.min).min()?;
        let max = within().map(|bucket| bucket.max).max()?;
        Some((sum as f64 / count as f64, min, max))
    }

    /// Everything, for Prometheus.
    pub(super) fn gauges(&self, now: i64, camera: &str) -> Vec<Figure> {
        let mut all = vec![
            ("people", self.people as f64),
            ("in_fps", self.seen.at(now) as f64),
            ("out_fps", self.done.at(now) as f64),
        ];
        let names = [
            ["people_avg_1m", "people_min_1m", "people_max_1m"],
            ["people_avg_5m", "people_min_5m", "people_max_5m"],
            ["people_avg_15m", "people_min_15m", "people_max_15m"],
        ];
        for (minutes, [avg, min, max]) in MINUTES.into_iter().zip(names) {
            let (a, b, c) = self.aggregate(now, minutes).unwrap_or_default();
            all.extend([(avg, a), (min, b as f64), (max, c as f64)]);
        }
        all.extend(self.steps());
        let figure = |(name, value)| Figure { name, camera: camera.to_owned(), value };
        all.into_iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(figures: &Figures, now: i64, name: &str) -> f64 {
        let all = figures.gauges(now, "0");
        all.iter().find(|figure| figure.name == name).map_or(f64::NAN, |figure| figure.value)
    }

    #[test]
    fn aggregates_are_of_real_minutes() {
        let mut figures = Figures::default();
        for second in 0..20 * 60 {
            // One person a minute more; twice a second.
            figures.done(second * SECOND, second as u64 / 60);
            figures.done(second * SECOND + 500, second as u64 / 60);
        }
        let now = 20 * 60 * SECOND - 1;
        assert_eq!(value(&figures, now, "people"), 19.0);
        assert_eq!(value(&figures, now, "people_avg_1m"), 19.0);
        assert_eq!(value(&figures, now, "people_avg_5m"), 17.0);
        assert_eq!(value(&figures, now, "people_min_5m"), 15.0);
        assert_eq!(value(&figures, now, "people_min_15m"), 5.0);
        assert_eq!(value(&figures, now, "people_max_15m"), 19.0);
        assert!(figures.buckets.len() <= 15 * 60);
        assert_eq!(value(&figures, now + 3_600_000, "people_max_15m"), 0.0, "nobody looked");
    }

    #[test]
    fn counters_begin_again_each_second() {
        let mut counter = SecondCounter::default();
        let counts: Vec<u64> = [5000, 5400, 5999, 6000, 6001, 9000].map(|t| counter.add(t)).into();
        assert_eq!(counts, [1, 2, 3, 1, 2, 1]);
        let mut figures = Figures::default();
        [5000, 5400, 5999, 6000].iter().for_each(|t| figures.seen(*t));
        assert_eq!(value(&figures, 6500, "in_fps"), 3.0, "of the second that is over");
        assert_eq!(value(&figures, 7500, "in_fps"), 1.0);
        assert_eq!(value(&figures, 8500, "in_fps"), 0.0);
    }

    #[test]
    fn steps_begin_with_their_first_value() {
        let mut figures = Figures::default();
        figures.took("prf_total", 70.0);
        figures.took("prf_total", 0.0);
        assert_eq!(figures.steps().collect::<Vec<_>>(), [("prf_total", 60.0)]);
    }
}
