//! What people say of events, and what that says of the counts.

use std::time::Duration;

use omma_types::{CameraId, EventId, WallTime};
use sqlx::Row as _;

use crate::row::{BadRow, duration};
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

    pub(crate) const fn of(correct: bool) -> Self {
        if correct { Self::Right } else { Self::Wrong }
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

    /// This by `other`, as [`Precision::corrected`] says; none where `other` may be nothing.
    fn over(self, other: Self) -> Option<Self> {
        if other.value <= 0.0 || other.low <= 0.0 {
            return None;
        }
        let value = self.value / other.value;
        if self.value <= 0.0 {
            return Some(Self { value, low: 0.0, high: self.high / other.low });
        }
        let distance = |own: f64, others: f64| own.ln().hypot(others.ln()).exp();
        let low = value
            / distance(self.value / self.low.max(f64::MIN_POSITIVE), other.high / other.value);
        let high = value * distance(self.high / self.value, other.value / other.low);
        Some(Self { value, low: low.min(value), high: high.max(value) })
    }
}

/// What people say of one kind of event of one line or zone: of single events, and of whole
/// spans of time that they have looked through.
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
    /// How much time somebody has looked through from end to end.
    pub reviewed: Duration,
    /// Events in that time that nobody called wrong.
    pub found: u64,
    /// What happened in that time and was not counted.
    pub missed: u64,
    /// Events outside of that time that were called right.
    pub right_elsewhere: u64,
}

impl Precision {
    /// The part of what was counted that happened. Whoever looks through a span has seen its
    /// events: those that are not called wrong are right.
    pub fn precision(&self) -> Option<Interval> {
        let right = self.right_elsewhere.saturating_add(self.found);
        Interval::wilson(right, right.saturating_add(self.wrong))
    }

    /// The part of what happened that was counted, in the spans that somebody has looked
    /// through; none where there are none, or nothing happened in them.
    pub fn recall(&self) -> Option<Interval> {
        Interval::wilson(self.found, self.found.saturating_add(self.missed))
    }

    /// How many there really were: what was counted, times precision, by recall. Without reviews
    /// what was missed is not in it; none where nothing is known of either, or where all that
    /// happened was missed.
    ///
    /// The interval of the quotient is put together of the two Wilson intervals by the method of
    /// variance estimates recovery on logarithms (Zou and Donner, "Construction of confidence
    /// intervals about effect measures", Statistics in Medicine 27, 2008): each side's distance
    /// is the root of the sum of the squares of both parts' distances to that side. It takes
    /// both parts as independent, and the spans as picked by chance.
    pub fn corrected(&self) -> Option<Interval> {
        let precision = self.precision()?;
        let recall = match self.recall() {
            Some(recall) => recall,
            None if self.missed == 0 => Interval { value: 1.0, low: 1.0, high: 1.0 },
            None => return None,
        };
        let ratio = precision.over(recall)?;
        let times = self.count as f64;
        Some(Interval {
            value: ratio.value * times,
            low: ratio.low * times,
            high: ratio.high * times,
        })
    }
}

/// By rule and kind: verdicts (right, wrong), all counts, and of the reviews: time, missed,
/// counted, and of the verdicts in their time those that are wrong and those that are right.
const PRECISION: &str = "WITH said AS (SELECT v.rule, v.kind, v.correct, EXISTS (\
    SELECT 1 FROM reviews r WHERE r.camera = v.camera AND r.rule = v.rule AND r.kind = v.kind \
    AND v.wall_us >= r.from_us AND v.wall_us < r.to_us \
    AND (r.direction = '' OR r.direction = v.direction)) AS inside \
    FROM verdicts v WHERE v.camera = ?1), \
    about AS (SELECT rule, kind FROM said UNION SELECT rule, kind FROM reviews \
    WHERE camera = ?1) \
    SELECT a.rule, a.kind, \
    (SELECT coalesce(sum(correct), 0) FROM said s WHERE s.rule = a.rule AND s.kind = a.kind), \
    (SELECT coalesce(sum(1 - correct), 0) FROM said s \
     WHERE s.rule = a.rule AND s.kind = a.kind), \
    (SELECT coalesce(sum(c.count), 0) FROM counts_by_day c \
     WHERE c.camera = ?1 AND c.rule = a.rule AND c.kind = a.kind), \
    (SELECT coalesce(sum(r.to_us - r.from_us), 0) FROM reviews r \
     WHERE r.camera = ?1 AND r.rule = a.rule AND r.kind = a.kind), \
    (SELECT coalesce(sum(r.missed), 0) FROM reviews r \
     WHERE r.camera = ?1 AND r.rule = a.rule AND r.kind = a.kind), \
    (SELECT coalesce(sum(r.counted), 0) FROM reviews r \
     WHERE r.camera = ?1 AND r.rule = a.rule AND r.kind = a.kind), \
    (SELECT count(*) FROM said s \
     WHERE s.rule = a.rule AND s.kind = a.kind AND s.inside AND NOT s.correct), \
    (SELECT count(*) FROM said s \
     WHERE s.rule = a.rule AND s.kind = a.kind AND s.inside AND s.correct) \
    FROM about a ORDER BY a.rule, a.kind";

impl Store {
    /// Keeps what somebody says of the event `id`, who has looked at it then, or takes it back
    /// (none). False where there is
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
                let seen = "INSERT INTO reviewed SELECT id, wall_us, ?2 FROM events \
                     WHERE id = ?1 AND rule IS NOT NULL ON CONFLICT DO NOTHING";
                let seen = sqlx::query(seen).bind(&key).bind(at.as_micros());
                seen.execute(&mut *transaction).await.map_err(|e| self.failed(&e))?;
                let sql = "INSERT INTO verdicts (id, camera, rule, kind, wall_us, correct, \
                     at_us, direction) SELECT id, camera, rule, kind, wall_us, ?2, ?3, \
                     coalesce(direction, '') FROM events WHERE id = ?1 AND rule IS NOT NULL \
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
        Ok(found.map(Verdict::of))
    }

    /// What people say, of each line and zone of `camera` with at least one verdict or review;
    /// ordered by name and kind.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn precision(&self, camera: &CameraId) -> Result<Vec<Precision>, StoreError> {
        let rows = sqlx::query(PRECISION)
            .bind(camera.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<Precision, BadRow> {
            let number = |at: usize| -> Result<u64, BadRow> {
                Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
            };
            let wrong_in_spans = number(8)?;
            let right = number(2)?;
            Ok(Precision {
                camera: camera.clone(),
                rule: row.try_get(0)?,
                kind: row.try_get(1)?,
                right,
                wrong: number(3)?,
                count: number(4)?,
                reviewed: duration(row.try_get(5)?),
                missed: number(6)?,
                found: number(7)?.saturating_sub(wrong_in_spans),
                right_elsewhere: right.saturating_sub(number(9)?),
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

    fn said(right: u64, wrong: u64, found: u64, missed: u64) -> Precision {
        Precision {
            camera: CameraId::new("door").unwrap(),
            rule: "door".to_owned(),
            kind: "line_crossed".to_owned(),
            right,
            wrong,
            count: 1000,
            reviewed: Duration::ZERO,
            found,
            missed,
            right_elsewhere: right,
        }
    }

    #[test]
    fn counts_are_corrected_by_what_was_wrong_and_what_was_missed() {
        let said_of = said(0, 5, 45, 15);
        assert_eq!(said_of.precision().unwrap().value, 0.9);
        assert_eq!(said_of.recall().unwrap().value, 0.75);
        let Interval { value, low, high } = said_of.corrected().unwrap();
        assert!((value - 1200.0).abs() < 1e-9, "{value}");
        // Worked out by hand from Wilson's 0.7864 to 0.9565 and 0.6277 to 0.8422.
        assert!((low - 1004.4).abs() < 0.5 && (high - 1448.4).abs() < 0.5, "{low} to {high}");
        assert_eq!(said(0, 0, 0, 0).corrected(), None, "nobody has said anything");
        assert_eq!(said(9, 1, 0, 0).recall(), None, "no review");
        assert_eq!(said(9, 1, 0, 0).corrected().unwrap().value, 900.0);
        assert_eq!(said(9, 1, 0, 4).corrected(), None, "all was missed: there is no telling");
        assert_eq!(said(0, 9, 0, 0).corrected().unwrap().value, 0.0);
    }

    proptest! {
        #[test]
        fn the_corrected_count_lies_in_its_interval_and_more_reviews_narrow_it(
            right in 0u64..500, wrong in 0u64..500, found in 1u64..500, missed in 0u64..500,
        ) {
            let few = said(right, wrong, found, missed).corrected().unwrap();
            prop_assert!(0.0 <= few.low && few.low <= few.value && few.value <= few.high);
            prop_assert!(few.high.is_finite());
            let many = said(right * 4, wrong * 4, found * 4, missed * 4).corrected().unwrap();
            prop_assert!((many.value - few.value).abs() <= 1e-9 * few.value);
            prop_assert!(many.high - many.low < few.high - few.low);
        }
    }
}
