//! Topics of a broker that may not be there yet: a camera must not wait for it at the start.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{TopicOptions, Topics};
use crate::{Broker, BusError};

/// Topics that are opened when they are first needed. Clones share them.
#[derive(Clone, Debug)]
pub struct LazyTopics {
    broker: Broker,
    options: TopicOptions,
    opened: Arc<OnceCell<Topics>>,
}

impl LazyTopics {
    /// Topics of `broker`, not connected.
    pub fn new(broker: Broker, options: TopicOptions) -> Self {
        Self { broker, options, opened: Arc::default() }
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// How they are kept.
    pub fn options(&self) -> &TopicOptions {
        &self.options
    }

    /// The topics, opened where they were not.
    ///
    /// # Errors
    /// As [`Topics::open`]; the next call tries again.
    pub async fn get(&self) -> Result<&Topics, BusError> {
        self.opened.get_or_try_init(|| Topics::open(&self.broker, self.options.clone())).await
    }

    /// The topics, where they are open.
    pub fn now(&self) -> Option<&Topics> {
        self.opened.get()
    }
}
