//! Which device decodes, and why none does.

use crate::av::{AvError, CodecParameters, DecoderContext, Device, DeviceKind};

/// What may decode beside the processor, through FFmpeg's device types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hardware {
    /// Nothing: the processor decodes.
    #[default]
    None,
    /// Whatever this machine has, else the processor.
    Auto,
    /// VA-API (Intel, AMD), else the processor.
    Vaapi,
    /// NVIDIA's decoder, else the processor.
    Cuda,
}

/// What decodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HardwareUse {
    /// The device, in FFmpeg's words (`vaapi`, `cuda`); None for the processor.
    pub device: Option<&'static str>,
    /// Why the device that was asked for does not decode.
    pub refused: Option<String>,
}

impl Hardware {
    fn kinds(self) -> &'static [DeviceKind] {
        match self {
            Self::None => &[],
            // A machine with a card of NVIDIA may have a second, weaker device.
            Self::Auto => &[DeviceKind::Cuda, DeviceKind::Vaapi],
            Self::Vaapi => &[DeviceKind::Vaapi],
            Self::Cuda => &[DeviceKind::Cuda],
        }
    }
}

/// A decoder on the first device that takes the stream; None with all reasons where there is
/// none.
pub(crate) fn open(
    wanted: Hardware,
    parameters: &CodecParameters,
) -> (Option<DecoderContext>, HardwareUse) {
    let mut refused: Option<String> = None;
    for &kind in wanted.kinds() {
        match open_on(kind, parameters) {
            Ok(context) => {
                return (Some(context), HardwareUse { device: Some(kind.name()), refused: None });
            }
            Err(reason) => {
                refused = Some(match refused {
                    Some(others) => format!("{others}; {reason}"),
                    None => reason,
                });
            }
        }
    }
    (None, HardwareUse { device: None, refused })
}

fn open_on(kind: DeviceKind, parameters: &CodecParameters) -> Result<DecoderContext, String> {
    let name = kind.name();
    let codec = parameters.codec_name();
    if !DecoderContext::has_hardware(parameters, kind) {
        return Err(format!("{name}: this FFmpeg does not decode {codec} with it"));
    }
    let device = Device::open(kind).map_err(|error| {
        let why = match error {
            // What FFmpeg says where a library or a device file is missing.
            AvError::UNKNOWN | AvError::EXTERNAL | AvError::NOT_PERMITTED => {
                "no such device or no driver".to_owned()
            }
            other => other.text().to_lowercase(),
        };
        format!("{name}: no device can be opened ({why})")
    })?;
    DecoderContext::on_device(parameters, kind, &device)
        .map_err(|error| format!("{name}: the device does not take {codec} ({})", error.text()))
}
