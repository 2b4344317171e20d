//! The index of what was recorded: which file holds which camera's footage of which time.

use omma_types::{CameraId, WallTime};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _};

use crate::group::Write;
use crate::row::{BadRow, read_camera};
use crate::store::in_list;
use crate::{Store, StoreError};

const COLUMNS: &str = "id, camera, path, start_us, end_us, bytes, stream, follows, complete";

/// Rows that one statement of [`Store::remove_segments`] deletes.
const REMOVE_AT_ONCE: usize = 500;

/// A recorded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From 1, rising; never given to another one.
    pub id: i64,
    /// Whose footage it is.
    pub camera: CameraId,
    /// Below the recordings folder, with `/`.
    pub path: String,
    /// When its first picture was taken.
    pub start: WallTime,
    /// When its last picture ends.
    pub end: WallTime,
    /// Length of the file.
    pub bytes: u64,
    /// Fingerprint of the stream: files of equal ones can be joined as they are.
    pub stream: String,
    /// Whether it goes on without a gap where the camera's segment before it ended.
    pub follows: bool,
    /// Whether it is finished. One that is not is being written, or was left by a crash.
    pub complete: bool,
}

/// A recorded file that is not in the index yet; see [`Segment`] for the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSegment {
    /// Whose footage it is.
    pub camera: CameraId,
    /// Below the recordings folder, with `/`.
    pub path: String,
    /// When its first picture was taken.
    pub start: WallTime,
    /// When its last picture ends.
    pub end: WallTime,
    /// Length of the file.
    pub bytes: u64,
    /// Fingerprint of the stream.
    pub stream: String,
    /// Whether it goes on without a gap where the camera's segment before it ended.
    pub follows: bool,
    /// Whether it is finished.
    pub complete: bool,
}

/// Which segments are wanted. The default asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentQuery {
    /// Of any of these cameras; empty: all.
    pub cameras: Vec<CameraId>,
    /// With footage at this time or later.
    pub from: Option<WallTime>,
    /// With footage before this time.
    pub to: Option<WallTime>,
    /// At most so many.
    pub limit: Option<u32>,
}

impl Store {
    /// Adds a segment to the index and returns its id.
    ///
    /// # Errors
    /// When it ends before it starts, its path is in the index already, or the file can't be
    /// written.
    pub async fn add_segment(&self, segment: &NewSegment) -> Result<i64, StoreError> {
        if segment.end < segment.start {
            return Err(StoreError::Invalid(format!(
                "segment `{}` ends before it starts",
                segment.path
            )));
        }
        // Not by itself: that it could not be committed, because the disk is full, would be
        // told to nobody after the row was returned.
        let mut transaction = self.begin().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO segments (camera, path, start_us, end_us, bytes, stream, follows, \
             complete) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (path) DO NOTHING RETURNING id",
        )
        .bind(segment.camera.as_str())
        .bind(&segment.path)
        .bind(segment.start.as_micros())
        .bind(segment.end.as_micros())
        .bind(column(segment.bytes))
        .bind(&segment.stream)
        .bind(segment.follows)
        .bind(segment.complete)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        id.ok_or_else(|| {
            StoreError::Invalid(format!("segment `{}` is already in the index", segment.path))
        })
    }

    /// Tells how far a segment reaches by now. Calls at the same time share a commit. Returns
    /// whether the segment is (still) in the index.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn grow_segment(
        &self,
        id: i64,
        end: WallTime,
        bytes: u64,
        complete: bool,
    ) -> Result<bool, StoreError> {
        let write = Write::Grow { id, end, bytes: column(bytes), complete };
        Ok(self.group.write(write).await? > 0)
    }

    /// Takes segments out of the index, all or none; those that are not there don't matter.
    /// Returns how many there were.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn remove_segments(&self, ids: &[i64]) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let mut removed = 0;
        for ids in ids.chunks(REMOVE_AT_ONCE) {
            let mut sql = QueryBuilder::new("DELETE FROM segments WHERE id");
            in_list(&mut sql, ids.iter().copied());
            let done = sql.build().execute(&mut *transaction).await;
            removed += done.map_err(|e| self.failed(&e))?.rows_affected();
        }
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(removed)
    }

    /// The segments that match `query`, by camera and start.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn segments(&self, query: &SegmentQuery) -> Result<Vec<Segment>, StoreError> {
        // Camera by camera: so each is one sweep over its index.
        let mut cameras = query.cameras.clone();
        if cameras.is_empty() {
            cameras = self.recorded_cameras().await?;
        }
        cameras.sort();
        cameras.dedup();
        let mut left = query.limit.map(i64::from);
        let mut segments = Vec::new();
        for camera in cameras {
            if left == Some(0) {
                break;
            }
            let mut sql = of_camera(&camera, query.from, query.to, left);
            let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
            left = left.map(|left| left.saturating_sub_unsigned(rows.len() as u64));
            for row in &rows {
                segments.push(read_segment(row).map_err(|e| self.bad(e))?);
            }
        }
        Ok(segments)
    }

    /// The segment `id`, if it is there.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn segment(&self, id: i64) -> Result<Option<Segment>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM segments WHERE id = ?1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.reader)
            .await
            .map_err(|e| self.failed(&e))?;
        row.as_ref().map(read_segment).transpose().map_err(|e| self.bad(e))
    }

    /// The segments that began first, of one camera or of all, finished or not.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn oldest_segments(
        &self,
        camera: Option<&CameraId>,
        limit: u32,
    ) -> Result<Vec<Segment>, StoreError> {
        let mut sql = oldest(camera, limit);
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        rows.iter().map(read_segment).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The segments of a camera that began last, newest first.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn newest_segments(
        &self,
        camera: &CameraId,
        limit: u32,
    ) -> Result<Vec<Segment>, StoreError> {
        let mut sql = newest(camera, limit);
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        rows.iter().map(read_segment).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The segments that are being written, or were when somebody pulled the plug.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn unfinished_segments(&self) -> Result<Vec<Segment>, StoreError> {
        let mut sql = unfinished();
        let rows = sql.build().fetch_all(&self.reader).await.map_err(|e| self.failed(&e))?;
        rows.iter().map(read_segment).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// The length of all segments together, of one camera or of all.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn segment_bytes(&self, camera: Option<&CameraId>) -> Result<u64, StoreError> {
        let bytes: i64 = match camera {
            Some(camera) => {
                sqlx::query_scalar(
                    "SELECT coalesce(sum(bytes), 0) FROM segment_totals WHERE camera = ?1",
                )
                .bind(camera.as_str())
                .fetch_one(&self.reader)
                .await
            }
            None => {
                sqlx::query_scalar("SELECT coalesce(sum(bytes), 0) FROM segment_totals")
                    .fetch_one(&self.reader)
                    .await
            }
        }
        .map_err(|e| self.failed(&e))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// The cameras with segments, configured or not, by name.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn recorded_cameras(&self) -> Result<Vec<CameraId>, StoreError> {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT camera FROM segment_totals ORDER BY camera")
                .fetch_all(&self.reader)
                .await
                .map_err(|e| self.failed(&e))?;
        names
            .iter()
            .map(|name| read_camera(name))
            .collect::<Result<_, _>>()
            .map_err(|e| self.bad(e))
    }
}

/// The statement for one camera's segments within a span of time.
fn of_camera(
    camera: &CameraId,
    from: Option<WallTime>,
    to: Option<WallTime>,
    limit: Option<i64>,
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM segments WHERE camera = ").push_bind(camera.as_str().to_owned());
    if let Some(from) = from {
        // What reaches beyond `from` began at most the longest segment's length before it.
        sql.push(" AND start_us >= ").push_bind(from.as_micros());
        sql.push(" - (SELECT end_us - start_us FROM segments WHERE camera = ");
        sql.push_bind(camera.as_str().to_owned());
        sql.push(" ORDER BY end_us - start_us DESC LIMIT 1)");
        // One that has just begun covers the moment of its start.
        sql.push(" AND max(end_us, start_us + 1) > ").push_bind(from.as_micros());
    }
    if let Some(to) = to {
        sql.push(" AND start_us < ").push_bind(to.as_micros());
    }
    sql.push(" ORDER BY start_us, id");
    if let Some(limit) = limit {
        sql.push(" LIMIT ").push_bind(limit);
    }
    sql
}

fn oldest(camera: Option<&CameraId>, limit: u32) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM segments");
    if let Some(camera) = camera {
        sql.push(" WHERE camera = ").push_bind(camera.as_str().to_owned());
    }
    sql.push(" ORDER BY start_us, id LIMIT ").push_bind(i64::from(limit));
    sql
}

fn newest(camera: &CameraId, limit: u32) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(COLUMNS).push(" FROM segments WHERE camera = ").push_bind(camera.as_str().to_owned());
    sql.push(" ORDER BY start_us DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    sql
}

fn unfinished() -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    // As the partial index says it.
    sql.push(COLUMNS).push(" FROM segments WHERE complete = 0 ORDER BY id");
    sql
}

fn column(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn read_segment(row: &SqliteRow) -> Result<Segment, BadRow> {
    Ok(Segment {
        id: row.try_get(0)?,
        camera: read_camera(row.try_get(1)?)?,
        path: row.try_get(2)?,
        start: WallTime::from_micros(row.try_get(3)?),
        end: WallTime::from_micros(row.try_get(4)?),
        bytes: u64::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
        stream: row.try_get(6)?,
        follows: row.try_get(7)?,
        complete: row.try_get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite does for `sql`, step by step.
    async fn plan(store: &Store, sql: &str) -> String {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(explain).fetch_all(&store.reader).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(3) + "\n").collect()
    }

    #[tokio::test]
    async fn no_question_walks_through_the_whole_table() {
        let store = Store::in_memory().await.unwrap();
        let camera = CameraId::new("a").unwrap();
        let at = Some(WallTime::from_millis(5));
        for (from, to) in [(None, None), (at, None), (None, at), (at, at)] {
            let plan = plan(&store, of_camera(&camera, from, to, Some(3)).sql().as_str()).await;
            assert!(plan.contains("segments_by_start (camera=?"), "{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
            assert_eq!(from.is_some(), plan.contains("segments_by_length (camera=?"), "{plan}");
            assert_eq!(from.is_some(), plan.contains("start_us>?"), "{plan}");
            assert_eq!(to.is_some(), plan.contains("start_us<?"), "{plan}");
        }
        let of_all = plan(&store, oldest(None, 3).sql().as_str()).await;
        assert!(of_all.contains("USING INDEX segments_by_age"), "{of_all}");
        let of_one = plan(&store, oldest(Some(&camera), 3).sql().as_str()).await;
        assert!(of_one.contains("segments_by_start (camera=?"), "{of_one}");
        assert!(!format!("{of_all}{of_one}").contains("TEMP B-TREE"), "{of_all}{of_one}");
        let last = plan(&store, newest(&camera, 3).sql().as_str()).await;
        assert!(last.contains("segments_by_start (camera=?"), "{last}");
        let open = plan(&store, unfinished().sql().as_str()).await;
        assert!(open.contains("USING INDEX segments_unfinished"), "{open}");
        assert!(!format!("{last}{open}").contains("TEMP B-TREE"), "{last}{open}");
    }
}
