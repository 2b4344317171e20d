//! VideoLatestImage: each request gets the newest picture that the client was not given yet.
//!
//! Registered as stream to stream. A unary client is a stream of one request on the wire, so
//! that both generations of clients are served.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::unfold;
use omma_types::CameraId;
use parking_lot::Mutex;
use tonic::{Request, Status, Streaming};

use super::desk::{Desks, Shot};
use super::service::{Known, Names};
use super::views::{Client, Views};
use crate::grpc::answer::Answer;
use crate::grpc::proto::chrysalis::{VideoFrame, VideoFrameRequest};
use crate::grpc::status;
use crate::port::Peer;
use crate::server::Ending;

/// How long a client waits for a picture when it asks for the first time: decoding may have
/// to begin, or a keyframe to come. As the original.
const FIRST_WAIT: Duration = Duration::from_millis(650);

/// How long it waits later. Then it gets an empty frame, and asks again.
const WAIT: Duration = Duration::from_millis(100);

/// The metadata by which programs that share a connection tell themselves apart.
const CLIENT_NAME: &str = "omma-client";

/// Longer names are cut.
const MAX_NAME_CHARS: usize = 64;

/// What all calls share.
pub(super) struct Latest {
    pub(super) names: Names,
    pub(super) desks: Arc<Desks>,
    pub(super) views: Mutex<Views>,
}

/// One call: a client's requests on one stream.
struct Call {
    latest: Arc<Latest>,
    client: Client,
    /// What this call was given last. A client with several long calls has a view for each.
    given: HashMap<CameraId, u64>,
    requests: Streaming<VideoFrameRequest>,
    ending: Ending,
}

impl Latest {
    pub(super) fn answer(
        self: &Arc<Self>,
        request: Request<Streaming<VideoFrameRequest>>,
        ending: Ending,
    ) -> Answer<VideoFrame> {
        let call = Call {
            latest: Arc::clone(self),
            client: client_of(&request),
            given: HashMap::new(),
            requests: request.into_inner(),
            ending,
        };
        Box::pin(unfold(Some(call), |call| async {
            let mut call = call?;
            match call.answer().await {
                Ok(Some(frame)) => Some((Ok(frame), Some(call))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }
}

impl Call {
    /// The answer to the next request; none after the last one.
    async fn answer(&mut self) -> Result<Option<VideoFrame>, Status> {
        let request = tokio::select! {
            request = self.requests.message() => request?,
            // A client that keeps its stream open without asking must not hold up the end.
            () = self.ending.wait() => return Err(status::ending()),
        };
        match request {
            Some(request) => self.next(&request).await.map(Some),
            None => Ok(None),
        }
    }

    async fn next(&mut self, request: &VideoFrameRequest) -> Result<VideoFrame, Status> {
        let camera = match self.latest.names.find(&request.device_id)? {
            Known::Camera(camera) => camera,
            Known::Nobody => {
                // Who asks in a loop is to wait as for a camera that shows nothing.
                tokio::time::sleep(WAIT).await;
                return Ok(VideoFrame::default());
            }
        };
        match self.shot(&camera, request.key_frame_only).await {
            Some(shot) => shot.frame().await,
            None => Ok(VideoFrame::default()),
        }
    }

    async fn shot(&mut self, camera: &CameraId, keyframes_only: bool) -> Option<Arc<Shot>> {
        let now = Instant::now();
        let place = self.latest.views.lock().ask(&self.client, camera, now);
        let deadline = now + if place.is_first { FIRST_WAIT } else { WAIT };
        let desk = self.latest.desks.desk(camera);
        desk.want(keyframes_only);
        // A call's first request goes on where the connection is, further ones where the call is.
        let own = self.given.get(camera).copied();
        let mut last = own.or(place.last);
        loop {
            let shot = desk.next(last, keyframes_only, deadline).await?;
            let is_new = self.latest.views.lock().give(&self.client, camera, shot.number());
            if is_new || own.is_some() {
                self.given.insert(camera.clone(), shot.number());
                return Some(shot);
            }
            // Another call of this client was faster.
            last = Some(shot.number());
        }
    }
}

fn client_of<T>(request: &Request<T>) -> Client {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let name = request.metadata().get(CLIENT_NAME).and_then(|name| name.to_str().ok());
    Client {
        address: peer.unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
        name: name.map(|name| name.chars().take(MAX_NAME_CHARS).collect()),
    }
}
