// Adding a camera and changing its settings. After adding, its first picture is shown, or why there
// is none, while it can still be corrected.

import { Accordion, Alert, Autocomplete, Button, Group, Loader, Modal, Select, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type CameraSettings } from '../api/client';
import { cameraChanged, cameraQuery, camerasQuery, Conflict, saveSettings, settingsQuery } from '../api/queries';
import { same } from '../editor/draft';
import { useTexts } from '../i18n';
import { EMPTY, faults, fromForm, toForm, type FormValues } from '../lib/cameraForm';
import { done } from '../ui/notify';
import { LinkButton } from '../ui/links';
import { State } from '../ui/State';
import { Failed, PageLoading } from '../ui/States';
import { Video } from '../video/Video';

/** Models that other cameras use; the API does not list them. */
function useModels(): string[] {
  const cameras = useQuery(camerasQuery);
  const settings = useQueries({ queries: (cameras.data ?? []).slice(0, 64).map(({ name }) => ({ ...settingsQuery(name), staleTime: 60_000 })) });
  return [...new Set(['motion', ...settings.flatMap(({ data }) => (data?.detect ? [data.detect.model] : []))])];
}

interface FormProps {
  initial: FormValues;
  isNew: boolean;
  save: (values: FormValues) => Promise<void>;
  cancel: () => void;
}

function Form({ initial, isNew, save, cancel }: FormProps) {
  const { t } = useTexts();
  const models = useModels();
  const [values, setValues] = useState(initial);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
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
    if (Object.keys(wrong).length > 0) return;
    setBusy(true);
    setError(undefined);
    try {
      await save(values);
    } catch (reason) {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="sm">
        {isNew && <TextInput label={t('name')} description={t('form.name.help')} required data-autofocus {...field('name')} />}
        <TextInput label={t('form.url')} description={t('form.url.help')} placeholder="rtsp://user:password@192.0.2.10/stream1" required {...field('url')} />
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
        {error && (error instanceof Conflict ? <Alert color="red" title={t('conflict.title')} role="alert">{t('conflict.form')}</Alert> : <Failed error={error} />)}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel}>{t('cancel')}</Button>
          <Button type="submit" loading={busy}>{t(isNew ? 'cameras.add' : 'save')}</Button>
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
    <Modal opened onClose={close} size="lg" title={added ?? t('cameras.add')} closeButtonProps={{ 'aria-label': t('close') }}>
      {added === undefined
        ? <Form initial={EMPTY} isNew save={save} cancel={close} />
        : <FirstPicture name={added} edit={() => setEditing(true)} close={close} />}
    </Modal>
  );
}

export function EditCamera({ name, close }: { name: string; close: () => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const settings = useQuery({ ...settingsQuery(name), refetchOnWindowFocus: false, gcTime: 0 });
  const save = (base: CameraSettings) => async (values: FormValues) => {
    await saveSettings(name, base, fromForm(values, base), same);
    await cameraChanged(client, name);
    done(t('saved'));
    close();
  };
  return (
    <Modal opened onClose={close} size="lg" title={t('cameras.edit', { name })} closeButtonProps={{ 'aria-label': t('close') }}>
      {settings.isPending && <PageLoading />}
      {settings.error && <Failed error={settings.error} />}
      {settings.data && !settings.isFetching && <Form key={settings.dataUpdatedAt} initial={toForm(name, settings.data)} isNew={false} save={save(settings.data)} cancel={close} />}
    </Modal>
  );
}
