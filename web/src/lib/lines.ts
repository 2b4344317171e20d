// Where a line of a text stands. Pure.

/** The beginning and end of a line, counted from 1; the end of the text for one that is not there. */
export function lineSpan(text: string, line: number): [number, number] {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf('\n', start);
    if (end < 0) return [text.length, text.length];
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return [start, end < 0 ? text.length : end];
}
