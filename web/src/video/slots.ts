// Browsers open six connections to a server at a time over HTTP/1.1, for all of a site's pages
// together. Endless pictures in all of them would leave none for anything else, so they are shared
// out: a few cameras stream, the others are asked for single pictures in turn.

const STREAMS = 3;
const STILLS = 2;

export class Slots {
  private used = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly count: number) {}

  /** A slot, if one is free; call what is returned to give it back. */
  take(): (() => void) | undefined {
    if (this.used >= this.count) return undefined;
    this.used += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.used -= 1;
      this.waiting.shift()?.();
    };
  }

  /** A slot as soon as it is this caller's turn. */
  async wait(signal: AbortSignal): Promise<() => void> {
    for (;;) {
      signal.throwIfAborted();
      const slot = this.take();
      if (slot) return slot;
      await new Promise<void>((resolve) => {
        const turn = () => {
          signal.removeEventListener('abort', left);
          resolve();
        };
        const left = () => {
          // Whoever leaves the queue must not swallow the turn of the next.
          const place = this.waiting.indexOf(turn);
          if (place >= 0) this.waiting.splice(place, 1);
          resolve();
        };
        this.waiting.push(turn);
        signal.addEventListener('abort', left, { once: true });
      });
    }
  }
}

export const streams = new Slots(STREAMS);
export const stills = new Slots(STILLS);
