// How far counts can be trusted, by what people said of their events and what they saw was missed.

import { ActionIcon, Button, Card, Group, Stack, Table, Text, Title, Tooltip } from '@mantine/core';
import { IconEye, IconListCheck, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueries, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Camera } from '../api/client';
import { useSession } from '../api/session';
import { precisionQuery, removeWatched, trustChanged, watchedQuery, type Precision } from '../api/trust';
import { useTexts } from '../i18n';
import type { Interval, Row } from '../lib/counts';
import { corrected } from '../lib/counts';
import { formatDuration, formatNumber, formatPercent, formatTime } from '../lib/format';
import type { Span } from '../lib/time';
import { LinkButton } from '../ui/links';
import { Failed } from '../ui/States';
import { WatchedForm } from './Watched';

export interface Judged extends Precision {
  camera: string;
}

/** What was said of the events of these cameras. */
export function usePrecision(cameras: readonly string[]): Judged[] {
  return useQueries({
    queries: cameras.map((name) => precisionQuery(name)),
    combine: (answers) => answers.flatMap((answer, index) => (answer.data ?? []).map((row) => ({ ...row, camera: cameras[index] ?? '' }))),
  });
}

/** A number with the interval that it lies in. */
export function useInterval(): (interval: Interval | null | undefined, as: 'part' | 'count') => string {
  const { t, language } = useTexts();
  return (interval, as) => {
    if (!interval) return '–';
    const plain = (value: number) => (as === 'part' ? formatPercent(value, language) : formatNumber(Math.round(value), language));
    return t('trust.interval', { value: plain(interval.value), low: plain(interval.low), high: plain(interval.high) });
  };
}

/** What the count of the shown time is worth. */
export function worth(rows: readonly Row[], judged: Judged): Interval | undefined {
  const count = rows.reduce((sum, row) => sum + (row.camera === judged.camera && row.rule === judged.rule && row.kind === judged.kind ? row.count : 0), 0);
  return corrected(count, judged.count, judged.corrected);
}

interface Props {
  cameras: readonly Camera[];
  chosen: readonly string[];
  rule: string | undefined;
  span: Span;
  rows: readonly Row[];
  judged: readonly Judged[];
}

function Watches({ cameras }: { cameras: readonly string[] }) {
  const { t, language, word } = useTexts();
  const client = useQueryClient();
  const { operate } = useSession();
  const lists = useQueries({ queries: cameras.map((name) => watchedQuery(name)) });
  const remove = useMutation({
    mutationFn: ({ camera, id }: { camera: string; id: number }) => removeWatched(camera, id),
    onSettled: () => trustChanged(client),
  });
  const all = lists.flatMap(({ data }, index) => (data ?? []).map((watch) => ({ ...watch, camera: cameras[index] ?? '' })));
  if (all.length === 0) return null;
  return (
    <div>
      <Title order={3} mt="sm">{t('watched.list')}</Title>
      {remove.error && <Failed error={remove.error} />}
      <Table fz="sm" verticalSpacing={2} data-testid="watched">
        <Table.Tbody>
          {all.map((watch) => (
            <Table.Tr key={`${watch.camera} ${watch.id}`}>
              <Table.Td>{watch.camera} · {watch.rule} · {word('kind', watch.kind)}{watch.direction ? ` · ${word('measure', watch.direction)}` : ''}</Table.Td>
              <Table.Td>{formatTime(watch.from_ms, 'dayTime', language)} – {formatTime(watch.to_ms, 'time', language)}</Table.Td>
              <Table.Td ta="right">{t('watched.count', { count: watch.missed })}</Table.Td>
              {operate && <Table.Td w={44}>
                <ActionIcon size="sm" aria-label={t('remove')} onClick={() => remove.mutate({ camera: watch.camera, id: watch.id })}><IconTrash size={16} /></ActionIcon>
              </Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export function TrustCard({ cameras, chosen, rule, span, rows, judged }: Props) {
  const { t, language, word } = useTexts();
  const { operate } = useSession();
  const [open, setOpen] = useState(false);
  const interval = useInterval();
  const shown = judged.filter((row) => rule === undefined || row.rule === rule);
  return (
    <Card data-testid="trust">
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t('trust.title')}</Title>
        {operate && <Group gap="xs">
          <LinkButton
            to="/events"
            search={{ cameras: chosen.length > 0 ? [...chosen] : undefined, kinds: ['line_crossed', 'zone_entered', 'zone_left', 'zone_dwelled'], rule, from: span.from, to: span.to, reviewed: 'no', review: true }}
            size="xs"
            variant="light"
            leftSection={<IconListCheck size={16} />}
          >
            {t('trust.review')}
          </LinkButton>
          <Tooltip label={t('watched.text')} multiline w={280}>
            <Button size="xs" variant="default" leftSection={<IconEye size={16} />} onClick={() => setOpen(true)}>{t('watched.open')}</Button>
          </Tooltip>
        </Group>}
      </Group>
      {shown.length === 0 ? <Text size="sm" c="dimmed">{t(operate ? 'trust.none' : 'trust.unsaid')}</Text> : (
        <Stack gap={4}>
          <Table.ScrollContainer minWidth={640} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table fz="sm" data-testid="precision">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('camera')}</Table.Th><Table.Th>{t('rule')}</Table.Th><Table.Th>{t('kind')}</Table.Th><Table.Th ta="right">{t('trust.judged')}</Table.Th>
                  <Table.Th ta="right">{t('trust.precision')}</Table.Th><Table.Th ta="right">{t('trust.recall')}</Table.Th><Table.Th ta="right">{t('trust.corrected')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {shown.map((row) => (
                  <Table.Tr key={JSON.stringify([row.camera, row.rule, row.kind])}>
                    <Table.Td>{row.camera}</Table.Td><Table.Td>{row.rule}</Table.Td><Table.Td>{word('kind', row.kind)}</Table.Td>
                    <Table.Td ta="right">{t('trust.said', { right: row.right, wrong: row.wrong })}</Table.Td>
                    <Table.Td ta="right">{interval(row.precision, 'part')}</Table.Td>
                    <Table.Td ta="right">
                      {interval(row.recall, 'part')}
                      {row.reviewed_ms ? <Text size="xs" c="dimmed">{t('trust.watched', { time: formatDuration(row.reviewed_ms, language), missed: row.missed })}</Text> : null}
                    </Table.Td>
                    <Table.Td ta="right">{interval(worth(rows, row), 'count')}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
          <Text size="xs" c="dimmed">{t('trust.help')}</Text>
        </Stack>
      )}
      <Watches cameras={chosen.length > 0 ? chosen : cameras.map(({ name }) => name)} />
      {open && <WatchedForm cameras={cameras} camera={chosen[0]} rule={rule} span={span} close={() => setOpen(false)} />}
    </Card>
  );
}
