// How long the wall takes to open: from the address to the last camera whose video plays. Prints
// the seconds of five openings as JSON, and the ways by which the video came.
//
//     node tests/wall.mjs http://127.0.0.1:8080 16

import { chromium } from 'playwright-core';

const [address, cameras] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--allow-loopback-in-peer-connection'] });
const seconds = [];
const ways = new Set();
for (let run = 0; run < 5; run += 1) {
  // A browser that knows nothing of the page yet.
  const context = await browser.newContext({ viewport: { width: 1920, height: 1600 } });
  const page = await context.newPage();
  const begun = performance.now();
  await page.goto(address);
  await page.waitForFunction((count) => document.querySelectorAll('[data-testid^="video-"][data-state="playing"]').length >= count, Number(cameras), { timeout: 60_000 });
  seconds.push((performance.now() - begun) / 1000);
  for (const tile of await page.locator('[data-testid^="video-"]').all()) ways.add(await tile.getAttribute('data-way'));
  await context.close();
}
await browser.close();
console.log(JSON.stringify({ seconds, ways: [...ways] }));
