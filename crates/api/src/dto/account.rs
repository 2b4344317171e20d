//! Users, sessions and tokens in JSON.

use std::fmt;

use omma_store::{StoredAuditEntry, User, UserToken};
use omma_types::CameraId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whether there are accounts, and whether the first one is still to be made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupState)]
pub struct SetupStateDto {
    /// Whether one logs in with a name and a password.
    pub accounts: bool,
    /// Whether the link in the log is waiting for the first administrator.
    pub setup: bool,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Setup)]
pub struct SetupDto {
    /// What stands behind `#` in the link of the log.
    pub token: String,
    /// The name to log in with.
    #[schema(example = "anna")]
    pub name: String,
    /// At least ten characters.
    pub password: String,
}

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
pub struct LoginDto {
    /// The name; case does not matter.
    #[schema(example = "anna")]
    pub name: String,
    /// The password.
    pub password: String,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub struct PasswordChangeDto {
    /// The one so far.
    pub old: String,
    /// The one from now on: at least ten characters.
    pub new: String,
}

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub struct MeDto {
    /// The user's name.
    #[schema(example = "anna")]
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "operator")]
    pub role: &'static str,
    /// The cameras that there are for this user; `null`: all.
    pub cameras: Option<Vec<String>>,
    /// How it was shown: `session`, `token`, or `nothing` where nobody is asked.
    #[schema(example = "session")]
    pub via: &'static str,
    /// In a session: what pages send as `x-omma-csrf` with every request that changes
    /// something.
    pub csrf: Option<String>,
}

/// Somebody who may use Omma.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserDto {
    /// The name; case does not matter.
    #[schema(example = "anna")]
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "operator")]
    pub role: &'static str,
    /// The cameras that there are for this user; `null`: all.
    pub cameras: Option<Vec<String>>,
    /// Whether the user is kept out for the time being.
    pub disabled: bool,
    /// When the user was added, RFC 3339.
    pub created: String,
    /// The same in milliseconds since 1970.
    pub created_ms: i64,
    /// What the user has made for programs.
    pub tokens: Vec<UserTokenDto>,
    /// Which state this is: sent as `If-Match`, a change is made only while it holds.
    #[schema(example = "\"0123456789abcdef0123456789abcdef\"")]
    pub etag: String,
}

impl UserDto {
    pub(crate) fn new(user: User, tokens: Vec<UserToken>, etag: String) -> Self {
        Self {
            etag,
            name: user.name,
            role: user.role.as_str(),
            cameras: user.cameras.as_deref().map(names),
            disabled: user.disabled,
            created: user.created.to_string(),
            created_ms: user.created.as_millis(),
            tokens: tokens.into_iter().map(UserTokenDto::from).collect(),
        }
    }
}

/// All users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Users)]
pub struct UsersDto {
    /// By name.
    pub users: Vec<UserDto>,
}

/// A user to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub struct NewUserDto {
    /// The name to log in with.
    #[schema(example = "ben")]
    pub name: String,
    /// At least ten characters.
    pub password: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "viewer")]
    pub role: String,
    /// The cameras that there are for this user; left out: all.
    pub cameras: Option<Vec<String>>,
}

/// What holds of a user from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
pub struct UserChangeDto {
    /// `viewer`, `operator` or `admin`.
    #[schema(example = "viewer")]
    pub role: String,
    /// The cameras that there are for this user; left out: all.
    pub cameras: Option<Vec<String>>,
    /// Whether the user is kept out for the time being. Ends the user's sessions.
    #[serde(default)]
    pub disabled: bool,
    /// Another password; left out: the same. Ends the user's sessions.
    pub password: Option<String>,
}

/// A token that a user has made for a program.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserToken)]
pub struct UserTokenDto {
    /// Its number.
    pub id: i64,
    /// What it is for.
    #[schema(example = "backup of the shop")]
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// Of the cameras that its user may see; `null`: all of those.
    pub cameras: Option<Vec<String>>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, in milliseconds since 1970; `null`: when it is taken back.
    pub expires_ms: Option<i64>,
    /// When it was last used, to a minute, in milliseconds since 1970.
    pub used_ms: Option<i64>,
}

impl From<UserToken> for UserTokenDto {
    fn from(token: UserToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            cameras: token.cameras.as_deref().map(names),
            created_ms: token.created.as_millis(),
            expires_ms: token.expires.map(|time| time.as_millis()),
            used_ms: token.used.map(|time| time.as_millis()),
        }
    }
}

/// A user's tokens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserTokens)]
pub struct UserTokensDto {
    /// Oldest first.
    pub tokens: Vec<UserTokenDto>,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUserToken)]
pub struct NewUserTokenDto {
    /// What it is for.
    #[schema(example = "backup of the shop")]
    pub name: String,
    /// Any of `read`, `control`, `annotate`, `metrics`, `admin`; never more than its user may.
    pub scopes: Vec<String>,
    /// Of the cameras that its user may see; left out: all of those.
    pub cameras: Option<Vec<String>>,
    /// After so many seconds it ends; left out: when it is taken back.
    pub seconds: Option<u64>,
}

/// A token that was made. It is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeToken)]
pub struct MadeTokenDto {
    /// The token itself.
    pub token: String,
    /// Its number.
    pub id: i64,
}

/// For how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewStreamToken)]
pub struct NewStreamTokenDto {
    /// 1 to 3600 seconds; 300 if left out. What has begun by then goes on.
    pub seconds: Option<u64>,
}

/// A token for what one camera shows.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamToken)]
pub struct StreamTokenDto {
    /// To be sent as `?token=` to the camera's live and recorded pictures.
    pub token: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// Which entries of the audit log are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// What this user did.
    pub who: Option<String>,
    /// What was done: `login`, `login_failed`, `logout`, `watched`, `exported`, `changed` …
    pub what: Option<String>,
    /// With a lower number.
    pub before_seq: Option<i64>,
    /// At most so many: 1 to 1000, 100 if not given.
    pub limit: Option<u32>,
}

/// One thing that somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditEntryDto {
    /// Rises with every entry.
    pub seq: i64,
    /// When, RFC 3339.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
    /// Who: a user, or `token NAME` for a token of the configuration.
    #[schema(example = "anna")]
    pub who: String,
    /// What.
    #[schema(example = "exported")]
    pub what: String,
    /// On what: a camera, a user, an address of the API.
    #[schema(example = "door")]
    pub target: String,
    /// From where.
    #[schema(example = "192.0.2.7")]
    pub address: String,
}

impl From<StoredAuditEntry> for AuditEntryDto {
    fn from(stored: StoredAuditEntry) -> Self {
        let entry = stored.entry;
        Self {
            seq: stored.seq,
            time: entry.at.to_string(),
            time_ms: entry.at.as_millis(),
            who: entry.who,
            what: entry.what,
            target: entry.target,
            address: entry.address,
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub struct AuditPageDto {
    /// Newest first.
    pub entries: Vec<AuditEntryDto>,
    /// When there are more: the value for `before_seq` that gives the next page.
    pub next: Option<i64>,
}

fn names(cameras: &[CameraId]) -> Vec<String> {
    cameras.iter().map(|camera| camera.as_str().to_owned()).collect()
}

/// What holds a secret does not print it.
macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

hidden!(
    SetupDto,
    LoginDto,
    PasswordChangeDto,
    NewUserDto,
    UserChangeDto,
    MadeTokenDto,
    StreamTokenDto
);
