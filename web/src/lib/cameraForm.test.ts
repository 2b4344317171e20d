import { expect, it } from 'vitest';
import type { CameraSettings } from '../api/client';
import { EMPTY, faults, fromForm, toForm } from './cameraForm';

const settings: CameraSettings = {
  url: 'rtsp://u:***@h/1',
  detect: { model: 'people', fps: 5 as never, gate: 'motion' },
  record: { mode: 'events', before: '3s', max_size: '2GB' },
  lines: { door: { from: [0, 0], to: [1, 1] } },
  ring: '16MB',
};

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

it('what a form does not show stays as it is', () => {
  expect(plain(fromForm(toForm('a', settings), settings))).toEqual(plain(settings));
});

it('takes detection away where no model is named', () => {
  expect(fromForm({ ...toForm('a', settings), model: '' }, settings).detect).toBeUndefined();
});

it('a new camera is as short as can be', () => {
  expect(plain(fromForm({ ...EMPTY, name: 'a', url: ' x.mp4 ', loop: true }, undefined))).toEqual({ url: 'x.mp4', loop: true });
});

it('says what is wrong before it is sent', () => {
  expect(faults({ ...EMPTY, name: 'front door', url: '', before: 'soon', minScore: '2', fps: 'fast' })).toEqual({
    name: 'name_letters', url: 'needed', before: 'duration', minScore: 'score', fps: 'fps',
  });
  expect(faults({ ...EMPTY, name: 'door', url: 'x', keep: '7d', fps: 'keyframes' })).toEqual({});
});
