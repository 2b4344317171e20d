//! Models: which there are, whether they are here, how fast they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All models that are known.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Models)]
pub struct ModelsDto {
    /// By name.
    pub models: Vec<ModelDto>,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub struct ModelDto {
    /// The name of its card, or under `models` of the configuration for a file or a program of
    /// one's own.
    #[schema(example = "yolox-nano")]
    pub name: String,
    /// How it is fed and read: `yolox`, `nanodet`, …; `bus` for a program on the bus, `motion`
    /// for what needs no model; none for a file that was not loaded yet.
    #[schema(example = "yolox")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<&'static str>,
    /// What it is good for.
    #[schema(example = "small and quick, 80 classes")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The licence of its weights, as an SPDX identifier.
    #[schema(example = "Apache-2.0")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// How many classes it tells apart.
    #[schema(example = 80)]
    pub classes: Option<usize>,
    /// The names of its classes.
    #[schema(example = json!(["person", "bicycle"]))]
    pub class_names: Vec<String>,
    /// Columns and rows of the picture that it looks at.
    #[schema(example = json!([416, 416]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<[u32; 2]>,
    /// The size of its file, where that is here.
    #[schema(example = 3_661_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `ready`; `missing`: its file is not here; `pulling`; `failed`: it could not be fetched;
    /// `invalid`: its file can't be used.
    #[schema(example = "ready")]
    pub state: &'static str,
    /// How much of it is fetched, 0 to 1; where that is known.
    #[schema(example = 0.4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Why it could not be fetched or can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names under `models` of the configuration by which cameras can ask for it.
    #[schema(example = json!(["people"]))]
    pub names: Vec<String>,
    /// The cameras that use it, as far as the caller may see them.
    #[schema(example = json!(["entrance"]))]
    pub cameras: Vec<String>,
    /// Where it can be fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether it can be fetched with `/pull`.
    pub can_pull: bool,
    /// Whether it can be timed with `/bench`.
    pub can_bench: bool,
}

/// How a model is to be timed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BenchQuestion)]
pub struct BenchQuestionDto {
    /// What runs it: `auto` (the default), `ort` or `rten`.
    #[schema(example = "auto")]
    pub engine: Option<String>,
    /// How long to measure: 0.1 to 20; 3 if left out.
    #[schema(example = 3.0)]
    pub seconds: Option<f64>,
}

/// How fast a model is on one core of this machine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bench)]
pub struct BenchDto {
    /// What ran it: `ort` or `rten`.
    #[schema(example = "ort")]
    pub engine: &'static str,
    /// Pictures a second.
    #[schema(example = 61.2)]
    pub per_second: f64,
    /// Half of the runs were quicker.
    #[schema(example = 16.1)]
    pub p50_ms: f64,
    /// 95 of 100 runs were quicker.
    #[schema(example = 18.4)]
    pub p95_ms: f64,
    /// The quickest run.
    #[schema(example = 15.8)]
    pub min_ms: f64,
    /// Runs measured.
    #[schema(example = 184)]
    pub runs: usize,
}
