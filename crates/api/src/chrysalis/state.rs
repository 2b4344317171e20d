//! A camera's state in the words of Docker, which is what clients of video-edge-ai-proxy know:
//! there, every camera was a container.

use omma_engine::{CameraState, CameraStatus};

/// Docker's word for a container, and the flags that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DockerState {
    /// `created`, `running`, `restarting`, `paused` or `exited`.
    pub(crate) status: &'static str,
    /// Whether it is kept alive. Also while it is restarted or paused, as Docker has it.
    pub(crate) running: bool,
    /// Whether it is tried again and again.
    pub(crate) restarting: bool,
    /// Whether somebody asked for a pause.
    pub(crate) paused: bool,
    /// 0, or 1 for one that can't work.
    pub(crate) exit_code: i32,
}

impl DockerState {
    pub(crate) fn of(camera: &CameraStatus) -> Self {
        Self::new(camera.state, camera.attempts)
    }

    /// `attempts` to open it were made since it was last online.
    fn new(state: CameraState, attempts: u32) -> Self {
        let (status, exit_code) = match state {
            CameraState::Online => ("running", 0),
            CameraState::Connecting if attempts == 0 => ("created", 0),
            // The original's worker ends when its stream does, and is started again.
            CameraState::Connecting | CameraState::Stalled | CameraState::Offline => {
                ("restarting", 0)
            }
            CameraState::Paused => ("paused", 0),
            CameraState::Ended => ("exited", 0),
            CameraState::Failed => ("exited", 1),
        };
        Self {
            status,
            running: matches!(status, "running" | "restarting" | "paused"),
            restarting: status == "restarting",
            paused: status == "paused",
            exit_code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_word_that_clients_know() {
        for state in CameraState::ALL {
            for attempts in [0, 3] {
                let docker = DockerState::new(state, attempts);
                let known = ["created", "running", "restarting", "paused", "exited"];
                assert!(known.contains(&docker.status), "{state:?}");
                assert_eq!(docker.restarting, docker.status == "restarting");
                assert_eq!(docker.exit_code != 0, state == CameraState::Failed);
            }
        }
        assert_eq!(DockerState::new(CameraState::Online, 0).status, "running");
        assert_eq!(DockerState::new(CameraState::Connecting, 0).status, "created");
        assert_eq!(DockerState::new(CameraState::Connecting, 1).status, "restarting");
    }
}
