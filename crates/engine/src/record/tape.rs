//! What one camera's packets become on disk: segments of fragments. It gathers packets into
//! fragments in memory and writes each with one call, so that a sudden end costs no more than
//! the fragment being gathered.
//!
//! It knows no thread and no clock: packets and time are handed in.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_media::{FragmentMuxer, MediaError, Medium, Packet, StreamInfo};
use omma_store::NewSegment;
use omma_types::{CameraId, MediaTime, WallTime};

use super::disk::{SegmentFile, is_full};
use super::index::Ticket;
use super::library::Library;
use super::name;
use super::segment::{FRAGMENT, Length, Moment, SegmentPlan, Step};
use super::state::RecordingState;
use crate::telemetry::CameraMetrics;

/// How often what was written is made to survive a loss of power.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How often a row learns how far its file reaches.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How much later than the first picture of the next segment the last sound of a segment may
/// come.
const SOUND_LAG: Duration = Duration::from_millis(300);

/// Files that may begin in the same millisecond.
const TWINS: u32 = 100;

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum TapeError {
    /// The disk refuses.
    #[error("cannot {what} {path}: {source}")]
    Disk { what: &'static str, path: String, source: io::Error },
    /// There is less space than is to stay free.
    #[error("{0}")]
    NoRoom(String),
    /// The stream can't be put into a file.
    #[error("{0}")]
    Stream(#[from] MediaError),
}

/// The end of what is on disk, so that recording can go on behind it.
#[derive(Clone, Debug)]
struct Written {
    stream: Arc<StreamInfo>,
    video_seq: u64,
}

/// One camera's files.
pub(super) struct Tape {
    camera: CameraId,
    library: Arc<Library>,
    state: Arc<RecordingState>,
    length: Length,
    plan: SegmentPlan,
    stream: Option<Stream>,
    open: Option<Open>,
    /// The segment before, for the sound that belongs to it and comes after the first picture
    /// of the next one.
    closing: Option<Open>,
    written: Option<Written>,
    /// The plan was interrupted, not the stream: what comes may still follow what is there.
    may_follow: bool,
    metrics: Arc<CameraMetrics>,
}

struct Stream {
    info: Arc<StreamInfo>,
    fingerprint: String,
}

/// The segment that is being written.
struct Open {
    muxer: FragmentMuxer,
    /// The head of the file, until it is written together with the first fragment.
    header: Option<Vec<u8>>,
    start: WallTime,
    /// The media time of the first picture.
    first: MediaTime,
    follows: bool,
    has_sound: bool,
    fingerprint: String,
    file: Option<SegmentFile>,
    /// Relative to the recordings folder.
    path: String,
    ticket: Option<Ticket>,
    /// When the first packet of the fragment came that is being gathered.
    gathering: Option<Instant>,
    /// The newest picture in the fragment.
    video_seq: Option<u64>,
    /// How far the file reaches.
    end: Duration,
    synced: Instant,
    told: Instant,
}

impl Tape {
    pub(super) fn new(
        camera: CameraId,
        length: Length,
        library: Arc<Library>,
        state: Arc<RecordingState>,
        metrics: Arc<CameraMetrics>,
    ) -> Self {
        Self {
            camera,
            library,
            state,
            length,
            plan: SegmentPlan::new(length),
            stream: None,
            open: None,
            closing: None,
            written: None,
            may_follow: false,
            metrics,
        }
    }

    /// The packets that follow are of this stream. The same one again, where only the way to
    /// it is new, goes on.
    pub(super) fn stream(&mut self, info: Arc<StreamInfo>, now: Instant) -> Result<(), TapeError> {
        let is_same = self.stream.as_ref().is_some_and(|old| Arc::ptr_eq(&old.info, &info));
        if !is_same {
            let ended = self.end(now);
            self.may_follow = false;
            let fingerprint = info.fingerprint();
            self.stream = Some(Stream { info, fingerprint });
            return ended;
        }
        Ok(())
    }

    /// Packets are missing: what comes follows nothing.
    pub(super) fn missed(&mut self, packets: u64, now: Instant) -> Result<(), TapeError> {
        self.metrics.recording_lost.increment(packets);
        tracing::warn!(
            camera = %self.camera,
            packets,
            "packets were not recorded because the disk is slow"
        );
        let ended = self.end(now);
        self.may_follow = false;
        ended
    }

    /// Takes in a packet.
    pub(super) fn packet(&mut self, packet: &Packet, now: Instant) -> Result<(), TapeError> {
        if self.open.is_none() && self.is_written(packet) {
            return Ok(());
        }
        if self.closes_with(packet, now)? {
            return Ok(());
        }
        let moment = Moment {
            is_video: packet.medium == Medium::Video,
            keyframe: packet.keyframe,
            pts: packet.pts,
            wall: packet.wall,
        };
        match self.plan.step(&moment) {
            Step::Skip => return Ok(()),
            Step::Append { cut: true } => self.cut(now)?,
            Step::Append { cut: false } => {}
            Step::Begin { start, follows } => {
                let goes_on = self.may_follow && self.is_next(packet);
                self.close(now)?;
                self.closing = self.open.take();
                if !follows || self.closing.as_ref().is_some_and(|open| !open.has_sound) {
                    self.close(now)?;
                }
                self.begin(packet.pts, start, follows || goes_on, now)?;
            }
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if let Err(error) = open.push(packet, now) {
            // One packet that fits nowhere must not cost the next group of pictures.
            tracing::warn!(camera = %self.camera, %error, "a segment ends early");
            self.interrupt();
        }
        Ok(())
    }

    /// Gives the segment that is closing its last sound, or closes it. True where the packet
    /// was taken.
    fn closes_with(&mut self, packet: &Packet, now: Instant) -> Result<bool, TapeError> {
        let (Some(closing), Some(open)) = (&mut self.closing, &self.open) else {
            return self.close(now).map(|()| false);
        };
        if packet.medium == Medium::Audio && packet.pts < open.first {
            // Sound that fits nowhere is not worth a segment.
            if let Err(error) = closing.push(packet, now) {
                tracing::debug!(camera = %self.camera, %error, "the last sound of a segment is lost");
            }
            return Ok(true);
        }
        let is_over = packet.medium == Medium::Audio || packet.pts.since(open.first) > SOUND_LAG;
        if is_over {
            self.close(now)?;
        }
        Ok(false)
    }

    /// What is gathered for too long, because the camera sends little, is written. To be
    /// called when [`Self::due`] has come.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), TapeError> {
        let is_due = |open: &Option<Open>| {
            let gathering = open.as_ref().and_then(|open| open.gathering);
            gathering.is_some_and(|since| since + FRAGMENT <= now)
        };
        if is_due(&self.closing) {
            self.close(now)?;
        }
        if is_due(&self.open) {
            self.plan.was_cut();
            self.cut(now)?;
        }
        Ok(())
    }

    /// When there is something to do, whether or not packets come.
    pub(super) fn due(&self) -> Option<Instant> {
        let files = [&self.closing, &self.open].into_iter().flatten();
        files.filter_map(|open| open.gathering).min().map(|since| since + FRAGMENT)
    }

    /// Whether something of the newest segment is on disk.
    pub(super) fn is_writing(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.file.is_some())
    }

    /// Writes what is gathered and finishes the file. The next one begins at the next keyframe
    /// that is not on disk yet.
    pub(super) fn end(&mut self, now: Instant) -> Result<(), TapeError> {
        self.plan.interrupt();
        self.may_follow = true;
        let before = self.close(now);
        self.closing = self.open.take();
        before.and(self.close(now))
    }

    /// Writes what is gathered of the segment before, and finishes its file.
    fn close(&mut self, now: Instant) -> Result<(), TapeError> {
        let Some(mut open) = self.closing.take() else { return Ok(()) };
        open.gathering = None;
        let last = open.muxer.finish().map_err(TapeError::from);
        let kept = last.and_then(|fragment| self.keep(&mut open, fragment, now));
        kept.and(self.finish(open))
    }

    /// Finishes the file as it is on disk, after a failure. The next one begins as after
    /// [`Self::end`].
    pub(super) fn interrupt(&mut self) {
        // What is gathered can't be written, or follows a mistake.
        for open in [self.closing.take(), self.open.take()].into_iter().flatten() {
            if let Err(error) = self.finish(open) {
                tracing::warn!(
                    camera = %self.camera,
                    %error,
                    "a segment is mended at the next start"
                );
            }
        }
        self.plan.interrupt();
        self.may_follow = true;
    }

    /// Whether a packet is on disk already: after an interruption the past is read again.
    fn is_written(&self, packet: &Packet) -> bool {
        let (Some(written), Some(stream)) = (&self.written, &self.stream) else { return false };
        packet.medium == Medium::Video
            && Arc::ptr_eq(&written.stream, &stream.info)
            && packet.seq <= written.video_seq
    }

    fn is_next(&self, packet: &Packet) -> bool {
        let (Some(written), Some(stream)) = (&self.written, &self.stream) else { return false };
        Arc::ptr_eq(&written.stream, &stream.info) && packet.seq == written.video_seq + 1
    }

    fn begin(
        &mut self,
        first: MediaTime,
        start: WallTime,
        follows: bool,
        now: Instant,
    ) -> Result<(), TapeError> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let begun = self.library.keep_free().map_err(TapeError::NoRoom).and_then(|()| {
            let mut muxer = FragmentMuxer::new(&stream.info, Some(start))?;
            Ok(Open {
                header: Some(muxer.header()?),
                muxer,
                start,
                first,
                follows,
                has_sound: stream.info.audio.is_some(),
                fingerprint: stream.fingerprint.clone(),
                file: None,
                path: String::new(),
                ticket: None,
                gathering: None,
                video_seq: None,
                end: Duration::ZERO,
                synced: now,
                told: now,
            })
        });
        match begun {
            Ok(open) => {
                self.open = Some(open);
                self.may_follow = false;
                Ok(())
            }
            Err(error) => {
                self.plan.interrupt();
                self.may_follow = true;
                Err(error)
            }
        }
    }

    /// Makes a fragment of what is gathered and writes it.
    fn cut(&mut self, now: Instant) -> Result<(), TapeError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.gathering = None;
        let fragment = open.muxer.cut().map_err(TapeError::from);
        let kept = fragment.and_then(|fragment| self.keep(&mut open, fragment, now));
        self.open = Some(open);
        kept
    }

    /// Puts a fragment on disk.
    fn keep(
        &mut self,
        open: &mut Open,
        mut fragment: Vec<u8>,
        now: Instant,
    ) -> Result<(), TapeError> {
        if fragment.is_empty() {
            return Ok(());
        }
        if let Some(header) = open.header.take() {
            fragment.splice(0..0, header);
        }
        if let Err(error) = self.write(open, &fragment) {
            self.state.failed(&error.to_string());
            let can_retry = matches!(&error, TapeError::Disk { source, .. } if is_full(source));
            if !(can_retry && self.library.make_some_room()) {
                return Err(error);
            }
            self.write(open, &fragment)?;
        }
        self.state.recording();
        self.metrics.recorded_bytes.increment(fragment.len() as u64);
        open.end = open.muxer.end();
        if let (Some(video_seq), Some(stream)) = (open.video_seq, &self.stream) {
            let is_newer = |written: &Written| {
                written.video_seq < video_seq || !Arc::ptr_eq(&written.stream, &stream.info)
            };
            if self.written.as_ref().is_none_or(is_newer) {
                self.written = Some(Written { stream: Arc::clone(&stream.info), video_seq });
            }
        }
        // A segment may be larger than what is to stay free. Where nothing can go, the next
        // one does not begin.
        drop(self.library.keep_free());
        self.settle(open, now)
    }

    /// Writes a fragment into the file, which begins with the first one.
    fn write(&self, open: &mut Open, fragment: &[u8]) -> Result<(), TapeError> {
        if open.file.is_none() {
            let (file, path) = create(&self.library, &self.camera, self.length, open.start)?;
            open.file = Some(file);
            open.path = path;
        }
        let Some(file) = &mut open.file else { return Ok(()) };
        file.append(fragment).map_err(|error| failed("write to", file, error))?;
        if open.ticket.is_none() && self.length != Length::Group {
            open.ticket = Some(self.library.index.add(NewSegment {
                camera: self.camera.clone(),
                path: open.path.clone(),
                start: open.start,
                end: open.start + open.muxer.end(),
                bytes: file.bytes(),
                stream: open.fingerprint.clone(),
                follows: open.follows,
                complete: false,
            }));
        }
        Ok(())
    }

    /// From time to time: what was written survives a loss of power, and the index knows.
    fn settle(&self, open: &mut Open, now: Instant) -> Result<(), TapeError> {
        let Some(file) = &mut open.file else { return Ok(()) };
        if now.saturating_duration_since(open.synced) >= SYNC_EVERY {
            open.synced = now;
            file.sync().map_err(|error| failed("sync", file, error))?;
        }
        if let Some(ticket) = open.ticket
            && now.saturating_duration_since(open.told) >= TELL_EVERY
        {
            open.told = now;
            self.library.index.grow(ticket, open.start + open.end, file.bytes(), false);
        }
        Ok(())
    }

    /// Closes a file; what is gathered and not written is lost. A file without a fragment is
    /// removed.
    fn finish(&self, open: Open) -> Result<(), TapeError> {
        let Some(mut file) = open.file else { return Ok(()) };
        if file.bytes() == 0 {
            if let Some(ticket) = open.ticket {
                self.library.index.forget(ticket);
            }
            drop(std::fs::remove_file(file.path()));
            return Ok(());
        }
        let synced = file.sync().map_err(|error| failed("sync", &file, error));
        let end = open.start + open.end;
        if let Some(ticket) = open.ticket {
            self.library.index.grow(ticket, end, file.bytes(), true);
            return synced;
        }
        // A group of pictures: only now its length is known.
        let path = name::of_group(&self.camera, open.start, open.end);
        self.library.begin(&path);
        std::fs::rename(file.path(), self.library.folder().join(&path))
            .map_err(|error| failed("rename", &file, error))?;
        self.library.index.add(NewSegment {
            camera: self.camera.clone(),
            path,
            start: open.start,
            end,
            bytes: file.bytes(),
            stream: open.fingerprint,
            follows: open.follows,
            complete: true,
        });
        synced
    }
}

impl Open {
    fn push(&mut self, packet: &Packet, now: Instant) -> Result<(), MediaError> {
        self.muxer.push(packet)?;
        self.gathering.get_or_insert(now);
        if packet.medium == Medium::Video {
            self.video_seq = Some(packet.seq);
        }
        Ok(())
    }
}

fn failed(what: &'static str, file: &SegmentFile, source: io::Error) -> TapeError {
    TapeError::Disk { what, path: file.path().display().to_string(), source }
}

/// Creates a segment's file under a name that is free.
fn create(
    library: &Library,
    camera: &CameraId,
    length: Length,
    start: WallTime,
) -> Result<(SegmentFile, String), TapeError> {
    let path_of = |path: &str| -> PathBuf { library.folder().join(path) };
    let mut twin = 0;
    loop {
        let path = match length {
            Length::Group => {
                // A clock that was set back: the next millisecond is as good.
                name::of_open_group(camera, start + Duration::from_millis(u64::from(twin)))
            }
            Length::Time(_) => name::of_segment(camera, start, twin),
        };
        library.begin(&path);
        let file = path_of(&path);
        match SegmentFile::create(file.clone()) {
            Ok(created) => return Ok((created, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && twin < TWINS => twin += 1,
            Err(source) => {
                let path = file.display().to_string();
                return Err(TapeError::Disk { what: "create", path, source });
            }
        }
    }
}
