import { expect, it } from 'vitest';
import { lineSpan } from './lines';

it('finds lines, and the end where there is none', () => {
  const text = 'a\nbcd\n\ne';
  expect(lineSpan(text, 1)).toEqual([0, 1]);
  expect(lineSpan(text, 2)).toEqual([2, 5]);
  expect(lineSpan(text, 3)).toEqual([6, 6]);
  expect(lineSpan(text, 4)).toEqual([7, 8]);
  expect(lineSpan(text, 9)).toEqual([8, 8]);
});
