// What a newcomer does in the first half hour, on the program as it is: nothing here is answered for
// the server. Cameras are added after a look at them, one of them is the camera of this device, and
// the pages about the server tell what is so.
//
//     OMMA=../target/debug/omma node tests/newcomer.mjs

import { check, close, faultsOf, moves, open, run, skip } from './page.mjs';
import { eventually, start } from './serve.mjs';

const server = await start();
const { shot, api, newPage } = await open(server, [
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--allow-loopback-in-peer-connection',
]);

const tests = {
  async 'an address that does not answer says why, one that does shows its first picture, and becomes a camera'() {
    const page = await newPage({ path: '/cameras' });
    await page.click('button:has-text("Add camera")');
    await page.getByLabel('Address').fill('rtsp://viewer:geheim@127.0.0.1:9/stream1');
    await page.click('button:has-text("Look at it")');
    const probe = page.locator('[data-testid="probe"]');
    await page.waitForSelector('[data-testid="probe"][data-online="false"]', { timeout: 30_000 });
    const told = await probe.innerText();
    check('the reason is told', /refused/i.test(told), told);
    check('the password is not', !told.includes('geheim'), told);
    await page.getByLabel('Address').fill('sim:street?size=640x360&fps=12&seed=9');
    await page.click('button:has-text("Look at it")');
    const image = page.locator('[data-testid="probe"][data-online="true"] img');
    await image.waitFor({ timeout: 30_000 });
    check('the first picture is one', await image.evaluate((element) => element.decode().then(() => element.naturalWidth > 100)));
    await shot(page, 'newcomer-probe');
    await page.getByLabel(/^Name/).fill('yard');
    // A card of `omma models list` needs no name in a file.
    await page.getByRole('combobox', { name: 'Detector' }).fill('yolox-nano');
    await page.click('[role="dialog"] button[type="submit"]');
    await page.goto(`${server.portal}/`);
    await moves(page, 'yard');
    await close(page);
  },

  async 'this device is a camera like any other'() {
    const page = await newPage({ path: '/send' });
    const canSend = await page.evaluate(() => window.RTCRtpSender.getCapabilities('video').codecs.some(({ mimeType }) => mimeType === 'video/H264'));
    if (!canSend) {
      skip('this Chromium encodes no H.264, so it can not be a camera');
      return close(page);
    }
    await page.click('button:has-text("Open camera")');
    await page.getByRole('combobox', { name: 'Name in Omma' }).fill('laptop');
    await page.click('button:has-text("Send")');
    await page.waitForSelector('[data-testid="sending"][data-state="sending"]', { timeout: 30_000 });
    await shot(page, 'newcomer-send');
    const wall = await newPage();
    await moves(wall, 'laptop');
    await shot(wall, 'newcomer-wall');
    const { cameras } = await api('/api/v1/cameras');
    const laptop = cameras.find(({ name }) => name === 'laptop');
    check('it is online', laptop?.state === 'online', laptop);
    await page.click('button:has-text("Stop")');
    await page.waitForSelector('[data-testid="sending"][data-state="off"]');
    await eventually('it is away', async () => (await api('/api/v1/cameras/laptop')).state !== 'online');
    await close(wall);
    await close(page);
  },

  async 'the models, the log and the configuration are those of this server'() {
    const page = await newPage({ path: '/system/models' });
    const { models } = await api('/api/v1/models');
    check('there are models', models.length > 3, models.length);
    for (const { name, licence } of models) {
      await page.waitForSelector(`[data-testid="model-${name}"] >> text=${licence ?? name}`);
    }
    await page.waitForSelector('[data-testid="model-yolox-nano"] >> text=yard');
    await shot(page, 'newcomer-models');
    await page.goto(`${server.portal}/system/logs`);
    await page.waitForSelector('[data-testid="logs"] li');
    await page.getByLabel('Contains').fill('gone');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-testid="logs"] >> text=/refused/i');
    await shot(page, 'newcomer-logs');
    await page.goto(`${server.portal}/system/config`);
    await page.getByLabel('Contains').fill('cameras.yard.url');
    await page.waitForSelector('[data-testid="values"] >> text=changed here');
    await page.getByText('Check', { exact: true }).first().click();
    const text = page.locator('[data-testid="config-text"]');
    await text.fill((await text.inputValue()).replace('url: rtsp', 'urll: rtsp'));
    await page.locator('button', { hasText: 'Check' }).click();
    await page.waitForSelector('[data-testid="verdict"][data-valid="false"] >> text=urll');
    await shot(page, 'newcomer-config');
    await close(page);
  },

  async 'cameras are looked for in the network'() {
    const page = await newPage({ path: '/cameras' });
    await page.click('button:has-text("Add camera")');
    await page.click('button:has-text("Look for cameras")');
    await page.locator('[data-testid="discovery"]').getByRole('button', { name: 'Try again' }).waitFor({ timeout: 60_000 });
    await shot(page, 'newcomer-discovery');
    const found = await faultsOf(page, 'discovery');
    check('nothing serious is found', found.length === 0, found);
    await close(page);
  },
};

await run(tests, server, true);
