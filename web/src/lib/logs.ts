// Pages of a log that goes on while it is read. Pure.

interface Numbered {
  seq: number;
}

/** More entries than this are not kept on a page. */
export const MOST = 5000;

/** Both, oldest first, none twice. Bounded, so that a page left open for days stays small. */
export function joined<T extends Numbered>(older: readonly T[], newer: readonly T[], most = MOST): T[] {
  const all = new Map<number, T>();
  for (const entry of [...older, ...newer]) all.set(entry.seq, entry);
  return [...all.values()].sort((a, b) => a.seq - b.seq).slice(-most);
}

/** A field's value for people. */
export function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
