//! The wire types of video-edge-ai-proxy's REST interface. Names and shapes are the
//! original's; fields that it leaves out when they are empty are left out here, too.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Any answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureDto {
    /// The HTTP status once more.
    #[schema(example = 409)]
    pub code: u16,
    /// What went wrong and what to do about it.
    pub message: String,
}

/// A camera to add.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProcess)]
pub struct NewProcessDto {
    /// Its name: 1 to 64 of A-Z a-z 0-9 _ -.
    #[serde(default)]
    #[schema(example = "entrance")]
    pub name: String,
    /// Where its stream comes from: any address that Omma can read.
    #[serde(default)]
    #[schema(example = "rtsp://viewer:secret@192.0.2.10/stream1")]
    pub rtsp_endpoint: String,
    /// Where its stream is passed on to, from the start; nowhere if it is left out.
    #[serde(default)]
    #[schema(example = "rtmp://192.0.2.20/live/entrance")]
    pub rtmp_endpoint: Option<String>,
}

/// A camera: in video-edge-ai-proxy the container that reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamProcess)]
pub struct StreamProcessDto {
    /// Its name.
    pub name: String,
    /// Omma's name and version: there is no image.
    #[schema(example = "omma:0.1.0")]
    pub image_tag: String,
    /// Where its stream comes from, without passwords.
    pub rtsp_endpoint: String,
    /// Where its stream is passed on to, without the key that lets somebody send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmp_endpoint: Option<String>,
    /// `created`, `running`, `restarting`, `paused` or `exited`.
    #[schema(example = "running")]
    pub status: &'static str,
    /// The same in more detail.
    pub state: StateDto,
    /// Its last changes of state; only where one camera is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<LogsDto>,
    /// Since when Omma remembers it, in milliseconds since 1970.
    pub created: i64,
    /// Since when it is in its state, in milliseconds since 1970.
    pub modified: i64,
    /// Whether it is passed on and kept.
    pub rtmp_stream_status: RtmpStreamStatusDto,
    /// Always false: there is no image to upgrade.
    pub upgrade_available: bool,
}

/// A camera's state in the words of Docker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = State)]
pub struct StateDto {
    /// `created`, `running`, `restarting`, `paused` or `exited`.
    pub status: &'static str,
    /// Whether it is kept alive.
    pub running: bool,
    /// Whether somebody asked for a pause.
    pub paused: bool,
    /// Whether it is tried again and again.
    pub restarting: bool,
    /// Always false.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Always false.
    pub dead: bool,
    /// Omma's process while it reads the camera, 0 otherwise.
    pub pid: u32,
    /// 1 for a camera that can't work as it is configured, 0 otherwise.
    pub exit_code: i32,
    /// Why it is in this state; empty while all is well.
    pub error: String,
    /// Since when it runs.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub started_at: String,
    /// Since when it does not.
    #[schema(example = "0001-01-01T00:00:00Z")]
    pub finished_at: String,
}

/// A camera's last changes of state, a line each, in base 64.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Logs)]
pub struct LogsDto {
    /// What went well.
    pub stdout: String,
    /// What did not.
    pub stderr: String,
}

/// Whether a camera is passed on and kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RtmpStreamStatus)]
pub struct RtmpStreamStatusDto {
    /// Whether it is to be passed on.
    pub streaming: bool,
    /// Whether its footage is kept. The original means its cloud; here it is Omma's folder.
    pub storing: bool,
}

/// What signs annotations.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSettings)]
pub struct NewSettingsDto {
    /// Names the sender.
    #[serde(default)]
    pub edge_key: String,
    /// Signs what is sent; `***` keeps the one that is there.
    #[serde(default)]
    pub edge_secret: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
}

/// What signs annotations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsDto {
    /// A name for people.
    pub name: String,
    /// Names the sender.
    pub edge_key: String,
    /// `***` where there is one. Unlike the original, Omma never shows it again.
    pub edge_secret: String,
    /// Always empty: there is no cloud behind it.
    pub gateway_id: String,
    /// When it was first set, in milliseconds since 1970; 0 before.
    pub created: i64,
    /// When it was last set, in milliseconds since 1970; 0 before.
    pub modified: i64,
}

/// Whether a newer image is to be had.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImageUpgrade)]
pub struct ImageUpgradeDto {
    /// Always false.
    pub has_upgrade: bool,
    /// Always true: what reads cameras is Omma itself.
    pub has_image: bool,
    /// The image that was asked for.
    pub name: String,
    /// Omma's version.
    pub current_version: String,
    /// The same.
    pub highest_remote_version: String,
    /// `rtsp`.
    pub camera_type: &'static str,
}

/// An image; never one here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Image)]
pub struct ImageDto {}

/// An application; never one here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppProcess)]
pub struct AppProcessDto {
    /// Its name.
    pub name: String,
}
