// The moment that all cameras of a replay show: it moves on evenly, leaps over time of which no
// camera has footage, and says how a film that is ahead or behind gets back in step. Pure.

import { playableFrom } from '../lib/timeline';

export interface Footage {
  from_ms: number;
  to_ms: number;
}

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8] as const;

/** The moment after `elapsed` milliseconds of playing; none where nothing follows any more. */
export function advance(at: number, elapsed: number, speed: number, footage: readonly Footage[]): number | undefined {
  return playableFrom(footage, at + elapsed * speed);
}

/** All footage of all cameras, so that time that none of them has can be leapt over. */
export function together(cameras: readonly (readonly Footage[])[]): Footage[] {
  const all: Footage[] = [];
  for (const range of cameras.flat().toSorted((a, b) => a.from_ms - b.from_ms)) {
    const last = all.at(-1);
    if (last && range.from_ms <= last.to_ms) last.to_ms = Math.max(last.to_ms, range.to_ms);
    else all.push({ ...range });
  }
  return all;
}

/** What a film must do that is `drift` seconds ahead (or, below zero, behind). */
export type Correction = { seek: true } | { seek: false; rate: number };

export function correction(drift: number, speed: number, playing: boolean): Correction {
  const size = Math.abs(drift);
  if (!playing) return size > 0.03 ? { seek: true } : { seek: false, rate: speed };
  // A jump is seen; a tenth faster or slower is not.
  if (size > 0.6 * Math.max(1, speed)) return { seek: true };
  if (size < 0.06 * Math.max(1, speed)) return { seek: false, rate: speed };
  return { seek: false, rate: drift > 0 ? speed * 0.9 : speed * 1.1 };
}

/** The speed above or below; itself at the end. */
export function otherSpeed(speed: number, up: boolean): number {
  const index = SPEEDS.findIndex((one) => one >= speed);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, index + (up ? 1 : -1)))] ?? speed;
}

/** The next or previous of these times, seen from a moment. */
export function neighbour(times: readonly number[], at: number, later: boolean, apart: number): number | undefined {
  const good = times.filter((time) => (later ? time > at + apart : time < at - apart));
  if (good.length === 0) return undefined;
  return good.reduce((best, time) => (later ? Math.min(best, time) : Math.max(best, time)));
}
