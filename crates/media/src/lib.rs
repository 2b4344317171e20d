//! Compressed video: sources, the GOP ring, decoders, encoders, writers, probing. The only
//! room with FFmpeg; it knows nothing of detection, of the bus, or of Tokio.
//!
//! Every source yields compressed packets ([`Source`], [`Packet`]), also the simulated
//! camera. Nothing is decoded unless somebody asks a [`Decoder`], and since the [`GopRing`]
//! keeps the current group of pictures, whoever asks late misses nothing. Pictures stay in
//! FFmpeg's own buffers and are shared, not copied ([`Picture`]).
//!
//! All calls block; callers run them on threads of their own. No call on a network source
//! outlives its deadline, and [`Stop`] ends any wait.

mod av;
mod boxes;
mod byte_stream;
mod decoder;
mod encoder;
mod error;
mod fragment;
mod hardware;
mod jpeg;
mod live_encoder;
mod packet;
mod parameter_sets;
mod pusher;
mod ring;
mod source;
mod spec;
mod stop;
mod survey;
mod timing;
mod writer;

pub use boxes::{Fragment, FragmentHeader, FragmentPart, FragmentReader, FragmentTrack, TrackKind};
pub use byte_stream::ByteStream;
pub use decoder::{Decoder, DecoderOptions, DecoderStats, Picture, PictureKind, Skip};
pub use error::MediaError;
pub use fragment::FragmentMuxer;
pub use hardware::{Hardware, HardwareUse};
pub use jpeg::JpegDecoder;
pub use live_encoder::{LiveEncoder, LiveOptions, Taken};
pub use packet::{AudioInfo, Medium, Packet, StreamInfo};
pub use parameter_sets::ParameterSets;
pub use pusher::Pusher;
pub use ring::GopRing;
pub use source::{PacketFactory, PacketProducer, RelayedPacket, Source, probe};
pub use spec::{PictureProducer, ProducerFactory, SourceSpec, Transport};
pub use stop::Stop;
pub use survey::{Gop, Survey, survey};
pub use writer::{FrameRate, Layout, VideoWriter, WriterOptions};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_share_can_be_shared() {
        fn is_send<T: Send>() {}
        fn is_shared<T: Send + Sync + Clone>() {}
        is_send::<Source>();
        is_send::<Decoder>();
        is_send::<VideoWriter>();
        is_send::<LiveEncoder>();
        is_send::<GopRing>();
        is_send::<FragmentMuxer>();
        is_send::<Pusher>();
        is_shared::<Packet>();
        is_shared::<Picture>();
        is_shared::<StreamInfo>();
        is_shared::<SourceSpec>();
        is_shared::<Stop>();
        is_shared::<MediaError>();
    }
}
