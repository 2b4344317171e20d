//! A simulated camera: pictures made here, encoded to H.264 and paced like a camera's.

use std::time::{Duration, Instant, SystemTime};

use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_types::{ErrorKind, MediaTime, WallSource, WallTime};

use super::pace::Pacer;
use crate::live_encoder::{LiveEncoder, LiveOptions, Taken};
use crate::{MediaError, Packet, PictureProducer, ProducerFactory, SourceSpec, Stop, StreamInfo};

/// From one keyframe to the next.
const KEYFRAMES: Duration = Duration::from_secs(2);

pub(super) struct Produced {
    name: String,
    stop: Stop,
    producer: Box<dyn PictureProducer>,
    canvas: YuvImage,
    encoder: LiveEncoder,
    frame_rate: f64,
    pacer: Option<Pacer>,
    opened_wall: WallTime,
    /// Pictures rendered.
    rendered: u64,
}

impl Produced {
    pub(super) fn open(
        spec: &SourceSpec,
        factory: &ProducerFactory,
        stop: &Stop,
    ) -> Result<Self, MediaError> {
        let producer = factory();
        let (size, frame_rate) = (producer.size(), producer.frame_rate());
        if size.width % 2 != 0 || size.height % 2 != 0 {
            let reason = format!("{size} is no size for H.264 (even, 16x16 or more)");
            let advice = "choose other values";
            return Err(MediaError::new(ErrorKind::Invalid, spec.name(), reason, advice));
        }
        let canvas = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let options = LiveOptions { frame_rate, keyframes: KEYFRAMES, preset: "ultrafast" };
        Ok(Self {
            name: spec.name().to_owned(),
            stop: stop.clone(),
            producer,
            encoder: LiveEncoder::new(spec.name(), &canvas.view(), &options)?,
            canvas,
            frame_rate,
            pacer: spec.paced.then(Pacer::default),
            opened_wall: SystemTime::now().into(),
            rendered: 0,
        })
    }

    pub(super) fn info(&self) -> &StreamInfo {
        self.encoder.info()
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
            let wall = if self.pacer.is_some() {
                now.into()
            } else {
                let nanos = u64::try_from(media.as_nanos()).unwrap_or(0);
                self.opened_wall + Duration::from_nanos(nanos)
            };
            let taken = Taken { media, wall, wall_source: WallSource::Arrival, arrival };
            if let Some(packet) = self.encoder.encode(&self.canvas.view(), &taken)? {
                return Ok(packet);
            }
        }
    }
}
