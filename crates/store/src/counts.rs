//! How often things happened: kept by minute, hour and day with each event, so that a month of
//! all cameras is added up from hundreds of rows.

use omma_types::{CameraId, ClassName, Event, EventKind, WallTime};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Transaction};

use crate::row::{BadRow, KindColumns, duration, read_camera, read_direction, read_word};
use crate::store::among;
use crate::{Bucket, CountQuery, CountRow, MAX_COUNT_ROWS, Store, StoreError};

pub(crate) const MICROS_A_MINUTE: i64 = 60_000_000;

/// A table of counts, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
}

impl Unit {
    const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    const fn table(self) -> &'static str {
        match self {
            Self::Minute => "counts",
            Self::Hour => "counts_by_hour",
            Self::Day => "counts_by_day",
        }
    }

    const fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        }
    }

    const fn finer(self) -> Self {
        match self {
            Self::Minute | Self::Hour => Self::Minute,
            Self::Day => Self::Hour,
        }
    }

    /// The coarsest table from which such spans can be added up.
    fn of(bucket: Option<Bucket>) -> Self {
        match bucket.map(Bucket::minutes) {
            // One sum, or months.
            None | Some(None) => Self::Day,
            Some(Some(minutes)) if minutes % Self::Day.minutes() == 0 => Self::Day,
            Some(Some(minutes)) if minutes % Self::Hour.minutes() == 0 => Self::Hour,
            Some(Some(_)) => Self::Minute,
        }
    }

    fn floor(self, minute: i64) -> i64 {
        minute.saturating_sub(minute.rem_euclid(self.minutes()))
    }

    fn ceil(self, minute: i64) -> i64 {
        self.floor(minute.saturating_add(self.minutes() - 1))
    }
}

/// A part of a span of time, in minutes, and the table that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    unit: Unit,
    from: Option<i64>,
    to: Option<i64>,
}

/// The span from `from` to `to` as pieces, each from the coarsest table that fits.
fn pieces(from: Option<i64>, to: Option<i64>, unit: Unit, out: &mut Vec<Piece>) {
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return;
    }
    let (start, end) = (from.map(|from| unit.ceil(from)), to.map(|to| unit.floor(to)));
    if unit == Unit::Minute {
        out.push(Piece { unit, from, to });
    } else if start.zip(end).is_some_and(|(start, end)| start >= end) {
        pieces(from, to, unit.finer(), out);
    } else {
        if from != start {
            pieces(from, start, unit.finer(), out);
        }
        out.push(Piece { unit, from: start, to: end });
        if to != end {
            pieces(end, to, unit.finer(), out);
        }
    }
}

impl Store {
    /// Counts, ordered by time, camera, rule, kind, direction and class. Spans in which
    /// nothing happened have no row.
    ///
    /// # Errors
    /// When the answer would have more than [`MAX_COUNT_ROWS`] rows, or the file can't be read.
    pub async fn counts(&self, query: &CountQuery) -> Result<Vec<CountRow>, StoreError> {
        let rows =
            counts_sql(query).build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        if rows.len() > MAX_COUNT_ROWS {
            return Err(StoreError::Invalid(format!(
                "more than {MAX_COUNT_ROWS} rows of counts; ask for a shorter time, a larger \
                 bucket or one camera"
            )));
        }
        rows.iter().map(read_count).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The live counts of `camera` for all time, as [`Self::counts`] without a bucket gives
    /// them; without what was counted later.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn totals(&self, camera: &CameraId) -> Result<Vec<CountRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT NULL, camera, rule, kind, direction, class, count, dwell_us, 0 FROM totals \
             WHERE camera = ?1 AND count > 0 ORDER BY rule, kind, direction, class",
        )
        .bind(camera.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_count).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }
}

/// Adds `event` so many times to its minute, hour and day, and to the totals; takes it away where
/// `times` is negative.
pub(crate) async fn count(
    transaction: &mut Transaction<'static, Sqlite>,
    event: &Event,
    times: i64,
) -> Result<(), sqlx::Error> {
    let Some(rule) = event.rule.as_deref() else { return Ok(()) };
    let columns = KindColumns::of(&event.kind);
    let direction = columns.direction.unwrap_or("");
    let class = event.class.as_ref().map_or("", ClassName::as_str);
    // A visit's dwell time is final when it ends; adding the one of `zone_dwelled` would
    // count it twice.
    let dwell = match event.kind {
        EventKind::ZoneLeft { .. } => columns.dwell_us.unwrap_or(0).saturating_mul(times),
        _ => 0,
    };
    let minute = event.wall.as_micros().div_euclid(MICROS_A_MINUTE);
    for unit in Unit::ALL {
        let table = unit.table();
        // Tables are no parameters; the names are ours.
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO {table} \
             (camera, minute, rule, kind, direction, class, count, dwell_us, later) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count, \
             dwell_us = dwell_us + excluded.dwell_us, later = later + excluded.later"
        )))
        .bind(event.camera.as_str())
        .bind(unit.floor(minute))
        .bind(rule)
        .bind(event.kind.as_str())
        .bind(direction)
        .bind(class)
        .bind(times)
        .bind(dwell)
        .bind(if event.is_later() { times } else { 0 })
        .execute(&mut **transaction)
        .await?;
    }
    // What was counted later only leaves a row there: it tells which cameras there are.
    let (times, dwell) = if event.is_later() { (0, 0) } else { (times, dwell) };
    sqlx::query(
        "INSERT INTO totals (camera, rule, kind, direction, class, count, dwell_us) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT DO UPDATE SET count = count + excluded.count, \
         dwell_us = dwell_us + excluded.dwell_us",
    )
    .bind(event.camera.as_str())
    .bind(rule)
    .bind(event.kind.as_str())
    .bind(direction)
    .bind(class)
    .bind(times)
    .bind(dwell)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The statement for `query`. Columns: span's first minute, camera, rule, kind, direction,
/// class, count, dwell time, counted later.
fn counts_sql(query: &CountQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    match query.bucket.map(Bucket::minutes) {
        // SQLite's remainder has the sign of the dividend: times before 1970 need the detour.
        Some(Some(minutes)) => {
            sql.push("minute - ((minute % ").push_bind(minutes);
            sql.push(") + ").push_bind(minutes).push(") % ").push_bind(minutes);
        }
        Some(None) => _ = sql.push("unixepoch(minute * 60, 'unixepoch', 'start of month') / 60"),
        None => _ = sql.push("NULL"),
    }
    sql.push(
        " AS span, camera, rule, kind, direction, class, sum(count), sum(dwell_us), sum(later) \
         FROM (",
    );
    let from = query.from.map(|from| from.as_micros().div_euclid(MICROS_A_MINUTE));
    let end = |to: WallTime| {
        to.as_micros().saturating_add(MICROS_A_MINUTE - 1).div_euclid(MICROS_A_MINUTE)
    };
    let to = query.to.map(end);
    let mut parts = Vec::new();
    pieces(from, to, Unit::of(query.bucket), &mut parts);
    if parts.is_empty() {
        parts.push(Piece { unit: Unit::Minute, from, to });
    }
    for (index, piece) in parts.iter().enumerate() {
        sql.push(if index > 0 { " UNION ALL SELECT * FROM " } else { "SELECT * FROM " });
        sql.push(piece.unit.table());
        push_filters(&mut sql, query, piece);
    }
    // Where all that was counted was counted later and that was taken back, nothing is left.
    sql.push(") GROUP BY span, camera, rule, kind, direction, class HAVING sum(count) > 0");
    sql.push(" ORDER BY span, camera, rule, kind, direction, class LIMIT ");
    sql.push_bind(MAX_COUNT_ROWS as i64 + 1);
    sql
}

fn push_filters(sql: &mut QueryBuilder<Sqlite>, query: &CountQuery, piece: &Piece) {
    sql.push(" WHERE true");
    among(sql, "camera", query.cameras.iter().map(|camera| camera.as_str().to_owned()));
    if query.cameras.is_empty() && (piece.from.is_some() || piece.to.is_some()) {
        // The key begins with the camera: name them all, and the span of time can use it.
        sql.push(" AND camera IN (SELECT DISTINCT camera FROM totals)");
    }
    if let Some(rule) = &query.rule {
        sql.push(" AND rule = ").push_bind(rule.clone());
    }
    if let Some(class) = &query.class {
        sql.push(" AND class = ").push_bind(class.as_str().to_owned());
    }
    if let Some(kind) = &query.kind {
        sql.push(" AND kind = ").push_bind(kind.clone());
    }
    if let Some(direction) = query.direction {
        sql.push(" AND direction = ").push_bind(direction.as_str());
    }
    if let Some(from) = piece.from {
        sql.push(" AND minute >= ").push_bind(from);
    }
    if let Some(to) = piece.to {
        sql.push(" AND minute < ").push_bind(to);
    }
}

fn read_count(row: &SqliteRow) -> Result<CountRow, BadRow> {
    let direction: &str = row.try_get(4)?;
    let class: &str = row.try_get(5)?;
    let start = row.try_get::<Option<i64>, _>(0)?;
    let number = |at: usize| -> Result<u64, BadRow> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
    };
    Ok(CountRow {
        bucket_start: start
            .map(|minute| WallTime::from_micros(minute.saturating_mul(MICROS_A_MINUTE))),
        camera: read_camera(row.try_get(1)?)?,
        rule: row.try_get(2)?,
        kind: read_word(&EventKind::WORDS, row.try_get(3)?)?,
        direction: (!direction.is_empty()).then(|| read_direction(direction)).transpose()?,
        class: (!class.is_empty()).then(|| ClassName::new(class)),
        count: number(6)?,
        later: number(8)?,
        dwell_total: duration(row.try_get(7)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_the_span_without_gap_or_overlap(
            from in prop::option::of(-5000i64..5000),
            length in prop::option::of(0i64..5000),
            unit in prop::sample::select(&Unit::ALL[..]),
        ) {
            let to = length.map(|length| from.unwrap_or(0) + length);
            let mut parts = Vec::new();
            pieces(from, to, unit, &mut parts);
            prop_assert!(parts.len() <= 5);
            for part in &parts {
                prop_assert!(part.unit.minutes() <= unit.minutes());
                for edge in [part.from, part.to].into_iter().flatten() {
                    prop_assert_eq!(part.unit.floor(edge), edge);
                }
                prop_assert!(part.from.zip(part.to).is_none_or(|(from, to)| from < to));
            }
            for pair in parts.windows(2) {
                prop_assert!(pair[0].to.is_some() && pair[0].to == pair[1].from);
            }
            if length == Some(0) && from.is_some() {
                prop_assert!(parts.is_empty());
            } else {
                prop_assert_eq!(parts.first().unwrap().from, from);
                prop_assert_eq!(parts.last().unwrap().to, to);
            }
        }
    }
}
