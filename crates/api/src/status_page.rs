//! `GET /`: all cameras at a glance, for people.
//!
//! One file without anything from elsewhere, so that it works in a network without internet.
//! Whatever has a name in it is set as text by the script, never as markup.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};

const PAGE: &str = include_str!("status_page.html");

/// The page. Its own style and script carry a number that is new each time; a browser runs
/// nothing else (Content Security Policy Level 3).
pub(crate) async fn page() -> Response {
    let nonce = format!("{:016x}{:016x}", random(), random());
    let policy = format!(
        "default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; \
         style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'self'"
    );
    let page = PAGE.replace("{{nonce}}", &nonce).replace("{{version}}", env!("CARGO_PKG_VERSION"));
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

/// A number that nobody outside can guess: the standard library seeds its hash maps so.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
