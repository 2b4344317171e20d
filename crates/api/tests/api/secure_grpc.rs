//! gRPC behind the same doors: HTTP/2 over TLS, client certificates, tokens in the metadata.
//! Spoken here by hand, so that no library's opinion is between the test and the wire.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::certificates::{Authority, Client, EXPIRED, GOOD};
use crate::server::{CONFIG, PATIENCE, Server, config};

const LIST: &str = "/chrys.cloud.videostreaming.v1beta1.Image/ListStreams";
const ANNOTATE: &str = "/chrys.cloud.videostreaming.v1beta1.Image/Annotate";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A message without fields, as gRPC frames it: not compressed, no bytes.
const EMPTY: &[u8] = &[0; 5];

/// Calls `path` and tells the status of gRPC and what is said about it.
async fn call<S>(stream: S, path: &str, token: Option<&str>) -> (String, String)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let calling = async {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = hyper::Request::post(format!("https://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from_static(EMPTY))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let head = answer.headers().clone();
        let body = answer.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let field = |name: &str| {
            let value = head.get(name).or_else(|| trailers.get(name));
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        (field("grpc-status"), field("grpc-message"))
    };
    tokio::time::timeout(PATIENCE, calling).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_is_spoken_over_tls_to_those_with_a_certificate_and_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let site = Authority::new("site");
    site.server().write(dir.path(), "server");
    std::fs::write(dir.path().join("ca.pem"), &site.pem).unwrap();
    let at = dir.path().display();
    let text = format!(
        "{CONFIG}http: {{ listen: '127.0.0.1:0' }}\n\
         grpc: {{ listen: '127.0.0.1:0', tls: {{ cert: '{at}/server.pem', \
         key: '{at}/server.key', client_ca: '{at}/ca.pem' }} }}\n\
         auth: {{ tokens: [{{ name: viewer, token: look-and-no-more, scopes: [read] }}] }}\n"
    );
    let server = Server::run(config(&text)).await;
    let address = server.grpc.unwrap();
    let certificate = site.client(GOOD);
    let client = Client::new(&site, rustls::ALL_VERSIONS, Some(&certificate), &["h2"]);
    for (path, token, status, words) in [
        (HEALTH, None, "0", ""),
        (LIST, Some("look-and-no-more"), "0", ""),
        (LIST, None, "16", "a token is needed"),
        (LIST, Some("look-and-no-less"), "16", "not known"),
        (ANNOTATE, Some("look-and-no-more"), "7", "scope `annotate`"),
        ("/no.such.Service/Call", None, "16", "a token is needed"),
        ("/no.such.Service/Call", Some("look-and-no-more"), "12", ""),
    ] {
        let stream = client.connect(address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (code, message) = call(stream, path, token).await;
        assert_eq!(code, status, "{path} {token:?}: {message}");
        assert!(message.contains(words), "{path} {token:?}: {message}");
    }

    // Who is refused at the door does not get as far as a call.
    let expired = site.client(EXPIRED);
    for pair in [None, Some(&expired)] {
        let version = [&rustls::version::TLS12];
        let client = Client::new(&site, &version, pair, &["h2"]);
        assert!(client.connect(address).await.is_err());
    }
    let metrics = server.handle.render_metrics();
    for line in [
        r#"omma_port_refused_total{port="grpc",reason="certificate"} 2"#,
        r#"omma_port_refused_total{port="grpc",reason="no_token"} 2"#,
        r#"omma_port_refused_total{port="grpc",reason="wrong_token"} 1"#,
        r#"omma_port_refused_total{port="grpc",reason="missing_scope"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    server.stop().await;
}
