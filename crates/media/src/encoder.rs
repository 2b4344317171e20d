//! Pictures in, H.264 packets out: for simulated cameras and for files.

use omma_imaging::YuvView;
use omma_types::Size;

use crate::av::{
    AvError, AvFrame, AvPacket, CodecParameters, EncoderContext, EncoderSettings, Scaler,
    scale_view,
};

/// An H.264 encoder that takes pictures of any size and colours and brings them to its own.
pub(crate) struct H264Encoder {
    context: EncoderContext,
    /// The picture on its way into the encoder.
    staging: AvFrame,
    scaler: Scaler,
}

impl H264Encoder {
    pub(crate) fn new(settings: &EncoderSettings<'_>) -> Result<Self, AvError> {
        Ok(Self {
            context: EncoderContext::new(settings)?,
            staging: AvFrame::yuv420p(settings.size, settings.range, settings.matrix)?,
            scaler: Scaler::new(),
        })
    }

    pub(crate) fn parameters(&self) -> Result<CodecParameters, AvError> {
        self.context.parameters()
    }

    /// Sends one picture. One that is larger by a last odd column or row loses it; any other
    /// size is scaled.
    pub(crate) fn encode(&mut self, view: &YuvView<'_>, ticks: i64) -> Result<(), AvError> {
        self.staging.make_writable()?;
        let same_colours =
            view.range == self.staging.range() && view.matrix == self.staging.matrix();
        if same_colours && even(view.size()) == self.staging.size() {
            self.staging.copy_from(view);
        } else {
            scale_view(&mut self.scaler, view, &mut self.staging)?;
        }
        self.staging.set_pts(ticks);
        self.context.send(Some(&self.staging))
    }

    /// No more pictures come; [`Self::receive`] gives what is left.
    pub(crate) fn end(&mut self) -> Result<(), AvError> {
        self.context.send(None)
    }

    /// The next packet, if one is ready.
    pub(crate) fn receive(&mut self) -> Result<Option<AvPacket>, AvError> {
        self.context.receive()
    }
}

/// H.264 in 4:2:0 has even sizes only.
pub(crate) fn even(size: Size) -> Size {
    Size::new(size.width & !1, size.height & !1)
}
