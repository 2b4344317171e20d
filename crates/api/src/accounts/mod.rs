//! Users, their sessions and tokens: who somebody is, and letting them in.
//!
//! Beside the tokens of the configuration, and only where it says `accounts`. Nothing that is
//! handed out is kept: sessions and tokens are found by their SHA-256, passwords are argon2id.

pub(crate) mod audit;
pub(crate) mod caller;
mod limit;
mod password;
pub(crate) mod rules;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod stream_token;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method};
use omma_engine::config::{AccountsConfig, Scope};
use omma_store::{NewSession, Session, Store, StoreError, User, UserToken};
use omma_types::{CameraId, Clock as _, SystemClock, WallTime};
use parking_lot::Mutex;

pub(crate) use self::audit::Audit;
pub(crate) use self::caller::{Caller, Via};
use self::limit::Attempts;
use self::password::Passwords;
use self::setup::SetupLink;
use self::stream_token::{Maker, StreamToken};
use crate::access::{Refusal, network_of};
use crate::error::{ApiError, ApiResult};

/// What tokens of users begin with.
pub(crate) const TOKEN_PREFIX: &str = "omma_";

/// The longest name of a user.
const LONGEST_NAME: usize = 64;

/// A browser's own words about itself are cut to this.
const LONGEST_AGENT: usize = 200;

/// Users, as one running server has them.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) store: Store,
    pub(crate) config: AccountsConfig,
    pub(crate) passwords: Passwords,
    pub(crate) audit: Audit,
    attempts: Mutex<Attempts>,
    link: Mutex<Option<SetupLink>>,
    stream_key: [u8; 32],
}

/// Somebody who has just logged in.
pub(crate) struct LoggedIn {
    /// What the cookie holds.
    pub(crate) token: String,
    pub(crate) user: User,
}

/// From where a request comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From<'a> {
    pub(crate) address: IpAddr,
    pub(crate) agent: &'a str,
}

impl Accounts {
    /// The users in `store`. `link`: what the first one is made with, where there is none yet.
    pub(crate) fn new(
        store: Store,
        config: AccountsConfig,
        audit: Audit,
        link: Option<SetupLink>,
    ) -> ApiResult<Self> {
        Ok(Self {
            store,
            config,
            passwords: Passwords::new(),
            audit,
            attempts: Mutex::default(),
            link: Mutex::new(link),
            stream_key: secret::random()?,
        })
    }

    /// Whether the first administrator is to be made with the link.
    pub(crate) async fn needs_setup(&self) -> Result<bool, StoreError> {
        Ok(self.link.lock().is_some() && !self.store.has_users().await?)
    }

    /// Makes the first administrator.
    pub(crate) async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: String,
        from: From<'_>,
    ) -> ApiResult<LoggedIn> {
        self.attempt(from.address, &secret::digest("setup"))?;
        let is_right = self.link.lock().as_ref().is_some_and(|link| link.is(token, Instant::now()));
        if !is_right || self.store.has_users().await? {
            self.audit.note("unknown", "setup_failed", "", Some(from.address));
            return Err(ApiError::denied(
                "this link is used up, too old, or none of ours",
                "the program printed the one that is good when it started; a restart makes a new \
                 one where there is no user yet",
            ));
        }
        let name = checked_name(name)?;
        let hash = self.passwords.hash(&name, password).await?;
        if self.store.add_first_user(&name, &hash, SystemClock.wall()).await?.is_none() {
            return Err(ApiError::conflict("there is a user already", "log in"));
        }
        self.link.lock().take();
        self.audit.note(&name, "setup", &name, Some(from.address));
        match self.store.user(&name).await? {
            Some((user, _hash)) => self.begin_session(user, from).await,
            None => Err(ApiError::internal("a user was lost on its way")),
        }
    }

    /// Lets somebody in who knows the password.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: String,
        from: From<'_>,
    ) -> ApiResult<LoggedIn> {
        let name = name.trim();
        let key = secret::digest(&name.to_lowercase());
        self.attempt(from.address, &key)?;
        let found = self.store.user(name).await?;
        let (user, hash) = found.unzip();
        let is_right = self.passwords.is_right(hash, password).await?;
        let good = user.clone().filter(|user| is_right && !user.disabled);
        let Some(user) = good else {
            // A password typed into the wrong field must not be kept: only names that there are.
            let who = user.map_or("unknown".to_owned(), |user| user.name);
            self.audit.note(&who, "login_failed", "", Some(from.address));
            return Err(ApiError::unauthorized(
                "name or password are wrong",
                "an administrator can give you another password",
            ));
        };
        self.attempts.lock().give_back(network_of(from.address), &key);
        self.audit.note(&user.name, "login", "", Some(from.address));
        self.begin_session(user, from).await
    }

    /// Whether `password` is the user's; counted like a log-in.
    pub(crate) async fn knows_password(
        &self,
        name: &str,
        password: String,
        address: IpAddr,
    ) -> ApiResult<bool> {
        let key = secret::digest(&name.to_lowercase());
        self.attempt(address, &key)?;
        let hash = self.store.user(name).await?.map(|(_user, hash)| hash);
        let is_right = self.passwords.is_right(hash, password).await?;
        if is_right {
            self.attempts.lock().give_back(network_of(address), &key);
        }
        Ok(is_right)
    }

    fn attempt(&self, address: IpAddr, name: &[u8; 32]) -> ApiResult<()> {
        let taken = self.attempts.lock().take(network_of(address), name, Instant::now());
        taken.map_err(|wait| ApiError::too_many("too many attempts", wait))
    }

    async fn begin_session(&self, user: User, from: From<'_>) -> ApiResult<LoggedIn> {
        let token = secret::token("")?;
        let now = SystemClock.wall();
        let agent: String = from.agent.chars().take(LONGEST_AGENT).collect();
        let session = NewSession {
            digest: secret::digest(&token),
            user: user.id,
            expires: now + self.config.longest,
            address: &from.address.to_canonical().to_string(),
            agent: &agent,
        };
        self.store.begin_session(&session, now).await?;
        Ok(LoggedIn { token, user })
    }

    /// Who the cookie `token` belongs to.
    pub(crate) async fn of_cookie(
        &self,
        token: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Caller, Refusal> {
        let (digest, now) = (secret::digest(token), SystemClock.wall());
        let session = self.alive(&digest, now).await?;
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes && !session::is_from_our_page(headers, token) {
            return Err(Refusal::ForeignPage);
        }
        if session::is_to_note(Some(session.seen), now) {
            self.store.session_seen(&digest, now).await.map_err(Refusal::from)?;
        }
        let via = Via::Session { digest, csrf: session::csrf(token) };
        Ok(Caller::user(&session.user, via))
    }

    /// Who the API token `token` belongs to, and its scopes; none where it is not known.
    pub(crate) async fn of_token(
        &self,
        token: &str,
    ) -> Result<Option<(Caller, Vec<String>)>, Refusal> {
        if !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let found = self.store.user_token(&secret::digest(token)).await.map_err(Refusal::from)?;
        let Some((token, user)) = found else { return Ok(None) };
        let now = SystemClock.wall();
        let caller = good_token(&token, &user, now)?;
        if session::is_to_note(token.used, now) {
            self.store.user_token_used(token.id, now).await.map_err(Refusal::from)?;
        }
        Ok(Some((caller, token.scopes)))
    }

    /// Whose token it is that has the number `id`.
    pub(crate) async fn of_token_with_id(&self, id: i64) -> Result<Caller, Refusal> {
        let found = self.store.user_token_with_id(id).await.map_err(Refusal::from)?;
        let (token, user) = found.ok_or(Refusal::Ended)?;
        good_token(&token, &user, SystemClock.wall())
    }

    /// What a token for a single stream says.
    pub(crate) fn read_stream_token(&self, text: &str) -> Result<StreamToken, Refusal> {
        StreamToken::read(text, &self.stream_key, SystemClock.wall()).ok_or(Refusal::Ended)
    }

    /// Whose session this still is.
    pub(crate) async fn of_session(&self, digest: &[u8; 32]) -> Result<User, Refusal> {
        self.alive(digest, SystemClock.wall()).await.map(|session| session.user)
    }

    async fn alive(&self, digest: &[u8; 32], now: WallTime) -> Result<Session, Refusal> {
        let session = self.store.session(digest).await.map_err(Refusal::from)?;
        let session = session.filter(|session| session::is_alive(session, &self.config, now));
        session.ok_or(Refusal::Ended)
    }

    /// What a token for a single stream names a token of the configuration by.
    pub(crate) fn seal(&self, digest: &[u8; 32]) -> [u8; 32] {
        stream_token::seal(&self.stream_key, digest)
    }

    /// A token for what `camera` shows, as long as `caller` may see it; none for those who have
    /// shown nothing that could be taken back.
    pub(crate) fn stream_token(
        &self,
        caller: &Caller,
        camera: CameraId,
        lasting: Duration,
    ) -> Option<(String, WallTime)> {
        let by = match &caller.via {
            Via::Session { digest, .. } => Maker::Session(*digest),
            Via::UserToken(id) => Maker::UserToken(*id),
            Via::ConfigToken(digest) => Maker::ConfigToken(self.seal(digest)),
            Via::Nothing | Via::StreamToken => return None,
        };
        let until = SystemClock.wall() + lasting;
        Some((StreamToken { camera, by, until }.signed(&self.stream_key), until))
    }
}

/// What a user's token lets its bearer do.
fn good_token(token: &UserToken, user: &User, now: WallTime) -> Result<Caller, Refusal> {
    if user.disabled || token.expires.is_some_and(|end| end <= now) {
        return Err(Refusal::Ended);
    }
    Ok(Caller::user(user, Via::UserToken(token.id)).only(token.cameras.as_deref()))
}

/// A user's name, if it can be one.
pub(crate) fn checked_name(name: &str) -> ApiResult<String> {
    let name = name.trim();
    let good = |letter: char| letter.is_alphanumeric() || " ._-@+".contains(letter);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(good) {
        return Err(ApiError::invalid(
            "this can't be a user's name",
            format!("1 to {LONGEST_NAME} letters, digits, spaces and any of . _ - @ +"),
        ));
    }
    Ok(name.to_owned())
}

/// Whether any of a token's scopes is among `needed`.
pub(crate) fn has_scope(scopes: &[String], needed: &[Scope]) -> bool {
    let is = |word: &str, scope: &Scope| scope.as_str() == word;
    scopes.iter().any(|word| is(word, &Scope::Admin) || needed.iter().any(|n| is(word, n)))
}
