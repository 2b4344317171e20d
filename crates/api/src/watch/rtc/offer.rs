//! What of a camera's stream a peer takes: the codecs that we answer with, and under which of
//! the peer's numbers its packets go.

use omma_media::{Packet, StreamInfo};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

/// Our number of the extension that says how long a browser may hold back pictures. It goes by
/// the peer's number in the end.
const PLAYOUT_DELAY: u8 = 5;

/// Where a stream's packets go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) video: (Mid, Pt),
    pub(super) audio: Option<(Mid, Pt)>,
}

/// The connection with the codecs of this stream and no other; none where WebRTC does not carry
/// its pictures.
pub(super) fn with_codecs(config: RtcConfig, info: &StreamInfo) -> Option<RtcConfig> {
    let config = match info.codec {
        "h264" => config.enable_h264(true),
        "hevc" => config.enable_h265(true),
        "vp8" => config.enable_vp8(true),
        "vp9" => config.enable_vp9(true),
        "av1" => config.enable_av1(true),
        _ => return None,
    };
    let has_opus = info.audio.as_ref().is_some_and(|audio| audio.codec == "opus");
    let config = if has_opus { config.enable_opus(true, false) } else { config };
    Some(config.set_extension(PLAYOUT_DELAY, Extension::PlayoutDelay))
}

/// Where the stream's packets go over a connection that has accepted an offer of these parts;
/// none where the peer does not take its pictures.
pub(super) fn places(rtc: &mut Rtc, mids: &[Mid], info: &StreamInfo) -> Option<Places> {
    let (mut video, mut audio) = (None, None);
    for &mid in mids {
        // A data channel is a part as well, but no medium.
        let Some(media) = rtc.media(mid).filter(|media| media.direction().is_sending()) else {
            continue;
        };
        let kind = media.kind();
        let place = if kind.is_video() { &mut video } else { &mut audio };
        if place.is_none() {
            *place = payload(rtc, mid, kind, info).map(|pt| (mid, pt));
        }
    }
    video.map(|video| Places { video, audio })
}

/// The number under which the peer takes these packets.
fn payload(rtc: &mut Rtc, mid: Mid, kind: MediaKind, info: &StreamInfo) -> Option<Pt> {
    let writer = rtc.writer(mid)?;
    let profile = profile(info);
    let all = writer.payload_params().filter(|params| is_of(params, kind));
    let best = all.max_by_key(|params| {
        let format = params.spec().format;
        let offered = format.profile_level_id.map(|id| id >> 16);
        // Browsers decode other profiles than they name, but not units in pieces where they
        // did not say so.
        (format.packetization_mode == Some(1), offered == profile)
    })?;
    Some(best.pt())
}

fn is_of(params: &PayloadParams, kind: MediaKind) -> bool {
    let codec = params.spec().codec;
    if kind == MediaKind::Audio { codec == Codec::Opus } else { codec.is_video() }
}

/// H.264's profile, the second byte of its header in either form.
fn profile(info: &StreamInfo) -> Option<u32> {
    let header = info.extradata();
    let at = if header.first() == Some(&1) {
        1
    } else {
        header.windows(4).position(|four| matches!(four, [0, 0, 1, unit] if unit & 31 == 7))? + 4
    };
    header.get(at).copied().map(u32::from)
}

/// Whether pictures are shown in another order than they come: browsers do not put them in order
/// again, because WebRTC's own senders never do this.
pub(super) fn reorders<'a>(packets: impl Iterator<Item = &'a Packet>) -> bool {
    let mut last = None;
    packets.filter(|packet| packet.is_video()).any(|packet| {
        let before = last.replace(packet.pts);
        before.is_some_and(|before| packet.pts < before)
    })
}
