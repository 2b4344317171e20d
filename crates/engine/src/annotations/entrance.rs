//! The way in for annotations, and the way to see how their delivery goes.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use omma_bus::{Deadlines, Signer, Webhook};
use omma_store::Store;
use omma_types::WallTime;

use super::courier::Courier;
use super::delivery::{Delivery, Desk, QUEUE};
use super::{Annotation, AnnotationError};
use crate::EngineError;
use crate::config::AnnotationsConfig;
use crate::telemetry::{AnnotationMetrics, Refusal, Telemetry};

/// More may not wait: weeks of a busy site, some hundred megabytes.
const MOST_WAITING: u64 = 1_000_000;

/// Annotations of a running engine. Cheap to clone.
#[derive(Clone)]
pub struct Annotations {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    metrics: AnnotationMetrics,
    desk: Arc<Desk>,
    /// None: nobody to deliver to.
    delivery: Option<Delivery>,
}

/// How the delivery of annotations goes.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnotationsStatus {
    /// Where they are delivered to, without secrets; none: nowhere.
    pub target: Option<String>,
    /// Accepted and not delivered yet.
    pub waiting: u64,
    /// Set aside because the receiver called them wrong.
    pub dead: u64,
    /// Delivered since the start.
    pub delivered: u64,
    /// Failed requests since the start.
    pub failed_attempts: u64,
    /// Failed requests since the last one that worked.
    pub failures_in_a_row: u32,
    /// The last failure since the start.
    pub last_failure: Option<LastFailure>,
}

/// A failed delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct LastFailure {
    /// When.
    pub time: WallTime,
    /// Why, for people; without secrets.
    pub reason: String,
}

impl Annotations {
    /// Starts delivering to the target of `config`, what an earlier run left first. Must be
    /// called on a Tokio runtime that outlives it.
    pub(crate) async fn start(
        config: Option<&AnnotationsConfig>,
        store: Store,
        telemetry: &Telemetry,
    ) -> Result<Self, EngineError> {
        let metrics = telemetry.annotations();
        let (waiting, dead) = store.outbox_len(QUEUE).await?;
        let (batch, interval) =
            config.map_or((1, std::time::Duration::ZERO), |c| (c.batch, c.interval));
        let courier = Courier::new(batch, interval, waiting);
        let desk = Arc::new(Desk::new(courier, dead, metrics.clone()));
        let delivery = match config {
            None => {
                if waiting > 0 {
                    tracing::warn!(
                        waiting,
                        "annotations of an earlier run wait, but `annotations.url` is not set"
                    );
                }
                None
            }
            Some(config) => {
                let webhook = Webhook::new(&config.url, signer(config), Deadlines::default())?;
                Some(Delivery::start(webhook, store.clone(), Arc::clone(&desk))?)
            }
        };
        Ok(Self { inner: Arc::new(Inner { store, metrics, desk, delivery }) })
    }

    /// Accepts an annotation. It is on the disk when this returns, and will be delivered.
    ///
    /// # Errors
    /// It breaks a rule, nobody is there to deliver it to, too many wait, or it could not be
    /// stored. Nothing was accepted then.
    pub async fn add(&self, annotation: &Annotation) -> Result<(), AnnotationError> {
        self.check(std::iter::once((None, annotation))).await
    }

    /// Accepts annotations, all or none; see [`Self::add`].
    ///
    /// # Errors
    /// The same.
    pub async fn add_all(&self, annotations: &[Annotation]) -> Result<(), AnnotationError> {
        self.check(annotations.iter().enumerate().map(|(at, one)| (Some(at), one))).await
    }

    async fn check(
        &self,
        annotations: impl Iterator<Item = (Option<usize>, &Annotation)>,
    ) -> Result<(), AnnotationError> {
        let metrics = &self.inner.metrics;
        if self.inner.delivery.is_none() {
            metrics.refused(Refusal::NoTarget);
            return Err(AnnotationError::NoTarget);
        }
        let now = WallTime::from(SystemTime::now());
        let forms =
            annotations.map(|(at, one)| one.checked(at, now)).collect::<Result<Vec<_>, _>>();
        let forms = forms.inspect_err(|_| metrics.refused(Refusal::Invalid))?;
        let waiting = self.inner.desk.waiting();
        if waiting.saturating_add(forms.len() as u64) > MOST_WAITING {
            metrics.refused(Refusal::Full);
            return Err(AnnotationError::Full { waiting });
        }
        // A task of its own: a caller that goes away in the middle must not leave something
        // in the queue of which the courier knows nothing.
        let inner = Arc::clone(&self.inner);
        let storing = tokio::spawn(async move {
            let count = forms.len() as u64;
            let stored = inner.store.enqueue(QUEUE, &forms, now).await;
            match &stored {
                Ok(_) => {
                    inner.metrics.received(count);
                    inner.desk.added(count, Instant::now());
                }
                Err(_) => inner.metrics.refused(Refusal::Store),
            }
            stored
        });
        storing.await.map_err(|_ended| AnnotationError::Ending)??;
        Ok(())
    }

    /// How the delivery goes.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn status(&self) -> Result<AnnotationsStatus, AnnotationError> {
        let (waiting, dead) = self.inner.store.outbox_len(QUEUE).await?;
        let target = self.inner.delivery.as_ref().map(|delivery| delivery.target().to_owned());
        Ok(self.inner.desk.status(target, waiting, dead))
    }

    /// Puts the dead ones back into their places in the queue, to be delivered once more.
    /// Returns how many there were.
    ///
    /// # Errors
    /// The store can't be written.
    pub async fn revive(&self) -> Result<u64, AnnotationError> {
        let inner = Arc::clone(&self.inner);
        let reviving = tokio::spawn(async move {
            let revived = inner.store.outbox_revive(QUEUE).await?;
            inner.desk.revived(revived);
            Ok::<_, AnnotationError>(revived)
        });
        reviving.await.map_err(|_ended| AnnotationError::Ending)?
    }

    /// Ends the delivery; what waits goes on after the next start. Blocks for a second at
    /// most where the receiver is slow.
    pub(crate) fn stop(&self) {
        if let Some(delivery) = &self.inner.delivery {
            delivery.stop();
        }
    }
}

/// With a key as video-edge-ai-proxy signs, with a secret alone in Omma's own way.
fn signer(config: &AnnotationsConfig) -> Option<Signer> {
    let secret = config.secret.clone()?;
    Some(if config.key.is_empty() {
        Signer::Omma { secret }
    } else {
        Signer::Chrysalis { key: config.key.clone(), secret }
    })
}
