//! Footage through a pipe: a source like a file, of bytes that are put together as they are read.

use std::io::{PipeReader, Write as _};
use std::sync::{Arc, OnceLock};

use crate::record::Footage;

/// The end that footage comes out of.
pub(super) struct Flow {
    pub(super) reader: PipeReader,
    /// Why it ended early, if it did.
    pub(super) failure: Arc<OnceLock<String>>,
}

/// Lets `footage` flow until it ends, or nobody reads any more.
///
/// # Errors
/// The system has no pipe to give.
pub(super) fn flow(footage: Footage) -> std::io::Result<Flow> {
    let (reader, mut writer) = std::io::pipe()?;
    let failure = Arc::new(OnceLock::new());
    let told = Arc::clone(&failure);
    tokio::task::spawn_blocking(move || {
        let len = footage.len();
        let mut footage = footage.read(0..len);
        loop {
            match footage.next_chunk() {
                // Whoever no longer reads has a reason of its own.
                Ok(Some(chunk)) if writer.write_all(&chunk).is_err() => return,
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    told.get_or_init(|| error.to_string());
                    return;
                }
            }
        }
    });
    Ok(Flow { reader, failure })
}
