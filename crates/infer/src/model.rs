//! A loaded detector and its sessions: pictures in, detections out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use omma_imaging::{Layout, Letterbox, Mapping, TensorSpec, YuvView};
use omma_types::{ClassName, Detection, Rect, Size, Stage, StageTimings};

use crate::engine::{self, EngineKind, EngineOptions, Numbers, Opened, Runner, Tensor};
use crate::error::nearest;
use crate::family::{Candidate, Head, OutputShape, Sieve};
use crate::nms::suppress;
use crate::onnx::{ElementType, Port, Signature};
use crate::{Card, Family, InferError, InputSpec, classes};

/// What to load.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// A model with its card.
    Card {
        /// What is known about it.
        card: Arc<Card>,
        /// Where its file lies.
        file: PathBuf,
    },
    /// A file alone: the family is recognised by the outputs, and the model is fed as models
    /// of that family usually are.
    File(PathBuf),
}

impl ModelSource {
    /// The file to load.
    pub fn file(&self) -> &Path {
        match self {
            Self::Card { file, .. } | Self::File(file) => file,
        }
    }

    fn card(&self) -> Option<&Card> {
        match self {
            Self::Card { card, .. } => Some(card),
            Self::File(_) => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Card { card, .. } => card.name.clone(),
            Self::File(file) => file.display().to_string(),
        }
    }
}

/// How many pictures go in at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Always this many.
    Fixed(usize),
    /// As many as one likes.
    Dynamic,
}

/// Pictures that go in at once at most; more only costs memory.
const MOST_BATCHED: usize = 8;
/// The side of a tensor where neither the model nor its card says: what the families with
/// dynamic sizes were trained at.
const USUAL_SIDE: u32 = 640;

/// How a model is fed, from its file's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) input: String,
    /// The input that asks for the picture's size, if there is one (RT-DETR and relatives).
    pub(crate) sizes_input: Option<String>,
    pub(crate) layout: Layout,
    pub(crate) size: Size,
    pub(crate) batch: Batch,
}

impl Plan {
    /// The plan for a model of `signature`; the error says why there is none. `wish` is the
    /// size to take where the model leaves it open.
    pub(crate) fn new(signature: &Signature, wish: Option<Size>) -> Result<Self, String> {
        let rank = |port: &Port| port.shape.as_ref().map(Vec::len);
        let pictures = signature.inputs.iter().find(|port| rank(port) == Some(4));
        let pictures = match (pictures, &signature.inputs[..]) {
            (Some(port), _) => port,
            (None, [only]) => {
                return Err(format!("its input ({only}) is no picture of four dimensions"));
            }
            _ => return Err("none of its inputs is a picture of four dimensions".to_owned()),
        };
        if pictures.element != ElementType::Float32 {
            return Err(format!(
                "its input ({pictures}) takes {}, and Omma feeds float32; export the model with \
                 float32 inputs",
                pictures.element
            ));
        }
        let mut sizes_input = None;
        for port in signature.inputs.iter().filter(|p| p.name != pictures.name) {
            let takes_size = port.element == ElementType::Int64 && rank(port) == Some(2);
            if !takes_size || sizes_input.is_some() {
                return Err(format!(
                    "besides pictures it wants the input ({port}), which Omma does not know; \
                     export the detector alone"
                ));
            }
            sizes_input = Some(port.name.clone());
        }
        let shape: Vec<Option<usize>> =
            pictures.shape.iter().flatten().map(crate::Dim::fixed).collect();
        let (layout, height, width) = match shape[..] {
            [_, Some(3), height, width] => (Layout::Nchw, height, width),
            [_, height, width, Some(3)] => (Layout::Nhwc, height, width),
            [_, None, height, width] => (Layout::Nchw, height, width),
            _ => return Err(format!("its input ({pictures}) does not take three colours")),
        };
        let wish = wish.unwrap_or(Size::new(USUAL_SIDE, USUAL_SIDE));
        let side = |fixed: Option<usize>, wish| {
            fixed.map_or(Ok(wish), |side| {
                let side = u32::try_from(side).unwrap_or(u32::MAX);
                let sane = (1..=8192).contains(&side);
                sane.then_some(side).ok_or_else(|| format!("its input ({pictures}) is too large"))
            })
        };
        let batch = match shape.first().copied().flatten() {
            Some(fixed) if fixed <= MOST_BATCHED => Batch::Fixed(fixed),
            Some(fixed) => {
                return Err(format!(
                    "it takes {fixed} pictures at once, Omma gives at most {MOST_BATCHED}; \
                     export it with a batch of 1"
                ));
            }
            None => Batch::Dynamic,
        };
        Ok(Self {
            input: pictures.name.clone(),
            sizes_input,
            layout,
            size: Size::new(side(width, wish.width)?, side(height, wish.height)?),
            batch,
        })
    }

    /// Pictures in the smallest run.
    fn least(&self) -> usize {
        match self.batch {
            Batch::Fixed(fixed) => fixed,
            Batch::Dynamic => 1,
        }
    }

    fn picture_len(&self) -> usize {
        3 * self.size.width as usize * self.size.height as usize
    }

    /// Runs `runner` on `tensor`, which holds `count` pictures.
    fn run(
        &self,
        runner: &mut dyn Runner,
        tensor: &[f32],
        count: usize,
        read: &mut dyn FnMut(&[Tensor<'_>]),
    ) -> Result<(), String> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let shape = match self.layout {
            Layout::Nchw => [count, 3, height, width],
            Layout::Nhwc => [count, height, width, 3],
        };
        let pictures = Tensor { name: &self.input, shape: &shape, numbers: Numbers::F32(tensor) };
        let Some(name) = &self.sizes_input else { return runner.run(&[pictures], read) };
        // The boxes come back in the unit given here; tensor pixels, like everybody else's.
        let sizes = [i64::from(self.size.width), i64::from(self.size.height)].repeat(count);
        let sizes = Tensor { name, shape: &[count, 2], numbers: Numbers::I64(&sizes) };
        runner.run(&[pictures, sizes], read)
    }

    /// The outputs' names and extents, from a run on an empty picture. Files often leave
    /// extents open, and only a run shows whether the engine can do all of the model.
    pub(crate) fn trial(&self, runner: &mut dyn Runner) -> Result<Vec<OutputShape>, String> {
        let tensor = vec![0.0; self.least() * self.picture_len()];
        let mut shapes = Vec::new();
        self.run(runner, &tensor, self.least(), &mut |outputs| {
            shapes = outputs
                .iter()
                .map(|o| OutputShape { name: o.name.to_owned(), shape: o.shape.to_vec() })
                .collect();
        })?;
        Ok(shapes)
    }
}

/// Reads a file's signature; the errors name the file.
pub(crate) fn read_signature(file: &Path) -> Result<Signature, InferError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(InferError::NoFile { path: file.to_owned() });
        }
        Err(source) => {
            return Err(InferError::Io { action: "read", path: file.to_owned(), source });
        }
    };
    Signature::parse(&bytes).map_err(|reason| InferError::Corrupt { path: file.to_owned(), reason })
}

/// What the outputs look like and which families would have been known, for a refusal.
pub(crate) fn unrecognised(family: Option<Family>, outputs: &[OutputShape]) -> String {
    let outputs: Vec<String> = outputs.iter().map(OutputShape::to_string).collect();
    let expected = match family {
        Some(family) => format!("not those of a model of the family {family}"),
        None => {
            let known = Family::ALL.map(Family::as_str).join(", ");
            format!("not those of any family that Omma knows ({known})")
        }
    };
    format!("its outputs are {expected}: {}", outputs.join(", "))
}

/// A loaded detector, shared by all threads.
pub struct Model {
    name: String,
    plan: Plan,
    head: Head,
    spec: TensorSpec,
    classes: Vec<ClassName>,
    min_score: f32,
    nms: Option<f32>,
    opened: Opened,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .field("head", &self.head)
            .field("engine", &self.opened.kind)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a model and tries it once on an empty picture, so that a model that cannot be
    /// used fails here and not at the first camera.
    pub fn load(source: &ModelSource, options: &EngineOptions) -> Result<Arc<Self>, InferError> {
        let (name, card) = (source.name(), source.card());
        let unsupported = |reason| InferError::Unsupported { model: name.clone(), reason };
        let signature = read_signature(source.file())?;
        let plan = Plan::new(&signature, card.map(|c| c.input.size)).map_err(unsupported)?;
        let opened = engine::open(source.file(), &name, options)?;
        let engine = opened.kind;
        let failed = |reason| InferError::Engine { engine, model: name.clone(), reason };
        let mut runner = opened.loaded.runner().map_err(failed)?;
        let outputs = plan.trial(runner.as_mut()).map_err(failed)?;
        opened.loaded.give_back(runner);
        let family = card.map(|c| c.family);
        let head = Head::recognise(family, plan.size, &outputs)
            .ok_or_else(|| unsupported(unrecognised(family, &outputs)))?;
        let classes = class_names(card, &head, &signature).map_err(unsupported)?;
        let spec = tensor_spec(card.map(|c| &c.input), &head, &plan);
        Ok(Arc::new(Self {
            nms: head.nms().map(|usual| card.and_then(|c| c.nms).unwrap_or(usual)),
            min_score: card.map_or(0.3, |c| c.min_score),
            classes: classes.iter().map(|name| ClassName::new(name)).collect(),
            name,
            plan,
            head,
            spec,
            opened,
        }))
    }

    /// The card's name, or the file's path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.head.family()
    }

    /// The engine that runs it.
    pub fn engine(&self) -> EngineKind {
        self.opened.kind
    }

    /// Where [`EngineChoice::Auto`](crate::EngineChoice::Auto) did not take ONNX Runtime: why.
    pub fn fallback(&self) -> Option<&str> {
        self.opened.fallback.as_deref()
    }

    /// What its tensors look like.
    pub fn input(&self) -> &TensorSpec {
        &self.spec
    }

    /// Numbers in the smallest tensor that [`Session::raw`] takes.
    pub fn tensor_len(&self) -> usize {
        self.plan.least() * self.plan.picture_len()
    }

    /// Its classes by index.
    pub fn classes(&self) -> &[ClassName] {
        &self.classes
    }

    /// The score below which its detections are not worth much, by its card.
    pub fn min_score(&self) -> f32 {
        self.min_score
    }

    /// What to ask for: detections of `classes` (all where empty) of at least `min_score`.
    pub fn wanted<S: AsRef<str>>(
        &self,
        min_score: f32,
        classes: &[S],
    ) -> Result<Wanted, InferError> {
        if classes.is_empty() {
            return Ok(Wanted::all(min_score));
        }
        let mut wanted = vec![false; self.classes.len()];
        for name in classes {
            let name = name.as_ref();
            let mut known = false;
            for (flag, class) in wanted.iter_mut().zip(&self.classes) {
                let same = class.as_str() == name;
                *flag |= same;
                known |= same;
            }
            if !known {
                return Err(InferError::UnknownClass {
                    model: self.name.clone(),
                    name: name.to_owned(),
                    nearest: nearest(name, self.classes.iter().map(ClassName::as_str)),
                });
            }
        }
        Ok(Wanted { min_score, classes: Some(wanted) })
    }

    /// A runnable instance for one thread.
    pub fn session(self: &Arc<Self>) -> Result<Session, InferError> {
        let runner = self.opened.loaded.runner().map_err(|reason| self.failed(reason))?;
        let most = match self.plan.batch {
            Batch::Fixed(fixed) => fixed,
            Batch::Dynamic => MOST_BATCHED,
        };
        Ok(Session {
            model: Arc::clone(self),
            runner,
            letterbox: Letterbox::new(self.spec),
            tensor: Vec::new(),
            mappings: Vec::new(),
            found: Vec::new(),
            most,
        })
    }

    fn failed(&self, reason: String) -> InferError {
        InferError::Engine { engine: self.opened.kind, model: self.name.clone(), reason }
    }
}

fn class_names(
    card: Option<&Card>,
    head: &Head,
    signature: &Signature,
) -> Result<Vec<String>, String> {
    let count = head.classes();
    if let Some(card) = card {
        return match count {
            Some(count) if count != card.classes.len() => Err(format!(
                "its outputs have {count} classes, but its card names {}",
                card.classes.len()
            )),
            _ => Ok(card.classes.clone()),
        };
    }
    let named = signature.metadata.get("names").and_then(|names| classes::from_metadata(names));
    Ok(match (named, count) {
        (Some(names), None) => names,
        (Some(names), Some(count)) if names.len() == count => names,
        (_, None | Some(80)) => classes::coco80(),
        (_, Some(91)) => classes::coco91(),
        (_, Some(count)) => (0..count).map(class_number).collect(),
    })
}

/// The name of a class that nobody has named.
fn class_number(index: usize) -> String {
    format!("class-{index}")
}

fn tensor_spec(card: Option<&InputSpec>, head: &Head, plan: &Plan) -> TensorSpec {
    let usual = head.feeding();
    let (order, fit, mean, std, pad) = match card {
        Some(input) => (input.order, input.fit, input.mean, input.std, input.pad),
        None => (usual.order, usual.fit, usual.mean, usual.std, usual.pad),
    };
    let scale = std.map(|s| 1.0 / s);
    TensorSpec { size: plan.size, fit, order, layout: plan.layout, mean, scale, pad }
}

/// Which detections are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    min_score: f32,
    classes: Option<Vec<bool>>,
}

impl Wanted {
    /// All classes, from `min_score` (0 to 1) up. For some classes: [`Model::wanted`].
    pub fn all(min_score: f32) -> Self {
        Self { min_score, classes: None }
    }

    /// The score from which detections are given, 0 to 1.
    pub fn min_score(&self) -> f32 {
        self.min_score
    }
}

/// An output as the engine gives it: name, extents, numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOutput {
    /// Its name.
    pub name: String,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// Its numbers; integers are converted.
    pub numbers: Vec<f32>,
}

/// A model's runnable instance. Each thread has its own; it keeps its memory between calls.
pub struct Session {
    model: Arc<Model>,
    runner: Box<dyn Runner>,
    letterbox: Letterbox,
    tensor: Vec<f32>,
    mappings: Vec<Mapping>,
    found: Vec<Candidate>,
    /// Pictures in one run at most.
    most: usize,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Session {
    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Looks at `pictures` (of any sizes). Gives for each, in their order, its detections:
    /// best score first, boxes in fractions of that picture and clipped to it. Adds the time
    /// spent to the stages [`Stage::Prepare`] and [`Stage::Infer`] of `timings`.
    pub fn detect(
        &mut self,
        pictures: &[YuvView<'_>],
        wanted: &Wanted,
        timings: &mut StageTimings,
    ) -> Result<Vec<Vec<Detection>>, InferError> {
        let mut detections = Vec::with_capacity(pictures.len());
        let mut rest = pictures;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.most));
            match self.detect_batch(now, wanted, timings, &mut detections) {
                Ok(()) => rest = later,
                // Exporters like to declare a dynamic batch over a graph that has 1 built in.
                Err(error) if now.len() > 1 && self.model.plan.batch == Batch::Dynamic => {
                    tracing::warn!(
                        model = self.model.name, error = %error,
                        "the model refuses batches, feeding one picture at a time"
                    );
                    self.most = 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(detections)
    }

    fn detect_batch(
        &mut self,
        pictures: &[YuvView<'_>],
        wanted: &Wanted,
        timings: &mut StageTimings,
        detections: &mut Vec<Vec<Detection>>,
    ) -> Result<(), InferError> {
        let started = Instant::now();
        let model = &*self.model;
        let (plan, length) = (&model.plan, model.plan.picture_len());
        let count = pictures.len().max(plan.least());
        self.tensor.resize(count * length, 0.0);
        self.mappings.clear();
        for (picture, tensor) in pictures.iter().zip(self.tensor.chunks_exact_mut(length)) {
            let mapping = self.letterbox.fill(picture, tensor);
            self.mappings.extend(mapping);
        }
        let prepared = Instant::now();
        timings.add(Stage::Prepare, prepared - started);

        let sieve = Sieve { min_score: wanted.min_score, classes: wanted.classes.as_deref() };
        let (found, mappings) = (&mut self.found, &self.mappings);
        let mut decoded = Some(());
        let before = detections.len();
        let ran = plan.run(self.runner.as_mut(), &self.tensor, count, &mut |outputs| {
            for (item, mapping) in mappings.iter().enumerate() {
                found.clear();
                decoded = decoded.and(model.head.decode(plan.size, outputs, item, sieve, found));
                suppress(found, model.nms);
                detections.push(finish(found, mapping, &model.classes));
            }
        });
        timings.add(Stage::Infer, prepared.elapsed());
        let result = ran.and_then(|()| {
            decoded.ok_or_else(|| "an output came in other extents than before".to_owned())
        });
        result.map_err(|reason| {
            detections.truncate(before);
            model.failed(reason)
        })
    }

    /// Runs the model on a ready tensor of [`Model::tensor_len`] numbers and gives its
    /// outputs as they are.
    pub fn raw(&mut self, tensor: &[f32]) -> Result<Vec<RawOutput>, InferError> {
        let mut raw = Vec::new();
        self.run_tensor(tensor, &mut |outputs| {
            raw = outputs
                .iter()
                .map(|o| RawOutput {
                    name: o.name.to_owned(),
                    shape: o.shape.to_vec(),
                    numbers: o.numbers.to_f32(),
                })
                .collect();
        })?;
        Ok(raw)
    }

    pub(crate) fn run_tensor(
        &mut self,
        tensor: &[f32],
        read: &mut dyn FnMut(&[Tensor<'_>]),
    ) -> Result<(), InferError> {
        let expected = self.model.tensor_len();
        if tensor.len() != expected {
            return Err(InferError::TensorLength { expected, got: tensor.len() });
        }
        let plan = &self.model.plan;
        plan.run(self.runner.as_mut(), tensor, plan.least(), read)
            .map_err(|reason| self.model.failed(reason))
    }
}

/// From tensor pixels to fractions of the picture, clipped to it.
fn finish(found: &[Candidate], mapping: &Mapping, classes: &[ClassName]) -> Vec<Detection> {
    let picture = Rect::new(0.0, 0.0, 1.0, 1.0);
    found
        .iter()
        .filter_map(|candidate| {
            let rect = mapping.to_fractions(candidate.rect).clipped_to(&picture);
            let class = classes
                .get(candidate.class)
                .cloned()
                .unwrap_or_else(|| ClassName::new(&class_number(candidate.class)));
            let detection = Detection { rect, class, score: candidate.score.clamp(0.0, 1.0) };
            (rect.area() > 0.0).then_some(detection)
        })
        .collect()
}

#[cfg(test)]
mod tests;
