//! Totals over restarts and reloads: what was counted before, and what the rules at hand add.

use std::time::Duration;

use omma_rules::{Counts, Line, Zone};
use omma_store::CountRow;
use omma_types::Direction;

use crate::status::{LineTotals, Totals, ZoneTotals};

impl Totals {
    /// What the store has counted for a camera.
    pub(crate) fn of_rows(rows: &[CountRow]) -> Self {
        let mut totals = Self::default();
        for row in rows {
            match (row.kind, row.direction) {
                ("line_crossed", Some(direction)) => {
                    let line = totals.line_mut(&row.rule);
                    match direction {
                        Direction::Forward => line.forward += row.count,
                        Direction::Backward => line.backward += row.count,
                    }
                }
                ("zone_entered", _) => totals.zone_mut(&row.rule).visits += row.count,
                ("zone_left", _) => {
                    let zone = totals.zone_mut(&row.rule);
                    let sum = total_dwell(zone) + row.dwell_total;
                    zone.ended += row.count;
                    zone.mean_dwell = mean(sum, zone.ended);
                }
                _ => {}
            }
        }
        totals
    }

    /// These totals and what rules have counted since.
    pub(crate) fn plus(&self, counts: &Counts) -> Self {
        let mut totals = self.clone();
        for now in counts.lines.iter().map(LineTotals::from) {
            let line = totals.line_mut(&now.name);
            line.forward += now.forward;
            line.backward += now.backward;
        }
        for now in counts.zones.iter().map(ZoneTotals::from) {
            let zone = totals.zone_mut(&now.name);
            let sum = total_dwell(zone) + total_dwell(&now);
            zone.occupancy = now.occupancy;
            zone.visits += now.visits;
            zone.ended += now.ended;
            zone.mean_dwell = mean(sum, zone.ended);
        }
        totals
    }

    /// Those of these rules, in their order.
    pub(crate) fn of_rules(&self, lines: &[Line], zones: &[Zone]) -> Self {
        let mut all = self.clone();
        Self {
            lines: lines.iter().map(|line| all.line_mut(line.name()).clone()).collect(),
            zones: zones.iter().map(|zone| all.zone_mut(zone.name()).clone()).collect(),
        }
    }

    fn line_mut(&mut self, name: &str) -> &mut LineTotals {
        let at = self.lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            self.lines.push(LineTotals { name: name.to_owned(), ..LineTotals::default() });
            self.lines.len() - 1
        });
        &mut self.lines[at]
    }

    fn zone_mut(&mut self, name: &str) -> &mut ZoneTotals {
        let at = self.zones.iter().position(|zone| zone.name == name).unwrap_or_else(|| {
            self.zones.push(ZoneTotals { name: name.to_owned(), ..ZoneTotals::default() });
            self.zones.len() - 1
        });
        &mut self.zones[at]
    }
}

fn total_dwell(zone: &ZoneTotals) -> Duration {
    zone.mean_dwell.mul_f64(zone.ended as f64)
}

fn mean(sum: Duration, count: u64) -> Duration {
    if count == 0 { Duration::ZERO } else { sum.div_f64(count as f64) }
}

#[cfg(test)]
mod tests {
    use omma_rules::{LineCounts, Visits, ZoneCounts};
    use omma_types::{ClassName, Point};

    use super::*;

    fn zone(name: &str, entered: u64, left: u64, each_secs: u64) -> ZoneCounts {
        let total_dwell = Duration::from_secs(each_secs * left);
        let visits = Visits { entered, left, total_dwell, max_dwell: total_dwell };
        let by_class = [(ClassName::new("person"), visits)].into_iter().collect();
        ZoneCounts { name: name.to_owned(), by_class }
    }

    #[test]
    fn visits_that_go_on_do_not_shorten_the_mean() {
        let before = Totals::default()
            .plus(&Counts { lines: Vec::new(), zones: vec![zone("till", 5, 5, 10)] });
        let now = before.plus(&Counts { lines: Vec::new(), zones: vec![zone("till", 5, 0, 0)] });
        assert_eq!(now.zones.len(), 1);
        assert_eq!((now.zones[0].visits, now.zones[0].occupancy), (10, 5));
        assert_eq!(now.zones[0].mean_dwell.as_secs(), 10);
    }

    #[test]
    fn rules_are_added_up_by_name_and_chosen_in_order() {
        let counted = LineCounts { name: "door".to_owned(), ..LineCounts::default() };
        let totals = Totals {
            lines: vec![LineTotals { name: "door".to_owned(), forward: 3, backward: 1 }],
            zones: Vec::new(),
        }
        .plus(&Counts { lines: vec![counted], zones: Vec::new() });
        let line = |name| Line::new(name, Point::new(0.1, 0.1), Point::new(0.9, 0.9)).unwrap();
        let chosen = totals.of_rules(&[line("new"), line("door")], &[]);
        let rows: Vec<_> = chosen.lines.iter().map(|l| (l.name.as_str(), l.forward)).collect();
        assert_eq!(rows, [("new", 0), ("door", 3)]);
    }
}
