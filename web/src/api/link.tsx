// Whether the server is there, for all pages: said when it is not, and everything is asked anew
// when it is back.

import { useQueryClient } from '@tanstack/react-query';
import { createContext, use, useEffect, useRef, useState, type ReactNode } from 'react';
import { askAnew } from './anew';
import type { OmmaEvent } from './client';
import { forgetWays } from '../video/offers';
import { useSession } from './session';
import { listen, type LinkState } from './socket';

export interface Link {
  state: LinkState;
  /** Was it ever there? Before that, nothing is said. */
  known: boolean;
  /** When it is tried again, in milliseconds since 1970. */
  nextTry?: number;
}

type Hear = (event: OmmaEvent) => void;

const LinkContext = createContext<Link>({ state: 'connecting', known: false });
const HearContext = createContext<(hear: Hear) => () => void>(() => () => undefined);

export function LinkProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { ended } = useSession();
  const [link, setLink] = useState<Link>({ state: 'connecting', known: false });
  const hearers = useRef(new Set<Hear>());
  const subscribe = useRef((hear: Hear) => {
    hearers.current.add(hear);
    return () => {
      hearers.current.delete(hear);
    };
  });

  useEffect(() => {
    // Nobody is let in until somebody has logged in again.
    if (ended) return undefined;
    let wasAway = false;
    return listen(
      '/api/v1/ws?kinds=event',
      (message) => {
        if (message.type === 'event') {
          for (const hear of hearers.current) hear(message.event);
          if (message.event.kind === 'camera_state') void client.invalidateQueries({ queryKey: ['cameras'] });
        }
      },
      (state, nextTry) => {
        // While it is tried again, it is still away for whoever looks.
        setLink((before) => (state === 'connecting' && before.state === 'away'
          ? { ...before, nextTry: undefined }
          : { state, known: true, nextTry }));
        if (state === 'open' && wasAway) {
          forgetWays();
          askAnew(client);
          // Another server may know other people.
          void client.invalidateQueries({ queryKey: ['session'] });
        }
        if (state !== 'connecting') wasAway = state === 'away';
      },
    );
  }, [client, ended]);

  return (
    <LinkContext value={link}>
      <HearContext value={subscribe.current}>{children}</HearContext>
    </LinkContext>
  );
}

export const useLink = () => use(LinkContext);

/** Calls `hear` with each event as it comes. */
export function useEvents(hear: Hear): void {
  const subscribe = use(HearContext);
  const latest = useRef(hear);
  useEffect(() => {
    latest.current = hear;
  });
  useEffect(() => subscribe((event) => latest.current(event)), [subscribe]);
}
