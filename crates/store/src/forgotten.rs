//! Time whose events are forgotten while their counts stay: what was counted there can no longer
//! be looked at, nor be taken back.

use omma_types::{CameraId, Direction, WallTime};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use crate::counts::MICROS_A_MINUTE;
use crate::{Store, StoreError};

/// What somebody wants to look at or to take back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) camera: &'a CameraId,
    pub(crate) rule: &'a str,
    /// One kind of event alone.
    pub(crate) kind: Option<&'a str>,
    /// Crossings this way alone.
    pub(crate) direction: Option<Direction>,
    pub(crate) from: WallTime,
    /// Without it.
    pub(crate) to: WallTime,
}

type Scalar<'q> = sqlx::query::QueryScalar<'q, Sqlite, Option<i64>, SqliteArguments>;

impl Counted<'_> {
    /// The statement for the newest minute, of those that the span touches, in which more was
    /// counted than there are events. Whole minutes: of a part of one nobody knows what was
    /// counted in it.
    pub(crate) fn newest_forgotten(self) -> Scalar<'static> {
        let first = self.from.as_micros().div_euclid(MICROS_A_MINUTE);
        let last = self.to.as_micros().saturating_sub(1).div_euclid(MICROS_A_MINUTE);
        let micros = |minute: i64| minute.saturating_mul(MICROS_A_MINUTE);
        // SQLite's remainder has the sign of the dividend: times before 1970 need the detour.
        let sql = format!(
            "SELECT max(minute) FROM \
             (SELECT minute, sum(count) AS counted FROM counts \
              WHERE camera = ?1 AND rule = ?2 AND minute >= ?3 AND minute <= ?4 \
              AND (?7 = '' OR kind = ?7) AND (?8 = '' OR direction = ?8) GROUP BY minute) \
             LEFT JOIN \
             (SELECT (wall_us - (wall_us % {MICROS_A_MINUTE} + {MICROS_A_MINUTE}) \
              % {MICROS_A_MINUTE}) / {MICROS_A_MINUTE} AS minute, count(*) AS kept FROM events \
              WHERE camera = ?1 AND rule = ?2 AND wall_us >= ?5 AND wall_us < ?6 \
              AND (?7 = '' OR kind = ?7) AND (?8 = '' OR direction = ?8) GROUP BY 1) \
             USING (minute) WHERE counted > coalesce(kept, 0)"
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(self.camera.as_str().to_owned())
            .bind(self.rule.to_owned())
            .bind(first)
            .bind(last)
            .bind(micros(first))
            .bind(micros(last.saturating_add(1)))
            .bind(self.kind.unwrap_or_default().to_owned())
            .bind(self.direction.map_or("", Direction::as_str))
    }
}

/// The end of a minute.
pub(crate) fn end_of(minute: i64) -> WallTime {
    WallTime::from_micros(minute.saturating_add(1).saturating_mul(MICROS_A_MINUTE))
}

impl Store {
    /// From when on all is there that the rule counted from `from` to `to` (without it), where
    /// some of it is forgotten. To the minute.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn forgotten_until(
        &self,
        camera: &CameraId,
        rule: &str,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<WallTime>, StoreError> {
        let counted = Counted { camera, rule, kind: None, direction: None, from, to };
        let minute = counted.newest_forgotten().fetch_one(&self.reader).await;
        Ok(minute.map_err(|e| self.failed(&e))?.map(end_of))
    }
}
