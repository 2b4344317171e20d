//! The reading side of one connection: gate and decoder.

use std::sync::atomic::Ordering;
use std::time::Instant;

use omma_media::{Decoder, DecoderOptions, MediaError, Packet, Skip, StreamInfo};

use super::Stream;
use crate::demand::Plan;
use crate::telemetry::Drop as Dropped;

/// Pictures over which the rate of a stream is measured.
const RATE_WINDOW: u64 = 50;

/// Takes each packet of one connection and decodes what somebody wants.
pub(super) struct Reader<'a> {
    stream: &'a Stream,
    decoder: Option<Decoder>,
    /// Whether the decoder saw every packet since a keyframe.
    in_step: bool,
    plan: Plan,
    pictures: u64,
    window: (Instant, u64),
}

impl<'a> Reader<'a> {
    pub(super) fn new(stream: &'a Stream, now: Instant) -> Self {
        Self {
            stream,
            decoder: None,
            in_step: false,
            plan: Plan::Nothing,
            pictures: 0,
            window: (now, 0),
        }
    }

    pub(super) fn take(&mut self, packet: &Packet, info: &StreamInfo) -> Result<(), MediaError> {
        self.stream.keep(packet);
        if !packet.is_video() {
            return Ok(());
        }
        self.measure_rate(packet.arrival);
        let plan = self.stream.demand.plan(packet.arrival);
        let comes_late = plan > self.plan && !packet.keyframe;
        self.follow(plan, info)?;
        if self.decoder.is_none() {
            return Ok(());
        }
        if comes_late {
            self.catch_up(plan);
            return Ok(());
        }
        if packet.keyframe {
            self.in_step = true;
        }
        if self.in_step && (plan == Plan::Everything || packet.keyframe) {
            self.decode(packet, true);
        } else if plan == Plan::Keyframes {
            self.in_step = false;
        }
        Ok(())
    }

    /// A consumer came in the middle of a group: the ring holds its beginning. The keyframe
    /// is shown at once, so that nobody waits for the rest of the group to be decoded.
    fn catch_up(&mut self, plan: Plan) {
        let missed = self.stream.since_keyframe();
        let Some(last) = missed.len().checked_sub(1) else { return };
        let wanted = if plan == Plan::Everything { last } else { 0 };
        for (index, packet) in missed.iter().take(wanted + 1).enumerate() {
            self.decode(packet, index == 0 || index == wanted);
        }
        self.in_step = plan == Plan::Everything;
    }

    /// Opens, closes or changes the decoder to fit `plan`.
    fn follow(&mut self, plan: Plan, info: &StreamInfo) -> Result<(), MediaError> {
        if plan == self.plan && (self.decoder.is_some() == (plan > Plan::Nothing)) {
            return Ok(());
        }
        self.stream.counters.decoding.store(plan > Plan::Nothing, Ordering::Relaxed);
        self.plan = plan;
        self.in_step = false;
        if plan == Plan::Nothing {
            self.decoder = None;
            return Ok(());
        }
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => {
                let hardware = self.stream.config.hardware;
                Decoder::new(info, DecoderOptions { hardware, ..DecoderOptions::default() })?
            }
        };
        decoder.set_skip(if plan == Plan::Keyframes { Skip::NonKey } else { Skip::None });
        decoder.reset();
        self.decoder = Some(decoder);
        Ok(())
    }

    fn decode(&mut self, packet: &Packet, wanted: bool) {
        let Some(decoder) = &mut self.decoder else { return };
        let started = Instant::now();
        let damaged_before = decoder.stats().corrupt;
        let mut failed = decoder.send(packet).is_err();
        loop {
            match decoder.receive() {
                Ok(Some(picture)) => {
                    self.stream.shown(&picture, packet.arrival, started.elapsed(), wanted);
                }
                Ok(None) => break,
                Err(_failure) => {
                    failed = true;
                    break;
                }
            }
        }
        let damaged = decoder.stats().corrupt - damaged_before;
        for _ in 0..damaged.max(u64::from(failed)) {
            self.stream.count_drop(Dropped::Corrupt);
        }
    }

    fn measure_rate(&mut self, now: Instant) {
        self.pictures += 1;
        let (since, from) = self.window;
        let counted = self.pictures - from;
        if counted < RATE_WINDOW {
            return;
        }
        let secs = now.saturating_duration_since(since).as_secs_f64();
        if secs > 0.0 {
            self.stream.health.note_rate(counted as f64 / secs);
        }
        self.window = (now, self.pictures);
    }
}
