//! What the rest of the system may ask of a running engine. Cheap to clone; every answer is
//! a copy, no lock of the engine is ever held outside.

use std::sync::Arc;

use omma_media::StreamInfo;
use omma_rules::{Line, Zone};
use omma_store::{CameraChange, DeadEvent, Store};
use omma_types::{Analysis, CameraId, Event, WallTime};
use tokio::sync::broadcast;

use crate::annotations::Annotations;
use crate::camera::Camera;
use crate::cluster::NodeStatus;
use crate::config::{
    self, CameraConfig, PassThroughConfig, Rate, Remark, ShownValue, Verdict, process_environment,
};
use crate::feed::{HistoryFeed, PacketFeed, PictureFeed, Preroll};
use crate::live::LiveView;
use crate::overlay::Overlay;
use crate::pass_through::PassThroughStatus;
use crate::publish::{PageView, PublicationStatus};
use crate::record::{RecordingStatus, Recordings};
use crate::sent::PacketSender;
use crate::shared::Shared;
use crate::sinks::SinkStatus;
use crate::status::{CameraStatus, JpegFrame, Message, Totals, ViewOptions};
use crate::stream::RingReport;
use crate::telemetry::{PortMetrics, ViewerMetrics};
use crate::{Config, EngineError};

/// A way to a running engine.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// All cameras by name.
    pub fn cameras(&self) -> Vec<CameraStatus> {
        self.shared.cameras().iter().map(|camera| camera.status()).collect()
    }

    /// One camera; none where no camera has this name.
    pub fn camera(&self, id: &CameraId) -> Option<CameraStatus> {
        self.shared.camera(id).map(|camera| camera.status())
    }

    /// The newest analysis of a camera.
    pub fn latest(&self, id: &CameraId) -> Option<Arc<Analysis>> {
        self.shared.camera(id).and_then(|camera| camera.latest())
    }

    /// The lines and zones of a camera.
    pub fn rules(&self, id: &CameraId) -> Option<(Vec<Line>, Vec<Zone>)> {
        let camera = self.shared.camera(id)?;
        let config = camera.config();
        Some((config.lines.clone(), config.zones.clone()))
    }

    /// What a camera's lines and zones have counted, restarts included.
    pub fn totals(&self, id: &CameraId) -> Option<Totals> {
        self.shared.camera(id).map(|camera| camera.totals())
    }

    /// Analyses and events from now on. A subscriber that falls behind is told how many
    /// messages it missed; events can then be read from the store by sequence number.
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.shared.messages.subscribe()
    }

    /// Live pictures of a camera, from now until the view is dropped.
    ///
    /// # Errors
    /// No camera has this name.
    pub fn live(&self, id: &CameraId, options: ViewOptions) -> Result<LiveView, EngineError> {
        let camera = self.known(id)?;
        camera.live(options)
    }

    /// The next picture of a camera, waiting at most 5 s for it.
    ///
    /// # Errors
    /// No camera has this name, or no picture came; the reason names the camera's state.
    pub async fn snapshot(
        &self,
        id: &CameraId,
        options: ViewOptions,
    ) -> Result<Arc<JpegFrame>, EngineError> {
        let camera = self.known(id)?;
        let mut view = camera.live(options)?;
        match tokio::time::timeout(crate::live::SNAPSHOT_TIMEOUT, view.next()).await {
            Ok(Some(frame)) if !frame.is_notice => Ok(frame),
            Ok(_) | Err(_) => Err(camera.no_picture()),
        }
    }

    /// A camera's packets from now on, sound included where its configuration wants it.
    ///
    /// # Errors
    /// No camera has this name, or it is paused.
    pub fn packets(&self, id: &CameraId, preroll: Preroll) -> Result<PacketFeed, EngineError> {
        self.known(id)?.packets(preroll)
    }

    /// A way to send the packets of a camera whose address is `whip://`. Whoever sent before is
    /// cut off.
    ///
    /// # Errors
    /// No camera has this name, it is paused, or it is fetched from an address.
    pub fn sender(&self, id: &CameraId) -> Result<PacketSender, EngineError> {
        self.known(id)?.sender()
    }

    /// A camera's decoded pictures from now on. While the feed lives, the camera decodes.
    ///
    /// # Errors
    /// No camera has this name, or it is paused.
    pub fn pictures(&self, id: &CameraId, rate: Rate) -> Result<PictureFeed, EngineError> {
        self.known(id)?.pictures(rate)
    }

    /// Every picture that the ring still holds of those taken from `from` to `to`. An empty
    /// feed where there is none.
    ///
    /// # Errors
    /// No camera has this name, or it is paused.
    pub fn history(
        &self,
        id: &CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<HistoryFeed, EngineError> {
        let camera = self.known(id)?;
        HistoryFeed::start(id, camera.main()?.past(from, to), from, to)
    }

    /// What the open connection of a camera carries (none while there is none), and what its
    /// ring holds.
    ///
    /// # Errors
    /// No camera has this name.
    pub fn stream(
        &self,
        id: &CameraId,
    ) -> Result<(Option<Arc<StreamInfo>>, RingReport), EngineError> {
        let camera = self.known(id)?;
        Ok(match camera.main() {
            Ok(main) => (main.info(), main.ring_report()),
            Err(_paused) => (None, RingReport::default()),
        })
    }

    /// The processes that share the work, by name; none where this one does it all.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.shared.cluster.as_ref().map(|cluster| cluster.nodes()).unwrap_or_default()
    }

    /// How publishing cameras in other systems' formats does.
    pub fn publications(&self) -> Vec<PublicationStatus> {
        self.shared.publishers.status()
    }

    /// The page of the entry that stands at `at` in the configuration's `publish`, from now on;
    /// none where it has none.
    pub fn publication_page(&self, at: usize) -> Option<PageView> {
        let config = self.shared.file.read();
        self.shared.publishers.page(config.publish.get(at)?)
    }

    /// What other programs found out, on its way to a webhook.
    pub fn annotations(&self) -> &Annotations {
        &self.shared.annotations
    }

    /// How each sink of events does, by name.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn sinks(&self) -> Result<Vec<SinkStatus>, EngineError> {
        self.shared.sinks.status().await
    }

    /// Delivers to a sink once more, from the event `from` on. Returns where its cursor stands
    /// now: in front of that event, or at the newest where there is none so high.
    ///
    /// # Errors
    /// No sink has this name, or the store can't keep it.
    pub async fn replay_sink(&self, name: &str, from: i64) -> Result<i64, EngineError> {
        self.shared.sinks.replay(name, from).await
    }

    /// The events that a sink's target refused, newest first.
    ///
    /// # Errors
    /// No sink has this name, or the store can't be read.
    pub async fn sink_dead(&self, name: &str, limit: u32) -> Result<Vec<DeadEvent>, EngineError> {
        self.shared.sinks.dead(name, limit).await
    }

    /// Delivers once more what a sink's target refused. Returns how many events that are.
    ///
    /// # Errors
    /// No sink has this name, or the store can't keep it.
    pub async fn revive_sink(&self, name: &str) -> Result<u64, EngineError> {
        self.shared.sinks.revive(name).await
    }

    /// The store of events and counts.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The configuration file as it was read last, without what was changed at run time. Never
    /// waits for a change under way, so that a token that was taken back is refused at once.
    pub fn config_file(&self) -> Arc<Config> {
        Arc::clone(&self.shared.file.read())
    }

    /// Where a server counts what happens at the port that the configuration calls `name`.
    pub fn port_metrics(&self, name: &'static str) -> PortMetrics {
        self.shared.telemetry.port(name)
    }

    /// Where a server counts those who watch in the way called `way`.
    pub fn viewer_metrics(&self, way: &'static str) -> ViewerMetrics {
        self.shared.telemetry.viewers(way)
    }

    /// All metrics in Prometheus' text format.
    pub fn render_metrics(&self) -> String {
        self.shared.render_metrics()
    }

    /// Whether the engine does its work: the store accepts events.
    ///
    /// # Errors
    /// What is in the way, for people.
    pub fn ready(&self) -> Result<(), String> {
        self.shared.ready()
    }

    /// Makes `config` the one that runs. Cameras that are the same in both are not touched;
    /// where only lines or zones differ, the stream goes on and counts are kept.
    ///
    /// Returns what changed and what needs a restart, for the log.
    pub async fn reload(&self, config: Config) -> Vec<String> {
        crate::topology::reload(&self.shared, config).await
    }

    /// Adds a camera. Its settings have the form of a camera in the configuration file, as
    /// JSON; they are kept in the store.
    ///
    /// # Errors
    /// There is such a camera, a setting is wrong, or the store can't keep it.
    pub async fn add_camera(&self, id: &CameraId, settings: &str) -> Result<(), EngineError> {
        let mut overlay = self.shared.overlay.lock().await;
        if overlay.config.camera(id).is_some() {
            return Err(EngineError::Exists { name: id.to_string() });
        }
        self.put(&mut overlay, id, settings).await.map(drop)
    }

    /// Gives a camera other settings, or adds it; as [`Self::add_camera`]. A secret that is
    /// given as `***`, as [`Self::camera_settings`] shows it, stays what it is.
    ///
    /// # Errors
    /// A setting is wrong, or the store can't keep it.
    pub async fn put_camera(&self, id: &CameraId, settings: &str) -> Result<(), EngineError> {
        let put = self.put_camera_if(id, settings, |_before| Ok::<_, EngineError>(()));
        put.await.map(drop)
    }

    /// The same, but only where `check` says so of what holds before; none where there is no
    /// such camera. Nobody changes it in between. Returns what holds now.
    ///
    /// # Errors
    /// As [`Self::put_camera`], and what `check` says.
    pub async fn put_camera_if<E: From<EngineError>>(
        &self,
        id: &CameraId,
        settings: &str,
        check: impl FnOnce(Option<&CameraConfig>) -> Result<(), E>,
    ) -> Result<CameraConfig, E> {
        let mut overlay = self.shared.overlay.lock().await;
        check(overlay.config.camera(id))?;
        Ok(self.put(&mut overlay, id, settings).await?)
    }

    async fn put(
        &self,
        overlay: &mut Overlay,
        id: &CameraId,
        settings: &str,
    ) -> Result<CameraConfig, EngineError> {
        let settings = overlay.with_secrets(id, settings);
        let camera = overlay.file.parse_camera(id.as_str(), &settings)?;
        crate::derive::check_among(&camera, &overlay.config.cameras)?;
        let change = CameraChange {
            camera: id.clone(),
            settings: Some(camera.to_json(false).to_string()),
            paused: None,
            removed: false,
        };
        crate::topology::change(&self.shared, overlay, change).await?;
        Ok(overlay.config.camera(id).cloned().unwrap_or(camera))
    }

    /// Stops reading a camera, or goes on with it. Kept across restarts.
    ///
    /// # Errors
    /// No camera has this name, or the store can't keep it.
    pub async fn pause_camera(&self, id: &CameraId, paused: bool) -> Result<(), EngineError> {
        let mut overlay = self.shared.overlay.lock().await;
        self.check_known(&overlay, id)?;
        let change = CameraChange { paused: Some(paused), ..change_of(&overlay, id) };
        crate::topology::change(&self.shared, &mut overlay, change).await.map(drop)
    }

    /// Removes a camera, for good unless it is added again. What it recorded and counted
    /// stays.
    ///
    /// # Errors
    /// No camera has this name, or the store can't keep it.
    pub async fn remove_camera(&self, id: &CameraId) -> Result<(), EngineError> {
        self.remove_camera_if(id, |_before| Ok(())).await
    }

    /// The same, but only where `check` says so of what holds before; see
    /// [`Self::put_camera_if`].
    ///
    /// # Errors
    /// As [`Self::remove_camera`], and what `check` says.
    pub async fn remove_camera_if<E: From<EngineError>>(
        &self,
        id: &CameraId,
        check: impl FnOnce(Option<&CameraConfig>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut overlay = self.shared.overlay.lock().await;
        self.check_known(&overlay, id)?;
        check(overlay.config.camera(id))?;
        let change = CameraChange {
            camera: id.clone(),
            settings: None,
            paused: None,
            removed: overlay.is_of_file(id),
        };
        crate::topology::change(&self.shared, &mut overlay, change).await?;
        Ok(())
    }

    /// What was recorded.
    pub fn recordings(&self) -> &Recordings {
        self.shared.library.recordings()
    }

    /// Whether there is a picture of an event: written, or about to be. Looks at the disk.
    pub fn has_snapshot(&self, event: &Event) -> bool {
        event.track.is_some() && self.shared.snapshots.has(&event.camera, event.id)
    }

    /// The picture of an event, its object marked, as a JPEG; none where there is none. Waits a
    /// moment for one that is being written.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn event_snapshot(&self, event: &Event) -> Result<Option<Vec<u8>>, EngineError> {
        let read = self.shared.snapshots.read(&event.camera, event.id).await;
        read.map_err(|source| EngineError::System {
            what: format!("cannot read the picture of event {}", event.id),
            source,
        })
    }

    /// How recording a camera does; none where it is not to be recorded.
    ///
    /// # Errors
    /// No camera has this name.
    pub fn recording(&self, id: &CameraId) -> Result<Option<RecordingStatus>, EngineError> {
        Ok(self.known(id)?.recording())
    }

    /// How passing a camera's stream on does; none where it has no address for it.
    ///
    /// # Errors
    /// No camera has this name.
    pub fn pass_through(&self, id: &CameraId) -> Result<Option<PassThroughStatus>, EngineError> {
        Ok(self.known(id)?.pass_through())
    }

    /// Starts or ends passing a camera's stream on. Kept across restarts.
    ///
    /// # Errors
    /// No camera has this name, it has no address to pass its stream on to, or the store
    /// can't keep it.
    pub async fn set_pass_through(&self, id: &CameraId, on: bool) -> Result<(), EngineError> {
        self.edit(id, |camera| match &mut camera.pass_through {
            Some(pass_through) => {
                pass_through.start = on;
                Ok(())
            }
            None => Err(EngineError::NoPassThrough { camera: camera.id.to_string() }),
        })
        .await
    }

    /// Where a camera's stream is passed on to, or that it is not. It begins with
    /// [`Self::set_pass_through`].
    ///
    /// # Errors
    /// No camera has this name, the address is none for this, or the store can't keep it.
    pub async fn set_pass_through_url(
        &self,
        id: &CameraId,
        url: Option<String>,
    ) -> Result<(), EngineError> {
        self.edit(id, |camera| {
            let wrong = |reason| EngineError::Source { camera: camera.id.to_string(), reason };
            let target = url.map(|url| PassThroughConfig::new(url, false).map_err(wrong));
            camera.pass_through = target.transpose()?;
            Ok(())
        })
        .await
    }

    /// Starts or ends recording a camera. Kept across restarts. One that already records goes
    /// on as it does. One that does not begins as the configuration file says of it, or, where
    /// that says nothing, to record all the time.
    ///
    /// # Errors
    /// No camera has this name, or the store can't keep it.
    pub async fn set_recording(&self, id: &CameraId, on: bool) -> Result<(), EngineError> {
        let of_file = {
            let overlay = self.shared.overlay.lock().await;
            overlay.file.camera(id).and_then(|camera| camera.record.clone())
        };
        self.edit(id, |camera| {
            let now = camera.record.take();
            camera.record = on.then(|| now.or(of_file).unwrap_or_default());
            Ok(())
        })
        .await
    }

    /// Changes a camera's settings.
    async fn edit(
        &self,
        id: &CameraId,
        edit: impl FnOnce(&mut CameraConfig) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut overlay = self.shared.overlay.lock().await;
        self.check_known(&overlay, id)?;
        let Some(mut camera) = overlay.config.camera(id).cloned() else { return Ok(()) };
        edit(&mut camera)?;
        if overlay.config.camera(id) == Some(&camera) {
            return Ok(());
        }
        let change = CameraChange {
            settings: Some(camera.to_json(false).to_string()),
            ..change_of(&overlay, id)
        };
        crate::topology::change(&self.shared, &mut overlay, change).await.map(drop)
    }

    /// Takes back what was changed at run time: what the configuration file says of the
    /// camera holds again.
    ///
    /// # Errors
    /// The store can't keep it.
    pub async fn revert_camera(&self, id: &CameraId) -> Result<(), EngineError> {
        let mut overlay = self.shared.overlay.lock().await;
        let nothing =
            CameraChange { camera: id.clone(), settings: None, paused: None, removed: false };
        crate::topology::change(&self.shared, &mut overlay, nothing).await.map(drop)
    }

    /// A camera's settings in the form of the configuration file, as JSON, secrets replaced by
    /// `***`; none where no camera has this name.
    pub async fn camera_settings(&self, id: &CameraId) -> Option<serde_json::Value> {
        self.camera_config(id).await.map(|camera| camera.to_json(true))
    }

    /// The same with all its secrets; none when there is no such camera.
    pub async fn camera_config(&self, id: &CameraId) -> Option<CameraConfig> {
        self.shared.overlay.lock().await.config.camera(id).cloned()
    }

    /// A camera's settings that came over an API, checked, with the secrets of the camera
    /// `like` in place of `***`. Nothing is kept.
    ///
    /// # Errors
    /// A setting is wrong.
    pub async fn check_camera(
        &self,
        id: &CameraId,
        settings: &str,
        like: Option<&CameraId>,
    ) -> Result<CameraConfig, EngineError> {
        let overlay = self.shared.overlay.lock().await;
        let settings = match like {
            Some(like) => overlay.with_secrets(like, settings),
            None => settings.to_owned(),
        };
        Ok(overlay.file.parse_camera(id.as_str(), &settings)?)
    }

    /// What runs: the configuration file, and over it what was changed at run time.
    pub async fn config(&self) -> Config {
        self.shared.overlay.lock().await.config.clone()
    }

    /// What runs, for people: in the form of the file, and each value with where it comes from.
    /// Secrets are `***`.
    ///
    /// # Errors
    /// It can't be written down, which is a mistake of ours.
    pub async fn config_shown(&self) -> Result<(String, Vec<ShownValue>), EngineError> {
        let overlay = self.shared.overlay.lock().await;
        let changes: Vec<CameraChange> = overlay.changes.values().cloned().collect();
        let from = overlay.file.origin.name();
        let text = crate::config::written(&overlay.config, &overlay.file, &changes, from)?;
        let values = config::origin::values(&overlay.config, &overlay.file, &overlay.changes);
        Ok((text, values))
    }

    /// Looks at the text of a configuration that somebody wants to use in place of the file's.
    /// Nothing is changed.
    pub async fn check_config(&self, text: String) -> Verdict {
        let (file, changes) = {
            let overlay = self.shared.overlay.lock().await;
            (overlay.file.clone(), overlay.changes.clone())
        };
        let shared = Arc::clone(&self.shared);
        let looking = tokio::task::spawn_blocking(move || {
            let running = config::check::Running { file: &file, changes: &changes };
            let mut verdict = config::check::check(&text, &process_environment, &running);
            let missing = verdict
                .config
                .iter()
                .flat_map(|config| crate::catalog::missing(shared.pool.models(), config));
            let missing: Vec<Remark> = missing.collect();
            verdict.warnings.extend(missing);
            verdict
        });
        looking.await.unwrap_or_else(|_panicked| Verdict {
            problems: vec![Remark {
                message: "looking at it panicked; see the log".to_owned(),
                ..Remark::default()
            }],
            ..Verdict::default()
        })
    }

    fn check_known(&self, overlay: &Overlay, id: &CameraId) -> Result<(), EngineError> {
        match overlay.config.camera(id) {
            Some(_) => Ok(()),
            None => self.known(id).map(drop),
        }
    }

    pub(crate) fn known(&self, id: &CameraId) -> Result<Arc<Camera>, EngineError> {
        self.shared.camera(id).ok_or_else(|| EngineError::NoCamera {
            name: id.to_string(),
            known: self.shared.cameras().iter().map(|c| c.id.to_string()).collect(),
        })
    }
}

/// Refuses a change to what somebody else has changed meanwhile.
/// What was changed of a camera so far.
fn change_of(overlay: &Overlay, id: &CameraId) -> CameraChange {
    overlay.changes.get(id).cloned().unwrap_or_else(|| CameraChange {
        camera: id.clone(),
        settings: None,
        paused: None,
        removed: false,
    })
}
