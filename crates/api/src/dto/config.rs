//! The configuration that is in force, and the check of another one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The configuration that is in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfigShown)]
pub struct ConfigDto {
    /// The file as it was named at the start; none where there is none.
    #[schema(example = "omma.yaml")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is in force, in the form of the file: the file, and over it what was changed through
    /// an API. Secrets are `***`.
    pub text: String,
    /// Each value, and where it comes from.
    pub values: Vec<ConfigValueDto>,
}

/// One value of the configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfigValue)]
pub struct ConfigValueDto {
    /// Its place in the file, each step behind a dot.
    #[schema(example = "cameras.entrance.url")]
    pub key: String,
    /// The value; secrets are `***`.
    #[schema(value_type = Object, example = "rtsp://viewer:***@192.0.2.10/stream1")]
    pub value: Value,
    /// `file`; `environment`: the file names a variable for it; `api`: changed through an API;
    /// `start`: given on the command line, or by the file of another system; `default`.
    #[schema(example = "file")]
    pub from: &'static str,
}

/// A configuration that is to be checked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfigQuestion)]
pub struct ConfigQuestionDto {
    /// The whole file. `***` stands for a secret that is not to be looked at.
    #[schema(example = "version: 1\ncameras:\n  entrance: { url: rtsp://192.0.2.10/stream1 }\n")]
    pub text: String,
}

/// What is to be said of a configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfigVerdict)]
pub struct ConfigVerdictDto {
    /// Whether Omma would run it.
    pub valid: bool,
    /// What is wrong. What is behind the first mistake is not looked at.
    pub problems: Vec<ConfigRemarkDto>,
    /// What is right, but perhaps not meant.
    pub warnings: Vec<ConfigRemarkDto>,
}

/// A remark to a configuration.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ConfigRemark)]
pub struct ConfigRemarkDto {
    /// The line, from 1.
    #[schema(example = 4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column, from 1.
    #[schema(example = 5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The place in the file, each step behind a dot.
    #[schema(example = "cameras.entrance.urll")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is the matter.
    #[schema(example = "unknown key `urll`; did you mean `url`?")]
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
