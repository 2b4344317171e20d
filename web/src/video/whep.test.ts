import { expect, it } from 'vitest';
import { Timings } from './whep';

it('knows of each picture when it was taken', () => {
  const timings = new Timings();
  expect(timings.mediaMs(0)).toBeUndefined();
  timings.take('{"rtp":9000,"media_ms":5000.5,"wall_ms":1}');
  timings.take('{"rtp":12600,"media_ms":5040.5,"wall_ms":41}');
  timings.take('no message');
  timings.take('{"rtp":"x","media_ms":1}');
  expect(timings.mediaMs(9000)).toBe(5000.5);
  expect(timings.mediaMs(12600)).toBe(5040.5);
  expect(timings.mediaMs(16200)).toBeCloseTo(5080.5);
  expect(timings.mediaMs(undefined)).toBeUndefined();
});

it('counts on where the times in RTP begin anew', () => {
  const timings = new Timings();
  timings.take('{"rtp":4294967295,"media_ms":1000,"wall_ms":1}');
  expect(timings.mediaMs(899)).toBeCloseTo(1010);
  expect(timings.mediaMs(4294966395)).toBeCloseTo(990);
});

it('forgets pictures that were shown', () => {
  const timings = new Timings();
  for (let at = 0; at < 10_000; at += 1) timings.take(`{"rtp":${at * 3600},"media_ms":${at * 40},"wall_ms":0}`);
  expect(timings.mediaMs(9999 * 3600)).toBe(9999 * 40);
  expect((timings as unknown as { known: Map<number, number> }).known.size).toBe(256);
});
