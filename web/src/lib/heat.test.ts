import { expect, it } from 'vitest';
import { paint, pixels, scale, strength } from './heat';

it('what is nothing is clear, and more is never lighter', () => {
  expect(paint(0)[3]).toBe(0);
  expect(strength(3, 0)).toBe(0);
  const light = (part: number) => paint(part).slice(0, 3).reduce((sum, value) => sum + value, 0);
  for (let part = 0.05; part < 1; part += 0.05) expect(light(part + 0.05)).toBeLessThanOrEqual(light(part));
  expect(paint(7)).toEqual(paint(1));
});

it('the scale says what the map shows', () => {
  const { data, most } = pixels([0, 1, 4]);
  expect(most).toBe(4);
  expect([...data.slice(8)]).toEqual(paint(1));
  for (const { part, seconds } of scale(most)) expect(strength(seconds, most)).toBeCloseTo(part, 9);
});
