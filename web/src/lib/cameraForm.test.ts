import { expect, it } from 'vitest';
import type { CameraSettings } from '../api/client';
import { changed, EMPTY, faults, fromForm, merged, nameFrom, toForm } from './cameraForm';

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

it('what two people have changed is put together, and where both did is told', () => {
  const base = { ...EMPTY, url: 'a', fps: '5', classes: ['person'] };
  const mine = { ...base, url: 'mine', fps: '6' };
  const theirs = { ...base, url: 'theirs', classes: ['car'] };
  expect(changed(base, theirs)).toEqual(['url', 'classes']);
  expect(merged(base, mine, theirs)).toEqual({ values: { ...base, url: 'mine', fps: '6', classes: ['car'] }, both: ['url'] });
  // The same change by both is none.
  expect(merged(base, mine, { ...base, url: 'mine' }).both).toEqual([]);
});

it('devices give names that cameras may have', () => {
  expect(nameFrom(' Front Door (2) ')).toBe('front-door-2');
  expect(nameFrom('…')).toBe('');
  expect(nameFrom(undefined)).toBe('');
});
