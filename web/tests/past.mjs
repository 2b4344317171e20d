// What is asked of the past, in a real browser against the real program: a line tried before it is
// saved, counting later, heat maps, verdicts, footage of several cameras in step, and exports.
//
//     OMMA=../target/debug/omma node tests/past.mjs [part of a test's name]      # SHOTS=folder, OMMA_DATA=folder

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { check, close, difference, open, run, skip } from './page.mjs';
import { eventually, start } from './serve.mjs';

const data = process.env.OMMA_DATA ?? resolve('../../shared/data');
const clip = join(data, 'clips/PETS09-S2L1.mp4');
const people = existsSync(clip) && existsSync(join(data, 'models/yolox_nano.onnx'));

const server = await start({
  top: people ? ['models: { people: { card: yolox-nano, classes: [person] } }'] : [],
  more: [
    { name: 'yard', url: 'sim:street?people=4&cars=1&seed=7&size=640x360&fps=10', rest: [
      '    detect: { model: motion, fps: 5, start_score: 0.4 }',
      '    record: { mode: always, keep: 1h, segment: 5s }',
      '    lines: { gate: { from: [0.4, 1.0], to: [0.4, 0.3] } }',
      '',
    ].join('\n') },
    ...(people ? [{ name: 'square', url: clip, rest: '    loop: true\n    detect: { model: people }\n' }] : []),
  ],
});
const { shot, api, newPage, eachLook } = await open(server);

/** An event of a line of `street` with footage. */
const crossing = (skip = 0) => eventually('a crossing with footage', async () => {
  const { events } = await api('/api/v1/events?cameras=street&kinds=line_crossed&limit=200');
  return events.filter((event) => event.clip)[skip];
}, 90_000);

/** What each film of a replay shows: the time of day of its picture, and whether it runs. */
const films = (page) => page.evaluate(async () => Promise.all([...document.querySelectorAll('[data-testid="film"]')].map(async (film) => {
  window.zeros ??= {};
  window.zeros[film.src] ??= Number((await fetch(film.src, { method: 'HEAD' })).headers.get('x-omma-time-ms'));
  return { at: window.zeros[film.src] + film.currentTime * 1000, paused: film.paused, rate: film.playbackRate, width: film.videoWidth, src: film.src };
})));

const print = (page) => page.evaluate(() => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 64, height: 36 });
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector('[data-testid="film"]'), 0, 0, 64, 36);
  return [...context.getImageData(0, 0, 64, 36).data].filter((_, index) => index % 4 !== 3);
});

async function drawLine(page, from, to) {
  await page.click('[data-testid="edit"]');
  await page.click('text=Add line');
  const box = await page.locator('[data-testid="editor"]').boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 5 });
  await page.mouse.up();
}

const sumOf = (counts, direction) => counts.filter((row) => row.direction === direction).reduce((sum, row) => sum + row.count, 0);

/** Draws a line over a camera, and follows it from its preview to the counts of the page. */
async function fromPreviewToCounts(camera, from, to, name) {
  const page = await newPage({ path: `/cameras/${camera}` });
  await page.waitForSelector(`[data-testid="video-${camera}"][data-state="playing"]`, { timeout: 40_000 });
  const answer = page.waitForResponse((response) => response.url().endsWith('/preview') && response.ok() && 'line' in response.request().postDataJSON().lines, { timeout: 40_000 });
  await drawLine(page, from, to);
  const tried = await (await answer).json();
  const row = page.locator('[data-testid="preview-lines"] tbody tr', { hasText: 'line' }).last();
  await page.waitForSelector('[data-testid="preview"][data-pending="false"]');
  await eventually('the page says what the preview says', async () => {
    const { counts } = tried;
    const mine = counts.filter(({ rule }) => rule === 'line');
    const cells = await row.locator('td').allInnerTexts();
    return Number(cells[1]) === sumOf(mine, 'forward') && Number(cells[2]) === sumOf(mine, 'backward') && Number(cells[1]) + Number(cells[2]) > 0;
  }, 20_000);
  const drawn = Number(await page.getAttribute('[data-testid="ways"]', 'data-count'));
  check('ways are drawn', drawn > 0, drawn);
  await shot(page, `preview-${camera}`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.keyboard.press('Enter');
  await page.click('[data-testid="save"]');
  await page.waitForSelector('[data-testid="count-past"]');
  await page.click('[data-testid="count-past-go"]');
  const added = Number(await (await page.waitForSelector(`[data-testid="past-${name}"]`, { timeout: 30_000 })).getAttribute('data-added'));
  await shot(page, `past-${camera}`);
  check('the past was counted', added > 0, added);
  const { counts } = await api(`/api/v1/counts?cameras=${camera}&rule=${name}`);
  check('as the API says', counts.reduce((sum, one) => sum + (one.later ?? 0), 0) === added, counts);
  await page.goto(`${server.portal}/counts?camera=${camera}&rule=${name}&span=week`);
  await eventually('the counts of the page are those of the API', async () => {
    const now = (await api(`/api/v1/counts?cameras=${camera}&rule=${name}`)).counts;
    const shown = async (which) => (await page.locator(`[data-testid="${which}-${name}"]`).allInnerTexts()).reduce((sum, text) => sum + Number(text), 0);
    return await shown('forward') === sumOf(now, 'forward') && await shown('backward') === sumOf(now, 'backward');
  }, 60_000);
  check('counts of the past are marked', (await page.locator(`[data-testid="later-${name}"]`).count()) > 0);
  const total = (await api(`/api/v1/counts?cameras=${camera}&rule=${name}`)).counts;
  console.log(`      ${camera}: tried ${tried.counts.reduce((sum, one) => sum + one.count, 0)}, later ${added}, now ${sumOf(total, 'forward')} forward and ${sumOf(total, 'backward')} backward`);
  await close(page);
}

const tests = {
  async 'a line is tried on the past before it is saved, and counts it afterwards'() {
    await eventually('ways are kept', async () => (await api('/api/v1/events?cameras=street&kinds=line_crossed&limit=20')).events.length >= 6, 90_000);
    await fromPreviewToCounts('street', [0.4, 0.95], [0.4, 0.35], 'tried');
  },

  async 'edges that cross are refused, and it is said which'() {
    const page = await newPage({ path: '/cameras/street' });
    await page.click('[data-testid="edit"]');
    await page.click('button:has-text("left")');
    const box = await page.locator('[data-testid="editor"]').boundingBox();
    await page.locator('[data-testid="corner-left-0"]').hover();
    await page.mouse.down();
    await page.mouse.move(box.x + 0.7 * box.width, box.y + 0.75 * box.height, { steps: 3 });
    await page.mouse.up();
    await page.waitForSelector('[data-testid="refused"] >> text=would cross edge');
    check('they are shown', (await page.locator('[data-testid="attempt"] polyline').count()) === 2);
    await shot(page, 'crossing');
    await close(page);
  },

  async 'a heat map, cameras beside each other, CSV and Parquet'() {
    const page = await newPage({ path: '/counts?span=hour&by=camera', height: 1500 });
    await page.waitForSelector('[data-testid="heat-map"]', { timeout: 30_000 });
    const painted = await eventually('somebody walked', () => page.evaluate(() => {
      const map = document.querySelector('[data-testid="heat-map"]');
      const { data: pixels } = map.getContext('2d').getImageData(0, 0, map.width, map.height);
      return pixels.filter((value, index) => index % 4 === 3 && value > 0).length;
    }));
    check('in some of the fields', painted > 20, painted);
    const legend = await page.locator('.u-legend').first().innerText();
    check('a curve for each camera', legend.includes('street') && legend.includes('yard'), legend);
    const take = async (which) => {
      await page.click('[data-testid="take"]');
      const [file] = await Promise.all([page.waitForEvent('download'), page.click(`[data-testid="${which}"]`)]);
      return readFileSync(await file.path());
    };
    const lines = (await take('csv')).toString('utf8').trim().split('\r\n');
    check('the server\'s table', lines[0].startsWith('start,camera,rule,kind') && lines.length > 2, lines[0]);
    const bytes = await take('parquet');
    const rows = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) });
    check('the same as Parquet', rows.length > 2 && Math.abs(rows.length - (lines.length - 1)) <= 4 && rows.every(({ camera, count }) => camera && count > 0n), [rows.length, lines.length]);
    await shot(page, 'counts-cameras');
    await close(page);
  },

  async 'yesterday beside today'() {
    const page = await newPage({ path: '/counts?span=today&compare=day&camera=street' });
    const wanted = [];
    page.on('request', (request) => request.url().includes('/api/v1/counts?') && wanted.push(new URL(request.url()).searchParams));
    await page.reload();
    await page.waitForSelector('[data-testid="line-totals"]');
    await eventually('both days are asked for', async () => {
      const days = wanted.map((asked) => new Date(Number(asked.get('from'))));
      const [today, before] = [days[0], days.find((day) => day < days[0])];
      return before && today.getHours() === 0 && before.getHours() === 0 && new Set(days.map(Number)).size === 2;
    });
    await close(page);
  },

  async 'a crossing is looked at and judged by key, and tells how far the count can be trusted'() {
    const { id } = await crossing();
    const page = await newPage({ path: `/events?cameras=street&event=${id}` });
    await page.waitForSelector('[data-testid="verdict-bar"]');
    await eventually('the footage plays', () => page.evaluate(() => {
      const film = document.querySelector('[data-testid="clip"]');
      return film && film.currentTime > 0.3 && film.videoWidth > 0;
    }), 40_000);
    check('the line and the way are drawn', (await page.locator('[role="dialog"] [data-testid="ways"] polyline').count()) === 2);
    await page.keyboard.press('r');
    await page.waitForSelector('[data-testid="verdict-bar"][data-verdict="right"]');
    check('it is kept', (await api(`/api/v1/events/${id}/verdict`)).verdict === 'right');
    await shot(page, 'verdict');
    await page.click('[data-testid="wrong"]');
    await page.waitForSelector('[data-testid="verdict-bar"][data-verdict="wrong"]');
    await page.keyboard.press('w');
    await page.waitForSelector('[data-testid="verdict-bar"][data-verdict="none"]');
    check('it is taken back', (await api(`/api/v1/events/${id}/verdict`)).verdict === undefined);
    await page.keyboard.press('r');
    await page.waitForSelector('[data-testid="verdict-bar"][data-verdict="right"]');
    await page.goto(`${server.portal}/counts?camera=street&span=hour`);
    const row = page.locator('[data-testid="precision"] tbody tr').first();
    await row.waitFor();
    const { precision } = await api('/api/v1/cameras/street/precision');
    const said = precision.find(({ kind }) => kind === 'line_crossed');
    check('with its precision', (await row.innerText()).includes(`${said.right} right, ${said.wrong} wrong`), await row.innerText());
    await row.scrollIntoViewIfNeeded();
    await shot(page, 'trust');
    await close(page);
  },

  async 'judging goes from event to event'() {
    await eventually('enough to judge', async () => (await api('/api/v1/events?cameras=yard&kinds=line_crossed&rule=gate&reviewed=false')).events.length > 5, 120_000);
    const page = await newPage({ path: '/events?cameras=yard&kinds=line_crossed&rule=gate&review=true' });
    await page.waitForSelector('[data-testid="verdict-bar"]');
    const shown = () => new URL(page.url()).searchParams.get('event');
    const seen = [shown()];
    for (const key of ['r', 'w', 'r']) {
      await page.waitForSelector('[data-testid="verdict-bar"][data-verdict="none"]');
      await page.keyboard.press(key);
      await eventually('the next event', async () => shown() !== seen.at(-1));
      seen.push(shown());
    }
    const verdicts = await Promise.all(seen.slice(0, 3).map(async (id) => (await api(`/api/v1/events/${id}/verdict`)).verdict));
    check('each was kept', verdicts.join() === 'right,wrong,right', verdicts);
    await page.keyboard.press('k');
    await eventually('and back', async () => shown() === seen[2]);
    await close(page);
  },

  async 'what was looked at is marked, one by one and all at once'() {
    const filter = `cameras=yard&kinds=line_crossed&rule=gate&to=${Date.now()}`;
    const known = async (reviewed) => (await api(`/api/v1/events?${filter}&limit=1000${reviewed === undefined ? '' : `&reviewed=${reviewed}`}`)).events;
    const all = await known();
    check('there are some', all.length > 3, all.length);
    const page = await newPage({ path: `/events?${filter}` });
    const { id } = (await known(false)).at(-1);
    await page.goto(`${server.portal}/events?${filter}&event=${id}`);
    await page.waitForSelector('[data-testid="reviewed"][aria-pressed="false"]');
    await page.keyboard.press('m');
    await page.waitForSelector('[data-testid="reviewed"][aria-pressed="true"]');
    check('it is kept', (await api(`/api/v1/events/${id}`)).reviewed === true);
    await page.keyboard.press('Escape');
    await page.waitForSelector('[role="dialog"]', { state: 'detached' });
    await page.click('[data-testid="mark-all"]');
    await page.waitForSelector('[data-testid="mark-all"]', { state: 'detached' });
    const left = (await known(false)).length;
    check('all that were shown are marked', left === Math.max(0, all.length - 200), left);
    await page.goto(`${server.portal}/events?${filter}&reviewed=no`);
    if (left === 0) await page.waitForSelector('text=No event fits');
    await close(page);
  },

  async 'a span that was watched as a whole tells what was missed'() {
    const page = await newPage({ path: '/counts?camera=street&rule=middle&span=hour' });
    const say = async () => {
      await page.click('button:has-text("I watched it all")');
      await page.getByLabel('Missed', { exact: true }).fill('2');
      await page.click('[data-testid="watched-save"]');
    };
    await say();
    await page.waitForSelector('[data-testid="watched"] >> text=2 missed');
    const [review] = (await api('/api/v1/cameras/street/reviews')).reviews;
    check('as it was said', review.rule === 'middle' && review.kind === 'line_crossed' && review.missed === 2 && !review.direction, review);
    const { recall } = (await api('/api/v1/cameras/street/precision')).precision.find(({ kind }) => kind === 'line_crossed');
    const row = page.locator('[data-testid="precision"] tbody tr').first();
    await eventually('the recall of the API', async () => (await row.innerText()).includes(`${Math.round(recall.value * 100)}% (${Math.round(recall.low * 100)}%`));
    await shot(page, 'recall');
    await say();
    await page.waitForSelector('[role="dialog"] >> text=was looked through already');
    await shot(page, 'watched');
    await page.keyboard.press('Escape');
    await page.locator('[data-testid="watched"]').getByLabel('Remove').click();
    await page.waitForSelector('[data-testid="watched"]', { state: 'detached' });
    check('it is taken back', (await api('/api/v1/cameras/street/reviews')).reviews.length === 0);
    await close(page);
  },

  async 'ten thousand real events are scrolled through'() {
    if (spawnSync('sqlite3', ['-version']).error) {
      skip('ten thousand real events: there is no sqlite3 to make them with');
      return;
    }
    const before = (await api('/api/v1/events?kinds=line_crossed&cameras=yard&limit=1')).events.length;
    check('there is a pattern', before === 1);
    execFileSync('sqlite3', [join(server.folder, 'data/omma.db'), '.timeout 10000', `
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
      INSERT INTO events (id, camera, kind, direction, rule, track, class, score, rect, media_ns, wall_us)
      SELECT randomblob(16), camera, kind, direction, 'many', track, class, score, rect, media_ns, wall_us - i * 1000000
      FROM n, (SELECT * FROM events WHERE kind = 'line_crossed' AND camera = 'yard' LIMIT 1);`]);
    const page = await newPage({ path: '/events?rule=many' });
    await page.waitForSelector('[data-testid="events"] [role="listitem"]');
    await eventually('all of them are there', async () => {
      await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
      return (await page.getAttribute('[data-testid="events"]', 'data-count')) === '10000';
    }, 120_000);
    check('only what is seen is drawn', (await page.locator('[data-testid="events"] [role="listitem"]').count()) < 60);
    const frames = await page.evaluate(() => new Promise((done) => {
      const times = [];
      const top = document.body.scrollHeight;
      let last = performance.now();
      const step = (now) => {
        times.push(now - last);
        last = now;
        window.scrollTo(0, top - times.length * 700);
        if (times.length < 120) requestAnimationFrame(step);
        else done(times.sort((a, b) => a - b));
      };
      requestAnimationFrame(step);
    }));
    const rows = await page.locator('[data-testid="events"] [role="listitem"]').allInnerTexts();
    check('rows are there after it', rows.length > 5 && rows.every((text) => text.includes('many')), rows.length);
    console.log(`      a picture of scrolling took ${frames[60].toFixed(0)} ms (median), ${frames[114].toFixed(0)} ms (95 %)`);
    await close(page);
  },

  async 'two cameras are replayed in step: paused, faster, and scrubbed together'() {
    await eventually('footage of both', async () => {
      const all = await Promise.all(['street', 'yard'].map((name) => api(`/api/v1/cameras/${name}/recordings`)));
      return all.every(({ newest_ms, oldest_ms }) => newest_ms - oldest_ms > 30_000);
    }, 90_000);
    const page = await newPage({ path: '/recordings?camera=street,yard' });
    await eventually('both play', async () => {
      const both = await films(page);
      return both.length === 2 && both.every(({ width, paused }) => width > 0 && !paused);
    }, 60_000);
    const first = await print(page);
    await eventually('the picture changes', async () => difference(first, await print(page)) > 5);
    const apart = async () => {
      const [a, b] = await films(page);
      return Math.abs(a.at - b.at);
    };
    await eventually('in step', async () => (await apart()) < 250, 20_000);
    await shot(page, 'step');
    // Footage may have begun where the page does: what is gone back over is played first.
    const begun = await films(page);
    await eventually('it goes on', async () => (await films(page)).every(({ at }, index) => at > begun[index].at + 5500));
    await page.click('h1');
    await page.keyboard.press(' ');
    await eventually('both stand', async () => (await films(page)).every(({ paused }) => paused));
    await eventually('on the same moment', async () => (await apart()) < 120);
    const stood = await films(page);
    await page.keyboard.press('ArrowLeft');
    await eventually('both go back', async () => (await films(page)).every(({ at }, index) => Math.abs(stood[index].at - 5000 - at) < 250), 20_000);
    await page.keyboard.press('>');
    await page.keyboard.press(' ');
    await eventually('both run twice as fast', async () => (await films(page)).every(({ paused, rate }) => !paused && rate >= 1.7 && rate <= 2.3), 20_000);
    await close(page);
  },

  async 'a range is taken along, and people hidden where that is wanted'() {
    await eventually('footage', async () => {
      const { newest_ms, oldest_ms } = await api('/api/v1/cameras/street/recordings');
      return newest_ms - oldest_ms > 20_000;
    }, 60_000);
    const page = await newPage({ path: '/recordings?camera=street' });
    await eventually('footage plays', async () => (await films(page)).some(({ width, paused }) => width > 0 && !paused), 40_000);
    // What is taken along is what was played: in front of it there may be none.
    const [{ at: begun }] = await films(page);
    await eventually('it goes on', async () => (await films(page))[0].at > begun + 5500);
    await page.click('h1');
    await page.keyboard.press(' ');
    await page.keyboard.press('o');
    const marked = Number(await page.getAttribute('[data-testid="moment"]', 'data-at'));
    await page.keyboard.press('ArrowLeft');
    await eventually('it is 5 s earlier', async () => Number(await page.getAttribute('[data-testid="moment"]', 'data-at')) < marked - 4500);
    await page.keyboard.press('i');
    const href = await page.getAttribute('[data-testid="export"]', 'href');
    const film = join(server.folder, 'export.mp4');
    writeFileSync(film, Buffer.from(await (await fetch(server.omma + href)).arrayBuffer()));
    const probe = spawnSync('ffprobe', ['-v', 'error', '-count_frames', '-select_streams', 'v', '-show_entries', 'stream=nb_read_frames,width', '-show_entries', 'format=duration', '-of', 'json', film]);
    if (probe.error) skip('the pictures of an exported film are not counted: there is no ffprobe');
    else {
      const { streams: [video], format } = JSON.parse(probe.stdout);
      check('the file plays', video.width === 640 && Number(video.nb_read_frames) > 30 && Number(format.duration) > 3, { video, format });
    }
    let asked;
    await page.route(/redact=people/, (route) => {
      asked = route.request().url();
      return route.fulfill({ body: Buffer.from('film'), contentType: 'video/mp4' });
    });
    const [file] = await Promise.all([page.waitForEvent('download'), page.click('[data-testid="take-redacted"]')]);
    check('people are hidden in a file of its own', file.suggestedFilename().endsWith('_redacted.mp4') && asked.includes('recording.mp4?from='), asked);
    await page.unroute(/redact=people/);
    if (people) {
      const [real] = await Promise.all([page.waitForEvent('download', { timeout: 120_000 }), page.click('[data-testid="take-redacted"]')]);
      const hidden = readFileSync(await real.path());
      check('a film, and not the same one', hidden.subarray(4, 8).toString() === 'ftyp' && hidden.length > 10_000, hidden.length);
    } else skip('people hidden in a real export: no clip and model under OMMA_DATA');
    await page.route(/redact=people/, (route) => route.fulfill({ status: 409, json: { error: { kind: 'conflict', message: 'no model finds people', hint: 'pull one' } } }));
    await page.click('[data-testid="take-redacted"]');
    await page.waitForSelector('text=no model finds people');
    await shot(page, 'export');
    await close(page);
  },

  async 'an open replay survives that the server is started anew, and so do counts'() {
    // Longer than what is opened at first, so that there is footage which is not loaded yet.
    await eventually('footage', async () => {
      const { newest_ms, oldest_ms } = await api('/api/v1/cameras/street/recordings');
      return newest_ms - oldest_ms > 75_000;
    }, 120_000);
    const counts = await newPage({ path: '/counts?camera=street&span=hour' });
    await counts.waitForSelector('[data-testid="line-totals"]');
    const page = await newPage({ path: '/recordings?camera=street' });
    await eventually('it plays', async () => (await films(page)).some(({ width, paused }) => width > 0 && !paused), 60_000);
    await server.stopOmma();
    await page.waitForSelector('[data-testid="away"]', { timeout: 30_000 });
    await page.click('h1');
    // To a moment of which nothing is loaded.
    for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('[data-testid="screen-street"][data-showing="failed"] >> text=The server does not answer', { timeout: 20_000 });
    await shot(page, 'replay-away');
    await server.startOmma();
    await page.waitForSelector('[data-testid="away"]', { state: 'detached', timeout: 40_000 });
    await page.waitForSelector('[data-testid="screen-street"][data-showing="film"]', { timeout: 40_000 });
    const [{ at }] = await films(page);
    await eventually('it goes on', async () => (await films(page))[0].at > at + 1000);
    await close(page);
    await eventually('it counts on', async () => {
      const now = (await api('/api/v1/counts?cameras=street&rule=middle')).counts;
      return Number((await counts.locator('[data-testid="forward-middle"]').first().innerText()).split('\n')[0]) === sumOf(now, 'forward');
    }, 60_000);
    await close(counts);
  },

  async 'people on a square are counted with a line drawn in the browser'() {
    if (!people) {
      skip('people counted on a square in the browser: no clip and model under OMMA_DATA');
      return;
    }
    await eventually('people are followed', async () => (await api('/api/v1/cameras/square')).frames.analysed > 400, 180_000);
    await fromPreviewToCounts('square', [0.5, 0.3], [0.5, 0.95], 'path');
  },

  async 'every page is usable by everybody'() {
    const { id } = await crossing();
    await eachLook({
      'event': `/events?cameras=street&event=${id}&review=true`,
      'counts': '/counts?span=hour&compare=before',
      'steps': '/recordings?camera=street,yard',
      'editing': ['/cameras/street', async (page) => {
        await page.click('[data-testid="edit"]');
        await page.waitForSelector('[data-testid="preview"][data-pending="false"]');
      }],
    });
  },
};

await run(tests, server);
