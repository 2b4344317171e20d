// Live pictures as JPEG: works in every browser and for every codec, because the server decodes.
// Where no connection is free for endless pictures, single ones are asked for in turn.

import { fetchRaw } from '../api/client';
import { DriverError, driverError, fill, type Driver, type Moment, type Stage, type Wish } from './driver';
import { MultipartReader } from './multipart';
import { stills, streams } from './slots';

/** A picture is held back this long at most for what belongs onto it. */
const PATIENCE = 600;
/** More pictures than this do not wait; the oldest is shown. */
const MAX_HELD = 12;
/** Single pictures are not asked for more often than this. */
const STILL_EVERY = 400;

interface Held {
  bitmap: ImageBitmap;
  moment: Moment | undefined;
  came: number;
}

/** Shows pictures in their order, each when what belongs onto it is known. */
class Screen {
  private readonly canvas = fill(document.createElement('canvas'));
  private readonly held: Held[] = [];
  private frame: number;

  constructor(private readonly stage: Stage) {
    stage.root.append(this.canvas);
    const look = () => {
      this.look();
      this.frame = requestAnimationFrame(look);
    };
    this.frame = requestAnimationFrame(look);
    stage.signal.addEventListener('abort', () => {
      cancelAnimationFrame(this.frame);
      this.canvas.remove();
      for (const { bitmap } of this.held) bitmap.close();
    }, { once: true });
  }

  async add(bytes: BlobPart, moment: Moment | undefined): Promise<void> {
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    if (this.stage.signal.aborted) {
      bitmap.close();
      return;
    }
    this.held.push({ bitmap, moment, came: performance.now() });
    if (document.hidden || this.held.length > MAX_HELD) this.look();
  }

  private look(): void {
    let show: Held | undefined;
    for (;;) {
      const first = this.held[0];
      if (!first) break;
      const late = performance.now() - first.came > PATIENCE || this.held.length > MAX_HELD;
      if (!late && first.moment && !this.stage.ready(first.moment)) break;
      show?.bitmap.close();
      show = this.held.shift();
    }
    if (!show) return;
    const { bitmap } = show;
    const { width, height } = bitmap;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.stage.picture(width, height, show.moment);
  }
}

function takenAt(text: string | null | undefined): Moment | undefined {
  const ms = Number(text ?? Number.NaN);
  return Number.isFinite(ms) ? { clock: 'wall', ms } : undefined;
}

function path(wish: Wish, file: string): string {
  return `/cameras/${encodeURIComponent(wish.camera)}/${file}?annotated=false&width=${wish.width}`;
}

async function stream(wish: Wish, { signal }: Stage, screen: Screen): Promise<void> {
  const response = await fetchRaw(`${path(wish, 'live.mjpg')}&fps=${wish.fps}`, { signal });
  const reader = response.body?.getReader();
  if (!reader) throw new DriverError('this browser does not read answers as they come', 'camera', 'unplayable');
  const parts = new MultipartReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new DriverError('the server ended the pictures', 'passing', 'ended');
    // Of several that came at once only the newest is worth showing.
    const last = parts.push(value).at(-1);
    if (last) await screen.add(last.body, takenAt(last.headers.get('x-omma-time-ms')));
  }
}

async function still(wish: Wish, { signal }: Stage, screen: Screen): Promise<void> {
  const begun = performance.now();
  const release = await stills.wait(signal);
  try {
    const response = await fetchRaw(path(wish, 'snapshot.jpg'), { signal });
    await screen.add(await response.arrayBuffer(), takenAt(response.headers.get('x-omma-time-ms')));
  } finally {
    release();
  }
  const rest = STILL_EVERY - (performance.now() - begun);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)));
}

async function play(wish: Wish, stage: Stage): Promise<void> {
  const screen = new Screen(stage);
  let release: (() => void) | undefined;
  try {
    while (!release && !stage.signal.aborted) {
      release = streams.take();
      // A still bridges the time until a stream is free.
      if (!release) await still(wish, stage, screen);
    }
    if (!stage.signal.aborted) await stream(wish, stage, screen);
  } catch (error) {
    if (stage.signal.aborted) return;
    stage.failed(driverError(error));
  } finally {
    release?.();
  }
}

export const mjpeg: Driver = {
  kind: 'mjpeg',
  supported: () => true,
  play: (wish, stage) => void play(wish, stage),
};
