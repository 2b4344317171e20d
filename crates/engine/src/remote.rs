//! stub
use crate::config::DetectConfig;
use omma_media::Picture;
use omma_types::{CameraId, Detection, FrameStamp};
pub(crate) enum Answer {
    Found { request: u64, detections: Vec<Detection> },
    Unasked { stamp: FrameStamp, detections: Vec<Detection> },
    Failed { request: u64, reason: String },
}
pub(crate) struct Remote {}
impl Remote {
    pub(crate) fn ask(
        &self,
        _c: &CameraId,
        _d: &DetectConfig,
        _r: u64,
        _p: &Picture,
    ) -> Result<(), String> {
        Ok(())
    }
}
