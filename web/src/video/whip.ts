// Sends pictures of this device into Omma over WebRTC, by WHIP (RFC 9725): an offer is posted, the
// answer comes back, and the session is ended by deleting it.

import { cameraPath, fetchRaw, send } from '../api/client';
import { h264First } from '../lib/sending';
import { gathered } from './ice';

export interface Sent {
  /** Pictures a second. */
  fps?: number;
  width?: number;
  height?: number;
  /** Bits a second since the reading before. */
  rate?: number;
}

export interface Sending {
  stop: () => void;
  sent: () => Promise<Sent>;
}

interface Ears {
  state: (state: RTCPeerConnectionState) => void;
}

async function offered(peer: RTCPeerConnection): Promise<string> {
  await peer.setLocalDescription();
  await gathered(peer);
  return peer.localDescription?.sdp ?? '';
}

/** The server need not wait for packets that will not come. */
function end(session: string): void {
  void send(session, { method: 'DELETE', keepalive: true }).catch(() => undefined);
}

/** Begins to send; throws where the server does not take it. */
export async function startSending(camera: string, stream: MediaStream, ears: Ears): Promise<Sending> {
  const peer = new RTCPeerConnection();
  let session: string | undefined;
  const stop = () => {
    window.removeEventListener('pagehide', stop);
    peer.close();
    if (session !== undefined) end(session);
    session = undefined;
  };
  try {
    for (const track of stream.getVideoTracks()) {
      const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
      peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] }).setCodecPreferences(h264First(codecs));
    }
    const answer = await fetchRaw(cameraPath(camera, '/whip'), {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: await offered(peer),
    });
    const location = answer.headers.get('Location');
    if (location !== null) session = new URL(location, answer.url).href;
    peer.addEventListener('connectionstatechange', () => ears.state(peer.connectionState));
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  } catch (error) {
    stop();
    throw error;
  }
  window.addEventListener('pagehide', stop);
  let before: { bytes: number; at: number } | undefined;
  const sent = async (): Promise<Sent> => {
    for (const report of (await peer.getStats()).values() as Iterable<RTCOutboundRtpStreamStats>) {
      if (report.type !== 'outbound-rtp' || report.kind !== 'video') continue;
      const now = { bytes: report.bytesSent ?? 0, at: report.timestamp };
      const rate = before && now.at > before.at ? ((now.bytes - before.bytes) * 8000) / (now.at - before.at) : undefined;
      before = now;
      return { fps: report.framesPerSecond, width: report.frameWidth, height: report.frameHeight, rate };
    }
    return {};
  };
  return { stop, sent };
}
