//! Pictures in the form that MP4 wants: each unit of H.264 and H.265 behind its length
//! (ISO/IEC 14496-15) instead of behind a start code (their Annex B), without what stands in
//! the file's head already.

use crate::av::CodecParameters;

/// How packets of a stream are rewritten.
#[derive(Debug)]
pub(super) enum Form {
    /// They are right as they are.
    AsIs,
    /// Start codes become lengths.
    AnnexB {
        /// H.265 rather than H.264.
        is_hevc: bool,
        /// Parameter sets that stand in the file's head.
        known: Vec<Vec<u8>>,
    },
    /// Temporal delimiters go (AV1 in ISOBMFF, 2.4).
    Av1,
}

impl Form {
    pub(super) fn of(parameters: &CodecParameters) -> Self {
        let header = parameters.extradata();
        let is_hevc = match parameters.codec_name() {
            "h264" => false,
            "hevc" => true,
            "av1" => return Self::Av1,
            _ => return Self::AsIs,
        };
        // Annex B begins with zeros, the containers' form with its version, 1.
        if header.first() == Some(&1) {
            return Self::AsIs;
        }
        Self::AnnexB { is_hevc, known: units(header).map(<[u8]>::to_vec).collect() }
    }

    /// Appends the sample to `out`; nothing where nothing is left of it.
    pub(super) fn append(&self, data: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::AsIs => out.extend_from_slice(data),
            Self::Av1 => out.extend_from_slice(data.strip_prefix(&[0x12, 0]).unwrap_or(data)),
            Self::AnnexB { is_hevc, known } => {
                for unit in units(data) {
                    let dropped = match kind(unit, *is_hevc) {
                        Kind::Delimiter => true,
                        // New ones stay: some decoders take them.
                        Kind::Parameters => known.iter().any(|set| set == unit),
                        Kind::Other => false,
                    };
                    if !dropped {
                        let length = u32::try_from(unit.len()).unwrap_or(u32::MAX);
                        out.extend(length.to_be_bytes());
                        out.extend_from_slice(unit);
                    }
                }
            }
        }
    }
}

enum Kind {
    Delimiter,
    Parameters,
    Other,
}

/// ITU-T H.264, table 7-1; H.265, table 7-1.
fn kind(unit: &[u8], is_hevc: bool) -> Kind {
    let first = unit.first().copied().unwrap_or(0);
    match (is_hevc, first & 0x1f, first >> 1 & 0x3f) {
        (false, 9, _) | (true, _, 35) => Kind::Delimiter,
        (false, 7 | 8, _) | (true, _, 32..=34) => Kind::Parameters,
        _ => Kind::Other,
    }
}

/// The units between start codes, without the zeros that may follow them.
pub(crate) fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(data).and_then(|at| data.get(at + 3..));
    std::iter::from_fn(move || {
        loop {
            let here = rest?;
            let (unit, next) = match start_code(here) {
                Some(at) => (here.get(..at)?, here.get(at + 3..)),
                None => (here, None),
            };
            rest = next;
            let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return unit.get(..end);
            }
        }
    })
}

/// Where the next `00 00 01` begins.
fn start_code(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&[a, b, c]) = data.get(at..at + 3).and_then(|three| three.first_chunk()) {
        // A byte above 1 rules out every start code that would contain it.
        at += match (a, b, c) {
            (0, 0, 1) => return Some(at),
            (_, _, 2..) => 3,
            _ => 1,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn h264(known: &[&[u8]]) -> Form {
        Form::AnnexB { is_hevc: false, known: known.iter().map(|set| set.to_vec()).collect() }
    }

    fn converted(form: &Form, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        form.append(data, &mut out);
        out
    }

    #[test]
    fn start_codes_become_lengths_and_known_parameters_go() {
        let data = [
            0, 0, 0, 1, 9, 0xf0, // delimiter
            0, 0, 0, 1, 0x67, 5, // known parameters
            0, 0, 1, 0x68, 6, // new parameters
            0, 0, 1, 0x65, 1, 0, 0, 3, 1, 0, 0, // a picture, with zeros behind it
        ];
        let expected = [0, 0, 0, 2, 0x68, 6, 0, 0, 0, 6, 0x65, 1, 0, 0, 3, 1];
        assert_eq!(converted(&h264(&[&[0x67, 5]]), &data), expected);
    }

    #[test]
    fn h265_has_other_kinds_of_units() {
        let form = Form::AnnexB { is_hevc: true, known: vec![vec![0x42, 1, 7]] };
        let data = [0, 0, 1, 0x46, 1, 0x10, 0, 0, 1, 0x42, 1, 7, 0, 0, 1, 0x26, 1, 9];
        assert_eq!(converted(&form, &data), [0, 0, 0, 3, 0x26, 1, 9]);
    }

    #[test]
    fn temporal_delimiters_of_av1_go() {
        assert_eq!(converted(&Form::Av1, &[0x12, 0, 0x32, 1]), [0x32, 1]);
        assert_eq!(converted(&Form::Av1, &[0x32, 1]), [0x32, 1]);
    }

    proptest! {
        #[test]
        fn units_come_back_whole(
            units in prop::collection::vec(prop::collection::vec(1u8..=255, 1..9), 0..6),
            zeros in any::<bool>(),
        ) {
            let mut data = Vec::new();
            let mut expected = Vec::new();
            for unit in &units {
                // 0x65 marks a picture; no zeros inside, so no false start codes.
                data.extend(if zeros { &[0, 0, 0, 1][..] } else { &[0, 0, 1] });
                data.push(0x65);
                data.extend(unit);
                expected.extend((unit.len() as u32 + 1).to_be_bytes());
                expected.push(0x65);
                expected.extend(unit);
            }
            prop_assert_eq!(converted(&h264(&[]), &data), expected);
        }

        #[test]
        fn no_bytes_make_it_panic(data in prop::collection::vec(0u8..4, 0..60)) {
            let out = converted(&h264(&[]), &data);
            prop_assert!(out.len() <= 2 * data.len() + 8);
        }
    }
}
