//! Pictures of a camera's recent past for programs of video-edge-ai-proxy that ask for them:
//! decoded out of the camera's ring, one request after the other.

use std::sync::{Arc, Weak};

use omma_bus::dialect::chrysalis::{PastAnswer, PastRequest, PastRequests};
use omma_bus::{BusError, Wanted};
use omma_types::WallTime;

use super::convert::Converter;
use crate::backoff::Backoff;
use crate::config::PublishConfig;
use crate::error::EngineError;
use crate::feed::HistoryFeed;
use crate::shared::{Shared, random_seed};

/// Answers for as long as there is an engine.
pub(super) async fn answer_all(entry: PublishConfig, shared: Weak<Shared>) {
    let mut requests = PastRequests::new(entry.broker.clone(), &entry.name);
    let mut backoff = Backoff::new(random_seed());
    let mut trouble = false;
    loop {
        let request = match requests.next().await {
            Ok(request) => request,
            Err(error) => {
                if !std::mem::replace(&mut trouble, true) {
                    let camera = &entry.camera;
                    tracing::warn!(%camera, %error, "requests for pictures of the past are not heard");
                }
                if matches!(error, BusError::Broker { .. }) {
                    return;
                }
                tokio::time::sleep(backoff.next_delay()).await;
                continue;
            }
        };
        trouble = false;
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = answer(&entry, &request, &shared).await {
            let camera = &entry.camera;
            tracing::warn!(%camera, %error, "a request for pictures of the past is not answered whole");
        }
    }
}

async fn answer(
    entry: &PublishConfig,
    request: &PastRequest,
    shared: &Arc<Shared>,
) -> Result<(), EngineError> {
    let mut answer = PastAnswer::new(entry.broker.clone(), &entry.name, request)?;
    let from = request.from.unwrap_or(WallTime::from_micros(0));
    let past =
        shared.camera(&entry.camera).and_then(|camera| camera.main().ok()?.past(from, request.to));
    let mut pictures = HistoryFeed::start(&entry.camera, past, from, request.to)?;
    let broken = |reason: String| EngineError::Source { camera: entry.camera.to_string(), reason };
    let mut converter = Converter::new(entry.camera.clone()).map_err(|e| broken(e.to_string()))?;
    while let Some(picture) = pictures.next().await {
        let picture = picture?;
        let making = tokio::task::spawn_blocking(move || {
            let frame = converter.frame(&picture, Wanted::Bgr);
            (converter, frame)
        });
        let (tools, frame) = making.await.map_err(|error| broken(error.to_string()))?;
        converter = tools;
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        if !answer.frame(&frame).await? {
            return Ok(());
        }
    }
    Ok(answer.end().await?)
}
