// Starts what the browser tests need: Omma itself with simulated cameras and the portal that is
// part of it. Everything is stopped with it.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Asks until the answer is as wanted; fails with what was asked for when it takes too long. */
export async function eventually(what, ask, within = 30_000) {
  const until = performance.now() + within;
  let last;
  while (performance.now() < until) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`did not happen within ${within / 1000} s: ${what} (last: ${last})`);
}

function camera(name, url, more = '') {
  return `  ${name}:\n    url: ${JSON.stringify(url)}\n${more}`;
}

/** The program to test: `OMMA` if it is set, else what was built last. */
function program() {
  const candidates = [process.env.OMMA, '../target/release/omma', '../target/debug/omma'];
  return candidates.find((path) => path && existsSync(path));
}

/** `top` are more lines of the configuration, `more` more cameras in it. */
export async function start({ top = [], more = [] } = {}) {
  const omma = program();
  if (!omma) {
    console.log('skipped: there is no omma to test against; build it, or say where it is: OMMA=path');
    process.exit(0);
  }
  const folder = mkdtempSync(join(tmpdir(), 'omma-portal-'));
  const port = await freePort();
  const street = (seed, more = '') => `sim:street?people=5&cars=1&seed=${seed}&size=640x360&fps=12${more}`;
  const config = [
    'version: 1',
    `data_dir: ${JSON.stringify(join(folder, 'data'))}`,
    `http: { listen: '127.0.0.1:${port}' }`,
    ...top,
    'cameras:',
    camera('street', street(1), [
      '    detect: { model: motion, fps: 6, start_score: 0.4 }',
      '    record: { mode: always, keep: 1h, segment: 5s }',
      '    lines: { middle: { from: [0.5, 1.0], to: [0.5, 0.3] } }',
      '    zones: { left: { polygon: [[0.05, 0.5], [0.45, 0.5], [0.45, 0.98], [0.05, 0.98]], dwell: 2s } }',
      '',
    ].join('\n')),
    camera('hidden', 'redacted:street', '    redact: { style: pixelate }\n'),
    camera('gone', 'rtsp://127.0.0.1:9/none'),
    ...more.map(({ name, url, rest }) => camera(name, url, rest)),
  ].join('\n');
  writeFileSync(join(folder, 'omma.yaml'), config);
  let setupPath;
  const open = () => {
    const child = spawn(omma, ['run', '-c', join(folder, 'omma.yaml'), '--log', 'warn'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        setupPath = /\/setup#[\w-]+/.exec(text)?.[0] ?? setupPath;
        process.stderr.write(text);
      });
    }
    return child;
  };
  let process_ = open();
  const url = `http://127.0.0.1:${port}`;
  const up = () => eventually('Omma answers', async () => (await fetch(`${url}/healthz`)).ok);
  await up();
  const ended = (child) => new Promise((resolve) => {
    if (child.exitCode === null && child.signalCode === null) child.once('exit', resolve);
    else resolve();
  });
  const stopOmma = async () => {
    process_.kill('SIGTERM');
    await ended(process_);
  };
  return {
    omma: url,
    /** Where the log of a new server sends its first user. */
    setupPath: () => setupPath,
    folder,
    portal: url,
    stopOmma,
    startOmma: async () => {
      process_ = open();
      await up();
    },
    stop: async () => {
      await stopOmma();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
