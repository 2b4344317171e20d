// Texts of what is asked of the past: previews, counting later, heat maps, trust, footage in step.

export const pastEn = {
  'past.1h': 'the last hour',
  'past.24h': 'the last 24 hours',
  'past.7d': 'the last 7 days',
  'past.30d': 'the last 30 days',
  'past.done': '{name}: {count} {count|event|events} between {from} and {to} counted later.',
  'past.go': 'Count',
  'past.reach': 'How far back',
  'past.text': 'The ways that were taken before are kept. Shall {names} count them too? Such counts are marked as “counted later”.',
  'past.title': 'Count the past as well?',
  'preview.15m': '15 minutes',
  'preview.1h': '1 hour',
  'preview.24h': '24 hours',
  'preview.back': 'How far the preview looks back',
  'preview.more': 'The first {count} are drawn.',
  'preview.none': 'Nothing would have been counted in this time.',
  'preview.title': 'Would have counted',
  'preview.ways': 'Draw the ways that were taken',
  'refused.edges': 'Edge {a} (corners {a1} and {a2}) would cross edge {b} (corners {b1} and {b2}). What is inside such a zone is not clear, so it could not be counted.',
} as const;
