// What sending and receiving by WebRTC have in common.

/** Addresses that are not found within this time are not waited for. */
const GATHER_WITHIN = 1000;

/** Waits until this browser's own addresses are in the offer, so that one request is enough. */
export function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_WITHIN);
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      resolve();
    });
  });
}
