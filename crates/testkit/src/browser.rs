//! A real browser looking at a page: Chromium without a window.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::data::skipped;

/// A browser that hangs is a failed test.
const DEADLINE: Duration = Duration::from_secs(90);

/// An installed Chromium.
pub struct Browser {
    program: PathBuf,
}

/// What the browser saw.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The picture, a PNG.
    pub picture: PathBuf,
    /// The page's elements as they were at that moment.
    pub dom: String,
}

impl Browser {
    /// None, with the reason printed, where there is none.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let found = std::env::split_paths(&path)
            .flat_map(|dir| names.map(|name| dir.join(name)))
            .find(|program| program.is_file());
        if found.is_none() {
            skipped("no browser: apt-get install chromium");
        }
        Some(Self { program: found? })
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Opens the page at `address`, lets its scripts believe that `lives` has passed, and
    /// takes a picture. `dir` gets the profile and the files.
    ///
    /// # Panics
    /// When the browser fails or hangs.
    pub fn look(&self, address: &str, dir: &Path, lives: Duration) -> Shot {
        self.run(address, dir, &format!("--virtual-time-budget={}", lives.as_millis()))
    }

    /// Opens an endless stream of pictures, and takes a picture after `time` at the latest.
    ///
    /// # Panics
    /// When the browser fails or hangs.
    pub fn watch(&self, address: &str, dir: &Path, time: Duration) -> Shot {
        self.run(address, dir, &format!("--timeout={}", time.as_millis()))
    }

    fn run(&self, address: &str, dir: &Path, until: &str) -> Shot {
        let picture = dir.join("shot.png");
        let (dom, log) = (dir.join("dom.html"), dir.join("browser.log"));
        let create = |path: &Path| std::fs::File::create(path).expect("a file for the output");
        let mut child = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .args(["--window-size=1280,1000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(until)
            .arg(address)
            .current_dir(dir)
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(create(&dom))
            .stderr(create(&log))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let deadline = Instant::now() + DEADLINE;
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let status = loop {
            if let Some(status) = child.try_wait().expect("the browser's state") {
                break status;
            }
            if Instant::now() > deadline {
                drop(child.kill());
                drop(child.wait());
                panic!("the browser hangs: {}", read(&log));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        };
        assert!(status.success() && picture.is_file(), "{status}: {}", read(&log));
        Shot { picture, dom: read(&dom) }
    }
}
