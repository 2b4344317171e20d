// What the browser tests share: a browser, pages that note everything that goes wrong in them,
// and a look at every page as everybody sees it.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { eventually } from './serve.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const LOOKS = [
  { name: 'light', scheme: 'light', locale: 'en' },
  { name: 'dark', scheme: 'dark', locale: 'de' },
  { name: 'phone', scheme: 'light', locale: 'de', width: 390, height: 844 },
];

let browser;

export const check = (what, holds, seen) => {
  if (!holds) throw new Error(`${what}${seen === undefined ? '' : ` (seen: ${JSON.stringify(seen)})`}`);
};

export async function close(page) {
  await page.context().close();
  check('no fault in the page', page.faults.length === 0, page.faults);
}

/** A print of what is to be seen of a camera, read back from its pixels. */
export const pixels = (page, camera) => page.evaluate((name) => {
  const shown = [...document.querySelectorAll(`[data-testid="video-${name}"] > div:first-child > *`)].at(-1);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 64, height: 36 });
  const context = canvas.getContext('2d');
  context.drawImage(shown, 0, 0, 64, 36);
  return [...context.getImageData(0, 0, 64, 36).data].filter((_, index) => index % 4 !== 3);
}, camera);

/** How many of the small print's values differ clearly. */
export const difference = (a, b) => a.filter((value, index) => Math.abs(value - b[index]) > 12).length;

export async function moves(page, camera) {
  await page.waitForSelector(`[data-testid="video-${camera}"][data-state="playing"]`, { timeout: 30_000 });
  const first = await eventually(`a picture of ${camera}`, async () => {
    const print = await pixels(page, camera);
    return print.some((value) => value > 30) && print;
  });
  await eventually(`the picture of ${camera} changes`, async () => difference(first, await pixels(page, camera)) > 5);
}

/** Starts the browser, and gives what tests of `server` need. */
export async function open(server, args = []) {
  const shots = process.env.SHOTS;
  if (shots) mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', ...args] });
  const api = async (path, init) => {
    const response = await fetch(`${server.omma}${path}`, init);
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  };
  const put = (name, settings) => api(`/api/v1/cameras/${name}`, {
    method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(settings),
  });

  /** A page that notes everything that goes wrong in it. */
  async function newPage({ path = '/', width = 1440, height = 900, scheme = 'light', locale = 'en', state } = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale, storageState: state });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.faults = [];
    page.on('pageerror', (error) => page.faults.push(String(error)));
    page.on('console', (message) => {
      // Refused requests are part of the tests; scripts against the rules, and faults, are not.
      if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) page.faults.push(message.text());
    });
    await page.goto(path.startsWith('/') ? server.portal + path : path);
    return page;
  }

  /**
   * Looks at pages, by name, as everybody sees them: nothing serious, nothing too wide. A page is an
   * address, or an address and what is done there first.
   */
  async function eachLook(pages, { state } = {}) {
    const found = [];
    for (const { name, ...look } of LOOKS) {
      const page = await newPage({ ...look, state, path: 'about:blank' });
      for (const [what, where] of Object.entries(pages)) {
        const [path, first] = [where].flat();
        await page.goto(server.portal + path);
        await page.waitForSelector('h1');
        await first?.(page);
        await settled(page);
        await shot(page, `${what}-${name}`);
        found.push(...await faultsOf(page, `${what} ${name}`));
        check(`the language of ${what}`, (await page.getAttribute('html', 'lang')) === look.locale);
      }
      await close(page);
    }
    check('nothing serious is found', found.length === 0, found);
  }
  const shot = (page, name) => shots && page.screenshot({ path: join(shots, `${name}.png`) });
  return { shots, shot, api, put, newPage, eachLook };
}

/** Waits until a page has come to rest: what it asked for is there, and nothing fades in any more. */
export const settled = (page) => eventually('the page has come to rest', () => page.evaluate(async () => {
  await document.fonts.ready;
  const waiting = document.querySelector('.mantine-Loader-root, [data-state="opening"], [data-showing="loading"]');
  const moving = document.getAnimations().some(({ playState, effect }) => playState === 'running' && effect.getComputedTiming().endTime !== Infinity);
  return !waiting && !moving && [...document.images].every(({ complete, loading }) => complete || loading === 'lazy');
}));

/** What shuts people out of the page as it is now. */
export async function faultsOf(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${what}: ${id} ${nodes.map((node) => node.html.slice(0, 160)).join(' | ').slice(0, 500)}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  return wide > 1 ? [...found, `${what}: wider than the screen by ${wide} pixels`] : found;
}

/** Pictures of how the pages of a failed test look. */
async function keepFailed() {
  const pages = browser.contexts().flatMap((context) => context.pages());
  if (!process.env.SHOTS) return;
  for (const [index, page] of pages.entries()) await page.screenshot({ path: join(process.env.SHOTS, `failed-${index}.png`) }).catch(() => undefined);
}

/** Said at the beginning of a line: `tools/test.sh` gathers what was skipped, and why. */
export const skip = (reason) => console.log(`skipped: ${reason}`);

/**
 * Runs the tests whose names hold the first argument, and ends the process with what came
 * of it. `chained`: each test builds on those before.
 */
export async function run(tests, server, chained = false) {
  let failures = 0;
  const only = process.argv[2];
  try {
    for (const [name, test] of Object.entries(tests)) {
      if (only && !name.includes(only)) continue;
      const begun = performance.now();
      try {
        await test();
        console.log(`ok    ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failures += 1;
        console.log(`FAILED ${name}\n       ${error.stack ?? error}`);
        await keepFailed();
        for (const context of browser.contexts()) await context.close();
        // What builds on it would only fail as well.
        if (chained) break;
      }
    }
  } finally {
    await browser.close();
    await server.stop();
  }
  process.exit(failures > 0 ? 1 : 0);
}
