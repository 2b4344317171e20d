//! Annotations through the program itself: what it accepted reaches the webhook at least once
//! and in order, through kills and a webhook that is away.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use omma_testkit::{Omma, Reaction, Receiver, SOON, Server, eventually, send, skipped};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/annotations";

fn start(dir: &Path, name: &str, annotations: &str) -> Server {
    Server::start(program(dir, annotations), name)
}

/// The program with a configuration in `dir`.
fn program(dir: &Path, annotations: &str) -> Omma {
    let text = format!(
        "version: 1\ndata_dir: store\nhttp: {{ listen: '127.0.0.1:0' }}\n{annotations}\ncameras: {{}}\n"
    );
    std::fs::write(dir.join("omma.yaml"), text).unwrap();
    Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("--log info,omma_engine=debug run")
}

fn deliver_to(receiver: &Receiver) -> String {
    let url = receiver.address("/in?token=geheim");
    format!("annotations: {{ url: '{url}', secret: geheim, batch: 7, interval: 20ms }}")
}

fn annotation(id: usize) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    json!({"device_name": "door", "type": "moving", "start_timestamp": now, "object_id": id.to_string()})
}

/// What the receiver has, by number and in order of arrival.
fn arrived(receiver: &Receiver) -> Vec<usize> {
    let accepted = receiver.accepted();
    accepted.iter().map(|one| one["object_id"].as_str().unwrap().parse().unwrap()).collect()
}

fn when_delivered(server: &Server) -> Value {
    eventually("all to be delivered", SOON, || {
        let status = server.json(&format!("{PATH}/status"));
        if status["waiting"] == 0 { Ok(status) } else { Err(status.to_string()) }
    })
}

#[test]
fn what_was_accepted_arrives_through_kills_and_absence_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start();
    let next = Arc::new(AtomicUsize::new(0));
    let mut accepted: Vec<usize> = Vec::new();
    // How many are accepted before the kill, and how the receiver does meanwhile.
    let rounds = [
        (1, Some(Reaction::Accept)),
        (23, Some(Reaction::Accept)),
        (40, None),
        (11, Some(Reaction::Refuse(503))),
        (30, Some(Reaction::Hang)),
        (57, Some(Reaction::Accept)),
    ];
    for (round, (kill_after, reaction)) in rounds.into_iter().enumerate() {
        match reaction {
            Some(reaction) => receiver.react(reaction),
            None => receiver.go_away(),
        }
        let server = start(dir.path(), &format!("round{round}"), &deliver_to(&receiver));
        let port = server.port();
        let (numbers, told) = (Arc::clone(&next), Arc::new(AtomicUsize::new(0)));
        let telling = Arc::clone(&told);
        let sender = std::thread::Builder::new().name("sender".to_owned()).spawn(move || {
            let mut accepted = Vec::new();
            loop {
                let id = numbers.fetch_add(1, Ordering::SeqCst);
                match send(port, "POST", PATH, &annotation(id).to_string()) {
                    Ok(answer) if answer.status == 202 => accepted.push(id),
                    // Killed: nobody knows what became of this one.
                    _ => return accepted,
                }
                telling.store(accepted.len(), Ordering::SeqCst);
            }
        });
        eventually("enough to be accepted", SOON, || match told.load(Ordering::SeqCst) {
            enough if enough >= kill_after => Ok(()),
            few => Err(few.to_string()),
        });
        let (code, _, log) = server.end("KILL");
        assert_eq!(code, None, "killed");
        assert!(!log.contains("geheim") && !log.contains("panicked"), "{log}");
        accepted.extend(sender.unwrap().join().unwrap());
        receiver.come_back();
    }
    receiver.react(Reaction::Accept);
    let server = start(dir.path(), "last", &deliver_to(&receiver));
    let status = when_delivered(&server);
    assert_eq!(status["dead"], 0, "{status}");

    let arrived = arrived(&receiver);
    let mut seen = BTreeSet::new();
    let first: Vec<usize> = arrived.iter().copied().filter(|id| seen.insert(*id)).collect();
    assert!(first.is_sorted(), "in order: {first:?}");
    let lost: Vec<&usize> = accepted.iter().filter(|id| !seen.contains(id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Whatever arrived was sent, and only what was under way when it was killed came twice.
    assert!(first.iter().all(|id| *id < next.load(Ordering::SeqCst)));
    let twice = arrived.len() - first.len();
    assert!(twice <= 7 * 6, "{twice} came more than once");
    assert!(accepted.len() >= 162, "{}", accepted.len());

    let (code, took, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(took.as_secs() < 20, "{took:?}");
}

#[test]
fn mistakes_are_refused_with_field_and_reason() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "without", "");
    let post = |server: &Server, body: &Value| {
        send(server.port(), "POST", PATH, &body.to_string()).unwrap()
    };
    let answer = post(&server, &annotation(0));
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("annotations.url"), "{}", answer.text());
    assert_eq!(server.json(&format!("{PATH}/status"))["target"], Value::Null);
    let (code, ..) = server.end("TERM");
    assert_eq!(code, Some(0));

    let receiver = Receiver::start();
    let server = start(dir.path(), "with", &deliver_to(&receiver));
    let without = |field: &str| {
        let mut one = annotation(1);
        one.as_object_mut().unwrap().remove(field);
        one
    };
    let with = |field: &str, value: Value| {
        let mut one = annotation(1);
        one[field] = value;
        one
    };
    for (body, words) in [
        (without("device_name"), &["`device_name`", "required"][..]),
        (without("type"), &["`type`", "required"]),
        (without("start_timestamp"), &["`start_timestamp`", "seven days"]),
        (with("start_timestamp", json!(-5)), &["`start_timestamp`", "negative"]),
        (with("start_timestamp", json!("now")), &["`start_timestamp`", "i64"]),
        (with("object_signature", json!([1, "x"])), &["`object_signature`", "f64"]),
        (with("colour", json!("red")), &["`colour`", "unknown field"]),
        (json!([annotation(0), without("type")]), &["annotation 1", "`type`"]),
        (json!([]), &["1 to 299"]),
        (Value::from(vec![annotation(0); 300]), &["300 annotations"]),
        (with("custom_meta_1", "x".repeat(300_000).into()), &["256 KiB"]),
    ] {
        let answer = post(&server, &body);
        assert_eq!(answer.status, 400, "{}", answer.text());
        for word in words {
            assert!(answer.text().contains(word), "{word} in {}", answer.text());
        }
        assert_eq!(answer.json()["error"]["kind"], "invalid");
    }
    let long = send(server.port(), "POST", PATH, &" ".repeat(9 << 20));
    assert!(long.is_err() || long.is_ok_and(|answer| answer.status == 413));
    assert_eq!(server.json(&format!("{PATH}/status"))["waiting"], 0, "nothing was accepted");
    assert_eq!(receiver.received().len(), 0);
}

#[test]
fn one_wrong_annotation_is_set_aside_seen_and_revived() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    receiver.react(Reaction::RefuseWith("poison".to_owned()));
    let server = start(dir.path(), "omma", &deliver_to(&receiver));
    let mut list: Vec<Value> = (0..20).map(annotation).collect();
    list[5]["custom_meta_2"] = "poison".into();
    list[6]["object_coordinate"] = json!({"x": 1.5, "y": 2, "z": 3});
    let answer = send(server.port(), "POST", PATH, &json!(list).to_string()).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let accepted = answer.json()["accepted"].as_array().unwrap().clone();
    assert_eq!(accepted.len(), 20);
    assert_eq!(accepted[0]["device_name"], "door");
    assert_eq!(accepted[0]["start_timestamp"], list[0]["start_timestamp"]);

    let status = when_delivered(&server);
    assert_eq!((&status["dead"], &status["delivered"]), (&json!(1), &json!(19)));
    assert!(status["last_failure"]["reason"].as_str().unwrap().contains("400"), "{status}");
    assert!(!status.to_string().contains("geheim"), "{status}");
    let others: Vec<usize> = (0..20).filter(|id| *id != 5).collect();
    assert_eq!(arrived(&receiver), others);
    assert_eq!(receiver.accepted()[5]["object_coordinate"], json!({"x": 1.5, "y": 2.0, "z": 3.0}));
    let signed = receiver.received().iter().all(|request| {
        request.header("X-Omma-Signature").is_some_and(|s| s.starts_with("sha256="))
            && request.header("X-Omma-Timestamp").is_some()
    });
    assert!(signed);
    assert!(server.get("/metrics").text().contains("omma_annotations_dead 1"));

    receiver.react(Reaction::Accept);
    let revived = send(server.port(), "POST", &format!("{PATH}/revive"), "").unwrap();
    assert_eq!((revived.status, &revived.json()["revived"]), (200, &json!(1)));
    let status = when_delivered(&server);
    assert_eq!((&status["dead"], &status["delivered"]), (&json!(0), &json!(20)));
    assert_eq!(arrived(&receiver).last(), Some(&5));
}

/// An HTTPS server that accepts every POST, and prints its port and then a line a request.
const ENCRYPTED: &str = r#"
import http.server, ssl
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
        print('POST', flush=True)
    def log_message(self, *words): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Killed when dropped.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_encrypted_webhook_is_trusted_only_with_a_certificate_that_the_system_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let call = |program: &str, arguments: &str| {
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).current_dir(dir.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let made = call(
        "openssl",
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
         -keyout key.pem -out cert.pem -subj /CN=localhost \
         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost",
    );
    if !made || !call("python3", "--version") {
        skipped("no openssl or python3 for an encrypted webhook");
        return;
    }
    let said = std::fs::File::create(dir.path().join("hook.out")).unwrap();
    let mut hook = Command::new("python3");
    hook.args(["-c", ENCRYPTED]).current_dir(dir.path()).stdout(said);
    let _hook = Child(hook.spawn().unwrap());
    let heard = || std::fs::read_to_string(dir.path().join("hook.out")).unwrap();
    let port: u16 = eventually("the webhook's port", SOON, || {
        heard().lines().next().and_then(|line| line.parse().ok()).ok_or_else(heard)
    });
    let target = format!("annotations: {{ url: 'https://localhost:{port}/in', interval: 20ms }}");

    // Nobody on this machine knows who signed it.
    let server = start(dir.path(), "foreign", &target);
    let answer = send(server.port(), "POST", PATH, &annotation(0).to_string()).unwrap();
    assert_eq!(answer.status, 202);
    let status = eventually("a failure", SOON, || {
        let status = server.json(&format!("{PATH}/status"));
        if status["last_failure"].is_null() { Err(status.to_string()) } else { Ok(status) }
    });
    let reason = status["last_failure"]["reason"].as_str().unwrap();
    assert!(reason.contains("certificate"), "{reason}");
    assert_eq!((&status["waiting"], &status["dead"]), (&json!(1), &json!(0)), "kept");
    let (code, ..) = server.end("TERM");
    assert_eq!(code, Some(0));
    assert!(!heard().contains("POST"), "nothing was sent to a stranger");

    let cert = dir.path().join("cert.pem");
    let trusting = program(dir.path(), &target).env("SSL_CERT_FILE", cert);
    let server = Server::start(trusting, "trusted");
    assert_eq!(when_delivered(&server)["delivered"], 1);
    assert!(heard().contains("POST"));
}
