//! The YAML file as it is written, and its way to a checked [`Config`].

pub(super) mod camera;
mod derived;
mod messaging;
mod switch;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use omma_infer::EngineChoice;
use omma_types::Secret;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use self::camera::CameraFile;
use self::messaging::{BusFile, NodeFile, PublishFile, SinkFile};
use self::switch::Switch;
use self::values::{as_path, class_names};
pub(super) use self::values::{written as duration, written_bytes as bytes};
use super::env::{Lookup, expand};
use super::error::{ConfigError, unknown};
use super::{
    Accounts, AccountsConfig, AnnotationsConfig, CameraConfig, Config, Detector, GrpcConfig,
    Listener, MOTION, ModelConfig, NamedModel, Origin, RecordingsConfig, Scope, TlsConfig,
    TokenConfig, WebrtcConfig,
};

const DEFAULT_HTTP: SocketAddr = local(8080);
const DEFAULT_GRPC: SocketAddr = local(50_001);
const DEFAULT_CHRYSALIS: SocketAddr = local(8909);
const DEFAULT_MIN_FREE: u64 = 1_000_000_000;
const DEFAULT_TRACKS: Duration = Duration::from_hours(30 * 24);
const DEFAULT_BATCH: usize = 299;
const DEFAULT_INTERVAL: Duration = Duration::from_millis(300);

/// Shorter ones can be guessed.
const SHORTEST_TOKEN: usize = 16;

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: Spanned<u32>,
    data_dir: Option<Spanned<String>>,
    #[serde(default)]
    http: ListenerFile,
    webrtc: Option<Switch<WebrtcFile>>,
    grpc: Option<GrpcFile>,
    chrysalis: Option<ListenerFile>,
    #[serde(default)]
    auth: AuthFile,
    accounts: Option<Switch<AccountsFile>>,
    #[serde(default)]
    recordings: RecordingsFile,
    #[serde(default)]
    events: EventsFile,
    #[serde(default)]
    tracks: TracksFile,
    annotations: Option<AnnotationsFile>,
    bus: Option<BusFile>,
    node: Option<NodeFile>,
    #[serde(default)]
    publish: Vec<Spanned<PublishFile>>,
    #[serde(default)]
    sinks: Vec<Spanned<SinkFile>>,
    #[serde(default)]
    models: BTreeMap<String, Spanned<ModelFile>>,
    #[serde(default)]
    cameras: BTreeMap<String, Spanned<CameraFile>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerFile {
    listen: Option<Spanned<String>>,
    #[serde(default)]
    insecure: bool,
    tls: Option<TlsFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    cert: Spanned<String>,
    key: Spanned<String>,
    client_ca: Option<Spanned<String>>,
}

// The fields of a listener stand here again, because serde can't both flatten and refuse
// unknown keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrpcFile {
    listen: Option<Spanned<String>>,
    #[serde(default)]
    insecure: bool,
    tls: Option<TlsFile>,
    strict: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthFile {
    #[serde(default)]
    tokens: Vec<Spanned<TokenFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebrtcFile {
    listen: Option<Spanned<String>>,
    #[serde(default)]
    public: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsFile {
    idle: Option<Spanned<String>>,
    longest: Option<Spanned<String>>,
    audit_keep: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    name: String,
    token: Spanned<String>,
    scopes: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingsFile {
    dir: Option<Spanned<String>>,
    min_free: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsFile {
    keep: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TracksFile {
    keep: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnnotationsFile {
    url: Spanned<String>,
    key: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    batch: Option<Spanned<usize>>,
    interval: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    card: Option<String>,
    file: Option<Spanned<String>>,
    #[serde(default)]
    bus: bool,
    #[serde(default)]
    engine: EngineFile,
    #[serde(default)]
    classes: Vec<String>,
    min_score: Option<Spanned<f32>>,
    start_score: Option<Spanned<f32>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EngineFile {
    #[default]
    Auto,
    Ort,
    Rten,
}

/// Reads and checks `text`.
pub(super) fn parse(text: &str, name: &str, env: &Lookup<'_>) -> Result<Config, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let file: ConfigFile = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ConfigError::from_yaml(name, &error))?;
    let check = Check { name, env: Some(env) };
    if file.version.value != 1 {
        return Err(check.wrong(
            file.version.referenced,
            format!("version {} is not known; this Omma reads version 1", file.version.value),
        ));
    }
    let data_dir = match &file.data_dir {
        Some(text) => PathBuf::from(check.text(text)?),
        None => PathBuf::from("./omma-data"),
    };
    let http = check.listener(&file.http, DEFAULT_HTTP)?;
    let chrysalis = file.chrysalis.as_ref().map(|l| check.listener(l, DEFAULT_CHRYSALIS));
    let recordings = RecordingsConfig {
        dir: match &file.recordings.dir {
            Some(dir) => PathBuf::from(check.text(dir)?),
            None => data_dir.join("recordings"),
        },
        min_free: match &file.recordings.min_free {
            Some(size) => check.size(size)?,
            None => DEFAULT_MIN_FREE,
        },
    };
    let models = file
        .models
        .iter()
        .map(|(name, model)| Ok((name.clone(), check.model(name, model)?)))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    let cameras = file
        .cameras
        .iter()
        .map(|(id, camera)| check.camera(id, camera, &models))
        .collect::<Result<Vec<_>, _>>()?;
    let bus = file.bus.as_ref().map(|bus| check.bus(bus)).transpose()?.flatten();
    if bus.is_none()
        && let Some((name, model)) = file.models.iter().find(|(_, model)| model.value.bus)
    {
        return Err(check.wrong(
            model.referenced,
            format!(
                "model `{name}` is a program on the bus, but there is no bus; add \
                 `bus: redis://host:6379` or `bus: kafka://host:9092`"
            ),
        ));
    }
    check.derived(&file.cameras, &cameras)?;
    let mut config = Config {
        bus,
        node: file.node.as_ref().map(|node| check.node(node)).transpose()?,
        publish: check.publish(&file.publish, &cameras)?,
        sinks: check.sinks(&file.sinks, &cameras)?,
        data_dir,
        webrtc: check.webrtc(file.webrtc.as_ref(), http.address)?,
        http,
        grpc: file.grpc.as_ref().map(|grpc| check.grpc(grpc)).transpose()?,
        chrysalis: chrysalis.transpose()?,
        tokens: check.tokens(&file.auth.tokens)?,
        accounts: check.accounts(file.accounts.as_ref())?,
        recordings,
        events_keep: file.events.keep.as_ref().map(|keep| check.duration(keep)).transpose()?,
        tracks_keep: match &file.tracks.keep {
            None => Some(DEFAULT_TRACKS),
            Some(keep) if keep.value == "off" => None,
            Some(keep) => Some(check.duration(keep)?),
        },
        annotations: file.annotations.as_ref().map(|a| check.annotations(a)).transpose()?,
        models,
        cameras,
        origin: Origin::new(name, text),
    };
    config.share_work(name, None, None)?;
    Ok(config)
}

/// See [`Config::parse_camera`].
pub(super) fn parse_camera(
    id: &str,
    json: &str,
    models: &BTreeMap<String, NamedModel>,
) -> Result<CameraConfig, ConfigError> {
    let name = format!("camera `{id}`");
    let options = serde_saphyr::options! { with_snippet: false };
    let file: Spanned<CameraFile> = serde_saphyr::from_str_with_options(json, options)
        .map_err(|error| ConfigError::from_yaml(&name, &error))?;
    Check { name: &name, env: None }.camera(id, &file, models)
}

/// What the checks share: where they are and what `${NAME}` means.
struct Check<'a> {
    name: &'a str,
    /// None takes texts as they are.
    env: Option<&'a Lookup<'a>>,
}

impl Check<'_> {
    fn wrong(&self, location: Location, reason: impl Into<String>) -> ConfigError {
        ConfigError::at(self.name, location, reason)
    }

    fn text(&self, text: &Spanned<String>) -> Result<String, ConfigError> {
        match self.env {
            Some(env) => {
                expand(&text.value, env).map_err(|reason| self.wrong(text.referenced, reason))
            }
            None => Ok(text.value.clone()),
        }
    }

    fn listener(&self, file: &ListenerFile, default: SocketAddr) -> Result<Listener, ConfigError> {
        let address = match &file.listen {
            Some(text) => self.address(text, default)?,
            None => default,
        };
        let tls = file.tls.as_ref().map(|tls| self.tls(tls)).transpose()?;
        Ok(Listener { address, insecure: file.insecure, tls })
    }

    fn webrtc(
        &self,
        file: Option<&Switch<WebrtcFile>>,
        default: SocketAddr,
    ) -> Result<Option<WebrtcConfig>, ConfigError> {
        let places = match file {
            Some(Switch::Is(false)) => return Ok(None),
            None | Some(Switch::Is(true)) => return Ok(Some(WebrtcConfig::default())),
            Some(Switch::Set(places)) => places,
        };
        let listen = places.listen.as_ref().map(|text| self.address(text, default)).transpose()?;
        let mut public = Vec::new();
        for place in &places.public {
            let text = self.text(place)?;
            let whole = text.parse().map(|at: SocketAddr| (at.ip(), Some(at.port())));
            let found = whole.or_else(|_no_port| text.parse().map(|ip: IpAddr| (ip, None)));
            public.push(found.map_err(|_no_address| {
                self.wrong(
                    place.referenced,
                    format!("`{text}` is no IP address; write 203.0.113.7 or 203.0.113.7:8555"),
                )
            })?);
        }
        Ok(Some(WebrtcConfig { listen, public }))
    }

    fn grpc(&self, file: &GrpcFile) -> Result<GrpcConfig, ConfigError> {
        let address = match &file.listen {
            Some(text) => self.address(text, DEFAULT_GRPC)?,
            None => DEFAULT_GRPC,
        };
        let tls = file.tls.as_ref().map(|tls| self.tls(tls)).transpose()?;
        let listener = Listener { address, insecure: file.insecure, tls };
        Ok(GrpcConfig { listener, strict: file.strict.unwrap_or(true) })
    }

    fn tls(&self, file: &TlsFile) -> Result<TlsConfig, ConfigError> {
        Ok(TlsConfig {
            cert: self.text(&file.cert)?.into(),
            key: self.text(&file.key)?.into(),
            client_ca: match &file.client_ca {
                Some(path) => Some(self.text(path)?.into()),
                None => None,
            },
        })
    }

    fn address(
        &self,
        text: &Spanned<String>,
        example: SocketAddr,
    ) -> Result<SocketAddr, ConfigError> {
        let address = self.text(text)?;
        address.parse().map_err(|_not_an_address: std::net::AddrParseError| {
            self.wrong(
                text.referenced,
                format!("`{address}` is no address to listen on; expected one like {example}"),
            )
        })
    }

    fn tokens(&self, files: &[Spanned<TokenFile>]) -> Result<Vec<TokenConfig>, ConfigError> {
        let mut tokens: Vec<TokenConfig> = Vec::with_capacity(files.len());
        for file in files {
            let name = file.value.name.clone();
            let secret = self.text(&file.value.token)?;
            if secret.len() < SHORTEST_TOKEN {
                return Err(self.wrong(
                    file.value.token.referenced,
                    format!(
                        "the token of `{name}` is shorter than {SHORTEST_TOKEN} characters and \
                         could be guessed; `openssl rand -hex 16` makes a good one"
                    ),
                ));
            }
            if tokens.iter().any(|t| t.name == name || t.secret.reveal() == secret) {
                return Err(self.wrong(
                    file.referenced,
                    format!("two tokens are called `{name}` or are equal; each needs its own"),
                ));
            }
            let scopes = file.value.scopes.iter().map(|scope| self.scope(scope));
            let scopes: Vec<Scope> = scopes.collect::<Result<_, _>>()?;
            if scopes.is_empty() {
                return Err(self.wrong(
                    file.referenced,
                    format!("the token of `{name}` has no scopes and would be good for nothing"),
                ));
            }
            tokens.push(TokenConfig { name, secret: Secret::new(secret), scopes });
        }
        Ok(tokens)
    }

    fn accounts(&self, file: Option<&Switch<AccountsFile>>) -> Result<Accounts, ConfigError> {
        let usual = AccountsConfig::default();
        let times = match file {
            None => return Ok(Accounts::IfNeeded),
            Some(Switch::Is(false)) => return Ok(Accounts::Off),
            Some(Switch::Is(true)) => return Ok(Accounts::On(usual)),
            Some(Switch::Set(times)) => times,
        };
        Ok(Accounts::On(AccountsConfig {
            idle: self.duration_or(times.idle.as_ref(), usual.idle)?,
            longest: self.duration_or(times.longest.as_ref(), usual.longest)?,
            audit_keep: self.duration_or(times.audit_keep.as_ref(), usual.audit_keep)?,
        }))
    }

    fn scope(&self, word: &Spanned<String>) -> Result<Scope, ConfigError> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == word.value).ok_or_else(|| {
            let valid = Scope::ALL.map(Scope::as_str);
            self.wrong(word.referenced, unknown("scope", &word.value, &valid))
        })
    }

    fn annotations(&self, file: &AnnotationsFile) -> Result<AnnotationsConfig, ConfigError> {
        let url = self.text(&file.url)?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(self.wrong(
                file.url.referenced,
                "`annotations.url` must begin with http:// or https://",
            ));
        }
        let batch = match &file.batch {
            Some(batch) if !(1..=10_000).contains(&batch.value) => {
                return Err(self.wrong(batch.referenced, "`annotations.batch` must be 1 to 10000"));
            }
            Some(batch) => batch.value,
            None => DEFAULT_BATCH,
        };
        Ok(AnnotationsConfig {
            url: Secret::new(url),
            key: file.key.as_ref().map(|key| self.text(key)).transpose()?.unwrap_or_default(),
            secret: match &file.secret {
                Some(secret) => Some(Secret::new(self.text(secret)?)),
                None => None,
            },
            batch,
            interval: match &file.interval {
                Some(interval) => self.duration(interval)?,
                None => DEFAULT_INTERVAL,
            },
        })
    }

    fn model(
        &self,
        name: &str,
        model_file: &Spanned<ModelFile>,
    ) -> Result<NamedModel, ConfigError> {
        let file = &model_file.value;
        let score = |score: &Option<Spanned<f32>>| {
            score.as_ref().map(|score| self.score(score)).transpose()
        };
        if name == MOTION {
            return Err(self.wrong(
                model_file.referenced,
                format!("`{MOTION}` is the built-in motion detector; give this model another name"),
            ));
        }
        let engine = match file.engine {
            EngineFile::Auto => EngineChoice::Auto,
            EngineFile::Ort => EngineChoice::Ort,
            EngineFile::Rten => EngineChoice::Rten,
        };
        let model = |model| Detector::Model(ModelConfig { model, engine });
        let detector = match (&file.card, &file.file, file.bus) {
            (Some(card), None, false) => model(card.clone()),
            (None, Some(path), false) => model(as_path(&self.text(path)?)),
            (None, None, true) => Detector::Bus(name.to_owned()),
            _ => {
                return Err(self.wrong(
                    model_file.referenced,
                    format!(
                        "model `{name}` needs one of `card` (a name from `omma models list`), \
                         `file` (an ONNX file) and `bus: true` (a program of your own)"
                    ),
                ));
            }
        };
        Ok(NamedModel {
            detector,
            classes: class_names(&file.classes),
            min_score: score(&file.min_score)?,
            start_score: score(&file.start_score)?,
        })
    }

    fn score(&self, score: &Spanned<f32>) -> Result<f32, ConfigError> {
        if (0.0..=1.0).contains(&score.value) {
            Ok(score.value)
        } else {
            Err(self.wrong(score.referenced, "a score must be between 0 and 1"))
        }
    }
}
