//! A camera's recorder: the thread `rec-NAME`, which takes the camera's packets and hands them
//! to its tape. It never ends by itself: whatever fails is tried again, and said.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_media::Packet;
use omma_types::CameraId;
use parking_lot::{Condvar, Mutex};

use super::library::Library;
use super::segment::Length;
use super::state::{RecordingState, RecordingStatus};
use super::tape::{Tape, TapeError};
use super::window::{EventWindow, Wanted};
use crate::config::{RecordConfig, RecordMode, SegmentLength};
use crate::error::EngineError;
use crate::feed::{PacketFeed, Parcel, Preroll, Waited};
use crate::shared::random_seed;
use crate::telemetry::CameraMetrics;

/// After a failure recording is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How long a wait for packets may hold up an event or the end.
const TURN: Duration = Duration::from_millis(200);

/// What is asked of the past beyond what is wanted: detecting takes its time.
const SLACK: Duration = Duration::from_secs(2);

/// Groups of pictures longer than this are not waited for.
const MAX_GROUP: Duration = Duration::from_secs(20);

/// What may be held back between two events, in bytes; with more, the file ends.
const MAX_HELD: usize = 64 << 20;

/// A camera that sends nothing for so long gets its file finished.
const SILENCE: Duration = Duration::from_secs(10);

/// Opens the way to a camera's packets.
pub(crate) type Feeds = Box<dyn Fn(Preroll) -> PacketFeed + Send>;

/// Keeps a camera's footage until it is stopped.
pub(crate) struct Recorder {
    inbox: Arc<Inbox>,
    state: Arc<RecordingState>,
    camera: CameraId,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What others tell the thread.
#[derive(Default)]
pub(super) struct Inbox {
    news: Mutex<News>,
    bell: Condvar,
}

#[derive(Default)]
struct News {
    /// When the pictures of the first and the last new event arrived.
    events: Option<(Instant, Instant)>,
    is_over: bool,
}

impl Inbox {
    /// Something was seen in a picture that arrived at `arrival`.
    pub(super) fn event(&self, arrival: Instant) {
        let mut news = self.news.lock();
        news.events = Some(match news.events {
            Some((first, last)) => (first.min(arrival), last.max(arrival)),
            None => (arrival, arrival),
        });
        drop(news);
        self.bell.notify_one();
    }
}

impl Recorder {
    /// Starts the thread.
    pub(crate) fn start(
        camera: &CameraId,
        config: &RecordConfig,
        feeds: Feeds,
        library: &Arc<Library>,
        metrics: Arc<CameraMetrics>,
    ) -> Result<Self, EngineError> {
        let state = Arc::new(RecordingState::new(
            camera.clone(),
            library.events.clone(),
            random_seed(),
            Arc::clone(&metrics),
        ));
        let inbox = Arc::new(Inbox::default());
        library.listen(camera, &inbox);
        let length = match config.segment {
            SegmentLength::Duration(length) => Length::Time(length),
            SegmentLength::Gop => Length::Group,
        };
        let tape =
            Tape::new(camera.clone(), length, Arc::clone(library), Arc::clone(&state), metrics);
        let window = match config.mode {
            RecordMode::Always => None,
            RecordMode::Events => Some(EventWindow::new(config.before, config.after)),
        };
        let worker = Worker {
            camera: camera.clone(),
            before: config.before,
            window,
            feeds,
            tape,
            inbox: Arc::clone(&inbox),
            state: Arc::clone(&state),
            library: Arc::clone(library),
            held: VecDeque::new(),
            held_bytes: 0,
            group: Group::default(),
            failed: None,
        };
        let thread = std::thread::Builder::new()
            .name(format!("rec-{camera}"))
            .spawn(move || worker.run())
            .map_err(|source| EngineError::System {
                what: format!("cannot start the thread that records camera `{camera}`"),
                source,
            })?;
        Ok(Self { inbox, state, camera: camera.clone(), thread: Mutex::new(Some(thread)) })
    }

    /// Whether footage is being kept.
    pub(crate) fn status(&self) -> RecordingStatus {
        self.state.status()
    }

    /// Finishes the file and ends the thread. `reason` says why nothing is kept any more;
    /// without one (the process ends) it is no news.
    pub(crate) fn stop(&self, reason: Option<&str>) {
        self.inbox.news.lock().is_over = true;
        self.inbox.bell.notify_one();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(camera = %self.camera, "the recorder's thread ended in a panic");
        }
        if let Some(reason) = reason {
            self.state.off(reason);
        }
    }
}

struct Worker {
    camera: CameraId,
    before: Duration,
    /// Only in mode `events`.
    window: Option<EventWindow>,
    feeds: Feeds,
    tape: Tape,
    inbox: Arc<Inbox>,
    state: Arc<RecordingState>,
    library: Arc<Library>,
    /// What came after a window: perhaps the past of the next event.
    held: VecDeque<Packet>,
    held_bytes: usize,
    group: Group,
    /// Since when nothing could be kept.
    failed: Option<Instant>,
}

/// The longest recent group of pictures, by arrival.
#[derive(Default)]
struct Group {
    keyframe: Option<Instant>,
    longest: Duration,
}

impl Group {
    fn note(&mut self, packet: &Packet) {
        if packet.keyframe {
            let length = self.keyframe.map(|last| packet.arrival.saturating_duration_since(last));
            self.longest = self.longest.max(length.unwrap_or_default()).min(MAX_GROUP);
            self.keyframe = Some(packet.arrival);
        }
    }
}

impl Worker {
    fn run(mut self) {
        loop {
            let session = std::panic::AssertUnwindSafe(|| self.session());
            match std::panic::catch_unwind(session) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => self.state.failed(&error.to_string()),
                Err(_panic) => self.state.failed("its thread panicked; see the log"),
            }
            self.tape.interrupt();
            self.clear_held();
            self.failed.get_or_insert_with(Instant::now);
            // A disk that is full may have to be made empty by whoever is asked first.
            if self.rest(RETRY_AFTER) {
                break;
            }
        }
        if let Err(error) = self.tape.end(Instant::now()) {
            tracing::error!(camera = %self.camera, %error, "the last footage is not whole");
        }
    }

    /// Records until it is stopped or something fails.
    fn session(&mut self) -> Result<(), TapeError> {
        if let Err(error) = self.library.claim() {
            return Err(TapeError::NoRoom(error.to_string()));
        }
        while let Some(preroll) = self.wait_until_wanted() {
            let mut feed = (self.feeds)(preroll);
            if self.record(&mut feed)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until there is something to keep, and says from when on; none at the end.
    fn wait_until_wanted(&mut self) -> Option<Preroll> {
        let missed = self.failed.map(|since| since.elapsed() + SLACK);
        let mut news = self.inbox.news.lock();
        loop {
            if news.is_over {
                return None;
            }
            let Some(window) = &mut self.window else {
                return Some(missed.map_or(Preroll::Group, Preroll::Past));
            };
            if let Some((first, last)) = news.events.take() {
                window.event(last);
                let past = first.elapsed().max(missed.unwrap_or_default());
                return Some(Preroll::Past(self.before + past));
            }
            if window.is_open() {
                return Some(Preroll::Past(self.before + missed.unwrap_or_default()));
            }
            self.inbox.bell.wait(&mut news);
        }
    }

    /// Records what a feed gives. True at the end of all; false when this feed is over or
    /// nothing more is wanted.
    fn record(&mut self, feed: &mut PacketFeed) -> Result<bool, TapeError> {
        let mut heard = Instant::now();
        loop {
            {
                let mut news = self.inbox.news.lock();
                if news.is_over {
                    return Ok(true);
                }
                if let (Some(window), Some((_, last))) = (&mut self.window, news.events.take()) {
                    window.event(last);
                }
            }
            let now = Instant::now();
            let due = self.tape.due().map_or(TURN, |due| due.saturating_duration_since(now));
            if now.saturating_duration_since(heard) >= SILENCE {
                heard = now;
                self.tape.end(now)?;
            }
            match feed.wait(due.min(TURN)) {
                Waited::Got(Parcel::Stream(info)) => {
                    self.keep_held()?;
                    self.tape.stream(info, Instant::now())?;
                    self.group = Group::default();
                }
                Waited::Got(Parcel::Missed(packets)) => {
                    self.clear_held();
                    self.tape.missed(packets, Instant::now())?;
                }
                Waited::Got(Parcel::Packet(packet)) => {
                    heard = now;
                    if !self.packet(packet)? {
                        self.clear_held();
                        return self.tape.end(Instant::now()).map(|()| false);
                    }
                }
                Waited::Nothing => {}
                Waited::Over => {
                    self.clear_held();
                    self.tape.end(Instant::now())?;
                    return Ok(self.rest(TURN));
                }
            }
            self.tape.tick(Instant::now())?;
        }
    }

    /// Takes in a packet. False where nothing more is wanted.
    fn packet(&mut self, packet: Packet) -> Result<bool, TapeError> {
        self.group.note(&packet);
        let wanted = self.window.as_ref().map_or(Wanted::Keep, |window| {
            window.wants(packet.arrival, self.group.longest + SLACK)
        });
        match wanted {
            Wanted::Keep => {
                self.keep_held()?;
                self.tape.packet(&packet, Instant::now())?;
                if self.tape.is_writing() {
                    self.failed = None;
                }
                return Ok(true);
            }
            Wanted::Hold if self.held_bytes + packet.len() <= MAX_HELD => {
                self.held_bytes += packet.len();
                self.held.push_back(packet);
                return Ok(true);
            }
            Wanted::Hold | Wanted::Over => {}
        }
        if let Some(window) = &mut self.window {
            window.close();
        }
        Ok(false)
    }

    /// An event came whose past reaches into what was held back: it belongs to it.
    fn keep_held(&mut self) -> Result<(), TapeError> {
        let is_wanted = |packet: &Packet| {
            let wants = |window: &EventWindow| window.wants(packet.arrival, Duration::ZERO);
            self.window.as_ref().is_none_or(|window| wants(window) == Wanted::Keep)
        };
        // All or nothing: the newest is asked, the rest is before it.
        if self.held.back().is_some_and(is_wanted) {
            for packet in std::mem::take(&mut self.held) {
                self.tape.packet(&packet, Instant::now())?;
            }
        }
        self.clear_held();
        Ok(())
    }

    fn clear_held(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
    }

    /// Waits. True where the end came meanwhile.
    fn rest(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut news = self.inbox.news.lock();
        while !news.is_over {
            if self.inbox.bell.wait_until(&mut news, until).timed_out() {
                break;
            }
        }
        news.is_over
    }
}
