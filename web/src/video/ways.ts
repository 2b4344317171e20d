// Which way is tried next: from the least delay to what always works. Pure; `Player` acts on it.

import type { DriverKind, Scope } from './driver';

/** Ways that the server, or this browser, does not have are not tried again for a while. */
const REST = 5 * 60_000;
/** A way that worked is tried this often before it is given up. */
const TRIES = 2;

export class Ways {
  private readonly resting = new Map<string, number>();

  constructor(private readonly all: readonly DriverKind[]) {}

  /** The first way that may be tried for a camera. The last one always may. */
  first(camera: string, now: number): DriverKind {
    return this.from(0, camera, now);
  }

  /** The server does not have this way. */
  lacks(kind: DriverKind, now: number): void {
    this.resting.set(kind, now + REST);
  }

  /** All may be tried again: another server may be there now, or the same one work again. */
  forget(): void {
    this.resting.clear();
  }

  private from(index: number, camera: string, now: number): DriverKind {
    const last = this.all.at(-1) ?? 'mjpeg';
    return this.all.slice(index).find((kind) => !this.rests(kind, camera, now)) ?? last;
  }

  private rests(kind: DriverKind, camera: string, now: number): boolean {
    return [kind, `${kind} ${camera}`].some((key) => (this.resting.get(key) ?? 0) > now);
  }

  /**
   * What to try after `kind` failed for the `tries`th time in a row, and how long to wait. While
   * nobody answers, it stays with what it was: no other way would do better.
   */
  after(kind: DriverKind, camera: string, scope: Scope, tries: number, now: number): { kind: DriverKind; wait: number } {
    const isLast = kind === this.all.at(-1);
    if (!isLast && scope !== 'away' && (scope !== 'passing' || tries >= TRIES)) {
      this.resting.set(scope === 'server' ? kind : `${kind} ${camera}`, now + REST);
      return { kind: this.from(this.all.indexOf(kind) + 1, camera, now), wait: 0 };
    }
    return { kind, wait: Math.min(10_000, 500 * 2 ** Math.min(tries, 6)) };
  }
}
