//! Footage as an HLS playlist (RFC 8216): the recorded files themselves are its segments, so
//! a player can go anywhere in days of footage without anything being made for it.

use std::time::Duration;

use omma_types::WallTime;

/// One file of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is, relative to the playlist.
    pub(super) uri: String,
    /// When its first picture was taken.
    pub(super) start: WallTime,
    /// How long it plays.
    pub(super) length: Duration,
    /// Length of what stands in front of its first fragment.
    pub(super) header: u64,
    /// Length of what is whole of it.
    pub(super) bytes: u64,
    /// Whether it goes on exactly where the one before it ends.
    pub(super) joins: bool,
    /// Whether the one before it has the same header.
    pub(super) same_header: bool,
}

/// The text of a playlist that has all it will ever have.
///
/// All times are of one line, so that what joins plays on without a seam. Where there is a gap,
/// or another stream, a discontinuity is announced (section 4.3.2.3); the date of each file
/// tells the time of day.
pub(super) fn text(entries: &[Entry]) -> String {
    let longest = entries.iter().map(|entry| entry.length).max().unwrap_or_default();
    // Rounded to the nearest second, no segment may be longer (section 4.3.3.1).
    let target = longest.as_millis().div_ceil(1000).max(1);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    for (number, entry) in entries.iter().enumerate() {
        let Entry { uri, start, length, header, bytes, joins, same_header } = entry;
        if number > 0 && !joins {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if !same_header {
            text.push_str(&format!("#EXT-X-MAP:URI=\"{uri}\",BYTERANGE=\"{header}@0\"\n"));
        }
        text.push_str(&format!(
            "#EXT-X-PROGRAM-DATE-TIME:{start}\n#EXTINF:{}.{:06},\n\
             #EXT-X-BYTERANGE:{}@{header}\n{uri}\n",
            length.as_secs(),
            length.subsec_micros(),
            bytes.saturating_sub(*header),
        ));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_says_where_when_and_how_long() {
        let start = WallTime::from_millis(1_795_132_800_250);
        let entry = |name: &str, after: Duration, micros, bytes| Entry {
            uri: format!("recordings/{name}"),
            start: start + after,
            length: Duration::from_micros(micros),
            header: 812,
            bytes,
            joins: false,
            same_header: true,
        };
        let entries = [
            Entry { same_header: false, ..entry("7.mp4", Duration::ZERO, 60_040_000, 100_812) },
            Entry {
                joins: true,
                ..entry("8_60040000.mp4", Duration::from_millis(60_040), 59_966_667, 813)
            },
            entry("12_3600000000.mp4", Duration::from_secs(3600), 1_500_000, 4812),
            Entry {
                same_header: false,
                ..entry("13_3601500000.mp4", Duration::from_secs(3602), 1_000_000, 912)
            },
        ];
        let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:61
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI=\"recordings/7.mp4\",BYTERANGE=\"812@0\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T00:00:00.250Z
#EXTINF:60.040000,
#EXT-X-BYTERANGE:100000@812
recordings/7.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T00:01:00.290Z
#EXTINF:59.966667,
#EXT-X-BYTERANGE:1@812
recordings/8_60040000.mp4
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T01:00:00.250Z
#EXTINF:1.500000,
#EXT-X-BYTERANGE:4000@812
recordings/12_3600000000.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"recordings/13_3601500000.mp4\",BYTERANGE=\"812@0\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T01:00:02.250Z
#EXTINF:1.000000,
#EXT-X-BYTERANGE:100@812
recordings/13_3601500000.mp4
#EXT-X-ENDLIST
";
        assert_eq!(text(&entries), expected);
    }
}
