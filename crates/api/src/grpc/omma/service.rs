//! The calls of `omma.v1.Omma`, documented in `proto/omma/v1/omma.proto`.

use std::sync::Arc;

use omma_engine::Handle;
use omma_types::{CameraId, EventKind};
use tonic::{Request, Response, Status};

use super::frames::Wish;
use super::{analyses, cameras, convert, events, frames};
use crate::grpc::answer::{Answer, Teller};
use crate::grpc::image::Desks;
use crate::grpc::proto::omma as wire;
use crate::grpc::proto::omma::omma_server::Omma;
use crate::grpc::status;
use crate::server::Ending;

/// The service.
pub(in crate::grpc) struct OmmaService {
    handle: Handle,
    desks: Arc<Desks>,
    ending: Ending,
}

impl OmmaService {
    pub(in crate::grpc) fn new(handle: Handle, desks: Arc<Desks>, ending: Ending) -> Self {
        Self { handle, desks, ending }
    }

    /// Cameras that there are, by their names.
    fn known(&self, names: &[String]) -> Result<Vec<CameraId>, Status> {
        names.iter().map(|name| self.find(name)).collect()
    }

    fn find(&self, name: &str) -> Result<CameraId, Status> {
        let camera = CameraId::new(name).ok().filter(|id| self.handle.camera(id).is_some());
        camera.ok_or_else(|| {
            let known: Vec<CameraId> = self.handle.cameras().into_iter().map(|c| c.id).collect();
            status::no_camera(name, &known)
        })
    }
}

#[tonic::async_trait]
impl Omma for OmmaService {
    type WatchCamerasStream = Answer<wire::WatchCamerasResponse>;
    type StreamFramesStream = Answer<wire::StreamFramesResponse>;
    type StreamAnalysesStream = Answer<wire::StreamAnalysesResponse>;
    type StreamEventsStream = Answer<wire::StreamEventsResponse>;

    async fn list_cameras(
        &self,
        _request: Request<wire::ListCamerasRequest>,
    ) -> Result<Response<wire::ListCamerasResponse>, Status> {
        let cameras = self.handle.cameras().into_iter().map(convert::camera).collect();
        Ok(Response::new(wire::ListCamerasResponse { cameras }))
    }

    async fn watch_cameras(
        &self,
        request: Request<wire::WatchCamerasRequest>,
    ) -> Result<Response<Self::WatchCamerasStream>, Status> {
        let wanted = self.known(&request.get_ref().cameras)?;
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        Ok(Response::new(Teller::answer(request.metadata(), ending, |teller| {
            cameras::watch(handle, wanted, teller)
        })))
    }

    async fn stream_frames(
        &self,
        request: Request<wire::StreamFramesRequest>,
    ) -> Result<Response<Self::StreamFramesStream>, Status> {
        let wish = Wish::new(request.get_ref())?;
        let camera = self.find(&request.get_ref().camera)?;
        let desk = self.desks.desk(&camera);
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        Ok(Response::new(Teller::answer(request.metadata(), ending, |teller| {
            frames::tell(handle, camera, wish, desk, teller)
        })))
    }

    async fn stream_analyses(
        &self,
        request: Request<wire::StreamAnalysesRequest>,
    ) -> Result<Response<Self::StreamAnalysesStream>, Status> {
        let wanted = self.known(&request.get_ref().cameras)?;
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        Ok(Response::new(Teller::answer(request.metadata(), ending, |teller| {
            analyses::tell(handle, wanted, teller)
        })))
    }

    async fn stream_events(
        &self,
        request: Request<wire::StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let wire::StreamEventsRequest { cameras, kinds, after_seq } = request.get_ref().clone();
        // One that is no longer there can have events.
        let name = |name: &String| {
            CameraId::new(name).map_err(|error| Status::invalid_argument(error.to_string()))
        };
        let cameras = cameras.iter().map(name).collect::<Result<_, _>>()?;
        if let Some(unknown) = kinds.iter().find(|k| !EventKind::WORDS.contains(&k.as_str())) {
            let unknown: String = unknown.chars().take(64).collect();
            let reason = format!(
                "no event is called `{unknown}`; there are: {}",
                EventKind::WORDS.join(", ")
            );
            return Err(Status::invalid_argument(reason));
        }
        if after_seq.is_some_and(|after| after < 0) {
            return Err(Status::invalid_argument("`after_seq` must be 0 or a number of an event"));
        }
        let wishes = events::Wishes { cameras, kinds };
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        Ok(Response::new(Teller::answer(request.metadata(), ending, |teller| {
            events::tell(handle, wishes, after_seq, teller)
        })))
    }
}
