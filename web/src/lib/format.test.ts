import { expect, it } from 'vitest';
import { formatBitrate, formatBytes, formatDuration, formatPercent, formatTicks } from './format';

it('sizes are short', () => {
  expect(formatBytes(0, 'en')).toBe('0 B');
  expect(formatBytes(1500, 'de')).toBe('1,5 kB');
  expect(formatBytes(25_300_000, 'en')).toBe('25 MB');
  expect(formatBytes(4e15, 'en')).toBe('4,000 TB');
  expect(formatBitrate(968_000, 'en')).toBe('968 kb/s');
  expect(formatBitrate(4_210_000, 'de')).toBe('4,2 Mb/s');
});

it('durations have two parts at most', () => {
  expect(formatDuration(4200, 'en')).toBe('4.2 s');
  expect(formatDuration(185_000, 'en')).toBe('3 min 5 s');
  expect(formatDuration(7_200_000, 'en')).toBe('2 h');
  expect(formatDuration(90_000_000, 'en')).toBe('1 d 1 h');
  expect(formatDuration(-5, 'en')).toBe('0 s');
});

it('shares are percent', () => {
  expect(formatPercent(0.876, 'en')).toBe('88%');
});

it('an axis tells a day once', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
  const hours = [at(20, 22), at(20, 23), at(21, 0), at(21, 1)];
  expect(formatTicks(hours, 'dayTime', 'de')).toEqual(['22:00\nFr., 20. Nov.', '23:00', '00:00\nSa., 21. Nov.', '01:00']);
  expect(formatTicks(hours.slice(0, 1), 'day', 'en')).toEqual(['Fri, Nov 20']);
});
