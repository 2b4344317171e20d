//! Cameras that other programs write onto a bus: their pictures become packets like any
//! camera's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use metrics::Counter;
use omma_bus::dialect::omma;
use omma_bus::topic::{LazyTopics, Start};
use omma_bus::{BrokerAddress, BusError, Frame, FrameForm, Inbound, Inlet};
use omma_imaging::JpegEncoder;
use omma_media::{MediaError, PacketProducer, RelayedPacket, SourceSpec};
use omma_types::{CameraId, redact_url};
use tokio::runtime::Handle;

use crate::cluster::Mandate;

/// Pixels are made packets of this quality: they are decoded again at once, and what the
/// detector sees should not suffer.
const QUALITY: u8 = 92;

/// Whether `url` names a stream on a bus: `redis+redisedge://…`.
pub(crate) fn is_on_a_bus(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let broker = scheme.split_once('+').map_or("", |(broker, _)| broker);
    matches!(broker, "redis" | "rediss" | "valkey" | "valkeys" | "kafka" | "kafkas")
}

/// Whether `url` can be understood.
pub(crate) fn check(camera: &str, url: &str) -> Result<(), BusError> {
    omma_bus::dialect::open_inlet(&BrokerAddress::parse(url)?, camera).map(drop)
}

/// The source behind `url`. `runtime` is what the connection runs on; it outlives the camera.
/// `left_out` counts what is there and is not used.
pub(crate) fn source(
    camera: &CameraId,
    url: &str,
    runtime: Handle,
    left_out: Counter,
) -> Result<SourceSpec, BusError> {
    let address = BrokerAddress::parse(url)?;
    let (camera, name) = (camera.clone(), redact_url(url));
    let shown = name.clone();
    let factory = move |_stop: &omma_media::Stop| -> Result<Box<dyn PacketProducer>, MediaError> {
        let inlet = omma_bus::dialect::open_inlet(&address, camera.as_str())
            .map_err(|error| failed(&shown, &error))?;
        Ok(Box::new(Relay::new(&shown, runtime.clone(), inlet, left_out.clone())))
    };
    Ok(SourceSpec::relay(&name, Arc::new(factory)))
}

/// A camera that another process of the same system reads.
#[derive(Clone)]
pub(crate) struct Relayed {
    pub(crate) topics: LazyTopics,
    /// The analysis of the camera, where it is in this process's hands: it says where to begin.
    pub(crate) mandate: Option<Arc<Mandate>>,
}

/// The source of a camera that another process reads.
pub(crate) fn relayed(
    camera: &CameraId,
    relayed: Relayed,
    runtime: Handle,
    left_out: Counter,
) -> SourceSpec {
    let name = format!("{}/frames/{camera}", relayed.topics.broker().shown());
    let (camera, shown) = (camera.clone(), name.clone());
    let factory = move |_stop: &omma_media::Stop| -> Result<Box<dyn PacketProducer>, MediaError> {
        let start = relayed.mandate.as_ref().map_or(Start::Newest, |mandate| mandate.start());
        let reader = omma::Reader::over(relayed.topics.clone(), camera.as_str(), start);
        let inlet = Box::new(Shared { reader, mandate: relayed.mandate.clone() });
        Ok(Box::new(Relay::new(&shown, runtime.clone(), inlet, left_out.clone())))
    };
    SourceSpec::relay(&name, Arc::new(factory))
}

/// What another process reads, with the places of keyframes noted for whoever goes on.
struct Shared {
    reader: omma::Reader,
    mandate: Option<Arc<Mandate>>,
}

impl Inlet for Shared {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        Box::pin(async {
            let (frame, at) = self.reader.next_frame().await?;
            if let Some(mandate) = self.mandate.as_ref().filter(|_| frame.keyframe) {
                mandate.passed_keyframe(frame.stamp.wall, at);
            }
            Ok(Inbound::Frame(frame))
        })
    }

    fn left_out(&self) -> u64 {
        self.reader.left_out()
    }
}

/// One connection to a stream on a bus.
struct Relay {
    name: String,
    runtime: Handle,
    inlet: Box<dyn Inlet>,
    /// Only for senders of pixels.
    encoder: Option<JpegEncoder>,
    /// Whether a picture that can't be used was told.
    said: bool,
    left_out: Counter,
    /// What of the inlet's count is in `left_out`.
    counted: u64,
}

impl PacketProducer for Relay {
    fn next(&mut self, deadline: Instant) -> Result<Option<RelayedPacket>, MediaError> {
        let inlet = &mut self.inlet;
        let waiting = async { tokio::time::timeout_at(deadline.into(), inlet.next()).await };
        let waited = self.runtime.block_on(waiting);
        self.count();
        let frame = match waited {
            Ok(Ok(Inbound::Frame(frame) | Inbound::Detected(frame, _))) => frame,
            Ok(Err(error)) => return Err(failed(&self.name, &error)),
            Err(_elapsed) => return Ok(None),
        };
        match self.packet(*frame) {
            Ok(packet) => Ok(Some(packet)),
            Err(reason) => {
                if !self.said {
                    tracing::warn!(source = %self.name, reason, "a picture can't be used");
                    self.said = true;
                }
                self.left_out.increment(1);
                Ok(None)
            }
        }
    }
}

impl Relay {
    fn new(name: &str, runtime: Handle, inlet: Box<dyn Inlet>, left_out: Counter) -> Self {
        let name = name.to_owned();
        Self { name, runtime, inlet, encoder: None, said: false, left_out, counted: 0 }
    }

    /// Counts what the inlet has left out since it was last asked.
    fn count(&mut self) {
        let left_out = self.inlet.left_out();
        self.left_out.increment(left_out.saturating_sub(self.counted));
        self.counted = left_out;
    }

    fn packet(&mut self, frame: Frame) -> Result<RelayedPacket, String> {
        let stamp = frame.stamp;
        let mut packet = RelayedPacket {
            codec: "mjpeg".to_owned(),
            extradata: Vec::new(),
            size: (stamp.size.width > 0).then_some(stamp.size),
            stream_start: frame.stream_start,
            seq: stamp.seq,
            pts: stamp.media,
            dts: stamp.media,
            duration: Duration::ZERO,
            keyframe: frame.keyframe,
            wall: stamp.wall,
            wall_source: stamp.wall_source,
            data: frame.data,
        };
        match frame.form {
            FrameForm::Jpeg => {}
            FrameForm::Packet(form) => {
                packet.codec = form.codec;
                packet.extradata = form.extradata.to_vec();
                packet.dts = form.decode;
                packet.duration = form.duration;
            }
            FrameForm::Bgr => {
                let encoder = match &mut self.encoder {
                    Some(encoder) => encoder,
                    None => self.encoder.insert(JpegEncoder::new().map_err(|e| e.to_string())?),
                };
                let jpeg = encoder.encode_bgr(&packet.data, stamp.size, QUALITY);
                packet.data = jpeg.map_err(|error| error.to_string())?.to_vec().into();
            }
        }
        Ok(packet)
    }
}

fn failed(name: &str, error: &BusError) -> MediaError {
    MediaError::new(error.kind(), name, error.to_string(), "it is opened again by itself")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    /// Finds three messages that are no pictures whenever it is asked, and nothing else.
    struct Rubbish(u64);

    impl Inlet for Rubbish {
        fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
            self.0 += 3;
            Box::pin(std::future::pending())
        }

        fn left_out(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn what_is_left_out_is_counted_once() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let telemetry = Telemetry::new();
        let left_out = telemetry.camera(&CameraId::new("edge").unwrap()).left_out.clone();
        let handle = runtime.handle().clone();
        let mut relay = Relay::new("edge", handle, Box::new(Rubbish(0)), left_out);
        for _ in 0..2 {
            assert!(relay.next(Instant::now()).is_ok_and(|packet| packet.is_none()));
        }
        let told = telemetry.render();
        assert!(told.contains("omma_bus_left_out_total{camera=\"edge\"} 6"), "{told}");
    }
}
