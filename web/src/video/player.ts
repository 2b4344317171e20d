// Keeps a camera's live pictures in an element, by whichever way works, and begins again when they
// stop. Knows nothing of React, so that it is the same for every page.

import { DriverError, fill, type Driver, type DriverKind, type Fault, type Moment, type Wish } from './driver';
import { mjpeg } from './mjpeg';
import { mse } from './mse';
import { missingWays, onForget } from './offers';
import { Ways } from './ways';
import { whep } from './whep';

/** Without a first picture for this long, a way counts as failed; cameras wait for a keyframe. */
const FIRST_WITHIN = 8000;
/** The same between two pictures. */
const NEXT_WITHIN = 12_000;

const DRIVERS: readonly Driver[] = [whep, mse, mjpeg].filter((driver) => driver.supported());
const ways = new Ways(DRIVERS.map(({ kind }) => kind));
onForget(() => ways.forget());

export type PlayerState =
  | { state: 'opening'; kind: DriverKind }
  | { state: 'playing'; kind: DriverKind }
  | { state: 'failed'; kind: DriverKind; reason: string; fault: Fault | undefined };

export interface Told {
  state: (state: PlayerState) => void;
  picture: (width: number, height: number, moment: Moment | undefined) => void;
  ready: (moment: Moment) => boolean;
}

export class Player {
  private running = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  /** In how many tries in a row nobody answered. */
  private unanswered = 0;
  private still: HTMLCanvasElement | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly wish: Wish,
    private readonly told: Told,
  ) {
    void this.begin();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.running.abort();
    this.still?.remove();
  }

  private async begin(): Promise<void> {
    const { signal } = this.running;
    for (const kind of await missingWays(this.wish.camera)) ways.lacks(kind, Date.now());
    if (!signal.aborted) this.run(ways.first(this.wish.camera, Date.now()));
  }

  /** What is to be seen now, as a canvas; none before the first picture. */
  grab(): HTMLCanvasElement | undefined {
    // The newest element lies above what stood there before.
    const shown = [...this.root.querySelectorAll<HTMLVideoElement | HTMLCanvasElement>('video, canvas')].at(-1);
    if (!shown) return undefined;
    const isVideo = shown instanceof HTMLVideoElement;
    const [width, height] = isVideo ? [shown.videoWidth, shown.videoHeight] : [shown.width, shown.height];
    if (width === 0) return undefined;
    const canvas = fill(document.createElement('canvas'));
    Object.assign(canvas, { width, height });
    canvas.getContext('2d')?.drawImage(shown, 0, 0);
    return canvas;
  }

  /** Stops and leaves the last picture standing. */
  freeze(): void {
    const canvas = this.grab();
    this.stop();
    if (!canvas) return;
    this.still = canvas;
    this.root.append(canvas);
  }

  private run(kind: DriverKind): void {
    const driver = DRIVERS.find((candidate) => candidate.kind === kind) ?? mjpeg;
    const running = new AbortController();
    this.running = running;
    let playing = false;
    const fail = (error: DriverError) => {
      if (running.signal.aborted) return;
      // The last picture stays until there is a new one: a frozen picture tells more than none.
      const last = playing ? this.grab() : undefined;
      running.abort();
      clearTimeout(this.timer);
      if (last) {
        this.still?.remove();
        this.still = last;
        this.root.prepend(last);
      }
      const away = error.scope === 'away';
      if (away) this.unanswered += 1;
      else this.tries += 1;
      const next = ways.after(kind, this.wish.camera, error.scope, away ? this.unanswered : this.tries, Date.now());
      if (next.kind === kind) this.told.state({ state: 'failed', kind, reason: error.message, fault: error.fault });
      else this.tries = 0;
      this.timer = setTimeout(() => this.run(next.kind), next.wait);
    };
    const watch = (within: number) => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => fail(new DriverError('no picture comes', 'passing', 'silent')), within);
    };
    this.told.state({ state: 'opening', kind });
    watch(FIRST_WITHIN);
    driver.play(this.wish, {
      root: this.root,
      signal: running.signal,
      ready: this.told.ready,
      failed: fail,
      picture: (width, height, moment) => {
        if (running.signal.aborted) return;
        if (!playing) {
          playing = true;
          this.tries = 0;
          this.unanswered = 0;
          this.still?.remove();
          this.told.state({ state: 'playing', kind });
        }
        watch(NEXT_WITHIN);
        this.told.picture(width, height, moment);
      },
    });
  }
}
