//! VideoBufferedImage: every picture of a span that the ring still holds.

use std::sync::Arc;

use omma_engine::Handle;
use omma_types::{CameraId, Clock as _, SystemClock, WallTime};
use tonic::Status;

use super::frame::video_frame;
use crate::grpc::answer::Teller;
use crate::grpc::proto::chrysalis::{VideoFrame, VideoFrameBufferedRequest};
use crate::grpc::status;

/// The span that a request asks for; 0 stands for the ring's begin and for now.
pub(super) fn span(
    request: &VideoFrameBufferedRequest,
    now: WallTime,
) -> Result<(WallTime, WallTime), Status> {
    let (from, to) = (request.timestamp_from, request.timestamp_to);
    if from < 0 || to < 0 {
        return Err(Status::invalid_argument(
            "times before 1970 make no sense; timestamp_from and timestamp_to are milliseconds \
             since 1970, 0 for all that is held",
        ));
    }
    let from = WallTime::from_millis(from);
    // Up to the end of the millisecond, as far as a client can tell.
    let to = if to == 0 { now } else { now.min(WallTime::from_micros(last_micro(to))) };
    if from > to {
        return Err(Status::invalid_argument(format!(
            "the span ends before it begins: from {from} to {to}; timestamp_from and \
             timestamp_to are milliseconds since 1970"
        )));
    }
    Ok((from, to))
}

fn last_micro(millis: i64) -> i64 {
    millis.saturating_mul(1000).saturating_add(999)
}

/// Tells every picture of the span, at the client's pace.
pub(super) async fn tell(
    handle: Handle,
    camera: CameraId,
    (from, to): (WallTime, WallTime),
    mut teller: Teller<VideoFrame>,
) -> Result<(), Status> {
    let failed = |error| status::of_engine(&error);
    let (stream, _) = handle.stream(&camera).map_err(failed)?;
    let mut pictures = handle.history(&camera, from, to).map_err(failed)?;
    let camera = Arc::new(camera);
    let mut keyframes = 0u64;
    while let Some(picture) = pictures.next().await {
        let picture = picture.map_err(failed)?;
        keyframes += u64::from(picture.is_keyframe());
        let (camera, stream) = (Arc::clone(&camera), stream.clone());
        let groups = keyframes.saturating_sub(1);
        let work = move || video_frame(&camera, &picture, stream.as_deref(), groups);
        let frame = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(frame)) => frame,
            Ok(Err(error)) => return Err(Status::internal(error.to_string())),
            Err(_panicked) => return Err(Status::internal("a picture could not be converted")),
        };
        teller.tell(frame).await?;
    }
    Ok(())
}

/// The present.
pub(super) fn now() -> WallTime {
    SystemClock.wall()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_checked_and_end_now() {
        let now = WallTime::from_millis(5000);
        let ask = |timestamp_from, timestamp_to| {
            let device_id = "door".to_owned();
            span(&VideoFrameBufferedRequest { device_id, timestamp_from, timestamp_to }, now)
        };
        assert_eq!(ask(0, 0).unwrap(), (WallTime::from_millis(0), now));
        assert_eq!(ask(1000, 9000).unwrap(), (WallTime::from_millis(1000), now));
        let end = WallTime::from_micros(2_000_999);
        assert_eq!(ask(1000, 2000).unwrap(), (WallTime::from_millis(1000), end));
        assert!(ask(2000, 2000).is_ok());
        assert!(ask(i64::MAX, i64::MAX).is_err());
        for (from, to) in [(-1, 0), (0, -1), (2000, 1000), (6000, 0)] {
            let refused = ask(from, to).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        }
    }
}
