//! A configuration that somebody wants to use, looked at beforehand: what is wrong with it, and
//! what is right but perhaps not meant.
//!
//! It comes over a network. Variables of the environment are looked up, so that it is known
//! whether they are set and what they hold is right; but what they hold is not told.

use std::cell::RefCell;
use std::collections::BTreeMap;

use omma_store::CameraChange;
use omma_types::CameraId;

use super::whole::general;
use super::{Config, Lookup};

/// A remark to a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// The line and the column, from 1, where they are known.
    pub place: Option<(u64, u64)>,
    /// The place in the file, each step behind a dot, where it is known.
    pub key: Option<String>,
    /// What is the matter, and behind a semicolon what to do about it.
    pub message: String,
}

/// What is to be said of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The configuration, where it is right.
    pub config: Option<Config>,
    /// What is wrong: the first mistake.
    pub problems: Vec<Remark>,
    /// What is right, but perhaps not meant.
    pub warnings: Vec<Remark>,
}

/// What stands in place of a secret that is not shown.
const STARS: &str = "***";

/// What runs, for comparison.
pub(crate) struct Running<'a> {
    pub(crate) file: &'a Config,
    pub(crate) changes: &'a BTreeMap<CameraId, CameraChange>,
}

/// Looks at `text`.
pub(crate) fn check(text: &str, environment: &Lookup<'_>, running: &Running<'_>) -> Verdict {
    let (filled, starred) = fill_stars(text);
    let asked = RefCell::new(Vec::new());
    let lookup = |name: &str| {
        let value = environment(name)?;
        asked.borrow_mut().push((name.to_owned(), value.clone()));
        Some(value)
    };
    let mut verdict = Verdict::default();
    for line in starred {
        verdict.warnings.push(Remark {
            place: Some((line, 1)),
            key: key_at(text, line),
            message: format!(
                "`{STARS}` stands for a secret that is not shown; put it in before you use this \
                 file, best as ${{NAME}} from the environment"
            ),
        });
    }
    match Config::from_yaml(&filled, running.file.origin.name(), &lookup) {
        Ok(config) => {
            verdict.warnings.extend(compare(&config, running));
            verdict.config = Some(config);
        }
        Err(error) => verdict.problems.push(Remark {
            place: (error.line > 0).then_some((error.line, error.column)),
            key: if error.line > 0 { key_at(text, error.line) } else { None },
            message: without_values(error.reason, asked.into_inner()),
        }),
    }
    verdict
}

/// What would be otherwise than now.
fn compare(new: &Config, running: &Running<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut remark = |key: String, message: String| {
        remarks.push(Remark { place: None, key: Some(key), message });
    };
    let alone = running.file.origin.read();
    let (old, now) = (general(alone.as_ref().unwrap_or(running.file)), general(new));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(now.keys()).collect();
    for key in keys {
        let at_once = ["auth", "models", "sinks"].contains(&key.as_str());
        if !at_once && old.get(key) != now.get(key) {
            remark(key.clone(), format!("`{key}` takes effect at the next start; start again"));
        }
    }
    for camera in &running.file.cameras {
        if new.camera(&camera.id).is_none() {
            let id = &camera.id;
            remark(
                format!("cameras.{id}"),
                format!("camera `{id}` goes; what it recorded and counted stays"),
            );
        }
    }
    for camera in &new.cameras {
        let changed = running.changes.get(&camera.id);
        if changed.is_some_and(|change| change.settings.is_some() || change.removed) {
            let id = &camera.id;
            remark(
                format!("cameras.{id}"),
                format!(
                    "camera `{id}` was changed through an API, which holds over the file; take \
                     that back first"
                ),
            );
        }
    }
    remarks
}

/// Values of the environment by their names.
fn without_values(text: String, mut asked: Vec<(String, String)>) -> String {
    asked.retain(|(_, value)| !value.is_empty());
    // A value may be a part of another one.
    asked.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    asked
        .into_iter()
        .fold(text, |text, (name, value)| text.replace(&value, &format!("${{{name}}}")))
}

/// The text with something good for a token wherever `***` is a whole value, and the lines that
/// hold `***`. Lines stay what they are.
fn fill_stars(text: &str) -> (String, Vec<u64>) {
    let mut out = String::with_capacity(text.len());
    let (mut lines, mut count) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let mut parts = line.split(STARS);
        out.push_str(parts.next().unwrap_or_default());
        for after in parts {
            count += 1;
            if begins_value(&out) && ends_value(after) {
                out.push_str(&format!("hidden-secret-{count:06}"));
            } else {
                out.push_str(STARS);
            }
            out.push_str(after);
        }
        if line.contains(STARS) && !line.trim_start().starts_with('#') {
            lines.push(number);
        }
    }
    (out, lines)
}

fn begins_value(before: &str) -> bool {
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    before.ends_with([' ', '\t', '[', '{', ','])
}

fn ends_value(after: &str) -> bool {
    let after = after.strip_prefix(['"', '\'']).unwrap_or(after);
    after.is_empty() || after.starts_with([' ', '\t', '\r', '\n', ',', ']', '}'])
}

/// The key that a line is about, as far as indentation tells it: of what is written in braces,
/// the key in front of them.
fn key_at(text: &str, line: u64) -> Option<String> {
    let lines: Vec<&str> = text.lines().take(usize::try_from(line).ok()?).collect();
    let mut keys = Vec::new();
    let mut inner = usize::MAX;
    for line in lines.iter().rev() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        let Some((key, _value)) = content.split_once(':') else { continue };
        let key = key.trim_matches(['"', '\'']);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        let is_item = content.starts_with("- ");
        if indent >= inner || is_item || key.is_empty() || !key.chars().all(plain) {
            continue;
        }
        keys.push(key);
        inner = indent;
        if indent == 0 {
            break;
        }
    }
    keys.reverse();
    (!keys.is_empty()).then(|| keys.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "version: 1\ncameras:\n  door: { url: door.mp4 }\n  yard: { url: a.mp4 }\n";

    fn verdict(text: &str) -> Verdict {
        let file = Config::from_yaml(NOW, "omma.yaml", &|_| None).unwrap();
        let id = CameraId::new("door").unwrap();
        let settings = Some(r#"{"url": "b.mp4"}"#.to_owned());
        let change = CameraChange { camera: id.clone(), settings, paused: None, removed: false };
        let changes = BTreeMap::from([(id, change)]);
        let environment = |name: &str| (name == "PW").then(|| "geheim".to_owned());
        check(text, &environment, &Running { file: &file, changes: &changes })
    }

    #[test]
    fn a_mistake_has_its_place() {
        let wrong = verdict("version: 1\ncameras:\n  door:\n    urll: door.mp4\n");
        let [problem] = &wrong.problems[..] else { panic!("{wrong:?}") };
        assert_eq!(problem.place.unwrap().0, 4);
        assert_eq!(problem.key.as_deref(), Some("cameras.door.urll"));
        assert!(problem.message.contains("did you mean `url`?"), "{problem:?}");
        assert!(wrong.config.is_none());
        assert!(!verdict("").problems.is_empty() && !verdict("]").problems.is_empty());
    }

    #[test]
    fn what_the_environment_holds_is_looked_at_but_not_told() {
        let text = |listen: &str| format!("version: 1\nhttp: {{ listen: '{listen}' }}\n");
        let wrong = format!("{:?}", verdict(&text("${PW}")).problems);
        assert!(wrong.contains("`${PW}` is no address") && !wrong.contains("geheim"), "{wrong}");
        let unset = format!("{:?}", verdict(&text("${NOPE}")).problems);
        assert!(unset.contains("`NOPE` is not set"), "{unset}");
    }

    #[test]
    fn what_may_not_be_meant_is_a_warning() {
        let new = verdict(
            "version: 1\ndata_dir: /elsewhere\nauth: { tokens: [ { name: a, token: \"***\", \
             scopes: [read] }, { name: b, token: '***', scopes: [read] } ] }\ncameras:\n  door: \
             { url: 'rtsp://u:***@h/1' }\n",
        );
        assert!(new.problems.is_empty() && new.config.is_some(), "{new:?}");
        let said: Vec<_> = new.warnings.iter().filter_map(|w| w.key.as_deref()).collect();
        assert_eq!(
            said,
            ["auth", "cameras.door", "data_dir", "recordings", "cameras.yard", "cameras.door"]
        );
        assert_eq!(verdict(NOW).warnings.len(), 1, "the API's change alone");
    }

    #[test]
    fn a_section_that_takes_effect_later_says_so() {
        for section in ["webrtc: false", "webrtc: { listen: '0.0.0.0:8555' }"] {
            let said = verdict(&format!("{NOW}{section}\n")).warnings;
            let message = "`webrtc` takes effect at the next start; start again";
            assert!(said.iter().any(|remark| remark.message == message), "{section}: {said:?}");
        }
        assert_eq!(verdict(&format!("{NOW}webrtc: true\n")).warnings.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s)[a-z:\\-{}\\[\\]*\"'#$ \n]{0,80}") {
            let said = verdict(&text);
            prop_assert!(said.config.is_some() || !said.problems.is_empty());
        }
    }
}
