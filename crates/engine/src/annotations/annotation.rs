//! An annotation, its rules, and its form in a delivered batch.
//!
//! The form is that of video-edge-ai-proxy, so that receivers written for it go on working,
//! misspelled names included (`object_bouding_box`, `is_keyrame`). Fields that hold nothing
//! are left out. `object_coordinate`, which that program lost on the way, is sent.

use omma_types::WallTime;
use serde::Serialize;

use super::AnnotationError;

/// How far from the present an annotation may begin.
const MOST_AWAY_MS: i64 = 7 * 24 * 3600 * 1000;

/// The longest form of one annotation.
const MOST_BYTES: usize = 256 * 1024;

/// What another program found out about a moment or a span of a camera's pictures. All times
/// are milliseconds since 1970. Empty texts, empty lists and zeros mean: not said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Annotation {
    /// The camera.
    pub device_name: String,
    /// What it is, e.g. `moving` or `line_crossed`. Free text.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it began.
    pub start_timestamp: i64,
    /// The stream's name elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_stream_id: String,
    /// When it ended.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub end_timestamp: i64,
    /// What the object is, e.g. `person`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object_type: String,
    /// The object's identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object_id: String,
    /// The object's track.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object_tracking_id: String,
    /// How sure it is, mostly 0 to 1.
    #[serde(skip_serializing_if = "is_zero_f64")]
    pub confidence: f64,
    /// The object's box in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_bouding_box: Option<AnnotationBox>,
    /// Where on Earth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Where in a space of the sender's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_coordinate: Option<Coordinate>,
    /// The object's outline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<Coordinate>,
    /// The object's features, for finding it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub object_signature: Vec<f64>,
    /// The model that found it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ml_model: String,
    /// The model's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ml_model_version: String,
    /// The picture's width in pixels.
    #[serde(skip_serializing_if = "is_zero_i32")]
    pub width: i32,
    /// The picture's height in pixels.
    #[serde(skip_serializing_if = "is_zero_i32")]
    pub height: i32,
    /// Whether it was seen in a keyframe.
    #[serde(rename = "is_keyrame", skip_serializing_if = "is_false")]
    pub is_keyframe: bool,
    /// What kind of video it is. Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub video_type: String,
    /// Offset within a video.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub offset_timestamp: i64,
    /// Length within a video.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub offset_duration: i64,
    /// Number of the picture within a video.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub offset_frame_id: i64,
    /// Number of the packet within a video.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub offset_packet_id: i64,
    /// Anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_meta_1: String,
    /// Anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_meta_2: String,
    /// Anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_meta_3: String,
    /// Anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_meta_4: String,
    /// Anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_meta_5: String,
}

/// A box in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnnotationBox {
    /// From the top edge of the picture.
    pub top: i32,
    /// From the left edge of the picture.
    pub left: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

/// A place on Earth, in degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Location {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

/// A point in a space of the sender's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Coordinate {
    /// First axis.
    pub x: f64,
    /// Second axis.
    pub y: f64,
    /// Third axis.
    pub z: f64,
}

impl Annotation {
    /// Its form in a delivered batch, when it keeps the rules: a device and a type, a start
    /// that is not before 1970 and at most seven days from `now`, numbers that are numbers,
    /// and 256 KiB in all.
    ///
    /// # Errors
    /// The first rule that it breaks, with the field.
    pub(crate) fn checked(
        &self,
        index: Option<usize>,
        now: WallTime,
    ) -> Result<Vec<u8>, AnnotationError> {
        let broken = |field, rule: &str| {
            Err(AnnotationError::Invalid { index, field, rule: rule.to_owned() })
        };
        if self.device_name.is_empty() {
            return broken("device_name", "is required");
        }
        if self.kind.is_empty() {
            return broken("type", "is required");
        }
        if self.start_timestamp < 0 {
            return broken("start_timestamp", "must not be negative (milliseconds since 1970)");
        }
        let away = i128::from(self.start_timestamp) - i128::from(now.as_millis());
        if away.abs() > i128::from(MOST_AWAY_MS) {
            return broken(
                "start_timestamp",
                "must be within seven days of now, in milliseconds since 1970",
            );
        }
        if let Some(field) = self.not_a_number() {
            // JSON has no word for them.
            return broken(field, "must hold finite numbers");
        }
        let Ok(form) = serde_json::to_vec(self) else {
            return broken("annotation", "cannot be written as JSON");
        };
        if form.len() > MOST_BYTES {
            return broken("annotation", "must not be longer than 256 KiB as JSON");
        }
        Ok(form)
    }

    /// The first field with an infinity or a NaN in it.
    fn not_a_number(&self) -> Option<&'static str> {
        let wild = |c: &Coordinate| ![c.x, c.y, c.z].iter().all(|n| n.is_finite());
        if !self.confidence.is_finite() {
            Some("confidence")
        } else if self.location.is_some_and(|l| !l.lat.is_finite() || !l.lon.is_finite()) {
            Some("location")
        } else if self.object_coordinate.as_ref().is_some_and(wild) {
            Some("object_coordinate")
        } else if self.mask.iter().any(wild) {
            Some("mask")
        } else if !self.object_signature.iter().all(|n| n.is_finite()) {
            Some("object_signature")
        } else {
            None
        }
    }
}

// Serde hands over references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_i64(number: &i64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_i32(number: &i32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_f64(number: &f64) -> bool {
    *number == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(truth: &bool) -> bool {
    !*truth
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_795_132_800_250);

    fn least() -> Annotation {
        Annotation {
            device_name: "door".to_owned(),
            kind: "moving".to_owned(),
            start_timestamp: NOW.as_millis(),
            ..Annotation::default()
        }
    }

    fn form(annotation: &Annotation) -> Value {
        serde_json::from_slice(&annotation.checked(None, NOW).unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_said_is_left_out_and_all_else_keeps_its_historic_name() {
        assert_eq!(
            form(&least()),
            json!({"device_name": "door", "type": "moving", "start_timestamp": 1_795_132_800_250i64})
        );
        let full = Annotation {
            remote_stream_id: "r".into(),
            end_timestamp: 2,
            object_type: "person".into(),
            object_id: "o".into(),
            object_tracking_id: "t".into(),
            confidence: 0.5,
            object_bouding_box: Some(AnnotationBox { top: 0, left: 2, width: 3, height: 4 }),
            location: Some(Location { lat: 46.05, lon: 14.5 }),
            object_coordinate: Some(Coordinate { x: 1.0, y: 0.0, z: -3.5 }),
            mask: vec![Coordinate { x: 1.0, y: 2.0, z: 0.0 }],
            object_signature: vec![0.25, 0.0],
            ml_model: "yolox".into(),
            ml_model_version: "1".into(),
            width: 640,
            height: 480,
            is_keyframe: true,
            video_type: "v".into(),
            offset_timestamp: 5,
            offset_duration: 6,
            offset_frame_id: 7,
            offset_packet_id: 8,
            custom_meta_1: "a".into(),
            custom_meta_2: "b".into(),
            custom_meta_3: "c".into(),
            custom_meta_4: "d".into(),
            custom_meta_5: "e".into(),
            ..least()
        };
        assert_eq!(
            form(&full),
            json!({
                "device_name": "door", "type": "moving", "start_timestamp": 1_795_132_800_250i64,
                "remote_stream_id": "r", "end_timestamp": 2, "object_type": "person",
                "object_id": "o", "object_tracking_id": "t", "confidence": 0.5,
                "object_bouding_box": {"top": 0, "left": 2, "width": 3, "height": 4},
                "location": {"lat": 46.05, "lon": 14.5},
                "object_coordinate": {"x": 1.0, "y": 0.0, "z": -3.5},
                "mask": [{"x": 1.0, "y": 2.0, "z": 0.0}], "object_signature": [0.25, 0.0],
                "ml_model": "yolox", "ml_model_version": "1", "width": 640, "height": 480,
                "is_keyrame": true, "video_type": "v", "offset_timestamp": 5,
                "offset_duration": 6, "offset_frame_id": 7, "offset_packet_id": 8,
                "custom_meta_1": "a", "custom_meta_2": "b", "custom_meta_3": "c",
                "custom_meta_4": "d", "custom_meta_5": "e",
            })
        );
    }

    #[test]
    fn a_broken_rule_is_told_with_its_field() {
        let at = |start_timestamp| Annotation { start_timestamp, ..least() };
        let now = NOW.as_millis();
        for good in [now, now - MOST_AWAY_MS, now + MOST_AWAY_MS] {
            assert!(at(good).checked(None, NOW).is_ok());
        }
        let cases = [
            (Annotation { device_name: String::new(), ..least() }, "device_name", "required"),
            (Annotation { kind: String::new(), ..least() }, "type", "required"),
            (at(-1), "start_timestamp", "negative"),
            (at(i64::MIN), "start_timestamp", "negative"),
            (at(now - MOST_AWAY_MS - 1), "start_timestamp", "seven days"),
            (at(now + MOST_AWAY_MS + 1), "start_timestamp", "seven days"),
            // Seconds instead of milliseconds.
            (at(now / 1000), "start_timestamp", "milliseconds"),
            (at(i64::MAX), "start_timestamp", "seven days"),
            (Annotation { confidence: f64::NAN, ..least() }, "confidence", "finite"),
            (
                Annotation { object_signature: vec![0.0, f64::INFINITY], ..least() },
                "object_signature",
                "finite",
            ),
            (
                Annotation {
                    mask: vec![Coordinate { z: f64::NAN, ..Coordinate::default() }],
                    ..least()
                },
                "mask",
                "finite",
            ),
            (Annotation { custom_meta_1: "x".repeat(300_000), ..least() }, "annotation", "256 KiB"),
        ];
        for (annotation, wrong, words) in cases {
            let error = annotation.checked(Some(3), NOW).unwrap_err();
            assert_eq!(error.kind(), omma_types::ErrorKind::Invalid);
            let text = error.to_string();
            assert!(text.starts_with("annotation 3: `") && text.contains(words), "{text}");
            let AnnotationError::Invalid { field, .. } = error else { panic!("{text}") };
            assert_eq!(field, wrong);
        }
    }

    proptest! {
        #[test]
        fn any_annotation_is_refused_or_becomes_json(
            texts in proptest::collection::vec(".{0,9}", 4),
            start in any::<i64>(),
            confidence in any::<f64>(),
            now in any::<i64>(),
        ) {
            let annotation = Annotation {
                device_name: texts[0].clone(),
                kind: texts[1].clone(),
                start_timestamp: start,
                custom_meta_5: texts[2].clone(),
                confidence,
                ..Annotation::default()
            };
            if let Ok(form) = annotation.checked(None, WallTime::from_micros(now)) {
                let value: Value = serde_json::from_slice(&form).unwrap();
                prop_assert_eq!(value["device_name"].as_str(), Some(texts[0].as_str()));
            }
        }
    }
}
