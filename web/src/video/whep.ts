// Live video over WebRTC, asked for by WHEP: an offer is posted, the answer comes back, and the
// session is ended by deleting it. The least delay of all ways.

import { cameraPath, refusal, send } from '../api/client';
import { DriverError, scopeOf, type Driver, type Stage, type Wish } from './driver';
import { videoElement } from './element';
import { gathered } from './ice';

async function play(wish: Wish, stage: Stage): Promise<void> {
  const { signal } = stage;
  const peer = new RTCPeerConnection();
  let session: string | undefined;
  const end = () => {
    peer.close();
    if (session !== undefined) void send(session, { method: 'DELETE', keepalive: true }).catch(() => undefined);
  };
  const fail = (error: DriverError) => {
    if (!signal.aborted) stage.failed(error);
  };
  signal.addEventListener('abort', end, { once: true });
  peer.addTransceiver('video', { direction: 'recvonly' });
  peer.addEventListener('track', ({ track, streams: [stream] }) => {
    const video = videoElement(stage, () => undefined);
    video.srcObject = stream ?? new MediaStream([track]);
  });
  peer.addEventListener('connectionstatechange', () => {
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed') {
      fail(new DriverError(`WebRTC: ${peer.connectionState}`, 'passing'));
    }
  });
  try {
    await peer.setLocalDescription();
    await gathered(peer);
    signal.throwIfAborted();
    const response = await send(cameraPath(wish.camera, '/whep'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
      signal,
    });
    if (!response.ok) {
      const error = refusal(await response.json().catch(() => undefined), response.status);
      throw new DriverError(error.message, scopeOf(response.status));
    }
    const location = response.headers.get('Location');
    if (location !== null) session = new URL(location, response.url).href;
    const sdp = await response.text();
    // Stopped while the answer was under way: the server must hear of it all the same.
    if (signal.aborted) end();
    else await peer.setRemoteDescription({ type: 'answer', sdp });
  } catch (error) {
    fail(error instanceof DriverError ? error : new DriverError(error instanceof Error ? error.message : String(error), 'passing'));
  }
}

export const whep: Driver = {
  kind: 'webrtc',
  supported: () => 'RTCPeerConnection' in window,
  play: (wish, stage) => void play(wish, stage),
};
