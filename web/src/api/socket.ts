// Events and analyses as they come, over WebSockets that connect again by themselves. The one for
// events is also how the portal knows whether the server is there.

import type { Schemas } from './client';

export type Message = Schemas['Message'];
export type LinkState = 'connecting' | 'open' | 'away';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/** How long to wait before the next try: twice as long each time, and not all pages at once. */
export function wait(tries: number, chance: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(tries, 10)) * (0.75 + chance / 2);
}

/** What a message says; none where it can't be understood. */
export function parse(data: unknown): Message | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message ? (message as Message) : undefined;
  } catch {
    return undefined;
  }
}

export function address(path: string): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Listens until the returned function is called. */
export function listen(
  path: string,
  hear: (message: Message) => void,
  tell?: (state: LinkState, nextTry?: number) => void,
): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let ended = false;

  const open = () => {
    clearTimeout(timer);
    tell?.('connecting');
    const current = new WebSocket(address(path));
    socket = current;
    current.onopen = () => {
      tries = 0;
      tell?.('open');
    };
    current.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = parse(data);
      if (message) hear(message);
    };
    current.onclose = () => {
      if (ended || socket !== current) return;
      const delay = wait(tries, Math.random());
      tries += 1;
      timer = setTimeout(open, delay);
      tell?.('away', Date.now() + delay);
    };
  };
  // A browser that was offline, or asleep, need not wait.
  const now = () => {
    if (socket?.readyState === WebSocket.CLOSED) open();
  };
  window.addEventListener('online', now);
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    window.removeEventListener('online', now);
    socket?.close();
  };
}
