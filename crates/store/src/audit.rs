//! Who did what: bounded in time and in number.

use omma_types::WallTime;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _};

use crate::row::BadRow;
use crate::{MAX_PAGE, Store, StoreError};

/// Entries that are kept; then the oldest go, however young they are.
pub const MAX_AUDIT: u32 = 200_000;

/// Rows in one statement, well below SQLite's limit of parameters.
const ROWS_AT_ONCE: usize = 500;

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: WallTime,
    /// Who.
    pub who: String,
    /// What, in one word.
    pub what: String,
    /// On what.
    pub target: String,
    /// From where.
    pub address: String,
}

/// An entry with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditEntry {
    /// From 1, strictly rising, with gaps.
    pub seq: i64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Which entries are wanted, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this user.
    pub who: Option<String>,
    /// Of this word.
    pub what: Option<String>,
    /// With a lower number.
    pub before_seq: Option<i64>,
    /// At most so many: 1 to [`MAX_PAGE`].
    pub limit: u32,
}

impl Store {
    /// Adds entries, all or none.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for rows in entries.chunks(ROWS_AT_ONCE) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO audit (at_us, who, what, target, address) ",
            );
            sql.push_values(rows, |mut row, entry| {
                row.push_bind(entry.at.as_micros())
                    .push_bind(entry.who.as_str())
                    .push_bind(entry.what.as_str())
                    .push_bind(entry.target.as_str())
                    .push_bind(entry.address.as_str());
            });
            sql.build().execute(&mut *transaction).await.map_err(|e| self.failed(&e))?;
        }
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// A page of entries, newest first, and the `before_seq` of the next one.
    ///
    /// # Errors
    /// When `limit` is not 1 to [`MAX_PAGE`], or the file can't be read.
    pub async fn audit(
        &self,
        query: &AuditQuery,
    ) -> Result<(Vec<StoredAuditEntry>, Option<i64>), StoreError> {
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(StoreError::Invalid(format!(
                "limit {} is not 1 to {MAX_PAGE}",
                query.limit
            )));
        }
        let rows = sqlx::query(
            "SELECT seq, at_us, who, what, target, address FROM audit \
             WHERE (?1 IS NULL OR who = ?1) AND (?2 IS NULL OR what = ?2) \
             AND (?3 IS NULL OR seq < ?3) ORDER BY seq DESC LIMIT ?4",
        )
        .bind(query.who.as_deref())
        .bind(query.what.as_deref())
        .bind(query.before_seq)
        .bind(i64::from(query.limit) + 1)
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let page = rows.iter().take(query.limit as usize).map(read_entry);
        let page = page.collect::<Result<Vec<_>, _>>().map_err(|e| self.bad(e))?;
        let more = rows.len() > page.len();
        let next = page.last().filter(|_| more).map(|last| last.seq);
        Ok((page, next))
    }

    /// Forgets entries before `time`, and the oldest of more than `most`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn forget_audit(&self, time: WallTime, most: u32) -> Result<u64, StoreError> {
        let gone = sqlx::query(
            "DELETE FROM audit WHERE at_us < ?1 OR seq <= \
             (SELECT seq FROM audit ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(time.as_micros())
        .bind(i64::from(most))
        .execute(&self.writer)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(gone.rows_affected())
    }
}

fn read_entry(row: &SqliteRow) -> Result<StoredAuditEntry, BadRow> {
    Ok(StoredAuditEntry {
        seq: row.try_get(0)?,
        entry: AuditEntry {
            at: WallTime::from_micros(row.try_get(1)?),
            who: row.try_get(2)?,
            what: row.try_get(3)?,
            target: row.try_get(4)?,
            address: row.try_get(5)?,
        },
    })
}
