//! Real walks: the people of PETS09-S2L1 as annotated must give exactly the crossings of
//! the data's README, which counts every change of side from one picture to the next.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{crossings, data, line, rules, sized_frame};
use omma_types::{ClassName, Rect, Size, Track, TrackId, TrackState};

const SIZE: Size = Size::new(768, 576);

/// Annotated boxes by picture.
fn ground_truth() -> Option<BTreeMap<u32, Vec<Track>>> {
    let text = std::fs::read_to_string(data()?.join("mot/PETS09-S2L1/gt.txt")).unwrap();
    let mut pictures: BTreeMap<u32, Vec<Track>> = BTreeMap::new();
    for row in text.lines() {
        let fields: Vec<f32> = row.split(',').map(|field| field.trim().parse().unwrap()).collect();
        let [picture, id, left, top, width, height, flag, ..] = fields[..] else { panic!("{row}") };
        if flag == 0.0 {
            continue;
        }
        pictures.entry(picture as u32).or_default().push(Track {
            id: TrackId(id as u64),
            class: ClassName::new("person"),
            rect: Rect::new(left, top, width, height).to_fractions(SIZE),
            score: 1.0,
            state: TrackState::Confirmed,
        });
    }
    Some(pictures)
}

#[test]
fn annotated_people_give_exactly_the_table() {
    let Some(pictures) = ground_truth() else { return };
    let table = [
        (line("path-mid", (0.50, 0.30), (0.50, 0.95)), (16, 13), 16),
        (line("path-left", (0.25, 0.30), (0.25, 0.75)), (7, 5), 9),
        (line("road-top", (0.55, 0.45), (1.00, 0.45)), (6, 12), 10),
    ];
    let mut rules = rules(table.iter().map(|(line, ..)| line.clone()).collect(), Vec::new());
    let mut events = Vec::new();
    for (picture, tracks) in &pictures {
        let stamp = sized_frame(f64::from(*picture) / 7.0, SIZE);
        rules.update(&stamp, tracks, &mut events);
    }
    rules.finish(&sized_frame(796.0 / 7.0, SIZE), &mut events);

    for (line, expected, people) in &table {
        assert_eq!(crossings(&rules, line.name()), *expected, "{}", line.name());
        let counts = rules.counts();
        let tracks = counts.lines.iter().find(|c| c.name == line.name()).unwrap().tracks;
        assert_eq!(tracks, *people, "{}", line.name());
    }
    let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 59);
}
