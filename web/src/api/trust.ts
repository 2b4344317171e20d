// How far counts can be trusted: what people said of events, and what they saw that was missed.

import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, ApiError, ask, cameraPath, fetchRaw, type OmmaEvent, type Schemas } from './client';

export type Verdict = 'right' | 'wrong';
export type Interval = Schemas['Interval'];

/** An event with what was said of it. */
export type ReviewedEvent = Omit<OmmaEvent, 'reviewed' | 'verdict'> & { reviewed?: boolean | null; verdict?: string | null };

export type Precision = Schemas['Precision'] & {
  /** How much time somebody has watched as a whole, to see what was missed. */
  reviewed_ms?: number;
  missed?: number;
  recall?: Interval | null;
};

/** Somebody has watched this whole span, and this many were missed in it. */
export interface Watched {
  rule: string;
  kind: string;
  direction?: string | null;
  missed: number;
}

export interface StoredWatch extends Watched {
  id: string | number;
  from_ms: number;
  to_ms: number;
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
  const response = await fetchRaw(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return text === '' ? undefined : (JSON.parse(text) as T);
}

export const precisionQuery = (name: string) => queryOptions({
  queryKey: ['precision', name],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/cameras/{name}/precision', {
    params: { path: { name } }, signal,
  }))).precision as Precision[],
  staleTime: 5000,
});

export const watchedQuery = (name: string) => queryOptions({
  queryKey: ['watched', name],
  queryFn: async ({ signal }) => {
    const response = await fetchRaw(cameraPath(name, '/reviews'), { signal });
    return ((await response.json()) as { reviews: StoredWatch[] }).reviews;
  },
  retry: false,
});

export const putVerdict = (id: string, verdict: Verdict | 'none') =>
  ask(api.PUT('/api/v1/events/{id}/verdict', { params: { path: { id } }, body: { verdict } }));

export const putReviewed = (id: string, reviewed: boolean) =>
  send('PUT', `/api/v1/events/${encodeURIComponent(id)}/review`, { reviewed });

/** The server takes this many at once. */
const AT_ONCE = 1000;

export async function putAllReviewed(ids: readonly string[], reviewed: boolean): Promise<void> {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await send('POST', '/api/v1/events/review', { ids: ids.slice(at, at + AT_ONCE), reviewed });
  }
}

export const addWatched = (camera: string, watched: Watched, from: number, to: number) =>
  send('POST', cameraPath(camera, '/reviews'), { ...watched, from: String(Math.floor(from)), to: String(Math.ceil(to)) });

export const removeWatched = (camera: string, id: string | number) =>
  send('DELETE', cameraPath(camera, `/reviews/${encodeURIComponent(id)}`));

/** What was said changes what counts are worth. */
export async function trustChanged(client: QueryClient): Promise<void> {
  await Promise.all([
    client.invalidateQueries({ queryKey: ['precision'] }),
    client.invalidateQueries({ queryKey: ['watched'] }),
  ]);
}

/** Whether this server does not know an address at all, being older than the portal. */
export const isUnknown = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 405);
