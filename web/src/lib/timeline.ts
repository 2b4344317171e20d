// The timeline of recordings: which time lies at which pixel, how it is moved and zoomed, where
// marks go, and which footage plays at a moment. Pure; the canvas only draws it.

import { DAY, HOUR, MINUTE, SECOND, type Span } from './time';

/** The shortest and longest time that a timeline shows. */
export const SHORTEST = 30 * SECOND;
export const LONGEST = 31 * DAY;

export function toPixel(view: Span, width: number, time: number): number {
  return ((time - view.from) / (view.to - view.from)) * width;
}

export function toTime(view: Span, width: number, pixel: number): number {
  return view.from + (pixel / width) * (view.to - view.from);
}

/** Nearer (`factor` below 1) or farther; `anchor` stays where it is. */
export function zoom(view: Span, factor: number, anchor: number): Span {
  const length = view.to - view.from;
  const wanted = Math.min(LONGEST, Math.max(SHORTEST, length * factor));
  const from = anchor - ((anchor - view.from) / length) * wanted;
  return { from, to: from + wanted };
}

export function shift(view: Span, by: number): Span {
  return { from: view.from + by, to: view.to + by };
}

const DISTANCES = [
  SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE,
  HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY,
];

/** Times that get a mark, round ones in local time, at least `apart` pixels from each other. */
export function marks(view: Span, width: number, apart: number): { times: number[]; distance: number } {
  const least = ((view.to - view.from) / Math.max(1, width)) * apart;
  const distance = DISTANCES.find((candidate) => candidate >= least) ?? 7 * DAY;
  const offset = new Date(view.from).getTimezoneOffset() * MINUTE;
  const times: number[] = [];
  let at = Math.ceil((view.from - offset) / distance) * distance + offset;
  for (; at <= view.to && times.length < 500; at += distance) times.push(at);
  return { times, distance };
}

/** The range that holds `time`; else none. */
export function rangeAt<T extends { from_ms: number; to_ms: number }>(ranges: readonly T[], time: number): T | undefined {
  return ranges.find((range) => range.from_ms <= time && time < range.to_ms);
}

/** Ranges with less than `gap` between them as one: a player holds the last picture meanwhile. */
export function joined(ranges: readonly { from_ms: number; to_ms: number }[], gap: number): { from_ms: number; to_ms: number }[] {
  const all: { from_ms: number; to_ms: number }[] = [];
  for (const { from_ms, to_ms } of ranges) {
    const last = all.at(-1);
    if (last && from_ms - last.to_ms < gap) last.to_ms = to_ms;
    else all.push({ from_ms, to_ms });
  }
  return all;
}

/** The moment to play from when somebody asks for `time`: itself, or where footage goes on. */
export function playableFrom(ranges: readonly { from_ms: number; to_ms: number }[], time: number): number | undefined {
  if (rangeAt(ranges, time)) return time;
  const later = ranges.filter((range) => range.from_ms > time).map((range) => range.from_ms);
  return later.length > 0 ? Math.min(...later) : undefined;
}

/** A piece of footage to load at once: long enough to play on, short enough to be there soon. */
export function piece(range: { from_ms: number; to_ms: number }, time: number, length: number): Span {
  return { from: Math.max(range.from_ms, time), to: Math.min(range.to_ms, time + length) };
}

/** About how long the files of some time are, when footage is spread evenly over its ranges. */
export function bytesWithin(ranges: readonly { from_ms: number; to_ms: number; bytes?: number }[], span: Span): number {
  return ranges.reduce((sum, range) => {
    const part = Math.min(range.to_ms, span.to) - Math.max(range.from_ms, span.from);
    return sum + (part > 0 ? ((range.bytes ?? 0) * part) / Math.max(1, range.to_ms - range.from_ms) : 0);
  }, 0);
}

/** The span between two marks, whichever was set first. */
export function ordered(a: number, b: number): Span {
  return { from: Math.min(a, b), to: Math.max(a, b) };
}
