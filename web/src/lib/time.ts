// Spans of time in the viewer's own time zone: days and months are local, although the server
// counts in UTC.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Span {
  from: number;
  to: number;
}

export type Step = 'minute' | '5m' | 'hour' | 'day' | 'month';
export const STEPS: readonly Step[] = ['minute', '5m', 'hour', 'day', 'month'];

/** The local beginning of the step that `time` lies in. */
export function floor(time: number, step: Step): number {
  if (step === 'minute') return Math.floor(time / MINUTE) * MINUTE;
  if (step === '5m') return Math.floor(time / (5 * MINUTE)) * 5 * MINUTE;
  const date = new Date(time);
  date.setMinutes(0, 0, 0);
  if (step === 'day' || step === 'month') date.setHours(0);
  if (step === 'month') date.setDate(1);
  return date.getTime();
}

/** The beginning of the step after the one that begins at `start`, also when clocks change. */
export function next(start: number, step: Step): number {
  if (step === 'minute') return start + MINUTE;
  if (step === '5m') return start + 5 * MINUTE;
  // An hour is an hour whatever the clock says; days and months are what the calendar says.
  if (step === 'hour') return start + HOUR;
  const date = new Date(start);
  if (step === 'day') date.setDate(date.getDate() + 1);
  else date.setMonth(date.getMonth() + 1);
  return date.getTime();
}

/** The same clock time some days earlier or later, also when clocks change in between. */
export function plusDays(time: number, days: number): number {
  const date = new Date(time);
  date.setDate(date.getDate() + days);
  return date.getTime();
}

/** The beginnings of all steps within a span; at most `most`. */
export function steps(span: Span, step: Step, most = 3000): number[] {
  const starts: number[] = [];
  for (let at = floor(span.from, step); at < span.to && starts.length < most; at = next(at, step)) {
    starts.push(at);
  }
  return starts;
}

/** A step that gives a chart between some and some hundred points. */
export function fittingStep({ from, to }: Span): Step {
  const length = to - from;
  if (length <= 2 * HOUR) return 'minute';
  if (length <= 12 * HOUR) return '5m';
  if (length <= 4 * DAY) return 'hour';
  return length <= 120 * DAY ? 'day' : 'month';
}

/** What to ask the server for: its spans begin in UTC, so local days are put together from parts. */
export function serverBucket(step: Step, zoneOffsetMinutes: number): string {
  if (step === 'minute' || step === '5m') return step;
  return zoneOffsetMinutes % 60 === 0 ? 'hour' : '15m';
}

/** `2026-11-20T09:30`, as a field for local time takes it; with seconds, where those matter. */
export function toField(time: number, seconds = false): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minute = `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${minute}:${two(date.getSeconds())}` : minute;
}

/** The time that such a field holds; none where it holds none. */
export function fromField(text: string): number | undefined {
  const time = new Date(text.length === 10 ? `${text}T00:00` : text).getTime();
  return text === '' || Number.isNaN(time) ? undefined : time;
}

/** Settings write durations as `500ms`, `10s`, `5min`, `2h`, `7d`. */
export function parseDuration(text: string): number | undefined {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*$/.exec(text);
  const units: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, min: MINUTE, h: HOUR, d: DAY };
  const unit = units[parts?.[2] ?? ''];
  return unit === undefined ? undefined : Number(parts?.[1]) * unit;
}
