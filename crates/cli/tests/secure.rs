//! `omma run` where others can reach it: what it refuses, and that no secret is ever told.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use omma_testkit::{Omma, Server};

const TOKEN: &str = "a-token-that-nobody-may-see";
const TYPO: &str = "a-token-with-a-mistake-in-it";

/// The status of the answer to a request with `token`.
fn ask(port: u16, way: &str, token: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET /api/v1/cameras HTTP/1.0\r\nhost: localhost\r\nauthorization: {way} {token}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.contains(token), "{answer}");
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn tokens_are_asked_for_and_never_logged() {
    let dir = tempfile::tempdir().unwrap();
    let config = "version: 1\ndata_dir: store\nhttp: { listen: '127.0.0.1:0' }\n\
                  auth: { tokens: [{ name: portal, token: '${PORTAL_TOKEN}', scopes: [read] }] }\n";
    std::fs::write(dir.path().join("omma.yaml"), config).unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path())
        .env("PORTAL_TOKEN", TOKEN)
        .args("--log trace run");
    let server = Server::start(omma, "secret");
    assert_eq!(ask(server.port(), "Bearer", TOKEN), 200);
    assert_eq!(ask(server.port(), "Bearer", TYPO), 401);
    assert_eq!(ask(server.port(), "Unheard-of", TOKEN), 401);
    // A reload says what changed, and not into what.
    let file = dir.path().join("omma.yaml");
    std::fs::write(&file, config.replace("[read]", "[read, control]")).unwrap();
    server.when_logged("tokens changed");
    server.when_logged("a wrong token was sent");
    let (code, _, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    for secret in [TOKEN, TYPO] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn what_everybody_could_reach_is_refused_unless_it_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let config = "version: 1\ndata_dir: store\nhttp: { listen: '0.0.0.0:0' }\naccounts: false\n";
    std::fs::write(dir.path().join("omma.yaml"), config).unwrap();
    let omma = |arguments: &str| Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args(arguments);
    for refused in ["run", "run --listen 0.0.0.0:0"] {
        let message = omma(refused).run().refusal();
        for part in ["0.0.0.0:0", "auth.tokens", "--insecure"] {
            assert!(message.contains(part), "{refused}: {message}");
        }
        assert!(!dir.path().join("store").exists(), "{refused} began before it asked");
    }
    // Said on the command line, it is meant; and said loudly.
    let server = Server::start_at(omma("run --insecure"), "open", "0.0.0.0");
    assert!(server.log().contains("INSECURE"), "{}", server.log());
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn what_others_can_reach_asks_for_users_from_the_first_start_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = "version: 1\ndata_dir: store\nhttp: { listen: '0.0.0.0:0' }\n";
    std::fs::write(dir.path().join("omma.yaml"), config).unwrap();
    for arguments in ["run", "demo --offline --listen 0.0.0.0:0"] {
        let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args(arguments);
        let server = Server::start_at(omma, "first", "0.0.0.0");
        server.when_logged("There is no user yet.");
        server.when_logged(&format!("http://localhost:{}/setup#", server.port()));
        assert_eq!(server.get("/api/v1/cameras").status, 401);
        assert_eq!(server.get("/").status, 200, "the page in which it is done");
        let (code, _, log) = server.end("TERM");
        assert_eq!(code, Some(0), "{log}");
    }
}
