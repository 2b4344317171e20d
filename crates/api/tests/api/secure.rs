//! Who gets in: TLS with real certificates, tokens with scopes, and what is not opened at all.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use omma_api::{Ports, ServeError};
use omma_types::ErrorKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::certificates::{Authority, Client, EARLY, EXPIRED, GOOD, Pair};
use crate::server::{Answer, CONFIG, PATIENCE, Server, config};

const LOOK: &str = "look-and-no-more";
const CHANGE: &str = "change-and-no-more";
const NUMBERS: &str = "numbers-and-no-more";
const ALL: &str = "everything-there-is";

/// Four tokens, as the configuration has them.
const AUTH: &str = "auth:
  tokens:
    - { name: portal, token: look-and-no-more, scopes: [read] }
    - { name: operator, token: change-and-no-more, scopes: [control] }
    - { name: prometheus, token: numbers-and-no-more, scopes: [metrics] }
    - { name: boss, token: everything-there-is, scopes: [admin] }
";

/// The `http:` section with TLS from `dir`, and whatever else belongs there.
fn tls(dir: &Path, more: &str) -> String {
    let dir = dir.display();
    format!("http: {{ tls: {{ cert: '{dir}/server.pem', key: '{dir}/server.key'{more} }} }}\n")
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

fn basic(token: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("me:{token}")))
}

/// Asks over a connection that stands, and reads the answer to its end.
async fn ask<S>(stream: S, request: &str, headers: &str) -> std::io::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let asking = async {
        let mut stream = stream;
        let head = format!("{request} HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        if bytes.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Answer::new(&bytes))
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

async fn status(server: &Server, client: &Client, path: &str) -> std::io::Result<u16> {
    let stream = client.connect(server.address).await?;
    Ok(ask(stream, &format!("GET {path}"), "").await?.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_in_both_versions_and_plain_requests_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    authority.server().write(dir.path(), "server");
    let server = Server::run(config(&format!("version: 1\n{}", tls(dir.path(), "")))).await;

    for version in rustls::ALL_VERSIONS {
        let client = Client::new(&authority, &[version], None, &["h2", "http/1.1"]);
        let stream = client.connect(server.address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(ask(stream, "GET /healthz", "").await.unwrap().status, 200, "{version:?}");
    }
    let only_http2 = Client::new(&authority, rustls::ALL_VERSIONS, None, &["h2"]);
    assert!(only_http2.connect(server.address).await.is_err());
    let mistrusting = Client::of(&Authority::new("elsewhere"));
    assert!(mistrusting.connect(server.address).await.is_err());

    let plain = TcpStream::connect(server.address).await.unwrap();
    let answer = ask(plain, "GET /healthz", "").await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    // Rubbish is not answered, and harms nobody.
    let mut rubbish = TcpStream::connect(server.address).await.unwrap();
    rubbish.write_all(&[0, 1, 2, 3]).await.unwrap();
    assert!(matches!(rubbish.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    let client = Client::of(&authority);
    assert_eq!(status(&server, &client, "/healthz").await.unwrap(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_finish_the_handshake_hold_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    authority.server().write(dir.path(), "server");
    let server = Server::run(config(&format!("version: 1\n{}", tls(dir.path(), "")))).await;
    let mut silent = Vec::new();
    for n in 0..40 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if n % 2 == 0 {
            // The beginning of a ClientHello, and no more.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    let client = Client::of(&authority);
    assert_eq!(status(&server, &client, "/healthz").await.unwrap(), 200);
    for mut stream in silent {
        let closed = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 16])).await.unwrap();
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
    // A connection is closed before it is counted.
    let refused = r#"omma_port_refused_total{port="http",reason="timeout"} 40"#;
    let counted = async {
        while !server.handle.render_metrics().contains(refused) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_with_a_good_certificate_get_in_where_one_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (site, foreign) = (Authority::new("site"), Authority::new("foreign"));
    site.server().write(dir.path(), "server");
    std::fs::write(dir.path().join("ca.pem"), &site.pem).unwrap();
    let more = format!(", client_ca: '{}/ca.pem'", dir.path().display());
    // No tokens: whoever gets through may do everything.
    let server = Server::run(config(&format!("version: 1\n{}", tls(dir.path(), &more)))).await;

    let with = |pair: Option<&Pair>, version| Client::new(&site, &[version], pair, &["http/1.1"]);
    let (good, expired, early) = (site.client(GOOD), site.client(EXPIRED), site.client(EARLY));
    let stranger = foreign.client(GOOD);
    // A certificate for servers is not one for clients.
    let wrong_purpose = site.server();
    for version in rustls::ALL_VERSIONS {
        let client = with(Some(&good), version);
        // Twice: a session is never resumed without the certificate.
        for _ in 0..2 {
            assert_eq!(status(&server, &client, "/").await.unwrap(), 200, "{version:?}");
        }
        for bad in [None, Some(&expired), Some(&early), Some(&stranger), Some(&wrong_purpose)] {
            let outcome = status(&server, &with(bad, version), "/").await;
            assert!(outcome.is_err(), "{version:?}: {outcome:?}");
        }
    }
    let metrics = server.handle.render_metrics();
    let refused = r#"omma_port_refused_total{port="http",reason="certificate"} 10"#;
    assert!(metrics.contains(refused), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_needed_even_from_those_with_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let site = Authority::new("site");
    site.server().write(dir.path(), "server");
    std::fs::write(dir.path().join("ca.pem"), &site.pem).unwrap();
    let more = format!(", client_ca: '{}/ca.pem'", dir.path().display());
    let text = format!("version: 1\n{}{AUTH}", tls(dir.path(), &more));
    let server = Server::run(config(&text)).await;
    let certificate = site.client(GOOD);
    let client = Client::new(&site, rustls::ALL_VERSIONS, Some(&certificate), &[]);
    for (headers, expected) in [(String::new(), 401), (bearer(LOOK), 200)] {
        let stream = client.connect(server.address).await.unwrap();
        let answer = ask(stream, "GET /api/v1/cameras", &headers).await.unwrap();
        assert_eq!(answer.status, expected);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_what_their_scopes_say() {
    let server = Server::run(config(&format!("{CONFIG}{AUTH}"))).await;
    let none = String::new;
    let cases: [(&str, String, u16); 25] = [
        ("GET /healthz", none(), 200),
        ("GET /readyz", none(), 200),
        ("GET /", none(), 401),
        ("GET /api/v1/cameras", none(), 401),
        // Who may not ask learns neither what there is nor what there is not.
        ("GET /nowhere", none(), 401),
        ("GET /api/v1/cameras/nobody", none(), 401),
        ("POST /api/v1/cameras", none(), 401),
        ("GET /api/v1/cameras", bearer("no-such-token"), 401),
        ("GET /api/v1/cameras", "authorization: Digest x\r\n".to_owned(), 401),
        ("GET /api/v1/cameras", bearer(LOOK), 200),
        ("GET /api/v1/cameras", basic(LOOK), 200),
        ("HEAD /api/v1/cameras", bearer(LOOK), 200),
        ("GET /", basic(LOOK), 200),
        ("GET /nowhere", bearer(LOOK), 404),
        ("GET /metrics", bearer(LOOK), 200),
        ("GET /metrics", bearer(NUMBERS), 200),
        ("GET /api/v1/cameras", bearer(NUMBERS), 403),
        ("GET /api/v1/cameras", bearer(CHANGE), 403),
        ("DELETE /api/v1/cameras/street", bearer(LOOK), 403),
        ("POST /api/v1/annotations", bearer(LOOK), 403),
        ("POST /api/v1/annotations", bearer(CHANGE), 403),
        // Through the guard; that there is nothing behind it is another matter.
        ("POST /nowhere", bearer(CHANGE), 404),
        ("POST /nowhere", bearer(ALL), 404),
        ("GET /api/v1/cameras", bearer(ALL), 200),
        ("GET /metrics", bearer(ALL), 200),
    ];
    for (request, headers, expected) in cases {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let answer = ask(stream, request, &headers).await.unwrap();
        assert_eq!(answer.status, expected, "{request} {headers}: {}", answer.text());
        for secret in [LOOK, CHANGE, NUMBERS, ALL, "no-such-token"] {
            assert!(!answer.text().contains(secret), "{request}: {}", answer.text());
        }
        match expected {
            401 => {
                assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
                assert!(answer.head.contains("www-authenticate: basic"), "{}", answer.head);
                assert_eq!(answer.json()["error"]["kind"], "denied", "{}", answer.text());
            }
            403 => assert!(answer.text().contains("does not have the scope"), "{}", answer.text()),
            _ => assert!(!answer.head.contains("www-authenticate"), "{}", answer.head),
        }
    }
    let metrics = server.handle.render_metrics();
    for (reason, count) in [("no_token", 5), ("wrong_token", 2), ("missing_scope", 5)] {
        let line = format!(r#"omma_port_refused_total{{port="http",reason="{reason}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_change_nothing_with_a_browsers_passwords() {
    let server = Server::run(config(&format!("version: 1\n{AUTH}"))).await;
    for (origin, expected) in
        [("https://elsewhere.example", 403), ("null", 403), ("http://localhost", 404)]
    {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let headers = format!("{}origin: {origin}\r\n", basic(ALL));
        let answer = ask(stream, "POST /nowhere", &headers).await.unwrap();
        assert_eq!(answer.status, expected, "{origin}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_web_sockets_come_through_tls_to_those_who_may() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    authority.server().write(dir.path(), "server");
    let server = Server::run(config(&format!("{CONFIG}{}{AUTH}", tls(dir.path(), "")))).await;
    let client = Client::of(&authority);

    let stream = client.connect(server.address).await.unwrap();
    let answer = ask(stream, "GET /cameras/street/live.mjpg", "").await.unwrap();
    assert_eq!(answer.status, 401);
    let mut stream = client.connect(server.address).await.unwrap();
    let request =
        format!("GET /cameras/street/live.mjpg HTTP/1.0\r\nhost: localhost\r\n{}\r\n", basic(LOOK));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let pictures =
        |bytes: &[u8]| bytes.windows(4).filter(|w| w[..] == [0xff, 0xd8, 0xff, 0xe0]).count();
    while pictures(&seen) < 2 {
        let mut part = [0; 8192];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await.unwrap().unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&part[..read]);
    }
    drop(stream);

    for (headers, good) in
        [(None, false), (Some(bearer(NUMBERS)), false), (Some(basic(LOOK)), true)]
    {
        let stream = client.connect(server.address).await.unwrap();
        let mut request = "wss://localhost/api/v1/ws".into_client_request().unwrap();
        if let Some(value) = headers.as_deref().and_then(|line| line.trim().split_once(": ")) {
            request.headers_mut().insert("authorization", value.1.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((mut socket, _)) if good => {
                let heard = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
                assert!(heard.unwrap().unwrap().is_text());
            }
            Ok(_) => panic!("{headers:?} got in"),
            Err(error) => assert!(!good, "{error}"),
        }
    }
    server.stop().await;
}

/// The certificate that the server shows now.
async fn shown(server: &Server, client: &Client) -> Option<CertificateDer<'static>> {
    let stream = client.connect(server.address).await.ok()?;
    stream.get_ref().1.peer_certificates()?.first().cloned().map(CertificateDer::into_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_certificates_and_tokens_are_used_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    let client = Client::of(&authority);
    let pairs = [authority.server(), authority.server(), authority.server()];
    let der = pairs.each_ref().map(|p| CertificateDer::from_pem_slice(p.cert.as_bytes()).unwrap());
    pairs[0].write(dir.path(), "server");
    let text = format!("version: 1\n{}", tls(dir.path(), ""));
    let server = Server::run(config(&text)).await;
    assert_eq!(shown(&server, &client).await.as_ref(), Some(&der[0]));

    let becomes = async |expected: &CertificateDer<'static>| {
        let trying = async { while shown(&server, &client).await.as_ref() != Some(expected) {} };
        tokio::time::timeout(PATIENCE, trying).await.unwrap();
    };
    // The same configuration, read again: that is when files are looked at.
    pairs[1].write(dir.path(), "server");
    server.reload(&text).await;
    becomes(&der[1]).await;

    // The certificate is there and its key is not yet: the old pair goes on, and with the key
    // the new one comes.
    std::fs::write(dir.path().join("server.pem"), &pairs[2].cert).unwrap();
    server.reload(&format!("{text}{AUTH}")).await;
    let refused = async {
        let ask = async || {
            let stream = client.connect(server.address).await.unwrap();
            ask(stream, "GET /api/v1/cameras", "").await.unwrap().status
        };
        while ask().await != 401 {}
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(shown(&server, &client).await.as_ref(), Some(&der[1]));
    pairs[2].write(dir.path(), "server");
    server.reload(&text).await;
    becomes(&der[2]).await;
    server.stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    let (pair, other) = (authority.server(), authority.server());
    let at = |name: &str| dir.path().join(name).display().to_string();
    pair.write(dir.path(), "server");
    other.write(dir.path(), "other");
    std::fs::write(at("empty.pem"), "").unwrap();
    std::fs::write(at("cut.pem"), &pair.cert.as_bytes()[..pair.cert.len() / 2]).unwrap();
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(at("rubbish.pem"), rubbish).unwrap();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(at("locked.key"), locked).unwrap();
    let weird = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    std::fs::write(at("weird.key"), weird).unwrap();

    let cases: [(&str, &str, &str, &[&str], ErrorKind); 11] = [
        (
            "gone.pem",
            "server.key",
            "",
            &["tls.cert", "gone.pem", "no such file"],
            ErrorKind::NotFound,
        ),
        (
            "server.pem",
            "gone.key",
            "",
            &["tls.key", "gone.key", "no such file"],
            ErrorKind::NotFound,
        ),
        (
            "server.pem",
            "server.key",
            "gone.pem",
            &["tls.client_ca", "no such file"],
            ErrorKind::NotFound,
        ),
        ("empty.pem", "server.key", "", &["empty.pem", "no certificate"], ErrorKind::Invalid),
        (
            "server.key",
            "server.pem",
            "",
            &["tls.cert", "server.key", "wrong way round"],
            ErrorKind::Invalid,
        ),
        (
            "server.pem",
            "server.pem",
            "",
            &["tls.key", "no private key", "wrong way round"],
            ErrorKind::Invalid,
        ),
        ("cut.pem", "server.key", "", &["cut.pem", "middle of a section"], ErrorKind::Corrupt),
        ("rubbish.pem", "server.key", "", &["tls.cert", "rubbish.pem"], ErrorKind::Corrupt),
        (
            "server.pem",
            "locked.key",
            "",
            &["locked.key", "password", "openssl"],
            ErrorKind::Invalid,
        ),
        ("server.pem", "weird.key", "", &["weird.key", "ECDSA"], ErrorKind::Corrupt),
        (
            "server.pem",
            "other.key",
            "",
            &["other.key", "does not belong", "server.pem"],
            ErrorKind::Invalid,
        ),
    ];
    for (cert, key, ca, parts, kind) in cases {
        let ca = if ca.is_empty() { String::new() } else { format!(", client_ca: '{}'", at(ca)) };
        let (cert, key) = (at(cert), at(key));
        let text = format!("version: 1\nhttp: {{ tls: {{ cert: '{cert}', key: '{key}'{ca} }} }}\n");
        let error = Ports::open(&config(&text)).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert!(error.to_string().contains("`http`"), "{error}");
    }
    // An expired one is the clients' business: it is warned of, and used.
    let text = format!("version: 1\n{}", tls(dir.path(), ""));
    authority.client(EXPIRED).write(dir.path(), "server");
    assert!(Ports::open(&config(&text)).await.is_ok());
}

#[tokio::test]
async fn nobody_shows_all_cameras_to_the_network_by_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("site");
    authority.server().write(dir.path(), "server");
    std::fs::write(dir.path().join("ca.pem"), &authority.pem).unwrap();
    let dir = dir.path().display();
    let files = format!("cert: '{dir}/server.pem', key: '{dir}/server.key'");
    for (more, auth, opens) in [
        // Then there are users with passwords, unless told otherwise.
        ("", "", true),
        ("", "accounts: false", false),
        // Encryption alone asks nobody who they are.
        (&*format!(", tls: {{ {files} }}"), "accounts: false", false),
        (", insecure: true", "", true),
        ("", AUTH, true),
        (&*format!(", tls: {{ {files}, client_ca: '{dir}/ca.pem' }}"), "", true),
    ] {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let text = format!("version: 1\nhttp: {{ listen: '{address}'{more} }}\n{auth}");
            match Ports::open(&config(&text)).await {
                Ok(_) => assert!(opens, "{text}"),
                Err(error @ ServeError::Unprotected { .. }) => {
                    assert!(!opens, "{text}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Denied);
                    for part in ["http.listen", "auth.tokens", "http.insecure: true", "--insecure"]
                    {
                        assert!(error.to_string().contains(part), "{error}");
                    }
                }
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_all_tokens_away_does_not_open_a_port_to_the_network() {
    let open = "version: 1\nhttp: { listen: '0.0.0.0:0' }\n";
    let server = Server::run(config(&format!("{open}{AUTH}"))).await;
    let ask = async |headers: &str| {
        let stream = TcpStream::connect(("127.0.0.1", server.address.port())).await.unwrap();
        ask(stream, "GET /api/v1/cameras", headers).await.unwrap().status
    };
    assert_eq!(ask(&bearer(LOOK)).await, 200);
    server.reload(open).await;
    // Then a change that is taken, to know that the one before was looked at.
    let fresh =
        "auth: { tokens: [{ name: new, token: brand-new-token-of-today, scopes: [read] }] }";
    let mut refused = 0;
    let changing = async {
        for _ in 0..50 {
            assert_eq!(ask("").await, 401);
            refused += 1;
        }
        server.reload(&format!("{open}{fresh}")).await;
        while ask(&bearer("brand-new-token-of-today")).await != 200 {}
    };
    tokio::time::timeout(PATIENCE, changing).await.unwrap();
    assert_eq!(ask("").await, 401);
    assert_eq!(ask(&bearer(LOOK)).await, 401);
    server.stop().await;
}
