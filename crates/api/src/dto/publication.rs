//! Cameras that are published in other systems' formats, as they are shown.

use omma_engine::PublicationStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// How publishing a camera does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Publication)]
pub struct PublicationDto {
    /// The camera.
    #[schema(example = "door")]
    pub camera: String,
    /// Whose format: `omma`, `redisedge`, `deepvision`, `chrysalis` or `imagebus`.
    #[schema(example = "redisedge")]
    pub dialect: &'static str,
    /// The stream's key, device or source by that dialect's naming.
    #[schema(example = "camera:0")]
    pub name: String,
    /// Where, without secrets.
    #[schema(example = "redis://broker:6379")]
    pub broker: String,
    /// `waiting` (the camera does not run, or has given no picture yet), `online`, `offline`
    /// (the broker is tried again and again) or `failed` (it can't work as configured).
    #[schema(example = "online")]
    pub state: &'static str,
    /// Why, for people; empty while all is well.
    pub reason: String,
    /// Since when it is in this state.
    pub since: String,
    /// The same in milliseconds since 1970.
    pub since_ms: i64,
    /// Pictures written since the start.
    pub pictures: u64,
    /// Analyses written since the start.
    pub analyses: u64,
    /// Pictures not written since the start, for whatever reason.
    pub dropped: u64,
    /// Pictures written a second, over the last seconds.
    pub fps: f64,
}

impl From<PublicationStatus> for PublicationDto {
    fn from(status: PublicationStatus) -> Self {
        Self {
            camera: status.camera.to_string(),
            dialect: status.dialect,
            name: status.name,
            broker: status.broker,
            state: status.state.as_str(),
            reason: status.reason,
            since: status.since.to_string(),
            since_ms: status.since.as_millis(),
            pictures: status.published,
            analyses: status.analyses,
            dropped: status.dropped,
            fps: status.rate,
        }
    }
}
