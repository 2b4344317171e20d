//! For the tests of this crate: where data and ONNX Runtime's library are, and a writer of
//! tiny ONNX files whose outputs are constants or the input itself.

use std::path::{Path, PathBuf};

use crate::{EngineChoice, EngineOptions, Registry};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder with real models and clips; None, with a printed reason, where there is none.
pub(crate) fn data() -> Option<PathBuf> {
    let asked = std::env::var_os("OMMA_DATA").map(PathBuf::from);
    let dir = asked.unwrap_or_else(|| root().join("../shared/data"));
    let there = dir.join("models").is_dir();
    if !there {
        eprintln!("skipped: no test data (set OMMA_DATA, or put it into ../shared/data)");
    }
    there.then_some(dir)
}

/// All built-in cards over the data folder's models.
pub(crate) fn registry(data: &Path) -> Registry {
    Registry::new(None, &[data.join("models")]).unwrap()
}

/// Options for `choice`, with the places where the set-up puts ONNX Runtime. None, with a
/// printed reason, where ONNX Runtime is asked for and not there.
pub(crate) fn engine(choice: EngineChoice) -> Option<EngineOptions> {
    let set_up = root().join(".setup/onnxruntime");
    let options = EngineOptions { library_dirs: vec![set_up], ..EngineOptions::new(choice) };
    if choice == EngineChoice::Ort
        && let Err(error) = crate::engine::find_ort(&options)
    {
        eprintln!("skipped: {error}");
        return None;
    }
    Some(options)
}

/// Element types by their numbers in `onnx.proto`.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const UINT8: u64 = 2;
pub(crate) const INT64: u64 = 7;
pub(crate) const FLOAT16: u64 = 10;

/// Writes tiny ONNX files (message `ModelProto` of `onnx.proto`, IR version 8, opset 11).
#[derive(Default)]
pub(crate) struct Onnx {
    graph: Vec<u8>,
    metadata: Vec<u8>,
}

impl Onnx {
    /// An input. A dimension that is no number is a name: dynamic.
    pub(crate) fn input(mut self, name: &str, element: u64, dims: &[&str]) -> Self {
        bytes(&mut self.graph, 11, &port(name, element, dims));
        self
    }

    /// An output, calculated by a node of that output.
    pub(crate) fn output(mut self, name: &str, element: u64, dims: &[&str]) -> Self {
        bytes(&mut self.graph, 12, &port(name, element, dims));
        self
    }

    /// A node with attributes that are lists of integers.
    pub(crate) fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, &[u64])],
    ) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        for (name, integers) in attributes {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            integers.iter().for_each(|i| number(&mut attribute, 8, *i));
            number(&mut attribute, 20, 7);
            bytes(&mut node, 5, &attribute);
        }
        bytes(&mut self.graph, 1, &node);
        self
    }

    /// A constant.
    pub(crate) fn constant(mut self, name: &str, dims: &[usize], numbers: &[f32]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes(&mut self.graph, 5, &tensor(name, FLOAT, dims, &raw));
        self
    }

    /// A constant of 64-bit integers.
    pub(crate) fn integers(mut self, name: &str, dims: &[usize], numbers: &[i64]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes(&mut self.graph, 5, &tensor(name, INT64, dims, &raw));
        self
    }

    /// An output that is always `numbers`.
    pub(crate) fn fixed(self, name: &str, dims: &[usize], numbers: &[f32]) -> Self {
        let words: Vec<String> = dims.iter().map(usize::to_string).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let constant = format!("{name}_constant");
        self.constant(&constant, dims, numbers)
            .node("Identity", &[&constant], name, &[])
            .output(name, FLOAT, &words)
    }

    /// A note in the file's metadata.
    pub(crate) fn note(mut self, key: &str, value: &str) -> Self {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, key.as_bytes());
        bytes(&mut entry, 2, value.as_bytes());
        bytes(&mut self.metadata, 14, &entry);
        self
    }

    /// The file's bytes.
    pub(crate) fn build(mut self) -> Vec<u8> {
        bytes(&mut self.graph, 2, b"test");
        let mut opset = Vec::new();
        number(&mut opset, 2, 11);
        let mut file = Vec::new();
        number(&mut file, 1, 8);
        bytes(&mut file, 2, b"omma-test");
        bytes(&mut file, 7, &self.graph);
        bytes(&mut file, 8, &opset);
        file.extend(self.metadata);
        file
    }

    /// Writes the file into `dir`.
    pub(crate) fn write(self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, self.build()).unwrap();
        path
    }
}

fn port(name: &str, element: u64, dims: &[&str]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut message = Vec::new();
        match dim.parse() {
            Ok(length) => number(&mut message, 1, length),
            Err(_) => bytes(&mut message, 2, dim.as_bytes()),
        }
        bytes(&mut shape, 1, &message);
    }
    let (mut tensor, mut kind, mut port) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, element);
    bytes(&mut tensor, 2, &shape);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut port, 1, name.as_bytes());
    bytes(&mut port, 2, &kind);
    port
}

fn tensor(name: &str, element: u64, dims: &[usize], raw: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    dims.iter().for_each(|dim| number(&mut tensor, 1, *dim as u64));
    number(&mut tensor, 2, element);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, raw);
    tensor
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
