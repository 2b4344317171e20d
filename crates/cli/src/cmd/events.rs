//! `omma events`: where a running Omma sends its events, and having them sent once more.

use serde_json::{Value, json};

use crate::server::{ServerArgs, list};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the sinks and how they do
    Sinks,
    /// Send events once more, from a sequence number on
    Replay {
        /// The sink's name
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// The first event's sequence number
        #[arg(long, value_name = "SEQ")]
        from: u64,
    },
    /// List the events that a sink's target refused, newest first
    Dead {
        /// The sink's name
        #[arg(long, value_name = "NAME")]
        sink: String,
    },
    /// Send the events that a sink's target refused once more
    Revive {
        /// The sink's name
        #[arg(long, value_name = "NAME")]
        sink: String,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.action {
        Action::Sinks => {
            let sinks = args.server.ask("sinks", None)?;
            print_sinks(list(&sinks)?);
        }
        Action::Replay { sink, from } => {
            let path = format!("sinks/{}/replay", escaped(sink));
            let answer = args.server.ask(&path, Some(json!({ "from": from })))?;
            let (cursor, newest) = (number(&answer, "cursor"), number(&answer, "newest"));
            if cursor >= newest {
                println!("{sink}: there is no event from {from} on; the newest is {newest}");
            } else {
                println!("{sink}: events from {} to {newest} are sent once more", cursor + 1);
            }
        }
        Action::Dead { sink } => {
            let path = format!("sinks/{}/dead?limit=1000", escaped(sink));
            let dead = args.server.ask(&path, None)?;
            for event in list(&dead)? {
                println!(
                    "{}  {}  tried {} times: {}",
                    number(event, "seq"),
                    text(event, "time"),
                    number(event, "attempts"),
                    text(event, "reason"),
                );
            }
        }
        Action::Revive { sink } => {
            let path = format!("sinks/{}/dead/revive", escaped(sink));
            let answer = args.server.ask(&path, Some(json!({})))?;
            println!("{sink}: {} events are sent once more", number(&answer, "revived"));
        }
    }
    Ok(())
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A name as part of a path.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn print_sinks(sinks: &[Value]) {
    if sinks.is_empty() {
        println!("no sinks; add some under `sinks:` in the configuration");
    }
    for sink in sinks {
        let state = match sink["connected_since"].as_str() {
            Some(since) => format!("takes events since {since}"),
            None => match sink["last_error"]["reason"].as_str() {
                Some(reason) => format!("in trouble: {reason}"),
                None => "nothing sent yet".to_owned(),
            },
        };
        println!("{}  {}  {state}", text(sink, "name"), text(sink, "target"));
        println!(
            "    at {}, {} behind; {} delivered, {} put aside, {} lost",
            number(sink, "cursor"),
            number(sink, "waiting"),
            number(sink, "delivered"),
            number(sink, "dead"),
            number(sink, "lost"),
        );
    }
}
