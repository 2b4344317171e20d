//! Which machines of a network answer RTSP.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Network;

/// Machines asked at a time.
const AT_A_TIME: usize = 64;
/// How long somebody in the same network may take to take the call.
const TAKEN_WITHIN: Duration = Duration::from_millis(700);
/// How long somebody may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_millis(1500);
/// All together: what was found until then is what there is.
const SCANNED_WITHIN: Duration = Duration::from_secs(40);
/// Bytes of an answer that are read.
const LONGEST_ANSWER: usize = 2048;

/// Somebody who speaks RTSP.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: SocketAddrV4,
    /// What it calls itself.
    pub(super) server: Option<String>,
}

/// Everybody in `networks` who speaks RTSP at one of `ports`.
pub(super) async fn scan(networks: &[Network], ports: &[u16]) -> Vec<Found> {
    let hosts = networks.iter().flat_map(|network| network.hosts());
    let places: Vec<SocketAddrV4> = hosts
        .take(super::MOST_HOSTS)
        .flat_map(|host: Ipv4Addr| ports.iter().map(move |port| SocketAddrV4::new(host, *port)))
        .collect();
    let mut asking = futures_util::stream::iter(places).map(ask).buffer_unordered(AT_A_TIME);
    let mut found = Vec::new();
    let all = async {
        while let Some(answer) = asking.next().await {
            found.extend(answer);
        }
    };
    if timeout(SCANNED_WITHIN, all).await.is_err() {
        tracing::info!("not all of the network was asked in time");
    }
    found
}

async fn ask(at: SocketAddrV4) -> Option<Found> {
    let mut connection = timeout(TAKEN_WITHIN, TcpStream::connect(at)).await.ok()?.ok()?;
    let question = format!("OPTIONS rtsp://{at}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Omma\r\n\r\n");
    let mut answer = Vec::new();
    let talking = async {
        connection.write_all(question.as_bytes()).await?;
        let mut bounded = connection.take(LONGEST_ANSWER as u64);
        // It may keep the connection open: the end of the head is the end of the answer.
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            if bounded.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    // What came before it broke off may be enough.
    drop(timeout(ANSWERED_WITHIN, talking).await);
    let server = server_of(&String::from_utf8_lossy(&answer))?;
    Some(Found { at, server })
}

/// What an answer of RTSP says of who sent it; none where it is no such answer. Being refused is
/// one.
fn server_of(answer: &str) -> Option<Option<String>> {
    if !answer.starts_with("RTSP/1.") {
        return None;
    }
    let mut headers = answer.lines().skip(1).filter_map(|line| line.split_once(':'));
    let server = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("server"));
    let text = server.map(|(_, value)| value.trim().chars().take(100).collect::<String>());
    Some(text.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtsp_is_taken_for_rtsp() {
        let name = |answer| server_of(answer);
        assert_eq!(name("RTSP/1.0 200 OK\r\nServer: H\r\n"), Some(Some("H".to_owned())));
        assert_eq!(name("RTSP/1.0 401 Unauthorized\r\n\r\n"), Some(None));
        assert_eq!(name("HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert_eq!(name(""), None);
    }
}
