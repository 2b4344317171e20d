//! MQTT 5: events, and retained topics that say how things stand.
//!
//! MQTT 3.1.1 can't refuse a message: a broker whose rights don't suffice drops it and says
//! yes. So version 5 is spoken, in which every message is answered with a reason.
//!
//! One task holds the connection. It begins anew after every failure: what was on its way is
//! reported as not delivered, and whoever sent it sends it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, ConnectReturnCode, LastWill, Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use super::{EventPayload, EventTarget, Progress, Stop};
use crate::{Broker, BusError, tls};

/// Messages on their way at most.
const WINDOW: usize = 64;

/// Room for messages of both users of a connection.
const CHANNEL: usize = 4 * WINDOW;

/// A broker that is silent for so long, one and a half times, is away.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// To look up, connect and be let in.
const CONNECT_WITHIN: u64 = 10;

/// For an answer to a message.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Between two attempts, as nobody waits for the first.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// What a packet holds beside topic and payload.
const OVERHEAD: usize = 64;

type Answer = oneshot::Sender<Result<(), Refusal>>;

/// Why a message was not taken.
#[derive(Clone, Debug)]
enum Refusal {
    /// The connection broke.
    Away,
    /// The broker's word.
    Refused(PubAckReason),
}

/// How a connection stands.
#[derive(Clone, Debug)]
enum State {
    /// Not tried yet.
    Opening,
    /// It stands; each one has its number.
    Open(u64),
    /// It does not, and why.
    Down(Arc<BusError>),
}

struct Shared {
    shown: String,
    line: Mutex<Line>,
    state: watch::Sender<State>,
}

/// The connection at hand.
#[derive(Default)]
struct Line {
    client: Option<AsyncClient>,
    /// The largest packet that the broker takes.
    largest: Option<usize>,
    /// Of messages that were handed over, in their order, and have no number yet.
    unnumbered: VecDeque<Answer>,
    /// Of those that have.
    numbered: BTreeMap<u16, Answer>,
}

/// A way to a broker, for all that one sink sends. Ends when the last one is dropped.
#[derive(Clone)]
pub struct MqttLink {
    shared: Arc<Shared>,
    status: Arc<str>,
    _task: Arc<Task>,
}

struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl MqttLink {
    /// Begins to connect to `broker`, under the name `client`, and goes on trying. The topic
    /// `status` says, retained, `online`, or `offline` when the connection is gone. Must be
    /// called on a Tokio runtime.
    ///
    /// # Errors
    /// Certificates can't be read.
    pub fn open(broker: &Broker, client: &str, status: &str) -> Result<Self, BusError> {
        let tls = if broker.secure {
            Some(TlsConfiguration::Rustls(Arc::new(tls::client(broker)?)))
        } else {
            None
        };
        let options = broker
            .hosts
            .iter()
            .map(|(host, port)| {
                let mut options = MqttOptions::new(client, host.as_str(), *port);
                options.set_keep_alive(KEEP_ALIVE);
                options.set_clean_start(true);
                options.set_connection_timeout(CONNECT_WITHIN);
                options.set_last_will(LastWill::new(
                    status,
                    "offline",
                    QoS::AtLeastOnce,
                    true,
                    None,
                ));
                if let Some(tls) = &tls {
                    options.set_transport(Transport::Tls(tls.clone()));
                }
                if let Some(user) = &broker.user {
                    let password = broker.password.as_ref().map_or("", |secret| secret.reveal());
                    options.set_credentials(user, password);
                }
                options
            })
            .collect();
        let (state, _) = watch::channel(State::Opening);
        let shared =
            Arc::new(Shared { shown: broker.shown(), line: Mutex::new(Line::default()), state });
        let status: Arc<str> = status.into();
        let task = tokio::spawn(hold(options, Arc::clone(&shared), Arc::clone(&status)));
        Ok(Self { shared, status, _task: Arc::new(Task(task.abort_handle())) })
    }

    /// The number of the connection that stands, if one does: retained topics are to be
    /// written anew on each.
    pub fn connection(&self) -> Option<u64> {
        match *self.shared.state.borrow() {
            State::Open(number) => Some(number),
            State::Opening | State::Down(_) => None,
        }
    }

    /// Waits until the connection stands or was seen not to.
    ///
    /// # Errors
    /// Why it does not stand.
    pub async fn ready(&self) -> Result<(), BusError> {
        let mut state = self.shared.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Opening)).await;
        match known.as_deref() {
            Ok(State::Open(_)) => Ok(()),
            Ok(State::Down(error)) => Err(BusError::clone(error)),
            Ok(State::Opening) | Err(_) => Err(self.unreachable("not connected yet")),
        }
    }

    /// Sets a retained topic; with nothing in it, removes it.
    ///
    /// # Errors
    /// The broker is away or does not want it.
    pub async fn retain(&self, topic: &str, body: Bytes) -> Result<(), BusError> {
        let answer = self.hand_over(topic, body, true)?;
        match self.answer(answer).await? {
            Ok(()) => Ok(()),
            Err(Refusal::Away) => Err(self.unreachable("the connection broke")),
            Err(Refusal::Refused(reason)) => Err(self.refused(topic, reason)),
        }
    }

    /// Says that we go, and goes.
    pub async fn close(&self) {
        let client = self.shared.line.lock().client.clone();
        if let Some(client) = client {
            drop(self.retain(&self.status, Bytes::from_static(b"offline")).await);
            drop(client.disconnect().await);
        }
    }

    /// Gives a message to the connection.
    fn hand_over(
        &self,
        topic: &str,
        body: Bytes,
        retain: bool,
    ) -> Result<oneshot::Receiver<Result<(), Refusal>>, BusError> {
        // Held over both: answers must be in the order of the messages.
        let mut line = self.shared.line.lock();
        let Some(client) = line.client.clone() else {
            return Err(match &*self.shared.state.borrow() {
                State::Down(error) => BusError::clone(error),
                State::Opening | State::Open(_) => self.unreachable("not connected yet"),
            });
        };
        client
            .try_publish(topic, QoS::AtLeastOnce, retain, body)
            .map_err(|_full| self.unreachable("more messages wait than it takes"))?;
        let (sender, receiver) = oneshot::channel();
        line.unnumbered.push_back(sender);
        Ok(receiver)
    }

    async fn answer(
        &self,
        answer: oneshot::Receiver<Result<(), Refusal>>,
    ) -> Result<Result<(), Refusal>, BusError> {
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_gone)) => Ok(Err(Refusal::Away)),
            Err(_late) => Err(self.unreachable("no answer to a message")),
        }
    }

    fn unreachable(&self, reason: &str) -> BusError {
        BusError::Unreachable { broker: self.shared.shown.clone(), reason: reason.to_owned() }
    }

    fn refused(&self, topic: &str, reason: PubAckReason) -> BusError {
        let broker = self.shared.shown.clone();
        match reason {
            PubAckReason::NotAuthorized => {
                BusError::Denied { broker, reason: format!("no right to write `{topic}`") }
            }
            other => BusError::Refused {
                broker,
                topic: topic.to_owned(),
                reason: words(other).to_owned(),
            },
        }
    }
}

/// Events to a topic of MQTT.
pub struct MqttSink {
    link: MqttLink,
    topic: String,
}

impl MqttSink {
    /// Events over `link` to `topic`.
    pub fn new(link: MqttLink, topic: String) -> Self {
        Self { link, topic }
    }

    /// Why an event can't be sent at all, if so.
    fn too_large(&self, event: &EventPayload) -> Option<String> {
        let largest = self.link.shared.line.lock().largest?;
        let size = event.body.len() + self.topic.len() + OVERHEAD;
        (size > largest).then(|| format!("{size} bytes; the broker takes {largest} at most"))
    }

    /// Sends as many as may be on their way at a time.
    async fn send_some(&self, events: &[EventPayload]) -> Progress {
        let mut answers = Vec::with_capacity(events.len());
        let mut stopped = None;
        for event in events {
            if let Some(reason) = self.too_large(event) {
                stopped = Some(Stop::Refused { among: 1, reason });
                break;
            }
            match self.link.hand_over(&self.topic, event.body.clone(), false) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    stopped = Some(Stop::Away(error));
                    break;
                }
            }
        }
        let mut delivered = 0;
        for answer in answers {
            let stop = match self.link.answer(answer).await {
                Ok(Ok(())) => {
                    delivered += 1;
                    continue;
                }
                Ok(Err(Refusal::Refused(PubAckReason::PayloadFormatInvalid))) => Stop::Refused {
                    among: 1,
                    reason: words(PubAckReason::PayloadFormatInvalid).to_owned(),
                },
                Ok(Err(Refusal::Refused(reason))) => {
                    Stop::Away(self.link.refused(&self.topic, reason))
                }
                Ok(Err(Refusal::Away)) => Stop::Away(match self.link.ready().await {
                    Err(error) => error,
                    Ok(()) => self.link.unreachable("the connection broke"),
                }),
                Err(error) => Stop::Away(error),
            };
            return Progress { delivered, stopped: Some(stop) };
        }
        Progress { delivered, stopped }
    }
}

impl EventTarget for MqttSink {
    fn shown(&self) -> String {
        format!("{}/{}", self.link.shared.shown, self.topic)
    }

    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(self.link.ready())
    }

    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress> {
        Box::pin(async move {
            let mut delivered = 0;
            for some in events.chunks(WINDOW) {
                let progress = self.send_some(some).await;
                delivered += progress.delivered;
                if progress.stopped.is_some() {
                    return Progress { delivered, ..progress };
                }
            }
            Progress::all(delivered)
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.link.close())
    }
}

/// Keeps a connection, for ever.
async fn hold(options: Vec<MqttOptions>, shared: Arc<Shared>, status: Arc<str>) {
    let mut failures = 0;
    let mut number = 0;
    for options in options.iter().cycle() {
        let (client, mut connection) = AsyncClient::new(options.clone(), CHANNEL);
        let error = loop {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                    failures = 0;
                    number += 1;
                    opened(&shared, &client, &ack, &status);
                    shared.state.send_replace(State::Open(number));
                }
                Ok(Event::Outgoing(Outgoing::Publish(packet))) => numbered(&shared, packet),
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    let answer = shared.line.lock().numbered.remove(&ack.pkid);
                    answered(answer, ack.reason);
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        end(connection, &shared, &error);
        let last = PAUSES.len() - 1;
        let pause = PAUSES.get(failures.min(last)).copied().unwrap_or_default();
        failures += 1;
        tokio::time::sleep(pause).await;
    }
}

/// A connection stands.
fn opened(shared: &Shared, client: &AsyncClient, ack: &ConnAck, status: &str) {
    let mut line = shared.line.lock();
    let largest = ack.properties.as_ref().and_then(|properties| properties.max_packet_size);
    line.largest = largest.map(|bytes| bytes as usize);
    if client.try_publish(status, QoS::AtLeastOnce, true, Bytes::from_static(b"online")).is_ok() {
        // Nobody waits for its answer; but it has its place in the order.
        line.unnumbered.push_back(oneshot::channel().0);
    }
    line.client = Some(client.clone());
}

/// A message got its number.
fn numbered(shared: &Shared, packet: u16) {
    let mut line = shared.line.lock();
    if let Some(answer) = line.unnumbered.pop_front() {
        line.numbered.insert(packet, answer);
    }
}

fn answered(answer: Option<Answer>, reason: PubAckReason) {
    let taken = matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
    if let Some(answer) = answer {
        // Whoever asked may have given up.
        drop(answer.send(if taken { Ok(()) } else { Err(Refusal::Refused(reason)) }));
    }
}

/// The connection is gone, and all that was on its way with it.
fn end(connection: EventLoop, shared: &Shared, error: &ConnectionError) {
    // First the reason, for those who are woken by the answers.
    shared.state.send_replace(State::Down(Arc::new(reason(&shared.shown, error))));
    drop(connection);
    let line = std::mem::take(&mut *shared.line.lock());
    for answer in line.unnumbered.into_iter().chain(line.numbered.into_values()) {
        drop(answer.send(Err(Refusal::Away)));
    }
}

fn reason(broker: &str, error: &ConnectionError) -> BusError {
    let broker = broker.to_owned();
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned
            | ConnectReturnCode::BadAuthenticationMethod),
        ) => BusError::Denied {
            broker,
            reason: match code {
                ConnectReturnCode::BadUserNamePassword => "wrong user or password",
                ConnectReturnCode::Banned => "this client is banned",
                _ => "not authorized",
            }
            .to_owned(),
        },
        ConnectionError::ConnectionRefused(ConnectReturnCode::UnsupportedProtocolVersion) => {
            BusError::Unreachable { broker, reason: "it does not speak MQTT 5".to_owned() }
        }
        other => BusError::Unreachable { broker, reason: other.to_string() },
    }
}

const fn words(reason: PubAckReason) -> &'static str {
    match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => "taken",
        PubAckReason::UnspecifiedError => "no reason given",
        PubAckReason::ImplementationSpecificError => "a rule of this broker",
        PubAckReason::NotAuthorized => "not authorized",
        PubAckReason::TopicNameInvalid => "no name for a topic",
        PubAckReason::PacketIdentifierInUse => "packet identifier in use",
        PubAckReason::QuotaExceeded => "quota exceeded",
        PubAckReason::PayloadFormatInvalid => "the payload's form is invalid",
    }
}
