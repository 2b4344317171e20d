// Everything is asked anew once the server is back, or somebody is logged in again. Lists of which
// somebody has read many pages are not: all their pages would be asked for, one after the other.

import type { Query, QueryClient } from '@tanstack/react-query';

/** Whether what was asked is short enough to be asked again by itself. */
export function isShort({ state }: Pick<Query, 'state'>): boolean {
  const { pages } = (state.data ?? {}) as { pages?: unknown };
  return !Array.isArray(pages) || pages.length <= 1;
}

export function askAnew(client: QueryClient): void {
  void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' && isShort(query) });
}
