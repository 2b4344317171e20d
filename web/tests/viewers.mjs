// Many viewers of one camera by WebRTC (WHEP) that throw away what they get before it is decoded, so
// that only what they cost the server is left to measure. (As they never show anything they ask for
// a new beginning now and then, which costs the server more, not less.) Prints `watching` when all
// get pictures; when its input is closed, as JSON, what all of them got and missed: {packets, lost}.
//
//     node tests/viewers.mjs http://127.0.0.1:8080 street 16

import { chromium } from 'playwright-core';

const [address, camera, count] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--allow-loopback-in-peer-connection'] });
const page = await browser.newPage();
await page.goto(address);

/** Runs in the page: opens the viewers. */
async function watch({ path, viewers }) {
  window.peers = [];
  window.shown = new Set();
  for (let viewer = 0; viewer < viewers; viewer += 1) {
    const peer = new window.RTCPeerConnection({ encodedInsertableStreams: true });
    window.peers.push(peer);
    peer.ontrack = async ({ receiver }) => {
      const pictures = receiver.createEncodedStreams().readable.getReader();
      while (!(await pictures.read()).done) window.shown.add(viewer);
    };
    peer.addTransceiver('video', { direction: 'recvonly' });
    await peer.setLocalDescription();
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  }
}

/** Runs in the page: what came and what did not, of all viewers together. */
async function taken() {
  const sum = { packets: 0, lost: 0 };
  for (const peer of window.peers) {
    for (const report of (await peer.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      sum.packets += report.packetsReceived;
      sum.lost += report.packetsLost;
    }
  }
  return sum;
}

await page.evaluate(watch, { path: `/api/v1/cameras/${camera}/whep`, viewers: Number(count) });
await page.waitForFunction((all) => window.shown.size === all, Number(count), { timeout: 60_000 });
console.log('watching');
await new Promise((resolve) => process.stdin.on('end', resolve).resume());
console.log(JSON.stringify(await page.evaluate(taken)));
await browser.close();
