//! Sinks of events, as they are shown.

use omma_engine::sinks::SinkStatus;
use omma_store::DeadEvent;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How a sink of events does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sink)]
pub struct SinkDto {
    /// Its name.
    #[schema(example = "house")]
    pub name: String,
    /// `webhook`, `redis`, `kafka` or `mqtt`.
    #[schema(example = "mqtt")]
    pub kind: &'static str,
    /// Where, without secrets.
    #[schema(example = "mqtt://broker:1883/omma")]
    pub target: String,
    /// Everything up to this sequence number was delivered, put aside, or is not for it.
    pub cursor: i64,
    /// How far that is behind the newest event.
    pub waiting: u64,
    /// Delivered since the start.
    pub delivered: u64,
    /// Put aside because the target refused them.
    pub dead: u64,
    /// Given up since the start because they waited for more than twice `events.keep`.
    pub lost: u64,
    /// Since when the target takes what it is given; `null` while it does not.
    pub connected_since: Option<String>,
    /// What went wrong last.
    pub last_error: Option<SinkErrorDto>,
}

/// What went wrong with a sink.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SinkError)]
pub struct SinkErrorDto {
    /// When.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
    /// Why.
    #[schema(example = "mqtt://broker:1883 cannot be reached: I/O: Connection refused")]
    pub reason: String,
}

/// From where on to deliver once more.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Replay)]
#[serde(deny_unknown_fields)]
pub struct ReplayDto {
    /// The first event's sequence number.
    #[schema(example = 1)]
    pub from: i64,
}

/// What will be delivered once more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replayed)]
pub struct ReplayedDto {
    /// Where the sink stands now: everything behind this number is delivered.
    pub cursor: i64,
    /// The newest event's sequence number.
    pub newest: i64,
}

/// An event that was put aside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadEvent)]
pub struct DeadEventDto {
    /// The event's sequence number.
    pub seq: i64,
    /// Why the target refused it.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was put aside.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
}

/// What was put back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevivedEvents)]
pub struct RevivedEventsDto {
    /// How many events will be delivered once more.
    pub revived: u64,
}

/// How many are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeadQuery {
    /// At most so many, 1 to 1000; 100 where nothing is said.
    pub limit: Option<u32>,
}

impl From<SinkStatus> for SinkDto {
    fn from(status: SinkStatus) -> Self {
        Self {
            name: status.name,
            kind: status.kind,
            target: status.target,
            cursor: status.cursor,
            waiting: status.waiting,
            delivered: status.delivered,
            dead: status.dead,
            lost: status.lost,
            connected_since: status.connected.map(|since| since.to_string()),
            last_error: status.last_error.map(|(time, reason)| SinkErrorDto {
                time: time.to_string(),
                time_ms: time.as_millis(),
                reason,
            }),
        }
    }
}

impl From<DeadEvent> for DeadEventDto {
    fn from(dead: DeadEvent) -> Self {
        Self {
            seq: dead.seq,
            reason: dead.reason,
            attempts: dead.attempts,
            time: dead.at.to_string(),
            time_ms: dead.at.as_millis(),
        }
    }
}
