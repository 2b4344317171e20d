//! `omma nodes`: the processes that share the work of a fleet, and who does what.

use serde_json::Value;

use crate::server::{ServerArgs, list};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// As JSON, with the names of all cameras
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let nodes = args.server.ask("nodes", None)?;
    if args.json {
        println!("{nodes:#}");
        return Ok(());
    }
    let nodes = list(&nodes)?;
    if nodes.is_empty() {
        println!("this Omma does all the work itself; `omma run --roles` shares it");
        return Ok(());
    }
    let rows: Vec<[String; 6]> = nodes.iter().map(row).collect();
    let head = ["NODE", "ROLES", "READS", "ANALYSES", "LOAD", "LAG"].map(str::to_owned);
    let width = |at: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[at].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in [&head].into_iter().chain(&rows) {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
    Ok(())
}

fn row(node: &Value) -> [String; 6] {
    let words = |key: &str| node[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let count = |key: &str| node[key].as_array().map_or(0, Vec::len).to_string();
    let name = node["name"].as_str().unwrap_or_default();
    let here = if node["this"].as_bool() == Some(true) { " *" } else { "" };
    [
        format!("{name}{here}"),
        words("roles").collect::<Vec<_>>().join(","),
        count("reads"),
        count("analyses"),
        format!("{:.0} %", node["load"].as_f64().unwrap_or_default() * 100.0),
        format!("{:.1} s", node["lag_ms"].as_f64().unwrap_or_default() / 1000.0),
    ]
}
