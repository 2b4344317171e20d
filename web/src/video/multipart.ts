// Reads `multipart/x-mixed-replace` as it comes in, in pieces of any size. Pure, because an `img`
// element would show the pictures but tell neither when each was taken nor that they stopped.

export interface Part {
  headers: Map<string, string>;
  body: Uint8Array<ArrayBuffer>;
}

const MAX_HEAD = 8192;
const MAX_BODY = 32 * 1024 * 1024;

export class MultipartReader {
  private rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  private head: { headers: Map<string, string>; length: number } | undefined;
  private readonly decoder = new TextDecoder('latin1');

  /** The parts that `piece` completes. Throws when this is no such stream. */
  push(piece: Uint8Array): Part[] {
    const joined = new Uint8Array(this.rest.length + piece.length);
    joined.set(this.rest);
    joined.set(piece, this.rest.length);
    const parts: Part[] = [];
    let at = 0;
    for (;;) {
      if (!this.head) {
        const end = endOfHead(joined, at);
        if (end === -1) {
          if (joined.length - at > MAX_HEAD) throw new Error('a part has no end of its head');
          break;
        }
        this.head = readHead(this.decoder.decode(joined.subarray(at, end)));
        at = end + 4;
      }
      if (joined.length - at < this.head.length) break;
      const body = joined.slice(at, at + this.head.length);
      parts.push({ headers: this.head.headers, body });
      at += this.head.length;
      this.head = undefined;
    }
    this.rest = joined.slice(at);
    return parts;
  }
}

function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 3 < bytes.length; at += 1) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

function readHead(text: string): { headers: Map<string, string>; length: number } {
  const headers = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    // Lines without a colon are the boundary and what is left of the part before.
    if (colon > 0 && !line.startsWith('--')) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const length = Number(headers.get('content-length') ?? Number.NaN);
  if (!Number.isInteger(length) || length < 0 || length > MAX_BODY) throw new Error('a part does not say how long it is');
  return { headers, length };
}
