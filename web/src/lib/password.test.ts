import { expect, it } from 'vitest';
import { passwordFault } from './password';

it('a password is long enough and typed twice alike', () => {
  expect(passwordFault('short', 'short')).toBe('short');
  expect(passwordFault('🔑🔑🔑🔑🔑', '🔑🔑🔑🔑🔑')).toBe('short');
  expect(passwordFault('long enough', 'long enougH')).toBe('differs');
  expect(passwordFault('long enough', 'long enough')).toBeUndefined();
});
