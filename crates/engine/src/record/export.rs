//! Any span of footage as one file, copied out of the recorded ones while it is read.
//!
//! Nothing is decoded and nothing is held in memory: the plan of an export says which bytes of
//! which files come after one another and by how much their times move. Therefore its length is
//! known before it is read, and any part of it can be read alone (HTTP ranges), the same at
//! every time. Gaps in the footage are gaps in the time stamps: the file's start and a time in
//! it always give the time of day.

use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use omma_media::{Fragment, FragmentHeader, FragmentReader};
use omma_store::{Segment, SegmentQuery};
use omma_types::{CameraId, WallTime};

use super::error::FootageError;
use super::ranges::{GAP, Timeline, once, place, timeline};
use super::{Recordings, playlist};

/// Files that one answer is made of at most: a month of segments of a minute, half a day of
/// groups of pictures.
pub(super) const MAX_FILES: u32 = 50_000;

/// Files that are looked at together when moments are looked for in them.
const AT_ONCE: u32 = 500;

/// Read and handed on at once.
const CHUNK: usize = 256 * 1024;

/// No fragment is shorter: each gets a higher number than those before it by dividing.
const LEAST_FRAGMENT: u64 = 64;

/// Footage before an empty span is looked for in so much time, then in ten times as much.
const LOOK_BACK: Duration = Duration::from_secs(3600);

/// When a camera has footage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FootageList {
    /// Ranges and gaps of the time that was asked for.
    pub timeline: Timeline,
    /// Where all footage of the camera begins.
    pub oldest: Option<WallTime>,
    /// Where it ends, as far as it reaches into the time that was asked for or behind it.
    pub newest: Option<WallTime>,
}

/// Bytes to be read: an export, or a recorded file as it is.
#[derive(Clone)]
pub struct Footage {
    camera: CameraId,
    start: WallTime,
    end: WallTime,
    header: Vec<u8>,
    parts: Vec<Part>,
    len: u64,
}

/// A stretch of a recorded file.
#[derive(Clone)]
struct Part {
    file: Arc<OnDisk>,
    bytes: Range<u64>,
    /// Where it begins in the export.
    at: u64,
    /// By how many ticks each track's times move; none where the bytes go through as they are.
    later: Option<Vec<(u32, i64)>>,
}

/// A file that is opened when it is its turn. One that is still written is held open from the
/// start: it may get its final name in between.
struct OnDisk {
    path: std::path::PathBuf,
    name: String,
    open: Option<Arc<File>>,
}

impl OnDisk {
    fn open(&self) -> Result<At, FootageError> {
        let file = match &self.open {
            Some(file) => Arc::clone(file),
            None => Arc::new(File::open(&self.path).map_err(|error| self.failed(&error))?),
        };
        Ok(At { file, position: 0 })
    }

    fn failed(&self, error: &io::Error) -> FootageError {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "the file is gone".to_owned(),
            _ => error.to_string(),
        };
        FootageError::File { path: self.name.clone(), reason }
    }
}

/// A file with a position of its own: several may read the same one.
struct At {
    file: Arc<File>,
    position: u64,
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(by) => self.position.saturating_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().saturating_add_signed(by),
        };
        Ok(self.position)
    }
}

impl Recordings {
    /// When there is footage of `camera` between `from` and `to`; `now` cuts off the future.
    ///
    /// # Errors
    /// The index can't be read, or it knows too many files of this time.
    pub async fn list(
        &self,
        camera: &CameraId,
        (from, to): (Option<WallTime>, Option<WallTime>),
        now: WallTime,
    ) -> Result<FootageList, FootageError> {
        let segments = self.segments(camera, from, to).await?;
        let oldest = self.store().oldest_segments(Some(camera), 1).await?;
        let newest = segments.iter().map(|segment| segment.end).max();
        let growing = segments.iter().any(|segment| !segment.complete && segment.end <= now);
        // What is being written right now is no gap at the end.
        let to = to.map(|to| to.min(now)).filter(|to| !growing || newest > Some(*to));
        Ok(FootageList {
            timeline: timeline(&segments, (from, to), GAP),
            oldest: oldest.first().map(|segment| segment.start),
            newest,
        })
    }

    /// The cameras with footage, also such as are no longer configured.
    ///
    /// # Errors
    /// The index can't be read.
    pub async fn cameras(&self) -> Result<Vec<CameraId>, FootageError> {
        Ok(self.store().recorded_cameras().await?)
    }

    /// Whether there is footage of each of these moments.
    ///
    /// # Errors
    /// The index can't be read.
    pub async fn cover(&self, moments: &[(CameraId, WallTime)]) -> Result<Vec<bool>, FootageError> {
        let mut cover = vec![false; moments.len()];
        let recorded = self.cameras().await?;
        for camera in recorded {
            let own = || moments.iter().filter(|(of, _)| *of == camera).map(|(_, at)| *at);
            let (Some(first), Some(last)) = (own().min(), own().max()) else { continue };
            let segments = self.segments_between(&camera, first, last, AT_ONCE).await?;
            let all_known = segments.len() < AT_ONCE as usize;
            for ((of, at), covered) in moments.iter().zip(&mut cover) {
                if *of != camera {
                    continue;
                }
                let here = |segment: &Segment| segment.start <= *at && *at < segment.end;
                *covered = segments.iter().any(here)
                    || (!all_known
                        && !self.segments_between(&camera, *at, *at, 1).await?.is_empty());
            }
        }
        Ok(cover)
    }

    /// At most `limit` segments with footage from `first` to `last`, both included.
    async fn segments_between(
        &self,
        camera: &CameraId,
        first: WallTime,
        last: WallTime,
        limit: u32,
    ) -> Result<Vec<Segment>, FootageError> {
        let query = SegmentQuery {
            cameras: vec![camera.clone()],
            from: Some(first),
            to: Some(last + Duration::from_micros(1)),
            limit: Some(limit),
        };
        Ok(self.store().segments(&query).await?)
    }

    /// The footage of `camera` from the keyframe at or before `from` up to `to`, as far as it
    /// is written, as one fragmented MP4.
    ///
    /// # Errors
    /// [`FootageError::None`] where there is none, [`FootageError::StreamChanged`] where one
    /// file can't hold it; files or index can't be read.
    pub async fn export(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Footage, FootageError> {
        let segments = self.segments(camera, Some(from), Some(to)).await?;
        let planner = self.clone();
        let wanted = camera.clone();
        let plan = move || planner.plan(&wanted, segments, from, to);
        match blocking(plan).await? {
            Some(footage) => Ok(footage),
            None => Err(self.none(camera, from, to).await?),
        }
    }

    /// The recorded file `id` of `camera`; none where there is no such. `later` moves all its
    /// times, as the addresses of a playlist ask for; its length stays the same.
    ///
    /// # Errors
    /// The file or the index can't be read.
    pub async fn recorded_file(
        &self,
        camera: &CameraId,
        id: i64,
        later: Duration,
    ) -> Result<Option<Footage>, FootageError> {
        let segment = self.store().segment(id).await?;
        let Some(segment) = segment.filter(|segment| segment.camera == *camera) else {
            return Ok(None);
        };
        let Segment { camera, start, end, .. } = segment.clone();
        let recordings = self.clone();
        blocking(move || {
            let (file, len) = recordings.on_disk(&segment, true)?;
            let mut part = Part { file: Arc::new(file), bytes: 0..len, at: 0, later: None };
            let mut bytes = Vec::new();
            if !later.is_zero() {
                let header = FragmentHeader::read(&mut part.file.open()?, &part.file.name)?;
                part.bytes.start = header.len();
                part.at = header.len();
                part.later = Some(ticks(&header, i64::try_from(later.as_micros()).unwrap_or(0)));
                bytes = header.bytes().to_vec();
            }
            Ok(Some(Footage { camera, start, end, header: bytes, parts: vec![part], len }))
        })
        .await
    }

    /// The footage of `camera` between `from` and `to` as an HLS playlist. Its addresses are
    /// relative: `recordings/ID.mp4`, or `recordings/ID_MICROSECONDS.mp4` for [`Self::recorded_file`]
    /// moved by so much.
    ///
    /// # Errors
    /// As [`Self::export`], but for changes of the stream, which a playlist can hold.
    pub async fn playlist(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<String, FootageError> {
        let segments = once(self.segments(camera, Some(from), Some(to)).await?);
        let recordings = self.clone();
        let entries = blocking(move || recordings.entries(segments)).await?;
        if entries.is_empty() {
            return Err(self.none(camera, from, to).await?);
        }
        Ok(playlist::text(&entries))
    }

    fn entries(&self, segments: Vec<Segment>) -> Result<Vec<playlist::Entry>, FootageError> {
        let mut looked: Vec<Looked> = Vec::new();
        for segment in segments {
            looked.extend(self.look_if_there(segment)?);
        }
        let known: Vec<Segment> = looked.iter().map(|look| look.segment.clone()).collect();
        let mut entries = Vec::with_capacity(looked.len());
        let mut before: Option<(&Looked, i64)> = None;
        for (look, place) in looked.iter().zip(place(&known)) {
            let Segment { id, start, end, bytes, .. } = look.segment;
            let length = end.since(start);
            let fits = before.is_some_and(|(before, _)| before.fits(look));
            let joins = fits && before.is_some_and(|(_, reached)| place == reached);
            // Files begin at their own zero; players want one time for all.
            let later = u64::try_from(place).unwrap_or(0);
            let later = if later == 0 { String::new() } else { format!("_{later}") };
            entries.push(playlist::Entry {
                uri: format!("recordings/{id}{later}.mp4"),
                start,
                length,
                header: look.header.len(),
                bytes: bytes.min(look.bytes.end),
                joins,
                same_header: fits,
            });
            let length = i64::try_from(length.as_micros()).unwrap_or(0);
            before = Some((look, place.saturating_add(length)));
        }
        entries.retain(|entry| entry.bytes > entry.header && !entry.length.is_zero());
        Ok(entries)
    }

    async fn segments(
        &self,
        camera: &CameraId,
        from: Option<WallTime>,
        to: Option<WallTime>,
    ) -> Result<Vec<Segment>, FootageError> {
        let cameras = vec![camera.clone()];
        let query = SegmentQuery { cameras, from, to, limit: Some(MAX_FILES + 1) };
        let segments = self.store().segments(&query).await?;
        if segments.len() > MAX_FILES as usize {
            return Err(FootageError::TooMuch { camera: camera.clone(), most: MAX_FILES });
        }
        Ok(segments)
    }

    /// The answer where there is no footage: says where the nearest is.
    async fn none(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<FootageError, FootageError> {
        let cameras = vec![camera.clone()];
        let next = SegmentQuery { cameras, from: Some(to), to: None, limit: Some(1) };
        let after = self.store().segments(&next).await?.first().map(|segment| segment.start);
        let oldest = self.store().oldest_segments(Some(camera), 1).await?;
        let oldest = oldest.first().map(|segment| segment.start).filter(|start| *start < from);
        let mut before = None;
        let mut back = LOOK_BACK;
        while let (Some(oldest), None) = (oldest, before) {
            let since = (from - back).max(oldest);
            let segments = self.segments(camera, Some(since), Some(from)).await?;
            before = segments.iter().map(|segment| segment.end).max();
            if since == oldest {
                break;
            }
            back *= 10;
        }
        Ok(FootageError::None { camera: camera.clone(), before, after })
    }

    /// The file of a segment and its length; `hold` keeps it open.
    fn on_disk(&self, segment: &Segment, hold: bool) -> Result<(OnDisk, u64), FootageError> {
        let name = segment.path.clone();
        let path = self.file(segment).map_err(|error| FootageError::File {
            path: name.clone(),
            reason: error.to_string(),
        })?;
        let mut on_disk = OnDisk { path, name, open: None };
        let file = File::open(&on_disk.path).map_err(|error| on_disk.failed(&error))?;
        let len = file.metadata().map_err(|error| on_disk.failed(&error))?.len();
        if hold || !segment.complete {
            on_disk.open = Some(Arc::new(file));
        }
        Ok((on_disk, len))
    }

    /// What to read for an export; none where nothing whole lies in the span.
    fn plan(
        &self,
        camera: &CameraId,
        segments: Vec<Segment>,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<Footage>, FootageError> {
        let mut looked: Vec<Looked> = Vec::new();
        for segment in once(segments) {
            let Some(look) = self.look_if_there(segment)? else { continue };
            if looked.first().is_some_and(|first| !first.fits(&look)) {
                let until = look.segment.start;
                return Err(FootageError::StreamChanged { camera: camera.clone(), until });
            }
            looked.push(look);
        }
        if let Some(first) = looked.first_mut() {
            first.begin_at_or_before(from)?;
        }
        if let Some(last) = looked.last_mut()
            && !last.end_before(to)?
        {
            looked.pop();
        }
        Ok(assemble(camera, looked))
    }

    /// [`Self::look`]; none for a file that was being written and is no longer there under its
    /// name: it was given its final one, or removed, a moment ago.
    fn look_if_there(&self, segment: Segment) -> Result<Option<Looked>, FootageError> {
        let finished = segment.complete;
        match self.look(segment) {
            Err(FootageError::File { .. }) if !finished => Ok(None),
            other => other,
        }
    }

    /// Opens a segment and reads its beginning; none where it holds no fragment yet.
    fn look(&self, segment: Segment) -> Result<Option<Looked>, FootageError> {
        let (file, len) = self.on_disk(&segment, false)?;
        // A file left by a crash may be longer than what is whole of it.
        let limit = if segment.complete { len.min(segment.bytes) } else { len };
        let mut reader = match FragmentReader::new(file.open()?, &file.name, limit) {
            Err(_unfinished) if !segment.complete => return Ok(None),
            other => other?,
        };
        let Some(first) = reader.next()? else {
            if !segment.complete {
                return Ok(None);
            }
            let reason = "no whole fragment is in it".to_owned();
            return Err(FootageError::File { path: segment.path, reason });
        };
        let header = reader.header().clone();
        let mut bytes = header.len()..limit;
        if !segment.complete {
            while reader.next()?.is_some() {}
            bytes.end = reader.position();
        }
        let zero = shown(&header, &first).unwrap_or(0);
        let end = segment.end;
        Ok(Some(Looked { segment, file, header, zero, first, bytes, end }))
    }
}

/// Runs what reads files beside the asynchronous world.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FootageError> + Send + 'static,
) -> Result<T, FootageError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_panic| {
        let reason = "reading it panicked; see the log".to_owned();
        Err(FootageError::File { path: "a recorded file".to_owned(), reason })
    })
}

/// Ticks to microseconds.
fn micros(ticks: i64, timescale: u32) -> i64 {
    let micros = i128::from(ticks) * 1_000_000 / i128::from(timescale.max(1));
    i64::try_from(micros).unwrap_or(0)
}

/// Microseconds in the ticks of each track.
fn ticks(header: &FragmentHeader, micros: i64) -> Vec<(u32, i64)> {
    let ticks = |scale: u32| {
        let ticks = (i128::from(micros) * i128::from(scale) + 500_000).div_euclid(1_000_000);
        i64::try_from(ticks).unwrap_or(0)
    };
    header.tracks().iter().map(|track| (track.id, ticks(track.timescale))).collect()
}

/// When a fragment's first picture is shown by the file's own time, in microseconds.
fn shown(header: &FragmentHeader, fragment: &Fragment) -> Option<i64> {
    let video = header.video()?;
    let part = fragment.part(video.id)?;
    let ticks = part.decode_start.cast_signed().saturating_add(part.first_offset);
    Some(micros(ticks, video.timescale))
}

/// A segment and what its beginning says.
struct Looked {
    segment: Segment,
    file: OnDisk,
    header: FragmentHeader,
    /// When its first picture is shown by its own time, in microseconds.
    zero: i64,
    /// Its first fragment that counts.
    first: Fragment,
    /// Where its fragments lie.
    bytes: Range<u64>,
    end: WallTime,
}

impl Looked {
    /// Whether the fragments of `other` can stand in one file with these.
    fn fits(&self, other: &Self) -> bool {
        self.segment.stream == other.segment.stream && self.header.fits(&other.header)
    }

    fn reader(&self) -> Result<FragmentReader<At>, FootageError> {
        let file = self.file.open()?;
        let mut reader = FragmentReader::new(file, &self.file.name, self.bytes.end)?;
        reader.seek(self.bytes.start);
        Ok(reader)
    }

    /// The time of day of a fragment's first picture.
    fn wall(&self, fragment: &Fragment) -> Option<WallTime> {
        let after = shown(&self.header, fragment)?.saturating_sub(self.zero);
        Some(WallTime::from_micros(self.segment.start.as_micros().saturating_add(after)))
    }

    /// Leaves out what comes before the last keyframe that is not after `from`.
    fn begin_at_or_before(&mut self, from: WallTime) -> Result<(), FootageError> {
        let video = self.header.video().map_or(0, |video| video.id);
        let mut reader = self.reader()?;
        while let Some(fragment) = reader.next()? {
            let Some(wall) = self.wall(&fragment) else { continue };
            if wall > from {
                break;
            }
            if fragment.part(video).is_some_and(|part| part.sync) {
                self.bytes.start = fragment.offset;
                self.first = fragment;
            }
        }
        Ok(())
    }

    /// Leaves out the fragments that begin at `to` or later; false where none is left.
    fn end_before(&mut self, to: WallTime) -> Result<bool, FootageError> {
        if self.segment.end <= to && self.segment.complete {
            return Ok(true);
        }
        let mut reader = self.reader()?;
        let mut any = false;
        while let Some(fragment) = reader.next()? {
            if self.wall(&fragment).is_some_and(|wall| wall >= to) {
                self.bytes.end = fragment.offset;
                break;
            }
            any = true;
            self.bytes.end = fragment.offset + fragment.len;
            let video = self.header.video();
            let length = video.and_then(|video| {
                Some(micros(fragment.part(video.id)?.duration.cast_signed(), video.timescale))
            });
            if let (Some(wall), Some(length)) = (self.wall(&fragment), length) {
                self.end = wall + Duration::from_micros(u64::try_from(length).unwrap_or(0));
            }
        }
        Ok(any)
    }
}

/// Lays the segments behind one another.
fn assemble(camera: &CameraId, looked: Vec<Looked>) -> Option<Footage> {
    let (first, last) = (looked.first()?, looked.last()?);
    let segments: Vec<Segment> = looked.iter().map(|look| look.segment.clone()).collect();
    let places = place(&segments);
    let header = first.header.clone();
    let scale = |id| header.tracks().iter().find(|t| t.id == id).map_or(1, |t| t.timescale);
    // The first picture comes where the file's own first one was; sound that begins before it
    // must not come before zero.
    let cut = shown(&first.header, &first.first)?.saturating_sub(first.zero);
    let earliest =
        first.first.parts().iter().map(|part| {
            micros(part.decode_start.cast_signed(), scale(part.track)).saturating_sub(cut)
        });
    let room = earliest.min().unwrap_or(0).min(0).saturating_neg();
    let hidden = header.video().map_or(0, |video| micros(video.hidden, video.timescale));
    // What is shown at zero was taken so much before the first picture.
    let lead = first.zero.saturating_sub(hidden).saturating_add(room);
    let begin = first.segment.start.as_micros().saturating_add(cut).saturating_sub(lead);
    let start = WallTime::from_micros(begin);
    let end = last.end.max(start);
    let length = u64::try_from(end.since(start).as_millis()).unwrap_or(0);
    let bytes = header.retimed(start, length);
    let mut at = bytes.len() as u64;
    let mut parts = Vec::with_capacity(looked.len());
    let own = first.zero;
    for (look, place) in looked.into_iter().zip(places) {
        let later = place.saturating_sub(cut).saturating_add(own - look.zero).saturating_add(room);
        let part = Part {
            file: Arc::new(look.file),
            bytes: look.bytes.clone(),
            at,
            later: Some(ticks(&header, later)),
        };
        at += look.bytes.end.saturating_sub(look.bytes.start);
        parts.push(part);
    }
    let camera = camera.clone();
    Some(Footage { camera, start, end, header: bytes, parts, len: at })
}

impl Footage {
    /// Whose it is.
    pub fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// The time of day of time zero in it.
    pub fn start(&self) -> WallTime {
        self.start
    }

    /// The time of day of its end.
    pub fn end(&self) -> WallTime {
        self.end
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A name for the file: camera and start, in characters that every system takes.
    pub fn file_name(&self) -> String {
        format!("{}_{}.mp4", self.camera, self.start.to_string().replace(':', "-"))
    }

    /// Equal for equal bytes: 16 hexadecimal digits.
    pub fn tag(&self) -> String {
        // Its keys are fixed: the same at every request.
        let mut hasher = std::hash::DefaultHasher::new();
        self.header.hash(&mut hasher);
        for part in &self.parts {
            (&part.file.name, &part.bytes, &part.later).hash(&mut hasher);
        }
        format!("{:016x}", hasher.finish())
    }

    /// Reads the bytes of `range`; what lies behind the end is left out.
    pub fn read(self, range: Range<u64>) -> FootageReader {
        let range = range.start.min(self.len)..range.end.min(self.len);
        FootageReader { footage: self, range, at: 0, part: 0, fragments: None, copy: None }
    }
}

/// Reads footage piece by piece. Blocks.
pub struct FootageReader {
    footage: Footage,
    range: Range<u64>,
    /// How far it is in the whole footage.
    at: u64,
    part: usize,
    fragments: Option<FragmentReader<At>>,
    /// What goes through as it is: from where in its file, and how much.
    copy: Option<(At, u64)>,
}

impl FootageReader {
    /// The next bytes, at most some hundred thousand; none at the end.
    ///
    /// # Errors
    /// A file is gone, is damaged, or can't be read: what has been read so far is not all.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, FootageError> {
        let mut chunk = Vec::new();
        while self.at < self.range.end && chunk.len() < CHUNK {
            if let Some((file, left)) = self.copy.take() {
                self.copy(file, left, &mut chunk)?;
                continue;
            }
            if self.at < self.footage.header.len() as u64 {
                let header = std::mem::take(&mut self.footage.header);
                self.emit(&header, &mut chunk);
                continue;
            }
            let Some(part) = self.footage.parts.get(self.part).cloned() else { break };
            let end = part.at + (part.bytes.end - part.bytes.start);
            if end <= self.at || end <= self.range.start {
                self.at = end;
                self.part += 1;
                self.fragments = None;
                continue;
            }
            match &part.later {
                None => {
                    let mut file = part.file.open()?;
                    file.position = part.bytes.start;
                    self.copy = Some((file, end - self.at));
                }
                Some(later) => self.fragment(&part, later, end, &mut chunk)?,
            }
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Adds what of `bytes`, which come next, is wanted.
    fn emit(&mut self, bytes: &[u8], chunk: &mut Vec<u8>) {
        let len = bytes.len() as u64;
        let from = self.range.start.saturating_sub(self.at).min(len) as usize;
        let to = self.range.end.saturating_sub(self.at).min(len) as usize;
        chunk.extend(bytes.get(from..to).unwrap_or_default());
        self.at += len;
    }

    /// Copies some of the `left` bytes that come next in `file`.
    fn copy(&mut self, mut file: At, left: u64, chunk: &mut Vec<u8>) -> Result<(), FootageError> {
        let skip = self.range.start.saturating_sub(self.at).min(left);
        file.position += skip;
        self.at += skip;
        let left = left - skip;
        let room = (CHUNK - chunk.len().min(CHUNK)) as u64;
        let want = left.min(self.range.end.saturating_sub(self.at)).min(room);
        let read = (&mut file).take(want).read_to_end(chunk);
        let name = || self.footage.parts.get(self.part).map_or("", |part| &part.file.name);
        let short = match read {
            Ok(read) if read as u64 == want => None,
            Ok(_) => Some("it is shorter than it was a moment ago".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = short {
            return Err(FootageError::File { path: name().to_owned(), reason });
        }
        self.at += want;
        self.copy = (left > want).then_some((file, left - want));
        Ok(())
    }

    /// Hands on the next fragment of a part that ends at `end` in the whole footage.
    fn fragment(
        &mut self,
        part: &Part,
        later: &[(u32, i64)],
        end: u64,
        chunk: &mut Vec<u8>,
    ) -> Result<(), FootageError> {
        let mut reader = match self.fragments.take() {
            Some(reader) => reader,
            None => {
                let file = part.file.open()?;
                let mut reader = FragmentReader::new(file, &part.file.name, part.bytes.end)?;
                reader.seek(part.bytes.start);
                reader
            }
        };
        let before = reader.position();
        let fragment = reader.next()?;
        let reached = fragment.as_ref().map_or(reader.position(), |fragment| fragment.offset);
        // Indexes of the recorded file are wrong in another one.
        self.emit(&blank(reached.saturating_sub(before)), chunk);
        match fragment {
            Some(fragment) => {
                let number = u32::try_from(self.at / LEAST_FRAGMENT).unwrap_or(u32::MAX);
                let table = fragment.moved(number, self.at, |track| {
                    later.iter().find(|(id, _)| *id == track).map_or(0, |(_, ticks)| *ticks)
                });
                self.emit(&table, chunk);
                let mut file = part.file.open()?;
                file.position = fragment.offset + fragment.table_len();
                self.copy = Some((file, fragment.len - fragment.table_len()));
            }
            None if self.at < end => {
                let reason = "it holds less than it did a moment ago".to_owned();
                return Err(FootageError::File { path: part.file.name.clone(), reason });
            }
            None => {}
        }
        self.fragments = Some(reader);
        Ok(())
    }
}

/// A box of so many bytes that readers skip.
fn blank(len: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    if let (Some(head), Ok(len)) = (bytes.get_mut(..8), u32::try_from(len)) {
        head[..4].copy_from_slice(&len.to_be_bytes());
        head[4..].copy_from_slice(b"free");
    }
    bytes
}
