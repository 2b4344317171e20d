//! This process among those that share the work: reads and writes the nodes' log, and runs what
//! it holds.
//!
//! Three tasks: one follows the log and decides, one writes what this process says, one makes
//! what is held into what runs. What is given up is stopped first, its last events and its
//! memory are confirmed, and only then the others hear of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_bus::BusError;
use omma_bus::topic::{self, Delivery, LazyTopics, Subscription, Topic, Topics};
use omma_types::{CameraId, Clock as _, SystemClock, WallTime};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};

use super::assign::{Action, Cameras};
use super::checkpoint::{self, tenure_form};
use super::ledger::Start;
use super::mandate::Mandate;
use super::member::Member;
use super::record::{Alive, Duty, Entry, Hold, NodeId, Position, Record};
use super::reporter::Reporter;
use super::share::Held;
use super::{HEARTBEAT, LEASE, listener, worker};
use crate::backoff::Backoff;
use crate::camera::Camera;
use crate::config::{Config, NodeConfig, Role};
use crate::error::EngineError;
use crate::shared::{Shared, random_seed};
use crate::status::CameraState;
use crate::telemetry::Telemetry;

/// The topic of the nodes' log, and the key of all its records: one key is one order.
const LOG: &str = "nodes";

/// How often it is looked what is to be done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who comes decides nothing before this: those who come at the same time share from the start.
const JOIN_PAUSE: Duration = Duration::from_secs(2);

/// A camera whose lease ran out is read on for so long, unless somebody else claims it: where the
/// broker was away, footage would have a hole for nothing.
const READ_ON: Duration = Duration::from_secs(6);

/// Entries that wait to be written, at most; signs of life that find no room are left out.
const MOST_UNSAID: usize = 256;

/// The end of this process is told within this, or not at all.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// A predecessor's memory is waited for so long; then the camera starts afresh.
const REMEMBER_WITHIN: Duration = Duration::from_secs(10);

/// This process among the others.
pub(crate) struct Cluster {
    pub(super) config: NodeConfig,
    pub(super) topics: LazyTopics,
    pub(super) member: Arc<Mutex<Member>>,
    reporter: Reporter,
    /// What runs here.
    held: RwLock<Held>,
    /// What this process may tell something about: also what is just being stopped.
    told: Arc<RwLock<Held>>,
    mandates: Mutex<BTreeMap<CameraId, Arc<Mandate>>>,
    /// The cameras that need somebody.
    cameras: RwLock<Cameras>,
    wanted: watch::Sender<Wanted>,
    says: mpsc::Sender<(NodeId, Entry)>,
    /// What the tasks begin with.
    begin: Mutex<Option<Begin>>,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

struct Begin {
    said: mpsc::Receiver<(NodeId, Entry)>,
    wanted: watch::Receiver<Wanted>,
}

/// What is to run here.
#[derive(Clone, Default, PartialEq)]
struct Wanted {
    held: Held,
    /// What is given up, and told to be so once it has been stopped.
    released: Vec<Hold>,
}

/// One of the processes that share the work.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Its name and the number of its start.
    pub node: NodeId,
    /// Whether it is the one that answers.
    pub is_this: bool,
    /// What it takes on.
    pub roles: BTreeSet<Role>,
    /// Cameras that it takes for each duty, at most; 0: any number.
    pub capacity: u32,
    /// How busy it is: 1 is all of its processors.
    pub load: f32,
    /// How far its analysis is behind.
    pub lag: Duration,
    /// Its newest sign of life, by the broker's clock.
    pub renewed: WallTime,
    /// The cameras that it reads.
    pub reads: Vec<CameraId>,
    /// The cameras that it analyses.
    pub analyses: Vec<CameraId>,
}

impl Cluster {
    /// This process as one of those that share the work over `topics`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new(
        config: NodeConfig,
        topics: LazyTopics,
        telemetry: &Arc<Telemetry>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Arc<Self>, EngineError> {
        let member = Arc::new(Mutex::new(new_member(&config, Start::Middle)));
        let told = Arc::new(RwLock::new(Held::new()));
        let (reporter, thread) = Reporter::start(
            topics.clone(),
            Arc::clone(&member),
            Arc::clone(&told),
            Arc::clone(telemetry),
            runtime.clone(),
        )?;
        // It ends with the last of those who could tell it something; nobody waits for that.
        drop(thread);
        let (says, said) = mpsc::channel(MOST_UNSAID);
        let (wanted, watched) = watch::channel(Wanted::default());
        let (stop, _) = watch::channel(false);
        Ok(Arc::new(Self {
            config,
            topics,
            member,
            reporter,
            held: RwLock::default(),
            told,
            mandates: Mutex::default(),
            cameras: RwLock::default(),
            wanted,
            says,
            begin: Mutex::new(Some(Begin { said, wanted: watched })),
            tasks: Mutex::default(),
            threads: Mutex::default(),
            stop,
        }))
    }

    /// Begins to take part. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<(), EngineError> {
        let Some(begin) = self.begin.lock().take() else { return Ok(()) };
        let weak = Arc::downgrade(shared);
        let mut tasks = self.tasks.lock();
        tasks.push(tokio::spawn(speak(self.topics.clone(), begin.said)));
        tasks.push(tokio::spawn(Arc::clone(self).follow(weak.clone())));
        tasks.push(tokio::spawn(Arc::clone(self).settle(begin.wanted, weak.clone())));
        if self.serves() {
            let messages = shared.messages.subscribe();
            tasks.push(tokio::spawn(listener::keep_totals(messages, weak.clone())));
        }
        if self.serves() || self.config.roles.contains(&Role::Ingest) {
            let hearing = listener::hear_events(Arc::clone(self), weak.clone());
            self.spawn_thread("hear-events", &shared.runtime, hearing)?;
        }
        if self.config.roles.contains(&Role::Detect) {
            let models = worker::models_of(&shared.file.read());
            for (name, model) in models {
                for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                    let (member, topics) = (Arc::clone(&self.member), self.topics.clone());
                    let worker = worker::Worker::new(&name, model.clone(), member, topics);
                    self.spawn_thread("detect-bus", &shared.runtime, worker.run(weak.clone()))?;
                }
            }
        }
        Ok(())
    }

    /// A thread that runs `work` until it ends or this process does.
    fn spawn_thread(
        &self,
        name: &str,
        runtime: &tokio::runtime::Handle,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (runtime, mut stop) = (runtime.clone(), self.stop.subscribe());
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
        };
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|source| {
                EngineError::System { what: format!("cannot start the thread `{name}`"), source }
            })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Ends the tasks: nothing is claimed any more, and nothing new runs.
    pub(crate) fn begin_stop(&self) {
        self.tasks.lock().drain(..).for_each(|task| task.abort());
        self.stop.send_replace(true);
    }

    /// Waits until its threads have ended, for at most the picture or event at hand. Blocks.
    pub(crate) fn join_threads(&self) {
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a thread of the shared work ended in a panic");
            }
        }
    }

    /// Once the cameras have been stopped: waits until all is told, and says goodbye.
    pub(crate) async fn leave(&self) {
        let leaving = async {
            self.reporter.flush().await;
            let (node, entry) = {
                let mut member = self.member.lock();
                (member.node().clone(), member.leave())
            };
            if let Err(error) = say(&self.topics, &node, &entry).await {
                tracing::debug!(%error, "the others find out by themselves that this process ended");
            }
        };
        if tokio::time::timeout(LEAVE_WITHIN, leaving).await.is_err() {
            tracing::warn!("the bus does not answer; the others find out that this process ended");
        }
    }

    /// A way to tell the others of events.
    pub(crate) fn reporter(&self) -> Reporter {
        self.reporter.clone()
    }

    /// Whether this process stores what the others tell, and answers.
    pub(crate) fn serves(&self) -> bool {
        self.config.roles.contains(&Role::Serve)
    }

    /// Whether `camera` is analysed here.
    pub(super) fn analyses(&self, camera: &CameraId) -> bool {
        self.held.read().contains_key(&(Duty::Analyze, camera.clone()))
    }

    /// The analysis of `camera`, where it is in this process's hands.
    pub(crate) fn mandate(&self, camera: &CameraId) -> Option<Arc<Mandate>> {
        self.mandates.lock().get(camera).cloned()
    }

    /// What of `config` runs here.
    pub(crate) fn share(&self, config: &Config) -> Config {
        *self.cameras.write() = super::share::cameras(config);
        super::share::share(config, &self.config, &self.held.read())
    }

    /// Shows in `camera` what the others find out about it.
    pub(crate) fn watch(&self, camera: &Arc<Camera>, shared: &Arc<Shared>) {
        let (topics, camera, weak) =
            (self.topics.clone(), Arc::downgrade(camera), Arc::downgrade(shared));
        shared.runtime.spawn(listener::hear_analyses(topics, camera, weak));
    }

    /// All processes, by name.
    pub(crate) fn nodes(&self) -> Vec<NodeStatus> {
        let member = self.member.lock();
        let ledger = member.ledger();
        let status = |(node, state): (&NodeId, &super::NodeState)| {
            let holds = ledger.holds(node);
            let of = |duty| {
                let holds = holds.iter().filter(move |hold| hold.duty == duty);
                holds.map(|hold| hold.camera.clone()).collect()
            };
            NodeStatus {
                node: node.clone(),
                is_this: node == member.node(),
                roles: state.roles.clone(),
                capacity: state.capacity,
                load: state.load,
                lag: state.lag,
                renewed: state.renewed,
                reads: of(Duty::Ingest),
                analyses: of(Duty::Analyze),
            }
        };
        ledger.nodes().iter().map(status).collect()
    }

    /// Follows the log for as long as there is an engine.
    async fn follow(self: Arc<Self>, shared: Weak<Shared>) {
        let mut backoff = Backoff::new(random_seed());
        let mut trouble = false;
        loop {
            let began = Instant::now();
            let failed = self.take_part(&shared).await;
            backoff.worked(began.elapsed());
            // What held for a while and fails again is news.
            trouble &= backoff.attempts() > 0;
            // What this process held it has lost, or will have: it can't know.
            self.wanted.send_replace(Wanted::default());
            let Err(error) = failed else { return };
            if !std::mem::replace(&mut trouble, true) {
                tracing::warn!(%error, "this process takes no part in the work; trying again");
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// Joins, and takes part until the log can't be followed any more.
    async fn take_part(&self, shared: &Weak<Shared>) -> Result<(), BusError> {
        let topics = self.topics.get().await?;
        let mut log = self.join(topics).await?;
        let mut decides_from = Instant::now() + JOIN_PAUSE;
        let mut alone: BTreeMap<CameraId, Instant> = BTreeMap::new();
        let mut last_beat: Option<Instant> = None;
        let mut released: BTreeMap<Position, Hold> = BTreeMap::new();
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                delivery = log.next() => match delivery? {
                    Delivery::Record(record) => {
                        if self.apply(&record) {
                            decides_from = Instant::now() + JOIN_PAUSE;
                        }
                    }
                    Delivery::Missed(_) => {
                        tracing::warn!("records of the nodes' log were missed; joining anew");
                        return self.rejoin(topics).await;
                    }
                },
                _ = tick.tick() => {
                    let now = Instant::now();
                    if self.is_beat_due(last_beat, now) {
                        let Some(shared) = shared.upgrade() else { return Ok(()) };
                        last_beat = Some(now);
                        self.beat(&shared, now);
                    }
                    if now >= decides_from {
                        self.decide(&mut released, now);
                    }
                }
            }
            self.want(&mut released, &mut alone);
        }
    }

    /// A process that has missed something begins anew, under another number.
    async fn rejoin(&self, topics: &Topics) -> Result<(), BusError> {
        let (node, leave) = {
            let mut member = self.member.lock();
            (member.node().clone(), member.leave())
        };
        topics.publish(&log_topic(), LOG, leave.encode(&node).into()).await?;
        Err(BusError::Unreachable {
            broker: topics.broker().shown(),
            reason: "the log of who does what has a gap".to_owned(),
        })
    }

    /// Reads the log up to now.
    async fn join(&self, topics: &Topics) -> Result<Subscription, BusError> {
        let mut member = new_member(&self.config, Start::Middle);
        let node = member.node().clone();
        let mut log = topics.subscribe(&log_topic(), None, topic::Start::Oldest).await?;
        let hello = member.beat(load(), Duration::ZERO, Instant::now());
        topics.publish(&log_topic(), LOG, hello.encode(&node).into()).await?;
        let mut early = Vec::new();
        loop {
            let Delivery::Record(record) = log.next().await? else {
                early.clear();
                continue;
            };
            let Some(record) = read(&record) else { continue };
            let is_own = record.node == node;
            early.push(record);
            if is_own {
                break;
            }
        }
        let start = begin_of(&early, self.topics_keep());
        let mut member = Member::new(node, self.config.roles.clone(), self.config.capacity, start);
        early.iter().for_each(|record| member.apply(record));
        tracing::info!(node = %member.node(), others = member.ledger().nodes().len().saturating_sub(1), "takes part");
        *self.member.lock() = member;
        Ok(log)
    }

    fn topics_keep(&self) -> Duration {
        self.topics.options().keep
    }

    /// Takes in a record. Answers whether there was silence before it: then the broker was away,
    /// and the others need a moment to come back.
    fn apply(&self, record: &topic::Record) -> bool {
        let Some(record) = read(record) else { return false };
        let mut member = self.member.lock();
        let before = member.ledger().now();
        member.apply(&record);
        before.is_some_and(|before| record.at.since(before) > LEASE)
    }

    /// Whether it is time for a sign of life: regularly, and when somebody's lease seems to be
    /// over, which the log says only with its next record.
    fn is_beat_due(&self, last: Option<Instant>, now: Instant) -> bool {
        let Some(last) = last else { return true };
        let since = now.duration_since(last);
        if since >= HEARTBEAT {
            return true;
        }
        let member = self.member.lock();
        let ledger = member.ledger();
        let over = ledger.now().map(|at| at + since);
        since >= LOOK_EVERY * 2
            && ledger
                .nodes()
                .values()
                .any(|node| over.is_some_and(|over| node.renewed + LEASE < over))
    }

    fn beat(&self, shared: &Shared, now: Instant) {
        let mut member = self.member.lock();
        let entry = member.beat(load(), lag(shared), now);
        let node = member.node().clone();
        drop(member);
        // Where there is no room the broker is away: a sign of life would come too late.
        drop(self.says.try_send((node, entry)));
    }

    fn decide(&self, released: &mut BTreeMap<Position, Hold>, now: Instant) {
        let member = self.member.lock();
        let actions = member.decide(&self.cameras.read(), now);
        for action in actions {
            match action {
                Action::Claim { camera, duty } => {
                    let claim = (member.node().clone(), Entry::Claim { camera, duty });
                    drop(self.says.try_send(claim));
                }
                Action::Release { hold } => drop(released.insert(hold.fence, hold)),
            }
        }
    }

    /// Tells what is to run here, as of what was read and decided. `alone` are cameras without an
    /// owner that were read here, and since when that is so.
    fn want(
        &self,
        released: &mut BTreeMap<Position, Hold>,
        alone: &mut BTreeMap<CameraId, Instant>,
    ) {
        let now = Instant::now();
        let mut read_on = Held::new();
        let holds = {
            let member = self.member.lock();
            let ledger = member.ledger();
            let before = self.wanted.borrow();
            let ours = before.held.iter().filter(|((duty, _), _)| *duty == Duty::Ingest);
            let free = ours.filter(|((_, camera), fence)| {
                ledger.owner(camera, Duty::Ingest).is_none() && !released.contains_key(fence)
            });
            let free: BTreeMap<CameraId, Position> =
                free.map(|((_, camera), fence)| (camera.clone(), *fence)).collect();
            alone.retain(|camera, _| free.contains_key(camera));
            for (camera, fence) in free {
                let since = *alone.entry(camera.clone()).or_insert(now);
                if now.duration_since(since) < READ_ON {
                    read_on.insert((Duty::Ingest, camera), fence);
                }
            }
            ledger.holds(member.node())
        };
        let fences: BTreeSet<Position> = holds.iter().map(|hold| hold.fence).collect();
        released.retain(|fence, _| fences.contains(fence));
        let kept = holds.into_iter().filter(|hold| !released.contains_key(&hold.fence));
        let wanted = Wanted {
            held: kept.map(|hold| ((hold.duty, hold.camera), hold.fence)).chain(read_on).collect(),
            released: released.values().cloned().collect(),
        };
        self.wanted.send_if_modified(|now| {
            let is_news = *now != wanted;
            if is_news {
                *now = wanted;
            }
            is_news
        });
    }

    /// Makes what is wanted into what runs.
    async fn settle(self: Arc<Self>, mut wanted: watch::Receiver<Wanted>, shared: Weak<Shared>) {
        let mut given_up: BTreeSet<Position> = BTreeSet::new();
        while wanted.changed().await.is_ok() {
            let wanted = wanted.borrow_and_update().clone();
            let Some(shared) = shared.upgrade() else { return };
            let before = self.held.read().clone();
            let still = |(what, fence): &(&(Duty, CameraId), &Position)| {
                let now = wanted.held.get(*what);
                // Who reads on under another claim reads on without an interruption.
                now.is_some_and(|now| now == *fence || what.0 == Duty::Ingest)
            };
            let kept: Held = before.iter().filter(still).map(|(k, v)| (k.clone(), *v)).collect();
            if kept != before {
                crate::topology::share(&shared, || self.hold(kept.clone(), Vec::new())).await;
            }
            given_up.retain(|fence| wanted.released.iter().any(|hold| hold.fence == *fence));
            let stopped = wanted.released.iter().filter(|hold| !given_up.contains(&hold.fence));
            let stopped: Vec<Hold> = stopped.cloned().collect();
            if !stopped.is_empty() {
                self.reporter.flush().await;
                for hold in stopped {
                    given_up.insert(hold.fence);
                    let said = {
                        let mut member = self.member.lock();
                        (member.node().clone(), member.release(hold))
                    };
                    drop(self.says.send(said).await);
                }
            }
            *self.told.write() = kept.clone();
            if kept != wanted.held {
                let begun = wanted.held.iter().filter(|(what, _)| !kept.contains_key(*what));
                let analysed = begun.filter(|((duty, _), _)| *duty == Duty::Analyze);
                let mandates = analysed.map(|((_, camera), fence)| self.take_over(camera, *fence));
                let mandates = futures_util::future::join_all(mandates).await;
                crate::topology::share(&shared, || self.hold(wanted.held.clone(), mandates)).await;
            }
        }
    }

    /// From here on `held` is what runs here.
    fn hold(&self, held: Held, begun: Vec<Arc<Mandate>>) {
        let mut mandates = self.mandates.lock();
        mandates.extend(begun.into_iter().map(|mandate| (mandate.camera().clone(), mandate)));
        mandates.retain(|camera, mandate| {
            held.get(&(Duty::Analyze, camera.clone())) == Some(&mandate.fence())
        });
        self.told.write().extend(held.iter().map(|(what, fence)| (what.clone(), *fence)));
        *self.held.write() = held;
    }

    /// The analysis of `camera` from the claim at `fence` on, with what its former owner left.
    async fn take_over(&self, camera: &CameraId, fence: Position) -> Arc<Mandate> {
        let own = tenure_form(self.member.lock().node(), Duty::Analyze, fence);
        let was_owners = |fence, at| {
            let member = self.member.lock();
            // Where the log does not reach back that far, nobody else can have claimed it since.
            member.ledger().was_owner(camera, Duty::Analyze, fence, at).unwrap_or(true)
        };
        let remembering =
            async { checkpoint::newest(self.topics.get().await?, camera, &own, was_owners).await };
        let checkpoint = match tokio::time::timeout(REMEMBER_WITHIN, remembering).await {
            Ok(Ok(checkpoint)) => checkpoint,
            Ok(Err(error)) => {
                tracing::warn!(%camera, %error, "what is known of the camera can't be read; it starts afresh");
                None
            }
            Err(_elapsed) => {
                tracing::warn!(%camera, "what is known of the camera did not come; it starts afresh");
                None
            }
        };
        let begun = self.member.lock().ledger().now();
        Mandate::new(camera.clone(), fence, begun, checkpoint, self.reporter())
    }
}

fn log_topic() -> Topic {
    Topic::work(LOG)
}

fn new_member(config: &NodeConfig, start: Start) -> Member {
    let name = config.name.clone().unwrap_or_else(host_name);
    let node = NodeId::new(&name, random_seed());
    Member::new(node, config.roles.clone(), config.capacity, start)
}

/// This machine's name and the number of the process: several on one machine differ.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = if name.is_empty() { "omma".to_owned() } else { name };
    format!("{name}-{}", std::process::id())
}

/// What the log says; none where it is nothing that this version understands.
fn read(record: &topic::Record) -> Option<Record> {
    let (node, entry) = match Entry::decode(&record.payload) {
        Ok(read) => read,
        Err(error) => {
            tracing::debug!(%error, "left out");
            return None;
        }
    };
    let position = Position(record.position.major, record.position.minor);
    Some(Record { position, at: record.time, node, entry })
}

/// Whether `early`, all that the log holds, is its very beginning. What is older than `keep` is
/// cut off: where the oldest record is so young that there was silence for long before it,
/// nothing of importance was. Unless somebody names a claim that is not there.
fn begin_of(early: &[Record], keep: Duration) -> Start {
    let (Some(first), Some(last)) = (early.first(), early.last()) else { return Start::Middle };
    let is_young = last.at.since(first.at) + LEASE * 3 < keep;
    let is_older = |hold: &Hold| hold.fence < first.position;
    let names_older = early.iter().any(|record| match &record.entry {
        Entry::Alive(Alive { held, .. }) => held.iter().any(is_older),
        _ => false,
    });
    if is_young && !names_older { Start::Beginning } else { Start::Middle }
}

/// Writes what this process says, one after the other.
async fn speak(topics: LazyTopics, mut said: mpsc::Receiver<(NodeId, Entry)>) {
    let mut trouble = false;
    while let Some((node, entry)) = said.recv().await {
        match say(&topics, &node, &entry).await {
            Ok(()) => trouble = false,
            Err(error) => {
                if !std::mem::replace(&mut trouble, true) {
                    tracing::warn!(%error, "the other processes do not hear from this one");
                }
            }
        }
    }
}

async fn say(topics: &LazyTopics, node: &NodeId, entry: &Entry) -> Result<(), BusError> {
    let topics = topics.get().await?;
    topics.publish(&log_topic(), LOG, entry.encode(node).into()).await.map(drop)
}

/// How busy this machine is: 1 is all of its processors (proc_loadavg(5)).
fn load() -> f32 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f32 = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    load / processors as f32
}

/// How long ago the oldest of the pictures was taken that were analysed last.
fn lag(shared: &Shared) -> Duration {
    let now = SystemClock.wall();
    let cameras = shared.cameras();
    let seen = cameras.iter().filter(|camera| camera.state() == CameraState::Online);
    let seen = seen.filter_map(|camera| camera.analyst()?.scene().latest);
    seen.map(|latest| now.since(latest.frame.wall)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(position: u64, secs: i64, held: &[u64]) -> Record {
        let camera = CameraId::new("door").unwrap();
        let hold = |fence: &u64| Hold {
            camera: camera.clone(),
            duty: Duty::Ingest,
            fence: Position(0, *fence),
        };
        let held = held.iter().map(hold).collect();
        Record {
            position: Position(0, position),
            at: WallTime::from_millis(1_700_000_000_000 + secs * 1000),
            node: NodeId::new("n", 1),
            entry: Entry::Alive(Alive { held, ..Alive::default() }),
        }
    }

    #[test]
    fn a_log_begins_where_there_was_silence_before() {
        let keep = Duration::from_secs(60);
        assert_eq!(begin_of(&[alive(1, 0, &[])], keep), Start::Beginning);
        assert_eq!(begin_of(&[alive(8, 0, &[]), alive(9, 20, &[])], keep), Start::Beginning);
        let long = [alive(8, 0, &[]), alive(99, 58, &[])];
        assert_eq!(begin_of(&long, keep), Start::Middle, "its begin may be cut off");
        let lost = [alive(8, 0, &[3]), alive(9, 1, &[])];
        assert_eq!(begin_of(&lost, keep), Start::Middle, "somebody knows more");
        assert_eq!(begin_of(&[], keep), Start::Middle);
    }
}
