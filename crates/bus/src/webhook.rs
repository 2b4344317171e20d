//! A `POST` to somebody's address, and what became of it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use omma_types::{Secret, WallTime, redact_text, redact_url};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::{BusError, Signer};

/// What is read of an answer, to tell people what the other side said.
const MOST_OF_AN_ANSWER: u64 = 2048;

/// What of it stands in a message.
const MOST_OF_A_REASON: usize = 200;

/// Many servers close a connection after 5 s of silence: it is not used again after this.
const IDLE: Duration = Duration::from_secs(4);

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To look up the name and to connect, each.
    pub connect: Duration,
    /// The whole exchange.
    pub whole: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), whole: Duration::from_secs(30) }
    }
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it: it answered with a status from 200 to 299.
    Accepted,
    /// The other side answered, and does not have it.
    Rejected {
        /// Its status.
        status: u16,
        /// Whether the same message may be accepted later. If not, something is wrong with
        /// the message itself.
        later: bool,
        /// What it said, for people.
        reason: String,
    },
    /// Nobody answered in time. The other side may have it nevertheless.
    Unreachable {
        /// Why, for people.
        reason: String,
    },
}

/// Somebody's address, to which messages are posted.
///
/// Its calls block: use it on a thread of its own.
#[derive(Clone, Debug)]
pub struct Webhook {
    agent: Agent,
    url: Secret,
    signer: Option<Signer>,
}

impl Webhook {
    /// A webhook at `url`, whose messages are signed where there is a `signer`. A user name
    /// and password in the address are sent as HTTP Basic authentication.
    ///
    /// # Errors
    /// When `url` is no address to post to.
    pub fn new(
        url: &Secret,
        signer: Option<Signer>,
        deadlines: Deadlines,
    ) -> Result<Self, BusError> {
        let wrong = |reason: String| BusError::Address {
            url: redact_url(url.reveal()),
            reason: redact_text(&reason),
        };
        let uri: Uri = url.reveal().parse().map_err(|e| wrong(format!("{e}")))?;
        let encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("it does not begin with http:// or https://".to_owned())),
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirected POST becomes a GET, and its signature goes to somebody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("omma/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(deadlines.connect))
            .timeout_connect(Some(deadlines.connect))
            .timeout_global(Some(deadlines.whole))
            .max_idle_connections(1)
            .max_idle_age(IDLE);
        if encrypted {
            config = config.tls_config(TlsConfig::builder().root_certs(roots()).build());
        }
        Ok(Self { agent: config.build().new_agent(), url: url.clone(), signer })
    }

    /// The address, without secrets.
    pub fn address(&self) -> String {
        redact_url(self.url.reveal())
    }

    /// Posts `body`, which is JSON, signed for the time `now`.
    pub fn post(&self, body: &[u8], now: WallTime) -> Outcome {
        let mut request = self.agent.post(self.url.reveal()).content_type("application/json");
        for (name, value) in self.signer.iter().flat_map(|signer| signer.headers(body, now)) {
            request = request.header(name, value);
        }
        match request.send(body) {
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                let mut said = Vec::new();
                // Read to the end where it is short, so that the connection can be used
                // again; an answer that breaks off has told its status all the same.
                let mut reader = answer.body_mut().as_reader().take(MOST_OF_AN_ANSWER);
                drop(reader.read_to_end(&mut said));
                outcome(status, &said)
            }
            Err(error) => Outcome::Unreachable { reason: redact_text(&error.to_string()) },
        }
    }
}

/// What an answer means.
fn outcome(status: u16, said: &[u8]) -> Outcome {
    if (200..300).contains(&status) {
        return Outcome::Accepted;
    }
    // These speak about the message. Any other status speaks about the receiver, the way to
    // it or our credentials, and all that can be put right without changing the message.
    let later = !matches!(status, 400 | 413 | 422);
    let mut reason = format!("it answered with status {status}");
    let said = String::from_utf8_lossy(said);
    let said: String =
        said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_OF_A_REASON).collect();
    if !said.trim().is_empty() {
        reason.push_str(": ");
        reason.push_str(redact_text(said.trim()).trim());
    }
    Outcome::Rejected { status, later, reason }
}

/// Whom this machine trusts; where nothing is installed (small containers), whom Mozilla
/// trusts.
fn roots() -> RootCerts {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate authority of this system cannot be read");
    }
    if found.certs.is_empty() {
        return RootCerts::WebPki;
    }
    let own = |der: &[u8]| Certificate::from_der(der).to_owned();
    RootCerts::Specific(Arc::new(found.certs.iter().map(|c| own(c.as_ref())).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_they_should() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(outcome(status, b"whatever"), Outcome::Accepted);
        }
        for (status, again) in [
            (301, true),
            (400, false),
            (401, true),
            (403, true),
            (404, true),
            (408, true),
            (413, false),
            (422, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let Outcome::Rejected { status: told, later, reason } = outcome(status, b"") else {
                panic!("{status} is no rejection");
            };
            assert_eq!((told, later), (status, again));
            assert!(reason.ends_with(&status.to_string()), "{reason}");
        }
    }

    #[test]
    fn what_the_other_side_said_is_short_and_without_secrets() {
        let said = format!("bad\n\x1b[31mfield at http://u:geheim@h/\u{e4} {}", "x".repeat(999));
        let Outcome::Rejected { reason, .. } = outcome(422, said.as_bytes()) else { panic!() };
        assert!(!reason.contains("geheim") && !reason.chars().any(char::is_control), "{reason}");
        assert!(reason.len() < 300 && reason.contains("bad"), "{reason}");
        assert!(matches!(outcome(500, &[0xff, 0xfe]), Outcome::Rejected { .. }));
    }
}
