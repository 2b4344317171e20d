//! Who is logged in, and which tokens users have made for programs. Both are found by the
//! SHA-256 of what was handed out.

use omma_types::{CameraId, WallTime};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::row::BadRow;
use crate::users::{cameras_text, read_cameras, read_user};
use crate::{Store, StoreError, User};

/// Sessions of one user; beyond that the one that was longest silent ends.
pub const MAX_SESSIONS: u32 = 32;

/// Tokens of one user.
pub const MAX_TOKENS: u32 = 64;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: User,
    /// When it began.
    pub created: WallTime,
    /// When it was last used, to a minute.
    pub seen: WallTime,
    /// When it ends at the latest.
    pub expires: WallTime,
}

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// SHA-256 of its token.
    pub digest: [u8; 32],
    /// The user's number.
    pub user: i64,
    /// See [`Session::expires`].
    pub expires: WallTime,
    /// From where.
    pub address: &'a str,
    /// With what, as the browser says.
    pub agent: &'a str,
}

/// A token that a user has made for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserToken {
    /// Its number, never given to another one.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What it is good for, in the words of the configuration.
    pub scopes: Vec<String>,
    /// Which cameras, of those that its user may see; none: all of those.
    pub cameras: Option<Vec<CameraId>>,
    /// When it was made.
    pub created: WallTime,
    /// When it ends; none: when it is taken back.
    pub expires: Option<WallTime>,
    /// When it was last used, to a minute.
    pub used: Option<WallTime>,
}

/// A token that is made.
#[derive(Clone, Debug)]
pub struct NewUserToken<'a> {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// The user's number.
    pub user: i64,
    /// See [`UserToken::name`].
    pub name: &'a str,
    /// See [`UserToken::scopes`].
    pub scopes: &'a [&'static str],
    /// See [`UserToken::cameras`].
    pub cameras: Option<&'a [CameraId]>,
    /// See [`UserToken::expires`].
    pub expires: Option<WallTime>,
}

impl Store {
    /// Begins a session, and forgets those that have ended.
    ///
    /// # Errors
    /// When the file can't be written, or there is no such user any more.
    pub async fn begin_session(
        &self,
        session: &NewSession<'_>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let adding = async {
            sqlx::query(
                "DELETE FROM sessions WHERE expires_us <= ?1 OR (user = ?2 AND digest NOT IN \
                 (SELECT digest FROM sessions WHERE user = ?2 ORDER BY seen_us DESC LIMIT ?3))",
            )
            .bind(now.as_micros())
            .bind(session.user)
            .bind(i64::from(MAX_SESSIONS) - 1)
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "INSERT INTO sessions (digest, user, created_us, seen_us, expires_us, address, \
                 agent) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)",
            )
            .bind(session.digest.to_vec())
            .bind(session.user)
            .bind(now.as_micros())
            .bind(session.expires.as_micros())
            .bind(session.address)
            .bind(session.agent)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        };
        adding.await.map_err(|e| self.failed(&e))
    }

    /// The session with this digest, ended or not.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn session(&self, digest: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(
            "SELECT users.*, sessions.created_us AS begun_us, seen_us, expires_us \
             FROM sessions JOIN users ON users.id = sessions.user WHERE digest = ?1",
        )
        .bind(digest.to_vec())
        .fetch_optional(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        row.as_ref().map(read_session).transpose().map_err(|e| self.bad(e))
    }

    /// Notes that a session is used.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn session_seen(&self, digest: &[u8; 32], now: WallTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET seen_us = max(seen_us, ?2) WHERE digest = ?1")
            .bind(digest.to_vec())
            .bind(now.as_micros())
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn end_session(&self, digest: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE digest = ?1")
            .bind(digest.to_vec())
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(())
    }

    /// Keeps a token. None where its user has [`MAX_TOKENS`] already.
    ///
    /// # Errors
    /// When the file can't be written, or there is no such user any more.
    pub async fn add_user_token(
        &self,
        token: &NewUserToken<'_>,
        now: WallTime,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "INSERT INTO user_tokens (digest, user, name, scopes, cameras, created_us, \
             expires_us) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
             WHERE (SELECT count(*) FROM user_tokens WHERE user = ?2) < ?8 RETURNING id",
        )
        .bind(token.digest.to_vec())
        .bind(token.user)
        .bind(token.name)
        .bind(token.scopes.join(","))
        .bind(token.cameras.map(cameras_text))
        .bind(now.as_micros())
        .bind(token.expires.map(WallTime::as_micros))
        .bind(i64::from(MAX_TOKENS))
        .fetch_optional(&self.writer)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// A user's tokens, oldest first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn user_tokens(&self, user: i64) -> Result<Vec<UserToken>, StoreError> {
        let rows = sqlx::query(
            "SELECT id AS token_id, name AS token_name, scopes, cameras AS token_cameras, \
             created_us AS made_us, expires_us, used_us FROM user_tokens WHERE user = ?1 \
             ORDER BY id",
        )
        .bind(user)
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_token).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The tokens of all users, each with its user's number; those of one user oldest first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn all_user_tokens(&self) -> Result<Vec<(i64, UserToken)>, StoreError> {
        let rows = sqlx::query(
            "SELECT user, id AS token_id, name AS token_name, scopes, cameras AS token_cameras, \
             created_us AS made_us, expires_us, used_us FROM user_tokens ORDER BY id",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let read = |row: &SqliteRow| Ok((row.try_get("user")?, read_token(row)?));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|e: BadRow| self.bad(e))
    }

    /// The token with this digest, ended or not, and whose it is.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn user_token(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<(UserToken, User)>, StoreError> {
        self.one_user_token(Some(digest), None).await
    }

    /// The token of this number, ended or not, and whose it is.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn user_token_with_id(
        &self,
        id: i64,
    ) -> Result<Option<(UserToken, User)>, StoreError> {
        self.one_user_token(None, Some(id)).await
    }

    async fn one_user_token(
        &self,
        digest: Option<&[u8; 32]>,
        id: Option<i64>,
    ) -> Result<Option<(UserToken, User)>, StoreError> {
        let row = sqlx::query(
            "SELECT users.*, user_tokens.id AS token_id, user_tokens.name AS token_name, scopes, \
             user_tokens.cameras AS token_cameras, user_tokens.created_us AS made_us, \
             expires_us, used_us \
             FROM user_tokens JOIN users ON users.id = user_tokens.user \
             WHERE digest = ?1 OR user_tokens.id = ?2",
        )
        .bind(digest.map(|digest| digest.to_vec()))
        .bind(id)
        .fetch_optional(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let read = |row: &SqliteRow| Ok((read_token(row)?, read_user(row)?));
        row.as_ref().map(read).transpose().map_err(|e: BadRow| self.bad(e))
    }

    /// Notes that a token is used.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn user_token_used(&self, id: i64, now: WallTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE user_tokens SET used_us = ?2 WHERE id = ?1")
            .bind(id)
            .bind(now.as_micros())
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(())
    }

    /// Takes a user's token back. False where there is no such token of this user.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn remove_user_token(&self, user: i64, id: i64) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM user_tokens WHERE user = ?1 AND id = ?2")
            .bind(user)
            .bind(id)
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(removed.rows_affected() > 0)
    }
}

fn read_session(row: &SqliteRow) -> Result<Session, BadRow> {
    Ok(Session {
        user: read_user(row)?,
        created: WallTime::from_micros(row.try_get("begun_us")?),
        seen: WallTime::from_micros(row.try_get("seen_us")?),
        expires: WallTime::from_micros(row.try_get("expires_us")?),
    })
}

fn read_token(row: &SqliteRow) -> Result<UserToken, BadRow> {
    let scopes: &str = row.try_get("scopes")?;
    let moment =
        |name| Ok::<_, BadRow>(row.try_get::<Option<i64>, _>(name)?.map(WallTime::from_micros));
    Ok(UserToken {
        id: row.try_get("token_id")?,
        name: row.try_get("token_name")?,
        scopes: scopes.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        cameras: read_cameras(row.try_get("token_cameras")?)?,
        created: WallTime::from_micros(row.try_get("made_us")?),
        expires: moment("expires_us")?,
        used: moment("used_us")?,
    })
}
