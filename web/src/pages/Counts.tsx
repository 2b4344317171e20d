// How many went in and out, how long they stayed, and when: for lines and zones, by class, from an
// hour to a year, beside another time.

import { Button, Card, Group, SegmentedControl, Select, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Camera } from '../api/client';
import { camerasQuery, countsQuery, type CountsAsked } from '../api/queries';
import { useTexts } from '../i18n';
import { LINE_MEASURES, series, totals, ZONE_MEASURES, type Measure, type Series } from '../lib/counts';
import { csv, download } from '../lib/csv';
import { formatDuration, formatNumber, formatTime, type Style } from '../lib/format';
import { DAY, fittingStep, floor, fromField, HOUR, next, serverBucket, STEPS, toField, type Span, type Step } from '../lib/time';
import { Chart, type Curve } from '../ui/Chart';
import { PageHead } from '../ui/Page';
import { Failed, Nothing, PageLoading } from '../ui/States';
import classes from './Events.module.css';

const SPANS = ['hour', 'today', 'yesterday', 'week', 'month', 'year', 'custom'] as const;
type SpanName = (typeof SPANS)[number];

const COMPARES = ['none', 'before', 'week'] as const;

const COLORS: Record<Measure, Curve['color']> = {
  forward: 'first', backward: 'second', entered: 'first', left: 'second', dwelled: 'third',
};

const AXES: Record<Step, Style> = { minute: 'time', '5m': 'time', hour: 'dayTime', day: 'day', month: 'month' };

export function spanOf(name: SpanName, now: number, from: number | undefined, to: number | undefined): Span {
  const today = floor(now, 'day');
  switch (name) {
    case 'hour': return { from: floor(now - HOUR, 'minute'), to: next(floor(now, 'minute'), 'minute') };
    case 'yesterday': return { from: floor(today - DAY / 2, 'day'), to: today };
    case 'week': return { from: floor(today - 6 * DAY + DAY / 2, 'day'), to: next(today, 'day') };
    case 'month': return { from: floor(today - 29 * DAY + DAY / 2, 'day'), to: next(today, 'day') };
    case 'year': return { from: floor(today - 335 * DAY, 'month'), to: next(floor(now, 'month'), 'month') };
    case 'custom': return { from: from ?? today, to: Math.max(to ?? next(today, 'day'), (from ?? today) + HOUR) };
    default: return { from: today, to: next(today, 'day') };
  }
}

function asked(search: { camera?: string; rule?: string; class?: string }, span: Span, step: Step): CountsAsked {
  return {
    cameras: search.camera,
    rule: search.rule,
    class: search.class,
    from: String(span.from),
    to: String(span.to),
    bucket: serverBucket(step, new Date(span.from).getTimezoneOffset()),
  };
}

/** What lines and zones there are, of one camera or all. */
function ruleNames(cameras: readonly Camera[], camera: string | undefined): string[] {
  const chosen = cameras.filter(({ name }) => camera === undefined || name === camera);
  return [...new Set(chosen.flatMap(({ lines, zones }) => [...lines, ...zones].map(({ name }) => name)))].sort();
}

function useCurves(now: Series, before: Series | undefined, measures: readonly Measure[]): Curve[] {
  const { word } = useTexts();
  return useMemo(
    () => measures.flatMap((measure) => {
      const label = word('measure', measure);
      const color = COLORS[measure];
      const curve: Curve = { label, values: now.values[measure], color };
      // The other time is as long, but months and days with clock changes may not be.
      const compared = before && now.starts.map((_start, index) => before.values[measure][index] ?? null);
      return compared ? [curve, { label: `${label} ↶`, values: compared, color, dashed: true }] : [curve];
    }),
    [now, before, measures, word],
  );
}

function Steps({ data, measures, style }: { data: Series; measures: readonly Measure[]; style: Style }) {
  const { t, language, word } = useTexts();
  const [open, setOpen] = useState(false);
  const rows = data.starts.flatMap((start, index) => {
    const values = measures.map((measure) => data.values[measure][index] ?? 0);
    return values.some((value) => value > 0) ? [{ start, values }] : [];
  });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><Text component="span" size="sm">{t('counts.table')}</Text></summary>
      {open && (
        <Table>
          <Table.Thead><Table.Tr><Table.Th>{t('time')}</Table.Th>{measures.map((measure) => <Table.Th key={measure} ta="right">{word('measure', measure)}</Table.Th>)}</Table.Tr></Table.Thead>
          <Table.Tbody>
            {rows.map(({ start, values }) => (
              <Table.Tr key={start}>
                <Table.Td>{formatTime(start, style === 'month' ? 'month' : style === 'day' ? 'day' : 'dayTime', language)}</Table.Td>
                {values.map((value, index) => <Table.Td key={measures[index]} ta="right">{formatNumber(value, language)}</Table.Td>)}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </details>
  );
}

export function Counts() {
  const { t, language, word } = useTexts();
  const search = useSearch({ from: '/counts' });
  const navigate = useNavigate({ from: '/counts' });
  const cameras = useQuery(camerasQuery);
  const spanName = SPANS.find((name) => name === search.span) ?? 'today';
  const compare = COMPARES.find((name) => name === search.compare) ?? 'none';
  // The span moves on with each new minute, not with each drawing.
  const minute = floor(Date.now(), 'minute');
  const span = useMemo(() => spanOf(spanName, minute, search.from, search.to), [spanName, minute, search.from, search.to]);
  const wantedStep = STEPS.find((step) => step === search.step);
  const step = wantedStep ?? fittingStep(span);
  const shift = compare === 'week' ? 7 * DAY : span.to - span.from;
  const other = useMemo(() => ({ from: span.from - shift, to: span.to - shift }), [span, shift]);
  const counts = useQuery(countsQuery(asked(search, span, step), span.to > Date.now() ? 10_000 : false));
  const before = useQuery({ ...countsQuery(asked(search, other, step), false), enabled: compare !== 'none' });

  const now = useMemo(() => series(counts.data ?? [], span, step), [counts.data, span, step]);
  const then = useMemo(() => (compare !== 'none' && before.data ? series(before.data, other, step) : undefined), [compare, before.data, other, step]);
  const lineCurves = useCurves(now, then, LINE_MEASURES);
  const zoneCurves = useCurves(now, then, ZONE_MEASURES);
  const dwellLabel = t('zone.stay');
  const dwellCurve = useMemo<Curve[]>(() => [{ label: dwellLabel, values: now.dwell, color: 'third' }], [now, dwellLabel]);
  const duration = useMemo(() => (value: number) => formatDuration(value, language), [language]);

  const sums = useMemo(() => totals(counts.data ?? []), [counts.data]);
  const lines = sums.filter(({ values }) => values.forward + values.backward > 0);
  const zones = sums.filter(({ values }) => values.entered + values.left + values.dwelled > 0);
  const classNames = [...new Set([...(search.class ? [search.class] : []), ...sums.map((total) => total.class)])].filter((name) => name !== '').sort();
  const change = (values: Partial<typeof search>) => void navigate({ search: { ...search, ...values }, replace: true });

  const save = () => {
    const rows = (counts.data ?? []).map((row) => [
      row.start_ms === null || row.start_ms === undefined ? '' : new Date(row.start_ms).toISOString(),
      row.camera, row.rule, row.kind, row.direction, row.class, row.count, row.dwell_total_ms,
    ]);
    const head = ['start', 'camera', 'rule', 'kind', 'direction', 'class', 'count', 'dwell_total_ms'];
    download(`counts_${toField(span.from).slice(0, 10)}.csv`, new Blob([csv([head, ...rows])], { type: 'text/csv' }));
  };

  if (cameras.isPending) return <PageLoading />;
  return (
    <>
      <PageHead title={t('nav.counts')}>
        <Button variant="default" leftSection={<IconDownload size={18} />} onClick={save} disabled={!counts.data || counts.data.length === 0}>CSV</Button>
      </PageHead>
      <Stack gap="md">
        <Card>
          <Stack gap="sm">
            <Group gap="sm" align="end">
              <SegmentedControl
                aria-label={t('span')}
                value={spanName}
                onChange={(value) => change({ span: value, step: undefined })}
                data={SPANS.map((value) => ({ value, label: t(`span.${value}`) }))}
                visibleFrom="md"
              />
              <Select hiddenFrom="md" label={t('span')} value={spanName} allowDeselect={false} onChange={(value) => change({ span: value ?? undefined, step: undefined })} data={SPANS.map((value) => ({ value, label: t(`span.${value}`) }))} />
              {spanName === 'custom' && (
                <>
                  <TextInput type="datetime-local" label={t('from')} value={toField(span.from)} onChange={(event) => change({ from: fromField(event.currentTarget.value) })} />
                  <TextInput type="datetime-local" label={t('to')} value={toField(span.to)} onChange={(event) => change({ to: fromField(event.currentTarget.value) })} />
                </>
              )}
            </Group>
            <div className={classes.filters}>
              <Select label={t('camera')} clearable placeholder={t('all')} value={search.camera ?? null} onChange={(camera) => change({ camera: camera ?? undefined, rule: undefined })} data={(cameras.data ?? []).map(({ name }) => name)} />
              <Select label={t('rule')} clearable placeholder={t('all')} value={search.rule ?? null} onChange={(rule) => change({ rule: rule ?? undefined })} data={ruleNames(cameras.data ?? [], search.camera)} />
              <Select label={t('class')} clearable placeholder={t('all')} value={search.class ?? null} onChange={(name) => change({ class: name ?? undefined })} data={classNames.map((name) => ({ value: name, label: word('class', name) }))} />
              <Select label={t('step')} clearable placeholder={t(`step.${step}`)} value={wantedStep ?? null} onChange={(value) => change({ step: value ?? undefined })} data={STEPS.map((value) => ({ value, label: t(`step.${value}`) }))} />
              <Select label={t('compare')} allowDeselect={false} value={compare} onChange={(value) => change({ compare: value === 'none' ? undefined : (value ?? undefined) })} data={COMPARES.map((value) => ({ value, label: t(`compare.${value}`) }))} />
            </div>
          </Stack>
        </Card>
        {counts.error && <Failed error={counts.error} />}
        {counts.data && sums.length === 0 && <Nothing><Text>{t('counts.none')}</Text></Nothing>}
        {lines.length > 0 && (
          <Card>
            <Title order={2} mb="xs">{t('counts.lines')}</Title>
            <Chart label={t('counts.lines')} starts={now.starts} curves={lineCurves} timeStyle={AXES[step]} />
            <Table mt="sm" data-testid="line-totals">
              <Table.Thead>
                <Table.Tr><Table.Th>{t('camera')}</Table.Th><Table.Th>{t('line')}</Table.Th><Table.Th>{t('class')}</Table.Th><Table.Th ta="right">{t('measure.forward')}</Table.Th><Table.Th ta="right">{t('measure.backward')}</Table.Th></Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {lines.map((total) => (
                  <Table.Tr key={JSON.stringify([total.camera, total.rule, total.class])}>
                    <Table.Td>{total.camera}</Table.Td><Table.Td>{total.rule}</Table.Td><Table.Td>{word('class', total.class)}</Table.Td>
                    <Table.Td ta="right">{formatNumber(total.values.forward, language)}</Table.Td><Table.Td ta="right">{formatNumber(total.values.backward, language)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
            <Steps data={now} measures={LINE_MEASURES} style={AXES[step]} />
          </Card>
        )}
        {zones.length > 0 && (
          <Card>
            <Title order={2} mb="xs">{t('counts.zones')}</Title>
            <Chart label={t('counts.zones')} starts={now.starts} curves={zoneCurves} timeStyle={AXES[step]} />
            <Title order={3} mt="md">{t('zone.stay')}</Title>
            <Chart label={t('zone.stay')} starts={now.starts} curves={dwellCurve} timeStyle={AXES[step]} format={duration} height={180} />
            <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table mt="sm">
                <Table.Thead>
                  <Table.Tr><Table.Th>{t('camera')}</Table.Th><Table.Th>{t('zone')}</Table.Th><Table.Th>{t('class')}</Table.Th><Table.Th ta="right">{t('measure.entered')}</Table.Th><Table.Th ta="right">{t('measure.left')}</Table.Th><Table.Th ta="right">{t('measure.dwelled')}</Table.Th><Table.Th ta="right">{t('zone.stay')}</Table.Th></Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {zones.map((total) => (
                    <Table.Tr key={JSON.stringify([total.camera, total.rule, total.class])}>
                      <Table.Td>{total.camera}</Table.Td><Table.Td>{total.rule}</Table.Td><Table.Td>{word('class', total.class)}</Table.Td>
                      <Table.Td ta="right">{formatNumber(total.values.entered, language)}</Table.Td><Table.Td ta="right">{formatNumber(total.values.left, language)}</Table.Td>
                      <Table.Td ta="right">{formatNumber(total.values.dwelled, language)}</Table.Td><Table.Td ta="right">{total.dwell === null ? '–' : formatDuration(total.dwell, language)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Steps data={now} measures={ZONE_MEASURES} style={AXES[step]} />
          </Card>
        )}
      </Stack>
    </>
  );
}
