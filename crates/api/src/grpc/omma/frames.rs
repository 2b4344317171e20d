//! StreamFrames: pictures of one camera, as JPEG, as pixels, or as the camera's own packets.
//! The newest wins; what a slow client misses is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_bus::native::stamp_message;
use omma_engine::{EngineError, Handle, LiveView, Parcel, Preroll, ViewOptions};
use omma_media::StreamInfo;
use omma_types::{CameraId, MediaTime};
use tokio::time::sleep;
use tonic::Status;

use super::convert;
use crate::grpc::answer::Teller;
use crate::grpc::image::Desk;
use crate::grpc::proto::omma::{Frame, FrameFormat, StreamFramesRequest, StreamFramesResponse};
use crate::grpc::status;

/// How often a camera that is paused or being changed is asked again.
const RETRY: Duration = Duration::from_millis(250);

/// How often the desk is told that pictures are still wanted.
const WANT_EVERY: Duration = Duration::from_secs(2);

/// What a client wants, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wish {
    /// JPEG.
    Jpeg(ViewOptions),
    /// Pixels.
    Bgr {
        /// The least time between two pictures.
        interval: Duration,
        /// Only keyframes.
        keyframes_only: bool,
    },
    /// The camera's packets.
    Packets {
        /// Only keyframes.
        keyframes_only: bool,
    },
}

impl Wish {
    /// Reads a request; says what makes no sense.
    pub(super) fn new(request: &StreamFramesRequest) -> Result<Self, Status> {
        let Ok(format) = FrameFormat::try_from(request.format) else {
            let reason =
                format!("format {} is not known: it is JPEG, BGR or PACKET", request.format);
            return Err(Status::invalid_argument(reason));
        };
        let is_jpeg = matches!(format, FrameFormat::Unspecified | FrameFormat::Jpeg);
        let refuse =
            |field: &str, rule: &str| Err(Status::invalid_argument(format!("`{field}` {rule}")));
        let fps = request.max_fps;
        if !fps.is_finite() || fps < 0.0 {
            return refuse("max_fps", "is a number of pictures a second, 0 for the usual");
        }
        let for_jpeg = [
            ("max_width", request.max_width > 0),
            ("quality", request.quality > 0),
            ("annotated", request.annotated),
        ];
        if let Some((field, _)) = for_jpeg.iter().find(|(_, given)| *given && !is_jpeg) {
            return refuse(field, "is for JPEG only");
        }
        let keyframes_only = request.keyframes_only;
        match format {
            FrameFormat::Packet if fps > 0.0 => refuse("max_fps", "is not for packets"),
            FrameFormat::Packet => Ok(Self::Packets { keyframes_only }),
            FrameFormat::Bgr => {
                let interval = if fps > 0.0 {
                    Duration::from_secs_f64((1.0 / fps).min(1e6))
                } else {
                    Duration::ZERO
                };
                Ok(Self::Bgr { interval, keyframes_only })
            }
            FrameFormat::Unspecified | FrameFormat::Jpeg if keyframes_only => {
                refuse("keyframes_only", "is not for JPEG")
            }
            FrameFormat::Unspecified | FrameFormat::Jpeg => view_options(request).map(Self::Jpeg),
        }
    }
}

fn view_options(request: &StreamFramesRequest) -> Result<ViewOptions, Status> {
    let usual = ViewOptions::default();
    let or_usual =
        |value: u32, range: std::ops::RangeInclusive<u32>, usual: u32, field: &str| match value {
            0 => Ok(usual),
            value if range.contains(&value) => Ok(value),
            _ => Err(Status::invalid_argument(format!(
                "`{field}` must be {} to {}, or 0 for the usual",
                range.start(),
                range.end()
            ))),
        };
    let fps = match request.max_fps {
        0.0 => usual.fps,
        fps if (1.0..=60.0).contains(&fps) => fps.round() as u32,
        _ => return Err(Status::invalid_argument("`max_fps` must be 1 to 60 for JPEG")),
    };
    let quality = or_usual(request.quality, 1..=100, usual.quality.into(), "quality")?;
    Ok(ViewOptions {
        annotated: request.annotated,
        // As it is: pictures are never made larger.
        max_width: or_usual(request.max_width, 16..=3840, u32::MAX, "max_width")?,
        fps,
        quality: u8::try_from(quality).unwrap_or(usual.quality),
    })
}

/// Tells pictures of `camera` until it is removed.
pub(super) async fn tell(
    handle: Handle,
    camera: CameraId,
    wish: Wish,
    desk: Arc<Desk>,
    teller: Teller<StreamFramesResponse>,
) -> Result<(), Status> {
    match wish {
        Wish::Jpeg(options) => jpegs(&handle, &camera, options, teller).await,
        Wish::Bgr { interval, keyframes_only } => {
            pixels(&handle, &camera, &desk, keyframes_only, Pace::new(interval), teller).await
        }
        Wish::Packets { keyframes_only } => packets(&handle, &camera, keyframes_only, teller).await,
    }
}

/// Waits where a camera can't be had now, and ends where it is gone. A server that stops lets
/// its cameras go first: then its word is the one that is heard.
async fn rest(error: EngineError) -> Result<(), Status> {
    sleep(RETRY).await;
    match error {
        EngineError::NoCamera { .. } => Err(status::of_engine(&error)),
        _ => Ok(()),
    }
}

async fn jpegs(
    handle: &Handle,
    camera: &CameraId,
    options: ViewOptions,
    mut teller: Teller<StreamFramesResponse>,
) -> Result<(), Status> {
    let mut begins = true;
    loop {
        let mut view: LiveView = match handle.live(camera, options) {
            Ok(view) => view,
            Err(error) => {
                rest(error).await?;
                continue;
            }
        };
        let mut last: Option<u64> = None;
        loop {
            teller.ready().await?;
            // None when the camera was changed or removed.
            let Some(jpeg) = view.next().await else { break };
            if jpeg.is_notice {
                continue;
            }
            let dropped = last.map_or(0, |last| jpeg.number.saturating_sub(last + 1));
            last = Some(jpeg.number);
            let frame = Frame {
                camera: camera.as_str().to_owned(),
                stamp: Some(stamp_message(&jpeg.stamp)),
                format: FrameFormat::Jpeg.into(),
                data: bytes::Bytes::from_owner(Pixels(Arc::clone(&jpeg))),
                stream_start: std::mem::take(&mut begins),
                ..Frame::default()
            };
            teller.tell(StreamFramesResponse { frame: Some(frame), dropped }).await?;
        }
        begins = true;
        sleep(RETRY).await;
    }
}

/// A JPEG's bytes, shared with everybody else who gets them.
struct Pixels(Arc<omma_engine::JpegFrame>);

impl AsRef<[u8]> for Pixels {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

async fn pixels(
    handle: &Handle,
    camera: &CameraId,
    desk: &Arc<Desk>,
    keyframes_only: bool,
    mut pace: Pace,
    mut teller: Teller<StreamFramesResponse>,
) -> Result<(), Status> {
    let (mut last, mut dropped) = (None, 0);
    let mut stream: Option<Arc<StreamInfo>> = None;
    loop {
        teller.ready().await?;
        desk.want(keyframes_only);
        let Some(shot) = desk.next(last, keyframes_only, Instant::now() + WANT_EVERY).await else {
            if let Err(error) = handle.stream(camera) {
                rest(error).await?;
            }
            continue;
        };
        let missed = last.map_or(0, |last: u64| shot.number().saturating_sub(last + 1));
        last = Some(shot.number());
        let (is_due, due_before) = pace.look(shot.picture().stamp().media);
        // Of those in between, keyframes can't be told from others.
        dropped += if keyframes_only { 0 } else { missed.min(due_before) };
        if !is_due {
            continue;
        }
        let begins = match (shot.stream(), &stream) {
            (Some(now), Some(before)) => !Arc::ptr_eq(now, before),
            (Some(_), None) => true,
            (None, _) => false,
        };
        stream = shot.stream().cloned();
        let pixels = shot.frame().await?;
        let frame = Frame {
            camera: camera.as_str().to_owned(),
            stamp: Some(stamp_message(&shot.picture().stamp())),
            format: FrameFormat::Bgr.into(),
            keyframe: shot.picture().is_keyframe(),
            data: pixels.data,
            stream_start: begins,
            ..Frame::default()
        };
        teller.tell(StreamFramesResponse { frame: Some(frame), dropped }).await?;
        dropped = 0;
    }
}

/// Which pictures are due for a client that wants fewer than there are.
#[derive(Clone, Copy, Debug)]
struct Pace {
    interval: Duration,
    last: Option<MediaTime>,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Whether a picture shown at `media` is due, and how many others were since the last one
    /// that was.
    fn look(&mut self, media: MediaTime) -> (bool, u64) {
        let Some(last) = self.last.filter(|last| *last < media) else {
            // The first, or the stream begins anew.
            self.last = Some(media);
            return (true, 0);
        };
        if self.interval.is_zero() {
            self.last = Some(media);
            return (true, u64::MAX);
        }
        // Time stamps jitter: a tenth early is in time.
        let passed = media.since(last).as_secs_f64() / self.interval.as_secs_f64();
        let is_due = passed >= 0.9;
        if is_due {
            self.last = Some(media);
        }
        (is_due, ((passed + 0.1) as u64).saturating_sub(1))
    }
}

async fn packets(
    handle: &Handle,
    camera: &CameraId,
    keyframes_only: bool,
    mut teller: Teller<StreamFramesResponse>,
) -> Result<(), Status> {
    loop {
        let mut feed = match handle.packets(camera, Preroll::Group) {
            Ok(feed) => feed,
            Err(error) => {
                rest(error).await?;
                continue;
            }
        };
        let (mut stream, mut begins, mut dropped) = (None::<Arc<StreamInfo>>, true, 0);
        loop {
            teller.ready().await?;
            match feed.next().await {
                Some(Parcel::Stream(info)) => {
                    stream = Some(info);
                    begins = true;
                }
                Some(Parcel::Missed(count)) => dropped += count,
                Some(Parcel::Packet(packet)) => {
                    let Some(stream) = stream.as_deref() else { continue };
                    if !packet.is_video() || (keyframes_only && !packet.keyframe) {
                        continue;
                    }
                    let frame =
                        convert::packet(camera, &packet, stream, std::mem::take(&mut begins));
                    teller.tell(StreamFramesResponse { frame: Some(frame), dropped }).await?;
                    dropped = 0;
                }
                // The camera was changed or removed.
                None => break,
            }
        }
        sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_make_no_sense_are_refused() {
        let ask = |edit: fn(&mut StreamFramesRequest)| {
            let mut request = StreamFramesRequest::default();
            edit(&mut request);
            Wish::new(&request)
        };
        let usual = ViewOptions { annotated: false, max_width: u32::MAX, ..ViewOptions::default() };
        assert_eq!(ask(|_| {}).unwrap(), Wish::Jpeg(usual));
        let bgr = ask(|r| (r.format, r.max_fps) = (FrameFormat::Bgr.into(), 4.0)).unwrap();
        let interval = Duration::from_millis(250);
        assert_eq!(bgr, Wish::Bgr { interval, keyframes_only: false });
        let packets = ask(|r| (r.format, r.keyframes_only) = (FrameFormat::Packet.into(), true));
        assert_eq!(packets.unwrap(), Wish::Packets { keyframes_only: true });
        assert!(ask(|r| (r.format, r.max_fps) = (FrameFormat::Bgr.into(), 1e-300)).is_ok());
        for wrong in [
            ask(|r| r.format = 9),
            ask(|r| r.max_fps = f64::NAN),
            ask(|r| r.max_fps = -1.0),
            ask(|r| r.max_fps = 61.0),
            ask(|r| r.quality = 101),
            ask(|r| r.max_width = 15),
            ask(|r| r.keyframes_only = true),
            ask(|r| (r.format, r.quality) = (FrameFormat::Bgr.into(), 50)),
            ask(|r| (r.format, r.annotated) = (FrameFormat::Packet.into(), true)),
            ask(|r| (r.format, r.max_fps) = (FrameFormat::Packet.into(), 5.0)),
        ] {
            assert_eq!(wrong.unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }

    #[test]
    fn a_pace_lets_through_what_is_due() {
        let at = |millis: i64| MediaTime::from_nanos(millis * 1_000_000);
        let mut pace = Pace::new(Duration::from_millis(200));
        // 25 a second, with jitter: every fifth.
        let due: Vec<i64> = (0..20).filter(|n| pace.look(at(n * 40 + n % 3 - 1)).0).collect();
        assert_eq!(due, [0, 5, 10, 15]);
        assert_eq!(pace.look(at(600 + 1000)), (true, 4), "four were missed");
        assert_eq!(pace.look(at(0)), (true, 0), "a new stream");
        let mut all = Pace::new(Duration::ZERO);
        assert!((0..5).all(|n| all.look(at(n)).0));
    }
}
