//! `/api/v1/users` and `/api/v1/audit`: for administrators.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use omma_store::{AuditQuery, MAX_PAGE, Role, User, UserChange, UserSettings, UserToken};
use omma_types::{CameraId, Clock as _, ErrorKind, SystemClock};
use serde_json::json;

use super::accounts::{Deed, accounts};
use crate::accounts::{Accounts, checked_name};
use crate::dto::{
    AuditEntryDto, AuditPageDto, AuditParams, ErrorBody, NewUserDto, UserChangeDto, UserDto,
    UsersDto,
};
use crate::error::{ApiError, ApiResult};
use crate::etag::IfMatch;
use crate::params::{JsonBody, Params, within};
use crate::server::App;

/// The most cameras that one user is limited to.
const MOST_CAMERAS: usize = 1000;

fn settings(role: &str, cameras: Option<Vec<String>>, disabled: bool) -> ApiResult<UserSettings> {
    let role = Role::from_word(role).ok_or_else(|| {
        ApiError::invalid("there is no such role", "use viewer, operator or admin")
    })?;
    let Some(names) = cameras else { return Ok(UserSettings { role, cameras: None, disabled }) };
    if role == Role::Admin {
        return Err(ApiError::invalid(
            "an administrator sees all cameras",
            "leave `cameras` out, or take the role `operator`",
        ));
    }
    if names.len() > MOST_CAMERAS {
        return Err(ApiError::invalid(format!("more than {MOST_CAMERAS} cameras"), "leave it out"));
    }
    // Names of cameras that are not there yet, or no longer, are good.
    let cameras = names.iter().map(|name| {
        let hint = "a camera's name is made of A-Z a-z 0-9 _ -";
        CameraId::new(name).map_err(|error| ApiError::invalid(error.to_string(), hint))
    });
    let cameras: Vec<CameraId> = cameras.collect::<ApiResult<_>>()?;
    Ok(UserSettings { role, cameras: Some(cameras), disabled })
}

fn no_user() -> ApiError {
    ApiError::not_found("there is no such user", "see /api/v1/users")
}

fn done(change: UserChange) -> ApiResult<()> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::NoUser => Err(no_user()),
        UserChange::LastAdmin => Err(ApiError::conflict(
            "nobody could manage anything any more",
            "make somebody else an administrator first",
        )),
        UserChange::Unexpected => Err(ApiError::conflict(
            "the user was changed meanwhile",
            "read `/api/v1/users` again, and change what stands there",
        )
        .with_kind(ErrorKind::Conflict)
        .with_status(StatusCode::PRECONDITION_FAILED)),
    }
}

/// The tag of what a change sets.
fn tag(app: &App, user: &User) -> String {
    let cameras = user.cameras.as_ref();
    let cameras = cameras.map(|list| list.iter().map(CameraId::as_str).collect::<Vec<_>>());
    app.tags.of(&json!([user.id, user.role.as_str(), cameras, user.disabled]))
}

/// The user as administrators see it.
async fn described(app: &App, name: &str) -> ApiResult<UserDto> {
    let accounts = accounts(app)?;
    let user = find(accounts, name).await?;
    let (tokens, tag) = (accounts.store.user_tokens(user.id).await?, tag(app, &user));
    Ok(UserDto::new(user, tokens, tag))
}

async fn find(accounts: &Accounts, name: &str) -> ApiResult<User> {
    let found = accounts.store.user(name).await?;
    found.map(|(user, _hash)| user).ok_or_else(no_user)
}

/// All users
#[utoipa::path(
    get, path = "/api/v1/users", operation_id = "list_users", tag = "accounts",
    responses(
        (status = 200, description = "By name, with their tokens", body = UsersDto),
        (status = 404, description = "There are no accounts", body = ErrorBody),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> ApiResult<Json<UsersDto>> {
    let store = &accounts(&app)?.store;
    let mut tokens = HashMap::<i64, Vec<UserToken>>::new();
    for (user, token) in store.all_user_tokens().await? {
        tokens.entry(user).or_default().push(token);
    }
    let describe = |user: User| {
        let (own, tag) = (tokens.remove(&user.id).unwrap_or_default(), tag(&app, &user));
        UserDto::new(user, own, tag)
    };
    Ok(Json(UsersDto { users: store.users().await?.into_iter().map(describe).collect() }))
}

/// Add a user
#[utoipa::path(
    post, path = "/api/v1/users", operation_id = "add_user", tag = "accounts",
    request_body = NewUserDto,
    responses(
        (status = 201, description = "Added", body = UserDto),
        (status = 400, description = "A field can't be used", body = ErrorBody),
        (status = 404, description = "There are no accounts", body = ErrorBody),
        (status = 409, description = "There is one of this name", body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    deed: Deed,
    JsonBody(new): JsonBody<NewUserDto>,
) -> ApiResult<(StatusCode, Json<UserDto>)> {
    let accounts = &deed.accounts;
    let name = checked_name(&new.name)?;
    let settings = settings(&new.role, new.cameras, false)?;
    let hash = accounts.passwords.hash(&name, new.password).await?;
    let added = accounts.store.add_user(&name, &hash, &settings, SystemClock.wall()).await?;
    if added.is_none() {
        let message = "there is a user of this name";
        return Err(ApiError::conflict(message, "take another name, or change that user"));
    }
    deed.note("user_added", &name);
    Ok((StatusCode::CREATED, Json(described(&app, &name).await?)))
}

/// Change a user
///
/// Another role and other cameras hold from the next request on.
#[utoipa::path(
    put, path = "/api/v1/users/{name}", operation_id = "put_user", tag = "accounts",
    params(
        ("name" = String, Path, description = "The user's name"),
        ("if-match" = Option<String>, Header, description = "The user's `etag` as it was seen: \
            where another one holds meanwhile, nothing is changed"),
    ),
    request_body = UserChangeDto,
    responses(
        (status = 200, description = "Changed", body = UserDto),
        (status = 400, description = "A field can't be used", body = ErrorBody),
        (status = 404, description = "No such user", body = ErrorBody),
        (status = 409, description = "It is the last administrator", body = ErrorBody),
        (status = 412, description = "The user was changed meanwhile", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    deed: Deed,
    Path(name): Path<String>,
    wanted: IfMatch,
    JsonBody(change): JsonBody<UserChangeDto>,
) -> ApiResult<Json<UserDto>> {
    let accounts = &deed.accounts;
    let settings = settings(&change.role, change.cameras, change.disabled)?;
    let user = find(accounts, &name).await?;
    let hash = match change.password {
        Some(password) => Some(accounts.passwords.hash(&user.name, password).await?),
        None => None,
    };
    let expected = |now: &User| wanted.is_met(Some(&tag(&app, now)));
    let change = accounts.store.change_user(&name, &settings, hash.as_deref(), expected);
    done(change.await?)?;
    deed.note("user_changed", &user.name);
    Ok(Json(described(&app, &name).await?))
}

/// Remove a user
///
/// With all sessions and tokens. What stands in the audit log stays.
#[utoipa::path(
    delete, path = "/api/v1/users/{name}", operation_id = "remove_user", tag = "accounts",
    params(("name" = String, Path, description = "The user's name")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "No such user", body = ErrorBody),
        (status = 409, description = "It is the last administrator", body = ErrorBody),
    )
)]
pub(crate) async fn remove(deed: Deed, Path(name): Path<String>) -> ApiResult<StatusCode> {
    done(deed.accounts.store.remove_user(&name).await?)?;
    deed.note("user_removed", &name);
    Ok(StatusCode::NO_CONTENT)
}

/// Take a user's token back
#[utoipa::path(
    delete, path = "/api/v1/users/{name}/tokens/{id}", operation_id = "remove_user_token",
    tag = "accounts",
    params(
        ("name" = String, Path, description = "The user's name"),
        ("id" = i64, Path, description = "The token's number"),
    ),
    responses(
        (status = 204, description = "It is no longer good"),
        (status = 404, description = "No such user or token", body = ErrorBody),
    )
)]
pub(crate) async fn remove_token(
    deed: Deed,
    Path((name, id)): Path<(String, i64)>,
) -> ApiResult<StatusCode> {
    let user = find(&deed.accounts, &name).await?;
    if !deed.accounts.store.remove_user_token(user.id, id).await? {
        return Err(ApiError::not_found("the user has no such token", "see /api/v1/users"));
    }
    deed.note("token_removed", &format!("{} {id}", user.name));
    Ok(StatusCode::NO_CONTENT)
}

/// Who did what
///
/// Log-ins, also failed ones, changes, exports, and who watched which camera (once in ten
/// minutes each). Newest first; pass the answer's `next` as `before_seq`.
#[utoipa::path(
    get, path = "/api/v1/audit", operation_id = "list_audit", tag = "accounts",
    params(AuditParams),
    responses(
        (status = 200, description = "A page of entries", body = AuditPageDto),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "There are no accounts", body = ErrorBody),
    )
)]
pub(crate) async fn audit(
    State(app): State<App>,
    Params(params): Params<AuditParams>,
) -> ApiResult<Json<AuditPageDto>> {
    let query = AuditQuery {
        who: params.who,
        what: params.what,
        before_seq: params.before_seq,
        limit: within("limit", params.limit.unwrap_or(100), 1, MAX_PAGE)?,
    };
    let (entries, next) = accounts(&app)?.store.audit(&query).await?;
    Ok(Json(AuditPageDto { entries: entries.into_iter().map(AuditEntryDto::from).collect(), next }))
}
