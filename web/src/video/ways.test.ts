import { expect, it } from 'vitest';
import { ApiError } from '../api/client';
import { DriverError, driverError, scopeOf } from './driver';
import { announcement, Reels } from './mse';
import { Ways } from './ways';

it('falls back from WebRTC over Media Source to JPEG', () => {
  const ways = new Ways(['webrtc', 'mse', 'mjpeg']);
  expect(ways.first('a', 0)).toBe('webrtc');
  expect(ways.after('webrtc', 'a', 'camera', 1, 0)).toEqual({ kind: 'mse', wait: 0 });
  expect(ways.after('mse', 'a', 'camera', 1, 0)).toEqual({ kind: 'mjpeg', wait: 0 });
  expect(ways.first('a', 0)).toBe('mjpeg');
  expect(ways.first('b', 0)).toBe('webrtc');
});

it('asks a server that does not know a way only once for all cameras', () => {
  const ways = new Ways(['webrtc', 'mse', 'mjpeg']);
  ways.after('webrtc', 'a', 'server', 1, 0);
  expect(ways.first('b', 1000)).toBe('mse');
  expect(ways.first('b', 10 * 60_000)).toBe('webrtc');
  ways.lacks('mse', 0);
  expect(ways.first('c', 1000)).toBe('mjpeg');
});

it('tries again what may pass, and the last way for ever', () => {
  const ways = new Ways(['webrtc', 'mjpeg']);
  expect(ways.after('webrtc', 'a', 'passing', 1, 0)).toEqual({ kind: 'webrtc', wait: 1000 });
  expect(ways.after('webrtc', 'a', 'passing', 2, 0).kind).toBe('mjpeg');
  expect(ways.after('mjpeg', 'a', 'camera', 50, 0)).toEqual({ kind: 'mjpeg', wait: 10_000 });
});

it('stays with a way while nobody answers, and gives all another chance when somebody does', () => {
  const ways = new Ways(['webrtc', 'mse', 'mjpeg']);
  for (const tries of [1, 2, 50]) expect(ways.after('webrtc', 'a', 'away', tries, 0).kind).toBe('webrtc');
  expect(ways.first('a', 1)).toBe('webrtc');
  ways.after('webrtc', 'a', 'camera', 1, 0);
  ways.lacks('mse', 0);
  expect(ways.first('a', 1)).toBe('mjpeg');
  ways.forget();
  expect(ways.first('a', 1)).toBe('webrtc');
});

it('knows what a refusal means', () => {
  expect([404, 415, 503, 401, 0, 502].map(scopeOf)).toEqual(['server', 'camera', 'passing', 'away', 'away', 'away']);
  expect(driverError(new ApiError('Failed to fetch', undefined, 0))).toMatchObject({ scope: 'away', fault: 'away' });
  expect(driverError(new ApiError('log in', undefined, 401))).toMatchObject({ scope: 'away', fault: undefined });
  expect(driverError(new TypeError('network error'))).toMatchObject({ scope: 'passing', fault: 'ended' });
});

it('reads what is coming, or why nothing is', () => {
  expect(announcement('{"mime":"video/mp4; codecs=\\"avc1.640028\\"","media_ms":5}')).toEqual({ mime: 'video/mp4; codecs="avc1.640028"', mediaMs: 5 });
  expect(announcement('{"mime":"video/mp4"}')).toEqual({ mime: 'video/mp4', mediaMs: undefined });
  const refused = announcement('{"error":{"kind":"codec","message":"mpeg4 is not played"}}');
  expect(refused).toBeInstanceOf(DriverError);
  for (const odd of ['', 'null', '[]', '{"mime":3}', new ArrayBuffer(1)]) expect(announcement(odd)).toBeUndefined();
});

it('knows which picture is at which time of films one after the other', () => {
  const reels = new Reels();
  expect(reels.mediaMs(0)).toBeUndefined();
  reels.begin(0, 1000);
  reels.begin(4.2, 90_000);
  expect(reels.mediaMs(1.5)).toBe(2500);
  expect(reels.mediaMs(4.2)).toBe(90_000);
  reels.begin(6, undefined);
  expect(reels.mediaMs(7)).toBeUndefined();
});
