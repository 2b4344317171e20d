//! Where somebody gets every packet of a stream: a queue bounded in bytes.
//!
//! Whoever is slow loses whole groups of pictures, is told how many packets, and goes on at
//! the next keyframe. The camera never waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use omma_media::{Packet, StreamInfo};
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::feed::Parcel;

/// One reader's queue.
pub(crate) struct Tap {
    queue: Mutex<Queue>,
    /// For threads.
    bell: Condvar,
    /// For tasks.
    notify: Notify,
    max_bytes: usize,
}

#[derive(Default)]
struct Queue {
    parcels: VecDeque<Parcel>,
    bytes: usize,
    /// Packets left out since the last parcel.
    missed: u64,
    over: bool,
}

/// What came of asking for a parcel.
#[derive(Debug)]
pub(crate) enum Taken {
    /// This.
    Parcel(Parcel),
    /// Nothing yet.
    Nothing,
    /// The camera is gone: nothing will come.
    Over,
}

impl Tap {
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            bell: Condvar::new(),
            notify: Notify::new(),
            max_bytes,
        })
    }

    /// The stream was opened.
    pub(super) fn open(&self, info: Arc<StreamInfo>) {
        let mut queue = self.queue.lock();
        // What the reader lost of the old stream no longer matters to it.
        queue.missed = 0;
        queue.parcels.push_back(Parcel::Stream(info));
        drop(queue);
        self.ring_bell();
    }

    pub(super) fn push(&self, packet: &Packet) {
        let mut queue = self.queue.lock();
        let fits = queue.bytes + packet.len() <= self.max_bytes;
        let may_go_on = queue.missed == 0 || packet.keyframe;
        if !(fits && may_go_on) {
            queue.missed += 1;
            return;
        }
        if queue.missed > 0 {
            let missed = std::mem::take(&mut queue.missed);
            queue.parcels.push_back(Parcel::Missed(missed));
        }
        queue.bytes += packet.len();
        queue.parcels.push_back(Parcel::Packet(packet.clone()));
        drop(queue);
        self.ring_bell();
    }

    /// No more comes.
    pub(super) fn end(&self) {
        self.queue.lock().over = true;
        self.ring_bell();
    }

    fn ring_bell(&self) {
        self.bell.notify_one();
        self.notify.notify_one();
    }

    pub(crate) fn take(&self) -> Taken {
        Self::take_from(&mut self.queue.lock())
    }

    fn take_from(queue: &mut Queue) -> Taken {
        match queue.parcels.pop_front() {
            Some(parcel) => {
                if let Parcel::Packet(packet) = &parcel {
                    queue.bytes -= packet.len();
                }
                Taken::Parcel(parcel)
            }
            None if queue.over => Taken::Over,
            None => Taken::Nothing,
        }
    }

    /// Takes a parcel, waiting for it until `deadline`.
    pub(crate) fn take_until(&self, deadline: Instant) -> Taken {
        let mut queue = self.queue.lock();
        loop {
            match Self::take_from(&mut queue) {
                Taken::Nothing => {}
                taken => return taken,
            }
            if self.bell.wait_until(&mut queue, deadline).timed_out() {
                return Self::take_from(&mut queue);
            }
        }
    }

    /// Returns once something may have come.
    pub(crate) async fn news(&self) {
        self.notify.notified().await;
    }
}
