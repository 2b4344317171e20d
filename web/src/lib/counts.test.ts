import { expect, it } from 'vitest';
import { series, totals, type Row } from './counts';
import { csv } from './csv';
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

it('writes tables that spreadsheets read and do not run', () => {
  expect(csv([['a', 'b'], ['x,"y"', 1], ['=1+1', null]])).toBe('a,b\r\n"x,""y""",1\r\n\'=1+1,\r\n');
  expect(csv([[-5]])).toBe('-5\r\n');
});
