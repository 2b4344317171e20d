//! Pictures for events: of every object the moment at which it was seen best.
//!
//! Nothing is encoded while nothing happens. Each track keeps the picture on which its object
//! was largest and surest so far, as the decoder's own buffer, shared with other tracks that
//! were seen well on the same picture. Only when an event names a track, its picture is made a
//! JPEG and written, by a thread of its own, so that neither detection nor events wait for it.
//!
//! Memory is bounded: so many tracks, so many bytes of pictures. Where these do not suffice,
//! pictures of objects that are gone go first, then the oldest is made a small JPEG, which
//! happens at most once a second.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use omma_imaging::{ColorMatrix, ColorRange, JpegEncoder, Painter, YuvImage};
use omma_media::Picture;
use omma_types::{
    CameraId, Event, EventId, MediaTime, Rect, Size, Track, TrackId, TrackState, WallTime,
};
use parking_lot::Mutex;

use crate::EngineError;
use crate::live::{clock_text, fit};
use crate::record::Recordings;
use crate::scene::Drawing;
use crate::status::Totals;
use crate::telemetry::{CameraMetrics, SnapshotDrop};

/// Tracks of a camera that have a picture.
const MAX_TRACKS: usize = 32;

/// Bytes of decoded pictures that a camera's tracks hold on to.
const MAX_HELD: usize = 24 << 20;

/// A better picture must be better by this factor: others are not worth changing for.
const BETTER: f32 = 1.1;

/// A track changes its picture at most this often.
const CHANGE_AFTER: Duration = Duration::from_millis(500);

/// Objects that have not been seen for this long will have no further events.
const LINGER: Duration = Duration::from_secs(30);

/// Pictures are made small at most this often, for lack of room.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// Events' pictures that wait to be written.
const QUEUE_ITEMS: usize = 64;

/// Bytes of them: decoded pictures are large.
const QUEUE_BYTES: usize = 64 << 20;

/// An event's picture is at most this wide.
const MAX_WIDTH: u32 = 1280;

/// Its quality as a JPEG.
const QUALITY: u8 = 80;

/// How long somebody who asks for a picture waits until it is written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);

/// A picture as it is held.
#[derive(Clone, Debug)]
pub(crate) enum Image<P> {
    /// As it was decoded.
    Decoded(P),
    /// Already a JPEG.
    Small(Arc<[u8]>),
}

/// The best moment of an object.
#[derive(Clone, Debug)]
pub(crate) struct Shot<P> {
    pub(crate) image: Image<P>,
    /// When it was taken.
    pub(crate) wall: WallTime,
    /// The object as it was then.
    pub(crate) track: Track,
    /// Which picture, and how many bytes it takes.
    seq: u64,
    bytes: usize,
    quality: f32,
    taken: MediaTime,
    seen: MediaTime,
}

/// The best moments of a camera's objects. `P` is a picture.
pub(crate) struct Shots<P> {
    tracks: BTreeMap<TrackId, Shot<P>>,
    shrunk: Option<MediaTime>,
}

/// A picture with what must be known of it.
pub(crate) struct Taken<'a, P> {
    pub(crate) picture: &'a P,
    pub(crate) seq: u64,
    pub(crate) bytes: usize,
    pub(crate) media: MediaTime,
    pub(crate) wall: WallTime,
}

impl<P: Clone> Shots<P> {
    pub(crate) fn new() -> Self {
        Self { tracks: BTreeMap::new(), shrunk: None }
    }

    /// Takes the picture for those of `tracks` that were never seen better. `shrink` makes a
    /// JPEG of a shot.
    pub(crate) fn observe(
        &mut self,
        taken: &Taken<'_, P>,
        tracks: &[Track],
        shrink: impl FnOnce(&P, &Shot<P>) -> Option<Vec<u8>>,
    ) {
        let now = taken.media;
        self.tracks.retain(|_, shot| now.since(shot.seen) <= LINGER);
        let mut room = None;
        let mut shrink = Some(shrink);
        for track in tracks.iter().filter(|track| track.state == TrackState::Confirmed) {
            let quality = track.score * visible_area(&track.rect);
            if let Some(shot) = self.tracks.get_mut(&track.id) {
                shot.seen = now;
                let fresh = now.since(shot.taken) < CHANGE_AFTER && now >= shot.taken;
                if fresh || quality <= shot.quality * BETTER {
                    continue;
                }
            }
            let has_room = *room.get_or_insert_with(|| self.make_room(taken, &mut shrink));
            if !has_room {
                continue;
            }
            let shot = Shot {
                image: Image::Decoded(taken.picture.clone()),
                wall: taken.wall,
                track: track.clone(),
                seq: taken.seq,
                bytes: taken.bytes,
                quality,
                taken: now,
                seen: now,
            };
            self.tracks.insert(track.id, shot);
        }
        while self.tracks.len() > MAX_TRACKS {
            let oldest = self.tracks.iter().min_by_key(|(_, shot)| (shot.seen, shot.taken));
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            self.tracks.remove(&oldest);
        }
    }

    /// The best moment of an object.
    pub(crate) fn of(&self, track: TrackId) -> Option<&Shot<P>> {
        self.tracks.get(&track)
    }

    /// Bytes of decoded pictures that are held; one that several tracks share counts once.
    fn held(&self) -> usize {
        let decoded = |shot: &&Shot<P>| matches!(shot.image, Image::Decoded(_));
        let pictures: BTreeMap<u64, usize> =
            self.tracks.values().filter(decoded).map(|shot| (shot.seq, shot.bytes)).collect();
        pictures.values().sum()
    }

    /// Whether another picture can be held, if need be by giving up others.
    fn make_room(
        &mut self,
        taken: &Taken<'_, P>,
        shrink: &mut Option<impl FnOnce(&P, &Shot<P>) -> Option<Vec<u8>>>,
    ) -> bool {
        while self.held() + taken.bytes > MAX_HELD {
            // Whoever is not seen on this picture either will hardly have an event.
            let gone = self.tracks.iter().filter(|(_, shot)| {
                shot.seen < taken.media && matches!(shot.image, Image::Decoded(_))
            });
            if let Some(id) = gone.min_by_key(|(_, shot)| shot.seen).map(|(id, _)| *id) {
                self.tracks.remove(&id);
                continue;
            }
            let too_soon = self
                .shrunk
                .is_some_and(|at| taken.media >= at && taken.media.since(at) < SHRINK_AFTER);
            let oldest = self.tracks.values_mut().filter_map(|shot| match &shot.image {
                Image::Decoded(picture) => Some((shot.taken, picture.clone(), shot)),
                Image::Small(_) => None,
            });
            let oldest = oldest.min_by_key(|(at, _, _)| *at);
            let (Some((_, picture, shot)), Some(shrink)) =
                (oldest, if too_soon { None } else { shrink.take() })
            else {
                return false;
            };
            self.shrunk = Some(taken.media);
            let Some(jpeg) = shrink(&picture, shot) else { return false };
            shot.image = Image::Small(jpeg.into());
        }
        true
    }
}

/// The part of the picture that a box covers, 0 to 1.
fn visible_area(rect: &Rect) -> f32 {
    let part = |from: f32, length: f32| ((from + length).min(1.0) - from.max(0.0)).max(0.0);
    part(rect.left, rect.width) * part(rect.top, rect.height)
}

/// An event's picture to be made and written.
struct Job {
    camera: CameraId,
    events: Vec<EventId>,
    shot: Shot<Picture>,
    metrics: Arc<CameraMetrics>,
}

/// The thread that writes events' pictures, and the way to them.
pub(crate) struct Snapshots {
    queue: SyncSender<Option<Job>>,
    waiting: Arc<Waiting>,
    recordings: Recordings,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What is not written yet.
#[derive(Default)]
struct Waiting {
    events: Mutex<BTreeSet<EventId>>,
    bytes: AtomicUsize,
    done: tokio::sync::Notify,
}

impl Snapshots {
    /// Starts the thread.
    pub(crate) fn start(recordings: Recordings) -> Result<Arc<Self>, EngineError> {
        let (queue, jobs) = sync_channel(QUEUE_ITEMS);
        let waiting = Arc::new(Waiting::default());
        let (own, places) = (Arc::clone(&waiting), recordings.clone());
        let failed = |source| EngineError::System {
            what: "cannot start the thread that writes events' pictures".to_owned(),
            source,
        };
        let artist = Artist::new().map_err(|error| failed(std::io::Error::other(error)))?;
        let thread = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || write_all(&jobs, &own, &places, artist))
            .map_err(failed)?;
        Ok(Arc::new(Self { queue, waiting, recordings, thread: Mutex::new(Some(thread)) }))
    }

    /// Ends the thread when what waits is written.
    pub(crate) fn stop(&self) {
        if self.queue.send(None).is_err() {
            return;
        }
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes events' pictures ended in a panic");
        }
    }

    /// Writes the pictures of `events`, which all happened at once. Does not wait: what does
    /// not fit into the queue is dropped and counted.
    pub(crate) fn write(
        &self,
        camera: &CameraId,
        events: &[Event],
        shots: &Shots<Picture>,
        metrics: &Arc<CameraMetrics>,
    ) {
        let mut by_track: BTreeMap<TrackId, Vec<EventId>> = BTreeMap::new();
        for event in events {
            if let Some(track) = event.track {
                by_track.entry(track).or_default().push(event.id);
            }
        }
        for (track, events) in by_track {
            let Some(shot) = shots.of(track).cloned() else { continue };
            let bytes = shot.bytes;
            let before = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.waiting.events.lock().extend(&events);
            let ids = events.clone();
            let job = Job { camera: camera.clone(), events, shot, metrics: Arc::clone(metrics) };
            let full = before > 0 && before + bytes > QUEUE_BYTES;
            let sent =
                if full { Err(TrySendError::Full(None)) } else { self.queue.try_send(Some(job)) };
            if sent.is_err() {
                self.waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
                let mut waiting = self.waiting.events.lock();
                waiting.retain(|id| !ids.contains(id));
                metrics.snapshot_dropped(SnapshotDrop::Busy, ids.len() as u64);
            }
        }
    }

    /// Whether an event has a picture, written or about to be. Looks at the disk.
    pub(crate) fn has(&self, camera: &CameraId, event: EventId) -> bool {
        self.waiting.events.lock().contains(&event)
            || self.recordings.snapshot_path(camera, event).is_file()
    }

    /// An event's picture; none where there is none.
    pub(crate) async fn read(
        &self,
        camera: &CameraId,
        event: EventId,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let written = async {
            loop {
                let done = self.waiting.done.notified();
                if !self.waiting.events.lock().contains(&event) {
                    return;
                }
                done.await;
            }
        };
        // One that can't be written in time is not there.
        drop(tokio::time::timeout(WRITTEN_WITHIN, written).await);
        let path = self.recordings.snapshot_path(camera, event);
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        match read.map_err(std::io::Error::other)? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn write_all(
    jobs: &Receiver<Option<Job>>,
    waiting: &Waiting,
    recordings: &Recordings,
    mut artist: Artist,
) {
    let mut failing = false;
    while let Ok(Some(job)) = jobs.recv() {
        let outcome = artist.jpeg_of(&job.camera, &job.shot).map_err(std::io::Error::other);
        let outcome = outcome.and_then(|jpeg| {
            let mut events = job.events.iter();
            let first = events.next().map(|event| recordings.snapshot_path(&job.camera, *event));
            let Some(first) = first else { return Ok(()) };
            write(&first, &jpeg)?;
            for event in events {
                // The same moment of the same object: one file under several names, where the
                // file system can do that.
                let path = recordings.snapshot_path(&job.camera, *event);
                if std::fs::hard_link(&first, &path).is_err() {
                    write(&path, &jpeg)?;
                }
            }
            Ok(())
        });
        let count = job.events.len() as u64;
        match outcome {
            Ok(()) => {
                job.metrics.snapshots.increment(count);
                failing = false;
            }
            Err(error) => {
                job.metrics.snapshot_dropped(SnapshotDrop::Failed, count);
                if !failing {
                    tracing::warn!(camera = %job.camera, %error, "an event's picture is not kept");
                }
                failing = true;
            }
        }
        waiting.bytes.fetch_sub(job.shot.bytes, Ordering::Relaxed);
        {
            let mut events = waiting.events.lock();
            events.retain(|id| !job.events.contains(id));
        }
        waiting.done.notify_waiters();
    }
}

/// Writes a file that is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("part");
    let written =
        std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        // It may not even be there.
        drop(std::fs::remove_file(&unfinished));
    }
    written
}

/// What draws pictures and makes them small.
pub(crate) struct Artist {
    encoder: JpegEncoder,
    painter: Painter,
    canvas: YuvImage,
}

impl Artist {
    pub(crate) fn new() -> Result<Self, omma_imaging::ImagingError> {
        Ok(Self {
            encoder: JpegEncoder::new()?,
            painter: Painter::new(),
            canvas: YuvImage::black(Size::new(16, 16), ColorRange::Limited, ColorMatrix::Bt601),
        })
    }

    /// The shot with its object marked.
    fn jpeg_of(
        &mut self,
        camera: &CameraId,
        shot: &Shot<Picture>,
    ) -> Result<Vec<u8>, omma_imaging::ImagingError> {
        match &shot.image {
            Image::Decoded(picture) => self.draw(camera, picture, shot),
            Image::Small(jpeg) => Ok(jpeg.to_vec()),
        }
    }

    pub(crate) fn draw<P>(
        &mut self,
        camera: &CameraId,
        picture: &Picture,
        shot: &Shot<P>,
    ) -> Result<Vec<u8>, omma_imaging::ImagingError> {
        let view = picture.view();
        self.canvas.resize_from(&view, fit(view.size(), MAX_WIDTH));
        let drawing = Drawing {
            tracks: std::slice::from_ref(&shot.track),
            tails: &std::collections::HashMap::new(),
            lines: &[],
            zones: &[],
            totals: &Totals::default(),
            title: camera.as_str(),
            note: &clock_text(shot.wall),
        };
        drawing.draw(&mut self.painter, &mut self.canvas);
        Ok(self.encoder.encode(&self.canvas.view(), QUALITY)?.to_vec())
    }
}

/// A picture as a JPEG of the given quality (1 to 100), at most `max_width` wide.
///
/// # Errors
/// The picture is too large for a JPEG, or there is no memory.
pub fn jpeg(
    picture: &Picture,
    max_width: Option<u32>,
    quality: u8,
) -> Result<Vec<u8>, EngineError> {
    let view = picture.view();
    let size = max_width.map_or(view.size(), |width| fit(view.size(), width));
    let failed = |error| EngineError::System {
        what: "cannot make a JPEG of the picture".to_owned(),
        source: std::io::Error::other(error),
    };
    let mut encoder = JpegEncoder::new().map_err(failed)?;
    if size == view.size() {
        return Ok(encoder.encode(&view, quality).map_err(failed)?.to_vec());
    }
    let mut small = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
    small.resize_from(&view, size);
    Ok(encoder.encode(&small.view(), quality).map_err(failed)?.to_vec())
}

#[cfg(test)]
mod tests {
    use omma_types::ClassName;
    use proptest::prelude::*;

    use super::*;

    fn track(id: u64, side: f32, score: f32) -> Track {
        Track {
            id: TrackId(id),
            class: ClassName::new("person"),
            rect: Rect::new(0.2, 0.2, side, side),
            score,
            state: TrackState::Confirmed,
        }
    }

    fn observe(shots: &mut Shots<u64>, secs: f64, bytes: usize, tracks: &[Track]) -> u32 {
        let seq = (secs * 1000.0) as u64;
        let media = MediaTime::from_secs_f64(secs);
        let wall = WallTime::from_millis(seq.cast_signed());
        let mut shrunk = 0;
        shots.observe(&Taken { picture: &seq, seq, bytes, media, wall }, tracks, |_, _| {
            shrunk += 1;
            Some(vec![0; 10])
        });
        shrunk
    }

    fn taken(shots: &Shots<u64>, id: u64) -> Option<u64> {
        shots.of(TrackId(id)).map(|shot| shot.seq)
    }

    #[test]
    fn the_best_moment_is_kept() {
        let mut shots = Shots::new();
        let mut see = |secs, side, score| {
            observe(&mut shots, secs, 1000, &[track(1, side, score)]);
            taken(&shots, 1).unwrap()
        };
        assert_eq!(see(1.0, 0.2, 0.5), 1000);
        assert_eq!(see(2.0, 0.1, 0.9), 1000, "smaller");
        assert_eq!(see(3.0, 0.2, 0.52), 1000, "hardly better");
        assert_eq!(see(4.0, 0.3, 0.5), 4000);
        assert_eq!(see(4.4, 0.5, 0.9), 4000, "too soon");
        assert_eq!(see(4.6, 0.5, 0.9), 4600);
        // Only what is in the picture counts.
        let outside = Rect::new(-0.9, 0.0, 1.0, 1.0);
        assert!((visible_area(&outside) - 0.1).abs() < 1e-6);
        assert_eq!(visible_area(&Rect::new(2.0, 2.0, 1.0, 1.0)), 0.0);
    }

    #[test]
    fn guesses_count_for_nothing_and_objects_that_are_gone_are_forgotten() {
        let mut shots = Shots::new();
        for state in [TrackState::Tentative, TrackState::Coasting] {
            observe(&mut shots, 0.0, 1, &[Track { state, ..track(1, 0.5, 0.9) }]);
        }
        assert_eq!(taken(&shots, 1), None);
        observe(&mut shots, 1.0, 1, &[track(2, 0.5, 0.9)]);
        observe(&mut shots, 30.0, 1, &[]);
        assert_eq!(taken(&shots, 2), Some(1000));
        observe(&mut shots, 31.1, 1, &[]);
        assert_eq!(taken(&shots, 2), None);
    }

    #[test]
    fn room_comes_from_objects_that_are_gone_and_then_from_making_pictures_small() {
        let mut shots = Shots::new();
        let large = MAX_HELD / 2;
        observe(&mut shots, 1.0, large, &[track(1, 0.1, 0.9)]);
        observe(&mut shots, 2.0, large, &[track(2, 0.1, 0.9)]);
        // Nobody else is there: the one that went first makes room.
        observe(&mut shots, 3.0, large, &[track(3, 0.1, 0.9), track(2, 0.1, 0.9)]);
        assert_eq!((taken(&shots, 1), taken(&shots, 2)), (None, Some(2000)));
        // All are there: the oldest picture is made small.
        let here = [track(2, 0.1, 0.9), track(3, 0.1, 0.9)];
        let crowd = [&here[..], &[track(4, 0.1, 0.9)]].concat();
        assert_eq!(observe(&mut shots, 4.0, large, &crowd), 1);
        assert!(matches!(shots.of(TrackId(2)).unwrap().image, Image::Small(_)));
        // But not again at once.
        let crowd = [&crowd[..], &[track(5, 0.1, 0.9)]].concat();
        assert_eq!(observe(&mut shots, 4.5, large, &crowd), 0);
        assert_eq!(taken(&shots, 5), None);
        assert_eq!(observe(&mut shots, 5.0, large, &crowd), 1);
        assert_eq!(taken(&shots, 5), Some(5000));
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_comes(
            pictures in prop::collection::vec(
                (0.0f64..100.0, 1usize..MAX_HELD, prop::collection::vec((0u64..60, 0.0f32..1.0), 0..50)),
                1..40,
            ),
        ) {
            let mut shots = Shots::new();
            for (secs, bytes, seen) in pictures {
                let tracks: Vec<Track> =
                    seen.into_iter().map(|(id, side)| track(id, side, 0.5)).collect();
                let shrunk = observe(&mut shots, secs, bytes, &tracks);
                prop_assert!(shrunk <= 1);
                prop_assert!(shots.held() <= MAX_HELD);
                prop_assert!(shots.tracks.len() <= MAX_TRACKS);
            }
        }
    }
}
