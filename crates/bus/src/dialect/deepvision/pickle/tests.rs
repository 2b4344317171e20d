//! Against what real Python and numpy wrote (`tests/fixtures/deepvision/make.py`), and against
//! what somebody mean could write.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deepvision")
}

fn fixture(name: &str) -> Bytes {
    std::fs::read(fixtures().join(name)).unwrap_or_else(|e| panic!("{name}: {e}")).into()
}

fn written(size: Size, pixels: &[u8]) -> Bytes {
    let envelope = envelope(size);
    [&envelope.head, pixels, envelope.tail].concat().into()
}

fn pixels(size: Size) -> Vec<u8> {
    (0..size.width as usize * size.height as usize * 3).map(|i| (i % 251) as u8).collect()
}

/// A program out of parts, of protocol 4.
fn program(parts: &[&[u8]]) -> Bytes {
    [b"\x80\x04", parts.concat().as_slice()].concat().into()
}

#[test]
fn what_is_written_is_what_numpy_writes() {
    let size = Size::new(3, 2);
    assert_eq!(written(size, &pixels(size)), fixture("numpy1-protocol4.pickle"));
    let hashes = std::fs::read_to_string(fixtures().join("numpy1-hashes.txt")).expect("a file");
    assert!(hashes.lines().count() >= 5);
    for line in hashes.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [height, width, expected] = words[..] else { panic!("{line}") };
        let size = Size::new(width.parse().expect("a number"), height.parse().expect("a number"));
        let digest = Sha256::digest(written(size, &pixels(size)));
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, expected, "{height} x {width}");
    }
}

#[test]
fn what_numpy_writes_is_read_without_a_copy() {
    let size = Size::new(3, 2);
    for generation in ["numpy1", "numpy2"] {
        for protocol in 2..=5 {
            let name = format!("{generation}-protocol{protocol}.pickle");
            let message = fixture(&name);
            let (got, data) = read(&message).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!((got, &data[..]), (size, &pixels(size)[..]), "{name}");
            let inside = message.as_ptr_range().contains(&data.as_ptr());
            assert_eq!(inside, protocol > 2, "{name}");
        }
        let (_, mirrored) = read(&fixture(&format!("{generation}-mirrored.pickle"))).expect("read");
        assert_eq!(mirrored[..3], pixels(size)[6..9]);
    }
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures()).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !name.starts_with("bad-") {
            continue;
        }
        seen += 1;
        let error = read(&fixture(&name)).expect_err(&name);
        let text = error.to_string();
        let expected = match name.split('-').nth(1).expect("a kind") {
            "system" | "objects" if matches!(error, PickleError::Values(_)) => "not bytes",
            "system" => "posix.system",
            "eval" => "eval",
            // Protocol 2 writes no bytes as `bytes()`.
            "empty" if matches!(error, PickleError::Global(_)) => "bytes",
            "gray" | "alpha" | "empty" => "shape",
            "float" | "signed" | "objects" => "not bytes",
            "fortran" => "order",
            _ => "",
        };
        assert!(text.contains(expected), "{name}: {text}");
    }
    assert!(seen >= 39, "{seen}");
}

#[test]
fn programs_that_fill_memory_are_stopped() {
    // Doubling: every tuple holds the last one twice.
    let bomb = [b"\x8c\x01a\x94".as_slice(), &b"h\x00h\x00\x86\x94".repeat(100)].concat();
    assert!(matches!(read(&program(&[&bomb, b"."])), Err(PickleError::TooLong)));
    // As deep as it is long.
    let deep = [b"N".as_slice(), &b"\x85".repeat(1_000_000), b"."].concat();
    assert_eq!(read(&program(&[&deep])), Err(PickleError::TooLong));
    assert_eq!(read(&program(&[&b"(".repeat(1_000_000)])), Err(PickleError::TooLong));
    assert_eq!(read(&program(&[&b"\x94".repeat(9)])), Err(PickleError::Nonsense(3)));
    for huge in [
        &b"B\xff\xff\xff\xff"[..],
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"X\xff\xff\xff\xff",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",
        b"cnumpy",
    ] {
        assert!(matches!(read(&program(&[huge])), Err(PickleError::Truncated(_))), "{huge:?}");
    }
}

#[test]
fn names_and_instructions_are_told() {
    let error = read(&program(&[b"cnumpy.core.multiarray\n_reconstruct\x1b\n."])).expect_err("no");
    let PickleError::Global(name) = error else { panic!("{error}") };
    assert_eq!(name, "numpy.core.multiarray._reconstruct");
    assert_eq!(
        read(&program(&[b"\x97."])),
        Err(PickleError::Instruction { opcode: 0x97, at: 2 }),
        "pixels beside the message"
    );
    assert_eq!(read(&Bytes::from_static(b"")), Err(PickleError::Protocol));
    assert_eq!(read(&Bytes::from_static(b"\x80\x06N.")), Err(PickleError::Protocol));
    assert_eq!(read(&Bytes::from_static(b"\xff\xd8\xff\xe0")), Err(PickleError::Protocol));
}

#[test]
fn a_picture_is_all_that_there_may_be() {
    let size = Size::new(3, 2);
    let good = written(size, &pixels(size));
    for length in 0..good.len() {
        assert!(read(&good.slice(..length)).is_err(), "{length} bytes");
    }
    assert!(read(&[&good[..], b"N."].concat().into()).is_err(), "something behind it");
    let mut larger = good.to_vec();
    let shape = larger.windows(4).position(|w| w == b"K\x02K\x03").expect("its shape");
    larger[shape + 1] = 200;
    let error = read(&larger.into()).expect_err("no such size");
    assert_eq!(error, PickleError::Length { got: 18, expected: 200 * 9 });
}

proptest! {
    #[test]
    fn there_and_back(width in 1u32..300, height in 1u32..90) {
        let size = Size::new(width, height);
        let pixels = pixels(size);
        let (got, data) = read(&written(size, &pixels)).expect("a picture");
        prop_assert_eq!(got, size);
        prop_assert_eq!(&data[..], &pixels[..]);
    }

    #[test]
    fn whatever_changes_nothing_breaks(
        which in 2u8..=5, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut message = fixture(&format!("numpy1-protocol{which}.pickle")).to_vec();
        for (at, value) in changes {
            let at = at.index(message.len());
            message[at] = value;
        }
        if let Ok((size, data)) = read(&message.into()) {
            prop_assert_eq!(data.len(), size.width as usize * size.height as usize * 3);
        }
    }

    #[test]
    fn any_program_ends(instructions in prop::collection::vec(
        prop::sample::select(&b"\x80\x04\x95\x94\x93\x85\x86\x87()tRbNqhKMJXCBc.\x8c\x96u1"[..]), 0..400,
    )) {
        prop_assert!(read(&program(&[&instructions])).is_err());
    }
}
