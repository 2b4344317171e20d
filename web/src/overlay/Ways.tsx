// The ways that things took, and where they crossed, drawn onto the picture beneath what is edited.

import type { Camera, OmmaEvent } from '../api/client';
import classes from './Ways.module.css';

interface Props {
  events: readonly OmmaEvent[];
  /** Only those of this line or zone. */
  rule: string | undefined;
  /** The line or zone itself, where nothing else draws it. */
  shape?: Camera['lines'][number] | Camera['zones'][number];
}

type Corner = readonly [number, number];

const list = (points: readonly Corner[]) => points.map(([x, y]) => `${x},${y}`).join(' ');

/** Where somebody's feet were when it happened: the end of the way, else of the box. */
function place({ path, box }: OmmaEvent): Corner | undefined {
  const last = path?.at(-1);
  if (last) return [last.x, last.y];
  return box ? [box.left + box.width / 2, box.top + box.height] : undefined;
}

export function Ways({ events, rule, shape }: Props) {
  const shown = events.filter((event) => rule === undefined || event.rule === rule);
  return (
    // In fractions of the picture; strokes keep their width whatever shape the picture has.
    <svg className={classes.ways} viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true" data-testid="ways" data-count={shown.length}>
      {shape && ('polygon' in shape
        ? <polygon className={classes.rule} points={shape.polygon.join(' ')} />
        : <polyline className={classes.rule} points={`${shape.from.join(',')} ${shape.to.join(',')}`} />)}
      {shown.map((event) => {
        const end = place(event);
        const which = event.kind === 'line_crossed' ? event.direction : event.kind;
        return (
          <g key={event.id} data-which={which ?? undefined}>
            <polyline points={list((event.path ?? []).map(({ x, y }) => [x, y]))} />
            {/* A line of no length with round ends is a dot that no stretching makes an ellipse. */}
            {end && <path d={`M${end[0]} ${end[1]}h0`} />}
          </g>
        );
      })}
    </svg>
  );
}
