//! Whether bytes that somebody sent are a JPEG, and how large its picture is, without decoding
//! it (ITU-T T.81, annex B).

use omma_types::Size;

/// The size that the frame header tells; none where this is no JPEG with a picture in it.
pub(crate) fn size(file: &[u8]) -> Option<Size> {
    let mut rest = file.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, tail @ ..] = rest else { return None };
        match *marker {
            // Padding, and markers that stand alone.
            0xff => rest = rest.get(1..)?,
            0x01 | 0xd0..=0xd7 => rest = tail,
            // A scan or the end before any frame header.
            0xd8..=0xda => return None,
            marker => {
                let [high, low, ..] = tail else { return None };
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let segment = tail.get(2..length)?;
                // C4, C8 and CC are tables among the frame headers' markers.
                if (0xc0..=0xcf).contains(&marker) && ![0xc4, 0xc8, 0xcc].contains(&marker) {
                    let [_precision, h1, h2, w1, w2, ..] = segment else { return None };
                    let height = u32::from(u16::from_be_bytes([*h1, *h2]));
                    let width = u32::from(u16::from_be_bytes([*w1, *w2]));
                    return (width > 0 && height > 0).then(|| Size::new(width, height));
                }
                rest = tail.get(length..)?;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The header of a JPEG of this size, with nothing to decode behind it.
    pub(crate) fn header(width: u16, height: u16) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc4, 0, 3, 9];
        file.extend([0xff, 0xc0, 0, 11, 8]);
        file.extend(height.to_be_bytes());
        file.extend(width.to_be_bytes());
        file.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
        file
    }

    #[test]
    fn the_size_stands_in_the_frame_header() {
        assert_eq!(size(&header(640, 360)), Some(Size::new(640, 360)));
        assert_eq!(size(&header(0, 360)), None);
        assert_eq!(size(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(size(b"\xff\xd8\xff\xd9"), None);
        let whole = header(640, 360);
        assert_eq!(size(whole.get(..20).unwrap_or_default()), None, "cut off");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(size(&bytes).is_none_or(|size| size.width > 0 && size.height > 0));
            bytes.splice(0..0, [0xff, 0xd8, 0xff]);
            prop_assert!(size(&bytes).is_none_or(|size| size.width > 0 && size.height > 0));
        }
    }
}
