// Who sits in front of the page. Where the server has accounts, nothing is shown before somebody
// has logged in; when the session ends, the page stays as it is behind the log-in.

import { focusManager, queryOptions, useQuery, useQueryClient, type Query, type QueryClient } from '@tanstack/react-query';
import { createContext, Fragment, lazy, Suspense, use, useEffect, useMemo, useState, type ReactNode } from 'react';
import { rightsOf, type Rights } from '../lib/roles';
import { Failed, PageLoading } from '../ui/States';
import { askAnew } from './anew';
import { api, ApiError, ask, onSessionLost, setProof, type Me } from './client';

/** How often it is asked, behind the log-in, whether somebody has logged in elsewhere. */
const LOOK_EVERY = 5000;

const Welcome = lazy(() => import('../pages/Welcome').then(({ Welcome: component }) => ({ default: component })));

type Answer =
  /** `accounts` is false where nobody is asked who they are. */
  | { in: true; accounts: boolean; me: Me }
  /** `setup`: there is no user yet. */
  | { in: false; setup: boolean };

/** Where nobody is asked, everybody may everything; the server says otherwise where it does not hold. */
const ANYBODY: Me = { name: '', role: 'admin', cameras: null, via: 'nothing', csrf: null };

/** For whom everything that is known was asked. */
let known: string | undefined;

/** Somebody is logged in, here or in another tab: what was known for somebody else is forgotten. */
function become(client: QueryClient, me: Me): void {
  setProof(me.csrf ?? undefined);
  if (known !== undefined && known !== me.name) client.removeQueries({ predicate: others });
  known = me.name;
}

const others = ({ queryKey }: Query) => queryKey[0] !== 'session';

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ client, signal }): Promise<Answer> => {
    try {
      const me = await ask(api.GET('/api/v1/me', { signal }));
      become(client, me);
      return { in: true, accounts: me.via !== 'nothing', me };
    } catch (error) {
      // Whatever else is refused says nothing of who is asking.
      if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 404)) throw error;
      const { accounts, setup } = await ask(api.GET('/api/v1/setup', { signal }));
      return accounts && error.status === 401 ? { in: false, setup } : { in: true, accounts: false, me: ANYBODY };
    }
  },
  // Another page of the same browser may log out, or in as somebody else.
  refetchInterval: 60_000,
});

export interface Session extends Rights {
  me: Me;
  accounts: boolean;
  /** The session has ended, and the log-in lies over the page. */
  ended: boolean;
}

const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('no Gate above this component');
  return session;
}

/** Somebody has logged in on this page. */
function enter(client: QueryClient, me: Me): void {
  become(client, me);
  const answer: Answer = { in: true, accounts: true, me };
  client.setQueryData(['session'], answer);
}

/** Ends the session. The page begins anew, so that nothing of it stays behind. */
export async function logOut(): Promise<void> {
  await ask(api.POST('/api/v1/logout'));
  window.location.replace('/');
}

/** Lets those in whom the server knows; the others may log in. */
export function Gate({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const query = useQuery(sessionQuery);
  const answer = query.data;
  const [held, setHeld] = useState<Extract<Answer, { in: true }>>();
  if (answer?.in && answer !== held) setHeld(answer);
  const out = answer !== undefined && !answer.in;

  useEffect(() => onSessionLost(() => void client.invalidateQueries({ queryKey: sessionQuery.queryKey })), [client]);
  useEffect(() => {
    if (!out) return undefined;
    // Nothing is asked again and again that would be refused.
    focusManager.setFocused(false);
    // Whether somebody has logged in in another tab is the one thing that is.
    const timer = setInterval(() => {
      if (!document.hidden) void client.refetchQueries({ queryKey: sessionQuery.queryKey });
    }, LOOK_EVERY);
    return () => {
      clearInterval(timer);
      focusManager.setFocused(undefined);
      askAnew(client);
    };
  }, [out, client]);

  const session = useMemo(() => held && { ...rightsOf(held.me), me: held.me, accounts: held.accounts, ended: out }, [held, out]);
  if (!answer) return query.error ? <Failed error={query.error} /> : <PageLoading />;
  const welcome = out && (
    <Suspense fallback={<PageLoading />}>
      <Welcome setup={answer.setup} ended={held?.me.name} entered={(me) => enter(client, me)} />
    </Suspense>
  );
  if (!session) return welcome;
  return (
    <SessionContext value={session}>
      <Fragment key={session.me.name}>{children}</Fragment>
      {welcome}
    </SessionContext>
  );
}
