// Reads metrics in Prometheus' text form. Pure.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** All samples of a text; lines that are none are left out. */
export function parseMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const parts = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    const [, name, labels = '', value] = parts ?? [];
    if (name === undefined || value === undefined) continue;
    const read = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', quoted = '']) =>
      [key, quoted.replaceAll(/\\(.)/g, (_whole, letter: string) => (letter === 'n' ? '\n' : letter))] as const);
    samples.push({ name, labels: Object.fromEntries(read), value: Number(value) });
  }
  return samples;
}

/** The sum of all samples of this name whose labels are as given. */
export function sum(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((total, sample) => total + sample.value, 0);
}

/** All values of a label, in the order of their first appearance. */
export function values(samples: readonly Sample[], name: string, label: string): string[] {
  const found = samples.filter((sample) => sample.name === name).map((sample) => sample.labels[label]);
  return [...new Set(found)].filter((value) => value !== undefined);
}

/**
 * Below which value this part of all lay, from the buckets of a histogram: spread evenly within the
 * bucket. None without buckets, or where it lies above the last bound.
 */
export function quantile(samples: readonly Sample[], name: string, part: number, labels: Record<string, string> = {}): number | undefined {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket` && Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  const counts = new Map<number, number>();
  for (const { labels: { le = '' }, value } of buckets) {
    const bound = le === '+Inf' ? Infinity : Number(le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const wanted = (sorted.at(-1)?.[1] ?? 0) * part;
  if (wanted === 0) return undefined;
  let [low, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= wanted) return bound === Infinity ? undefined : low + (bound - low) * ((wanted - below) / (count - below));
    [low, below] = [bound, count];
  }
  return undefined;
}
