import { expect, it } from 'vitest';
import { h264First, isSize, missing, takesPictures, wish } from './sending';

it('says the first thing that is missing', () => {
  expect(missing({ secure: true, userMedia: true, webrtc: true })).toBeUndefined();
  expect(missing({ secure: false, userMedia: false, webrtc: true })).toBe('insecure');
  expect(missing({ secure: true, userMedia: false, webrtc: true })).toBe('camera');
  expect(missing({ secure: true, userMedia: true, webrtc: false })).toBe('webrtc');
});

it('asks for a device only where one was chosen', () => {
  expect(wish('', '640x360')).toEqual({ video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 25, max: 30 } }, audio: false });
  expect(wish('cam', '1280x720')).toMatchObject({ video: { deviceId: { ideal: 'cam' }, width: { ideal: 1280 } } });
  expect(isSize('1280x720') && !isSize('9x9')).toBe(true);
});

it('knows cameras that browsers may send to', () => {
  expect(takesPictures('whip://')).toBe(true);
  expect(takesPictures('rtsp://whip:x@192.0.2.1/')).toBe(false);
});

it('H.264 is offered first, the rest in its order', () => {
  const codecs = ['video/VP8', 'video/H264', 'video/rtx', 'video/h264'].map((mimeType) => ({ mimeType }));
  expect(h264First(codecs).map(({ mimeType }) => mimeType)).toEqual(['video/H264', 'video/h264', 'video/VP8', 'video/rtx']);
});
