//! The wire types: how things look in JSON.
//!
//! Every moment comes twice, as RFC 3339 text in UTC for people and as milliseconds since
//! 1970 for programs. Positions are fractions of the picture: x runs right, y runs down.

mod account;
mod analysis;
mod annotation;
mod camera;
mod config;
mod count;
mod event;
mod film;
mod log;
mod message;
mod model;
mod node;
mod probe;
mod publication;
mod recording;
mod review;
mod settings;
mod sink;
mod track;

pub use account::{
    AuditEntryDto, AuditPageDto, AuditParams, LoginDto, MadeTokenDto, MeDto, NewStreamTokenDto,
    NewUserDto, NewUserTokenDto, PasswordChangeDto, SetupDto, SetupStateDto, StreamTokenDto,
    UserChangeDto, UserDto, UserTokenDto, UserTokensDto, UsersDto,
};
pub use analysis::{AnalysisDto, BoxDto, DetectionDto, FrameDto, TrackDto};
pub use annotation::{
    AcceptedAnnotationDto, AcceptedAnnotationsDto, AnnotationBoxDto, AnnotationDto, AnnotationsDto,
    AnnotationsStatusDto, CoordinateDto, DeliveryFailureDto, LocationDto, RevivedAnnotationsDto,
};
pub use camera::{
    CameraDto, CamerasDto, CountsDto, DetectorDto, FramesDto, LineCountsDto, LineDto, LinksDto,
    RecordingDto, StreamDto, ZoneCountsDto, ZoneDto,
};
pub use config::{ConfigDto, ConfigQuestionDto, ConfigRemarkDto, ConfigValueDto, ConfigVerdictDto};
pub use count::{CountRowDto, CountRowsDto};
pub use event::{EventDto, EventPageDto, PathPointDto};
pub use film::FilmDto;
pub use log::{LogEntryDto, LogParams, LogsDto};
pub use message::MessageDto;
pub use model::{BenchDto, BenchQuestionDto, ModelDto, ModelsDto};
pub use node::NodeDto;
pub use probe::{
    DeviceDto, DevicesDto, DiscoverParams, FindingDto, ProbeDto, ProbeQuestionDto, ProbedAudioDto,
    ProbedVideoDto,
};
pub use publication::PublicationDto;
pub use recording::{FootageRangeDto, HistoryDto, RecordingsDto, SpanDto};
pub use review::{
    NewReviewDto, ReviewDto, ReviewedDto, ReviewedEventsDto, ReviewedEventsQuestionDto,
    ReviewedQuestionDto, ReviewsDto,
};
pub use settings::{
    CameraSettingsDto, DecodeSettingsDto, DetectSettingsDto, LineSettingsDto, NewCameraDto,
    PassThroughChangeDto, PassThroughDto, PassThroughSettingsDto, RecordSettingsDto,
    ZoneSettingsDto,
};
pub use sink::{
    DeadEventDto, DeadQuery, ReplayDto, ReplayedDto, RevivedEventsDto, SinkDto, SinkErrorDto,
};
pub use track::{
    BackfillQuestionDto, BackfilledDto, HeatMapDto, IntervalDto, PrecisionDto, PrecisionsDto,
    PreviewDto, PreviewQuestionDto, TallyDto, VerdictDto, VerdictQuestionDto,
};

use serde::Serialize;
use utoipa::ToSchema;

/// Any answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// The kind of failure, for programs.
    #[schema(example = "not_found")]
    pub kind: &'static str,
    /// What went wrong, for people.
    #[schema(example = "no camera is called `dor`")]
    pub message: String,
    /// What to do about it.
    #[schema(example = "there are: door, yard")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Whether the process runs or can work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthDto {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// Version of Omma.
    #[schema(example = "0.1.0")]
    pub version: &'static str,
}

/// Milliseconds, with microseconds behind the point.
fn millis(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
