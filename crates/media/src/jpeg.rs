//! Single JPEGs that somebody sent, to be looked at.

use std::time::Duration;

use bytes::Bytes;
use omma_types::{ErrorKind, FrameStamp};

use crate::source::{describe, received};
use crate::{Decoder, DecoderOptions, MediaError, Picture, RelayedPacket};

/// Decodes one JPEG after the other; they need have nothing in common.
pub struct JpegDecoder {
    decoder: Option<Decoder>,
    number: u64,
}

impl JpegDecoder {
    /// A decoder that has seen nothing yet.
    pub const fn new() -> Self {
        Self { decoder: None, number: 0 }
    }

    /// The picture in `jpeg`, which was taken as `stamp` says; its size is that of the JPEG.
    ///
    /// # Errors
    /// `Corrupt` where it is no JPEG, or a damaged one.
    pub fn decode(&mut self, jpeg: Bytes, stamp: &FrameStamp) -> Result<Picture, MediaError> {
        const NAME: &str = "JPEG";
        self.number += 1;
        let packet = RelayedPacket {
            codec: "mjpeg".to_owned(),
            extradata: Vec::new(),
            size: None,
            stream_start: false,
            seq: self.number,
            pts: stamp.media,
            dts: stamp.media,
            duration: Duration::ZERO,
            keyframe: true,
            wall: stamp.wall,
            wall_source: stamp.wall_source,
            data: jpeg,
        };
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => {
                let options = DecoderOptions { threads: 1, ..DecoderOptions::default() };
                self.decoder.insert(Decoder::new(&describe(NAME, &packet)?, options)?)
            }
        };
        decoder.send(&received(NAME, &packet)?)?;
        let picture = decoder.receive()?;
        picture.ok_or_else(|| {
            // What it holds of the damaged one must not come out with the next one.
            self.decoder = None;
            MediaError::new(ErrorKind::Corrupt, NAME, "it can't be decoded", "send another one")
        })
    }
}

impl Default for JpegDecoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_imaging::{ColorMatrix, ColorRange, JpegEncoder, YuvImage};
    use omma_types::{MediaTime, Size, WallSource, WallTime};

    #[test]
    fn jpegs_of_any_sizes_come_out_and_others_are_refused() {
        let stamp = FrameStamp {
            seq: 9,
            media: MediaTime::from_secs_f64(2.0),
            wall: WallTime::from_millis(1_700_000_000_000),
            wall_source: WallSource::Arrival,
            size: Size::default(),
        };
        let mut encoder = JpegEncoder::new().unwrap();
        let mut decoder = JpegDecoder::new();
        for size in [Size::new(320, 180), Size::new(64, 48)] {
            let image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt601);
            let jpeg = Bytes::copy_from_slice(encoder.encode(&image.view(), 80).unwrap());
            let picture = decoder.decode(jpeg, &stamp).unwrap();
            assert_eq!((picture.stamp().size, picture.stamp().wall), (size, stamp.wall));
        }
        let error = decoder.decode(Bytes::from_static(b"no picture"), &stamp).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
