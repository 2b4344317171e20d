// One camera's film that follows the moment it is told: opens footage as it is needed, and keeps in
// step by playing a little faster or slower. Knows nothing of React.

import { ApiError, cameraPath, fetchRaw } from '../api/client';
import { wait } from '../api/socket';
import { piece, rangeAt } from '../lib/timeline';
import { MINUTE, type Span } from '../lib/time';
import { correction, type Footage } from './clock';

/** So much footage is opened at once. */
const PIECE = 10 * MINUTE;
/** The others wait so long for one that loads; then they go on without it. */
const PATIENCE = 5000;
/** Footage that the browser can't play is tried so often: it may also have broken off. */
const TRIES = 3;

/** Footage that the browser did not play, which it says in its own words. */
export class FilmError extends Error {
  constructor(message: string, readonly brokeOff: boolean) {
    super(message);
    this.name = 'FilmError';
  }
}

/** Whether it may go well later although nothing else has changed. */
function passes(error: Error, tries: number): boolean {
  if (error instanceof ApiError) return error.away || error.status === 401 || error.status >= 500;
  return error instanceof FilmError && (error.brokeOff || tries < TRIES);
}

export type Showing = 'gap' | 'loading' | 'film' | 'failed';

interface Loaded extends Span {
  /** When the first picture of the file was taken. */
  zero: number;
}

export class Follower {
  private footage: readonly Footage[] = [];
  private loaded: Loaded | undefined;
  private asking: AbortController | undefined;
  private wanted: Span | undefined;
  private waitingSince: number | undefined;
  private shows: Showing = 'gap';
  private failedAt: Span | undefined;
  /** When what failed is tried again, if ever. */
  private retryAt = Number.POSITIVE_INFINITY;
  private tries = 0;
  /** Nobody answers: then no other camera has anything to show either. */
  private unanswered = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
    private readonly told: (showing: Showing, error?: Error) => void,
  ) {
    video.onerror = () => {
      if (!this.loaded) return;
      const { code, message } = video.error ?? {};
      void this.broken(new FilmError(`MediaError ${code ?? ''} ${message ?? ''}`.trim(), code === MediaError.MEDIA_ERR_NETWORK), this.loaded);
    };
  }

  have(footage: readonly Footage[]): void {
    this.footage = footage;
  }

  stop(): void {
    this.asking?.abort();
    this.video.onerror = null;
    this.video.removeAttribute('src');
    this.video.load();
  }

  /** Stands still until it is told a moment again. */
  hold(): void {
    this.video.pause();
  }

  /** Shows this moment. True where the others need not wait for it. */
  follow(at: number, speed: number, playing: boolean, now: number): boolean {
    const range = rangeAt(this.footage, at);
    if (!range) {
      this.video.pause();
      this.say('gap');
      return true;
    }
    if (this.failedAt && at >= this.failedAt.from && at < this.failedAt.to && now < this.retryAt) return !this.unanswered;
    const { loaded } = this;
    if (!loaded || at < loaded.zero || at >= loaded.to) {
      if (!this.wanted || at < this.wanted.from || at >= this.wanted.to) void this.open(piece(range, at, PIECE));
      this.video.pause();
      this.say('loading');
      return this.patient(false, now);
    }
    return this.patient(this.step((at - loaded.zero) / 1000, speed, playing), now);
  }

  private step(at: number, speed: number, playing: boolean): boolean {
    const { video } = this;
    if (video.readyState < HTMLMediaElement.HAVE_METADATA) return false;
    // The last picture of a file stands until the next file's first one.
    const place = Math.min(at, Math.max(0, video.duration - 0.05));
    if (!video.seeking) {
      const wanted = correction(video.currentTime - place, speed, playing);
      if (wanted.seek) video.currentTime = place;
      else if (video.playbackRate !== wanted.rate) video.playbackRate = wanted.rate;
    }
    const ready = video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || video.ended || place < at;
    if (playing && video.paused && !video.ended) void video.play().catch(() => undefined);
    if (!playing && !video.paused) video.pause();
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.tries = 0;
      this.say('film');
    }
    return ready && !video.seeking;
  }

  private patient(ready: boolean, now: number): boolean {
    if (ready) {
      this.waitingSince = undefined;
      return true;
    }
    this.waitingSince ??= now;
    return now - this.waitingSince > PATIENCE;
  }

  private say(showing: Showing, error?: Error): void {
    if (showing === this.shows && !error) return;
    this.shows = showing;
    this.told(showing, error);
  }

  private fail(error: Error, span: Span): void {
    this.wanted = undefined;
    this.failedAt = span;
    this.loaded = undefined;
    this.retryAt = passes(error, this.tries) ? performance.now() + wait(this.tries, Math.random()) : Number.POSITIVE_INFINITY;
    this.tries += 1;
    this.unanswered = error instanceof ApiError && (error.away || error.status === 401);
    this.waitingSince = undefined;
    this.say('failed', error);
  }

  /** An element does not tell that the server is away, or wants to know who asks. */
  private async broken(error: FilmError, span: Span): Promise<void> {
    this.fail(error, span);
    const url = this.address(span);
    const why: unknown = await fetchRaw(url, { headers: { Range: 'bytes=0-0' } }).then(() => error, (said: unknown) => said);
    if (this.failedAt === span && why instanceof Error && why !== error) this.fail(why, span);
  }

  private address({ from, to }: Span): string {
    return cameraPath(this.camera, `/recording.mp4?from=${Math.floor(from)}&to=${Math.ceil(to)}`);
  }

  private async open(span: Span): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const forgotten = () => asking.signal.aborted;
    this.wanted = span;
    this.failedAt = undefined;
    const { from, to } = span;
    const url = this.address(span);
    try {
      // The head says when the first picture was taken, and, where there is none, why.
      const response = await fetchRaw(url, { method: 'HEAD', signal: asking.signal });
      const zero = Number(response.headers.get('x-omma-time-ms') ?? from);
      this.loaded = { from, to, zero };
      this.wanted = undefined;
      this.video.src = url;
    } catch (reason) {
      if (forgotten()) return;
      // An answer to HEAD has no words; the same with GET says why.
      const why: unknown = await fetchRaw(url, { signal: asking.signal, headers: { Range: 'bytes=0-0' } }).then(() => reason, (said: unknown) => said);
      if (!forgotten()) this.fail(why instanceof Error ? why : new ApiError(String(why), undefined, 0), span);
    }
  }
}
