//! What is shown: figures out of two looks at a server. Knows neither network nor screen.

use std::cmp::Ordering;

use super::ask::{Asked, Camera};

/// The stages of a picture's way whose time is shown, as `/metrics` calls them.
pub(super) const STAGES: [&str; 4] = ["decode", "prepare", "infer", "track"];

/// What else metrics may speak of: where they begin, and what people call that.
const OUTLETS: [(&str, &str); 3] =
    [("omma_bus_", "bus"), ("omma_publish_", "publish"), ("omma_sink_", "sink")];

/// What is known of a server.
pub(super) struct Board {
    address: String,
    before: Option<Asked>,
    last: Option<Asked>,
    trouble: Option<String>,
}

/// What the cameras are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Name,
    State,
    FramesIn,
    Analysed,
    Drops,
    People,
}

impl Sort {
    const ALL: [Self; 6] =
        [Self::Name, Self::State, Self::FramesIn, Self::Analysed, Self::Drops, Self::People];

    pub(super) fn next(self) -> Self {
        self.step(1)
    }

    pub(super) fn previous(self) -> Self {
        self.step(Self::ALL.len() - 1)
    }

    fn step(self, by: usize) -> Self {
        let place = Self::ALL.iter().position(|sort| *sort == self).unwrap_or_default();
        Self::ALL[(place + by) % Self::ALL.len()]
    }
}

/// A camera as it is shown. Rates are a second; none is known before the second look.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) why: String,
    pub(super) size: Option<(u32, u32)>,
    pub(super) frames_in: Option<f64>,
    pub(super) analysed: Option<f64>,
    pub(super) drops: Option<f64>,
    pub(super) people: u64,
    pub(super) objects: u64,
    /// Mean milliseconds that a picture spent in each of [`STAGES`] since the last look.
    pub(super) stages: [Option<f64>; STAGES.len()],
    pub(super) decoding: bool,
    pub(super) recording: Option<String>,
}

/// The server as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) cameras: usize,
    pub(super) online: usize,
    pub(super) people: u64,
    pub(super) frames_in: Option<f64>,
    pub(super) analysed: Option<f64>,
    pub(super) drops: Option<f64>,
    pub(super) events: Option<f64>,
    pub(super) waiting_events: Option<f64>,
    pub(super) waiting_pictures: Option<f64>,
    /// Cores' worth of processor time.
    pub(super) processor: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
}

/// A sink, a publication or the bus.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outlet {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// What is counted, and what it is now: a second where it counts up.
    pub(super) figures: Vec<(String, Option<f64>)>,
}

impl Board {
    pub(super) const fn new(address: String) -> Self {
        Self { address, before: None, last: None, trouble: None }
    }

    /// Where the server is, without secrets.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Takes an answer. Where there is none, the last figures stay and the reason stands by.
    pub(super) fn take(&mut self, answer: Result<Asked, String>) {
        match answer {
            Ok(asked) => {
                self.before = self.last.replace(asked);
                self.trouble = None;
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Why the server did not answer the last time.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether anything is known yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// The cameras in this order; of equal ones, by name.
    pub(super) fn cameras(&self, sort: Sort) -> Vec<Row> {
        let cameras = self.last.iter().flat_map(|asked| &asked.cameras);
        let mut rows: Vec<Row> = cameras.map(|camera| self.row(camera)).collect();
        rows.sort_by(|a, b| order(a, b, sort).then_with(|| a.name.cmp(&b.name)));
        rows
    }

    fn row(&self, camera: &Camera) -> Row {
        let name = camera.name.as_str();
        let all = [("camera", name)];
        // A detector may have a stream of its own; what the camera sends is in the other one.
        let main = [("camera", name), ("stream", "")];
        Row {
            frames_in: self.rate("omma_frames_received_total", &main),
            analysed: self.rate("omma_frames_analysed_total", &all),
            drops: self.rate("omma_frames_dropped_total", &all),
            stages: STAGES.map(|stage| self.mean_millis(name, stage)),
            name: camera.name.clone(),
            state: camera.state.clone(),
            why: why(camera),
            size: camera.stream.as_ref().map(|stream| (stream.width, stream.height)),
            people: camera.people,
            objects: camera.objects,
            decoding: camera.decoding,
            recording: camera.recording.as_ref().map(|recording| recording.state.clone()),
        }
    }

    /// The server as a whole.
    pub(super) fn totals(&self) -> Totals {
        let Some(last) = &self.last else { return Totals::default() };
        Totals {
            cameras: last.cameras.len(),
            online: last.cameras.iter().filter(|camera| camera.state == "online").count(),
            people: last.cameras.iter().map(|camera| camera.people).sum(),
            frames_in: self.rate("omma_frames_received_total", &[("stream", "")]),
            analysed: self.rate("omma_frames_analysed_total", &[]),
            drops: self.rate("omma_frames_dropped_total", &[]),
            events: self.rate("omma_capture_to_event_seconds_count", &[]),
            waiting_events: last.metrics.sum("omma_event_queue_items", &[]),
            waiting_pictures: last.metrics.sum("omma_detector_queue_items", &[]),
            processor: self.rate("omma_process_cpu_seconds", &[]),
            memory_bytes: last.metrics.sum("omma_process_memory_bytes", &[]),
        }
    }

    /// Everything that leaves over brokers, whatever its metrics are called.
    pub(super) fn outlets(&self) -> Vec<Outlet> {
        let Some(last) = &self.last else { return Vec::new() };
        let mut outlets = Vec::new();
        for (prefix, kind) in OUTLETS {
            for (subject, names) in last.metrics.subjects(prefix) {
                let figure = |name: &str| {
                    let short = name.strip_prefix(prefix).unwrap_or(name);
                    match short.strip_suffix("_total") {
                        Some(counted) => (format!("{counted}/s"), self.rate(name, &subject)),
                        None => (short.to_owned(), last.metrics.sum(name, &subject)),
                    }
                };
                let figures = names.into_iter().map(figure).collect();
                let words: Vec<&str> = subject.iter().map(|(_, value)| *value).collect();
                outlets.push(Outlet { kind, name: words.join(" "), figures });
            }
        }
        outlets
    }

    /// How fast a counter grows. Not known of one that has just begun, or begun again.
    fn rate(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (grown, seconds) = self.grown(name, labels)?;
        (seconds > 0.0).then(|| grown / seconds)
    }

    fn mean_millis(&self, camera: &str, stage: &str) -> Option<f64> {
        let labels = [("camera", camera), ("stage", stage)];
        let (spent, _) = self.grown("omma_stage_seconds_sum", &labels)?;
        let (pictures, _) = self.grown("omma_stage_seconds_count", &labels)?;
        (pictures > 0.0).then(|| spent / pictures * 1e3)
    }

    /// By how much, and in how many seconds.
    fn grown(&self, name: &str, labels: &[(&str, &str)]) -> Option<(f64, f64)> {
        let (last, before) = (self.last.as_ref()?, self.before.as_ref()?);
        let grown = last.metrics.sum(name, labels)? - before.metrics.sum(name, labels)?;
        let seconds = last.at.saturating_duration_since(before.at).as_secs_f64();
        (grown >= 0.0).then_some((grown, seconds))
    }
}

/// What is wrong with a camera, the worst first.
fn why(camera: &Camera) -> String {
    let detector = camera.detector.as_ref().and_then(|detector| detector.error.as_deref());
    let recording = camera.recording.as_ref().map_or("", |recording| recording.reason.as_str());
    let reasons = [camera.reason.as_str(), detector.unwrap_or_default(), recording];
    let reasons: Vec<&str> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
    // A reason comes from elsewhere: it stays on its line and moves no cursor.
    reasons.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn order(a: &Row, b: &Row, sort: Sort) -> Ordering {
    // The largest first.
    let falling =
        |a: Option<f64>, b: Option<f64>| b.unwrap_or_default().total_cmp(&a.unwrap_or_default());
    match sort {
        Sort::Name => Ordering::Equal,
        // Those that need looking after first.
        Sort::State => (a.state == "online", &a.state).cmp(&(b.state == "online", &b.state)),
        Sort::FramesIn => falling(a.frames_in, b.frames_in),
        Sort::Analysed => falling(a.analysed, b.analysed),
        Sort::Drops => falling(a.drops, b.drops),
        Sort::People => b.people.cmp(&a.people),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, Instant};

    use super::super::metrics::Metrics;
    use super::*;

    fn asked(at: Instant, cameras: &str, metrics: &str) -> Asked {
        let cameras = serde_json::from_str(cameras).unwrap();
        Asked { at, cameras, metrics: Metrics::parse(metrics) }
    }

    /// Two cameras, one of them away, looked at twice with two seconds between.
    pub(in super::super) fn sample() -> Board {
        let cameras = r#"[
            {"name":"door","state":"online","reason":"","decoding":true,"people":3,"objects":4,
             "stream":{"codec":"h264","width":1920,"height":1080},
             "recording":{"state":"recording","reason":""}},
            {"name":"yard","state":"offline","reason":"connection\nrefused"}]"#;
        let before = "omma_frames_received_total{camera=\"door\"} 100
omma_frames_received_total{camera=\"door\",stream=\"detect\"} 1000
omma_frames_analysed_total{camera=\"door\"} 50
omma_frames_dropped_total{camera=\"door\",reason=\"view_busy\"} 1
omma_frames_received_total{camera=\"yard\"} 9
omma_stage_seconds_sum{camera=\"door\",stage=\"infer\"} 1
omma_stage_seconds_count{camera=\"door\",stage=\"infer\"} 50
omma_process_cpu_seconds 10
omma_sink_sent_total{sink=\"shop\"} 10
";
        let last = "omma_frames_received_total{camera=\"door\"} 160
omma_frames_received_total{camera=\"door\",stream=\"detect\"} 2000
omma_frames_analysed_total{camera=\"door\"} 60
omma_frames_dropped_total{camera=\"door\",reason=\"view_busy\"} 3
omma_frames_received_total{camera=\"yard\"} 0
omma_stage_seconds_sum{camera=\"door\",stage=\"infer\"} 1.07
omma_stage_seconds_count{camera=\"door\",stage=\"infer\"} 60
omma_process_cpu_seconds 10.5
omma_process_memory_bytes 104857600
omma_event_queue_items 2
omma_sink_sent_total{sink=\"shop\"} 16
omma_sink_waiting{sink=\"shop\"} 7
";
        let start = Instant::now();
        let mut board = Board::new("http://127.0.0.1:8080".to_owned());
        board.take(Ok(asked(start, cameras, before)));
        board.take(Ok(asked(start + Duration::from_secs(2), cameras, last)));
        board
    }

    #[test]
    fn two_looks_make_rates() {
        let board = sample();
        let rows = board.cameras(Sort::Name);
        let door = &rows[0];
        assert_eq!((door.frames_in, door.analysed, door.drops), (Some(30.0), Some(5.0), Some(1.0)));
        assert_eq!(door.stages.map(|ms| ms.map(f64::round)), [None, None, Some(7.0), None]);
        let yard = &rows[1];
        assert_eq!(yard.frames_in, None, "a counter that began again has no rate");
        assert_eq!(yard.why, "connection refused");
        let totals = board.totals();
        assert_eq!((totals.cameras, totals.online, totals.people), (2, 1, 3));
        assert_eq!((totals.processor, totals.waiting_events), (Some(0.25), Some(2.0)));
        let figures = vec![("sent/s".to_owned(), Some(3.0)), ("waiting".to_owned(), Some(7.0))];
        let shop = Outlet { kind: "sink", name: "shop".to_owned(), figures };
        assert_eq!(board.outlets(), [shop]);
    }

    #[test]
    fn figures_stay_while_the_server_is_away() {
        let mut board = sample();
        let before = board.cameras(Sort::Name);
        board.take(Err("connection refused".to_owned()));
        assert_eq!(board.trouble(), Some("connection refused"));
        assert_eq!(board.cameras(Sort::Name), before);
    }

    #[test]
    fn cameras_are_ordered_by_what_is_asked_for() {
        let board = sample();
        let first = |sort| board.cameras(sort)[0].name.clone();
        assert_eq!(first(Sort::Name), "door");
        assert_eq!(first(Sort::State), "yard");
        assert_eq!(first(Sort::People), "door");
        for sort in Sort::ALL {
            assert_eq!(sort.next().previous(), sort);
        }
    }
}
