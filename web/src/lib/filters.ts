// What is filtered stands in the address: a link shows others the same. Whatever somebody writes
// there, a page is shown: what makes no sense is left out.

export interface EventFilters {
  cameras?: string[];
  kinds?: string[];
  rule?: string;
  class?: string;
  minScore?: number;
  from?: number;
  to?: number;
  /** Only what somebody has looked at, or what nobody has. */
  reviewed?: 'yes' | 'no';
  /** The event that is open. */
  event?: string;
  /** Going from event to event to judge them. */
  review?: boolean;
}

export const KINDS = ['line_crossed', 'zone_entered', 'zone_left', 'zone_dwelled', 'camera_state', 'recording_state'] as const;

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

const words = (value: unknown, allowed: (word: string) => boolean): string[] | undefined => {
  const list = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  const good = list.filter((word): word is string => typeof word === 'string' && allowed(word));
  return good.length > 0 ? [...new Set(good)] : undefined;
};

const text = (value: unknown): string | undefined => {
  const plain = typeof value === 'number' ? String(value) : value;
  return typeof plain === 'string' && plain !== '' && plain.length <= 128 ? plain : undefined;
};

const number = (value: unknown, least: number, most: number): number | undefined => {
  const plain = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof plain === 'number' && plain >= least && plain <= most ? plain : undefined;
};

/** Milliseconds since 1970, or anything that a date can be read from. */
export const time = (value: unknown): number | undefined => {
  const plain = typeof value === 'string' && /\D/.test(value) ? new Date(value).getTime() : value;
  return number(plain, 0, 8.64e15);
};

/** Leaves out what is not there, so that addresses stay short. */
export function compact<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Partial<T>;
}

export function eventFilters(search: Record<string, unknown>): EventFilters {
  return compact({
    cameras: words(search.cameras, (word) => NAME.test(word)),
    kinds: words(search.kinds, (word) => (KINDS as readonly string[]).includes(word)),
    rule: text(search.rule),
    class: text(search.class),
    minScore: number(search.minScore, 0, 1),
    from: time(search.from),
    to: time(search.to),
    reviewed: search.reviewed === 'yes' || search.reviewed === 'no' ? search.reviewed : undefined,
    event: text(search.event),
    review: search.review === true || search.review === 'true' || undefined,
  });
}

/** The same as the API wants it. */
export function eventQuery(filters: EventFilters) {
  return compact({
    cameras: filters.cameras?.join(','),
    kinds: filters.kinds?.join(','),
    rule: filters.rule,
    class: filters.class,
    min_score: filters.minScore,
    from: filters.from === undefined ? undefined : String(filters.from),
    to: filters.to === undefined ? undefined : String(filters.to),
    reviewed: filters.reviewed === undefined ? undefined : filters.reviewed === 'yes',
  });
}

/** Addresses with lists as `a,b` and nothing quoted: people read and change them. */
export function toSearch(values: Record<string, unknown>): string {
  const parts = Object.entries(values).flatMap(([key, value]) => {
    const plain = Array.isArray(value) ? value.join(',') : value;
    if (typeof plain !== 'string' && typeof plain !== 'number' && typeof plain !== 'boolean') return [];
    return plain === '' ? [] : [`${encodeURIComponent(key)}=${encodeURIComponent(plain).replaceAll('%2C', ',')}`];
  });
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

export function fromSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export { NAME as CAMERA_NAME, number as numberIn, text as textIn, words as wordsIn };
