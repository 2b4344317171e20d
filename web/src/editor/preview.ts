// What lines and zones would have counted in the past, as the editor shows it. Pure.

import type { Schemas } from '../api/client';
import { HOUR, MINUTE, type Span } from '../lib/time';
import type { Draft } from './draft';

export const BACK = { '15m': 15 * MINUTE, '1h': HOUR, '24h': 24 * HOUR } as const;
export type Back = keyof typeof BACK;

export type Tally = Pick<Schemas['Tally'], 'rule' | 'kind' | 'direction' | 'count'>;

/** So many ways are drawn at most: more of them hide the picture, and each other. */
export const MOST_WAYS = 200;

/** What to ask the server; what a draft leaves open is left out. */
export function question(draft: Draft, span: Span): Schemas['PreviewQuestion'] {
  const plain = (shapes: Record<string, object>) => Object.fromEntries(Object.entries(shapes).map(
    ([name, shape]) => [name, Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== null && value !== undefined))],
  ));
  return {
    lines: plain(draft.lines),
    zones: plain(draft.zones),
    from: String(Math.floor(span.from)),
    to: String(Math.ceil(span.to)),
    limit: MOST_WAYS,
  } as unknown as Schemas['PreviewQuestion'];
}

export interface Guess {
  forward: number;
  backward: number;
  entered: number;
  left: number;
  dwelled: number;
}

/** Sums for each line and zone, all classes together. */
export function guesses(tallies: readonly Tally[]): Map<string, Guess> {
  const all = new Map<string, Guess>();
  for (const { rule, kind, direction, count } of tallies) {
    const sum = all.get(rule) ?? { forward: 0, backward: 0, entered: 0, left: 0, dwelled: 0 };
    if (kind === 'line_crossed') sum[direction === 'backward' ? 'backward' : 'forward'] += count;
    else if (kind === 'zone_entered') sum.entered += count;
    else if (kind === 'zone_left') sum.left += count;
    else if (kind === 'zone_dwelled') sum.dwelled += count;
    all.set(rule, sum);
  }
  return all;
}
