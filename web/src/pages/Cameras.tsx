// All cameras as a list: how each does, and what can be done with it.

import { ActionIcon, Button, Card, Group, Menu, Switch, Table, Text, Tooltip } from '@mantine/core';
import { IconDeviceMobile, IconDots, IconPlayerPause, IconPlayerPlay, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Camera } from '../api/client';
import { cameraChanged, camerasQuery, readSettings, saveSettings } from '../api/queries';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { formatNumber } from '../lib/format';
import { switched } from '../lib/recordMode';
import { Confirm } from '../ui/Dialog';
import { done, failed } from '../ui/notify';
import { PageHead } from '../ui/Page';
import { LinkAnchor, LinkButton } from '../ui/links';
import { State } from '../ui/State';
import { Failed, Nothing, PageLoading } from '../ui/States';
import classes from './Cameras.module.css';
import { AddCamera, EditCamera } from './CameraForm';
import { PassOn } from './PassOn';

function useAction(name: string) {
  const { t } = useTexts();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const run = async (what: () => Promise<unknown>, message?: string) => {
    setBusy(true);
    try {
      await what();
      if (message) done(message);
    } catch (error) {
      failed(t('action.failed', { name }), error);
    } finally {
      await cameraChanged(client, name);
      setBusy(false);
    }
  };
  return { busy, run };
}

function Recording({ camera }: { camera: Camera }) {
  const { t } = useTexts();
  const { name, recording } = camera;
  const reason = recording?.reason ?? '';
  const { busy, run } = useAction(name);
  const { operate } = useSession();
  const change = (on: boolean) => run(async () => {
    const settings = await readSettings(name);
    const record = { ...(settings.record ?? {}), mode: switched(() => localStorage, name, settings.record?.mode, on) };
    await saveSettings(name, settings, { ...settings, record });
  });
  return (
    <Tooltip label={operate ? reason || t('cameras.record') : t('denied.needs', { role: t('role.operator') })}>
      <Switch aria-label={t('cameras.record.of', { name })} color="red" checked={recording !== null && recording !== undefined} disabled={busy || !operate} onChange={(event) => void change(event.currentTarget.checked)} />
    </Tooltip>
  );
}

function Row({ camera, edit, passOn, remove }: { camera: Camera; edit: () => void; passOn: () => void; remove: () => void }) {
  const { t, language } = useTexts();
  const { name, state, reason, source, stream, detector } = camera;
  const { busy, run } = useAction(name);
  const { operate, manage } = useSession();
  const paused = state === 'paused';
  const params = { path: { name } };
  const pauseLabel = t(paused ? 'cameras.resume' : 'cameras.pause', { name });
  const pause = () => run(() => ask(paused
    ? api.POST('/api/v1/cameras/{name}/resume', { params })
    : api.POST('/api/v1/cameras/{name}/pause', { params })));
  return (
    <Table.Tr data-testid={`camera-${name}`}>
      <Table.Td>
        <LinkAnchor to="/cameras/$name" params={{ name }} fw={600} underline="hover">{name}</LinkAnchor>
        <Text size="xs" c="dimmed" className={classes.source} title={source}>{source}</Text>
        <Group hiddenFrom="sm" gap={6} mt={4}><State state={state} />{reason && <Text size="xs" c="dimmed">{reason}</Text>}</Group>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <State state={state} />
        {reason && <Text size="xs" c="dimmed" maw={260} mt={2}>{reason}</Text>}
      </Table.Td>
      <Table.Td visibleFrom="md">
        {stream ? <Text size="sm">{stream.codec.toUpperCase()} {stream.width} × {stream.height}</Text> : '–'}
        {stream?.fps && <Text size="xs" c="dimmed">{formatNumber(stream.fps, language, 1)} fps</Text>}
      </Table.Td>
      <Table.Td visibleFrom="md">{detector?.name ?? '–'}</Table.Td>
      <Table.Td><Recording camera={camera} /></Table.Td>
      <Table.Td>
        <Group gap={2} wrap="nowrap" justify="flex-end">
          {operate && (
            <Tooltip label={pauseLabel}>
              <ActionIcon aria-label={pauseLabel} loading={busy} onClick={() => void pause()}>{paused ? <IconPlayerPlay size={18} /> : <IconPlayerPause size={18} />}</ActionIcon>
            </Tooltip>
          )}
          {operate && (
          <Menu position="bottom-end">
            <Menu.Target><ActionIcon aria-label={t('cameras.more', { name })}><IconDots size={18} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              {manage && <Menu.Item onClick={edit}>{t('edit')}</Menu.Item>}
              <Menu.Item onClick={passOn}>{t('pass.title')}</Menu.Item>
              {manage && <Menu.Item onClick={() => void run(() => ask(api.DELETE('/api/v1/cameras/{name}/settings', { params })), t('cameras.reverted', { name }))}>{t('cameras.revert')}</Menu.Item>}
              {manage && <Menu.Item color="red" onClick={remove}>{t('remove')}</Menu.Item>}
            </Menu.Dropdown>
          </Menu>
          )}
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

function Remove({ name, close }: { name: string; close: () => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const remove = async () => {
    await ask(api.DELETE('/api/v1/cameras/{name}', { params: { path: { name } } }));
    await cameraChanged(client, name);
    done(t('cameras.removed', { name }));
  };
  return <Confirm title={t('cameras.remove', { name })} text={t('cameras.remove.text')} label={t('remove')} doIt={remove} close={close} />;
}

export function Cameras() {
  const { t } = useTexts();
  const { operate, manage } = useSession();
  const cameras = useQuery(camerasQuery);
  const [adding, setAdding] = useState(false);
  const [edited, setEdited] = useState<string>();
  const [removed, setRemoved] = useState<string>();
  const [passed, setPassed] = useState<string>();
  if (cameras.isPending) return <PageLoading />;
  if (!cameras.data) return <Failed error={cameras.error} />;
  return (
    <>
      <PageHead title={t('nav.cameras')}>
        {operate && <LinkButton to="/send" variant="default" leftSection={<IconDeviceMobile size={18} />}>{t('send.title')}</LinkButton>}
        {manage && <Button leftSection={<IconPlus size={18} />} onClick={() => setAdding(true)}>{t('cameras.add')}</Button>}
      </PageHead>
      {cameras.data.length === 0 ? <Nothing><Text>{t('live.none')}</Text></Nothing> : (
        <Card p={0}>
          <div className={classes.table}>
            <Table verticalSpacing="sm" horizontalSpacing="sm" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('camera')}</Table.Th><Table.Th visibleFrom="sm">{t('camera.state')}</Table.Th><Table.Th visibleFrom="md">{t('camera.stream')}</Table.Th>
                  <Table.Th visibleFrom="md">{t('camera.detector')}</Table.Th><Table.Th>{t('cameras.record')}</Table.Th><Table.Th><span className="unseen">{t('more')}</span></Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {cameras.data.map((camera) => (
                  <Row key={camera.name} camera={camera} edit={() => setEdited(camera.name)} passOn={() => setPassed(camera.name)} remove={() => setRemoved(camera.name)} />
                ))}
              </Table.Tbody>
            </Table>
          </div>
        </Card>
      )}
      {adding && <AddCamera close={() => setAdding(false)} />}
      {edited !== undefined && <EditCamera key={edited} name={edited} close={() => setEdited(undefined)} />}
      {passed !== undefined && <PassOn name={passed} close={() => setPassed(undefined)} />}
      {removed !== undefined && <Remove name={removed} close={() => setRemoved(undefined)} />}
    </>
  );
}
