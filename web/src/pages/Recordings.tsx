// What was recorded: of one camera or of several in step, chosen on one timeline, played at any
// speed, and taken along as a file, with people hidden where that is wanted.

import { ActionIcon, Alert, Button, Card, Group, Kbd, MultiSelect, Select, Stack, Text, Tooltip } from '@mantine/core';
import { IconDownload, IconEye, IconMinus, IconPlayerPause, IconPlayerPlay, IconPlayerSkipBack, IconPlayerSkipForward, IconPlus } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { cameraPath, type Camera } from '../api/client';
import { busyQuery, camerasQuery, eventTimesQuery, recordingsQuery } from '../api/queries';
import { useSession } from '../api/session';
import { WatchedForm } from '../counts/Watched';
import { useTexts } from '../i18n';
import { formatBytes, formatDuration, formatTime } from '../lib/format';
import { bytesWithin, joined, ordered, zoom } from '../lib/timeline';
import { HOUR, MINUTE, type Span } from '../lib/time';
import { neighbour, otherSpeed, SPEEDS } from '../playback/clock';
import { Screen } from '../playback/Screen';
import screens from '../playback/Screen.module.css';
import { usePlayback } from '../playback/usePlayback';
import { PageHead } from '../ui/Page';
import { useShortcuts } from '../ui/shortcuts';
import { Failed, Nothing, PageLoading } from '../ui/States';
import { TakeRedacted } from '../ui/Take';
import { Timeline, type TimelineRow } from './Timeline';

/** Shorter gaps are played through. */
const GAP = 3000;
/** An event is shown from a little before it. */
const BEFORE = 3000;
/** When somebody was there is asked for no more time than this. */
const BUSY_LONGEST = 26 * HOUR;
/** More films at once than this overcharge browsers. */
const MOST = 9;

/** What is known of the recordings of some cameras in the time around a view. */
function useFootage(names: readonly string[], view: Span) {
  // Asked for in whole hours around the view, so that dragging does not ask with each pixel.
  const hour = (time: number, round: (value: number) => number) => round(time / HOUR) * HOUR;
  const { operate } = useSession();
  const margin = view.to - view.from;
  const [from, to] = [hour(view.from - margin, Math.floor), hour(view.to + margin, Math.ceil)];
  const recordings = useQueries({ queries: names.map((name) => recordingsQuery(name, from, to, 10_000)) });
  const events = useQueries({ queries: names.map((name) => eventTimesQuery(name, from, to)) });
  const busy = useQueries({ queries: names.map((name) => ({ ...busyQuery(name, from, to), enabled: operate && to - from <= BUSY_LONGEST })) });
  const known = names.map((camera, index) => ({
    camera,
    ranges: recordings[index]?.data?.ranges ?? [],
    newest: recordings[index]?.data?.newest_ms ?? undefined,
    events: events[index]?.data ?? [],
    busy: busy[index]?.data ?? [],
  }));
  // The lists of queries are new with each drawing; what they hold is not.
  const stamp = JSON.stringify([names, recordings.map(({ dataUpdatedAt }) => dataUpdatedAt), events.map(({ dataUpdatedAt }) => dataUpdatedAt), busy.map(({ dataUpdatedAt }) => dataUpdatedAt)]);
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const rows = useMemo(() => known, [stamp]);
  return {
    rows,
    pending: recordings.some(({ isPending }) => isPending),
    // What is known stays there while the server is away.
    error: recordings.find(({ data, error }) => error && !data)?.error ?? undefined,
  };
}

function Exports({ rows, selection, cameras, clear }: { rows: readonly TimelineRow[]; selection: Span; cameras: readonly Camera[]; clear: () => void }) {
  const { t, language } = useTexts();
  const [watched, setWatched] = useState(false);
  const stamp = `${new Date(selection.from).toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
  const bytes = rows.reduce((sum, row) => sum + bytesWithin(row.ranges, selection), 0);
  const { operate } = useSession();
  const able = operate && cameras.some(({ name, lines, zones }) => rows.some(({ camera }) => camera === name) && lines.length + zones.length > 0);
  return (
    <Stack gap={6}>
      <Text size="xs" c="dimmed">
        {formatTime(selection.from, 'seconds', language)} – {formatTime(selection.to, 'seconds', language)} · {formatDuration(selection.to - selection.from, language)} · ≈ {formatBytes(bytes, language)}
      </Text>
      {rows.map(({ camera }) => {
        const address = cameraPath(camera, `/recording.mp4?from=${Math.floor(selection.from)}&to=${Math.ceil(selection.to)}`);
        return (
          <Group key={camera} gap="xs">
            {rows.length > 1 && <Text size="sm" w={110} truncate>{camera}</Text>}
            <Button size="xs" component="a" leftSection={<IconDownload size={16} />} href={address} download={`${camera}_${stamp}.mp4`} data-testid="export">
              {t('export')}
            </Button>
            <TakeRedacted size="xs" address={address} name={`${camera}_${stamp}_redacted.mp4`} />
          </Group>
        );
      })}
      <Group gap="xs">
        {able && <Button size="xs" variant="default" leftSection={<IconEye size={16} />} onClick={() => setWatched(true)}>{t('watched.open')}</Button>}
        <Button size="xs" variant="subtle" onClick={clear}>{t('export.clear')}</Button>
      </Group>
      {watched && <WatchedForm cameras={cameras} camera={rows[0]?.camera} span={selection} close={() => setWatched(false)} />}
    </Stack>
  );
}

function Keys() {
  const { t } = useTexts();
  const keys = [['␣', 'play'], ['← →', 'step.key.seek'], [', .', 'step.key.picture'], ['< >', 'speed'], ['P N', 'step.key.events'], ['I O', 'step.key.marks']] as const;
  return (
    <Group gap="sm" mt="xs" visibleFrom="sm">
      {keys.map(([key, text]) => <Text key={key} size="xs" c="dimmed"><Kbd size="xs">{key}</Kbd> {t(text)}</Text>)}
    </Group>
  );
}

function Player({ names, cameras, begin }: { names: readonly string[]; cameras: readonly Camera[]; begin: number | undefined }) {
  const { t, language } = useTexts();
  const { operate } = useSession();
  const [now] = useState(() => Date.now());
  const [view, setView] = useState<Span>(() => (begin === undefined
    ? { from: now - 50 * MINUTE, to: now + 10 * MINUTE }
    : { from: begin - 30 * MINUTE, to: begin + 30 * MINUTE }));
  const [marked, setMarked] = useState<{ a?: number; b?: number }>({});
  const { rows, pending, error } = useFootage(names, view);
  const footage = useMemo(() => new Map(rows.map(({ camera, ranges }) => [camera, joined(ranges, GAP)])), [rows]);
  const playback = usePlayback(footage, begin ?? now);
  const { at, seek, playing, setPlaying, speed, setSpeed } = playback;
  const selection = marked.a !== undefined && marked.b !== undefined ? ordered(marked.a, marked.b) : undefined;

  // With the first footage that is known, it begins to play.
  const begun = useRef(false);
  useEffect(() => {
    const last = playback.all.at(-1);
    if (begun.current || pending || !last) return;
    begun.current = true;
    seek(begin ?? Math.max(last.from_ms, last.to_ms - MINUTE));
  }, [playback.all, pending, begin, seek]);

  // The moment that is shown stays in view while it plays.
  useEffect(() => {
    if (begun.current && playing && (at > view.to || at < view.from)) {
      const half = (view.to - view.from) / 2;
      setView({ from: at - half, to: at + half });
    }
  // Only when the moment moves, so that the view can be dragged away from it while paused.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);

  const times = useMemo(() => rows.flatMap(({ events }) => events), [rows]);
  const next = neighbour(times, at + BEFORE, true, 500);
  const previous = neighbour(times, at + BEFORE, false, 1500);
  const toEvent = (time: number | undefined) => (time === undefined ? undefined : () => seek(time - BEFORE));
  const still = (by: number) => () => {
    setPlaying(false);
    seek(at + by);
  };
  const toggle = () => setPlaying(!playing);
  useShortcuts({
    ' ': toggle, k: toggle,
    ArrowLeft: () => seek(at - 5000), ArrowRight: () => seek(at + 5000),
    ',': still(-100), '.': still(100),
    '<': () => setSpeed(otherSpeed(speed, false)), '>': () => setSpeed(otherSpeed(speed, true)),
    n: toEvent(next), p: toEvent(previous),
    i: () => setMarked({ ...marked, a: at }), o: () => setMarked({ ...marked, b: at }),
    '+': () => setView(zoom(view, 0.5, at)), '-': () => setView(zoom(view, 2, at)),
  });
  if (error) return <Failed error={error} />;
  if (pending && rows.every(({ ranges }) => ranges.length === 0)) return <PageLoading />;
  const empty = rows.every(({ ranges }) => ranges.length === 0);
  const newest = Math.max(...rows.map((row) => row.newest ?? 0));
  const playLabel = t(playing ? 'pause' : 'play');
  const step = (label: string, Icon: typeof IconPlus, act: (() => void) | undefined) => (
    <Tooltip label={label}><ActionIcon aria-label={label} disabled={!act} onClick={act}><Icon size={20} /></ActionIcon></Tooltip>
  );
  return (
    <Stack gap="sm">
      {empty && newest === 0 && <Nothing><Text>{t('recordings.none')}</Text></Nothing>}
      {empty && newest > 0 && <Alert><Text size="sm">{t('recordings.elsewhere', { time: formatTime(newest, 'full', language) })}</Text></Alert>}
      <div className={screens.wall} style={{ '--columns': Math.ceil(Math.sqrt(names.length)) } as React.CSSProperties}>
        {names.map((camera) => <Screen key={camera} camera={camera} footage={footage.get(camera) ?? []} attach={playback.attach} named={names.length > 1} />)}
      </div>
      <Card p="sm">
        <Group gap="sm" mb="xs" justify="space-between">
          <Group gap="xs">
            <ActionIcon aria-label={playLabel} disabled={empty} onClick={toggle} data-testid="toggle">
              {playing ? <IconPlayerPause size={20} /> : <IconPlayerPlay size={20} />}
            </ActionIcon>
            {step(t('recordings.previous'), IconPlayerSkipBack, toEvent(previous))}
            {step(t('recordings.next'), IconPlayerSkipForward, toEvent(next))}
            <Select w={86} size="xs" aria-label={t('speed')} allowDeselect={false} value={String(speed)} onChange={(value) => setSpeed(Number(value ?? '1'))} data={SPEEDS.map((value) => ({ value: String(value), label: `${value} ×` }))} />
            <ActionIcon aria-label={t('zoom.out')} onClick={() => setView(zoom(view, 2, at))}><IconMinus size={18} /></ActionIcon>
            <ActionIcon aria-label={t('zoom.in')} onClick={() => setView(zoom(view, 0.5, at))}><IconPlus size={18} /></ActionIcon>
          </Group>
          <Text size="sm" ff="monospace" data-testid="moment" data-at={at}>{formatTime(at, 'full', language)}</Text>
        </Group>
        <Timeline view={view} setView={setView} rows={rows} selection={selection} at={at} seek={seek} />
        <Group gap="md" mt={4}>
          <Text size="xs" c="dimmed"><span style={legend('#3bb1bf', '#12727f')} /> {t('step.legend.footage')}</Text>
          {operate && <Text size="xs" c="dimmed"><span style={legend('#1b5e2b', '#8ce99a')} /> {t('step.legend.busy')}</Text>}
          <Text size="xs" c="dimmed"><span style={legend('#a61e4d', '#ffd43b')} /> {t('nav.events')}</Text>
        </Group>
        <Group gap="xs" mt="xs">
          <Button size="xs" variant="default" onClick={() => setMarked({ ...marked, a: at })}>{t('export.from')}</Button>
          <Button size="xs" variant="default" onClick={() => setMarked({ ...marked, b: at })}>{t('export.to')}</Button>
          {!selection && <Text size="xs" c="dimmed">{t('export.help')}</Text>}
        </Group>
        {selection && selection.to > selection.from && <Exports rows={rows} selection={selection} cameras={cameras} clear={() => setMarked({})} />}
        <Keys />
      </Card>
    </Stack>
  );
}

/** A patch in the colours of the timeline. */
function legend(light: string, dark: string): React.CSSProperties {
  return { display: 'inline-block', width: 12, height: 10, borderRadius: 2, background: `light-dark(${light}, ${dark})` };
}

export function Recordings() {
  const { t } = useTexts();
  const search = useSearch({ from: '/recordings' });
  const navigate = useNavigate({ from: '/recordings' });
  const cameras = useQuery(camerasQuery);
  if (cameras.isPending) return <PageLoading />;
  if (!cameras.data) return <Failed error={cameras.error} />;
  const recorded = cameras.data.find(({ recording }) => recording)?.name ?? cameras.data[0]?.name;
  const chosen = search.camera ?? (recorded === undefined ? [] : [recorded]);
  const all = [...new Set([...cameras.data.map(({ name }) => name), ...chosen])];
  return (
    <>
      <PageHead title={t('nav.recordings')}>
        <MultiSelect aria-label={t('camera')} miw={200} maw={480} value={chosen} data={all} maxValues={MOST} onChange={(camera) => void navigate({ search: { ...search, camera: camera.length > 0 ? camera : undefined } })} />
      </PageHead>
      {chosen.length === 0 ? <Nothing><Text>{t('live.none')}</Text></Nothing> : <Player key={search.at} names={chosen} cameras={cameras.data} begin={search.at} />}
    </>
  );
}
