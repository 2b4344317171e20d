//! Motion detection on luma: finds what moves where no model is at hand, and tells whether a
//! model is worth running.
//!
//! Each cell of a coarse grid keeps a running mean and a running deviation of its brightness
//! and moves when it leaves its own usual range (a single-Gaussian background model as in
//! Wren et al., "Pfinder", 1997, with the deviation in place of the variance). Averaging
//! over cells takes most of the sensor's noise away; the deviation, kept a cell, covers the
//! rest, and flickering leaves with it. A common shift of all cells (exposure, clouds) is
//! taken out first; where too much of the picture changes at once, somebody has switched the
//! light, and the background is learnt anew. All adaptation is by time, not by pictures.

use std::time::Duration;

use omma_imaging::YuvView;
use omma_types::{ClassName, Detection, MediaTime, Rect, Size};

/// How sensitive the motion detector is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionOptions {
    /// Difference in brightness (0 to 255) below which nothing counts as motion.
    pub min_difference: f32,
    /// Deviations from a cell's mean from which on it moves.
    pub deviations: f32,
    /// Part of the picture (0 to 1) that a moving thing covers at least.
    pub min_area: f32,
    /// How long the background is learnt before anything is reported.
    pub learn: Duration,
    /// Time in which slow change becomes background.
    pub adapt: Duration,
    /// Time in which a thing that has come to stay becomes background.
    pub absorb: Duration,
}

impl Default for MotionOptions {
    fn default() -> Self {
        Self {
            min_difference: 12.0,
            deviations: 5.0,
            min_area: 0.0004,
            learn: Duration::from_secs(1),
            adapt: Duration::from_secs(4),
            absorb: Duration::from_secs(30),
        }
    }
}

/// Columns of the grid at most: a person at ten metres is then still some cells wide.
const MOST_COLUMNS: u32 = 320;
/// Rows of pixels read for a row of cells at most: more cost time and hardly calm the mean.
const ROWS_READ: usize = 2;
/// Moving part of the picture from which on it can't be objects only.
const FLOOD: f32 = 0.5;
/// The same, where it came from one picture to the next.
const SUDDEN: f32 = 0.3;
/// Cells asked for the shift that all share.
const SHIFT_SAMPLES: usize = 1024;
/// Deviation that every cell starts with.
const FIRST_DEVIATION: f32 = 4.0;

/// Finds moving things in the pictures of one camera.
#[derive(Debug)]
pub struct MotionDetector {
    options: MotionOptions,
    class: ClassName,
    grid: Grid,
    cells: Vec<f32>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// How far beyond its range each cell is: at least 1 where it moves, else 0.
    excess: Vec<f32>,
    moving: Vec<bool>,
    /// The cells that move.
    places: Vec<usize>,
    sums: Vec<u16>,
    shifts: Vec<f32>,
    learning_since: Option<MediaTime>,
    last: Option<MediaTime>,
    fraction: f32,
    objects: usize,
}

impl MotionDetector {
    /// A detector that knows nothing yet.
    pub fn new(options: MotionOptions) -> Self {
        Self {
            options,
            class: ClassName::new("motion"),
            grid: Grid::default(),
            cells: Vec::new(),
            mean: Vec::new(),
            deviation: Vec::new(),
            excess: Vec::new(),
            moving: Vec::new(),
            places: Vec::new(),
            sums: Vec::new(),
            shifts: Vec::new(),
            learning_since: None,
            last: None,
            fraction: 0.0,
            objects: 0,
        }
    }

    /// Part of the picture (0 to 1) that moved in the newest picture, noise removed.
    pub fn fraction(&self) -> f32 {
        self.fraction
    }

    /// Whether something worth a detector's time was moving in the newest picture. True also
    /// while the background is being learnt: nothing may be missed.
    pub fn active(&self) -> bool {
        self.objects > 0 || self.learning_since.is_some()
    }

    /// Looks at the next picture, taken at `now`. Gives what moves, best score first: boxes
    /// in fractions of the picture, class `motion`, the score 0.5 at the threshold and near
    /// 1 for strong contrast. Gives nothing while the background is learnt: at the start,
    /// after a change of size, a jump back in time, and a light switch.
    pub fn update(&mut self, picture: &YuvView<'_>, now: MediaTime) -> Vec<Detection> {
        let grid = Grid::new(picture.size());
        self.objects = 0;
        let restarted = grid != self.grid || self.last.is_none_or(|last| now < last);
        let elapsed = self.last.replace(now).map_or(0.0, |last| now.since(last).as_secs_f32());
        self.grid = grid;
        self.shrink(picture);
        if restarted {
            self.relearn(now);
            return Vec::new();
        }
        let before = self.fraction;
        self.compare();
        let raw = share(&self.excess);
        if raw > FLOOD || (raw > SUDDEN && raw - before > SUDDEN) {
            self.relearn(now);
            return Vec::new();
        }
        self.clean();
        self.fraction = share(&self.excess);
        let learning = self.learning(now);
        self.adapt(elapsed, learning);
        if learning {
            return Vec::new();
        }
        self.learning_since = None;
        let detections = self.objects();
        self.objects = detections.len();
        detections
    }

    fn learning(&self, now: MediaTime) -> bool {
        self.learning_since.is_some_and(|since| now.since(since) < self.options.learn)
    }

    /// Takes the present picture as the background.
    fn relearn(&mut self, now: MediaTime) {
        self.mean.clone_from(&self.cells);
        let count = self.cells.len();
        for (values, first) in [(&mut self.deviation, FIRST_DEVIATION), (&mut self.excess, 0.0)] {
            values.clear();
            values.resize(count, first);
        }
        self.fraction = 0.0;
        self.learning_since = Some(now);
    }

    /// Mean brightness of each cell.
    fn shrink(&mut self, picture: &YuvView<'_>) {
        let Grid { side, columns, rows, .. } = self.grid;
        self.cells.resize(columns * rows, 0.0);
        self.sums.resize(columns * side, 0);
        let read = side.min(ROWS_READ);
        let scale = 1.0 / (read * side) as f32;
        for (y, cells) in self.cells.chunks_exact_mut(columns).enumerate() {
            self.sums.fill(0);
            for step in 0..read {
                let row = picture.y.row(y * side + step * side / read);
                for (sum, &sample) in self.sums.iter_mut().zip(row) {
                    *sum += u16::from(sample);
                }
            }
            // With a length known to the compiler the sums cost a third.
            match side {
                1 => fold::<1>(&self.sums, scale, cells),
                2 => fold::<2>(&self.sums, scale, cells),
                3 => fold::<3>(&self.sums, scale, cells),
                4 => fold::<4>(&self.sums, scale, cells),
                5 => fold::<5>(&self.sums, scale, cells),
                6 => fold::<6>(&self.sums, scale, cells),
                _ => {
                    for (cell, sums) in cells.iter_mut().zip(self.sums.chunks_exact(side)) {
                        *cell = sums.iter().map(|s| u32::from(*s)).sum::<u32>() as f32 * scale;
                    }
                }
            }
        }
    }

    /// Fills `excess` with how far each cell has left its range.
    fn compare(&mut self) {
        // The shift that most cells share is the camera's exposure or a cloud.
        self.shifts.clear();
        let step = (self.cells.len() / SHIFT_SAMPLES).max(1);
        let every = self.cells.iter().zip(&self.mean).step_by(step);
        self.shifts.extend(every.map(|(cell, mean)| cell - mean));
        let middle = self.shifts.len() / 2;
        let shift = match self.shifts.get(middle) {
            Some(_) => *self.shifts.select_nth_unstable_by(middle, f32::total_cmp).1,
            None => 0.0,
        };
        let MotionOptions { min_difference, deviations, .. } = self.options;
        let cells = self.cells.iter().zip(&self.mean).zip(&self.deviation);
        for (excess, ((cell, mean), deviation)) in self.excess.iter_mut().zip(cells) {
            let limit = (deviation * deviations).max(min_difference);
            let beyond = (cell - mean - shift).abs() / limit;
            *excess = if beyond >= 1.0 { beyond } else { 0.0 };
        }
    }

    /// Removes moving cells with few moving neighbours: what noise leaves. Leaves the places
    /// of all others in `places`.
    fn clean(&mut self) {
        let (columns, rows) = (self.grid.columns, self.grid.rows);
        self.moving.clear();
        self.moving.extend(self.excess.iter().map(|e| *e > 0.0));
        self.places.clear();
        for (y, row) in self.excess.chunks_exact(columns).enumerate() {
            // Nearly all rows are still; this test takes many cells at a time.
            if row.iter().fold(0, |bits, e| bits | e.to_bits()) != 0 {
                let moving = row.iter().enumerate().filter(|(_, e)| **e > 0.0);
                self.places.extend(moving.map(|(x, _)| y * columns + x));
            }
        }
        let (moving, excess) = (&self.moving, &mut self.excess);
        self.places.retain(|&at| {
            let (x, y) = (at % columns, at / columns);
            let (left, right) = (x.saturating_sub(1), (x + 2).min(columns));
            let around: usize = (y.saturating_sub(1)..(y + 2).min(rows))
                .map(|y| &moving[y * columns + left..y * columns + right])
                .map(|row| row.iter().filter(|m| **m).count())
                .sum();
            if around < 4 {
                excess[at] = 0.0;
            }
            around >= 4
        });
    }

    fn adapt(&mut self, elapsed: f32, learning: bool) {
        let rate = |time: f32| 1.0 - (-elapsed / time.max(1e-3)).exp();
        let adapt = self.options.adapt.as_secs_f32();
        let still = rate(if learning { adapt / 8.0 } else { adapt });
        let moved = if learning { still } else { rate(self.options.absorb.as_secs_f32()) };
        let models = self.mean.iter_mut().zip(&mut self.deviation);
        for ((mean, deviation), (cell, excess)) in models.zip(self.cells.iter().zip(&self.excess)) {
            let rate = if *excess > 0.0 { moved } else { still };
            let difference = cell - *mean;
            *mean += difference * rate;
            *deviation += (difference.abs() - *deviation) * rate;
        }
    }

    /// Joins moving cells into things.
    fn objects(&mut self) -> Vec<Detection> {
        let mut blobs = self.blobs();
        // The parts of a person (head, coat, shoes) differ in contrast and come apart, one
        // above the other; parts side by side are more often two people.
        while let Some((a, b)) = joinable(&blobs) {
            let other = blobs.swap_remove(b);
            if let Some(blob) = blobs.get_mut(a) {
                blob.join(&other);
            }
        }
        let least = (self.cells.len() as f32 * self.options.min_area).max(4.0);
        let mut found: Vec<Detection> = blobs
            .into_iter()
            .filter(|blob| blob.cells as f32 >= least)
            .map(|blob| Detection {
                rect: self.grid.rect(&blob),
                class: self.class.clone(),
                score: 1.0 - 0.5 * blob.cells as f32 / blob.excess,
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }

    /// Moving cells that touch, also at corners.
    fn blobs(&mut self) -> Vec<Blob> {
        let (columns, rows) = (self.grid.columns, self.grid.rows);
        self.moving.fill(false);
        for &at in &self.places {
            self.moving[at] = true;
        }
        let mut blobs = Vec::new();
        let mut open = Vec::new();
        for &start in &self.places {
            if !std::mem::take(&mut self.moving[start]) {
                continue;
            }
            let mut blob = Blob::default();
            open.push(start);
            while let Some(at) = open.pop() {
                let (x, y) = (at % columns, at / columns);
                blob.add(x, y, self.excess[at]);
                for y in y.saturating_sub(1)..(y + 2).min(rows) {
                    for x in x.saturating_sub(1)..(x + 2).min(columns) {
                        let next = y * columns + x;
                        if std::mem::take(&mut self.moving[next]) {
                            open.push(next);
                        }
                    }
                }
            }
            if blob.cells > 1 {
                blobs.push(blob);
            }
            // Joining is quadratic; a picture in so many pieces shows rain, not people.
            if blobs.len() >= 256 {
                break;
            }
        }
        blobs
    }
}

/// Cells from the sums of `N` samples each.
fn fold<const N: usize>(sums: &[u16], scale: f32, cells: &mut [f32]) {
    for (cell, sums) in cells.iter_mut().zip(sums.as_chunks::<N>().0) {
        *cell = sums.iter().map(|s| u32::from(*s)).sum::<u32>() as f32 * scale;
    }
}

/// The part of the cells that moves.
fn share(excess: &[f32]) -> f32 {
    let moving: u32 = excess.iter().map(|e| u32::from(*e > 0.0)).sum();
    moving as f32 / excess.len().max(1) as f32
}

/// How a picture is divided into square cells. Pixels at the right and lower edge that don't
/// fill a cell are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Grid {
    size: Size,
    side: usize,
    columns: usize,
    rows: usize,
}

impl Grid {
    fn new(size: Size) -> Self {
        let side = size.width.div_ceil(MOST_COLUMNS).min(size.height).max(1) as usize;
        Self {
            size,
            side,
            columns: (size.width as usize / side).max(1),
            rows: (size.height as usize / side).max(1),
        }
    }

    fn rect(&self, blob: &Blob) -> Rect {
        let side = self.side as f32;
        Rect::from_corners(
            blob.left as f32 * side,
            blob.top as f32 * side,
            (blob.right + 1) as f32 * side,
            (blob.bottom + 1) as f32 * side,
        )
        .to_fractions(self.size)
    }
}

/// Moving cells that belong together; edges included.
#[derive(Clone, Copy, Debug)]
struct Blob {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    cells: usize,
    excess: f32,
}

impl Default for Blob {
    fn default() -> Self {
        Self { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0, cells: 0, excess: 0.0 }
    }
}

impl Blob {
    fn add(&mut self, x: usize, y: usize, excess: f32) {
        let cell = Self { left: x, top: y, right: x, bottom: y, cells: 1, excess };
        self.join(&cell);
    }

    fn join(&mut self, other: &Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.cells += other.cells;
        self.excess += other.excess;
    }

    fn width(&self) -> usize {
        self.right + 1 - self.left
    }

    fn height(&self) -> usize {
        self.bottom + 1 - self.top
    }

    /// Whether the two are likely parts of one standing thing.
    fn belongs_to(&self, other: &Self) -> bool {
        let shared = (self.right.min(other.right) + 1).saturating_sub(self.left.max(other.left));
        let narrow = self.width().min(other.width());
        let gap = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom) + 1);
        let wide = self.width().max(other.width());
        // Gaps of up to a quarter of the whole, but no chains up a ladder of thin pieces.
        2 * shared >= narrow && gap <= ((self.height() + other.height()) / 3).max(2) && gap <= wide
    }
}

fn joinable(blobs: &[Blob]) -> Option<(usize, usize)> {
    for (a, blob) in blobs.iter().enumerate() {
        if let Some(b) = blobs.iter().skip(a + 1).position(|other| blob.belongs_to(other)) {
            return Some((a, a + 1 + b));
        }
    }
    None
}

#[cfg(test)]
mod tests;
