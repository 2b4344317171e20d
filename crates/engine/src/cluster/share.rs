//! What one of several processes does of the configuration that they share: from what it holds
//! follows a configuration of its own, which is run like any other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use omma_types::CameraId;

use super::assign::Cameras;
use super::record::{Duty, Position};
use crate::config::{CameraConfig, Config, DetectConfig, Detector, NodeConfig, Role};
use crate::derive::Derived;

/// What a process holds, and the places of its claims.
pub(crate) type Held = BTreeMap<(Duty, CameraId), Position>;

/// The cameras of `config` that need somebody. A camera that is made from another one goes
/// where that one is analysed, and needs nobody itself.
pub(crate) fn cameras(config: &Config) -> Cameras {
    let own = |camera: &&CameraConfig| !camera.paused && Derived::of(&camera.url).is_none();
    let read: BTreeSet<CameraId> =
        config.cameras.iter().filter(own).map(|camera| camera.id.clone()).collect();
    let seen = |camera: &&CameraConfig| own(camera) && camera.detect.is_some();
    let analysed = config.cameras.iter().filter(seen).map(|camera| camera.id.clone()).collect();
    BTreeMap::from([(Duty::Ingest, read), (Duty::Analyze, analysed)])
}

/// What a process that holds `held` runs of `config`.
pub(crate) fn share(config: &Config, node: &NodeConfig, held: &Held) -> Config {
    let share = Share { config, node, held };
    let cameras: Vec<CameraConfig> =
        config.cameras.iter().filter_map(|camera| share.camera(camera)).collect();
    let publish = config.publish.iter().filter(|entry| {
        let wanted = config.camera(&entry.camera);
        let runs = cameras.iter().find(|camera| camera.id == entry.camera);
        runs.zip(wanted).is_some_and(|(runs, wanted)| match &wanted.detect {
            Some(_) => runs.detect.is_some(),
            None => !runs.relayed,
        })
    });
    let publish = publish.cloned().collect();
    let sinks = if share.has(Role::Serve) { config.sinks.clone() } else { Vec::new() };
    Config { publish, sinks, cameras, ..config.clone() }
}

struct Share<'a> {
    config: &'a Config,
    node: &'a NodeConfig,
    held: &'a Held,
}

impl Share<'_> {
    fn has(&self, role: Role) -> bool {
        self.node.roles.contains(&role)
    }

    fn holds(&self, duty: Duty, camera: &CameraId) -> bool {
        self.held.contains_key(&(duty, camera.clone()))
    }

    fn camera(&self, camera: &CameraConfig) -> Option<CameraConfig> {
        match Derived::of(&camera.url) {
            Some(Ok(derived)) => self.derived(camera, &derived.parent),
            Some(Err(_)) => None,
            None => self.own(camera),
        }
    }

    /// A camera with a stream of its own.
    fn own(&self, camera: &CameraConfig) -> Option<CameraConfig> {
        let reads = self.holds(Duty::Ingest, &camera.id);
        let detect = camera.detect.as_ref().filter(|_| self.holds(Duty::Analyze, &camera.id));
        if !reads && detect.is_none() && !self.has(Role::Serve) {
            return None;
        }
        Some(CameraConfig {
            relayed: !reads,
            detect: detect.map(|detect| self.detect(detect)),
            // The detector's own, smaller stream is read by whoever analyses.
            detect_url: camera.detect_url.clone().filter(|_| detect.is_some()),
            record: camera.record.clone().filter(|_| reads),
            pass_through: camera.pass_through.clone().filter(|_| reads),
            ..camera.clone()
        })
    }

    /// A camera that is made from `parent`: it is made where that one's people are known.
    fn derived(&self, camera: &CameraConfig, parent: &CameraId) -> Option<CameraConfig> {
        let is_analysed = self.config.camera(parent).is_some_and(|parent| parent.detect.is_some());
        let duty = if is_analysed { Duty::Analyze } else { Duty::Ingest };
        let is_made_here = self.holds(duty, parent);
        if is_made_here {
            let detect = camera.detect.as_ref().map(|detect| self.detect(detect));
            return Some(CameraConfig { detect, ..camera.clone() });
        }
        self.has(Role::Serve).then(|| CameraConfig {
            relayed: true,
            detect: None,
            record: None,
            pass_through: None,
            ..camera.clone()
        })
    }

    /// Where this process runs no models, those that do are asked.
    fn detect(&self, detect: &DetectConfig) -> DetectConfig {
        let detector = match &detect.detector {
            Detector::Model(_) if !self.has(Role::Detect) => Detector::Bus(detect.name.clone()),
            own => own.clone(),
        };
        DetectConfig { detector, ..detect.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
version: 1
bus: redis://localhost
models: { m: { card: yolox-nano } }
sinks: [ { name: s, to: 'http://localhost/x' } ]
publish:
  - { camera: a, to: redis://localhost, dialect: redisedge, as: a }
  - { camera: b, to: redis://localhost, dialect: redisedge, as: b }
cameras:
  a: { url: 'rtsp://h/a', detect: { model: m }, record: { mode: always }, lines: { l: { from: [0, 0.5], to: [1, 0.5] } } }
  b: { url: 'rtsp://h/b' }
  hidden: { url: 'redacted:a', record: { mode: always } }
";

    fn shared(roles: &[Role], held: &[(Duty, &str)]) -> Config {
        let config = Config::from_yaml(FILE, "omma.yaml", &|_| None).unwrap();
        let node = NodeConfig { roles: roles.iter().copied().collect(), ..NodeConfig::default() };
        let held =
            held.iter().map(|(duty, name)| ((*duty, CameraId::new(name).unwrap()), Position(0, 1)));
        share(&config, &node, &held.collect())
    }

    /// The cameras: name, whether it is relayed, detected in, and recorded.
    fn cameras_of(config: &Config) -> Vec<(&str, bool, bool, bool)> {
        let about = |c: &'_ CameraConfig| (c.relayed, c.detect.is_some(), c.record.is_some());
        let cameras = config.cameras.iter();
        cameras.map(|c| (c.id.as_str(), about(c).0, about(c).1, about(c).2)).collect()
    }

    #[test]
    fn who_only_reads_records_and_who_only_analyses_takes_from_the_bus() {
        let reader = shared(&[Role::Ingest], &[(Duty::Ingest, "a"), (Duty::Ingest, "b")]);
        assert_eq!(cameras_of(&reader), [("a", false, false, true), ("b", false, false, false)]);
        assert_eq!(reader.publish.len(), 1, "what is not analysed goes out where it is read");
        assert!(reader.sinks.is_empty());

        let analyst = shared(&[Role::Analyze], &[(Duty::Analyze, "a")]);
        assert_eq!(
            cameras_of(&analyst),
            [("a", true, true, false), ("hidden", false, false, true)]
        );
        let detect = analyst.cameras[0].detect.clone().unwrap();
        assert_eq!(detect.detector, Detector::Bus("m".to_owned()));
        assert_eq!(analyst.publish[0].camera.as_str(), "a");
        assert_eq!(
            crate::bus::publications(&analyst).len(),
            2,
            "analyses of a, pictures of hidden"
        );
    }

    #[test]
    fn who_serves_shows_all_and_puts_nothing_on_the_bus_again() {
        let server = shared(&[Role::Serve], &[]);
        let relayed =
            [("a", true, false, false), ("b", true, false, false), ("hidden", true, false, false)];
        assert_eq!(cameras_of(&server), relayed);
        assert!(crate::bus::publications(&server).is_empty() && server.publish.is_empty());
        assert_eq!(server.sinks.len(), 1);
    }

    #[test]
    fn who_does_all_runs_what_the_file_says() {
        let file = Config::from_yaml(FILE, "omma.yaml", &|_| None).unwrap();
        let held = [(Duty::Ingest, "a"), (Duty::Ingest, "b"), (Duty::Analyze, "a")];
        assert_eq!(shared(&Role::ALL, &held), file);
        let needed = cameras(&file);
        assert_eq!((needed[&Duty::Ingest].len(), needed[&Duty::Analyze].len()), (2, 1));
    }
}
