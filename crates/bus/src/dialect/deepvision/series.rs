//! Figures as time series (`RedisTimeSeries`): how fast the model is, and each object's shape
//! with whether it is active.

use std::time::{Duration, Instant};

use omma_types::{Analysis, Stage};
use redis::{Cmd, Value};

use super::status::{Objects, Status};
use super::tracking::told;
use crate::redis::{RedisConnection, connect};
use crate::{Broker, BusError};

/// Latencies are written as the mean of this many pictures.
const EVERY: u32 = 15;

/// A server that does not answer is left alone for this long.
const REST: Duration = Duration::from_secs(10);

/// Series of single objects go this long after their object; without it they would pile up for
/// ever.
const KEEP_GONE: Duration = Duration::from_secs(86_400);

/// Sums of the pictures since the last mean.
#[derive(Clone, Copy, Debug, Default)]
struct Latencies {
    model: Duration,
    boxes: Duration,
    pictures: u32,
}

impl Latencies {
    /// Takes in a picture. Every 15th time, the means in seconds: of the model, and of making
    /// tracks of its boxes.
    fn add(&mut self, analysis: &Analysis) -> Option<(f64, f64)> {
        self.model += analysis.timings.get(Stage::Prepare) + analysis.timings.get(Stage::Infer);
        self.boxes += analysis.timings.get(Stage::Track);
        self.pictures += 1;
        if self.pictures < EVERY {
            return None;
        }
        let sums = std::mem::take(self);
        let mean = |sum: Duration| (sum / EVERY).as_secs_f64();
        Some((mean(sums.model), mean(sums.boxes)))
    }
}

/// The commands that write the series of one stream.
#[derive(Debug)]
struct Figures {
    stream: String,
    latencies: Latencies,
    objects: Objects,
}

impl Figures {
    /// What is to be written for a picture with this `frame_id`, whose result was written at
    /// `millis` by the server's clock.
    fn of(&mut self, analysis: &Analysis, frame_id: u64, millis: u64) -> Vec<Cmd> {
        let mut commands = vec![add("framerate", frame_id)];
        if let Some((model, boxes)) = self.latencies.add(analysis) {
            commands.push(add("model_run_latency", model));
            commands.push(add("bounding_boxes_latency", boxes));
        }
        let size = analysis.frame.size;
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let mut seen = Vec::new();
        for track in told(analysis) {
            let (across, down) =
                (f64::from(track.rect.width) * width, f64::from(track.rect.height) * height);
            // A box without width has no shape.
            if across > 0.0 {
                seen.push(track.id.0);
                let mut command = redis::cmd("TS.ADD");
                command.arg(self.key(track.id.0)).arg(millis).arg((down / across).round() as i64);
                command.arg("ON_DUPLICATE").arg("LAST");
                command.arg("LABELS").arg("status").arg(Status::Active.as_str());
                commands.push(command);
            }
        }
        for (id, status) in self.objects.see(&seen) {
            self.push_status(&mut commands, id, status);
        }
        commands
    }

    fn push_status(&self, commands: &mut Vec<Cmd>, id: u64, status: Status) {
        let key = self.key(id);
        let mut alter = redis::cmd("TS.ALTER");
        alter.arg(&key).arg("LABELS").arg("status").arg(status.as_str());
        commands.push(alter);
        let mut expire = match status {
            Status::Active => redis::cmd("PERSIST"),
            Status::Inactive => redis::cmd("EXPIRE"),
        };
        expire.arg(key);
        if status == Status::Inactive {
            expire.arg(KEEP_GONE.as_secs());
        }
        commands.push(expire);
    }

    fn key(&self, id: u64) -> String {
        format!("{}:mot:asr:{id}", self.stream)
    }
}

fn add(key: &str, value: impl redis::ToSingleRedisArg) -> Cmd {
    let mut command = redis::cmd("TS.ADD");
    command.arg(key).arg("*").arg(value).arg("ON_DUPLICATE").arg("LAST");
    command
}

/// Writes the series of one stream. What goes wrong is told in the log and nowhere else: a
/// picture's result does not depend on it.
pub(super) struct Series {
    broker: Broker,
    figures: Figures,
    connection: Option<RedisConnection>,
    /// The server does not know time series.
    is_without: bool,
    resting_until: Option<Instant>,
    failing: bool,
    /// Commands that were not written.
    dropped: u64,
}

impl Series {
    pub(super) fn new(broker: Broker, stream: &str) -> Self {
        let figures = Figures {
            stream: stream.to_owned(),
            latencies: Latencies::default(),
            objects: Objects::default(),
        };
        Self {
            broker,
            figures,
            connection: None,
            is_without: false,
            resting_until: None,
            failing: false,
            dropped: 0,
        }
    }

    /// Values that were not written since the start: the server was away, or refused them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes the figures of a picture.
    pub(super) async fn write(&mut self, analysis: &Analysis, frame_id: u64, millis: u64) {
        if !self.is_without {
            let commands = self.figures.of(analysis, frame_id, millis);
            self.send(commands).await;
        }
    }

    async fn send(&mut self, commands: Vec<Cmd>) {
        if self.resting_until.is_some_and(|end| Instant::now() < end) {
            return self.count_dropped(commands.len(), "unreachable");
        }
        self.resting_until = None;
        match self.try_send(&commands).await {
            Ok(values) => {
                self.failing = false;
                self.judge(&values);
            }
            Err(error) => {
                self.count_dropped(commands.len(), "unreachable");
                self.resting_until = Some(Instant::now() + REST);
                if !self.failing {
                    tracing::warn!(stream = self.figures.stream, %error, "time series not written");
                }
                self.failing = true;
            }
        }
    }

    async fn try_send(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, BusError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.broker).await?),
        };
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for command in commands {
            pipe.add_command(command.clone());
        }
        let outcome = pipe.query_async(connection).await;
        outcome.map_err(|error| connection.error(&self.figures.stream, &error))
    }

    /// Says once what the server can't do.
    fn judge(&mut self, values: &[Value]) {
        let errors = || values.iter().filter_map(|value| value.clone().extract_error().err());
        let refused = errors().count();
        if refused == 0 {
            return;
        }
        let text = errors().next().map(|error| error.to_string()).unwrap_or_default();
        if errors().any(|error| error.to_string().to_lowercase().contains("unknown command")) {
            self.is_without = true;
            tracing::warn!(
                stream = self.figures.stream,
                broker = self.broker.shown(),
                "this Redis has no RedisTimeSeries: its series are left out; load the module, \
                 name another server as `series`, or set `series: none`"
            );
            return;
        }
        self.count_dropped(refused, "refused");
        if !self.failing {
            self.failing = true;
            tracing::warn!(
                stream = self.figures.stream,
                error = %omma_types::redact_text(&text),
                "time series not written"
            );
        }
    }

    fn count_dropped(&mut self, commands: usize, reason: &'static str) {
        self.dropped += commands as u64;
        super::note_left_out(&self.figures.stream, reason, commands as u64);
    }
}

#[cfg(test)]
mod tests {
    use omma_types::{Rect, StageTimings, TrackState};

    use super::super::tracking::tests::{analysis, track};
    use super::*;

    fn words(commands: &[Cmd]) -> Vec<String> {
        let text = |command: &Cmd| {
            let words = command.args_iter().map(|argument| match argument {
                redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => "?".to_owned(),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        commands.iter().map(text).collect()
    }

    fn figures() -> Figures {
        Figures {
            stream: "camera:0".to_owned(),
            latencies: Latencies::default(),
            objects: Objects::default(),
        }
    }

    #[test]
    fn series_of_objects_begin_and_end() {
        let mut figures = figures();
        let tall = track(7, Rect::new(0.1, 0.1, 0.1, 0.5), TrackState::Confirmed);
        let flat = track(8, Rect::new(0.1, 0.1, 0.0, 0.5), TrackState::Confirmed);
        let got = words(&figures.of(&analysis(0, vec![tall, flat]), 41, 5_000));
        assert_eq!(
            got,
            [
                "TS.ADD framerate * 41 ON_DUPLICATE LAST",
                "TS.ADD camera:0:mot:asr:7 5000 4 ON_DUPLICATE LAST LABELS status active",
                "TS.ALTER camera:0:mot:asr:7 LABELS status active",
                "PERSIST camera:0:mot:asr:7",
            ]
        );
        for seq in 1..5 {
            assert_eq!(figures.of(&analysis(seq, Vec::new()), 42, 5_000).len(), 1);
        }
        let got = words(&figures.of(&analysis(5, Vec::new()), 43, 5_000));
        assert_eq!(got[1], "TS.ALTER camera:0:mot:asr:7 LABELS status inactive");
        assert_eq!(got[2], "EXPIRE camera:0:mot:asr:7 86400");
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn latencies_are_the_means_of_fifteen_pictures() {
        let mut figures = figures();
        let mut written = Vec::new();
        for seq in 0..45 {
            let mut timings = StageTimings::default();
            timings.add(Stage::Infer, Duration::from_millis(20 + seq % 15));
            timings.add(Stage::Track, Duration::from_millis(3));
            let analysis = Analysis { timings, ..analysis(seq, Vec::new()) };
            for line in words(&figures.of(&analysis, seq, 1)) {
                if !line.starts_with("TS.ADD framerate") {
                    written.push((seq, line));
                }
            }
        }
        assert_eq!(written.len(), 6);
        assert_eq!(written[0], (14, "TS.ADD model_run_latency * 0.027 ON_DUPLICATE LAST".into()));
        let boxes = "TS.ADD bounding_boxes_latency * 0.003 ON_DUPLICATE LAST";
        assert_eq!(written[5], (44, boxes.into()));
    }
}
