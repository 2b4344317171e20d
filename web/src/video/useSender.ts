// Keeps sending until somebody stops it: where the connection breaks off, it is made anew.

import { useCallback, useEffect, useRef, useState } from 'react';
import { wait } from '../api/socket';
import { startSending, type Sending, type Sent } from './whip';

export type SenderState =
  | { state: 'off' }
  | { state: 'connecting' }
  | { state: 'sending'; sent: Sent }
  /** It is tried again by itself. Without an error, the connection broke off. */
  | { state: 'lost'; error: unknown };

/** Sends `stream` as long as there is one, to the camera `start` was called with. */
export function useSender() {
  const [state, setState] = useState<SenderState>({ state: 'off' });
  const current = useRef<AbortController>(undefined);

  const stop = useCallback(() => {
    current.current?.abort();
    current.current = undefined;
    setState({ state: 'off' });
  }, []);
  const left = useRef(false);
  useEffect(() => {
    left.current = false;
    return () => {
      left.current = true;
      stop();
    };
  }, [stop]);

  const start = useCallback((camera: string, stream: MediaStream) => {
    // Whoever has left meanwhile no longer wants to be seen.
    if (left.current || !stream.active) return;
    current.current?.abort();
    const controller = new AbortController();
    const { signal } = controller;
    current.current = controller;
    let tries = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let sending: Sending | undefined;
    const drop = () => {
      clearTimeout(timer);
      sending?.stop();
      sending = undefined;
    };
    signal.addEventListener('abort', drop);
    const lost = (error: unknown) => {
      if (signal.aborted) return;
      drop();
      setState({ state: 'lost', error });
      timer = setTimeout(() => void connect(), wait(tries, Math.random()));
      tries += 1;
    };
    const look = async (of: Sending) => {
      const sent = await of.sent();
      if (signal.aborted || sending !== of) return;
      setState({ state: 'sending', sent });
      timer = setTimeout(() => void look(of), 1000);
    };
    const connect = async () => {
      setState({ state: 'connecting' });
      try {
        const begun = await startSending(camera, stream, {
          state: (now) => {
            if (now === 'connected' && sending) {
              tries = 0;
              clearTimeout(timer);
              void look(sending);
            } else if (now === 'failed' || now === 'closed') lost(undefined);
          },
        });
        if (signal.aborted) begun.stop();
        else sending = begun;
      } catch (error) {
        lost(error);
      }
    };
    void connect();
  }, []);

  return { state, start, stop };
}
