//! Decoders and encoders.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::{fmt, slice};

use ffmpeg_next::ffi;
use omma_imaging::{ColorMatrix, ColorRange};
use omma_types::Size;

use super::dict::{Dict, c_string};
use super::frame::{av_matrix, av_range};
use super::hardware::{self, Device, DeviceKind};
use super::{AvError, AvFrame, AvPacket, check};
use crate::Skip;

/// What a decoder must know before the first packet.
pub(crate) struct CodecParameters(NonNull<ffi::AVCodecParameters>);

// SAFETY: a plain record with memory of its own.
unsafe impl Send for CodecParameters {}
// SAFETY: never changed after it was made.
unsafe impl Sync for CodecParameters {}

impl CodecParameters {
    fn new() -> Result<Self, AvError> {
        // SAFETY: no precondition; null means that memory is out.
        NonNull::new(unsafe { ffi::avcodec_parameters_alloc() }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    /// # Safety
    /// `source` must point to valid parameters.
    pub(super) unsafe fn copy_of(source: *const ffi::AVCodecParameters) -> Result<Self, AvError> {
        let copy = Self::new()?;
        // SAFETY: both are valid.
        check(unsafe { ffi::avcodec_parameters_copy(copy.0.as_ptr(), source) })?;
        Ok(copy)
    }

    pub(super) fn from_context(context: &Context) -> Result<Self, AvError> {
        let parameters = Self::new()?;
        // SAFETY: both are valid.
        check(unsafe {
            ffi::avcodec_parameters_from_context(parameters.0.as_ptr(), context.as_ptr())
        })?;
        Ok(parameters)
    }

    /// Parameters of a video stream that was not opened here.
    pub(crate) fn of_video(
        codec: &str,
        extradata: &[u8],
        size: Option<Size>,
    ) -> Result<Self, AvError> {
        let name = c_string(codec)?;
        // SAFETY: the name ends in zero; the descriptor is a constant of FFmpeg, or null.
        let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(name.as_ptr()).as_ref() };
        let video = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
        let Some(descriptor) = descriptor.filter(|descriptor| descriptor.type_ == video) else {
            return Err(AvError::INVALID_ARGUMENT);
        };
        let parameters = Self::new()?;
        let dimension = |pixels: u32| i32::try_from(pixels).or(Err(AvError::INVALID_ARGUMENT));
        let size = size.unwrap_or_default();
        // SAFETY: valid, and ours alone.
        let inner = unsafe { &mut *parameters.0.as_ptr() };
        inner.codec_type = video;
        inner.codec_id = descriptor.id;
        inner.width = dimension(size.width)?;
        inner.height = dimension(size.height)?;
        if extradata.is_empty() { Ok(parameters) } else { parameters.with_extradata(extradata) }
    }

    /// The same with another header of the codec.
    pub(crate) fn with_extradata(&self, bytes: &[u8]) -> Result<Self, AvError> {
        let copy = self.try_clone()?;
        let length = i32::try_from(bytes.len()).or(Err(AvError::INVALID_ARGUMENT))?;
        let room = bytes.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
        // SAFETY: the copy is valid and ours alone; its header is replaced by memory of
        // FFmpeg's allocator, padded with zeros as its decoders want it.
        unsafe {
            let inner = &mut *copy.0.as_ptr();
            let memory = ffi::av_mallocz(room).cast::<u8>();
            if memory.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len());
            ffi::av_free(inner.extradata.cast());
            inner.extradata = memory;
            inner.extradata_size = length;
        }
        Ok(copy)
    }

    pub(crate) fn try_clone(&self) -> Result<Self, AvError> {
        // SAFETY: these parameters are valid.
        unsafe { Self::copy_of(self.as_ptr()) }
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVCodecParameters {
        self.0.as_ptr()
    }

    fn get(&self) -> &ffi::AVCodecParameters {
        // SAFETY: valid until dropped.
        unsafe { self.0.as_ref() }
    }

    /// FFmpeg's name of the codec, e.g. `h264`.
    pub(crate) fn codec_name(&self) -> &'static str {
        // SAFETY: the name is a constant of FFmpeg, for any id.
        let name = unsafe { CStr::from_ptr(ffi::avcodec_get_name(self.get().codec_id)) };
        name.to_str().unwrap_or("unknown")
    }

    /// FFmpeg's name of the codec for people.
    pub(crate) fn codec_long_name(&self) -> &'static str {
        // SAFETY: the descriptor and its texts are constants of FFmpeg, or null.
        let name = unsafe {
            ffi::avcodec_descriptor_get(self.get().codec_id)
                .as_ref()
                .filter(|descriptor| !descriptor.long_name.is_null())
                .map(|descriptor| CStr::from_ptr(descriptor.long_name))
        };
        name.and_then(|name| name.to_str().ok()).unwrap_or_else(|| self.codec_name())
    }

    /// FFmpeg's name of the pictures' format, where the header tells it.
    pub(crate) fn pixel_format(&self) -> Option<&'static str> {
        super::frame::format_name(self.get().format)
    }

    pub(crate) fn size(&self) -> Option<Size> {
        let (width, height) =
            (u32::try_from(self.get().width).ok()?, u32::try_from(self.get().height).ok()?);
        (width > 0 && height > 0).then_some(Size::new(width, height))
    }

    /// The codec's profile as FFmpeg numbers it; negative where unknown.
    pub(crate) fn profile(&self) -> i32 {
        self.get().profile
    }

    /// How many pictures a decoder holds back to show them in order, where known.
    pub(crate) fn reordered(&self) -> u32 {
        u32::try_from(self.get().video_delay).unwrap_or(0)
    }

    /// Samples of sound a second; 0 where unknown.
    pub(crate) fn sample_rate(&self) -> u32 {
        u32::try_from(self.get().sample_rate).unwrap_or(0)
    }

    /// Channels of sound; 0 where unknown.
    pub(crate) fn channels(&self) -> u32 {
        u32::try_from(self.get().ch_layout.nb_channels).unwrap_or(0)
    }

    /// The codec's header: SPS and PPS of H.264 in the container's form.
    pub(crate) fn extradata(&self) -> &[u8] {
        let parameters = self.get();
        let length = usize::try_from(parameters.extradata_size).unwrap_or(0);
        if parameters.extradata.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: FFmpeg keeps `extradata_size` bytes there.
        unsafe { slice::from_raw_parts(parameters.extradata, length) }
    }
}

impl Drop for CodecParameters {
    fn drop(&mut self) {
        let mut parameters = self.0.as_ptr();
        // SAFETY: ours, and freed only here.
        unsafe { ffi::avcodec_parameters_free(&raw mut parameters) };
    }
}

impl fmt::Debug for CodecParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodecParameters")
            .field("codec", &self.codec_name())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// An `AVCodecContext`, freed once.
pub(super) struct Context(NonNull<ffi::AVCodecContext>);

impl Context {
    pub(super) fn new(codec: *const ffi::AVCodec) -> Result<Self, AvError> {
        // SAFETY: the codec is FFmpeg's constant.
        NonNull::new(unsafe { ffi::avcodec_alloc_context3(codec) })
            .map(Self)
            .ok_or(AvError::NO_MEMORY)
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::AVCodecContext {
        self.0.as_ptr()
    }

    pub(super) fn get_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: valid until dropped, and borrowed mutably here.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: ours, and freed only here.
        unsafe { ffi::avcodec_free_context(&raw mut context) };
    }
}

/// A header that announces larger pictures is taken for damage: each would cost 100 MB.
const MAX_PIXELS: i64 = 8192 * 8192;

pub(crate) struct DecoderContext(Context);

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for DecoderContext {}

impl DecoderContext {
    /// `threads` 0 lets FFmpeg choose. More than one decodes several pictures at a time and
    /// delays the output by as many.
    pub(crate) fn new(parameters: &CodecParameters, threads: u32) -> Result<Self, AvError> {
        super::init();
        // SAFETY: the result is FFmpeg's constant or null.
        let codec = unsafe { ffi::avcodec_find_decoder(parameters.get().codec_id) };
        if codec.is_null() {
            return Err(AvError::DECODER_NOT_FOUND);
        }
        Self::open(codec, parameters, threads, |_| Ok(()))
    }

    /// Whether this FFmpeg can decode such a stream on a device of this kind.
    pub(crate) fn has_hardware(parameters: &CodecParameters, kind: DeviceKind) -> bool {
        hardware::find_decoder(parameters, kind).is_some()
    }

    /// A decoder on a device. Where that turns out not to take the stream, pictures come from
    /// the processor (see [`AvFrame::is_on_device`]).
    pub(crate) fn on_device(
        parameters: &CodecParameters,
        kind: DeviceKind,
        device: &Device,
    ) -> Result<Self, AvError> {
        let (codec, format) =
            hardware::find_decoder(parameters, kind).ok_or(AvError::DECODER_NOT_FOUND)?;
        Self::open(codec, parameters, 1, |context| hardware::attach(context, device, format))
    }

    fn open(
        codec: *const ffi::AVCodec,
        parameters: &CodecParameters,
        threads: u32,
        prepare: impl FnOnce(&mut Context) -> Result<(), AvError>,
    ) -> Result<Self, AvError> {
        let mut context = Context::new(codec)?;
        // SAFETY: both are valid; the parameters are copied.
        check(unsafe {
            ffi::avcodec_parameters_to_context(context.as_ptr(), parameters.as_ptr())
        })?;
        context.get_mut().thread_count = i32::try_from(threads).unwrap_or(0);
        context.get_mut().max_pixels = MAX_PIXELS;
        prepare(&mut context)?;
        // SAFETY: a fresh context with its own codec.
        check(unsafe { ffi::avcodec_open2(context.as_ptr(), codec, ptr::null_mut()) })?;
        Ok(Self(context))
    }

    pub(crate) fn set_skip(&mut self, skip: Skip) {
        self.0.get_mut().skip_frame = match skip {
            Skip::None => ffi::AVDiscard::AVDISCARD_DEFAULT,
            Skip::NonRef => ffi::AVDiscard::AVDISCARD_NONREF,
            Skip::NonKey => ffi::AVDiscard::AVDISCARD_NONKEY,
        };
    }

    /// None ends the stream: pictures still inside come out.
    pub(crate) fn send(&mut self, packet: Option<&AvPacket>) -> Result<(), AvError> {
        let packet = packet.map_or(ptr::null(), AvPacket::as_ptr);
        // SAFETY: the context is open; the packet is only read, and referenced where needed.
        check(unsafe { ffi::avcodec_send_packet(self.0.as_ptr(), packet) }).map(|_| ())
    }

    /// `AGAIN` where the decoder wants another packet first, `END` after the last picture.
    pub(crate) fn receive(&mut self, frame: &mut AvFrame) -> Result<(), AvError> {
        // SAFETY: the context is open; the frame is ours and is blanked first.
        check(unsafe { ffi::avcodec_receive_frame(self.0.as_ptr(), frame.as_mut_ptr()) })
            .map(|_| ())
    }

    /// Forgets all that was sent; the next packet should be a keyframe.
    pub(crate) fn reset(&mut self) {
        // SAFETY: the context is open.
        unsafe { ffi::avcodec_flush_buffers(self.0.as_ptr()) };
    }
}

/// How to encode.
pub(crate) struct EncoderSettings<'a> {
    pub(crate) size: Size,
    pub(crate) range: ColorRange,
    pub(crate) matrix: ColorMatrix,
    /// Ticks a second.
    pub(crate) ticks: i32,
    /// Pictures a second where constant.
    pub(crate) frame_rate: Option<f64>,
    /// Pictures from one keyframe to the next at most.
    pub(crate) gop: u32,
    /// 0 lets the encoder choose.
    pub(crate) threads: u32,
    /// The encoder's own options (`preset`, `crf`, `tune`).
    pub(crate) options: &'a [(&'a str, String)],
}

/// An H.264 encoder for 8-bit 4:2:0 whose SPS and PPS stand apart from the packets.
pub(crate) struct EncoderContext(Context);

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for EncoderContext {}

impl EncoderContext {
    fn find() -> Result<*const ffi::AVCodec, AvError> {
        let name = c_string("libx264")?;
        // SAFETY: the name ends with NUL; the result is FFmpeg's constant or null.
        let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
        if codec.is_null() { Err(AvError(ffi::AVERROR_ENCODER_NOT_FOUND)) } else { Ok(codec) }
    }

    /// Whether this FFmpeg has the encoder.
    pub(crate) fn check_available() -> Result<(), AvError> {
        Self::find().map(|_| ())
    }

    pub(crate) fn new(settings: &EncoderSettings<'_>) -> Result<Self, AvError> {
        super::init();
        let codec = Self::find()?;
        let mut dict = Dict::new(settings.options)?;
        let mut context = Context::new(codec)?;
        let inner = context.get_mut();
        let dimension = |n: u32| i32::try_from(n).or(Err(AvError::INVALID_ARGUMENT));
        inner.width = dimension(settings.size.width)?;
        inner.height = dimension(settings.size.height)?;
        inner.pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
        inner.color_range = av_range(settings.range);
        inner.colorspace = av_matrix(settings.matrix);
        inner.time_base = ffi::AVRational { num: 1, den: settings.ticks };
        if let Some(rate) = settings.frame_rate {
            // SAFETY: pure computation.
            inner.framerate = unsafe { ffi::av_d2q(rate, 100_000) };
        }
        inner.gop_size = dimension(settings.gop)?;
        inner.thread_count = dimension(settings.threads)?;
        inner.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as libc::c_int;
        // SAFETY: a fresh context with its own codec; the options are taken out of the list.
        check(unsafe { ffi::avcodec_open2(context.as_ptr(), codec, dict.as_mut()) })?;
        Ok(Self(context))
    }

    /// What a decoder or a container must know of the stream.
    pub(crate) fn parameters(&self) -> Result<CodecParameters, AvError> {
        CodecParameters::from_context(&self.0)
    }

    /// None ends the stream: packets still inside come out.
    pub(crate) fn send(&mut self, frame: Option<&AvFrame>) -> Result<(), AvError> {
        let frame = frame.map_or(ptr::null(), AvFrame::as_ptr);
        // SAFETY: the context is open; the frame is only read, and referenced where needed.
        check(unsafe { ffi::avcodec_send_frame(self.0.as_ptr(), frame) }).map(|_| ())
    }

    /// The next packet, if one is ready; None at the end too.
    pub(crate) fn receive(&mut self) -> Result<Option<AvPacket>, AvError> {
        let mut packet = AvPacket::new()?;
        // SAFETY: the context is open, the packet is ours.
        let code = unsafe { ffi::avcodec_receive_packet(self.0.as_ptr(), packet.as_mut_ptr()) };
        match check(code) {
            Ok(_) => Ok(Some(packet)),
            Err(AvError::AGAIN | AvError::END) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
