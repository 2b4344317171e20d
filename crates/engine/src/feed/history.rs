//! Pictures of a camera's recent past, decoded out of its ring when somebody asks.

use std::sync::Arc;

use omma_media::{Decoder, DecoderOptions, Packet, Picture, StreamInfo};
use omma_types::{CameraId, WallTime};
use tokio::sync::mpsc;

use crate::error::EngineError;

/// Decoded pictures that wait for the reader; the thread waits then.
const WAITING: usize = 2;

/// Every picture of a span of time, in order.
pub struct HistoryFeed {
    pictures: mpsc::Receiver<Result<Picture, EngineError>>,
}

impl HistoryFeed {
    /// Decodes `packets` on a thread of its own and gives the pictures taken from `from` to
    /// `to`, both included.
    pub(crate) fn start(
        camera: &CameraId,
        past: Option<(Arc<StreamInfo>, Vec<Packet>)>,
        from: WallTime,
        to: WallTime,
    ) -> Result<Self, EngineError> {
        let (sender, pictures) = mpsc::channel(WAITING);
        if let Some((info, packets)) = past {
            std::thread::Builder::new()
                .name(format!("past-{camera}"))
                .spawn(move || {
                    if let Err(error) = decode(&info, &packets, from, to, &sender) {
                        // Whoever asked may be gone.
                        drop(sender.blocking_send(Err(error.into())));
                    }
                })
                .map_err(|source| EngineError::System {
                    what: format!("cannot start a thread for the past of camera `{camera}`"),
                    source,
                })?;
        }
        Ok(Self { pictures })
    }

    /// The next picture; none after the last one.
    ///
    /// # Errors
    /// The packets can't be decoded.
    pub async fn next(&mut self) -> Option<Result<Picture, EngineError>> {
        self.pictures.recv().await
    }
}

fn decode(
    info: &StreamInfo,
    packets: &[Packet],
    from: WallTime,
    to: WallTime,
    sender: &mpsc::Sender<Result<Picture, EngineError>>,
) -> Result<(), omma_media::MediaError> {
    let mut decoder = Decoder::new(info, DecoderOptions::default())?;
    // True while somebody listens and the span is not over.
    let tell = |decoder: &mut Decoder| -> Result<bool, omma_media::MediaError> {
        while let Some(picture) = decoder.receive()? {
            let wall = picture.stamp().wall;
            if wall > to {
                return Ok(false);
            }
            if wall >= from && sender.blocking_send(Ok(picture)).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    };
    for packet in packets {
        decoder.send(packet)?;
        if !tell(&mut decoder)? {
            return Ok(());
        }
    }
    decoder.flush()?;
    tell(&mut decoder).map(drop)
}
