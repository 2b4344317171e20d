//! Who belongs to whom: the optimal assignment between two sets.
//!
//! The tracker needs it between tracks and detections, the metrics between ground truth and
//! results. Both want the matching of greatest total gain, where a pair that gains nothing is
//! no pair at all. The graph falls apart into connected components, which are solved one by
//! one with shortest augmenting paths (the Hungarian method; Jonker and Volgenant 1987, "A
//! shortest augmenting path algorithm for dense and sparse linear assignment problems"), so
//! that a crowded picture costs as much as its largest knot of people, not as much as its
//! number of people cubed.

/// A possible pair and what choosing it gains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) row: usize,
    pub(crate) col: usize,
    /// Only gains above zero (and not NaN) take part.
    pub(crate) gain: f64,
}

const NONE: usize = usize::MAX;

/// Finds assignments. Keeps its memory between calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assigner {
    row_to_col: Vec<Option<usize>>,
    // Union-find over rows, then columns.
    parent: Vec<usize>,
    order: Vec<(usize, usize)>,
    local_rows: Vec<usize>,
    local_cols: Vec<usize>,
    local_of: Vec<usize>,
    dense: Dense,
}

impl Assigner {
    /// The matching of greatest total gain. Entry `r` of the answer is the column of row `r`.
    /// Edges that name a row or column out of range are left out.
    pub(crate) fn solve(&mut self, rows: usize, cols: usize, edges: &[Edge]) -> &[Option<usize>] {
        self.row_to_col.clear();
        self.row_to_col.resize(rows, None);
        self.parent.clear();
        self.parent.extend(0..rows + cols);
        let usable = |e: &Edge| e.gain > 0.0 && e.row < rows && e.col < cols;
        for e in edges.iter().filter(|e| usable(e)) {
            let (a, b) = (find(&mut self.parent, e.row), find(&mut self.parent, rows + e.col));
            // The smaller index leads, so that the result does not depend on edge order.
            self.parent[a.max(b)] = a.min(b);
        }
        self.order.clear();
        for (index, e) in edges.iter().enumerate().filter(|(_, e)| usable(e)) {
            self.order.push((find(&mut self.parent, e.row), index));
        }
        self.order.sort_unstable();
        self.local_of.clear();
        self.local_of.resize(rows + cols, NONE);
        let order = std::mem::take(&mut self.order);
        for component in order.chunk_by(|a, b| a.0 == b.0) {
            if let [(_, only)] = component {
                let e = edges[*only];
                self.row_to_col[e.row] = Some(e.col);
            } else {
                self.solve_component(rows, edges, component);
            }
        }
        self.order = order;
        &self.row_to_col
    }

    fn solve_component(&mut self, rows: usize, edges: &[Edge], component: &[(usize, usize)]) {
        self.local_rows.clear();
        self.local_cols.clear();
        for &(_, index) in component {
            let e = edges[index];
            if self.local_of[e.row] == NONE {
                self.local_of[e.row] = self.local_rows.len();
                self.local_rows.push(e.row);
            }
            if self.local_of[rows + e.col] == NONE {
                self.local_of[rows + e.col] = self.local_cols.len();
                self.local_cols.push(e.col);
            }
        }
        // The method wants at least as many columns as rows: turn the table if need be.
        let turned = self.local_rows.len() > self.local_cols.len();
        let (n, m) = match turned {
            false => (self.local_rows.len(), self.local_cols.len()),
            true => (self.local_cols.len(), self.local_rows.len()),
        };
        self.dense.reset(n, m);
        for &(_, index) in component {
            let e = edges[index];
            let (r, c) = (self.local_of[e.row], self.local_of[rows + e.col]);
            let cell = if turned { c * m + r } else { r * m + c };
            // Two edges between the same pair: the better one counts.
            self.dense.cost[cell] = self.dense.cost[cell].min(-e.gain);
        }
        self.dense.solve(n, m);
        for c in 0..m {
            let r = self.dense.row_of_col[c];
            // A cost of zero stands for "no pair".
            if r == NONE || self.dense.cost[r * m + c] >= 0.0 {
                continue;
            }
            let (row, col) = if turned { (c, r) } else { (r, c) };
            self.row_to_col[self.local_rows[row]] = Some(self.local_cols[col]);
        }
    }
}

fn find(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// The dense minimum-cost problem of one component.
#[derive(Clone, Debug, Default)]
struct Dense {
    cost: Vec<f64>,
    row_of_col: Vec<usize>,
    row_potential: Vec<f64>,
    col_potential: Vec<f64>,
    distance: Vec<f64>,
    previous: Vec<usize>,
    done: Vec<bool>,
}

impl Dense {
    fn reset(&mut self, n: usize, m: usize) {
        self.cost.clear();
        self.cost.resize(n * m, 0.0);
    }

    /// Gives each of the `n` rows one of the `m >= n` columns at least total cost: row after
    /// row, along the shortest path of reduced costs to a free column (Dijkstra).
    fn solve(&mut self, n: usize, m: usize) {
        self.row_of_col.clear();
        self.row_of_col.resize(m, NONE);
        self.row_potential.clear();
        self.row_potential.resize(n, 0.0);
        self.col_potential.clear();
        self.col_potential.resize(m, 0.0);
        self.previous.clear();
        self.previous.resize(m, NONE);
        for start in 0..n {
            self.distance.clear();
            self.distance.resize(m, f64::INFINITY);
            self.done.clear();
            self.done.resize(m, false);
            let (mut row, mut via, mut reached) = (start, NONE, 0.0);
            let free = loop {
                let (mut nearest, mut nearest_at) = (NONE, f64::INFINITY);
                let costs = &self.cost[row * m..(row + 1) * m];
                let base = reached - self.row_potential[row];
                for (c, cost) in costs.iter().enumerate() {
                    if self.done[c] {
                        continue;
                    }
                    let through = base + cost - self.col_potential[c];
                    if through < self.distance[c] {
                        self.distance[c] = through;
                        self.previous[c] = via;
                    }
                    if self.distance[c] < nearest_at {
                        (nearest, nearest_at) = (c, self.distance[c]);
                    }
                }
                if nearest == NONE {
                    return; // costs that are not numbers: leave the rest unassigned
                }
                self.done[nearest] = true;
                reached = nearest_at;
                if self.row_of_col[nearest] == NONE {
                    break nearest;
                }
                (row, via) = (self.row_of_col[nearest], nearest);
            };
            // Keep reduced costs non-negative for the next row.
            self.row_potential[start] += reached;
            for c in 0..m {
                if self.done[c] && c != free {
                    let delta = reached - self.distance[c];
                    self.col_potential[c] -= delta;
                    self.row_potential[self.row_of_col[c]] += delta;
                }
            }
            let mut c = free;
            loop {
                let before = self.previous[c];
                if before == NONE {
                    self.row_of_col[c] = start;
                    break;
                }
                self.row_of_col[c] = self.row_of_col[before];
                c = before;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The greatest total gain, by trying everything.
    fn brute_force(row: usize, rows: usize, used: &mut Vec<bool>, gain: &[Vec<f64>]) -> f64 {
        if row == rows {
            return 0.0;
        }
        let mut best = brute_force(row + 1, rows, used, gain);
        for col in 0..used.len() {
            if !used[col] && gain[row][col] > 0.0 {
                used[col] = true;
                best = best.max(gain[row][col] + brute_force(row + 1, rows, used, gain));
                used[col] = false;
            }
        }
        best
    }

    fn table() -> impl Strategy<Value = (usize, usize, Vec<Vec<f64>>)> {
        // Small whole numbers make ties; the negative ones are pairs that must not be made.
        let gain = prop_oneof![(-4i32..8).prop_map(f64::from), -1.0f64..2.0];
        (1usize..7, 1usize..7).prop_flat_map(move |(rows, cols)| {
            let row = proptest::collection::vec(gain.clone(), cols);
            (Just(rows), Just(cols), proptest::collection::vec(row, rows))
        })
    }

    proptest! {
        #[test]
        fn no_matching_gains_more((rows, cols, gain) in table()) {
            let mut edges = Vec::new();
            for (row, gains) in gain.iter().enumerate() {
                for (col, &gain) in gains.iter().enumerate() {
                    edges.push(Edge { row, col, gain });
                }
            }
            let mut assigner = Assigner::default();
            let answer = assigner.solve(rows, cols, &edges).to_vec();
            let mut used = vec![false; cols];
            let mut total = 0.0;
            for (row, col) in answer.iter().enumerate() {
                let Some(col) = *col else { continue };
                prop_assert!(!used[col], "column {col} was given twice");
                used[col] = true;
                prop_assert!(gain[row][col] > 0.0);
                total += gain[row][col];
            }
            let best = brute_force(0, rows, &mut vec![false; cols], &gain);
            prop_assert!((total - best).abs() < 1e-9, "{total} instead of {best}");
            // The memory kept from one call must not leak into the next.
            prop_assert_eq!(assigner.solve(rows, cols, &edges), &answer[..]);
        }
    }

    #[test]
    fn nothing_and_nonsense_give_no_pairs() {
        let mut assigner = Assigner::default();
        assert!(assigner.solve(0, 3, &[]).is_empty());
        let nonsense = [
            Edge { row: 0, col: 0, gain: f64::NAN },
            Edge { row: 1, col: 0, gain: -1.0 },
            Edge { row: 9, col: 0, gain: 1.0 },
        ];
        assert_eq!(assigner.solve(2, 1, &nonsense), &[None, None]);
    }
}
