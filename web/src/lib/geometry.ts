// Points, lines and polygons in fractions of the picture (x runs right, y runs down): what the
// editor of lines and zones may do, and why not. Pure, so that it can be tested without a page.

export type Point = readonly [x: number, y: number];

/** Nearer than this, two points can't be told apart by hand. */
export const NEAR = 0.005;

/** The nearest point within the picture, rounded so that saved settings stay readable. */
export function inside([x, y]: Point): Point {
  const clamp = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 10_000) / 10_000;
  return [clamp(x), clamp(y)];
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/** Above zero where `q` lies to the right of the arrow from `a` to `b`, as it is seen. */
export function side(a: Point, b: Point, q: Point): number {
  return (b[0] - a[0]) * (q[1] - a[1]) - (b[1] - a[1]) * (q[0] - a[0]);
}

function within(a: Point, b: Point, q: Point): boolean {
  return (
    Math.min(a[0], b[0]) <= q[0] && q[0] <= Math.max(a[0], b[0]) &&
    Math.min(a[1], b[1]) <= q[1] && q[1] <= Math.max(a[1], b[1])
  );
}

/** Whether two edges have a point in common. */
export function edgesMeet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [s1, s2, s3, s4] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (s1 * s2 < 0 && s3 * s4 < 0) return true;
  return (
    (s1 === 0 && within(a, b, c)) || (s2 === 0 && within(a, b, d)) ||
    (s3 === 0 && within(c, d, a)) || (s4 === 0 && within(c, d, b))
  );
}

export function area(polygon: readonly Point[]): number {
  let sum = 0;
  polygon.forEach((a, index) => {
    const b = polygon[(index + 1) % polygon.length] ?? a;
    sum += a[0] * b[1] - b[0] * a[1];
  });
  return Math.abs(sum) / 2;
}

/** Why something can't be drawn like this. */
export type Fault = 'crossing' | 'too_few' | 'too_small' | 'too_short';

/** The first two edges that cross or touch, by the corners they begin at; none if none do. */
export function crossingEdges(polygon: readonly Point[]): [number, number] | undefined {
  const count = polygon.length;
  for (let i = 0; i < count; i += 1) {
    for (let j = i + 1; j < count; j += 1) {
      const [a, b] = [polygon[i], polygon[(i + 1) % count]];
      const [c, d] = [polygon[j], polygon[(j + 1) % count]];
      if (!a || !b || !c || !d) continue;
      const follows = j === i + 1;
      const closes = i === 0 && j === count - 1;
      if (follows || closes) {
        // Neighbours share a corner; they fault only when one folds back onto the other.
        const [corner, one, other] = follows ? [b, a, d] : [a, b, c];
        const folded = side(corner, one, other) === 0 &&
          (one[0] - corner[0]) * (other[0] - corner[0]) +
          (one[1] - corner[1]) * (other[1] - corner[1]) >= 0;
        if (folded && count > 3) return [i, j];
      } else if (edgesMeet(a, b, c, d)) {
        return [i, j];
      }
    }
  }
  return undefined;
}

/** Why this polygon can't be a zone; none if it can. */
export function zoneFault(polygon: readonly Point[]): Fault | undefined {
  if (polygon.length < 3) return 'too_few';
  if (crossingEdges(polygon)) return 'crossing';
  return area(polygon) < 1e-4 ? 'too_small' : undefined;
}

/** Why a line can't be like this; none if it can. */
export function lineFault(from: Point, to: Point): Fault | undefined {
  return distance(from, to) < 0.01 ? 'too_short' : undefined;
}

/** The polygon with one more corner, in the middle of the edge that begins at `edge`. */
export function split(polygon: readonly Point[], edge: number): Point[] {
  const [a, b] = [polygon[edge], polygon[(edge + 1) % polygon.length]];
  if (!a || !b) return [...polygon];
  return polygon.toSpliced(edge + 1, 0, inside([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]));
}

/**
 * The small arrow that shows which way counts as `forward`: from the middle of the line, at a
 * right angle to it as it is seen (`aspect` is width by height), `length` of the picture's width.
 */
export function forwardArrow(from: Point, to: Point, aspect: number, length: number): [Point, Point] {
  const middle: Point = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  const [dx, dy] = [to[0] - from[0], (to[1] - from[1]) / aspect];
  const scale = length / (Math.hypot(dx, dy) || 1);
  return [middle, [middle[0] - dy * scale, middle[1] + dx * scale * aspect]];
}

/** Where a picture of this aspect lies within a frame of that size, wholly visible. */
export function fitted(width: number, height: number, aspect: number): { left: number; top: number; width: number; height: number } {
  if (width <= 0 || height <= 0 || !(aspect > 0)) return { left: 0, top: 0, width: 0, height: 0 };
  const wide = width / height > aspect;
  const [w, h] = wide ? [height * aspect, height] : [width, width / aspect];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}
