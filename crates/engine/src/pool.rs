//! The detector pool: a few threads that look at the pictures of all cameras, in the order
//! that [`Schedule`] says.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_infer::Session;
use omma_media::Picture;
use parking_lot::{Condvar, Mutex};

use crate::analyst::Analyst;
use crate::config::ModelConfig;
use crate::error::EngineError;
use crate::models::Models;
use crate::schedule::Schedule;
use crate::telemetry::{Drop as Dropped, Telemetry};

/// A session is closed when no camera has used its model for this long.
const SESSION_IDLE: Duration = Duration::from_secs(60);

/// A picture that waits for a worker.
struct Job {
    analyst: Arc<Analyst>,
    picture: Picture,
    arrival: Instant,
}

struct State {
    schedule: Schedule<Job>,
    closed: bool,
}

/// The pool; see the module's description.
pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    /// A picture has been looked at.
    done: Condvar,
    models: Models,
    telemetry: Arc<Telemetry>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `workers` threads.
    pub(crate) fn start(
        workers: usize,
        models: Models,
        telemetry: Arc<Telemetry>,
    ) -> Result<Arc<Self>, EngineError> {
        let pool = Arc::new(Self {
            state: Mutex::new(State { schedule: Schedule::new(), closed: false }),
            work: Condvar::new(),
            done: Condvar::new(),
            models,
            telemetry,
            workers: Mutex::new(Vec::new()),
        });
        for index in 0..workers.max(1) {
            let own = Arc::clone(&pool);
            let thread = std::thread::Builder::new()
                .name(format!("detect-{index}"))
                .spawn(move || own.run())
                .map_err(|source| EngineError::System {
                    what: "cannot start a detector thread".to_owned(),
                    source,
                })?;
            pool.workers.lock().push(thread);
        }
        Ok(pool)
    }

    /// The models in use.
    pub(crate) fn models(&self) -> &Models {
        &self.models
    }

    /// Puts the newest picture of a camera into its waiting place.
    pub(crate) fn submit(&self, analyst: &Arc<Analyst>, picture: &Picture, arrival: Instant) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let job = Job { analyst: Arc::clone(analyst), picture: picture.clone(), arrival };
        let deadline = arrival + analyst.interval();
        if state.schedule.offer(analyst.key, job, deadline).is_some() {
            analyst.count_drop(Dropped::DetectorBusy);
        }
        self.telemetry.detector_queue.set(state.schedule.len() as f64);
        drop(state);
        self.work.notify_one();
    }

    /// Waits until no picture of the camera with this key waits or is looked at, at most until
    /// `deadline`. Answers whether that is so.
    pub(crate) fn wait_until_idle(&self, key: u64, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.schedule.is_busy(key) {
            if state.closed || self.done.wait_until(&mut state, deadline).timed_out() {
                return !state.schedule.is_busy(key);
            }
        }
        true
    }

    /// Takes back the waiting picture of a camera that is being stopped.
    pub(crate) fn withdraw(&self, analyst: &Analyst) {
        drop(self.state.lock().schedule.withdraw(analyst.key));
    }

    /// Ends the workers once they have finished the picture at hand.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.schedule.clear();
        drop(state);
        self.work.notify_all();
        self.done.notify_all();
        for worker in std::mem::take(&mut *self.workers.lock()) {
            if worker.join().is_err() {
                tracing::error!("a detector thread ended in a panic");
            }
        }
    }

    fn run(&self) {
        let mut sessions = Sessions::default();
        while let Some(job) = self.take() {
            let key = job.analyst.key;
            // One camera's trouble (a model or a rule that panics) must not end the worker.
            let work = std::panic::AssertUnwindSafe(|| {
                job.analyst.look(&job.picture, job.arrival, &self.models, &mut sessions);
            });
            if std::panic::catch_unwind(work).is_err() {
                sessions.clear();
                job.analyst.panicked();
            }
            sessions.close_idle(Instant::now());
            self.state.lock().schedule.done(key);
            self.work.notify_one();
            self.done.notify_all();
        }
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((_, job)) = state.schedule.take() {
                self.telemetry.detector_queue.set(state.schedule.len() as f64);
                return Some(job);
            }
            self.work.wait(&mut state);
        }
    }
}

/// The sessions of one worker: a session holds scratch memory and is used by one thread.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<ModelConfig, (Session, Instant)>);

impl Sessions {
    /// The worker's session of a model.
    pub(crate) fn get(
        &mut self,
        config: &ModelConfig,
        models: &Models,
    ) -> Result<&mut Session, Arc<omma_infer::InferError>> {
        let now = Instant::now();
        if !self.0.contains_key(config) {
            let session = models.get(config)?.session().map_err(Arc::new)?;
            self.0.insert(config.clone(), (session, now));
        }
        match self.0.get_mut(config) {
            Some((session, used)) => {
                *used = now;
                Ok(session)
            }
            None => unreachable!("it was put there a line above"),
        }
    }

    fn close_idle(&mut self, now: Instant) {
        self.0.retain(|_, (_, used)| now.duration_since(*used) < SESSION_IDLE);
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
