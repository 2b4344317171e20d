// Colours of a heat map. Pure; the page only draws them.

type Color = readonly [red: number, green: number, blue: number];
/** From little to much, after Brewer's YlOrRd: lighter is less, also for those who see no colours. */
const STOPS: readonly Color[] = [
  [255, 237, 160], [254, 178, 76], [252, 78, 42], [189, 0, 38], [103, 0, 31],
];

/** Somebody who stands still would outshine all ways; by the root, both can be seen. */
export function strength(value: number, most: number): number {
  return most > 0 && value > 0 ? Math.sqrt(Math.min(1, value / most)) : 0;
}

/** The colour of a strength between 0 and 1; nothing is clear. */
export function paint(part: number): [red: number, green: number, blue: number, alpha: number] {
  if (part <= 0) return [0, 0, 0, 0];
  const place = Math.min(1, part) * (STOPS.length - 1);
  const index = Math.min(STOPS.length - 2, Math.floor(place));
  const black: Color = [0, 0, 0];
  const [low, high] = [STOPS[index] ?? black, STOPS[index + 1] ?? black];
  const mix = (channel: 0 | 1 | 2) => Math.round(low[channel] + (high[channel] - low[channel]) * (place - index));
  return [mix(0), mix(1), mix(2), Math.round(255 * (0.35 + 0.5 * Math.min(1, part)))];
}

/** The pixels of a map with one pixel for each field. */
export function pixels(seconds: readonly number[]): { data: Uint8ClampedArray<ArrayBuffer>; most: number } {
  const most = seconds.reduce((high, value) => Math.max(high, value), 0);
  const data = new Uint8ClampedArray(seconds.length * 4);
  seconds.forEach((value, index) => data.set(paint(strength(value, most)), index * 4));
  return { data, most };
}

/** The scale beside the map: how many seconds stand for which part of it. */
export function scale(most: number): { part: number; seconds: number }[] {
  return [0, 0.5, 1].map((part) => ({ part, seconds: most * part * part }));
}
