//! Where a broker is and how to get in: the one place that understands its addresses.
//!
//! ```text
//! redis://user:password@host:6379/0              rediss:// with TLS
//! redis://a:26379,b:26379/0?sentinel=mymaster    the master that Sentinels name
//! redis://a:6379,b:6379?cluster                  Redis Cluster
//! kafka://user:password@a:9092,b:9092            kafkas:// with TLS; ?mechanism=scram-sha-512
//! mqtt://user:password@host:1883                 mqtts:// with TLS
//! ```
//! What stands behind the last `/` of a stream's or topic's address is its name, and the
//! database of Redis then is `?db=1`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use omma_types::{Secret, redact_url};

use crate::BusError;

/// What a broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrokerKind {
    /// Within this process.
    Memory,
    /// Redis or Valkey.
    Redis,
    /// Apache Kafka.
    Kafka,
    /// An MQTT broker; only for events.
    Mqtt,
}

impl BrokerKind {
    /// The word used in addresses, messages and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Kafka => "kafka",
            Self::Mqtt => "mqtt",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Memory => 0,
            Self::Redis => 6379,
            Self::Kafka => 9092,
            Self::Mqtt => 1883,
        }
    }
}

/// How the servers of a Redis belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedisMode {
    /// One server.
    #[default]
    Standalone,
    /// Sentinels that know the master of this name.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

/// Certificates, beside those that the system trusts. All files are in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerTls {
    /// Trusted in place of the system's.
    pub ca: Option<PathBuf>,
    /// Shown to the broker, with the chain behind it.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// A broker's address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// What it is.
    pub kind: BrokerKind,
    /// Whether the way there is encrypted.
    pub secure: bool,
    /// Hosts and ports, at least one; none for [`BrokerKind::Memory`].
    pub hosts: Vec<(String, u16)>,
    /// Who.
    pub user: Option<String>,
    /// And the password.
    pub password: Option<Secret>,
    /// The database; only Redis has such.
    pub database: u32,
    /// Only for Redis.
    pub mode: RedisMode,
    /// SASL mechanism in upper case, e.g. `PLAIN`; only for Kafka.
    pub mechanism: String,
    /// Certificates.
    pub tls: BrokerTls,
}

/// An address of something at a broker: `kafka://host:9092/topic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// The broker.
    pub broker: Broker,
    /// What stands between the scheme's words: `redisedge` of `redis+redisedge://`.
    pub dialect: Option<String>,
    /// The stream or topic: what follows the hosts, unescaped; may be empty.
    pub name: String,
    /// Parameters that say nothing about the broker.
    pub options: BTreeMap<String, String>,
}

impl Broker {
    /// The broker of this process.
    pub fn memory() -> Self {
        Self {
            kind: BrokerKind::Memory,
            secure: false,
            hosts: Vec::new(),
            user: None,
            password: None,
            database: 0,
            mode: RedisMode::Standalone,
            mechanism: "PLAIN".to_owned(),
            tls: BrokerTls::default(),
        }
    }

    /// Understands the address of a broker. A Redis database is the path or `?db=`.
    ///
    /// # Errors
    /// The address is none, or has parts that mean nothing.
    pub fn parse(url: &str) -> Result<Self, BusError> {
        let address = BrokerAddress::parse(url)?;
        let wrong = |reason: String| BusError::Broker { url: redact_url(url), reason };
        if let Some(dialect) = address.dialect {
            return Err(wrong(format!("`{dialect}` has no place in the address of a broker")));
        }
        if let Some(option) = address.options.keys().next() {
            return Err(wrong(format!("the parameter `{option}` means nothing here")));
        }
        let mut broker = address.broker;
        if !address.name.is_empty() {
            if broker.kind != BrokerKind::Redis {
                return Err(wrong(format!("`/{}` has no meaning here; remove it", address.name)));
            }
            broker.database =
                address.name.parse().map_err(|_not_a_number: std::num::ParseIntError| {
                    wrong(format!("`{}` is no database's number", address.name))
                })?;
        }
        Ok(broker)
    }

    /// With certificates.
    #[must_use]
    pub fn with_tls(mut self, tls: BrokerTls) -> Self {
        self.tls = tls;
        self
    }

    /// The address without secrets, for people.
    pub fn shown(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|(h, p)| format!("{h}:{p}")).collect();
        let secure = if self.secure { "s" } else { "" };
        format!("{}{secure}://{}", self.kind.as_str(), hosts.join(","))
    }

    /// The whole address of `name` there, as it can be written down, with `***` for the
    /// password. An empty name is left out.
    pub fn redacted(&self, name: &str) -> String {
        let user = self.user.as_deref().map(escape).unwrap_or_default().replace(':', "%3A");
        let credentials = match (&self.user, &self.password) {
            (_, Some(_)) => format!("{user}:***@"),
            (Some(_), None) => format!("{user}@"),
            (None, None) => String::new(),
        };
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| {
                let is_ipv6 = host.contains(':');
                if is_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
            })
            .collect();
        let mut options = Vec::new();
        if self.database != 0 {
            options.push(format!("db={}", self.database));
        }
        match &self.mode {
            RedisMode::Standalone => {}
            RedisMode::Sentinel(master) => options.push(format!("sentinel={}", escape(master))),
            RedisMode::Cluster => options.push("cluster".to_owned()),
        }
        if self.kind == BrokerKind::Kafka && self.mechanism != "PLAIN" {
            options.push(format!("mechanism={}", self.mechanism.to_ascii_lowercase()));
        }
        let secure = if self.secure { "s" } else { "" };
        let mut out = format!("{}{secure}://{credentials}{}", self.kind.as_str(), hosts.join(","));
        if !name.is_empty() {
            out.push('/');
            out.push_str(&escape(name));
        }
        if !options.is_empty() {
            out.push('?');
            out.push_str(&options.join("&"));
        }
        out
    }

    /// Whether both mean the same place: two writers of one name there would clash.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.database == other.database
            && self.hosts.iter().any(|host| other.hosts.contains(host))
    }
}

impl BrokerAddress {
    /// Understands `scheme[+dialect]://[user[:password]@]host[:port][,…][/name][?options]`.
    ///
    /// # Errors
    /// The scheme is not known, there is no host, or a port is no number.
    pub fn parse(url: &str) -> Result<Self, BusError> {
        let wrong =
            |reason: &str| BusError::Broker { url: redact_url(url), reason: reason.to_owned() };
        let (scheme, rest) = url.split_once(':').ok_or_else(|| wrong("it has no scheme"))?;
        let (scheme, dialect) = match scheme.split_once('+') {
            Some((scheme, dialect)) => (scheme, Some(dialect.to_owned())),
            None => (scheme, None),
        };
        let (kind, secure) = match scheme {
            "memory" => (BrokerKind::Memory, false),
            "redis" | "valkey" => (BrokerKind::Redis, false),
            "rediss" | "valkeys" => (BrokerKind::Redis, true),
            "kafka" => (BrokerKind::Kafka, false),
            "kafkas" => (BrokerKind::Kafka, true),
            "mqtt" => (BrokerKind::Mqtt, false),
            "mqtts" => (BrokerKind::Mqtt, true),
            _ => return Err(wrong("expected memory:, redis://, kafka:// or mqtt://")),
        };
        let mut broker = Broker { kind, secure, ..Broker::memory() };
        if kind == BrokerKind::Memory {
            let name = rest.trim_start_matches('/').to_owned();
            return Ok(Self { broker, dialect, name, options: BTreeMap::new() });
        }
        let rest = rest.strip_prefix("//").ok_or_else(|| wrong("`//` is missing"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (hosts, name) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(credentials) = credentials {
            let (user, password) = match credentials.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (credentials, None),
            };
            broker.user = (!user.is_empty()).then(|| unescape(user));
            broker.password = password.map(|password| Secret::new(unescape(password)));
        }
        let default = match (kind, secure) {
            (BrokerKind::Mqtt, true) => 8883,
            _ => kind.default_port(),
        };
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            broker
                .hosts
                .push(host_and_port(host, default).ok_or_else(|| wrong("a port is no number"))?);
        }
        if broker.hosts.is_empty() {
            return Err(wrong("it names no host"));
        }
        let mut options = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (key, kind) {
                ("db", BrokerKind::Redis) => {
                    broker.database =
                        value.parse().map_err(|_not_a_number: std::num::ParseIntError| {
                            wrong("`db` is no number")
                        })?;
                }
                ("sentinel", BrokerKind::Redis) => {
                    broker.mode = RedisMode::Sentinel(unescape(value))
                }
                ("cluster", BrokerKind::Redis) => broker.mode = RedisMode::Cluster,
                ("mechanism", BrokerKind::Kafka) => broker.mechanism = value.to_ascii_uppercase(),
                _ => drop(options.insert(key.to_owned(), unescape(value))),
            }
        }
        Ok(Self { broker, dialect, name: unescape(name), options })
    }
}

/// `[::1]:6379`, `host:6379`, `host`.
fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None => default,
        };
        return Some((host.to_owned(), port));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((text.to_owned(), default)),
    }
}

/// Everything that would mean something in an address as `%20` and the like.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// `%20` and the like back to what they stand for (RFC 3986 section 2.1).
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (byte == b'%').then(|| (ahead.next(), ahead.next()));
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match pair.and_then(|(a, b)| Some(digit(a)? * 16 + digit(b)?)) {
            Some(value) => {
                out.push(value as u8);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_brokers_are_understood() {
        let redis = Broker::parse("rediss://bob:p%40ss@10.0.0.1:7000/2").expect("valid");
        assert_eq!(redis.hosts, [("10.0.0.1".to_owned(), 7000)]);
        assert_eq!((redis.user.as_deref(), redis.database, redis.secure), (Some("bob"), 2, true));
        assert_eq!(redis.password.expect("one").reveal(), "p@ss");
        let cluster = Broker::parse("redis://a,b:7001?cluster").expect("valid");
        assert_eq!(cluster.mode, RedisMode::Cluster);
        assert_eq!(cluster.hosts.len(), 2);
        let sentinel = Broker::parse("redis://[::1]:26379/1?sentinel=mymaster").expect("valid");
        assert_eq!(sentinel.mode, RedisMode::Sentinel("mymaster".to_owned()));
        assert_eq!(sentinel.hosts, [("::1".to_owned(), 26379)]);
        let kafka = Broker::parse("kafkas://u:p@k:9093?mechanism=scram-sha-256").expect("valid");
        assert_eq!((kafka.mechanism.as_str(), kafka.secure), ("SCRAM-SHA-256", true));
    }

    #[test]
    fn what_is_shown_can_be_read_again_and_holds_no_password() {
        for url in [
            "rediss://bob:secret@10.0.0.1:7000,[::1]:7001/a%20b?db=2&sentinel=my%26master",
            "redis://:secret@h/x:y?cluster",
            "kafkas://u:secret@k:9093/t?mechanism=scram-sha-512",
            "mqtt://u@h/a/b",
            "kafka://h",
        ] {
            let address = BrokerAddress::parse(url).expect(url);
            let shown = address.broker.redacted(&address.name);
            assert!(!shown.contains("secret"), "{shown}");
            let whole = shown.replace(":***@", ":secret@");
            assert_eq!(BrokerAddress::parse(&whole).expect(&whole), address, "{shown}");
        }
    }

    #[test]
    fn a_stream_at_a_broker_is_understood() {
        let url = "redis+redisedge://host:6379/camera:0?db=3&fps=5";
        let address = BrokerAddress::parse(url).expect("valid");
        assert_eq!(address.dialect.as_deref(), Some("redisedge"));
        assert_eq!((address.name.as_str(), address.broker.database), ("camera:0", 3));
        assert_eq!(address.options.get("fps").map(String::as_str), Some("5"));
    }

    #[test]
    fn what_means_nothing_is_refused_without_its_password() {
        for url in [
            "amqp://u:secret@h",
            "redis://",
            "redis://u:secret@h:port",
            "kafka://u:secret@h/topic",
            "redis://u:secret@h/first",
            "redis://u:secret@h?no=1",
            "redis:h",
            "nothing",
        ] {
            let error = Broker::parse(url).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
