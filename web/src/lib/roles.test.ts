import { expect, it } from 'vitest';
import { rightsOf } from './roles';

it('each role may what the one below may, and a word that is none may nothing', () => {
  const rights = (role: string, cameras: string[] | null = null) => rightsOf({ role, cameras });
  expect(rights('viewer')).toEqual({ operate: false, manage: false, everything: true });
  expect(rights('operator', ['door'])).toEqual({ operate: true, manage: false, everything: false });
  expect(rights('admin')).toEqual({ operate: true, manage: true, everything: true });
  expect(rights('', [])).toEqual({ operate: false, manage: false, everything: false });
});
