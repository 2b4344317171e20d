//! An opened input: file, camera or device, with deadlines and cancelling.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ffmpeg_next::ffi;

use super::dict::{Dict, c_string};
use super::packet::known;
use super::{AvError, AvPacket, CodecParameters, check};
use crate::Stop;

/// What FFmpeg asks while it waits: go on, or give up? Network code asks at least every
/// 100 ms.
pub(crate) struct Interrupt {
    stop: Stop,
    origin: Instant,
    /// Nanoseconds after `origin`; `NEVER` for none.
    deadline: AtomicU64,
    expired: AtomicBool,
    /// While closing, a stop must not keep FFmpeg from saying goodbye to the camera.
    closing: AtomicBool,
}

const NEVER: u64 = u64::MAX;

impl Interrupt {
    pub(crate) fn new(stop: &Stop) -> Box<Self> {
        Box::new(Self {
            stop: stop.clone(),
            origin: Instant::now(),
            deadline: AtomicU64::new(NEVER),
            expired: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        })
    }

    /// Gives the coming operations `limit` in all; None for no limit.
    pub(crate) fn set_limit(&self, limit: Option<Duration>) {
        let nanos = limit.map_or(NEVER, |limit| {
            u64::try_from((self.origin.elapsed() + limit).as_nanos()).unwrap_or(NEVER)
        });
        self.deadline.store(nanos, Ordering::Relaxed);
        self.expired.store(false, Ordering::Relaxed);
    }

    /// Whether the limit has passed.
    pub(crate) fn has_expired(&self) -> bool {
        if self.expired.load(Ordering::Relaxed) {
            return true;
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        let expired = deadline != NEVER && self.origin.elapsed().as_nanos() >= u128::from(deadline);
        if expired {
            self.expired.store(true, Ordering::Relaxed);
        }
        expired
    }

    /// Saying goodbye may take this long, also after a stop.
    pub(super) fn start_closing(&self, limit: Duration) {
        self.closing.store(true, Ordering::Relaxed);
        self.set_limit(Some(limit));
    }

    fn gives_up(&self) -> bool {
        (self.stop.is_stopped() && !self.closing.load(Ordering::Relaxed)) || self.has_expired()
    }
}

/// For FFmpeg to call, with the `Interrupt` that outlives its work.
pub(super) unsafe extern "C" fn interrupted(opaque: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `opaque` is the `Interrupt` boxed in the `Input` or `Remote` that FFmpeg is
    // working for; it is freed after the context (see their `drop`).
    let interrupt = unsafe { &*opaque.cast::<Interrupt>() };
    libc::c_int::from(interrupt.gives_up())
}

/// Facts about the video stream of an input.
pub(crate) struct VideoStream {
    pub(crate) index: i32,
    pub(crate) parameters: CodecParameters,
    /// Seconds a tick, as a fraction.
    pub(crate) time_base: (i32, i32),
    /// First time stamp in ticks.
    pub(crate) start: Option<i64>,
    pub(crate) frame_rate: Option<f64>,
    pub(crate) frames: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

/// The sound that belongs to the video stream of an input.
pub(crate) struct AudioStream {
    pub(crate) index: i32,
    pub(crate) parameters: CodecParameters,
    /// Seconds a tick, as a fraction.
    pub(crate) time_base: (i32, i32),
}

pub(crate) struct Input {
    context: NonNull<ffi::AVFormatContext>,
    interrupt: Box<Interrupt>,
}

// SAFETY: a context has no ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Input {}

impl Input {
    /// Opens `url` (bytes: paths need not be UTF-8), with the format of this name where one is
    /// given. The limit set on `interrupt` counts.
    pub(crate) fn open(
        url: &[u8],
        format: Option<&str>,
        options: &[(&str, String)],
        interrupt: Box<Interrupt>,
    ) -> Result<Self, (AvError, Box<Interrupt>)> {
        match Self::open_context(url, format, options, &interrupt) {
            Ok(context) => Ok(Self { context, interrupt }),
            Err(error) => Err((error, interrupt)),
        }
    }

    fn open_context(
        url: &[u8],
        format: Option<&str>,
        options: &[(&str, String)],
        interrupt: &Interrupt,
    ) -> Result<NonNull<ffi::AVFormatContext>, AvError> {
        super::init();
        let url = c_string(url)?;
        let format = match format {
            Some(name) => {
                let name = c_string(name)?;
                // SAFETY: the name ends with NUL; the result is FFmpeg's constant or null.
                let format = unsafe { ffi::av_find_input_format(name.as_ptr()) };
                if format.is_null() {
                    return Err(AvError::DEMUXER_NOT_FOUND);
                }
                format
            }
            None => ptr::null(),
        };
        let mut dict = Dict::new(options)?;
        // SAFETY: no precondition; null means that memory is out.
        let mut context = unsafe { ffi::avformat_alloc_context() };
        if context.is_null() {
            return Err(AvError::NO_MEMORY);
        }
        // SAFETY: the context is fresh; the interrupt outlives it. avformat_open_input frees
        // the context where it fails.
        unsafe {
            (*context).interrupt_callback = ffi::AVIOInterruptCB {
                callback: Some(interrupted),
                opaque: ptr::from_ref(interrupt).cast_mut().cast(),
            };
            // Formats chosen by name are devices; their reads can't be interrupted.
            if !format.is_null() {
                (*context).flags |= ffi::AVFMT_FLAG_NONBLOCK;
            }
            check(ffi::avformat_open_input(&raw mut context, url.as_ptr(), format, dict.as_mut()))?;
        }
        NonNull::new(context).ok_or(AvError::NO_MEMORY)
    }

    /// Reads (and keeps for [`Self::read`]) as many packets as it takes to know the streams.
    pub(crate) fn find_stream_info(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is open; null means no options for the decoders used here.
        check(unsafe { ffi::avformat_find_stream_info(self.context.as_ptr(), ptr::null_mut()) })
            .map(|_| ())
    }

    /// FFmpeg's name of the container or protocol, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub(crate) fn format_name(&self) -> String {
        // SAFETY: an open input has a format, with a constant name.
        let name = unsafe { CStr::from_ptr((*self.get().iformat).name) };
        name.to_string_lossy().into_owned()
    }

    fn get(&self) -> &ffi::AVFormatContext {
        // SAFETY: valid until dropped.
        unsafe { self.context.as_ref() }
    }

    fn streams(&self) -> &[*mut ffi::AVStream] {
        let context = self.get();
        if context.streams.is_null() {
            return &[];
        }
        // SAFETY: FFmpeg keeps `nb_streams` pointers there while the context is not changed.
        unsafe { std::slice::from_raw_parts(context.streams, context.nb_streams as usize) }
    }

    pub(crate) fn has_audio(&self) -> bool {
        self.streams().iter().any(|&stream| {
            // SAFETY: streams of an open context are valid and have parameters.
            let kind = unsafe { (*(*stream).codecpar).codec_type };
            kind == ffi::AVMediaType::AVMEDIA_TYPE_AUDIO
        })
    }

    /// Whether the end of what is read is known beforehand: a size in bytes (not that of a mere
    /// list of segments), or a duration in the header. Ask right after opening; later FFmpeg
    /// has put guesses there.
    pub(crate) fn has_known_end(&self) -> bool {
        if known(self.get().duration).is_some_and(|micros| micros > 0) {
            return true;
        }
        let lists_segments = ["hls", "dash"].contains(&self.format_name().as_str());
        // SAFETY: an open input's `pb` is null or valid; asking for the size moves nothing.
        !lists_segments && !self.get().pb.is_null() && unsafe { ffi::avio_size(self.get().pb) } > 0
    }

    /// Whether nothing need be read to know the video stream: its size, and its frame rate,
    /// stand in the container's header.
    pub(crate) fn header_says_all(&self) -> bool {
        self.best_video().is_some_and(|stream| {
            // SAFETY: streams of an open context are valid and have parameters.
            let (parameters, rate) = unsafe { (&*(*stream).codecpar, (*stream).avg_frame_rate) };
            parameters.width > 0
                && parameters.height > 0
                && parameters.extradata_size > 0
                && rate.num > 0
                && rate.den > 0
        })
    }

    fn best_video(&self) -> Option<*mut ffi::AVStream> {
        self.best(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO, -1)
    }

    fn best(&self, kind: ffi::AVMediaType, related: i32) -> Option<*mut ffi::AVStream> {
        // SAFETY: the context is open and not changed by this call; no decoder is asked for.
        let index = unsafe {
            ffi::av_find_best_stream(self.context.as_ptr(), kind, -1, related, ptr::null_mut(), 0)
        };
        self.streams().get(usize::try_from(index).ok()?).copied()
    }

    /// The sound that belongs to the video stream, where its kind is known.
    pub(crate) fn audio(&self) -> Result<Option<AudioStream>, AvError> {
        let Some(video) = self.best_video() else { return Ok(None) };
        // SAFETY: streams of an open context are valid.
        let related = unsafe { (*video).index };
        let Some(chosen) = self.best(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO, related) else {
            return Ok(None);
        };
        // SAFETY: as above.
        let stream = unsafe { &*chosen };
        // SAFETY: a stream always has parameters.
        let parameters = unsafe { CodecParameters::copy_of(stream.codecpar)? };
        let is_known = parameters.codec_name() != "none"
            && parameters.sample_rate() > 0
            && parameters.channels() > 0;
        Ok(is_known.then(|| AudioStream {
            index: stream.index,
            parameters,
            time_base: (stream.time_base.num, stream.time_base.den),
        }))
    }

    /// The video stream; all other streams but the one numbered `audio` are told to stay
    /// quiet.
    pub(crate) fn select_video(
        &mut self,
        audio: Option<i32>,
    ) -> Result<Option<VideoStream>, AvError> {
        let Some(chosen) = self.best_video() else { return Ok(None) };
        for &stream in self.streams() {
            // SAFETY: streams of an open context are valid.
            let index = unsafe { (*stream).index };
            if stream != chosen && Some(index) != audio {
                // SAFETY: streams of an open context are valid; `&mut self` is held.
                unsafe { (*stream).discard = ffi::AVDiscard::AVDISCARD_ALL };
            }
        }
        // SAFETY: as above.
        let stream = unsafe { &*chosen };
        // SAFETY: a stream always has parameters.
        let parameters = unsafe { CodecParameters::copy_of(stream.codecpar)? };
        let time_base = (stream.time_base.num, stream.time_base.den);
        // SAFETY: both pointers are valid; nothing is kept.
        let guessed =
            unsafe { ffi::av_guess_frame_rate(self.context.as_ptr(), chosen, ptr::null_mut()) };
        let frame_rate = [stream.avg_frame_rate, guessed]
            .into_iter()
            .filter(|rate| rate.num > 0 && rate.den > 0)
            .map(|rate| f64::from(rate.num) / f64::from(rate.den))
            .find(|rate| (0.01..=1000.0).contains(rate));
        let ticks = |ticks: i64| {
            let seconds = ticks as f64 * f64::from(time_base.0) / f64::from(time_base.1.max(1));
            Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero())
        };
        let duration = known(stream.duration).and_then(ticks).or_else(|| {
            let micros = known(self.get().duration)?;
            u64::try_from(micros).ok().filter(|&us| us > 0).map(Duration::from_micros)
        });
        Ok(Some(VideoStream {
            index: stream.index,
            parameters,
            time_base,
            start: known(stream.start_time),
            frame_rate,
            frames: u64::try_from(stream.nb_frames).ok().filter(|&n| n > 0),
            duration,
        }))
    }

    /// The next packet of any stream, into a blank `packet`.
    pub(crate) fn read(&mut self, packet: &mut AvPacket) -> Result<(), AvError> {
        // SAFETY: the context is open, the packet is ours.
        check(unsafe { ffi::av_read_frame(self.context.as_ptr(), packet.as_mut_ptr()) }).map(|_| ())
    }

    /// How many packets the container's index names for this stream; 0 without an index. A
    /// sound file gives at least as many.
    pub(crate) fn indexed_packets(&self, stream: i32) -> u64 {
        let stream = usize::try_from(stream).ok().and_then(|at| self.streams().get(at));
        // SAFETY: streams of an open context are valid.
        let count = stream.map_or(0, |&s| unsafe { ffi::avformat_index_get_entries_count(s) });
        u64::try_from(count).unwrap_or(0)
    }

    /// The wall time of the stream's zero in microseconds since 1970, once the camera has sent
    /// an RTCP sender report.
    pub(crate) fn start_wall_micros(&self) -> Option<i64> {
        known(self.get().start_time_realtime).filter(|&micros| micros != 0)
    }

    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // Closing an RTSP session sends a goodbye; a camera that no longer listens gets half
        // a second.
        self.interrupt.start_closing(Duration::from_millis(500));
        let mut context = self.context.as_ptr();
        // SAFETY: ours, and closed only here; the interrupt is dropped after it.
        unsafe { ffi::avformat_close_input(&raw mut context) };
    }
}
