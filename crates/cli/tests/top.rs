//! `omma top` at a running Omma, as scripts use it: plain text.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use omma_testkit::{Omma, SOON, Server, eventually, free_port};

const STREET: &str = "version: 1
data_dir: store
http: { listen: '127.0.0.1:0' }
auth: { tokens: [{ name: me, token: a-token-of-my-own, scopes: [read] }] }
cameras:
  street:
    url: sim:street?people=10&cars=2&seed=3&size=640x360&fps=25
    detect: { model: motion, fps: 10 }
  away: { url: missing.mp4 }
";

#[test]
fn what_a_running_omma_does_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let top = |arguments: &str| {
        Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args(&format!("top {arguments}")).run()
    };
    std::fs::write(dir.path().join("omma.yaml"), STREET).unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args("--log info run");
    let server = Server::start(omma, "omma");
    let url = format!("http://127.0.0.1:{}", server.port());
    eventually("a camera that is analysed and one that is away", SOON, || {
        let answer = top(&format!("--url {url} --token a-token-of-my-own"));
        let lines: Vec<&str> = answer.out.lines().collect();
        let camera = |name: &str| lines.iter().find(|line| line.starts_with(name)).copied();
        let street: Vec<&str> = camera("street").unwrap_or_default().split_whitespace().collect();
        let analysed = street.get(4).and_then(|figure| figure.parse::<f64>().ok());
        let is_analysed = street.get(1) == Some(&"online") && analysed.is_some_and(|n| n > 1.0);
        let is_away = camera("away").is_some_and(|line| line.contains("no such file"));
        if is_analysed && is_away { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let refused = top(&format!("--url {url} --once"));
    assert!(refused.code != Some(0) && refused.err.contains("--token"), "{refused:?}");
    let away = format!("127.0.0.1:{}", free_port());
    let alone = top(&format!("--url http://me:geheim@{away} --once"));
    assert!(alone.code != Some(0) && alone.err.contains(&away), "{alone:?}");
    assert!(!alone.err.contains("geheim"), "{alone:?}");
}
