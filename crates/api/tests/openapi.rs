//! The description that programs are built against does not change by accident.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Set to write the file anew.
const REGENERATE: &str = "OMMA_REGENERATE";

/// Each interface's description and its file.
fn descriptions() -> [(&'static str, String); 2] {
    [
        ("openapi.json", omma_api::openapi()),
        ("openapi-chrysalis.json", omma_api::chrysalis::openapi()),
    ]
}

#[test]
fn the_descriptions_are_those_in_docs() {
    for (file, now) in descriptions() {
        is_in_docs(file, &format!("{now}\n"));
    }
}

fn is_in_docs(file: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = before.lines().zip(now.lines()).position(|(a, b)| a != b);
    assert!(
        before == now,
        "docs/{file} differs from line {:?} on; if that is meant, run \
         `{REGENERATE}=1 cargo test -p omma-api --test openapi` and tell the API's users",
        difference.map(|line| line + 1)
    );
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_explained() {
    for (_file, text) in descriptions() {
        check(&serde_json::from_str(&text).unwrap());
    }
}

fn check(description: &Value) {
    let mut open = vec![description];
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

/// The schema of a camera's settings and what the configuration takes are written down in two
/// places: neither may know a key that the other does not.
#[test]
fn the_settings_described_are_those_of_the_configuration() {
    let description: Value = serde_json::from_str(&omma_api::openapi()).unwrap();
    let config = omma_engine::Config::from_yaml("version: 1", "test", &|_| None).unwrap();
    let mut settings = example(&description, "CameraSettings");
    // Only a camera that is derived from another one has it.
    settings.as_object_mut().unwrap().remove("redact");
    config.parse_camera("a", &settings.to_string()).unwrap_or_else(|e| panic!("{settings}: {e}"));
    for (schema, pointer) in [
        ("CameraSettings", ""),
        ("DecodeSettings", "/decode"),
        ("DetectSettings", "/detect"),
        ("RecordSettings", "/record"),
        ("PassThroughSettings", "/pass_through"),
        ("LineSettings", "/lines/one"),
        ("ZoneSettings", "/zones/two"),
    ] {
        let mut wrong = settings.clone();
        wrong.pointer_mut(pointer).unwrap()["no_such_key"] = Value::from(1);
        let error = config.parse_camera("a", &wrong.to_string()).unwrap_err().to_string();
        let valid = error.split("(valid: ").nth(1).unwrap_or_else(|| panic!("{schema}: {error}"));
        let taken: BTreeSet<&str> =
            valid.trim_end_matches(')').split(", ").map(|key| key.trim_matches('`')).collect();
        let described = &description["components"]["schemas"][schema]["properties"];
        let described: BTreeSet<&str> =
            described.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, taken, "{schema}");
    }
}

/// An object of a schema, made of its properties' examples.
fn example(description: &Value, schema: &str) -> Value {
    let properties = &description["components"]["schemas"][schema]["properties"];
    let value = |name: &str, property: &Value| match name {
        "lines" => serde_json::json!({ "one": example(description, "LineSettings") }),
        "zones" => serde_json::json!({ "two": example(description, "ZoneSettings") }),
        "decode" => example(description, "DecodeSettings"),
        "detect" => example(description, "DetectSettings"),
        "record" => example(description, "RecordSettings"),
        "pass_through" => example(description, "PassThroughSettings"),
        _ => property["example"].clone(),
    };
    let members = properties.as_object().unwrap().iter();
    Value::Object(members.map(|(name, p)| (name.clone(), value(name, p))).collect())
}
