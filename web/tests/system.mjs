// The pages that add cameras, and those about the server itself: a look before adding, discovery,
// two people at one camera, models, the log, the configuration, and this device as a camera. Where
// a test needs what no machine has at hand (a download, devices around), it answers for the server.
//
//     OMMA=../target/debug/omma node tests/system.mjs

import { check, close, faultsOf, open, run } from './page.mjs';
import { eventually, start } from './serve.mjs';

const server = await start();
const { shot, api, put, newPage, eachLook } = await open(server, ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
const usable = async (page, what) => {
  const found = await faultsOf(page, what);
  check('nothing serious is found', found.length === 0, found);
};

/** A picture as a server would send it. */
async function picture() {
  const response = await fetch(`${server.omma}/cameras/street/snapshot.jpg?width=640`);
  return Buffer.from(await response.arrayBuffer()).toString('base64');
}

const MODELS = [
  { name: 'yolox-nano', family: 'yolox', title: 'Small and quick, 80 classes', licence: 'Apache-2.0', classes: 80, class_names: Array(80).fill('x'), input: [416, 416], bytes: 3_661_000, state: 'ready', names: ['people'], cameras: ['street'], can_pull: false, can_bench: true },
  { name: 'yolox-s', family: 'yolox', title: 'Larger, more exact', licence: 'Apache-2.0', classes: 80, class_names: Array(80).fill('x'), input: [640, 640], state: 'missing', names: [], cameras: [], source: 'https://models.example/yolox-s.onnx', can_pull: true, can_bench: false },
  { name: 'faces', family: 'ultraface', licence: 'MIT', classes: 1, class_names: ['face'], state: 'invalid', error: 'the file is cut off', names: [], cameras: [], can_pull: false, can_bench: false },
];

const tests = {
  async 'an address is looked at before a camera is added'() {
    const page = await newPage({ path: '/cameras' });
    await page.click('button:has-text("Add camera")');
    const jpeg = await picture();
    await page.route('**/api/v1/probe', (route) => {
      const { source } = route.request().postDataJSON();
      return route.fulfill({ json: source.includes('192.0.2')
        ? { online: false, error: { kind: 'unavailable', message: 'Connection refused', hint: 'check that the camera runs' }, findings: [] }
        : { online: true, picture: jpeg, video: { codec: 'h264', width: 640, height: 360, fps: 12, bitrate: 800_000, bitrate_peak: 900_000, keyframe_interval_ms: 4000, keyframe_at_least: false, b_frames: true, first_picture_ms: 120, clock: 'camera' }, findings: [{ level: 'warn', message: 'it sends B-frames', hint: 'switch them off' }] } });
    });
    await page.getByLabel('Address').fill('rtsp://192.0.2.1/x');
    await page.click('button:has-text("Look at it")');
    await page.waitForSelector('[data-testid="probe"][data-online="false"] >> text=Connection refused');
    await page.getByLabel('Address').fill('sim:street?size=640x360&fps=12');
    await page.click('button:has-text("Look at it")');
    const image = page.locator('[data-testid="probe"][data-online="true"] img');
    await image.waitFor();
    check('the picture is one', await image.evaluate((element) => element.decode().then(() => element.naturalWidth > 100)));
    await page.waitForSelector('text=it sends B-frames');
    await shot(page, 'probe');
    await usable(page, 'probe');
    await close(page);
  },

  async 'cameras around are found and taken into the form'() {
    const page = await newPage({ path: '/cameras' });
    await page.route('**/api/v1/discover?*', (route) => route.fulfill({ json: { notes: ['10.0.0.0/8 is too large to look at'], devices: [
      { address: '192.0.2.7', name: 'Front Door 2', kind: 'onvif', sources: ['rtsp://192.0.2.7:554/stream1', 'rtsp://192.0.2.7:554/stream2'] },
      { address: '192.0.2.9', kind: 'rtsp', sources: ['rtsp://192.0.2.9/'], known: 'street' },
    ] } }));
    await page.click('button:has-text("Add camera")');
    await page.click('button:has-text("Look for cameras")');
    await page.waitForSelector('[data-testid="discovery"] >> text=Front Door 2');
    await shot(page, 'discovery');
    await usable(page, 'discovery');
    await page.click('button:has-text("rtsp://192.0.2.7:554/stream1")');
    check('the address', (await page.getByLabel('Address').inputValue()) === 'rtsp://192.0.2.7:554/stream1');
    check('the name', (await page.getByLabel(/^Name/).inputValue()) === 'front-door-2');
    await close(page);
  },

  async 'two who edit one camera are told, and what both want is kept'() {
    const before = await api('/api/v1/cameras/street/settings');
    const page = await newPage({ path: '/cameras' });
    await page.click('button[aria-label="More for street"]');
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByLabel('Pictures a second').fill('5');
    await put('street', { ...before, record: { ...before.record, keep: '2h' } });
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[data-testid="conflict"] >> text=2h');
    await shot(page, 'conflict');
    await usable(page, 'conflict');
    check('nothing was saved yet', (await api('/api/v1/cameras/street/settings')).detect.fps !== 5);
    await page.click('button:has-text("Save mine, keep")');
    await eventually('both are saved', async () => {
      const { detect, record } = await api('/api/v1/cameras/street/settings');
      return Number(detect.fps) === 5 && record.keep === '2h';
    });
    await put('street', before);
    await close(page);
  },

  async 'a camera is passed on, and its switch says how that goes'() {
    const page = await newPage({ path: '/cameras' });
    await page.click('button[aria-label="More for street"]');
    await page.getByRole('menuitem', { name: 'Passing on' }).click();
    await page.getByLabel('Address (RTMP)').fill('rtmp://127.0.0.1:9/live/secret-key');
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[data-testid="pass"] >> text=Connection refused', { timeout: 20_000 });
    check('no secret', !(await page.innerText('[data-testid="pass"]')).includes('secret-key'));
    await shot(page, 'pass-on');
    await usable(page, 'pass-on');
    await page.click('button:has-text("Forget the address")');
    await page.getByLabel('Address (RTMP)').waitFor();
    await close(page);
  },

  async 'models are fetched and measured'() {
    const page = await newPage();
    let state = 'missing';
    let asked = 0;
    await page.route('**/api/v1/models', (route) => {
      if (state === 'pulling') asked += 1;
      const progress = Math.min(1, asked / 2);
      if (asked > 2) state = 'ready';
      return route.fulfill({ json: { models: MODELS.map((model) => (model.name === 'yolox-s' ? { ...model, state, can_pull: state === 'missing', ...(state === 'pulling' ? { progress } : {}) } : model)) } });
    });
    await page.route('**/api/v1/models/yolox-s/pull', (route) => {
      state = 'pulling';
      return route.fulfill({ status: 202, json: { ...MODELS[1], state } });
    });
    await page.route('**/api/v1/models/yolox-nano/bench', (route) => route.fulfill({ json: { engine: 'ort', per_second: 61.2, p50_ms: 16.1, p95_ms: 18.4, min_ms: 15.8, runs: 184 } }));
    await page.goto(`${server.portal}/system/models`);
    await page.click('button[aria-label="Fetch yolox-s"]');
    await page.waitForSelector('[data-testid="model-yolox-s"] [role="progressbar"]');
    await shot(page, 'models');
    await usable(page, 'models');
    await page.waitForSelector('[data-testid="model-yolox-s"] >> text=ready');
    await page.click('button[aria-label="Measure yolox-nano"]');
    await page.waitForSelector('[data-testid="bench"] >> text=61.2');
    await close(page);
  },

  async 'the log is filtered by the address, followed, and read further back'() {
    const page = await newPage();
    const questions = [];
    let newest = 1000;
    await page.route('**/api/v1/logs?*', (route) => {
      const query = Object.fromEntries(new URL(route.request().url()).searchParams);
      questions.push(query);
      const last = query.before ? Number(query.before) - 1 : (newest += 1);
      const first = Math.max(1, last - Number(query.limit) + 1);
      const entries = Array.from({ length: last - first + 1 }, (_, index) => ({ seq: first + index, time_ms: 1_795_000_000_000 + index * 1000, time: '2026-11-18T00:00:00Z', level: index % 7 ? 'info' : 'warn', part: 'omma_media::rtsp', message: `entry ${first + index}`, fields: { camera: 'street', tries: index } }));
      return route.fulfill({ json: { entries, dropped: 12 } });
    });
    await page.goto(`${server.portal}/system/logs?level=warn&camera=street`);
    await page.waitForSelector('[data-testid="logs"] >> text=entry 1001');
    check('asked as the address says', questions[0].level === 'warn' && questions[0].camera === 'street', questions[0]);
    await page.waitForSelector('[data-testid="logs"] >> text=entry 1002');
    check('what slipped out of the newest page stays', (await page.locator('[data-testid="logs"] li').count()) >= 201);
    await shot(page, 'logs');
    await usable(page, 'logs');
    await page.click('button:has-text("Older ones")');
    await page.waitForSelector('[data-testid="logs"] >> text=/entry 650\\b/');
    await page.getByLabel('Contains').fill('broken');
    await page.keyboard.press('Enter');
    await page.waitForURL('**text=broken**');
    await eventually('asked anew', () => questions.at(-1).text === 'broken');
    await close(page);
  },

  async 'the log says where it ends'() {
    const page = await newPage();
    const asked = [];
    await page.route('**/api/v1/logs?*', (route) => {
      const { before, limit } = Object.fromEntries(new URL(route.request().url()).searchParams);
      if (before) asked.push(before);
      const last = before ? Number(before) - 1 : 20_000;
      const entries = Array.from({ length: before ? 1700 : Number(limit) }, (_, index) => ({ seq: last - index, time_ms: 1_795_000_000_000, time: '2026-11-18T00:00:00Z', level: 'info', part: 'omma', message: `entry ${last - index}`, fields: {} })).reverse();
      return route.fulfill({ json: { entries, dropped: 0 } });
    });
    await page.goto(`${server.portal}/system/logs`);
    await page.getByRole('switch', { name: 'Follow' }).click({ force: true });
    for (const count of [1900, 3600, 5000]) {
      await page.click('button:has-text("Older ones")');
      await eventually(`${count} entries`, async () => (await page.locator('[data-testid="logs"] li').count()) === count);
    }
    await page.waitForSelector('[data-testid="logs-full"]');
    check('there is nothing more to press', (await page.locator('button:has-text("Older ones")').count()) === 0);
    check('no page was asked for twice', new Set(asked).size === asked.length && asked.length === 3, asked);
    await close(page);
  },

  async 'the configuration says where each value is from, and is checked'() {
    const page = await newPage();
    await page.route('**/api/v1/config', (route) => route.fulfill({ json: { file: 'omma.yaml', text: 'version: 1\ncameras:\n  door:\n    url: rtsp://viewer:***@192.0.2.10/1\n', values: [
      { key: 'version', value: 1, from: 'file' }, { key: 'http.listen', value: '127.0.0.1:8080', from: 'default' },
      { key: 'cameras.door.url', value: 'rtsp://viewer:***@192.0.2.10/1', from: 'environment' }, { key: 'cameras.door.record.mode', value: 'always', from: 'api' },
    ] } }));
    await page.route('**/api/v1/config/check', (route) => {
      const { text } = route.request().postDataJSON();
      return route.fulfill({ json: text.includes('urll')
        ? { valid: false, problems: [{ line: 4, key: 'cameras.door.urll', message: 'unknown key `urll`', hint: 'did you mean `url`?' }], warnings: [] }
        : { valid: true, problems: [], warnings: [{ message: 'nothing is recorded' }] } });
    });
    await page.goto(`${server.portal}/system/config`);
    await page.waitForSelector('[data-testid="values"] >> text=changed here');
    await shot(page, 'config');
    await usable(page, 'config');
    await page.getByLabel('Contains').fill('door');
    check('filtered', (await page.locator('[data-testid="values"] tbody tr').count()) === 2);
    await page.getByText('Check', { exact: true }).first().click();
    const text = page.locator('[data-testid="config-text"]');
    await text.fill((await text.inputValue()).replace('url:', 'urll:'));
    await page.locator('button', { hasText: 'Check' }).click();
    await page.waitForSelector('[data-testid="verdict"][data-valid="false"] >> text=did you mean');
    await page.click('button:has-text("Line 4")');
    check('the line is chosen', await text.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd).includes('urll')));
    await shot(page, 'config-check');
    await usable(page, 'config-check');
    await close(page);
  },

  async 'this device shows what it sees, and is sent'() {
    const page = await newPage();
    const asked = [];
    await page.route('**/api/v1/cameras/laptop/whip*', (route) => {
      asked.push(route.request().method());
      return route.fulfill({ status: 409, json: { error: { kind: 'conflict', message: 'somebody sends already', hint: 'stop that first' } } });
    });
    await page.route('**/api/v1/cameras', (route) => (route.request().method() === 'POST'
      ? route.fulfill({ status: 201, json: { name: 'laptop' } })
      : route.continue()));
    await page.goto(`${server.portal}/send`);
    await page.click('button:has-text("Open camera")');
    await eventually('the preview moves', () => page.evaluate(() => {
      const video = document.querySelector('[data-testid="preview"]');
      return video.videoWidth > 0 && video.currentTime > 0.3;
    }));
    await page.getByLabel('Mirror the preview').click({ force: true });
    await page.waitForSelector('[data-testid="preview"][data-mirror]');
    await page.getByRole('combobox', { name: 'Name in Omma' }).fill('street');
    await page.waitForSelector('text=reads from elsewhere');
    await page.getByRole('combobox', { name: 'Name in Omma' }).fill('laptop');
    await page.click('button:has-text("Send")');
    await page.waitForSelector('[data-testid="sending"][data-state="lost"] >> text=somebody sends already');
    await shot(page, 'send');
    await usable(page, 'send');
    await eventually('it is tried again by itself', () => asked.length >= 2);
    await page.click('button:has-text("Stop")');
    await page.waitForSelector('[data-testid="sending"][data-state="off"]');
    await close(page);
  },

  async 'a camera that is opened once one has left is closed again'() {
    const page = await newPage({ path: 'about:blank' });
    await page.addInitScript(() => {
      const devices = window.navigator.mediaDevices;
      const real = devices.getUserMedia.bind(devices);
      window.answers = [];
      window.opened = [];
      devices.getUserMedia = async (wish) => {
        // As long as somebody reads what the browser asks.
        await new Promise((done) => window.answers.push(done));
        const stream = await real(wish);
        window.opened.push(stream);
        return stream;
      };
    });
    await page.goto(`${server.portal}/send`);
    await page.click('button:has-text("Open camera")');
    await eventually('the browser asks', () => page.evaluate(() => window.answers.length === 1));
    check('nothing else can be chosen meanwhile', await page.getByRole('combobox', { name: 'Size of the pictures' }).or(page.getByRole('textbox', { name: 'Size of the pictures' })).first().isDisabled());
    await page.click('nav a[href="/events"]');
    await page.waitForURL('**/events');
    await page.evaluate(() => window.answers[0]());
    await eventually('it is closed', () => page.evaluate(() => window.opened.length === 1 && window.opened[0].getTracks().every(({ readyState }) => readyState === 'ended')));
    await close(page);
  },

  async 'a browser that can not send says why'() {
    for (const [what, change, words] of [
      ['webrtc', () => delete window.RTCPeerConnection, 'no WebRTC'],
      ['insecure', () => Object.defineProperty(window, 'isSecureContext', { value: false }), 'https://'],
      ['camera', () => delete window.Navigator.prototype.mediaDevices, 'gives pages no camera'],
    ]) {
      const page = await newPage({ path: 'about:blank' });
      await page.addInitScript(change);
      await page.goto(`${server.portal}/send`);
      await page.waitForSelector(`[data-testid="cannot-send"] >> text=${words}`);
      await shot(page, `send-${what}`);
      await close(page);
    }
  },

  async 'every page about the server is usable by everybody'() {
    await eachLook({ system: '/system', send: '/send', cameras: '/cameras' });
  },
};

await run(tests, server);
