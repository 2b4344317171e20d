//! What a message of imagebus says, in either of its forms.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Datelike as _, Local, NaiveDate, NaiveDateTime, Timelike as _};
use omma_types::WallTime;

/// Deeper nesting is not read: imagebus's own programs nest three levels.
pub(super) const MAX_DEPTH: usize = 8;

/// More objects in one picture are not read.
pub(super) const MAX_DETAILS: usize = 4096;

/// What was found in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// What, in imagebus's spelling.
    pub name: String,
    /// How sure the detector is, 0 to 100.
    pub percentage: f64,
    /// Left, top, right and bottom edge in pixels.
    pub position: [i64; 4],
    /// Whether it was blacked out.
    pub redacted: bool,
}

/// A message: a picture and where it comes from (`FrameDetails`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The source, or the program that worked on the picture.
    pub name: String,
    /// Where the source is read; only sources have one.
    pub url: Option<String>,
    /// The topic it was written to.
    pub topic: String,
    /// One picture in this many.
    pub frame_rate: i64,
    /// The picture's number.
    pub frame_reference: i64,
    /// When, by the clock on the writer's wall: the zone is not told.
    pub date_time: Option<NaiveDateTime>,
    /// A JPEG file; none where it was left out.
    pub image: Option<Bytes>,
    /// What was found. One list is shared by the messages that tell of the same.
    pub details: Option<Arc<Vec<Detail>>>,
    /// The message that the writer worked on.
    pub parent: Option<Arc<Message>>,
    /// Seconds that this picture took.
    pub speed: Option<f64>,
    /// Seconds that a picture took until now.
    pub average: Option<f64>,
}

impl Message {
    /// The message that began it all: the source's.
    pub fn root(&self) -> &Self {
        let mut message = self;
        while let Some(parent) = message.parent.as_deref() {
            message = parent;
        }
        message
    }

    /// This message and those that it was made of, newest first.
    pub fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |message| message.parent.as_deref())
    }

    /// Bytes of the pictures in it.
    pub fn picture_bytes(&self) -> usize {
        self.lineage().filter_map(|m| m.image.as_ref()).map(Bytes::len).sum()
    }

    /// The same with `image` as its picture, and with no other picture at any depth: what a
    /// redaction hides must not be found further down.
    pub fn with_only(&self, image: Bytes) -> Self {
        Self { image: Some(image), ..self.without_pictures() }
    }

    fn without_pictures(&self) -> Self {
        let parent = self.parent.as_ref().map(|parent| Arc::new(parent.without_pictures()));
        Self { image: None, parent, ..self.clone() }
    }
}

/// What the clock on the wall here shows at `time`.
pub(super) fn local(time: WallTime) -> NaiveDateTime {
    DateTime::from_timestamp_micros(time.as_micros())
        .map_or(NaiveDateTime::MIN, |utc| utc.with_timezone(&Local).naive_local())
}

/// A `datetime.datetime` as Python's pickle keeps it: year (2 bytes), month, day, hour,
/// minute, second, microsecond (3 bytes).
pub(super) fn to_ten_bytes(time: NaiveDateTime) -> Option<[u8; 10]> {
    let small = |value: u32| u8::try_from(value).ok();
    let [high, low] = u16::try_from(time.year()).ok()?.to_be_bytes();
    let [_, a, b, c] = (time.nanosecond() / 1000).min(999_999).to_be_bytes();
    let (month, day) = (small(time.month())?, small(time.day())?);
    let (hour, minute, second) =
        (small(time.hour())?, small(time.minute())?, small(time.second())?);
    Some([high, low, month, day, hour, minute, second, a, b, c])
}

/// The time of such bytes. The highest bit of the month tells which of two equal times in the
/// night when clocks are set back; that is of no interest.
pub(super) fn from_ten_bytes(bytes: &[u8]) -> Option<NaiveDateTime> {
    let &[high, low, month, day, hour, minute, second, a, b, c] = bytes else { return None };
    let date = NaiveDate::from_ymd_opt(
        u16::from_be_bytes([high, low]).into(),
        (month & 0x7f).into(),
        day.into(),
    )?;
    let micros = u32::from_be_bytes([0, a, b, c]);
    date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_are_pythons() {
        let bytes = [0x07, 0xe3, 12, 3, 4, 5, 6, 0x0c, 0x0a, 0x14];
        let time = from_ten_bytes(&bytes).expect("a time");
        assert_eq!(time.to_string(), "2019-12-03 04:05:06.789012");
        assert_eq!(to_ten_bytes(time), Some(bytes));
        assert_eq!(from_ten_bytes(&[0; 10]), None, "there is no month 0");
        assert_eq!(from_ten_bytes(b"short"), None);
    }

    #[test]
    fn no_picture_stays_at_any_depth() {
        let picture = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
        let source = Message { image: picture(b"secret"), ..Message::default() };
        let middle = Message {
            parent: Some(source.into()),
            image: picture(b"secret"),
            ..Message::default()
        };
        let outer = Message {
            parent: Some(middle.into()),
            image: picture(b"secret"),
            ..Message::default()
        };
        let hidden = outer.with_only(Bytes::from_static(b"black"));
        let images: Vec<_> = hidden.lineage().map(|m| m.image.as_deref()).collect();
        assert_eq!(images, [Some(&b"black"[..]), None, None]);
        assert_eq!(outer.picture_bytes(), 18);
    }
}
