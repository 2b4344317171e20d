//! The portal's files, which `make` builds from `web/` and which are part of the program: one
//! file is all there is to install.
//!
//! A build without them (`cargo build` alone, without Node) says so in place of the portal.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::rest::system;

/// What `npm run build` has left. A program that was built for tests reads it from the disk.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// The page of all places: its script looks at the address.
const PAGE: &str = "index.html";

const NOT_BUILT: &str = "<!doctype html><title>Omma</title><p>Omma runs, and was built without its \
    portal: build it with <code>make build</code>. Its interface for programs is described at \
    <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.";

/// Nothing runs in the page but the portal's own files (Content Security Policy Level 3). Styles
/// may stand in the page: the library of its components puts its colours there.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; frame-ancestors 'self'",
);

/// The names of these files have a print of what is in them.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Kept, but asked for each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Whether a path is the portal's, its pages' and its files', and not the API's: nothing that is
/// there is secret, and without it nobody could log in.
pub(crate) fn is_place(path: &str) -> bool {
    let is_picture = || path.ends_with("/live.mjpg") || path.ends_with("/snapshot.jpg");
    match path {
        "/metrics" | "/healthz" | "/readyz" | "/api" => false,
        _ if path.starts_with("/api/") => false,
        _ => !(path.starts_with("/cameras/") && is_picture()),
    }
}

/// What is at a path that no route has.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_asked = method == Method::GET || method == Method::HEAD;
    if !is_asked || !is_place(uri.path()) {
        return system::nothing_here(uri).await.into_response();
    }
    if let Some(kind) = kind(path) {
        return match Files::get(path) {
            Some(file) => answer(path, file, kind, &headers),
            None => system::nothing_here(uri).await.into_response(),
        };
    }
    if path.is_empty() || accepts(&headers, header::ACCEPT, "text/html") {
        return match Files::get(PAGE) {
            Some(page) => answer(PAGE, page, "text/html; charset=utf-8", &headers),
            None => Html(NOT_BUILT).into_response(),
        };
    }
    system::nothing_here(uri).await.into_response()
}

/// The media type of a file of the portal; none for the path of a page.
fn kind(path: &str) -> Option<&'static str> {
    let (_, end) = path.rsplit_once('.')?;
    match end {
        "js" => Some("text/javascript"),
        "css" => Some("text/css"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

/// A file, compressed where the browser takes that; nothing of it where the browser has it.
fn answer(path: &str, file: EmbeddedFile, kind: &'static str, headers: &HeaderMap) -> Response {
    let tag = tag(&file);
    let keep = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let mut said = HeaderMap::from_iter([
        (header::CACHE_CONTROL, keep),
        (header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ]);
    said.extend(tag.clone().map(|tag| (header::ETAG, tag)));
    if tag.is_some() && headers.get(header::IF_NONE_MATCH) == tag.as_ref() {
        return (StatusCode::NOT_MODIFIED, said).into_response();
    }
    said.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let compressed = if accepts(headers, header::ACCEPT_ENCODING, "gzip") {
        Files::get(&format!("{path}.gz"))
    } else {
        None
    };
    match compressed {
        Some(compressed) => {
            said.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            (said, compressed.data).into_response()
        }
        None => (said, file.data).into_response(),
    }
}

/// What stands for a file's content.
fn tag(file: &EmbeddedFile) -> Option<HeaderValue> {
    let hash: String = file.metadata.sha256_hash().iter().map(|b| format!("{b:02x}")).collect();
    // Weak: the same for the compressed form (RFC 9110, section 8.8.1).
    HeaderValue::try_from(format!("W/\"{hash}\"")).ok()
}

/// Whether a header that lists what is taken names this.
fn accepts(headers: &HeaderMap, header: HeaderName, what: &str) -> bool {
    let values = headers.get_all(header);
    let mut taken = values.iter().filter_map(|value| value.to_str().ok());
    taken.any(|value| value.split([',', ';']).any(|part| part.trim() == what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_no_place_of_the_portal() {
        for path in [
            "/api/v1/cameras",
            "/api",
            "/api/",
            "/metrics",
            "/healthz",
            "/readyz",
            "/cameras/door/live.mjpg",
            "/cameras/door/snapshot.jpg",
        ] {
            assert!(!is_place(path), "{path}");
        }
        for path in ["/", "/cameras", "/cameras/door", "/assets/a.js", "/setup", "/apis"] {
            assert!(is_place(path), "{path}");
        }
    }

    #[test]
    fn a_header_that_names_it_takes_it() {
        let one = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
            accepts(&headers, header::ACCEPT, "text/html")
        };
        assert!(one("text/html") && one("a/b, text/html;q=0.9, */*") && one("text/html; q=1"));
        assert!(!one("*/*") && !one("text/htmlx") && !one(""));
        assert!(!accepts(&HeaderMap::new(), header::ACCEPT, "text/html"));
    }
}
