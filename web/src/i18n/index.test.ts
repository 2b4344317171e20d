import { expect, it } from 'vitest';
import { chooseLanguage, fill } from '.';
import { de } from './de';
import { en } from './en';

it('values take their places, numbers in the language', () => {
  expect(fill('{n} of {all}', { n: 1234.5, all: 'x' }, 'de')).toBe('1.234,5 of x');
  expect(fill('{n} {n|camera|cameras}', { n: 1 }, 'en')).toBe('1 camera');
  expect(fill('{n} {n|Kamera|Kameras}', { n: 0 }, 'de')).toBe('0 Kameras');
});

it('begins in the language of the user', () => {
  expect(chooseLanguage(null, ['fr-FR', 'de-AT', 'en'])).toBe('de');
  expect(chooseLanguage('en', ['de'])).toBe('en');
  expect(chooseLanguage('xx', [])).toBe('en');
});

it('all languages name the same values', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)/g)].map((match) => match[1]).sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect([key, new Set(names(de[key]))]).toEqual([key, new Set(names(en[key]))]);
    expect(de[key].trim()).not.toBe('');
  }
});
