import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joined, plain } from './logs';

it('pages that overlap become one, in order and bounded', () => {
  const pages = fc.array(fc.integer({ min: 0, max: 50 }).map((seq) => ({ seq })));
  fc.assert(fc.property(pages, pages, fc.integer({ min: 1, max: 20 }), (a, b, most) => {
    const all = joined(a, b, most).map(({ seq }) => seq);
    const known = [...new Set([...a, ...b].map(({ seq }) => seq))].sort((x, y) => x - y);
    expect(all).toEqual(known.slice(-most));
  }));
});

it('values read as they are', () => {
  expect(plain('door')).toBe('door');
  expect(plain(3)).toBe('3');
  expect(plain({ a: [1] })).toBe('{"a":[1]}');
});
