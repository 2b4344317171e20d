//! Where each sink of events stands, and which events it could not deliver.
//!
//! The events are the queue: a sink reads behind its cursor, and the cursor moves when the
//! other side has what was read. So nothing is stored twice, and going back to a number means
//! delivering once more from there.

use omma_types::WallTime;
use sqlx::Row as _;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Transaction};

use crate::row::BadRow;
use crate::store::in_list;
use crate::{EventQuery, MAX_DEAD, Order, Store, StoreError, StoredEvent};

/// Rows that one statement touches.
const ROWS_AT_ONCE: usize = 500;

/// An event that a sink could not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadEvent {
    /// Its sequence number.
    pub seq: i64,
    /// Why it was given up, without secrets.
    pub reason: String,
    /// Deliveries that were tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: WallTime,
}

impl Store {
    /// The cursor of a sink: up to which number it has everything. One that was never there
    /// begins at the newest event, so that a new sink does not get all that ever was.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn sink_cursor(&self, sink: &str) -> Result<i64, StoreError> {
        let found = self.sink_cursors(&[sink]).await?;
        if let Some(seq) = found.first() {
            return Ok(*seq);
        }
        sqlx::query_scalar(
            "INSERT INTO sink_cursors (sink, seq) VALUES (?1, \
             (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events')) \
             ON CONFLICT DO UPDATE SET seq = seq RETURNING seq",
        )
        .bind(sink)
        .fetch_one(&self.writer)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// The cursors of those of `sinks` that have one.
    async fn sink_cursors(&self, sinks: &[&str]) -> Result<Vec<i64>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT seq FROM sink_cursors WHERE sink");
        in_list(&mut sql, sinks.iter().map(|sink| (*sink).to_owned()));
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Moves a sink's cursor from `from` to `to`, and puts aside what it could not deliver.
    /// False where the cursor is no longer at `from`: somebody moved it, nothing was done.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was done then.
    pub async fn sink_advance(
        &self,
        sink: &str,
        from: i64,
        to: i64,
        dead: &[DeadEvent],
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query("UPDATE sink_cursors SET seq = ?3 WHERE sink = ?1 AND seq = ?2")
            .bind(sink)
            .bind(from)
            .bind(to)
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.failed(&e))?
            .rows_affected();
        if moved == 0 {
            return Ok(false);
        }
        bury(&mut transaction, sink, dead).await.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(true)
    }

    /// Puts a sink's cursor in front of the event `from`: it and everything behind it will be
    /// delivered once more. A number beyond the newest event means the newest.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn sink_replay(&self, sink: &str, from: i64) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO sink_cursors (sink, seq) VALUES (?1, min(max(?2 - 1, 0), \
             (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'))) \
             ON CONFLICT DO UPDATE SET seq = excluded.seq RETURNING seq",
        )
        .bind(sink)
        .bind(from.max(1))
        .fetch_one(&self.writer)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// The events that a sink could not deliver, newest first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn sink_dead(&self, sink: &str, limit: u32) -> Result<Vec<DeadEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, reason, attempts, at_us FROM sink_dead WHERE sink = ?1 \
             ORDER BY seq DESC LIMIT ?2",
        )
        .bind(sink)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_dead).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// How many events a sink could not deliver.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn sink_dead_count(&self, sink: &str) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sink_dead WHERE sink = ?1")
            .bind(sink)
            .fetch_one(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(count.unsigned_abs())
    }

    /// Asks for everything that a sink could not deliver to be delivered once more. Returns
    /// how many there are.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn sink_revive(&self, sink: &str) -> Result<u64, StoreError> {
        let revived =
            sqlx::query("UPDATE sink_dead SET revived = 1 WHERE sink = ?1 AND revived = 0")
                .bind(sink)
                .execute(&self.writer)
                .await
                .map_err(|e| self.failed(&e))?;
        Ok(revived.rows_affected())
    }

    /// The oldest events that are to be delivered once more.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn sink_revived(
        &self,
        sink: &str,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let seqs: Vec<i64> = sqlx::query_scalar(
            "SELECT seq FROM sink_dead WHERE sink = ?1 AND revived = 1 ORDER BY seq LIMIT ?2",
        )
        .bind(sink)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let mut events = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let query = EventQuery {
                after_seq: Some(seq - 1),
                before_seq: Some(seq + 1),
                limit: 1,
                order: Order::Oldest,
                ..EventQuery::default()
            };
            events.extend(self.events(&query).await?.events);
        }
        Ok(events)
    }

    /// What became of revived events: `delivered` are no longer dead, `dead` are so again.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was done then.
    pub async fn sink_settle(
        &self,
        sink: &str,
        delivered: &[i64],
        dead: &[DeadEvent],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for seqs in delivered.chunks(ROWS_AT_ONCE) {
            let mut sql = QueryBuilder::new("DELETE FROM sink_dead WHERE sink = ");
            sql.push_bind(sink).push(" AND seq");
            in_list(&mut sql, seqs.iter().copied());
            sql.build().execute(&mut *transaction).await.map_err(|e| self.failed(&e))?;
        }
        bury(&mut transaction, sink, dead).await.map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// The lowest cursor of `sinks`: no event above it is with all of them. None where none of
    /// them has a cursor.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn sinks_done(&self, sinks: &[&str]) -> Result<Option<i64>, StoreError> {
        Ok(self.sink_cursors(sinks).await?.into_iter().min())
    }

    /// How many events before `time` a sink still has to deliver.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn sink_behind(&self, sink: &str, time: WallTime) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM events WHERE wall_us < ?2 AND seq > \
             (SELECT seq FROM sink_cursors WHERE sink = ?1)",
        )
        .bind(sink)
        .bind(time.as_micros())
        .fetch_one(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(count.unsigned_abs())
    }

    /// Forgets what is said of events that are no longer there.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn sink_dead_tidy(&self) -> Result<u64, StoreError> {
        let gone = sqlx::query(
            "DELETE FROM sink_dead WHERE NOT EXISTS \
             (SELECT 1 FROM events WHERE events.seq = sink_dead.seq)",
        )
        .execute(&self.writer)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(gone.rows_affected())
    }
}

/// Notes `dead` events; the oldest go where there are more than [`MAX_DEAD`].
async fn bury(
    transaction: &mut Transaction<'static, Sqlite>,
    sink: &str,
    dead: &[DeadEvent],
) -> Result<(), sqlx::Error> {
    for event in dead {
        sqlx::query(
            "INSERT INTO sink_dead (sink, seq, reason, attempts, at_us) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET reason = excluded.reason, \
             attempts = excluded.attempts, at_us = excluded.at_us, revived = 0",
        )
        .bind(sink)
        .bind(event.seq)
        .bind(&event.reason)
        .bind(i64::from(event.attempts))
        .bind(event.at.as_micros())
        .execute(&mut **transaction)
        .await?;
    }
    if !dead.is_empty() {
        sqlx::query(
            "DELETE FROM sink_dead WHERE sink = ?1 AND seq < (SELECT seq FROM sink_dead \
             WHERE sink = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(sink)
        .bind(i64::from(MAX_DEAD) - 1)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

fn read_dead(row: &SqliteRow) -> Result<DeadEvent, BadRow> {
    Ok(DeadEvent {
        seq: row.try_get(0)?,
        reason: row.try_get(1)?,
        attempts: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(u32::MAX),
        at: WallTime::from_micros(row.try_get(3)?),
    })
}
