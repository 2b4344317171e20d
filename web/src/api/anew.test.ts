import { InfiniteQueryObserver, QueryClient } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { askAnew } from './anew';

async function list(client: QueryClient, name: string, pages: number): Promise<() => number> {
  let asked = 0;
  const observer = new InfiniteQueryObserver(client, {
    queryKey: [name],
    queryFn: () => {
      asked += 1;
      return { rows: [asked] };
    },
    initialPageParam: 0,
    getNextPageParam: () => 1,
    staleTime: Infinity,
  });
  observer.subscribe(() => undefined);
  await observer.refetch();
  while ((observer.getCurrentResult().data?.pages.length ?? 0) < pages) await observer.fetchNextPage();
  return () => asked;
}

it('asks short lists anew, and not the fifty pages of a long one', async () => {
  const client = new QueryClient();
  const [short, long] = [await list(client, 'short', 1), await list(client, 'long', 50)];
  const before = [short(), long()];
  askAnew(client);
  await client.invalidateQueries({ queryKey: ['nothing'] });
  await new Promise((resolve) => setTimeout(resolve));
  expect([short(), long()]).toEqual([(before[0] ?? 0) + 1, before[1]]);
});
