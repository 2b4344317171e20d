//! A camera as imagebus's topics on a real Kafka: what the original programs' own libraries see
//! of it, what another Omma reads, a chain of them, and what does not fit.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use omma_testkit::{Data, KafkaServer, Omma, SOON, Server, data, eventually, ort_library, skipped};
use serde_json::Value;

/// A Python with the libraries of the original programs: `$OMMA_DIALECT_PYTHON`, else what
/// `tools/setup.sh test` made; none, with the reason printed, where neither works.
fn python() -> Option<PathBuf> {
    let set_up = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/dialects/bin/python");
    let python = std::env::var_os("OMMA_DIALECT_PYTHON").map_or(set_up, PathBuf::from);
    let tools = "import cv2, jsonpickle, kafka, numpy, umsgpack";
    let works = Command::new(&python).args(["-c", tools]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    skipped(
        "no Python with kafka-python, jsonpickle 1.2, u-msgpack-python, opencv-python-headless \
         and numpy (set OMMA_DIALECT_PYTHON)",
    );
    None
}

/// So many messages of topics, as the original libraries see them.
fn consume(python: &Path, kafka: &KafkaServer, topics: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imagebus.py");
    // A script that hangs is a failed test.
    let output = Command::new("timeout")
        .args(["120".as_ref(), python.as_os_str(), script.as_os_str()])
        .arg(format!("127.0.0.1:{}", kafka.port()))
        .args(topics)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{topics:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn start(dir: &Path, data: &Data, ort: &Path, name: &str, rest: &str) -> Server {
    let own = dir.join(name);
    std::fs::create_dir_all(&own).unwrap();
    let head = "version: 1\nhttp: { listen: '127.0.0.1:0' }\n";
    std::fs::write(own.join("omma.yaml"), format!("{head}{rest}")).unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), &own).data(data).ort(Some(ort));
    Server::start(omma.args("run"), name)
}

const MODELS: &str = "models: { people: { card: yolox-nano, classes: [person] } }\n";

/// A street at eye level: people that fill a third of the picture's height.
fn street(data: &Data, name: &str) -> String {
    let clip = data.clip("TUD-Stadtmitte.mp4");
    format!(
        "{MODELS}cameras:\n  {name}:\n    url: {}\n    loop: true\n    \
           detect: {{ model: people, fps: 8 }}\n",
        clip.display()
    )
}

fn publication<'a>(all: &'a Value, name: &str) -> &'a Value {
    let all = all.as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {all:#?}"))
}

/// Waits until a publication fulfils `wanted`.
fn when_published(server: &Server, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(name, SOON, || {
        let all = server.json("/api/v1/publications");
        let one = publication(&all, name).clone();
        if wanted(&one) { Ok(one) } else { Err(format!("{one:#}\n{}", server.log())) }
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Every box that is said to be redacted is black in each picture of the message.
fn is_hidden(message: &Value) -> usize {
    let mut boxes = 0;
    for level in message["levels"].as_array().unwrap() {
        let Some(found) = level["picture"]["boxes"].as_array() else { continue };
        for one in found.iter().filter(|one| one["name"] == "person") {
            assert!(number(&one["brightest"]) < 32.0, "{one} in {message:#}");
            assert!(number(&one["spread"]) < 3.0, "{one} in {message:#}");
            boxes += 1;
        }
    }
    boxes
}

const TOPICS: &str = "auto.create.topics.enable=true";

#[test]
fn the_original_programs_understand_what_omma_writes_and_see_nobody_who_is_hidden() {
    let (Some(data), Some(ort), Some(python)) = (data(), ort_library(), python()) else { return };
    let Some(kafka) = KafkaServer::start_with(&[TOPICS]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = kafka.url();
    let of = |name: &str, rest: &str| {
        format!("  - {{ camera: walk, to: '{url}', dialect: imagebus, as: {name}, {rest} }}\n")
    };
    let topics = |prefix: &str| {
        format!("topics: {{ source: {prefix}-1, analysis: {prefix}-2, redaction: {prefix}-3 }}")
    };
    let small = format!("every: 10, max_size: 60kB, {}", topics("small"));
    let server = start(
        dir.path(),
        &data,
        &ort,
        "sender",
        &format!(
            "{}publish:\n{}{}{}{}{}",
            street(&data, "walk"),
            of("usual", "every: 5"),
            of("old", "every: 10, generation: msgpack"),
            of("open", &format!("every: 10, embed_original: true, {}", topics("open"))),
            of("small", &small),
            of("tiny", &format!("every: 10, max_size: 1kB, {}", topics("tiny"))),
        ),
    );
    let read = consume(
        &python,
        &kafka,
        &[
            "SOURCE_FRAME=4",
            "IMAGEAI_FRAME=4",
            "REDACTION_FRAME=8",
            "distributed-video1=2",
            "imageai-video1=2",
            "redacted-video1=3",
            "open-3=3",
            "small-1=2",
            "small-2=2",
            "small-3=3",
        ],
    );
    let levels = |message: &Value| message["levels"].as_array().unwrap().clone();

    for (at, message) in read["SOURCE_FRAME"].as_array().unwrap().iter().enumerate() {
        let [source] = &levels(message)[..] else { panic!("{message:#}") };
        assert_eq!((&source["name"], &source["topic"]), (&"usual".into(), &"SOURCE_FRAME".into()));
        assert_eq!((&source["rate"], &source["reference"]), (&5.into(), &(at * 5 + 6).into()));
        assert_eq!(source["picture"]["width"], 640);
        assert_eq!(message["key"], false);
    }
    for (at, message) in read["IMAGEAI_FRAME"].as_array().unwrap().iter().enumerate() {
        let [found, source] = &levels(message)[..] else { panic!("{message:#}") };
        assert_eq!(
            (&found["name"], &source["name"]),
            (&"imageaiProcessor".into(), &"usual".into())
        );
        assert_eq!((&found["rate"], &found["reference"]), (&1.into(), &(at + 1).into()));
        assert!(number(&found["speed"]) >= 0.0 && number(&found["average"]) >= 0.0, "{found}");
        assert_eq!(source["picture"]["width"], 640);
        assert!(number(&found["details"]) > 0.0, "people are there all the time: {found}");
        let boxes = found["picture"]["boxes"].as_array().unwrap();
        assert!(boxes.iter().all(|one| number(&one["percentage"]) > 10.0), "{found}");
        assert!(boxes.iter().all(|one| number(&one["spread"]) > 10.0), "seen here: {found}");
    }
    let mut hidden = 0;
    for (topic, depth) in [("REDACTION_FRAME", 3), ("redacted-video1", 1), ("small-3", 3)] {
        for message in read[topic].as_array().unwrap() {
            let all = levels(message);
            assert_eq!(all.len(), depth, "{topic}: {message:#}");
            hidden += is_hidden(message);
            // The first message that holds an unredacted picture holds the person too.
            assert!(all.iter().skip(2).all(|level| level["picture"].is_null()), "{message:#}");
            let means: Vec<_> =
                all.iter().filter_map(|level| level["picture"]["mean"].as_f64()).collect();
            assert!(means.windows(2).all(|two| two[0] == two[1]), "the same picture: {message:#}");
        }
    }
    assert!(hidden > 20, "{hidden}");
    // With the original within, as imagebus has it.
    for message in read["open-3"].as_array().unwrap() {
        let [black, found, source] = &levels(message)[..] else { panic!("{message:#}") };
        let means = [black, found, source].map(|level| number(&level["picture"]["mean"]));
        assert!(means[0] < means[2] - 2.0 && means[0] < means[1] - 2.0, "{means:?}");
        let seen = found["picture"]["boxes"].as_array().unwrap();
        assert!(seen.iter().all(|one| number(&one["spread"]) > 10.0 && one["redacted"] == true));
    }
    for message in read["imageai-video1"].as_array().unwrap() {
        let members = &message["levels"][0]["members"];
        assert_eq!(members.to_string(), r#"["details","image","original_time","time"]"#);
    }
    // Too large is made smaller, and positions with it.
    for topic in ["small-1", "small-2", "small-3"] {
        for message in read[topic].as_array().unwrap() {
            assert!(number(&message["bytes"]) <= 60_000.0, "{topic}: {}", message["bytes"]);
        }
    }
    let picture = &read["small-2"][0]["levels"][0]["picture"];
    assert!(number(&picture["width"]) <= 640.0, "{picture}");
    // And refused where that does not help; the others go on, and the broker is well.
    let tiny = when_published(&server, "tiny", |one| one["reason"] != "");
    let reason = tiny["reason"].as_str().unwrap();
    assert!(reason.contains("max_size") && reason.contains("not sent"), "{reason}");
    assert_eq!((&tiny["state"], &tiny["pictures"]), (&"online".into(), &0.into()), "{tiny:#}");
    when_published(&server, "usual", |one| one["state"] == "online" && one["reason"] == "");
}

#[test]
fn another_omma_reads_it_and_goes_on_with_the_chain() {
    let (Some(data), Some(ort), Some(python)) = (data(), ort_library(), python()) else { return };
    let Some(kafka) = KafkaServer::start_with(&[TOPICS]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = kafka.url();
    let port = kafka.port();
    let _sender = start(
        dir.path(),
        &data,
        &ort,
        "sender",
        &format!(
            "{}publish:\n  - {{ camera: walk, to: '{url}', dialect: imagebus, every: 3 }}\n",
            street(&data, "walk")
        ),
    );
    // The second link of a chain: what was found comes with the pictures, and is redacted here.
    let reader = start(
        dir.path(),
        &data,
        &ort,
        "reader",
        &format!(
            "{MODELS}cameras:\n  found:\n    \
               url: 'kafka+imagebus://127.0.0.1:{port}/IMAGEAI_FRAME?name=walk'\n  \
               nobody: {{ url: 'kafka+imagebus://127.0.0.1:{port}/SOURCE_FRAME?name=other' }}\n  \
               gate:\n    url: 'kafka+imagebus://127.0.0.1:{port}/SOURCE_FRAME'\n    \
                 detect: {{ model: people }}\n\
             publish:\n  - {{ camera: gate, to: '{url}', dialect: imagebus, as: link, every: 7, \
               topics: {{ source: SOURCE_FRAME, analysis: CHAIN_2, redaction: CHAIN_3 }} }}\n"
        ),
    );
    for camera in ["found", "gate"] {
        reader.when_camera(camera, |camera| camera["state"] == "online");
        let picture = eventually("a picture", SOON, || {
            let answer = reader.get(&format!("/cameras/{camera}/snapshot.jpg"));
            if answer.status == 200 { Ok(answer.body) } else { Err(answer.text()) }
        });
        assert!(picture.starts_with(&[0xff, 0xd8]));
    }
    // It came from another source.
    assert_ne!(reader.camera("nobody")["state"], "online");
    let read = consume(&python, &kafka, &["CHAIN_2=3", "CHAIN_3=6", "SOURCE_FRAME=20"]);
    for message in read["CHAIN_2"].as_array().unwrap() {
        let source = &message["levels"][1];
        assert_eq!((&source["name"], &source["topic"]), (&"walk".into(), &"SOURCE_FRAME".into()));
        assert_eq!(source["rate"], 3, "the message it came in is the parent");
    }
    let hidden: usize = read["CHAIN_3"].as_array().unwrap().iter().map(is_hidden).sum();
    assert!(hidden > 5, "{hidden}");
    for message in read["SOURCE_FRAME"].as_array().unwrap() {
        assert_eq!(message["levels"][0]["name"], "walk", "nothing is written where it was read");
    }
    // What is no picture is left out, and the rest goes on.
    let written = send_garbage(&python, port);
    assert!(written.success());
    let before = number(&reader.camera("gate")["frames"]["received"]);
    reader.when_camera("gate", |camera| {
        camera["state"] == "online" && number(&camera["frames"]["received"]) > before + 10.0
    });
    reader.when_logged("a message is no picture and is left out");
}

/// Messages that hold a call, nothing, and no picture.
fn send_garbage(python: &Path, port: u16) -> std::process::ExitStatus {
    let program = format!(
        "import kafka\nto = kafka.KafkaProducer(bootstrap_servers='127.0.0.1:{port}')\n\
         for value in [b'{{\"py/reduce\": [{{\"py/type\": \"os.system\"}}]}}', b'{{}}', b'\\xc1', b'x']:\n    \
             to.send('SOURCE_FRAME', value)\nto.flush()\n"
    );
    Command::new("timeout").arg("60").arg(python).args(["-c", &program]).status().unwrap()
}

#[test]
fn a_broker_that_takes_less_or_goes_away_costs_messages_and_no_more() {
    let Some(mut kafka) = KafkaServer::start_with(&[TOPICS, "message.max.bytes=20000"]) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let url = kafka.url();
    let of = |name: &str, rest: &str| {
        format!(
            "  - {{ camera: street, to: '{url}', dialect: imagebus, as: {name}, every: 5, \
               topics: {{ source: {name} }}, {rest} }}\n"
        )
    };
    std::fs::write(
        dir.path().join("omma.yaml"),
        format!(
            "version: 1\nhttp: {{ listen: '127.0.0.1:0' }}\ncameras:\n  \
               street: {{ url: 'sim:street?people=3&seed=4&size=640x360&fps=15' }}\npublish:\n{}{}",
            of("large", "quality: 95"),
            of("fits", "max_size: 20kB"),
        ),
    )
    .unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args("run");
    let server = Server::start(omma, "omma");
    let large = when_published(&server, "large", |one| one["reason"] != "");
    let reason = large["reason"].as_str().unwrap();
    assert!(reason.contains("message.max.bytes") && reason.contains("max_size"), "{reason}");
    assert_eq!((&large["state"], &large["pictures"]), (&"online".into(), &0.into()), "{large:#}");
    let fits = |more: f64| {
        let wanted = |one: &Value| one["state"] == "online" && number(&one["pictures"]) > more;
        number(&when_published(&server, "fits", wanted)["pictures"])
    };
    let before = fits(2.0);
    kafka.kill();
    let away = when_published(&server, "fits", |one| one["state"] == "offline");
    assert!(away["reason"].as_str().unwrap().contains("cannot be reached"), "{away:#}");
    kafka.restart();
    fits(before + 2.0);
}
