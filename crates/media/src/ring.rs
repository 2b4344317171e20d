//! The last groups of pictures of a camera, so that whoever comes late starts at a keyframe
//! and misses nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Packet;

/// Packets since a keyframe, bounded in bytes and in time. Oldest groups of pictures go first,
/// each with the sound that came in it; a single group larger than the bound is dropped whole,
/// and what follows it up to the next keyframe with it, because none of it could be decoded.
#[derive(Debug)]
pub struct GopRing {
    packets: VecDeque<Packet>,
    /// The groups of pictures that `packets` holds, one behind the other.
    groups: VecDeque<Group>,
    bytes: usize,
    max_bytes: usize,
    max_age: Duration,
    dropped: u64,
    oversized: u64,
}

/// A keyframe and what follows it.
#[derive(Debug)]
struct Group {
    arrival: Instant,
    packets: usize,
    bytes: usize,
}

impl GopRing {
    /// A ring for at most `max_bytes` of packet data, and for no more groups of pictures than
    /// it takes to reach `max_age` back from the newest packet's arrival.
    pub fn new(max_bytes: usize, max_age: Duration) -> Self {
        Self {
            packets: VecDeque::new(),
            groups: VecDeque::new(),
            bytes: 0,
            max_bytes,
            max_age,
            dropped: 0,
            oversized: 0,
        }
    }

    /// Adds a packet. Packets in front of the first keyframe are not kept (and counted).
    pub fn push(&mut self, packet: Packet) {
        let (arrival, bytes) = (packet.arrival, packet.len());
        if packet.keyframe {
            self.groups.push_back(Group { arrival, packets: 0, bytes: 0 });
        }
        let Some(newest) = self.groups.back_mut() else {
            self.dropped += 1;
            return;
        };
        newest.packets += 1;
        newest.bytes += bytes;
        self.bytes += bytes;
        self.packets.push_back(packet);
        while self
            .groups
            .get(1)
            .is_some_and(|second| arrival.saturating_duration_since(second.arrival) >= self.max_age)
        {
            self.drop_oldest_group();
        }
        while self.bytes > self.max_bytes {
            if self.groups.len() == 1 {
                self.oversized += 1;
                self.dropped += self.packets.len() as u64;
            }
            self.drop_oldest_group();
        }
    }

    fn drop_oldest_group(&mut self) {
        if let Some(group) = self.groups.pop_front() {
            self.packets.drain(..group.packets);
            self.bytes -= group.bytes;
        }
    }

    /// The packets from the newest keyframe on; nothing where none is held.
    pub fn since_keyframe(&self) -> impl Iterator<Item = &Packet> {
        let newest = self.groups.back().map_or(0, |group| group.packets);
        self.packets.iter().skip(self.packets.len() - newest)
    }

    /// All packets held; the first one is a keyframe.
    pub fn packets(&self) -> impl DoubleEndedIterator<Item = &Packet> + ExactSizeIterator {
        self.packets.iter()
    }

    /// Groups of pictures held.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Forgets all packets (the stream was opened anew).
    pub fn clear(&mut self) {
        self.packets.clear();
        self.groups.clear();
        self.bytes = 0;
    }

    /// Bytes of packet data held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bound in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Packets that could not be kept because no keyframe preceded them or their group was
    /// too large. Groups that made room for newer ones are not counted.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Groups of pictures that alone exceeded the bound: a sign that it is too small.
    pub fn oversized_groups(&self) -> u64 {
        self.oversized
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use omma_types::{MediaTime, WallSource, WallTime};
    use proptest::prelude::*;

    use super::*;
    use crate::Medium;
    use crate::av::AvPacket;

    const LONG: Duration = Duration::from_secs(3600);

    fn packet(seq: u64, keyframe: bool, bytes: usize) -> Packet {
        Packet {
            medium: Medium::Video,
            seq,
            pts: MediaTime::ZERO,
            dts: MediaTime::ZERO,
            duration: Duration::ZERO,
            keyframe,
            arrival: Instant::now(),
            wall: WallTime::default(),
            wall_source: WallSource::Arrival,
            pts_is_known: true,
            data: Arc::new(AvPacket::with_size(bytes).unwrap()),
        }
    }

    fn seqs<'a>(packets: impl Iterator<Item = &'a Packet>) -> Vec<u64> {
        packets.map(|packet| packet.seq).collect()
    }

    #[test]
    fn it_starts_at_a_keyframe_and_drops_the_oldest_group_first() {
        let mut ring = GopRing::new(60, LONG);
        for (seq, keyframe) in
            [false, true, false, true, false, true, false].into_iter().enumerate()
        {
            ring.push(packet(seq as u64, keyframe, 10));
        }
        assert_eq!(seqs(ring.packets()), [1, 2, 3, 4, 5, 6]);
        assert_eq!(seqs(ring.since_keyframe()), [5, 6]);
        ring.push(packet(7, false, 10));
        assert_eq!(seqs(ring.packets()), [3, 4, 5, 6, 7]);
        assert_eq!((ring.dropped(), ring.oversized_groups()), (1, 0));
    }

    #[test]
    fn a_group_that_is_too_large_is_dropped_until_the_next_keyframe() {
        let mut ring = GopRing::new(25, LONG);
        ring.push(packet(0, true, 10));
        ring.push(packet(1, false, 10));
        ring.push(packet(2, false, 10));
        ring.push(packet(3, false, 10));
        assert_eq!(seqs(ring.since_keyframe()), [] as [u64; 0]);
        assert_eq!((ring.dropped(), ring.oversized_groups()), (4, 1));
        ring.push(packet(4, true, 10));
        assert_eq!(seqs(ring.since_keyframe()), [4]);
    }

    #[test]
    fn sound_stays_with_the_group_in_which_it_came() {
        let mut ring = GopRing::new(60, LONG);
        let sound = |seq| Packet { medium: Medium::Audio, ..packet(seq, false, 10) };
        ring.push(sound(0));
        ring.push(packet(1, true, 10));
        ring.push(sound(2));
        ring.push(packet(3, true, 10));
        ring.push(sound(4));
        assert_eq!(seqs(ring.packets()), [1, 2, 3, 4]);
        assert_eq!(seqs(ring.since_keyframe()), [3, 4]);
        (5..8).for_each(|seq| ring.push(sound(seq)));
        assert_eq!(seqs(ring.packets()), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn groups_go_once_the_rest_reaches_back_far_enough() {
        let mut ring = GopRing::new(1_000_000, Duration::from_secs(10));
        let start = Instant::now();
        // A keyframe every 4 s, a picture a second.
        for second in 0..=20 {
            let arrival = start + Duration::from_secs(second);
            ring.push(Packet { arrival, ..packet(second, second % 4 == 0, 10) });
            let held = seqs(ring.packets());
            let reach = second - held[0];
            assert!(reach >= second.min(10), "{second}: {held:?}");
            assert!(reach < 10 + 4, "{second}: {held:?}");
        }
        assert_eq!(seqs(ring.packets())[0], 8);
        assert_eq!((ring.dropped(), ring.groups()), (0, 4));
    }

    proptest! {
        #[test]
        fn it_never_exceeds_its_bound_and_always_starts_at_a_keyframe(
            packets in prop::collection::vec((any::<bool>(), 1usize..40, 0u64..5), 0..80),
            max_bytes in 0usize..120,
            max_age in 0u64..20,
        ) {
            let mut ring = GopRing::new(max_bytes, Duration::from_secs(max_age));
            let mut arrival = Instant::now();
            for (seq, (keyframe, bytes, seconds)) in packets.into_iter().enumerate() {
                arrival += Duration::from_secs(seconds);
                ring.push(Packet { arrival, ..packet(seq as u64, keyframe, bytes) });
                prop_assert!(ring.bytes() <= max_bytes);
                prop_assert_eq!(ring.packets().map(Packet::len).sum::<usize>(), ring.bytes());
                prop_assert!(ring.packets().next().is_none_or(|first| first.keyframe));
                let keyframes = ring.packets().filter(|packet| packet.keyframe).count();
                prop_assert_eq!(ring.groups(), keyframes);
                prop_assert_eq!(ring.since_keyframe().filter(|p| p.keyframe).count(), keyframes.min(1));
                let held = seqs(ring.packets());
                prop_assert!(held.windows(2).all(|pair| pair[1] == pair[0] + 1));
            }
        }
    }
}
