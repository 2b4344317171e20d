import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MultipartReader } from './multipart';

function stream(bodies: Uint8Array[]): Uint8Array {
  const encoder = new TextEncoder();
  const pieces = bodies.flatMap((body, index) => [
    encoder.encode(`${index === 0 ? '--b\r\n' : ''}Content-Type: image/jpeg\r\nContent-Length: ${body.length}\r\nx-omma-time-ms: ${index}\r\n\r\n`),
    body,
    encoder.encode('\r\n--b\r\n'),
  ]);
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

it('gives the same parts however the bytes are cut', () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
    fc.integer({ min: 1, max: 50 }),
    (bodies, size) => {
      const bytes = stream(bodies);
      const reader = new MultipartReader();
      const parts = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(...reader.push(bytes.subarray(at, at + size)));
      expect(parts.map((part) => [...part.body])).toEqual(bodies.map((body) => [...body]));
      expect(parts.map((part) => part.headers.get('x-omma-time-ms'))).toEqual(bodies.map((_, index) => String(index)));
    },
  ));
});

it('refuses what is no such stream', () => {
  const text = (content: string) => new TextEncoder().encode(content);
  expect(() => new MultipartReader().push(text('--b\r\nContent-Type: x\r\n\r\n'))).toThrow('how long');
  expect(() => new MultipartReader().push(text('--b\r\nContent-Length: 99999999999\r\n\r\n'))).toThrow('how long');
  expect(() => new MultipartReader().push(text('x'.repeat(10_000)))).toThrow('no end');
});
