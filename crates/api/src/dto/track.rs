//! What stored tracks tell: what a line would have counted, and where people walked; and what
//! people say of events.

use omma_engine::tracks::{Backfilled, Heat, Preview};
use omma_store::{Interval, Precision};
use omma_types::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{EventDto, LineSettingsDto, ZoneSettingsDto, millis};

/// Lines and zones that are to be tried on the past.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreviewQuestion)]
pub struct PreviewQuestionDto {
    /// Lines by name, as in a camera's settings.
    #[schema(value_type = BTreeMap<String, LineSettingsDto>)]
    #[serde(default)]
    pub lines: serde_json::Map<String, Value>,
    /// Zones by name, as in a camera's settings.
    #[schema(value_type = BTreeMap<String, ZoneSettingsDto>)]
    #[serde(default)]
    pub zones: serde_json::Map<String, Value>,
    /// From this time on: RFC 3339, or milliseconds since 1970 as text.
    #[schema(example = "2026-11-20T09:00:00Z")]
    pub from: String,
    /// Before this time; at most 31 days later.
    #[schema(example = "2026-11-20T10:00:00Z")]
    pub to: String,
    /// Events in the answer, at most: 0 to 1000; 100 if left out. All are counted.
    pub limit: Option<u32>,
}

/// What lines and zones would have counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewDto {
    /// How often what would have happened.
    pub counts: Vec<TallyDto>,
    /// The first of the events, each with its time and path. They are kept nowhere.
    pub events: Vec<EventDto>,
    /// Whether there are more events than these.
    pub more: bool,
}

/// How often one thing would have been counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tally)]
pub struct TallyDto {
    /// The line or zone.
    pub rule: String,
    /// `line_crossed`, `zone_entered`, `zone_left` or `zone_dwelled`.
    #[schema(example = "line_crossed")]
    pub kind: &'static str,
    /// `forward` or `backward`; for `line_crossed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// What the objects are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How often.
    pub count: u64,
}

impl From<Preview> for PreviewDto {
    fn from(preview: Preview) -> Self {
        let counts = preview.tallies.into_iter().map(|(tally, count)| TallyDto {
            rule: tally.rule,
            kind: tally.kind,
            direction: tally.direction,
            class: tally.class.map(|class| class.as_str().to_owned()),
            count,
        });
        Self {
            counts: counts.collect(),
            // None of them has a place in the order of arrival.
            events: preview.events.iter().map(|event| EventDto::new(0, event)).collect(),
            more: preview.more,
        }
    }
}

/// Which line or zone is to count the past.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackfillQuestion)]
pub struct BackfillQuestionDto {
    /// A line or zone of the camera.
    #[schema(example = "door")]
    pub rule: String,
    /// From this time on: RFC 3339, or milliseconds since 1970 as text.
    #[schema(example = "2026-11-20T09:00:00Z")]
    pub from: String,
    /// Before this time, at most 31 days later. If left out: up to where it has counted live, or
    /// now.
    pub to: Option<String>,
}

/// What became of counting the past.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backfilled)]
pub struct BackfilledDto {
    /// From here.
    pub from: String,
    /// The same in milliseconds since 1970.
    pub from_ms: i64,
    /// Up to here.
    pub to: String,
    /// The same in milliseconds since 1970.
    pub to_ms: i64,
    /// Events that were added, each with the attribute `counted: "later"`.
    pub added: u64,
    /// Events of an earlier time of counting this past that were removed for them.
    pub removed: u64,
}

impl From<Backfilled> for BackfilledDto {
    fn from(done: Backfilled) -> Self {
        let Backfilled { from, to, added, removed } = done;
        Self {
            from: from.to_string(),
            from_ms: from.as_millis(),
            to: to.to_string(),
            to_ms: to.as_millis(),
            added,
            removed,
        }
    }
}

/// Where people walked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeatMap)]
pub struct HeatMapDto {
    /// From here.
    pub from: String,
    /// Up to here.
    pub to: String,
    /// Fields in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// For how many seconds feet were in each field, row by row from the top left; of several
    /// people at once, the sum.
    pub seconds: Vec<f64>,
}

impl HeatMapDto {
    /// The answer for a span of time.
    pub(crate) fn new(heat: &Heat, from: WallTime, to: WallTime) -> Self {
        Self {
            from: from.to_string(),
            to: to.to_string(),
            columns: heat.columns(),
            rows: heat.rows(),
            // More digits say nothing.
            seconds: heat.seconds().iter().map(|field| (field * 1e3).round() / 1e3).collect(),
        }
    }
}

/// What somebody says of an event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerdictQuestion)]
pub struct VerdictQuestionDto {
    /// `right`: it happened as it says. `wrong`: it did not. `none`: takes back what was said.
    #[schema(example = "right")]
    pub verdict: String,
}

/// What is said of an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub struct VerdictDto {
    /// `right` or `wrong`; absent where nobody has said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
}

/// A number with the interval in which it lies with a probability of 95 %.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Interval)]
pub struct IntervalDto {
    /// The number.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl From<Interval> for IntervalDto {
    fn from(interval: Interval) -> Self {
        let Interval { value, low, high } = interval;
        Self { value, low, high }
    }
}

/// How far the counts of a camera's lines and zones can be trusted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Precisions)]
pub struct PrecisionsDto {
    /// Of each line and zone of which somebody has judged an event or reviewed a span of time,
    /// by name and kind.
    pub precision: Vec<PrecisionDto>,
}

/// How far one count can be trusted, each time with Wilson's interval of 95 %.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Precision)]
pub struct PrecisionDto {
    /// The line or zone.
    pub rule: String,
    /// `line_crossed`, `zone_entered`, `zone_left` or `zone_dwelled`.
    #[schema(example = "line_crossed")]
    pub kind: String,
    /// Events that were called right.
    pub right: u64,
    /// Events that were called wrong.
    pub wrong: u64,
    /// Events that were counted in all.
    pub count: u64,
    /// Time that somebody has looked through from end to end, in milliseconds.
    pub reviewed_ms: f64,
    /// Events in that time that nobody called wrong.
    pub found: u64,
    /// What happened in that time and was not counted.
    pub missed: u64,
    /// The part of the counted events that happened. Events of reviewed spans that nobody called
    /// wrong are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<IntervalDto>,
    /// The part of what happened that was counted; null where no span was reviewed.
    pub recall: Option<IntervalDto>,
    /// How many there really were: `count` times `precision` by `recall`. Where no span was
    /// reviewed, what was missed is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<IntervalDto>,
}

impl From<Precision> for PrecisionDto {
    fn from(said: Precision) -> Self {
        Self {
            precision: said.precision().map(IntervalDto::from),
            recall: said.recall().map(IntervalDto::from),
            corrected: said.corrected().map(IntervalDto::from),
            reviewed_ms: millis(said.reviewed),
            found: said.found,
            missed: said.missed,
            rule: said.rule,
            kind: said.kind,
            right: said.right,
            wrong: said.wrong,
            count: said.count,
        }
    }
}
