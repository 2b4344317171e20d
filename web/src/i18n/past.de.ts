// Was nach der Vergangenheit gefragt wird; die Schlüssel sind die der englischen Texte.

import type { pastEn } from './past.en';

export const pastDe: Record<keyof typeof pastEn, string> = {
  'past.1h': 'die letzte Stunde',
  'past.24h': 'die letzten 24 Stunden',
  'past.7d': 'die letzten 7 Tage',
  'past.30d': 'die letzten 30 Tage',
  'past.done': '{name}: {count} {count|Ereignis|Ereignisse} zwischen {from} und {to} nachgezählt.',
  'past.go': 'Nachzählen',
  'past.reach': 'Wie weit zurück',
  'past.text': 'Die Wege von vorher sind gespeichert. Soll auch {names} sie zählen? Solche Zählungen sind als „nachgezählt“ gekennzeichnet.',
  'past.title': 'Auch das Vergangene zählen?',
  'preview.15m': '15 Minuten',
  'preview.1h': '1 Stunde',
  'preview.24h': '24 Stunden',
  'preview.back': 'Wie weit die Vorschau zurückblickt',
  'preview.more': 'Die ersten {count} sind gezeichnet.',
  'preview.none': 'In dieser Zeit wäre nichts gezählt worden.',
  'preview.title': 'Hätte gezählt',
  'preview.ways': 'Genommene Wege zeichnen',
  'refused.edges': 'Kante {a} (Ecken {a1} und {a2}) würde Kante {b} (Ecken {b1} und {b2}) kreuzen. Was in einer solchen Zone liegt, ist nicht eindeutig, es ließe sich nicht zählen.',
};
