//! Bringing a file to the schema that this build knows.
//!
//! The version is SQLite's own `user_version`; migration `n` leads from version `n - 1` to
//! `n`, each in a transaction of its own.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::StoreError;

const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/0001_events_and_counts.sql"),
    include_str!("../migrations/0002_segments_outbox_cameras.sql"),
    include_str!("../migrations/0003_sinks.sql"),
    include_str!("../migrations/0004_tracks_rollups_verdicts.sql"),
    include_str!("../migrations/0005_accounts.sql"),
    include_str!("../migrations/0006_reviews.sql"),
];

/// The `application_id` that the first migration sets.
const APPLICATION_ID: i64 = 0x4f4d_4d41;

/// Refuses files that are not ours or too new, and applies the missing migrations.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StoreError> {
    let found = check(connection, path).await?;
    let missing = usize::try_from(found).unwrap_or(0);
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(missing) {
        let version = index + 1;
        apply(connection, sql, version).await.map_err(|e| StoreError::from_sqlx(path, &e))?;
        tracing::info!(path = %path.display(), version, "store schema brought up to date");
    }
    // A file that may only be read opens without complaint: find out now, not at the first
    // event.
    let begun = connection.begin_with("BEGIN IMMEDIATE").await;
    match begun {
        Ok(transaction) => transaction.rollback().await,
        Err(error) => Err(error),
    }
    .map_err(|e| StoreError::from_sqlx(path, &e))
}

/// The file's version, 0 for a new file.
async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .map_err(|e| StoreError::from_sqlx(path, &e))?;
    let (application, version, objects): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    let known = MIGRATIONS.len() as i64;
    if application != APPLICATION_ID && (application != 0 || objects != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if version > known {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found: version, known });
    }
    Ok(version)
}

async fn apply(
    connection: &mut SqliteConnection,
    sql: &'static str,
    version: usize,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(sql).execute(&mut *transaction).await?;
    // Pragmas take no parameters; the number is ours.
    let set_version = AssertSqlSafe(format!("PRAGMA user_version = {version}"));
    sqlx::raw_sql(set_version).execute(&mut *transaction).await?;
    transaction.commit().await
}
