// How old a camera's pictures are when the portal shows them, by the clock in the picture of a
// simulated camera (`sim:street?stamp=true`). Prints JSON: the ages in milliseconds, half (p50) and
// 95 of 100 (p95), and half of the first and of the last fifth of the time.
//
//     node tests/age.mjs http://127.0.0.1:8080 street webrtc|mse 60

import { chromium } from 'playwright-core';

const [address, camera, way, seconds] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--allow-loopback-in-peer-connection', '--autoplay-policy=no-user-gesture-required'],
});

/** Runs in the page: the ages of all pictures that are shown within `lasts` milliseconds. */
async function look({ selector, lasts }) {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const ages = [];
  const until = performance.now() + lasts;
  while (performance.now() < until) {
    // The player makes another one when it begins anew.
    const video = document.querySelector(selector);
    if (!video?.videoWidth) {
      await new Promise((later) => setTimeout(later, 100));
      continue;
    }
    await new Promise((shown) => {
      video.requestVideoFrameCallback(shown);
      setTimeout(shown, 3000);
    });
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    context.drawImage(video, 0, 0);
    const now = Date.now();
    // 32 fields in the topmost sixteenth, white for one: milliseconds since 1970, as far as they fit.
    const row = context.getImageData(0, Math.floor(canvas.height / 32), canvas.width, 1).data;
    let taken = 0;
    for (let field = 0; field < 32; field += 1) {
      taken = (taken * 2 + (row[4 * Math.floor((2 * field + 1) * canvas.width / 64) + 1] > 125 ? 1 : 0)) % 2 ** 32;
    }
    ages.push((now % 2 ** 32) - taken);
  }
  return ages;
}

const share = (ages, part) => [...ages].sort((a, b) => a - b)[Math.floor(part * (ages.length - 1))];
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
if (way === 'mse') await page.addInitScript(() => delete window.RTCPeerConnection);
await page.goto(`${address}/cameras/${camera}`);
const video = `[data-testid="video-${camera}"][data-state="playing"]`;
await page.waitForSelector(video, { timeout: 30_000 });
const used = await page.getAttribute(video, 'data-way');
if (used !== way) throw new Error(`the portal shows ${camera} by ${used}, not by ${way}`);
const ages = await page.evaluate(look, { selector: `${video} video`, lasts: Number(seconds) * 1000 });
await browser.close();
const fifth = Math.floor(ages.length / 5);
console.log(JSON.stringify({
  pictures: ages.length, p50: share(ages, 0.5), p95: share(ages, 0.95),
  first: share(ages.slice(0, fifth), 0.5), last: share(ages.slice(-fifth), 0.5),
}));
