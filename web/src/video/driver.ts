// What every way of bringing a camera's live pictures into a page has in common. A page knows only
// `Player`; a new way is one more `Driver`.

import { ApiError } from '../api/client';

export type DriverKind = 'webrtc' | 'mse' | 'mjpeg';

/** What is to be seen. */
export interface Wish {
  camera: string;
  /** Wider pictures are of no use, in pixels. Ways that do not encode anew can't heed it. */
  width: number;
  /** So many pictures a second are enough. */
  fps: number;
}

/** Reasons that have words in every language; others come from the server. */
export type Fault = 'ended' | 'silent' | 'slow' | 'unplayable' | 'unconnected' | 'refused' | 'away';

/**
 * What a failure means. `camera`: this camera can't be shown this way, `server`: none can,
 * `passing`: it may work again in a moment, `away`: there was no server, or none that knows who is
 * asking, which says nothing of the way.
 */
export type Scope = 'passing' | 'camera' | 'server' | 'away';

/** Why a driver stopped. */
export class DriverError extends Error {
  constructor(message: string, readonly scope: Scope, readonly fault?: Fault) {
    super(message);
    this.name = 'DriverError';
  }
}

/**
 * Which picture it is: by the stream's own clock, or by the server's time of day. Both stand in each
 * analysis, and neither can be had from the other.
 */
export interface Moment {
  clock: 'media' | 'wall';
  ms: number;
}

/** Where a driver plays and whom it tells. */
export interface Stage {
  /** The driver puts one element in here that fills it, and takes it away when told to stop. */
  root: HTMLElement;
  /** Told to stop. */
  signal: AbortSignal;
  /** A picture is to be seen now: which one, if that is known. */
  picture: (width: number, height: number, moment: Moment | undefined) => void;
  failed: (error: DriverError) => void;
  /**
   * Whether what belongs onto this picture is known. Drivers that know their pictures'
   * times wait a little for it, so that boxes lie on the picture that they were found in.
   */
  ready: (moment: Moment) => boolean;
}

export interface Driver {
  kind: DriverKind;
  supported: () => boolean;
  play: (wish: Wish, stage: Stage) => void;
}

/** What the refusal of a request means for a driver. */
export function scopeOf(status: number): Scope {
  if (status === 0 || status === 401 || status === 502 || status === 504) return 'away';
  if (status === 404 || status === 405 || status === 501) return 'server';
  return status === 406 || status === 409 || status === 415 || status === 422 ? 'camera' : 'passing';
}

/** What went wrong for a driver. What browsers say themselves is in each one's own words: `otherwise` has ours. */
export function driverError(error: unknown, otherwise: Fault = 'ended'): DriverError {
  if (error instanceof DriverError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ApiError) return new DriverError(message, scopeOf(error.status), error.away ? 'away' : undefined);
  return new DriverError(message, 'passing', otherwise);
}

/** An element that fills its stage and keeps the picture's shape. */
export function fill<T extends HTMLElement>(element: T): T {
  element.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;object-fit:contain';
  // What is to be seen is said beside it, in words.
  element.setAttribute('aria-hidden', 'true');
  return element;
}
