//! Packets that somebody else received: another process, a program on a bus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_types::{ErrorKind, MediaTime, Size, WallSource, WallTime};

use crate::av::{AvPacket, CodecParameters};
use crate::{MediaError, Medium, Packet, SourceSpec, Stop, StreamInfo};

/// Gives packets that were received elsewhere.
pub trait PacketProducer: Send {
    /// The next packet, in the order of decoding; None where none came until `deadline`.
    ///
    /// # Errors
    /// Whoever gives them is gone, and the source is to be opened anew.
    fn next(&mut self, deadline: Instant) -> Result<Option<RelayedPacket>, MediaError>;
}

/// Makes a producer; called each time the source is opened.
pub type PacketFactory =
    Arc<dyn Fn(&Stop) -> Result<Box<dyn PacketProducer>, MediaError> + Send + Sync>;

/// A packet of pictures as it was received elsewhere.
pub struct RelayedPacket {
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: String,
    /// The codec's header as containers keep it; looked at only with keyframes.
    pub extradata: Vec<u8>,
    /// Size of the picture, where known.
    pub size: Option<Size>,
    /// Whether the times have no relation to those before.
    pub stream_start: bool,
    /// See [`Packet::seq`].
    pub seq: u64,
    /// See [`Packet::pts`].
    pub pts: MediaTime,
    /// See [`Packet::dts`].
    pub dts: MediaTime,
    /// See [`Packet::duration`].
    pub duration: Duration,
    /// See [`Packet::keyframe`].
    pub keyframe: bool,
    /// See [`Packet::wall`].
    pub wall: WallTime,
    /// See [`Packet::wall_source`].
    pub wall_source: WallSource,
    /// The compressed data.
    pub data: Bytes,
}

/// A relayed source.
pub(super) struct Relayed {
    name: String,
    stop: Stop,
    producer: Box<dyn PacketProducer>,
    info: StreamInfo,
    /// The packet that the stream was opened with.
    first: Option<Packet>,
    silence: Duration,
    began_anew: bool,
}

/// How often a wait looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

impl Relayed {
    pub(super) fn open(
        spec: &SourceSpec,
        factory: &PacketFactory,
        stop: &Stop,
    ) -> Result<Self, MediaError> {
        let deadline = Instant::now() + spec.open_timeout;
        let mut producer = factory(stop)?;
        loop {
            let Some(packet) = wait(producer.as_mut(), stop, deadline, spec.name())? else {
                return Err(MediaError::new(
                    ErrorKind::Timeout,
                    spec.name(),
                    "nobody writes pictures there",
                    "check the name, and whether its writer runs",
                ));
            };
            // What comes before a keyframe can't be decoded.
            if !packet.keyframe {
                continue;
            }
            let info = describe(spec.name(), &packet)?;
            let silence = spec.silence_limit(true).unwrap_or(Duration::MAX);
            let first = Some(received(spec.name(), &packet)?);
            let (name, stop) = (spec.name().to_owned(), stop.clone());
            return Ok(Self { name, stop, producer, info, first, silence, began_anew: false });
        }
    }

    pub(super) fn info(&self) -> &StreamInfo {
        &self.info
    }

    pub(super) fn began_anew(&mut self) -> bool {
        std::mem::take(&mut self.began_anew)
    }

    pub(super) fn read(&mut self) -> Result<Packet, MediaError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let deadline = Instant::now().checked_add(self.silence);
        let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        let Some(packet) = wait(self.producer.as_mut(), &self.stop, deadline, &self.name)? else {
            return Err(MediaError::new(
                ErrorKind::Timeout,
                &self.name,
                format!("no picture came for {:.1} s", self.silence.as_secs_f64()),
                "check whether its writer runs",
            ));
        };
        if packet.keyframe && self.is_another_stream(&packet) {
            self.info = describe(&self.name, &packet)?;
            self.began_anew = true;
        }
        received(&self.name, &packet)
    }

    fn is_another_stream(&self, packet: &RelayedPacket) -> bool {
        packet.stream_start
            || packet.codec != self.info.codec
            || packet.size.is_some() && packet.size != self.info.size
            || packet.extradata != self.info.extradata()
    }
}

/// Waits for a packet, and soon no longer where `stop` is thrown.
fn wait(
    producer: &mut dyn PacketProducer,
    stop: &Stop,
    deadline: Instant,
    name: &str,
) -> Result<Option<RelayedPacket>, MediaError> {
    loop {
        if stop.is_stopped() {
            return Err(MediaError::stopped(name));
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        if let Some(packet) = producer.next(deadline.min(now + LOOK))? {
            return Ok(Some(packet));
        }
    }
}

pub(crate) fn describe(name: &str, packet: &RelayedPacket) -> Result<StreamInfo, MediaError> {
    let parameters = CodecParameters::of_video(&packet.codec, &packet.extradata, packet.size)
        .map_err(|error| {
            MediaError::new(
                ErrorKind::Unsupported,
                name,
                format!("packets of `{}` can't be read: {}", packet.codec, error.text()),
                "let its writer use a codec that this FFmpeg knows",
            )
        })?;
    Ok(StreamInfo {
        codec: parameters.codec_name(),
        size: packet.size,
        frame_rate: None,
        time_base: (1, 1_000_000_000),
        audio: None,
        duration: None,
        frames: None,
        container: "relay".to_owned(),
        parameters: Arc::new(parameters),
    })
}

pub(crate) fn received(name: &str, packet: &RelayedPacket) -> Result<Packet, MediaError> {
    let data = AvPacket::received(
        &packet.data,
        packet.pts.as_nanos(),
        packet.dts.as_nanos(),
        packet.keyframe,
    )
    .map_err(|error| {
        MediaError::new(ErrorKind::Full, name, error.text(), "give the process more memory")
    })?;
    Ok(Packet {
        medium: Medium::Video,
        seq: packet.seq,
        pts: packet.pts,
        dts: packet.dts,
        duration: packet.duration,
        keyframe: packet.keyframe,
        arrival: Instant::now(),
        wall: packet.wall,
        wall_source: packet.wall_source,
        pts_is_known: true,
        data: Arc::new(data),
    })
}
