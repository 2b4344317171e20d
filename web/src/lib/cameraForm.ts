// A camera's settings as a form has them, and back. What the form does not show stays as it is.

import type { CameraSettings } from '../api/client';
import { CAMERA_NAME } from './filters';
import { parseDuration } from './time';

export interface FormValues {
  name: string;
  url: string;
  transport: string;
  loop: boolean;
  audio: boolean;
  detectUrl: string;
  model: string;
  fps: string;
  classes: string[];
  minScore: string;
  record: string;
  before: string;
  after: string;
  keep: string;
}

export type FormFault = 'name_letters' | 'needed' | 'duration' | 'score' | 'fps';

export const EMPTY: FormValues = {
  name: '', url: '', transport: 'auto', loop: false, audio: true, detectUrl: '', model: '', fps: '', classes: [], minScore: '', record: 'off', before: '', after: '', keep: '',
};

/** A field holds a text: numbers become one, anything else is not there. */
const text = (value: unknown) => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '');

export function toForm(name: string, settings: CameraSettings): FormValues {
  const { detect, record } = settings;
  return {
    name,
    url: settings.url,
    transport: settings.transport ?? 'auto',
    loop: settings.loop ?? false,
    audio: settings.audio ?? true,
    detectUrl: settings.detect_url ?? '',
    model: detect?.model ?? '',
    fps: text(detect?.fps),
    classes: detect?.classes ?? [],
    minScore: text(detect?.min_score),
    record: record?.mode ?? 'off',
    before: record?.before ?? '',
    after: record?.after ?? '',
    keep: record?.keep ?? '',
  };
}

/** What is wrong, by field. */
export function faults(values: FormValues): Partial<Record<keyof FormValues, FormFault>> {
  const found: Partial<Record<keyof FormValues, FormFault>> = {};
  if (!CAMERA_NAME.test(values.name)) found.name = 'name_letters';
  if (values.url.trim() === '') found.url = 'needed';
  for (const field of ['before', 'after', 'keep'] as const) {
    if (values[field] !== '' && parseDuration(values[field]) === undefined) found[field] = 'duration';
  }
  const score = Number(values.minScore);
  if (values.minScore !== '' && !(score >= 0 && score <= 1)) found.minScore = 'score';
  if (values.fps !== '' && values.fps !== 'all' && values.fps !== 'keyframes' && !(Number(values.fps) > 0)) found.fps = 'fps';
  return found;
}

/** The settings with what the form says; keys that are not said are left out. */
export function fromForm(values: FormValues, base: CameraSettings | undefined): CameraSettings {
  const said = (value: string) => (value.trim() === '' ? undefined : value.trim());
  const fps = values.fps === 'all' || values.fps === 'keyframes' ? values.fps : said(values.fps) && Number(values.fps);
  const detect = said(values.model) === undefined ? undefined : {
    ...base?.detect,
    model: values.model.trim(),
    fps: fps as never,
    classes: values.classes.length > 0 ? values.classes : undefined,
    min_score: said(values.minScore) === undefined ? undefined : Number(values.minScore),
  };
  const untouched = values.record === 'off' && !base?.record;
  const record = untouched ? undefined : {
    ...base?.record, mode: values.record, before: said(values.before), after: said(values.after), keep: said(values.keep),
  };
  const settings: CameraSettings = {
    ...base,
    url: values.url.trim(),
    transport: values.transport === 'auto' ? undefined : values.transport,
    loop: values.loop || undefined,
    audio: values.audio ? undefined : false,
    detect_url: said(values.detectUrl),
    detect,
    record,
  };
  // What is drawn into the picture of a camera that detects nothing counts nothing, but stays.
  return settings;
}

const FIELDS = Object.keys(EMPTY) as (keyof FormValues)[];

/** The fields in which two forms differ. */
export function changed(a: FormValues, b: FormValues): (keyof FormValues)[] {
  return FIELDS.filter((field) => field !== 'name' && JSON.stringify(a[field]) !== JSON.stringify(b[field]));
}

/** What two people have made of the same form: where only one has changed a field, that holds. */
export function merged(base: FormValues, mine: FormValues, theirs: FormValues): { values: FormValues; both: (keyof FormValues)[] } {
  const [byMe, byThem] = [new Set(changed(base, mine)), new Set(changed(base, theirs))];
  const values: FormValues = { ...theirs, ...Object.fromEntries([...byMe].map((field) => [field, mine[field]])) };
  return { values, both: changed(mine, theirs).filter((field) => byMe.has(field) && byThem.has(field)) };
}

/** A name for a camera, out of what a device calls itself. */
export function nameFrom(title: string | undefined): string {
  return (title ?? '').trim().toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 64);
}
