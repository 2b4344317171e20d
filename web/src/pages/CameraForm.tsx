// Adding a camera and changing its settings. Before and after adding, its first picture is shown, or
// why there is none, while it can still be corrected.

import { Accordion, Alert, Autocomplete, Button, Group, Loader, Select, Stack, Switch, Table, TagsInput, Text, TextInput } from '@mantine/core';
import { IconEye, IconRadar2 } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { modelsQuery } from '../api/admin';
import { api, ask, type CameraSettings, type Schemas } from '../api/client';
import { cameraChanged, cameraQuery, Conflict, saveSettings, settingsQuery } from '../api/queries';
import { useTexts, type Key } from '../i18n';
import { changed, EMPTY, faults, fromForm, merged, nameFrom, toForm, type FormValues } from '../lib/cameraForm';
import { Dialog, useDoing } from '../ui/Dialog';
import { done } from '../ui/notify';
import { LinkButton } from '../ui/links';
import { State } from '../ui/State';
import { Failed, PageLoading } from '../ui/States';
import { Video } from '../video/Video';
import { Discovery } from './Discovery';
import { ProbeResult } from './ProbeResult';

/** What a camera can be looked at with, by the names that the settings may say. */
function useModels(): string[] {
  const models = useQuery(modelsQuery);
  return [...new Set(['motion', ...(models.data ?? []).flatMap(({ name, names }) => [name, ...names])])];
}

/** Looks at an address, without anything being added or changed. */
function useProbe() {
  const { busy, error, run, setError } = useDoing();
  const [result, setResult] = useState<Schemas['Probe']>();
  const look = (values: FormValues, camera: string | undefined) => run(async () => {
    setResult(undefined);
    const { url: source, transport } = fromForm(values, undefined);
    setResult(await ask(api.POST('/api/v1/probe', { body: { source, transport, seconds: 3, camera } })));
  });
  const forget = () => {
    setResult(undefined);
    setError(undefined);
  };
  return { busy, error, result, look, forget };
}

/** What somebody else has saved meanwhile, field by field, and what to do about it. */
function Differences({ base, mine, theirs, take, keep, busy }: { base: FormValues; mine: FormValues; theirs: FormValues; take: () => void; keep: () => void; busy: boolean }) {
  const { t } = useTexts();
  const { both } = merged(base, mine, theirs);
  const shown = changed(base, theirs);
  const say = (value: FormValues[keyof FormValues]) => (typeof value === 'boolean' ? (value ? '✓' : '✗') : Array.isArray(value) ? value.join(', ') || '–' : value || '–');
  return (
    <Alert color="red" title={t('conflict.title')} role="alert" data-testid="conflict">
      <Text size="sm" mb="xs">{t('conflict.fields')}</Text>
      {shown.length === 0 ? <Text size="sm">{t('conflict.elsewhere')}</Text> : (
        <Table fz="sm" verticalSpacing={2}>
          <Table.Thead><Table.Tr><Table.Th>{t('config.key')}</Table.Th><Table.Th>{t('conflict.mine')}</Table.Th><Table.Th>{t('conflict.other')}</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {shown.map((field) => (
              <Table.Tr key={field} fw={both.includes(field) ? 600 : undefined}>
                <Table.Td>{t(LABELS[field])}</Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{both.includes(field) ? say(mine[field]) : '–'}</Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{say(theirs[field])}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Group mt="sm" gap="xs">
        <Button size="xs" variant="default" onClick={take}>{t('conflict.theirs')}</Button>
        <Button size="xs" color="red" loading={busy} onClick={keep}>{t('conflict.both')}</Button>
      </Group>
    </Alert>
  );
}

const LABELS: Record<keyof FormValues, Key> = {
  name: 'name', url: 'form.url', transport: 'form.transport', loop: 'form.loop', audio: 'form.audio', detectUrl: 'form.detectUrl', model: 'camera.detector', fps: 'form.fps', classes: 'editor.classes', minScore: 'form.minScore', record: 'cameras.record', before: 'form.before', after: 'form.after', keep: 'form.keep',
};

interface FormProps {
  initial: FormValues;
  isNew: boolean;
  save: (values: FormValues) => Promise<void>;
  /** Somebody else has saved these settings meanwhile. */
  theirs?: FormValues;
  take?: () => void;
  keep?: (values: FormValues) => Promise<void>;
  cancel: () => void;
}

function Form({ initial, isNew, save, theirs, take, keep, cancel }: FormProps) {
  const { t } = useTexts();
  const models = useModels();
  const [values, setValues] = useState(initial);
  const [tried, setTried] = useState(false);
  const [searching, setSearching] = useState(false);
  const { busy, error, run } = useDoing();
  const probe = useProbe();
  const wrong = faults(values);
  const fault = (field: keyof FormValues) => {
    const found = wrong[field];
    return tried && found ? t(`fault.${found}`) : undefined;
  };
  const set = (part: Partial<FormValues>) => setValues({ ...values, ...part });
  const field = (name: 'name' | 'url' | 'detectUrl' | 'fps' | 'minScore' | 'before' | 'after' | 'keep') => ({
    value: values[name],
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => set({ [name]: event.currentTarget.value }),
    error: fault(name),
  });
  const submit = async (event: React.SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(wrong).length === 0) await run(() => save(values));
  };
  const look = () => {
    // Of what is wrong, only the address matters here.
    if (wrong.url) setTried(true);
    else void probe.look(values, isNew ? undefined : values.name);
  };
  const use = (source: string, title: string | undefined) => {
    set({ url: source, name: values.name === '' ? nameFrom(title) : values.name });
    setSearching(false);
    probe.forget();
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="sm">
        {isNew && <TextInput label={t('name')} description={t('form.name.help')} required data-autofocus {...field('name')} />}
        <TextInput label={t('form.url')} description={t('form.url.help')} placeholder="rtsp://user:password@192.0.2.10/stream1" required {...field('url')} />
        <Group gap="xs">
          <Button size="xs" variant="default" leftSection={<IconEye size={16} />} loading={probe.busy} onClick={look}>{t('probe.look')}</Button>
          {isNew && <Button size="xs" variant="default" leftSection={<IconRadar2 size={16} />} aria-expanded={searching} onClick={() => setSearching(!searching)}>{t('discover.find')}</Button>}
        </Group>
        {searching && <Discovery use={use} />}
        <div aria-live="polite">
          {probe.busy && <Text size="sm">{t('probe.waiting')}</Text>}
          {probe.error && <Failed error={probe.error} />}
          {probe.result && <ProbeResult probe={probe.result} />}
        </div>
        <Group grow align="start">
          <Autocomplete label={t('camera.detector')} description={t('form.model.help')} data={models} value={values.model} onChange={(model) => set({ model })} />
          <TextInput label={t('form.fps')} description={t('form.fps.help')} placeholder="5" {...field('fps')} />
        </Group>
        <TagsInput label={t('editor.classes')} description={t('editor.classes.help')} value={values.classes} onChange={(classes) => set({ classes })} />
        <Select label={t('cameras.record')} allowDeselect={false} value={values.record} onChange={(record) => set({ record: record ?? 'off' })} data={(['off', 'events', 'always'] as const).map((value) => ({ value, label: t(`record.${value}`) }))} />
        {values.record !== 'off' && (
          <Group grow align="start">
            {values.record === 'events' && <TextInput label={t('form.before')} placeholder="5s" {...field('before')} />}
            {values.record === 'events' && <TextInput label={t('form.after')} placeholder="10s" {...field('after')} />}
            <TextInput label={t('form.keep')} placeholder="7d" {...field('keep')} />
          </Group>
        )}
        <Accordion variant="contained">
          <Accordion.Item value="more">
            <Accordion.Control>{t('form.more')}</Accordion.Control>
            <Accordion.Panel>
              <Stack gap="sm">
                <Select label={t('form.transport')} allowDeselect={false} value={values.transport} onChange={(transport) => set({ transport: transport ?? 'auto' })} data={[{ value: 'auto', label: t('form.auto') }, { value: 'tcp', label: 'TCP' }, { value: 'udp', label: 'UDP' }]} />
                <TextInput label={t('form.detectUrl')} description={t('form.detectUrl.help')} {...field('detectUrl')} />
                <TextInput label={t('form.minScore')} placeholder="0.1" {...field('minScore')} />
                <Switch label={t('form.loop')} checked={values.loop} onChange={(event) => set({ loop: event.currentTarget.checked })} />
                <Switch label={t('form.audio')} checked={values.audio} onChange={(event) => set({ audio: event.currentTarget.checked })} />
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        {error && !theirs && <Failed error={error} />}
        {theirs && take && keep && <Differences base={initial} mine={values} theirs={theirs} busy={busy} take={take} keep={() => void run(() => keep(values))} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel}>{t('cancel')}</Button>
          <Button type="submit" loading={busy} disabled={theirs !== undefined}>{t(isNew ? 'cameras.add' : 'save')}</Button>
        </Group>
      </Stack>
    </form>
  );
}

/** The first picture of a camera that was just added, or why there is none. */
function FirstPicture({ name, edit, close }: { name: string; edit: () => void; close: () => void }) {
  const { t } = useTexts();
  const camera = useQuery({ ...cameraQuery(name), refetchInterval: 500 });
  const data = camera.data;
  const online = data?.state === 'online' || data?.state === 'ended';
  const waiting = !data || data.state === 'connecting';
  return (
    <Stack data-testid="first-picture" data-state={data?.state}>
      {data && <Group><State state={data.state} />{data.stream && <Text size="sm">{data.stream.codec.toUpperCase()} {data.stream.width} × {data.stream.height}</Text>}</Group>}
      {waiting && <Group><Loader size="sm" /><Text>{t('probe.waiting')}</Text></Group>}
      {online && <div style={{ aspectRatio: data.stream ? data.stream.width / data.stream.height : 16 / 9, borderRadius: 8, overflow: 'hidden' }}><Video camera={name} /></div>}
      {!waiting && !online && <Alert color="orange" title={t('probe.failed')} role="alert">{data.reason}</Alert>}
      <Group justify="flex-end">
        <Button variant="default" onClick={edit}>{t('edit')}</Button>
        <LinkButton to="/cameras/$name" params={{ name }} variant="default">{t('event.camera')}</LinkButton>
        <Button onClick={close}>{t('done')}</Button>
      </Group>
    </Stack>
  );
}

export function AddCamera({ close }: { close: () => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const [added, setAdded] = useState<string>();
  const [editing, setEditing] = useState(false);
  if (added !== undefined && editing) return <EditCamera name={added} close={() => setEditing(false)} />;
  const save = async (values: FormValues) => {
    await ask(api.POST('/api/v1/cameras', { body: { name: values.name, ...fromForm(values, undefined) } }));
    await cameraChanged(client, values.name);
    setAdded(values.name);
  };
  return (
    <Dialog close={close} size="lg" title={added ?? t('cameras.add')}>
      {added === undefined
        ? <Form initial={EMPTY} isNew save={save} cancel={close} />
        : <FirstPicture name={added} edit={() => setEditing(true)} close={close} />}
    </Dialog>
  );
}

/** The settings that are edited, and what somebody else has made of them meanwhile. */
function Edited({ name, base, begin, close }: { name: string; base: CameraSettings; begin: (anew: CameraSettings) => void; close: () => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const [theirs, setTheirs] = useState<CameraSettings>();
  const initial = toForm(name, base);
  const put = async (from: CameraSettings, values: FormValues) => {
    try {
      await saveSettings(name, from, fromForm(values, from));
    } catch (error) {
      if (error instanceof Conflict) setTheirs(error.theirs);
      throw error;
    }
    await cameraChanged(client, name);
    done(t('saved'));
    close();
  };
  return (
    <Form
      initial={initial}
      isNew={false}
      save={(values) => put(base, values)}
      theirs={theirs && toForm(name, theirs)}
      take={() => theirs && begin(theirs)}
      keep={async (values) => {
        if (theirs) await put(theirs, merged(initial, values, toForm(name, theirs)).values);
      }}
      cancel={close}
    />
  );
}

export function EditCamera({ name, close }: { name: string; close: () => void }) {
  const { t } = useTexts();
  // Read once: what is half written is not lost because something was asked for anew, and what
  // others save meanwhile is told when this is saved, not taken over in silence.
  const [begun, setBegun] = useState<{ base: CameraSettings; round: number }>();
  const settings = useQuery({ ...settingsQuery(name), enabled: begun === undefined, gcTime: 0 });
  if (!begun && settings.data && !settings.isFetching) setBegun({ base: settings.data, round: 0 });
  return (
    <Dialog close={close} size="lg" title={t('cameras.edit', { name })}>
      {!begun && settings.isFetching && <PageLoading />}
      {!begun && settings.error && <Failed error={settings.error} />}
      {begun && <Edited key={begun.round} name={name} base={begun.base} begin={(base) => setBegun({ base, round: begun.round + 1 })} close={close} />}
    </Dialog>
  );
}
