import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { area, edgesMeet, fitted, forwardArrow, inside, lineFault, side, split, zoneFault, type Point } from './geometry';

const square: Point[] = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]];
const coordinate = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const point = fc.tuple(coordinate, coordinate);

describe('zones', () => {
  it('may be any simple polygon', () => {
    expect(zoneFault(square)).toBeUndefined();
    expect(zoneFault([[0.1, 0.1], [0.9, 0.1], [0.5, 0.5], [0.9, 0.9], [0.1, 0.9]])).toBeUndefined();
  });

  it('are refused when edges cross, touch or fold back', () => {
    expect(zoneFault([[0, 0], [1, 1], [1, 0], [0, 1]])).toBe('crossing');
    expect(zoneFault([[0, 0], [1, 0], [1, 1], [0.5, 0]])).toBe('crossing');
    expect(zoneFault([[0, 0], [1, 0], [0.5, 0], [0.5, 1]])).toBe('crossing');
  });

  it('are refused when there is nothing in them', () => {
    expect(zoneFault(square.slice(0, 2))).toBe('too_few');
    expect(zoneFault([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])).toBe('too_small');
  });

  it('keep their shape when an edge is split', () => {
    fc.assert(fc.property(fc.array(point, { minLength: 3, maxLength: 8 }), fc.nat(7), (polygon, edge) => {
      const halves = split(polygon, edge % polygon.length);
      expect(halves).toHaveLength(polygon.length + 1);
      expect(area(halves)).toBeCloseTo(area(polygon), 3);
    }));
  });

  it('of corners in the order of their angle are always allowed', () => {
    const angles = fc.uniqueArray(fc.integer({ min: 0, max: 35 }), { minLength: 5, maxLength: 12 });
    fc.assert(fc.property(angles, (tens) => {
      const corners = [...new Set([0, 12, 24, ...tens])].sort((a, b) => a - b);
      const polygon = corners.map((ten): Point => {
        const angle = (ten * Math.PI) / 18;
        return [0.5 + 0.4 * Math.cos(angle), 0.5 + 0.4 * Math.sin(angle)];
      });
      expect(zoneFault(polygon)).toBeUndefined();
    }));
  });
});

describe('edges', () => {
  it('meet whichever is named first', () => {
    fc.assert(fc.property(point, point, point, point, (a, b, c, d) => {
      expect(edgesMeet(a, b, c, d)).toBe(edgesMeet(c, d, a, b));
    }));
    expect(edgesMeet([0, 0], [1, 1], [0, 1], [1, 0])).toBe(true);
    expect(edgesMeet([0, 0], [1, 0], [0, 0.1], [1, 0.1])).toBe(false);
  });
});

describe('lines', () => {
  it('show forward from the left of their arrow to its right', () => {
    fc.assert(fc.property(point, point, fc.double({ min: 0.5, max: 3, noNaN: true }), (from, to, aspect) => {
      fc.pre(lineFault(from, to) === undefined);
      const [, tip] = forwardArrow(from, to, aspect, 0.05);
      expect(side(from, to, tip)).toBeGreaterThan(0);
    }));
    // An arrow that points up the picture has its right where x grows.
    const [start, tip] = forwardArrow([0.5, 1], [0.5, 0], 1, 0.1);
    expect(start).toEqual([0.5, 0.5]);
    expect(tip[0]).toBeCloseTo(0.6);
    expect(tip[1]).toBeCloseTo(0.5);
  });

  it('have a length', () => {
    expect(lineFault([0.5, 0.5], [0.5, 0.505])).toBe('too_short');
    expect(lineFault([0.5, 0.5], [0.5, 0.6])).toBeUndefined();
  });
});

describe('pictures', () => {
  it('keep points within them', () => {
    expect(inside([-0.2, 1.7])).toEqual([0, 1]);
    expect(inside([0.123456, 0.5])).toEqual([0.1235, 0.5]);
  });

  it('fit their frame', () => {
    expect(fitted(1600, 900, 4 / 3)).toEqual({ left: 200, top: 0, width: 1200, height: 900 });
    expect(fitted(400, 900, 1)).toEqual({ left: 0, top: 250, width: 400, height: 400 });
    expect(fitted(0, 900, 1).width).toBe(0);
  });
});
