// What Omma says of itself, newest first, filtered by what stands in the address.

import { Badge, Button, Card, Center, Group, Select, Switch, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { LOG_PAGE, logsBefore, logsQuery, type LogEntry, type LogsAsked } from '../api/admin';
import { camerasQuery } from '../api/queries';
import { useTexts } from '../i18n';
import { compact } from '../lib/filters';
import { formatTime } from '../lib/format';
import { joined, MOST, plain } from '../lib/logs';
import { SystemPage } from '../shell/SystemPage';
import { useDoing } from '../ui/Dialog';
import { Failed, Nothing, PageLoading } from '../ui/States';
import classes from './Logs.module.css';

const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
const COLORS: Record<string, string> = { error: '#c02626', warn: '#8a5600', info: '#1864ab' };

function Line({ entry }: { entry: LogEntry }) {
  const { language, word } = useTexts();
  return (
    <li className={classes.line}>
      <time dateTime={entry.time} className={classes.time}>{formatTime(entry.time_ms, 'full', language)}</time>
      <Badge size="sm" tt="none" color={COLORS[entry.level] ?? '#565e66'} variant="filled">{word('level', entry.level)}</Badge>
      <span className={classes.text}>
        {entry.message}
        {Object.entries(entry.fields).map(([key, value]) => <span key={key} className={classes.field}> {key}=<b>{plain(value)}</b></span>)}
        <span className={classes.part}> {entry.part}</span>
      </span>
    </li>
  );
}

function Entries({ filters, follow }: { filters: LogsAsked; follow: boolean }) {
  const { t } = useTexts();
  const newest = useQuery(logsQuery(filters, follow));
  const [held, setHeld] = useState<LogEntry[]>([]);
  const [end, setEnd] = useState(false);
  const { busy, error, run } = useDoing();
  // What has slipped out of the newest page stays on this one.
  const [seen, setSeen] = useState(newest.data);
  if (newest.data && newest.data !== seen) {
    setSeen(newest.data);
    setHeld(joined(held, newest.data.entries));
  }
  if (newest.isPending) return <PageLoading />;
  if (!newest.data) return <Failed error={newest.error} />;
  const entries = joined(held, newest.data.entries);
  const first = entries[0];
  const full = entries.length >= MOST;
  const more = () => run(async () => {
    if (!first) return;
    const before = await logsBefore(filters, first.seq);
    setHeld((known) => joined(before, joined(known, entries)));
    if (before.length < LOG_PAGE) setEnd(true);
  });
  if (!first) return <Nothing><Text>{t('logs.none')}</Text></Nothing>;
  return (
    <Card p="xs">
      <ol className={classes.lines} reversed data-testid="logs" tabIndex={0} aria-label={t('logs.title')}>
        {entries.toReversed().map((entry) => <Line key={entry.seq} entry={entry} />)}
      </ol>
      {error && <Failed error={error} />}
      {full && <Text size="xs" c="dimmed" p="xs" ta="center" data-testid="logs-full">{t('logs.full', { count: MOST })}</Text>}
      {!end && !full && entries.length >= LOG_PAGE && <Center p="sm"><Button variant="default" loading={busy} onClick={() => void more()}>{t('older')}</Button></Center>}
      {newest.data.dropped > 0 && <Text size="xs" c="dimmed" p="xs">{t('logs.dropped', { count: newest.data.dropped })}</Text>}
    </Card>
  );
}

function Filtered() {
  const { t, word } = useTexts();
  const filters = useSearch({ from: '/system/logs' });
  const navigate = useNavigate({ from: '/system/logs' });
  const cameras = useQuery(camerasQuery);
  const [follow, setFollow] = useState(true);
  const change = (part: LogsAsked) => void navigate({ search: compact({ ...filters, ...part }), replace: true });
  const field = (name: 'part' | 'text') => ({
    placeholder: t('all'),
    defaultValue: filters[name] ?? '',
    onBlur: (event: React.FocusEvent<HTMLInputElement>) => change({ [name]: event.currentTarget.value.trim() || undefined }),
    onKeyDown: (event: React.KeyboardEvent<HTMLInputElement>) => event.key === 'Enter' && event.currentTarget.blur(),
  });
  return (
    <>
      <Group mb="md" align="end" gap="sm">
        <Select label={t('logs.level')} allowDeselect={false} value={filters.level ?? 'info'} onChange={(level) => change({ level: level === 'info' ? undefined : (level ?? undefined) })} data={LEVELS.map((value) => ({ value, label: word('level', value) }))} w={130} />
        <Select label={t('camera')} placeholder={t('all')} clearable clearButtonProps={{ 'aria-label': t('all') }} value={filters.camera ?? null} onChange={(camera) => change({ camera: camera ?? undefined })} data={cameras.data?.map(({ name }) => name) ?? []} w={160} />
        <TextInput key={`part ${filters.part}`} label={t('logs.part')} {...field('part')} placeholder="omma_media" w={180} />
        <TextInput key={`text ${filters.text}`} label={t('logs.text')} {...field('text')} w={200} />
        <Switch label={t('logs.follow')} checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} mb={8} />
      </Group>
      <Entries key={JSON.stringify(filters)} filters={filters} follow={follow} />
    </>
  );
}

export function Logs() {
  return <SystemPage><Filtered /></SystemPage>;
}
