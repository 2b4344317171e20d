//! experiment
#![allow(missing_docs)]
use omma_types::{ClassName, Detection, MediaTime, Rect, Track, TrackId, TrackState};
use std::time::Duration;

use crate::assignment::{Assigner, Edge};
use crate::motion::{Axis, Extent, Step};

#[derive(Clone, Debug)]
pub struct TrackerConfig {
    pub high: f32,
    pub low: f32,
    pub start: f32,
    pub confirm: f64,
    pub confirm_hits: u32,
    pub max_lost: f64,
    pub tent_lost: f64,
    pub low_lost: f64,
    pub memory: f64,
    pub speed_x: f64,
    pub speed_y: f64,
    pub jitter: f64,
    pub size_jitter: f64,
    pub size_drift: f64,
    pub score_noise: f64,
    pub buf1: f64,
    pub buf2: f64,
    pub bufdev: f64,
    pub bufmax: f64,
    pub t1: f64,
    pub t2: f64,
    pub t3: f64,
    pub stale: f64,
    pub fuse: f64,
    pub smooth: f64,
    pub spawn_iou: f64,
    pub spawn_ioa: f64,
    pub last: f64,
    pub tent_pen: f64,
    pub order23: bool,
    pub nll: f64,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            high: 0.5,
            low: 0.1,
            start: 0.6,
            confirm: 0.2,
            confirm_hits: 2,
            max_lost: 2.0,
            tent_lost: 0.1,
            low_lost: 0.5,
            memory: 3.0,
            speed_x: 1.5,
            speed_y: 0.5,
            jitter: 0.08,
            size_jitter: 0.1,
            size_drift: 0.2,
            score_noise: 0.0,
            buf1: 0.15,
            buf2: 0.4,
            bufdev: 0.0,
            bufmax: 0.5,
            t1: 0.2,
            t2: 0.4,
            t3: 0.2,
            stale: 0.0,
            fuse: 0.0,
            smooth: 0.5,
            spawn_iou: 1.0,
            spawn_ioa: 1.1,
            last: 0.0,
            tent_pen: 0.0,
            order23: false,
            nll: 0.0,
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    id: TrackId,
    class: u32,
    confirmed: bool,
    x: Axis,
    y: Axis,
    w: Extent,
    h: Extent,
    // predicted now
    px: Axis,
    py: Axis,
    pw: Extent,
    ph: Extent,
    last: f64,
    first: f64,
    hits: u32,
    score: f32,
    obs: [f64; 4],
    out: Rect,
    matched: bool,
}

#[derive(Clone, Copy, Debug)]
struct Cand {
    cx: f64,
    cy: f64,
    w: f64,
    h: f64,
    score: f32,
    class: u32,
    used: bool,
}

#[derive(Clone, Debug)]
pub struct Tracker {
    pub config: TrackerConfig,
    next: u64,
    clock: f64,
    prev: Option<MediaTime>,
    classes: Vec<ClassName>,
    entries: Vec<Entry>,
    cands: Vec<Cand>,
    edges: Vec<Edge>,
    assigner: Assigner,
    out: Vec<Track>,
}

fn biou(a: [f64; 4], b: [f64; 4], bx: f64, by: f64) -> f64 {
    // centre size; buffer fraction of own extents
    let (aw, ah, bw, bh) =
        (a[2] * (1.0 + 2.0 * bx), a[3] * (1.0 + 2.0 * by), b[2] * (1.0 + 2.0 * bx), b[3] * (1.0 + 2.0 * by));
    let iw = ((a[0] + aw / 2.0).min(b[0] + bw / 2.0) - (a[0] - aw / 2.0).max(b[0] - bw / 2.0)).max(0.0);
    let ih = ((a[1] + ah / 2.0).min(b[1] + bh / 2.0) - (a[1] - ah / 2.0).max(b[1] - bh / 2.0)).max(0.0);
    let i = iw * ih;
    let u = aw * ah + bw * bh - i;
    if u > 0.0 { i / u } else { 0.0 }
}

impl Tracker {
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            config,
            next: 1,
            clock: 0.0,
            prev: None,
            classes: vec![],
            entries: vec![],
            cands: vec![],
            edges: vec![],
            assigner: Assigner::default(),
            out: vec![],
        }
    }

    fn sim(c: &TrackerConfig, e: &Entry, d: &Cand, buf: f64, now: f64) -> f64 {
        let a = [e.px.position, e.py.position, e.pw.value, e.ph.value];
        let b = [d.cx, d.cy, d.w, d.h];
        let bx = (buf + c.bufdev * e.px.deviation() / e.pw.value).min(c.bufmax.max(buf));
        let by = (buf + c.bufdev * e.py.deviation() / e.ph.value).min(c.bufmax.max(buf));
        let mut s = biou(a, b, bx, by);
        if c.last > 0.0 {
            s = s.max(c.last * biou(e.obs, b, bx, by));
        }
        s *= (-c.stale * (now - e.last)).exp();
        if !e.confirmed {
            s -= c.tent_pen;
        }
        s * (1.0 - c.fuse * (1.0 - f64::from(d.score)))
    }

    fn stage(&mut self, now: f64, buf: f64, thr: f64, pick_e: impl Fn(&Entry) -> bool, pick_d: impl Fn(&Cand) -> bool) {
        self.edges.clear();
        for (row, e) in self.entries.iter().enumerate() {
            if e.matched || !pick_e(e) {
                continue;
            }
            for (col, d) in self.cands.iter().enumerate() {
                if d.used || d.class != e.class || !pick_d(d) {
                    continue;
                }
                let s = Self::sim(&self.config, e, d, buf, now);
                if s > thr {
                    self.edges.push(Edge { row, col, gain: s - thr });
                }
            }
        }
        let ans = self.assigner.solve(self.entries.len(), self.cands.len(), &self.edges);
        let c = &self.config;
        for (row, col) in ans.iter().enumerate() {
            let Some(col) = *col else { continue };
            let e = &mut self.entries[row];
            let d = &mut self.cands[col];
            d.used = true;
            e.matched = true;
            let k = 1.0 + c.score_noise * (1.0 - f64::from(d.score));
            let (jx, jy) = (c.jitter * e.pw.value * k, c.jitter * e.ph.value * k);
            e.x = e.px;
            e.y = e.py;
            e.w = e.pw;
            e.h = e.ph;
            e.x.correct(d.cx, jx);
            e.y.correct(d.cy, jy);
            let (sx, sy) = (c.size_jitter * e.pw.value * k, c.size_jitter * e.ph.value * k);
            e.w.correct(d.w, sx);
            e.h.correct(d.h, sy);
            e.last = now;
            e.hits += 1;
            e.score = d.score;
            e.obs = [d.cx, d.cy, d.w, d.h];
            let m = |f: f64, o: f64| c.smooth * f + (1.0 - c.smooth) * o;
            let (w, h) = (m(e.w.value, d.w), m(e.h.value, d.h));
            let (cx, cy) = (m(e.x.position, d.cx), m(e.y.position, d.cy));
            e.out = Rect::new((cx - w / 2.0) as f32, (cy - h / 2.0) as f32, w as f32, h as f32);
            if !e.confirmed && e.hits >= c.confirm_hits && now - e.first >= c.confirm - 1e-6 {
                e.confirmed = true;
            }
        }
    }

    pub fn update(&mut self, now: MediaTime, detections: &[Detection]) -> &[Track] {
        let gap = self.prev.map_or(0.0, |p| now.since(p).as_secs_f64());
        self.prev = Some(now);
        self.clock += gap;
        let now = self.clock;
        self.cands.clear();
        for d in detections {
            if !d.rect.is_valid() || d.rect.area() <= 0.0 || !(d.score >= self.config.low) {
                continue;
            }
            let class = match self.classes.iter().position(|c| *c == d.class) {
                Some(i) => i,
                None => {
                    self.classes.push(d.class.clone());
                    self.classes.len() - 1
                }
            } as u32;
            let r = d.rect;
            let (w, h) = (f64::from(r.width), f64::from(r.height));
            self.cands.push(Cand {
                cx: f64::from(r.left) + w / 2.0,
                cy: f64::from(r.top) + h / 2.0,
                w,
                h,
                score: d.score,
                class,
                used: false,
            });
        }
        let c = self.config.clone();
        for e in &mut self.entries {
            e.matched = false;
            let step = Step::new(now - e.last, c.memory);
            e.px = e.x.after(&step, c.speed_x * e.w.value);
            e.py = e.y.after(&step, c.speed_y * e.h.value);
            e.pw = e.w.after(&step, c.size_drift * e.w.value);
            e.ph = e.h.after(&step, c.size_drift * e.h.value);
        }
        let high = c.high;
        self.stage(now, c.buf1, c.t1, |_| true, |d| d.score >= high);
        let low_lost = c.low_lost;
        if c.order23 {
            self.stage(now, c.buf2, c.t3, |_| true, |d| d.score >= high);
            self.stage(now, c.buf1, c.t2, |e| e.confirmed && now - e.last <= low_lost, |d| d.score < high);
        } else {
            self.stage(now, c.buf1, c.t2, |e| e.confirmed && now - e.last <= low_lost, |d| d.score < high);
            self.stage(now, c.buf2, c.t3, |_| true, |d| d.score >= high);
        }
        // drop
        self.entries.retain(|e| {
            e.matched || now - e.last <= if e.confirmed { c.max_lost } else { c.tent_lost }
        });
        for i in 0..self.cands.len() {
            let d = self.cands[i];
            if d.used || d.score < c.start {
                continue;
            }
            let b = [d.cx, d.cy, d.w, d.h];
            if self.entries.iter().any(|e| {
                if !e.matched || e.class != d.class {
                    return false;
                }
                let iou = biou(e.obs, b, 0.0, 0.0);
                let inter = iou * (e.obs[2] * e.obs[3] + b[2] * b[3]) / (1.0 + iou);
                iou > c.spawn_iou || inter / (b[2] * b[3]) > c.spawn_ioa
            }) {
                continue;
            }
            let id = TrackId(self.next);
            self.next += 1;
            let x = Axis::new(d.cx, c.jitter * d.w, c.speed_x * d.w);
            let y = Axis::new(d.cy, c.jitter * d.h, c.speed_y * d.h);
            let w = Extent::new(d.w, c.size_jitter * d.w);
            let h = Extent::new(d.h, c.size_jitter * d.h);
            self.entries.push(Entry {
                id,
                class: d.class,
                confirmed: c.confirm_hits <= 1 && c.confirm <= 0.0,
                x,
                y,
                w,
                h,
                px: x,
                py: y,
                pw: w,
                ph: h,
                last: now,
                first: now,
                hits: 1,
                score: d.score,
                obs: b,
                out: Rect::new((d.cx - d.w / 2.0) as f32, (d.cy - d.h / 2.0) as f32, d.w as f32, d.h as f32),
                matched: true,
            });
        }
        self.out.clear();
        for e in &self.entries {
            if !e.confirmed && !e.matched {
                continue;
            }
            let state = match (e.confirmed, e.matched) {
                (false, _) => TrackState::Tentative,
                (true, true) => TrackState::Confirmed,
                (true, false) => TrackState::Coasting,
            };
            let rect = if e.matched {
                e.out
            } else {
                let (w, h) = (e.pw.value, e.ph.value);
                Rect::new((e.px.position - w / 2.0) as f32, (e.py.position - h / 2.0) as f32, w as f32, h as f32)
            };
            self.out.push(Track { id: e.id, class: self.classes[e.class as usize].clone(), rect, score: e.score, state });
        }
        let _ = Duration::ZERO;
        &self.out
    }
}
