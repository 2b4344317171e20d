//! StreamAnalyses: what is found in the cameras' pictures, as it comes.

use omma_bus::native::analysis_message;
use omma_engine::{Handle, Message};
use omma_types::CameraId;
use tokio::sync::broadcast::error::RecvError;
use tonic::Status;

use crate::grpc::answer::Teller;
use crate::grpc::proto::omma::StreamAnalysesResponse;

/// A client that is more messages behind than this gets newer ones instead.
const MAX_BEHIND: usize = 64;

/// Tells the analyses of `wanted` (of all cameras, where it is empty).
pub(super) async fn tell(
    handle: Handle,
    wanted: Vec<CameraId>,
    mut teller: Teller<StreamAnalysesResponse>,
) -> Result<(), Status> {
    let mut news = handle.subscribe();
    let mut dropped = 0;
    loop {
        teller.ready().await?;
        match news.recv().await {
            Ok(Message::Analysis(analysis)) => {
                if !wanted.is_empty() && !wanted.contains(&analysis.camera) {
                    continue;
                }
                if news.len() > MAX_BEHIND {
                    dropped += 1;
                    continue;
                }
                let analysis = Some(analysis_message(&analysis));
                teller.tell(StreamAnalysesResponse { analysis, dropped }).await?;
                dropped = 0;
            }
            Ok(Message::Event(..)) => {}
            Err(RecvError::Lagged(missed)) => dropped += missed,
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}
