//! A simulated camera: pictures made here, encoded to H.264 and paced like a camera's.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_types::{ErrorKind, MediaTime, WallSource, WallTime};

use super::pace::Pacer;
use crate::av::{AvError, EncoderSettings};
use crate::encoder::H264Encoder;
use crate::{
    MediaError, Medium, Packet, PictureProducer, ProducerFactory, SourceSpec, Stop, StreamInfo,
};

/// Ticks a second: divides all usual frame rates.
const TICKS: i32 = 90_000;
/// Seconds from one keyframe to the next.
const GOP_SECONDS: f64 = 2.0;

pub(super) struct Produced {
    name: String,
    stop: Stop,
    producer: Box<dyn PictureProducer>,
    canvas: YuvImage,
    encoder: H264Encoder,
    info: StreamInfo,
    frame_rate: f64,
    pacer: Option<Pacer>,
    opened_wall: WallTime,
    /// Pictures rendered.
    rendered: u64,
    /// Packets given out.
    seq: u64,
}

impl Produced {
    pub(super) fn open(
        spec: &SourceSpec,
        factory: &ProducerFactory,
        stop: &Stop,
    ) -> Result<Self, MediaError> {
        let producer = factory();
        let (size, frame_rate) = (producer.size(), producer.frame_rate());
        let invalid = |reason: String| {
            MediaError::new(ErrorKind::Invalid, spec.name(), reason, "choose other values")
        };
        if size.width < 16 || size.height < 16 || size.width % 2 != 0 || size.height % 2 != 0 {
            return Err(invalid(format!("{size} is no size for H.264 (even, 16x16 or more)")));
        }
        if !(0.1..=240.0).contains(&frame_rate) {
            return Err(invalid(format!("{frame_rate} pictures a second can't be encoded")));
        }
        let canvas = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let options = [("preset", "ultrafast".to_owned()), ("tune", "zerolatency".to_owned())];
        let encoder = H264Encoder::new(&EncoderSettings {
            size,
            range: canvas.range(),
            matrix: canvas.matrix(),
            ticks: TICKS,
            frame_rate: Some(frame_rate),
            gop: (frame_rate * GOP_SECONDS).round().max(1.0) as u32,
            threads: 1,
            options: &options,
        })
        .map_err(|error| encode_error(spec.name(), error))?;
        let parameters = encoder.parameters().map_err(|error| encode_error(spec.name(), error))?;
        let info = StreamInfo {
            codec: parameters.codec_name(),
            size: Some(size),
            frame_rate: Some(frame_rate),
            time_base: (1, TICKS),
            audio: None,
            duration: None,
            frames: None,
            container: "producer".to_owned(),
            parameters: Arc::new(parameters),
        };
        Ok(Self {
            name: spec.name().to_owned(),
            stop: stop.clone(),
            producer,
            canvas,
            encoder,
            info,
            frame_rate,
            pacer: spec.paced.then(Pacer::default),
            opened_wall: SystemTime::now().into(),
            rendered: 0,
            seq: 0,
        })
    }

    pub(super) fn info(&self) -> &StreamInfo {
        &self.info
    }

    pub(super) fn read(&mut self) -> Result<Packet, MediaError> {
        loop {
            if self.stop.is_stopped() {
                return Err(MediaError::stopped(&self.name));
            }
            let seconds = self.rendered as f64 / self.frame_rate;
            let media = MediaTime::from_secs_f64(seconds);
            if let Some(pacer) = &mut self.pacer
                && self.stop.wait_until(pacer.due(media, Instant::now()))
            {
                return Err(MediaError::stopped(&self.name));
            }
            // The picture is "taken" now; rendering and encoding are this camera's latency.
            let (arrival, now) = (Instant::now(), SystemTime::now());
            self.producer.render(&mut self.canvas);
            self.rendered += 1;
            let ticks = (seconds * f64::from(TICKS)).round() as i64;
            let packet = self
                .encoder
                .encode(&self.canvas.view(), ticks)
                .and_then(|()| self.encoder.receive())
                .map_err(|error| encode_error(&self.name, error))?;
            // Without look-ahead each picture gives its packet at once; should an encoder hold
            // one back, the next turn gives it.
            let Some(packet) = packet else { continue };
            let media = MediaTime::from_ticks(packet.pts().unwrap_or(ticks), 1, TICKS);
            let wall = if self.pacer.is_some() {
                now.into()
            } else {
                let nanos = u64::try_from(media.as_nanos()).unwrap_or(0);
                self.opened_wall + Duration::from_nanos(nanos)
            };
            let seq = self.seq;
            self.seq += 1;
            return Ok(Packet {
                medium: Medium::Video,
                seq,
                pts: media,
                // Without B-frames pictures are decoded in the order of showing.
                dts: media,
                duration: Duration::from_secs_f64(1.0 / self.frame_rate),
                keyframe: packet.is_keyframe(),
                arrival,
                wall,
                wall_source: WallSource::Arrival,
                pts_is_known: true,
                data: Arc::new(packet),
            });
        }
    }
}

fn encode_error(name: &str, error: AvError) -> MediaError {
    MediaError::new(
        ErrorKind::Unsupported,
        name,
        format!("encoding to H.264 failed: {}", error.text()),
        "install an FFmpeg with libx264",
    )
}
