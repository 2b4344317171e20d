//! `omma probe`: what a camera really sends, and what to change about it.

use std::time::Duration;

use anyhow::bail;
use omma_media::{SourceSpec, Stop, Survey, Transport, survey};
use omma_types::WallSource;
use serde_json::{Value, json};

use crate::text::short_duration;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The camera's address (rtsp://, rtmp://, http://, v4l2:/dev/video0), or a file
    #[arg(value_name = "URL")]
    url: String,
    /// How long to watch
    #[arg(long, default_value = "5", value_name = "S")]
    seconds: f64,
    /// How RTSP carries the pictures: auto, tcp or udp
    #[arg(long, default_value = "auto", value_name = "TRANSPORT", value_parser = transport)]
    transport: Transport,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn transport(text: &str) -> Result<Transport, String> {
    match text {
        "auto" => Ok(Transport::Auto),
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("expected auto, tcp or udp".to_owned()),
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !(0.5..=600.0).contains(&args.seconds) {
        bail!("--seconds {}: watch for 0.5 to 600 seconds", args.seconds);
    }
    let spec = SourceSpec::parse(&args.url)?.transport(args.transport);
    let seen = survey(&spec, Duration::from_secs_f64(args.seconds), &Stop::new())?;
    if args.json {
        println!("{:#}", as_json(spec.name(), &seen));
    } else {
        print(spec.name(), &seen);
    }
    Ok(())
}

fn print(name: &str, seen: &Survey) {
    let info = &seen.info;
    println!("{name}");
    let size = info.size.map_or_else(|| "of unknown size".to_owned(), |size| size.to_string());
    println!("  pictures   {} {size}, {}", info.codec, rates(seen));
    let (mean, peak) = seen.bit_rate;
    println!("  bit rate   {}, at most {}", bits(mean), bits(peak));
    let gop = seen.gop;
    let least = if gop.at_least { "at least " } else { "" };
    let distance = short_duration(gop.duration);
    println!("  keyframes  {least}{distance} apart ({least}{} pictures)", gop.pictures);
    println!("  B-frames   {}", if seen.b_frames { "yes" } else { "none" });
    match (&info.audio, seen.sound_bit_rate) {
        (None, _) => println!("  sound      none"),
        (Some(audio), rate) => println!(
            "  sound      {} {} Hz, {} channel{}, {}",
            audio.codec,
            audio.sample_rate,
            audio.channels,
            if audio.channels == 1 { "" } else { "s" },
            rate.map_or_else(|| "announced, but none came".to_owned(), bits),
        ),
    }
    if let Some(jitter) = seen.jitter {
        println!("  jitter     {} (95 of 100 pictures)", short_duration(jitter));
        println!("  clock      {}", clock(seen.clock));
        println!("  first      picture after {}", short_duration(seen.first_picture));
    }
    println!("  seen       {} pictures in {}", seen.pictures, short_duration(seen.watched));
    for (index, advice) in seen.advice.iter().enumerate() {
        println!("{} {advice}", if index == 0 { "advice    " } else { "          " });
    }
}

fn rates(seen: &Survey) -> String {
    let measured = match seen.frame_rate {
        Some(rate) => format!("{rate:.2} a second"),
        None => "too few to tell how many a second".to_owned(),
    };
    match seen.info.frame_rate {
        Some(told) => format!("{measured} (announced: {told:.2})"),
        None => measured,
    }
}

fn bits(rate: u64) -> String {
    match rate {
        0..1_000_000 => format!("{:.0} kb/s", rate as f64 / 1e3),
        _ => format!("{:.2} Mb/s", rate as f64 / 1e6),
    }
}

fn clock(source: WallSource) -> &'static str {
    match source {
        WallSource::SenderReport => "the camera's (sender reports)",
        WallSource::Arrival => "this machine's, on arrival",
    }
}

fn as_json(name: &str, seen: &Survey) -> Value {
    let info = &seen.info;
    let (mean, peak) = seen.bit_rate;
    json!({
        "source": name,
        "container": info.container,
        "codec": info.codec,
        "width": info.size.map(|size| size.width),
        "height": info.size.map(|size| size.height),
        "frame_rate": seen.frame_rate,
        "frame_rate_announced": info.frame_rate,
        "variable_rate": seen.variable_rate,
        "bit_rate": mean,
        "bit_rate_peak": peak,
        "keyframe_seconds": seen.gop.duration.as_secs_f64(),
        "keyframe_pictures": seen.gop.pictures,
        "keyframe_at_least": seen.gop.at_least,
        "b_frames": seen.b_frames,
        "audio": info.audio.as_ref().map(|audio| json!({
            "codec": audio.codec,
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
            "bit_rate": seen.sound_bit_rate,
        })),
        "jitter_seconds": seen.jitter.map(|jitter| jitter.as_secs_f64()),
        "clock": match seen.clock {
            WallSource::SenderReport => "sender_report",
            WallSource::Arrival => "arrival",
        },
        "first_picture_seconds": seen.first_picture.as_secs_f64(),
        "pictures": seen.pictures,
        "watched_seconds": seen.watched.as_secs_f64(),
        "broke_off": seen.broke_off,
        "advice": seen.advice,
    })
}
