import { expect, it } from 'vitest';
import { guesses, question } from './preview';

it('what is left open is not asked', () => {
  const asked = question({
    lines: { door: { from: [0, 1], to: [1, 0], classes: null, anchor: 'center' } },
    zones: { hall: { polygon: [[0, 0], [1, 0], [1, 1]], dwell: null, classes: ['person'] } },
  }, { from: 1.5, to: 9.2 });
  expect(asked.lines).toEqual({ door: { from: [0, 1], to: [1, 0], anchor: 'center' } });
  expect(asked.zones).toEqual({ hall: { polygon: [[0, 0], [1, 0], [1, 1]], classes: ['person'] } });
  expect([asked.from, asked.to]).toEqual(['1', '10']);
});

it('adds up classes, and keeps directions apart', () => {
  const sums = guesses([
    { rule: 'door', kind: 'line_crossed', direction: 'forward', count: 3 },
    { rule: 'door', kind: 'line_crossed', direction: 'forward', count: 2 },
    { rule: 'door', kind: 'line_crossed', direction: 'backward', count: 1 },
    { rule: 'hall', kind: 'zone_left', count: 7 },
  ]);
  expect(sums.get('door')).toMatchObject({ forward: 5, backward: 1 });
  expect(sums.get('hall')).toMatchObject({ left: 7, entered: 0 });
  expect(sums.get('none')).toBeUndefined();
});
