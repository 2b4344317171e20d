//! Logging in and out, one's own password and tokens, and tokens for single streams.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use omma_engine::config::Scope;
use omma_store::{MAX_TOKENS, NewUserToken};
use omma_types::{CameraId, Clock as _, SystemClock};

use crate::accounts::{Accounts, Caller, From, LoggedIn, TOKEN_PREFIX, Via, secret, session};
use crate::dto::{
    ErrorBody, LoginDto, MadeTokenDto, MeDto, NewStreamTokenDto, NewUserTokenDto,
    PasswordChangeDto, SetupDto, SetupStateDto, StreamTokenDto, UserTokenDto, UserTokensDto,
};
use crate::error::{ApiError, ApiResult};
use crate::params::{Camera, JsonBody, all_cameras, within};
use crate::port::Peer;
use crate::server::App;

/// How long a token for a stream lasts where nothing is said.
const STREAM_SECONDS: u64 = 300;

/// And at most.
const MOST_STREAM_SECONDS: u64 = 3600;

/// The longest that is said about a token.
const LONGEST_PURPOSE: usize = 100;

/// A token that lasts longer should be one without an end.
const MOST_TOKEN_SECONDS: u64 = 10 * 366 * 24 * 3600;

/// From where a request comes, with which browser.
pub(crate) struct Asker {
    peer: Peer,
    agent: String,
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        let peer = parts.extensions.get::<Peer>().copied();
        let peer = peer.ok_or_else(|| ApiError::internal("nobody knows where this came from"))?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self { peer, agent: agent.unwrap_or_default().to_owned() })
    }
}

impl Asker {
    fn from(&self) -> From<'_> {
        From { address: self.address(), agent: &self.agent }
    }

    /// The address alone.
    fn address(&self) -> IpAddr {
        self.peer.address.ip()
    }
}

/// Something that somebody does who is to be remembered for it.
pub(crate) struct Deed {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) caller: Caller,
    asker: Asker,
}

impl FromRequestParts<App> for Deed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let accounts = app.accounts.clone().ok_or_else(no_accounts)?;
        let caller = Caller::from_request_parts(parts, app).await?;
        let asker = Asker::from_request_parts(parts, app).await?;
        Ok(Self { accounts, caller, asker })
    }
}

impl Deed {
    /// Writes it down.
    pub(crate) fn note(&self, what: &'static str, target: &str) {
        let address = self.asker.address();
        self.accounts.audit.note(&self.caller.name, what, target, Some(address));
    }
}

fn no_accounts() -> ApiError {
    ApiError::not_found("there are no accounts here", "set `accounts: true` and restart")
}

/// The users, where there are accounts.
pub(crate) fn accounts(app: &App) -> ApiResult<&Accounts> {
    app.accounts.as_deref().ok_or_else(no_accounts)
}

/// Somebody who sits at a browser. Tokens must not make tokens, or change passwords.
fn in_session(caller: &Caller) -> ApiResult<&[u8; 32]> {
    match &caller.via {
        Via::Session { digest, .. } => Ok(digest),
        _ => Err(ApiError::denied("this takes a session, not a token", "log in")),
    }
}

fn me_of(caller: &Caller) -> MeDto {
    let cameras = caller.cameras.as_ref();
    let (via, csrf) = match &caller.via {
        Via::Nothing => ("nothing", None),
        Via::Session { csrf, .. } => ("session", Some(csrf.clone())),
        Via::ConfigToken(_) | Via::UserToken(_) | Via::StreamToken => ("token", None),
    };
    MeDto {
        name: caller.name.clone(),
        role: caller.role.as_str(),
        cameras: cameras.map(|names| names.iter().map(|id| id.as_str().to_owned()).collect()),
        via,
        csrf,
    }
}

/// The answer to somebody who has just logged in.
fn welcome(
    app: &App,
    logged_in: &LoggedIn,
    encrypted: bool,
    status: StatusCode,
) -> ApiResult<Response> {
    let LoggedIn { token, user } = logged_in;
    let longest = accounts(app)?.config.longest;
    let cookie = session::cookie(token, longest, encrypted);
    let cookie = cookie.ok_or_else(|| ApiError::internal("a cookie could not be written"))?;
    let via = Via::Session { digest: secret::digest(token), csrf: session::csrf(token) };
    let me = me_of(&Caller::user(user, via));
    Ok((status, [(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

/// Whether one logs in here
#[utoipa::path(
    get, path = "/api/v1/setup", operation_id = "get_setup", tag = "accounts",
    security(()),
    responses((status = 200, description = "Whether there are accounts", body = SetupStateDto))
)]
pub(crate) async fn setup_state(State(app): State<App>) -> ApiResult<Json<SetupStateDto>> {
    let setup = match &app.accounts {
        Some(accounts) => accounts.needs_setup().await?,
        None => false,
    };
    Ok(Json(SetupStateDto { accounts: app.accounts.is_some(), setup }))
}

/// Make the first administrator
///
/// With the token of the link that the program prints where there is no user yet. It is good once and
/// for half an hour. The answer is that of a log-in.
#[utoipa::path(
    post, path = "/api/v1/setup", operation_id = "set_up", tag = "accounts",
    security(()), request_body = SetupDto,
    responses(
        (status = 201, description = "Made, and logged in", body = MeDto),
        (status = 400, description = "The name or the password can't be used", body = ErrorBody),
        (status = 403, description = "The link is used up, too old, or none", body = ErrorBody),
        (status = 404, description = "There are no accounts", body = ErrorBody),
        (status = 409, description = "There is a user already", body = ErrorBody),
        (status = 429, description = "Too many attempts", body = ErrorBody),
    )
)]
pub(crate) async fn set_up(
    State(app): State<App>,
    asker: Asker,
    JsonBody(setup): JsonBody<SetupDto>,
) -> ApiResult<Response> {
    let SetupDto { token, name, password } = setup;
    let made = accounts(&app)?.set_up(&token, &name, password, asker.from()).await?;
    welcome(&app, &made, asker.peer.encrypted, StatusCode::CREATED)
}

/// Log in
///
/// Begins a session: a cookie that browsers send along. Its pages send the answer's `csrf` as
/// `x-omma-csrf` with every request that changes something.
#[utoipa::path(
    post, path = "/api/v1/login", operation_id = "log_in", tag = "accounts",
    security(()), request_body = LoginDto,
    responses(
        (status = 200, description = "Logged in", body = MeDto),
        (status = 401, description = "Name or password are wrong", body = ErrorBody),
        (status = 404, description = "There are no accounts", body = ErrorBody),
        (status = 429, description = "Too many attempts; `Retry-After` says when", body = ErrorBody),
        (status = 503, description = "Too many at once", body = ErrorBody),
    )
)]
pub(crate) async fn log_in(
    State(app): State<App>,
    asker: Asker,
    JsonBody(LoginDto { name, password }): JsonBody<LoginDto>,
) -> ApiResult<Response> {
    let logged_in = accounts(&app)?.log_in(&name, password, asker.from()).await?;
    welcome(&app, &logged_in, asker.peer.encrypted, StatusCode::OK)
}

/// Log out
#[utoipa::path(
    post, path = "/api/v1/logout", operation_id = "log_out", tag = "accounts",
    responses(
        (status = 204, description = "The session has ended"),
        (status = 403, description = "This is no session", body = ErrorBody),
    )
)]
pub(crate) async fn log_out(deed: Deed) -> ApiResult<Response> {
    deed.accounts.store.end_session(in_session(&deed.caller)?).await?;
    deed.note("logout", "");
    let cookie = session::no_cookie(deed.asker.peer.encrypted);
    let cookie = cookie.unwrap_or(HeaderValue::from_static(""));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who I am
#[utoipa::path(
    get, path = "/api/v1/me", operation_id = "get_me", tag = "accounts",
    responses((status = 200, description = "Who is asking", body = MeDto))
)]
pub(crate) async fn me(caller: Caller) -> Json<MeDto> {
    Json(me_of(&caller))
}

/// Change my password
///
/// Ends all other sessions.
#[utoipa::path(
    post, path = "/api/v1/me/password", operation_id = "change_password", tag = "accounts",
    request_body = PasswordChangeDto,
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "The new one can't be used", body = ErrorBody),
        (status = 403, description = "The old one is wrong, or this is no session",
            body = ErrorBody),
        (status = 429, description = "Too many attempts", body = ErrorBody),
    )
)]
pub(crate) async fn change_password(
    deed: Deed,
    JsonBody(PasswordChangeDto { old, new }): JsonBody<PasswordChangeDto>,
) -> ApiResult<StatusCode> {
    let Deed { accounts, caller, asker } = &deed;
    let keep = in_session(caller)?;
    if !accounts.knows_password(&caller.name, old, asker.address()).await? {
        deed.note("password_failed", "");
        return Err(ApiError::denied("the old password is wrong", "try again"));
    }
    let hash = accounts.passwords.hash(&caller.name, new).await?;
    accounts.store.set_password(caller.user, &hash, Some(keep)).await?;
    deed.note("password_changed", &caller.name);
    Ok(StatusCode::NO_CONTENT)
}

/// My tokens
#[utoipa::path(
    get, path = "/api/v1/me/tokens", operation_id = "list_my_tokens", tag = "accounts",
    responses((status = 200, description = "Oldest first", body = UserTokensDto))
)]
pub(crate) async fn tokens(
    State(app): State<App>,
    caller: Caller,
) -> ApiResult<Json<UserTokensDto>> {
    let tokens = accounts(&app)?.store.user_tokens(caller.user).await?;
    Ok(Json(UserTokensDto { tokens: tokens.into_iter().map(UserTokenDto::from).collect() }))
}

/// Make a token for a program
///
/// The answer shows it once; only a hash is kept. It is never good for more than its user.
#[utoipa::path(
    post, path = "/api/v1/me/tokens", operation_id = "make_token", tag = "accounts",
    request_body = NewUserTokenDto,
    responses(
        (status = 201, description = "The token", body = MadeTokenDto),
        (status = 400, description = "A field makes no sense", body = ErrorBody),
        (status = 403, description = "This is no session", body = ErrorBody),
        (status = 409, description = "The user has too many", body = ErrorBody),
    )
)]
pub(crate) async fn make_token(
    State(app): State<App>,
    deed: Deed,
    JsonBody(wish): JsonBody<NewUserTokenDto>,
) -> ApiResult<(StatusCode, Json<MadeTokenDto>)> {
    let caller = &deed.caller;
    in_session(caller)?;
    let name = wish.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_PURPOSE {
        return Err(ApiError::invalid("`name` is empty or too long", "say what the token is for"));
    }
    let scopes = scopes(&wish.scopes)?;
    let cameras = wish.cameras.as_deref().map(|names| cameras(&app, caller, names)).transpose()?;
    let seconds = wish.seconds.map(|s| within("seconds", s, 1, MOST_TOKEN_SECONDS)).transpose()?;
    let (token, now) = (secret::token(TOKEN_PREFIX)?, SystemClock.wall());
    let new = NewUserToken {
        digest: secret::digest(&token),
        user: caller.user,
        name,
        scopes: &scopes,
        cameras: cameras.as_deref(),
        expires: seconds.map(|seconds| now + Duration::from_secs(seconds)),
    };
    let Some(id) = deed.accounts.store.add_user_token(&new, now).await? else {
        let message = format!("a user has at most {MAX_TOKENS} tokens");
        return Err(ApiError::conflict(message, "take one back that is no longer used"));
    };
    deed.note("token_made", name);
    Ok((StatusCode::CREATED, Json(MadeTokenDto { token, id })))
}

fn scopes(words: &[String]) -> ApiResult<Vec<&'static str>> {
    let known = Scope::ALL.map(Scope::as_str);
    let find = |word: &String| known.into_iter().find(|scope| scope == word);
    match words.iter().map(find).collect::<Option<Vec<_>>>() {
        Some(scopes) if !scopes.is_empty() => Ok(scopes),
        _ => Err(ApiError::invalid(
            "`scopes` is empty or names one that there is not",
            format!("use {}", known.join(", ")),
        )),
    }
}

/// The cameras called `names`, all of which there must be for the caller.
pub(crate) fn cameras(app: &App, caller: &Caller, names: &[String]) -> ApiResult<Vec<CameraId>> {
    let known: Vec<CameraId> = all_cameras(&app.handle);
    let find = |name: &String| {
        let id = CameraId::new(name).ok().filter(|id| known.contains(id) && caller.may_see(id));
        id.ok_or_else(|| ApiError::no_camera(name, Some(&caller.known(&app.handle))))
    };
    names.iter().map(find).collect()
}

/// Take one of my tokens back
#[utoipa::path(
    delete, path = "/api/v1/me/tokens/{id}", operation_id = "remove_my_token", tag = "accounts",
    params(("id" = i64, Path, description = "The token's number")),
    responses(
        (status = 204, description = "It is no longer good"),
        (status = 403, description = "This is no session", body = ErrorBody),
        (status = 404, description = "No such token", body = ErrorBody),
    )
)]
pub(crate) async fn remove_token(deed: Deed, Path(id): Path<i64>) -> ApiResult<StatusCode> {
    in_session(&deed.caller)?;
    if !deed.accounts.store.remove_user_token(deed.caller.user, id).await? {
        return Err(ApiError::not_found("you have no such token", "see /api/v1/me/tokens"));
    }
    deed.note("token_removed", &id.to_string());
    Ok(StatusCode::NO_CONTENT)
}

/// A token for what one camera shows
///
/// For players that can send neither a header nor a cookie: `?token=` on the camera's live and
/// recorded pictures. It ends by itself, and with the next start.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/stream-token", operation_id = "make_stream_token",
    tag = "accounts", params(("name" = String, Path, description = "The camera's name")),
    request_body = NewStreamTokenDto,
    responses(
        (status = 200, description = "The token", body = StreamTokenDto),
        (status = 400, description = "That is too long", body = ErrorBody),
        (status = 404, description = "No such camera, or no accounts", body = ErrorBody),
    )
)]
pub(crate) async fn stream_token(
    State(app): State<App>,
    caller: Caller,
    Camera(camera): Camera,
    JsonBody(wish): JsonBody<NewStreamTokenDto>,
) -> ApiResult<Json<StreamTokenDto>> {
    let seconds = wish.seconds.unwrap_or(STREAM_SECONDS);
    let seconds = within("seconds", seconds, 1, MOST_STREAM_SECONDS)?;
    let accounts = accounts(&app)?;
    let lasting = Duration::from_secs(seconds);
    let made = accounts.stream_token(&caller, camera.id, lasting);
    let (token, until) = made.ok_or_else(|| {
        ApiError::denied("this takes a session or a token", "log in, or send a token")
    })?;
    Ok(Json(StreamTokenDto { token, expires_ms: until.as_millis() }))
}
