// Counts as charts and tables want them: in local steps, for lines and zones, from the rows that
// the server gives. Pure.

import { floor, steps, type Span, type Step } from './time';

export interface Row {
  camera: string;
  rule: string;
  kind: string;
  direction?: string | null;
  class?: string | null;
  count: number;
  /** How many of them were counted later, from stored ways. */
  later?: number | null;
  start_ms?: number | null;
  dwell_total_ms?: number | null;
}

export type Measure = 'forward' | 'backward' | 'entered' | 'left' | 'dwelled';
export const LINE_MEASURES: readonly Measure[] = ['forward', 'backward'];
export const ZONE_MEASURES: readonly Measure[] = ['entered', 'left', 'dwelled'];

export function measure(row: Row): Measure | undefined {
  switch (row.kind) {
    case 'line_crossed': return row.direction === 'backward' ? 'backward' : 'forward';
    case 'zone_entered': return 'entered';
    case 'zone_left': return 'left';
    case 'zone_dwelled': return 'dwelled';
    default: return undefined;
  }
}

/** The same rows apart by camera, in the order of their names. */
export function byCamera(rows: readonly Row[]): [camera: string, rows: Row[]][] {
  const all = new Map<string, Row[]>();
  for (const row of rows) {
    const list = all.get(row.camera);
    if (list) list.push(row);
    else all.set(row.camera, [row]);
  }
  return [...all].sort(([a], [b]) => a.localeCompare(b));
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/**
 * What a count of some time is worth, by what people said of all events of its line or zone: the
 * part of those that happened is taken for the part of these.
 */
export function corrected(count: number, all: number, worth: Interval | null | undefined): Interval | undefined {
  if (!worth || all <= 0) return undefined;
  const scale = count / all;
  return { value: worth.value * scale, low: worth.low * scale, high: worth.high * scale };
}

/** By how much one sum differs from another, as a part of the other; none where that is nothing. */
export function change(now: number, then: number): number | undefined {
  return then > 0 ? (now - then) / then : undefined;
}

export interface Series {
  starts: number[];
  values: Record<Measure, number[]>;
  /** How many of all these were counted later. */
  later: number[];
  /** Mean length of the visits that ended in each step, in milliseconds; null where none did. */
  dwell: (number | null)[];
}

/** Rows added up in local steps; steps in which nothing happened are zero. */
export function series(rows: readonly Row[], span: Span, step: Step): Series {
  const starts = steps(span, step);
  const place = new Map(starts.map((start, index) => [start, index]));
  const zeros = () => starts.map(() => 0);
  const values = { forward: zeros(), backward: zeros(), entered: zeros(), left: zeros(), dwelled: zeros() };
  const later = zeros();
  const stay = zeros();
  for (const row of rows) {
    const what = measure(row);
    const index = place.get(floor(row.start_ms ?? span.from, step));
    if (what === undefined || index === undefined) continue;
    const list = values[what];
    list[index] = (list[index] ?? 0) + row.count;
    later[index] = (later[index] ?? 0) + (row.later ?? 0);
    if (what === 'left') stay[index] = (stay[index] ?? 0) + (row.dwell_total_ms ?? 0);
  }
  const dwell = values.left.map((count, index) => (count > 0 ? (stay[index] ?? 0) / count : null));
  return { starts, values, later, dwell };
}

export interface Total {
  camera: string;
  rule: string;
  class: string;
  values: Record<Measure, number>;
  later: number;
  /** All time that was stayed, and the mean of it, in milliseconds. */
  stay: number;
  dwell: number | null;
}

/** Sums for each line or zone and class, in the order of their names. */
export function totals(rows: readonly Row[]): Total[] {
  const all = new Map<string, Total>();
  for (const row of rows) {
    const what = measure(row);
    if (what === undefined) continue;
    const kind = row.class ?? '';
    const key = JSON.stringify([row.camera, row.rule, kind]);
    const total = all.get(key) ?? {
      camera: row.camera, rule: row.rule, class: kind, later: 0, stay: 0, dwell: null,
      values: { forward: 0, backward: 0, entered: 0, left: 0, dwelled: 0 },
    };
    total.values[what] += row.count;
    total.later += row.later ?? 0;
    if (what === 'left') total.stay += row.dwell_total_ms ?? 0;
    total.dwell = total.values.left > 0 ? total.stay / total.values.left : null;
    all.set(key, total);
  }
  return [...all.values()]
    .sort((a, b) => a.camera.localeCompare(b.camera) || a.rule.localeCompare(b.rule) || a.class.localeCompare(b.class));
}
