//! A disk that is full for a while: writes fail, and work again when there is space.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::{Path, PathBuf};
use std::process::Command;

use omma_store::Store;
use omma_testkit::skipped;
use omma_types::{ErrorKind, WallTime};

/// A file system of 2 MB in memory; none, with the reason printed, where that is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(at)
            .output()
            .unwrap();
        if !mount.status.success() {
            let reason = String::from_utf8_lossy(&mount.stderr).into_owned();
            skipped(format!("no file system of 2 MB: {}", reason.trim()));
            return None;
        }
        Some(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test]
async fn writes_work_again_when_a_full_disk_has_space() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    let store = Store::open(disk.0.join("omma.db")).await.unwrap();
    let filling = disk.0.join("filling");
    let now = WallTime::from_millis(0);
    let payload = vec![vec![7u8; 20_000]];
    for round in 0..5 {
        // To the last byte: writing stops where there is no more space.
        drop(std::fs::write(&filling, vec![0; 2 << 20]));
        let mut kinds = Vec::new();
        for _ in 0..4 {
            kinds.push(store.enqueue("test", &payload, now).await.map_err(|error| error.kind()));
        }
        assert_eq!(kinds.last(), Some(&Err(ErrorKind::Full)), "round {round}: {kinds:?}");
        std::fs::remove_file(&filling).unwrap();
        store.enqueue("test", &payload, now).await.unwrap();
        let seqs = store.outbox_peek("test", 10).await.unwrap();
        let seqs: Vec<i64> = seqs.into_iter().map(|item| item.seq).collect();
        store.outbox_ack("test", &seqs).await.unwrap();
    }
    store.close().await;
}
