//! What can go wrong with the store, and the one place where SQLite's codes get a meaning.

use std::path::PathBuf;

use omma_types::ErrorKind;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory can't be created or written.
    #[error(
        "store {path}: not writable: {reason}; check the permissions, or choose another data_dir"
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is damaged, or no database at all.
    #[error(
        "store {path}: not a usable database: {reason}; move it away to start with an empty one"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says, or which row makes no sense.
        reason: String,
    },
    /// The file is a database, but another program's.
    #[error("store {path}: a database of another program; choose another data_dir")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Omma wrote the file.
    #[error(
        "store {path}: written by a newer Omma (schema {found}, this one knows {known}); \
         use that version, or another data_dir"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Newest version that this build knows.
        known: i64,
    },
    /// Another process holds the file for longer than five seconds.
    #[error("store {path}: held by another process; stop it, or choose another data_dir")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No space left.
    #[error("store {path}: disk full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// An event or a query that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Any other failure of the database.
    #[error("store {path}: {reason}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
}

impl StoreError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotWritable { .. } => ErrorKind::Denied,
            Self::Corrupt { .. } | Self::Foreign { .. } => ErrorKind::Corrupt,
            Self::NewerSchema { .. } => ErrorKind::Unsupported,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Full { .. } => ErrorKind::Full,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Database { .. } => ErrorKind::Internal,
        }
    }

    /// Gives a failure of `sqlx` on the file `path` its meaning.
    pub(crate) fn from_sqlx(path: &std::path::Path, error: &sqlx::Error) -> Self {
        let path = path.to_owned();
        match error {
            sqlx::Error::Database(database) => {
                let reason = database.message().to_owned();
                // The low byte of the extended code: <https://www.sqlite.org/rescode.html>
                match database.code().and_then(|code| code.parse::<i32>().ok()).map(|c| c & 0xff) {
                    // 10: an input or output error; it may pass, so events must wait for it.
                    Some(3 | 8 | 10 | 14 | 23) => Self::NotWritable { path, reason },
                    Some(11 | 26) => Self::Corrupt { path, reason },
                    Some(5 | 6) => Self::Busy { path },
                    Some(13) => Self::Full { path },
                    _ => Self::Database { path, reason },
                }
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Corrupt { path, reason: error.to_string() }
            }
            sqlx::Error::PoolTimedOut => Self::Busy { path },
            sqlx::Error::PoolClosed => Self::Database { path, reason: "already closed".to_owned() },
            other => Self::Database { path, reason: other.to_string() },
        }
    }
}
