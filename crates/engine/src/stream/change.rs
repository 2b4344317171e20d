//! Notices that a camera changed its picture size or profile in the middle of a connection:
//! what it sends then no longer fits the description that it gave at the beginning.

/// Remembers the sequence parameter sets of one connection. Works on streams with start codes
/// (ITU-T H.264 and H.265, annex B), which is what RTSP gives; elsewhere the container tells.
#[derive(Default)]
pub(super) struct ParameterWatch {
    known: Option<Vec<u8>>,
}

/// Parameter sets stand in front of the picture: no need to look further.
const LOOKED_AT: usize = 1024;

impl ParameterWatch {
    /// Whether a keyframe carries other parameters than those before it.
    pub(super) fn has_changed(&mut self, codec: &str, keyframe: &[u8]) -> bool {
        let is_parameters: fn(u8) -> bool = match codec {
            "h264" => |header| header & 0x1f == 7,
            "hevc" => |header| (header >> 1) & 0x3f == 33,
            _ => return false,
        };
        let head = keyframe.get(..LOOKED_AT).unwrap_or(keyframe);
        let Some(found) = units(head).find(|unit| unit.first().is_some_and(|h| is_parameters(*h)))
        else {
            return false;
        };
        match &self.known {
            Some(known) => known != found,
            None => {
                self.known = Some(found.to_vec());
                false
            }
        }
    }
}

/// The units between start codes; what stands before the first one is left out.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(data);
    std::iter::from_fn(move || {
        let unit = rest?;
        let end = unit.windows(3).position(|window| window == [0, 0, 1]);
        rest = end.and_then(|end| unit.get(end + 3..));
        let unit = unit.get(..end.unwrap_or(unit.len()))?;
        // A start code may begin with one more zero, which is none of the unit's.
        Some(unit.strip_suffix(&[0]).filter(|_| end.is_some()).unwrap_or(unit))
    })
}

fn after_start_code(data: &[u8]) -> Option<&[u8]> {
    let at = data.windows(3).position(|window| window == [0, 0, 1])?;
    data.get(at + 3..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_parameter_set_is_noticed() {
        let mut watch = ParameterWatch::default();
        let first = [0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 5];
        let other = [0, 0, 0, 1, 0x67, 1, 2, 4, 0, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 5];
        let without = [0, 0, 0, 1, 0x65, 5, 5];
        assert!(!watch.has_changed("h264", &first));
        assert!(!watch.has_changed("h264", &without));
        assert!(!watch.has_changed("h264", &first));
        assert!(watch.has_changed("h264", &other));
        let mut watch = ParameterWatch::default();
        assert!(!watch.has_changed("hevc", &[0, 0, 1, 66, 1, 7, 0, 0, 1, 68, 1]));
        assert!(watch.has_changed("hevc", &[0, 0, 1, 66, 1, 8, 0, 0, 1, 68, 1]));
        assert!(!watch.has_changed("mjpeg", &other));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_through(data in prop::collection::vec(0u8..3, 0..60)) {
            let mut watch = ParameterWatch::default();
            prop_assert!(!watch.has_changed("h264", &data));
            prop_assert!(!watch.has_changed("h264", &data), "the same is no change");
        }
    }
}
