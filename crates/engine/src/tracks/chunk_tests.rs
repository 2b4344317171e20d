//! Round trips of stored tracks: what must be exact is, what may be off is by no more than said.

use proptest::prelude::*;

use super::*;

/// A picture's distance in time, and of each of a few tracks its move and state.
type Step = (i64, i64, Vec<Option<(i16, i16, u8, u8)>>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let track = prop::option::weighted(0.8, (-40i16..40, -40i16..40, 0u8..3, any::<u8>()));
    prop::collection::vec(
        (0i64..200_000_000, -3000i64..3000, prop::collection::vec(track, 4)),
        0..60,
    )
}

fn moments(steps: Vec<Step>) -> Vec<Moment> {
    let mut at = 7_000_000_001i64;
    let mut places = [(0.3f32, 0.4f32); 4];
    let states = [TrackState::Tentative, TrackState::Confirmed, TrackState::Coasting];
    let mut moments = Vec::new();
    for (seq, (passed, jitter, moves)) in steps.into_iter().enumerate() {
        at += passed;
        let mut tracks = Vec::new();
        for (n, step) in moves.into_iter().enumerate() {
            let Some((dx, dy, state, score)) = step else { continue };
            places[n].0 += f32::from(dx) / 1000.0;
            places[n].1 += f32::from(dy) / 1000.0;
            tracks.push(Track {
                id: TrackId([1, 2, 77, u64::MAX][n]),
                class: ClassName::new(["person", "car", "person", "größe"][n]),
                rect: Rect::new(places[n].0, places[n].1, 0.05 + 0.01 * n as f32, 0.21),
                score: f32::from(score) / 255.0,
                state: states[usize::from(state)],
            });
        }
        moments.push(Moment {
            frame: FrameStamp {
                seq: seq as u64,
                media: MediaTime::from_nanos(at),
                wall: WallTime::from_micros(1_795_132_800_000_000 + at / 1000 + jitter),
                wall_source: WallSource::SenderReport,
                size: Size::new(768, 576),
            },
            tracks,
        });
    }
    moments
}

proptest! {
    #[test]
    fn times_states_and_names_come_back_exactly_and_boxes_nearly(steps in steps()) {
        let moments = moments(steps);
        let encoded = encode(&moments);
        let mut back = decode(&encoded.bytes).unwrap();
        prop_assert_eq!(back.len(), moments.len());
        for (was, is) in moments.iter().zip(&mut back) {
            prop_assert_eq!(&was.frame, &is.frame);
            prop_assert_eq!(was.tracks.len(), is.tracks.len());
            is.tracks.sort_by_key(|track| track.id);
            for (was, is) in was.tracks.iter().zip(&is.tracks) {
                prop_assert_eq!((was.id, &was.class, was.state), (is.id, &is.class, is.state));
                let (a, b) = (was.rect.foot(), is.rect.foot());
                let fudge = 1e-5;
                prop_assert!((a.x - b.x).abs() <= PLACE_ERROR + fudge, "{a:?} {b:?}");
                prop_assert!((a.y - b.y).abs() <= PLACE_ERROR + fudge, "{a:?} {b:?}");
                let wide = (was.rect.width - is.rect.width).abs();
                let high = (was.rect.height - is.rect.height).abs();
                prop_assert!(wide.max(high) <= EXTENT_ERROR + fudge);
                prop_assert!((0.0..=1.0).contains(&is.score));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
        let mut claims_ours = bytes;
        claims_ours.insert(0, VERSION);
        drop(decode(&claims_ours));
    }

    #[test]
    fn damage_is_refused_or_read_as_something_else(
        steps in steps(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let mut bytes = encode(&moments(steps)).bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        drop(decode(&bytes));
        prop_assert!(decode(&bytes[..at]).is_err(), "cut short");
    }
}

#[test]
fn a_steady_walk_costs_a_few_bytes() {
    let walk: Vec<Moment> = (0..300)
        .map(|n| Moment {
            frame: FrameStamp {
                seq: n,
                media: MediaTime::from_nanos(n as i64 * 200_000_000),
                wall: WallTime::from_micros(1_795_132_800_000_000 + n as i64 * 200_000),
                wall_source: WallSource::Arrival,
                size: Size::new(1920, 1080),
            },
            tracks: vec![Track {
                id: TrackId(5),
                class: ClassName::new("person"),
                rect: Rect::new(0.1 + 0.002 * n as f32, 0.5, 0.05, 0.2),
                score: 0.8,
                state: TrackState::Confirmed,
            }],
        })
        .collect();
    let encoded = encode(&walk);
    assert_eq!((encoded.boxes, encoded.points), (300, 2));
    assert!(encoded.bytes.len() < 80, "{} bytes", encoded.bytes.len());
}
