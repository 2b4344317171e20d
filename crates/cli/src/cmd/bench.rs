//! `omma bench`: what this machine can do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use cpu_time::ProcessTime;
use omma_media::{Decoder, DecoderOptions, Hardware, Packet, Skip, Source, SourceSpec, Stop};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Decode a film in each way that this machine offers
    Decode {
        /// A video as the cameras send it
        file: PathBuf,
        /// How long to measure each way
        #[arg(long, default_value = "3", value_name = "S")]
        seconds: f64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let What::Decode { file, seconds, json } = &args.what;
    if !(0.1..=600.0).contains(seconds) {
        bail!("--seconds {seconds}: measure for 0.1 to 600 seconds");
    }
    let film = Film::read(file)?;
    let outcomes = WAYS.map(|way| (way.name, way.measure(&film, *seconds)));
    if *json {
        let ways: Vec<Value> = outcomes.iter().map(|(name, way)| as_json(name, way)).collect();
        let size = film.source.info().size;
        let report = json!({
            "file": file.display().to_string(),
            "codec": film.source.info().codec,
            "width": size.map(|size| size.width),
            "height": size.map(|size| size.height),
            "ways": ways,
        });
        println!("{report:#}");
    } else {
        let size = film.source.info().size.map_or_else(String::new, |size| format!(" {size}"));
        println!("{} ({}{size})", file.display(), film.source.info().codec);
        for (name, outcome) in &outcomes {
            println!("  {name:<16} {}", in_words(outcome));
        }
    }
    Ok(())
}

/// Packets in memory, so that only decoding is measured.
struct Film {
    source: Source,
    packets: Vec<Packet>,
}

/// No more than this is held: it repeats.
const MAX_BYTES: usize = 64 << 20;

impl Film {
    fn read(file: &Path) -> anyhow::Result<Self> {
        let spec = SourceSpec::file(file).paced(false);
        let mut source = Source::open(&spec, &Stop::new())?;
        let (mut packets, mut bytes) = (Vec::new(), 0);
        while bytes < MAX_BYTES
            && let Some(packet) = source.read()?
        {
            bytes += packet.len();
            packets.push(packet);
        }
        if packets.is_empty() {
            bail!("{}: it has no pictures; give a longer film", file.display());
        }
        Ok(Self { source, packets })
    }
}

/// One way of decoding.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    threads: u32,
    skip: Skip,
    hardware: Hardware,
}

const ONE_THREAD: Way =
    Way { name: "one thread", threads: 1, skip: Skip::None, hardware: Hardware::None };

const WAYS: [Way; 5] = [
    ONE_THREAD,
    Way { name: "all threads", threads: 0, ..ONE_THREAD },
    Way { name: "keyframes only", skip: Skip::NonKey, ..ONE_THREAD },
    Way { name: "vaapi", hardware: Hardware::Vaapi, ..ONE_THREAD },
    Way { name: "cuda", hardware: Hardware::Cuda, ..ONE_THREAD },
];

/// What one way costs.
struct Cost {
    pictures: u64,
    wall: Duration,
    cpu: Duration,
    /// Length of the film that was gone through.
    film: Duration,
}

/// Measured, or why not.
type Outcome = Result<Cost, String>;

impl Way {
    fn measure(self, film: &Film, seconds: f64) -> Outcome {
        self.try_measure(film, seconds).unwrap_or_else(|error| Err(format!("{error:#}")))
    }

    fn try_measure(self, film: &Film, seconds: f64) -> anyhow::Result<Outcome> {
        let options =
            DecoderOptions { threads: self.threads, skip: self.skip, hardware: self.hardware };
        let limit = Duration::from_secs_f64(seconds);
        let cpu = ProcessTime::try_now().context("the processor's time can't be read")?;
        let started = Instant::now();
        let mut cost =
            Cost { pictures: 0, wall: Duration::ZERO, cpu: Duration::ZERO, film: Duration::ZERO };
        let mut refused = None;
        while refused.is_none() && started.elapsed() < limit {
            let mut decoder = Decoder::new(film.source.info(), options)?;
            for packet in &film.packets {
                refused = decoder.hardware().refused.clone();
                if refused.is_some() || started.elapsed() >= limit {
                    break;
                }
                decoder.send(packet)?;
                while decoder.receive()?.is_some() {
                    cost.pictures += 1;
                }
                cost.film += packet.duration;
            }
            decoder.flush()?;
            while decoder.receive()?.is_some() {
                cost.pictures += 1;
            }
            refused = refused.or(decoder.hardware().refused.clone());
        }
        if let Some(reason) = refused {
            return Ok(Err(reason));
        }
        (cost.wall, cost.cpu) = (started.elapsed(), cpu.elapsed());
        Ok(Ok(cost))
    }
}

impl Cost {
    fn pictures_a_second(&self) -> f64 {
        self.pictures as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    fn cpu_millis_a_picture(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / (self.pictures.max(1)) as f64
    }

    /// Of one core, while a camera like this film is decoded.
    fn share_of_a_core(&self) -> f64 {
        self.cpu.as_secs_f64() / self.film.as_secs_f64().max(1e-9)
    }
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Ok(cost) => format!(
            "{:8.1} pictures/s  {:7.2} ms of processor time a picture  {:6.2} % of a core a camera",
            cost.pictures_a_second(),
            cost.cpu_millis_a_picture(),
            cost.share_of_a_core() * 100.0,
        ),
        Err(reason) => format!("not here: {reason}"),
    }
}

fn as_json(name: &str, outcome: &Outcome) -> Value {
    match outcome {
        Ok(cost) => json!({
            "way": name,
            "pictures": cost.pictures,
            "pictures_per_second": cost.pictures_a_second(),
            "cpu_ms_per_picture": cost.cpu_millis_a_picture(),
            "core_share_per_camera": cost.share_of_a_core(),
        }),
        Err(reason) => json!({ "way": name, "refused": reason }),
    }
}
