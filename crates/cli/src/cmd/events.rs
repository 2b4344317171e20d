//! `omma events`: where a running Omma sends its events, and having them sent once more.

use anyhow::{Context as _, bail};
use omma_types::{redact_text, redact_url};
use serde_json::{Value, json};

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

/// Which Omma is asked.
#[derive(clap::Args)]
struct ServerArgs {
    /// Where it listens
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token with the scope `control`, where tokens are configured
    #[arg(long, global = true, value_name = "TOKEN", env = "OMMA_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.action {
        Action::Sinks => {
            let sinks = args.server.ask("", None)?;
            print_sinks(list(&sinks)?);
        }
        Action::Replay { sink, from } => {
            let path = format!("/{}/replay", escaped(sink));
            let answer = args.server.ask(&path, Some(json!({ "from": from })))?;
            let (cursor, newest) = (number(&answer, "cursor"), number(&answer, "newest"));
            if cursor >= newest {
                println!("{sink}: there is no event from {from} on; the newest is {newest}");
            } else {
                println!("{sink}: events from {} to {newest} are sent once more", cursor + 1);
            }
        }
        Action::Dead { sink } => {
            let path = format!("/{}/dead?limit=1000", escaped(sink));
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
            let path = format!("/{}/dead/revive", escaped(sink));
            let answer = args.server.ask(&path, Some(json!({})))?;
            println!("{sink}: {} events are sent once more", number(&answer, "revived"));
        }
    }
    Ok(())
}

impl ServerArgs {
    /// Asks below `/api/v1/sinks`; with a body it is a POST.
    fn ask(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/sinks{path}", self.url.trim_end_matches('/'));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let token = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let asked = match body {
            Some(body) => {
                let mut request = agent.post(&url).content_type("application/json");
                if let Some(token) = &token {
                    request = request.header("Authorization", token);
                }
                request.send(body.to_string())
            }
            None => {
                let mut request = agent.get(&url);
                if let Some(token) = &token {
                    request = request.header("Authorization", token);
                }
                request.call()
            }
        };
        let shown = redact_url(&self.url);
        let mut answer = match asked {
            Ok(answer) => answer,
            Err(error) => bail!(
                "{shown} does not answer: {}; is `omma run` running there? (--url)",
                redact_text(&error.to_string())
            ),
        };
        let said = answer.body_mut().read_to_string().context("the answer broke off")?;
        let value: Value = serde_json::from_str(&said)
            .with_context(|| format!("{shown} answers with something that is no Omma's"))?;
        if answer.status().is_success() {
            return Ok(value);
        }
        let error = &value["error"];
        let hint = error["hint"].as_str().map(|hint| format!("; {hint}")).unwrap_or_default();
        bail!("{}{hint}", error["message"].as_str().unwrap_or("it refuses and does not say why"))
    }
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("the answer is no list; is this a newer Omma?")
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
