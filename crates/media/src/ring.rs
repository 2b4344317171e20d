//! The last groups of pictures of a camera, so that whoever comes late starts at a keyframe
//! and misses nothing.

use std::collections::VecDeque;

use crate::Packet;

/// Packets since a keyframe, bounded in bytes. Oldest groups of pictures go first; a single
/// group larger than the bound is dropped whole, and what follows it up to the next keyframe
/// with it, because none of it could be decoded.
#[derive(Debug)]
pub struct GopRing {
    packets: VecDeque<Packet>,
    bytes: usize,
    max_bytes: usize,
    dropped: u64,
    oversized: u64,
}

impl GopRing {
    /// A ring for at most `max_bytes` of packet data.
    pub fn new(max_bytes: usize) -> Self {
        Self { packets: VecDeque::new(), bytes: 0, max_bytes, dropped: 0, oversized: 0 }
    }

    /// Adds a packet. Packets in front of the first keyframe are not kept (and counted).
    pub fn push(&mut self, packet: Packet) {
        if self.packets.is_empty() && !packet.keyframe {
            self.dropped += 1;
            return;
        }
        self.bytes += packet.len();
        self.packets.push_back(packet);
        while self.bytes > self.max_bytes {
            if !self.drop_oldest_group() {
                self.oversized += 1;
                self.dropped += self.packets.len() as u64;
                self.clear();
            }
        }
    }

    /// Drops the oldest group where there is another behind it.
    fn drop_oldest_group(&mut self) -> bool {
        let Some(next) = self.packets.iter().skip(1).position(|packet| packet.keyframe) else {
            return false;
        };
        for packet in self.packets.drain(..=next) {
            self.bytes -= packet.len();
        }
        true
    }

    /// The packets from the newest keyframe on; nothing where none is held.
    pub fn since_keyframe(&self) -> impl Iterator<Item = &Packet> {
        let start = self.packets.iter().rposition(|packet| packet.keyframe);
        self.packets.iter().skip(start.unwrap_or(self.packets.len()))
    }

    /// All packets held; the first one is a keyframe.
    pub fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter()
    }

    /// Forgets all packets (the stream was opened anew).
    pub fn clear(&mut self) {
        self.packets.clear();
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
    use std::time::Instant;

    use omma_types::{MediaTime, WallSource, WallTime};
    use proptest::prelude::*;

    use super::*;
    use crate::av::AvPacket;

    fn packet(seq: u64, keyframe: bool, bytes: usize) -> Packet {
        Packet {
            seq,
            pts: MediaTime::ZERO,
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
        let mut ring = GopRing::new(60);
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
        let mut ring = GopRing::new(25);
        ring.push(packet(0, true, 10));
        ring.push(packet(1, false, 10));
        ring.push(packet(2, false, 10));
        ring.push(packet(3, false, 10));
        assert_eq!(seqs(ring.since_keyframe()), [] as [u64; 0]);
        assert_eq!((ring.dropped(), ring.oversized_groups()), (4, 1));
        ring.push(packet(4, true, 10));
        assert_eq!(seqs(ring.since_keyframe()), [4]);
    }

    proptest! {
        #[test]
        fn it_never_exceeds_its_bound_and_always_starts_at_a_keyframe(
            packets in prop::collection::vec((any::<bool>(), 1usize..40), 0..80),
            max_bytes in 0usize..120,
        ) {
            let mut ring = GopRing::new(max_bytes);
            for (seq, (keyframe, bytes)) in packets.into_iter().enumerate() {
                ring.push(packet(seq as u64, keyframe, bytes));
                prop_assert!(ring.bytes() <= max_bytes);
                prop_assert_eq!(ring.packets().map(Packet::len).sum::<usize>(), ring.bytes());
                prop_assert!(ring.packets().next().is_none_or(|first| first.keyframe));
                let held = seqs(ring.packets());
                prop_assert!(held.windows(2).all(|pair| pair[1] == pair[0] + 1));
            }
        }
    }
}
