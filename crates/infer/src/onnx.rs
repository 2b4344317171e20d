//! Reads what an ONNX file says about itself: inputs, outputs, operators, metadata.
//!
//! Engines report a broken or foreign file in their own and rather different words, one of
//! them hides the type of integer inputs, and asking them costs loading the whole model. So
//! the few fields that matter are read straight from the file, which is a protobuf message
//! (`onnx.proto`, message `ModelProto`; the numbers below are its field numbers). Weights are
//! skipped, not copied.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The element types of ONNX (`TensorProto.DataType`) that models use for pictures and boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit floating point.
    Float32,
    /// 16-bit floating point (IEEE).
    Float16,
    /// 16-bit floating point (brain).
    BFloat16,
    /// 64-bit floating point.
    Float64,
    /// 8-bit unsigned.
    Uint8,
    /// 8-bit signed.
    Int8,
    /// 32-bit signed.
    Int32,
    /// 64-bit signed.
    Int64,
    /// True or false.
    Bool,
    /// Any other, by its number.
    Other(u64),
}

impl ElementType {
    fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Float32,
            2 => Self::Uint8,
            3 => Self::Int8,
            6 => Self::Int32,
            7 => Self::Int64,
            9 => Self::Bool,
            10 => Self::Float16,
            11 => Self::Float64,
            16 => Self::BFloat16,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
            Self::Float64 => "float64",
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Bool => "bool",
            Self::Other(number) => return write!(f, "type {number}"),
        };
        f.write_str(name)
    }
}

/// One extent of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this long.
    Fixed(usize),
    /// Known at run time only; the name may be empty.
    Dynamic(String),
}

impl Dim {
    /// The length, where it is fixed.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Dynamic(_) => None,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Dynamic(name) if name.is_empty() => f.write_str("?"),
            Self::Dynamic(name) => f.write_str(name),
        }
    }
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its numbers.
    pub element: ElementType,
    /// Its extents, outermost first; none where the model doesn't say.
    pub shape: Option<Vec<Dim>>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.element)?;
        if let Some(shape) = &self.shape {
            let shape: Vec<String> = shape.iter().map(Dim::to_string).collect();
            write!(f, " [{}]", shape.join(", "))?;
        }
        Ok(())
    }
}

/// What an ONNX file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// What must be fed.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
    /// The names of all operators used.
    pub operators: BTreeSet<String>,
    /// Version of the standard operator set.
    pub opset: Option<u64>,
    /// The exporter.
    pub producer: String,
    /// Free notes by key; some exporters write the class names here.
    pub metadata: BTreeMap<String, String>,
}

impl Signature {
    /// Reads a whole file. The error says what is wrong, as the end of a sentence.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        if let Some(foreign) = foreign(file) {
            return Err(foreign.to_owned());
        }
        let broken = |at: Broken| match at {
            Broken::Truncated => "it ends early: truncated or still being copied? \
                                  Fetch it again"
                .to_owned(),
            Broken::Garbled => "it is not in the ONNX format, or damaged".to_owned(),
        };
        let mut signature = Self::default();
        let mut initializers = BTreeSet::new();
        let mut has_graph = false;
        for field in Fields::new(file) {
            match field.map_err(broken)? {
                (2, Value::Bytes(name)) => signature.producer = text(name),
                (7, Value::Bytes(graph)) => {
                    has_graph = true;
                    signature.read_graph(graph, &mut initializers).map_err(broken)?;
                }
                (8, Value::Bytes(opset)) => signature.read_opset(opset).map_err(broken)?,
                (14, Value::Bytes(entry)) => {
                    let (key, value) = read_entry(entry).map_err(broken)?;
                    signature.metadata.insert(key, value);
                }
                _ => {}
            }
        }
        if !has_graph {
            return Err(broken(Broken::Garbled));
        }
        // Files of before 2019 (IR version 3) list weights among the inputs.
        signature.inputs.retain(|port| !initializers.contains(&port.name));
        if signature.inputs.is_empty() || signature.outputs.is_empty() {
            return Err("its graph has no inputs or no outputs".to_owned());
        }
        Ok(signature)
    }

    fn read_graph(
        &mut self,
        graph: &[u8],
        initializers: &mut BTreeSet<String>,
    ) -> Result<(), Broken> {
        for field in Fields::new(graph) {
            match field? {
                (1, Value::Bytes(node)) => {
                    if let Some(operator) = string_field(node, 4)? {
                        self.operators.insert(operator);
                    }
                }
                (5, Value::Bytes(tensor)) => initializers.extend(string_field(tensor, 8)?),
                (11, Value::Bytes(port)) => self.inputs.push(read_port(port)?),
                (12, Value::Bytes(port)) => self.outputs.push(read_port(port)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_opset(&mut self, opset: &[u8]) -> Result<(), Broken> {
        let (mut domain, mut version) = (String::new(), None);
        for field in Fields::new(opset) {
            match field? {
                (1, Value::Bytes(name)) => domain = text(name),
                (2, Value::Number(number)) => version = Some(number),
                _ => {}
            }
        }
        if domain.is_empty() {
            self.opset = version;
        }
        Ok(())
    }
}

/// Names the usual things that end up under the name of a model.
fn foreign(file: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| file.starts_with(magic);
    let word = file.trim_ascii_start();
    let word = word.get(..word.len().min(9)).unwrap_or_default().to_ascii_lowercase();
    if file.is_empty() {
        Some("the file is empty")
    } else if starts(b"version https://git-lfs") {
        Some("it is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`")
    } else if word.starts_with(b"<!doctype") || word.starts_with(b"<html") {
        Some("it is a web page: the download gave an error page; fetch it again")
    } else if starts(b"PK\x03\x04") {
        Some("it is a zip archive (a PyTorch checkpoint?); export it to ONNX first")
    } else if file.get(4..8) == Some(b"TFL3") {
        Some("it is a TensorFlow Lite model; convert it to ONNX first")
    } else if starts(b"\x1f\x8b") {
        Some("it is compressed with gzip; unpack it first")
    } else if starts(b"\x89HDF") {
        Some("it is an HDF5 file (a Keras model?); export it to ONNX first")
    } else if starts(b"ORTM") || file.get(4..8) == Some(b"ORTM") {
        Some("it is in ONNX Runtime's own format; use the .onnx file")
    } else if file.iter().take(512).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        Some("it is a text file")
    } else {
        None
    }
}

fn read_port(message: &[u8]) -> Result<Port, Broken> {
    let mut port = Port { name: String::new(), element: ElementType::Other(0), shape: None };
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(name)) => port.name = text(name),
            (2, Value::Bytes(kind)) => {
                for field in Fields::new(kind) {
                    if let (1, Value::Bytes(tensor)) = field? {
                        read_tensor_type(tensor, &mut port)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(port)
}

fn read_tensor_type(message: &[u8], port: &mut Port) -> Result<(), Broken> {
    for field in Fields::new(message) {
        match field? {
            (1, Value::Number(number)) => port.element = ElementType::from_number(number),
            (2, Value::Bytes(shape)) => {
                let mut dims = Vec::new();
                for field in Fields::new(shape) {
                    if let (1, Value::Bytes(dim)) = field? {
                        dims.push(read_dim(dim)?);
                    }
                }
                port.shape = Some(dims);
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_dim(message: &[u8]) -> Result<Dim, Broken> {
    let mut dim = Dim::Dynamic(String::new());
    for field in Fields::new(message) {
        match field? {
            // Negative lengths stand for "unknown" with some exporters.
            (1, Value::Number(length)) => {
                if let Some(length) = u32::try_from(length).ok().filter(|l| *l > 0) {
                    dim = Dim::Fixed(length as usize);
                }
            }
            (2, Value::Bytes(name)) => dim = Dim::Dynamic(text(name)),
            _ => {}
        }
    }
    Ok(dim)
}

fn read_entry(message: &[u8]) -> Result<(String, String), Broken> {
    Ok((
        string_field(message, 1)?.unwrap_or_default(),
        string_field(message, 2)?.unwrap_or_default(),
    ))
}

fn string_field(message: &[u8], number: u64) -> Result<Option<String>, Broken> {
    for field in Fields::new(message) {
        if let (found, Value::Bytes(bytes)) = field?
            && found == number
        {
            return Ok(Some(text(bytes)));
        }
    }
    Ok(None)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// The message ends inside a field.
    Truncated,
    /// No protobuf.
    Garbled,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number: nothing that is read here has one.
    Skipped,
}

/// The fields of a protobuf message in order (protobuf.dev, "Encoding").
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Broken::Truncated)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Garbled)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_overflow| Broken::Garbled)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Broken> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Skipped)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Skipped)?,
            _ => return Err(Broken::Garbled),
        };
        if key >> 3 == 0 { Err(Broken::Garbled) } else { Ok((key >> 3, value)) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FLOAT, INT64, Onnx, UINT8};
    use proptest::prelude::*;

    fn file() -> Vec<u8> {
        Onnx::default()
            .input("images", FLOAT, &["n", "3", "64", "64"])
            .input("sizes", INT64, &["n", "2"])
            .input("old_weight", FLOAT, &["1"])
            .constant("old_weight", &[1], &[1.0])
            .node("Relu", &["images"], "hidden", &[])
            .node("Abs", &["hidden"], "out", &[])
            .output("out", UINT8, &[])
            .note("names", "{0: 'a'}")
            .build()
    }

    #[test]
    fn a_file_says_what_it_is() {
        let signature = Signature::parse(&file()).unwrap();
        let inputs: Vec<String> = signature.inputs.iter().map(Port::to_string).collect();
        assert_eq!(inputs, ["images: float32 [n, 3, 64, 64]", "sizes: int64 [n, 2]"]);
        assert_eq!(signature.outputs[0].to_string(), "out: uint8 []");
        assert!(signature.operators.iter().eq(["Abs", "Relu"]));
        assert_eq!((signature.opset, signature.producer.as_str()), (Some(11), "omma-test"));
        assert_eq!(signature.metadata["names"], "{0: 'a'}");
    }

    #[test]
    fn foreign_files_are_named() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "LFS"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"PK\x03\x04rest", "zip"),
            (b"\x1c\0\0\0TFL3", "Lite"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"hello, I am a model\n", "text file"),
            (&[0xff; 64], "not in the ONNX format"),
            (&[0x08, 0x07], "not in the ONNX format"),
        ];
        for (bytes, expected) in cases {
            let reason = Signature::parse(bytes).unwrap_err();
            assert!(reason.contains(expected), "{reason} instead of {expected}");
        }
    }

    #[test]
    fn a_truncated_file_is_called_so() {
        let file = file();
        let reason = Signature::parse(&file[..file.len() / 2]).unwrap_err();
        assert!(reason.contains("truncated"), "{reason}");
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..4000, byte in any::<u8>(), cut in 0usize..4000) {
            let mut file = file();
            let length = file.len();
            file[at % length] = byte;
            file.truncate(cut % (length + 1));
            // Either verdict may be right; reading must come to an end with one.
            if let Ok(signature) = Signature::parse(&file) {
                prop_assert!(!signature.inputs.is_empty());
            }
        }
    }
}
