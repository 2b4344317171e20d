import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rangeAt } from '../lib/timeline';
import { advance, correction, neighbour, otherSpeed, SPEEDS, together } from './clock';

const range = (from_ms: number, to_ms: number) => ({ from_ms, to_ms });

it('moves on, leaps over what no camera has, and ends with the footage', () => {
  const footage = together([[range(0, 100)], [range(50, 200), range(500, 600)]]);
  expect(footage).toEqual([range(0, 200), range(500, 600)]);
  expect(advance(10, 20, 2, footage)).toBe(50);
  expect(advance(190, 20, 1, footage)).toBe(500);
  expect(advance(590, 20, 1, footage)).toBeUndefined();
});

it('whatever footage there is, the moment is within it and never goes back', () => {
  const ranges = fc.array(fc.tuple(fc.nat(1000), fc.nat(300)).map(([from, length]) => range(from, from + length + 1)), { maxLength: 6 });
  fc.assert(fc.property(fc.array(ranges, { maxLength: 4 }), fc.nat(1500), fc.nat(50), fc.constantFrom(...SPEEDS), (cameras, at, elapsed, speed) => {
    const footage = together(cameras);
    const next = advance(at, elapsed, speed, footage);
    if (next === undefined) return;
    expect(next).toBeGreaterThanOrEqual(at);
    expect(rangeAt(footage, next)).toBeDefined();
    expect(cameras.some((own) => rangeAt(own, next))).toBe(true);
  }));
});

it('a film gets back in step without a jump where that is possible', () => {
  expect(correction(0.01, 1, true)).toEqual({ seek: false, rate: 1 });
  expect(correction(0.3, 1, true)).toEqual({ seek: false, rate: 0.9 });
  expect(correction(-0.3, 2, true)).toEqual({ seek: false, rate: 2.2 });
  expect(correction(-2, 1, true)).toEqual({ seek: true });
  expect(correction(0.1, 1, false)).toEqual({ seek: true });
});

it('finds speeds and events beside those of now', () => {
  expect([otherSpeed(1, true), otherSpeed(0.25, false), otherSpeed(8, true)]).toEqual([2, 0.25, 8]);
  expect(neighbour([10, 5000, 9000], 4900, true, 1000)).toBe(9000);
  expect(neighbour([10, 5000, 9000], 4900, false, 1000)).toBe(10);
  expect(neighbour([], 0, true, 0)).toBeUndefined();
});
