// What administrators ask: users and their trail, models, logs, configuration, and what cameras
// there are around.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, ask, type Schemas } from './client';

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/users', { signal }))).users,
});

export const myTokensQuery = queryOptions({
  queryKey: ['my-tokens'],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/me/tokens', { signal }))).tokens,
});

export interface AuditAsked {
  who?: string;
  what?: string;
}

export const auditQuery = (filters: AuditAsked) => infiniteQueryOptions({
  queryKey: ['audit', filters],
  queryFn: ({ pageParam, signal }) => ask(api.GET('/api/v1/audit', {
    params: { query: { ...filters, before_seq: pageParam, limit: 100 } }, signal,
  })),
  initialPageParam: undefined as number | undefined,
  getNextPageParam: ({ next }) => next ?? undefined,
  // Many pages are not asked for again because a window was touched; whoever comes back sees the newest.
  staleTime: Infinity,
  gcTime: 0,
});

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/models', { signal }))).models,
  // Often while one is being fetched, so that its progress is seen.
  refetchInterval: ({ state }) => (state.data?.some((model) => model.state === 'pulling') ? 1000 : 15_000),
});

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/config', { signal })),
});

export interface LogsAsked {
  level?: string;
  part?: string;
  camera?: string;
  text?: string;
}

export const LOG_PAGE = 200;

export type LogEntry = Schemas['LogEntry'];

export const logsQuery = (filters: LogsAsked, follow: boolean) => queryOptions({
  queryKey: ['logs', filters],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/logs', { params: { query: { ...filters, limit: LOG_PAGE } }, signal })),
  refetchInterval: follow ? 2000 : false,
});

/** The entries before one that is known, oldest first. */
export async function logsBefore(filters: LogsAsked, before: number): Promise<LogEntry[]> {
  return (await ask(api.GET('/api/v1/logs', { params: { query: { ...filters, before, limit: LOG_PAGE } } }))).entries;
}

export const discoverQuery = queryOptions({
  queryKey: ['discover'],
  queryFn: ({ signal }) => ask(api.GET('/api/v1/discover', { params: { query: { seconds: 3 } }, signal })),
  // It looks for seconds, and asks every address: only when somebody wants it.
  staleTime: Infinity,
  refetchOnWindowFocus: false,
  retry: false,
});
