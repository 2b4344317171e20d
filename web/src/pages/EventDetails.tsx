// One event: the footage around it, or its picture, and what is known of it.

import { Button, CopyButton, Group, Modal, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { OmmaEvent } from '../api/client';
import { eventQueryById } from '../api/queries';
import { useTexts } from '../i18n';
import { formatDuration, formatPercent, formatTime } from '../lib/format';
import { LinkButton } from '../ui/links';
import { Failed, PageLoading } from '../ui/States';
import classes from './Events.module.css';

/** What happened, in a few words. */
export function useEventText(): (event: OmmaEvent) => string {
  const { t, word, language } = useTexts();
  return (event) => {
    const what = event.class ? word('class', event.class) : '';
    const rule = event.rule ?? '';
    switch (event.kind) {
      case 'line_crossed': return t(event.direction === 'backward' ? 'event.backward' : 'event.forward', { what, rule });
      case 'zone_entered': return t('event.entered', { what, rule });
      case 'zone_left': return t('event.left', { what, rule, time: formatDuration(event.dwell_ms ?? 0, language) });
      case 'zone_dwelled': return t('event.dwelled', { what, rule, time: formatDuration(event.dwell_ms ?? 0, language) });
      case 'camera_state': return t('event.state', { state: word('state', event.state ?? '') });
      default: return word('kind', event.kind);
    }
  };
}

function Film({ event }: { event: OmmaEvent }) {
  const { t } = useTexts();
  const { clip, snapshot } = event;
  const [view, setView] = useState<'clip' | 'picture'>(clip ? 'clip' : 'picture');
  const [broken, setBroken] = useState(false);
  if (!clip && !snapshot) return <Text c="dimmed">{t('event.nothing')}</Text>;
  return (
    <Stack gap="xs">
      {clip && snapshot && (
        <SegmentedControl size="xs" aria-label={t('event.view')} value={view} onChange={(value) => setView(value)} data={[{ value: 'clip', label: t('event.clip') }, { value: 'picture', label: t('event.picture') }]} />
      )}
      {view === 'clip' && clip
        ? (
          <>
            {/* Footage of cameras has no spoken words of which there would be a written form. */}
            <video className={classes.film} src={clip} controls autoPlay muted playsInline loop data-testid="clip" onError={() => setBroken(true)} />
            {broken && <Text size="sm" c="dimmed">{t('event.broken')}</Text>}
          </>
        )
        : <img className={classes.film} src={snapshot ?? ''} alt={t('event.picture')} />}
    </Stack>
  );
}

export function EventDetails({ id, close }: { id: string; close: () => void }) {
  const { t, language, word } = useTexts();
  const text = useEventText();
  const event = useQuery(eventQueryById(id));
  const data = event.data;
  const rows: [string, string][] = data
    ? [
      [t('camera'), data.camera],
      [t('time'), formatTime(data.time_ms, 'full', language)],
      [t('kind'), word('kind', data.kind)],
      ...(data.rule ? [[t('rule'), data.rule] as [string, string]] : []),
      ...(data.class ? [[t('class'), word('class', data.class)] as [string, string]] : []),
      ...(data.score !== null && data.score !== undefined ? [[t('found.score'), formatPercent(data.score, language)] as [string, string]] : []),
      ...(data.track ? [[t('event.track'), data.track] as [string, string]] : []),
      ...(data.reason ? [[t('event.reason'), data.reason] as [string, string]] : []),
    ]
    : [];
  return (
    <Modal opened onClose={close} size="xl" title={data ? text(data) : t('event')} closeButtonProps={{ 'aria-label': t('close') }}>
      {event.isPending && <PageLoading />}
      {event.error && <Failed error={event.error} />}
      {data && (
        <Stack>
          <Film event={data} />
          <Table verticalSpacing={4} variant="vertical" layout="fixed">
            <Table.Tbody>
              {rows.map(([name, value]) => <Table.Tr key={name}><Table.Th w={150}>{name}</Table.Th><Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td></Table.Tr>)}
            </Table.Tbody>
          </Table>
          <Group gap="xs">
            <LinkButton to="/cameras/$name" params={{ name: data.camera }} variant="default" size="xs">{t('event.camera')}</LinkButton>
            <LinkButton to="/recordings" search={{ camera: data.camera, at: data.time_ms }} variant="default" size="xs">{t('event.recording')}</LinkButton>
            {data.clip && <Button component="a" href={data.clip} download={`${data.camera}_${data.id}.mp4`} variant="default" size="xs">{t('download')}</Button>}
            <CopyButton value={window.location.href}>
              {({ copied, copy }) => <Button variant="default" size="xs" onClick={copy}>{t(copied ? 'copied' : 'event.link')}</Button>}
            </CopyButton>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
