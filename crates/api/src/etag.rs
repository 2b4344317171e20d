//! Which settings somebody has seen (`ETag`), and that a change is to be made only where those
//! still hold (`If-Match`, RFC 9110 section 13.1.1): two people who edit the same camera do not
//! undo each other's work.

use std::hash::{BuildHasher as _, RandomState};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use omma_engine::config::CameraConfig;
use serde_json::Value;

use crate::error::ApiError;

/// Makes the tags of what can be changed. All that is in it counts, secrets too: therefore a key
/// that nobody knows is mixed in, and a tag tells nothing of what it stands for. The key is
/// another one after a restart, when a page that was open reads its settings again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags(RandomState);

impl Tags {
    /// The tag of `settings`.
    pub(crate) fn of(&self, settings: &Value) -> String {
        let text = settings.to_string();
        // Two halves, so that two settings never look the same.
        format!("\"{:016x}{:016x}\"", self.0.hash_one((0, &text)), self.0.hash_one((1, &text)))
    }

    /// The tag of a camera's settings, its passwords included.
    pub(crate) fn of_camera(&self, camera: &CameraConfig) -> String {
        self.of(&camera.to_json(false))
    }
}

/// The header that tells a tag.
pub(crate) fn header(tag: &str) -> [(HeaderName, HeaderValue); 1] {
    // Hexadecimal digits are good in a header.
    let value = HeaderValue::from_str(tag);
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

    /// Whether it is so where what is there has the tag `now`. A weak tag (`W/…`) is never that.
    pub(crate) fn is_met(&self, now: Option<&str>) -> bool {
        match (self, now) {
            (Self::Whatever, _) | (Self::Anything, Some(_)) => true,
            (_, None) => false,
            (Self::OneOf(tags), Some(now)) => tags.iter().any(|tag| tag == now),
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
        let wanted = IfMatch::parse(&["\"x\", ", "\"seen\""]);
        assert!(wanted.is_met(Some("\"seen\"")));
        assert!(!wanted.is_met(Some("\"other\"")) && !wanted.is_met(None));
        assert!(IfMatch::parse(&[]).is_met(None), "nobody asked for anything");
        let anything = IfMatch::parse(&["*"]);
        assert!(anything.is_met(Some("\"other\"")) && !anything.is_met(None));
        assert!(!IfMatch::parse(&["W/\"seen\""]).is_met(Some("\"seen\"")));
    }

    #[test]
    fn a_tag_is_that_of_its_settings_and_tells_nothing_of_them() {
        let tags = Tags::default();
        let (one, other) = (json!({ "url": "rtsp://u:one@h" }), json!({ "url": "rtsp://u:two@h" }));
        assert_eq!(tags.of(&one), tags.clone().of(&one.clone()));
        assert_ne!(tags.of(&one), tags.of(&other), "the password alone");
        assert_ne!(tags.of(&one), Tags::default().of(&one), "a password can't be tried out");
        assert_eq!(header(&tags.of(&one))[0].1.len(), 34);
    }
}
