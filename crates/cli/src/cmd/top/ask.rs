//! What is asked of a running Omma, and what it answers.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use omma_types::{Secret, redact_text, redact_url};
use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::metrics::Metrics;

/// A server that takes longer is as good as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// No honest answer is larger: some thousand cameras.
const MOST: u64 = 64 << 20;

/// One look at a server.
pub(super) struct Asked {
    /// When the answers were complete.
    pub(super) at: Instant,
    pub(super) cameras: Vec<Camera>,
    pub(super) metrics: Metrics,
}

#[derive(Deserialize)]
struct Cameras {
    cameras: Vec<Camera>,
}

/// The part of the API's camera that is shown here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Camera {
    pub(super) name: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) decoding: bool,
    #[serde(default)]
    pub(super) people: u64,
    #[serde(default)]
    pub(super) objects: u64,
    pub(super) stream: Option<Stream>,
    pub(super) detector: Option<Detector>,
    pub(super) recording: Option<Recording>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stream {
    pub(super) width: u32,
    pub(super) height: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Detector {
    pub(super) error: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Recording {
    pub(super) state: String,
    #[serde(default)]
    pub(super) reason: String,
}

/// Asks one server.
pub(super) struct Client {
    agent: Agent,
    url: String,
    token: Option<Secret>,
}

impl Client {
    /// Of the server at `url`. `ca` holds the certificates to trust.
    pub(super) fn new(url: &str, token: Option<Secret>, ca: Option<&Path>) -> anyhow::Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--url {}: expected http://… or https://…", redact_url(url));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("omma-top/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(PATIENCE));
        if let Some(file) = ca {
            config = config.tls_config(TlsConfig::builder().root_certs(roots(file)?).build());
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().new_agent(), url, token })
    }

    /// Where it asks, without secrets.
    pub(super) fn address(&self) -> String {
        redact_url(&self.url)
    }

    /// How the server does now, or for people why that is not known.
    pub(super) fn ask(&self) -> Result<Asked, String> {
        let cameras = self.get("/api/v1/cameras")?;
        let Cameras { cameras } = serde_json::from_str(&cameras)
            .map_err(|error| format!("its list of cameras is not Omma's: {error}"))?;
        let metrics = Metrics::parse(&self.get("/metrics")?);
        Ok(Asked { at: Instant::now(), cameras, metrics })
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        let mut answer = request.call().map_err(|error| redact_text(&error.to_string()))?;
        match answer.status().as_u16() {
            200 => {}
            401 => return Err("it wants a token: --token, or OMMA_TOKEN".to_owned()),
            403 => return Err("this token may not read it, or the name is wrong (403)".to_owned()),
            status => return Err(format!("{path} was answered with status {status}")),
        }
        let body = answer.body_mut().with_config().limit(MOST).read_to_string();
        body.map_err(|error| redact_text(&error.to_string()))
    }
}

fn roots(file: &Path) -> anyhow::Result<RootCerts> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        let item = item.with_context(|| format!("{} is no PEM file", file.display()))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    Ok(RootCerts::from(certificates))
}
