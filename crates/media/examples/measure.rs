//! What reading and decoding one source costs: `measure SOURCE [PACKETS] [copies]`.
//!
//! Prints times to the first packet and picture, CPU time a picture, and memory. Compare with
//! `ffmpeg -benchmark -threads 1 -i SOURCE -f null -`.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::time::{Duration, Instant};

use omma_media::{Decoder, DecoderOptions, MediaError, Source, SourceSpec, Stop};

fn main() -> Result<(), MediaError> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_default();
    let limit = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    let (before, started) = (resident_kib(), Instant::now());
    let spec = SourceSpec::parse(&address)?.paced(false);
    let mut source = Source::open(&spec, &Stop::new())?;
    let opened = started.elapsed();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default())?;
    let (mut first, mut pictures, mut packets) = (None, 0_u64, 0_u64);
    let mut wasted = 0_u64;
    loop {
        let packet = if packets < limit { source.read()? } else { None };
        match &packet {
            Some(packet) => decoder.send(packet)?,
            None => decoder.flush()?,
        }
        packets += 1;
        while let Some(picture) = decoder.receive()? {
            first.get_or_insert_with(|| started.elapsed());
            wasted += u64::from(picture.view().y.row(0)[0]);
            pictures += 1;
        }
        if packet.is_none() {
            break;
        }
    }
    let cpu = cpu_time();
    println!(
        "{}: {} {:?}, opened after {opened:.1?}, first picture after {:.1?}",
        spec.name(),
        source.info().codec,
        source.info().size,
        first.unwrap_or_default()
    );
    println!(
        "{pictures} pictures, cpu {:.3} s, {:.3} ms a picture (sum {wasted})",
        cpu.as_secs_f64(),
        cpu.as_secs_f64() * 1e3 / pictures.max(1) as f64
    );
    println!("memory {} KiB before, {} KiB now", before, resident_kib());
    Ok(())
}

/// CPU time of this process, all threads, user and system.
fn cpu_time() -> Duration {
    let fields = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = fields.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
