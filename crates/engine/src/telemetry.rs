//! The names and meanings of all metrics, in one place.
//!
//! Each engine has a recorder of its own, so that several engines in one process (tests)
//! do not add up. Label values are camera names, stages and reasons: none is ever made from
//! a URL.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use omma_bus::topic::{DropReason, Topics};
use omma_types::{CameraId, Direction, Stage, StageTimings};

use crate::status::CameraState;

static METADATA: Metadata<'static> = Metadata::new("omma", Level::INFO, None);

/// Upper bounds of the latency histograms, in seconds.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 5.0];

/// Why a picture or packet was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drop {
    /// A newer picture came before the detector was free.
    DetectorBusy,
    /// A newer picture came before the live view was free.
    ViewBusy,
    /// A newer picture came before a client had taken this one.
    ClientBusy,
    /// Too many waited to be made into a derived camera's picture.
    DeriveBusy,
    /// The packet was damaged.
    Corrupt,
    /// The program on the bus that should have looked at it did not answer in time.
    NoAnswer,
}

impl Drop {
    const ALL: [Self; 6] = [
        Self::DetectorBusy,
        Self::ViewBusy,
        Self::ClientBusy,
        Self::DeriveBusy,
        Self::Corrupt,
        Self::NoAnswer,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::DetectorBusy => "detector_busy",
            Self::ViewBusy => "view_busy",
            Self::ClientBusy => "client_busy",
            Self::DeriveBusy => "derive_busy",
            Self::Corrupt => "corrupt",
            Self::NoAnswer => "no_answer",
        }
    }
}

/// Why an event has no picture though there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotDrop {
    /// Too many waited to be written.
    Busy,
    /// It could not be made or written.
    Failed,
}

impl SnapshotDrop {
    const ALL: [Self; 2] = [Self::Busy, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// Why some time of a camera's tracks is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackDrop {
    /// Too much waited to be stored.
    Busy,
    /// It could not be stored.
    Failed,
}

impl TrackDrop {
    const ALL: [Self; 2] = [Self::Busy, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// Why a port did not let somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No token was sent where one is needed.
    NoToken,
    /// The token is not one of those configured.
    WrongToken,
    /// The token is not good for what was asked.
    MissingScope,
    /// The server was asked under a foreign name, or by a page of another site.
    ForeignSite,
    /// The client's certificate is missing, expired, or of a foreign issuer.
    Certificate,
    /// The client does not speak TLS, or fails at it.
    Handshake,
    /// The client did not come to an end with the handshake.
    Timeout,
}

impl Refused {
    const ALL: [Self; 7] = [
        Self::NoToken,
        Self::WrongToken,
        Self::MissingScope,
        Self::ForeignSite,
        Self::Certificate,
        Self::Handshake,
        Self::Timeout,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::MissingScope => "missing_scope",
            Self::ForeignSite => "foreign_site",
            Self::Certificate => "certificate",
            Self::Handshake => "handshake",
            Self::Timeout => "timeout",
        }
    }
}

/// The metrics of one listening port.
#[derive(Clone)]
pub struct PortMetrics {
    connections: Gauge,
    refused: [Counter; Refused::ALL.len()],
}

impl PortMetrics {
    /// Counts one that was not let through.
    pub fn refuse(&self, reason: Refused) {
        self.refused[reason as usize].increment(1);
    }

    /// A connection was taken; call [`Self::closed`] when it ends.
    pub fn opened(&self) {
        self.connections.increment(1.0);
    }

    /// A connection ended.
    pub fn closed(&self) {
        self.connections.decrement(1.0);
    }
}

/// Why a viewer did not get a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerDrop {
    /// The viewer takes less than the camera gives; it goes on at a later keyframe.
    Slow,
    /// Pictures in front of the first keyframe, or what no film can hold.
    Unusable,
}

impl ViewerDrop {
    const ALL: [Self; 2] = [Self::Slow, Self::Unusable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Unusable => "unusable",
        }
    }
}

/// Why somebody who wanted to look was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerRefusal {
    /// Too many look already.
    Full,
    /// Browsers do not play the camera's codec.
    Codec,
    /// What was asked makes no sense.
    Invalid,
}

impl ViewerRefusal {
    const ALL: [Self; 3] = [Self::Full, Self::Codec, Self::Invalid];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Codec => "codec",
            Self::Invalid => "invalid",
        }
    }
}

/// The metrics of those who watch cameras in one way.
#[derive(Clone)]
pub struct ViewerMetrics {
    viewers: Gauge,
    bytes: Counter,
    dropped: [Counter; ViewerDrop::ALL.len()],
    refused: [Counter; ViewerRefusal::ALL.len()],
}

impl ViewerMetrics {
    /// Somebody looks; call [`Self::left`] when he no longer does.
    pub fn came(&self) {
        self.viewers.increment(1.0);
    }

    /// Somebody no longer looks.
    pub fn left(&self) {
        self.viewers.decrement(1.0);
    }

    /// So many bytes of video were sent.
    pub fn sent(&self, bytes: usize) {
        self.bytes.increment(bytes as u64);
    }

    /// So many packets were not sent.
    pub fn drop_packets(&self, reason: ViewerDrop, count: u64) {
        self.dropped[reason as usize].increment(count);
    }

    /// Counts one who was turned away.
    pub fn refuse(&self, reason: ViewerRefusal) {
        self.refused[reason as usize].increment(1);
    }
}

/// All metrics of one engine.
pub(crate) struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    cpu_seconds: Gauge,
    memory_bytes: Gauge,
    /// Chunks of tracks that were not kept, by reason.
    tracks_dropped: [Counter; TrackDrop::ALL.len()],
    /// Boxes of tracks that came to be stored, those that were kept of them, and their bytes.
    track_boxes: Counter,
    track_points: Counter,
    track_bytes: Counter,
    /// Events waiting to be stored.
    pub(crate) event_queue: Gauge,
    /// Messages on the bus's topics that are none of Omma's.
    pub(crate) foreign_messages: Counter,
    /// Pictures that models of this process looked at for other processes.
    pub(crate) looked_for_others: Counter,
    /// Events that were not this process's to tell any more.
    pub(crate) untold_events: Counter,
    /// Events told by who was not the owner.
    pub(crate) foreign_events: Counter,
    /// Pictures waiting for a detector.
    pub(crate) detector_queue: Gauge,
}

/// The metrics of one camera.
pub(crate) struct CameraMetrics {
    pub(crate) received: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) decoded: Counter,
    pub(crate) analysed: Counter,
    pub(crate) reconnects: Counter,
    pub(crate) people: Gauge,
    pub(crate) objects: Gauge,
    pub(crate) ring_bytes: Gauge,
    pub(crate) recorded_bytes: Counter,
    pub(crate) recording_lost: Counter,
    pub(crate) recording: Gauge,
    pub(crate) ring_overflows: Counter,
    /// Messages of its stream on a bus that were no pictures, or that it passed over.
    pub(crate) left_out: Counter,
    pub(crate) event_latency: Histogram,
    pub(crate) snapshots: Counter,
    snapshots_dropped: [Counter; SnapshotDrop::ALL.len()],
    dropped: [Counter; Drop::ALL.len()],
    states: [Gauge; CameraState::ALL.len()],
    stages: [Histogram; Stage::ALL.len()],
    telemetry: Arc<Telemetry>,
    camera: CameraId,
}

/// Why an annotation was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks a rule.
    Invalid,
    /// Too many wait.
    Full,
    /// The store did not take it.
    Store,
    /// Nobody to deliver it to.
    NoTarget,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Invalid, Self::Full, Self::Store, Self::NoTarget];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Full => "full",
            Self::Store => "store",
            Self::NoTarget => "no_target",
        }
    }
}

/// Why a picture or an analysis was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishDrop {
    /// A newer one came before the broker had taken the last.
    Slow,
    /// The broker is away.
    Away,
    /// By the dialect's own rule.
    LeftOut,
    /// It could not be made, or the broker did not take it.
    Failed,
}

impl PublishDrop {
    const ALL: [Self; 4] = [Self::Slow, Self::Away, Self::LeftOut, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Away => "away",
            Self::LeftOut => "left_out",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of a camera that is published in another system's format.
#[derive(Clone)]
pub(crate) struct PublishMetrics {
    pub(crate) frames: Counter,
    pub(crate) bytes: Counter,
    pub(crate) analyses: Counter,
    pub(crate) up: Gauge,
    dropped: [Counter; PublishDrop::ALL.len()],
    analyses_dropped: [Counter; PublishDrop::ALL.len()],
    telemetry: Arc<Telemetry>,
}

impl PublishMetrics {
    pub(crate) fn drop_frames(&self, reason: PublishDrop, count: u64) {
        self.dropped[reason as usize].increment(count);
    }

    pub(crate) fn drop_analyses(&self, reason: PublishDrop, count: u64) {
        self.analyses_dropped[reason as usize].increment(count);
    }

    /// Sets a figure that a dialect's dashboards ask for under a name of their own.
    pub(crate) fn figure(&self, name: &'static str, camera: &str, value: f64) {
        let key = Key::from_parts(name, vec![Label::new("camera", camera.to_owned())]);
        self.telemetry.recorder.register_gauge(&key, &METADATA).set(value);
    }
}

/// The metrics of annotations and their delivery.
#[derive(Clone)]
pub(crate) struct AnnotationMetrics {
    pub(crate) waiting: Gauge,
    pub(crate) dead: Gauge,
    pub(crate) delivered: Counter,
    pub(crate) failures: Counter,
    pub(crate) buried: Counter,
    pub(crate) forgotten: Counter,
    received: Counter,
    refused: [Counter; Refusal::ALL.len()],
}

impl AnnotationMetrics {
    pub(crate) fn received(&self, count: u64) {
        self.received.increment(count);
    }

    pub(crate) fn refused(&self, reason: Refusal) {
        self.refused[reason as usize].increment(1);
    }
}

/// The metrics of one sink of events.
pub(crate) struct SinkMetrics {
    pub(crate) delivered: Counter,
    pub(crate) failures: Counter,
    pub(crate) buried: Counter,
    pub(crate) lost: Counter,
    pub(crate) waiting: Gauge,
    pub(crate) dead: Gauge,
    pub(crate) connected: Gauge,
}

impl Telemetry {
    pub(crate) fn new() -> Arc<Self> {
        let buckets = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(buckets, &LATENCY_BUCKETS)
            .unwrap_or_default()
            .build_recorder();
        describe(&recorder);
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_name(name), &METADATA);
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_name(name), &METADATA);
        let tracks_dropped = TrackDrop::ALL.map(|reason| {
            let labels = vec![Label::new("reason", reason.as_str())];
            let key = Key::from_parts("omma_tracks_dropped_total", labels);
            recorder.register_counter(&key, &METADATA)
        });
        Arc::new(Self {
            handle: recorder.handle(),
            cpu_seconds: gauge("omma_process_cpu_seconds"),
            memory_bytes: gauge("omma_process_memory_bytes"),
            tracks_dropped,
            track_boxes: counter("omma_track_boxes_total"),
            track_points: counter("omma_track_points_total"),
            track_bytes: counter("omma_track_bytes_total"),
            event_queue: gauge("omma_event_queue_items"),
            detector_queue: gauge("omma_detector_queue_items"),
            looked_for_others: recorder
                .register_counter(&Key::from_name("omma_node_pictures_total"), &METADATA),
            untold_events: recorder
                .register_counter(&Key::from_name("omma_node_untold_events_total"), &METADATA),
            foreign_events: recorder
                .register_counter(&Key::from_name("omma_node_foreign_events_total"), &METADATA),
            foreign_messages: recorder
                .register_counter(&Key::from_name("omma_bus_foreign_messages_total"), &METADATA),
            recorder,
        })
    }

    /// Some time of a camera's tracks is not kept.
    pub(crate) fn drop_tracks(&self, reason: TrackDrop) {
        self.tracks_dropped[reason as usize].increment(1);
    }

    /// Tracks were stored: `points` of `boxes`, in `bytes`.
    pub(crate) fn stored_tracks(&self, boxes: u64, points: u64, bytes: u64) {
        self.track_boxes.increment(boxes);
        self.track_points.increment(points);
        self.track_bytes.increment(bytes);
    }

    /// What the connections to the bus have counted so far.
    pub(crate) fn bus(&self, topics: &Topics) {
        let set = |name: &'static str, labels: Vec<Label>, count: u64| {
            let key = Key::from_parts(name, labels);
            self.recorder.register_counter(&key, &METADATA).absolute(count);
        };
        set("omma_bus_interruptions_total", Vec::new(), topics.stats().interruptions);
        for (topic, stats) in topics.stats_by_topic() {
            let labels = || vec![Label::new("topic", topic.clone())];
            set("omma_bus_published_total", labels(), stats.published);
            set("omma_bus_received_total", labels(), stats.received);
            set("omma_bus_missed_total", labels(), stats.missed);
            for reason in DropReason::ALL {
                let mut labels = labels();
                labels.push(Label::new("reason", reason.as_str()));
                set("omma_bus_dropped_total", labels, stats.dropped(reason));
            }
        }
    }

    /// Folds recorded samples together. To be called every few seconds: samples of the
    /// histograms are kept until then.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Prometheus' text exposition format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        if let Ok(cpu) = cpu_time::ProcessTime::try_now() {
            self.cpu_seconds.set(cpu.as_duration().as_secs_f64());
        }
        if let Some(bytes) = resident_bytes() {
            self.memory_bytes.set(bytes as f64);
        }
        self.handle.render()
    }

    /// The metrics of the port that the configuration calls `name`.
    pub(crate) fn port(&self, name: &'static str) -> PortMetrics {
        let key = |metric: &'static str, reason: Option<&'static str>| {
            let mut labels = vec![Label::new("port", name)];
            labels.extend(reason.map(|reason| Label::new("reason", reason)));
            Key::from_parts(metric, labels)
        };
        let refused = |reason: Refused| {
            let key = key("omma_port_refused_total", Some(reason.as_str()));
            self.recorder.register_counter(&key, &METADATA)
        };
        PortMetrics {
            connections: self
                .recorder
                .register_gauge(&key("omma_port_connections", None), &METADATA),
            refused: Refused::ALL.map(refused),
        }
    }

    /// Of those who watch in the way called `way`.
    pub(crate) fn viewers(&self, way: &'static str) -> ViewerMetrics {
        let key = |metric: &'static str, reason: Option<&'static str>| {
            let mut labels = vec![Label::new("way", way)];
            labels.extend(reason.map(|reason| Label::new("reason", reason)));
            Key::from_parts(metric, labels)
        };
        let counter =
            |metric, reason| self.recorder.register_counter(&key(metric, reason), &METADATA);
        ViewerMetrics {
            viewers: self.recorder.register_gauge(&key("omma_viewers", None), &METADATA),
            bytes: counter("omma_viewer_sent_bytes_total", None),
            dropped: ViewerDrop::ALL
                .map(|r| counter("omma_viewer_dropped_packets_total", Some(r.as_str()))),
            refused: ViewerRefusal::ALL
                .map(|r| counter("omma_viewer_refused_total", Some(r.as_str()))),
        }
    }

    /// Of the annotations.
    pub(crate) fn annotations(&self) -> AnnotationMetrics {
        let counter =
            |name: &'static str| self.recorder.register_counter(&Key::from_name(name), &METADATA);
        let gauge =
            |name: &'static str| self.recorder.register_gauge(&Key::from_name(name), &METADATA);
        AnnotationMetrics {
            waiting: gauge("omma_annotations_waiting"),
            dead: gauge("omma_annotations_dead"),
            delivered: counter("omma_annotations_delivered_total"),
            failures: counter("omma_annotations_failed_requests_total"),
            buried: counter("omma_annotations_set_aside_total"),
            forgotten: counter("omma_annotations_forgotten_total"),
            received: counter("omma_annotations_received_total"),
            refused: Refusal::ALL.map(|reason| {
                let labels = vec![Label::new("reason", reason.as_str())];
                let key = Key::from_parts("omma_annotations_refused_requests_total", labels);
                self.recorder.register_counter(&key, &METADATA)
            }),
        }
    }

    /// Of a camera that is published in the format that the configuration calls `dialect`.
    pub(crate) fn publication(
        self: &Arc<Self>,
        camera: &CameraId,
        dialect: &'static str,
    ) -> PublishMetrics {
        let counter = |name: &'static str, reason: Option<&'static str>| {
            let mut labels = vec![
                Label::new("camera", camera.as_str().to_owned()),
                Label::new("dialect", dialect),
            ];
            labels.extend(reason.map(|reason| Label::new("reason", reason)));
            self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        let labels =
            vec![Label::new("camera", camera.as_str().to_owned()), Label::new("dialect", dialect)];
        PublishMetrics {
            frames: counter("omma_publish_frames_total", None),
            bytes: counter("omma_publish_bytes_total", None),
            analyses: counter("omma_publish_analyses_total", None),
            up: self
                .recorder
                .register_gauge(&Key::from_parts("omma_publish_up", labels), &METADATA),
            dropped: PublishDrop::ALL
                .map(|r| counter("omma_publish_dropped_total", Some(r.as_str()))),
            analyses_dropped: PublishDrop::ALL
                .map(|r| counter("omma_publish_analyses_dropped_total", Some(r.as_str()))),
            telemetry: Arc::clone(self),
        }
    }

    /// Of the sink called `name`.
    pub(crate) fn sink(&self, name: &str) -> SinkMetrics {
        let key = |metric: &'static str| {
            Key::from_parts(metric, vec![Label::new("sink", name.to_owned())])
        };
        let counter = |metric| self.recorder.register_counter(&key(metric), &METADATA);
        let gauge = |metric| self.recorder.register_gauge(&key(metric), &METADATA);
        SinkMetrics {
            delivered: counter("omma_sink_delivered_total"),
            failures: counter("omma_sink_failures_total"),
            buried: counter("omma_sink_put_aside_total"),
            lost: counter("omma_sink_lost_total"),
            waiting: gauge("omma_sink_waiting"),
            dead: gauge("omma_sink_dead"),
            connected: gauge("omma_sink_connected"),
        }
    }

    /// Of a camera and its main stream.
    pub(crate) fn camera(self: &Arc<Self>, camera: &CameraId) -> CameraMetrics {
        self.stream(camera, None)
    }

    /// Of a camera's stream for the detector: the same names, and a label more.
    pub(crate) fn sub_stream(self: &Arc<Self>, camera: &CameraId) -> CameraMetrics {
        self.stream(camera, Some(("stream", "detect")))
    }

    fn stream(
        self: &Arc<Self>,
        camera: &CameraId,
        which: Option<(&'static str, &'static str)>,
    ) -> CameraMetrics {
        let key = |name: &'static str, extra: Option<(&'static str, &'static str)>| {
            let mut labels = vec![Label::new("camera", camera.as_str().to_owned())];
            labels.extend(which.map(|(name, value)| Label::new(name, value)));
            labels.extend(extra.map(|(name, value)| Label::new(name, value)));
            Key::from_parts(name, labels)
        };
        let counter = |name, extra| self.recorder.register_counter(&key(name, extra), &METADATA);
        let gauge = |name, extra| self.recorder.register_gauge(&key(name, extra), &METADATA);
        let histogram =
            |name, extra| self.recorder.register_histogram(&key(name, extra), &METADATA);
        CameraMetrics {
            received: counter("omma_frames_received_total", None),
            received_bytes: counter("omma_received_bytes_total", None),
            decoded: counter("omma_frames_decoded_total", None),
            analysed: counter("omma_frames_analysed_total", None),
            reconnects: counter("omma_camera_reconnects_total", None),
            people: gauge("omma_people", None),
            objects: gauge("omma_objects", None),
            ring_bytes: gauge("omma_ring_bytes", None),
            recorded_bytes: counter("omma_recorded_bytes_total", None),
            recording_lost: counter("omma_recording_lost_packets_total", None),
            recording: gauge("omma_recording", None),
            ring_overflows: counter("omma_ring_overflows_total", None),
            left_out: counter("omma_bus_left_out_total", None),
            event_latency: histogram("omma_capture_to_event_seconds", None),
            snapshots: counter("omma_snapshots_total", None),
            snapshots_dropped: SnapshotDrop::ALL
                .map(|d| counter("omma_snapshots_dropped_total", Some(("reason", d.as_str())))),
            dropped: Drop::ALL
                .map(|d| counter("omma_frames_dropped_total", Some(("reason", d.as_str())))),
            states: CameraState::ALL
                .map(|s| gauge("omma_camera_state", Some(("state", s.as_str())))),
            stages: Stage::ALL
                .map(|s| histogram("omma_stage_seconds", Some(("stage", s.as_str())))),
            telemetry: Arc::clone(self),
            camera: camera.clone(),
        }
    }
}

impl CameraMetrics {
    pub(crate) fn snapshot_dropped(&self, reason: SnapshotDrop, events: u64) {
        self.snapshots_dropped[reason as usize].increment(events);
    }

    pub(crate) fn drop_frame(&self, reason: Drop) {
        self.dropped[reason as usize].increment(1);
    }

    /// Notes the camera's state; none for a camera that is no longer there.
    pub(crate) fn state(&self, now: Option<CameraState>) {
        for (state, gauge) in CameraState::ALL.iter().zip(&self.states) {
            gauge.set(f64::from(u8::from(Some(*state) == now)));
        }
    }

    /// The camera gives no pictures: what was seen in the last ones is no longer so.
    pub(crate) fn nobody_seen(&self) {
        for gauge in [&self.people, &self.objects, &self.ring_bytes] {
            gauge.set(0.0);
        }
    }

    pub(crate) fn stage(&self, stage: Stage, spent: Duration) {
        self.stages[stage as usize].record(spent.as_secs_f64());
    }

    pub(crate) fn stages(&self, timings: &StageTimings) {
        for stage in Stage::ALL {
            let spent = timings.get(stage);
            if !spent.is_zero() {
                self.stage(stage, spent);
            }
        }
    }

    /// Counts a crossing of a line.
    pub(crate) fn crossing(&self, line: &str, direction: Direction, class: &str) {
        let key = Key::from_parts(
            "omma_crossings_total",
            vec![
                Label::new("camera", self.camera.as_str().to_owned()),
                Label::new("line", line.to_owned()),
                Label::new("direction", direction.as_str()),
                Label::new("class", class.to_owned()),
            ],
        );
        self.telemetry.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// Sets how many objects are in a zone.
    pub(crate) fn occupancy(&self, zone: &str, objects: u64) {
        let key = Key::from_parts(
            "omma_zone_occupancy",
            vec![
                Label::new("camera", self.camera.as_str().to_owned()),
                Label::new("zone", zone.to_owned()),
            ],
        );
        self.telemetry.recorder.register_gauge(&key, &METADATA).set(objects as f64);
    }
}

fn describe(recorder: &PrometheusRecorder) {
    let counter = |name: &'static str, text: &'static str| {
        recorder.describe_counter(name.into(), None, text.into());
    };
    let gauge = |name: &'static str, unit: Option<Unit>, text: &'static str| {
        recorder.describe_gauge(name.into(), unit, text.into());
    };
    let seconds = |name: &'static str, text: &'static str| {
        recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
    };
    counter("omma_frames_received_total", "packets of video that arrived");
    counter("omma_received_bytes_total", "bytes of video that arrived");
    counter("omma_frames_decoded_total", "pictures decoded");
    counter("omma_frames_analysed_total", "pictures seen by the detector");
    counter("omma_frames_dropped_total", "pictures and packets not used, by reason");
    counter("omma_camera_reconnects_total", "attempts to open a camera again");
    counter("omma_recorded_bytes_total", "bytes of footage written");
    counter("omma_recording_lost_packets_total", "packets not recorded, the disk was slow");
    gauge("omma_recording", None, "1 while footage is being kept");
    counter("omma_ring_overflows_total", "groups of pictures too large for the ring");
    counter("omma_snapshots_total", "events whose picture was kept");
    counter("omma_snapshots_dropped_total", "events whose picture could not be kept, by reason");
    counter("omma_crossings_total", "crossings of a line since the start of the process");
    counter("omma_port_refused_total", "connections and requests not let through, by reason");
    gauge("omma_port_connections", None, "connections that stand now");
    gauge("omma_viewers", None, "people and programs that watch a camera now");
    counter("omma_viewer_sent_bytes_total", "bytes of video that went to viewers");
    counter("omma_viewer_dropped_packets_total", "packets that a viewer missed, by reason");
    counter("omma_viewer_refused_total", "viewers turned away, by reason");
    counter("omma_publish_frames_total", "pictures written in another system's format");
    counter("omma_publish_bytes_total", "bytes of these pictures");
    counter("omma_publish_analyses_total", "analyses written in another system's format");
    counter("omma_publish_dropped_total", "pictures not written, by reason");
    counter("omma_publish_analyses_dropped_total", "analyses not written, by reason");
    gauge("omma_publish_up", None, "1 while the broker takes what is written");
    counter("omma_annotations_received_total", "annotations accepted");
    counter(
        "omma_annotations_refused_requests_total",
        "requests with annotations refused, by reason",
    );
    counter("omma_annotations_delivered_total", "annotations that the receiver has");
    counter("omma_annotations_failed_requests_total", "deliveries that failed");
    counter("omma_annotations_set_aside_total", "annotations that the receiver called wrong");
    counter("omma_annotations_forgotten_total", "annotations set aside that became too many");
    gauge("omma_annotations_waiting", None, "annotations waiting to be delivered");
    gauge("omma_annotations_dead", None, "annotations set aside");
    counter("omma_sink_delivered_total", "events that a sink's target has");
    counter("omma_sink_failures_total", "times that a sink's target was away or took nothing");
    counter("omma_sink_put_aside_total", "events that a sink's target refused");
    counter("omma_sink_lost_total", "events given up because a sink was away for too long");
    gauge("omma_sink_waiting", None, "sequence numbers between a sink and the newest event");
    gauge("omma_sink_dead", None, "events put aside by a sink");
    gauge("omma_sink_connected", None, "1 while a sink's target takes events");
    gauge("omma_people", None, "confirmed tracks of class person now");
    gauge("omma_objects", None, "confirmed tracks of all classes now");
    gauge("omma_zone_occupancy", None, "objects in a zone now");
    gauge("omma_camera_state", None, "1 for the state that the camera is in");
    gauge("omma_ring_bytes", Some(Unit::Bytes), "recent packets held in memory");
    counter("omma_bus_published_total", "messages that the bus has confirmed");
    counter("omma_bus_received_total", "messages read from the bus");
    counter("omma_bus_missed_total", "times that the bus had cleared away what was not read");
    counter("omma_bus_interruptions_total", "times that the bus was away");
    counter("omma_bus_dropped_total", "messages that the bus did not take in time, by reason");
    counter(
        "omma_bus_left_out_total",
        "messages of cameras on a bus that were no pictures or were passed over",
    );
    counter("omma_bus_foreign_messages_total", "messages of the bus that are not understood");
    counter("omma_node_pictures_total", "pictures that models looked at for other processes");
    counter(
        "omma_node_untold_events_total",
        "events left to another process, which owns the camera",
    );
    counter(
        "omma_node_foreign_events_total",
        "events left out, told by a process that had lost the camera",
    );
    counter("omma_tracks_dropped_total", "minutes of a camera's tracks not kept, by reason");
    counter("omma_track_boxes_total", "boxes of tracks that were to be kept");
    counter("omma_track_points_total", "boxes of tracks that were kept; lines tell the others");
    counter("omma_track_bytes_total", "bytes of tracks stored");
    gauge("omma_event_queue_items", None, "events waiting to be stored");
    gauge("omma_detector_queue_items", None, "pictures waiting for a detector");
    gauge("omma_process_cpu_seconds", Some(Unit::Seconds), "processor time used");
    gauge("omma_process_memory_bytes", Some(Unit::Bytes), "resident memory");
    seconds("omma_stage_seconds", "time a picture spends in each stage");
    seconds("omma_capture_to_event_seconds", "from a picture's arrival to its event stored");
}

/// Resident memory of this process (Linux, proc(5)); none elsewhere.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
