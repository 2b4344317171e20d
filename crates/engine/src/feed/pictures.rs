//! A camera's decoded pictures as they come. While a feed lives, the camera decodes for it.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use omma_media::Picture;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::Rate;
use crate::demand::Consumer;
use crate::stream::Stream;
use crate::telemetry::Drop as Dropped;

/// Pictures that wait for a slow reader: each may hold a buffer of the decoder's.
const WAITING: usize = 4;

/// A camera's pictures at some rate, until it is dropped. A slow reader misses the oldest of
/// those that wait; they are counted.
pub struct PictureFeed {
    inbox: Arc<Inbox>,
}

struct Inbox {
    pictures: Mutex<VecDeque<Picture>>,
    news: Notify,
    stream: Weak<Stream>,
}

impl PictureFeed {
    pub(crate) fn new(stream: &Arc<Stream>, rate: Rate) -> Self {
        let inbox = Arc::new(Inbox {
            pictures: Mutex::default(),
            news: Notify::new(),
            stream: Arc::downgrade(stream),
        });
        let consumer: Arc<dyn Consumer> = Arc::<Inbox>::clone(&inbox);
        stream.demand.add(&consumer, rate);
        Self { inbox }
    }

    /// The next picture that waits or comes. To be asked with a deadline: a camera that is
    /// away gives none. None when the camera was stopped or changed.
    pub async fn next(&mut self) -> Option<Picture> {
        loop {
            if let Some(picture) = self.inbox.pictures.lock().pop_front() {
                return Some(picture);
            }
            if self.inbox.stream.upgrade().is_none_or(|stream| stream.is_stopped()) {
                return None;
            }
            // A stopped camera rings no bell.
            let news = self.inbox.news.notified();
            drop(tokio::time::timeout(std::time::Duration::from_millis(500), news).await);
        }
    }

    /// The newest picture that waits; those before it are let go.
    pub fn newest(&mut self) -> Option<Picture> {
        let mut pictures = self.inbox.pictures.lock();
        let newest = pictures.pop_back();
        pictures.clear();
        newest
    }

    /// Ends the feed for good: if nobody else wants pictures, decoding stops at once instead
    /// of lingering for whoever comes back.
    pub fn end(self) {
        let stream = self.inbox.stream.clone();
        drop(self);
        if let Some(stream) = stream.upgrade() {
            stream.demand.stop_lingering();
        }
    }
}

impl Consumer for Inbox {
    fn offer(&self, picture: &Picture, _arrival: Instant) {
        let mut pictures = self.pictures.lock();
        let replaced = pictures.len() == WAITING && pictures.pop_front().is_some();
        pictures.push_back(picture.clone());
        drop(pictures);
        self.news.notify_one();
        if replaced && let Some(stream) = self.stream.upgrade() {
            stream.count_drop(Dropped::ClientBusy);
        }
    }
}
