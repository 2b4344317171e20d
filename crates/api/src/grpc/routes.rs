//! All gRPC services as routes, to be answered by a [`crate::port::Port`], which brings
//! encryption, tokens and bounds.

use std::sync::Arc;

use axum::Router;
use omma_engine::Handle;
use tonic::service::Routes;
use tonic_health::ServingStatus;

use super::image::{Desks, ImageService};
use super::omma::OmmaService;
use super::proto::DESCRIPTION;
use super::proto::chrysalis::image_server::ImageServer;
use super::proto::omma::omma_server::OmmaServer;
use crate::server::Ending;

/// The largest request: an annotation with a long outline.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// The services over `handle`: both of `proto/`, health and reflection. `strict`: whether a
/// camera's name that there is not is a mistake in video-edge-ai-proxy's service.
pub(crate) async fn services(handle: Handle, strict: bool, ending: Ending) -> Router {
    let desks = Arc::new(Desks::new(handle.clone()));
    let image = ImageService::new(handle.clone(), Arc::clone(&desks), strict, ending.clone());
    let image = ImageServer::new(image).max_decoding_message_size(MAX_REQUEST_BYTES);
    let omma = OmmaService::new(handle, desks, ending.clone());
    let omma = OmmaServer::new(omma).max_decoding_message_size(MAX_REQUEST_BYTES);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ImageServer<ImageService>>().await;
    reporter.set_serving::<OmmaServer<OmmaService>>().await;
    tokio::spawn(async move {
        let mut ending = ending;
        ending.wait().await;
        for service in ["", "omma.v1.Omma", "chrys.cloud.videostreaming.v1beta1.Image"] {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
    });
    let mut routes = Routes::new(image).add_service(omma).add_service(health);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTION)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Clients of both generations are around. A description that is none is a mistake in the
    // build, which the tests see.
    match reflection().build_v1() {
        Ok(service) => routes = routes.add_service(service),
        Err(error) => tracing::error!(%error, "reflection v1 is off"),
    }
    match reflection().build_v1alpha() {
        Ok(service) => routes = routes.add_service(service),
        Err(error) => tracing::error!(%error, "reflection v1alpha is off"),
    }
    routes.into_axum_router()
}
