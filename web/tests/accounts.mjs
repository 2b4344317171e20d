// The portal of a server with accounts: its first user, log-in and its end, what each role is
// offered, users, tokens and their trail; and the pages about the server itself.
//
//     OMMA=../target/debug/omma node tests/accounts.mjs       # SHOTS=folder keeps pictures of all pages

import { check, close, faultsOf, moves, open, run } from './page.mjs';
import { eventually, start } from './serve.mjs';

const server = await start({ top: ['accounts: true'] });
const { shot, newPage, eachLook } = await open(server, ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);

const PASSWORD = 'quite a long one';
// Labels of what is needed end with a star.
const PASSWORD_FIELD = /^Password( \*)?$/;

async function logIn(page, name, password = PASSWORD) {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel(PASSWORD_FIELD).fill(password);
  await page.click('[data-testid="login"] button[type="submit"]');
}

/** Asks the API with a user's own session. */
const asks = (page, method, path, data) => page.evaluate(async ([verb, address, body]) => {
  const { csrf } = await (await fetch('/api/v1/me')).json();
  const response = await fetch(address, { method: verb, headers: { 'x-omma-csrf': csrf, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}, [method, path, data]);

/** The session of a user, made by logging in once. */
const sessions = {};
async function as(name, options = {}) {
  if (!sessions[name]) {
    const page = await newPage();
    await logIn(page, name);
    await page.waitForSelector('[data-testid="user-menu"]');
    sessions[name] = await page.context().storageState();
    await close(page);
  }
  return newPage({ ...options, state: sessions[name] });
}

async function choose(page, label, option) {
  await page.getByRole('combobox', { name: label }).or(page.getByRole('textbox', { name: label })).first().click();
  await page.getByRole('option', { name: option }).first().click();
}

/** The pages of the past for somebody who may look, and not judge. */
async function onlyLooks() {
  // Where no video is: what ways there are to bring it is asked with questions that are refused.
  const page = await as('vera', { path: '/account' });
  await page.waitForSelector('[data-testid="user-menu"]');
  const none = async (what, selector) => check(what, (await page.locator(selector).count()) === 0);
  const { id } = await eventually('a crossing', async () => (await asks(page, 'GET', '/api/v1/events?kinds=line_crossed&cameras=street&limit=1')).body.events[0], 90_000);
  const refused = [];
  page.on('response', (response) => {
    if (response.status() === 403) refused.push(`${response.request().method()} ${response.url()}`);
  });
  await page.goto(`${server.portal}/events?kinds=line_crossed&review=true`);
  await page.waitForSelector('[data-testid="events"] [role="listitem"]');
  await none('nothing to mark, and nothing to judge', '[data-testid="mark-all"], [data-testid="review"], [role="dialog"]');
  await page.goto(`${server.portal}/events?kinds=line_crossed&event=${id}&review=true`);
  await page.waitForSelector('[data-testid="verdict-bar"]');
  await none('no verdicts', '[data-testid="right"], [data-testid="wrong"], [data-testid="reviewed"]');
  for (const key of ['r', 'w', 'f', 'm']) await page.keyboard.press(key);
  await shot(page, 'viewer-event');
  const { body: event } = await asks(page, 'GET', `/api/v1/events/${id}`);
  check('and no keys for them', event.verdict === null && event.reviewed === false, event);
  await page.goto(`${server.portal}/counts?camera=street&span=hour`);
  await page.waitForSelector('[data-testid="trust"]');
  await none('nothing to say of counts', '[data-testid="trust"] button, [data-testid="trust"] a');
  await page.goto(`${server.portal}/recordings?camera=street`);
  await page.waitForSelector('[data-testid="screen-street"][data-showing="film"]', { timeout: 40_000 });
  const moment = async () => Number(await page.getAttribute('[data-testid="moment"]', 'data-at'));
  const marked = await moment();
  await page.click('button:has-text("From here")');
  await page.focus('[data-testid="timeline"]');
  await page.keyboard.press('ArrowLeft');
  await eventually('another moment', async () => Math.abs(await moment() - marked) > 1000);
  await page.click('button:has-text("To here")');
  await page.waitForSelector('[data-testid="export"]');
  await none('nor of what was recorded', 'button:has-text("I watched it all")');
  check('nothing was asked that is refused', refused.length === 0, refused);
  await close(page);
}

const tests = {
  async 'the first user is made with the link that the start prints'() {
    const page = await newPage();
    await page.waitForSelector('[data-testid="no-user"]');
    await shot(page, 'no-user');
    const path = await eventually('the link is printed', () => server.setupPath());
    await page.goto('about:blank');
    await page.goto(server.portal + path);
    await page.getByLabel('User name').fill('anna');
    await page.getByLabel(PASSWORD_FIELD).fill('short');
    await page.click('button:has-text("Begin")');
    await page.waitForSelector('text=shorter than 10');
    await page.getByLabel(PASSWORD_FIELD).fill(PASSWORD);
    await page.getByLabel('Once more').fill(PASSWORD);
    await shot(page, 'setup');
    const found = await faultsOf(page, 'setup');
    check('nothing serious is found', found.length === 0, found);
    await page.click('button:has-text("Begin")');
    await moves(page, 'street');
    check('the token is gone from the address', page.url() === `${server.portal}/`, page.url());
    await close(page);
  },

  async 'a wrong password is refused, the right one leads to where one was going'() {
    const page = await newPage({ path: '/events?kinds=camera_state' });
    await logIn(page, 'anna', 'not the right one');
    await page.waitForSelector('[role="alert"]');
    await shot(page, 'login-failed');
    await logIn(page, 'anna');
    await page.waitForSelector('[data-testid="events"]');
    check('the page that was asked for', page.url().endsWith('/events?kinds=camera_state'), page.url());
    await close(page);
  },

  async 'a session that ends in the middle is begun anew, and nothing is lost'() {
    const page = await newPage({ path: '/cameras' });
    await logIn(page, 'anna');
    await page.click('button:has-text("Add camera")');
    await page.getByLabel(/^Name/).fill('half-written');
    await page.context().clearCookies();
    await page.waitForSelector('[data-testid="login"]', { timeout: 30_000 });
    await shot(page, 'login-ended');
    await page.getByLabel(PASSWORD_FIELD).fill(PASSWORD);
    await page.click('[data-testid="login"] button[type="submit"]');
    await page.waitForSelector('[data-testid="login"]', { state: 'detached' });
    check('the form is as it was', (await page.getByLabel(/^Name/).inputValue()) === 'half-written');
    await close(page);
  },

  async 'settings that are half changed outlive a session, and still know what they began with'() {
    const page = await newPage({ path: '/cameras' });
    await logIn(page, 'anna');
    await page.click('button[aria-label="More for street"]');
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByLabel('Pictures a second').fill('5');
    const other = await as('anna');
    const { body: before } = await asks(other, 'GET', '/api/v1/cameras/street/settings');
    const put = (settings) => asks(other, 'PUT', '/api/v1/cameras/street', settings);
    await put({ ...before, record: { ...before.record, keep: '2h' } });
    await page.context().clearCookies();
    await page.waitForSelector('[data-testid="login"]', { timeout: 30_000 });
    await page.keyboard.press('Escape');
    await page.getByLabel(PASSWORD_FIELD).fill(PASSWORD);
    await page.keyboard.press('Escape');
    await page.click('[data-testid="login"] button[type="submit"]');
    await page.waitForSelector('[data-testid="login"]', { state: 'detached' });
    check('the form is as it was', (await page.getByLabel('Pictures a second').inputValue()) === '5');
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[data-testid="conflict"] >> text=/7200s|2h/');
    await page.click('button:has-text("Take theirs")');
    await page.waitForSelector('[data-testid="conflict"]', { state: 'detached' });
    check('theirs is there', ['2h', '7200s'].includes(await page.getByLabel('Kept for').inputValue()));
    check('put back', (await put(before)).status === 200);
    await close(other);
    await close(page);
  },

  async 'behind the log-in nothing is asked, and a log-in in another tab is noticed'() {
    const page = await newPage({ path: '/cameras/street' });
    await logIn(page, 'anna');
    await moves(page, 'street');
    const way = () => page.getAttribute('[data-testid="video-street"]', 'data-way');
    const before = await way();
    await page.context().clearCookies();
    await page.waitForSelector('[data-testid="login"]', { timeout: 30_000 });
    const asked = [];
    let looked = 0;
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (pathname === '/api/v1/me') looked += 1;
      else if (pathname !== '/api/v1/setup') asked.push(pathname);
    });
    page.on('websocket', (socket) => asked.push(socket.url()));
    await eventually('it is looked whether somebody has logged in', () => looked >= 3, 60_000);
    check('and nothing else', asked.length === 0, asked);
    const other = await page.context().newPage();
    await other.goto(server.portal);
    await logIn(other, 'anna');
    await other.waitForSelector('[data-testid="user-menu"]');
    await page.bringToFront();
    await page.waitForSelector('[data-testid="login"]', { state: 'detached', timeout: 30_000 });
    await moves(page, 'street');
    check('by the same way as before', (await way()) === before && before === 'webrtc', [before, await way()]);
    await close(page);
  },

  async 'users are added, changed, locked out and removed'() {
    const page = await as('anna', { path: '/system/users' });
    const add = async (name, role, cameras) => {
      await page.click('button:has-text("Add user")');
      const form = page.getByRole('dialog');
      await form.getByLabel('User name').fill(name);
      if (role !== 'Viewer') await choose(page, 'Role', role);
      if (cameras) {
        await form.getByRole('switch', { name: 'All cameras' }).click({ force: true });
        await form.getByLabel('Cameras', { exact: true }).last().fill(cameras);
        await page.keyboard.press('Enter');
      }
      await form.getByLabel(PASSWORD_FIELD).fill(PASSWORD);
      await form.getByLabel('Once more').fill(PASSWORD);
      await shot(page, 'user-form');
      await form.locator('button[type="submit"]').click();
      await page.waitForSelector(`[data-testid="user-${name}"]`);
    };
    await add('vera', 'Viewer');
    await add('otto', 'Operator');
    await add('lina', 'Viewer', 'street');
    await add('gone', 'Viewer');
    check('her cameras', (await page.innerText('[data-testid="user-lina"]')).includes('street'));
    const menu = async (name, item) => {
      await page.click(`[data-testid="user-${name}"] button[aria-label="More for ${name}"]`);
      await page.getByRole('menuitem', { name: item }).click();
    };
    await menu('gone', 'Edit');
    await page.getByRole('dialog').getByRole('switch', { name: 'Locked out' }).click({ force: true });
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[data-testid="user-gone"] >> text=Locked out');
    const kept = await newPage();
    await logIn(kept, 'gone');
    await kept.waitForSelector('[role="alert"]');
    await close(kept);
    await menu('gone', 'Remove');
    await page.click('[role="dialog"] button:has-text("Remove")');
    await page.waitForSelector('[data-testid="user-gone"]', { state: 'detached' });
    await menu('anna', 'Remove');
    await page.click('[role="dialog"] button:has-text("Remove")');
    await page.waitForSelector('[role="dialog"] >> text=nobody could manage');
    await page.click('[role="dialog"] button:has-text("Cancel")');
    await close(page);
  },

  async 'two who change one user are told'() {
    const page = await as('anna');
    const { body: { users } } = await asks(page, 'GET', '/api/v1/users');
    let role = 'viewer';
    const sent = [];
    await page.route('**/api/v1/users', (route) => route.fulfill({ json: { users: users.map((user) => (user.name === 'lina' ? { ...user, role, etag: `"${role}"` } : user)) } }));
    await page.route('**/api/v1/users/lina', (route) => {
      sent.push([route.request().headers()['if-match'], route.request().postDataJSON()]);
      if (sent.at(-1)[0] === `"${role}"`) return route.fulfill({ json: users[0] });
      return route.fulfill({ status: 412, json: { error: { kind: 'conflict', message: 'it was changed meanwhile', hint: 'read it again' } } });
    });
    await page.goto(`${server.portal}/system/users`);
    await page.click('[data-testid="user-lina"] button[aria-label="More for lina"]');
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByRole('switch', { name: 'Locked out' }).click({ force: true });
    role = 'operator';
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[data-testid="conflict"] >> text=Operator');
    await shot(page, 'user-conflict');
    const found = await faultsOf(page, 'conflict of users');
    check('nothing serious is found', found.length === 0, found);
    await page.click('button:has-text("Take theirs")');
    await page.waitForSelector('[data-testid="conflict"]', { state: 'detached' });
    await page.getByRole('dialog').getByRole('switch', { name: 'Locked out' }).click({ force: true });
    await page.click('[role="dialog"] button[type="submit"]');
    await page.waitForSelector('[role="dialog"]', { state: 'detached' });
    check('with what they know', JSON.stringify(sent.map(([tag, body]) => [tag, body.role])) === '[["\\"viewer\\"","viewer"],["\\"operator\\"","operator"]]', sent);
    await close(page);
  },

  async 'a viewer is offered what a viewer may, an operator more'() {
    const viewer = await as('vera', { path: '/cameras' });
    await viewer.waitForSelector('[data-testid="camera-street"]');
    check('no cameras to add', (await viewer.locator('button:has-text("Add camera")').count()) === 0);
    check('recording is not hers to switch', await viewer.getByLabel('Record street').isDisabled());
    await viewer.goto(`${server.portal}/cameras/street`);
    await moves(viewer, 'street');
    check('nor lines', await viewer.locator('[data-testid="edit"]').isDisabled());
    await viewer.goto(`${server.portal}/system/users`);
    await viewer.waitForSelector('[data-testid="denied"]');
    check('the server says the same', (await asks(viewer, 'POST', '/api/v1/cameras/street/pause')).status === 403);
    await close(viewer);
    await onlyLooks();

    const operator = await as('otto', { path: '/cameras' });
    await operator.click('button[aria-label="Pause street"]');
    await operator.waitForSelector('button[aria-label="Resume street"]');
    await operator.click('button[aria-label="Resume street"]');
    await operator.waitForSelector('button[aria-label="Pause street"]');
    await operator.click('button[aria-label="More for street"]');
    await operator.getByRole('menuitem', { name: 'Passing on' }).waitFor();
    check('no settings', (await operator.getByRole('menuitem').allInnerTexts()).join() === 'Passing on');
    await operator.keyboard.press('Escape');
    await close(operator);

    const some = await as('lina', { path: '/' });
    await moves(some, 'street');
    check('only her camera', (await some.locator('[data-testid^="tile-"]').count()) === 1);
    check('nothing about the whole system', (await some.locator('nav a[href="/system"]').count()) === 0);
    await close(some);
  },

  async 'somebody else at the same browser sees nothing of the one before'() {
    const page = await newPage({ path: '/system/users' });
    await logIn(page, 'anna');
    await page.waitForSelector('[data-testid="user-vera"]');
    await page.click('[data-testid="user-menu"]');
    await shot(page, 'user-menu');
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.waitForSelector('[data-testid="login"]');
    await logIn(page, 'lina');
    await page.waitForSelector('[data-testid="tile-street"]');
    check('her cameras only', (await page.locator('[data-testid^="tile-"]').count()) === 1);
    await close(page);
  },

  async 'nor in a tab that was open all the while'() {
    const page = await newPage();
    await logIn(page, 'anna');
    await page.waitForSelector('[data-testid="tile-hidden"]');
    const other = await page.context().newPage();
    await other.goto(server.portal);
    await other.click('[data-testid="user-menu"]');
    await other.getByRole('menuitem', { name: 'Log out' }).click();
    await page.waitForSelector('[data-testid="login"]', { timeout: 70_000 });
    // Whatever is shown from now on was known before.
    await page.route('**/api/v1/cameras', () => undefined);
    await logIn(other, 'lina');
    await other.waitForSelector('[data-testid="tile-street"]');
    await page.waitForSelector('[data-testid="login"]', { state: 'detached', timeout: 30_000 });
    check('nothing of what the one before saw', (await page.locator('[data-testid^="tile-"]').count()) === 0);
    await page.unroute('**/api/v1/cameras');
    await page.waitForSelector('[data-testid="tile-street"]', { timeout: 30_000 });
    check('her cameras only', (await page.locator('[data-testid^="tile-"]').count()) === 1);
    await close(page);
  },

  async 'a password is changed, and a token is made, used and taken back'() {
    const page = await newPage({ path: '/account' });
    await logIn(page, 'vera');
    await page.getByLabel('Password so far').fill('wrong, I believe');
    await page.getByLabel('New password').fill(`${PASSWORD}!`);
    await page.getByLabel('Once more').fill(`${PASSWORD}!`);
    await page.click('form button:has-text("Change password")');
    await page.waitForSelector('text=the old password is wrong');
    await page.getByLabel('Password so far').fill(PASSWORD);
    await page.click('form button:has-text("Change password")');
    await page.waitForSelector('text=The password was changed');
    await page.click('button:has-text("Make a token")');
    await page.getByLabel('For what').fill('a test');
    check('no more than she may', (await page.getByLabel('Everything', { exact: true }).count()) === 0);
    await shot(page, 'token-form');
    await page.click('[role="dialog"] button[type="submit"]');
    const token = await page.locator('[data-testid="token"]').innerText();
    await shot(page, 'token');
    const authorization = { headers: { Authorization: `Bearer ${token}` } };
    check('the token is good', (await fetch(`${server.omma}/api/v1/cameras`, authorization)).ok);
    await page.click('[role="dialog"] button:has-text("Done")');
    await page.click('button[aria-label="Take back a test"]');
    await page.waitForSelector('text=There are no tokens');
    check('and no longer', (await fetch(`${server.omma}/api/v1/cameras`, authorization)).status === 401);
    delete sessions.vera;
    await close(page);
  },

  async 'what was done stands in the audit log'() {
    const page = await as('anna', { path: '/system/audit?what=login_failed' });
    await page.waitForSelector('[data-testid="audit"] tbody tr');
    const rows = await page.locator('[data-testid="audit"] tbody tr').allInnerTexts();
    check('only what was asked for', rows.every((row) => row.includes('failed to log in')), rows);
    await page.goto(`${server.portal}/system/audit?who=vera`);
    await page.waitForSelector('[data-testid="audit"] >> text=made a token');
    await close(page);
  },

  async 'every page about accounts is usable by everybody'() {
    const page = await as('anna');
    await close(page);
    await eachLook({ login: '/' });
    await eachLook({ account: '/account', users: '/system/users', audit: '/system/audit', wall: '/' }, { state: sessions.anna });
  },

  async 'an operator records'() {
    const operator = await as('otto', { path: '/cameras' });
    await operator.getByLabel('Record street').click({ force: true });
    await eventually('it is no longer recorded', async () => !(await operator.getByLabel('Record street').isChecked()));
    await operator.getByLabel('Record street').click({ force: true });
    await eventually('it is recorded again', async () => operator.getByLabel('Record street').isChecked());
    await close(operator);
  },
};

await run(tests, server, true);
