//! One viewer by WebRTC: a camera's packets to its browser, until one of them goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_engine::{Handle, Parcel, ViewerDrop};
use omma_media::{ByteStream, Packet, StreamInfo};
use omma_types::CameraId;
use serde::Serialize;
use str0m::Event;
use str0m::channel::ChannelId;
use str0m::media::MediaTime;

use super::clock::Clock;
use super::connection::{Connection, End};
use super::offer::Places;
use super::share::Share;
use crate::watch::Seat;
use crate::watch::feed::ViewerFeed;

/// How often a browser may ask for a keyframe. It gets the newest that there was again, and what
/// followed: no camera can be asked for one.
const AGAIN_EVERY: Duration = Duration::from_secs(1);

/// The data channel on which a browser is told when pictures were taken. It opens it.
const TIMING: &str = "timing";

/// Which picture it is that the browser gets under a time of RTP.
#[derive(Serialize)]
struct Timing {
    /// `rtpTimestamp` of `requestVideoFrameCallback`.
    rtp: u32,
    /// The clock of analyses.
    media_ms: f64,
    /// When it was taken, in milliseconds since 1970.
    wall_ms: i64,
}

/// What a viewer is made of.
pub(super) struct Parts {
    pub(super) connection: Connection,
    pub(super) places: Places,
    pub(super) info: Arc<StreamInfo>,
    pub(super) share: Arc<Share>,
    pub(super) handle: Handle,
    pub(super) camera: CameraId,
    pub(super) seat: Seat,
}

/// One viewer.
pub(super) struct Viewer {
    parts: Parts,
    form: ByteStream,
    clock: Clock,
    /// None in front of the connection.
    feed: Option<ViewerFeed>,
    timing: Option<ChannelId>,
    /// Whether what comes builds on what was not sent.
    waits_for_keyframe: bool,
    /// The time of the last picture, to notice an order that browsers can't show.
    last: Option<omma_types::MediaTime>,
    /// When the feed began: what came before is over.
    live_from: Instant,
}

impl Viewer {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            form: ByteStream::of(&parts.info),
            parts,
            clock: Clock::default(),
            feed: None,
            timing: None,
            waits_for_keyframe: true,
            last: None,
            live_from: Instant::now(),
        }
    }

    /// Shows the camera until the viewer, the camera or the server goes.
    pub(super) async fn show(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        let camera = self.parts.camera.clone();
        tracing::debug!(%camera, reason = %end, "a viewer by WebRTC ends");
        self.parts.connection.end(&end).await;
    }

    /// Sends what is to be sent, and waits for the next thing to happen.
    async fn step(&mut self) -> Result<(), End> {
        while let Some(event) = self.parts.connection.flush().await? {
            self.happened(&event)?;
        }
        tokio::select! {
            waited = self.parts.connection.wait() => waited,
            parcel = next(&mut self.feed) => match parcel {
                Some(parcel) => {
                    self.take(parcel)?;
                    self.parts.connection.pass_time()
                }
                None => Err(End::Ours("the camera is gone")),
            },
        }
    }

    fn happened(&mut self, event: &Event) -> Result<(), End> {
        match event {
            Event::Connected => self.begin()?,
            Event::ChannelOpen(id, label) if label == TIMING => self.timing = Some(*id),
            Event::ChannelClose(id) if self.timing == Some(*id) => self.timing = None,
            Event::KeyframeRequest(_) if self.live_from.elapsed() >= AGAIN_EVERY => self.again(),
            _ => {}
        }
        Ok(())
    }

    /// Begins with the newest keyframe.
    fn begin(&mut self) -> Result<(), End> {
        let feed = self.new_feed().ok_or(End::Ours("the camera is gone"))?;
        self.follow(feed);
        Ok(())
    }

    /// Begins anew where there is something to begin with: a camera that is away is waited for,
    /// whatever the browser asks meanwhile.
    fn again(&mut self) {
        let is_away = self.feed.as_ref().is_some_and(ViewerFeed::is_away);
        if !is_away && let Some(feed) = self.new_feed() {
            self.follow(feed);
        }
    }

    fn new_feed(&self) -> Option<ViewerFeed> {
        let parts = &self.parts;
        ViewerFeed::new(&parts.handle, &parts.camera, parts.seat.metrics.clone()).ok()
    }

    fn follow(&mut self, feed: ViewerFeed) {
        (self.feed, self.live_from, self.waits_for_keyframe) = (Some(feed), Instant::now(), true);
    }

    fn take(&mut self, parcel: Parcel) -> Result<(), End> {
        match parcel {
            Parcel::Stream(info) => {
                if info.codec != self.parts.info.codec {
                    return Err(End::Ours("the camera sends another codec"));
                }
                self.form = ByteStream::of(&info);
                (self.parts.info, self.last, self.waits_for_keyframe) = (info, None, true);
                self.clock.begin_anew();
                Ok(())
            }
            Parcel::Missed(_) => {
                (self.last, self.waits_for_keyframe) = (None, true);
                Ok(())
            }
            Parcel::Packet(packet) if packet.is_video() => self.picture(&packet),
            Parcel::Packet(packet) => self.sound(&packet),
        }
    }

    fn picture(&mut self, packet: &Packet) -> Result<(), End> {
        if self.waits_for_keyframe && !packet.keyframe {
            self.parts.seat.metrics.drop_packets(ViewerDrop::Unusable, 1);
            return Ok(());
        }
        self.waits_for_keyframe = false;
        let is_over = packet.arrival < self.live_from;
        let before = self.last.replace(packet.pts);
        if !packet.keyframe && before.is_some_and(|before| packet.pts < before) {
            // Asked again, the route sees it and says so.
            return Err(End::Ours("pictures come in another order than they are shown"));
        }
        let time = self.clock.picture(packet.pts, is_over);
        self.tell_time(time, packet)?;
        let bytes = self.parts.share.bytes(packet, &self.form);
        let (mid, pt) = self.parts.places.video;
        let length = bytes.len();
        if let Some(writer) = self.parts.connection.rtc.writer(mid) {
            // At once: nothing is to be held back for smoothness.
            let writer = writer.playout_delay(MediaTime::ZERO, MediaTime::ZERO);
            writer.write(pt, packet.arrival, MediaTime::from_90khz(time), bytes)?;
            self.parts.seat.metrics.sent(length);
        }
        Ok(())
    }

    /// Says which picture comes under this time, in front of it.
    fn tell_time(&mut self, time: u64, packet: &Packet) -> Result<(), End> {
        let Some(mut channel) = self.timing.and_then(|id| self.parts.connection.rtc.channel(id))
        else {
            return Ok(());
        };
        let timing = Timing {
            // RTP's times begin anew after half a day.
            rtp: (time & u64::from(u32::MAX)) as u32,
            media_ms: packet.pts.as_nanos() as f64 / 1e6,
            wall_ms: packet.wall.as_millis(),
        };
        if let Ok(text) = serde_json::to_vec(&timing) {
            // A channel that is full loses it; the picture comes all the same.
            let _was_taken = channel.write(false, &text)?;
        }
        Ok(())
    }

    fn sound(&mut self, packet: &Packet) -> Result<(), End> {
        let Some((mid, pt)) = self.parts.places.audio else { return Ok(()) };
        const RATE: i64 = 48_000;
        if self.waits_for_keyframe || packet.arrival < self.live_from {
            return Ok(());
        }
        let Some(time) = self.clock.sound(packet.pts, RATE) else { return Ok(()) };
        if let Some(writer) = self.parts.connection.rtc.writer(mid) {
            let time = MediaTime::new(time, str0m::media::Frequency::FORTY_EIGHT_KHZ);
            writer.write(pt, packet.arrival, time, packet.data())?;
            self.parts.seat.metrics.sent(packet.len());
        }
        Ok(())
    }
}

/// What comes next of the camera; nothing ever without a feed.
async fn next(feed: &mut Option<ViewerFeed>) -> Option<Parcel> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}
