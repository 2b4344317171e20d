//! Where everything that was followed went, as chunks of bytes that only the engine can read.

use omma_types::{CameraId, WallTime};
use sqlx::Row as _;

use crate::row::BadRow;
use crate::{Store, StoreError};

/// No chunk is longer than this: what overlaps a span of time began at most so long before it.
const LONGEST_US: i64 = 120_000_000;

/// Rows that one transaction of [`Store::forget_tracks_before`] deletes.
const FORGET_AT_ONCE: i64 = 500;

/// Chunks that one answer of [`Store::tracks`] holds, at most.
const CHUNKS_AT_ONCE: i64 = 64;

/// A chunk of tracks that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTracks {
    /// Whose.
    pub camera: CameraId,
    /// The run of the analysis within which numbers of tracks are unique.
    pub run: i64,
    /// When its first picture was taken.
    pub start: WallTime,
    /// When its last picture was taken: at most 2 minutes later.
    pub end: WallTime,
    /// Boxes in it.
    pub points: u32,
    /// The chunk.
    pub bytes: Vec<u8>,
}

/// A stored chunk of tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTracks {
    /// Where to go on: for `after` of [`Store::tracks`].
    pub cursor: (WallTime, i64),
    /// The run of the analysis.
    pub run: i64,
    /// The chunk.
    pub bytes: Vec<u8>,
}

/// How much is stored of a camera's tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackVolume {
    /// Chunks.
    pub chunks: u64,
    /// Boxes in them.
    pub points: u64,
    /// Their bytes, without what the database needs around them.
    pub bytes: u64,
}

impl Store {
    /// Adds a chunk.
    ///
    /// # Errors
    /// When it ends before it starts or is longer than 2 minutes, or the file can't be written.
    pub async fn add_tracks(&self, tracks: &NewTracks) -> Result<(), StoreError> {
        let (start, end) = (tracks.start.as_micros(), tracks.end.as_micros());
        if end < start || end.saturating_sub(start) > LONGEST_US {
            return Err(StoreError::Invalid(
                "tracks must be stored in chunks of at most 2 minutes".to_owned(),
            ));
        }
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO tracks (camera, run, start_us, end_us, points, bytes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(tracks.camera.as_str())
        .bind(tracks.run)
        .bind(start)
        .bind(end)
        .bind(tracks.points)
        .bind(&tracks.bytes)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// The chunks of `camera` with something of the time from `from` to `to` (without it), in
    /// order of time, some at once: go on with the last one's `cursor` as `after`, until there
    /// are none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn tracks(
        &self,
        camera: &CameraId,
        from: WallTime,
        to: WallTime,
        after: Option<(WallTime, i64)>,
    ) -> Result<Vec<StoredTracks>, StoreError> {
        let least = from.as_micros().saturating_sub(LONGEST_US);
        let (after_start, after_id) =
            after.map_or((least, i64::MIN), |(start, id)| (start.as_micros(), id));
        let rows = sqlx::query(
            "SELECT start_us, id, run, bytes FROM tracks WHERE camera = ?1 \
             AND start_us >= ?2 AND start_us < ?3 AND end_us >= ?4 \
             AND (start_us, id) > (?5, ?6) ORDER BY start_us, id LIMIT ?7",
        )
        .bind(camera.as_str())
        .bind(least)
        .bind(to.as_micros())
        .bind(from.as_micros())
        .bind(after_start)
        .bind(after_id)
        .bind(CHUNKS_AT_ONCE)
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<StoredTracks, BadRow> {
            Ok(StoredTracks {
                cursor: (WallTime::from_micros(row.try_get(0)?), row.try_get(1)?),
                run: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// How much is stored of `camera`.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn track_volume(&self, camera: &CameraId) -> Result<TrackVolume, StoreError> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(points), 0), coalesce(sum(length(bytes)), 0) \
             FROM tracks WHERE camera = ?1",
        )
        .bind(camera.as_str())
        .fetch_one(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        let number = |at: usize| u64::try_from(row.get::<i64, _>(at)).unwrap_or(0);
        Ok(TrackVolume { chunks: number(0), points: number(1), bytes: number(2) })
    }

    /// Forgets the chunks that end before `time`, some at once so that other writing goes on in
    /// between. Returns how many went.
    ///
    /// # Errors
    /// When the file can't be written; what went before that stays forgotten.
    pub async fn forget_tracks_before(&self, time: WallTime) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let now = sqlx::query(
                "DELETE FROM tracks WHERE id IN \
                 (SELECT id FROM tracks WHERE end_us < ?1 ORDER BY end_us LIMIT ?2)",
            )
            .bind(time.as_micros())
            .bind(FORGET_AT_ONCE)
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?
            .rows_affected();
            forgotten += now;
            if now == 0 {
                return Ok(forgotten);
            }
        }
    }
}
