//! What H.264 says of itself in a keyframe, where no container says it: the parameter sets, and
//! from them the size of the pictures.

use omma_types::Size;

use crate::fragment::units::units;

/// The kinds of units (ITU-T H.264, table 7-1).
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;

/// What a keyframe behind start codes holds for decoders to begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterSets {
    /// The sets of sequence and picture, each behind a start code.
    pub header: Vec<u8>,
    /// Columns and rows, where they make sense.
    pub size: Option<Size>,
}

impl ParameterSets {
    /// Of a picture of H.264 behind start codes; nothing where it has none.
    pub fn of_h264(picture: &[u8]) -> Self {
        let mut sets = Self::default();
        for unit in units(picture) {
            let kind = unit.first().map_or(0, |first| first & 0x1f);
            if kind == SEQUENCE || kind == PICTURE {
                sets.header.extend([0, 0, 0, 1]);
                sets.header.extend_from_slice(unit);
            }
            if kind == SEQUENCE {
                sets.size = size(unit).or(sets.size);
            }
        }
        sets
    }
}

/// Columns and rows that are shown (ITU-T H.264, 7.3.2.1.1 and 7.4.2.1.1).
fn size(unit: &[u8]) -> Option<Size> {
    let mut bits = Bits::new(unit.get(1..)?);
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.number()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.number()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.number()?;
        bits.number()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            let lists = if chroma == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.take(1)? == 1 {
                    bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.number()?;
    match bits.number()? {
        0 => drop(bits.number()?),
        1 => {
            bits.take(1)?;
            bits.number()?;
            bits.number()?;
            let count = bits.number()?;
            for _ in 0..count.min(255) {
                bits.number()?;
            }
        }
        _ => {}
    }
    bits.number()?;
    bits.take(1)?;
    let columns = bits.number()?.checked_add(1)?.checked_mul(16)?;
    let units = bits.number()?.checked_add(1)?;
    let frames_only = bits.take(1)?;
    if frames_only == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let rows = units.checked_mul(16 * (2 - frames_only))?;
    let mut cropped = (0, 0);
    if bits.take(1)? == 1 {
        let (left, right) = (bits.number()?, bits.number()?);
        let (top, bottom) = (bits.number()?, bits.number()?);
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let down = down * (2 - frames_only);
        cropped.0 = left.checked_add(right)?.checked_mul(across)?;
        cropped.1 = top.checked_add(bottom)?.checked_mul(down)?;
    }
    let (width, height) = (columns.checked_sub(cropped.0)?, rows.checked_sub(cropped.1)?);
    let makes_sense = |side| (16..=16_384).contains(&side);
    (makes_sense(width) && makes_sense(height)).then(|| Size::new(width, height))
}

/// Bits of a unit, without the bytes that keep start codes out of it (7.3.1).
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn new(unit: &[u8]) -> Self {
        let (mut bytes, mut zeros) = (Vec::with_capacity(unit.len()), 0);
        for &byte in unit {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |number, _| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(number << 1 | u32::from(bit))
        })
    }

    /// Exp-Golomb (9.1).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        (1u32 << zeros).checked_sub(1)?.checked_add(self.take(zeros)?)
    }

    fn skip_scaling_list(&mut self, length: usize) -> Option<()> {
        let (mut last, mut next) = (8i64, 8i64);
        for _ in 0..length {
            if next != 0 {
                let number = i64::from(self.number()?);
                let step = if number % 2 == 1 { (number + 1) / 2 } else { -(number / 2) };
                next = (last + step + 256) % 256;
            }
            if next != 0 {
                last = next;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use omma_testkit::ffmpeg;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_encoder_says_is_understood() {
        let dir = tempfile::tempdir().unwrap();
        for (name, size, options) in [
            ("plain", (320, 180), "-profile:v baseline"),
            ("odd", (642, 362), "-profile:v high"),
            ("full", (64, 48), "-pix_fmt yuv444p"),
            ("fields", (720, 576), "-flags +ildct+ilme"),
        ] {
            let input = format!("-f lavfi -i testsrc=size={}x{}:rate=5 -t 0.4", size.0, size.1);
            let shape = if options.contains("444") { "" } else { "-pix_fmt yuv420p" };
            let out = format!("{input} -c:v libx264 {shape} {options} {name}.h264");
            ffmpeg(dir.path(), &out);
            let bytes = std::fs::read(dir.path().join(format!("{name}.h264"))).unwrap();
            let sets = ParameterSets::of_h264(&bytes);
            assert_eq!(sets.size, Some(Size::new(size.0, size.1)), "{name}");
            assert_eq!(units(&sets.header).count(), 2, "{name}");
        }
        assert_eq!(ParameterSets::of_h264(&[0, 0, 1, 0x65, 1]), ParameterSets::default());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let picture = [&[0, 0, 1, 0x67][..], &bytes].concat();
            let sets = ParameterSets::of_h264(&picture);
            prop_assert!(sets.size.is_none_or(|size| size.width <= 16_384));
        }
    }
}
