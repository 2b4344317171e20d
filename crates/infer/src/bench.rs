//! How long a model takes on this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{EngineKind, InferError, Model};

/// What a bench of a model measured: the time of one run, one picture (or the model's fixed
/// batch) at a time, in one session.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchReport {
    /// The engine.
    pub engine: EngineKind,
    /// Runs measured.
    pub runs: usize,
    /// The quickest run.
    pub min: Duration,
    /// All time over all runs.
    pub mean: Duration,
    /// Half of the runs were quicker.
    pub median: Duration,
    /// 95 of 100 runs were quicker.
    pub p95: Duration,
}

/// Runs that are not measured: caches fill, memory is laid out.
const WARM_UP: usize = 3;
/// Runs measured at least, however slow.
const LEAST_RUNS: usize = 5;

/// Runs `model` for about `span` on a made-up picture and measures the runs.
pub fn bench(model: &Arc<Model>, span: Duration) -> Result<BenchReport, InferError> {
    let mut session = model.session()?;
    // Any numbers do, but not zeros: some kernels take shortcuts there, and denormals arise.
    let tensor: Vec<f32> =
        (0..model.tensor_len()).map(|i| (i * 7919 % 255) as f32 / 255.0).collect();
    for _ in 0..WARM_UP {
        session.run_tensor(&tensor, &mut |_| {})?;
    }
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < LEAST_RUNS || started.elapsed() < span {
        let run = Instant::now();
        session.run_tensor(&tensor, &mut |_| {})?;
        times.push(run.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    let total: Duration = times.iter().sum();
    Ok(BenchReport {
        engine: model.engine(),
        runs: times.len(),
        min: at(0),
        mean: total / u32::try_from(times.len()).unwrap_or(u32::MAX),
        median: at(50),
        p95: at(95),
    })
}
