//! A camera's packets for one viewer, across restarts of the camera, and never late.

use std::time::Instant;

use omma_engine::{Handle, PacketFeed, Parcel, Preroll, ViewerDrop, ViewerMetrics};
use omma_media::Packet;
use omma_types::CameraId;

use super::away::Away;
use super::fresh::Freshness;
use crate::error::ApiResult;

/// What one viewer gets of a camera.
pub(super) struct ViewerFeed {
    handle: Handle,
    camera: CameraId,
    packets: PacketFeed,
    fresh: Freshness,
    /// Left out since the last parcel.
    missed: u64,
    /// Comes after the word of what was missed.
    held: Option<Packet>,
    away: Away,
    metrics: ViewerMetrics,
}

impl ViewerFeed {
    /// Begins with the newest keyframe.
    pub(super) fn new(
        handle: &Handle,
        camera: &CameraId,
        metrics: ViewerMetrics,
    ) -> ApiResult<Self> {
        let fresh = Freshness::new(Instant::now());
        let packets = handle.packets(camera, Preroll::Group)?;
        let (handle, camera) = (handle.clone(), camera.clone());
        let away = Away::default();
        Ok(Self { handle, camera, packets, fresh, missed: 0, held: None, away, metrics })
    }

    /// Whether the camera is away, and may come back.
    pub(super) fn is_away(&self) -> bool {
        self.away.is_so()
    }

    /// The next parcel; none when the camera is gone for good. Losing the future loses no
    /// parcel, and no time that was waited for the camera.
    pub(super) async fn next(&mut self) -> Option<Parcel> {
        loop {
            if let Some(packet) = self.held.take() {
                return Some(Parcel::Packet(packet));
            }
            match self.packets.next().await {
                Some(Parcel::Packet(packet)) => {
                    if !self.fresh.takes(packet.keyframe, packet.arrival, Instant::now()) {
                        self.missed += 1;
                        self.metrics.drop_packets(ViewerDrop::Slow, 1);
                    } else if self.missed > 0 {
                        self.held = Some(packet);
                        return Some(Parcel::Missed(std::mem::take(&mut self.missed)));
                    } else {
                        return Some(Parcel::Packet(packet));
                    }
                }
                Some(Parcel::Missed(count)) => {
                    self.metrics.drop_packets(ViewerDrop::Slow, count);
                    self.missed += count;
                }
                Some(stream @ Parcel::Stream(_)) => {
                    self.missed = 0;
                    return Some(stream);
                }
                None => self.come_back().await?,
            }
        }
    }

    /// A camera whose configuration changed goes and comes back under the same name.
    async fn come_back(&mut self) -> Option<()> {
        let (handle, camera) = (&self.handle, &self.camera);
        let again = || {
            let fresh = Freshness::new(Instant::now());
            Some((handle.packets(camera, Preroll::Group).ok()?, fresh))
        };
        (self.packets, self.fresh) = self.away.come_back(again).await?;
        self.missed = 0;
        Some(())
    }
}
