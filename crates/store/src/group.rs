//! Small writes of many callers in one transaction.
//!
//! A commit costs a sync of the disk, however little it writes. While one is under way, the
//! writes that come meanwhile wait together and share the next: fifty callers cost about as
//! much as one.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use omma_types::WallTime;
use parking_lot::Mutex;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{QueryBuilder, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::StoreError;

/// Writes that may wait; further callers wait for a place.
const MAX_WAITING: usize = 1024;

/// Rows in one statement, well below SQLite's limit of parameters.
const ROWS_AT_ONCE: usize = 500;

/// A write that may share its transaction with others.
#[derive(Debug)]
pub(crate) enum Write {
    /// Answered with the last sequence number.
    Enqueue { queue: String, payloads: Vec<Vec<u8>>, now: WallTime },
    /// Answered with the number of rows: 0 where there is no such segment.
    Grow { id: i64, end: WallTime, bytes: i64, complete: bool },
}

/// Where writes meet.
#[derive(Debug)]
pub(crate) struct Group {
    writer: SqlitePool,
    path: Arc<Path>,
    waiting: Mutex<Waiting>,
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Waiting {
    writes: VecDeque<Pending>,
    /// Whether a task is at work that will take them.
    committing: bool,
}

#[derive(Debug)]
struct Pending {
    write: Write,
    answer: oneshot::Sender<Result<i64, StoreError>>,
    _place: OwnedSemaphorePermit,
}

impl Group {
    pub(crate) fn new(writer: SqlitePool, path: Arc<Path>) -> Self {
        let places = Arc::new(Semaphore::new(MAX_WAITING));
        Self { writer, path, waiting: Mutex::default(), places }
    }

    /// Returns when `write` is on the disk. Writes take effect in the order of the calls.
    pub(crate) async fn write(self: &Arc<Self>, write: Write) -> Result<i64, StoreError> {
        let ended = || StoreError::Database {
            path: self.path.to_path_buf(),
            reason: "the program is ending".to_owned(),
        };
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_closed| ended())?;
        let (answer, answered) = oneshot::channel();
        let begin = {
            let mut waiting = self.waiting.lock();
            waiting.writes.push_back(Pending { write, answer, _place: place });
            !std::mem::replace(&mut waiting.committing, true)
        };
        if begin {
            // A task of its own: a caller that gives up must not take the others with it.
            let committer = Committer { group: Arc::clone(self), finished: false };
            tokio::spawn(committer.run());
        }
        answered.await.map_err(|_dropped| ended())?
    }

    async fn commit(&self, writes: &VecDeque<Pending>) -> Result<Vec<i64>, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut answers = Vec::with_capacity(writes.len());
        for pending in writes {
            answers.push(apply(&mut transaction, &pending.write).await?);
        }
        transaction.commit().await?;
        Ok(answers)
    }
}

/// Commits until nobody waits.
struct Committer {
    group: Arc<Group>,
    /// Nobody waits any more; from here on another one may be at work.
    finished: bool,
}

impl Committer {
    async fn run(mut self) {
        loop {
            let writes = {
                let mut waiting = self.group.waiting.lock();
                if waiting.writes.is_empty() {
                    waiting.committing = false;
                    self.finished = true;
                    return;
                }
                std::mem::take(&mut waiting.writes)
            };
            match self.group.commit(&writes).await {
                Ok(answers) => {
                    for (pending, answer) in writes.into_iter().zip(answers) {
                        // Who does not wait any more needs no answer.
                        drop(pending.answer.send(Ok(answer)));
                    }
                }
                Err(error) => {
                    for pending in writes {
                        let error = StoreError::from_sqlx(&self.group.path, &error);
                        drop(pending.answer.send(Err(error)));
                    }
                }
            }
        }
    }
}

impl Drop for Committer {
    /// A runtime that shuts down ends the task anywhere: those who wait are told, and the
    /// next caller starts a new one.
    fn drop(&mut self) {
        if !self.finished {
            let mut waiting = self.group.waiting.lock();
            waiting.writes.clear();
            waiting.committing = false;
        }
    }
}

async fn apply(
    transaction: &mut Transaction<'static, Sqlite>,
    write: &Write,
) -> Result<i64, sqlx::Error> {
    match write {
        Write::Enqueue { queue, payloads, now } => {
            let mut last = 0;
            for rows in payloads.chunks(ROWS_AT_ONCE) {
                let mut sql =
                    QueryBuilder::new("INSERT INTO outbox (queue, payload, enqueued_us) ");
                sql.push_values(rows, |mut row, payload| {
                    row.push_bind(queue.as_str())
                        .push_bind(payload.as_slice())
                        .push_bind(now.as_micros());
                });
                last = sql.build().execute(&mut **transaction).await?.last_insert_rowid();
            }
            Ok(last)
        }
        Write::Grow { id, end, bytes, complete } => {
            // A clock that was set back must not end a segment before its start.
            let done = sqlx::query(
                "UPDATE segments SET end_us = max(?2, start_us), bytes = ?3, complete = ?4 \
                 WHERE id = ?1",
            )
            .bind(id)
            .bind(end.as_micros())
            .bind(bytes)
            .bind(complete)
            .execute(&mut **transaction)
            .await?;
            Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
        }
    }
}
