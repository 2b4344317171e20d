//! Fragmented MP4 as what it is, a row of boxes (ISO/IEC 14496-12), read and moved in time
//! without opening the pictures inside.
//!
//! Recorded footage is cut and joined at fragments, so an export costs no more than copying:
//! sample data goes through as it is, and of each fragment only its number and its times
//! (`mfhd`, `tfdt`) are written anew, in place and at the same length. That makes the size of
//! an export known before it is read, and any byte range of it the same at every request.

use std::io::{Read, Seek, SeekFrom};

use omma_types::{ErrorKind, WallTime};

use crate::MediaError;

/// A header is some hundred bytes; what claims to be larger is damaged.
const MAX_HEADER: u64 = 16 << 20;

/// A fragment's table of samples takes some 16 bytes a sample.
const MAX_MOOF: u64 = 4 << 20;

/// What is read at once where a fragment should begin: nearly always its whole table.
const LOOK_AHEAD: usize = 4096;

/// Seconds from 1904, where MP4 counts from, to 1970.
const TO_1904: i64 = 2_082_844_800;

/// `sample_is_non_sync_sample` in a sample's flags.
const NOT_SYNC: u32 = 0x1_0000;

const ADVICE: &str = "the file is damaged; `omma recordings check --repair` mends what it can";

/// What a track holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Anything else.
    Other,
}

/// A track as the header describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentTrack {
    /// Its number.
    pub id: u32,
    /// Ticks a second of its times.
    pub timescale: u32,
    /// What it holds.
    pub kind: TrackKind,
    /// What its edit list cuts off at the beginning, in ticks: a sample of this time is shown
    /// at zero. Zero without an edit list.
    pub hidden: i64,
    default_duration: u32,
    default_flags: u32,
}

/// A file's header: everything in front of the first fragment.
#[derive(Clone, Debug)]
pub struct FragmentHeader {
    bytes: Vec<u8>,
    tracks: Vec<FragmentTrack>,
}

/// One fragment: a table of samples (`moof`) and their data behind it.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Where it begins in its file.
    pub offset: u64,
    /// Its length in bytes, data included.
    pub len: u64,
    moof: Vec<u8>,
    parts: Vec<FragmentPart>,
}

/// What a fragment holds of one track, in the track's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentPart {
    /// The track's number.
    pub track: u32,
    /// Decoding time of the first sample.
    pub decode_start: u64,
    /// From decoding to showing the first sample; not negative where there are no B-frames.
    pub first_offset: i64,
    /// Length of all samples.
    pub duration: u64,
    /// Whether decoding can start at the first sample.
    pub sync: bool,
    tfdt: TimeField,
    /// Where the place of the data in the file is written, where it is.
    base_at: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeField {
    at: usize,
    wide: bool,
}

/// One box in a slice.
#[derive(Clone, Copy, Debug)]
struct Span {
    kind: [u8; 4],
    start: usize,
    body: usize,
    end: usize,
}

fn damaged(name: &str, reason: impl Into<String>) -> MediaError {
    MediaError::new(ErrorKind::Corrupt, name, reason, ADVICE)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Kind, length of the head, and whole length of the box that begins with `head`. A length of
/// zero ("to the end of the file") does not occur in files that grow by fragments.
fn box_head(head: &[u8]) -> Option<([u8; 4], u64, u64)> {
    let kind: [u8; 4] = head.get(4..8)?.try_into().ok()?;
    match u32_at(head, 0)? {
        1 => u64_at(head, 8).filter(|len| *len >= 16).map(|len| (kind, 16, len)),
        len @ 8.. => Some((kind, 8, u64::from(len))),
        _ => None,
    }
}

/// The boxes between two places, up to the first that makes no sense.
fn boxes(bytes: &[u8], from: usize, to: usize) -> impl Iterator<Item = Span> {
    let to = to.min(bytes.len());
    let mut start = from;
    std::iter::from_fn(move || {
        let (kind, head, len) = box_head(bytes.get(start..to)?)?;
        let end = start.checked_add(usize::try_from(len).ok()?).filter(|end| *end <= to)?;
        let span = Span { kind, start, body: start + head as usize, end };
        start = end;
        Some(span)
    })
}

impl Span {
    fn children(self, bytes: &[u8]) -> impl Iterator<Item = Self> {
        boxes(bytes, self.body, self.end)
    }

    fn child(self, bytes: &[u8], kind: &[u8; 4]) -> Option<Self> {
        self.children(bytes).find(|span| &span.kind == kind)
    }

    /// The version of a full box.
    fn version(self, bytes: &[u8]) -> u8 {
        bytes.get(self.body).copied().unwrap_or(0)
    }
}

impl FragmentHeader {
    /// Reads what stands in front of the first fragment and leaves `reader` behind it. `name`
    /// is for messages.
    ///
    /// # Errors
    /// The file can't be read, or does not begin like a fragmented MP4.
    pub fn read(reader: &mut impl Read, name: &str) -> Result<Self, MediaError> {
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len();
            take(reader, &mut bytes, 8, name)?;
            if u32_at(&bytes, start) == Some(1) {
                take(reader, &mut bytes, 8, name)?;
            }
            let (kind, head, len) = box_head(bytes.get(start..).unwrap_or_default())
                .ok_or_else(|| damaged(name, "it does not begin like an MP4"))?;
            if bytes.len() as u64 + len > MAX_HEADER || &kind == b"moof" || &kind == b"mdat" {
                return Err(damaged(name, "it is no MP4 made of fragments"));
            }
            take(reader, &mut bytes, len - head, name)?;
            if &kind == b"moov" {
                let end = bytes.len();
                let moov = boxes(&bytes, start, end).next();
                let tracks = moov.map(|moov| tracks(&bytes, moov)).unwrap_or_default();
                if !tracks.iter().any(|track| track.kind == TrackKind::Video) {
                    return Err(damaged(name, "its header describes no pictures"));
                }
                return Ok(Self { bytes, tracks });
            }
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether there is none; never so for one that was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes as they are in the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its tracks.
    pub fn tracks(&self) -> &[FragmentTrack] {
        &self.tracks
    }

    /// The track with the pictures.
    pub fn video(&self) -> Option<&FragmentTrack> {
        self.tracks.iter().find(|track| track.kind == TrackKind::Video)
    }

    /// Whether fragments behind `other` could stand behind this header, as far as numbers and
    /// ticks of the tracks go.
    pub fn fits(&self, other: &Self) -> bool {
        self.tracks == other.tracks
    }

    /// The header of a file that begins at `start` and is `length_millis` long: creation times
    /// (`mvhd`, `tkhd`, `mdhd`), the date in the metadata, and the length (`mvhd`, `mehd`).
    #[must_use]
    pub fn retimed(&self, start: WallTime, length_millis: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let Some(moov) = boxes(&bytes, 0, bytes.len()).find(|b| &b.kind == b"moov") else {
            return bytes;
        };
        let created = u64::try_from(start.as_millis().div_euclid(1000) + TO_1904).unwrap_or(0);
        for span in dated(&self.bytes, moov) {
            put_times(&mut bytes, span, created);
        }
        for (at, end) in dates(&self.bytes, moov) {
            let text = start.to_string();
            if end - at == text.len() {
                put(&mut bytes, at, text.as_bytes());
            }
        }
        let Some(mvhd) = moov.child(&self.bytes, b"mvhd") else { return bytes };
        // version and flags, two times, then the ticks a second, then the length.
        let wide = mvhd.version(&bytes) == 1;
        let scale_at = mvhd.body + if wide { 20 } else { 12 };
        let scale = u64::from(u32_at(&bytes, scale_at).unwrap_or(1000));
        let length = length_millis.saturating_mul(scale) / 1000;
        if wide {
            put(&mut bytes, scale_at + 4, &length.to_be_bytes());
        } else {
            put(&mut bytes, scale_at + 4, &u32::try_from(length).unwrap_or(0).to_be_bytes());
        }
        with_mehd(bytes, moov, length)
    }
}

/// Writes the length of all fragments into `mehd`, and makes that box where there is none.
fn with_mehd(mut bytes: Vec<u8>, moov: Span, length: u64) -> Vec<u8> {
    let Some(mvex) = moov.child(&bytes, b"mvex") else { return bytes };
    if let Some(mehd) = mvex.child(&bytes, b"mehd") {
        if mehd.version(&bytes) == 1 {
            put(&mut bytes, mehd.body + 4, &length.to_be_bytes());
        } else {
            let length = u32::try_from(length).unwrap_or(0);
            put(&mut bytes, mehd.body + 4, &length.to_be_bytes());
        }
        return bytes;
    }
    let mut mehd = [20u32.to_be_bytes(), *b"mehd", [1, 0, 0, 0]].concat();
    mehd.extend(length.to_be_bytes());
    for parent in [moov, mvex] {
        // A head of 8 bytes has its length in the first four.
        if parent.body - parent.start != 8 {
            return bytes;
        }
    }
    for parent in [moov, mvex] {
        let len = u32_at(&bytes, parent.start).unwrap_or(0).saturating_add(20);
        put(&mut bytes, parent.start, &len.to_be_bytes());
    }
    bytes.splice(mvex.body..mvex.body, mehd);
    bytes
}

/// All boxes with creation and modification time.
fn dated(bytes: &[u8], moov: Span) -> Vec<Span> {
    let mut found: Vec<Span> = moov.child(bytes, b"mvhd").into_iter().collect();
    for trak in moov.children(bytes).filter(|span| &span.kind == b"trak") {
        found.extend(trak.child(bytes, b"tkhd"));
        let mdia = trak.child(bytes, b"mdia");
        found.extend(mdia.and_then(|mdia| mdia.child(bytes, b"mdhd")));
    }
    found
}

fn put_times(bytes: &mut [u8], span: Span, created: u64) {
    if span.version(bytes) == 1 {
        put(bytes, span.body + 4, &created.to_be_bytes());
        put(bytes, span.body + 12, &created.to_be_bytes());
    } else if let Ok(created) = u32::try_from(created) {
        put(bytes, span.body + 4, &created.to_be_bytes());
        put(bytes, span.body + 8, &created.to_be_bytes());
    }
}

/// The values of metadata (`meta`, `ilst`, `data`) that are dates in RFC 3339.
fn dates(bytes: &[u8], moov: Span) -> Vec<(usize, usize)> {
    let udta = moov.child(bytes, b"udta");
    let metas = [Some(moov), udta].into_iter().flatten().filter_map(|b| b.child(bytes, b"meta"));
    let mut found = Vec::new();
    for meta in metas {
        // In MP4 a version stands in front of its boxes, in QuickTime none.
        let plain = meta.child(bytes, b"ilst");
        let full = || boxes(bytes, meta.body + 4, meta.end).find(|b| &b.kind == b"ilst");
        let Some(ilst) = plain.or_else(full) else { continue };
        for data in ilst.children(bytes).filter_map(|item| item.child(bytes, b"data")) {
            // A type and a language, four bytes each, then the value.
            let at = data.body + 8;
            let text = bytes.get(at..data.end).and_then(|value| std::str::from_utf8(value).ok());
            if text.is_some_and(|text| text.parse::<WallTime>().is_ok()) {
                found.push((at, data.end));
            }
        }
    }
    found
}

fn tracks(bytes: &[u8], moov: Span) -> Vec<FragmentTrack> {
    let trex = |id: u32| {
        let mvex = moov.child(bytes, b"mvex")?;
        mvex.children(bytes).find(|b| &b.kind == b"trex" && u32_at(bytes, b.body + 4) == Some(id))
    };
    let track = |trak: Span| {
        let tkhd = trak.child(bytes, b"tkhd")?;
        let id = u32_at(bytes, tkhd.body + if tkhd.version(bytes) == 1 { 20 } else { 12 })?;
        let mdia = trak.child(bytes, b"mdia")?;
        let mdhd = mdia.child(bytes, b"mdhd")?;
        let at = mdhd.body + if mdhd.version(bytes) == 1 { 20 } else { 12 };
        let timescale = u32_at(bytes, at).filter(|scale| *scale > 0)?;
        let hdlr = mdia.child(bytes, b"hdlr")?;
        let kind = match bytes.get(hdlr.body + 8..hdlr.body + 12)? {
            b"vide" => TrackKind::Video,
            b"soun" => TrackKind::Audio,
            _ => TrackKind::Other,
        };
        let trex = trex(id);
        let default = |at: usize| trex.and_then(|trex| u32_at(bytes, trex.body + at)).unwrap_or(0);
        let (default_duration, default_flags) = (default(12), default(20));
        let hidden = hidden(bytes, trak).unwrap_or(0);
        Some(FragmentTrack { id, timescale, kind, hidden, default_duration, default_flags })
    };
    moov.children(bytes).filter(|b| &b.kind == b"trak").filter_map(track).collect()
}

/// The first media time that a track's edit list shows; empty edits in front of it are waits.
fn hidden(bytes: &[u8], trak: Span) -> Option<i64> {
    let elst = trak.child(bytes, b"edts")?.child(bytes, b"elst")?;
    let entries = u32_at(bytes, elst.body + 4)?.min(16) as usize;
    let wide = elst.version(bytes) == 1;
    let time = |entry: usize| {
        let at = elst.body + 8 + entry * if wide { 20 } else { 12 };
        if wide {
            Some(u64_at(bytes, at + 8)?.cast_signed())
        } else {
            Some(i64::from(u32_at(bytes, at + 4)?.cast_signed()))
        }
    };
    (0..entries).filter_map(time).find(|time| *time >= 0)
}

impl Fragment {
    /// What it holds of the track `id`.
    pub fn part(&self, id: u32) -> Option<&FragmentPart> {
        self.parts.iter().find(|part| part.track == id)
    }

    /// What it holds of all tracks.
    pub fn parts(&self) -> &[FragmentPart] {
        &self.parts
    }

    /// Length of its table of samples; its data follow.
    pub fn table_len(&self) -> u64 {
        self.moof.len() as u64
    }

    /// Its table of samples for another file: as number `number`, beginning at byte `offset`,
    /// with each track later by `later(track)` ticks. As long as before. Times before zero
    /// become zero, those that do not fit their field the highest that does.
    #[must_use]
    pub fn moved(&self, number: u32, offset: u64, later: impl Fn(u32) -> i64) -> Vec<u8> {
        let mut bytes = self.moof.clone();
        let moof = boxes(&self.moof, 0, self.moof.len()).next();
        if let Some(mfhd) = moof.and_then(|moof| moof.child(&self.moof, b"mfhd")) {
            put(&mut bytes, mfhd.body + 4, &number.to_be_bytes());
        }
        for part in &self.parts {
            let time = part.decode_start.saturating_add_signed(later(part.track));
            if part.tfdt.wide {
                put(&mut bytes, part.tfdt.at, &time.to_be_bytes());
            } else {
                let time = u32::try_from(time).unwrap_or(u32::MAX);
                put(&mut bytes, part.tfdt.at, &time.to_be_bytes());
            }
            if let Some(at) = part.base_at
                && let Some(base) = u64_at(&self.moof, at)
            {
                let base = base.wrapping_sub(self.offset).wrapping_add(offset);
                put(&mut bytes, at, &base.to_be_bytes());
            }
        }
        bytes
    }

    fn parse(moof: Vec<u8>, offset: u64, header: &FragmentHeader) -> Option<Self> {
        let span = boxes(&moof, 0, moof.len()).next()?;
        let mut parts = Vec::new();
        for traf in span.children(&moof).filter(|b| &b.kind == b"traf") {
            parts.push(part(&moof, traf, header)?);
        }
        Some(Self { offset, len: moof.len() as u64, moof, parts })
    }
}

/// What a `traf` box says.
fn part(bytes: &[u8], traf: Span, header: &FragmentHeader) -> Option<FragmentPart> {
    let tfhd = traf.child(bytes, b"tfhd")?;
    let flags = u32_at(bytes, tfhd.body)?;
    let track = u32_at(bytes, tfhd.body + 4)?;
    let known = header.tracks.iter().find(|t| t.id == track)?;
    let mut at = tfhd.body + 8;
    // Optional fields in this order: place of the data, description, duration, size, flags.
    let mut optional = |flag: u32, len: usize| {
        let here = at;
        (flags & flag != 0).then(|| {
            at += len;
            here
        })
    };
    let base_at = optional(0x1, 8);
    optional(0x2, 4);
    let number = |at: Option<usize>| at.and_then(|at| u32_at(bytes, at));
    let duration = number(optional(0x8, 4)).unwrap_or(known.default_duration);
    optional(0x10, 4);
    let default_flags = number(optional(0x20, 4)).unwrap_or(known.default_flags);
    let tfdt = traf.child(bytes, b"tfdt")?;
    let wide = tfdt.version(bytes) == 1;
    let tfdt = TimeField { at: tfdt.body + 4, wide };
    let decode_start =
        if wide { u64_at(bytes, tfdt.at)? } else { u64::from(u32_at(bytes, tfdt.at)?) };
    let mut first: Option<(i64, u32)> = None;
    let mut total = 0u64;
    for trun in traf.children(bytes).filter(|b| &b.kind == b"trun") {
        let run = Run::read(bytes, trun)?;
        total = total.saturating_add(match run.durations {
            Some(sum) => sum,
            None => u64::from(duration).saturating_mul(u64::from(run.samples)),
        });
        if run.samples > 0 && first.is_none() {
            first = Some((run.first_offset, run.first_flags.unwrap_or(default_flags)));
        }
    }
    let (first_offset, first_flags) = first.unwrap_or((0, NOT_SYNC));
    let sync = first_flags & NOT_SYNC == 0;
    Some(FragmentPart { track, decode_start, first_offset, duration: total, sync, tfdt, base_at })
}

/// What a `trun` box says of its samples.
struct Run {
    samples: u32,
    /// Their sum, where each has its own.
    durations: Option<u64>,
    first_offset: i64,
    first_flags: Option<u32>,
}

impl Run {
    fn read(bytes: &[u8], trun: Span) -> Option<Self> {
        let flags = u32_at(bytes, trun.body)?;
        let samples = u32_at(bytes, trun.body + 4)?;
        let mut at = trun.body + 8;
        if flags & 0x1 != 0 {
            at += 4; // where their data are, from the beginning of the fragment
        }
        let mut first_flags = None;
        if flags & 0x4 != 0 {
            first_flags = Some(u32_at(bytes, at)?);
            at += 4;
        }
        // Each sample: duration, size, flags, offset, where the box has them.
        let has = |flag: u32| usize::from(flags & flag != 0) * 4;
        let stride = has(0x100) + has(0x200) + has(0x400) + has(0x800);
        let len = stride.checked_mul(usize::try_from(samples).ok()?)?;
        let table = bytes.get(at..at.checked_add(len)?)?;
        if at + len > trun.end {
            return None;
        }
        let durations = (flags & 0x100 != 0)
            .then(|| table.chunks_exact(stride).filter_map(|s| u32_at(s, 0)).map(u64::from).sum());
        if first_flags.is_none() && flags & 0x400 != 0 {
            first_flags = u32_at(table, has(0x100) + has(0x200));
        }
        let offset_at = has(0x100) + has(0x200) + has(0x400);
        let offset = if flags & 0x800 != 0 { u32_at(table, offset_at) } else { None };
        // Version 0 has no negative ones, yet many files use them as if it were 1.
        let first_offset = offset.map_or(0, |offset| i64::from(offset.cast_signed()));
        Some(Self { samples, durations, first_offset, first_flags })
    }
}

/// The first bytes of a box, its kind, and its length.
type Look = (Vec<u8>, [u8; 4], u64);

/// Reads a file from fragment to fragment, skipping their data.
pub struct FragmentReader<R> {
    reader: R,
    name: String,
    header: FragmentHeader,
    position: u64,
    limit: u64,
}

impl<R: Read + Seek> FragmentReader<R> {
    /// Reads the header. What lies at byte `limit` and behind it is not looked at: a file may
    /// be growing. `name` is for messages.
    ///
    /// # Errors
    /// As [`FragmentHeader::read`].
    pub fn new(mut reader: R, name: &str, limit: u64) -> Result<Self, MediaError> {
        let header = FragmentHeader::read(&mut reader, name)?;
        let position = header.len();
        Ok(Self { reader, name: name.to_owned(), header, position, limit })
    }

    /// The header.
    pub fn header(&self) -> &FragmentHeader {
        &self.header
    }

    /// Where the last fragment that was read ends, or the header, or what else was skipped.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes on at `position`, which must be where a box begins.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The next fragment that is whole; none where there is no other. Boxes that are no
    /// fragments are skipped.
    ///
    /// # Errors
    /// The file can't be read, or what should be a fragment is none.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<Fragment>, MediaError> {
        let mut table: Option<Fragment> = None;
        loop {
            let start = self.position;
            let Some((ahead, kind, len)) = self.look()? else { return Ok(self.broken_off(table)) };
            let end = start.checked_add(len).filter(|end| *end <= self.limit);
            let Some(end) = end else { return Ok(self.broken_off(table)) };
            match (&kind, table.take()) {
                (b"moof", _) => {
                    if len > MAX_MOOF {
                        return Err(self.damaged("a table of samples is too large"));
                    }
                    let moof = self.rest(ahead, start, len)?;
                    let fragment = Fragment::parse(moof, start, &self.header)
                        .ok_or_else(|| self.damaged("a table of samples makes no sense"))?;
                    table = Some(fragment);
                }
                (b"mdat", Some(fragment)) => {
                    self.position = end;
                    return Ok(Some(Fragment { len: end - fragment.offset, ..fragment }));
                }
                (_, open) => table = open,
            }
            self.position = end;
        }
    }

    /// The file ends here. A table whose data are not there is as good as not there itself.
    fn broken_off(&mut self, table: Option<Fragment>) -> Option<Fragment> {
        if let Some(table) = table {
            self.position = table.offset;
        }
        None
    }

    /// The beginning of the box at the present position, its kind and its length; none at the
    /// end.
    fn look(&mut self) -> Result<Option<Look>, MediaError> {
        let left = self.limit.saturating_sub(self.position);
        let want = (LOOK_AHEAD as u64).min(left);
        let failed = |error| MediaError::from_reading(&self.name, &error);
        self.reader.seek(SeekFrom::Start(self.position)).map_err(failed)?;
        let mut ahead = Vec::new();
        self.reader.by_ref().take(want).read_to_end(&mut ahead).map_err(failed)?;
        if ahead.len() < 8 {
            return Ok(None);
        }
        let Some((kind, _head, len)) = box_head(&ahead) else {
            return Err(self.damaged("what should be a box is none"));
        };
        Ok(Some((ahead, kind, len)))
    }

    /// The whole box of which `ahead` is the beginning.
    fn rest(&mut self, mut ahead: Vec<u8>, start: u64, len: u64) -> Result<Vec<u8>, MediaError> {
        let have = ahead.len() as u64;
        if have >= len {
            ahead.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            return Ok(ahead);
        }
        self.reader
            .seek(SeekFrom::Start(start + have))
            .map_err(|error| MediaError::from_reading(&self.name, &error))?;
        take(&mut self.reader, &mut ahead, len - have, &self.name)?;
        Ok(ahead)
    }

    fn damaged(&self, reason: &str) -> MediaError {
        damaged(&self.name, format!("{reason} (at byte {})", self.position))
    }
}

/// Reads exactly `count` more bytes.
fn take(
    reader: &mut impl Read,
    bytes: &mut Vec<u8>,
    count: u64,
    name: &str,
) -> Result<(), MediaError> {
    let read = reader.take(count).read_to_end(bytes);
    match read {
        Ok(read) if read as u64 == count => Ok(()),
        Ok(_) => Err(damaged(name, "it ends in the middle of its header or of a fragment")),
        Err(error) => Err(MediaError::from_reading(name, &error)),
    }
}
