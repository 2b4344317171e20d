//! The boxes of one movie fragment, `moof` and `mdat` (ISO/IEC 14496-12, 8.8 and 8.1.1).
//! Written here rather than by FFmpeg's muxer, because that lets each fragment begin where
//! the durations of the one before it end: estimates of cameras' frame rates would add up,
//! and the file's time would drift away from the clock.

use std::time::Duration;

use crate::timing::Sample;

/// What one track has in a fragment.
pub(super) struct Run<'a> {
    pub(super) track: u32,
    pub(super) samples: &'a [Sample],
    /// The samples' bytes, one behind the other.
    pub(super) data: &'a [u8],
}

const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// Data offset; and of each sample: duration, size, flags, composition offset.
const RUN_FLAGS: u32 = 0x1 | 0x100 | 0x200 | 0x400 | 0x800;
/// Depends on no other sample.
const SYNC: u32 = 0x0200_0000;
/// Depends on others, and decoding can't start here.
const NO_SYNC: u32 = 0x0101_0000;

/// One fragment. Runs without samples are left out; nothing comes of none at all. None where
/// a size or an offset has no room in its 32 bits.
pub(super) fn fragment(sequence: u32, runs: &[Run<'_>]) -> Option<Vec<u8>> {
    let runs: Vec<&Run<'_>> = runs.iter().filter(|run| !run.samples.is_empty()).collect();
    if runs.is_empty() {
        return Some(Vec::new());
    }
    let traf = |run: &Run<'_>| 8 + 16 + 20 + trun_size(run);
    let moof: usize = 8 + 16 + runs.iter().map(|run| traf(run)).sum::<usize>();
    let payload: usize = runs.iter().map(|run| run.data.len()).sum();
    let all = moof + 8 + payload;
    i32::try_from(all).ok()?;
    let mut out = Vec::with_capacity(all);
    start(&mut out, moof, *b"moof");
    start(&mut out, 16, *b"mfhd");
    word(&mut out, 0);
    word(&mut out, sequence);
    let mut offset = moof + 8;
    for run in &runs {
        start(&mut out, traf(run), *b"traf");
        start(&mut out, 16, *b"tfhd");
        word(&mut out, DEFAULT_BASE_IS_MOOF);
        word(&mut out, run.track);
        start(&mut out, 20, *b"tfdt");
        word(&mut out, 1 << 24);
        let first = run.samples.first().map_or(0, |sample| sample.dts);
        out.extend(u64::try_from(first).unwrap_or(0).to_be_bytes());
        trun(&mut out, run, offset);
        offset += run.data.len();
    }
    start(&mut out, 8 + payload, *b"mdat");
    for run in &runs {
        out.extend_from_slice(run.data);
    }
    Some(out)
}

/// The head with an edit list for the first track, by which `media_time` ticks are taken away
/// from its times of showing (8.6.6); as it is for 0. With it, pictures that are decoded in
/// another order than shown need no negative offsets, which not all players understand.
pub(super) fn with_edit_list(mut head: Vec<u8>, media_time: u32) -> Vec<u8> {
    if media_time == 0 {
        return head;
    }
    let inside = |head: &[u8], kind, (from, to)| {
        find(head, kind, (from, to)).map(|(start, size)| ((start, size), (start + 8, start + size)))
    };
    let all = (0, head.len());
    let Some((moov, in_moov)) = inside(&head, *b"moov", all) else { return head };
    let Some((trak, in_trak)) = inside(&head, *b"trak", in_moov) else { return head };
    let Some((tkhd, _)) = inside(&head, *b"tkhd", in_trak) else { return head };
    let mut edts = Vec::with_capacity(EDTS);
    start(&mut edts, EDTS, *b"edts");
    start(&mut edts, EDTS - 8, *b"elst");
    word(&mut edts, 0);
    word(&mut edts, 1);
    // A length of 0 lasts to the end of all fragments (8.6.6.1).
    word(&mut edts, 0);
    word(&mut edts, media_time);
    word(&mut edts, 0x0001_0000);
    for (at, size) in [moov, trak] {
        if let Some(length) = head.get_mut(at..at + 4) {
            length.copy_from_slice(&small(size + EDTS).to_be_bytes());
        }
    }
    let behind = tkhd.0 + tkhd.1;
    head.splice(behind..behind, edts);
    head
}

/// Writes the film's length into the head, for the film (8.2.2) and for each track (8.4.2).
pub(super) fn set_duration(head: &mut [u8], duration: Duration) {
    let Some((moov, size)) = find(head, *b"moov", (0, head.len())) else { return };
    let end = moov + size;
    let mut at = moov + 8;
    let mut found: Vec<usize> =
        find(head, *b"mvhd", (at, end)).map(|(mvhd, _)| mvhd).into_iter().collect();
    while let Some((trak, size)) = find(head, *b"trak", (at, end)) {
        at = trak + size;
        let mdhd = find(head, *b"mdia", (trak + 8, at))
            .and_then(|(mdia, size)| find(head, *b"mdhd", (mdia + 8, mdia + size)));
        found.extend(mdhd.map(|(mdhd, _)| mdhd));
    }
    for at in found {
        // Version 0: two times of 32 bits, then the timescale, then the length.
        let timescale = head.get(at + 20..at + 24).and_then(|four| four.first_chunk().copied());
        let is_usual = head.get(at + 8) == Some(&0);
        if let (true, Some(timescale)) = (is_usual, timescale.map(u32::from_be_bytes))
            && let Some(length) = head.get_mut(at + 24..at + 28)
        {
            let ticks = duration.as_millis() * u128::from(timescale) / 1000;
            length.copy_from_slice(&u32::try_from(ticks).unwrap_or(0).to_be_bytes());
        }
    }
}

/// Size of the edit list with its box.
const EDTS: usize = 8 + 28;

/// The first box of this kind in a range: where it starts, and its size.
pub(super) fn find(
    bytes: &[u8],
    kind: [u8; 4],
    (mut at, end): (usize, usize),
) -> Option<(usize, usize)> {
    while at < end {
        let head = bytes.get(at..at + 8)?;
        let size = u32::from_be_bytes(head.first_chunk().copied()?) as usize;
        if size < 8 || at + size > end {
            return None;
        }
        if head.ends_with(&kind) {
            return Some((at, size));
        }
        at += size;
    }
    None
}

fn trun_size(run: &Run<'_>) -> usize {
    20 + 16 * run.samples.len()
}

fn trun(out: &mut Vec<u8>, run: &Run<'_>, offset: usize) {
    start(out, trun_size(run), *b"trun");
    // Version 1: composition offsets have a sign.
    word(out, 1 << 24 | RUN_FLAGS);
    word(out, small(run.samples.len()));
    word(out, small(offset));
    for (at, sample) in run.samples.iter().enumerate() {
        let until_next = run.samples.get(at + 1).map(|next| next.dts - sample.dts);
        let duration = until_next.and_then(|ticks| u32::try_from(ticks).ok());
        word(out, duration.unwrap_or(sample.duration));
        word(out, sample.size);
        word(out, if sample.is_sync { SYNC } else { NO_SYNC });
        out.extend(sample.cts.to_be_bytes());
    }
}

fn start(out: &mut Vec<u8>, size: usize, kind: [u8; 4]) {
    word(out, small(size));
    out.extend(kind);
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

/// Never more than the whole fragment, which was checked.
fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets_point_where_they_should() {
        let sample = |dts, size| Sample { dts, cts: -3, size, duration: 7, is_sync: dts == 0 };
        let pictures = [sample(0, 3), sample(10, 2)];
        let sound = [sample(5, 1)];
        let runs = [
            Run { track: 1, samples: &pictures, data: b"abcde" },
            Run { track: 2, samples: &sound, data: b"x" },
            Run { track: 3, samples: &[], data: b"" },
        ];
        let bytes = fragment(9, &runs).unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let moof = number(0) as usize;
        assert_eq!(&bytes[4..8], b"moof");
        assert_eq!(number(20), 9, "sequence number");
        assert_eq!(&bytes[moof + 4..moof + 8], b"mdat");
        assert_eq!(&bytes[moof + 8..], b"abcdex");
        assert_eq!(number(moof) as usize, bytes.len() - moof);
        let truns: Vec<usize> = (0..moof).filter(|&at| bytes[at..].starts_with(b"trun")).collect();
        let [first, second] = truns[..] else { panic!("{truns:?}") };
        assert_eq!(number(first + 12) as usize, moof + 8);
        assert_eq!(number(second + 12) as usize, moof + 8 + 5);
        assert_eq!((number(first + 16), number(first + 32)), (10, 7), "durations");
        assert_eq!((number(first + 24), number(first + 40)), (SYNC, NO_SYNC));
        assert_eq!(number(first + 28) as i32, -3);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        let run = Run { track: 1, samples: &[], data: b"" };
        assert_eq!(fragment(1, &[run]), Some(Vec::new()));
    }
}
