//! The processes that share the work, as the REST interface shows them.

use omma_engine::cluster::NodeStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// One of the processes that share the work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub struct NodeDto {
    /// Its name.
    #[schema(example = "east-1")]
    pub name: String,
    /// Drawn anew at each of its starts.
    #[schema(example = "8f2c06d1b7a94e35")]
    pub run: String,
    /// Whether it is the one that answers.
    pub this: bool,
    /// What it does: ingest, detect, analyze, serve.
    pub roles: Vec<&'static str>,
    /// Cameras that it reads at most, and analyses at most; 0: any number.
    pub capacity: u32,
    /// How busy its machine is: 1 is all of its processors.
    pub load: f32,
    /// How far its analysis is behind, in milliseconds.
    pub lag_ms: u64,
    /// When it was last heard of, by the broker's clock.
    pub seen: String,
    /// The cameras that it reads.
    pub reads: Vec<String>,
    /// The cameras that it analyses.
    pub analyses: Vec<String>,
}

impl From<NodeStatus> for NodeDto {
    fn from(status: NodeStatus) -> Self {
        let names = |cameras: Vec<omma_types::CameraId>| {
            cameras.iter().map(|camera| camera.as_str().to_owned()).collect()
        };
        Self {
            name: status.node.name().to_owned(),
            run: format!("{:016x}", status.node.run()),
            this: status.is_this,
            roles: status.roles.iter().map(|role| role.as_str()).collect(),
            capacity: status.capacity,
            load: status.load,
            lag_ms: u64::try_from(status.lag.as_millis()).unwrap_or(u64::MAX),
            seen: status.renewed.to_string(),
            reads: names(status.reads),
            analyses: names(status.analyses),
        }
    }
}
