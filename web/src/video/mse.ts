// Live video as fragments of MP4 over a WebSocket, played through Media Source: where WebRTC's
// packets do not get through. The first message says what is coming, all others are fragments.

import { address } from '../api/socket';
import { cameraPath } from '../api/client';
import { DriverError, scopeOf, type Driver, type Stage, type Wish } from './driver';
import { videoElement } from './element';

/** More than this behind the newest picture, playing jumps ahead. */
const BEHIND = 2;
/** Where it jumps to: this far behind the newest picture, in seconds. */
const EDGE = 0.25;
/** Played video is kept this long, in seconds, then thrown away. */
const KEPT = 10;
/** Fragments that wait to be taken by the browser; a page that can't keep up begins anew. */
const MAX_WAITING = 200;

interface Opening {
  mime: string;
  /** When the picture at media time zero was captured, in milliseconds since 1970, if known. */
  time_ms: number | undefined;
}

/** What the first message says; none where it says nothing that can be used. */
export function opening(data: unknown): Opening | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const { mime, time_ms: time } = JSON.parse(data) as { mime?: unknown; time_ms?: unknown };
    return typeof mime === 'string' ? { mime, time_ms: typeof time === 'number' ? time : undefined } : undefined;
  } catch {
    return undefined;
  }
}

function sourceClass(): typeof MediaSource | undefined {
  const all = window as unknown as { ManagedMediaSource?: typeof MediaSource; MediaSource?: typeof MediaSource };
  return all.ManagedMediaSource ?? all.MediaSource;
}

/** Gives fragments to the browser one after the other, and throws away what was played. */
class Feeder {
  private readonly waiting: ArrayBuffer[] = [];

  constructor(
    private readonly buffer: SourceBuffer,
    private readonly video: HTMLVideoElement,
    private readonly fail: (error: DriverError) => void,
  ) {
    buffer.addEventListener('updateend', () => this.next());
  }

  add(fragment: ArrayBuffer): void {
    this.waiting.push(fragment);
    if (this.waiting.length > MAX_WAITING) this.fail(new DriverError('this browser can not keep up', 'passing', 'slow'));
    else this.next();
  }

  private next(): void {
    if (this.buffer.updating) return;
    const { buffered } = this.buffer;
    if (buffered.length > 0) {
      const [start, end] = [buffered.start(0), buffered.end(buffered.length - 1)];
      const { currentTime } = this.video;
      if (currentTime < start || end - currentTime > BEHIND) this.video.currentTime = Math.max(start, end - EDGE);
      if (currentTime - start > 2 * KEPT) {
        this.buffer.remove(start, currentTime - KEPT);
        return;
      }
    }
    const fragment = this.waiting.shift();
    if (!fragment) return;
    try {
      this.buffer.appendBuffer(fragment);
    } catch (error) {
      this.fail(new DriverError(error instanceof Error ? error.message : String(error), 'passing'));
    }
  }
}

/** A browser does not tell why a WebSocket was refused; the same address without one does. */
async function whyRefused(wish: Wish): Promise<DriverError> {
  try {
    const { status } = await fetch(cameraPath(wish.camera, '/mse'), { credentials: 'same-origin' });
    return new DriverError(`Media Source: HTTP ${status}`, scopeOf(status));
  } catch {
    return new DriverError('the server is away', 'passing', 'away');
  }
}

function play(wish: Wish, stage: Stage): void {
  const Source = sourceClass();
  if (!Source) return;
  let timeZero: number | undefined;
  let feeder: Feeder | undefined;
  const early: ArrayBuffer[] = [];
  const socket = new WebSocket(address(cameraPath(wish.camera, '/mse')));
  socket.binaryType = 'arraybuffer';
  const fail = (error: DriverError) => {
    if (!stage.signal.aborted) stage.failed(error);
  };
  const begin = ({ mime, time_ms }: Opening) => {
    if (!Source.isTypeSupported(mime)) {
      fail(new DriverError(`this browser does not play ${mime}`, 'camera', 'unplayable'));
      return;
    }
    timeZero = time_ms;
    const source = new Source();
    const video = videoElement(stage, (mediaTime) => (timeZero === undefined ? undefined : timeZero + mediaTime * 1000));
    // A managed source opens only where nothing is cast elsewhere.
    video.disableRemotePlayback = true;
    const url = URL.createObjectURL(source);
    video.src = url;
    video.addEventListener('error', () => fail(new DriverError(video.error?.message ?? 'the video can not be played', 'camera', 'unplayable')));
    source.addEventListener('sourceopen', () => {
      URL.revokeObjectURL(url);
      const buffer = source.addSourceBuffer(mime);
      feeder = new Feeder(buffer, video, fail);
      for (const fragment of early.splice(0)) feeder.add(fragment);
      void video.play().catch(() => undefined);
    }, { once: true });
  };
  let opened = false;
  let begun = false;
  socket.addEventListener('open', () => {
    opened = true;
  });
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer) {
      if (feeder) feeder.add(data);
      else if (early.push(data) > MAX_WAITING) fail(new DriverError('no description came before the video', 'passing'));
      return;
    }
    const description = opening(data);
    if (!begun && description) {
      begun = true;
      begin(description);
    }
  });
  socket.addEventListener('close', () => {
    if (opened) fail(new DriverError('the server ended the video', 'passing', 'ended'));
    else void whyRefused(wish).then(fail);
  });
  stage.signal.addEventListener('abort', () => socket.close(), { once: true });
}

export const mse: Driver = { kind: 'mse', supported: () => sourceClass() !== undefined, play };
