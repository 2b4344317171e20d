//! The type of a film as browsers ask for it before they take its first byte (RFC 6381),
//! read from the film's own head: what is promised is what follows.

use super::boxes::find;

/// Of a sample entry, in front of its boxes: 8 bytes of head, then the fields of pictures
/// (ISO/IEC 14496-12, 12.1.3) or of sound (12.2.3).
const PICTURE_FIELDS: usize = 8 + 78;
const SOUND_FIELDS: usize = 8 + 28;

/// The type of the film with this head, such as `video/mp4; codecs="avc1.640028,mp4a.40.2"`.
/// None where a track's codec is none that browsers play.
pub(super) fn of(head: &[u8]) -> Option<String> {
    let (moov, size) = find(head, *b"moov", (0, head.len()))?;
    let (mut at, end) = (moov + 8, moov + size);
    let mut codecs = Vec::new();
    while let Some((trak, size)) = find(head, *b"trak", (at, end)) {
        at = trak + size;
        codecs.push(codec(head, (trak, size))?);
    }
    (!codecs.is_empty()).then(|| format!("video/mp4; codecs=\"{}\"", codecs.join(",")))
}

/// The codec of one track.
fn codec(head: &[u8], trak: (usize, usize)) -> Option<String> {
    let within = |kind: &[u8; 4], (start, size)| find(head, *kind, (start + 8, start + size));
    let mdia = within(b"mdia", trak)?;
    let minf = within(b"minf", mdia)?;
    let stbl = within(b"stbl", minf)?;
    let (stsd, size) = within(b"stsd", stbl)?;
    // A version and a number of entries, of which the first counts.
    let entry = stsd + 16;
    let format: [u8; 4] = head.get(entry + 4..entry + 8)?.try_into().ok()?;
    let child = |kind: &[u8; 4], fields| {
        let (start, size) = find(head, *kind, (entry + fields, stsd + size))?;
        head.get(start + 8..start + size)
    };
    match &format {
        b"avc1" => avc(child(b"avcC", PICTURE_FIELDS)?),
        b"hvc1" | b"hev1" => {
            let name = std::str::from_utf8(&format).ok()?;
            Some(format!("{name}.{}", hevc(child(b"hvcC", PICTURE_FIELDS)?)?))
        }
        b"av01" => av1(child(b"av1C", PICTURE_FIELDS)?),
        b"vp09" => vp9(child(b"vpcC", PICTURE_FIELDS)?),
        b"mp4a" => sound(child(b"esds", SOUND_FIELDS)?),
        b"Opus" => Some("opus".to_owned()),
        b"fLaC" => Some("flac".to_owned()),
        _ => None,
    }
}

/// Profile, constraints and level as they stand in the parameter sets.
fn avc(record: &[u8]) -> Option<String> {
    let [profile, constraints, level] = *record.get(1..4)?.first_chunk()?;
    Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
}

/// ISO/IEC 14496-15, annex E.3, without the name.
fn hevc(record: &[u8]) -> Option<String> {
    let first = *record.get(1)?;
    let space = ["", "A", "B", "C"].get(usize::from(first >> 6))?;
    let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = u32::from_be_bytes(*record.get(2..6)?.first_chunk()?).reverse_bits();
    let constraints = record.get(6..12)?;
    let used = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let level = *record.get(12)?;
    let mut text = format!("{space}{}.{compatible:X}.{tier}{level}", first & 0x1f);
    for byte in constraints.iter().take(used) {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}

/// AV1 in ISOBMFF, 5.
fn av1(record: &[u8]) -> Option<String> {
    let (second, third) = (*record.get(1)?, *record.get(2)?);
    let tier = if third & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (third & 0x40 != 0, third & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{}.{:02}{tier}.{depth:02}", second >> 5, second & 0x1f))
}

/// VP codec ISO media file format binding, "Codecs Parameter String".
fn vp9(record: &[u8]) -> Option<String> {
    let [profile, level, depth] = *record.get(4..7)?.first_chunk()?;
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4))
}

/// The object type of an elementary stream (ISO/IEC 14496-1, 7.2.6.5), and for MPEG-4 sound
/// which one (ISO/IEC 14496-3, 1.6.2.1).
fn sound(esds: &[u8]) -> Option<String> {
    // A version; then descriptors: of the stream, with its number and flags; in it, of the
    // decoder; in that, the decoder's own.
    let stream = descriptor(esds.get(4..)?, 3)?;
    let flags = *stream.get(2)?;
    let mut at = 3;
    at += if flags & 0x80 == 0 { 0 } else { 2 };
    at += if flags & 0x40 == 0 { 0 } else { 1 + usize::from(*stream.get(at)?) };
    at += if flags & 0x20 == 0 { 0 } else { 2 };
    let decoder = descriptor(stream.get(at..)?, 4)?;
    let object = *decoder.first()?;
    if object != 0x40 {
        return Some(format!("mp4a.{object:02X}"));
    }
    let config = descriptor(decoder.get(13..)?, 5)?;
    let (first, second) = (*config.first()?, config.get(1).copied().unwrap_or(0));
    let kind = match first >> 3 {
        31 => 32 + ((first & 7) << 3 | second >> 5),
        kind => kind,
    };
    Some(format!("mp4a.40.{kind}"))
}

/// The contents of the descriptor that `bytes` begins with, if it has this tag.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    if *bytes.first()? != tag {
        return None;
    }
    let (mut at, mut length) = (1, 0usize);
    // Seven bits of the length in each of at most four bytes.
    for _ in 0..4 {
        let byte = *bytes.get(at)?;
        at += 1;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    bytes.get(at..at + length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_become_the_codecs_of_the_standards_examples() {
        // RFC 6381, 3.3 and 3.6.
        assert_eq!(avc(&[1, 0x42, 0xe0, 0x1e]).as_deref(), Some("avc1.42E01E"));
        let main = [1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        assert_eq!(hevc(&main).as_deref(), Some("1.6.L93.B0"));
        // ISO/IEC 14496-15, E.3: general_profile_space 1, high tier.
        let high = [1, 0x62, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 150];
        assert_eq!(hevc(&high).as_deref(), Some("A2.4.H150"));
        assert_eq!(av1(&[0x81, 0x04, 0x4c, 0]).as_deref(), Some("av01.0.04M.10"));
        assert_eq!(vp9(&[1, 0, 0, 0, 0, 21, 0x80, 0]).as_deref(), Some("vp09.00.21.08"));
    }

    #[test]
    fn sound_names_its_object_type() {
        let esds = |object: u8, config: &[u8]| {
            let length = config.len() as u8;
            let mut decoder = vec![object, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, length];
            decoder.extend(config);
            // The length in four bytes, as FFmpeg writes it.
            let mut all = vec![0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 5 + decoder.len() as u8, 0, 1, 0];
            all.extend([4, decoder.len() as u8]);
            all.extend(decoder);
            all
        };
        assert_eq!(sound(&esds(0x40, &[0x12, 0x10])).as_deref(), Some("mp4a.40.2"));
        assert_eq!(sound(&esds(0x40, &[0xf9, 0x46])).as_deref(), Some("mp4a.40.42"));
        assert_eq!(sound(&esds(0x6b, &[])).as_deref(), Some("mp4a.6B"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (avc(&bytes), hevc(&bytes), av1(&bytes), vp9(&bytes));
            let _ = (sound(&bytes), of(&bytes));
        }
    }
}
