//! Pictures in the form that RTP is made from: each unit of H.264 and H.265 behind a start code
//! (their Annex B), and in front of each keyframe all that a decoder must know to begin there.
//! Containers keep lengths instead, and tell the rest once, in their head (ISO/IEC 14496-15).

use crate::fragment::units::units;
use crate::{Packet, StreamInfo};

const START: [u8; 4] = [0, 0, 0, 1];

/// How packets of one stream become a stream of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByteStream {
    /// They are right as they are: VP8, VP9, AV1.
    AsIs,
    /// They are made of units.
    Units {
        /// H.265 rather than H.264.
        is_hevc: bool,
        /// Bytes of a unit's length; none where start codes divide them already.
        length: Option<usize>,
        /// The parameter sets of the stream's header, with start codes.
        parameters: Vec<u8>,
    },
}

impl ByteStream {
    /// For the packets of this stream. A header that makes no sense is as good as none.
    pub fn of(info: &StreamInfo) -> Self {
        Self::new(info.codec, info.extradata())
    }

    fn new(codec: &str, header: &[u8]) -> Self {
        let is_hevc = match codec {
            "h264" => false,
            "hevc" => true,
            _ => return Self::AsIs,
        };
        // Annex B begins with zeros, the containers' form with its version, 1.
        if header.first() != Some(&1) {
            let mut parameters = Vec::new();
            units(header).for_each(|unit| append(unit, &mut parameters));
            return Self::Units { is_hevc, length: None, parameters };
        }
        let (at, mut parameters) = (if is_hevc { 21 } else { 4 }, Vec::new());
        let length = header.get(at).map_or(4, |byte| usize::from(byte & 3) + 1);
        let sets = if is_hevc { hevc_sets(header) } else { avc_sets(header) };
        sets.into_iter().for_each(|unit| append(unit, &mut parameters));
        Self::Units { is_hevc, length: Some(length), parameters }
    }

    /// A picture's packet as a stream of bytes.
    pub fn bytes(&self, packet: &Packet) -> Vec<u8> {
        self.convert(packet.data(), packet.keyframe)
    }

    fn convert(&self, data: &[u8], keyframe: bool) -> Vec<u8> {
        let Self::Units { is_hevc, length, parameters } = self else { return data.to_vec() };
        let mut out = Vec::with_capacity(data.len() + parameters.len() + 64);
        let all: Vec<&[u8]> = match length {
            Some(length) => prefixed(data, *length).collect(),
            None => units(data).collect(),
        };
        if keyframe && !all.iter().any(|unit| is_parameters(unit, *is_hevc)) {
            out.extend_from_slice(parameters);
        }
        all.into_iter().for_each(|unit| append(unit, &mut out));
        out
    }
}

fn append(unit: &[u8], out: &mut Vec<u8>) {
    out.extend(START);
    out.extend_from_slice(unit);
}

/// A sequence's parameter set (ITU-T H.264, table 7-1; H.265, table 7-1).
fn is_parameters(unit: &[u8], is_hevc: bool) -> bool {
    let first = unit.first().copied().unwrap_or(0);
    if is_hevc { first >> 1 & 0x3f == 33 } else { first & 0x1f == 7 }
}

/// The units behind lengths of so many bytes; a length that is too long ends it.
fn prefixed(data: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        loop {
            let (size, behind) = rest.split_at_checked(length)?;
            let size = size.iter().fold(0usize, |size, &byte| size << 8 | usize::from(byte));
            let (unit, behind) = behind.split_at_checked(size)?;
            rest = behind;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    })
}

/// ISO/IEC 14496-15, 5.3.3.1.2: sequence sets, then picture sets.
fn avc_sets(header: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    let mut rest = header.get(5..).unwrap_or_default();
    for mask in [0x1f, 0xff] {
        let Some((&count, behind)) = rest.split_first() else { break };
        rest = take_sets(behind, usize::from(count & mask), &mut sets);
    }
    sets
}

/// ISO/IEC 14496-15, 8.3.3.1.2: arrays of sets of one kind.
fn hevc_sets(header: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    let Some((&count, mut rest)) = header.get(22..).and_then(<[u8]>::split_first) else {
        return sets;
    };
    for _ in 0..count {
        let Some(&[_kind, high, low]) = rest.first_chunk() else { break };
        let behind = rest.get(3..).unwrap_or_default();
        rest = take_sets(behind, usize::from(u16::from_be_bytes([high, low])), &mut sets);
    }
    sets
}

/// Takes `count` sets behind lengths of two bytes; what follows them.
fn take_sets<'a>(data: &'a [u8], count: usize, sets: &mut Vec<&'a [u8]>) -> &'a [u8] {
    let mut at = 0;
    for set in prefixed(data, 2).take(count) {
        sets.push(set);
        at += 2 + set.len();
    }
    data.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use omma_testkit::ffmpeg;
    use proptest::prelude::*;

    use super::*;
    use crate::{Source, SourceSpec, Stop};

    #[test]
    fn lengths_become_start_codes_and_keyframes_get_the_parameters() {
        let header = [1, 0x64, 0, 40, 0xff, 0xe1, 0, 2, 0x67, 5, 1, 0, 2, 0x68, 6];
        let form = ByteStream::new("h264", &header);
        let sets = [0, 0, 0, 1, 0x67, 5, 0, 0, 0, 1, 0x68, 6];
        let picture = [0, 0, 0, 2, 0x65, 9];
        let converted = [0, 0, 0, 1, 0x65, 9];
        assert_eq!(form.convert(&picture, false), converted);
        assert_eq!(form.convert(&picture, true), [&sets[..], &converted].concat());
        let with_own = [0, 0, 0, 2, 0x67, 7, 0, 0, 0, 2, 0x65, 9];
        let own = [0, 0, 0, 1, 0x67, 7, 0, 0, 0, 1, 0x65, 9];
        assert_eq!(form.convert(&with_own, true), own, "its own come instead");
    }

    #[test]
    fn start_codes_stay() {
        let form = ByteStream::new("h264", &[0, 0, 0, 1, 0x67, 5]);
        assert_eq!(form.convert(&[0, 0, 1, 0x41, 3], false), [0, 0, 0, 1, 0x41, 3]);
        let keyframe = [0, 0, 0, 1, 0x67, 5, 0, 0, 0, 1, 0x65, 3];
        assert_eq!(form.convert(&[0, 0, 1, 0x65, 3], true), keyframe);
        assert_eq!(ByteStream::new("vp8", &[]).convert(&[0, 0, 1], true), [0, 0, 1]);
    }

    /// What comes out of a file of each codec is what FFmpeg's own filter makes of it.
    #[test]
    fn a_film_s_pictures_decode_as_a_stream_of_bytes() {
        let dir = tempfile::tempdir().unwrap();
        for (codec, kind, encoder) in
            [("h264", "h264", "libx264"), ("hevc", "hevc", "libx265 -x265-params log-level=none")]
        {
            let input = "-f lavfi -i testsrc=size=320x180:rate=10 -t 1 -g 5 -bf 0";
            ffmpeg(dir.path(), &format!("{input} -c:v {encoder} -pix_fmt yuv420p {codec}.mp4"));
            let spec = SourceSpec::file(dir.path().join(format!("{codec}.mp4"))).paced(false);
            let mut source = Source::open(&spec, &Stop::new()).unwrap();
            let form = ByteStream::of(source.info());
            let mut bytes = Vec::new();
            while let Ok(Some(packet)) = source.read() {
                bytes.extend(form.bytes(&packet));
            }
            let path = dir.path().join(format!("out.{kind}"));
            std::fs::write(&path, bytes).unwrap();
            let seen = omma_testkit::probe(&path, "stream=codec_name,nb_read_frames").unwrap();
            assert_eq!(seen, format!("{codec},10"));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            header in prop::collection::vec(0u8..4, 0..60),
            data in prop::collection::vec(0u8..4, 0..60),
            keyframe in any::<bool>(),
        ) {
            for codec in ["h264", "hevc"] {
                let form = ByteStream::new(codec, &header);
                prop_assert!(form.convert(&data, keyframe).len() <= 5 * data.len() + 5 * header.len());
            }
        }

        #[test]
        fn units_come_back_whole(
            units in prop::collection::vec(prop::collection::vec(1u8..=255, 1..9), 0..6),
        ) {
            let (mut data, mut expected) = (Vec::new(), Vec::new());
            for unit in &units {
                data.extend((unit.len() as u32).to_be_bytes());
                data.extend(unit);
                expected.extend(START);
                expected.extend(unit);
            }
            let form = ByteStream::Units { is_hevc: false, length: Some(4), parameters: Vec::new() };
            prop_assert_eq!(form.convert(&data, false), expected);
        }
    }
}
