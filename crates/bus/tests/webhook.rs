//! Posting to a real server that answers, refuses, redirects, breaks off, hangs or is away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_bus::{Deadlines, Outcome, Signer, Webhook};
use omma_types::{ErrorKind, Secret, WallTime};

const NOW: WallTime = WallTime::from_millis(1_795_132_800_250);

/// A request as the server saw it: its lines in front of the body, and the body.
struct Seen {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A server that gives one answer a connection and goes away. An answer of none says nothing
/// until the client gives up.
fn serve(answers: Vec<Option<&'static str>>) -> (String, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::Builder::new().name("server".to_owned()).spawn(move || {
        let mut all = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut seen = Seen { head: Vec::new(), body: Vec::new() };
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                seen.head.push(line.trim().to_owned());
            }
            let length: usize = seen.header("content-length").unwrap().parse().unwrap();
            seen.body = vec![0; length];
            reader.read_exact(&mut seen.body).unwrap();
            all.push(seen);
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
                None => while reader.read(&mut [0; 64]).is_ok_and(|n| n > 0) {},
            }
        }
        all
    });
    (address, server.unwrap())
}

fn webhook(url: &str, signer: Option<Signer>) -> Webhook {
    let deadlines =
        Deadlines { connect: Duration::from_secs(5), whole: Duration::from_millis(1500) };
    Webhook::new(&Secret::new(url), signer, deadlines).unwrap()
}

#[test]
fn a_message_arrives_signed_and_whole() {
    let ok = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let (address, server) = serve(vec![Some(ok), Some(ok), Some(ok)]);
    let body = format!("{{\"data\":[\"{}\"]}}", "ä".repeat(50_000)).into_bytes();
    let secret = Secret::new("s3cret");
    let omma = Signer::Omma { secret: secret.clone() };
    let chrysalis = Signer::Chrysalis { key: "edge".to_owned(), secret };
    for signer in [None, Some(omma.clone()), Some(chrysalis.clone())] {
        let hook = webhook(&format!("{address}/in?token=t0k"), signer);
        assert_eq!(hook.post(&body, NOW), Outcome::Accepted);
        assert!(hook.address().ends_with("/in?token=***"), "{}", hook.address());
        let shown = format!("{hook:?}");
        assert!(!shown.contains("t0k") && !shown.contains("s3cret"), "{shown}");
    }
    let seen = server.join().unwrap();
    for (request, signer) in seen.iter().zip([None, Some(omma), Some(chrysalis)]) {
        assert_eq!(request.head[0], "POST /in?token=t0k HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("omma/"));
        assert!(request.body == body);
        let expected = signer.map(|signer| signer.headers(&body, NOW)).unwrap_or_default();
        for (name, value) in &expected {
            assert_eq!(request.header(name), Some(value.as_str()));
        }
        let signed = request.head.iter().filter(|line| {
            let line = line.to_ascii_lowercase();
            line.starts_with("x-") || line.starts_with("content-md5")
        });
        assert_eq!(signed.count(), expected.len());
    }
}

#[test]
fn refusals_say_what_the_other_side_said() {
    let cases = [
        ("HTTP/1.1 422 No\r\nContent-Length: 9\r\nConnection: close\r\n\r\nbad field", 422, false),
        ("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n", 503, true),
        ("HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 401, true),
        // Not followed: it would become a GET.
        (
            "HTTP/1.1 302 There\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            302,
            true,
        ),
    ];
    for (answer, status, again) in cases {
        let (address, server) = serve(vec![Some(answer)]);
        let Outcome::Rejected { status: told, later, reason } =
            webhook(&address, None).post(b"{}", NOW)
        else {
            panic!("{status} is a refusal");
        };
        assert_eq!((told, later), (status, again), "{reason}");
        assert_eq!(status == 422, reason.contains("bad fiel"), "{reason}");
        server.join().unwrap();
    }
}

#[test]
fn nobody_nonsense_and_silence_end_within_the_deadline() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = webhook(&format!("http://user:geheim@{closed}/x?key=hidden"), None);
    let unreachable = |outcome: Outcome| match outcome {
        Outcome::Unreachable { reason } => {
            assert!(!reason.contains("geheim") && !reason.contains("hidden"), "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    };
    assert!(unreachable(nowhere.post(b"{}", NOW)).contains("refused"));

    for answer in [None, Some("SSH-2.0-OpenSSH\r\n\r\n"), Some(""), Some("HTTP/1.1 20")] {
        let (address, server) = serve(vec![answer]);
        let asked = Instant::now();
        unreachable(webhook(&address, None).post(b"{}", NOW));
        // Far above the deadline of 1.5 s, far below for ever.
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
        server.join().unwrap();
    }
    // Plain text where encryption was expected.
    let (address, _server) = serve(vec![]);
    unreachable(webhook(&address.replace("http", "https"), None).post(b"{}", NOW));
}

#[test]
fn what_is_no_address_is_refused_without_its_secrets() {
    for url in ["", "h", "ftp://u:geheim@h/", "http://", "https://u:geheim@h h/", "mqtt://h"] {
        let error = Webhook::new(&Secret::new(url), None, Deadlines::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains("geheim"), "{error}");
        assert!(error.to_string().contains("http"), "{error}");
    }
}
