//! Three clocks that never mix: `Instant` drives logic, [`MediaTime`] is the stream's own
//! time, [`WallTime`] is for people and for joining systems.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A position in one stream: nanoseconds on the stream's own clock. Only differences within
/// one stream mean anything; the zero point is the stream's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(i64);

impl MediaTime {
    /// The stream's zero.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds on the stream's clock.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From seconds on the stream's clock, rounded to the nanosecond.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * 1e9).round() as i64)
    }

    /// From a time stamp in ticks of `numerator / denominator` seconds, rounded to nearest.
    /// A denominator of zero gives zero.
    pub fn from_ticks(ticks: i64, numerator: i32, denominator: i32) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        let scaled = i128::from(ticks) * i128::from(numerator) * 1_000_000_000;
        let denominator = i128::from(denominator);
        let rounded = (scaled + denominator / 2).div_euclid(denominator);
        Self(rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// Nanoseconds on the stream's clock.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds on the stream's clock.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time elapsed since `earlier`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        let nanos = i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        let nanos = i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

/// A moment for people: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time elapsed since `earlier`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => {
                Self(i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us))
            }
        }
    }
}

impl Add<Duration> for WallTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for WallTime {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC with milliseconds, e.g. `2026-11-20T09:30:00.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// A text that is no RFC 3339 date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time like 2026-11-20T09:30:00Z or 2026-11-20T10:30:00.250+01:00")
    }
}

impl std::error::Error for NotATime {}

impl std::str::FromStr for WallTime {
    type Err = NotATime;

    /// Reads RFC 3339 section 5.6, offset included. Digits after the microsecond are ignored;
    /// a leap second is the second after it.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        parse_rfc3339(text.as_bytes()).ok_or(NotATime)
    }
}

fn parse_rfc3339(text: &[u8]) -> Option<WallTime> {
    // yyyy-mm-ddThh:mm:ss, then an optional fraction, then the offset.
    let (fixed, rest) = text.split_at_checked(19)?;
    let punctuation = [(4, b"--"), (7, b"--"), (10, b"Tt"), (13, b"::"), (16, b"::")];
    if !punctuation.iter().all(|&(at, either)| either.contains(&fixed[at])) {
        return None;
    }
    let (year, month) = (digits(&fixed[0..4])?, digits(&fixed[5..7])?);
    let (day, hour) = (digits(&fixed[8..10])?, digits(&fixed[11..13])?);
    let (minute, second) = (digits(&fixed[14..16])?, digits(&fixed[17..19])?);
    let days = days_from_civil(year, month, day);
    // February 30 and the like come out as another date.
    if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, offset) = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let end = fraction.iter().position(|b| !b.is_ascii_digit())?;
            let (fraction, offset) = fraction.split_at(end);
            let scale = 10i64.pow(6u32.saturating_sub(u32::try_from(end).ok()?));
            (digits(fraction.get(..end.min(6))?)? * scale, offset)
        }
        None => (0, rest),
    };
    let offset_minutes = match *offset {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (if sign == b'-' { -1 } else { 1 }) * (hours * 60 + minutes)
        }
        _ => return None,
    };
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    Some(WallTime(seconds * 1_000_000 + micros))
}

/// A number of decimal digits, at least one.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0i64, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// The day number since 1970-01-01 of a date in the proleptic Gregorian calendar (Hinnant,
/// as below, `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12; // 0 = March
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date in the proleptic Gregorian calendar of a day number since 1970-01-01
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153; // 0 = March
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Where the present comes from: the system in production, a hand-driven clock in tests.
pub trait Clock: Send + Sync {
    /// The monotonic present.
    fn now(&self) -> Instant;
    /// The present for people.
    fn wall(&self) -> WallTime;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn wall(&self) -> WallTime {
        SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wall_time_prints_rfc3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_132_800_000, "2026-11-20T00:00:00.000Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(WallTime::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn wall_time_reads_rfc3339() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56.789123999Z", 951_827_696_789_123),
            ("2026-11-20t01:00:00.5+01:00", 1_795_132_800_500_000),
            ("2026-11-19T19:30:00-04:30", 1_795_132_800_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ];
        for (text, micros) in cases {
            assert_eq!(text.parse(), Ok(WallTime::from_micros(micros)), "{text}");
        }
        for bad in [
            "",
            "2026-11-20",
            "2026-11-20T09:30:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-20 09:30:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T09:30:00.Z",
            "2026-11-20T09:30:00.5",
            "2026-11-20T09:30:00+0100",
            "+026-11-20T09:30:00Z",
            "ä",
        ] {
            assert_eq!(bad.parse::<WallTime>(), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn ticks_round_to_the_nearest_nanosecond() {
        assert_eq!(MediaTime::from_ticks(1, 1, 90_000).as_nanos(), 11_111);
        assert_eq!(MediaTime::from_ticks(90_000, 1, 90_000), MediaTime::from_secs_f64(1.0));
        assert_eq!(MediaTime::from_ticks(5, 1, 0), MediaTime::ZERO);
    }

    proptest! {
        #[test]
        fn wall_time_text_round_trips(millis in 0i64..253_402_300_800_000) {
            let time = WallTime::from_millis(millis);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+:.TZ0-9é]{0,30}") {
            prop_assert!(text.parse::<WallTime>().is_err() || text.len() >= 20);
        }

        #[test]
        fn since_never_goes_negative(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (MediaTime::from_nanos(a), MediaTime::from_nanos(b));
            prop_assert_eq!(a.since(b) > Duration::ZERO, a > b);
        }
    }
}
