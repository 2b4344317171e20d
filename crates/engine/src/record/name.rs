//! Where footage lies: the names of files say camera and start, so that an index can be made
//! from files alone.
//!
//! `<camera>/<YYYY-MM-DD>/<HH-MM-SS.mmm>Z.mp4` in UTC for segments of a set length, and
//! `<camera>/<start ms>_<duration ms>.mp4` (the form of video-edge-ai-proxy) for one file per
//! group of pictures. The duration of such a group is known only at its end; until then it is
//! called `<camera>/<start ms>_.mp4`.

use std::time::Duration;

use omma_types::{CameraId, EventId, WallTime};

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) camera: CameraId,
    pub(super) start: WallTime,
    /// Whether the file's name is the one it keeps.
    pub(super) is_final: bool,
}

/// The name of a segment, relative to the recordings folder. `twin` tells files of the same
/// millisecond apart (a clock that was set back); 0 for the first.
pub(super) fn of_segment(camera: &CameraId, start: WallTime, twin: u32) -> String {
    let text = start.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    let clock = clock.replace(':', "-");
    match twin {
        0 => format!("{camera}/{day}/{clock}.mp4"),
        twin => format!("{camera}/{day}/{clock}-{twin}.mp4"),
    }
}

/// The name of a group of pictures that is being written.
pub(super) fn of_open_group(camera: &CameraId, start: WallTime) -> String {
    format!("{camera}/{}_.mp4", start.as_millis())
}

/// The name of a finished group of pictures.
pub(super) fn of_group(camera: &CameraId, start: WallTime, length: Duration) -> String {
    format!("{camera}/{}_{}.mp4", start.as_millis(), length.as_millis())
}

/// Reads any of the names above; none for every other name.
pub(super) fn parse(path: &str) -> Option<Named> {
    let parts: Vec<&str> = path.split('/').collect();
    let stem = |name: &'_ str| name.strip_suffix(".mp4").map(str::to_owned);
    match parts[..] {
        [camera, day, name] => {
            let stem = stem(name)?;
            let (clock, twin) = stem.split_once('Z')?;
            if !(twin.is_empty() || twin.strip_prefix('-').is_some_and(is_number)) {
                return None;
            }
            let start = format!("{day}T{}Z", clock.replace('-', ":")).parse().ok()?;
            let camera = CameraId::new(camera).ok()?;
            Some(Named { camera, start, is_final: true })
        }
        [camera, name] => {
            let stem = stem(name)?;
            let (start, length) = stem.split_once('_')?;
            if !(is_number(start) && (length.is_empty() || is_number(length))) {
                return None;
            }
            let start = WallTime::from_millis(start.parse().ok()?);
            let camera = CameraId::new(camera).ok()?;
            Some(Named { camera, start, is_final: !length.is_empty() })
        }
        _ => None,
    }
}

/// The name of an event's picture, relative to the folder of snapshots. The event's id holds
/// its time.
pub(super) fn of_snapshot(camera: &CameraId, event: EventId) -> String {
    let millis = i64::try_from(event.0 >> 80).unwrap_or_default();
    format!("{camera}/{}/{event}.jpg", day(WallTime::from_millis(millis)))
}

/// The folder of a day: `YYYY-MM-DD` in UTC.
pub(super) fn day(time: WallTime) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera() -> CameraId {
        CameraId::new("hall-1").unwrap()
    }

    #[test]
    fn names_are_those_of_the_contract() {
        let start: WallTime = "2026-11-20T09:30:00.250Z".parse().unwrap();
        assert_eq!(of_segment(&camera(), start, 0), "hall-1/2026-11-20/09-30-00.250Z.mp4");
        assert_eq!(of_segment(&camera(), start, 2), "hall-1/2026-11-20/09-30-00.250Z-2.mp4");
        assert_eq!(of_open_group(&camera(), start), "hall-1/1795167000250_.mp4");
        let length = Duration::from_millis(1998);
        assert_eq!(of_group(&camera(), start, length), "hall-1/1795167000250_1998.mp4");
        let event = EventId((1_795_167_000_250u128 << 80) | 7);
        assert_eq!(of_snapshot(&camera(), event), format!("hall-1/2026-11-20/{event}.jpg"));
    }

    #[test]
    fn other_names_are_not_ours() {
        for other in [
            "",
            "a.mp4",
            "hall-1/x.mp4",
            "hall-1/12_x.mp4",
            "hall-1/_12.mp4",
            "hall-1/2026-11-20/09-30-00.250Z.mp4.broken",
            "hall-1/2026-11-20/09-30-00.250Zx.mp4",
            "hall-1/2026-13-20/09-30-00.250Z.mp4",
            "hall 1/2026-11-20/09-30-00.250Z.mp4",
            "hall-1/2026-11-20/b/09-30-00.250Z.mp4",
            "../1795167000250_1998.mp4",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn names_are_read_back(millis in 0i64..4_102_444_800_000, twin in 0u32..20, ms in 0u64..99_999) {
            let start = WallTime::from_millis(millis);
            let named = |is_final| Some(Named { camera: camera(), start, is_final });
            prop_assert_eq!(parse(&of_segment(&camera(), start, twin)), named(true));
            prop_assert_eq!(parse(&of_open_group(&camera(), start)), named(false));
            let length = Duration::from_millis(ms);
            prop_assert_eq!(parse(&of_group(&camera(), start, length)), named(true));
        }

        #[test]
        fn no_name_makes_it_panic(path in "\\PC{0,40}") {
            let _named = parse(&path);
        }
    }
}
