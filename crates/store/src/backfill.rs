//! Events that a line or zone counted later, from stored tracks, in the place of those that it
//! had counted later before.

use omma_types::{CameraId, Event, WallTime};
use sqlx::sqlite::Sqlite;
use sqlx::{Row as _, Transaction};

use crate::counts::count;
use crate::forgotten::{Counted, end_of};
use crate::row::{BadRow, COLUMNS, read_event};
use crate::store::insert;
use crate::{Store, StoreError};

/// What became of [`Store::backfill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backfill {
    /// Events were added, and earlier ones that were counted later removed.
    Done {
        /// How many were added.
        added: u64,
        /// How many of an earlier time of counting were removed.
        removed: u64,
    },
    /// Nothing was done: the rule has counted live in this time, and what happened would count
    /// twice.
    CountedLive {
        /// When it did first.
        first: WallTime,
    },
    /// Nothing was done: events that the rule raised in this time are forgotten while their
    /// counts stay, and what happened would count twice.
    Forgotten {
        /// From when on they are all there.
        until: WallTime,
    },
}

/// Why it failed half way; nothing was done then.
enum Failure {
    Sql(sqlx::Error),
    Row(BadRow),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Store {
    /// Makes `events` what the rule `rule` of `camera` has counted later from `from` to `to`
    /// (without it): adds them with their counts, and takes away what was counted later there
    /// before. All or nothing. All of `events` must be marked ([`Event::is_later`]), and of this
    /// rule and time.
    ///
    /// # Errors
    /// When an event is something else, or the file can't be written.
    pub async fn backfill(
        &self,
        camera: &CameraId,
        rule: &str,
        from: WallTime,
        to: WallTime,
        events: &[Event],
    ) -> Result<Backfill, StoreError> {
        let is_of_it = |event: &Event| {
            let is_rules = event.camera == *camera && event.rule.as_deref() == Some(rule);
            is_rules && event.is_later() && event.wall >= from && event.wall < to
        };
        if !events.iter().all(is_of_it) {
            return Err(StoreError::Invalid(
                "only events of the rule and time that are marked as counted later can be \
                 added so"
                    .to_owned(),
            ));
        }
        let mut transaction = self.begin().await?;
        let done = replace(&mut transaction, (camera, rule), (from, to), events).await;
        let done = done.map_err(|failure| match failure {
            Failure::Sql(error) => self.failed(&error),
            Failure::Row(row) => self.bad(row),
        })?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(done)
    }

    /// When the rule counted live first, from `from` to `to` (without it).
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn first_live(
        &self,
        camera: &CameraId,
        rule: &str,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<WallTime>, StoreError> {
        let first: Option<i64> = sqlx::query_scalar(FIRST_LIVE)
            .bind(camera.as_str())
            .bind(rule)
            .bind(from.as_micros())
            .bind(to.as_micros())
            .bind(Event::COUNTED)
            .bind(Event::LATER)
            .fetch_one(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(first.map(WallTime::from_micros))
    }
}

const FIRST_LIVE: &str = "SELECT min(wall_us) FROM events WHERE camera = ?1 AND rule = ?2 \
    AND wall_us >= ?3 AND wall_us < ?4 AND (attributes IS NULL OR attributes ->> ?5 IS NOT ?6)";

async fn replace(
    transaction: &mut Transaction<'static, Sqlite>,
    (camera, rule): (&CameraId, &str),
    (from, to): (WallTime, WallTime),
    events: &[Event],
) -> Result<Backfill, Failure> {
    let counted = Counted { camera, rule, kind: None, direction: None, from, to };
    if let Some(minute) = counted.newest_forgotten().fetch_one(&mut **transaction).await? {
        return Ok(Backfill::Forgotten { until: end_of(minute) });
    }
    let first: Option<i64> = sqlx::query_scalar(FIRST_LIVE)
        .bind(camera.as_str())
        .bind(rule)
        .bind(from.as_micros())
        .bind(to.as_micros())
        .bind(Event::COUNTED)
        .bind(Event::LATER)
        .fetch_one(&mut **transaction)
        .await?;
    if let Some(first) = first.map(WallTime::from_micros) {
        return Ok(Backfill::CountedLive { first });
    }
    let mut sql = sqlx::QueryBuilder::<Sqlite>::new("SELECT ");
    sql.push(COLUMNS).push(" FROM events WHERE camera = ").push_bind(camera.as_str());
    sql.push(" AND rule = ").push_bind(rule);
    sql.push(" AND wall_us >= ").push_bind(from.as_micros());
    sql.push(" AND wall_us < ").push_bind(to.as_micros());
    let rows = sql.build().fetch_all(&mut **transaction).await?;
    let before =
        rows.iter().map(read_event).collect::<Result<Vec<_>, _>>().map_err(Failure::Row)?;
    for stored in &before {
        count(transaction, &stored.event, -1).await?;
        sqlx::query("DELETE FROM events WHERE seq = ?1")
            .bind(stored.seq)
            .execute(&mut **transaction)
            .await?;
    }
    let mut added = 0;
    for event in events {
        if insert(transaction, event).await?.is_some() {
            count(transaction, event, 1).await?;
            added += 1;
        }
    }
    drop_empty(transaction, camera, rule).await?;
    Ok(Backfill::Done { added, removed: before.len() as u64 })
}

/// Rows of counts in which nothing is left.
async fn drop_empty(
    transaction: &mut Transaction<'static, Sqlite>,
    camera: &CameraId,
    rule: &str,
) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM counts WHERE camera = ?1 AND rule = ?2 AND count = 0",
        "DELETE FROM counts_by_hour WHERE camera = ?1 AND rule = ?2 AND count = 0",
        "DELETE FROM counts_by_day WHERE camera = ?1 AND rule = ?2 AND count = 0",
    ] {
        sqlx::query(sql).bind(camera.as_str()).bind(rule).execute(&mut **transaction).await?;
    }
    // Kept where others still count: it names the camera.
    let row = sqlx::query("SELECT count(*) FROM counts_by_day WHERE camera = ?1 AND rule = ?2")
        .bind(camera.as_str())
        .bind(rule)
        .fetch_one(&mut **transaction)
        .await?;
    if row.get::<i64, _>(0) == 0 {
        sqlx::query("DELETE FROM totals WHERE camera = ?1 AND rule = ?2 AND count = 0")
            .bind(camera.as_str())
            .bind(rule)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
