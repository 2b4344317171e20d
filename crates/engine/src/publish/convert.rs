//! Pictures and packets in the form in which outlets want them.

use std::time::Duration;

use bytes::Bytes;
use omma_bus::{Frame, FrameForm, PacketForm, Wanted};
use omma_imaging::{ImagingError, JpegEncoder, append_bgr};
use omma_media::{Packet, Picture, StreamInfo};
use omma_types::{CameraId, FrameStamp, Size};

/// Makes frames of pictures. Keeps its working memory, so one serves many pictures.
pub(super) struct Converter {
    camera: CameraId,
    encoder: JpegEncoder,
    /// Nothing was made yet of the stream that runs.
    is_new: bool,
    last_seq: u64,
}

impl Converter {
    pub(super) fn new(camera: CameraId) -> Result<Self, ImagingError> {
        Ok(Self { camera, encoder: JpegEncoder::new()?, is_new: true, last_seq: 0 })
    }

    /// `picture` as JPEG or pixels. Packets are not made of pictures: those come out as pixels.
    pub(super) fn frame(
        &mut self,
        picture: &Picture,
        wanted: Wanted,
    ) -> Result<Frame, ImagingError> {
        let stamp = picture.stamp();
        let view = picture.view();
        let (form, data) = match wanted {
            Wanted::Jpeg(quality) => {
                (FrameForm::Jpeg, Bytes::copy_from_slice(self.encoder.encode(&view, quality)?))
            }
            Wanted::Bgr | Wanted::Packets => {
                let mut pixels = Vec::new();
                append_bgr(&view, &mut pixels)?;
                (FrameForm::Bgr, pixels.into())
            }
        };
        let size = view.size();
        Ok(Frame {
            camera: self.camera.to_string(),
            stamp: FrameStamp { size, ..stamp },
            form,
            keyframe: picture.is_keyframe(),
            stream_start: self.is_start(stamp.seq),
            data,
        })
    }

    /// `packet` of a stream that `info` tells of.
    pub(super) fn packet(&mut self, packet: &Packet, info: &StreamInfo) -> Frame {
        let extradata =
            if packet.keyframe { Bytes::copy_from_slice(info.extradata()) } else { Bytes::new() };
        let form = PacketForm {
            codec: info.codec.to_owned(),
            extradata,
            decode: packet.dts,
            duration: packet.duration.max(Duration::ZERO),
        };
        Frame {
            camera: self.camera.to_string(),
            stamp: FrameStamp {
                seq: packet.seq,
                media: packet.pts,
                wall: packet.wall,
                wall_source: packet.wall_source,
                size: info.size.unwrap_or(Size::new(0, 0)),
            },
            form: FrameForm::Packet(form),
            keyframe: packet.keyframe,
            stream_start: self.is_start(packet.seq),
            data: Bytes::copy_from_slice(packet.data()),
        }
    }

    /// The packets that follow have nothing to do with those before.
    pub(super) fn restart(&mut self) {
        self.is_new = true;
    }

    fn is_start(&mut self, seq: u64) -> bool {
        let is_start = std::mem::take(&mut self.is_new) || seq < self.last_seq;
        self.last_seq = seq;
        is_start
    }
}
