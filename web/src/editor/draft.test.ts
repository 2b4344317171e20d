import { describe, expect, it } from 'vitest';
import { add, added, begin, corners, moveAll, movePoint, redo, remove, removePoint, rename, same, set, splitEdge, step, turn, undo, type Change, type Draft } from './draft';

const empty: Draft = { lines: {}, zones: {} };
const ok = (change: Change): Draft => {
  if ('refused' in change) throw new Error(`refused: ${change.refused}`);
  return change.draft;
};
const square = ok(add(empty, 'zone', [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]));
const zone = { kind: 'zone', name: 'zone' } as const;

it('knows what is new, by its name', () => {
  const more = ok(add(square, 'line', [[0, 0], [1, 1]]));
  expect(added(square, more)).toEqual([{ kind: 'line', name: 'line' }]);
  expect(added(more, ok(movePoint(more, zone, 0, [0.1, 0.1])))).toEqual([]);
});

describe('drawing', () => {
  it('gives what is new a free name', () => {
    const two = ok(add(ok(add(empty, 'line', [[0, 0], [1, 1]])), 'line', [[0, 1], [1, 0]]));
    expect(Object.keys(two.lines)).toEqual(['line', 'line-2']);
  });

  it('refuses to drag a corner across an edge, and says why', () => {
    expect(movePoint(square, zone, 0, [0.9, 0.5])).toMatchObject({ refused: 'crossing', attempt: { edges: [1, 3] } });
    expect(corners(ok(movePoint(square, zone, 0, [-1, 0.1])), zone)[0]).toEqual([0, 0.1]);
  });

  it('splits edges and takes corners away, down to three', () => {
    const five = ok(splitEdge(square, zone, 3));
    expect(corners(five, zone)[4]).toEqual([0.2, 0.5]);
    const three = ok(removePoint(square, zone, 0));
    expect(corners(three, zone)).toHaveLength(3);
    expect(removePoint(three, zone, 0)).toEqual({ refused: 'too_few' });
  });

  it('moves a shape as a whole, no farther than the edge of the picture', () => {
    expect(corners(ok(moveAll(square, zone, 0.5, -0.1)), zone)[1]).toEqual([1, 0.1]);
  });

  it('turns a line round', () => {
    const line = ok(add(empty, 'line', [[0, 0], [1, 0.5]]));
    expect(ok(turn(line, 'line')).lines.line).toMatchObject({ from: [1, 0.5], to: [0, 0] });
  });

  it('renames to what is free and keeps the rest', () => {
    const named = set(square, zone, { dwell: '5s', classes: ['person'] });
    const till = ok(rename(named, zone, 'till'));
    expect(till.zones.till).toMatchObject({ dwell: '5s', classes: ['person'] });
    expect(till.zones.zone).toBeUndefined();
    const both = ok(add(till, 'line', [[0, 0], [1, 1]]));
    expect(rename(both, { kind: 'line', name: 'line' }, 'till')).toEqual({ refused: 'name_taken' });
    expect(rename(till, { kind: 'zone', name: 'till' }, 'a b')).toEqual({ refused: 'name_letters' });
    expect(remove(till, { kind: 'zone', name: 'till' })).toEqual(empty);
  });
});

describe('taking back', () => {
  it('goes back and forth, a drag in one step', () => {
    const a = ok(movePoint(square, zone, 0, [0.1, 0.1]));
    const b = ok(movePoint(square, zone, 0, [0.05, 0.1]));
    let past = step(begin(square), a, false);
    past = step(past, b, true);
    expect(undo(past).now).toBe(square);
    expect(redo(undo(past)).now).toBe(b);
    expect(undo(undo(past)).now).toBe(square);
    expect(step(undo(past), a, false).after).toEqual([]);
  });

  it('forgets the oldest steps', () => {
    let past = begin(empty);
    for (let i = 0; i < 300; i += 1) past = step(past, { lines: {}, zones: {} }, false);
    expect(past.before.length).toBe(100);
  });
});

it('settings are the same whatever their order', () => {
  expect(same({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1, d: null })).toBe(true);
  expect(same({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
  expect(same({ a: [] }, { a: {} })).toBe(false);
});
