// The portal in a real browser against the real program: pictures move, a line that is drawn is
// counted with, footage plays, a restart of the server is survived, and nobody is shut out.
//
//     OMMA=../target/debug/omma npm run browser        # SHOTS=folder keeps pictures of all pages

import { readFileSync } from 'node:fs';
import { check, close, difference, moves, open, pixels, run } from './page.mjs';
import { eventually, start } from './serve.mjs';

const server = await start();
const { shot, api, put, newPage, eachLook } = await open(server);

const tests = {
  async 'the wall shows cameras that move, and says why others do not'() {
    const page = await newPage();
    await moves(page, 'street');
    await moves(page, 'hidden');
    await page.waitForSelector('[data-testid="tile-gone"] >> text=Connection refused');
    await page.click('[data-testid="tile-street"]');
    await page.waitForURL('**/cameras/street');
    await close(page);
  },

  async 'what is out of sight does not stream'() {
    const page = await newPage({ width: 400, height: 420 });
    const last = page.locator('[data-testid="video-street"]');
    await last.waitFor();
    check('one tile is in view, and one far below', (await last.boundingBox()).y > 520, await last.boundingBox());
    // What is in view would not play before what is out of sight.
    await page.waitForSelector('[data-testid="video-hidden"][data-state="playing"]', { timeout: 30_000 });
    check('a tile far below is idle', (await last.getAttribute('data-state')) === 'idle', await last.getAttribute('data-state'));
    await last.scrollIntoViewIfNeeded();
    await moves(page, 'street');
    await close(page);
  },

  async 'a camera moves, is paused, and tells what it finds'() {
    const page = await newPage({ path: '/cameras/street' });
    await moves(page, 'street');
    await page.waitForSelector('[data-testid="found"] tbody tr', { timeout: 30_000 });
    await page.click('button[aria-label="Pause"]');
    const before = await eventually('a still picture', async () => {
      const a = await pixels(page, 'street');
      await page.waitForTimeout(600);
      return difference(a, await pixels(page, 'street')) === 0 && a;
    });
    check('the still is no empty picture', before.some((value) => value > 30));
    await page.click('button[aria-label="Resume"]');
    await moves(page, 'street');
    await close(page);
  },

  async 'a line is drawn, saved, and counts; crossing edges are refused'() {
    const page = await newPage({ path: '/cameras/street' });
    await moves(page, 'street');
    await page.click('[data-testid="edit"]');
    await page.click('text=Add line');
    const editor = page.locator('[data-testid="editor"]');
    const box = await editor.boundingBox();
    const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(0.25, 0.95));
    await page.mouse.down();
    await page.mouse.move(...at(0.25, 0.6), { steps: 5 });
    await page.mouse.up();
    await page.getByLabel('Name', { exact: true }).fill('door');
    await page.keyboard.press('Enter');
    // The corner of the zone dragged across its far edge.
    await page.click('button:has-text("left")');
    await page.locator('[data-testid="corner-left-0"]').hover();
    await page.mouse.down();
    await page.mouse.move(...at(0.7, 0.75), { steps: 3 });
    await page.mouse.up();
    await page.waitForSelector('[data-testid="refused"]');
    // With the keyboard alone: a corner moves, an edge is split, and both are taken back.
    await page.focus('[data-testid="corner-left-0"]');
    await page.keyboard.press('ArrowRight');
    await page.click('button[aria-label="Undo"]');
    await shot(page, 'editor');
    const frames = (await api('/api/v1/cameras/street')).frames.received;
    await page.click('[data-testid="save"]');
    const line = await eventually('the line is in the API', async () => (await api('/api/v1/cameras/street')).lines.find(({ name }) => name === 'door'));
    check('where it was drawn', Math.abs(line.from[0] - 0.25) < 0.02 && Math.abs(line.from[1] - 0.95) < 0.02 && Math.abs(line.to[1] - 0.6) < 0.02, line);
    await eventually('the line counts', async () => {
      const counted = (await api('/api/v1/cameras/street/counts')).lines.find(({ name }) => name === 'door');
      return counted.forward + counted.backward > 0;
    }, 90_000);
    check('the camera was not interrupted', (await api('/api/v1/cameras/street')).frames.received > frames);
    await close(page);
  },

  async 'who saves second is told of the first'() {
    const page = await newPage({ path: '/cameras/street' });
    await page.click('[data-testid="edit"]');
    await page.click('text=Add zone');
    await page.focus('[data-testid="editor"]');
    await page.keyboard.press('Enter');
    const settings = await api('/api/v1/cameras/street/settings');
    await put('street', { ...settings, lines: { ...settings.lines, theirs: { from: [0.8, 1], to: [0.8, 0.5] } } });
    await page.click('[data-testid="save"]');
    await page.waitForSelector('[data-testid="conflict"]');
    check('nothing was saved yet', !(await api('/api/v1/cameras/street')).zones.some(({ name }) => name === 'zone'));
    await page.click('text=Take theirs');
    await page.waitForSelector('[data-testid="editor"] text:has-text("theirs")', { state: 'attached' });
    await close(page);
  },

  async 'what is drawn while it is saved stays, and nobody leaves without being asked'() {
    const page = await newPage({ path: '/cameras/street' });
    await page.click('[data-testid="edit"]');
    const draw = async (name) => {
      await page.click('text=Add line');
      await page.focus('[data-testid="editor"]');
      await page.keyboard.press('Enter');
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.keyboard.press('Enter');
    };
    const known = async (name) => (await api('/api/v1/cameras/street')).lines.some((line) => line.name === name);
    await draw('early');
    let saving;
    await page.route('**/api/v1/cameras/street', async (route) => {
      if (route.request().method() !== 'PUT') return route.continue();
      await new Promise((done) => {
        saving = done;
      });
      return route.continue();
    });
    await page.click('[data-testid="save"]');
    await eventually('it is being saved', () => saving);
    await draw('late');
    saving();
    await eventually('the first is saved', () => known('early'));
    await page.unroute('**/api/v1/cameras/street');
    await page.waitForSelector('[data-testid="save"]:not([disabled]):not([data-loading])');
    check('the second is not yet', !(await known('late')));
    await page.click('nav a[href="/events"]');
    await page.click('[role="dialog"] button:has-text("Cancel")');
    await page.click('[data-testid="save"]');
    await eventually('both are saved', () => known('late'));
    check('and nobody was in the way', (await page.locator('[data-testid="conflict"]').count()) === 0);
    await page.waitForSelector('[data-testid="save"]', { state: 'detached' });
    await page.click('[data-testid="edit"]');
    await draw('never');
    await page.click('nav a[href="/events"]');
    await shot(page, 'leaving');
    await page.click('[role="dialog"] button:has-text("Discard")');
    await page.waitForURL('**/events');
    check('it is not saved', !(await known('never')));
    const settings = await api('/api/v1/cameras/street/settings');
    const { early, late, ...lines } = settings.lines;
    check('both were lines', early && late);
    await put('street', { ...settings, lines });
    await close(page);
  },

  async 'events are filtered by the address, and play'() {
    await eventually('an event with footage', async () => (await api('/api/v1/events?kinds=line_crossed&limit=50')).events.some(({ clip }) => clip), 60_000);
    const page = await newPage({ path: '/events?cameras=street&kinds=line_crossed' });
    const rows = page.locator('[data-testid="events"] [role="listitem"]');
    await rows.first().waitFor();
    check('only crossings', (await rows.allInnerTexts()).every((text) => text.includes('crossed')));
    const { events } = await api('/api/v1/events?kinds=line_crossed&limit=100');
    const { id } = events.findLast(({ clip }) => clip);
    await page.goto(`${server.portal}/events?event=${id}`);
    await eventually('the footage plays', () => page.evaluate(() => {
      const film = document.querySelector('[data-testid="clip"]');
      return film && film.currentTime > 0.5 && film.videoWidth > 0;
    }), 40_000);
    await close(page);
  },

  async 'ten thousand events make a short page'() {
    const page = await newPage({ path: '/' });
    const [event] = (await api('/api/v1/events?limit=1')).events;
    let asked = 0;
    await page.route('**/api/v1/events?*', (route) => {
      const before = Number(new URL(route.request().url()).searchParams.get('before_seq') ?? 10_001);
      const limit = Number(new URL(route.request().url()).searchParams.get('limit'));
      asked += 1;
      const events = Array.from({ length: Math.min(limit, before - 1) }, (_, index) => ({ ...event, snapshot: null, id: `E${before - 1 - index}`, seq: before - 1 - index }));
      const next = before - limit > 1 ? before - limit : null;
      return route.fulfill({ json: { events, next } });
    });
    await page.goto(`${server.portal}/events`);
    await eventually('all events are there', async () => {
      await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
      return (await page.getAttribute('[data-testid="events"]', 'data-count')) === '10000';
    }, 60_000);
    const rows = await page.locator('[data-testid="events"] [role="listitem"]').count();
    check('only what is seen is drawn', rows < 60, rows);
    check('page by page', asked >= 50, asked);
    await close(page);
  },

  async 'recordings play from where they are asked for, and can be taken along'() {
    const page = await newPage({ path: '/recordings?camera=street' });
    const playing = () => page.evaluate(() => {
      const film = document.querySelector('[data-testid="film"]');
      return film && film.currentTime > 0.3 && film.videoWidth > 0 && film.currentTime;
    });
    await eventually('footage plays', playing, 40_000);
    await page.click('button:has-text("From here")');
    await page.focus('[data-testid="timeline"]');
    const moment = async () => Number(await page.getAttribute('[data-testid="moment"]', 'data-at'));
    const marked = await moment();
    await page.keyboard.press('ArrowLeft');
    await eventually('another moment', async () => Math.abs(await moment() - marked) > 1000);
    await page.click('button:has-text("To here")');
    const href = await page.getAttribute('[data-testid="export"]', 'href');
    const film = await fetch(server.omma + href);
    check('the export is a film', film.ok && film.headers.get('content-type') === 'video/mp4', film.status);
    await close(page);
  },

  async 'counts are those of the API'() {
    const page = await newPage({ path: '/counts?camera=street&rule=middle&span=hour' });
    const row = page.locator('[data-testid="line-totals"] tbody tr').first();
    await row.waitFor({ timeout: 60_000 });
    await eventually('the page says what the API says', async () => {
      const cells = await row.locator('td').allInnerTexts();
      const { counts } = await api('/api/v1/counts?cameras=street&rule=middle&kind=line_crossed');
      const sum = (direction) => counts.filter((count) => count.direction === direction).reduce((all, { count }) => all + count, 0);
      return Number(cells[3]) === sum('forward') && Number(cells[4]) === sum('backward');
    }, 40_000);
    await page.click('[data-testid="take"]');
    const [file] = await Promise.all([page.waitForEvent('download'), page.click('[data-testid="csv"]')]);
    const text = readFileSync(await file.path(), 'utf8');
    check('the table has a head and rows', /^start,camera,rule/.test(text) && text.split('\r\n').length > 2, text.slice(0, 80));
    await close(page);
  },

  async 'a camera is added, says why it gives no picture, is mended, and removed'() {
    const page = await newPage({ path: '/cameras' });
    await page.click('button:has-text("Add camera")');
    await page.getByLabel('Name').fill('new one');
    await page.getByLabel('Address').fill('rtsp://127.0.0.1:9/none');
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('text=1 to 64 of');
    await page.getByLabel('Name').fill('added');
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('text=It gives no picture', { timeout: 30_000 });
    await page.click('[role="dialog"] button:has-text("Edit")');
    await page.getByLabel('Address').fill('sim:street?size=320x180&fps=10');
    await page.click('[role="dialog"] button[type="submit"]');
    await moves(page, 'added');
    await page.click('[role="dialog"] button:has-text("Done")');
    await page.click('button[aria-label="More for added"]');
    await page.click('[role="menuitem"]:has-text("Remove")');
    await page.click('[role="dialog"] button:has-text("Remove")');
    await eventually('it is gone', async () => !(await api('/api/v1/cameras')).cameras.some(({ name }) => name === 'added'));
    await close(page);
  },

  async 'an open page survives that the server is started anew'() {
    const page = await newPage();
    await moves(page, 'street');
    const way = () => page.getAttribute('[data-testid="video-street"]', 'data-way');
    check('by the best way', (await way()) === 'webrtc', await way());
    let tried = 0;
    page.on('requestfailed', (request) => {
      if (/\/street\/(whep|mse)$/.test(request.url())) tried += 1;
    });
    await server.stopOmma();
    await page.waitForSelector('[data-testid="away"]', { timeout: 30_000 });
    await eventually('it was tried again and again', () => tried >= 3, 60_000);
    await shot(page, 'away');
    await server.startOmma();
    await page.waitForSelector('[data-testid="away"]', { state: 'detached', timeout: 40_000 });
    await eventually('the same way as before', async () => (await way()) === 'webrtc', 40_000);
    await moves(page, 'street');
    await close(page);
  },

  async 'a browser without WebRTC and Media Source shows pictures all the same'() {
    const page = await newPage({ path: 'about:blank', width: 1200, height: 800 });
    await page.addInitScript(() => {
      delete window.RTCPeerConnection;
      delete window.MediaSource;
      delete window.ManagedMediaSource;
    });
    await page.goto(`${server.portal}/cameras/street`);
    await moves(page, 'street');
    check('as JPEG', (await page.getAttribute('[data-testid="video-street"]', 'data-way')) === 'mjpeg');
    await close(page);
  },

  async 'Media Source plays films one after the other, as the server announces them'() {
    // Of now on: a restart of the server in an earlier test left a gap in what was before.
    const begun = Date.now();
    const { newest_ms: newest } = await eventually('footage', async () => {
      const recordings = await api('/api/v1/cameras/street/recordings');
      return recordings.newest_ms - begun > 9000 && recordings;
    }, 60_000);
    // A film out of the recordings stands in for a live one: both are fragmented MP4.
    const film = Buffer.from(await (await fetch(`${server.omma}/api/v1/cameras/street/recording.mp4?from=${newest - 8000}&to=${newest - 2000}`)).arrayBuffer());
    const type = film.indexOf('avcC') + 4;
    const mime = `video/mp4; codecs="avc1.${film.subarray(type + 1, type + 4).toString('hex')}"`;
    const page = await newPage({ path: 'about:blank', width: 1200, height: 800 });
    await page.addInitScript(() => delete window.RTCPeerConnection);
    // Without a WebSocket, such an address is refused, but not unknown.
    await page.route(/\/mse$/, (route) => route.fulfill({ status: 400, json: {} }));
    await page.routeWebSocket(/\/mse$/, (socket) => {
      for (const media of [0, 60_000, 120_000]) {
        socket.send(JSON.stringify({ mime, media_ms: media, wall_ms: 0, missed: 0 }));
        for (let at = 0; at < film.length; at += 100_000) socket.send(film.subarray(at, at + 100_000));
      }
    });
    await page.goto(`${server.portal}/cameras/street`);
    await moves(page, 'street');
    check('by Media Source', (await page.getAttribute('[data-testid="video-street"]', 'data-way')) === 'mse');
    await eventually('the films follow each other without a gap', () => page.evaluate(() => {
      const { buffered } = document.querySelector('[data-testid="video-street"] video');
      return buffered.length === 1 && buffered.end(0) > 14;
    }));
    await close(page);
  },

  async 'every page is usable by everybody'() {
    const pages = { live: '/', camera: '/cameras/street', cameras: '/cameras', counts: '/counts?span=hour', events: '/events?kinds=line_crossed', recordings: '/recordings', system: '/system', nowhere: '/nowhere' };
    await eachLook(pages);
  },
};

await run(tests, server);
