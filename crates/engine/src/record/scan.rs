//! What a recorded file holds, read from its boxes alone (ISO/IEC 14496-12): how far it is
//! whole, and how long it plays. After a crash the last fragment may be cut off, or be zeros
//! that the file system never got to fill.
//!
//! Only headers are read; media data is skipped, so a file of any size costs a few reads per
//! fragment. The bytes may be anything: sizes are checked before anything is believed.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

/// Headers are small; what claims to be larger is no header.
const MAX_HEADER: u64 = 16 << 20;

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Up to the end of the last whole fragment; 0 where the beginning is not whole.
    pub(super) good_bytes: u64,
    /// From the first to the end of the last picture in `good_bytes`.
    pub(super) length: Duration,
    /// Whole fragments.
    pub(super) fragments: u64,
}

/// A track as the beginning of the file describes it.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    id: u32,
    timescale: u32,
    is_video: bool,
    default_duration: u32,
}

/// What is known of the file so far.
#[derive(Default)]
struct Known {
    tracks: Vec<Track>,
    /// The earliest and the latest time of the pictures, in ticks.
    first: Option<i64>,
    last: i64,
}

/// Reads the boxes of a file. Only a failure to read is an error: whatever is not whole or
/// not understood ends what is good.
pub(super) fn scan(file: &mut (impl Read + Seek)) -> io::Result<Scan> {
    let total = file.seek(SeekFrom::End(0))?;
    let mut scan = Scan::default();
    let mut known = Known::default();
    let mut moof = None;
    let mut at = 0u64;
    while let Some(head) = box_head(file, at, total)? {
        let end = at + head.size;
        match &head.kind {
            b"moov" => match header(file, at, &head)? {
                Some(body) if known.moov(&body).is_some() => scan.good_bytes = end,
                _ => break,
            },
            b"moof" if scan.good_bytes > 0 => moof = header(file, at, &head)?,
            b"mdat" => {
                let Some(body) = moof.take() else { break };
                if known.moof(&body).is_none() {
                    break;
                }
                scan.good_bytes = end;
                scan.fragments += 1;
                scan.length = known.length();
            }
            // Between fragments; good once a fragment follows.
            b"ftyp" | b"styp" | b"free" | b"skip" | b"sidx" | b"uuid" | b"emsg" | b"prft" => {}
            // The table of contents at the end of a finished file.
            b"mfra" => scan.good_bytes = end,
            _ => break,
        }
        at = end;
    }
    Ok(scan)
}

struct Head {
    kind: [u8; 4],
    /// With the head itself.
    size: u64,
    head: u64,
}

/// The head of the box at `at`; none where no whole box begins there.
fn box_head(file: &mut (impl Read + Seek), at: u64, total: u64) -> io::Result<Option<Head>> {
    if total.saturating_sub(at) < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    let [a, b, c, d, kind @ ..] = bytes;
    let (size, head) = match u32::from_be_bytes([a, b, c, d]) {
        1 if total - at >= 16 => {
            let mut large = [0; 8];
            file.read_exact(&mut large)?;
            (u64::from_be_bytes(large), 16)
        }
        size => (u64::from(size), 8),
    };
    let is_whole = size >= head && size <= total - at;
    Ok(is_whole.then_some(Head { kind, size, head }))
}

/// The body of a box of headers; none where it is too large to be one.
fn header(file: &mut (impl Read + Seek), at: u64, head: &Head) -> io::Result<Option<Vec<u8>>> {
    let length = head.size - head.head;
    if length > MAX_HEADER {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at + head.head))?;
    let mut body = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact(&mut body)?;
    Ok(Some(body))
}

impl Known {
    /// Takes in the description of the tracks. None where it makes no sense.
    fn moov(&mut self, body: &[u8]) -> Option<()> {
        for (kind, content) in boxes(body) {
            match kind {
                b"trak" => self.tracks.push(track(content)?),
                b"mvex" => {
                    for (_, trex) in boxes(content).filter(|(kind, _)| *kind == b"trex") {
                        let mut bytes = Bytes(trex);
                        bytes.skip(4)?;
                        let id = bytes.u32()?;
                        bytes.skip(4)?;
                        let duration = bytes.u32()?;
                        for track in self.tracks.iter_mut().filter(|track| track.id == id) {
                            track.default_duration = duration;
                        }
                    }
                }
                _ => {}
            }
        }
        self.tracks.iter().any(|track| track.is_video && track.timescale > 0).then_some(())
    }

    /// Takes in the times of a fragment. None where they make no sense.
    fn moof(&mut self, body: &[u8]) -> Option<()> {
        for (_, traf) in boxes(body).filter(|(kind, _)| *kind == b"traf") {
            let mut track = None;
            let mut duration = 0;
            let mut time = 0i64;
            for (kind, content) in boxes(traf) {
                match kind {
                    b"tfhd" => {
                        let (id, default) = tfhd(content)?;
                        track = self.tracks.iter().find(|track| track.id == id).copied();
                        duration = default.or(track.map(|t| t.default_duration)).unwrap_or(0);
                    }
                    b"tfdt" => time = tfdt(content)?,
                    b"trun" if track.is_some_and(|track| track.is_video) => {
                        self.trun(content, duration, &mut time)?;
                    }
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// Takes in the samples of a run; `time` is the decoding time of its first sample, and
    /// then of the one after its last.
    fn trun(&mut self, content: &[u8], default: u32, time: &mut i64) -> Option<()> {
        let mut bytes = Bytes(content);
        let flags = bytes.u32()?;
        let count = bytes.u32()?;
        let has = |flag: u32| flags & flag != 0;
        bytes.skip(4 * (usize::from(has(0x1)) + usize::from(has(0x4))))?;
        // A run of samples without any field of their own takes no bytes at all.
        let is_bare = flags & 0xf00 == 0;
        for _ in 0..if is_bare { count.min(1) } else { count } {
            let duration = if has(0x100) { bytes.u32()? } else { default };
            bytes.skip(4 * (usize::from(has(0x200)) + usize::from(has(0x400))))?;
            // Version 0 calls it unsigned; writers of version 0 keep it below 2^31.
            let offset = if has(0x800) { bytes.u32()?.cast_signed() } else { 0 };
            let samples = if is_bare { i64::from(count) } else { 1 };
            let shown = time.checked_add(i64::from(offset))?;
            *time = time.checked_add(i64::from(duration).checked_mul(samples)?)?;
            self.first = Some(self.first.map_or(shown, |first| first.min(shown)));
            self.last = self.last.max(time.checked_add(i64::from(offset))?);
        }
        Some(())
    }

    fn length(&self) -> Duration {
        let scale = self.tracks.iter().find(|track| track.is_video).map_or(0, |t| t.timescale);
        let ticks = self.last.saturating_sub(self.first.unwrap_or(self.last)).max(0);
        let nanos = u128::from(ticks.unsigned_abs()) * 1_000_000_000;
        let nanos = nanos.checked_div(u128::from(scale)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn track(trak: &[u8]) -> Option<Track> {
    let mut track = Track::default();
    for (kind, content) in boxes(trak) {
        match kind {
            b"tkhd" => {
                let mut bytes = Bytes(content);
                let is_long = bytes.u32()? >> 24 == 1;
                bytes.skip(if is_long { 16 } else { 8 })?;
                track.id = bytes.u32()?;
            }
            b"mdia" => {
                for (kind, content) in boxes(content) {
                    let mut bytes = Bytes(content);
                    match kind {
                        b"mdhd" => {
                            let is_long = bytes.u32()? >> 24 == 1;
                            bytes.skip(if is_long { 16 } else { 8 })?;
                            track.timescale = bytes.u32()?;
                        }
                        b"hdlr" => {
                            bytes.skip(8)?;
                            track.is_video = bytes.take(4)? == b"vide";
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(track)
}

/// The track of a fragment, and how long its samples are unless they say otherwise.
fn tfhd(content: &[u8]) -> Option<(u32, Option<u32>)> {
    let mut bytes = Bytes(content);
    let flags = bytes.u32()?;
    let id = bytes.u32()?;
    bytes.skip(if flags & 0x1 != 0 { 8 } else { 0 })?;
    bytes.skip(if flags & 0x2 != 0 { 4 } else { 0 })?;
    let duration = if flags & 0x8 != 0 { Some(bytes.u32()?) } else { None };
    Some((id, duration))
}

/// The decoding time of a fragment's first sample.
fn tfdt(content: &[u8]) -> Option<i64> {
    let mut bytes = Bytes(content);
    if bytes.u32()? >> 24 == 1 {
        let high = i64::from(bytes.u32()?.cast_signed());
        Some((high << 32) | i64::from(bytes.u32()?))
    } else {
        bytes.u32().map(i64::from)
    }
}

/// The boxes inside a box; ends where no whole one follows.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, _) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
        let (this, next) = bytes.split_at_checked(size)?;
        bytes = next;
        Some((kind, this.get(8..)?))
    })
}

/// Bytes that are read from front to back.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn atom(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.extend(content);
        bytes
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn trak(id: u32, timescale: u32, handler: &[u8; 4]) -> Vec<u8> {
        let mdhd = atom(b"mdhd", &words(&[0, 0, 0, timescale, 0, 0]));
        let hdlr = atom(b"hdlr", &[&words(&[0, 0]), &handler[..]].concat());
        let tkhd = atom(b"tkhd", &words(&[0, 0, 0, id, 0]));
        atom(b"trak", &[tkhd, atom(b"mdia", &[mdhd, hdlr].concat())].concat())
    }

    fn beginning() -> Vec<u8> {
        let trex = atom(b"trex", &words(&[0, 1, 1, 100, 0, 0]));
        let moov = [trak(1, 1000, b"vide"), trak(2, 48_000, b"soun"), atom(b"mvex", &trex)];
        [atom(b"ftyp", b"iso6"), atom(b"moov", &moov.concat())].concat()
    }

    /// Pictures from `time` on, each with its duration and how much later it is shown.
    fn fragment(time: u32, pictures: &[(u32, u32)]) -> Vec<u8> {
        let samples: Vec<u32> = pictures.iter().flat_map(|&(d, c)| [d, c]).collect();
        let run = [&[0x901, pictures.len() as u32, 0][..], &samples].concat();
        let video = [
            atom(b"tfhd", &words(&[0, 1])),
            atom(b"tfdt", &words(&[0, time])),
            atom(b"trun", &words(&run)),
        ];
        let sound = [
            atom(b"tfhd", &words(&[0x8, 2, 1024])),
            atom(b"tfdt", &words(&[1 << 24, 0, time * 48])),
            atom(b"trun", &words(&[0, 400])),
        ];
        let traf = [atom(b"traf", &video.concat()), atom(b"traf", &sound.concat())];
        [atom(b"moof", &traf.concat()), atom(b"mdat", &[7; 50])].concat()
    }

    fn scanned(bytes: &[u8]) -> Scan {
        scan(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn it_adds_up_the_fragments() {
        let mut file = beginning();
        let header = file.len() as u64;
        let nothing = Scan { good_bytes: header, ..Scan::default() };
        assert_eq!(scanned(&file), nothing);
        file.extend(fragment(0, &[(40, 80), (40, 0), (40, 40)]));
        let one = Scan {
            good_bytes: file.len() as u64,
            length: Duration::from_millis(120),
            fragments: 1,
        };
        assert_eq!(scanned(&file), one);
        let end = file.len();
        file.extend(fragment(120, &[(500, 40), (1500, 40)]));
        let two = Scan {
            good_bytes: file.len() as u64,
            length: Duration::from_millis(2120),
            fragments: 2,
        };
        assert_eq!(scanned(&file), two);
        for cut in 0..file.len() {
            let scan = scanned(&file[..cut]);
            let expected = match cut as u64 {
                cut if cut < header => Scan::default(),
                cut if cut < end as u64 => nothing,
                _ => one,
            };
            assert_eq!(scan, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_the_file_system_did_not_get_to_write_is_not_good() {
        let mut file = beginning();
        file.extend(fragment(0, &[(40, 0)]));
        let good = scanned(&file);
        file.extend([0; 4096]);
        assert_eq!(scanned(&file), good);
        assert_eq!(scanned(&[0; 4096]), Scan::default());
        assert_eq!(scanned(b""), Scan::default());
    }

    #[test]
    fn samples_without_fields_have_the_usual_duration() {
        let mut known = Known::default();
        known.moov(&beginning()[20..]).unwrap();
        let traf = [
            atom(b"tfhd", &words(&[0, 1])),
            atom(b"tfdt", &words(&[0, 50])),
            atom(b"trun", &words(&[0, u32::MAX])),
        ];
        known.moof(&atom(b"traf", &traf.concat())).unwrap();
        assert_eq!(known.length(), Duration::from_millis(100 * u64::from(u32::MAX)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _scan = scanned(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic_or_believe_more_than_there_is(
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut file = beginning();
            for n in 0..3 {
                file.extend(fragment(n * 120, &[(40, 80), (40, 0), (40, 40)]));
            }
            for (at, value) in hits {
                let at = at.index(file.len());
                file[at] = value;
            }
            file.truncate(cut.index(file.len()) + 1);
            prop_assert!(scanned(&file).good_bytes <= file.len() as u64);
        }
    }
}
