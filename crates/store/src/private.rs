//! Who may read the file: only its owner, because it holds the passwords of cameras that were
//! added at run time.

use std::path::Path;

/// Makes a missing file with narrow permissions, before SQLite makes it with wide ones. What
/// fails here fails again in SQLite, which says why. Its companions (`-wal`, `-shm`) get the
/// permissions of the file.
#[cfg(unix)]
pub(crate) fn create(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    drop(std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
}

/// Narrows the permissions of a file that an older version made. Where that can't be done
/// (another owner, a file system without permissions) it is said and goes on.
#[cfg(unix)]
pub(crate) fn protect(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let name = Path::new(&name);
        let Ok(metadata) = name.metadata() else { continue };
        if metadata.permissions().mode() & 0o077 == 0 {
            continue;
        }
        if let Err(error) = std::fs::set_permissions(name, std::fs::Permissions::from_mode(0o600)) {
            tracing::warn!(
                path = %name.display(), %error,
                "others may read the store, where passwords of cameras can be"
            );
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn create(_path: &Path) {}

#[cfg(not(unix))]
pub(crate) fn protect(_path: &Path) {}
