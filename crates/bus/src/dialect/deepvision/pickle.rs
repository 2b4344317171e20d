//! A picture as Python's `pickle` writes a numpy array, and back, without Python.
//!
//! A pickle is a program: whoever loads one as Python does runs what its sender wrote. The
//! reader here knows the few instructions and the four names that a picture needs, and calls
//! nothing; all else is refused by name. It steps at most `MOST_STEPS` times, keeps at most
//! that many values, never recurses, and points into the message instead of copying pixels
//! (only protocol 2, which writes bytes as text, has to be decoded).
//!
//! Written is protocol 4, the default of Python 3.8 to 3.13, with the module name
//! `numpy.core.multiarray`: numpy 1 knows no other (the name with an underscore came with
//! 1.26), and numpy 2 still loads it. The bytes are those that `pickle.dumps` gives with numpy
//! 1 (PEP 3154 for the protocol, PEP 574 for what protocol 5 added to it).

use std::rc::Rc;

use bytes::Bytes;
use omma_types::Size;

/// The longest program that is followed. Python's own take 45 to 70 instructions.
const MOST_STEPS: usize = 256;

/// The longest side of a picture.
const LONGEST_SIDE: i64 = 16_384;

/// The largest picture, in bytes: 7680 x 4320.
const LARGEST: usize = 7680 * 4320 * 3;

/// Python writes bytes from this length on outside of its frames (PEP 3154).
const FRAME_TARGET: usize = 64 * 1024;

/// What is shown of a foreign name.
const MOST_OF_A_NAME: usize = 80;

/// Why a message is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It ends too early.
    #[error("it ends in the middle, at byte {0}")]
    Truncated(usize),
    /// It does not begin as a pickle, or in a form that is not read.
    #[error("it is no pickle of protocol 2 to 5")]
    Protocol,
    /// It wants a function or class that no picture needs.
    #[error("it calls for `{0}`, which no picture needs; nothing was run")]
    Global(String),
    /// It holds an instruction that no picture needs.
    #[error("its instruction 0x{opcode:02x} at byte {at} is none that a picture needs")]
    Instruction {
        /// The instruction.
        opcode: u8,
        /// Where it stands.
        at: usize,
    },
    /// It goes on and on.
    #[error("it has more than {MOST_STEPS} instructions")]
    TooLong,
    /// Its instructions do not fit together.
    #[error("it puts together what does not belong together, at byte {0}")]
    Nonsense(usize),
    /// It is an array, but not of bytes.
    #[error("its values are `{0}`, not bytes (`u1`)")]
    Values(String),
    /// It is an array that is no picture.
    #[error("its shape is ({0}), not (height, width, 3) of at most 8K")]
    Shape(String),
    /// Its data have another length than its shape says.
    #[error("it holds {got} bytes of pixels where its shape needs {expected}")]
    Length {
        /// What is there.
        got: usize,
        /// What should be.
        expected: usize,
    },
    /// Columns come before rows.
    #[error("its pixels are in Fortran's order, not in rows")]
    Order,
}

/// What stands around a picture's pixels in its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Before the pixels.
    pub head: Vec<u8>,
    /// Behind them.
    pub tail: &'static [u8],
}

/// What stands around the `width * height * 3` bytes of a picture of `size`.
pub fn envelope(size: Size) -> Envelope {
    let length = size.width as usize * size.height as usize * 3;
    let mut head = Vec::with_capacity(176);
    let memoize = 0x94;
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend([0x8c, text.len() as u8]);
        out.extend(text.as_bytes());
        out.push(memoize);
    };
    text(&mut head, "numpy.core.multiarray");
    text(&mut head, "_reconstruct");
    head.extend([0x93, memoize]);
    text(&mut head, "numpy");
    text(&mut head, "ndarray");
    // _reconstruct(ndarray, (0,), b"b")
    head.extend([0x93, memoize, b'K', 0, 0x85, memoize, b'C', 1, b'b', memoize, 0x87, memoize]);
    head.extend([b'R', memoize, b'(', b'K', 1]);
    for side in [size.height, size.width, 3] {
        let bytes = side.to_le_bytes();
        match side {
            0..=0xff => head.extend([b'K', bytes[0]]),
            0x100..=0xffff => head.extend([b'M', bytes[0], bytes[1]]),
            _ => {
                head.push(b'J');
                head.extend(bytes);
            }
        }
    }
    // The shape, and dtype("u1", False, True), of the module `numpy` as above.
    head.extend([0x87, memoize, b'h', 3]);
    text(&mut head, "dtype");
    head.extend([0x93, memoize]);
    text(&mut head, "u1");
    head.extend([0x89, 0x88, 0x87, memoize, b'R', memoize, b'(', b'K', 3]);
    text(&mut head, "|");
    head.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t");
    head.extend([memoize, b'b', 0x89]);

    let mut data = Vec::with_capacity(9);
    match u32::try_from(length) {
        Ok(short @ 0..=0xff) => data.extend([b'C', short as u8]),
        Ok(long) => {
            data.push(b'B');
            data.extend(long.to_le_bytes());
        }
        Err(_larger) => {
            data.push(0x8e);
            data.extend((length as u64).to_le_bytes());
        }
    }
    // memoize, end of the tuple, memoize, BUILD, STOP
    let (in_frame, tail): (usize, &'static [u8]) = if length >= FRAME_TARGET {
        (head.len(), b"\x95\x05\x00\x00\x00\x00\x00\x00\x00\x94t\x94b.")
    } else {
        (head.len() + data.len() + length + 5, b"\x94t\x94b.")
    };
    let mut whole = vec![0x80, 4, 0x95];
    whole.extend((in_frame as u64).to_le_bytes());
    whole.append(&mut head);
    whole.append(&mut data);
    Envelope { head: whole, tail }
}

/// Reads a picture: its size, and its pixels, which still lie in `message` where possible.
///
/// # Errors
/// The message is anything else than an array of bytes with rows, columns and three channels.
pub fn read(message: &Bytes) -> Result<(Size, Bytes), PickleError> {
    let mut reader =
        Reader { data: message, at: 0, stack: Vec::new(), memo: Vec::new(), decoded: 0 };
    let (size, data) = reader.run()?;
    let pixels = match data {
        Data::Here(slice) => message.slice_ref(slice),
        Data::Decoded(bytes) => Bytes::copy_from_slice(&bytes),
    };
    Ok((size, pixels))
}

/// The names that are understood. None is ever called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Reconstruct,
    FromBuffer,
    Ndarray,
    Dtype,
    Encode,
}

#[derive(Clone)]
enum Data<'a> {
    Here(&'a [u8]),
    Decoded(Rc<[u8]>),
}

impl Data<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Here(bytes) => bytes,
            Self::Decoded(bytes) => bytes,
        }
    }
}

#[derive(Clone)]
enum Value<'a> {
    Mark,
    None,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Bytes(Data<'a>),
    Tuple(Rc<[Value<'a>]>),
    Name(Name),
    /// `dtype("u1")`; complete once it has got its state.
    Dtype {
        complete: bool,
    },
    /// An array that has not got its state.
    Empty,
    Picture(Size, Data<'a>),
}

impl Value<'_> {
    /// Old versions of numpy write numbers for truth values.
    fn is_truth(&self, truth: bool) -> bool {
        match self {
            Self::Bool(value) => *value == truth,
            Self::Int(value) => *value == i64::from(truth),
            _ => false,
        }
    }
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    memo: Vec<(u32, Value<'a>)>,
    /// Bytes made out of text so far.
    decoded: usize,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(Size, Data<'a>), PickleError> {
        match self.data {
            [0x80, 2..=5, ..] => self.at = 2,
            _ => return Err(PickleError::Protocol),
        }
        for _ in 0..MOST_STEPS {
            let at = self.at;
            let [opcode] = self.array()?;
            if opcode == b'.' {
                return match (self.stack.pop(), self.stack.is_empty(), self.data.len() - self.at) {
                    (Some(Value::Picture(size, data)), true, 0) => Ok((size, data)),
                    _ => Err(PickleError::Nonsense(at)),
                };
            }
            if !self.step_structure(opcode)? {
                let value = self.literal(opcode)?;
                self.stack.push(value.ok_or(PickleError::Instruction { opcode, at })?);
            }
        }
        Err(PickleError::TooLong)
    }

    /// Follows an instruction that works on what is there. Answers whether it is such.
    fn step_structure(&mut self, opcode: u8) -> Result<bool, PickleError> {
        match opcode {
            // A frame's length says only how much Python may read ahead.
            0x95 => {
                let length = u64::from_le_bytes(self.array()?);
                if usize::try_from(length).map_or(true, |n| n > self.data.len() - self.at) {
                    return Err(PickleError::Truncated(self.data.len()));
                }
            }
            b'q' => {
                let [index] = self.array()?;
                self.memoize(u32::from(index))?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.array()?);
                self.memoize(index)?;
            }
            0x94 => self.memoize(self.memo.len() as u32)?,
            b't' => {
                let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark));
                let mark = mark.ok_or(PickleError::Nonsense(self.at))?;
                let items = self.stack.split_off(mark + 1);
                self.stack.pop();
                self.stack.push(Value::Tuple(items.into()));
            }
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let from = self.stack.len().checked_sub(count);
                let items = self.stack.split_off(from.ok_or(PickleError::Nonsense(self.at))?);
                self.stack.push(Value::Tuple(items.into()));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(name), Value::Text(module)) = (name, module) else {
                    return Err(PickleError::Nonsense(self.at));
                };
                self.stack.push(Value::Name(known(module, name)?));
            }
            b'R' => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let value = self.reduced(callee, arguments)?;
                self.stack.push(value);
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.pop()?);
                let value = self.built(object, state)?;
                self.stack.push(value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The value that an instruction puts down; none where it is another one.
    fn literal(&mut self, opcode: u8) -> Result<Option<Value<'a>>, PickleError> {
        Ok(Some(match opcode {
            b'(' => Value::Mark,
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(i64::from(u8::from_le_bytes(self.array()?))),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8c => {
                let [length] = self.array()?;
                self.text(u64::from(length))?
            }
            b'X' => {
                let length = u64::from(u32::from_le_bytes(self.array()?));
                self.text(length)?
            }
            b'C' => {
                let [length] = self.array()?;
                Value::Bytes(Data::Here(self.take(u64::from(length))?))
            }
            b'B' => {
                let length = u64::from(u32::from_le_bytes(self.array()?));
                Value::Bytes(Data::Here(self.take(length)?))
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.array()?);
                Value::Bytes(Data::Here(self.take(length)?))
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                Value::Name(known(module, name)?)
            }
            b'h' => {
                let [index] = self.array()?;
                self.recall(u32::from(index))?
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                self.recall(index)?
            }
            _ => return Ok(None),
        }))
    }

    fn reduced(&mut self, callee: Value<'a>, args: Value<'a>) -> Result<Value<'a>, PickleError> {
        let (Value::Name(name), Value::Tuple(args)) = (callee, args) else {
            return Err(PickleError::Nonsense(self.at));
        };
        match (name, &*args) {
            (
                Name::Reconstruct,
                [Value::Name(Name::Ndarray), Value::Tuple(shape), Value::Bytes(kind)],
            ) if matches!(**shape, [Value::Int(0)]) && kind.bytes() == b"b" => Ok(Value::Empty),
            (Name::Dtype, [Value::Text("u1"), align, copy])
                if align.is_truth(false) && copy.is_truth(true) =>
            {
                Ok(Value::Dtype { complete: false })
            }
            (Name::Dtype, [Value::Text(other), ..]) => Err(PickleError::Values(shown(other))),
            (Name::Encode, [Value::Text(text), Value::Text("latin1")]) => self.encoded(text),
            (
                Name::FromBuffer,
                [
                    Value::Bytes(data),
                    Value::Dtype { complete: true },
                    Value::Tuple(shape),
                    Value::Text(order),
                ],
            ) => {
                if *order != "C" {
                    return Err(PickleError::Order);
                }
                picture(shape, data)
            }
            _ => Err(PickleError::Nonsense(self.at)),
        }
    }

    fn built(&self, object: Value<'a>, state: Value<'a>) -> Result<Value<'a>, PickleError> {
        let Value::Tuple(state) = state else { return Err(PickleError::Nonsense(self.at)) };
        match (object, &*state) {
            // Version, byte order, no parts, names or fields, size and alignment as usual.
            (
                Value::Dtype { complete: false },
                [
                    Value::Int(3),
                    Value::Text("|"),
                    Value::None,
                    Value::None,
                    Value::None,
                    Value::Int(-1),
                    Value::Int(-1),
                    Value::Int(0),
                ],
            ) => Ok(Value::Dtype { complete: true }),
            (
                Value::Empty,
                [
                    Value::Int(1),
                    Value::Tuple(shape),
                    Value::Dtype { complete: true },
                    fortran,
                    Value::Bytes(data),
                ],
            ) => {
                if !fortran.is_truth(false) {
                    return Err(PickleError::Order);
                }
                picture(shape, data)
            }
            _ => Err(PickleError::Nonsense(self.at)),
        }
    }

    /// `codecs.encode(text, "latin1")`: how protocol 2 writes bytes.
    fn encoded(&mut self, text: &str) -> Result<Value<'a>, PickleError> {
        // The same text may be asked for again and again.
        self.decoded += text.len();
        if self.decoded > 2 * LARGEST + MOST_STEPS {
            return Err(PickleError::TooLong);
        }
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        let bytes = bytes.map_err(|_larger| PickleError::Nonsense(self.at))?;
        Ok(Value::Bytes(Data::Decoded(bytes.into())))
    }

    fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        self.stack.pop().ok_or(PickleError::Nonsense(self.at))
    }

    fn memoize(&mut self, index: u32) -> Result<(), PickleError> {
        let value = self.stack.last().cloned().ok_or(PickleError::Nonsense(self.at))?;
        self.memo.push((index, value));
        Ok(())
    }

    fn recall(&self, index: u32) -> Result<Value<'a>, PickleError> {
        let newest = self.memo.iter().rev().find(|(known, _)| *known == index);
        newest.map(|(_, value)| value.clone()).ok_or(PickleError::Nonsense(self.at))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], PickleError> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or(PickleError::Truncated(self.data.len()))?;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.take(N as u64)?;
        <[u8; N]>::try_from(bytes).or(Err(PickleError::Truncated(self.data.len())))
    }

    fn text(&mut self, length: u64) -> Result<Value<'a>, PickleError> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).or(Err(PickleError::Nonsense(self.at)))?;
        Ok(Value::Text(text))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or(PickleError::Truncated(self.data.len()))? as u64)?;
        self.at += 1;
        std::str::from_utf8(line).or(Err(PickleError::Nonsense(self.at)))
    }
}

fn known(module: &str, name: &str) -> Result<Name, PickleError> {
    match (module, name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
            Ok(Name::Reconstruct)
        }
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Ok(Name::FromBuffer),
        ("numpy", "ndarray") => Ok(Name::Ndarray),
        ("numpy", "dtype") => Ok(Name::Dtype),
        ("_codecs", "encode") => Ok(Name::Encode),
        _ => Err(PickleError::Global(shown(&format!("{module}.{name}")))),
    }
}

/// A foreign text for people: short, and without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_OF_A_NAME).collect()
}

fn picture<'a>(shape: &[Value<'a>], data: &Data<'a>) -> Result<Value<'a>, PickleError> {
    let told = || {
        let side = |value: &Value<'_>| match value {
            Value::Int(side) => side.to_string(),
            _ => "?".to_owned(),
        };
        let sides: Vec<String> = shape.iter().take(8).map(side).collect();
        PickleError::Shape(sides.join(", "))
    };
    let [Value::Int(height), Value::Int(width), Value::Int(3)] = *shape else {
        return Err(told());
    };
    let fits = |side: i64| (1..=LONGEST_SIDE).contains(&side);
    if !fits(height) || !fits(width) {
        return Err(told());
    }
    let (width, height) = (width as u32, height as u32);
    let expected = width as usize * height as usize * 3;
    if expected > LARGEST {
        return Err(told());
    }
    let got = data.bytes().len();
    if got != expected {
        return Err(PickleError::Length { got, expected });
    }
    Ok(Value::Picture(Size::new(width, height), data.clone()))
}

#[cfg(test)]
mod tests;
