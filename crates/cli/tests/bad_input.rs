//! What people get wrong, and what they are told: one message that names the thing, the
//! reason and what to do, an exit code that is no success, and never a password.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use omma_testkit::{Omma, data, ffmpeg, ort_library, skipped};

fn omma(dir: &Path) -> Omma {
    Omma::new(env!("CARGO_BIN_EXE_omma"), dir)
}

/// A film of 6 s with a keyframe each second.
fn film(dir: &Path, name: &str, options: &str) -> PathBuf {
    ffmpeg(
        dir,
        &format!(
            "-f lavfi -i testsrc2=size=320x240:rate=10:duration=6 -c:v libx264 -g 10 \
             -pix_fmt yuv420p {options} {name}"
        ),
    );
    dir.join(name)
}

/// The refusal of these arguments names each of `words`.
fn refused(omma: Omma, arguments: &str, words: &[&str]) -> String {
    let text = omma.args(arguments).run().refusal();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in the answer to `{arguments}`: {text}");
    }
    text
}

#[test]
fn videos_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("empty.mp4"), "").unwrap();
    std::fs::write(dir.join("text.mp4"), "This is a letter, not a film.\n".repeat(99)).unwrap();
    std::fs::create_dir(dir.join("folder.mp4")).unwrap();
    ffmpeg(dir, "-f lavfi -i sine=duration=1 sound.mp4");
    let cases: [(&str, &[&str]); 6] = [
        ("missing.mp4", &["missing.mp4", "no such file", "check the path"]),
        ("empty.mp4", &["empty.mp4", "is empty", "copy or record it again"]),
        ("text.mp4", &["text.mp4", "no video file", "check the file"]),
        ("folder.mp4", &["folder.mp4", "a folder", "name of a video file"]),
        ("sound.mp4", &["sound.mp4", "no video stream", "with pictures"]),
        ("rtsp://bob:geheim@127.0.0.1:1/x", &["rtsp://bob:***@127.0.0.1", "omma run"]),
    ];
    for (video, words) in cases {
        // With all that can be logged: that is where passwords slip out.
        let arguments = format!("--log debug analyze --model motion --out x.mp4 {video}");
        let text = refused(omma(dir), &arguments, words);
        assert!(!text.contains("geheim"), "{text}");
        assert!(!dir.join("x.mp4").exists(), "{video}: half a film was left behind");
    }
}

#[test]
fn a_truncated_film_gives_what_is_left_and_says_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let whole = std::fs::read(film(dir, "whole.mp4", "-movflags faststart")).unwrap();
    std::fs::write(dir.join("cut.mp4"), &whole[..whole.len() * 6 / 10]).unwrap();
    let ran = omma(dir).args("analyze --model motion --json --out out.mp4 cut.mp4").run();
    let text = ran.refusal();
    assert!(text.contains("cut.mp4") && text.contains("cut off after"), "{text}");
    let summary = ran.json();
    let frames = summary["frames_analysed"].as_u64().unwrap();
    assert!((20..60).contains(&frames), "{summary:#}");
    assert!(summary["problem"].as_str().unwrap().contains("cut.mp4"), "{summary:#}");
    let out = omma_testkit::ffprobe(&dir.join("out.mp4"));
    assert_eq!(out.pictures, frames);
}

#[test]
fn a_film_whose_size_changes_is_analysed_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    film(dir, "large.ts", "");
    film(dir, "small.ts", "-vf scale=160:120");
    let parts = ["large.ts", "small.ts"].map(|part| std::fs::read(dir.join(part)).unwrap());
    std::fs::write(dir.join("both.ts"), parts.concat()).unwrap();
    let ran = omma(dir).args("analyze --model motion --json --out out.mp4 both.ts").run().ok();
    let summary = ran.json();
    assert!(summary["frames_analysed"].as_u64().unwrap() >= 118, "{summary:#}");
    let out = omma_testkit::ffprobe(&dir.join("out.mp4"));
    assert_eq!((out.width, out.height), (320, 240));
    assert_eq!(out.pictures, summary["frames_read"].as_u64().unwrap());
}

/// The model with another element type of its input: the field `elem_type` of the first
/// `TypeProto.Tensor` after the input's name (ONNX's protobuf).
fn with_input_type(model: &[u8], element: u8) -> Vec<u8> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    let mut model = model.to_vec();
    let input = find(&model, b"\x0a\x06images\x12").unwrap();
    let field = find(&model[input..], b"\x08\x01").unwrap();
    model[input + field + 1] = element;
    model
}

#[test]
fn models_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    film(dir, "a.mp4", "");
    std::fs::write(dir.join("text.onnx"), "weights? which weights?\n").unwrap();
    let text = refused(omma(dir), "analyze --model ./text.onnx a.mp4", &["text.onnx", "text file"]);
    assert!(!text.contains("a.mp4:"), "the film is not to blame: {text}");
    refused(omma(dir), "analyze --model ./none.onnx a.mp4", &["none.onnx", "check the path"]);
    refused(
        omma(dir),
        "analyze --model yolox-nanoo a.mp4",
        &["yolox-nanoo", "did you mean yolox-nano?", "rf-detr-nano"],
    );
    refused(
        omma(dir),
        "analyze --model yolox-tiny a.mp4",
        &["yolox_tiny.onnx", "omma models pull yolox-tiny"],
    );
    refused(omma(dir), "models pull yoloxtiny", &["did you mean yolox-tiny?"]);
    refused(omma(dir), "models check text.onnx", &["text.onnx", "text file"]);

    let Some(data) = data() else { return };
    let whole = std::fs::read(data.model("yolox_nano.onnx")).unwrap();
    std::fs::write(dir.join("cut.onnx"), &whole[..whole.len() / 3]).unwrap();
    std::fs::write(dir.join("bytes.onnx"), with_input_type(&whole, 2)).unwrap();
    let foreign = data.model("person-reidentification-retail-0288.onnx");
    std::fs::copy(foreign, dir.join("foreign.onnx")).unwrap();
    let library = ort_library();
    let cases: [(&str, &[&str]); 3] = [
        ("cut.onnx", &["cut.onnx", "ends early", "again"]),
        ("foreign.onnx", &["foreign.onnx", "not those of any family", "yolox"]),
        ("bytes.onnx", &["bytes.onnx", "input", "uint8"]),
    ];
    for (model, words) in cases {
        for command in [format!("analyze --model ./{model} a.mp4"), format!("models check {model}")]
        {
            refused(omma(dir).ort(library.as_deref()), &command, words);
        }
    }
    refused(
        omma(dir).data(&data).ort(library.as_deref()),
        "analyze --classes persn a.mp4",
        &["persn", "did you mean person?"],
    );
}

#[test]
fn a_missing_onnx_runtime_is_named_and_auto_goes_on_without_it() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    film(dir, "a.mp4", "-t 1");
    let omma = || omma(dir).data(&data).env("ORT_DYLIB_PATH", dir.join("libnone.so"));
    refused(
        omma(),
        "analyze --engine ort a.mp4",
        &["ONNX Runtime", "libnone.so", "no such file", "ORT_DYLIB_PATH", "rten"],
    );
    let ran = omma().args("analyze --engine auto --json a.mp4").run().ok();
    assert_eq!(ran.json()["engine"], "rten");
    assert!(ran.err.contains("libnone.so"), "why it is slower is said: {}", ran.err);
}

#[test]
fn lines_zones_and_other_options_that_make_no_sense() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    film(dir, "a.mp4", "-t 1");
    let cases: [(&str, &[&str]); 9] = [
        ("--line door=0.5,0.5,0.5,0.5", &["`door`", "no length", "move one"]),
        ("--line 0.5,0.5,0.5,0.9", &["no name", "NAME="]),
        ("--line door=0.5,0.5,0.9", &["too many", "pairs"]),
        ("--zone till=0,0,1,1,1,0,0,1", &["`till`", "crosses itself", "in order"]),
        ("--zone till=0,0,1,1", &["`till`", "points"]),
        ("--line a=0,0,1,1 --zone a=0,0,1,0,1,1", &["`a`"]),
        ("--fps 0", &["above 0"]),
        ("--min-score 7", &["between 0 and 1"]),
        ("--redact person", &["--out"]),
    ];
    for (options, words) in cases {
        refused(omma(dir), &format!("analyze --model motion {options} a.mp4"), words);
    }
}

#[test]
fn configurations_with_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cases: [(&str, &[&str]); 4] = [
        (
            "version: 1\ncameras:\n  door:\n    urll: rtsp://bob:geheim@192.0.2.1/x\n",
            &["omma.yaml:4:5", "`urll`", "did you mean `url`?"],
        ),
        (
            "version: 1\ncameras:\n  door:\n    url: x.mp4\n    detect: { model: motion }\n    \
             zones:\n      till: { polygon: [[0,0],[1,1],[1,0],[0,1]] }\n",
            &["omma.yaml:7", "`door`", "`till`", "crosses itself"],
        ),
        ("version: 1\ncameras: [\n", &["omma.yaml:"]),
        (
            "version: 1\ncameras:\n  door: { url: 'rtsp://u:${NOT_THERE}@h' }\n",
            &["omma.yaml:3", "`NOT_THERE` is not set"],
        ),
    ];
    for (text, words) in cases {
        std::fs::write(dir.join("omma.yaml"), text).unwrap();
        for command in ["run", "config check", "analyze --config omma.yaml --camera door x.mp4"] {
            let text = refused(omma(dir), command, words);
            assert!(!text.contains("geheim"), "{text}");
        }
    }
    refused(omma(dir), "run -c nothing.yaml", &["nothing.yaml"]);
}

#[test]
fn a_port_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = format!("version: 1\ndata_dir: d\nhttp: {{ listen: '{address}' }}\n");
    std::fs::write(dir.join("omma.yaml"), config).unwrap();
    refused(omma(dir), "run", &[&address, "in use"]);
    assert!(!dir.join("d").exists(), "the store of the other Omma was touched");
    refused(omma(dir), &format!("demo --offline --listen {address}"), &[&address, "in use"]);
}

/// A disk that is full after 100 kB, for as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=100k", "tmpfs"])
            .arg(&at)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            skipped("a full disk: only root can mount one");
        }
        mounted.then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).output());
    }
}

#[test]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    film(dir.path(), "noise.mp4", "-vf noise=alls=100:allf=t");
    let Some(disk) = SmallDisk::mount(dir.path().join("disk")) else { return };
    let out = disk.0.join("out.mp4");
    let out = out.display();
    refused(
        omma(dir.path()),
        &format!("analyze --model motion --out {out} noise.mp4"),
        &["out.mp4", "the disk is full", "make room"],
    );
    refused(
        omma(dir.path()),
        "analyze --model motion --out no/such/folder/out.mp4 noise.mp4",
        &["out.mp4", "folder does not exist", "make the folder"],
    );
}
