import { expect, it } from 'vitest';
import { placeAt } from './way';

const event = {
  time_ms: 1_000_000, media_ms: 5000,
  path: [{ media_ms: 4000, x: 0.1, y: 0.5 }, { media_ms: 5000, x: 0.3, y: 0.7 }],
};

it('somebody is where the way was at that time', () => {
  const middle = placeAt(event, 999_500);
  expect(middle?.x).toBeCloseTo(0.2);
  expect(middle?.y).toBeCloseTo(0.6);
  expect(placeAt(event, 1_000_000)).toEqual({ x: 0.3, y: 0.7 });
});

it('before and after it nothing is known', () => {
  expect(placeAt(event, 998_000)).toBeUndefined();
  expect(placeAt(event, 1_002_000)).toBeUndefined();
  expect(placeAt({ time_ms: 0, media_ms: 0 }, 0)).toBeUndefined();
});
