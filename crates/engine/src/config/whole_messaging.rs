//! The part of what is in force about brokers: what goes out, and who does which work.

use omma_types::redact_url;
use serde_json::{Value, json};

use super::file::{bytes, duration};
use super::whole::{HIDDEN, listener};
use super::{
    Broker, BusConfig, Config, DialectConfig, EventFormat, ImagebusConfig, NodeConfig,
    PublishConfig, Reference, SinkConfig, SinkTarget,
};

/// The sections `bus`, `node`, `publish` and `sinks`, where there is something to say.
pub(super) fn sections(config: &Config) -> Vec<(&'static str, Value)> {
    let mut out = Vec::new();
    if let Some(config) = &config.bus {
        out.push(("bus", bus(config)));
    }
    if let Some(config) = &config.node {
        out.push(("node", node(config)));
    }
    if !config.publish.is_empty() {
        out.push(("publish", config.publish.iter().map(publication).collect()));
    }
    if !config.sinks.is_empty() {
        out.push(("sinks", config.sinks.iter().map(sink).collect()));
    }
    out
}

fn bus(config: &BusConfig) -> Value {
    let mut out = json!({
        "url": config.broker.redacted(""),
        "prefix": config.prefix,
        "frames": config.frames.to_json(),
        "keep": duration(config.keep),
        "keep_events": duration(config.keep_events),
        "partitions": config.partitions,
    });
    tls(&mut out, &config.broker);
    out
}

fn node(config: &NodeConfig) -> Value {
    let roles: Vec<&str> = config.roles.iter().map(|role| role.as_str()).collect();
    let mut out = json!({ "roles": roles });
    if let Some(name) = &config.name {
        out["name"] = json!(name);
    }
    if config.capacity > 0 {
        out["cameras"] = json!(config.capacity);
    }
    out
}

fn publication(config: &PublishConfig) -> Value {
    let mut out = json!({
        "camera": config.camera.as_str(),
        "to": config.broker.redacted(""),
        "dialect": config.dialect.as_str(),
        "as": config.name,
        "quality": config.quality,
    });
    tls(&mut out, &config.broker);
    if let Some(fps) = config.fps {
        out["fps"] = json!(fps);
    }
    if let Some(keep) = config.keep {
        out["keep"] = json!(keep);
    }
    if let Some(page) = &config.page {
        out["page"] = listener(page);
    }
    let shown_series = |series: &Option<Broker>| match series {
        Some(series) => json!(series.redacted("")),
        None => json!("none"),
    };
    match &config.dialect {
        DialectConfig::Omma { .. } => {}
        DialectConfig::Redisedge { adaptive, series } => {
            out["adaptive"] = json!(adaptive);
            out["series"] = shown_series(series);
        }
        DialectConfig::Deepvision { reference, series, messages, score, tail } => {
            out["reference"] = json!(match reference {
                Reference::Previous => "previous",
                Reference::Own => "own",
            });
            out["series"] = shown_series(series);
            out["messages"] = json!(messages);
            // The shortest decimal that reads back as the same number.
            out["score"] = json!(score.to_string().parse::<f64>().unwrap_or(f64::from(*score)));
            out["tail"] = json!(tail);
        }
        DialectConfig::Chrysalis { in_memory } => out["in_memory"] = json!(in_memory),
        DialectConfig::Imagebus(config) => imagebus(&mut out, config),
    }
    out
}

fn imagebus(out: &mut Value, config: &ImagebusConfig) {
    out["every"] = json!(config.every);
    out["generation"] = json!(if config.msgpack { "msgpack" } else { "json" });
    out["topics"] = json!({});
    for (key, topic) in [
        ("source", &config.source),
        ("analysis", &config.analysis),
        ("redaction", &config.redaction),
    ] {
        if let Some(topic) = topic {
            out["topics"][key] = json!(topic);
        }
    }
    out["redact"] = config.redact.iter().map(|class| Value::from(class.as_str())).collect();
    out["embed_original"] = json!(config.embed_original);
    out["max_size"] = json!(bytes(config.max_bytes as u64));
}

fn sink(config: &SinkConfig) -> Value {
    let mut out = json!({
        "name": config.name,
        "batch": config.batch,
        "interval": duration(config.interval),
        "attempts": config.attempts,
    });
    if !config.kinds.is_empty() {
        out["kinds"] = json!(config.kinds);
    }
    if !config.cameras.is_empty() {
        out["cameras"] = config.cameras.iter().map(|id| Value::from(id.as_str())).collect();
    }
    match &config.target {
        // It follows from `bus`.
        SinkTarget::Bus(_) => {}
        SinkTarget::Webhook { url, key, secret } => {
            out["to"] = json!(redact_url(url.reveal()));
            if !key.is_empty() {
                out["key"] = json!(key);
            }
            if secret.is_some() {
                out["secret"] = json!(HIDDEN);
            }
        }
        SinkTarget::Broker { broker, name, format, home_assistant } => {
            out["to"] = json!(broker.redacted(name));
            tls(&mut out, broker);
            if *format == EventFormat::Protobuf {
                out["format"] = json!("protobuf");
            }
            if let Some(prefix) = home_assistant {
                out["home_assistant"] = json!(prefix);
            }
        }
    }
    out
}

fn tls(out: &mut Value, broker: &Broker) {
    let files = [("ca", &broker.tls.ca), ("cert", &broker.tls.cert), ("key", &broker.tls.key)];
    for (key, file) in files {
        if let Some(file) = file {
            out["tls"][key] = json!(file);
        }
    }
}
