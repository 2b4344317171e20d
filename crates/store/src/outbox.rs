//! What has to be delivered to somebody who may be away: queues that survive the program.
//!
//! An item stays until it is acknowledged or buried. Items that were buried keep their number
//! and can be revived into their old place.

use omma_types::WallTime;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, Transaction};

use crate::group::Write;
use crate::row::BadRow;
use crate::store::in_list;
use crate::{Store, StoreError};

/// The most dead items that are kept of one queue: the oldest go first.
pub const MAX_DEAD: u32 = 100_000;

/// Rows that one statement touches.
const ROWS_AT_ONCE: usize = 500;

/// Something that waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// The order of delivery within its queue.
    pub seq: i64,
    /// What was handed over.
    pub payload: Vec<u8>,
    /// When.
    pub enqueued: WallTime,
    /// Deliveries that were tried and failed, as [`Store::outbox_tried`] was told.
    pub attempts: u32,
}

/// Something that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadItem {
    /// The item.
    pub item: OutboxItem,
    /// Why it was given up.
    pub reason: String,
}

impl Store {
    /// Adds items to the end of a queue, all or none, and returns the last one's number (0
    /// where there are none). They are on the disk when this returns; calls at the same time
    /// share a commit. A call that is dropped before it returns may still take effect.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was added then.
    pub async fn enqueue(
        &self,
        queue: &str,
        payloads: &[Vec<u8>],
        now: WallTime,
    ) -> Result<i64, StoreError> {
        if payloads.is_empty() {
            return Ok(0);
        }
        let write = Write::Enqueue { queue: queue.to_owned(), payloads: payloads.to_vec(), now };
        self.group.write(write).await
    }

    /// The first items of a queue, oldest first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn outbox_peek(
        &self,
        queue: &str,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        let rows = sqlx::query(PEEK)
            .bind(queue)
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_item).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// Forgets delivered items, all or none; those that are not there don't matter.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn outbox_ack(&self, queue: &str, seqs: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        on_rows(&mut transaction, "DELETE FROM outbox", queue, seqs)
            .await
            .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// Counts a failed delivery of items.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn outbox_tried(&self, queue: &str, seqs: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        on_rows(&mut transaction, "UPDATE outbox SET attempts = attempts + 1", queue, seqs)
            .await
            .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// Moves items from the queue to its dead ones, all or none. Where there are more than
    /// [`MAX_DEAD`] of these, the oldest are forgotten; returns how many.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn outbox_bury(
        &self,
        queue: &str,
        seqs: &[i64],
        reason: &str,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let forgotten = bury(&mut transaction, queue, seqs, reason).await;
        let forgotten = forgotten.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(forgotten)
    }

    /// The dead items of a queue that were buried last by number, highest number first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn outbox_dead(&self, queue: &str, limit: u32) -> Result<Vec<DeadItem>, StoreError> {
        let rows = sqlx::query(DEAD)
            .bind(queue)
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_dead).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// Puts all dead items back into their queue, at their old places, with no attempts.
    /// Returns how many there were.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn outbox_revive(&self, queue: &str) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let revived = sqlx::query(
            "INSERT INTO outbox (seq, queue, payload, enqueued_us) \
             SELECT seq, queue, payload, enqueued_us FROM outbox_dead WHERE queue = ?1",
        )
        .bind(queue)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.failed(&e))?
        .rows_affected();
        sqlx::query("DELETE FROM outbox_dead WHERE queue = ?1")
            .bind(queue)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(revived)
    }

    /// How many items wait in a queue, and how many are dead. Counts them: not for every
    /// moment where there may be a million.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn outbox_len(&self, queue: &str) -> Result<(u64, u64), StoreError> {
        let (waiting, dead): (i64, i64) = sqlx::query_as(LENGTH)
            .bind(queue)
            .fetch_one(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok((waiting.unsigned_abs(), dead.unsigned_abs()))
    }
}

const PEEK: &str = "SELECT seq, payload, enqueued_us, attempts FROM outbox \
     WHERE queue = ?1 ORDER BY seq LIMIT ?2";

const DEAD: &str = "SELECT seq, payload, enqueued_us, attempts, reason FROM outbox_dead \
     WHERE queue = ?1 ORDER BY seq DESC LIMIT ?2";

const LENGTH: &str = "SELECT (SELECT count(*) FROM outbox WHERE queue = ?1), \
     (SELECT count(*) FROM outbox_dead WHERE queue = ?1)";

/// The number of the oldest dead item that is kept, when so many are.
const KEPT: &str = "SELECT seq FROM outbox_dead WHERE queue = ?1 ORDER BY seq DESC LIMIT 1 \
     OFFSET ?2";

/// Does `what` to the rows `seqs` of a queue.
async fn on_rows(
    transaction: &mut Transaction<'static, Sqlite>,
    what: &str,
    queue: &str,
    seqs: &[i64],
) -> Result<(), sqlx::Error> {
    for seqs in seqs.chunks(ROWS_AT_ONCE) {
        let mut sql = QueryBuilder::new(what);
        sql.push(" WHERE queue = ").push_bind(queue).push(" AND seq");
        in_list(&mut sql, seqs.iter().copied());
        sql.build().execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn bury(
    transaction: &mut Transaction<'static, Sqlite>,
    queue: &str,
    seqs: &[i64],
    reason: &str,
) -> Result<u64, sqlx::Error> {
    for seqs in seqs.chunks(ROWS_AT_ONCE) {
        let mut sql = QueryBuilder::new(
            "INSERT INTO outbox_dead (seq, queue, payload, enqueued_us, attempts, reason) \
             SELECT seq, queue, payload, enqueued_us, attempts, ",
        );
        sql.push_bind(reason).push(" FROM outbox WHERE queue = ").push_bind(queue).push(" AND seq");
        in_list(&mut sql, seqs.iter().copied());
        sql.build().execute(&mut **transaction).await?;
    }
    on_rows(transaction, "DELETE FROM outbox", queue, seqs).await?;
    let kept: Option<i64> = sqlx::query_scalar(KEPT)
        .bind(queue)
        .bind(i64::from(MAX_DEAD) - 1)
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(kept) = kept else { return Ok(0) };
    let forgotten = sqlx::query("DELETE FROM outbox_dead WHERE queue = ?1 AND seq < ?2")
        .bind(queue)
        .bind(kept)
        .execute(&mut **transaction)
        .await?;
    Ok(forgotten.rows_affected())
}

fn read_item(row: &SqliteRow) -> Result<OutboxItem, BadRow> {
    Ok(OutboxItem {
        seq: row.try_get(0)?,
        payload: row.try_get(1)?,
        enqueued: WallTime::from_micros(row.try_get(2)?),
        attempts: u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(u32::MAX),
    })
}

fn read_dead(row: &SqliteRow) -> Result<DeadItem, BadRow> {
    Ok(DeadItem { item: read_item(row)?, reason: row.try_get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_question_walks_through_all_queues() {
        let store = Store::in_memory().await.unwrap();
        for sql in [PEEK, DEAD, LENGTH, KEPT] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = sqlx::query(explain).fetch_all(&store.reader).await.unwrap();
            let plan: String = rows.iter().map(|row| row.get::<String, _>(3) + "\n").collect();
            assert!(plan.contains("by_queue (queue=?"), "{plan}");
            let walks = plan.lines().any(|line| line.contains("SCAN") && line.contains("outbox"));
            assert!(!walks && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
