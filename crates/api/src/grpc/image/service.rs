//! The eight calls. What each does, and where it differs from the original, is said in
//! `proto/chrysalis/video_streaming.proto`.

use std::sync::Arc;

use omma_engine::annotations::{Annotation, AnnotationBox, AnnotationError, Coordinate, Location};
use omma_engine::{CameraState, CameraStatus, Handle};
use omma_types::{CameraId, ErrorKind};
use parking_lot::Mutex;
use tonic::{Request, Response, Status, Streaming};

use super::desk::Desks;
use super::latest::Latest;
use super::past;
use super::views::Views;
use crate::chrysalis::state::DockerState;
use crate::grpc::answer::{Answer, Teller};
use crate::grpc::proto::chrysalis as wire;
use crate::grpc::proto::chrysalis::image_server::Image;
use crate::grpc::status;
use crate::server::Ending;

/// The service.
pub(in crate::grpc) struct ImageService {
    handle: Handle,
    names: Names,
    latest: Arc<Latest>,
    ending: Ending,
}

/// Finds cameras by the names that clients use.
#[derive(Clone)]
pub(super) struct Names {
    handle: Handle,
    /// Whether a name that no camera has is a mistake.
    strict: bool,
}

/// What a client's name for a camera stands for.
pub(super) enum Known {
    /// This camera.
    Camera(CameraId),
    /// None, and the client is to be answered as if it showed nothing.
    Nobody,
}

impl Names {
    /// The camera called `name`.
    pub(super) fn find(&self, name: &str) -> Result<Known, Status> {
        let camera = CameraId::new(name).ok().filter(|id| self.handle.camera(id).is_some());
        match camera {
            Some(camera) => Ok(Known::Camera(camera)),
            None if self.strict => Err(self.nobody(name)),
            None => Ok(Known::Nobody),
        }
    }

    /// The camera called `name`, for calls that change something.
    fn find_to_change(&self, name: &str) -> Result<CameraId, Status> {
        if name.is_empty() {
            return Err(Status::invalid_argument("device_id is missing: name a camera"));
        }
        match self.find(name)? {
            Known::Camera(camera) => Ok(camera),
            // As the original, also where it is not strict.
            Known::Nobody => Err(Status::invalid_argument(self.nobody(name).message())),
        }
    }

    fn nobody(&self, name: &str) -> Status {
        let known: Vec<CameraId> = self.handle.cameras().into_iter().map(|c| c.id).collect();
        status::no_camera(name, &known)
    }
}

impl ImageService {
    pub(in crate::grpc) fn new(
        handle: Handle,
        desks: Arc<Desks>,
        strict: bool,
        ending: Ending,
    ) -> Self {
        let names = Names { handle: handle.clone(), strict };
        let views = Mutex::new(Views::default());
        let latest = Arc::new(Latest { names: names.clone(), desks, views });
        Self { handle, names, latest, ending }
    }
}

#[tonic::async_trait]
impl Image for ImageService {
    type VideoLatestImageStream = Answer<wire::VideoFrame>;
    type VideoBufferedImageStream = Answer<wire::VideoFrame>;
    type ListStreamsStream = Answer<wire::ListStream>;

    async fn video_latest_image(
        &self,
        request: Request<Streaming<wire::VideoFrameRequest>>,
    ) -> Result<Response<Self::VideoLatestImageStream>, Status> {
        Ok(Response::new(self.latest.answer(request, self.ending.clone())))
    }

    async fn video_buffered_image(
        &self,
        request: Request<wire::VideoFrameBufferedRequest>,
    ) -> Result<Response<Self::VideoBufferedImageStream>, Status> {
        let span = past::span(request.get_ref(), past::now())?;
        let camera = match self.names.find(&request.get_ref().device_id)? {
            Known::Camera(camera) => camera,
            Known::Nobody => return Ok(Response::new(Box::pin(futures_util::stream::empty()))),
        };
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        Ok(Response::new(Teller::answer(request.metadata(), ending, |teller| {
            past::tell(handle, camera, span, teller)
        })))
    }

    async fn video_probe(
        &self,
        request: Request<wire::VideoProbeRequest>,
    ) -> Result<Response<wire::VideoProbeResponse>, Status> {
        let camera = match self.names.find(&request.get_ref().device_id)? {
            Known::Camera(camera) => camera,
            Known::Nobody => {
                let video_codec = Some(wire::VideoCodec::default());
                return Ok(Response::new(wire::VideoProbeResponse { video_codec, buffer: None }));
            }
        };
        let (stream, ring) =
            self.handle.stream(&camera).map_err(|error| status::of_engine(&error))?;
        let seen = self.latest.desks.desk(&camera).sent_as();
        let video_codec = stream.map(|info| {
            let size = info.size.unwrap_or_default();
            let extradata = bytes::Bytes::copy_from_slice(info.extradata());
            wire::VideoCodec {
                name: info.codec.to_owned(),
                width: size.width.cast_signed(),
                height: size.height.cast_signed(),
                pix_fmt: info.pixel_format().or(seen).unwrap_or_default().to_owned(),
                extradata_size: i32::try_from(extradata.len()).unwrap_or(i32::MAX),
                extradata,
                long_name: info.codec_long_name().to_owned(),
            }
        });
        let buffer = ring.start.zip(ring.end).map(|(start, end)| {
            let length = end.since(start);
            let frames = ring.pictures as i64;
            // Between n pictures there are n - 1 steps.
            let fps = (frames - 1) as f64 / length.as_secs_f64().max(1e-6);
            wire::VideoBuffer {
                start_time: start.as_millis(),
                end_time: end.as_millis(),
                duration_seconds: length.as_secs().cast_signed(),
                approximate_fps: fps.round() as i32,
                frames,
            }
        });
        let video_codec = Some(video_codec.unwrap_or_default());
        Ok(Response::new(wire::VideoProbeResponse { video_codec, buffer }))
    }

    async fn list_streams(
        &self,
        _request: Request<wire::ListStreamRequest>,
    ) -> Result<Response<Self::ListStreamsStream>, Status> {
        let cameras = self.handle.cameras();
        let streams = cameras.into_iter().map(|camera| Ok(list_stream(camera)));
        Ok(Response::new(Box::pin(futures_util::stream::iter(streams))))
    }

    async fn annotate(
        &self,
        request: Request<wire::AnnotateRequest>,
    ) -> Result<Response<wire::AnnotateResponse>, Status> {
        let annotation = annotation(request.into_inner());
        let outcome = self.handle.annotations().add(&annotation).await;
        outcome.map_err(|error| annotation_refused(&error))?;
        Ok(Response::new(wire::AnnotateResponse {
            device_name: annotation.device_name,
            remote_stream_id: annotation.remote_stream_id,
            r#type: annotation.kind,
            start_timestamp: annotation.start_timestamp,
        }))
    }

    async fn proxy(
        &self,
        request: Request<wire::ProxyRequest>,
    ) -> Result<Response<wire::ProxyResponse>, Status> {
        let wire::ProxyRequest { device_id, passthrough } = request.into_inner();
        let camera = self.names.find_to_change(&device_id)?;
        let known = self.handle.pass_through(&camera);
        // What has no address is not passed on: stopping that is done already.
        if passthrough || known.is_ok_and(|status| status.is_some()) {
            let outcome = self.handle.set_pass_through(&camera, passthrough).await;
            outcome.map_err(|error| status::of_engine(&error))?;
        }
        Ok(Response::new(wire::ProxyResponse { device_id, passthrough }))
    }

    async fn storage(
        &self,
        request: Request<wire::StorageRequest>,
    ) -> Result<Response<wire::StorageResponse>, Status> {
        let wire::StorageRequest { device_id, start } = request.into_inner();
        let camera = self.names.find_to_change(&device_id)?;
        let outcome = self.handle.set_recording(&camera, start).await;
        outcome.map_err(|error| status::of_engine(&error))?;
        Ok(Response::new(wire::StorageResponse { device_id, start }))
    }

    async fn system_time(
        &self,
        _request: Request<wire::SystemTimeRequest>,
    ) -> Result<Response<wire::SystemTimeResponse>, Status> {
        let current_time = past::now().as_millis();
        Ok(Response::new(wire::SystemTimeResponse { current_time }))
    }
}

/// A camera's state in the words of Docker, which clients of the original know.
fn list_stream(camera: CameraStatus) -> wire::ListStream {
    let docker = DockerState::of(&camera);
    let health = match camera.state {
        CameraState::Online | CameraState::Paused | CameraState::Ended => "healthy",
        CameraState::Connecting if camera.attempts == 0 => "starting",
        CameraState::Connecting
        | CameraState::Stalled
        | CameraState::Offline
        | CameraState::Failed => "unhealthy",
    };
    wire::ListStream {
        name: camera.id.as_str().to_owned(),
        status: docker.status.to_owned(),
        failing_streak: camera.attempts.into(),
        health_status: health.to_owned(),
        dead: camera.state == CameraState::Failed,
        exit_code: docker.exit_code.into(),
        pid: if docker.running { std::process::id().cast_signed() } else { 0 },
        running: docker.running,
        paused: docker.paused,
        restarting: docker.restarting,
        oomkilled: false,
        error: camera.reason,
    }
}

fn annotation(request: wire::AnnotateRequest) -> Annotation {
    let coordinate = |c: wire::Coordinate| Coordinate { x: c.x, y: c.y, z: c.z };
    Annotation {
        device_name: request.device_name,
        kind: request.r#type,
        start_timestamp: request.start_timestamp,
        remote_stream_id: request.remote_stream_id,
        end_timestamp: request.end_timestamp,
        object_type: request.object_type,
        object_id: request.object_id,
        object_tracking_id: request.object_tracking_id,
        confidence: request.confidence,
        object_bouding_box: request.object_bouding_box.map(|b| AnnotationBox {
            top: b.top,
            left: b.left,
            width: b.width,
            height: b.height,
        }),
        location: request.location.map(|l| Location { lat: l.lat, lon: l.lon }),
        object_coordinate: request.object_coordinate.map(coordinate),
        mask: request.mask.into_iter().map(coordinate).collect(),
        object_signature: request.object_signature,
        ml_model: request.ml_model,
        ml_model_version: request.ml_model_version,
        width: request.width,
        height: request.height,
        is_keyframe: request.is_keyframe,
        video_type: request.video_type,
        offset_timestamp: request.offset_timestamp,
        offset_duration: request.offset_duration,
        offset_frame_id: request.offset_frame_id,
        offset_packet_id: request.offset_packet_id,
        custom_meta_1: request.custom_meta_1,
        custom_meta_2: request.custom_meta_2,
        custom_meta_3: request.custom_meta_3,
        custom_meta_4: request.custom_meta_4,
        custom_meta_5: request.custom_meta_5,
    }
}

/// The original's codes: what can't be accepted as it is, also for want of somebody to deliver
/// it to, is an invalid argument.
fn annotation_refused(error: &AnnotationError) -> Status {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::Unsupported => Status::invalid_argument(message),
        ErrorKind::Full => Status::resource_exhausted(message),
        ErrorKind::Busy => Status::unavailable(message),
        _ => {
            tracing::error!(%error, "an annotation could not be kept");
            Status::internal(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_engine::FrameCounts;
    use omma_types::WallTime;

    use super::*;

    fn camera(state: CameraState, attempts: u32) -> CameraStatus {
        CameraStatus {
            id: CameraId::new("door").unwrap(),
            source: String::new(),
            state,
            reason: "because".to_owned(),
            since: WallTime::default(),
            attempts,
            stream: None,
            decoding: false,
            detector: None,
            frames: FrameCounts::default(),
            people: 0,
            objects: 0,
        }
    }

    #[test]
    fn states_have_the_originals_words() {
        for state in CameraState::ALL {
            for attempts in [0, 2] {
                let told = list_stream(camera(state, attempts));
                assert_eq!((told.name.as_str(), told.error.as_str()), ("door", "because"));
                let known = ["created", "running", "restarting", "paused", "exited"];
                assert!(known.contains(&told.status.as_str()), "{state:?}");
                assert_eq!(told.exit_code != 0, state == CameraState::Failed);
                assert_eq!(told.failing_streak, i64::from(attempts));
                assert!(!told.oomkilled);
            }
        }
        let word = |state, attempts| list_stream(camera(state, attempts)).status;
        assert_eq!(word(CameraState::Online, 0), "running");
        assert_eq!(word(CameraState::Connecting, 0), "created");
        assert_eq!(word(CameraState::Connecting, 1), "restarting");
    }
}
