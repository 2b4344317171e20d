//! The page of `DeepVision`: a small document with the picture, and the picture.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use omma_engine::Handle;

use crate::redisedge;
use crate::server::Ending;

const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
                    <title>DeepVision</title></head>\n<body style=\"margin:0;background:#111\">\
                    <img src=\"/video\" alt=\"live picture\" style=\"max-width:100%\">\
                    </body>\n</html>\n";

/// The page of the entry that stands at `at` in the configuration's `publish`. Its moving
/// picture has the same form as redisedge's.
pub(crate) fn routes(handle: Handle, at: usize, ending: Ending) -> Router {
    redisedge::routes(handle, at, ending).route("/", get(page).post(page))
}

async fn page() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE)
}
