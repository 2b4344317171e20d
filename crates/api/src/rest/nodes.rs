//! `/api/v1/nodes`: the processes that share the work.

use axum::Json;
use axum::extract::State;

use crate::dto::NodeDto;
use crate::server::App;

/// All processes that share the work
///
/// Each follows the same log, so that each of them can answer. Empty where one process does all
/// the work.
#[utoipa::path(
    get, path = "/api/v1/nodes", operation_id = "list_nodes", tag = "nodes",
    responses((status = 200, description = "Each process, and who does what", body = Vec<NodeDto>))
)]
pub(crate) async fn list(State(app): State<App>) -> Json<Vec<NodeDto>> {
    Json(app.handle.nodes().into_iter().map(Into::into).collect())
}
