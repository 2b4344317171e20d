//! What people say of events, and what that says of the counts.

use omma_types::{CameraId, EventId, WallTime};
use sqlx::Row as _;

use crate::row::BadRow;
use crate::{Store, StoreError};

/// What somebody says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It happened as it says.
    Right,
    /// It did not.
    Wrong,
}

impl Verdict {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// A fraction with the interval in which it lies with a probability of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The fraction that was seen.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of Wilson ("Probable inference, the law of succession, and statistical
    /// inference", Journal of the American Statistical Association 22, 1927) for `hits` of
    /// `all`; none where nothing was seen. Unlike the one that is taught first, it stays within
    /// 0 and 1, and is honest about few and about all of them.
    pub fn wilson(hits: u64, all: u64) -> Option<Self> {
        /// So many standard deviations hold 95 % of a normal distribution.
        const Z: f64 = 1.959_963_984_540_054;
        if all == 0 {
            return None;
        }
        let n = all as f64;
        let value = hits.min(all) as f64 / n;
        let spread = Z * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        let middle = (value + Z * Z / (2.0 * n)) / scale;
        let (low, high) = (middle - spread / scale, middle + spread / scale);
        // Rounding must not put what was seen outside.
        Some(Self { value, low: low.clamp(0.0, value), high: high.clamp(value, 1.0) })
    }
}

/// What the verdicts say of one kind of event of one line or zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precision {
    /// The camera.
    pub camera: CameraId,
    /// The line or zone.
    pub rule: String,
    /// The kind of event, as [`omma_types::EventKind::as_str`] calls it.
    pub kind: String,
    /// Events that were called right.
    pub right: u64,
    /// Events that were called wrong.
    pub wrong: u64,
    /// Events that were counted in all.
    pub count: u64,
}

impl Precision {
    /// The part of what was counted that happened.
    pub fn precision(&self) -> Option<Interval> {
        Interval::wilson(self.right, self.right.saturating_add(self.wrong))
    }

    /// How many of those that were counted happened. What was missed is not in it.
    pub fn corrected(&self) -> Option<Interval> {
        let Interval { value, low, high } = self.precision()?;
        let times = self.count as f64;
        Some(Interval { value: value * times, low: low * times, high: high * times })
    }
}

impl Store {
    /// Keeps what somebody says of the event `id`, or takes it back (none). False where there is
    /// no such event, or it is of no line or zone.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn set_verdict(
        &self,
        id: EventId,
        verdict: Option<Verdict>,
        at: WallTime,
    ) -> Result<bool, StoreError> {
        let key = id.0.to_be_bytes().to_vec();
        let mut transaction = self.begin().await?;
        let done = match verdict {
            Some(verdict) => {
                let sql = "INSERT INTO verdicts (id, camera, rule, kind, wall_us, correct, at_us) \
                     SELECT id, camera, rule, kind, wall_us, ?2, ?3 FROM events \
                     WHERE id = ?1 AND rule IS NOT NULL \
                     ON CONFLICT DO UPDATE SET correct = excluded.correct, at_us = excluded.at_us";
                let query = sqlx::query(sql).bind(&key).bind(verdict == Verdict::Right);
                query.bind(at.as_micros()).execute(&mut *transaction).await
            }
            None => {
                sqlx::query("DELETE FROM verdicts WHERE id = ?1")
                    .bind(&key)
                    .execute(&mut *transaction)
                    .await
            }
        };
        let rows = done.map_err(|e| self.failed(&e))?.rows_affected();
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(rows > 0 || verdict.is_none())
    }

    /// What somebody said of the event `id`.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn verdict(&self, id: EventId) -> Result<Option<Verdict>, StoreError> {
        let found: Option<bool> = sqlx::query_scalar("SELECT correct FROM verdicts WHERE id = ?1")
            .bind(id.0.to_be_bytes().to_vec())
            .fetch_optional(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(found.map(|correct| if correct { Verdict::Right } else { Verdict::Wrong }))
    }

    /// What the verdicts say, of each line and zone of `camera` with at least one; ordered by
    /// name and kind.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn precision(&self, camera: &CameraId) -> Result<Vec<Precision>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.rule, v.kind, sum(v.correct), sum(1 - v.correct), \
             (SELECT coalesce(sum(c.count), 0) FROM counts_by_day c \
              WHERE c.camera = v.camera AND c.rule = v.rule AND c.kind = v.kind) \
             FROM verdicts v WHERE v.camera = ?1 GROUP BY v.rule, v.kind ORDER BY v.rule, v.kind",
        )
        .bind(camera.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<Precision, BadRow> {
            let number = |at: usize| -> Result<u64, BadRow> {
                Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
            };
            Ok(Precision {
                camera: camera.clone(),
                rule: row.try_get(0)?,
                kind: row.try_get(1)?,
                right: number(2)?,
                wrong: number(3)?,
                count: number(4)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 0 of 20.
        let of = |hits, all| Interval::wilson(hits, all).unwrap();
        let interval = of(81, 263);
        assert!((interval.low - 0.2553).abs() < 5e-5 && (interval.high - 0.3662).abs() < 5e-5);
        let interval = of(0, 20);
        assert!(interval.low.abs() < 1e-12 && (interval.high - 0.1611).abs() < 5e-5);
        assert_eq!(Interval::wilson(0, 0), None);
    }

    proptest! {
        #[test]
        fn what_was_seen_lies_in_the_interval(hits in 0u64..10_000, more in 0u64..10_000) {
            if let Some(Interval { value, low, high }) = Interval::wilson(hits, hits + more) {
                prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            }
        }
    }
}
