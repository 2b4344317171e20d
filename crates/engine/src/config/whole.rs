//! What is in force, in the form of the configuration file: for people, without secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use omma_store::CameraChange;
use omma_types::redact_url;
use serde_json::{Map, Value, json};

use super::file::{bytes, duration};
use super::{
    Accounts, AccountsConfig, CameraConfig, Config, ConfigError, Detector, Listener, ModelConfig,
    NamedModel, WebrtcConfig, whole_messaging,
};

/// What a secret looks like from outside.
pub(in crate::config) const HIDDEN: &str = "***";

/// `config` as a file, with a remark where it is not as in `file`, which is called `from`.
/// Secrets are `***`.
///
/// # Errors
/// It can't be written as YAML, which is a mistake of ours.
pub fn written(
    config: &Config,
    file: &Config,
    changes: &[CameraChange],
    from: &str,
) -> Result<String, ConfigError> {
    let mut out = format!(
        "# In force: {from}, and over it what was changed through an API.\n\
         # Secrets are ***: put them in, best as ${{NAME}} from the environment.\n"
    );
    out.push_str(&yaml(&Value::Object(general(config)))?);
    out.push_str(if config.cameras.is_empty() { "cameras: {}\n" } else { "cameras:\n" });
    let changed: BTreeMap<_, _> = changes.iter().map(|change| (&change.camera, change)).collect();
    for camera in &config.cameras {
        let known = file.camera(&camera.id).is_some();
        let origin = match (known, changed.get(&camera.id)) {
            (false, _) => "added through an API",
            (true, Some(change)) if change.settings.is_some() => "changed through an API",
            (true, Some(_)) if camera.paused => "paused through an API",
            (true, Some(_)) => "resumed through an API",
            (true, None) => "",
        };
        let origin = if origin.is_empty() { from } else { origin };
        let _infallible = writeln!(out, "  # {origin}");
        for line in yaml(&shown(camera))?.lines() {
            let _infallible = writeln!(out, "  {line}");
        }
    }
    for change in changes.iter().filter(|change| change.removed) {
        let _infallible = writeln!(out, "  # {}: removed through an API", change.camera);
    }
    Ok(out)
}

fn shown(camera: &CameraConfig) -> Value {
    json!({ camera.id.as_str(): camera.to_json(true) })
}

/// `$` begins a variable in the file; `$$` is a plain one.
fn yaml(value: &Value) -> Result<String, ConfigError> {
    fn escaped(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace('$', "$$")),
            Value::Array(items) => Value::Array(items.iter().map(escaped).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(k, v)| (k.clone(), escaped(v))).collect())
            }
            other => other.clone(),
        }
    }
    serde_saphyr::to_string(&escaped(value)).map_err(|error| {
        ConfigError::of_file("the configuration", format!("it can't be written as YAML: {error}"))
    })
}

/// Everything but the cameras.
pub(super) fn general(config: &Config) -> Map<String, Value> {
    let mut out = Map::new();
    let mut set = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    set("version", json!(1));
    set("data_dir", json!(config.data_dir));
    set("http", listener(&config.http));
    set("webrtc", config.webrtc.as_ref().map_or(json!(false), webrtc));
    if let Some(grpc) = &config.grpc {
        let mut section = listener(&grpc.listener);
        section["strict"] = json!(grpc.strict);
        set("grpc", section);
    }
    if let Some(chrysalis) = &config.chrysalis {
        set("chrysalis", listener(chrysalis));
    }
    if !config.tokens.is_empty() {
        let tokens = config.tokens.iter().map(|token| {
            let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
            json!({ "name": token.name, "token": HIDDEN, "scopes": scopes })
        });
        set("auth", json!({ "tokens": tokens.collect::<Vec<_>>() }));
    }
    if config.accounts == Accounts::Off {
        set("accounts", json!(false));
    } else if let Some(config) = config.accounts() {
        set("accounts", accounts(&config));
    }
    set(
        "recordings",
        json!({
            "dir": config.recordings.dir,
            "min_free": bytes(config.recordings.min_free),
        }),
    );
    if let Some(keep) = config.events_keep {
        set("events", json!({ "keep": duration(keep) }));
    }
    let keep = config.tracks_keep.map_or_else(|| "off".to_owned(), duration);
    set("tracks", json!({ "keep": keep }));
    if let Some(annotations) = &config.annotations {
        let mut section = json!({
            "url": redact_url(annotations.url.reveal()),
            "key": annotations.key,
            "batch": annotations.batch,
            "interval": duration(annotations.interval),
        });
        if annotations.secret.is_some() {
            section["secret"] = json!(HIDDEN);
        }
        set("annotations", section);
    }
    for (key, value) in whole_messaging::sections(config) {
        set(key, value);
    }
    if !config.models.is_empty() {
        let models = config.models.iter().map(|(name, named)| (name.clone(), model(named)));
        set("models", Value::Object(models.collect()));
    }
    out
}

pub(super) fn listener(listener: &Listener) -> Value {
    let mut out = json!({ "listen": listener.address.to_string() });
    if listener.insecure {
        out["insecure"] = json!(true);
    }
    if let Some(tls) = &listener.tls {
        out["tls"] = json!({ "cert": tls.cert, "key": tls.key });
        if let Some(authority) = &tls.client_ca {
            out["tls"]["client_ca"] = json!(authority);
        }
    }
    out
}

fn webrtc(config: &WebrtcConfig) -> Value {
    if *config == WebrtcConfig::default() {
        return json!(true);
    }
    let mut out = json!({});
    if let Some(listen) = config.listen {
        out["listen"] = json!(listen.to_string());
    }
    if !config.public.is_empty() {
        let places = config.public.iter().map(|(ip, port)| match port {
            Some(port) => SocketAddr::new(*ip, *port).to_string(),
            None => ip.to_string(),
        });
        out["public"] = places.collect();
    }
    out
}

fn accounts(config: &AccountsConfig) -> Value {
    json!({
        "idle": duration(config.idle),
        "longest": duration(config.longest),
        "audit_keep": duration(config.audit_keep),
    })
}

fn model(named: &NamedModel) -> Value {
    let mut out = match &named.detector {
        Detector::Model(ModelConfig { model, engine }) => {
            let is_file = model.contains('/') || model.ends_with(".onnx");
            let mut out = json!({ if is_file { "file" } else { "card" }: model });
            if *engine != omma_infer::EngineChoice::default() {
                out["engine"] = json!(engine.as_str());
            }
            out
        }
        Detector::Bus(_) => json!({ "bus": true }),
        // No model of this kind can be named: cameras ask for it by its own name.
        Detector::Motion => json!({}),
    };
    if !named.classes.is_empty() {
        out["classes"] = named.classes.iter().map(|class| Value::from(class.as_str())).collect();
    }
    for (key, score) in [("min_score", named.min_score), ("start_score", named.start_score)] {
        if let Some(score) = score {
            // The shortest decimal that reads back as the same number.
            out[key] = json!(score.to_string().parse::<f64>().unwrap_or(f64::from(score)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlaid;
    use omma_types::CameraId;

    const FILE: &str = r#"
version: 1
data_dir: /var/lib/omma
http: { listen: '127.0.0.1:8081', tls: { cert: a.pem, key: a.key } }
webrtc: { listen: '0.0.0.0:8555', public: [203.0.113.7, '[2001:db8::1]:9000'] }
accounts: { idle: 2h, longest: 7d, audit_keep: 400d }
grpc: { strict: false }
chrysalis: {}
auth: { tokens: [ { name: portal, token: 0123456789abcdef, scopes: [read, control] } ] }
recordings: { dir: /footage, min_free: 5GB }
events: { keep: 90d }
bus:
  url: rediss://u:geheim@a:1,b:2/3?sentinel=m%20y
  tls: { ca: ca.pem, cert: c.pem, key: k.pem }
  prefix: site
  frames: { form: jpeg, quality: 70, fps: 4 }
  keep: 90s
  keep_events: 2h
  partitions: 3
publish:
  - { camera: door, to: 'redis://:geheim@h/1', dialect: redisedge, adaptive: true, series: none, page: {} }
  - { camera: yard, to: 'redis://h', dialect: deepvision, as: 'cam 1', series: 'redis://u:geheim@z', reference: own, messages: false, score: 0.3, tail: 5, fps: 2.5, quality: 60, keep: 9 }
  - { camera: yard, to: 'redis://c', dialect: chrysalis, in_memory: 7 }
sinks:
  - { name: hook, to: 'https://u:geheim@h/x?token=geheim', key: k, secret: geheim, kinds: [zone_left], cameras: [door], batch: 7, interval: 50ms, attempts: 2 }
  - { name: house, to: 'mqtts://u:geheim@h/site/a', tls: { ca: ca.pem }, home_assistant: ha }
  - { name: log, to: 'redis://h:1/omma:events?db=4', format: protobuf }
  - { name: topic, to: 'kafka://h' }
annotations: { url: 'https://u:geheim@a/b', key: k, secret: geheim, batch: 7, interval: 50ms }
models:
  people: { card: yolox-nano, engine: rten, classes: [person], min_score: 0.15 }
cameras:
  door:
    url: rtsp://u:geheim@camera/$$1
    detect: { model: people, fps: keyframes }
    record: { mode: events, keep: 7d }
    frames: { form: none }
    lines: { kerb: { from: [0.05, 0.7], to: [0.95, 0.7] } }
  yard: { url: yard.mp4 }
  hall: { url: hall.mp4, detect: { model: people } }
  safe: { url: 'redacted:hall', redact: { classes: [person], style: blur, margin: 0.25, hold: 2s } }
  shed: { url: shed.mp4 }
"#;

    fn config(text: &str) -> Config {
        Config::from_yaml(text, "omma.yaml", &|_| None).unwrap()
    }

    #[test]
    fn what_is_shown_can_be_a_file_again() {
        let file = config(FILE);
        let change = |camera: &str, settings: Option<&str>, paused, removed| CameraChange {
            camera: CameraId::new(camera).unwrap(),
            settings: settings.map(str::to_owned),
            paused,
            removed,
        };
        let changes = [
            change("gate", Some(r#"{"url": "rtsp://u:geheim@gate/1"}"#), None, false),
            change("shed", None, None, true),
            change("yard", None, Some(true), false),
        ];
        let (joined, problems) = overlaid(file.clone(), changes.to_vec());
        assert!(problems.is_empty(), "{problems:?}");
        let text = written(&joined, &file, &changes, "omma.yaml").unwrap();
        assert!(!text.contains("geheim") && !text.contains("0123456789abcdef"), "{text}");
        for part in [
            "  # omma.yaml\n  door:",
            "  # added through an API\n  gate:",
            "  # paused through an API\n  yard:",
            "# shed: removed through an API",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // With the secrets put in, it means the same.
        let whole = text
            .replace("token: \"***\"", "token: 0123456789abcdef")
            .replace("token: '***'", "token: 0123456789abcdef")
            .replace("secret: \"***\"", "secret: geheim")
            .replace("secret: '***'", "secret: geheim")
            .replace("token=***", "token=geheim")
            .replace(":***@", ":geheim@");
        assert_eq!(config(&whole), joined, "{whole}");
        for part in ["longest: 7d", "keep: 90d", "keep_events: 2h", "keep: 90s"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn what_is_switched_off_stays_off() {
        for text in ["webrtc: false", "webrtc: true", "accounts: false", "accounts: true", ""] {
            let file = config(&format!("version: 1\n{text}\n"));
            let shown = written(&file, &file, &[], "omma.yaml").unwrap();
            assert_eq!(config(&shown), file, "{text}: {shown}");
        }
    }
}
