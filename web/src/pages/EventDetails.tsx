// One event: the footage around it, or its picture, what is known of it, and whether it is right.

import { Badge, Button, CopyButton, Group, Stack, Table } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { OmmaEvent } from '../api/client';
import { eventQueryById } from '../api/queries';
import { useTexts } from '../i18n';
import { formatDuration, formatPercent, formatTime } from '../lib/format';
import { Dialog } from '../ui/Dialog';
import { LinkButton } from '../ui/links';
import { useShortcuts } from '../ui/shortcuts';
import { Failed, PageLoading } from '../ui/States';
import { TakeRedacted } from '../ui/Take';
import { EventFilm } from './EventFilm';
import { VerdictBar, type Steps } from './Verdict';

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

interface Props {
  id: string;
  close: () => void;
  /** The events beside it in the list. */
  steps: Steps | undefined;
  review: boolean;
  changed: (id: string, change: Partial<OmmaEvent>) => void;
}

export function EventDetails({ id, close, steps, review, changed }: Props) {
  const { t, language, word } = useTexts();
  const text = useEventText();
  const client = useQueryClient();
  const event = useQuery(eventQueryById(id));
  const { data } = event;
  // Also while an event is still under way: whoever looks through many goes on at once.
  useShortcuts({ j: steps?.next, ArrowRight: steps?.next, k: steps?.previous, ArrowLeft: steps?.previous });
  const told = (which: string, change: Partial<OmmaEvent>) => {
    client.setQueryData(eventQueryById(which).queryKey, (before) => before && { ...before, ...change });
    changed(which, change);
  };
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
    <Dialog close={close} size="xl" title={<Group gap="xs">{data ? text(data) : t('event')}{data?.attributes?.counted === 'later' && <Badge size="xs" variant="default" tt="none">{t('event.later')}</Badge>}{review && <Badge size="xs" tt="none">{t('review.title')}</Badge>}</Group>}>
      {event.isPending && <PageLoading />}
      {event.error && <Failed error={event.error} />}
      {data && (
        <Stack>
          <VerdictBar key={`verdict ${data.id}`} event={data} steps={steps} review={review} changed={told} />
          <EventFilm key={data.id} event={data} />
          <Table verticalSpacing={4} variant="vertical" layout="fixed">
            <Table.Tbody>
              {rows.map(([name, value]) => <Table.Tr key={name}><Table.Th w={170}>{name}</Table.Th><Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td></Table.Tr>)}
            </Table.Tbody>
          </Table>
          <Group gap="xs">
            <LinkButton to="/cameras/$name" params={{ name: data.camera }} variant="default" size="xs">{t('event.camera')}</LinkButton>
            <LinkButton to="/recordings" search={{ camera: [data.camera], at: data.time_ms }} variant="default" size="xs">{t('event.recording')}</LinkButton>
            {data.clip && <Button component="a" href={data.clip} download={`${data.camera}_${data.id}.mp4`} variant="default" size="xs">{t('download')}</Button>}
            {data.clip && <TakeRedacted address={data.clip} name={`${data.camera}_${data.id}_redacted.mp4`} size="xs" />}
            <CopyButton value={window.location.href}>
              {({ copied, copy }) => <Button variant="default" size="xs" onClick={copy}>{t(copied ? 'copied' : 'event.link')}</Button>}
            </CopyButton>
          </Group>
        </Stack>
      )}
    </Dialog>
  );
}
