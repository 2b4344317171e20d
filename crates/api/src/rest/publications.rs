//! `/api/v1/publications`: how cameras that are published for other systems do.

use axum::Json;
use axum::extract::State;

use crate::dto::PublicationDto;
use crate::server::App;

/// All published cameras
///
/// In the order of the configuration. A camera may be there several times: for each place and
/// form in which it is published, and for each kind of message that is written by itself.
#[utoipa::path(
    get, path = "/api/v1/publications", operation_id = "list_publications", tag = "publications",
    responses((status = 200, description = "Each and how it does", body = Vec<PublicationDto>))
)]
pub(crate) async fn list(State(app): State<App>) -> Json<Vec<PublicationDto>> {
    Json(app.handle.publications().into_iter().map(Into::into).collect())
}
