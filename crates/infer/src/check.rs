//! Looks at a model file and says what it is, or what is wrong with it.

use std::path::{Path, PathBuf};

use omma_types::Size;

use crate::engine::{self, EngineChoice, EngineKind, EngineOptions};
use crate::family::{Head, OutputShape};
use crate::model::{Batch, Plan, read_signature, unrecognised};
use crate::{Family, Signature};

/// What an engine makes of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineReport {
    /// The engine.
    pub engine: EngineKind,
    /// Why it cannot run the model; none where it can.
    pub problem: Option<String>,
}

/// What is known about a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The file.
    pub file: PathBuf,
    /// What the file says about itself; none where it can't be read.
    pub signature: Option<Signature>,
    /// What each engine makes of it.
    pub engines: Vec<EngineReport>,
    /// Names and extents of the outputs in a trial run, in words.
    pub outputs: Vec<String>,
    /// The family that its outputs belong to.
    pub family: Option<Family>,
    /// How its outputs are laid out, in words.
    pub layout: Option<&'static str>,
    /// Columns and rows of the picture that it is fed.
    pub size: Option<Size>,
    /// How many pictures go in at once, in words.
    pub batch: Option<String>,
    /// Number of classes, where the outputs tell.
    pub classes: Option<usize>,
    /// What keeps it from being used; empty where nothing does.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether Omma can use the model.
    pub fn usable(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Looks at `file` and tries it with each engine that is there.
pub fn check(file: &Path, options: &EngineOptions) -> Report {
    let mut report = Report {
        file: file.to_owned(),
        signature: None,
        engines: Vec::new(),
        outputs: Vec::new(),
        family: None,
        layout: None,
        size: None,
        batch: None,
        classes: None,
        problems: Vec::new(),
    };
    let signature = match read_signature(file) {
        Ok(signature) => report.signature.insert(signature),
        Err(error) => {
            report.problems.push(error.to_string());
            return report;
        }
    };
    let plan = match Plan::new(signature, None) {
        Ok(plan) => plan,
        Err(reason) => {
            report.problems.push(reason);
            return report;
        }
    };
    report.size = Some(plan.size);
    report.batch = Some(match plan.batch {
        Batch::Fixed(1) => "one picture at a time".to_owned(),
        Batch::Fixed(fixed) => format!("always {fixed} pictures at a time"),
        Batch::Dynamic => "any number of pictures".to_owned(),
    });
    let mut outputs = None;
    for engine in [EngineKind::Ort, EngineKind::Rten] {
        let problem = match try_engine(file, engine, options, &plan) {
            Ok(found) => {
                outputs.get_or_insert(found);
                None
            }
            Err(reason) => Some(reason),
        };
        report.engines.push(EngineReport { engine, problem });
    }
    match outputs {
        None => report.problems.push("no engine can run it".to_owned()),
        Some(outputs) => {
            report.outputs = outputs.iter().map(OutputShape::to_string).collect();
            match Head::recognise(None, plan.size, &outputs) {
                Some(head) => {
                    report.family = Some(head.family());
                    report.layout = Some(head.describe());
                    report.classes = head.classes();
                }
                None => report.problems.push(unrecognised(None, &outputs)),
            }
        }
    }
    report
}

fn try_engine(
    file: &Path,
    engine: EngineKind,
    options: &EngineOptions,
    plan: &Plan,
) -> Result<Vec<OutputShape>, String> {
    let choice = match engine {
        EngineKind::Ort => EngineChoice::Ort,
        EngineKind::Rten => EngineChoice::Rten,
    };
    let options = EngineOptions { choice, ..options.clone() };
    let name = file.display().to_string();
    let opened = engine::open(file, &name, &options).map_err(|e| e.to_string())?;
    plan.trial(opened.loaded.runner()?.as_mut())
}
