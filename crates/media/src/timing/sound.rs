//! Sound in a form that players take: copied where it is one already, otherwise encoded to
//! AAC by FFmpeg.

use omma_types::MediaTime;

use super::Sample;
use super::timeline::{SoundTimes, VideoTimes};
use crate::av::{
    AacEncoder, AvError, AvFrame, CodecParameters, DecoderContext, Samples, samples_of,
};
use crate::{AudioInfo, Packet, StreamInfo};

/// The sound's track.
pub(crate) struct Sound {
    way: Way,
    /// What the file's head says of it.
    parameters: CodecParameters,
    /// Ticks a second: its sample rate.
    scale: u32,
    times: SoundTimes,
}

enum Way {
    Copy { has_adts: bool },
    Encode(Box<Encoding>),
}

impl Sound {
    /// The sound of this stream, copied where its codec is one of `copied`. None where the
    /// stream has none, or FFmpeg can't decode or encode it, which is logged.
    pub(crate) fn of(info: &StreamInfo, copied: &[&str]) -> Option<Self> {
        let audio = info.audio.as_ref()?;
        let parameters = audio.parameters.as_ref()?;
        match Self::new(audio, parameters, copied) {
            Ok(sound) => Some(sound),
            Err(error) => {
                let reason = error.text();
                tracing::warn!(codec = audio.codec, reason, "sound is left out");
                None
            }
        }
    }

    fn new(
        info: &AudioInfo,
        parameters: &CodecParameters,
        copied: &[&str],
    ) -> Result<Self, AvError> {
        let scale = info.sample_rate.max(1);
        let times = SoundTimes::new(scale);
        let has_header = !parameters.extradata().is_empty();
        if info.codec == "aac" && !has_header {
            // AAC with a small header (ADTS) in front of each packet, as MPEG-TS has it.
            let config = audio_specific_config(parameters).ok_or(AvError::INVALID_DATA)?;
            let parameters = parameters.with_extradata(&config)?;
            return Ok(Self { way: Way::Copy { has_adts: true }, parameters, scale, times });
        }
        if copied.contains(&info.codec) && (has_header || info.codec == "mp3") {
            let parameters = parameters.try_clone()?;
            return Ok(Self { way: Way::Copy { has_adts: false }, parameters, scale, times });
        }
        let encoding = Encoding::new(info, parameters)?;
        let parameters = encoding.encoder.parameters()?;
        Ok(Self { way: Way::Encode(Box::new(encoding)), parameters, scale, times })
    }

    pub(crate) fn parameters(&self) -> &CodecParameters {
        &self.parameters
    }

    pub(crate) fn scale(&self) -> u32 {
        self.scale
    }

    /// Adds the samples that this packet gives.
    pub(crate) fn push(
        &mut self,
        packet: &Packet,
        video: &VideoTimes,
        samples: &mut Vec<Sample>,
        data: &mut Vec<u8>,
    ) -> Result<(), AvError> {
        match &mut self.way {
            Way::Copy { has_adts } => {
                let bytes = if *has_adts { without_adts(packet.data()) } else { packet.data() };
                if bytes.is_empty() {
                    return Ok(());
                }
                let Some(dts) = self.times.place(packet.pts, packet.duration, video) else {
                    return Ok(());
                };
                let duration = packet.duration.as_secs_f64() * f64::from(self.scale);
                samples.push(sample(dts, duration.round() as u32, bytes.len()));
                data.extend_from_slice(bytes);
                Ok(())
            }
            Way::Encode(encoding) => {
                let place = |at| self.times.place(at, packet.duration, video);
                encoding.push(packet, place)?;
                encoding.receive(samples, data)
            }
        }
    }

    /// What the encoder still holds.
    pub(crate) fn finish(
        &mut self,
        samples: &mut Vec<Sample>,
        data: &mut Vec<u8>,
    ) -> Result<(), AvError> {
        match &mut self.way {
            Way::Copy { .. } => Ok(()),
            Way::Encode(encoding) => {
                encoding.encode_rest()?;
                encoding.encoder.end()?;
                encoding.receive(samples, data)
            }
        }
    }
}

fn sample(dts: i64, duration: u32, bytes: usize) -> Sample {
    let size = u32::try_from(bytes).unwrap_or(u32::MAX);
    Sample { dts, cts: 0, size, duration: duration.max(1), is_sync: true }
}

/// Decoder and encoder with the samples between them.
struct Encoding {
    decoder: DecoderContext,
    encoder: AacEncoder,
    frame: AvFrame,
    /// Samples of each channel that fill no packet yet.
    waiting: Vec<Vec<f32>>,
    /// Number of the first of them in the file.
    at: i64,
    /// A pause longer than this is kept; shorter ones are jitter of the time stamps.
    jitter: i64,
    last: Option<i64>,
}

impl Encoding {
    fn new(info: &AudioInfo, parameters: &CodecParameters) -> Result<Self, AvError> {
        Ok(Self {
            decoder: DecoderContext::new(parameters, 1)?,
            encoder: AacEncoder::new(info.sample_rate, info.channels)?,
            frame: AvFrame::new()?,
            waiting: vec![Vec::new(); info.channels as usize],
            at: 0,
            jitter: i64::from(info.sample_rate) / 5,
            last: None,
        })
    }

    fn push(
        &mut self,
        packet: &Packet,
        mut place: impl FnMut(MediaTime) -> Option<i64>,
    ) -> Result<(), AvError> {
        let Some(at) = place(packet.pts) else { return Ok(()) };
        match self.decoder.send(Some(&packet.data)) {
            Err(AvError::NO_MEMORY) => return Err(AvError::NO_MEMORY),
            // A damaged piece is a pause.
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        let mut at = at;
        while self.decoder.receive(&mut self.frame).is_ok() {
            let Some(samples) = samples_of(&self.frame) else { continue };
            at = self.add(&samples, at)?;
        }
        Ok(())
    }

    /// Adds samples of which the first one's number is `at`; the number behind the last.
    fn add(&mut self, samples: &Samples, at: i64) -> Result<i64, AvError> {
        let count = samples.channels.first().map_or(0, Vec::len);
        let behind = at.saturating_add(i64::try_from(count).unwrap_or(0));
        if samples.channels.len() != self.waiting.len() {
            return Ok(behind);
        }
        let expected = self.at + self.held() as i64;
        if self.last.is_none() && self.held() == 0 || at - expected > self.jitter {
            self.encode_rest()?;
            self.at = at.max(self.at);
        }
        for (waiting, new) in self.waiting.iter_mut().zip(&samples.channels) {
            waiting.extend_from_slice(new);
        }
        let size = self.encoder.frame_size();
        while self.held() >= size {
            self.encode(size)?;
        }
        Ok(behind)
    }

    fn held(&self) -> usize {
        self.waiting.first().map_or(0, Vec::len)
    }

    /// Fills what waits up to a packet with silence.
    fn encode_rest(&mut self) -> Result<(), AvError> {
        if self.held() == 0 {
            return Ok(());
        }
        let size = self.encoder.frame_size();
        self.waiting.iter_mut().for_each(|channel| channel.resize(size, 0.0));
        self.encode(size)
    }

    fn encode(&mut self, size: usize) -> Result<(), AvError> {
        let pieces: Vec<&[f32]> =
            self.waiting.iter().filter_map(|channel| channel.get(..size)).collect();
        self.encoder.send(&pieces, self.at)?;
        self.waiting.iter_mut().for_each(|channel| drop(channel.drain(..size)));
        self.at += size as i64;
        Ok(())
    }

    fn receive(&mut self, samples: &mut Vec<Sample>, data: &mut Vec<u8>) -> Result<(), AvError> {
        while let Some(packet) = self.encoder.receive()? {
            // The encoder's run-up lies before the start of the file.
            let Some(at) = packet.pts().filter(|&at| at >= 0) else { continue };
            let dts = self.last.map_or(at, |last| at.max(last + 1));
            self.last = Some(dts);
            let duration = u32::try_from(packet.duration()).unwrap_or(0);
            samples.push(sample(dts, duration, packet.data().len()));
            data.extend_from_slice(packet.data());
        }
        Ok(())
    }
}

/// ISO/IEC 14496-3, table 1.18: index of each sample rate.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// AAC's header as MP4 keeps it (ISO/IEC 14496-3, 1.6.2.1).
fn audio_specific_config(parameters: &CodecParameters) -> Option<[u8; 2]> {
    let rate = RATES.iter().position(|&rate| rate == parameters.sample_rate())? as u8;
    let channels = match parameters.channels() {
        channels @ 1..=6 => channels as u8,
        8 => 7,
        _ => return None,
    };
    // FFmpeg counts profiles from 0; 2 is "low complexity", which nearly all use.
    let kind = u8::try_from(parameters.profile() + 1).ok().filter(|kind| (1..=4).contains(kind));
    let kind = kind.unwrap_or(2);
    Some([kind << 3 | rate >> 1, rate << 7 | channels << 3])
}

/// ISO/IEC 13818-7, 6.2: 7 bytes, or 9 with a checksum.
fn without_adts(data: &[u8]) -> &[u8] {
    match data {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => {
            let length = if second & 1 == 1 { 7 } else { 9 };
            data.get(length..).unwrap_or(&[])
        }
        _ => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adts_headers_go() {
        assert_eq!(without_adts(&[0xff, 0xf1, 0, 0, 0, 0, 0, 7, 8]), [7, 8]);
        assert_eq!(without_adts(&[0xff, 0xf0, 0, 0, 0, 0, 0, 1, 1, 7]), [7]);
        assert_eq!(without_adts(&[0x21, 0xf1, 3]), [0x21, 0xf1, 3]);
        assert_eq!(without_adts(&[0xff, 0xf1]), [] as [u8; 0]);
    }
}
