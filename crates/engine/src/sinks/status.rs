//! How a sink does, for people and for metrics.

use std::time::{Duration, Instant};

use omma_types::WallTime;
use parking_lot::Mutex;

use crate::telemetry::SinkMetrics;

/// The same complaint is not repeated within this time.
const COMPLAIN_EVERY: Duration = Duration::from_mins(10);

/// A sink as of now.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// `webhook`, `redis`, `kafka` or `mqtt`.
    pub kind: &'static str,
    /// Where, without secrets.
    pub target: String,
    /// Everything up to this sequence number is done.
    pub cursor: i64,
    /// How far that is behind the newest event.
    pub waiting: u64,
    /// Delivered since the start of the process.
    pub delivered: u64,
    /// Put aside because the target refused them.
    pub dead: u64,
    /// Given up since the start of the process because they waited too long.
    pub lost: u64,
    /// Since when it takes what it is given; none while it does not.
    pub connected: Option<WallTime>,
    /// What went wrong last, and when.
    pub last_error: Option<(WallTime, String)>,
}

/// What a sink's task notes about itself.
pub(crate) struct Report {
    name: String,
    metrics: SinkMetrics,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    delivered: u64,
    cursor: i64,
    dead: u64,
    lost: u64,
    connected: Option<WallTime>,
    last_error: Option<(WallTime, String)>,
    /// When what was said of it in the log.
    complained: Option<(Instant, String)>,
}

impl Report {
    pub(crate) fn new(name: String, metrics: SinkMetrics) -> Self {
        Self { name, metrics, state: Mutex::default() }
    }

    /// It answers.
    pub(crate) fn works(&self, now: WallTime) {
        let mut state = self.state.lock();
        if state.connected.is_none() {
            state.connected = Some(now);
            self.metrics.connected.set(1.0);
            if state.complained.take().is_some() {
                tracing::info!(sink = self.name, "the sink takes events again");
            }
        }
    }

    /// It does not: one word in the log, until it works again or something else is wrong.
    pub(crate) fn fails(&self, now: WallTime, reason: String) {
        let mut state = self.state.lock();
        state.connected = None;
        self.metrics.connected.set(0.0);
        self.metrics.failures.increment(1);
        let is_news = match &state.complained {
            None => true,
            Some((when, what)) => *what != reason && when.elapsed() >= COMPLAIN_EVERY,
        };
        if is_news {
            tracing::warn!(
                sink = self.name,
                reason = reason.as_str(),
                "the sink does not take events; they wait in the store, and it is tried again"
            );
            state.complained = Some((Instant::now(), reason.clone()));
        }
        state.last_error = Some((now, reason));
    }

    pub(crate) fn delivered(&self, count: usize) {
        self.metrics.delivered.increment(count as u64);
        self.state.lock().delivered += count as u64;
    }

    /// An event was put aside.
    pub(crate) fn buried(&self, now: WallTime, seq: i64, reason: &str) {
        self.metrics.buried.increment(1);
        let mut state = self.state.lock();
        let complained = state.last_error.as_ref().is_some_and(|(_, last)| last == reason);
        if !complained {
            tracing::warn!(
                sink = self.name,
                seq,
                reason,
                "the sink refuses an event; it is put aside"
            );
        }
        state.last_error = Some((now, reason.to_owned()));
    }

    /// Events were given up.
    pub(crate) fn lost(&self, count: u64) {
        self.metrics.lost.increment(count);
        self.state.lock().lost += count;
        tracing::error!(
            sink = self.name,
            events = count,
            "the sink was away for too long: these events are older than twice what \
             `events.keep` says, and go undelivered"
        );
    }

    pub(crate) fn moved(&self, cursor: i64) {
        self.state.lock().cursor = cursor;
    }

    pub(crate) fn waiting(&self, count: u64) {
        self.metrics.waiting.set(count as f64);
    }

    pub(crate) fn dead(&self, count: u64) {
        self.metrics.dead.set(count as f64);
        self.state.lock().dead = count;
    }

    /// What is known, where the newest event is `newest`.
    pub(crate) fn status(&self, kind: &'static str, target: String, newest: i64) -> SinkStatus {
        let state = self.state.lock().clone();
        SinkStatus {
            name: self.name.clone(),
            kind,
            target,
            cursor: state.cursor,
            waiting: newest.saturating_sub(state.cursor).max(0).unsigned_abs(),
            delivered: state.delivered,
            dead: state.dead,
            lost: state.lost,
            connected: state.connected,
            last_error: state.last_error,
        }
    }
}
