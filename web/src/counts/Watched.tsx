// "I have watched this whole span, and so many were missed": what makes a recall of it.

import { Button, Group, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Camera } from '../api/client';
import { addWatched, trustChanged } from '../api/trust';
import { useTexts, type Key } from '../i18n';
import { DAY, fromField, toField, type Span } from '../lib/time';
import { Dialog } from '../ui/Dialog';
import { done } from '../ui/notify';
import { Failed } from '../ui/States';

/** What of a line or zone was watched for, as the API names it. */
const LINE_KINDS = { both: ['line_crossed', undefined], forward: ['line_crossed', 'forward'], backward: ['line_crossed', 'backward'] } as const;
const ZONE_KINDS = { entered: ['zone_entered', undefined], left: ['zone_left', undefined], dwelled: ['zone_dwelled', undefined] } as const;
const KINDS = { ...LINE_KINDS, ...ZONE_KINDS };
type Watch = keyof typeof KINDS;

const LABELS: Record<Watch, Key> = {
  both: 'watched.both', forward: 'measure.forward', backward: 'measure.backward',
  entered: 'measure.entered', left: 'measure.left', dwelled: 'measure.dwelled',
};

interface Props {
  cameras: readonly Camera[];
  camera: string | undefined;
  rule?: string;
  span: Span;
  close: () => void;
}

export function WatchedForm({ cameras, camera: chosen, rule: chosenRule, span, close }: Props) {
  const { t } = useTexts();
  const client = useQueryClient();
  const able = cameras.filter(({ lines, zones }) => lines.length + zones.length > 0);
  const [camera, setCamera] = useState(() => able.find(({ name }) => name === chosen)?.name ?? able[0]?.name);
  const [rule, setRule] = useState(chosenRule);
  const [what, setWhat] = useState<Watch>();
  // Nobody watches more than a day as a whole, nor what is still to come.
  const [to, setTo] = useState(() => Math.min(span.to, Date.now()));
  const [from, setFrom] = useState(() => Math.max(span.from, to - DAY));
  const [missed, setMissed] = useState<number | string>(0);
  const data = able.find(({ name }) => name === camera);
  const names = data ? [...data.lines, ...data.zones].map(({ name }) => name) : [];
  const current = rule !== undefined && names.includes(rule) ? rule : names[0];
  const isZone = data?.zones.some(({ name }) => name === current) ?? false;
  const kinds = Object.keys(isZone ? ZONE_KINDS : LINE_KINDS) as Watch[];
  const watch = what && kinds.includes(what) ? what : (kinds[0] ?? 'both');
  const save = useMutation({
    mutationFn: async () => {
      const [kind, direction] = KINDS[watch];
      await addWatched(camera ?? '', { rule: current ?? '', kind, ...(direction ? { direction } : {}), missed: Number(missed) }, from, to);
    },
    onSuccess: async () => {
      await trustChanged(client);
      done(t('saved'));
      close();
    },
  });
  const good = camera !== undefined && current !== undefined && to > from && typeof missed === 'number';
  return (
    <Dialog close={close} size="lg" title={t('watched.title')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (good) save.mutate();
        }}
      >
        <Stack gap="sm">
          <Text size="sm">{t('watched.text')}</Text>
          <Select label={t('camera')} data={able.map(({ name }) => name)} value={camera ?? null} allowDeselect={false} onChange={(value) => setCamera(value ?? undefined)} />
          <Group grow align="end">
            <Select label={t('rule')} data={names} value={current ?? null} allowDeselect={false} onChange={(value) => setRule(value ?? undefined)} />
            <Select label={t('watched.what')} data={kinds.map((value) => ({ value, label: t(LABELS[value]) }))} value={watch} allowDeselect={false} onChange={(value) => setWhat((value ?? undefined))} />
          </Group>
          <Group grow>
            <TextInput type="datetime-local" step={1} label={t('from')} value={toField(from, true)} onChange={(event) => setFrom(fromField(event.currentTarget.value) ?? from)} />
            <TextInput type="datetime-local" step={1} label={t('to')} value={toField(to, true)} onChange={(event) => setTo(fromField(event.currentTarget.value) ?? to)} />
          </Group>
          <NumberInput label={t('watched.missed')} description={t('watched.missed.help')} min={0} max={100_000} allowDecimal={false} value={missed} onChange={setMissed} />
          {save.error && <Failed error={save.error} />}
          <Group justify="end">
            <Button variant="default" onClick={close}>{t('cancel')}</Button>
            <Button type="submit" disabled={!good} loading={save.isPending} data-testid="watched-save">{t('save')}</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
