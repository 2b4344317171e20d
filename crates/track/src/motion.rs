//! Where an object will be: one small Kalman filter an axis.
//!
//! Speed is a Gauss-Markov process (an integrated Ornstein-Uhlenbeck process; R. A. Singer
//! 1970 uses the same for acceleration): over a short gap an object keeps its velocity, over
//! a long one the filter forgets it, and the uncertainty of the velocity stays bounded. The
//! transition is exact for any time step, so one step over a gap of 2 s equals fifty steps of
//! 40 ms, and nothing depends on the frame rate.
//!
//! Every length is measured in extents of the object itself (its width along x, its height
//! along y), so pixels, fractions of the picture, and pictures of any shape behave alike.

use serde::{Deserialize, Serialize};

/// The effect of a time step on an axis whose objects have unit speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    decay: f64,
    reach: f64,
    noise_pp: f64,
    noise_pv: f64,
    noise_vv: f64,
    secs: f64,
}

impl Step {
    /// `secs` >= 0 is the step, `memory_secs` > 0 the time over which a velocity is forgotten.
    pub(crate) fn new(secs: f64, memory_secs: f64) -> Self {
        let u = secs / memory_secs;
        let a = (-u).exp();
        Self {
            decay: a,
            reach: memory_secs * (1.0 - a),
            // The difference cancels for tiny steps; below zero it is only rounding.
            noise_pp: (memory_secs * memory_secs * (2.0 * u - 3.0 + 4.0 * a - a * a)).max(0.0),
            noise_pv: memory_secs * (1.0 - a) * (1.0 - a),
            noise_vv: 1.0 - a * a,
            secs,
        }
    }
}

/// Position and velocity along one axis with their covariance.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Axis {
    pub(crate) position: f64,
    pub(crate) velocity: f64,
    pp: f64,
    pv: f64,
    vv: f64,
}

impl Axis {
    /// An object seen once: its place is known to `jitter`, its velocity only to `speed`.
    pub(crate) fn new(position: f64, jitter: f64, speed: f64) -> Self {
        Self { position, velocity: 0.0, pp: jitter * jitter, pv: 0.0, vv: speed * speed }
    }

    /// Whether all its numbers are some.
    pub(crate) fn is_finite(&self) -> bool {
        let Self { position, velocity, pp, pv, vv } = self;
        [position, velocity, pp, pv, vv].iter().all(|number| number.is_finite())
    }

    /// This axis after `step`, for objects whose speed scatters by `speed`.
    pub(crate) fn after(&self, step: &Step, speed: f64) -> Self {
        let q = speed * speed;
        let (a, g) = (step.decay, step.reach);
        Self {
            position: self.position + g * self.velocity,
            velocity: a * self.velocity,
            pp: self.pp + 2.0 * g * self.pv + g * g * self.vv + q * step.noise_pp,
            pv: a * (self.pv + g * self.vv) + q * step.noise_pv,
            vv: a * a * self.vv + q * step.noise_vv,
        }
    }

    /// Takes in a measured position that scatters by `jitter`, and says how far off it was:
    /// squared, in variances of the difference (normalised innovation squared).
    pub(crate) fn correct(&mut self, measured: f64, jitter: f64) -> f64 {
        let total = self.pp + jitter * jitter;
        if total <= 0.0 {
            return 1.0;
        }
        let (gain_p, gain_v) = (self.pp / total, self.pv / total);
        let error = measured - self.position;
        self.position += gain_p * error;
        self.velocity += gain_v * error;
        self.vv -= gain_v * self.pv;
        self.pv *= 1.0 - gain_p;
        self.pp *= 1.0 - gain_p;
        error * error / total
    }
}

/// A size: a value that wanders without a trend.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) value: f64,
    variance: f64,
}

impl Extent {
    /// Seen once, known to `jitter`.
    pub(crate) fn new(value: f64, jitter: f64) -> Self {
        Self { value, variance: jitter * jitter }
    }

    /// Whether all its numbers are some.
    pub(crate) const fn is_finite(&self) -> bool {
        self.value.is_finite() && self.variance.is_finite()
    }

    /// After `step`, for an extent that wanders by `drift` in a second.
    pub(crate) fn after(&self, step: &Step, drift: f64) -> Self {
        Self { value: self.value, variance: self.variance + drift * drift * step.secs }
    }

    /// Takes in a measured extent that scatters by `jitter`.
    pub(crate) fn correct(&mut self, measured: f64, jitter: f64) {
        let total = self.variance + jitter * jitter;
        if total <= 0.0 {
            return;
        }
        let gain = self.variance / total;
        self.value += gain * (measured - self.value);
        self.variance *= 1.0 - gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * (1.0 + a.abs().max(b.abs()))
    }

    proptest! {
        #[test]
        fn one_long_step_equals_many_short_ones(
            secs in 0.01f64..5.0, parts in 1u32..50, memory in 0.3f64..10.0, velocity in -3.0f64..3.0,
        ) {
            let mut start = Axis::new(0.3, 0.05, 1.5);
            start.velocity = velocity;
            let long = start.after(&Step::new(secs, memory), 1.5);
            let short = Step::new(secs / f64::from(parts), memory);
            let many = (0..parts).fold(start, |axis, _| axis.after(&short, 1.5));
            prop_assert!(close(long.position, many.position));
            prop_assert!(close(long.velocity, many.velocity));
            prop_assert!(close(long.pp, many.pp), "{} {}", long.pp, many.pp);
            prop_assert!(close(long.pv, many.pv) && close(long.vv, many.vv));
        }

        #[test]
        fn a_steady_walk_is_learnt(velocity in -2.0f64..2.0, fps in 2.0f64..30.0) {
            let step = Step::new(1.0 / fps, 3.0);
            let mut axis = Axis::new(0.0, 0.05, 1.5);
            let mut at = 0.0;
            for _ in 0..(4.0 * fps) as u32 {
                at += velocity / fps;
                axis = axis.after(&step, 1.5);
                axis.correct(at, 0.05);
            }
            prop_assert!((axis.velocity - velocity).abs() < 0.25 * velocity.abs() + 0.05);
            prop_assert!((axis.position - at).abs() < 0.1);
        }
    }

    #[test]
    fn a_standing_step_changes_nothing() {
        let axis = Axis::new(1.0, 0.1, 1.0);
        let same = axis.after(&Step::new(0.0, 2.0), 1.0);
        assert!(close(axis.position, same.position) && close(axis.pp, same.pp));
    }
}
