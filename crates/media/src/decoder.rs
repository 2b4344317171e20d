//! Packets in, pictures out.
//!
//! How pictures get their numbers: with B-frames, packets come in another order than
//! pictures are shown. A picture's `seq` is the number of its packet if the packets were
//! sorted by time stamp: the picture in front of which k pictures are still expected gets the
//! k-th of the packet numbers that are not given out yet. So numbers rise from picture to
//! picture; without B-frames a picture has its packet's number; offline, a whole file gives
//! 0 to N-1 in the order of showing; and pictures that were skipped, damaged or never sent
//! leave gaps instead of shifting what follows. Where not all packets carry time stamps (raw
//! H.264, AVI, MPEG program streams), pictures are numbered as they come out, and their times
//! may be off by one or two pictures.

use std::collections::VecDeque;
use std::sync::Arc;

use omma_imaging::{ColorMatrix, ColorRange, YuvView};
use omma_types::{ErrorKind, FrameStamp, MediaTime, WallSource, WallTime};

use crate::av::{AvError, AvFrame, AvPacket, CodecParameters, DecoderContext, FramePool, Scaler};
use crate::hardware;
use crate::{Hardware, HardwareUse, MediaError, Packet, StreamInfo};

/// Which pictures a decoder may leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Skip {
    /// None: every picture is decoded.
    #[default]
    None,
    /// Pictures that no other picture is built on. Not every stream has such.
    NonRef,
    /// All but keyframes.
    NonKey,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct DecoderOptions {
    /// Threads; 0 lets FFmpeg choose. More than one decodes that many pictures at a time and
    /// delays the output by as many.
    pub threads: u32,
    /// What to leave out; [`Decoder::set_skip`] changes it later.
    pub skip: Skip,
    /// What decodes; the processor wherever that fails.
    pub hardware: Hardware,
}

impl Default for DecoderOptions {
    fn default() -> Self {
        Self { threads: 1, skip: Skip::None, hardware: Hardware::None }
    }
}

/// What a decoder has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecoderStats {
    /// Packets given to FFmpeg.
    pub packets: u64,
    /// Packets not given to it: no keyframe seen yet, or skipped.
    pub skipped: u64,
    /// Packets or pictures that it could not make sense of.
    pub corrupt: u64,
    /// Pictures that came out, damaged ones included.
    pub pictures: u64,
}

/// A decoder of one stream. Damaged packets are counted and survived; the size may change
/// from picture to picture.
pub struct Decoder {
    context: DecoderContext,
    /// For a decoder that takes over.
    parameters: Arc<CodecParameters>,
    threads: u32,
    hardware: HardwareUse,
    /// Failures of a device without a picture between them.
    failures: u32,
    /// Where samples of a device are copied to.
    download: Option<AvFrame>,
    codec: &'static str,
    skip: Skip,
    awaits_keyframe: bool,
    scratch: AvPacket,
    spare: Option<AvFrame>,
    /// Pictures that had to come out before a packet could go in.
    ready: VecDeque<AvFrame>,
    order: Order,
    /// Number of the newest keyframe that came out.
    group: u64,
    converter: Option<Converter>,
    stats: DecoderStats,
}

impl Decoder {
    /// A decoder for packets of this stream. It starts at the first keyframe.
    ///
    /// # Errors
    /// `Unsupported` where FFmpeg has no decoder for the codec, `Corrupt` where it refuses
    /// the stream's header.
    pub fn new(info: &StreamInfo, options: DecoderOptions) -> Result<Self, MediaError> {
        let (context, hardware) = hardware::open(options.hardware, &info.parameters);
        let mut context = match context {
            Some(context) => context,
            None => Self::on_processor(&info.parameters, options.threads)?,
        };
        if let Some(reason) = &hardware.refused {
            tracing::info!(codec = info.codec, reason, "the processor decodes");
        }
        context.set_skip(options.skip);
        Ok(Self {
            context,
            parameters: Arc::clone(&info.parameters),
            threads: options.threads,
            hardware,
            failures: 0,
            download: None,
            codec: info.codec,
            skip: options.skip,
            awaits_keyframe: true,
            scratch: AvPacket::new().map_err(|error| failure(info.codec, error))?,
            spare: None,
            ready: VecDeque::new(),
            order: Order::default(),
            group: 0,
            converter: None,
            stats: DecoderStats::default(),
        })
    }

    fn on_processor(
        parameters: &CodecParameters,
        threads: u32,
    ) -> Result<DecoderContext, MediaError> {
        DecoderContext::new(parameters, threads).map_err(|error| {
            let (kind, advice) = if error == AvError::DECODER_NOT_FOUND {
                (ErrorKind::Unsupported, "set the camera to H.264, H.265 or MJPEG")
            } else {
                (ErrorKind::Corrupt, "check the stream with ffprobe")
            };
            let reason = format!("no decoder can be opened: {}", error.text());
            MediaError::new(kind, &format!("codec {}", parameters.codec_name()), reason, advice)
        })
    }

    /// What decodes, and why a device that was asked for does not.
    pub fn hardware(&self) -> &HardwareUse {
        &self.hardware
    }

    /// From the next keyframe on the processor decodes.
    fn leave_device(&mut self, reason: String) -> Result<(), MediaError> {
        tracing::warn!(codec = self.codec, reason, "the processor decodes from now on");
        self.context = Self::on_processor(&self.parameters, self.threads)?;
        self.context.set_skip(self.skip);
        self.hardware = HardwareUse { device: None, refused: Some(reason) };
        self.reset();
        Ok(())
    }

    /// Counts what could not be decoded. A device that fails again and again is left.
    fn is_corrupt(&mut self, error: AvError) -> Result<(), MediaError> {
        self.stats.corrupt += 1;
        let Some(device) = self.hardware.device else { return Ok(()) };
        self.failures += 1;
        if self.failures < MAX_FAILURES {
            return Ok(());
        }
        self.leave_device(format!("{device}: it failed while decoding ({})", error.text()))
    }

    /// Changes what is left out, from the next packet on. After [`Skip::NonKey`] everything
    /// up to the next keyframe is left out too, because what it is built on is missing.
    pub fn set_skip(&mut self, skip: Skip) {
        if self.skip != skip {
            self.awaits_keyframe |= self.skip == Skip::NonKey;
            self.skip = skip;
            self.context.set_skip(skip);
        }
    }

    /// What is left out.
    pub fn skip(&self) -> Skip {
        self.skip
    }

    /// Takes one packet. Afterwards ask [`Self::receive`] until it gives None.
    ///
    /// # Errors
    /// Only where memory is exhausted or FFmpeg itself fails; damaged data is counted.
    pub fn send(&mut self, packet: &Packet) -> Result<(), MediaError> {
        if !packet.keyframe && (self.awaits_keyframe || self.skip == Skip::NonKey) {
            self.stats.skipped += 1;
            return Ok(());
        }
        self.awaits_keyframe = false;
        // The packet's number travels through the decoder as its time stamp.
        let ticket = i64::try_from(packet.seq).unwrap_or(i64::MAX);
        self.scratch
            .set_to_reference(&packet.data, ticket)
            .map_err(|error| failure(self.codec, error))?;
        let sent = self.send_scratch();
        self.scratch.clear();
        match sent {
            Ok(()) => {
                self.stats.packets += 1;
                if !packet.data.is_hidden() {
                    self.order.sent(packet);
                }
                Ok(())
            }
            // The memory of a device is another one.
            Err(AvError::NO_MEMORY) if self.hardware.device.is_none() => {
                Err(failure(self.codec, AvError::NO_MEMORY))
            }
            Err(error) => {
                tracing::debug!(
                    codec = self.codec,
                    seq = packet.seq,
                    error = error.text(),
                    "packet can't be decoded"
                );
                self.is_corrupt(error)
            }
        }
    }

    fn send_scratch(&mut self) -> Result<(), AvError> {
        loop {
            match self.context.send(Some(&self.scratch)) {
                Err(AvError::AGAIN) => match self.receive_frame()? {
                    Some(frame) => self.ready.push_back(frame),
                    // FFmpeg promises that never both ends refuse.
                    None => return Err(AvError::INVALID_DATA),
                },
                other => return other,
            }
        }
    }

    fn receive_frame(&mut self) -> Result<Option<AvFrame>, AvError> {
        let mut frame = match self.spare.take() {
            Some(frame) => frame,
            None => AvFrame::new()?,
        };
        match self.context.receive(&mut frame) {
            Ok(()) => Ok(Some(frame)),
            Err(AvError::AGAIN | AvError::END) => {
                self.spare = Some(frame);
                Ok(None)
            }
            Err(error) => {
                self.spare = Some(frame);
                Err(error)
            }
        }
    }

    /// The next picture in the order of showing; None where another packet is needed first
    /// (after [`Self::flush`]: where all came out).
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn receive(&mut self) -> Result<Option<Picture>, MediaError> {
        loop {
            let frame = match self.ready.pop_front() {
                Some(frame) => frame,
                None => match self.receive_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => return Ok(None),
                    Err(AvError::NO_MEMORY) if self.hardware.device.is_none() => {
                        return Err(failure(self.codec, AvError::NO_MEMORY));
                    }
                    Err(error) => {
                        tracing::debug!(
                            codec = self.codec,
                            error = error.text(),
                            "picture can't be decoded"
                        );
                        self.is_corrupt(error)?;
                        // Each call takes something out of the decoder, so this ends.
                        continue;
                    }
                },
            };
            let (ticket, damaged) = (frame.pts(), frame.is_damaged());
            // What lies on a device has the device's format there.
            let format = if frame.is_on_device() { None } else { frame.format_name() };
            let seen = Seen { kind: frame.kind(), damaged, format };
            let Some(frame) = self.in_memory(frame)? else { continue };
            self.stats.corrupt += u64::from(damaged);
            self.stats.pictures += 1;
            return self.finish(frame, ticket, seen).map(Some);
        }
    }

    /// The picture where the processor can read it, in 8-bit 4:2:0; None where it is lost on
    /// its device.
    fn in_memory(&mut self, frame: AvFrame) -> Result<Option<AvFrame>, MediaError> {
        if frame.is_on_device() {
            let codec = self.codec;
            let mut copy = match self.download.take() {
                Some(copy) => copy,
                None => AvFrame::new().map_err(|error| failure(codec, error))?,
            };
            if let Err(error) = copy.download(&frame) {
                self.stats.corrupt += 1;
                let device = self.hardware.device.unwrap_or("device");
                let why = error.text();
                self.leave_device(format!("{device}: pictures can't be read from it ({why})"))?;
                return Ok(None);
            }
            self.failures = 0;
            let converted = self.convert(&copy)?;
            self.download = Some(copy);
            return Ok(Some(converted));
        }
        if let Some(device) = self.hardware.device.take() {
            let reason = format!("{device}: the device does not take this kind of {}", self.codec);
            tracing::warn!(codec = self.codec, reason, "the processor decodes");
            self.hardware.refused = Some(reason);
        }
        if frame.is_yuv420p() { Ok(Some(frame)) } else { self.convert(&frame).map(Some) }
    }

    fn convert(&mut self, frame: &AvFrame) -> Result<AvFrame, MediaError> {
        let converter = self.converter.take();
        let (frame, converter) =
            Converter::convert(converter, frame).map_err(|error| failure(self.codec, error))?;
        self.converter = Some(converter);
        Ok(frame)
    }

    fn finish(
        &mut self,
        frame: AvFrame,
        ticket: Option<i64>,
        seen: Seen,
    ) -> Result<Picture, MediaError> {
        let entry = self.order.received(ticket);
        if entry.keyframe {
            self.group = entry.seq;
        }
        let facts = Facts {
            decoded_at: entry.decoded_at,
            keyframe: entry.keyframe,
            seen,
            since_keyframe: entry.seq.saturating_sub(self.group),
        };
        let stamp = FrameStamp {
            seq: entry.seq,
            media: entry.media,
            wall: entry.wall,
            wall_source: entry.wall_source,
            size: frame.size(),
        };
        Picture::new(frame, stamp, facts).ok_or_else(|| failure(self.codec, AvError::INVALID_DATA))
    }

    /// No more packets come: what is still inside comes out by [`Self::receive`]. Before the
    /// next packet call [`Self::reset`].
    pub fn flush(&mut self) -> Result<(), MediaError> {
        match self.context.send(None) {
            Ok(()) | Err(AvError::END) => Ok(()),
            Err(error) => Err(failure(self.codec, error)),
        }
    }

    /// Forgets all that was sent, for example because the stream goes on elsewhere. Starts
    /// again at the next keyframe.
    pub fn reset(&mut self) {
        self.context.reset();
        self.ready.clear();
        self.order = Order::default();
        self.awaits_keyframe = true;
    }

    /// What it has done so far.
    pub fn stats(&self) -> DecoderStats {
        self.stats
    }
}

fn failure(codec: &str, error: AvError) -> MediaError {
    let subject = format!("codec {codec}");
    if error == AvError::NO_MEMORY {
        return MediaError::out_of_memory(&subject);
    }
    MediaError::new(
        ErrorKind::Corrupt,
        &subject,
        format!("decoding failed: {}", error.text()),
        "check the stream with ffprobe",
    )
}

/// What is known about a packet whose picture is still to come.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    seq: u64,
    media: MediaTime,
    decoded_at: MediaTime,
    wall: WallTime,
    wall_source: WallSource,
    keyframe: bool,
    media_is_known: bool,
}

/// After so many failures in a row a device is left.
const MAX_FAILURES: u32 = 4;

/// More pictures than any decoder holds back (16 of H.264's reorder buffer, and one a
/// thread); older ones will never come.
const MAX_EXPECTED: usize = 128;

/// A picture comes out at most this many pictures after its place in the order of decoding
/// (the largest reorder buffer of H.264 and H.265); those further back are lost.
const MAX_REORDER: usize = 16;

/// Gives pictures the numbers and times of packets (see the top of this file).
#[derive(Debug, Default)]
struct Order {
    /// Sent and not yet received, in the order of sending.
    expected: VecDeque<Entry>,
    /// Numbers (with their entries) not given out yet, in the order of sending.
    numbers: VecDeque<Entry>,
    last: Option<Entry>,
}

impl Order {
    fn sent(&mut self, packet: &Packet) {
        let entry = Entry {
            seq: packet.seq,
            media: packet.pts,
            decoded_at: packet.dts,
            wall: packet.wall,
            wall_source: packet.wall_source,
            keyframe: packet.keyframe,
            media_is_known: packet.pts_is_known,
        };
        for queue in [&mut self.expected, &mut self.numbers] {
            if queue.len() == MAX_EXPECTED {
                queue.pop_front();
            }
            queue.push_back(entry);
        }
    }

    /// The entry for the picture whose packet had the number `ticket`.
    fn received(&mut self, ticket: Option<i64>) -> Entry {
        let at = ticket
            .and_then(|ticket| u64::try_from(ticket).ok())
            .and_then(|seq| self.expected.iter().position(|entry| entry.seq == seq));
        let entry = match at.and_then(|at| self.expected.remove(at).map(|own| (at, own))) {
            Some((at, own)) => {
                let before = self.expected.len();
                self.expected.drain(..at.saturating_sub(MAX_REORDER));
                let all_known =
                    own.media_is_known && self.expected.iter().all(|entry| entry.media_is_known);
                if all_known {
                    self.expected.retain(|entry| entry.media >= own.media);
                }
                let lost = before - self.expected.len();
                self.numbers.drain(..lost.min(self.numbers.len()));
                let number = self.numbers.pop_front().unwrap_or(own);
                if all_known {
                    Entry { seq: number.seq, ..own }
                } else {
                    // Not all packets tell when they are shown. The order of decoding is all
                    // there is, and pictures come in the order of showing, so the n-th picture
                    // gets the n-th packet's time.
                    Entry { keyframe: own.keyframe, ..number }
                }
            }
            None => self.numbers.pop_front().or(self.last).unwrap_or(Entry {
                seq: 0,
                media: MediaTime::ZERO,
                decoded_at: MediaTime::ZERO,
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                keyframe: false,
                media_is_known: false,
            }),
        };
        // A picture shown twice, or one out of order by the stream's fault: numbers still rise.
        let seq = self.last.map_or(entry.seq, |last| entry.seq.max(last.seq + 1));
        let entry = Entry { seq, ..entry };
        self.last = Some(entry);
        entry
    }
}

/// Brings other pixel formats to 8-bit 4:2:0.
struct Converter {
    scaler: Scaler,
    pool: FramePool,
}

impl Converter {
    fn convert(old: Option<Self>, frame: &AvFrame) -> Result<(AvFrame, Self), AvError> {
        let mut converter = match old {
            Some(converter) if converter.pool.size() == frame.size() => converter,
            _ => Self { scaler: Scaler::new(), pool: FramePool::new(frame.size())? },
        };
        let (range, matrix) = if frame.is_rgb() {
            (ColorRange::Limited, ColorMatrix::Bt601)
        } else {
            (frame.range(), frame.matrix())
        };
        let mut converted = converter.pool.frame(range, matrix)?;
        converter.scaler.convert(frame, &mut converted)?;
        Ok((converted, converter))
    }
}

/// What a picture is built on (ITU-T H.264, section 7.4.3, `slice_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Nothing but itself.
    I,
    /// Pictures before it.
    #[default]
    P,
    /// Pictures before and after it.
    B,
}

impl PictureKind {
    /// Its letter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::I => "I",
            Self::P => "P",
            Self::B => "B",
        }
    }
}

/// What is known of a picture beside its samples and its stamp.
#[derive(Clone, Copy, Debug)]
struct Facts {
    decoded_at: MediaTime,
    keyframe: bool,
    seen: Seen,
    since_keyframe: u64,
}

/// What the decoder's own frame said, before it was brought to 8-bit 4:2:0.
#[derive(Clone, Copy, Debug)]
struct Seen {
    kind: PictureKind,
    damaged: bool,
    format: Option<&'static str>,
}

/// A decoded picture. Clones share the decoder's own buffer, which goes back to its pool with
/// the last clone: hold few for long.
#[derive(Clone, Debug)]
pub struct Picture {
    frame: Arc<AvFrame>,
    stamp: FrameStamp,
    facts: Facts,
}

impl Picture {
    fn new(frame: AvFrame, stamp: FrameStamp, facts: Facts) -> Option<Self> {
        frame.view()?;
        Some(Self { frame: Arc::new(frame), stamp, facts })
    }

    /// The samples.
    pub fn view(&self) -> YuvView<'_> {
        match self.frame.view() {
            Some(view) => view,
            // `new` made sure of it, and nobody can change a frame since.
            None => unreachable!("a picture without planes"),
        }
    }

    /// Which picture, and when.
    pub fn stamp(&self) -> FrameStamp {
        self.stamp
    }

    /// Whether decoding could start at it.
    pub fn is_keyframe(&self) -> bool {
        self.facts.keyframe
    }

    /// What it is built on.
    pub fn kind(&self) -> PictureKind {
        self.facts.seen.kind
    }

    /// Whether the decoder had to guess parts of it.
    pub fn is_damaged(&self) -> bool {
        self.facts.seen.damaged
    }

    /// FFmpeg's name of the format that it was sent in, e.g. `yuv420p`.
    pub fn sent_as(&self) -> &'static str {
        self.facts.seen.format.unwrap_or_default()
    }

    /// Its place in its group of pictures, in the order of showing: 0 for the keyframe.
    pub fn since_keyframe(&self) -> u64 {
        self.facts.since_keyframe
    }

    /// When it was to be decoded, on the stream's clock.
    pub fn decoded_at(&self) -> MediaTime {
        self.facts.decoded_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Stands for a device: these machines have none.
    #[test]
    fn a_device_that_fails_again_and_again_is_left_for_the_processor() {
        let film = crate::encoder::tests::film(12);
        let (info, packets) = &film;
        let mut decoder = Decoder::new(info, DecoderOptions::default()).unwrap();
        decoder.hardware.device = Some("vaapi");
        for _ in 0..MAX_FAILURES - 1 {
            decoder.is_corrupt(AvError::EXTERNAL).unwrap();
            assert_eq!(decoder.hardware().device, Some("vaapi"));
        }
        decoder.is_corrupt(AvError::EXTERNAL).unwrap();
        let refused = decoder.hardware().refused.clone().unwrap();
        assert!(refused.starts_with("vaapi: it failed while decoding ("), "{refused}");
        assert_eq!(decoder.hardware().device, None);
        // The processor begins at the next keyframe.
        let keyframe = packets.iter().rposition(|packet| packet.keyframe).unwrap();
        assert!(keyframe > 0);
        let mut pictures = 0;
        for packet in packets.iter().skip(1) {
            decoder.send(packet).unwrap();
            while decoder.receive().unwrap().is_some() {
                pictures += 1;
            }
        }
        assert_eq!(pictures, packets.len() - keyframe);
        assert_eq!(decoder.stats().corrupt, u64::from(MAX_FAILURES));
    }

    #[test]
    fn pictures_that_come_without_the_device_say_so() {
        let (info, packets) = &crate::encoder::tests::film(2);
        let mut decoder = Decoder::new(info, DecoderOptions::default()).unwrap();
        decoder.hardware.device = Some("cuda");
        decoder.send(&packets[0]).unwrap();
        assert!(decoder.receive().unwrap().is_some());
        let refused = decoder.hardware().refused.clone().unwrap();
        assert_eq!(refused, "cuda: the device does not take this kind of h264");
    }

    fn entry(seq: u64, media: i64, media_is_known: bool) -> Entry {
        Entry {
            seq,
            media: MediaTime::from_nanos(media),
            decoded_at: MediaTime::from_nanos(media),
            wall: WallTime::default(),
            wall_source: WallSource::Arrival,
            keyframe: false,
            media_is_known,
        }
    }

    fn order(entries: &[Entry]) -> Order {
        Order {
            expected: entries.iter().copied().collect(),
            numbers: entries.iter().copied().collect(),
            last: None,
        }
    }

    #[test]
    fn b_frames_are_numbered_in_the_order_of_showing() {
        // Decoding order I P B B, shown I B B P.
        let mut order = order(&[
            entry(10, 0, true),
            entry(11, 3, true),
            entry(12, 1, true),
            entry(13, 2, true),
        ]);
        let seqs: Vec<_> = [10, 12, 13, 11].map(|t| order.received(Some(t)).seq).to_vec();
        assert_eq!(seqs, [10, 11, 12, 13]);
    }

    #[test]
    fn lost_pictures_leave_gaps() {
        let mut order =
            order(&[entry(0, 0, true), entry(1, 3, true), entry(2, 1, true), entry(3, 2, true)]);
        let seqs: Vec<_> = [0, 3, 1].map(|t| order.received(Some(t)).seq).to_vec();
        assert_eq!(seqs, [0, 2, 3], "the picture of packet 2, shown as second, is lost");
    }

    #[test]
    fn without_time_stamps_pictures_get_the_times_in_order() {
        let mut order = order(&[
            entry(0, 0, false),
            entry(1, 40, false),
            entry(2, 80, false),
            entry(3, 120, false),
        ]);
        let got: Vec<_> = [0, 2, 3, 1]
            .map(|t| {
                let entry = order.received(Some(t));
                (entry.seq, entry.media.as_nanos())
            })
            .to_vec();
        assert_eq!(got, [(0, 0), (1, 40), (2, 80), (3, 120)]);
    }

    proptest! {
        /// Any order of decoding that a decoder can hold, any pictures lost: a picture's number
        /// is its place in the order of showing.
        #[test]
        fn numbers_are_places_in_the_order_of_showing(
            delays in prop::collection::vec(0usize..16, 1..40),
            lost in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut ranks: Vec<usize> = (0..delays.len()).collect();
            ranks.sort_by_key(|&i| (i + delays[i], i));
            // ranks[k] is the packet shown as k-th.
            let mut media = vec![0; delays.len()];
            for (k, &i) in ranks.iter().enumerate() {
                media[i] = k as i64;
            }
            let entries: Vec<_> =
                media.iter().enumerate().map(|(i, &m)| entry(i as u64, m, true)).collect();
            let mut order = order(&entries);
            for (k, &i) in ranks.iter().enumerate() {
                if !lost[k] {
                    prop_assert_eq!(order.received(Some(i as i64)).seq, k as u64);
                }
            }
        }
    }
}
