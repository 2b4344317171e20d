//! The description that programs are built against does not change by accident.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Set to write the file anew.
const REGENERATE: &str = "OMMA_REGENERATE";

#[test]
fn the_description_is_the_one_in_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = format!("{}\n", omma_api::openapi());
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = before.lines().zip(now.lines()).position(|(a, b)| a != b);
    assert!(
        before == now,
        "docs/openapi.json differs from line {:?} on; if that is meant, run \
         `{REGENERATE}=1 cargo test -p omma-api --test openapi` and tell the API's users",
        difference.map(|line| line + 1)
    );
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_explained() {
    let description: Value = serde_json::from_str(&omma_api::openapi()).unwrap();
    let mut open = vec![&description];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let target = description.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference}");
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "two operations are called {name}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{path} {parameter}");
            }
        }
    }
}
