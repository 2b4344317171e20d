//! What people have looked at: single events, and whole spans of time in which they counted what
//! was missed.

use std::collections::HashMap;

use omma_types::{CameraId, Direction, EventId, WallTime};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};

use crate::forgotten::{Counted, end_of};
use crate::row::{BadRow, read_direction};
use crate::store::{among, in_list};
use crate::{MAX_PAGE, Store, StoreError, Verdict};

/// Reviews of one camera.
pub const MAX_REVIEWS: u32 = 10_000;

/// What people have said of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventMark {
    /// Whether somebody has looked at it.
    pub reviewed: bool,
    /// Whether it happened.
    pub verdict: Option<Verdict>,
}

/// A span of time that somebody looks through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReview<'a> {
    /// The camera.
    pub camera: &'a CameraId,
    /// The line or zone.
    pub rule: &'a str,
    /// The kind of event, as [`omma_types::EventKind::as_str`] calls it.
    pub kind: &'a str,
    /// Crossings this way alone; none: either way.
    pub direction: Option<Direction>,
    /// From here.
    pub from: WallTime,
    /// Up to here.
    pub to: WallTime,
    /// What happened and was not counted.
    pub missed: u32,
}

/// A span of time that somebody has looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Its number, never given to another one.
    pub id: i64,
    /// The line or zone.
    pub rule: String,
    /// The kind of event, as [`omma_types::EventKind::as_str`] calls it.
    pub kind: String,
    /// Crossings this way alone; none: either way.
    pub direction: Option<Direction>,
    /// From here.
    pub from: WallTime,
    /// Up to here.
    pub to: WallTime,
    /// What happened and was not counted.
    pub missed: u64,
    /// What was counted in this time.
    pub counted: u64,
    /// When somebody said so.
    pub at: WallTime,
}

/// What became of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewing {
    /// It is kept.
    Kept(Review),
    /// This one is about some of the same time: to count both would count the same things twice.
    Overlaps(Review),
    /// Events of this time are forgotten: nobody can say which of them were right.
    Forgotten {
        /// From when on they are all there.
        until: WallTime,
    },
    /// The camera has [`MAX_REVIEWS`] already.
    Full,
}

/// What became of one, as it was found.
enum Found {
    Added(SqliteRow),
    Other(SqliteRow),
    /// The newest minute that lacks events.
    Forgotten(i64),
    Full,
}

impl Store {
    /// Notes that somebody has looked at these events, or takes it back; of `cameras` alone where
    /// there are any. How many of the events there are.
    ///
    /// # Errors
    /// When there are more than [`MAX_PAGE`], or the file can't be written. Nothing was changed
    /// then.
    pub async fn set_reviewed(
        &self,
        ids: &[EventId],
        cameras: &[CameraId],
        reviewed: bool,
        at: WallTime,
    ) -> Result<u64, StoreError> {
        if ids.len() > MAX_PAGE as usize {
            return Err(StoreError::Invalid(format!(
                "{} events at once are more than {MAX_PAGE}",
                ids.len()
            )));
        }
        if ids.is_empty() {
            return Ok(0);
        }
        let of_them = |sql: &mut QueryBuilder<Sqlite>| {
            sql.push("id");
            in_list(sql, ids.iter().map(|id| id.0.to_be_bytes().to_vec()));
            among(sql, "camera", cameras.iter().map(|camera| camera.as_str().to_owned()));
        };
        let mut transaction = self.begin().await?;
        let change = async {
            let mut counting = QueryBuilder::new("SELECT count(*) FROM events WHERE ");
            of_them(&mut counting);
            let known: i64 = counting.build_query_scalar().fetch_one(&mut *transaction).await?;
            let mut sql = if reviewed {
                let mut sql = QueryBuilder::new("INSERT INTO reviewed SELECT id, wall_us, ");
                sql.push_bind(at.as_micros()).push(" FROM events WHERE ");
                sql
            } else {
                QueryBuilder::new("DELETE FROM reviewed WHERE id IN (SELECT id FROM events WHERE ")
            };
            of_them(&mut sql);
            sql.push(if reviewed { " ON CONFLICT DO NOTHING" } else { ")" });
            sql.build().execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(u64::try_from(known).unwrap_or(0))
        };
        change.await.map_err(|e: sqlx::Error| self.failed(&e))
    }

    /// What people have said of these events; those of which nobody has said anything are left
    /// out.
    ///
    /// # Errors
    /// When there are more than [`MAX_PAGE`], or the file can't be read.
    pub async fn event_marks(
        &self,
        ids: &[EventId],
    ) -> Result<HashMap<EventId, EventMark>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = || ids.iter().take(MAX_PAGE as usize).map(|id| id.0.to_be_bytes().to_vec());
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id, 1, NULL FROM reviewed WHERE id");
        in_list(&mut sql, keys());
        sql.push(" UNION ALL SELECT id, 0, correct FROM verdicts WHERE id");
        in_list(&mut sql, keys());
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        let mut marks: HashMap<EventId, EventMark> = HashMap::new();
        for row in &rows {
            let read = || -> Result<_, BadRow> {
                let id: [u8; 16] =
                    row.try_get::<Vec<u8>, _>(0)?.try_into().map_err(|id: Vec<u8>| {
                        BadRow(format!("an event's id of {} bytes", id.len()))
                    })?;
                Ok((id, row.try_get::<bool, _>(1)?, row.try_get::<Option<bool>, _>(2)?))
            };
            let (id, reviewed, correct) = read().map_err(|e| self.bad(e))?;
            let mark = marks.entry(EventId(u128::from_be_bytes(id))).or_default();
            mark.reviewed |= reviewed;
            mark.verdict = mark.verdict.or(correct.map(Verdict::of));
        }
        Ok(marks)
    }

    /// Keeps a review, with what has been counted in its time.
    ///
    /// # Errors
    /// When the span is empty, or the file can't be written.
    pub async fn add_review(
        &self,
        review: &NewReview<'_>,
        at: WallTime,
    ) -> Result<Reviewing, StoreError> {
        let direction = review.direction.map_or("", Direction::as_str);
        let NewReview { camera, rule, kind, from, to, .. } = *review;
        let counted =
            Counted { camera, rule, kind: Some(kind), direction: review.direction, from, to };
        let mut transaction = self.begin().await?;
        let found = async {
            let sql =
                AssertSqlSafe(format!("SELECT {COLUMNS} FROM reviews WHERE {SAME_TIME} LIMIT 1"));
            let other = bound(sqlx::query(sql), review, direction);
            if let Some(other) = other.fetch_optional(&mut *transaction).await? {
                return Ok(Found::Other(other));
            }
            if let Some(minute) = counted.newest_forgotten().fetch_one(&mut *transaction).await? {
                return Ok(Found::Forgotten(minute));
            }
            let sql = AssertSqlSafe(format!("{INSERT} RETURNING {COLUMNS}"));
            let added = bound(sqlx::query(sql), review, direction)
                .bind(i64::from(review.missed))
                .bind(at.as_micros())
                .bind(i64::from(MAX_REVIEWS))
                .fetch_optional(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(added.map_or(Found::Full, Found::Added))
        };
        let read = |row: &SqliteRow| read_review(row).map_err(|e| self.bad(e));
        Ok(match found.await.map_err(|e: sqlx::Error| self.failed(&e))? {
            Found::Added(row) => Reviewing::Kept(read(&row)?),
            Found::Other(row) => Reviewing::Overlaps(read(&row)?),
            Found::Forgotten(minute) => Reviewing::Forgotten { until: end_of(minute) },
            Found::Full => Reviewing::Full,
        })
    }

    /// The reviews of a camera, the newest span first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn reviews(&self, camera: &CameraId) -> Result<Vec<Review>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM reviews WHERE camera = ?1 ORDER BY from_us DESC, id DESC"
        ));
        let rows = sqlx::query(sql)
            .bind(camera.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_review).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// Takes a review of a camera back. False where there is no such.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn remove_review(&self, camera: &CameraId, id: i64) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM reviews WHERE camera = ?1 AND id = ?2")
            .bind(camera.as_str())
            .bind(id)
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(removed.rows_affected() > 0)
    }
}

/// The columns that [`read_review`] reads, in its order.
const COLUMNS: &str = "id, rule, kind, direction, from_us, to_us, missed, counted, at_us";

/// Reviews of the same thing that share time with the one that is bound.
const SAME_TIME: &str = "camera = ?1 AND rule = ?2 AND kind = ?3 AND from_us < ?5 AND \
    to_us > ?4 AND (direction = ?6 OR direction = '' OR ?6 = '')";

const INSERT: &str = "INSERT INTO reviews (camera, rule, kind, direction, from_us, to_us, \
    missed, counted, at_us) SELECT ?1, ?2, ?3, ?6, ?4, ?5, ?7, \
    (SELECT count(*) FROM events WHERE camera = ?1 AND rule = ?2 AND kind = ?3 \
     AND wall_us >= ?4 AND wall_us < ?5 AND (?6 = '' OR direction = ?6)), ?8 \
    WHERE (SELECT count(*) FROM reviews WHERE camera = ?1) < ?9";

type Sql<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn bound<'q>(sql: Sql<'q>, review: &NewReview<'_>, direction: &'static str) -> Sql<'q> {
    sql.bind(review.camera.as_str().to_owned())
        .bind(review.rule.to_owned())
        .bind(review.kind.to_owned())
        .bind(review.from.as_micros())
        .bind(review.to.as_micros())
        .bind(direction)
}

fn read_review(row: &SqliteRow) -> Result<Review, BadRow> {
    let direction: &str = row.try_get(3)?;
    let number = |at: usize| -> Result<u64, BadRow> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
    };
    Ok(Review {
        id: row.try_get(0)?,
        rule: row.try_get(1)?,
        kind: row.try_get(2)?,
        direction: (!direction.is_empty()).then(|| read_direction(direction)).transpose()?,
        from: WallTime::from_micros(row.try_get(4)?),
        to: WallTime::from_micros(row.try_get(5)?),
        missed: number(6)?,
        counted: number(7)?,
        at: WallTime::from_micros(row.try_get(8)?),
    })
}
