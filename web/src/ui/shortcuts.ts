// Keys that act on a whole page or dialog, wherever the focus is, except where somebody writes or
// where the key already means something.

import { useEffect, useRef } from 'react';
import { useSession } from '../api/session';

export type Shortcuts = Record<string, (() => void) | undefined>;

/** What takes this key for itself. */
function taken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches('input:not([type="checkbox"]):not([type="radio"]), textarea, select')) return true;
  if (key === ' ' || key === 'Enter') return target.matches('button, a, summary, video, [role="button"], [role="menuitem"], [role="option"], input');
  return key.startsWith('Arrow') && target.matches('[role="slider"], [role="radio"], [role="menuitem"], input, video');
}

/** Acts on keys by their `KeyboardEvent.key`, letters in lower case. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const { ended } = useSession();
  const latest = useRef(shortcuts);
  useEffect(() => {
    // What lies behind the log-in hears nothing.
    latest.current = ended ? {} : shortcuts;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = latest.current[key];
      if (!act || taken(event.target, key)) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}
