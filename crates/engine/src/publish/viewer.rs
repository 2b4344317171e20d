//! What a page of `DeepVision` remembers from one picture to the next, and whom a camera that is
//! published for it listens to.

use std::time::{Duration, Instant};

use omma_bus::Broker;
use omma_bus::dialect::deepvision::{Messages, Note};
use omma_types::Track;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::page::Marks;
use super::sight::{Sight, Tails};
use crate::backoff::Backoff;
use crate::config::{DialectConfig, PublishConfig};
use crate::shared::random_seed;

/// One camera's.
pub(super) struct Viewer {
    score: f32,
    tails: Tails,
    /// Whom to listen to, until that has begun.
    broker: Option<Broker>,
    notes: watch::Sender<Vec<Note>>,
    /// Ends with this.
    listening: JoinSet<()>,
    since: Instant,
    has_tracked: bool,
}

impl Viewer {
    /// The viewer of an entry; none where it is not for `DeepVision`.
    pub(super) fn new(config: &PublishConfig) -> Option<Self> {
        let DialectConfig::Deepvision { messages, score, tail, .. } = &config.dialect else {
            return None;
        };
        Some(Self {
            score: *score,
            tails: Tails::new(*tail),
            broker: messages.then(|| config.broker.clone()),
            notes: watch::Sender::default(),
            listening: JoinSet::new(),
            since: Instant::now(),
            has_tracked: false,
        })
    }

    /// Begins to listen to other programs' messages. Must be called on a Tokio runtime.
    pub(super) fn start(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.listening.spawn(listen(broker, self.notes.clone()));
        }
    }

    /// What other programs want to have drawn now.
    pub(super) fn notes(&self) -> Vec<Note> {
        self.notes.borrow().clone()
    }

    /// How long nothing was tracked since the start; none once something was.
    pub(super) fn is_waiting(&mut self, is_analysed: bool) -> Option<Duration> {
        self.has_tracked |= is_analysed;
        (!self.has_tracked).then(|| self.since.elapsed())
    }

    /// What is drawn on the next picture, which shows `tracks`.
    pub(super) fn marks(&mut self, tracks: &[Track], label: String) -> Marks {
        let mut sight = Sight::new(tracks, self.score, &mut self.tails);
        sight.label = label;
        sight.notes = self.notes();
        Marks::Sight(Box::new(sight))
    }
}

/// Passes on what other programs want to have drawn, whatever the broker does.
async fn listen(broker: Broker, notes: watch::Sender<Vec<Note>>) {
    let mut messages = Messages::new(&broker);
    let mut backoff = Backoff::new(random_seed());
    let mut is_well = true;
    loop {
        let since = Instant::now();
        match messages.next().await {
            Ok(newest) => {
                notes.send_replace(newest);
                is_well = true;
            }
            Err(error) => {
                backoff.worked(since.elapsed());
                if is_well {
                    tracing::warn!(%error, "messages of other programs are not shown");
                }
                is_well = false;
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}
