//! What people have looked at: events, and whole spans of time.

use omma_store::Review;
use omma_types::Direction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether somebody has looked at an event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewedQuestion)]
pub struct ReviewedQuestionDto {
    /// Somebody has.
    pub reviewed: bool,
}

/// Whether somebody has looked at an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reviewed)]
pub struct ReviewedDto {
    /// Somebody has.
    pub reviewed: bool,
}

/// Whether somebody has looked at several events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewedEventsQuestion)]
pub struct ReviewedEventsQuestionDto {
    /// The events' ids, at most 1000.
    pub ids: Vec<String>,
    /// Somebody has.
    pub reviewed: bool,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewedEvents)]
pub struct ReviewedEventsDto {
    /// So many of the events there are, and are noted.
    pub events: u64,
    /// Somebody has looked at them.
    pub reviewed: bool,
}

/// A span of time that somebody has looked through from end to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReview)]
pub struct NewReviewDto {
    /// The line or zone.
    #[schema(example = "door")]
    pub rule: String,
    /// `line_crossed`, `zone_entered`, `zone_left` or `zone_dwelled`.
    #[schema(example = "line_crossed")]
    pub kind: String,
    /// `forward` or `backward` where only crossings this way were looked for.
    pub direction: Option<String>,
    /// From this time on: RFC 3339, or milliseconds since 1970 as text.
    #[schema(example = "2026-11-20T09:00:00Z")]
    pub from: String,
    /// Before this time; at most a day later.
    #[schema(example = "2026-11-20T09:15:00Z")]
    pub to: String,
    /// What happened in this time and was not counted.
    pub missed: u32,
}

/// A span of time that somebody has looked through.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub struct ReviewDto {
    /// Its number.
    pub id: i64,
    /// The line or zone.
    pub rule: String,
    /// `line_crossed`, `zone_entered`, `zone_left` or `zone_dwelled`.
    #[schema(example = "line_crossed")]
    pub kind: String,
    /// `forward` or `backward`; absent where both ways were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// From here.
    pub from: String,
    /// The same in milliseconds since 1970.
    pub from_ms: i64,
    /// Up to here.
    pub to: String,
    /// The same in milliseconds since 1970.
    pub to_ms: i64,
    /// What happened in this time and was not counted.
    pub missed: u64,
    /// What had been counted in this time when it was looked through.
    pub counted: u64,
    /// When somebody said so, in milliseconds since 1970.
    pub at_ms: i64,
}

impl From<Review> for ReviewDto {
    fn from(review: Review) -> Self {
        let Review { id, rule, kind, direction, from, to, missed, counted, at } = review;
        Self {
            id,
            rule,
            kind,
            direction: direction.map(Direction::as_str),
            from: from.to_string(),
            from_ms: from.as_millis(),
            to: to.to_string(),
            to_ms: to.as_millis(),
            missed,
            counted,
            at_ms: at.as_millis(),
        }
    }
}

/// What was looked through of a camera.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reviews)]
pub struct ReviewsDto {
    /// The newest span first.
    pub reviews: Vec<ReviewDto>,
}
