import { describe, expect, it } from 'vitest';
import { DAY, fittingStep, floor, fromField, HOUR, MINUTE, next, parseDuration, plusDays, serverBucket, steps, toField } from './time';

describe('steps', () => {
  it('of a day follow the calendar, not 24 hours', () => {
    const start = new Date(2026, 2, 1).getTime();
    const days = steps({ from: start, to: new Date(2026, 3, 1).getTime() }, 'day');
    expect(days).toHaveLength(31);
    expect(days.every((day) => new Date(day).getHours() === 0)).toBe(true);
  });

  it('of a month begin on its first day', () => {
    const months = steps({ from: new Date(2026, 0, 15).getTime(), to: new Date(2026, 5, 2).getTime() }, 'month');
    expect(months).toHaveLength(6);
    expect(months.every((month) => new Date(month).getDate() === 1)).toBe(true);
    expect(next(new Date(2026, 11, 1).getTime(), 'month')).toBe(new Date(2027, 0, 1).getTime());
  });

  it('begin at or before what they hold', () => {
    const time = new Date(2026, 4, 3, 14, 37, 21).getTime();
    for (const step of ['minute', '5m', 'hour', 'day', 'month'] as const) {
      expect(floor(time, step)).toBeLessThanOrEqual(time);
      expect(next(floor(time, step), step)).toBeGreaterThan(time);
    }
  });

  it('are never too many', () => {
    expect(steps({ from: 0, to: 400 * DAY }, 'minute')).toHaveLength(3000);
    expect(fittingStep({ from: 0, to: HOUR })).toBe('minute');
    expect(fittingStep({ from: 0, to: 30 * DAY })).toBe('day');
    expect(fittingStep({ from: 0, to: 365 * DAY })).toBe('month');
  });

  it('are asked for in parts that fit the time zone', () => {
    expect(serverBucket('day', -60)).toBe('hour');
    expect(serverBucket('day', -330)).toBe('15m');
    expect(serverBucket('minute', -330)).toBe('minute');
  });
});

it('fields of local time hold what they were given', () => {
  const time = new Date(2026, 10, 20, 9, 5).getTime();
  expect(toField(time)).toBe('2026-11-20T09:05');
  expect(fromField(toField(time))).toBe(time);
  expect(fromField('2026-11-20')).toBe(new Date(2026, 10, 20).getTime());
  expect(fromField('')).toBeUndefined();
  expect(fromField('tomorrow')).toBeUndefined();
});

it('durations are read as settings write them', () => {
  expect(parseDuration('500ms')).toBe(500);
  expect(parseDuration('1.5h')).toBe(90 * MINUTE);
  expect(parseDuration('soon')).toBeUndefined();
});

it('a day earlier is the same time by the clock', () => {
  const time = new Date(2026, 9, 26, 9, 30).getTime();
  expect(new Date(plusDays(time, -1)).getHours()).toBe(9);
  expect(new Date(plusDays(time, -7)).getDate()).toBe(19);
});
