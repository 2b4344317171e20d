//! Questions to programs that detect, and their answers (`detect.proto`).

use bytes::Bytes;
use omma_types::{CameraId, Detection, FrameStamp, redact_text};
use prost::Message as _;

use super::{Wrong, camera, detection, finite, message, rect_out, stamp_in, stamp_message};
use crate::{BusError, proto};

/// A picture to be looked at.
#[derive(Clone, Debug)]
pub struct DetectRequest<'a> {
    /// The camera.
    pub camera: &'a CameraId,
    /// The model's name in the configuration.
    pub model: &'a str,
    /// Comes back in the answer; not 0.
    pub request: u64,
    /// Which picture, and when.
    pub frame: FrameStamp,
    /// The picture, a JPEG file.
    pub jpeg: Bytes,
    /// Only these are wanted; all where there are none.
    pub classes: Vec<String>,
    /// Detections below this score are not wanted.
    pub min_score: f32,
}

/// A request as it comes to a program.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectTask {
    /// The camera.
    pub camera: CameraId,
    /// Comes back in the answer; not 0.
    pub request: u64,
    /// Which picture, and when.
    pub frame: FrameStamp,
    /// The picture, a JPEG file; shared with the message.
    pub jpeg: Bytes,
    /// Only these are wanted; all where there are none.
    pub classes: Vec<String>,
    /// Detections below this score are not wanted.
    pub min_score: f32,
}

/// What a program says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectResponse {
    /// The camera.
    pub camera: CameraId,
    /// The model's name in the configuration.
    pub model: String,
    /// What it found, or why it found out nothing.
    pub answer: DetectAnswer,
}

/// See [`DetectResponse::answer`].
#[derive(Clone, Debug, PartialEq)]
pub enum DetectAnswer {
    /// It looked at the picture of this request.
    Found {
        /// Of the request.
        request: u64,
        /// What it found, in any order.
        detections: Vec<Detection>,
    },
    /// It looked at a picture that it took from the topic `frames`.
    Unasked {
        /// Which picture.
        frame: FrameStamp,
        /// What it found, in any order.
        detections: Vec<Detection>,
    },
    /// It could not look at the picture of this request.
    Failed {
        /// Of the request.
        request: u64,
        /// Why, for people.
        reason: String,
    },
}

/// A request as a message.
pub fn encode_request(request: DetectRequest<'_>) -> Bytes {
    let message = proto::DetectRequest {
        camera: request.camera.as_str().to_owned(),
        model: request.model.to_owned(),
        request: request.request,
        frame: Some(stamp_message(&request.frame)),
        jpeg: request.jpeg,
        classes: request.classes,
        min_score: request.min_score,
    };
    message.encode_to_vec().into()
}

/// A request out of a message of `topic`.
///
/// # Errors
/// The message is none, or says what cannot be.
pub fn decode_request(topic: &str, payload: Bytes) -> Result<DetectTask, BusError> {
    let message: proto::DetectRequest = message(topic, payload)?;
    let wrong = Wrong(topic);
    wrong.unless_few(message.classes.len(), "classes")?;
    if message.jpeg.is_empty() {
        return Err(wrong.because("a request without a picture"));
    }
    Ok(DetectTask {
        camera: camera(&message.camera, &wrong)?,
        request: message.request,
        frame: stamp_in(message.frame.as_ref(), &wrong)?,
        jpeg: message.jpeg,
        classes: message.classes,
        min_score: finite(message.min_score, &wrong)?,
    })
}

/// An answer as a message.
pub fn encode_response(response: &DetectResponse) -> Bytes {
    let mut message = proto::DetectResponse {
        camera: response.camera.as_str().to_owned(),
        model: response.model.clone(),
        ..proto::DetectResponse::default()
    };
    match &response.answer {
        DetectAnswer::Found { request, detections } => {
            message.request = *request;
            message.detections = detections.iter().map(detection_out).collect();
        }
        DetectAnswer::Unasked { frame, detections } => {
            message.frame = Some(stamp_message(frame));
            message.detections = detections.iter().map(detection_out).collect();
        }
        DetectAnswer::Failed { request, reason } => {
            message.request = *request;
            message.error.clone_from(reason);
        }
    }
    message.encode_to_vec().into()
}

fn detection_out(detection: &Detection) -> proto::Detection {
    proto::Detection {
        class: detection.class.as_str().to_owned(),
        score: detection.score,
        r#box: Some(rect_out(&detection.rect)),
    }
}

/// An answer out of a message of `topic`.
///
/// # Errors
/// The message is none, or says what cannot be.
pub fn decode_response(topic: &str, payload: Bytes) -> Result<DetectResponse, BusError> {
    let message: proto::DetectResponse = message(topic, payload)?;
    let wrong = Wrong(topic);
    let camera = camera(&message.camera, &wrong)?;
    let (model, request) = (message.model.clone(), message.request);
    if !message.error.is_empty() {
        let reason = redact_text(&message.error.chars().take(200).collect::<String>());
        return Ok(DetectResponse {
            camera,
            model,
            answer: DetectAnswer::Failed { request, reason },
        });
    }
    wrong.unless_few(message.detections.len(), "detections")?;
    let detections = message.detections.iter().map(|found| detection(found, &wrong));
    let detections = detections.collect::<Result<_, _>>()?;
    let answer = if request > 0 {
        DetectAnswer::Found { request, detections }
    } else {
        DetectAnswer::Unasked { frame: stamp_in(message.frame.as_ref(), &wrong)?, detections }
    };
    Ok(DetectResponse { camera, model, answer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(message: &proto::DetectResponse) -> Bytes {
        message.encode_to_vec().into()
    }

    #[test]
    fn answers_are_understood_and_what_cannot_be_is_refused() {
        let rect = proto::Rect { left: 0.1, top: 0.2, width: 0.3, height: 0.4 };
        let found = proto::Detection { class: "person".into(), score: 0.5, r#box: Some(rect) };
        let good = proto::DetectResponse {
            camera: "door".into(),
            model: "mine".into(),
            request: 7,
            detections: vec![found.clone()],
            ..proto::DetectResponse::default()
        };
        let read = decode_response("detections", encoded(&good)).expect("good");
        let read_before = read.clone();
        let DetectAnswer::Found { request: 7, detections } = read.answer else { panic!("found") };
        assert_eq!(detections.len(), 1);
        let again = encode_response(&DetectResponse {
            camera: CameraId::new("door").expect("a name"),
            model: "mine".into(),
            answer: DetectAnswer::Found { request: 7, detections },
        });
        assert_eq!(decode_response("detections", again).expect("good"), read_before);
        let failed = proto::DetectResponse { error: "no memory".into(), ..good.clone() };
        let read = decode_response("detections", encoded(&failed)).expect("good");
        assert!(matches!(read.answer, DetectAnswer::Failed { request: 7, .. }));
        let nan = proto::Detection { score: f32::NAN, ..found.clone() };
        for bad in [
            proto::DetectResponse { request: 0, ..good.clone() },
            proto::DetectResponse { camera: "no/camera".into(), ..good.clone() },
            proto::DetectResponse { detections: vec![nan], ..good.clone() },
            proto::DetectResponse {
                detections: vec![proto::Detection { r#box: None, ..found }],
                ..good
            },
        ] {
            let error = decode_response("detections", encoded(&bad)).expect_err("bad");
            assert!(error.to_string().contains("`detections`"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(decode_response("detections", bytes.clone().into()));
            drop(decode_request("detect.mine", bytes.into()));
        }
    }
}
