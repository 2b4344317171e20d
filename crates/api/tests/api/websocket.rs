//! The WebSocket, with a client that was not written here.

use crate::server::{PATIENCE, Server};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(server: &Server, query: &str, origin: Option<&str>) -> Result<Socket, Error> {
    let url = format!("ws://{}/api/v1/ws{query}", server.address);
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _response)| socket)
}

async fn hear(socket: &mut Socket) -> Message {
    tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn analyses_come_as_they_are_made() {
    let server = Server::start().await;
    let mut socket = connect(&server, "?cameras=street,gone&kinds=analysis", None).await.unwrap();
    let mut last = None;
    for _ in 0..3 {
        let message = hear(&mut socket).await;
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(message["type"], "analysis");
        assert_eq!(message["analysis"]["camera"], "street");
        let seq = message["analysis"]["frame"]["seq"].as_u64();
        assert!(seq > last, "{seq:?} after {last:?}");
        last = seq;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_says_goodbye() {
    let server = Server::start().await;
    let mut socket = connect(&server, "?cameras=gone", None).await.unwrap();
    let stopping = tokio::spawn(server.stop());
    loop {
        match hear(&mut socket).await {
            Message::Close(Some(frame)) => {
                assert_eq!(frame.code, CloseCode::Away);
                break;
            }
            // The absent camera's changes of state.
            Message::Text(text) => assert!(text.contains("\"event\""), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_listen_is_told_why() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    assert!(connect(&server, "", Some(&own)).await.is_ok());
    for (query, origin, status) in [
        ("", Some("http://other.example"), 403),
        ("?cameras=nope", None, 404),
        ("?kinds=music", None, 400),
        ("?camera=street", None, 400),
    ] {
        match connect(&server, query, origin).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status, "{query}"),
            other => panic!("{query}: {:?}", other.err()),
        }
    }
    server.stop().await;
}
