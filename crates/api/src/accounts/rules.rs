//! What each route asks of users: the least role, and what it has to do with cameras.
//!
//! Tokens of the configuration have scopes instead (`guard::web_needs`). A route that is not in
//! the table is for administrators alone, and a test fails until it is put there.

use axum::http::Method;
use omma_store::Role;
use omma_types::CameraId;

use crate::portal;

/// What a route has to do with cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cameras {
    /// Nothing.
    None,
    /// It is about the one that its path names: for who may not see that, it is not there.
    Named,
    /// Its handler leaves out what the caller may not see.
    Filtered,
    /// It is about all: nobody gets in who may see only some.
    All,
}

/// What is written into the audit log where a request succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trail {
    /// Nothing, or the handler does it, who knows more.
    None,
    /// Somebody has looked: once in a while for each camera.
    Watched,
    /// Somebody has taken footage away: which.
    Exported,
    /// Somebody fetches what was recorded file by file, as players do that have asked for a span:
    /// once in a while for each camera.
    Fetched,
    /// A program has said what it sees: once in a while, for it says so all the time.
    Annotated,
    /// Somebody has changed something.
    Changed,
}

/// What a route asks of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) role: Role,
    pub(crate) cameras: Cameras,
    pub(crate) trail: Trail,
    /// Whether a token for a single stream is good here.
    pub(crate) stream: bool,
}

const fn rule(role: Role, cameras: Cameras, trail: Trail) -> Rule {
    Rule { role, cameras, trail, stream: false }
}

const fn stream(cameras: Cameras, trail: Trail) -> Rule {
    Rule { role: Role::Viewer, cameras, trail, stream: true }
}

/// For routes of the web port that are in no table.
const UNKNOWN: Rule = rule(Role::Admin, Cameras::All, Trail::None);

const LOOK: Rule = rule(Role::Viewer, Cameras::Named, Trail::None);
const LIST: Rule = rule(Role::Viewer, Cameras::Filtered, Trail::None);
const OPEN: Rule = rule(Role::Viewer, Cameras::None, Trail::None);
const SYSTEM: Rule = rule(Role::Viewer, Cameras::All, Trail::None);
const STEER: Rule = rule(Role::Operator, Cameras::Named, Trail::Changed);
const JUDGE: Rule = rule(Role::Operator, Cameras::Filtered, Trail::Changed);
const INSPECT: Rule = rule(Role::Operator, Cameras::Named, Trail::None);
const DELIVER: Rule = rule(Role::Operator, Cameras::All, Trail::Changed);
const BUILD: Rule = rule(Role::Admin, Cameras::Named, Trail::Changed);
const MANAGE: Rule = rule(Role::Admin, Cameras::None, Trail::None);

/// Every route of the web port, as its description names it.
const WEB: &[(&str, &str, Rule)] = &[
    ("GET", "/healthz", OPEN),
    ("GET", "/readyz", OPEN),
    ("GET", "/metrics", SYSTEM),
    ("GET", "/api/v1/openapi.json", OPEN),
    ("GET", "/api/v1/nodes", SYSTEM),
    ("GET", "/api/v1/publications", SYSTEM),
    ("GET", "/api/v1/sinks", SYSTEM),
    ("GET", "/api/v1/sinks/{name}/dead", SYSTEM),
    ("POST", "/api/v1/sinks/{name}/replay", DELIVER),
    ("POST", "/api/v1/sinks/{name}/dead/revive", DELIVER),
    ("POST", "/api/v1/annotations", rule(Role::Operator, Cameras::All, Trail::Annotated)),
    ("GET", "/api/v1/annotations/status", SYSTEM),
    ("POST", "/api/v1/annotations/revive", DELIVER),
    ("POST", "/api/v1/probe", MANAGE),
    ("GET", "/api/v1/discover", MANAGE),
    ("GET", "/api/v1/models", LIST),
    ("POST", "/api/v1/models/{name}/pull", rule(Role::Admin, Cameras::None, Trail::Changed)),
    ("POST", "/api/v1/models/{name}/bench", MANAGE),
    ("GET", "/api/v1/logs", MANAGE),
    ("GET", "/api/v1/config", MANAGE),
    ("POST", "/api/v1/config/check", MANAGE),
    ("GET", "/api/v1/cameras", LIST),
    ("POST", "/api/v1/cameras", rule(Role::Admin, Cameras::All, Trail::Changed)),
    ("GET", "/api/v1/cameras/{name}", LOOK),
    // What an operator may change of it, the handler says.
    ("PUT", "/api/v1/cameras/{name}", STEER),
    ("DELETE", "/api/v1/cameras/{name}", BUILD),
    ("GET", "/api/v1/cameras/{name}/settings", INSPECT),
    ("DELETE", "/api/v1/cameras/{name}/settings", BUILD),
    ("POST", "/api/v1/cameras/{name}/pause", STEER),
    ("POST", "/api/v1/cameras/{name}/resume", STEER),
    ("GET", "/api/v1/cameras/{name}/pass-through", INSPECT),
    // Where to, an administrator says; the handler looks.
    ("POST", "/api/v1/cameras/{name}/pass-through", STEER),
    ("DELETE", "/api/v1/cameras/{name}/pass-through", BUILD),
    ("GET", "/api/v1/cameras/{name}/analysis", LOOK),
    ("GET", "/api/v1/cameras/{name}/counts", LOOK),
    ("GET", "/api/v1/cameras/{name}/history", LOOK),
    ("GET", "/api/v1/cameras/{name}/history.jpg", stream(Cameras::Named, Trail::Watched)),
    ("GET", "/api/v1/cameras/{name}/recordings", LOOK),
    ("GET", "/api/v1/cameras/{name}/recordings/{file}", stream(Cameras::Named, Trail::Fetched)),
    ("GET", "/api/v1/cameras/{name}/recording.m3u8", stream(Cameras::Named, Trail::Exported)),
    ("GET", "/api/v1/cameras/{name}/recording.mp4", stream(Cameras::Named, Trail::Exported)),
    ("POST", "/api/v1/cameras/{name}/stream-token", LOOK),
    ("GET", "/api/v1/cameras/{name}/mse", stream(Cameras::Named, Trail::Watched)),
    ("POST", "/api/v1/cameras/{name}/whep", rule(Role::Viewer, Cameras::Named, Trail::Watched)),
    ("DELETE", "/api/v1/cameras/{name}/whep/{session}", LOOK),
    ("POST", "/api/v1/cameras/{name}/whip", STEER),
    ("DELETE", "/api/v1/cameras/{name}/whip/{session}", STEER),
    ("POST", "/api/v1/cameras/{name}/preview", INSPECT),
    ("POST", "/api/v1/cameras/{name}/backfill", STEER),
    ("GET", "/api/v1/cameras/{name}/heatmap", LOOK),
    ("GET", "/api/v1/cameras/{name}/precision", LOOK),
    ("GET", "/api/v1/cameras/{name}/reviews", LOOK),
    ("POST", "/api/v1/cameras/{name}/reviews", STEER),
    ("DELETE", "/api/v1/cameras/{name}/reviews/{id}", STEER),
    ("GET", "/cameras/{name}/live.mjpg", stream(Cameras::Named, Trail::Watched)),
    ("GET", "/cameras/{name}/snapshot.jpg", stream(Cameras::Named, Trail::Watched)),
    ("GET", "/api/v1/events", LIST),
    ("GET", "/api/v1/events/{id}", LIST),
    ("GET", "/api/v1/events/{id}/clip.mp4", stream(Cameras::Filtered, Trail::Exported)),
    ("GET", "/api/v1/events/{id}/snapshot.jpg", stream(Cameras::Filtered, Trail::None)),
    ("GET", "/api/v1/events/{id}/verdict", LIST),
    ("PUT", "/api/v1/events/{id}/verdict", JUDGE),
    ("PUT", "/api/v1/events/{id}/review", JUDGE),
    ("POST", "/api/v1/events/review", JUDGE),
    ("GET", "/api/v1/counts", LIST),
    ("GET", "/api/v1/ws", LIST),
    ("GET", "/api/v1/setup", OPEN),
    ("POST", "/api/v1/setup", OPEN),
    ("POST", "/api/v1/login", OPEN),
    ("POST", "/api/v1/logout", OPEN),
    ("GET", "/api/v1/me", OPEN),
    ("POST", "/api/v1/me/password", OPEN),
    ("GET", "/api/v1/me/tokens", OPEN),
    ("POST", "/api/v1/me/tokens", OPEN),
    ("DELETE", "/api/v1/me/tokens/{id}", OPEN),
    ("GET", "/api/v1/users", MANAGE),
    ("POST", "/api/v1/users", MANAGE),
    ("PUT", "/api/v1/users/{name}", MANAGE),
    ("DELETE", "/api/v1/users/{name}", MANAGE),
    ("DELETE", "/api/v1/users/{name}/tokens/{id}", MANAGE),
    ("GET", "/api/v1/audit", MANAGE),
];

/// What a request to the web port asks of users.
pub(crate) fn web(method: &Method, path: &str) -> Rule {
    let otherwise = if portal::is_place(path) { OPEN } else { UNKNOWN };
    in_table(method, path).unwrap_or(otherwise)
}

fn in_table(method: &Method, path: &str) -> Option<Rule> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let fits = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    WEB.iter().find(|(m, template, _)| *m == method && fits(template)).map(|(_, _, rule)| *rule)
}

/// Whether what changes there may take a right away from somebody.
pub(crate) fn is_about_people(path: &str) -> bool {
    ["/api/v1/users", "/api/v1/me/", "/api/v1/logout"].iter().any(|place| path.starts_with(place))
}

/// The camera that a path names, as far as it is a name: whatever is escaped is none.
pub(crate) fn camera_of(path: &str) -> Option<CameraId> {
    let rest = path.strip_prefix("/api/v1/cameras/").or_else(|| path.strip_prefix("/cameras/"))?;
    CameraId::new(rest.split('/').next()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// A new route without a rule, and a rule without a route, are mistakes.
    #[test]
    fn the_table_has_every_route_of_the_description_and_no_other() {
        let description: Value = serde_json::from_str(&crate::openapi()).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                described.insert((method.to_ascii_uppercase(), path.clone()));
            }
        }
        let table: BTreeSet<_> = WEB
            .iter()
            .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
            .collect();
        assert_eq!(table.len(), WEB.len(), "a route stands there twice");
        let missing: Vec<_> = described.difference(&table).collect();
        let gone: Vec<_> = table.difference(&described).collect();
        assert!(missing.is_empty() && gone.is_empty(), "without a rule: {missing:?}; {gone:?}");
    }

    #[test]
    fn what_is_about_a_camera_in_the_path_says_so() {
        for (method, path, rule) in WEB {
            let named = path.contains("/cameras/{name}");
            assert_eq!(rule.cameras == Cameras::Named, named, "{method} {path}");
            assert!(!rule.stream || *method == "GET", "{method} {path}");
        }
    }

    #[test]
    fn paths_are_matched_whole() {
        assert_eq!(web(&Method::GET, "/api/v1/cameras/door"), LOOK);
        assert_eq!(web(&Method::HEAD, "/api/v1/cameras/door"), LOOK);
        assert_eq!(web(&Method::PUT, "/api/v1/cameras/door"), STEER);
        for (method, path) in [
            (Method::GET, "/api/v1/cameras/door/"),
            (Method::GET, "/api/v1/cameras/door/counts/x"),
            (Method::GET, "/api/v1/nowhere"),
            (Method::PATCH, "/api/v1/cameras/door"),
            (Method::OPTIONS, "/api/v1/cameras"),
        ] {
            assert_eq!(web(&method, path), UNKNOWN, "{method} {path}");
        }
        assert_eq!(web(&Method::GET, "/login"), OPEN, "the portal's");
    }

    #[test]
    fn names_are_found_in_paths() {
        let name = |path| camera_of(path).map(|id| id.as_str().to_owned());
        assert_eq!(name("/cameras/door/live.mjpg").as_deref(), Some("door"));
        assert_eq!(name("/api/v1/cameras/door").as_deref(), Some("door"));
        assert_eq!(name("/api/v1/cameras/d%6For"), None);
        assert_eq!(name("/api/v1/cameras/"), None);
        assert_eq!(name("/api/v1/events"), None);
    }
}
