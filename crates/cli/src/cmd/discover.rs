//! `omma discover`: cameras in the network that this machine is in.

use std::time::Duration;

use anyhow::{Context as _, bail};
use omma_engine::discover::{Network, Search, discover};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// An IPv4 network to look at, like 192.168.1.0/24; those of this machine if nothing is said
    #[arg(value_name = "NETWORK")]
    network: Option<Network>,
    /// How long to wait for answers
    #[arg(long, default_value = "3", value_name = "S")]
    seconds: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !(0.5..=60.0).contains(&args.seconds) {
        bail!("--seconds {}: wait for 0.5 to 60 seconds", args.seconds);
    }
    let wait = Duration::from_secs_f64(args.seconds);
    let search = Search::new(wait, args.network).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let devices = runtime.block_on(discover(&search, &[]));
    if args.json {
        let devices = devices.iter().map(|device| {
            json!({
                "address": device.address.to_string(),
                "name": device.name,
                "kind": device.kind.as_str(),
                "sources": device.sources,
            })
        });
        let devices: Vec<_> = devices.collect();
        println!("{:#}", json!({ "devices": devices, "notes": search.notes }));
        return Ok(());
    }
    for device in &devices {
        let name = device.name.as_deref().unwrap_or("");
        println!("{:<15} {:<5} {name}", device.address.to_string(), device.kind.as_str());
        for source in &device.sources {
            println!("                {source}");
        }
    }
    for note in &search.notes {
        eprintln!("note: {note}");
    }
    if devices.is_empty() {
        println!("nobody answered; cameras in other networks are not found this way");
    }
    Ok(())
}
