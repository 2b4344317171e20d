import fc from 'fast-check';
import { expect, it } from 'vitest';
import { eventFilters, eventQuery, fromSearch, toSearch } from './filters';

it('a link shows others the same', () => {
  const filters = { cameras: ['door', 'yard'], kinds: ['line_crossed'], rule: 'a b&c', class: 'person', minScore: 0.5, from: 1000, to: 2000, event: '01ABC' };
  const link = toSearch({ ...filters });
  expect(link).toContain('cameras=door,yard');
  expect(eventFilters(fromSearch(link))).toEqual(filters);
});

it('what makes no sense is left out', () => {
  expect(eventFilters({ cameras: '../etc', kinds: 'line_crossed,nonsense', minScore: '7', from: 'soon', rule: '' }))
    .toEqual({ kinds: ['line_crossed'] });
  expect(eventFilters({ from: '2026-11-20T00:00:00Z' })).toEqual({ from: Date.UTC(2026, 10, 20) });
});

it('any address gives filters', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.anything()), (search) => {
    const once = eventFilters(search);
    expect(eventFilters(fromSearch(toSearch({ ...once })))).toEqual(once);
  }));
});

it('the API is asked in its own words', () => {
  expect(eventQuery({ cameras: ['a', 'b'], minScore: 0.3, from: 5, event: 'x' })).toEqual({ cameras: 'a,b', min_score: 0.3, from: '5' });
});
