// What was recorded: chosen on a timeline, played at any speed, and taken along as a file.

import { ActionIcon, Alert, Button, Card, Group, Select, Stack, Text, Tooltip } from '@mantine/core';
import { IconDownload, IconMinus, IconPlayerPause, IconPlayerPlay, IconPlayerSkipForward, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, ApiError, ask, cameraPath, fetchRaw } from '../api/client';
import { camerasQuery, recordingsQuery } from '../api/queries';
import { useTexts } from '../i18n';
import { formatBytes, formatDuration, formatTime } from '../lib/format';
import { joined, ordered, piece, playableFrom, rangeAt, zoom } from '../lib/timeline';
import { HOUR, MINUTE, type Span } from '../lib/time';
import { PageHead } from '../ui/Page';
import { Failed, Nothing, PageLoading } from '../ui/States';
import { Timeline } from './Timeline';
import classes from './Events.module.css';

/** So much footage is opened at once. */
const PIECE = 10 * MINUTE;
/** Shorter gaps are played through. */
const GAP = 3000;
const SPEEDS = ['0.25', '0.5', '1', '2', '4', '8'];

interface Loaded extends Span {
  url: string;
  /** When the first picture of the file was taken. */
  zero: number;
}

/** Opens footage and follows the moment that is shown. */
function usePlayback(camera: string, ranges: readonly { from_ms: number; to_ms: number }[], begin: number | undefined, speed: number) {
  const video = useRef<HTMLVideoElement>(null);
  const [at, setAt] = useState(begin ?? Date.now());
  const [loaded, setLoaded] = useState<Loaded>();
  const [error, setError] = useState<Error>();
  const [playing, setPlaying] = useState(true);
  const asking = useRef<AbortController>(undefined);

  const seek = useCallback(async (time: number) => {
    const start = playableFrom(ranges, time);
    const range = start === undefined ? undefined : rangeAt(ranges, start);
    setError(undefined);
    if (start === undefined || !range) {
      setAt(time);
      return;
    }
    setAt(start);
    if (loaded && video.current && start >= loaded.zero && start < loaded.to - 500) {
      video.current.currentTime = (start - loaded.zero) / 1000;
      return;
    }
    asking.current?.abort();
    const current = new AbortController();
    asking.current = current;
    const { from, to } = piece(range, start, PIECE);
    const url = cameraPath(camera, `/recording.mp4?from=${Math.floor(from)}&to=${Math.ceil(to)}`);
    try {
      // The head says when the first picture was taken, and, where there is none, why.
      const response = await fetchRaw(url, { method: 'HEAD', signal: current.signal });
      const zero = Number(response.headers.get('x-omma-time-ms') ?? from);
      setLoaded({ url, from, to, zero });
    } catch (reason) {
      if (current.signal.aborted) return;
      // An answer to HEAD has no words; the same with GET says why.
      const told = await fetchRaw(url, { signal: current.signal, headers: { Range: 'bytes=0-0' } }).then(() => reason, (why: unknown) => why);
      setError(told instanceof Error ? told : new ApiError(String(told), undefined, 0));
    }
  }, [camera, ranges, loaded]);

  useEffect(() => () => asking.current?.abort(), []);
  useEffect(() => {
    if (video.current) video.current.playbackRate = speed;
  }, [speed, loaded]);

  const element = loaded && (
    <video
      ref={video}
      key={loaded.url}
      className={classes.film}
      src={loaded.url}
      autoPlay={playing}
      muted
      playsInline
      data-testid="film"
      onLoadedMetadata={(event) => {
        event.currentTarget.playbackRate = speed;
        // A file begins with the keyframe before the moment that was asked for.
        event.currentTarget.currentTime = Math.max(0, (loaded.from - loaded.zero) / 1000);
      }}
      onTimeUpdate={(event) => setAt(loaded.zero + event.currentTarget.currentTime * 1000)}
      onPlay={() => setPlaying(true)}
      onPause={(event) => !event.currentTarget.ended && setPlaying(false)}
      onEnded={() => void seek(loaded.to + 1)}
      onError={(event) => setError(new Error(`MediaError ${event.currentTarget.error?.code ?? ''} ${event.currentTarget.error?.message ?? ''}`.trim()))}
    />
  );
  const toggle = () => {
    const target = video.current;
    if (!target) return;
    if (target.paused) void target.play();
    else target.pause();
  };
  return { at, element, error, playing, seek, toggle, loaded };
}

function Player({ camera, begin }: { camera: string; begin: number | undefined }) {
  const { t, language } = useTexts();
  const [now] = useState(() => Date.now());
  const [view, setView] = useState<Span>(() => (begin === undefined
    ? { from: now - 50 * MINUTE, to: now + 10 * MINUTE }
    : { from: begin - 30 * MINUTE, to: begin + 30 * MINUTE }));
  const [speed, setSpeed] = useState('1');
  const [marked, setMarked] = useState<{ a?: number; b?: number }>({});
  // Asked for in whole hours around the view, so that dragging does not ask with each pixel.
  const hour = (time: number, round: (value: number) => number) => round(time / HOUR) * HOUR;
  const margin = view.to - view.from;
  const [from, to] = [hour(view.from - margin, Math.floor), hour(view.to + margin, Math.ceil)];
  const recordings = useQuery(recordingsQuery(camera, from, to, 10_000));
  const events = useQuery({
    queryKey: ['events', 'times', camera, from, to],
    queryFn: async ({ signal }) => (await ask(api.GET('/api/v1/events', {
      params: { query: { cameras: camera, from: String(from), to: String(to), limit: 1000 } }, signal,
    }))).events.map((event) => event.time_ms),
    placeholderData: (before) => before,
  });
  const ranges = useMemo(() => recordings.data?.ranges ?? [], [recordings.data]);
  const playable = useMemo(() => joined(ranges, GAP), [ranges]);
  const playback = usePlayback(camera, playable, begin, Number(speed));
  const { at, seek } = playback;
  const selection = marked.a !== undefined && marked.b !== undefined ? ordered(marked.a, marked.b) : undefined;

  // With the first footage that is known, it begins to play.
  const begun = useRef(false);
  useEffect(() => {
    const last = playable.at(-1);
    if (begun.current || !last) return;
    begun.current = true;
    void seek(begin ?? Math.max(last.from_ms, last.to_ms - MINUTE));
  }, [playable, begin, seek]);

  // The moment that is shown stays in view while it plays.
  useEffect(() => {
    if (playback.playing && (at > view.to || at < view.from) && playback.loaded) {
      const half = (view.to - view.from) / 2;
      setView({ from: at - half, to: at + half });
    }
  // Only when the moment moves, so that the view can be dragged away from it while paused.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);

  const overlap = selection
    ? ranges.reduce((bytes, range) => {
      const part = Math.min(range.to_ms, selection.to) - Math.max(range.from_ms, selection.from);
      return bytes + (part > 0 ? (range.bytes * part) / Math.max(1, range.to_ms - range.from_ms) : 0);
    }, 0)
    : 0;
  const next = events.data?.toSorted((a, b) => a - b).find((time) => time > at + 1000);
  if (recordings.error) return <Failed error={recordings.error} />;
  if (recordings.isPending) return <PageLoading />;
  const playLabel = t(playback.playing ? 'pause' : 'play');
  return (
    <Stack gap="sm">
      {ranges.length === 0 && !recordings.data.newest_ms && <Nothing><Text>{t('recordings.none')}</Text></Nothing>}
      {ranges.length === 0 && recordings.data.newest_ms && (
        <Alert>
          <Text size="sm">{t('recordings.elsewhere', { time: formatTime(recordings.data.newest_ms, 'full', language) })}</Text>
        </Alert>
      )}
      <div style={{ aspectRatio: '16 / 9', maxHeight: '60dvh', display: 'grid', placeItems: 'center', background: '#0b0d10', borderRadius: 8, overflow: 'hidden' }}>
        {playback.element ?? <Text c="gray.4" size="sm">{t('recordings.choose')}</Text>}
      </div>
      {playback.error && <Failed error={playback.error} />}
      <Card p="sm">
        <Group gap="sm" mb="xs" justify="space-between">
          <Group gap="xs">
            <ActionIcon aria-label={playLabel} disabled={!playback.element} onClick={playback.toggle}>
              {playback.playing ? <IconPlayerPause size={20} /> : <IconPlayerPlay size={20} />}
            </ActionIcon>
            <Tooltip label={t('recordings.next')}>
              <ActionIcon aria-label={t('recordings.next')} disabled={next === undefined} onClick={() => next !== undefined && void seek(next - 3000)}>
                <IconPlayerSkipForward size={20} />
              </ActionIcon>
            </Tooltip>
            <Select w={86} size="xs" aria-label={t('speed')} allowDeselect={false} value={speed} onChange={(value) => setSpeed(value ?? '1')} data={SPEEDS.map((value) => ({ value, label: `${value} ×` }))} />
            <ActionIcon aria-label={t('zoom.out')} onClick={() => setView(zoom(view, 2, at))}><IconMinus size={18} /></ActionIcon>
            <ActionIcon aria-label={t('zoom.in')} onClick={() => setView(zoom(view, 0.5, at))}><IconPlus size={18} /></ActionIcon>
          </Group>
          <Text size="sm" ff="monospace" data-testid="moment">{formatTime(at, 'full', language)}</Text>
        </Group>
        <Timeline view={view} setView={setView} ranges={ranges} events={events.data ?? []} selection={selection} at={at} seek={(time) => void seek(time)} />
        <Group gap="xs" mt="xs">
          <Button size="xs" variant="default" onClick={() => setMarked({ ...marked, a: at })}>{t('export.from')}</Button>
          <Button size="xs" variant="default" onClick={() => setMarked({ ...marked, b: at })}>{t('export.to')}</Button>
          {selection && selection.to > selection.from && (
            <>
              <Button
                size="xs"
                component="a"
                leftSection={<IconDownload size={16} />}
                href={cameraPath(camera, `/recording.mp4?from=${Math.floor(selection.from)}&to=${Math.ceil(selection.to)}`)}
                download={`${camera}_${new Date(selection.from).toISOString().slice(0, 19).replaceAll(':', '-')}Z.mp4`}
                data-testid="export"
              >
                {t('export')}
              </Button>
              <Text size="xs" c="dimmed">{formatDuration(selection.to - selection.from, language)} · ≈ {formatBytes(overlap, language)}</Text>
              <Button size="xs" variant="subtle" onClick={() => setMarked({})}>{t('export.clear')}</Button>
            </>
          )}
          {!selection && <Text size="xs" c="dimmed">{t('export.help')}</Text>}
        </Group>
      </Card>
    </Stack>
  );
}

export function Recordings() {
  const { t } = useTexts();
  const search = useSearch({ from: '/recordings' });
  const navigate = useNavigate({ from: '/recordings' });
  const cameras = useQuery(camerasQuery);
  if (cameras.isPending) return <PageLoading />;
  if (!cameras.data) return <Failed error={cameras.error} />;
  const recorded = cameras.data.find(({ recording }) => recording)?.name ?? cameras.data[0]?.name;
  const camera = search.camera ?? recorded;
  const names = [...new Set([...cameras.data.map(({ name }) => name), ...(search.camera ? [search.camera] : [])])];
  return (
    <>
      <PageHead title={t('nav.recordings')}>
        <Select aria-label={t('camera')} value={camera ?? null} allowDeselect={false} data={names} onChange={(name) => void navigate({ search: { camera: name ?? undefined } })} />
      </PageHead>
      {camera === undefined ? <Nothing><Text>{t('live.none')}</Text></Nothing> : <Player key={`${camera} ${search.at}`} camera={camera} begin={search.at} />}
    </>
  );
}
