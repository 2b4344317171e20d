//! The way of recorded files into the index, beside recording: a store that is slow or
//! refuses holds up no recorder. What changes while it does is folded together; a file that
//! never gets its row is found by `check` at the next start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use omma_store::{NewSegment, Store, StoreError};
use omma_types::WallTime;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// After a pass so much time goes by before the next one: rows need not grow with each
/// fragment.
const PAUSE: Duration = Duration::from_millis(500);

/// A store that refuses is asked again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Files that may wait for their rows. A store that refuses for so long that there are more
/// costs rows, which `check` adds.
const MAX_WAITING: usize = 10_000;

/// A file on its way into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Entry {
    row: Option<i64>,
    segment: NewSegment,
    /// Counts changes; what was written is compared with it.
    version: u64,
    written: u64,
    /// The file turned out to hold nothing.
    is_gone: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    entries: BTreeMap<Ticket, Entry>,
}

/// Writes rows for files.
#[derive(Debug)]
pub(super) struct Index {
    store: Store,
    waiting: Mutex<Waiting>,
    news: Notify,
    /// Somebody waits: no pause.
    hurry: Notify,
    done: Notify,
}

impl Index {
    /// Starts the task that writes.
    pub(super) fn start(store: Store, runtime: &tokio::runtime::Handle) -> Arc<Self> {
        let index = Arc::new(Self {
            store,
            waiting: Mutex::default(),
            news: Notify::new(),
            hurry: Notify::new(),
            done: Notify::new(),
        });
        let own = Arc::downgrade(&index);
        runtime.spawn(async move {
            while let Some(index) = own.upgrade() {
                let is_well = index.pass().await;
                index.done.notify_waiters();
                // Asked again from time to time, so that the task ends with its owner.
                drop(tokio::time::timeout(RETRY_AFTER, index.news.notified()).await);
                if is_well {
                    drop(tokio::time::timeout(PAUSE, index.hurry.notified()).await);
                } else {
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        });
        index
    }

    /// A file that begins.
    pub(super) fn add(&self, segment: NewSegment) -> Ticket {
        let mut waiting = self.waiting.lock();
        let ticket = Ticket(waiting.next);
        waiting.next += 1;
        if waiting.entries.len() >= MAX_WAITING {
            waiting.entries.pop_first();
            tracing::error!(
                path = segment.path,
                "too many recorded files wait for the index; one gets its row at the next start"
            );
        }
        let entry = Entry { row: None, segment, version: 1, written: 0, is_gone: false };
        waiting.entries.insert(ticket, entry);
        drop(waiting);
        self.news.notify_one();
        ticket
    }

    /// A file reaches further, or is finished.
    pub(super) fn grow(&self, ticket: Ticket, end: WallTime, bytes: u64, complete: bool) {
        self.change(ticket, |segment| {
            segment.end = end.max(segment.start);
            segment.bytes = bytes;
            segment.complete = complete;
        });
    }

    /// A file that holds nothing was removed.
    pub(super) fn forget(&self, ticket: Ticket) {
        if let Some(entry) = self.waiting.lock().entries.get_mut(&ticket) {
            entry.is_gone = true;
            entry.version += 1;
        }
        self.news.notify_one();
    }

    fn change(&self, ticket: Ticket, change: impl FnOnce(&mut NewSegment)) {
        if let Some(entry) = self.waiting.lock().entries.get_mut(&ticket) {
            change(&mut entry.segment);
            entry.version += 1;
        }
        self.news.notify_one();
    }

    /// Waits until everything is written, at most `within`. Whether it is.
    pub(super) async fn settle(&self, within: Duration) -> bool {
        let settled = async {
            loop {
                let done = self.done.notified();
                let is_settled = self
                    .waiting
                    .lock()
                    .entries
                    .values()
                    .all(|entry| entry.written == entry.version);
                if is_settled {
                    return;
                }
                self.news.notify_one();
                self.hurry.notify_one();
                done.await;
            }
        };
        tokio::time::timeout(within, settled).await.is_ok()
    }

    /// Writes what changed. False where the store refused.
    async fn pass(&self) -> bool {
        let changed: Vec<(Ticket, Option<i64>, NewSegment, u64, bool)> = {
            let waiting = self.waiting.lock();
            let changed = waiting.entries.iter().filter(|(_, e)| e.written != e.version);
            changed.map(|(t, e)| (*t, e.row, e.segment.clone(), e.version, e.is_gone)).collect()
        };
        let mut is_well = true;
        for (ticket, row, segment, version, is_gone) in changed {
            let outcome = self.write(row, &segment, is_gone).await;
            let mut waiting = self.waiting.lock();
            let Some(entry) = waiting.entries.get_mut(&ticket) else { continue };
            let is_over = is_gone || segment.complete;
            match outcome {
                Ok(row) => {
                    entry.row = row;
                    entry.written = version;
                    if is_over && entry.version == version {
                        waiting.entries.remove(&ticket);
                    }
                }
                Err(error) if error.kind().is_transient() => {
                    is_well = false;
                    tracing::warn!(%error, path = segment.path, "the index of recordings lags behind");
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, path = segment.path, "a recorded file gets no row");
                    waiting.entries.remove(&ticket);
                }
            }
        }
        is_well
    }

    /// Returns the number of the row, if there is one now.
    async fn write(
        &self,
        row: Option<i64>,
        segment: &NewSegment,
        is_gone: bool,
    ) -> Result<Option<i64>, StoreError> {
        match row {
            None if is_gone => Ok(None),
            None => self.store.add_segment(segment).await.map(Some),
            Some(row) if is_gone => self.store.remove_segments(&[row]).await.map(|_| None),
            Some(row) => {
                let NewSegment { end, bytes, complete, .. } = segment;
                self.store.grow_segment(row, *end, *bytes, *complete).await.map(|_| Some(row))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_store::SegmentQuery;
    use omma_types::CameraId;

    use super::*;

    fn segment(path: &str) -> NewSegment {
        let start = WallTime::from_millis(1000);
        NewSegment {
            camera: CameraId::new("hall").unwrap(),
            path: path.to_owned(),
            start,
            end: start,
            bytes: 10,
            stream: "s".to_owned(),
            follows: false,
            complete: false,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn rows_are_written_behind_and_folded_together() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("omma.db")).await.unwrap();
        let index = Index::start(store.clone(), &tokio::runtime::Handle::current());
        let (kept, empty) = (index.add(segment("hall/a.mp4")), index.add(segment("hall/b.mp4")));
        for bytes in 0..100 {
            index.grow(kept, WallTime::from_millis(2000), bytes, false);
        }
        index.settle(Duration::from_secs(30)).await;
        assert_eq!(store.segments(&SegmentQuery::default()).await.unwrap().len(), 2);
        index.grow(kept, WallTime::from_millis(5000), 500, true);
        index.forget(empty);
        index.settle(Duration::from_secs(30)).await;
        let rows = store.segments(&SegmentQuery::default()).await.unwrap();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.path.as_str(), row.bytes, row.complete), ("hall/a.mp4", 500, true));
        assert_eq!(row.end, WallTime::from_millis(5000));
        assert_eq!(index.waiting.lock().entries.len(), 0);
    }
}
