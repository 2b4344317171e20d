// How the server itself does: what works, what is lost and why, who shares the work, and where
// events and cameras go.

import { Alert, Badge, Card, Group, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { camerasQuery, healthQuery, metricsQuery, nodesQuery, publicationsQuery, sinksQuery } from '../api/queries';
import { useTexts } from '../i18n';
import { formatBytes, formatDuration, formatNumber, formatPercent, formatTime } from '../lib/format';
import { parseMetrics, quantile, sum, values, type Sample } from '../lib/metrics';
import { SystemPage } from '../shell/SystemPage';
import { State } from '../ui/State';
import { Failed } from '../ui/States';

function Figure({ label, value, help }: { label: string; value: string; help?: string }) {
  return (
    <Card>
      <Text size="sm" c="dimmed">{label}</Text>
      <Text size="xl" fw={600}>{value}</Text>
      {help && <Text size="xs" c="dimmed">{help}</Text>}
    </Card>
  );
}

/** Processor time between two readings; what it was since the start says little about now. */
function useCores(seconds: number | undefined, readAt: number): number | undefined {
  const last = useRef<{ seconds: number; readAt: number }>(undefined);
  const [cores, setCores] = useState<number>();
  useEffect(() => {
    if (seconds === undefined) return;
    const before = last.current;
    if (before && readAt > before.readAt && seconds >= before.seconds) {
      setCores((seconds - before.seconds) / ((readAt - before.readAt) / 1000));
    }
    last.current = { seconds, readAt };
  }, [seconds, readAt]);
  return cores;
}

function Section({ title, head, children }: { title: string; head: string[]; children: ReactNode }) {
  return (
    <Card>
      <Title order={2} mb="xs">{title}</Title>
      <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead><Table.Tr>{head.map((name) => <Table.Th key={name}>{name}</Table.Th>)}</Table.Tr></Table.Thead>
          <Table.Tbody>{children}</Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}

function Stages({ samples }: { samples: readonly Sample[] }) {
  const { t, language } = useTexts();
  const ms = (seconds: number | undefined) => (seconds === undefined ? '–' : `${formatNumber(seconds * 1000, language, 2)} ms`);
  const stages = values(samples, 'omma_stage_seconds_count', 'stage')
    .map((stage) => ({ stage, count: sum(samples, 'omma_stage_seconds_count', { stage }), seconds: sum(samples, 'omma_stage_seconds_sum', { stage }) }))
    .filter(({ count }) => count > 0);
  return (
    <Section title={t('system.stages')} head={[t('system.stage'), t('system.times'), t('system.mean'), t('system.half'), t('system.most')]}>
      {stages.map(({ stage, count, seconds }) => (
        <Table.Tr key={stage}><Table.Td>{stage}</Table.Td><Table.Td>{formatNumber(count, language)}</Table.Td><Table.Td>{ms(seconds / count)}</Table.Td><Table.Td>{ms(quantile(samples, 'omma_stage_seconds', 0.5, { stage }))}</Table.Td><Table.Td>{ms(quantile(samples, 'omma_stage_seconds', 0.95, { stage }))}</Table.Td></Table.Tr>
      ))}
    </Section>
  );
}

function Drops({ samples }: { samples: readonly Sample[] }) {
  const { t, language } = useTexts();
  const name = 'omma_frames_dropped_total';
  const rows = values(samples, name, 'camera').flatMap((camera) => values(samples, name, 'reason')
    .map((reason) => ({ camera, reason, count: sum(samples, name, { camera, reason }) }))
    .filter(({ count }) => count > 0));
  if (rows.length === 0) return <Card><Title order={2}>{t('system.drops')}</Title><Text size="sm" c="dimmed">{t('system.drops.none')}</Text></Card>;
  return (
    <Section title={t('system.drops')} head={[t('camera'), t('event.reason'), t('system.times')]}>
      {rows.map(({ camera, reason, count }) => (
        <Table.Tr key={`${camera} ${reason}`}><Table.Td>{camera}</Table.Td><Table.Td>{reason}</Table.Td><Table.Td>{formatNumber(count, language)}</Table.Td></Table.Tr>
      ))}
    </Section>
  );
}

function Sharing() {
  const { t, language } = useTexts();
  const nodes = useQuery(nodesQuery);
  const sinks = useQuery(sinksQuery);
  const publications = useQuery(publicationsQuery);
  const number = (value: number) => formatNumber(value, language);
  return (
    <>
      {nodes.data && nodes.data.length > 0 && (
        <Section title={t('system.nodes')} head={[t('name'), t('system.roles'), t('system.reads'), t('system.analyses'), t('system.load'), t('system.seen')]}>
          {nodes.data.map((node) => (
            <Table.Tr key={node.run}>
              <Table.Td>{node.name} {node.this && <Badge size="xs">{t('system.this')}</Badge>}</Table.Td>
              <Table.Td>{node.roles.join(', ')}</Table.Td><Table.Td>{node.reads.join(', ') || '–'}</Table.Td><Table.Td>{node.analyses.join(', ') || '–'}</Table.Td>
              <Table.Td>{formatPercent(node.load, language)}</Table.Td><Table.Td>{formatTime(new Date(node.seen).getTime(), 'seconds', language)}</Table.Td>
            </Table.Tr>
          ))}
        </Section>
      )}
      {sinks.data && sinks.data.length > 0 && (
        <Section title={t('system.sinks')} head={[t('name'), t('kind'), t('system.target'), t('camera.state'), t('system.delivered'), t('system.waiting'), t('system.refused')]}>
          {sinks.data.map((sink) => (
            <Table.Tr key={sink.name}>
              <Table.Td>{sink.name}</Table.Td><Table.Td>{sink.kind}</Table.Td><Table.Td>{sink.target}</Table.Td>
              <Table.Td><State state={sink.connected_since ? 'online' : 'offline'} />{!sink.connected_since && sink.last_error && <Text size="xs" c="dimmed">{sink.last_error.reason}</Text>}</Table.Td>
              <Table.Td>{number(sink.delivered)}</Table.Td><Table.Td>{number(sink.waiting)}</Table.Td><Table.Td>{number(sink.dead)}</Table.Td>
            </Table.Tr>
          ))}
        </Section>
      )}
      {publications.data && publications.data.length > 0 && (
        <Section title={t('system.publications')} head={[t('camera'), t('system.target'), t('system.dialect'), t('camera.state'), t('system.pictures'), t('camera.dropped')]}>
          {publications.data.map((item) => (
            <Table.Tr key={`${item.camera} ${item.broker} ${item.name}`}>
              <Table.Td>{item.camera}</Table.Td><Table.Td>{item.broker} · {item.name}</Table.Td><Table.Td>{item.dialect}</Table.Td>
              <Table.Td><State state={item.state} />{item.reason && <Text size="xs" c="dimmed">{item.reason}</Text>}</Table.Td>
              <Table.Td>{number(item.pictures)}</Table.Td><Table.Td>{number(item.dropped)}</Table.Td>
            </Table.Tr>
          ))}
        </Section>
      )}
    </>
  );
}

function Overview() {
  const { t, language } = useTexts();
  const health = useQuery(healthQuery);
  const cameras = useQuery(camerasQuery);
  const metrics = useQuery(metricsQuery);
  const samples = metrics.data === undefined ? [] : parseMetrics(metrics.data);
  const has = samples.length > 0;
  const cores = useCores(has ? sum(samples, 'omma_process_cpu_seconds') : undefined, metrics.dataUpdatedAt);
  const online = cameras.data?.filter(({ state }) => state === 'online').length ?? 0;
  const number = (value: number, digits = 0) => formatNumber(value, language, digits);
  const events = sum(samples, 'omma_capture_to_event_seconds_count');
  const delay = events > 0 ? formatDuration((sum(samples, 'omma_capture_to_event_seconds_sum') / events) * 1000, language) : '–';
  return (
    <>
      <Stack gap="md">
        {health.error && <Alert color="red" title={t('system.unready')} role="alert">{health.error.message}</Alert>}
        {metrics.error && <Failed error={metrics.error} />}
        <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
          <Figure label={t('system.online')} value={`${number(online)} / ${number(cameras.data?.length ?? 0)}`} />
          <Figure label={t('system.cpu')} value={cores === undefined ? '…' : number(cores, 2)} help={t('system.cpu.help')} />
          <Figure label={t('system.memory')} value={has ? formatBytes(sum(samples, 'omma_process_memory_bytes'), language) : '…'} />
          <Figure label={t('system.analysed')} value={has ? number(sum(samples, 'omma_frames_analysed_total')) : '…'} />
          <Figure label={t('system.recorded')} value={has ? formatBytes(sum(samples, 'omma_recorded_bytes_total'), language) : '…'} />
          <Figure label={t('system.delay')} value={delay} help={t('system.delay.help')} />
        </SimpleGrid>
        <Sharing />
        {has && <SimpleGrid cols={{ base: 1, lg: 2 }}><Stages samples={samples} /><Drops samples={samples} /></SimpleGrid>}
      </Stack>
    </>
  );
}

function Health() {
  const health = useQuery(healthQuery);
  if (!health.data) return null;
  return <Group gap="xs"><State state={health.data.status} /><Text size="sm" c="dimmed">Omma {health.data.version}</Text></Group>;
}

export function System() {
  return <SystemPage head={<Health />}><Overview /></SystemPage>;
}
