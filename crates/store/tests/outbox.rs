//! Queues that survive: order, acknowledging, burying, reviving, and a kill at any moment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use omma_store::{MAX_DEAD, Store};
use omma_types::WallTime;
use proptest::prelude::*;

const NOW: WallTime = WallTime::from_millis(1_795_132_800_250);

async fn waiting(store: &Store, queue: &str) -> Vec<(i64, Vec<u8>)> {
    let items = store.outbox_peek(queue, u32::MAX).await.unwrap();
    items.into_iter().map(|item| (item.seq, item.payload)).collect()
}

/// What a kill leaves behind: the file and its write-ahead log, never folded in.
async fn killed(path: &Path, copy: &Path) -> Store {
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    Store::open(copy).await.unwrap()
}

#[tokio::test]
async fn items_come_in_order_and_say_when_and_how_often() {
    let store = Store::in_memory().await.unwrap();
    assert_eq!(store.enqueue("a", &[], NOW).await.unwrap(), 0);
    assert_eq!(store.enqueue("a", &[vec![1], vec![]], NOW).await.unwrap(), 2);
    assert_eq!(store.enqueue("b", &[vec![9]], NOW).await.unwrap(), 3);
    assert_eq!(store.enqueue("a", &[vec![2; 100_000]], NOW).await.unwrap(), 4);
    let items = store.outbox_peek("a", 2).await.unwrap();
    let seen: Vec<_> = items.iter().map(|i| (i.seq, i.payload.as_slice(), i.attempts)).collect();
    assert_eq!(seen, [(1, &[1][..], 0), (2, &[][..], 0)]);
    assert_eq!(items[0].enqueued, NOW);

    // Numbers of another queue are not this queue's.
    store.outbox_tried("a", &[1, 3]).await.unwrap();
    store.outbox_tried("a", &[1]).await.unwrap();
    store.outbox_ack("a", &[2, 3]).await.unwrap();
    store.outbox_bury("a", &[3, 4], "the other side refused it: 422").await.unwrap();
    assert_eq!(store.outbox_peek("a", 9).await.unwrap()[0].attempts, 2);
    assert_eq!(waiting(&store, "b").await, [(3, vec![9])]);
    assert_eq!(store.outbox_len("a").await.unwrap(), (1, 1));
    assert_eq!(store.outbox_len("b").await.unwrap(), (1, 0));
    let dead = store.outbox_dead("a", 9).await.unwrap();
    assert_eq!((dead[0].item.seq, dead[0].reason.as_str()), (4, "the other side refused it: 422"));

    assert_eq!(store.outbox_revive("b").await.unwrap(), 0);
    assert_eq!(store.outbox_revive("a").await.unwrap(), 1);
    assert_eq!(waiting(&store, "a").await.len(), 2);
    assert_eq!(store.outbox_dead("a", 9).await.unwrap(), []);
}

#[tokio::test]
async fn dead_items_are_bounded_and_the_oldest_go() {
    let store = Store::in_memory().await.unwrap();
    let many = vec![vec![0u8]; MAX_DEAD as usize + 3];
    let last = store.enqueue("a", &many, NOW).await.unwrap();
    assert_eq!(last, i64::from(MAX_DEAD) + 3);
    let all: Vec<i64> = (1..=last).collect();
    assert_eq!(store.outbox_bury("a", &all[..10], "bad").await.unwrap(), 0);
    assert_eq!(store.outbox_bury("a", &all[10..], "bad").await.unwrap(), 3);
    assert_eq!(store.outbox_len("a").await.unwrap(), (0, u64::from(MAX_DEAD)));
    assert_eq!(store.outbox_revive("a").await.unwrap(), u64::from(MAX_DEAD));
    assert_eq!(store.outbox_peek("a", 1).await.unwrap()[0].seq, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_accepted_from_many_callers_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("omma.db");
    let store = Store::open(&path).await.unwrap();
    let (accepted, mut numbers) = tokio::sync::mpsc::channel(1000);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..20u8 {
        let (store, accepted) = (store.clone(), accepted.clone());
        callers.spawn(async move {
            for call in 0..10u8 {
                let payloads = [vec![caller, call, 0], vec![caller, call, 1]];
                let last = store.enqueue("a", &payloads, NOW).await.unwrap();
                accepted.send((last, caller, call)).await.unwrap();
            }
        });
    }
    drop(accepted);
    // In the middle of it: what was accepted before the copy is in the copy.
    let mut before = Vec::new();
    while before.len() < 60 {
        before.push(numbers.recv().await.unwrap());
    }
    let copy = killed(&path, &dir.path().join("copy.db")).await;
    let kept: BTreeMap<i64, Vec<u8>> = waiting(&copy, "a").await.into_iter().collect();
    for (last, caller, call) in before {
        assert_eq!(kept[&last], [caller, call, 1]);
        assert_eq!(kept[&(last - 1)], [caller, call, 0], "both, one after the other");
    }
    callers.join_all().await;
    // Each caller's items are in the order of its calls.
    let all = waiting(&store, "a").await;
    assert_eq!(all.len(), 400);
    for caller in 0..20u8 {
        let calls: Vec<u8> =
            all.iter().filter(|(_, p)| p[0] == caller).map(|(_, p)| p[1]).collect();
        assert!(calls.is_sorted() && calls.len() == 20, "{calls:?}");
    }
}

#[test]
fn callers_of_a_runtime_that_ended_do_not_block_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("omma.db");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let store = first.block_on(Store::open(&path)).unwrap();
    // Asked for and never driven to its end.
    let asked = store.clone();
    first.spawn(async move { asked.enqueue("a", &[vec![1]], NOW).await });
    first.block_on(tokio::task::yield_now());
    drop(first);
    let last = runtime().block_on(store.enqueue("a", &[vec![2]], NOW));
    assert!(last.is_ok(), "{last:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue(bool, Vec<u8>),
    Ack(bool, Vec<i64>),
    Bury(bool, Vec<i64>),
    Revive(bool),
    Kill,
}

fn any_step() -> impl Strategy<Value = Step> {
    let seqs = || proptest::collection::vec(1i64..40, 0..6);
    prop_oneof![
        4 => (any::<bool>(), proptest::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(queue, bytes)| Step::Enqueue(queue, bytes)),
        2 => (any::<bool>(), seqs()).prop_map(|(queue, seqs)| Step::Ack(queue, seqs)),
        2 => (any::<bool>(), seqs()).prop_map(|(queue, seqs)| Step::Bury(queue, seqs)),
        1 => any::<bool>().prop_map(Step::Revive),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done, with a kill and a reopening anywhere in between: the queues hold
    /// what two sorted maps would.
    #[test]
    fn queues_are_sorted_maps(steps in proptest::collection::vec(any_step(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut path = dir.path().join("omma.db");
            let mut store = Store::open(&path).await.unwrap();
            let (mut queued, mut dead) = (BTreeMap::new(), BTreeMap::new());
            let mut last = 0;
            let name = |queue: bool| if queue { "a" } else { "b" };
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Enqueue(queue, bytes) => {
                        let payloads: Vec<Vec<u8>> = bytes.iter().map(|b| vec![*b]).collect();
                        for payload in &payloads {
                            last += 1;
                            queued.insert((queue, last), payload.clone());
                        }
                        let told = store.enqueue(name(queue), &payloads, NOW).await.unwrap();
                        assert_eq!(told, last);
                    }
                    Step::Ack(queue, seqs) => {
                        store.outbox_ack(name(queue), &seqs).await.unwrap();
                        queued.retain(|(q, seq), _| *q != queue || !seqs.contains(seq));
                    }
                    Step::Bury(queue, seqs) => {
                        store.outbox_bury(name(queue), &seqs, "bad").await.unwrap();
                        for seq in seqs {
                            if let Some(payload) = queued.remove(&(queue, seq)) {
                                dead.insert((queue, seq), payload);
                            }
                        }
                    }
                    Step::Revive(queue) => {
                        let (back, stay): (BTreeMap<_, _>, _) =
                            dead.into_iter().partition(|((q, _), _)| *q == queue);
                        let told = store.outbox_revive(name(queue)).await.unwrap();
                        assert_eq!(told, back.len() as u64);
                        queued.extend(back);
                        dead = stay;
                    }
                    Step::Kill => {
                        let copy = dir.path().join(format!("{number}.db"));
                        store = killed(&path, &copy).await;
                        path = copy;
                    }
                }
            }
            for queue in [true, false] {
                let of = |map: &BTreeMap<(bool, i64), Vec<u8>>| -> Vec<(i64, Vec<u8>)> {
                    let mine = map.iter().filter(|((q, _), _)| *q == queue);
                    mine.map(|((_, seq), payload)| (*seq, payload.clone())).collect()
                };
                assert_eq!(waiting(&store, name(queue)).await, of(&queued));
                let buried = store.outbox_dead(name(queue), 1000).await.unwrap();
                let buried: Vec<_> =
                    buried.into_iter().rev().map(|d| (d.item.seq, d.item.payload)).collect();
                assert_eq!(buried, of(&dead));
                let lengths = (of(&queued).len() as u64, of(&dead).len() as u64);
                assert_eq!(store.outbox_len(name(queue)).await.unwrap(), lengths);
            }
        });
    }
}
