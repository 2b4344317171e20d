import { expect, it } from 'vitest';
import { byCamera, change, corrected, series, totals, type Row } from './counts';
import { DAY, HOUR } from './time';

const day = new Date(2026, 10, 20).getTime();
const crossing = (at: number, direction: string, count: number, kind = 'person'): Row =>
  ({ camera: 'door', rule: 'in', kind: 'line_crossed', direction, class: kind, count, start_ms: at });

it('adds hours up to local days, and shows days without anything', () => {
  const rows = [crossing(day + HOUR, 'forward', 2), crossing(day + 23 * HOUR, 'forward', 3), crossing(day + 50 * HOUR, 'backward', 4)];
  const { starts, values } = series(rows, { from: day, to: day + 3 * DAY }, 'day');
  expect(starts).toHaveLength(3);
  expect(values.forward).toEqual([5, 0, 0]);
  expect(values.backward).toEqual([0, 0, 4]);
});

it('gives the mean stay of those who left', () => {
  const left = (count: number, total: number): Row =>
    ({ camera: 'shop', rule: 'till', kind: 'zone_left', class: 'person', count, dwell_total_ms: total, start_ms: day });
  const rows = [left(2, 8000), left(2, 12_000)];
  expect(series(rows, { from: day, to: day + 2 * HOUR }, 'hour').dwell).toEqual([5000, null]);
  expect(totals(rows)[0]?.dwell).toBe(5000);
});

it('keeps lines, classes and directions apart', () => {
  const sums = totals([crossing(day, 'forward', 1), crossing(day, 'backward', 2), crossing(day + HOUR, 'forward', 4), crossing(day, 'forward', 8, 'car')]);
  expect(sums.map((total) => [total.class, total.values.forward, total.values.backward])).toEqual([['car', 8, 0], ['person', 5, 2]]);
});

it('tells how much of a sum was counted later', () => {
  const rows = [{ ...crossing(day, 'forward', 5), later: 3 }, crossing(day, 'backward', 2)];
  expect(totals(rows)[0]).toMatchObject({ later: 3, values: { forward: 5, backward: 2 } });
  expect(series(rows, { from: day, to: day + HOUR }, 'hour').later).toEqual([3]);
});

it('keeps cameras apart', () => {
  const rows = [{ ...crossing(day, 'forward', 1), camera: 'b' }, { ...crossing(day, 'forward', 2), camera: 'a' }];
  expect(byCamera(rows).map(([camera, list]) => [camera, list.length])).toEqual([['a', 1], ['b', 1]]);
});

it('takes the worth of all events for that of some', () => {
  expect(corrected(50, 100, { value: 90, low: 80, high: 95 })).toEqual({ value: 45, low: 40, high: 47.5 });
  expect(corrected(50, 0, { value: 0, low: 0, high: 0 })).toBeUndefined();
  expect(corrected(50, 100, null)).toBeUndefined();
  expect(change(12, 10)).toBeCloseTo(0.2);
  expect(change(12, 0)).toBeUndefined();
});
