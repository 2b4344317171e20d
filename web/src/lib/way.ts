// The way that somebody took, on the clock of the footage that shows it. Pure.

interface Passed {
  time_ms: number;
  media_ms: number;
  path?: readonly { media_ms: number; x: number; y: number }[];
}

/** Where somebody was at this time of day; none before and after what is known of the way. */
export function placeAt(event: Passed, time: number): { x: number; y: number } | undefined {
  const path = event.path ?? [];
  const media = event.media_ms + (time - event.time_ms);
  const index = path.findLastIndex((point) => point.media_ms <= media);
  const before = path[index];
  if (!before) return undefined;
  const after = path[index + 1];
  if (!after) return media - before.media_ms <= 250 ? { x: before.x, y: before.y } : undefined;
  const gap = after.media_ms - before.media_ms;
  const part = gap > 0 ? (media - before.media_ms) / gap : 0;
  return { x: before.x + (after.x - before.x) * part, y: before.y + (after.y - before.y) * part };
}
