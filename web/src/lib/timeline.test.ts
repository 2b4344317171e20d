import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY, HOUR, MINUTE } from './time';
import { joined, LONGEST, marks, ordered, piece, playableFrom, rangeAt, SHORTEST, toPixel, toTime, zoom } from './timeline';

const view = { from: 1_000_000_000_000, to: 1_000_000_000_000 + HOUR };
const ranges = [{ from_ms: 100, to_ms: 200 }, { from_ms: 300, to_ms: 400 }];

it('time and pixel say the same', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1000 }), (pixel) => {
    expect(toPixel(view, 1000, toTime(view, 1000, pixel))).toBeCloseTo(pixel, 3);
  }));
});

it('zooming keeps what is under the pointer and stays within bounds', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0.01, max: 100, noNaN: true }), (part, factor) => {
    const anchor = view.from + part * HOUR;
    const zoomed = zoom(view, factor, anchor);
    expect(toPixel(zoomed, 1000, anchor)).toBeCloseTo(part * 1000, 1);
    expect(zoomed.to - zoomed.from).toBeGreaterThanOrEqual(SHORTEST - 1);
    expect(zoomed.to - zoomed.from).toBeLessThanOrEqual(LONGEST + 1);
  }));
});

it('marks are round, within the view and apart', () => {
  for (const length of [MINUTE, HOUR, DAY, 14 * DAY]) {
    const { times, distance } = marks({ from: view.from, to: view.from + length }, 1000, 80);
    expect(times.length).toBeGreaterThan(0);
    expect(times.length).toBeLessThanOrEqual(14);
    expect((distance / length) * 1000).toBeGreaterThanOrEqual(80);
  }
});

it('plays where there is footage, or where it goes on', () => {
  expect(rangeAt(ranges, 200)).toBeUndefined();
  expect(playableFrom(ranges, 150)).toBe(150);
  expect(playableFrom(ranges, 250)).toBe(300);
  expect(playableFrom(ranges, 500)).toBeUndefined();
  expect(piece({ from_ms: 300, to_ms: 400 }, 350, 1000)).toEqual({ from: 350, to: 400 });
});

it('short gaps do not interrupt what is played', () => {
  expect(joined([...ranges, { from_ms: 410, to_ms: 500 }], 50)).toEqual([ranges[0], { from_ms: 300, to_ms: 500 }]);
  expect(ranges[1]?.to_ms).toBe(400);
});

it('a selection may be made backwards', () => {
  expect(ordered(5, 2)).toEqual({ from: 2, to: 5 });
});
