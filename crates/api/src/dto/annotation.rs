//! Annotations, as they come in and how their delivery goes.
//!
//! Names and meanings are those of video-edge-ai-proxy, misspelled ones included; the right
//! spelling is understood as well.
#![expect(
    clippy::large_stack_frames,
    reason = "the description that is derived of so many fields is made in one function"
)]

use omma_engine::annotations::{
    Annotation, AnnotationBox, AnnotationsStatus, Coordinate, Location,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What another program found out about a moment or a span of a camera's pictures. Times are
/// milliseconds since 1970. What is empty, zero or absent counts as not said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Annotation)]
pub struct AnnotationDto {
    /// The camera. Required.
    #[schema(example = "door", required = true)]
    pub device_name: String,
    /// What it is, e.g. `moving`. Required.
    #[serde(rename = "type")]
    #[schema(example = "moving", required = true)]
    pub kind: String,
    /// When it began; within seven days of now. Required.
    #[schema(required = true)]
    pub start_timestamp: i64,
    /// When it ended.
    pub end_timestamp: i64,
    /// The stream's name elsewhere.
    pub remote_stream_id: String,
    /// What the object is.
    #[schema(example = "person")]
    pub object_type: String,
    /// The object's identity.
    pub object_id: String,
    /// The object's track.
    pub object_tracking_id: String,
    /// How sure it is, mostly 0 to 1.
    pub confidence: f64,
    /// The object's box in pixels. (`object_bounding_box` is understood as well.)
    #[serde(alias = "object_bounding_box")]
    pub object_bouding_box: Option<AnnotationBoxDto>,
    /// Where on Earth.
    pub location: Option<LocationDto>,
    /// Where in a space of the sender's choice.
    pub object_coordinate: Option<CoordinateDto>,
    /// The object's outline.
    pub mask: Vec<CoordinateDto>,
    /// The object's features.
    pub object_signature: Vec<f64>,
    /// The model that found it.
    pub ml_model: String,
    /// The model's version.
    pub ml_model_version: String,
    /// The picture's width in pixels.
    pub width: i32,
    /// The picture's height in pixels.
    pub height: i32,
    /// Whether it was seen in a keyframe. (`is_keyframe` is understood as well.)
    #[serde(rename = "is_keyrame", alias = "is_keyframe")]
    pub is_keyframe: bool,
    /// What kind of video it is.
    pub video_type: String,
    /// Offset within a video.
    pub offset_timestamp: i64,
    /// Length within a video.
    pub offset_duration: i64,
    /// Number of the picture within a video.
    pub offset_frame_id: i64,
    /// Number of the packet within a video.
    pub offset_packet_id: i64,
    /// Anything.
    pub custom_meta_1: String,
    /// Anything.
    pub custom_meta_2: String,
    /// Anything.
    pub custom_meta_3: String,
    /// Anything.
    pub custom_meta_4: String,
    /// Anything.
    pub custom_meta_5: String,
}

/// A box in pixels.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AnnotationBox)]
pub struct AnnotationBoxDto {
    /// From the top edge.
    pub top: i32,
    /// From the left edge.
    pub left: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

/// A place on Earth, in degrees.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Location)]
pub struct LocationDto {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

/// A point in a space of the sender's choice.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Coordinate)]
pub struct CoordinateDto {
    /// First axis.
    pub x: f64,
    /// Second axis.
    pub y: f64,
    /// Third axis.
    pub z: f64,
}

/// One annotation, or a list of them. Only for the description of the API: what is wrong with
/// a request could not be told from here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Annotations)]
pub enum AnnotationsDto {
    /// One.
    One(Box<AnnotationDto>),
    /// At most 299, all or none.
    List(Vec<AnnotationDto>),
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedAnnotations)]
pub struct AcceptedAnnotationsDto {
    /// In the order of the request. They are on the disk and will be delivered.
    pub accepted: Vec<AcceptedAnnotationDto>,
}

/// An annotation that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedAnnotation)]
pub struct AcceptedAnnotationDto {
    /// The camera.
    pub device_name: String,
    /// The stream's name elsewhere.
    pub remote_stream_id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it began.
    pub start_timestamp: i64,
}

/// How the delivery of annotations goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnnotationsStatus)]
pub struct AnnotationsStatusDto {
    /// Where they are delivered to, without secrets; `null` where `annotations.url` is not
    /// set.
    pub target: Option<String>,
    /// Accepted and not delivered yet.
    pub waiting: u64,
    /// Set aside because the receiver called them wrong.
    pub dead: u64,
    /// Delivered since the start.
    pub delivered: u64,
    /// Failed requests since the start.
    pub failed_attempts: u64,
    /// Failed requests since the last one that worked.
    pub failures_in_a_row: u32,
    /// The last failure since the start.
    pub last_failure: Option<DeliveryFailureDto>,
}

/// A failed delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryFailure)]
pub struct DeliveryFailureDto {
    /// When.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
    /// Why.
    #[schema(example = "it answered with status 503")]
    pub reason: String,
}

/// What was put back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevivedAnnotations)]
pub struct RevivedAnnotationsDto {
    /// How many annotations will be delivered once more.
    pub revived: u64,
}

impl From<AnnotationDto> for Annotation {
    fn from(dto: AnnotationDto) -> Self {
        let coordinate = |c: CoordinateDto| Coordinate { x: c.x, y: c.y, z: c.z };
        Self {
            device_name: dto.device_name,
            kind: dto.kind,
            start_timestamp: dto.start_timestamp,
            remote_stream_id: dto.remote_stream_id,
            end_timestamp: dto.end_timestamp,
            object_type: dto.object_type,
            object_id: dto.object_id,
            object_tracking_id: dto.object_tracking_id,
            confidence: dto.confidence,
            object_bouding_box: dto.object_bouding_box.map(|b| AnnotationBox {
                top: b.top,
                left: b.left,
                width: b.width,
                height: b.height,
            }),
            location: dto.location.map(|l| Location { lat: l.lat, lon: l.lon }),
            object_coordinate: dto.object_coordinate.map(coordinate),
            mask: dto.mask.into_iter().map(coordinate).collect(),
            object_signature: dto.object_signature,
            ml_model: dto.ml_model,
            ml_model_version: dto.ml_model_version,
            width: dto.width,
            height: dto.height,
            is_keyframe: dto.is_keyframe,
            video_type: dto.video_type,
            offset_timestamp: dto.offset_timestamp,
            offset_duration: dto.offset_duration,
            offset_frame_id: dto.offset_frame_id,
            offset_packet_id: dto.offset_packet_id,
            custom_meta_1: dto.custom_meta_1,
            custom_meta_2: dto.custom_meta_2,
            custom_meta_3: dto.custom_meta_3,
            custom_meta_4: dto.custom_meta_4,
            custom_meta_5: dto.custom_meta_5,
        }
    }
}

impl From<&Annotation> for AcceptedAnnotationDto {
    fn from(annotation: &Annotation) -> Self {
        Self {
            device_name: annotation.device_name.clone(),
            remote_stream_id: annotation.remote_stream_id.clone(),
            kind: annotation.kind.clone(),
            start_timestamp: annotation.start_timestamp,
        }
    }
}

impl From<AnnotationsStatus> for AnnotationsStatusDto {
    fn from(status: AnnotationsStatus) -> Self {
        Self {
            target: status.target,
            waiting: status.waiting,
            dead: status.dead,
            delivered: status.delivered,
            failed_attempts: status.failed_attempts,
            failures_in_a_row: status.failures_in_a_row,
            last_failure: status.last_failure.map(|failure| DeliveryFailureDto {
                time: failure.time.to_string(),
                time_ms: failure.time.as_millis(),
                reason: failure.reason,
            }),
        }
    }
}
