// How far counts can be trusted: what people said of events, and what they saw that was missed.

import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, ask, type Schemas } from './client';

export type Verdict = 'right' | 'wrong';
export type Precision = Schemas['Precision'];

/** Somebody has watched a whole span, and this many were missed in it. */
export type Watched = Pick<Schemas['NewReview'], 'rule' | 'kind' | 'direction' | 'missed'>;

export const precisionQuery = (name: string) => queryOptions({
  queryKey: ['precision', name],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/cameras/{name}/precision', {
    params: { path: { name } }, signal,
  }))).precision,
  staleTime: 5000,
});

export const watchedQuery = (name: string) => queryOptions({
  queryKey: ['watched', name],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/cameras/{name}/reviews', {
    params: { path: { name } }, signal,
  }))).reviews,
});

export const putVerdict = (id: string, verdict: Verdict | 'none') =>
  ask(api.PUT('/api/v1/events/{id}/verdict', { params: { path: { id } }, body: { verdict } }));

export const putReviewed = (id: string, reviewed: boolean) =>
  ask(api.PUT('/api/v1/events/{id}/review', { params: { path: { id } }, body: { reviewed } }));

/** The server takes this many at once. */
const AT_ONCE = 1000;

export async function putAllReviewed(ids: readonly string[], reviewed: boolean): Promise<void> {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await ask(api.POST('/api/v1/events/review', { body: { ids: ids.slice(at, at + AT_ONCE), reviewed } }));
  }
}

export const addWatched = (name: string, watched: Watched, from: number, to: number) =>
  ask(api.POST('/api/v1/cameras/{name}/reviews', {
    params: { path: { name } }, body: { ...watched, from: String(Math.floor(from)), to: String(Math.ceil(to)) },
  }));

export const removeWatched = (name: string, id: number) =>
  ask(api.DELETE('/api/v1/cameras/{name}/reviews/{id}', { params: { path: { name, id } } }));

/** What was said changes what counts are worth. */
export async function trustChanged(client: QueryClient): Promise<void> {
  await Promise.all([
    client.invalidateQueries({ queryKey: ['precision'] }),
    client.invalidateQueries({ queryKey: ['watched'] }),
  ]);
}
