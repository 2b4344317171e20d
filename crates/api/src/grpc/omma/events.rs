//! StreamEvents: what happens, from a place in the past on, without a gap and without loss.
//!
//! Events are stored first and told then. So a client that is behind, or asks for the past, is
//! given what the store has, and what is told meanwhile and has a number that it was given
//! already is passed over.

use omma_bus::native::event_message;
use omma_engine::{Handle, Message};
use omma_store::{EventQuery, MAX_PAGE, Order, Store};
use omma_types::{CameraId, Event};
use tokio::sync::broadcast::error::RecvError;
use tonic::Status;

use crate::grpc::answer::Teller;
use crate::grpc::proto::omma::StreamEventsResponse;
use crate::grpc::status;

/// Which events a client wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// Empty: all.
    pub(super) cameras: Vec<CameraId>,
    /// Empty: all.
    pub(super) kinds: Vec<String>,
}

impl Wishes {
    fn includes(&self, event: &Event) -> bool {
        let kind = event.kind.as_str();
        (self.cameras.is_empty() || self.cameras.contains(&event.camera))
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind))
    }
}

/// Tells the events behind number `after`, or from now on.
pub(super) async fn tell(
    handle: Handle,
    wishes: Wishes,
    after: Option<i64>,
    mut teller: Teller<StreamEventsResponse>,
) -> Result<(), Status> {
    // Before the store is asked: what comes in between is in one of the two.
    let mut news = handle.subscribe();
    let store = handle.store();
    let mut last = match after {
        Some(after) => tell_stored(store, &wishes, after, &mut teller).await?,
        None => store.last_seq().await.map_err(|error| status::of_store(&error))?,
    };
    loop {
        match news.recv().await {
            Ok(Message::Event(seq, event)) if seq > last => {
                last = seq;
                if wishes.includes(&event) {
                    let event = Some(event_message(seq, &event));
                    teller.tell(StreamEventsResponse { event }).await?;
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                last = tell_stored(store, &wishes, last, &mut teller).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Tells all stored events behind number `after`. Returns up to which number that was.
async fn tell_stored(
    store: &Store,
    wishes: &Wishes,
    after: i64,
    teller: &mut Teller<StreamEventsResponse>,
) -> Result<i64, Status> {
    let failed = |error| status::of_store(&error);
    // What is stored while the pages are read is told by the news, or by the next look.
    let newest = store.last_seq().await.map_err(failed)?;
    let mut after = after;
    loop {
        let query = EventQuery {
            cameras: wishes.cameras.clone(),
            kinds: wishes.kinds.clone(),
            after_seq: Some(after),
            before_seq: Some(newest.saturating_add(1)),
            limit: MAX_PAGE,
            order: Order::Oldest,
            ..EventQuery::default()
        };
        let page = store.events(&query).await.map_err(failed)?;
        for stored in &page.events {
            let event = Some(event_message(stored.seq, &stored.event));
            teller.tell(StreamEventsResponse { event }).await?;
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(newest.max(after)),
        }
    }
}
