//! Texts that stand for durations, sizes, paths and points.

use std::time::Duration;

use omma_types::{ClassName, Point};
use serde_saphyr::Spanned;

use super::Check;
use crate::config::ConfigError;

impl Check<'_> {
    pub(super) fn duration(&self, text: &Spanned<String>) -> Result<Duration, ConfigError> {
        match read(&text.value) {
            Some(duration) => Ok(duration),
            None => Err(self.wrong(
                text.referenced,
                format!(
                    "`{}` is no duration; expected one like 500ms, 10s, 5min, 2h, 7d",
                    text.value
                ),
            )),
        }
    }

    /// The size of a ring in memory.
    pub(super) fn ring(&self, text: &Spanned<String>) -> Result<usize, ConfigError> {
        let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)];
        match scaled(&text.value, &units) {
            Some(bytes) if (1e5..=1e10).contains(&bytes) => Ok(bytes as usize),
            _ => Err(self.wrong(
                text.referenced,
                format!("`{}` is no size for a ring; expected 100kB to 10GB, like 8MB", text.value),
            )),
        }
    }

    /// A size on a disk.
    pub(super) fn size(&self, text: &Spanned<String>) -> Result<u64, ConfigError> {
        let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1.0)];
        match scaled(&text.value, &units) {
            Some(bytes) if (0.0..=1e18).contains(&bytes) => Ok(bytes as u64),
            _ => Err(self.wrong(
                text.referenced,
                format!("`{}` is no size; expected one like 500MB, 20GB, 2TB", text.value),
            )),
        }
    }
}

/// A duration of the file. Not nothing, and not for ever.
fn read(text: &str) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0)];
    let secs = scaled(text, &units)?;
    (secs > 0.0 && secs < 1e9).then(|| Duration::from_secs_f64(secs))
}

/// A duration as somebody would write it into the file: in the largest unit of which it is a
/// whole number.
pub(in crate::config) fn written(duration: Duration) -> String {
    let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 {
        let units = [("d", 86_400), ("h", 3600), ("min", 60)];
        let whole = units.into_iter().find(|(_, unit)| secs > 0 && secs.is_multiple_of(*unit));
        let (name, unit) = whole.unwrap_or(("s", 1));
        return format!("{}{name}", secs / unit);
    }
    let (millis, rest) = (duration.as_millis(), nanos % 1_000_000);
    if rest == 0 {
        return format!("{millis}ms");
    }
    let fraction = format!("{rest:06}");
    format!("{millis}.{}ms", fraction.trim_end_matches('0'))
}

/// A size as somebody would write it into the file: in the largest unit of which it is a whole
/// number.
pub(in crate::config) fn written_bytes(bytes: u64) -> String {
    let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let whole = units.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(("B", 1));
    format!("{}{name}", bytes / unit)
}

/// `"10s"` with `("s", 1.0)` is 10. None where the number or the unit can't be read.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let unit_start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text.get(..unit_start)?.trim().parse().ok()?;
    let unit = text.get(unit_start..)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number * factor)
}

/// A path that can't be mistaken for a card's name.
pub(super) fn as_path(text: &str) -> String {
    let is_plain_name = !text.contains('/') && !text.ends_with(".onnx");
    if is_plain_name { format!("./{text}") } else { text.to_owned() }
}

pub(super) fn point([x, y]: [f32; 2]) -> Point {
    Point::new(x, y)
}

pub(super) fn class_names(names: &[String]) -> Vec<ClassName> {
    names.iter().map(|name| ClassName::new(name)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_written_as_somebody_would() {
        for text in ["7d", "1h", "90min", "90s", "1500ms", "25h", "10000d", "0.5ms", "1.000001ms"] {
            assert_eq!(written(read(text).unwrap()), text);
        }
        for (text, shorter) in
            [("3600s", "1h"), ("168h", "7d"), ("1.5h", "90min"), ("0.2s", "200ms")]
        {
            assert_eq!(written(read(text).unwrap()), shorter);
        }
        for wrong in ["", "1", "0s", "-1s", "1e9s", "40000d", "1 year", "1.5"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_is_written_as_somebody_would() {
        for (size, text) in [
            (0, "0B"),
            (1500, "1500B"),
            (8_000_000, "8MB"),
            (1_000_000_000, "1GB"),
            (2_500_000_000_000, "2500GB"),
        ] {
            assert_eq!(written_bytes(size), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same(duration in prop_oneof![
            (1u64..1_000_000_000).prop_map(Duration::from_secs),
            (1u64..1_000_000_000).prop_map(Duration::from_millis),
            (1u64..1_000_000_000_000).prop_map(Duration::from_nanos),
        ]) {
            prop_assert_eq!(read(&written(duration)), Some(duration));
        }
    }
}
