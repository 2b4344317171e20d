//! `conf.yaml`, video-edge-ai-proxy's configuration file: what of it means something here.
//!
//! It is somebody else's format, so nothing in it is refused for being unknown: each key is
//! taken, explained or wondered at, and the caller logs which. Only a value that would be
//! dangerous to guess (no number where one must be, a token that protects nothing) stops the
//! start, as it stopped the original's.

use std::path::PathBuf;
use std::time::Duration;

use omma_engine::config::AnnotationsConfig;
use omma_engine::{Config, ConfigError};
use omma_types::{Secret, redact_text, redact_url};
use serde_json::{Map, Value, json};

use super::access::HeaderToken;

/// Pictures a second that `buffer.in_memory` is taken to be counted in.
const ASSUMED_FPS: u64 = 25;

/// Bytes that a picture is taken to need: 4 Mb/s at [`ASSUMED_FPS`].
const ASSUMED_PICTURE_BYTES: u64 = 20_000;

/// What Omma's ring holds anyway, in seconds and in bytes.
const USUAL_HISTORY_SECS: u64 = 30;
const USUAL_RING_BYTES: u64 = 8 << 20;

/// The largest ring that a camera may have.
const MAX_RING_BYTES: u64 = 10_000_000_000;

/// Batches as the original makes them where its file says nothing.
const DEFAULT_BATCH: u64 = 299;
const DEFAULT_POLL_MILLIS: u64 = 300;
const MAX_BATCH: u64 = 10_000;

/// Age of footage where `buffer.on_disk_clean_older_than` is missing, as in the original.
const DEFAULT_KEEP: &str = "1m";

/// What a `conf.yaml` asks for, as far as Omma does it.
#[derive(Clone, Debug, Default)]
pub struct Conf {
    /// Where annotations go. Key and secret come from the settings of the REST interface.
    pub annotations: Option<AnnotationsConfig>,
    /// Where footage goes.
    pub folder: Option<PathBuf>,
    /// What cameras get that are added through the REST interface.
    pub cameras: CameraDefaults,
    /// Who may use the REST interface; everybody where nothing is said.
    pub token: Option<HeaderToken>,
    /// What was made of each key, in the order of the file's format.
    pub notes: Vec<Note>,
}

/// Settings of cameras that are added through the REST interface of video-edge-ai-proxy: a
/// part of a camera's part of the configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraDefaults(pub Map<String, Value>);

/// What was made of a key of `conf.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The key with its section, e.g. `buffer.on_disk`.
    pub key: String,
    /// What it means here, for people; without secrets.
    pub meaning: String,
    /// How it was taken.
    pub weight: Weight,
}

/// How a key of `conf.yaml` was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It does something here.
    Taken,
    /// It has no meaning here, and needs none.
    Idle,
    /// It is unknown, or does not do here what it did there.
    Doubtful,
}

impl Conf {
    /// Reads a `conf.yaml`; `name` is the file's name for messages.
    ///
    /// # Errors
    /// It is no YAML, or a value makes no sense.
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, ConfigError> {
        let root = if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
            Value::Null
        } else {
            let options = serde_saphyr::options! { with_snippet: false };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                let place = error.location();
                ConfigError {
                    file: name.to_owned(),
                    line: place.map_or(0, |place| place.line()),
                    column: place.map_or(0, |place| place.column()),
                    reason: redact_text(&format!("not readable as YAML: {error}")),
                }
            })?
        };
        let mut reader = Reader { file: name, conf: Self::default() };
        reader.root(&root).map_err(|reason| ConfigError {
            file: name.to_owned(),
            line: 0,
            column: 0,
            reason: redact_text(&reason),
        })?;
        Ok(reader.conf)
    }

    /// Fills in what `config` leaves open: what Omma's own file says stays. Turns the
    /// interfaces on that a client of video-edge-ai-proxy looks for.
    pub fn complete(&self, config: &mut Config) {
        config.chrysalis.get_or_insert_with(super::default_listener);
        config.grpc.get_or_insert_with(super::default_grpc);
        if config.annotations.is_none() {
            config.annotations.clone_from(&self.annotations);
        }
        let open = config.recordings.dir == config.data_dir.join("recordings");
        if let (true, Some(folder)) = (open, &self.folder) {
            config.recordings.dir.clone_from(folder);
        }
    }
}

/// The walk through a file.
struct Reader<'a> {
    file: &'a str,
    conf: Conf,
}

impl Reader<'_> {
    fn note(&mut self, weight: Weight, key: &str, meaning: impl Into<String>) {
        self.conf.notes.push(Note { key: key.to_owned(), meaning: meaning.into(), weight });
    }

    fn root(&mut self, root: &Value) -> Result<(), String> {
        let empty = Map::new();
        let keys = match root {
            Value::Null => {
                self.note(Weight::Doubtful, self.file, "the file is empty: defaults everywhere");
                &empty
            }
            Value::Object(keys) => keys,
            _ => {
                return Err("not video-edge-ai-proxy's configuration: that one is made of \
                            sections like `buffer:` and `annotation:`"
                    .to_owned());
            }
        };
        for (key, value) in keys {
            match key.as_str() {
                "version" | "title" | "description" | "mode" | "swagger" => {
                    self.note(Weight::Idle, key, "only describes the original's server");
                }
                "port" | "grpc_port" => self.note(
                    Weight::Idle,
                    key,
                    "the original ignores it, too; `chrysalis.listen` and `grpc.listen` of an \
                     omma.yaml say where to listen",
                ),
                "redis" | "api" | "annotation" | "buffer" | "auth_token" | "jwt_token" => {}
                _ => self.note(
                    Weight::Doubtful,
                    key,
                    unknown(
                        key,
                        &["redis", "api", "annotation", "buffer", "mode", "auth_token", "version"],
                    ),
                ),
            }
            // A section without anything in it is the same as none.
            let is_section = matches!(
                key.as_str(),
                "redis" | "api" | "annotation" | "buffer" | "auth_token" | "jwt_token"
            );
            if is_section && !value.is_null() && !value.is_object() {
                return Err(format!("`{key}` must be a section with keys of its own"));
            }
        }
        let section = |name: &str| keys.get(name).and_then(Value::as_object);
        if let Some(section) = section("redis") {
            self.redis(section);
        }
        if let Some(section) = section("api") {
            self.api(section);
        }
        if let Some(section) = section("annotation") {
            self.annotation(section)?;
        }
        if let Some(section) = section("buffer") {
            self.buffer(section)?;
        }
        if let Some(section) = section("auth_token") {
            self.auth_token(section)?;
        }
        if let Some(section) = section("jwt_token")
            && boolean("jwt_token.enabled", section.get("enabled"))?
        {
            self.note(
                Weight::Doubtful,
                "jwt_token.enabled",
                "the original never asks for it either; `auth.tokens` of an omma.yaml protects \
                 all interfaces",
            );
        }
        Ok(())
    }

    fn unknown_keys(&mut self, section: &str, keys: &Map<String, Value>, known: &[&str]) {
        for key in keys.keys().filter(|key| !known.contains(&key.as_str())) {
            self.note(Weight::Doubtful, &format!("{section}.{key}"), unknown(key, known));
        }
    }

    fn redis(&mut self, keys: &Map<String, Value>) {
        self.unknown_keys("redis", keys, &["connection", "database", "password"]);
        if !keys.is_empty() {
            self.note(Weight::Idle, "redis", "not needed: pictures do not go through Redis here");
        }
    }

    fn api(&mut self, keys: &Map<String, Value>) {
        self.unknown_keys("api", keys, &["endpoint"]);
        if keys.contains_key("endpoint") {
            self.note(Weight::Idle, "api.endpoint", "never called: nothing here needs a cloud");
        }
    }

    fn annotation(&mut self, keys: &Map<String, Value>) -> Result<(), String> {
        let known = ["endpoint", "unacked_limit", "poll_duration_ms", "max_batch_size"];
        self.unknown_keys("annotation", keys, &known);
        if keys.contains_key("unacked_limit") {
            self.note(
                Weight::Idle,
                "annotation.unacked_limit",
                "annotations wait on disk until they are delivered, in any number",
            );
        }
        let poll = number("annotation.poll_duration_ms", keys.get("poll_duration_ms"))?;
        let batch = number("annotation.max_batch_size", keys.get("max_batch_size"))?;
        let endpoint = match keys.get("endpoint") {
            None | Some(Value::Null) => "",
            Some(Value::String(endpoint)) => endpoint.trim(),
            Some(_) => return Err("`annotation.endpoint` must be an address".to_owned()),
        };
        if endpoint.is_empty() {
            self.note(
                Weight::Doubtful,
                "annotation.endpoint",
                "missing, so annotations are delivered nowhere: the cloud that the original \
                 takes then is gone",
            );
            return Ok(());
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err("`annotation.endpoint` must begin with http:// or https://".to_owned());
        }
        let batch = batch.unwrap_or(DEFAULT_BATCH);
        if !(1..=MAX_BATCH).contains(&batch) {
            return Err(format!("`annotation.max_batch_size` must be 1 to {MAX_BATCH}"));
        }
        let poll = poll.unwrap_or(DEFAULT_POLL_MILLIS);
        if !(1..=3_600_000).contains(&poll) {
            return Err("`annotation.poll_duration_ms` must be 1 to 3600000".to_owned());
        }
        self.note(
            Weight::Taken,
            "annotation",
            format!(
                "annotations go to {} in batches of up to {batch}, each at the latest after \
                 {poll} ms",
                redact_url(endpoint)
            ),
        );
        self.conf.annotations = Some(AnnotationsConfig {
            url: Secret::new(endpoint),
            key: String::new(),
            secret: None,
            batch: usize::try_from(batch).unwrap_or(usize::MAX),
            interval: Duration::from_millis(poll),
        });
        Ok(())
    }

    fn buffer(&mut self, keys: &Map<String, Value>) -> Result<(), String> {
        let known = [
            "in_memory",
            "in_memory_scale",
            "on_disk",
            "on_disk_folder",
            "on_disk_clean_older_than",
            "on_disk_schedule",
        ];
        self.unknown_keys("buffer", keys, &known);
        if let Some(pictures) = number("buffer.in_memory", keys.get("in_memory"))? {
            self.in_memory(pictures);
        }
        match keys.get("in_memory_scale").and_then(Value::as_str).map(str::trim) {
            None | Some("" | "-1:-1" | "iw:ih") => {}
            Some(_) => self.note(
                Weight::Doubtful,
                "buffer.in_memory_scale",
                "pictures of the past come in the camera's own size: the packets are kept as \
                 they came",
            ),
        }
        if keys.contains_key("on_disk_schedule") {
            self.note(
                Weight::Idle,
                "buffer.on_disk_schedule",
                "the original does not use it either; footage goes as soon as it is too old",
            );
        }
        if boolean("buffer.on_disk", keys.get("on_disk"))? {
            self.on_disk(keys)?;
        } else if keys.contains_key("on_disk_folder") {
            self.note(Weight::Idle, "buffer.on_disk_folder", "`buffer.on_disk` is not true");
        }
        Ok(())
    }

    fn in_memory(&mut self, pictures: u64) {
        let key = "buffer.in_memory";
        let secs = pictures.div_ceil(ASSUMED_FPS);
        if pictures == 0 {
            self.note(
                Weight::Doubtful,
                key,
                "the last packets are kept all the same: viewers begin with them",
            );
            return;
        }
        if secs <= USUAL_HISTORY_SECS {
            self.note(
                Weight::Taken,
                key,
                format!("covered: {USUAL_HISTORY_SECS} s or 8 MB of each camera are kept anyway"),
            );
            return;
        }
        let most = MAX_RING_BYTES / ASSUMED_PICTURE_BYTES;
        let weight = if pictures > most { Weight::Doubtful } else { Weight::Taken };
        let ring = (pictures.min(most) * ASSUMED_PICTURE_BYTES).max(USUAL_RING_BYTES);
        self.note(
            weight,
            key,
            format!(
                "cameras that are added through this interface keep their last {secs} s, at most \
                 {} MB (as if {ASSUMED_FPS} pictures a second came with 4 Mb/s)",
                ring / 1_000_000
            ),
        );
        // A duration in the configuration ends somewhere; the bound in bytes holds anyway.
        let secs = secs.min(999_999_999);
        self.conf.cameras.0.insert("history".to_owned(), json!(format!("{secs}s")));
        self.conf.cameras.0.insert("ring".to_owned(), json!(format!("{ring}B")));
    }

    fn on_disk(&mut self, keys: &Map<String, Value>) -> Result<(), String> {
        let folder = match keys.get("on_disk_folder") {
            Some(Value::String(folder)) if !folder.trim().is_empty() => folder.trim(),
            None | Some(Value::Null | Value::String(_)) => {
                self.note(
                    Weight::Doubtful,
                    "buffer.on_disk_folder",
                    "missing: footage goes to Omma's own folder",
                );
                ""
            }
            Some(_) => return Err("`buffer.on_disk_folder` must be a folder".to_owned()),
        };
        let keep = match keys.get("on_disk_clean_older_than") {
            None | Some(Value::Null) => DEFAULT_KEEP,
            Some(Value::String(keep)) => keep.trim(),
            Some(_) => return Err(bad_age("a number without a unit")),
        };
        let age = age(keep).ok_or_else(|| bad_age(keep))?;
        if !folder.is_empty() {
            self.conf.folder = Some(PathBuf::from(folder));
        }
        self.note(
            Weight::Taken,
            "buffer.on_disk",
            format!(
                "cameras that are added through this interface are recorded, one file a group \
                 of pictures, and kept for {} s",
                age.as_secs()
            ),
        );
        let record =
            json!({ "mode": "always", "segment": "gop", "keep": format!("{}s", age.as_secs()) });
        self.conf.cameras.0.insert("record".to_owned(), record);
        Ok(())
    }

    fn auth_token(&mut self, keys: &Map<String, Value>) -> Result<(), String> {
        self.unknown_keys("auth_token", keys, &["enabled", "token", "header", "path"]);
        if !boolean("auth_token.enabled", keys.get("enabled"))? {
            return Ok(());
        }
        let text = |name: &str| keys.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        let token = HeaderToken::new(text("header"), text("token"))
            .map_err(|reason| format!("`auth_token` is enabled, but {reason}"))?;
        self.note(
            Weight::Taken,
            "auth_token",
            format!("the REST interface wants the token in the header `{}`", token.header()),
        );
        if !text("path").is_empty() {
            self.note(
                Weight::Doubtful,
                "auth_token.path",
                "all paths are protected, not only those that match",
            );
        }
        self.conf.token = Some(token);
        Ok(())
    }
}

/// What is said about a key that nobody knows.
fn unknown(key: &str, known: &[&str]) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(key, known);
    match known.iter().copied().min_by_key(near).filter(|known| near(known) <= 2) {
        Some(known) => format!("unknown; did you mean `{known}`?"),
        None => "unknown".to_owned(),
    }
}

/// A number, or text that is one, as the original's reader takes it. None where nothing is
/// said.
fn number(key: &str, value: Option<&Value>) -> Result<Option<u64>, String> {
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    number.map(Some).ok_or_else(|| format!("`{key}` must be a whole number, 0 or more"))
}

/// A boolean; YAML 1.1, which the original's reader follows, has more words for them.
fn boolean(key: &str, value: Option<&Value>) -> Result<bool, String> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(true),
            "false" | "no" | "off" | "n" | "" => Ok(false),
            _ => Err(format!("`{key}` must be true or false")),
        },
        Some(_) => Err(format!("`{key}` must be true or false")),
    }
}

/// An age as the original's clean-up reads it: a number and `s`, `m`, `h`, `d` or `w`.
fn age(text: &str) -> Option<Duration> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let (number, secs) =
        units.into_iter().find_map(|(unit, secs)| Some((text.strip_suffix(unit)?, secs)))?;
    let secs = number.trim().parse::<u64>().ok()?.checked_mul(secs)?;
    // What a configuration takes as a duration.
    (1..1_000_000_000).contains(&secs).then(|| Duration::from_secs(secs))
}

fn bad_age(text: &str) -> String {
    format!(
        "`buffer.on_disk_clean_older_than` can't be `{text}`; expected a number with s, m, h, d \
         or w, like 5m"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: &str = r#"
version: 0.0.7
title: Video proxy
description: for tests
mode: release
redis: { connection: "redis:6379", database: 0, password: "hush" }
api: { endpoint: "https://api.example" }
annotation:
  endpoint: "https://user:hush@events.example/annotate?token=hush"
  unacked_limit: 1000
  poll_duration_ms: 500
  max_batch_size: 100
buffer:
  in_memory: 2000
  in_memory_scale: "iw/2:ih/2"
  on_disk: true
  on_disk_folder: /data/archive
  on_disk_clean_older_than: "5m"
  on_disk_schedule: "@every 5m"
grpc_port: 50001
"#;

    fn read(text: &str) -> Conf {
        Conf::from_yaml(text, "conf.yaml").unwrap()
    }

    fn weight(conf: &Conf, key: &str) -> Option<Weight> {
        conf.notes.iter().find(|note| note.key == key).map(|note| note.weight)
    }

    fn empty() -> Config {
        Config::from_yaml("version: 1", "omma.yaml", &|_| None).unwrap()
    }

    #[test]
    fn every_key_of_a_full_file_is_taken_or_explained() {
        let conf = read(FULL);
        let annotations = conf.annotations.clone().unwrap();
        assert_eq!((annotations.batch, annotations.interval.as_millis()), (100, 500));
        assert_eq!(conf.folder.as_deref(), Some(std::path::Path::new("/data/archive")));
        for (key, expected) in [
            ("version", Weight::Idle),
            ("title", Weight::Idle),
            ("mode", Weight::Idle),
            ("redis", Weight::Idle),
            ("api.endpoint", Weight::Idle),
            ("annotation", Weight::Taken),
            ("annotation.unacked_limit", Weight::Idle),
            ("buffer.in_memory", Weight::Taken),
            ("buffer.in_memory_scale", Weight::Doubtful),
            ("buffer.on_disk", Weight::Taken),
            ("buffer.on_disk_schedule", Weight::Idle),
            ("grpc_port", Weight::Idle),
        ] {
            assert_eq!(weight(&conf, key), Some(expected), "{key}");
        }
        assert!(!format!("{:?}", conf.notes).contains("hush"), "{:?}", conf.notes);

        let mut config = empty();
        conf.complete(&mut config);
        assert_eq!(config.chrysalis.unwrap().address.to_string(), "127.0.0.1:8909");
        assert_eq!(config.grpc.unwrap().listener.address.to_string(), "127.0.0.1:50001");
        assert_eq!(config.recordings.dir, PathBuf::from("/data/archive"));
        assert!(config.annotations.is_some());
    }

    #[test]
    fn what_cameras_get_is_right_in_a_configuration() {
        let config = empty();
        for text in [
            FULL,
            "buffer: { on_disk: yes }",
            "buffer: { in_memory: 18446744073709551615 }",
            "buffer: { in_memory: 751 }",
            "buffer: { on_disk: true, on_disk_clean_older_than: 1600w }",
        ] {
            let mut settings = read(text).cameras.0;
            settings.insert("url".to_owned(), json!("rtsp://camera/1"));
            let settings = Value::Object(settings).to_string();
            config.parse_camera("a", &settings).unwrap_or_else(|e| panic!("{settings}: {e}"));
        }
    }

    #[test]
    fn partial_and_empty_files_are_fine() {
        for text in [
            "",
            "# nothing\n",
            "version: 0.0.1",
            "buffer:\nredis:\napi:\nannotation:\n",
            "buffer: {}",
            "redis: { connection: redis:6379 }",
            "buffer: { in_memory: 1 }",
            "buffer: { in_memory: '1', on_disk: 'no' }",
        ] {
            let conf = read(text);
            assert!(conf.annotations.is_none() && conf.folder.is_none(), "{text}");
            assert!(conf.cameras.0.is_empty(), "{text}");
        }
        assert_eq!(
            weight(&read("annotation: { max_batch_size: 5 }"), "annotation.endpoint"),
            Some(Weight::Doubtful)
        );
    }

    #[test]
    fn unknown_keys_are_wondered_at_and_not_refused() {
        let conf = read("bufer: { on_disk: true }\nbuffer: { on_dsk: true }\nfoo: 1");
        let said = |key: &str| {
            let note = conf.notes.iter().find(|note| note.key == key).unwrap();
            assert_eq!(note.weight, Weight::Doubtful);
            note.meaning.clone()
        };
        assert!(said("bufer").contains("`buffer`"));
        assert!(said("buffer.on_dsk").contains("`on_disk`"));
        assert_eq!(said("foo"), "unknown");
    }

    #[test]
    fn garbage_is_refused_with_the_key() {
        for (text, part) in [
            ("- a\n- b", "sections"),
            ("just text", "sections"),
            ("{", "YAML"),
            ("a: [1", "YAML"),
            ("buffer: 5", "`buffer`"),
            ("buffer: { in_memory: many }", "`buffer.in_memory`"),
            ("buffer: { in_memory: -1 }", "`buffer.in_memory`"),
            ("buffer: { on_disk: perhaps }", "`buffer.on_disk`"),
            ("buffer: { on_disk: true, on_disk_folder: 7 }", "on_disk_folder"),
            ("buffer: { on_disk: true, on_disk_clean_older_than: 5 }", "on_disk_clean_older_than"),
            ("buffer: { on_disk: true, on_disk_clean_older_than: 0s }", "on_disk_clean_older_than"),
            ("buffer: { on_disk: true, on_disk_clean_older_than: 5é }", "on_disk_clean_older_than"),
            ("annotation: { endpoint: 'ftp://x' }", "annotation.endpoint"),
            ("annotation: { endpoint: 'http://x', max_batch_size: 0 }", "max_batch_size"),
            ("auth_token: { enabled: true, header: x }", "token"),
            ("auth_token: { enabled: true, token: abc }", "header"),
        ] {
            let error = Conf::from_yaml(text, "conf.yaml").unwrap_err();
            assert!(error.to_string().starts_with("conf.yaml"), "{error}");
            assert!(error.reason.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_omma_s_own_file_says_stays() {
        let text = "version: 1\nchrysalis: { listen: '127.0.0.1:9' }\n\
                    recordings: { dir: /mine }\nannotations: { url: 'http://mine' }";
        let mut config = Config::from_yaml(text, "omma.yaml", &|_| None).unwrap();
        read(FULL).complete(&mut config);
        assert_eq!(config.chrysalis.unwrap().address.port(), 9);
        assert_eq!(config.recordings.dir, PathBuf::from("/mine"));
        assert_eq!(config.annotations.unwrap().url.reveal(), "http://mine");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-z_]{1,8}: ?[a-z0-9\\[{\"']{0,4}\n?){0,6}") {
            drop(Conf::from_yaml(&text, "conf.yaml"));
        }
    }
}
