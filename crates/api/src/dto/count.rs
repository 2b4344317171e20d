//! Counts in spans of time.

use omma_store::CountRow;
use omma_types::Direction;
use serde::Serialize;
use utoipa::ToSchema;

use super::millis;

/// Counts in spans of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CountRows)]
pub struct CountRowsDto {
    /// Ordered by time, camera, line or zone, kind, direction and class. Where nothing
    /// happened, there is no row.
    pub counts: Vec<CountRowDto>,
}

/// How often one thing happened in one span of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CountRow)]
pub struct CountRowDto {
    /// When the span begins; absent when no bucket was asked for.
    #[schema(example = "2026-11-20T09:00:00.000Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The same in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<i64>,
    /// The camera.
    pub camera: String,
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
    /// How many of those were counted later, from stored tracks; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later: Option<u64>,
    /// Sum of the visits' lengths in milliseconds; for `zone_left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_total_ms: Option<f64>,
}

impl From<CountRow> for CountRowDto {
    fn from(row: CountRow) -> Self {
        Self {
            start: row.bucket_start.map(|start| start.to_string()),
            start_ms: row.bucket_start.map(|start| start.as_millis()),
            camera: row.camera.as_str().to_owned(),
            rule: row.rule,
            kind: row.kind,
            direction: row.direction.map(Direction::as_str),
            class: row.class.map(|class| class.as_str().to_owned()),
            count: row.count,
            later: Some(row.later).filter(|later| *later > 0),
            dwell_total_ms: (row.kind == "zone_left").then(|| millis(row.dwell_total)),
        }
    }
}

/// The first line of a table of counts.
const CSV_HEAD: &str = "start,camera,rule,kind,direction,class,count,later,dwell_total_ms\r\n";

impl CountRowsDto {
    /// The same as a table with commas (RFC 4180).
    pub(crate) fn to_csv(&self) -> String {
        let mut table = CSV_HEAD.to_owned();
        for row in &self.counts {
            let number = |number: f64| number.to_string();
            let fields = [
                row.start.clone().unwrap_or_default(),
                row.camera.clone(),
                row.rule.clone(),
                row.kind.to_owned(),
                row.direction.unwrap_or_default().to_owned(),
                row.class.clone().unwrap_or_default(),
                row.count.to_string(),
                row.later.unwrap_or(0).to_string(),
                row.dwell_total_ms.map(number).unwrap_or_default(),
            ];
            table.push_str(&fields.map(|field| csv_field(&field)).join(","));
            table.push_str("\r\n");
        }
        table
    }
}

/// A field as it stands in a table. Names are people's, and spreadsheets take what begins like a
/// formula for one: an apostrophe in front tells them that it is a text.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_field_of_the_table() {
        let row = |rule: &str| CountRowDto {
            start: None,
            start_ms: None,
            camera: "hall".to_owned(),
            rule: rule.to_owned(),
            kind: "line_crossed",
            direction: Some("forward"),
            class: Some("person".to_owned()),
            count: 3,
            later: Some(1),
            dwell_total_ms: None,
        };
        let counts = vec![row("a \"b\", c\n"), row("=1+1"), row("Tür")];
        let table = CountRowsDto { counts }.to_csv();
        let expected = [
            ",hall,\"a \"\"b\"\", c\n\",line_crossed,forward,person,3,1,",
            ",hall,'=1+1,line_crossed,forward,person,3,1,",
            ",hall,Tür,line_crossed,forward,person,3,1,",
            "",
        ];
        assert_eq!(table, format!("{CSV_HEAD}{}", expected.join("\r\n")));
    }
}
