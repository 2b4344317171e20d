//! The time series, where the server has `RedisTimeSeries`.
//!
//! What goes wrong here never keeps a picture or a result from being written: it is said once,
//! and the series are left out for a while, or for good where the server knows no such thing.

use std::time::{Duration, Instant};

use redis::Pipeline;

use super::figures::{MINUTES, STEPS};
use crate::dialect::link::{Link, complaint};
use crate::{Broker, BusError};

/// How long a server with a failure is left alone.
const REST: Duration = Duration::from_secs(30);

/// Whether the server has series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    Unknown,
    Ready,
    Missing,
}

/// The series of one camera.
pub(super) struct Series {
    link: Link,
    names: Names,
    support: Support,
    rests_until: Option<Instant>,
    /// What was said last, so that it is said once.
    trouble: Option<String>,
}

/// How the series of a stream are called and labelled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    stream: String,
    /// A label's name, `camera` of `camera:0`.
    label: String,
    /// Its value, `0`.
    pub(super) id: String,
}

impl Names {
    pub(super) fn of(stream: &str) -> Self {
        let (label, id) = stream.rsplit_once(':').unwrap_or(("camera", stream));
        Self { stream: stream.to_owned(), label: label.to_owned(), id: id.to_owned() }
    }

    /// What makes all series and their rules, as one command each.
    fn creation(&self) -> Pipeline {
        let mut pipe = redis::pipe();
        let plain = ["people", "in_fps", "out_fps"].into_iter().chain(STEPS);
        for metric in plain {
            self.create(&mut pipe, &format!("{}:{metric}", self.stream), metric);
        }
        let source = format!("{}:people", self.stream);
        for aggregate in ["avg", "min", "max"] {
            for minutes in MINUTES {
                let key = format!("{source}:{aggregate}:{minutes}m");
                self.create(&mut pipe, &key, &format!("people_{aggregate}_{minutes}m"));
                pipe.cmd("TS.CREATERULE").arg(&source).arg(&key);
                pipe.arg("AGGREGATION").arg(aggregate).arg(minutes * 60_000);
            }
        }
        pipe
    }

    fn create(&self, pipe: &mut Pipeline, key: &str, metric: &str) {
        pipe.cmd("TS.CREATE").arg(key).arg("LABELS");
        pipe.arg(&self.label).arg(&self.id).arg("__name__").arg(metric);
    }

    /// Adds samples, each with the milliseconds it is of. Where somebody deleted a series, it
    /// comes back with its labels.
    fn addition(&self, samples: &[(&str, i64, f64)]) -> Pipeline {
        let mut pipe = redis::pipe();
        for (metric, millis, value) in samples {
            pipe.cmd("TS.ADD").arg(format!("{}:{metric}", self.stream)).arg(*millis).arg(*value);
            pipe.arg("LABELS").arg(&self.label).arg(&self.id).arg("__name__").arg(*metric);
        }
        pipe
    }
}

impl Series {
    pub(super) fn new(broker: Broker, stream: &str) -> Result<Self, BusError> {
        Ok(Self {
            link: Link::new(broker)?,
            names: Names::of(stream),
            support: Support::Unknown,
            rests_until: None,
            trouble: None,
        })
    }

    /// Adds samples: the metric, the milliseconds it is of, and the value.
    pub(super) async fn add(&mut self, samples: &[(&str, i64, f64)]) {
        let rests = self.rests_until.is_some_and(|until| Instant::now() < until);
        if rests || samples.is_empty() || !self.is_ready().await {
            return;
        }
        let pipe = self.names.addition(samples);
        match self.link.each(&self.names.stream, &pipe).await {
            Ok(answers) => {
                // Two samples of one millisecond, or one from before the last: the rest counts.
                let complaint = answers.iter().find_map(complaint);
                let complaint = complaint.filter(|text| !is_about_order(text));
                self.note(complaint);
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Makes the series where that was not done yet.
    async fn is_ready(&mut self) -> bool {
        if self.support != Support::Unknown {
            return self.support == Support::Ready;
        }
        match self.link.each(&self.names.stream, &self.names.creation()).await {
            Ok(answers) => {
                let complaints: Vec<String> = answers.iter().filter_map(complaint).collect();
                if complaints.iter().any(|text| text.contains("unknown command")) {
                    self.support = Support::Missing;
                    tracing::info!(
                        stream = self.names.stream,
                        "this Redis has no time series (RedisTimeSeries): they are left out"
                    );
                    return false;
                }
                self.support = Support::Ready;
                self.note(complaints.into_iter().find(|text| !is_about_presence(text)));
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn fail(&mut self, error: &BusError) {
        self.rests_until = Some(Instant::now() + REST);
        // The server may come back empty.
        self.support = Support::Unknown;
        self.note(Some(error.to_string()));
    }

    fn note(&mut self, trouble: Option<String>) {
        if let Some(reason) = trouble.as_ref().filter(|_| self.trouble != trouble) {
            tracing::warn!(stream = self.names.stream, reason, "time series are not written");
        }
        self.trouble = trouble;
    }
}

/// Whether it was there before.
fn is_about_presence(complaint: &str) -> bool {
    ["already exists", "already has"].iter().any(|words| complaint.contains(words))
}

/// Whether a sample came twice or late.
fn is_about_order(complaint: &str) -> bool {
    let text = complaint.to_ascii_lowercase();
    ["upsert", "older than", "duplicate"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(pipe: &Pipeline) -> Vec<String> {
        pipe.cmd_iter()
            .map(|cmd| {
                let words = cmd.args_iter().map(|arg| match arg {
                    redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    _ => "?".to_owned(),
                });
                words.collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    #[test]
    fn series_have_labels_and_rules_of_real_minutes() {
        let all = commands(&Names::of("camera:0").creation());
        assert_eq!(all.len(), 3 + 7 + 9 + 9);
        let first = "TS.CREATE camera:0:people LABELS camera 0 __name__ people";
        assert_eq!(all.first().map(String::as_str), Some(first));
        for expected in [
            "TS.CREATE camera:0:people:avg:15m LABELS camera 0 __name__ people_avg_15m",
            "TS.CREATERULE camera:0:people camera:0:people:max:5m AGGREGATION max 300000",
            "TS.CREATERULE camera:0:people camera:0:people:min:1m AGGREGATION min 60000",
            "TS.CREATE camera:0:prf_total LABELS camera 0 __name__ prf_total",
        ] {
            assert!(all.iter().any(|command| command == expected), "{expected}");
        }
    }

    #[test]
    fn samples_are_of_the_pictures_millisecond() {
        let all = commands(&Names::of("yard:7").addition(&[("people", 1_700_000_000_123, 2.0)]));
        let expected = "TS.ADD yard:7:people 1700000000123 2.0 LABELS yard 7 __name__ people";
        assert_eq!(all, [expected]);
    }
}
