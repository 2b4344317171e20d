//! A look at an address before it becomes a camera: what comes from there, and its first picture.

use std::time::Duration;

use omma_media::{Decoder, DecoderOptions, Packet, Stop, StreamInfo, Survey, survey};

use crate::EngineError;
use crate::config::CameraConfig;
use crate::derive::Derived;

/// Wider ones say no more to people.
const WIDTH: u32 = 960;
const QUALITY: u8 = 80;

/// What came from an address.
#[derive(Debug)]
pub struct Probe {
    /// What the stream is like.
    pub survey: Survey,
    /// Its first picture as a JPEG, or why there is none.
    pub picture: Result<Vec<u8>, String>,
}

/// Watches for `span` what a camera with these settings would read. Blocks, also while it opens
/// the source; `stop` ends it.
///
/// # Errors
/// It can't be opened or sends nothing that could be decoded, or it is nothing that is opened:
/// another camera, or a bus.
pub fn probe(camera: &CameraConfig, span: Duration, stop: &Stop) -> Result<Probe, EngineError> {
    let name = camera.id.as_str();
    if crate::input::is_on_a_bus(&camera.url) || Derived::of(&camera.url).is_some() {
        return Err(EngineError::Source {
            camera: name.to_owned(),
            reason: "what comes over a bus or from another camera can't be looked at beforehand; \
                     add it as a camera"
                .to_owned(),
        });
    }
    let spec = crate::source::parse(name, &camera.url)?.transport(camera.transport);
    let spec = match camera.stall {
        Some(stall) => spec.read_timeout(stall),
        None => spec,
    };
    let survey = survey(&spec, span, stop)?;
    let picture = match &survey.keyframe {
        Some(keyframe) => first_picture(&survey.info, keyframe),
        None => Err("no keyframe came".to_owned()),
    };
    Ok(Probe { survey, picture })
}

fn first_picture(info: &StreamInfo, keyframe: &Packet) -> Result<Vec<u8>, String> {
    let decode = || {
        let mut decoder = Decoder::new(info, DecoderOptions::default())?;
        decoder.send(keyframe)?;
        decoder.flush()?;
        decoder.receive()
    };
    match decode() {
        Ok(Some(picture)) => {
            crate::jpeg(&picture, Some(WIDTH), QUALITY).map_err(|error| error.to_string())
        }
        Ok(None) => Err("its first keyframe can't be decoded".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
