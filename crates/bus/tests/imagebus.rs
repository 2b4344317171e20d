//! imagebus's messages, byte by byte against those of its own libraries. The fixtures are
//! what `imagebus.py` writes with jsonpickle 1.2 and u-msgpack.

use bytes::Bytes;
use omma_bus::dialect::imagebus::{Message, read_json, read_msgpack, write_json, write_msgpack};

fn fixture(name: &str) -> Bytes {
    let path = format!("{}/tests/data/imagebus/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path).into()
}

fn read(name: &str) -> Message {
    read_json(&fixture(name)).expect(name)
}

#[test]
fn what_is_read_is_written_as_jsonpickle_writes_it() {
    for name in ["source", "analysis"] {
        let flat = read(&format!("{name}.json"));
        assert_eq!(flat, read(&format!("{name}-state.json")), "both generations say the same");
        assert_eq!(write_json(&flat), fixture(&format!("{name}.json")), "{name}");
    }
    assert_eq!(read("source.json").image, Some(fixture("picture.jpg")));
}

#[test]
fn a_list_that_is_shared_is_written_once() {
    let mut message = read("redaction.json");
    assert_eq!(message, read("redaction-state.json"));
    let parent = message.parent.as_deref().expect("a parent");
    assert_eq!(parent.details, message.details, "the reference is resolved");
    let shared = Message { details: message.details.clone(), ..parent.clone() };
    message.parent = Some(shared.into());
    assert_eq!(write_json(&message), fixture("redaction.json"));
}

#[test]
fn the_old_generation_is_written_as_u_msgpack_writes_it() {
    for name in ["source.msgpack", "analysis.msgpack"] {
        let message = read_msgpack(&fixture(name)).expect(name);
        assert_eq!(message.image, Some(fixture("picture.jpg")));
        assert_eq!(write_msgpack(&message), fixture(name), "{name}");
    }
}

#[test]
fn what_would_have_to_be_run_is_refused() {
    for payload in [
        r#"{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["id"]}]}"#,
        r#"{"py/object": "imagebusutil.FrameDetails", "name": {"py/repr": "os/os.system('id')"}}"#,
        r#"{"py/object": "imagebusutil.FrameDetails", "details": [{"py/type": "os.system"}]}"#,
        r#"{"py/object": "imagebusutil.FrameDetails", "url": {"py/object": "subprocess.Popen"}}"#,
        r#"{"py/object": "subprocess.Popen", "args": "id"}"#,
        r#"{"py/object": "imagebusutil.FrameDetails", "details": [{"name": "person"}]}"#,
        r#"{"py/object": "imagebusutil.FrameDetails", "image": {"py/b64": "***"}}"#,
        "{}",
        "{",
        "[]",
    ] {
        assert!(read_json(payload.as_bytes()).is_err(), "{payload}");
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_json(deep.as_bytes()).is_err());
    for payload in [&b"\x80"[..], b"\xc1", b"\xdf\xff\xff\xff\xff", b"\x91\x91\x91", b""] {
        assert!(read_msgpack(&Bytes::copy_from_slice(payload)).is_err(), "{payload:?}");
    }
}
