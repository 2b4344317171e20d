//! Events and summaries as JSON, for `--events` and `--json`.
//!
//! Events have the same shape as in the HTTP interface: see `docs/openapi.json`.

use std::path::Path;

use omma_engine::analyze::Summary;
use omma_types::{Direction, Event, Stage};
use serde_json::{Value, json};

/// An event as the HTTP interface shows it.
pub(crate) fn event(event: &Event) -> Value {
    omma_api::event_json(event)
}

/// What an analysis found and what it cost. Times are in seconds.
pub(crate) fn summary(summary: &Summary, files: &[&Path]) -> Value {
    let stages: serde_json::Map<String, Value> = Stage::ALL
        .iter()
        .map(|stage| (stage.as_str().to_owned(), json!(summary.stages.get(*stage).as_secs_f64())))
        .collect();
    let objects: serde_json::Map<String, Value> =
        summary.objects.iter().map(|(class, count)| (class.to_string(), json!(count))).collect();
    let lines: serde_json::Map<String, Value> = summary
        .counts
        .lines
        .iter()
        .map(|line| {
            let by_class: serde_json::Map<String, Value> = line
                .by_class
                .iter()
                .map(|(class, crossings)| {
                    let value = json!({
                        "forward": crossings.forward,
                        "backward": crossings.backward,
                    });
                    (class.to_string(), value)
                })
                .collect();
            let value = json!({
                "forward": line.total(Direction::Forward),
                "backward": line.total(Direction::Backward),
                "different": line.tracks,
                "by_class": by_class,
            });
            (line.name.clone(), value)
        })
        .collect();
    let zones: serde_json::Map<String, Value> = summary
        .counts
        .zones
        .iter()
        .map(|zone| {
            let by_class: serde_json::Map<String, Value> = zone
                .by_class
                .iter()
                .map(|(class, visits)| {
                    let value = json!({
                        "visits": visits.entered,
                        "dwell_mean_seconds": visits.mean_dwell().as_secs_f64(),
                        "dwell_max_seconds": visits.max_dwell.as_secs_f64(),
                    });
                    (class.to_string(), value)
                })
                .collect();
            let visits: u64 = zone.by_class.values().map(|visits| visits.entered).sum();
            (zone.name.clone(), json!({ "visits": visits, "by_class": by_class }))
        })
        .collect();
    json!({
        "video": summary.video.display().to_string(),
        "width": summary.size.width,
        "height": summary.size.height,
        "duration_seconds": summary.duration.as_secs_f64(),
        "detector": summary.detector,
        "engine": summary.engine,
        "frames_read": summary.frames_read,
        "frames_analysed": summary.frames_analysed,
        "wall_seconds": summary.wall.as_secs_f64(),
        "cpu_seconds": summary.cpu.as_secs_f64(),
        "cpu_seconds_by_stage": stages,
        "objects": objects,
        "lines": lines,
        "zones": zones,
        "problem": summary.problem,
        "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
    })
}
