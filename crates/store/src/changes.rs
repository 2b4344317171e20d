//! What was changed about cameras while the program ran, on top of the configuration file.

use std::fmt;

use omma_types::CameraId;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::row::{BadRow, read_camera};
use crate::{Store, StoreError};

/// What differs from the configuration file.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraChange {
    /// The camera, in the file or not.
    pub camera: CameraId,
    /// The camera's part of the configuration file as JSON; none: the file's holds.
    pub settings: Option<String>,
    /// Whether it rests; none: the file's holds.
    pub paused: Option<bool>,
    /// Whether the file's camera shall not run.
    pub removed: bool,
}

/// Without the settings, which hold passwords.
impl fmt::Debug for CameraChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CameraChange")
            .field("camera", &self.camera)
            .field("settings", &self.settings.as_ref().map(|_| "***"))
            .field("paused", &self.paused)
            .field("removed", &self.removed)
            .finish()
    }
}

impl Store {
    /// All changes, by camera.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn camera_changes(&self) -> Result<Vec<CameraChange>, StoreError> {
        let rows = sqlx::query(
            "SELECT camera, settings, paused, removed FROM camera_changes ORDER BY camera",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(|e| self.failed(&e))?;
        rows.iter().map(read_change).collect::<Result<_, _>>().map_err(|e| self.bad(e))
    }

    /// Keeps a change in place of the camera's earlier one.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn put_camera_change(&self, change: &CameraChange) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO camera_changes (camera, settings, paused, removed) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET settings = excluded.settings, \
             paused = excluded.paused, removed = excluded.removed",
        )
        .bind(change.camera.as_str())
        .bind(change.settings.as_deref())
        .bind(change.paused)
        .bind(change.removed)
        .execute(&self.writer)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(())
    }

    /// Goes back to what the configuration file says of a camera.
    ///
    /// # Errors
    /// When the file can't be written.
    pub async fn forget_camera_change(&self, camera: &CameraId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM camera_changes WHERE camera = ?1")
            .bind(camera.as_str())
            .execute(&self.writer)
            .await
            .map_err(|e| self.failed(&e))?;
        Ok(())
    }
}

fn read_change(row: &SqliteRow) -> Result<CameraChange, BadRow> {
    Ok(CameraChange {
        camera: read_camera(row.try_get(0)?)?,
        settings: row.try_get(1)?,
        paused: row.try_get(2)?,
        removed: row.try_get(3)?,
    })
}
