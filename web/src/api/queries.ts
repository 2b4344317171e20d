// What pages know of the server, and how fresh it must be. Keys begin with what they are about, so
// that a change can make all of it stale at once.

import { keepPreviousData, queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, ApiError, ask, askWhole, fetchRaw, type CameraSettings } from './client';

/** States and counts change all the time. */
const LIVELY = 2000;
/** What changes rarely, or by somebody's hand. */
const CALM = 10_000;

const camera = (name: string) => ({ path: { name } });

export const camerasQuery = queryOptions({
  queryKey: ['cameras'],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/cameras', { signal }))).cameras,
  refetchInterval: LIVELY,
});

export const cameraQuery = (name: string) => queryOptions({
  queryKey: ['cameras', name],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/cameras/{name}', { params: camera(name), signal })),
  refetchInterval: LIVELY,
});

export const settingsQuery = (name: string) => queryOptions({
  queryKey: ['settings', name],
  queryFn: ({ signal }) => readSettings(name, signal),
  staleTime: 0,
  // Settings that are equal may be of another version; the newest is what counts.
  structuralSharing: false,
});

export interface CountsAsked {
  cameras?: string;
  rule?: string;
  class?: string;
  from: string;
  to: string;
  bucket?: string;
}

export const countsQuery = (query: CountsAsked, refetchInterval: number | false) => queryOptions({
  queryKey: ['counts', query],
  queryFn: async ({ signal }) => {
    const rows = await ask(api.GET('/api/v1/counts', { params: { query }, signal }));
    // A table is only what is asked for as a file.
    return typeof rows === 'string' ? [] : rows.counts;
  },
  placeholderData: keepPreviousData,
  refetchInterval,
});

export const recordingsQuery = (name: string, from: number, to: number, refetchInterval: number | false) => queryOptions({
  queryKey: ['recordings', name, from, to],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/cameras/{name}/recordings', {
    params: { ...camera(name), query: { from: String(Math.floor(from)), to: String(Math.ceil(to)) } }, signal,
  })),
  placeholderData: keepPreviousData,
  refetchInterval,
});

/** When events happened; of more than the newest 1000, those. */
export const eventTimesQuery = (name: string, from: number, to: number) => queryOptions({
  queryKey: ['events', 'times', name, from, to],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/events', {
    params: { query: { cameras: name, from: String(from), to: String(to), limit: 1000 } }, signal,
  }))).events.map((event) => event.time_ms),
  placeholderData: keepPreviousData,
});

/** So often a long time is asked for its next part. */
const BUSY_ROUNDS = 6;

/**
 * When somebody or something was followed in a camera's picture: visits of a zone that is the whole
 * picture, evaluated over the stored tracks. It takes the role of an operator; where no tracks are
 * kept, there is nothing to show.
 */
export const busyQuery = (name: string, from: number, to: number) => queryOptions({
  queryKey: ['busy', name, from, to],
  queryFn: async ({ signal }) => {
    const whole = { polygon: [[0, 0], [1, 0], [1, 1], [0, 1]], anchor: 'center' };
    const spans: { from: number; to: number }[] = [];
    let begin = from;
    // An answer holds a thousand events at most; on a busy day there are more.
    for (let round = 0; round < BUSY_ROUNDS; round += 1) {
      const { events, more } = await ask(api.POST('/api/v1/cameras/{name}/preview', {
        params: camera(name),
        body: { lines: {}, zones: { whole }, from: String(begin), to: String(to), limit: 1000 } as never,
        signal,
      }));
      for (const { kind, time_ms: end, dwell_ms: stayed } of events) {
        if (kind === 'zone_left') spans.push({ from: end - (stayed ?? 0), to: end });
      }
      const last = events.at(-1)?.time_ms;
      if (!more || last === undefined || last <= begin) break;
      begin = last;
    }
    return spans;
  },
  staleTime: 60_000,
  placeholderData: keepPreviousData,
  retry: false,
});

export const eventQueryById = (id: string) => queryOptions({
  queryKey: ['events', 'one', id],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/events/{id}', { params: { path: { id } }, signal })),
});

export const nodesQuery = queryOptions({
  queryKey: ['nodes'],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/nodes', { signal })),
  refetchInterval: CALM,
});

export const sinksQuery = queryOptions({
  queryKey: ['sinks'],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/sinks', { signal })),
  refetchInterval: CALM,
});

export const publicationsQuery = queryOptions({
  queryKey: ['publications'],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/publications', { signal })),
  refetchInterval: CALM,
});

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: async ({ signal }) => ask(api.GET('/readyz', { signal })),
  refetchInterval: CALM,
  // Not ready is an answer, not a reason to ask again at once.
  retry: false,
});

export const metricsQuery = queryOptions({
  queryKey: ['metrics'],
  queryFn: async ({ signal }) => (await fetchRaw('/metrics', { signal })).text(),
  refetchInterval: 5000,
});

/** A camera's settings were changed: what is known of it no longer holds. */
export async function cameraChanged(client: QueryClient, name: string): Promise<void> {
  await Promise.all([
    client.invalidateQueries({ queryKey: ['cameras'] }),
    client.invalidateQueries({ queryKey: ['settings', name] }),
  ]);
}

/** Somebody else has saved other settings since this editing began. */
export class Conflict extends Error {
  constructor(readonly theirs: CameraSettings) {
    super('the settings were changed by somebody else in the meantime');
    this.name = 'Conflict';
  }
}

/** Which version of a camera's settings was read; it stays with what was read. */
const versions = new WeakMap<CameraSettings, string>();

/** A camera's settings as they are now. What is made of them can be saved with `saveSettings`. */
export async function readSettings(name: string, signal?: AbortSignal): Promise<CameraSettings> {
  const { data, response } = await askWhole(api.GET('/api/v1/cameras/{name}/settings', { params: camera(name), signal }));
  const version = response.headers.get('ETag');
  if (version !== null) versions.set(data, version);
  return data;
}

/**
 * Saves settings, if they are still what the editing began with, as `readSettings` gave it: the API
 * replaces all settings at once, and whoever saves last would undo what others did. What was saved
 * can be the base of the next change.
 */
export async function saveSettings(name: string, base: CameraSettings, settings: CameraSettings, again = true): Promise<void> {
  const version = versions.get(base);
  const headers = version === undefined ? {} : { 'If-Match': version };
  try {
    const { response } = await askWhole(api.PUT('/api/v1/cameras/{name}', { params: camera(name), body: settings, headers }));
    const now = response.headers.get('ETag');
    if (now !== null) versions.set(settings, now);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 412) throw error;
    const theirs = await readSettings(name);
    // A server that was started anew has other versions of the same: nobody has changed anything.
    if (!again || !equal(base, theirs)) throw new Conflict(theirs);
    await saveSettings(name, theirs, settings, false);
  }
}

const equal = (a: CameraSettings, b: CameraSettings) => JSON.stringify(a) === JSON.stringify(b);

/** Asked again after a while where nobody answered; a refusal stays one. */
export function retry(count: number, error: Error): boolean {
  return error instanceof ApiError && error.away && count < 2;
}
