import { expect, it } from 'vitest';
import { switched } from './recordMode';

it('switching recording off and on again changes nothing', () => {
  const stored = new Map<string, string>();
  const modes = { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => void stored.set(key, value) };
  expect(switched(() => modes, 'a', 'events', false)).toBe('off');
  expect(switched(() => modes, 'a', 'off', true)).toBe('events');
  expect(switched(() => modes, 'b', 'off', true)).toBe('always');
  expect(switched(() => modes, 'a', 'always', false)).toBe('off');
  expect(switched(() => modes, 'a', 'off', false)).toBe('off');
  expect(switched(() => modes, 'a', 'off', true)).toBe('always');
});

it('without storage it records always', () => {
  const none = (): never => {
    throw new Error('denied');
  };
  expect(switched(none, 'a', 'events', false)).toBe('off');
  expect(switched(none, 'a', 'off', true)).toBe('always');
});
