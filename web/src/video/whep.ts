// Live video over WebRTC, asked for by WHEP: an offer is posted, the answer comes back, and the
// session is ended by deleting it. The least delay of all ways.

import { cameraPath, fetchRaw } from '../api/client';
import { DriverError, driverError, type Driver, type Stage, type Wish } from './driver';
import { videoElement } from './element';
import { gathered } from './ice';

/** Pictures of which it is kept when they were taken: those between arriving and being shown. */
const KEPT = 256;

/** When pictures were taken on the stream's own clock, by their time in RTP. */
export class Timings {
  private readonly known = new Map<number, number>();
  private newest: number | undefined;

  /** Takes a message of the server. */
  take(message: unknown): void {
    if (typeof message !== 'string') return;
    try {
      const { rtp, media_ms: media } = JSON.parse(message) as { rtp?: unknown; media_ms?: unknown };
      if (typeof rtp !== 'number' || typeof media !== 'number') return;
      this.known.delete(rtp);
      this.known.set(rtp, media);
      this.newest = rtp;
      const [oldest] = this.known.keys();
      if (this.known.size > KEPT && oldest !== undefined) this.known.delete(oldest);
    } catch {
      // Not a message of ours.
    }
  }

  /** The stream's time of the picture with this time in RTP. */
  mediaMs(rtp: number | undefined): number | undefined {
    if (rtp === undefined || this.newest === undefined) return undefined;
    const exact = this.known.get(rtp);
    if (exact !== undefined) return exact;
    // Its message was lost: told from the newest one. RTP's times are 32 bits at 90 kHz.
    const newest = this.known.get(this.newest);
    return newest === undefined ? undefined : newest + ((rtp - this.newest) | 0) / 90;
  }
}

async function play(wish: Wish, stage: Stage): Promise<void> {
  const { signal } = stage;
  const peer = new RTCPeerConnection();
  let session: string | undefined;
  const end = () => {
    window.removeEventListener('pagehide', end);
    peer.close();
    if (session !== undefined) void fetchRaw(session, { method: 'DELETE', keepalive: true }).catch(() => undefined);
    session = undefined;
  };
  // A page that is closed tells nobody anything; the server would send on until it notices.
  window.addEventListener('pagehide', end);
  const fail = (error: DriverError) => {
    if (!signal.aborted) stage.failed(error);
  };
  signal.addEventListener('abort', end, { once: true });
  const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
  // Nothing is held back for smoothness.
  if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
  const timings = new Timings();
  // One that comes late is of no use any more.
  const channel = peer.createDataChannel('timing', { ordered: false, maxRetransmits: 0 });
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => timings.take(data));
  peer.addEventListener('track', ({ track, streams: [stream] }) => {
    const video = videoElement(stage, (_time, picture) => {
      const ms = timings.mediaMs(picture?.rtpTimestamp);
      return ms === undefined ? undefined : { clock: 'media', ms };
    });
    video.srcObject = stream ?? new MediaStream([track]);
  });
  peer.addEventListener('connectionstatechange', () => {
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed') {
      fail(new DriverError(`WebRTC: ${peer.connectionState}`, 'passing', 'unconnected'));
    }
  });
  try {
    await peer.setLocalDescription();
    await gathered(peer);
    signal.throwIfAborted();
    // Not taken back once it is asked: the server may have begun, and only its answer says what to end.
    const response = await fetchRaw(cameraPath(wish.camera, '/whep'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
    });
    const location = response.headers.get('Location');
    if (location !== null) session = new URL(location, response.url).href;
    const sdp = await response.text();
    // Stopped while the answer was under way: the server must hear of it all the same.
    if (signal.aborted) end();
    else await peer.setRemoteDescription({ type: 'answer', sdp });
  } catch (error) {
    fail(driverError(error, 'unconnected'));
  }
}

export const whep: Driver = {
  kind: 'webrtc',
  supported: () => 'RTCPeerConnection' in window,
  play: (wish, stage) => void play(wish, stage),
};
