use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

const BODY: &[u8] = b"these are the weights";
const LONG: Duration = Duration::from_secs(20);

/// A server that gives one answer a connection, in order, and then goes away. An answer of
/// None says nothing until the client gives up. Joining it gives the paths asked for.
fn serve(answers: Vec<Option<Vec<u8>>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::Builder::new().name("server".to_owned()).spawn(move || {
        let mut paths = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            paths.push(line.split(' ').nth(1).unwrap_or_default().to_owned());
            while lines.read_line(&mut line).unwrap() > 2 {}
            match answer {
                Some(answer) => stream.write_all(&answer).unwrap(),
                // Nothing comes until the client closes.
                None => while lines.read_line(&mut line).is_ok_and(|n| n > 0) {},
            }
        }
        paths
    });
    (address, server.unwrap())
}

fn answer(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    Some([format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat())
}

fn good() -> Option<Vec<u8>> {
    answer(&format!("200 OK\r\nContent-Length: {}", BODY.len()), BODY)
}

fn card(sources: Vec<String>, sha256: Option<&str>) -> Card {
    let built_in = Card::built_in().unwrap().remove(0);
    Card { sources, sha256: sha256.map(str::to_owned), file: "w.onnx".to_owned(), ..built_in }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Names in `dir`.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_model_is_fetched_verified_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("new/models");
    let sha256 = digest(BODY);
    let redirect = answer("302 Found\r\nLocation: /real\r\nContent-Length: 0", b"");
    let (address, server) = serve(vec![redirect, good()]);
    let card = card(vec![format!("{address}/w.onnx")], Some(&sha256));
    let mut steps = Vec::new();
    let pulled = pull(&card, &dest, LONG, &mut |done, all| steps.push((done, all))).unwrap();
    assert_eq!(server.join().unwrap(), ["/w.onnx", "/real"]);
    assert!(pulled.verified);
    assert_eq!((pulled.sha256, pulled.bytes), (sha256, BODY.len() as u64));
    assert_eq!(steps.last(), Some(&(BODY.len() as u64, Some(BODY.len() as u64))));
    assert_eq!(std::fs::read(&pulled.path).unwrap(), BODY);
    assert_eq!(names(&dest), ["w.onnx"]);
}

#[test]
fn without_a_digest_on_the_card_the_digest_seen_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _server) = serve(vec![good()]);
    let pulled = pull(&card(vec![address], None), dir.path(), LONG, &mut |_, _| {}).unwrap();
    assert_eq!((pulled.verified, pulled.sha256), (false, digest(BODY)));
}

#[test]
fn the_next_source_is_tried_when_one_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _server) = serve(vec![answer("503 Busy\r\nContent-Length: 0", b""), good()]);
    let card = card(vec![format!("{address}/a"), format!("{address}/b")], None);
    let pulled = pull(&card, dir.path(), LONG, &mut |_, _| {}).unwrap();
    assert!(pulled.source.ends_with("/b"));
}

#[test]
fn failures_name_their_reason_and_leave_nothing_behind() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let short = Duration::from_millis(300);
    let half = answer("200 OK\r\nContent-Length: 9999", BODY);
    let cases = [
        (good(), Some("00"), LONG, ErrorKind::Corrupt, "its SHA-256 is"),
        (answer("404 Not Found\r\nContent-Length: 0", b""), None, LONG, ErrorKind::NotFound, "404"),
        (answer("403 No\r\nContent-Length: 0", b""), None, LONG, ErrorKind::Denied, "403"),
        (half, None, LONG, ErrorKind::Unreachable, "broke off"),
        (None, None, short, ErrorKind::Timeout, "timeout"),
    ];
    for (answer, sha256, timeout, kind, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (address, server) = serve(vec![answer]);
        let url = address.replace("http://", "http://me:secret@");
        let card = card(vec![format!("{url}/w?token=hidden")], sha256);
        let error = pull(&card, dir.path(), timeout, &mut |_, _| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("yolox-nano"), "{text}");
        assert!(!text.contains("secret") && !text.contains("hidden"), "{text}");
        assert_eq!(error.kind(), kind, "{text}");
        assert_eq!(names(dir.path()), [""; 0], "{text}");
        server.join().unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let refused = card(vec![format!("http://{closed}/w")], None);
    let error = pull(&refused, dir.path(), LONG, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let none = card(Vec::new(), None);
    let error = pull(&none, dir.path(), LONG, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("no source"), "{error}");
}

#[test]
fn an_older_file_stays_when_the_new_one_fails() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("w.onnx"), "old").unwrap();
    let (address, _server) = serve(vec![good()]);
    assert!(pull(&card(vec![address], Some("00")), dir.path(), LONG, &mut |_, _| {}).is_err());
    assert_eq!(std::fs::read(dir.path().join("w.onnx")).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["w.onnx"]);
}
