// One camera: its live picture with what is found in it, how it does, what it counts, and the
// drawing of its lines and zones.

import { ActionIcon, Alert, Button, Card, Checkbox, Group, Menu, SimpleGrid, Stack, Table, Text, Title, Tooltip } from '@mantine/core';
import { IconAdjustments, IconCameraPlus, IconColumns2, IconDots, IconPencil, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { fetchRaw, type Analysis, type Camera } from '../api/client';
import { cameraQuery, camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { CountPast } from '../editor/CountPast';
import { EditorPanel } from '../editor/EditorPanel';
import { Leaving } from '../editor/Leaving';
import { PreviewPanel } from '../editor/PreviewPanel';
import { Shapes } from '../editor/Shapes';
import { useEditor } from '../editor/useEditor';
import { usePreview } from '../editor/usePreview';
import { Ways } from '../overlay/Ways';
import { useTexts } from '../i18n';
import { download } from '../lib/download';
import { formatDuration, formatNumber, formatPercent, formatTime } from '../lib/format';
import { Overlay, useAnalyses, type OverlayHandle } from '../overlay/Overlay';
import type { Shown } from '../overlay/draw';
import { failed } from '../ui/notify';
import { PageHead } from '../ui/Page';
import { LinkButton, LinkMenuItem } from '../ui/links';
import { State } from '../ui/State';
import { Failed, PageLoading } from '../ui/States';
import { Video } from '../video/Video';
import classes from './CameraPage.module.css';

async function snapshot(camera: string): Promise<void> {
  const response = await fetchRaw(`/cameras/${encodeURIComponent(camera)}/snapshot.jpg?annotated=false&width=3840&quality=92`);
  const taken = Number(response.headers.get('x-omma-time-ms'));
  const time = new Date(taken > 0 ? taken : Date.now()).toISOString().slice(0, 19).replaceAll(':', '-');
  download(`${camera}_${time}Z.jpg`, await response.blob());
}

function Facts({ camera }: { camera: Camera }) {
  const { t, language } = useTexts();
  const { stream, frames, detector } = camera;
  const number = (value: number, digits = 0) => formatNumber(value, language, digits);
  const rows: [string, string][] = [
    [t('camera.source'), camera.source],
    ...(stream ? [[t('camera.stream'), `${stream.codec.toUpperCase()} ${stream.width} × ${stream.height}${stream.fps ? `, ${number(stream.fps, 1)} fps` : ''}`] as [string, string]] : []),
    ...(detector ? [[t('camera.detector'), `${detector.name}${detector.engine && detector.engine !== detector.name ? ` (${detector.engine})` : ''}`] as [string, string]] : []),
    [t('camera.since'), formatTime(camera.since_ms, 'full', language)],
    [t('camera.received'), number(frames.received)],
    [t('camera.analysed'), number(frames.analysed)],
    [t('camera.dropped'), number(frames.dropped)],
  ];
  return (
    <Card>
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t('camera.state')}</Title>
        <Group gap={6}>
          {camera.recording && <State state={camera.recording.state} />}
          <State state={camera.state} />
        </Group>
      </Group>
      {camera.reason && <Alert color={camera.state === 'online' ? 'yellow' : 'orange'} mb="sm">{camera.reason}</Alert>}
      {camera.recording?.reason && <Alert color="red" mb="sm">{camera.recording.reason}</Alert>}
      {detector?.error && <Alert color="red" mb="sm">{detector.error}</Alert>}
      <dl className={classes.facts}>
        {rows.map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
        ))}
      </dl>
    </Card>
  );
}

function Counted({ camera }: { camera: Camera }) {
  const { t, language } = useTexts();
  const { lines, zones } = camera.counts;
  if (lines.length + zones.length === 0) return null;
  const number = (value: number) => formatNumber(value, language);
  return (
    <Card>
      <Group justify="space-between">
        <Title order={2}>{t('camera.counts')}</Title>
        <LinkButton to="/counts" search={{ camera: [camera.name] }} size="compact-sm" variant="subtle">{t('camera.counts.more')}</LinkButton>
      </Group>
      {lines.length > 0 && (
        <Table mt="xs">
          <Table.Thead>
            <Table.Tr><Table.Th>{t('line')}</Table.Th><Table.Th ta="right">{t('measure.forward')}</Table.Th><Table.Th ta="right">{t('measure.backward')}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lines.map((line) => (
              <Table.Tr key={line.name}><Table.Td>{line.name}</Table.Td><Table.Td ta="right">{number(line.forward)}</Table.Td><Table.Td ta="right">{number(line.backward)}</Table.Td></Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {zones.length > 0 && (
        <Table mt="xs">
          <Table.Thead>
            <Table.Tr><Table.Th>{t('zone')}</Table.Th><Table.Th ta="right">{t('zone.now')}</Table.Th><Table.Th ta="right">{t('zone.visits')}</Table.Th><Table.Th ta="right">{t('zone.stay')}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {zones.map((zone) => (
              <Table.Tr key={zone.name}>
                <Table.Td>{zone.name}</Table.Td><Table.Td ta="right">{number(zone.occupancy)}</Table.Td>
                <Table.Td ta="right">{number(zone.visits)}</Table.Td><Table.Td ta="right">{formatDuration(zone.mean_dwell_ms, language)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}

function Found({ analysis }: { analysis: Analysis | undefined }) {
  const { t, language, word } = useTexts();
  const tracks = analysis?.tracks ?? [];
  const percent = (value: number) => formatPercent(value, language);
  return (
    <Card>
      <Title order={2} mb="xs">{t('camera.found', { count: tracks.length })}</Title>
      {tracks.length === 0 ? <Text size="sm" c="dimmed">{t('camera.found.none')}</Text> : (
        <Table.ScrollContainer minWidth={280} mah={320} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table verticalSpacing={4} horizontalSpacing={6} fz="xs" data-testid="found">
            <Table.Thead>
              <Table.Tr><Table.Th>{t('found.id')}</Table.Th><Table.Th>{t('found.class')}</Table.Th><Table.Th ta="right"><span aria-hidden="true">%</span><span className="unseen">{t('found.score')}</span></Table.Th><Table.Th ta="right">{t('found.box')}</Table.Th></Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tracks.map((track) => (
                <Table.Tr key={track.id} c={track.state === 'confirmed' ? undefined : 'dimmed'}>
                  <Table.Td>{track.id}</Table.Td>
                  <Table.Td>{word('class', track.class)}</Table.Td>
                  <Table.Td ta="right">{percent(track.score)}</Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{[track.box.left, track.box.top, track.box.width, track.box.height].map((part) => formatNumber(part * 100, language)).join(' ')}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  );
}

const SHOWN = [['boxes', 'show.boxes'], ['tails', 'show.tails'], ['rules', 'show.rules']] as const;

function CameraView({ name }: { name: string }) {
  const { t } = useTexts();
  const camera = useQuery(cameraQuery(name));
  const cameras = useQuery(camerasQuery);
  const [paused, setPaused] = useState(false);
  const [beside, setBeside] = useState(false);
  const [shown, setShown] = useState<Shown>({ boxes: true, tails: true, rules: true });
  const [analysis, setAnalysis] = useState<Analysis>();
  const overlay = useRef<OverlayHandle>(null);
  const history = useAnalyses(name, (found) => {
    if (!paused) setAnalysis(found);
  });
  const editor = useEditor(name);
  const { operate } = useSession();
  const preview = usePreview(name, editor.draft);
  const [ways, setWays] = useState(true);

  if (camera.isPending) return <PageLoading />;
  const data = camera.data;
  if (!data) return <Failed error={camera.error}><LinkButton to="/cameras" size="xs">{t('nav.cameras')}</LinkButton></Failed>;

  // The same camera with parts hidden, or what this one hides parts of.
  const redacted = cameras.data?.find(({ source }) => source === `redacted:${name}`)?.name;
  const original = /^redacted:([A-Za-z0-9_-]+)/.exec(data.source)?.[1];
  const other = redacted ?? original;
  const online = data.state === 'online';
  const aspect = data.stream ? data.stream.width / data.stream.height : 16 / 9;
  const pauseLabel = t(paused ? 'resume' : 'pause');
  return (
    <>
      <PageHead title={name}>
        <Group gap="xs">
          <Tooltip label={pauseLabel}>
            <ActionIcon aria-label={pauseLabel} aria-pressed={paused} onClick={() => setPaused(!paused)}>
              {paused ? <IconPlayerPlay size={20} /> : <IconPlayerPause size={20} />}
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t('snapshot')}>
            <ActionIcon aria-label={t('snapshot')} disabled={!online} onClick={() => void snapshot(name).catch((error: unknown) => failed(t('snapshot.failed'), error))}>
              <IconCameraPlus size={20} />
            </ActionIcon>
          </Tooltip>
          {other && (
            <Tooltip label={t('beside')}>
              <ActionIcon aria-label={t('beside')} aria-pressed={beside} onClick={() => setBeside(!beside)}><IconColumns2 size={20} /></ActionIcon>
            </Tooltip>
          )}
          <Menu closeOnItemClick={false}>
            <Menu.Target><Tooltip label={t('show')}><ActionIcon aria-label={t('show')}><IconAdjustments size={20} /></ActionIcon></Tooltip></Menu.Target>
            <Menu.Dropdown p="sm">
              <Stack gap="xs">
                {SHOWN.map(([key, text]) => (
                  <Checkbox key={key} label={t(text)} checked={shown[key]} onChange={() => setShown({ ...shown, [key]: !shown[key] })} />
                ))}
              </Stack>
            </Menu.Dropdown>
          </Menu>
          <Menu>
            <Menu.Target><ActionIcon aria-label={t('more')}><IconDots size={20} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <LinkMenuItem to="/events" search={{ cameras: [name] }}>{t('nav.events')}</LinkMenuItem>
              <LinkMenuItem to="/recordings" search={{ camera: [name] }}>{t('nav.recordings')}</LinkMenuItem>
              <LinkMenuItem to="/counts" search={{ camera: [name] }}>{t('nav.counts')}</LinkMenuItem>
              <LinkMenuItem to="/cameras">{t('nav.cameras')}</LinkMenuItem>
            </Menu.Dropdown>
          </Menu>
          <Tooltip label={t('denied.needs', { role: t('role.operator') })} disabled={operate}>
            <Button size="sm" leftSection={<IconPencil size={18} />} onClick={() => void editor.open()} disabled={editor.draft !== undefined || !operate} data-testid="edit">{t('editor.open')}</Button>
          </Tooltip>
        </Group>
      </PageHead>
      <Leaving dirty={editor.dirty} />
      <div className={classes.page}>
        <SimpleGrid cols={beside && other ? { base: 1, md: 2 } : 1} spacing="xs">
          <div className={classes.video} style={{ aspectRatio: aspect }}>
            <Video
              camera={name}
              paused={paused || !online}
              generation={data.since_ms}
              reason={online ? undefined : data.reason || undefined}
              aspect={aspect}
              showWay
              ready={(moment) => !data.detector || history.covers(moment)}
              onPicture={(moment) => overlay.current?.draw(moment)}
            >
              <Overlay ref={overlay} camera={data} history={history} shown={editor.draft ? { ...shown, rules: false } : shown} />
              {editor.draft && ways && <Ways events={preview.answer.data?.events ?? []} rule={editor.selected?.name} />}
              {editor.draft && (
                <Shapes
                  draft={editor.draft}
                  selected={editor.selected}
                  drawing={editor.drawing}
                  attempt={editor.attempt}
                  select={editor.select}
                  change={editor.change}
                  drawn={editor.drawn}
                  cancel={editor.cancel}
                />
              )}
            </Video>
          </div>
          {beside && other && (
            <div className={classes.video} style={{ aspectRatio: aspect }}>
              <Video camera={other} paused={paused} aspect={aspect} showWay />
              <Link className={classes.other} to="/cameras/$name" params={{ name: other }}>{other}</Link>
            </div>
          )}
        </SimpleGrid>
        <Stack gap="sm">
          {editor.draft && (
            <EditorPanel {...editor} draft={editor.draft}>
              <PreviewPanel preview={preview} draft={editor.draft} selected={editor.selected} ways={ways} setWays={setWays} />
            </EditorPanel>
          )}
          {operate && editor.fresh.length > 0 && <CountPast camera={name} places={editor.fresh} close={editor.forgetFresh} />}
          {!editor.draft && <Counted camera={data} />}
          {!editor.draft && data.detector && <Found analysis={analysis} />}
          <Facts camera={data} />
        </Stack>
      </div>
    </>
  );
}

export function CameraPage() {
  const { name } = useParams({ from: '/cameras/$name' });
  // Another camera is another page: nothing of the one before is kept.
  return <CameraView key={name} name={name} />;
}
