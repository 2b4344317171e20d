// Live video as fragments of MP4 over a WebSocket, played through Media Source: where WebRTC's
// packets do not get through. Text messages say that a film begins, and on which clock; what lies
// between them are its head and fragments.

import { address } from '../api/socket';
import { ApiError, cameraPath, send } from '../api/client';
import { DriverError, driverError, scopeOf, type Driver, type Stage, type Wish } from './driver';
import { videoElement } from './element';

/** More than this behind the newest picture, in seconds, playing jumps ahead. */
const BEHIND = 1;
/** Where it jumps to: this far behind the newest picture, in seconds. */
const EDGE = 0.25;
/** From here on it catches up, unseen: a little faster until it is at the edge. */
const LATE = 0.4;
const FASTER = 1.1;
/** Played video is kept this long, in seconds, then thrown away. */
const KEPT = 10;
/** Fragments that wait to be taken by the browser; a page that can't keep up begins anew. */
const MAX_WAITING = 200;

interface Film {
  mime: string;
  /** Where the picture at the film's time 0 stands on the stream's own clock, if known. */
  mediaMs: number | undefined;
}

/** What a text message says: that a film begins, or why there is none. */
export function announcement(data: unknown): Film | DriverError | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const { mime, media_ms: media, error } = JSON.parse(data) as { mime?: unknown; media_ms?: unknown; error?: { message?: unknown } };
    if (typeof error?.message === 'string') return new DriverError(error.message, 'camera');
    return typeof mime === 'string' ? { mime, mediaMs: typeof media === 'number' ? media : undefined } : undefined;
  } catch {
    return undefined;
  }
}

/** Films one after the other, as they lie in the buffer: which picture is at which time of it. */
export class Reels {
  private readonly begun: { at: number; mediaMs: number | undefined }[] = [];

  /** A film begins at this time of the buffer, in seconds. */
  begin(at: number, mediaMs: number | undefined): void {
    this.begun.push({ at, mediaMs });
    // Played films are not kept for ever; what is in the buffer spans only a few.
    if (this.begun.length > 32) this.begun.shift();
  }

  mediaMs(time: number): number | undefined {
    // Half a millisecond, because buffers round.
    const film = this.begun.findLast(({ at }) => at <= time + 0.0005);
    return film?.mediaMs === undefined ? undefined : film.mediaMs + (time - film.at) * 1000;
  }
}

function sourceClass(): typeof MediaSource | undefined {
  const all = window as unknown as { ManagedMediaSource?: typeof MediaSource; MediaSource?: typeof MediaSource };
  return all.ManagedMediaSource ?? all.MediaSource;
}

/** Gives films and their fragments to the browser in their order, and throws away what was played. */
class Feeder {
  private readonly waiting: (ArrayBuffer | Film)[] = [];
  private mime: string;

  constructor(
    private readonly buffer: SourceBuffer,
    private readonly video: HTMLVideoElement,
    private readonly reels: Reels,
    first: Film,
    private readonly fail: (error: DriverError) => void,
  ) {
    this.mime = first.mime;
    buffer.addEventListener('updateend', () => this.next());
  }

  add(item: ArrayBuffer | Film): void {
    this.waiting.push(item);
    if (this.waiting.length > MAX_WAITING) this.fail(new DriverError('this browser can not keep up', 'passing', 'slow'));
    else this.next();
  }

  private next(): void {
    // Where the page has turned away in between, the buffer is no one's and throws at every question.
    try {
      if (this.buffer.updating || this.trimmed()) return;
      let item = this.waiting.shift();
      while (item && !(item instanceof ArrayBuffer)) {
        this.begin(item);
        item = this.waiting.shift();
      }
      if (item) this.buffer.appendBuffer(item);
    } catch (error) {
      this.fail(driverError(error));
    }
  }

  /** The film follows what is there without a gap, at which browsers would stop. */
  private begin({ mime, mediaMs }: Film): void {
    const { buffered } = this.buffer;
    const end = buffered.length > 0 ? buffered.end(buffered.length - 1) : 0;
    if (mime !== this.mime) this.buffer.changeType(mime);
    this.mime = mime;
    // A film that ended within a fragment would else swallow the next one's head.
    this.buffer.abort();
    this.buffer.timestampOffset = end;
    this.reels.begin(end, mediaMs);
  }

  /** Keeps near the newest picture; whether played video is being thrown away. */
  private trimmed(): boolean {
    const { buffered } = this.buffer;
    if (buffered.length === 0) return false;
    const [start, end] = [buffered.start(0), buffered.end(buffered.length - 1)];
    const { currentTime } = this.video;
    const behind = end - currentTime;
    if (currentTime < start || behind > BEHIND) this.video.currentTime = Math.max(start, end - EDGE);
    const rate = behind > LATE ? FASTER : 1;
    // In between, what it does goes on.
    if (this.video.playbackRate !== rate && (behind > LATE || behind < EDGE)) this.video.playbackRate = rate;
    if (currentTime - start <= 2 * KEPT) return false;
    this.buffer.remove(start, currentTime - KEPT);
    return true;
  }
}

/** A browser does not tell why a WebSocket was refused; the same address without one does. */
async function whyRefused(wish: Wish): Promise<DriverError> {
  try {
    const { status } = await send(cameraPath(wish.camera, '/mse'));
    const scope = scopeOf(status);
    return new DriverError(`Media Source: HTTP ${status}`, scope, scope === 'away' && status !== 401 ? 'away' : 'refused');
  } catch (error) {
    return driverError(new ApiError(error instanceof Error ? error.message : String(error), undefined, 0));
  }
}

function play(wish: Wish, stage: Stage): void {
  const Source = sourceClass();
  if (!Source) return;
  let feeder: Feeder | undefined;
  const reels = new Reels();
  const early: (ArrayBuffer | Film)[] = [];
  const socket = new WebSocket(address(cameraPath(wish.camera, '/mse')));
  socket.binaryType = 'arraybuffer';
  const fail = (error: DriverError) => {
    if (!stage.signal.aborted) stage.failed(error);
  };
  const begin = (film: Film) => {
    const source = new Source();
    const video = videoElement(stage, (time) => {
      const ms = reels.mediaMs(time);
      return ms === undefined ? undefined : { clock: 'media', ms };
    });
    // A managed source opens only where nothing is cast elsewhere.
    video.disableRemotePlayback = true;
    const url = URL.createObjectURL(source);
    // Also where the page turns away before it is opened.
    stage.signal.addEventListener('abort', () => URL.revokeObjectURL(url), { once: true });
    video.src = url;
    video.addEventListener('error', () => fail(new DriverError(video.error?.message ?? 'the video can not be played', 'camera', 'unplayable')));
    source.addEventListener('sourceopen', () => {
      URL.revokeObjectURL(url);
      feeder = new Feeder(source.addSourceBuffer(film.mime), video, reels, film, fail);
      for (const item of early.splice(0)) feeder.add(item);
      void video.play().catch(() => undefined);
    }, { once: true });
  };
  let opened = false;
  let begun = false;
  const take = (item: ArrayBuffer | Film) => {
    if (feeder) feeder.add(item);
    else if (early.push(item) > MAX_WAITING) fail(new DriverError('this browser can not keep up', 'passing', 'slow'));
  };
  socket.addEventListener('open', () => {
    opened = true;
  });
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer) {
      take(data);
      return;
    }
    const told = announcement(data);
    if (told === undefined) return;
    if (told instanceof DriverError) fail(told);
    else if (!Source.isTypeSupported(told.mime)) fail(new DriverError(`this browser does not play ${told.mime}`, 'camera', 'unplayable'));
    else {
      take(told);
      if (!begun) begin(told);
      begun = true;
    }
  });
  socket.addEventListener('close', () => {
    // Closed by ourselves: nobody need be asked why.
    if (stage.signal.aborted) return;
    if (opened) fail(new DriverError('the server ended the video', 'passing', 'ended'));
    else void whyRefused(wish).then(fail);
  });
  stage.signal.addEventListener('abort', () => socket.close(), { once: true });
}

export const mse: Driver = { kind: 'mse', supported: () => sourceClass() !== undefined, play };
