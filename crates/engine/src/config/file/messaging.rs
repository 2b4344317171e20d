//! `bus`, `node`, `publish` and `sinks` as they are written.

use std::collections::BTreeSet;
use std::time::Duration;

use omma_bus::{Broker, BrokerAddress, BrokerKind, BrokerTls};
use omma_types::{CameraId, EventKind, Secret};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::values::class_names;
use super::{Check, ListenerFile, local};
use crate::config::error::{ConfigError, unknown};
use crate::config::{
    BusConfig, CameraConfig, DialectConfig, EventFormat, FrameTopic, ImagebusConfig, NodeConfig,
    PublishConfig, RedactConfig, RedactStyle, Reference, Role, SinkConfig, SinkTarget,
};

const DEFAULT_QUALITY: u8 = 80;
const DEFAULT_JPEG_FPS: u8 = 10;
const DEFAULT_SINK_INTERVAL: Duration = Duration::from_millis(300);
/// Kafka's own limit of a message, where nobody changed it.
const DEFAULT_MAX_BYTES: usize = 1_048_576;

/// Redacted pictures come this much later at most.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum BusFile {
    Url(Spanned<String>),
    Full(Box<FullBusFile>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullBusFile {
    url: Spanned<String>,
    tls: Option<BrokerTlsFile>,
    prefix: Option<Spanned<String>>,
    frames: Option<Spanned<FramesFile>>,
    keep: Option<Spanned<String>>,
    keep_events: Option<Spanned<String>>,
    partitions: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FramesFile {
    form: FormFile,
    quality: Option<Spanned<u8>>,
    fps: Option<Spanned<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeFile {
    name: Option<Spanned<String>>,
    #[serde(default)]
    roles: Vec<Spanned<String>>,
    #[serde(default)]
    cameras: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormFile {
    Packets,
    Jpeg,
    None,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerTlsFile {
    ca: Option<Spanned<String>>,
    cert: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishFile {
    camera: Spanned<String>,
    to: Spanned<String>,
    tls: Option<BrokerTlsFile>,
    dialect: Spanned<String>,
    #[serde(rename = "as")]
    name: Option<Spanned<String>>,
    fps: Option<Spanned<f64>>,
    quality: Option<Spanned<u8>>,
    keep: Option<Spanned<u64>>,
    page: Option<ListenerFile>,
    // Of single dialects; `OPTIONS` says of which.
    adaptive: Option<Spanned<bool>>,
    series: Option<Spanned<String>>,
    reference: Option<Spanned<ReferenceFile>>,
    messages: Option<Spanned<bool>>,
    score: Option<Spanned<f32>>,
    tail: Option<Spanned<u32>>,
    in_memory: Option<Spanned<u64>>,
    every: Option<Spanned<u32>>,
    generation: Option<Spanned<GenerationFile>>,
    topics: Option<Spanned<TopicsFile>>,
    redact: Option<Spanned<Vec<String>>>,
    embed_original: Option<Spanned<bool>>,
    max_size: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReferenceFile {
    Previous,
    Own,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GenerationFile {
    Json,
    Msgpack,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsFile {
    source: Option<String>,
    analysis: Option<String>,
    redaction: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkFile {
    name: Spanned<String>,
    to: Spanned<String>,
    tls: Option<BrokerTlsFile>,
    key: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    #[serde(default)]
    kinds: Vec<Spanned<String>>,
    #[serde(default)]
    cameras: Vec<Spanned<String>>,
    format: Option<Spanned<FormatFile>>,
    batch: Option<Spanned<usize>>,
    interval: Option<Spanned<String>>,
    attempts: Option<Spanned<u32>>,
    home_assistant: Option<Spanned<HomeAssistantFile>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatFile {
    Json,
    Protobuf,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HomeAssistantFile {
    On(bool),
    Prefix(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedactFile {
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    style: StyleFile,
    margin: Option<Spanned<f32>>,
    hold: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StyleFile {
    #[default]
    Black,
    Blur,
    Pixelate,
}

impl Check<'_> {
    pub(super) fn bus(&self, file: &BusFile) -> Result<Option<BusConfig>, ConfigError> {
        let url = match file {
            BusFile::Url(url) => url,
            BusFile::Full(full) => &full.url,
        };
        let mut broker = self.broker(url, None)?;
        let mut config = BusConfig::new(broker.clone());
        if let BusFile::Full(full) = file {
            if let Some(tls) = &full.tls {
                broker = broker.with_tls(self.broker_tls(tls)?);
            }
            if let Some(prefix) = &full.prefix {
                config.prefix = self.topic_name(prefix)?;
            }
            if let Some(frames) = &full.frames {
                config.frames = self.frames(frames)?;
            }
            if let Some(keep) = &full.keep {
                config.keep = self.duration(keep)?;
            }
            if let Some(keep) = &full.keep_events {
                config.keep_events = self.duration(keep)?;
            }
            if let Some(partitions) = &full.partitions {
                if !(1..=1000).contains(&partitions.value) {
                    return Err(self.wrong(partitions.referenced, "`partitions` must be 1 to 1000"));
                }
                config.partitions = partitions.value;
            }
        }
        if broker.kind == BrokerKind::Mqtt {
            return Err(self.wrong(
                url.referenced,
                "the bus needs Redis or Kafka; MQTT can be a sink for events (`sinks:`)",
            ));
        }
        config.broker = broker;
        Ok((config.broker.kind != BrokerKind::Memory).then_some(config))
    }

    pub(super) fn node(&self, file: &NodeFile) -> Result<NodeConfig, ConfigError> {
        let role = |word: &Spanned<String>| {
            Role::ALL.into_iter().find(|role| role.as_str() == word.value).ok_or_else(|| {
                let valid = Role::ALL.map(Role::as_str);
                self.wrong(word.referenced, unknown("role", &word.value, &valid))
            })
        };
        let roles: BTreeSet<Role> = file.roles.iter().map(role).collect::<Result<_, _>>()?;
        let usual = NodeConfig::default();
        Ok(NodeConfig {
            roles: if roles.is_empty() { usual.roles } else { roles },
            name: file.name.as_ref().map(|name| self.topic_name(name)).transpose()?,
            capacity: file.cameras,
        })
    }

    pub(super) fn frames(&self, file: &Spanned<FramesFile>) -> Result<FrameTopic, ConfigError> {
        let quality = self.quality(file.value.quality.as_ref())?;
        let fps = match &file.value.fps {
            Some(fps) if !(1..=60).contains(&fps.value) => {
                return Err(self.wrong(fps.referenced, "`fps` must be 1 to 60"));
            }
            Some(fps) => fps.value,
            None => DEFAULT_JPEG_FPS,
        };
        let is_jpeg = matches!(file.value.form, FormFile::Jpeg);
        if !is_jpeg && (file.value.quality.is_some() || file.value.fps.is_some()) {
            return Err(self.wrong(file.referenced, "`quality` and `fps` need `form: jpeg`"));
        }
        Ok(match file.value.form {
            FormFile::Packets => FrameTopic::Packets,
            FormFile::Jpeg => FrameTopic::Jpeg { quality, fps },
            FormFile::None => FrameTopic::None,
        })
    }

    pub(super) fn publish(
        &self,
        files: &[Spanned<PublishFile>],
        cameras: &[CameraConfig],
    ) -> Result<Vec<PublishConfig>, ConfigError> {
        let mut all: Vec<PublishConfig> = Vec::with_capacity(files.len());
        for file in files {
            let config = self.publication(&file.value, cameras)?;
            let same = |other: &&PublishConfig| {
                other.name == config.name && other.broker.is_same_place(&config.broker)
            };
            if let Some(other) = all.iter().find(same) {
                return Err(self.wrong(
                    file.referenced,
                    format!(
                        "`{}` is written by cameras `{}` ({}) and `{}` ({}): readers would mix \
                         them up; give one another `as`, or another database (`/1`)",
                        config.name,
                        other.camera,
                        other.dialect.as_str(),
                        config.camera,
                        config.dialect.as_str(),
                    ),
                ));
            }
            all.push(config);
        }
        Ok(all)
    }

    fn publication(
        &self,
        file: &PublishFile,
        cameras: &[CameraConfig],
    ) -> Result<PublishConfig, ConfigError> {
        let camera = self.known_camera(&file.camera, cameras)?;
        let broker = self.broker(&file.to, file.tls.as_ref())?;
        let dialect = self.dialect(file)?;
        let needs = match dialect {
            DialectConfig::Omma { .. } => broker.kind,
            DialectConfig::Imagebus(_) => BrokerKind::Kafka,
            _ => BrokerKind::Redis,
        };
        if broker.kind != needs || broker.kind == BrokerKind::Mqtt {
            return Err(self.wrong(
                file.to.referenced,
                format!("`{}` is not spoken on {}", dialect.as_str(), broker.kind.as_str()),
            ));
        }
        let name = match &file.name {
            Some(name) => self.text(name)?,
            None => match &dialect {
                DialectConfig::Redisedge { .. } | DialectConfig::Deepvision { .. } => {
                    "camera:0".to_owned()
                }
                _ => camera.as_str().to_owned(),
            },
        };
        if let Some(fps) = &file.fps
            && !(fps.value > 0.0 && fps.value <= 1000.0)
        {
            return Err(self.wrong(fps.referenced, "`fps` must be above 0 and up to 1000"));
        }
        let default_page = match &dialect {
            DialectConfig::Deepvision { .. } => local(5001),
            _ => local(5000),
        };
        Ok(PublishConfig {
            camera,
            broker,
            dialect,
            name,
            fps: file.fps.as_ref().map(|fps| fps.value),
            quality: self.quality(file.quality.as_ref())?,
            keep: file.keep.as_ref().map(|keep| keep.value),
            page: file.page.as_ref().map(|page| self.listener(page, default_page)).transpose()?,
        })
    }

    fn dialect(&self, file: &PublishFile) -> Result<DialectConfig, ConfigError> {
        let word = file.dialect.value.as_str();
        if !DialectConfig::WORDS.contains(&word) {
            let reason = unknown("dialect", word, &DialectConfig::WORDS);
            return Err(self.wrong(file.dialect.referenced, reason));
        }
        // Every option, where it stands if it is there, and whose it is.
        let page = file.page.as_ref().map(|_| file.dialect.referenced);
        let options = [
            ("page", page, &["redisedge", "deepvision"][..]),
            ("adaptive", file.adaptive.as_ref().map(|o| o.referenced), &["redisedge"]),
            ("series", file.series.as_ref().map(|o| o.referenced), &["redisedge", "deepvision"]),
            ("reference", file.reference.as_ref().map(|o| o.referenced), &["deepvision"]),
            ("messages", file.messages.as_ref().map(|o| o.referenced), &["deepvision"]),
            ("score", file.score.as_ref().map(|o| o.referenced), &["deepvision"]),
            ("tail", file.tail.as_ref().map(|o| o.referenced), &["deepvision"]),
            ("in_memory", file.in_memory.as_ref().map(|o| o.referenced), &["chrysalis"]),
            ("every", file.every.as_ref().map(|o| o.referenced), &["imagebus"]),
            ("generation", file.generation.as_ref().map(|o| o.referenced), &["imagebus"]),
            ("topics", file.topics.as_ref().map(|o| o.referenced), &["imagebus"]),
            ("redact", file.redact.as_ref().map(|o| o.referenced), &["imagebus"]),
            ("embed_original", file.embed_original.as_ref().map(|o| o.referenced), &["imagebus"]),
            ("max_size", file.max_size.as_ref().map(|o| o.referenced), &["imagebus"]),
        ];
        for (name, place, whose) in options {
            if let Some(place) = place.filter(|_| !whose.contains(&word)) {
                let whose = whose.join("` and `");
                return Err(self
                    .wrong(place, format!("`{name}` is an option of `{whose}`, not of `{word}`")));
            }
        }
        let is_on =
            |flag: &Option<Spanned<bool>>, default| flag.as_ref().map_or(default, |f| f.value);
        let series = match &file.series {
            Some(off) if off.value == "none" => None,
            Some(url) => Some(self.broker(url, file.tls.as_ref())?),
            None => Some(self.broker(&file.to, file.tls.as_ref())?),
        };
        Ok(match word {
            "redisedge" => {
                DialectConfig::Redisedge { adaptive: is_on(&file.adaptive, false), series }
            }
            "deepvision" => DialectConfig::Deepvision {
                reference: match file.reference.as_ref().map(|r| r.value) {
                    Some(ReferenceFile::Own) => Reference::Own,
                    Some(ReferenceFile::Previous) | None => Reference::Previous,
                },
                series,
                messages: is_on(&file.messages, true),
                score: file
                    .score
                    .as_ref()
                    .map(|score| self.score(score))
                    .transpose()?
                    .unwrap_or(0.0),
                tail: file.tail.as_ref().map_or(60, |tail| tail.value),
            },
            "chrysalis" => DialectConfig::Chrysalis {
                in_memory: file.in_memory.as_ref().map_or(1, |count| count.value),
            },
            "imagebus" => DialectConfig::Imagebus(self.imagebus(file)?),
            _ => DialectConfig::Omma {
                bus: BusConfig::new(self.broker(&file.to, file.tls.as_ref())?),
                analyses: true,
            },
        })
    }

    fn imagebus(&self, file: &PublishFile) -> Result<ImagebusConfig, ConfigError> {
        let msgpack = file.generation.as_ref().is_some_and(|g| g.value == GenerationFile::Msgpack);
        let usual = |json: &str, old: &str| Some(if msgpack { old } else { json }.to_owned());
        let (source, analysis, redaction) = match &file.topics {
            Some(topics) => {
                let topics = &topics.value;
                (topics.source.clone(), topics.analysis.clone(), topics.redaction.clone())
            }
            None => (
                usual("SOURCE_FRAME", "distributed-video1"),
                usual("IMAGEAI_FRAME", "imageai-video1"),
                usual("REDACTION_FRAME", "redacted-video1"),
            ),
        };
        // Readers of redacted pictures must not find others among them.
        let pairs = [(&source, &analysis), (&source, &redaction), (&analysis, &redaction)];
        if let Some(topics) = &file.topics
            && pairs.iter().any(|(a, b)| a.is_some() && a == b)
        {
            return Err(self.wrong(
                topics.referenced,
                "each kind of message needs a topic of its own; leave out what is not to be written",
            ));
        }
        if let Some(every) = file.every.as_ref().filter(|every| every.value == 0) {
            return Err(self.wrong(every.referenced, "`every` must be 1 or more"));
        }
        let redact = match &file.redact {
            Some(classes) => class_names(&classes.value),
            None => class_names(&["person".to_owned()]),
        };
        Ok(ImagebusConfig {
            every: file.every.as_ref().map_or(30, |every| every.value),
            msgpack,
            source,
            analysis,
            redaction,
            redact,
            embed_original: file.embed_original.as_ref().is_some_and(|embed| embed.value),
            max_bytes: match &file.max_size {
                Some(size) => self.size(size)? as usize,
                None => DEFAULT_MAX_BYTES,
            },
        })
    }

    pub(super) fn sinks(
        &self,
        files: &[Spanned<SinkFile>],
        cameras: &[CameraConfig],
    ) -> Result<Vec<SinkConfig>, ConfigError> {
        let mut sinks: Vec<SinkConfig> = Vec::with_capacity(files.len());
        for file in files {
            let sink = self.sink(&file.value, cameras)?;
            if sinks.iter().any(|other| other.name == sink.name) {
                return Err(self.wrong(
                    file.value.name.referenced,
                    format!("two sinks are called `{}`; each needs its own name", sink.name),
                ));
            }
            sinks.push(sink);
        }
        Ok(sinks)
    }

    fn sink(&self, file: &SinkFile, cameras: &[CameraConfig]) -> Result<SinkConfig, ConfigError> {
        let name = self.topic_name(&file.name)?;
        let kind = |word: &Spanned<String>| {
            if EventKind::WORDS.contains(&word.value.as_str()) {
                return Ok(word.value.clone());
            }
            let reason = unknown("kind of event", &word.value, &EventKind::WORDS);
            Err(self.wrong(word.referenced, reason))
        };
        let bounded = |value: &Option<Spanned<usize>>, default: usize| match value {
            Some(value) if !(1..=10_000).contains(&value.value) => {
                Err(self.wrong(value.referenced, "`batch` must be 1 to 10000"))
            }
            Some(value) => Ok(value.value),
            None => Ok(default),
        };
        Ok(SinkConfig {
            target: self.sink_target(file)?,
            kinds: file.kinds.iter().map(kind).collect::<Result<_, _>>()?,
            cameras: file
                .cameras
                .iter()
                .map(|name| self.known_camera(name, cameras))
                .collect::<Result<_, _>>()?,
            batch: bounded(&file.batch, 100)?,
            interval: match &file.interval {
                Some(interval) => self.duration(interval)?,
                None => DEFAULT_SINK_INTERVAL,
            },
            attempts: file.attempts.as_ref().map_or(5, |attempts| attempts.value.max(1)),
            name,
        })
    }

    fn sink_target(&self, file: &SinkFile) -> Result<SinkTarget, ConfigError> {
        let url = self.text(&file.to)?;
        if url.starts_with("http://") || url.starts_with("https://") {
            for (key, place) in [
                ("format", file.format.as_ref().map(|f| f.referenced)),
                ("home_assistant", file.home_assistant.as_ref().map(|h| h.referenced)),
            ] {
                if let Some(place) = place {
                    return Err(self.wrong(place, format!("`{key}` means nothing for a webhook")));
                }
            }
            return Ok(SinkTarget::Webhook {
                url: Secret::new(url),
                key: file.key.as_ref().map(|key| self.text(key)).transpose()?.unwrap_or_default(),
                secret: match &file.secret {
                    Some(secret) => Some(Secret::new(self.text(secret)?)),
                    None => None,
                },
            });
        }
        if let Some(secret) = &file.secret {
            return Err(self.wrong(secret.referenced, "only webhooks are signed with a `secret`"));
        }
        let address = BrokerAddress::parse(&url)
            .map_err(|error| self.wrong(file.to.referenced, error.to_string()))?;
        let mut broker = address.broker;
        if let Some(tls) = &file.tls {
            broker = broker.with_tls(self.broker_tls(tls)?);
        }
        let home_assistant = match file.home_assistant.as_ref().map(|h| &h.value) {
            None | Some(HomeAssistantFile::On(false)) => None,
            Some(HomeAssistantFile::On(true)) => Some("homeassistant".to_owned()),
            Some(HomeAssistantFile::Prefix(prefix)) => Some(prefix.clone()),
        };
        if let (Some(place), false) = (&file.home_assistant, broker.kind == BrokerKind::Mqtt) {
            return Err(self.wrong(place.referenced, "`home_assistant` needs an mqtt:// address"));
        }
        let usual = match broker.kind {
            BrokerKind::Mqtt => "omma",
            BrokerKind::Redis => "omma:events",
            BrokerKind::Kafka => "omma.events",
            BrokerKind::Memory => {
                return Err(self.wrong(
                    file.to.referenced,
                    "expected http(s)://, redis://, kafka:// or mqtt://",
                ));
            }
        };
        Ok(SinkTarget::Broker {
            broker,
            name: if address.name.is_empty() { usual.to_owned() } else { address.name },
            format: match file.format.as_ref().map(|format| format.value) {
                Some(FormatFile::Protobuf) => EventFormat::Protobuf,
                Some(FormatFile::Json) | None => EventFormat::Json,
            },
            home_assistant,
        })
    }

    pub(super) fn redact(&self, file: &RedactFile) -> Result<RedactConfig, ConfigError> {
        let usual = RedactConfig::default();
        let margin = match &file.margin {
            Some(margin) if !(0.0..=2.0).contains(&margin.value) => {
                return Err(self.wrong(margin.referenced, "`margin` must be 0 to 2"));
            }
            Some(margin) => margin.value,
            None => usual.margin,
        };
        let hold = match &file.hold {
            Some(text) => {
                let hold = self.duration(text)?;
                if hold > LONGEST_HOLD {
                    return Err(self.wrong(
                        text.referenced,
                        "`hold` must be 10s or less: pictures wait for it in memory",
                    ));
                }
                hold
            }
            None => usual.hold,
        };
        Ok(RedactConfig {
            classes: class_names(&file.classes),
            style: match file.style {
                StyleFile::Black => RedactStyle::Black,
                StyleFile::Blur => RedactStyle::Blur,
                StyleFile::Pixelate => RedactStyle::Pixelate,
            },
            margin,
            hold,
        })
    }

    fn broker(
        &self,
        url: &Spanned<String>,
        tls: Option<&BrokerTlsFile>,
    ) -> Result<Broker, ConfigError> {
        let text = self.text(url)?;
        let broker =
            Broker::parse(&text).map_err(|error| self.wrong(url.referenced, error.to_string()))?;
        Ok(match tls {
            Some(tls) => broker.with_tls(self.broker_tls(tls)?),
            None => broker,
        })
    }

    fn broker_tls(&self, file: &BrokerTlsFile) -> Result<BrokerTls, ConfigError> {
        let path = |text: &Option<Spanned<String>>| {
            text.as_ref().map(|text| self.text(text).map(Into::into)).transpose()
        };
        Ok(BrokerTls { ca: path(&file.ca)?, cert: path(&file.cert)?, key: path(&file.key)? })
    }

    fn known_camera(
        &self,
        name: &Spanned<String>,
        cameras: &[CameraConfig],
    ) -> Result<CameraId, ConfigError> {
        match cameras.iter().find(|camera| camera.id.as_str() == name.value) {
            Some(camera) => Ok(camera.id.clone()),
            None => {
                let valid: Vec<&str> = cameras.iter().map(|camera| camera.id.as_str()).collect();
                Err(self.wrong(name.referenced, unknown("camera", &name.value, &valid)))
            }
        }
    }

    fn quality(&self, quality: Option<&Spanned<u8>>) -> Result<u8, ConfigError> {
        match quality {
            Some(quality) if !(1..=100).contains(&quality.value) => {
                Err(self.wrong(quality.referenced, "`quality` must be 1 to 100"))
            }
            Some(quality) => Ok(quality.value),
            None => Ok(DEFAULT_QUALITY),
        }
    }

    /// A name that every broker takes.
    pub(super) fn topic_name(&self, text: &Spanned<String>) -> Result<String, ConfigError> {
        let name = self.text(text)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(self.wrong(
                text.referenced,
                format!("`{name}` must be 1 to 64 letters, digits, `-`, `_` or `.`"),
            ));
        }
        Ok(name)
    }
}
