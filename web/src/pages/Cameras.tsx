// All cameras as a list: how each does, and what can be done with it.

import { ActionIcon, Button, Card, Group, Menu, Modal, Stack, Switch, Table, Text, Tooltip } from '@mantine/core';
import { IconDots, IconPlayerPause, IconPlayerPlay, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Camera } from '../api/client';
import { cameraChanged, camerasQuery } from '../api/queries';
import { useTexts } from '../i18n';
import { formatNumber } from '../lib/format';
import { done, failed } from '../ui/notify';
import { PageHead } from '../ui/Page';
import { LinkAnchor } from '../ui/links';
import { State } from '../ui/State';
import { Failed, Nothing, PageLoading } from '../ui/States';
import classes from './Cameras.module.css';
import { AddCamera, EditCamera } from './CameraForm';

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
  const params = { path: { name } };
  const change = (on: boolean) => run(async () => {
    const settings = await ask(api.GET('/api/v1/cameras/{name}/settings', { params }));
    const record = { ...(settings.record ?? {}), mode: on ? 'always' : 'off' };
    await ask(api.PUT('/api/v1/cameras/{name}', { params, body: { ...settings, record } }));
  });
  return (
    <Tooltip label={reason === '' ? t('cameras.record') : reason}>
      <Switch aria-label={t('cameras.record.of', { name })} color="red" checked={recording !== null && recording !== undefined} disabled={busy} onChange={(event) => void change(event.currentTarget.checked)} />
    </Tooltip>
  );
}

function Row({ camera, edit, remove }: { camera: Camera; edit: () => void; remove: () => void }) {
  const { t, language } = useTexts();
  const { name, state, reason, source, stream, detector } = camera;
  const { busy, run } = useAction(name);
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
          <Tooltip label={pauseLabel}>
            <ActionIcon aria-label={pauseLabel} loading={busy} onClick={() => void pause()}>{paused ? <IconPlayerPlay size={18} /> : <IconPlayerPause size={18} />}</ActionIcon>
          </Tooltip>
          <Menu position="bottom-end">
            <Menu.Target><ActionIcon aria-label={t('cameras.more', { name })}><IconDots size={18} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={edit}>{t('edit')}</Menu.Item>
              <Menu.Item onClick={() => void run(() => ask(api.DELETE('/api/v1/cameras/{name}/settings', { params })), t('cameras.reverted', { name }))}>{t('cameras.revert')}</Menu.Item>
              <Menu.Item color="red" onClick={remove}>{t('remove')}</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

function Remove({ name, close }: { name: string; close: () => void }) {
  const { t } = useTexts();
  const { busy, run } = useAction(name);
  const remove = async () => {
    await run(() => ask(api.DELETE('/api/v1/cameras/{name}', { params: { path: { name } } })), t('cameras.removed', { name }));
    close();
  };
  return (
    <Modal opened onClose={close} title={t('cameras.remove', { name })} closeButtonProps={{ 'aria-label': t('close') }}>
      <Stack>
        <Text>{t('cameras.remove.text')}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>{t('cancel')}</Button>
          <Button color="red" loading={busy} onClick={() => void remove()}>{t('remove')}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

export function Cameras() {
  const { t } = useTexts();
  const cameras = useQuery(camerasQuery);
  const [adding, setAdding] = useState(false);
  const [edited, setEdited] = useState<string>();
  const [removed, setRemoved] = useState<string>();
  if (cameras.isPending) return <PageLoading />;
  if (!cameras.data) return <Failed error={cameras.error} />;
  return (
    <>
      <PageHead title={t('nav.cameras')}>
        <Button leftSection={<IconPlus size={18} />} onClick={() => setAdding(true)}>{t('cameras.add')}</Button>
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
                  <Row key={camera.name} camera={camera} edit={() => setEdited(camera.name)} remove={() => setRemoved(camera.name)} />
                ))}
              </Table.Tbody>
            </Table>
          </div>
        </Card>
      )}
      {adding && <AddCamera close={() => setAdding(false)} />}
      {edited !== undefined && <EditCamera key={edited} name={edited} close={() => setEdited(undefined)} />}
      {removed !== undefined && <Remove name={removed} close={() => setRemoved(undefined)} />}
    </>
  );
}
