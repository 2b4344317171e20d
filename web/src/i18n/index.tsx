// Texts in the user's language. Each language is a file with the same keys, which the compiler
// checks; numbers, dates and plurals follow the browser's own rules for that language.

import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import { de } from './de';
import { en } from './en';

export type Key = keyof typeof en;
export type Language = 'en' | 'de';

const TEXTS: Record<Language, Record<Key, string>> = { en, de };
export const LANGUAGES: Record<Language, string> = { en: 'English', de: 'Deutsch' };
const STORED = 'omma-language';

type Values = Record<string, string | number>;

/** A text with its values in place of `{name}`. `{count|one|many}` chooses by the plural rules. */
export function fill(text: string, values: Values, language: string): string {
  return text.replaceAll(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (one !== undefined && many !== undefined) {
      return new Intl.PluralRules(language).select(Number(value)) === 'one' ? one : many;
    }
    return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : (value ?? '');
  });
}

/** The language to begin with: what was chosen, else what the browser prefers and we speak. */
export function chooseLanguage(stored: string | null, preferred: readonly string[]): Language {
  const speaks = (tag: string): tag is Language => tag in TEXTS;
  if (stored !== null && speaks(stored)) return stored;
  return preferred.map((tag) => tag.slice(0, 2).toLowerCase()).find(speaks) ?? 'en';
}

export interface Texts {
  language: Language;
  setLanguage: (language: Language) => void;
  t: (key: Key, values?: Values) => string;
  /** A word of the API, such as a state, in the user's language; itself where there is none. */
  word: (group: 'state' | 'kind' | 'class' | 'measure' | 'role' | 'scope' | 'audit' | 'model' | 'level' | 'from', word: string) => string;
}

const TextsContext = createContext<Texts | undefined>(undefined);

function read(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

export function TextsProvider({ children }: { children: ReactNode }) {
  const [language, set] = useState(() => chooseLanguage(read(), navigator.languages));
  const setLanguage = useCallback((chosen: Language) => {
    set(chosen);
    try {
      localStorage.setItem(STORED, chosen);
    } catch {
      // Without storage it holds until the page is closed.
    }
  }, []);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const texts = useMemo<Texts>(() => {
    const all = TEXTS[language];
    return {
      language,
      setLanguage,
      t: (key, values = {}) => fill(all[key], values, language),
      word: (group, word) => (all as Record<string, string>)[`${group}.${word}`] ?? word,
    };
  }, [language, setLanguage]);
  return <TextsContext value={texts}>{children}</TextsContext>;
}

export function useTexts(): Texts {
  const texts = use(TextsContext);
  if (!texts) throw new Error('no TextsProvider above this component');
  return texts;
}
