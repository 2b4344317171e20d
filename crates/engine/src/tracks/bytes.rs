//! Numbers of variable length, written and read. Reading takes any bytes and never more memory
//! than they are worth.

use super::chunk::BadChunk;

const ENDED: BadChunk = BadChunk("it ends too early");

/// Bytes that grow.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// 7 bits a byte, the lowest first; the highest bit says that more follow.
    pub(super) fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Folded: 0, -1, 1, -2, 2, …
    pub(super) fn signed(&mut self, number: i64) {
        self.unsigned((number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.unsigned(count as u64);
    }

    /// Its length, and it.
    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Bytes from the front.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, BadChunk> {
        let (first, rest) = self.0.split_first().ok_or(ENDED)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, BadChunk> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(BadChunk("a number is too large"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BadChunk("a number is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, BadChunk> {
        let folded = self.unsigned()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// A number up to `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, BadChunk> {
        let count = usize::try_from(self.unsigned()?).ok().filter(|count| *count <= most);
        count.ok_or(BadChunk("more than there can be"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, BadChunk> {
        let length = self.count(self.0.len())?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(ENDED)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_not_text| BadChunk("a name is no text"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(a in any::<u64>(), b in any::<i64>(), text in ".{0,20}") {
            let mut out = Writer::default();
            out.unsigned(a);
            out.signed(b);
            out.text(&text);
            let bytes = out.into_bytes();
            let mut input = Reader::new(&bytes);
            prop_assert_eq!(input.unsigned(), Ok(a));
            prop_assert_eq!(input.signed(), Ok(b));
            prop_assert_eq!(input.text(), Ok(text.as_str()));
            prop_assert!(input.is_empty());
        }
    }
}
