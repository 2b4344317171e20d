//! Somebody who sends a camera's pictures by WebRTC: a browser, or an encoder such as OBS.

use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_engine::PacketSender;
use omma_media::{ParameterSets, RelayedPacket};
use omma_types::{CameraId, Clock as _, MediaTime, SystemClock, WallSource};
use str0m::Event;
use str0m::media::{KeyframeRequestKind, MediaData, Mid};

use super::connection::{Connection, End};

/// At least so often there is to be a keyframe: viewers and recordings begin with one, and
/// senders give none by themselves.
const KEYFRAME_EVERY: Duration = Duration::from_secs(4);

/// One that is needed at once is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// One sender.
pub(super) struct Sender {
    connection: Connection,
    camera: CameraId,
    packets: PacketSender,
    video: Mid,
    /// The sender's time of its first picture.
    begun: Option<i128>,
    seq: u64,
    /// What the last keyframe said of the stream.
    sets: ParameterSets,
    /// Whether a picture was lost on which others build.
    waits_for_keyframe: bool,
    last_keyframe: Option<Instant>,
    asked: Option<Instant>,
}

impl Sender {
    pub(super) fn new(
        connection: Connection,
        camera: CameraId,
        packets: PacketSender,
        video: Mid,
    ) -> Self {
        Self {
            connection,
            camera,
            packets,
            video,
            begun: None,
            seq: 0,
            sets: ParameterSets::default(),
            waits_for_keyframe: true,
            last_keyframe: None,
            asked: None,
        }
    }

    /// Takes pictures until the sender or the server goes, or somebody else sends instead.
    pub(super) async fn take_all(mut self) {
        tracing::info!(camera = %self.camera, "somebody sends this camera's pictures");
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        tracing::info!(camera = %self.camera, reason = %end, "nobody sends its pictures any more");
        self.connection.end(&end).await;
    }

    async fn step(&mut self) -> Result<(), End> {
        while let Some(event) = self.connection.flush().await? {
            if let Event::MediaData(data) = event
                && data.mid == self.video
            {
                self.picture(&data)?;
            }
        }
        self.connection.wait().await
    }

    fn picture(&mut self, data: &MediaData) -> Result<(), End> {
        let sets = ParameterSets::of_h264(&data.data);
        let keyframe = !sets.header.is_empty();
        if keyframe {
            (self.sets, self.waits_for_keyframe) = (sets, false);
            self.last_keyframe = Some(Instant::now());
        } else if !data.contiguous {
            self.waits_for_keyframe = true;
        }
        self.ask_for_keyframe()?;
        if self.waits_for_keyframe {
            return Ok(());
        }
        let packet = self.packet(data, keyframe);
        if self.packets.send(packet) {
            Ok(())
        } else {
            Err(End::Ours("somebody else sends this camera's pictures"))
        }
    }

    fn packet(&mut self, data: &MediaData, keyframe: bool) -> RelayedPacket {
        let nanos = i128::from(data.time.numer()) * 1_000_000_000 / i128::from(data.time.denom());
        let since = nanos - *self.begun.get_or_insert(nanos);
        let pts = MediaTime::from_nanos(i64::try_from(since).unwrap_or(0));
        // What was under way is not the picture's age, but the time since it came here is.
        let waited = data.network_time.elapsed();
        let waited = i64::try_from(waited.as_millis()).unwrap_or(0);
        let wall = SystemClock.wall().as_millis() - waited;
        let seq = self.seq;
        self.seq += 1;
        RelayedPacket {
            codec: "h264".to_owned(),
            extradata: self.sets.header.clone(),
            size: self.sets.size,
            stream_start: false,
            seq,
            pts,
            dts: pts,
            duration: Duration::ZERO,
            keyframe,
            wall: omma_types::WallTime::from_millis(wall),
            wall_source: WallSource::Arrival,
            data: Bytes::copy_from_slice(&data.data),
        }
    }

    /// Asks for a keyframe where one is needed, or where there was none for long.
    fn ask_for_keyframe(&mut self) -> Result<(), End> {
        let is_needed = self.waits_for_keyframe || self.packets.needs_keyframe();
        let is_old = self.last_keyframe.is_none_or(|last| last.elapsed() >= KEYFRAME_EVERY);
        let asked_lately = self.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN);
        if !(is_needed || is_old) || asked_lately {
            return Ok(());
        }
        if let Some(mut writer) = self.connection.rtc.writer(self.video)
            && writer.is_request_keyframe_possible(KeyframeRequestKind::Pli)
        {
            writer.request_keyframe(None, KeyframeRequestKind::Pli)?;
            self.asked = Some(Instant::now());
        }
        Ok(())
    }
}
