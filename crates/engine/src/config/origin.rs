//! Where a configuration was read, and so, where each of its values comes from.

use std::collections::BTreeMap;
use std::fmt;

use omma_store::CameraChange;
use omma_types::CameraId;
use serde_json::{Map, Value, json};

use super::file::camera::{DEFAULT_HISTORY, DEFAULT_RING_BYTES};
use super::file::{bytes, duration};
use super::whole::general;
use super::{CameraConfig, Config, process_environment};

/// The text that a configuration was read from. It may hold secrets and prints nothing of
/// itself; and configurations that say the same are equal, wherever they were read.
#[derive(Clone)]
pub struct Origin {
    name: String,
    text: String,
}

impl Origin {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The configuration as the file alone has it; none where it is refused by now, because a
    /// variable of the environment is gone.
    pub(super) fn read(&self) -> Option<Config> {
        Config::from_yaml(&self.text, &self.name, &process_environment).ok()
    }

    /// What stands in the file, as it stands there.
    fn raw(&self) -> Value {
        serde_saphyr::from_str(&self.text).unwrap_or_default()
    }
}

impl PartialEq for Origin {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFrom {
    /// It stands in the file.
    File,
    /// The file names a variable of the environment for it, or for a part of it.
    Environment,
    /// It was changed through an API.
    Api,
    /// It was given at the start: on the command line, or by the file of another system.
    Start,
    /// Nobody said anything.
    Default,
}

impl ValueFrom {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Environment => "environment",
            Self::Api => "api",
            Self::Start => "start",
            Self::Default => "default",
        }
    }
}

/// A value of the configuration, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownValue {
    /// Its place in the file, each step behind a dot.
    pub key: String,
    /// Itself, without secrets.
    pub value: Value,
    /// Where it comes from.
    pub from: ValueFrom,
}

/// The values of `running`, which is `file` with `changes` over it.
pub(crate) fn values(
    running: &Config,
    file: &Config,
    changes: &BTreeMap<CameraId, CameraChange>,
) -> Vec<ShownValue> {
    let raw = file.origin.raw();
    let alone = file.origin.read().map(|config| Value::Object(general(&config)));
    let mut out = Vec::new();
    for (path, value) in leaves(Value::Object(general(running))) {
        let said = of_file(&raw, &path);
        let same = alone.as_ref().is_none_or(|alone| at(alone, &path) == Some(&value));
        let from = if same { said } else { ValueFrom::Start };
        out.push(ShownValue { key: path.join("."), value, from });
    }
    for camera in &running.cameras {
        let of_file = file.camera(&camera.id);
        let at_hand = Overlaid { raw: &raw, of_file, change: changes.get(&camera.id) };
        out.extend(at_hand.values(camera));
    }
    out
}

/// What is known of where a camera's settings come from.
struct Overlaid<'a> {
    raw: &'a Value,
    of_file: Option<&'a CameraConfig>,
    change: Option<&'a CameraChange>,
}

impl Overlaid<'_> {
    fn values(&self, camera: &CameraConfig) -> Vec<ShownValue> {
        let before = self.of_file.map(|camera| camera.to_json(true));
        let name = camera.id.as_str();
        let mut out = Vec::new();
        let mut add = |path: &[String], value, from| {
            let key = format!("cameras.{name}.{}", path.join("."));
            out.push(ShownValue { key, value, from });
        };
        let now = camera.to_json(true);
        for (path, value) in leaves(now.clone()) {
            let in_file = before.as_ref().and_then(|before| at(before, &path));
            let from = if in_file == Some(&value) && self.leaves_alone(&path) {
                let place = ["cameras".to_owned(), name.to_owned()];
                of_file(self.raw, &[&place[..], &path].concat())
            } else if self.change.is_some() {
                ValueFrom::Api
            } else {
                // Another system's file has it.
                ValueFrom::Start
            };
            add(&path, value, from);
        }
        for (path, value) in leaves(usual()) {
            if at(&now, &path).is_none() {
                // What is usual was chosen where the file says something else.
                let changed = before.as_ref().is_some_and(|before| at(before, &path).is_some());
                let from = if changed { ValueFrom::Api } else { ValueFrom::Default };
                add(&path, value, from);
            }
        }
        out
    }

    /// Whether what the API changed leaves this setting to the file.
    fn leaves_alone(&self, path: &[String]) -> bool {
        let pauses = path.first().is_some_and(|key| key == "paused");
        !self.change.is_some_and(|change| pauses && change.paused.is_some())
    }
}

/// What a camera is like where nothing is said, as far as it is not left out altogether.
fn usual() -> Value {
    json!({
        "transport": "auto",
        "loop": false,
        "paused": false,
        "audio": true,
        "ring": bytes(DEFAULT_RING_BYTES as u64),
        "history": duration(DEFAULT_HISTORY),
        "decode": { "hardware": "none" },
    })
}

/// Where the value at `path` comes from, as far as the file tells.
fn of_file(raw: &Value, path: &[String]) -> ValueFrom {
    let said = match at(raw, path) {
        Some(said) => Some(said),
        // `bus: redis://…` is short for its `url`.
        None => match path.split_last() {
            Some((last, rest)) if last == "url" => at(raw, rest).filter(|said| said.is_string()),
            _ => None,
        },
    };
    match said {
        None | Some(Value::Null) => ValueFrom::Default,
        Some(said) if names_variable(said) => ValueFrom::Environment,
        Some(_) => ValueFrom::File,
    }
}

fn names_variable(value: &Value) -> bool {
    match value {
        // `$$` is a plain dollar sign.
        Value::String(text) => text.replace("$$", "").contains("${"),
        Value::Array(items) => items.iter().any(names_variable),
        Value::Object(members) => members.values().any(names_variable),
        _ => false,
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key.as_str()))
}

/// All values with their paths. A list is one value.
fn leaves(value: Value) -> Vec<(Vec<String>, Value)> {
    fn walk(path: &mut Vec<String>, value: Value, out: &mut Vec<(Vec<String>, Value)>) {
        match value {
            Value::Object(members) if !members.is_empty() => walk_all(path, members, out),
            value => out.push((path.clone(), value)),
        }
    }
    fn walk_all(
        path: &mut Vec<String>,
        members: Map<String, Value>,
        out: &mut Vec<(Vec<String>, Value)>,
    ) {
        for (key, value) in members {
            path.push(key);
            walk(path, value, out);
            path.pop();
        }
    }
    let mut out = Vec::new();
    walk(&mut Vec::new(), value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlaid;

    const FILE: &str = "\
version: 1
data_dir: /var/lib/omma
bus: redis://host
cameras:
  door:
    url: rtsp://u:${PW}@h/1
    audio: false
    detect: { model: motion }
  yard: { url: yard.mp4, history: 5s }
";

    #[test]
    fn every_value_says_where_it_comes_from() {
        let file = Config::from_yaml(FILE, "omma.yaml", &|_| Some("geheim".to_owned())).unwrap();
        let id = |name| CameraId::new(name).unwrap();
        let change = |name, settings: Option<&str>, paused| CameraChange {
            camera: id(name),
            settings: settings.map(str::to_owned),
            paused,
            removed: false,
        };
        let changes = vec![
            change("door", None, Some(true)),
            change("gate", Some(r#"{"url": "gate.mp4"}"#), None),
            change("yard", Some(r#"{"url": "yard.mp4", "audio": false}"#), None),
        ];
        let (running, problems) = overlaid(file.clone(), changes.clone());
        assert!(problems.is_empty(), "{problems:?}");
        let changes = changes.into_iter().map(|c| (c.camera.clone(), c)).collect();
        let values = values(&running, &file, &changes);
        assert!(!format!("{values:?}").contains("geheim"));
        let from = |key: &str| {
            let found = values.iter().find(|value| value.key == key);
            found.unwrap_or_else(|| panic!("{key} in {values:#?}")).from.as_str()
        };
        for (key, wanted) in [
            ("data_dir", "file"),
            ("http.listen", "default"),
            ("bus.url", "file"),
            ("bus.keep", "default"),
            ("cameras.door.url", "environment"),
            ("cameras.door.audio", "file"),
            ("cameras.door.paused", "api"),
            ("cameras.door.detect.model", "file"),
            ("cameras.door.detect.fps", "default"),
            ("cameras.door.transport", "default"),
            ("cameras.gate.url", "api"),
            ("cameras.yard.url", "file"),
            ("cameras.yard.audio", "api"),
            ("cameras.yard.history", "api"),
        ] {
            assert_eq!(from(key), wanted, "{key}");
        }
    }

    #[test]
    fn what_the_command_line_says_goes_before_the_file() {
        let text = "version: 1\nhttp: { listen: '127.0.0.1:1' }\n";
        let file = Config::from_yaml(text, "omma.yaml", &|_| None).unwrap();
        let mut running = file.clone();
        running.http.address.set_port(2);
        let values = values(&running, &running, &BTreeMap::new());
        let listen = values.iter().find(|value| value.key == "http.listen").unwrap();
        assert_eq!((listen.from, &listen.value), (ValueFrom::Start, &json!("127.0.0.1:2")));
    }
}
