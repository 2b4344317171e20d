//! What a viewer of live video is told.

use serde::Serialize;
use utoipa::ToSchema;

/// A film begins: what follows is to be appended to a `SourceBuffer` of this type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Film)]
pub struct FilmDto {
    /// The exact type (RFC 6381).
    #[schema(example = "video/mp4; codecs=\"avc1.640028\"")]
    pub mime: String,
    /// Time in the stream of the picture that is at 0 in the film, in milliseconds: the same
    /// clock as in analyses, to draw what was found on the picture in which it was found.
    pub media_ms: f64,
    /// When that picture was taken, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Packets left out in front of it, because this viewer was slow or nothing could begin
    /// with them.
    pub missed: u64,
}
