//! Asking an Omma that runs, over its REST interface.

use anyhow::{Context as _, bail};
use omma_types::{redact_text, redact_url};
use serde_json::Value;

/// Which Omma is asked.
#[derive(clap::Args)]
pub(crate) struct ServerArgs {
    /// Where it listens
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token, where tokens are configured
    #[arg(long, global = true, value_name = "TOKEN", env = "OMMA_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl ServerArgs {
    /// Asks for `path` below `/api/v1`; with a body it is a POST.
    pub(crate) fn ask(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/{path}", self.url.trim_end_matches('/'));
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

/// The answer as a list.
pub(crate) fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("the answer is no list; is this a newer Omma?")
}
