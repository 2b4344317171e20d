// Draws what was found onto a canvas that lies on the picture. Lines and zones stand beneath the
// boxes, each with a dark rim, so that it can be seen on any picture.

import type { Camera } from '../api/client';
import { forwardArrow, type Point } from '../lib/geometry';
import type { Scene } from './history';

export interface Shown {
  boxes: boolean;
  tails: boolean;
  rules: boolean;
}

export interface Words {
  className: (name: string) => string;
  percent: (value: number) => string;
}

const LINE = '#ffd43b';
const ZONE = '#66d9e8';
/** Told apart also by those who see red and green alike (after Okabe and Ito). */
const COLORS = ['#56b4e9', '#e69f00', '#009e73', '#f0e442', '#cc79a7', '#d55e00', '#7fb2ff'];

function color(id: string): string {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return COLORS[sum % COLORS.length] ?? '#56b4e9';
}

/** The API gives points as lists of two numbers. */
const point = ([x = 0, y = 0]: readonly number[]): Point => [x, y];

export class Pen {
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly width: number,
    private readonly height: number,
  ) {}

  private at([x, y]: Point): [number, number] {
    return [x * this.width, y * this.height];
  }

  private stroke(path: Path2D, paint: string, width: number, rim = true): void {
    const { context } = this;
    context.lineJoin = 'round';
    context.lineCap = 'round';
    if (rim) {
      context.strokeStyle = 'rgb(0 0 0 / 55%)';
      context.lineWidth = width + 2;
      context.stroke(path);
    }
    context.strokeStyle = paint;
    context.lineWidth = width;
    context.stroke(path);
  }

  private label(text: string, x: number, y: number, paint: string): void {
    const { context } = this;
    context.font = '600 12px system-ui, sans-serif';
    const wide = context.measureText(text).width + 8;
    const left = Math.min(Math.max(0, x), Math.max(0, this.width - wide));
    const top = Math.min(Math.max(0, y), Math.max(0, this.height - 17));
    context.fillStyle = paint;
    context.fillRect(left, top, wide, 17);
    context.fillStyle = '#101113';
    context.fillText(text, left + 4, top + 13);
  }

  private polygon(points: readonly Point[], close: boolean): Path2D {
    const path = new Path2D();
    points.forEach((corner, index) => {
      const [x, y] = this.at(corner);
      if (index === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
    if (close) path.closePath();
    return path;
  }

  rules({ lines, zones, counts }: Pick<Camera, 'lines' | 'zones' | 'counts'>): void {
    for (const zone of zones) {
      const points = zone.polygon.map(point);
      const path = this.polygon(points, true);
      this.context.fillStyle = 'rgb(102 217 232 / 14%)';
      this.context.fill(path);
      this.stroke(path, ZONE, 2);
      const held = counts.zones.find(({ name }) => name === zone.name)?.occupancy ?? 0;
      const [x, y] = this.at(points[0] ?? [0, 0]);
      this.label(`${zone.name}: ${held}`, x, y, ZONE);
    }
    for (const line of lines) {
      const [from, to] = [point(line.from), point(line.to)];
      this.stroke(this.polygon([from, to], false), LINE, 3);
      this.arrow(forwardArrow(from, to, this.width / this.height, 0.04));
      const counted = counts.lines.find(({ name }) => name === line.name);
      const [x, y] = this.at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]);
      this.label(`${line.name}: → ${counted?.forward ?? 0} ← ${counted?.backward ?? 0}`, x + 6, y + 10, LINE);
    }
  }

  private arrow([start, tip]: [Point, Point]): void {
    const [x1, y1] = this.at(start);
    const [x2, y2] = this.at(tip);
    const angle = Math.atan2(y2 - y1, x2 - x1);
    const path = new Path2D();
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
    for (const turn of [2.6, -2.6]) {
      path.moveTo(x2, y2);
      path.lineTo(x2 + 9 * Math.cos(angle + turn), y2 + 9 * Math.sin(angle + turn));
    }
    this.stroke(path, LINE, 2);
  }

  scene({ tracks, tails }: Scene, shown: Shown, words: Words): void {
    for (const track of tracks) {
      const paint = color(track.id);
      const tail = tails.get(track.id) ?? [];
      if (shown.tails && tail.length > 1) this.stroke(this.polygon(tail, false), paint, 2, false);
      if (!shown.boxes) continue;
      const [x, y] = this.at([track.box.left, track.box.top]);
      const [w, h] = this.at([track.box.width, track.box.height]);
      const path = new Path2D();
      path.rect(x, y, w, h);
      // What is only guessed at is drawn as such.
      this.context.setLineDash(track.state === 'confirmed' ? [] : [5, 5]);
      this.stroke(path, paint, 2);
      this.context.setLineDash([]);
      if (w > 18) this.label(`${track.id} ${words.className(track.class)} ${words.percent(track.score)}`, x - 1, y - 17, paint);
    }
  }
}
