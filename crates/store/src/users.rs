//! Users: who they are, what they may do, and what they may see.

use omma_types::{CameraId, WallTime};
use sqlx::Row as _;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Executor, Transaction};

use crate::row::{BadRow, read_camera};
use crate::{Store, StoreError};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To look.
    Viewer,
    /// Also to change what is counted, recorded and passed on.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles, from the least on.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Somebody who may use Omma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number, never given to another user.
    pub id: i64,
    /// Its name; case does not matter.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The cameras that the user may see; none: all.
    pub cameras: Option<Vec<CameraId>>,
    /// Whether the user is kept out for the time being.
    pub disabled: bool,
    /// When the user was added.
    pub created: WallTime,
}

/// What is said of a user who is added or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSettings {
    /// See [`User::role`].
    pub role: Role,
    /// See [`User::cameras`].
    pub cameras: Option<Vec<CameraId>>,
    /// See [`User::disabled`].
    pub disabled: bool,
}

/// What became of a change to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// It was made.
    Done,
    /// There is no such user.
    NoUser,
    /// There would be no administrator left. Nothing was changed.
    LastAdmin,
    /// The user is not, or no longer, as was expected. Nothing was changed.
    Unexpected,
}

impl Store {
    /// Whether there is any user.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)")
            .fetch_one(&self.reader)
            .await
            .map_err(|e| self.failed(&e))
    }

    /// All users by name.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, password, role, cameras, disabled, created_us FROM users \
             ORDER BY name",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_user).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The user `name`, with the hash of the password.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn user(&self, name: &str) -> Result<Option<(User, String)>, StoreError> {
        let row = find(&self.reader, name).await.map_err(|e| self.failed(&e))?;
        let read = |row: SqliteRow| Ok((read_user(&row)?, row.try_get("password")?));
        row.map(read).transpose().map_err(|e: BadRow| self.bad(e))
    }

    /// Adds a user. None where there is one of this name.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn add_user(
        &self,
        name: &str,
        password: &str,
        settings: &UserSettings,
        now: WallTime,
    ) -> Result<Option<i64>, StoreError> {
        self.insert_user(name, password, settings, now, false).await
    }

    /// Adds an administrator where there is no user at all. None where there is one: of two
    /// who do this at once, one comes first.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn add_first_user(
        &self,
        name: &str,
        password: &str,
        now: WallTime,
    ) -> Result<Option<i64>, StoreError> {
        let settings = UserSettings { role: Role::Admin, cameras: None, disabled: false };
        self.insert_user(name, password, &settings, now, true).await
    }

    async fn insert_user(
        &self,
        name: &str,
        password: &str,
        settings: &UserSettings,
        now: WallTime,
        only_as_first: bool,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO users (name, password, role, cameras, disabled, created_us) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT ?7 OR NOT EXISTS (SELECT 1 FROM users) \
             ON CONFLICT (name) DO NOTHING RETURNING id",
        )
        .bind(name)
        .bind(password)
        .bind(settings.role.as_str())
        .bind(settings.cameras.as_deref().map(cameras_text))
        .bind(settings.disabled)
        .bind(now.as_micros())
        .bind(only_as_first)
        .fetch_optional(&self.writer)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// Changes what a user may do, and the hash of the password where one is given, if the user
    /// is as `expected`: nobody changes anything in between. Ends the user's sessions where the
    /// user is now kept out, or has another password.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was changed then.
    pub async fn change_user(
        &self,
        name: &str,
        settings: &UserSettings,
        password: Option<&str>,
        expected: impl FnOnce(&User) -> bool,
    ) -> Result<UserChange, StoreError> {
        let mut transaction = self.begin().await?;
        let row = find(&mut *transaction, name).await.map_err(|e| self.failed(&e))?;
        let user = row.as_ref().map(read_user).transpose().map_err(|e| self.bad(e))?;
        let Some(user) = user else { return Ok(UserChange::NoUser) };
        if !expected(&user) {
            return Ok(UserChange::Unexpected);
        }
        let change = async {
            let changed = sqlx::query(
                "UPDATE users SET role = ?2, cameras = ?3, disabled = ?4, \
                 password = coalesce(?5, password) WHERE id = ?1",
            )
            .bind(user.id)
            .bind(settings.role.as_str())
            .bind(settings.cameras.as_deref().map(cameras_text))
            .bind(settings.disabled)
            .bind(password)
            .execute(&mut *transaction)
            .await?;
            if settings.disabled || password.is_some() {
                sqlx::query("DELETE FROM sessions WHERE user = ?1")
                    .bind(user.id)
                    .execute(&mut *transaction)
                    .await?;
            }
            settle(transaction, changed.rows_affected()).await
        };
        change.await.map_err(|e| self.failed(&e))
    }

    /// Removes a user with all sessions and tokens.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was changed then.
    pub async fn remove_user(&self, name: &str) -> Result<UserChange, StoreError> {
        let mut transaction = self.begin().await?;
        let removal = async {
            let removed = sqlx::query("DELETE FROM users WHERE name = ?1")
                .bind(name)
                .execute(&mut *transaction)
                .await?;
            settle(transaction, removed.rows_affected()).await
        };
        removal.await.map_err(|e| self.failed(&e))
    }

    /// Gives a user another password, and ends all sessions but the one with the digest `keep`.
    /// False where there is no such user.
    ///
    /// # Errors
    /// When the file can't be written. Nothing was changed then.
    pub async fn set_password(
        &self,
        user: i64,
        password: &str,
        keep: Option<&[u8; 32]>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let change = async {
            let changed = sqlx::query("UPDATE users SET password = ?2 WHERE id = ?1")
                .bind(user)
                .bind(password)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM sessions WHERE user = ?1 AND digest IS NOT ?2")
                .bind(user)
                .bind(keep.map(|digest| digest.to_vec()))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(changed.rows_affected() > 0)
        };
        change.await.map_err(|e| self.failed(&e))
    }
}

/// Commits what was done to `touched` users, unless nobody could manage anything any more.
async fn settle(
    mut transaction: Transaction<'static, Sqlite>,
    touched: u64,
) -> Result<UserChange, sqlx::Error> {
    if touched == 0 {
        return Ok(UserChange::NoUser);
    }
    let managed: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled)",
    )
    .fetch_one(&mut *transaction)
    .await?;
    if !managed {
        return Ok(UserChange::LastAdmin);
    }
    transaction.commit().await?;
    Ok(UserChange::Done)
}

async fn find<'e>(
    from: impl Executor<'e, Database = Sqlite>,
    name: &str,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT id, name, password, role, cameras, disabled, created_us FROM users \
         WHERE name = ?1",
    )
    .bind(name)
    .fetch_optional(from)
    .await
}

/// Reads what `id, name, role, cameras, disabled, created_us` give, whatever else is there.
pub(crate) fn read_user(row: &SqliteRow) -> Result<User, BadRow> {
    let role: String = row.try_get("role")?;
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: Role::from_word(&role).ok_or_else(|| BadRow(format!("`{role}` is no role")))?,
        cameras: read_cameras(row.try_get("cameras")?)?,
        disabled: row.try_get("disabled")?,
        created: WallTime::from_micros(row.try_get("created_us")?),
    })
}

pub(crate) fn cameras_text(cameras: &[CameraId]) -> String {
    let names: Vec<&str> = cameras.iter().map(CameraId::as_str).collect();
    serde_json::Value::from(names).to_string()
}

pub(crate) fn read_cameras(text: Option<&str>) -> Result<Option<Vec<CameraId>>, BadRow> {
    let Some(text) = text else { return Ok(None) };
    let names: Vec<String> = serde_json::from_str(text)
        .map_err(|e| BadRow(format!("`{text}` is no list of cameras: {e}")))?;
    names.iter().map(|name| read_camera(name)).collect::<Result<_, _>>().map(Some)
}
