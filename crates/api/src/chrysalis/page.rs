//! `/swagger/`: the description of these routes, for programs and for people. The original
//! shows Swagger UI here; this page needs no script and nothing from elsewhere.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::Value;

use super::Proxy;
use super::error::Failure;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;\
                     padding:0 1em}td{padding:.2em 1em .2em 0;vertical-align:top}\
                     code{font-size:.95em}@media(prefers-color-scheme:dark){body{\
                     background:#151515;color:#ddd}a{color:#8cf}}";

pub(super) async fn swagger(State(proxy): State<Proxy>, path: Option<Path<String>>) -> Response {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    match path.as_str() {
        "doc.json" | "swagger.json" => {
            ([(header::CONTENT_TYPE, "application/json")], proxy.openapi).into_response()
        }
        "" | "index.html" => {
            let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";
            let page = page(&proxy.openapi);
            ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
        }
        _ => Failure::new(
            StatusCode::NOT_FOUND,
            "here are only /swagger/index.html and /swagger/doc.json",
        )
        .into_response(),
    }
}

fn page(openapi: &[u8]) -> String {
    let description: Value = serde_json::from_slice(openapi).unwrap_or_default();
    let mut rows = String::new();
    for (path, item) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let more = operation["description"].as_str().unwrap_or_default();
            rows.push_str(&format!(
                "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}. {}</td></tr>\n",
                escaped(&method.to_uppercase()),
                escaped(path),
                escaped(summary),
                escaped(more),
            ));
        }
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>Omma: REST of video-edge-ai-proxy</title><style>{STYLE}</style></head>\n<body>\
         <h1>REST of video-edge-ai-proxy, by Omma</h1>\n<p>In full, as OpenAPI: \
         <a href=\"doc.json\">doc.json</a></p>\n<table>\n{rows}</table></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
