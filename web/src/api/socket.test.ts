import { expect, it } from 'vitest';
import { parse, wait } from './socket';

it('waits longer each time, up to a bound', () => {
  expect(wait(0, 0.5)).toBe(500);
  expect(wait(3, 0.5)).toBe(4000);
  expect(wait(1000, 1)).toBe(12_500);
  expect(wait(0, 0)).toBeGreaterThan(0);
});

it('understands messages and nothing else', () => {
  expect(parse('{"type":"lagged","missed":3}')).toEqual({ type: 'lagged', missed: 3 });
  for (const odd of ['', '{', '3', 'null', '{"a":1}', new ArrayBuffer(2)]) expect(parse(odd)).toBeUndefined();
});
