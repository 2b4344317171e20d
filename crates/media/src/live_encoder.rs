//! Pictures in, packets out: what a camera that is made here (simulated, or derived from
//! another one) gives in place of a real camera's packets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_imaging::YuvView;
use omma_types::{ErrorKind, MediaTime, Size, WallSource, WallTime};

use crate::av::{AvError, EncoderSettings};
use crate::encoder::{H264Encoder, even};
use crate::{MediaError, Medium, Packet, StreamInfo};

/// Ticks a second: divides all usual frame rates.
const TICKS: i32 = 90_000;

/// The smallest picture that the encoder takes, on either side.
const SMALLEST: u32 = 16;

/// How a [`LiveEncoder`] encodes.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Pictures a second, as far as is known: a keyframe comes after as many of them as fit
    /// between two.
    pub frame_rate: f64,
    /// From one keyframe to the next.
    pub keyframes: Duration,
    /// Preset of libx264, from `ultrafast` to `veryslow`.
    pub preset: &'static str,
}

/// When a picture that is encoded was taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Its place on the stream's clock.
    pub media: MediaTime,
    /// By the wall clock.
    pub wall: WallTime,
    /// How `wall` is known.
    pub wall_source: WallSource,
    /// When it was there to be encoded.
    pub arrival: Instant,
}

/// Encodes H.264 without delay: no picture waits for one that comes later.
pub struct LiveEncoder {
    name: String,
    encoder: H264Encoder,
    info: StreamInfo,
    duration: Duration,
    last_ticks: Option<i64>,
    seq: u64,
}

impl LiveEncoder {
    /// For pictures like `first`, which is not encoded by this; `name` is for messages. Odd
    /// sizes lose their last column or row.
    ///
    /// # Errors
    /// `Invalid` for a size or rate that can't be encoded, `Unsupported` without an encoder.
    pub fn new(name: &str, first: &YuvView<'_>, options: &LiveOptions) -> Result<Self, MediaError> {
        let size = even(first.size());
        let rate = options.frame_rate;
        let invalid = |reason: String| {
            MediaError::new(ErrorKind::Invalid, name, reason, "choose other values")
        };
        if size.width < SMALLEST || size.height < SMALLEST {
            return Err(invalid(format!("{size} is no size for H.264 (16x16 or more)")));
        }
        if !(0.1..=240.0).contains(&rate) {
            return Err(invalid(format!("{rate} pictures a second can't be encoded")));
        }
        let encoder_options =
            [("preset", options.preset.to_owned()), ("tune", "zerolatency".to_owned())];
        let encoder = H264Encoder::new(&EncoderSettings {
            size,
            range: first.range,
            matrix: first.matrix,
            ticks: TICKS,
            frame_rate: Some(rate),
            gop: (rate * options.keyframes.as_secs_f64()).round().max(1.0) as u32,
            threads: 1,
            options: &encoder_options,
        })
        .map_err(|error| encode_error(name, error))?;
        let parameters = encoder.parameters().map_err(|error| encode_error(name, error))?;
        let info = StreamInfo {
            codec: parameters.codec_name(),
            size: Some(size),
            frame_rate: Some(rate),
            time_base: (1, TICKS),
            audio: None,
            duration: None,
            frames: None,
            container: "producer".to_owned(),
            parameters: Arc::new(parameters),
        };
        let duration = Duration::from_secs_f64(1.0 / rate);
        Ok(Self { name: name.to_owned(), encoder, info, duration, last_ticks: None, seq: 0 })
    }

    /// What the packets are packets of.
    pub fn info(&self) -> &StreamInfo {
        &self.info
    }

    /// Whether pictures of `size` are encoded as they are, and not scaled.
    pub fn fits(&self, size: Size) -> bool {
        self.info.size == Some(even(size))
    }

    /// Encodes one picture. Times must rise; one that does not is put right behind the one
    /// before it. Each picture gives its packet at once; should the encoder hold one back
    /// all the same, there is none now, and the next picture gives it.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn encode(
        &mut self,
        view: &YuvView<'_>,
        taken: &Taken,
    ) -> Result<Option<Packet>, MediaError> {
        let wanted = (taken.media.as_secs_f64() * f64::from(TICKS)).round() as i64;
        let ticks = self.last_ticks.map_or(wanted, |last| wanted.max(last.saturating_add(1)));
        self.last_ticks = Some(ticks);
        let packet = self
            .encoder
            .encode(view, ticks)
            .and_then(|()| self.encoder.receive())
            .map_err(|error| encode_error(&self.name, error))?;
        let Some(packet) = packet else { return Ok(None) };
        let media = MediaTime::from_ticks(packet.pts().unwrap_or(ticks), 1, TICKS);
        let seq = self.seq;
        self.seq += 1;
        Ok(Some(Packet {
            medium: Medium::Video,
            seq,
            pts: media,
            // Without B-frames pictures are decoded in the order of showing.
            dts: media,
            duration: self.duration,
            keyframe: packet.is_keyframe(),
            arrival: taken.arrival,
            wall: taken.wall,
            wall_source: taken.wall_source,
            pts_is_known: true,
            data: Arc::new(packet),
        }))
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

#[cfg(test)]
mod tests {
    use omma_imaging::{ColorMatrix, ColorRange, YuvImage};

    use super::*;

    fn canvas(width: u32, height: u32) -> YuvImage {
        YuvImage::black(Size::new(width, height), ColorRange::Limited, ColorMatrix::Bt601)
    }

    fn options(frame_rate: f64) -> LiveOptions {
        LiveOptions { frame_rate, keyframes: Duration::from_secs(1), preset: "ultrafast" }
    }

    #[test]
    fn each_picture_gives_its_packet_at_once_and_keeps_its_time() {
        let canvas = canvas(65, 49);
        let mut encoder = LiveEncoder::new("test", &canvas.view(), &options(10.0)).unwrap();
        assert!(encoder.fits(canvas.size()) && !encoder.fits(Size::new(128, 96)));
        assert_eq!(encoder.info().size, Some(Size::new(64, 48)));
        let mut keyframes = Vec::new();
        for number in 0..25 {
            let taken = Taken {
                media: MediaTime::from_secs_f64(100.0 + f64::from(number) / 10.0),
                wall: WallTime::from_millis(i64::from(number)),
                wall_source: WallSource::SenderReport,
                arrival: Instant::now(),
            };
            let packet = encoder.encode(&canvas.view(), &taken).unwrap().unwrap();
            assert_eq!((packet.pts, packet.dts), (taken.media, taken.media));
            assert_eq!((packet.wall, packet.wall_source), (taken.wall, taken.wall_source));
            if packet.keyframe {
                keyframes.push(number);
            }
        }
        assert_eq!(keyframes, [0, 10, 20]);
    }

    #[test]
    fn times_that_do_not_rise_are_put_behind_each_other() {
        let canvas = canvas(64, 48);
        let mut encoder = LiveEncoder::new("test", &canvas.view(), &options(10.0)).unwrap();
        let mut before = None;
        for seconds in [5.0, 5.0, 1.0] {
            let taken = Taken {
                media: MediaTime::from_secs_f64(seconds),
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                arrival: Instant::now(),
            };
            let packet = encoder.encode(&canvas.view(), &taken).unwrap().unwrap();
            assert!(before < Some(packet.pts));
            before = Some(packet.pts);
        }
    }

    #[test]
    fn what_cannot_be_encoded_is_refused() {
        for (width, height, rate) in [(8, 64, 10.0), (64, 48, 0.0), (64, 48, f64::NAN)] {
            let canvas = canvas(width, height);
            let error = LiveEncoder::new("test", &canvas.view(), &options(rate)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
}
