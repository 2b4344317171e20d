//! What the WebSocket says.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AnalysisDto, EventDto};

/// One message of the WebSocket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Message)]
pub enum MessageDto {
    /// A picture was analysed.
    Analysis {
        /// What was found.
        analysis: AnalysisDto,
    },
    /// Something happened.
    Event {
        /// What.
        event: Box<EventDto>,
    },
    /// This client reads too slowly: so many messages were left out. Events that were left
    /// out can be read from `/api/v1/events?order=oldest&after_seq=…`.
    Lagged {
        /// Messages left out since the last one that was sent, of all kinds and cameras.
        missed: u64,
    },
}
