//! Pictures in, H.264 packets out: for simulated cameras and for files.

use omma_imaging::YuvView;
use omma_types::Size;

use crate::av::{
    AvError, AvFrame, AvPacket, CodecParameters, EncoderContext, EncoderSettings, Scaler,
    scale_view,
};

/// An H.264 encoder that takes pictures of any size and colours and brings them to its own.
pub(crate) struct H264Encoder {
    context: EncoderContext,
    /// The picture on its way into the encoder.
    staging: AvFrame,
    scaler: Scaler,
}

impl H264Encoder {
    pub(crate) fn new(settings: &EncoderSettings<'_>) -> Result<Self, AvError> {
        Ok(Self {
            context: EncoderContext::new(settings)?,
            staging: AvFrame::yuv420p(settings.size, settings.range, settings.matrix)?,
            scaler: Scaler::new(),
        })
    }

    pub(crate) fn parameters(&self) -> Result<CodecParameters, AvError> {
        self.context.parameters()
    }

    /// Sends one picture. One that is larger by a last odd column or row loses it; any other
    /// size is scaled.
    pub(crate) fn encode(&mut self, view: &YuvView<'_>, ticks: i64) -> Result<(), AvError> {
        self.staging.make_writable()?;
        let same_colours =
            view.range == self.staging.range() && view.matrix == self.staging.matrix();
        if same_colours && even(view.size()) == self.staging.size() {
            self.staging.copy_from(view);
        } else {
            scale_view(&mut self.scaler, view, &mut self.staging)?;
        }
        self.staging.set_pts(ticks);
        self.context.send(Some(&self.staging))
    }

    /// No more pictures come; [`Self::receive`] gives what is left.
    pub(crate) fn end(&mut self) -> Result<(), AvError> {
        self.context.send(None)
    }

    /// The next packet, if one is ready.
    pub(crate) fn receive(&mut self) -> Result<Option<AvPacket>, AvError> {
        self.context.receive()
    }
}

/// H.264 in 4:2:0 has even sizes only.
pub(crate) fn even(size: Size) -> Size {
    Size::new(size.width & !1, size.height & !1)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
    use omma_types::{MediaTime, WallSource, WallTime};

    use super::*;
    use crate::{Medium, Packet, StreamInfo};

    /// Black pictures in packets, a keyframe every 10.
    pub(crate) fn film(pictures: u64) -> (StreamInfo, Vec<Packet>) {
        let size = Size::new(64, 48);
        let canvas = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let mut encoder = H264Encoder::new(&EncoderSettings {
            size,
            range: canvas.range(),
            matrix: canvas.matrix(),
            ticks: 25,
            frame_rate: Some(25.0),
            gop: 10,
            threads: 1,
            options: &[("tune", "zerolatency".to_owned())],
        })
        .unwrap();
        let parameters = encoder.parameters().unwrap();
        let info = StreamInfo {
            codec: parameters.codec_name(),
            size: Some(size),
            frame_rate: Some(25.0),
            time_base: (1, 25),
            audio: None,
            duration: None,
            frames: None,
            container: "test".to_owned(),
            parameters: Arc::new(parameters),
        };
        let mut packets = Vec::new();
        for seq in 0..pictures {
            encoder.encode(&canvas.view(), seq as i64).unwrap();
            let packet = encoder.receive().unwrap().unwrap();
            let pts = MediaTime::from_ticks(seq as i64, 1, 25);
            packets.push(Packet {
                medium: Medium::Video,
                seq,
                pts,
                dts: pts,
                duration: Duration::from_millis(40),
                keyframe: packet.is_keyframe(),
                arrival: Instant::now(),
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                pts_is_known: true,
                data: Arc::new(packet),
            });
        }
        (info, packets)
    }
}
