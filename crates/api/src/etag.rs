//! Which settings somebody has seen (`ETag`), and that a change is to be made only where those
//! still hold (`If-Match`, RFC 9110 section 13.1.1): two people who edit the same camera do not
//! undo each other's work.

use std::fmt::Write as _;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// Bytes of the digest that are told: enough that two settings never look the same.
const LENGTH: usize = 16;

/// The tag of settings as they are shown. Secrets are not in it, so that it tells nothing of
/// them; and it is the same after a restart, so that a page that was open goes on.
fn tag(settings: &Value) -> String {
    let digest = Sha256::digest(settings.to_string());
    let mut tag = String::from("\"");
    for byte in digest.iter().take(LENGTH) {
        let _infallible = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// The header with the tag of settings as they are shown.
pub(crate) fn header(settings: &Value) -> [(HeaderName, HeaderValue); 1] {
    // Hexadecimal digits are good in a header.
    let value = HeaderValue::from_str(&tag(settings));
    [(header::ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))]
}

/// What the asker wants to be so before something is changed.
#[derive(Debug, PartialEq)]
pub(crate) enum IfMatch {
    /// Nothing was said.
    Whatever,
    /// There is something.
    Anything,
    /// It is one of these.
    OneOf(Vec<String>),
}

impl IfMatch {
    fn parse(lines: &[&str]) -> Self {
        match lines {
            [] => Self::Whatever,
            lines if lines.iter().any(|line| line.trim() == "*") => Self::Anything,
            lines => {
                let tags = lines.iter().flat_map(|line| line.split(','));
                Self::OneOf(tags.map(|tag| tag.trim().to_owned()).collect())
            }
        }
    }

    /// Whether it is so where `now` holds. A weak tag (`W/…`) is never the one that is there.
    pub(crate) fn is_met(&self, now: Option<&Value>) -> bool {
        match (self, now) {
            (Self::Whatever, _) | (Self::Anything, Some(_)) => true,
            (_, None) => false,
            (Self::OneOf(tags), Some(now)) => tags.contains(&tag(now)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let lines: Result<Vec<&str>, _> =
            parts.headers.get_all(header::IF_MATCH).iter().map(HeaderValue::to_str).collect();
        match lines {
            Ok(lines) => Ok(Self::parse(&lines)),
            Err(_no_text) => Err(ApiError::invalid(
                "`If-Match` holds what is no tag",
                "send what `ETag` said, or leave it out",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_seen_is_changed() {
        let (seen, other) = (json!({ "url": "a.mp4" }), json!({ "url": "b.mp4" }));
        let wanted = IfMatch::parse(&["\"x\", ", &tag(&seen)]);
        assert!(wanted.is_met(Some(&seen)));
        assert!(!wanted.is_met(Some(&other)) && !wanted.is_met(None));
        assert!(IfMatch::parse(&[]).is_met(None), "nobody asked for anything");
        let anything = IfMatch::parse(&["*"]);
        assert!(anything.is_met(Some(&other)) && !anything.is_met(None));
        assert!(!IfMatch::parse(&[&format!("W/{}", tag(&seen))]).is_met(Some(&seen)));
    }
}
