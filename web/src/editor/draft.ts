// A camera's lines and zones while somebody draws them: every change is a new draft, refused with
// a reason when it makes no sense, and can be taken back. Pure; the page only shows it.

import { crossingEdges, inside, lineFault, split, zoneFault, type Fault, type Point } from '../lib/geometry';

export interface Line {
  from: Point;
  to: Point;
  classes?: string[] | null;
  anchor?: string | null;
}

export interface Zone {
  polygon: Point[];
  classes?: string[] | null;
  anchor?: string | null;
  dwell?: string | null;
}

export interface Draft {
  lines: Record<string, Line>;
  zones: Record<string, Zone>;
}

export type Kind = 'line' | 'zone';

/** Which line or zone is meant. */
export interface Place {
  kind: Kind;
  name: string;
}

export type NameFault = 'name_empty' | 'name_taken' | 'name_letters';
export type Refusal = Fault | NameFault;

/** What would have come of a change that makes no sense: shown, so that one sees why. */
export interface Attempt {
  polygon: Point[];
  /** The two edges that cross, by the corners they begin at. */
  edges: [number, number];
}

export type Change = { draft: Draft; at?: Place } | { refused: Refusal; attempt?: Attempt };

/** The corners of a line or zone, in the order in which they are drawn. */
export function corners(draft: Draft, { kind, name }: Place): Point[] {
  if (kind === 'zone') return draft.zones[name]?.polygon ?? [];
  const line = draft.lines[name];
  return line ? [line.from, line.to] : [];
}

function names(draft: Draft): Set<string> {
  return new Set([...Object.keys(draft.lines), ...Object.keys(draft.zones)]);
}

/** A name that is free: `line`, `line-2`, … */
export function freeName(draft: Draft, stem: string): string {
  const taken = names(draft);
  let name = stem;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}`;
  return name;
}

function withCorners(draft: Draft, place: Place, points: readonly Point[]): Change {
  if (place.kind === 'zone') {
    const zone = draft.zones[place.name];
    const fault = zoneFault(points);
    if (fault) {
      const edges = fault === 'crossing' ? crossingEdges(points) : undefined;
      return edges ? { refused: fault, attempt: { polygon: [...points], edges } } : { refused: fault };
    }
    const zones = { ...draft.zones, [place.name]: { ...zone, polygon: [...points] } };
    return { draft: { ...draft, zones }, at: place };
  }
  const [from, to] = points;
  if (!from || !to) return { refused: 'too_few' };
  const fault = lineFault(from, to);
  if (fault) return { refused: fault };
  const lines = { ...draft.lines, [place.name]: { ...draft.lines[place.name], from, to } };
  return { draft: { ...draft, lines }, at: place };
}

/** One more line or zone with these corners. */
export function add(draft: Draft, kind: Kind, points: readonly Point[]): Change {
  return withCorners(draft, { kind, name: freeName(draft, kind) }, points.map(inside));
}

export function movePoint(draft: Draft, place: Place, index: number, to: Point): Change {
  return withCorners(draft, place, corners(draft, place).with(index, inside(to)));
}

/** All corners by the same step; at the picture's edge it stops as a whole. */
export function moveAll(draft: Draft, place: Place, dx: number, dy: number): Change {
  const points = corners(draft, place);
  const room = (values: number[], step: number) =>
    Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), step));
  const x = room(points.map((point) => point[0]), dx);
  const y = room(points.map((point) => point[1]), dy);
  return withCorners(draft, place, points.map((point) => inside([point[0] + x, point[1] + y])));
}

export function splitEdge(draft: Draft, place: Place, edge: number): Change {
  return withCorners(draft, place, split(corners(draft, place), edge));
}

export function removePoint(draft: Draft, place: Place, index: number): Change {
  return withCorners(draft, place, corners(draft, place).toSpliced(index, 1));
}

/** The line the other way round: what was forward is backward. */
export function turn(draft: Draft, name: string): Change {
  return withCorners(draft, { kind: 'line', name }, corners(draft, { kind: 'line', name }).toReversed());
}

export function remove(draft: Draft, { kind, name }: Place): Draft {
  const without = <T>(all: Record<string, T>) =>
    Object.fromEntries(Object.entries(all).filter(([key]) => key !== name));
  return kind === 'line'
    ? { ...draft, lines: without(draft.lines) }
    : { ...draft, zones: without(draft.zones) };
}

export function rename(draft: Draft, place: Place, to: string): Change {
  if (to === place.name) return { draft, at: place };
  if (to === '') return { refused: 'name_empty' };
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(to)) return { refused: 'name_letters' };
  if (names(draft).has(to)) return { refused: 'name_taken' };
  const renamed = <T>(all: Record<string, T>) =>
    Object.fromEntries(Object.entries(all).map(([key, value]) => [key === place.name ? to : key, value]));
  const at = { ...place, name: to };
  return place.kind === 'line'
    ? { draft: { ...draft, lines: renamed(draft.lines) }, at }
    : { draft: { ...draft, zones: renamed(draft.zones) }, at };
}

/** Gives a line or zone other classes, another anchor or dwell. */
export function set(draft: Draft, place: Place, change: Partial<Omit<Zone, 'polygon'>>): Draft {
  const line = draft.lines[place.name];
  const zone = draft.zones[place.name];
  if (place.kind === 'line' && line) {
    return { ...draft, lines: { ...draft.lines, [place.name]: { ...line, ...change } } };
  }
  if (place.kind === 'zone' && zone) {
    return { ...draft, zones: { ...draft.zones, [place.name]: { ...zone, ...change } } };
  }
  return draft;
}

/** Lines and zones that stand in `now` under names that were not there before. */
export function added(before: Draft, now: Draft): Place[] {
  const old = names(before);
  const fresh = (kind: Kind, all: Record<string, unknown>) =>
    Object.keys(all).filter((name) => !old.has(name)).map((name): Place => ({ kind, name }));
  return [...fresh('line', now.lines), ...fresh('zone', now.zones)];
}

/** Drafts that were, the one that is, and those that were taken back. */
export interface Past {
  before: readonly Draft[];
  now: Draft;
  after: readonly Draft[];
}

/** As many steps can be taken back. */
const STEPS = 100;

export const begin = (now: Draft): Past => ({ before: [], now, after: [] });

/**
 * A step further. `merge` folds it into the step before, as the many positions of one drag are a
 * single step for whoever takes it back.
 */
export function step(past: Past, next: Draft, merge: boolean): Past {
  if (next === past.now) return past;
  const before = merge ? past.before : [...past.before, past.now].slice(-STEPS);
  return { before, now: next, after: [] };
}

export function undo({ before, now, after }: Past): Past {
  const last = before.at(-1);
  return last ? { before: before.slice(0, -1), now: last, after: [now, ...after] } : { before, now, after };
}

export function redo({ before, now, after }: Past): Past {
  const [next, ...rest] = after;
  return next ? { before: [...before, now], now: next, after: rest } : { before, now, after };
}

/** Whether two settings say the same, whatever the order of their keys. Missing and null are one. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b || (a ?? null) === (b ?? null)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => same(left[key], right[key]));
}
