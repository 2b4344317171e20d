// Lines and zones on the picture, to be drawn and dragged with a mouse, a finger or the keyboard.
// What may be done is decided in `draft.ts`; this turns movements into changes.

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useTexts } from '../i18n';
import { formatPercent } from '../lib/format';
import { distance, forwardArrow, inside, NEAR, type Point } from '../lib/geometry';
import { corners, moveAll, movePoint, removePoint, splitEdge, type Attempt, type Change, type Draft, type Kind, type Place } from './draft';
import classes from './Shapes.module.css';

/** A step of an arrow key, and with Shift. */
const SMALL = 0.005;
const LARGE = 0.05;

const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

interface Props {
  draft: Draft;
  selected: Place | undefined;
  /** What is being drawn, if anything. */
  drawing: Kind | undefined;
  /** What was refused, because edges cross. */
  attempt: Attempt | undefined;
  select: (place: Place | undefined) => void;
  /** `merge`: belongs to the step before, as all positions of one drag do. */
  change: (change: Change, merge: boolean) => void;
  /** All corners of something new. */
  drawn: (kind: Kind, points: Point[]) => void;
  cancel: () => void;
}

type Drag =
  | { what: 'corner'; place: Place; index: number; moved: boolean }
  | { what: 'shape'; place: Place; last: Point; moved: boolean };

export function Shapes({ draft, selected, drawing, attempt, select, change, drawn, cancel }: Props) {
  const { t, language } = useTexts();
  const [{ width, height }, setSize] = useState({ width: 0, height: 0 });
  const drag = useRef<Drag>(undefined);
  const [points, setPoints] = useState<Point[]>([]);
  const [hover, setHover] = useState<Point>();
  const svg = useRef<SVGSVGElement>(null);

  useEffect(() => {
    if (!svg.current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(svg.current);
    return () => observer.disconnect();
  }, []);

  const at = (event: { clientX: number; clientY: number }): Point => {
    const box = svg.current?.getBoundingClientRect();
    return box ? inside([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]) : [0, 0];
  };
  const px = ([x, y]: Point): [number, number] => [x * width, y * height];

  const finish = (all: Point[]) => {
    setPoints([]);
    setHover(undefined);
    if (drawing) drawn(drawing, all);
  };

  const press = (event: PointerEvent<SVGSVGElement>) => {
    if (event.button !== 0) return;
    if (!drawing) {
      if (event.target === svg.current) select(undefined);
      return;
    }
    event.currentTarget.setPointerCapture(event.pointerId);
    const point = at(event);
    const [first] = points;
    const last = points.at(-1);
    if (drawing === 'zone' && first && points.length >= 3 && distance(first, point) < 0.02) finish(points);
    else if (drawing === 'line' && first && distance(first, point) > NEAR) finish([first, point]);
    // The second press of a double click is no corner of its own.
    else if (!last || distance(last, point) > NEAR) setPoints([...points, point]);
    else if (drawing === 'zone' && points.length >= 3) finish(points);
  };

  const move = (event: PointerEvent<SVGSVGElement>) => {
    const point = at(event);
    if (drawing) {
      setHover(point);
      return;
    }
    const current = drag.current;
    if (!current) return;
    const merge = current.moved;
    current.moved = true;
    if (current.what === 'corner') {
      change(movePoint(draft, current.place, current.index, point), merge);
    } else {
      change(moveAll(draft, current.place, point[0] - current.last[0], point[1] - current.last[1]), merge);
      current.last = point;
    }
  };

  const release = (event: PointerEvent<SVGSVGElement>) => {
    drag.current = undefined;
    const [first] = points;
    const point = at(event);
    // A line may also be drawn in one go.
    if (drawing === 'line' && first && distance(first, point) > 0.03) finish([first, point]);
  };

  const keys = (event: KeyboardEvent<SVGSVGElement>) => {
    if (!drawing) return;
    if (event.key === 'Escape') {
      setPoints([]);
      cancel();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (drawing === 'zone' && points.length >= 3) finish(points);
      // Without a mouse, something to begin with is put into the middle.
      else if (points.length === 0) finish(drawing === 'line' ? [[0.3, 0.6], [0.7, 0.6]] : [[0.35, 0.4], [0.65, 0.4], [0.65, 0.7], [0.35, 0.7]]);
    }
  };

  const grab = (event: PointerEvent<SVGElement>, next: Drag) => {
    if (drawing || event.button !== 0) return;
    event.stopPropagation();
    svg.current?.setPointerCapture(event.pointerId);
    drag.current = next;
    select(next.place);
  };

  const cornerKeys = (event: KeyboardEvent, place: Place, index: number) => {
    const arrow = ARROWS[event.key];
    const point = corners(draft, place)[index];
    if (arrow && point) {
      event.preventDefault();
      const size = event.shiftKey ? LARGE : SMALL;
      change(movePoint(draft, place, index, [point[0] + arrow[0] * size, point[1] + arrow[1] * size]), false);
    } else if ((event.key === 'Delete' || event.key === 'Backspace') && place.kind === 'zone') {
      event.preventDefault();
      change(removePoint(draft, place, index), false);
    }
  };

  const handles = (place: Place) => corners(draft, place).map((point, index, all) => {
    const [x, y] = px(point);
    const where = `${formatPercent(point[0], language)}, ${formatPercent(point[1], language)}`;
    const next = all[(index + 1) % all.length];
    const middle = next ? px([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2]) : undefined;
    return (
      <g key={index}>
        {place.kind === 'zone' && middle && (
          <g
            className={classes.split}
            role="button"
            tabIndex={0}
            aria-label={t('editor.split', { name: place.name, index: index + 1 })}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' && event.key !== ' ') return;
              event.preventDefault();
              change(splitEdge(draft, place, index), false);
            }}
            onPointerDown={(event) => {
              if (drawing || event.button !== 0) return;
              change(splitEdge(draft, place, index), false);
              grab(event, { what: 'corner', place, index: index + 1, moved: true });
            }}
          >
            <circle cx={middle[0]} cy={middle[1]} r={7} />
            <path d={`M${middle[0] - 3.5} ${middle[1]}h7M${middle[0]} ${middle[1] - 3.5}v7`} />
          </g>
        )}
        <circle
          className={classes.corner}
          cx={x}
          cy={y}
          r={9}
          role="button"
          tabIndex={0}
          aria-label={t('editor.corner', { name: place.name, index: index + 1, where })}
          data-testid={`corner-${place.name}-${index}`}
          onKeyDown={(event) => cornerKeys(event, place, index)}
          onPointerDown={(event) => grab(event, { what: 'corner', place, index, moved: false })}
          onDoubleClick={() => place.kind === 'zone' && change(removePoint(draft, place, index), false)}
        />
      </g>
    );
  });

  const isSelected = (place: Place) => selected?.kind === place.kind && selected.name === place.name;
  const list = (all: readonly Point[]) => all.map((point) => px(point).join(',')).join(' ');
  const pending = [...points, ...(hover && points.length > 0 ? [hover] : [])];
  return (
    <svg
      ref={svg}
      className={classes.shapes}
      data-drawing={drawing}
      role="group"
      aria-label={t('editor.label')}
      tabIndex={drawing ? 0 : -1}
      data-testid="editor"
      onPointerDown={press}
      onPointerMove={move}
      onPointerUp={release}
      onKeyDown={keys}
    >
      {/* Before it is known how large the picture is, nothing has a place. */}
      {width > 0 && Object.entries(draft.zones).map(([name, zone]) => {
        const place: Place = { kind: 'zone', name };
        return (
          <g key={name} className={classes.zone} data-selected={isSelected(place) || undefined}>
            <polygon points={list(zone.polygon)} onPointerDown={(event) => grab(event, { what: 'shape', place, last: at(event), moved: false })} />
            <text x={px(zone.polygon[0] ?? [0, 0])[0] + 8} y={px(zone.polygon[0] ?? [0, 0])[1] + 20}>{name}</text>
          </g>
        );
      })}
      {width > 0 && Object.entries(draft.lines).map(([name, line]) => {
        const place: Place = { kind: 'line', name };
        const [[x1, y1], [x2, y2]] = [px(line.from), px(line.to)];
        const arrow = forwardArrow(line.from, line.to, width / height, 0.06);
        const [start, tip] = [px(arrow[0]), px(arrow[1])];
        const grabLine = (event: PointerEvent<SVGElement>) => grab(event, { what: 'shape', place, last: at(event), moved: false });
        const angle = (Math.atan2(tip[1] - start[1], tip[0] - start[0]) * 180) / Math.PI;
        return (
          <g key={name} className={classes.line} data-selected={isSelected(place) || undefined}>
            <line className={classes.wide} x1={x1} y1={y1} x2={x2} y2={y2} onPointerDown={grabLine} />
            <line x1={x1} y1={y1} x2={x2} y2={y2} onPointerDown={grabLine} />
            <line x1={start[0]} y1={start[1]} x2={tip[0]} y2={tip[1]} />
            <path d="M0 0L-11 -6V6Z" transform={`translate(${tip[0]} ${tip[1]}) rotate(${angle})`} />
            <text x={tip[0] + 6} y={tip[1] + 18}>{name}</text>
          </g>
        );
      })}
      {width > 0 && attempt && (
        <g className={classes.attempt} data-testid="attempt">
          <polygon points={list(attempt.polygon)} />
          {attempt.edges.map((edge) => {
            const [a, b] = [attempt.polygon[edge], attempt.polygon[(edge + 1) % attempt.polygon.length]];
            return a && b && <polyline key={edge} points={list([a, b])} />;
          })}
        </g>
      )}
      {width > 0 && selected && handles(selected)}
      {pending.length > 0 && (
        <g className={classes.pending}>
          <polyline points={list(pending)} />
          {points.map((point, index) => <circle key={index} cx={px(point)[0]} cy={px(point)[1]} r={index === 0 ? 9 : 5} />)}
        </g>
      )}
    </svg>
  );
}
