//! A checked camera back in the form of the file, for people and for the store.

use omma_media::{Hardware, Transport};
use omma_rules::{Anchor, Line, Zone};
use omma_types::{ClassName, Point, redact_url};
use serde_json::{Map, Value, json};

use super::file::camera::{
    DEFAULT_AFTER, DEFAULT_BEFORE, DEFAULT_HISTORY, DEFAULT_RING_BYTES, DEFAULT_SEGMENT,
};
use super::file::{bytes, duration};
use super::{
    CameraConfig, DetectConfig, FrameTopic, Rate, RecordConfig, RecordMode, RedactConfig,
    RedactStyle, SegmentLength,
};

/// See [`CameraConfig::to_json`].
pub(super) fn camera(config: &CameraConfig, hide_secrets: bool) -> Value {
    let url = |url: &str| if hide_secrets { redact_url(url) } else { url.to_owned() };
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    set("url", url(&config.url).into());
    if let Some(detect_url) = &config.detect_url {
        set("detect_url", url(detect_url).into());
    }
    match config.transport {
        Transport::Auto => {}
        Transport::Tcp => set("transport", "tcp".into()),
        Transport::Udp => set("transport", "udp".into()),
    }
    if config.looped {
        set("loop", true.into());
    }
    if config.paused {
        set("paused", true.into());
    }
    if !config.audio {
        set("audio", false.into());
    }
    if let Some(stall) = config.stall {
        set("stall", duration(stall).into());
    }
    if config.ring_bytes != DEFAULT_RING_BYTES {
        set("ring", bytes(config.ring_bytes as u64).into());
    }
    if config.history != DEFAULT_HISTORY {
        set("history", duration(config.history).into());
    }
    match config.hardware {
        Hardware::None => {}
        Hardware::Auto => set("decode", json!({ "hardware": "auto" })),
        Hardware::Vaapi => set("decode", json!({ "hardware": "vaapi" })),
        Hardware::Cuda => set("decode", json!({ "hardware": "cuda" })),
    }
    if let Some(config) = &config.detect {
        set("detect", detect(config));
    }
    if let Some(config) = &config.record {
        set("record", record(config));
    }
    if let Some(config) = &config.pass_through {
        // The last part of the path is the key that lets somebody send.
        let shown = if hide_secrets { config.redacted() } else { config.url.clone() };
        set("pass_through", json!({ "url": shown, "start": config.start }));
    }
    if let Some(config) = &config.frames {
        set("frames", frames(config));
    }
    if let Some(config) = &config.redact {
        set("redact", redact(config));
    }
    if !config.lines.is_empty() {
        let lines = config.lines.iter().map(|l| (l.name().to_owned(), line(l)));
        set("lines", Value::Object(lines.collect()));
    }
    if !config.zones.is_empty() {
        let zones = config.zones.iter().map(|z| (z.name().to_owned(), zone(z)));
        set("zones", Value::Object(zones.collect()));
    }
    Value::Object(out)
}

/// See [`FrameTopic::to_json`].
pub(super) fn frames(config: &FrameTopic) -> Value {
    match config {
        FrameTopic::Packets => json!({ "form": "packets" }),
        FrameTopic::Jpeg { quality, fps } => {
            json!({ "form": "jpeg", "quality": quality, "fps": fps })
        }
        FrameTopic::None => json!({ "form": "none" }),
    }
}

fn detect(config: &DetectConfig) -> Value {
    let fps = match config.rate {
        Rate::All => json!("all"),
        Rate::Fps(fps) => json!(fps),
        Rate::Keyframes => json!("keyframes"),
    };
    let mut out = json!({
        "model": config.name,
        "fps": fps,
        "min_score": rounded(config.min_score),
        "start_score": rounded(config.start_score),
    });
    if !config.classes.is_empty() {
        out["classes"] = classes(&config.classes);
    }
    if config.motion_gate {
        out["gate"] = json!("motion");
    }
    out
}

fn record(config: &RecordConfig) -> Value {
    let mut out = json!({
        "mode": match config.mode {
            RecordMode::Always => "always",
            RecordMode::Events => "events",
        },
    });
    match config.segment {
        SegmentLength::Gop => out["segment"] = json!("gop"),
        SegmentLength::Duration(DEFAULT_SEGMENT) => {}
        SegmentLength::Duration(length) => out["segment"] = json!(duration(length)),
    }
    if config.before != DEFAULT_BEFORE {
        out["before"] = json!(duration(config.before));
    }
    if config.after != DEFAULT_AFTER {
        out["after"] = json!(duration(config.after));
    }
    if let Some(keep) = config.keep {
        out["keep"] = json!(duration(keep));
    }
    if let Some(max) = config.max_bytes {
        out["max_size"] = json!(bytes(max));
    }
    out
}

fn redact(config: &RedactConfig) -> Value {
    let usual = RedactConfig::default();
    let mut out = json!({
        "style": match config.style {
            RedactStyle::Black => "black",
            RedactStyle::Blur => "blur",
            RedactStyle::Pixelate => "pixelate",
        },
    });
    if !config.classes.is_empty() {
        out["classes"] = classes(&config.classes);
    }
    if config.margin != usual.margin {
        out["margin"] = json!(rounded(config.margin));
    }
    if config.hold != usual.hold {
        out["hold"] = json!(duration(config.hold));
    }
    out
}

fn line(line: &Line) -> Value {
    let (from, to) = (line.from(), line.to());
    let mut out = json!({ "from": point(from), "to": point(to) });
    rule(&mut out, line.classes(), line.anchor());
    out
}

fn zone(zone: &Zone) -> Value {
    let polygon: Vec<Value> = zone.polygon().iter().copied().map(point).collect();
    let mut out = json!({ "polygon": polygon });
    rule(&mut out, zone.classes(), zone.anchor());
    if let Some(dwell) = zone.dwell() {
        out["dwell"] = json!(duration(dwell));
    }
    out
}

fn rule(out: &mut Value, of: &[ClassName], anchor: Anchor) {
    if !of.is_empty() {
        out["classes"] = classes(of);
    }
    if anchor == Anchor::Center {
        out["anchor"] = json!("center");
    }
}

fn classes(classes: &[ClassName]) -> Value {
    classes.iter().map(|class| Value::from(class.as_str())).collect()
}

fn point(point: Point) -> Value {
    json!([rounded(point.x), rounded(point.y)])
}

/// The shortest decimal that reads back as the same `f32`.
fn rounded(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}
