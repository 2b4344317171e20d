//! The store itself: opening it, and its events: appending, asking, forgetting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use omma_types::{ClassName, Event, EventId, EventKind, WallTime};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Transaction};

use crate::counts::count;
use crate::group::Group;
use crate::row::{
    BadRow, COLUMNS, KindColumns, attributes_text, path_bytes, read_event, rect_bytes,
};
use crate::{EventPage, EventQuery, MAX_PAGE, Order, StoreError, StoredEvent, private, schema};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading, beside the one that writes.
const READERS: u32 = 3;

/// Rows that one transaction of [`Store::forget_events_before`] deletes: events must not wait
/// long behind it.
const FORGET_AT_ONCE: i64 = 2000;

/// Everything that outlives the program, in one SQLite file: events and counts, the index of
/// recordings, what waits to be delivered, changes to cameras. Cheap to clone; clones share the connections.
///
/// One connection writes, three read; in WAL mode they don't wait for each other. Commits are
/// synced to the disk (`synchronous = FULL`): a number that a reader has seen must not come
/// back after a power cut, and events are rare enough for a sync a batch. Hand events over in
/// batches where they come in bursts.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
    pub(crate) group: Arc<Group>,
    path: Arc<Path>,
}

impl Store {
    /// Opens the file `path`, and makes it and its directories when they are missing. Brings
    /// an older file to the current schema.
    ///
    /// # Errors
    /// When the file can't be created or written, is damaged, belongs to another program, was
    /// written by a newer Omma, or is held by another process.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path: PathBuf = path.into();
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| StoreError::NotWritable {
                path: path.clone(),
                reason: format!("{}: {e}", parent.display()),
            })?;
        }
        private::create(&path);
        let failed = |e: sqlx::Error| StoreError::from_sqlx(&path, &e);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Full)
            .thread_name(|number| format!("store-{number}"))
            .disable_statement_logging();
        // Before anything is written: a file of another program stays as it is.
        let mut probe = options.connect().await.map_err(failed)?;
        let migrated = schema::migrate(&mut probe, &path).await;
        probe.close().await.map_err(failed)?;
        migrated?;
        private::protect(&path);
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .max_lifetime(None)
                .idle_timeout(None)
                .test_before_acquire(false)
                .acquire_timeout(2 * BUSY_TIMEOUT)
                .before_acquire(|connection, _| Box::pin(is_usable(connection)))
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        let reader = pool(READERS).connect_with(options.read_only(true)).await.map_err(failed)?;
        Ok(Self::of(writer, reader, &path))
    }

    /// A store without a file: what it holds ends with it.
    ///
    /// # Errors
    /// When SQLite can't start.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let failed = |e: sqlx::Error| StoreError::from_sqlx(path, &e);
        let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
        // Each connection to `:memory:` is a database of its own: there may be only one, and
        // it may not end.
        let only = SqlitePoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(failed)?;
        schema::migrate(&mut *only.acquire().await.map_err(failed)?, path).await?;
        Ok(Self::of(only.clone(), only, path))
    }

    fn of(writer: SqlitePool, reader: SqlitePool, path: &Path) -> Self {
        let path = Arc::from(path);
        let group = Arc::new(Group::new(writer.clone(), Arc::clone(&path)));
        Self { writer, reader, group, path }
    }

    /// The file; `:memory:` for a store without one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what is under way, then closes the file. Also ends all clones.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// Adds `events` and counts them, all or none. Returns their sequence numbers, in the same
    /// order. An event that is already there keeps its number and is not counted again.
    ///
    /// # Errors
    /// When an event names an unknown camera state, or the file can't be written. Nothing was
    /// added then.
    pub async fn append(&self, events: &[Event]) -> Result<Vec<i64>, StoreError> {
        for event in events {
            let (state, known) = match &event.kind {
                EventKind::CameraState { state, .. } => (state, &EventKind::CAMERA_STATES[..]),
                EventKind::RecordingState { state, .. } => {
                    (state, &EventKind::RECORDING_STATES[..])
                }
                _ => continue,
            };
            if !known.contains(state) {
                return Err(StoreError::Invalid(format!(
                    "`{state}` is no state of {}",
                    event.kind.as_str()
                )));
            }
        }
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.append_all(events).await.map_err(|e| self.failed(&e))
    }

    async fn append_all(&self, events: &[Event]) -> Result<Vec<i64>, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut numbers = Vec::with_capacity(events.len());
        for event in events {
            numbers.push(match insert(&mut transaction, event).await? {
                Some(seq) => {
                    count(&mut transaction, event, 1).await?;
                    seq
                }
                None => {
                    sqlx::query_scalar("SELECT seq FROM events WHERE id = ?1")
                        .bind(event.id.0.to_be_bytes().to_vec())
                        .fetch_one(&mut *transaction)
                        .await?
                }
            });
        }
        transaction.commit().await?;
        Ok(numbers)
    }

    /// The events that match `query`, one page of them.
    ///
    /// # Errors
    /// When `limit` is not 1 to [`MAX_PAGE`], or the file can't be read.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(StoreError::Invalid(format!(
                "limit {} is not 1 to {MAX_PAGE}",
                query.limit
            )));
        }
        let mut sql = events_sql(query);
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        let mut events = rows
            .iter()
            .take(query.limit as usize)
            .map(read_event)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| self.bad(e))?;
        events.shrink_to_fit();
        let more = rows.len() > events.len();
        let next = events.last().filter(|_| more).map(|last| last.seq);
        Ok(EventPage { events, next })
    }

    /// The event `id`, if it is there.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn event(&self, id: EventId) -> Result<Option<StoredEvent>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT ");
        sql.push(COLUMNS).push(" FROM events WHERE id = ").push_bind(id.0.to_be_bytes().to_vec());
        let row = sql.build().fetch_optional(&self.reader).await.map_err(|e| self.failed(&e))?;
        row.as_ref().map(read_event).transpose().map_err(|e| self.bad(e))
    }

    /// The highest sequence number that was given so far, 0 when there was none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'",
        )
        .fetch_one(&self.reader)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// Forgets the events before `time`, a few thousand at once so that appending goes on in
    /// between. Counts stay; the file keeps its size and uses the space again. Returns how
    /// many went. An event that is appended again after it was forgotten counts again.
    ///
    /// # Errors
    /// When the file can't be written; what went before that stays forgotten.
    pub async fn forget_events_before(&self, time: WallTime) -> Result<u64, StoreError> {
        self.forget_events(time, i64::MAX).await
    }

    /// The same, of the events up to the number `newest` alone.
    ///
    /// # Errors
    /// When the file can't be written; what went before that stays forgotten.
    pub async fn forget_events(&self, time: WallTime, newest: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let now = sqlx::query(
                "DELETE FROM events WHERE seq IN \
                 (SELECT seq FROM events WHERE wall_us < ?1 AND seq <= ?3 \
                  ORDER BY wall_us LIMIT ?2)",
            )
            .bind(time.as_micros())
            .bind(FORGET_AT_ONCE)
            .bind(newest)
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?
            .rows_affected();
            forgotten += now;
            if now == 0 {
                break;
            }
        }
        if forgotten > 0 {
            sqlx::query(
                "DELETE FROM reviewed WHERE wall_us < ?1 \
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = reviewed.id)",
            )
            .bind(time.as_micros())
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        }
        Ok(forgotten)
    }

    /// A transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.failed(&e))
    }

    pub(crate) fn failed(&self, error: &sqlx::Error) -> StoreError {
        StoreError::from_sqlx(&self.path, error)
    }

    pub(crate) fn bad(&self, row: BadRow) -> StoreError {
        StoreError::Corrupt { path: self.path.to_path_buf(), reason: row.0 }
    }
}

/// Adds `event` and returns its number, or `None` when it is already there.
pub(crate) async fn insert(
    transaction: &mut Transaction<'static, Sqlite>,
    event: &Event,
) -> Result<Option<i64>, sqlx::Error> {
    let kind = KindColumns::of(&event.kind);
    sqlx::query_scalar(
        "INSERT INTO events (id, camera, kind, direction, dwell_us, state, reason, rule, track, \
         class, score, rect, media_ns, wall_us, path, attributes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT (id) DO NOTHING RETURNING seq",
    )
    .bind(event.id.0.to_be_bytes().to_vec())
    .bind(event.camera.as_str())
    .bind(event.kind.as_str())
    .bind(kind.direction)
    .bind(kind.dwell_us)
    .bind(kind.state)
    .bind(kind.reason)
    .bind(event.rule.as_deref())
    .bind(event.track.map(|track| track.0.cast_signed()))
    .bind(event.class.as_ref().map(ClassName::as_str))
    .bind(event.score.map(f64::from))
    .bind(event.rect.as_ref().map(rect_bytes))
    .bind(event.media.as_nanos())
    .bind(event.wall.as_micros())
    .bind(path_bytes(&event.path))
    .bind(attributes_text(&event.attributes))
    .fetch_optional(&mut **transaction)
    .await
}

/// The statement for `query`; asks for one row more than wanted, to know whether more match.
fn events_sql(query: &EventQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM events WHERE true");
    among(&mut sql, "camera", query.cameras.iter().map(|camera| camera.as_str().to_owned()));
    among(&mut sql, "kind", query.kinds.iter().cloned());
    if let Some(rule) = &query.rule {
        sql.push(" AND rule = ").push_bind(rule.clone());
    }
    if let Some(class) = &query.class {
        sql.push(" AND class = ").push_bind(class.as_str().to_owned());
    }
    if let Some(track) = query.track {
        sql.push(" AND track = ").push_bind(track.0.cast_signed());
    }
    if let Some(score) = query.min_score {
        sql.push(" AND score >= ").push_bind(f64::from(score));
    }
    match query.reviewed {
        // Few: they lead to their events.
        Some(true) => {
            sql.push(" AND id IN (SELECT id FROM reviewed)");
        }
        Some(false) => {
            sql.push(" AND NOT EXISTS (SELECT 1 FROM reviewed WHERE reviewed.id = events.id)");
        }
        None => {}
    }
    if query.live_only {
        // What was counted later has attributes, nearly all else has none.
        sql.push(" AND (attributes IS NULL OR attributes ->> ").push_bind(Event::COUNTED);
        sql.push(" IS NOT ").push_bind(Event::LATER).push(")");
    }
    if let Some(from) = query.from {
        sql.push(" AND wall_us >= ").push_bind(from.as_micros());
    }
    if let Some(to) = query.to {
        sql.push(" AND wall_us < ").push_bind(to.as_micros());
    }
    if let Some(after) = query.after_seq {
        sql.push(" AND seq > ").push_bind(after);
    }
    if let Some(before) = query.before_seq {
        sql.push(" AND seq < ").push_bind(before);
    }
    sql.push(match query.order {
        Order::Newest => " ORDER BY seq DESC LIMIT ",
        Order::Oldest => " ORDER BY seq LIMIT ",
    });
    sql.push_bind(i64::from(query.limit) + 1);
    sql
}

/// Adds `AND column IN (values)`, unless there are none.
pub(crate) fn among(
    sql: &mut QueryBuilder<Sqlite>,
    column: &str,
    values: impl ExactSizeIterator<Item = String>,
) {
    if values.len() == 0 {
        return;
    }
    sql.push(" AND ").push(column);
    in_list(sql, values);
}

/// Adds ` IN (values)`.
pub(crate) fn in_list<'a, T>(sql: &mut QueryBuilder<Sqlite>, values: impl Iterator<Item = T>)
where
    T: sqlx::Encode<'a, Sqlite> + sqlx::Type<Sqlite> + 'a,
{
    sql.push(" IN (");
    let mut list = sql.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    sql.push(")");
}

/// A disk that is full makes SQLite itself take a transaction back; SQLx then goes on to
/// believe in it, and would refuse every further one on this connection. Such a connection is
/// exchanged.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // What was sent to it before, a rollback perhaps, is done when it answers.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}
