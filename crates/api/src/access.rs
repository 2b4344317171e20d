//! Who may ask for what: tokens, and what each is good for.
//!
//! A token comes as `Authorization: Bearer TOKEN` (RFC 6750), or as the password of
//! `Authorization: Basic` (RFC 7617), which a browser asks its user for and then sends with
//! pictures and WebSockets too. gRPC's metadata `authorization` is the same header.
//!
//! Where there are accounts, a browser's session and the tokens that users have made are good
//! too: see `accounts`. Without tokens and accounts everybody may do everything.
//!
//! Tokens are kept and compared as SHA-256 only, each comparison as long as any other. Wrong
//! ones are slowed down by the address they come from; right ones never are, so a client with
//! an old token can't shut out its neighbours behind the same proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use omma_engine::Refused;
use omma_engine::config::{Scope, TokenConfig};
use omma_store::{Role, StoreError};
use omma_types::CameraId;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use crate::accounts::rules::{Cameras, Rule, camera_of};
use crate::accounts::secret::digest;
use crate::accounts::stream_token::{Maker, StreamToken};
use crate::accounts::{Accounts, Caller, Via, has_scope, session};
use crate::port::Peer;

/// Mistakes that cost nothing: somebody types.
const FREE_MISTAKES: u32 = 3;

/// How long the first mistake after those is made to wait; each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest that an answer to a wrong token waits.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// An address that makes no mistake for this long starts afresh.
const FORGIVEN_AFTER: Duration = Duration::from_mins(5);

/// Addresses that are remembered; then the one that is longest quiet is forgotten.
const MAX_ADDRESSES: usize = 1024;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: everybody may ask.
    Nothing,
    /// A token with any of these scopes, or with [`Scope::Admin`].
    AnyOf(&'static [Scope]),
}

impl Need {
    /// To look.
    pub(crate) const READ: Self = Self::AnyOf(&[Scope::Read]);
    /// To change cameras, passing on, storage.
    pub(crate) const CONTROL: Self = Self::AnyOf(&[Scope::Control]);
    /// To add annotations.
    pub(crate) const ANNOTATE: Self = Self::AnyOf(&[Scope::Annotate]);
    /// To read metrics.
    pub(crate) const METRICS: Self = Self::AnyOf(&[Scope::Metrics, Scope::Read]);
    /// To manage users.
    pub(crate) const ADMIN: Self = Self::AnyOf(&[Scope::Admin]);

    /// What users need where scopes of tokens need this, and cameras are not told apart.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Nothing => Role::Viewer,
            Self::AnyOf(scopes) => match scopes {
                [Scope::Read | Scope::Metrics, ..] => Role::Viewer,
                [Scope::Control | Scope::Annotate, ..] => Role::Operator,
                _ => Role::Admin,
            },
        }
    }
}

/// A request, as far as it is about who may ask.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) peer: Option<Peer>,
    /// What tokens need.
    pub(crate) need: Need,
    /// What users need.
    pub(crate) rule: Rule,
    /// A token for a single stream, where one is good.
    pub(crate) stream_token: Option<&'a str>,
    /// Whether sessions of browsers are good here.
    pub(crate) browsers: bool,
}

/// How a refusal is told, in every interface's own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Say who you are.
    Unknown,
    /// You may not.
    Denied,
    /// There is no such thing for you.
    NotThere,
    /// It can't be told now.
    Unavailable,
}

/// Why a request is not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No token came.
    NoToken,
    /// One came, and it is not known, or can't be read.
    WrongToken,
    /// The token is not good for this.
    MissingScope {
        /// Its name.
        token: String,
        /// What it would need.
        needed: &'static [Scope],
    },
    /// The token that a user has made is not good for this.
    MissingUserScope {
        /// Whose it is.
        user: String,
        /// What it would need.
        needed: &'static [Scope],
    },
    /// A session or token has ended, or its user is kept out.
    Ended,
    /// A page that is none of ours sent a browser's session along.
    ForeignPage,
    /// The user may not do this.
    MissingRole {
        /// What the user is.
        role: Role,
        /// What it takes.
        needed: Role,
    },
    /// The user may see only some cameras, and this is about all.
    NotAllCameras,
    /// There is no such camera for this user.
    NoCamera,
    /// The store could not say who this is.
    Unavailable(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store could not say who somebody is");
        Self::Unavailable(error.to_string())
    }
}

impl Refusal {
    /// Under which reason it is counted; none where it is our fault.
    pub(crate) const fn reason(&self) -> Option<Refused> {
        match self {
            Self::NoToken => Some(Refused::NoToken),
            Self::WrongToken | Self::Ended => Some(Refused::WrongToken),
            Self::ForeignPage => Some(Refused::ForeignSite),
            Self::MissingScope { .. }
            | Self::MissingUserScope { .. }
            | Self::MissingRole { .. }
            | Self::NotAllCameras
            | Self::NoCamera => Some(Refused::MissingScope),
            Self::Unavailable(_) => None,
        }
    }

    /// How it is told.
    pub(crate) const fn telling(&self) -> Telling {
        match self {
            Self::NoToken | Self::WrongToken | Self::Ended => Telling::Unknown,
            Self::MissingScope { .. }
            | Self::MissingUserScope { .. }
            | Self::MissingRole { .. }
            | Self::ForeignPage
            | Self::NotAllCameras => Telling::Denied,
            Self::NoCamera => Telling::NotThere,
            Self::Unavailable(_) => Telling::Unavailable,
        }
    }

    /// What happened, for whoever asked.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoToken => "a token is needed here".to_owned(),
            Self::WrongToken => "this token is not known here".to_owned(),
            Self::MissingScope { token, needed } => {
                format!("the token `{token}` does not have the scope {}", words(needed))
            }
            Self::MissingUserScope { user, needed } => {
                format!("this token of the user `{user}` does not have the scope {}", words(needed))
            }
            Self::Ended => "this session or token has ended".to_owned(),
            Self::ForeignPage => "this was not sent by one of our pages".to_owned(),
            Self::MissingRole { role, needed } => {
                format!("this takes the role `{}`, not `{}`", needed.as_str(), role.as_str())
            }
            Self::NotAllCameras => "this is about all cameras, and you see only some".to_owned(),
            Self::NoCamera => "there is no such camera".to_owned(),
            Self::Unavailable(reason) => format!("it can't be said who you are: {reason}"),
        }
    }

    /// What to do about it.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::NoToken => {
                "send `Authorization: Bearer TOKEN`, or the token as the password of HTTP Basic"
            }
            Self::WrongToken => {
                "use one of `auth.tokens` in the configuration or, where there are accounts, one \
                 that a user has made"
            }
            Self::MissingScope { .. } => "add the scope to the token in `auth.tokens`",
            Self::MissingUserScope { .. } => "make another token with that scope",
            Self::Ended => "log in again, or make another token",
            Self::ForeignPage => {
                "send the `csrf` of `/api/v1/me` in the header `x-omma-csrf` with every change"
            }
            Self::MissingRole { .. } | Self::NotAllCameras | Self::NoCamera => {
                "an administrator can give you more"
            }
            Self::Unavailable(_) => "see the log, and try again",
        }
    }
}

/// Scopes in a sentence.
fn words(scopes: &[Scope]) -> String {
    let words: Vec<String> = scopes.iter().map(|scope| format!("`{}`", scope.as_str())).collect();
    words.join(" or ")
}

/// A configured token.
#[derive(Clone)]
struct Token {
    name: String,
    digest: [u8; 32],
    scopes: Vec<Scope>,
}

impl Token {
    fn new(config: &TokenConfig) -> Self {
        Self {
            name: config.name.clone(),
            digest: digest(config.secret.reveal()),
            scopes: config.scopes.clone(),
        }
    }

    fn allows(&self, needed: &[Scope]) -> bool {
        self.scopes.iter().any(|scope| *scope == Scope::Admin || needed.contains(scope))
    }
}

/// Who may ask for what, now.
pub(crate) struct Access {
    tokens: RwLock<Arc<[Token]>>,
    mistakes: Mutex<Mistakes>,
    accounts: Option<Arc<Accounts>>,
    changes: watch::Sender<()>,
}

impl Access {
    /// Lets those in who have one of `tokens`, and the users of `accounts`; everybody, if there
    /// is neither.
    pub(crate) fn new(tokens: &[TokenConfig], accounts: Option<Arc<Accounts>>) -> Self {
        Self {
            tokens: RwLock::new(tokens.iter().map(Token::new).collect()),
            mistakes: Mutex::new(Mistakes::default()),
            accounts,
            changes: watch::Sender::new(()),
        }
    }

    /// Hears of it when somebody may have lost the right to something.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Has everything that was let through looked at again.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
    }

    /// The users, where there are accounts.
    pub(crate) fn accounts(&self) -> Option<&Accounts> {
        self.accounts.as_deref()
    }

    /// From now on, `tokens` are good, and no others.
    pub(crate) fn set_tokens(&self, tokens: &[TokenConfig]) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) =
            tokens.iter().map(Token::new).collect();
        self.changed();
    }

    /// Lets a request through or not, and says whose it is. Refusing a wrong token takes its
    /// time.
    pub(crate) async fn check(&self, ask: Ask<'_>) -> Result<Caller, Refusal> {
        let outcome = self.who(ask).await;
        if let (Err(Refusal::WrongToken), Some(peer)) = (&outcome, ask.peer) {
            let (count, wait) = {
                let mut mistakes = self.mistakes.lock().unwrap_or_else(PoisonError::into_inner);
                mistakes.made(peer.address.ip(), Instant::now())
            };
            if count.is_power_of_two() {
                tracing::warn!(from = %peer.address.ip(), count, "a wrong token was sent");
            }
            tokio::time::sleep(wait).await;
        }
        outcome
    }

    /// Whose request it is, at once.
    pub(crate) async fn who(&self, ask: Ask<'_>) -> Result<Caller, Refusal> {
        let Need::AnyOf(needed) = ask.need else { return Ok(Caller::anybody().only(Some(&[]))) };
        match &self.accounts {
            Some(accounts) => self.of_accounts(accounts, ask, needed).await,
            None => self.decide(ask.headers, needed),
        }
    }

    /// Who asks where there are accounts: nobody gets in without a token or a session.
    async fn of_accounts(
        &self,
        accounts: &Accounts,
        ask: Ask<'_>,
        needed: &'static [Scope],
    ) -> Result<Caller, Refusal> {
        let cookie = if ask.browsers { session::sent(ask.headers) } else { None };
        let caller = match (sent_token(ask.headers), ask.stream_token, cookie) {
            (Ok(token), _, _) => {
                if let Some(outcome) = self.of_config(&token, needed) {
                    return outcome;
                }
                let found = accounts.of_token(&token).await?;
                let (caller, scopes) = found.ok_or(Refusal::WrongToken)?;
                if !has_scope(&scopes, needed) {
                    return Err(Refusal::MissingUserScope { user: caller.name, needed });
                }
                caller
            }
            (Err(Refusal::NoToken), Some(token), _) => {
                self.of_stream_token(accounts, token, needed).await?
            }
            (Err(Refusal::NoToken), None, Some(cookie)) => {
                accounts.of_cookie(cookie, ask.method, ask.headers).await?
            }
            (Err(refusal), _, _) => return Err(refusal),
        };
        may(&caller, ask.rule, ask.path)?;
        Ok(caller)
    }

    /// Who has a token for a single stream, as long as what it was made with is good.
    async fn of_stream_token(
        &self,
        accounts: &Accounts,
        text: &str,
        needed: &'static [Scope],
    ) -> Result<Caller, Refusal> {
        let StreamToken { camera, by, until: _ } = accounts.read_stream_token(text)?;
        let caller = match by {
            Maker::Session(digest) => {
                Caller::user(&accounts.of_session(&digest).await?, Via::StreamToken)
            }
            Maker::UserToken(id) => accounts.of_token_with_id(id).await?,
            Maker::ConfigToken(sealed) => {
                let found = self.config_token(|token| accounts.seal(&token.digest) == sealed);
                may_bear(&found.ok_or(Refusal::Ended)?, needed)?
            }
        };
        let caller = caller.only(Some(&[camera]));
        Ok(Caller { role: Role::Viewer, via: Via::StreamToken, ..caller })
    }

    fn decide(&self, headers: &HeaderMap, needed: &'static [Scope]) -> Result<Caller, Refusal> {
        if self.tokens.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
            // Whoever has got through the handshake, or is on this machine, may do everything:
            // a port that lets in others is not opened.
            return Ok(Caller::anybody());
        }
        self.of_config(&sent_token(headers)?, needed).unwrap_or(Err(Refusal::WrongToken))
    }

    /// What a token of the configuration may; none where it is no such token.
    fn of_config(&self, sent: &str, needed: &'static [Scope]) -> Option<Result<Caller, Refusal>> {
        let sent = digest(sent);
        let found = self.config_token(|token| bool::from(token.digest.ct_eq(&sent)));
        found.map(|token| may_bear(&token, needed))
    }

    /// The token of the configuration that `is` knows. All are looked at, however early it is
    /// found.
    fn config_token(&self, is: impl Fn(&Token) -> bool) -> Option<Token> {
        let tokens = Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner));
        let mut known = None;
        for token in tokens.iter() {
            if is(token) {
                known = Some(token);
            }
        }
        known.cloned()
    }
}

/// Whether a token of the configuration has any of the scopes `needed`.
fn may_bear(token: &Token, needed: &'static [Scope]) -> Result<Caller, Refusal> {
    if token.allows(needed) {
        return Ok(Caller::config_token(&token.name, token.digest));
    }
    Err(Refusal::MissingScope { token: token.name.clone(), needed })
}

/// Whether `rule` lets `caller` ask for `path`.
fn may(caller: &Caller, rule: Rule, path: &str) -> Result<(), Refusal> {
    let camera: Option<CameraId> = camera_of(path);
    let is_there = match (rule.cameras, &caller.cameras) {
        (Cameras::Named, Some(cameras)) => camera.is_some_and(|name| cameras.contains(&name)),
        _ => true,
    };
    // Before the role is looked at: what is not there can't be forbidden.
    if !is_there {
        return Err(Refusal::NoCamera);
    }
    if caller.role < rule.role {
        return Err(Refusal::MissingRole { role: caller.role, needed: rule.role });
    }
    if rule.cameras == Cameras::All && caller.cameras.is_some() {
        return Err(Refusal::NotAllCameras);
    }
    Ok(())
}

/// The token in the header `Authorization`.
fn sent_token(headers: &HeaderMap) -> Result<String, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Err(Refusal::NoToken) };
    let (scheme, rest) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or(Refusal::WrongToken)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::WrongToken);
    }
    let pair = STANDARD.decode(rest).or_else(|_padded| STANDARD_NO_PAD.decode(rest)).ok();
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
    match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        // `curl -u TOKEN:` is common too.
        Some((token, "")) | Some((_, token)) => Ok(token.to_owned()),
        None => Err(Refusal::WrongToken),
    }
}

/// Wrong tokens by the address they came from.
#[derive(Default)]
struct Mistakes {
    by_address: HashMap<IpAddr, (u32, Instant)>,
}

impl Mistakes {
    /// Notes one more; tells how many that makes, and how long its answer is to wait.
    fn made(&mut self, from: IpAddr, now: Instant) -> (u32, Duration) {
        let from = network_of(from);
        if self.by_address.len() >= MAX_ADDRESSES && !self.by_address.contains_key(&from) {
            let quietest = self.by_address.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(quietest) = quietest.map(|(address, _)| *address) {
                self.by_address.remove(&quietest);
            }
        }
        let (count, last) = self.by_address.entry(from).or_insert((0, now));
        if now.saturating_duration_since(*last) >= FORGIVEN_AFTER {
            *count = 0;
        }
        (*count, *last) = (count.saturating_add(1), now);
        (*count, wait(*count))
    }
}

fn wait(mistakes: u32) -> Duration {
    match mistakes.checked_sub(FREE_MISTAKES + 1) {
        None => Duration::ZERO,
        Some(doubled) => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doubled)).min(LONGEST_WAIT),
    }
}

/// One household has a whole /64 of IPv6 addresses (RFC 6177): they count as one.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use omma_types::Secret;
    use proptest::prelude::*;

    use super::*;

    const LOOK: &str = "look-and-no-more";
    const ALL: &str = "everything-there-is";

    fn tokens() -> Vec<TokenConfig> {
        let token = |name: &str, secret, scopes: &[Scope]| TokenConfig {
            name: name.to_owned(),
            secret: Secret::new(secret),
            scopes: scopes.to_vec(),
        };
        vec![
            token("portal", LOOK, &[Scope::Read]),
            token("boss", ALL, &[Scope::Admin]),
            token("prometheus", "only-for-numbers", &[Scope::Metrics]),
        ]
    }

    fn sends(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    fn basic(pair: &str) -> HeaderMap {
        sends(&format!("Basic {}", STANDARD.encode(pair)))
    }

    fn decide(headers: &HeaderMap, need: Need) -> Result<(), Refusal> {
        let Need::AnyOf(needed) = need else { return Ok(()) };
        Access::new(&tokens(), None).decide(headers, needed).map(|_caller| ())
    }

    #[test]
    fn a_token_is_good_for_its_scopes_and_nothing_else() {
        let cases: [(&str, Need, bool); 8] = [
            (LOOK, Need::READ, true),
            (LOOK, Need::METRICS, true),
            (LOOK, Need::CONTROL, false),
            (LOOK, Need::ANNOTATE, false),
            (ALL, Need::CONTROL, true),
            (ALL, Need::ANNOTATE, true),
            ("only-for-numbers", Need::METRICS, true),
            ("only-for-numbers", Need::READ, false),
        ];
        for (token, need, good) in cases {
            for headers in [sends(&format!("Bearer {token}")), basic(&format!("me:{token}"))] {
                let outcome = decide(&headers, need);
                assert_eq!(outcome.is_ok(), good, "{token} {need:?} {outcome:?}");
            }
        }
        let refusal = decide(&sends(&format!("Bearer {LOOK}")), Need::CONTROL).unwrap_err();
        assert_eq!(refusal.message(), "the token `portal` does not have the scope `control`");
    }

    #[test]
    fn every_way_to_send_it_is_read_and_everything_else_is_wrong() {
        for good in [
            sends(&format!("bearer  {LOOK}")),
            sends(&format!("BEARER {LOOK} ")),
            basic(&format!("{LOOK}:")),
            basic(&format!(":{LOOK}")),
            sends(&format!("basic {}", STANDARD_NO_PAD.encode(format!("ab:{LOOK}")))),
        ] {
            assert_eq!(decide(&good, Need::READ), Ok(()), "{good:?}");
        }
        for wrong in ["Bearer", "Bearer x", "Digest a=b", "Basic !", "Basic bm9jb2xvbg==", LOOK] {
            assert_eq!(decide(&sends(wrong), Need::READ), Err(Refusal::WrongToken), "{wrong}");
        }
        let mut bytes = HeaderMap::new();
        bytes.insert(header::AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
        assert_eq!(decide(&bytes, Need::READ), Err(Refusal::WrongToken));
        assert_eq!(decide(&HeaderMap::new(), Need::READ), Err(Refusal::NoToken));
        assert_eq!(decide(&HeaderMap::new(), Need::Nothing), Ok(()));
    }

    #[test]
    fn new_tokens_replace_the_old_ones_at_once() {
        let access = Access::new(&[], None);
        let decide = |headers, needed| access.decide(&headers, needed).map(|_caller| ());
        assert_eq!(decide(HeaderMap::new(), &[Scope::Control]), Ok(()));
        access.set_tokens(&tokens());
        assert_eq!(decide(HeaderMap::new(), &[Scope::Read]), Err(Refusal::NoToken));
        assert_eq!(decide(sends(&format!("Bearer {LOOK}")), &[Scope::Read]), Ok(()));
    }

    #[test]
    fn mistakes_cost_more_and_more_and_are_forgiven() {
        let mut mistakes = Mistakes::default();
        let (start, home) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let waits: Vec<u128> = (0..11).map(|_| mistakes.made(home, start).1.as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 400, 800, 1600, 3000, 3000, 3000]);
        let elsewhere = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(mistakes.made(elsewhere, start), (1, Duration::ZERO));
        assert_eq!(mistakes.made(home, start + FORGIVEN_AFTER), (1, Duration::ZERO));
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let mut mistakes = Mistakes::default();
        let now = Instant::now();
        for (address, count) in [
            ("2001:db8:0:1::1", 1),
            ("2001:db8:0:1:ffff::2", 2),
            ("2001:db8:0:2::1", 1),
            ("::ffff:192.0.2.1", 1),
            ("192.0.2.1", 2),
            ("::ffff:192.0.2.9", 1),
        ] {
            assert_eq!(mistakes.made(address.parse().unwrap(), now).0, count, "{address}");
        }
    }

    proptest! {
        /// However many addresses try, what is remembered of them is bounded, and the newest
        /// is always among it.
        #[test]
        fn the_memory_of_mistakes_is_bounded(seeds in prop::collection::vec(any::<u32>(), 1..3000)) {
            let mut mistakes = Mistakes::default();
            let start = Instant::now();
            for (n, seed) in (0_u32..).zip(seeds) {
                let address = IpAddr::from(seed.to_be_bytes());
                mistakes.made(address, start + Duration::from_millis(n.into()));
                prop_assert!(mistakes.by_address.len() <= MAX_ADDRESSES);
                prop_assert!(mistakes.by_address.contains_key(&address));
            }
        }

        /// Whatever is sent: no panic, and nobody gets in without a token.
        #[test]
        fn rubbish_is_refused(value in prop::collection::vec(32_u8..=255, 0..64)) {
            let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            prop_assert_eq!(decide(&headers, Need::READ), Err(Refusal::WrongToken));
        }
    }
}
