//! The program under test, in a world of its own: nothing of the user's home, data or
//! variables reaches it unless a test says so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::data::Data;

/// A command that hangs is a failed test.
const DEADLINE: Duration = Duration::from_secs(240);

/// A call of the program `omma`.
pub struct Omma {
    command: Command,
    dir: PathBuf,
}

/// What a finished call left behind.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// From start to end.
    pub took: Duration,
}

impl Omma {
    /// `program` is `env!("CARGO_BIN_EXE_omma")`, which only the tests of its own package
    /// know. It runs in `dir`, which is also its home.
    pub fn new(program: &str, dir: &Path) -> Self {
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env("HOME", dir)
            .env("XDG_DATA_HOME", dir.join("data"))
            .env_remove("OMMA_DATA")
            .env_remove("OMMA_LOG")
            .env_remove("ORT_DYLIB_PATH")
            .stdin(Stdio::null());
        Self { command, dir: dir.to_owned() }
    }

    /// Adds arguments, split at spaces.
    #[must_use]
    pub fn args(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split_whitespace());
        self
    }

    /// Adds one argument as it is.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it find the project's models.
    #[must_use]
    pub fn data(self, data: &Data) -> Self {
        self.env("OMMA_DATA", data.root())
    }

    /// Lets it find ONNX Runtime's library, where there is one.
    #[must_use]
    pub fn ort(self, library: Option<&Path>) -> Self {
        match library {
            Some(library) => self.env("ORT_DYLIB_PATH", library),
            None => self,
        }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it can't be started or takes more than four minutes.
    pub fn run(self) -> Ran {
        let started = Instant::now();
        let call = format!("{:?}", self.command);
        let mut process = self.start("run");
        let deadline = started + DEADLINE;
        let status = loop {
            if let Some(status) = process.child.try_wait().expect("the program's state") {
                break status;
            }
            assert!(Instant::now() < deadline, "{call} still runs; {}", process.err());
            std::thread::park_timeout(Duration::from_millis(5));
        };
        let took = started.elapsed();
        Ran { code: status.code(), out: process.out(), err: process.err(), took }
    }

    /// Starts it, with its output in files in its folder that begin with `name`.
    pub(crate) fn start(mut self, name: &str) -> Process {
        let file = |end: &str| self.dir.join(format!("{name}.{end}"));
        let (out, err) = (file("out"), file("err"));
        let create = |path: &Path| std::fs::File::create(path).expect("a file for the output");
        let child = self
            .command
            .stdout(create(&out))
            .stderr(create(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        Process { child, out, err }
    }
}

impl Ran {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The call after it was seen to succeed.
    ///
    /// # Panics
    /// When it failed.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// The one message of a call that has failed as it should: with an exit code of its own
    /// choosing, and one message that begins with `error: `.
    ///
    /// # Panics
    /// When it succeeded, panicked, was killed or said several things.
    pub fn refusal(&self) -> String {
        assert!(self.code.is_some_and(|code| code == 1 || code == 2), "{self:?}");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        let messages = self.err.lines().filter(|line| line.starts_with("error: "));
        let messages: Vec<&str> = messages.collect();
        assert_eq!(messages.len(), 1, "one message: {}", self.err);
        self.err.clone()
    }
}

/// A process with its output in files; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub(crate) fn out(&self) -> String {
        read(&self.out)
    }

    pub(crate) fn err(&self) -> String {
        read(&self.err)
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
