//! Where a configuration comes from: Omma's own file, video-edge-ai-proxy's, the command line.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use omma_api::chrysalis::{Conf, Settings, Weight};
use omma_engine::Config;

use crate::cmd::analyze::read_config;

/// Read where nothing else is said.
const DEFAULT_FILE: &str = "omma.yaml";

#[derive(clap::Args)]
pub(crate) struct FileArgs {
    /// The configuration; omma.yaml if nothing is said
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A conf.yaml of video-edge-ai-proxy: its interfaces are served too. Goes with a
    /// configuration or, where there is no omma.yaml, without one
    #[arg(long, value_name = "CONF")]
    chrysalis: Option<PathBuf>,
}

/// What a configuration is read from, now and again when it changes.
pub(crate) struct Sources {
    file: Option<PathBuf>,
    conf: Option<Conf>,
}

impl Sources {
    /// Reads the `conf.yaml`, if one is named.
    pub(crate) fn open(args: &FileArgs) -> anyhow::Result<Self> {
        let conf = args.chrysalis.as_deref().map(read_conf).transpose()?;
        let default = Path::new(DEFAULT_FILE);
        let file = match &args.config {
            Some(file) => Some(file.clone()),
            None if conf.is_some() && !default.exists() => None,
            None => Some(default.to_owned()),
        };
        Ok(Self { file, conf })
    }

    /// Omma's own file, where there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Video-edge-ai-proxy's file, where one is named.
    pub(crate) fn conf(&self) -> Option<&Conf> {
        self.conf.as_ref()
    }

    /// Everything joined.
    pub(crate) fn read(&self) -> anyhow::Result<Config> {
        let mut config = match &self.file {
            Some(file) => read_config(file)?,
            None => Config::from_yaml("version: 1\n", "defaults", &|_name| None)?,
        };
        if let Some(conf) = &self.conf {
            conf.complete(&mut config);
        }
        if config.chrysalis.is_some() {
            let settings = Settings::load(&config.data_dir)
                .context("cannot read the settings of video-edge-ai-proxy's interface")?;
            settings.sign(&mut config);
        }
        Ok(config)
    }
}

fn read_conf(path: &Path) -> anyhow::Result<Conf> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {} of video-edge-ai-proxy", path.display()))?;
    Ok(Conf::from_yaml(&text, &path.display().to_string())?)
}

/// Says what was made of each key.
pub(crate) fn log_notes(conf: &Conf) {
    for note in &conf.notes {
        let (key, meaning) = (note.key.as_str(), note.meaning.as_str());
        match note.weight {
            Weight::Taken => tracing::info!(key, meaning, "conf.yaml: taken"),
            Weight::Idle => tracing::info!(key, meaning, "conf.yaml: without meaning here"),
            Weight::Doubtful => tracing::warn!(key, meaning, "conf.yaml: not as it was"),
        }
    }
}
