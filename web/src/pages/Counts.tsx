// How many went in and out, how long they stayed, and when: for lines and zones, by class, from an
// hour to a year, beside another time or camera by camera; where they walked, and how far all this
// can be trusted.

import { ActionIcon, Badge, Button, Card, Group, Menu, MultiSelect, SegmentedControl, Select, Stack, Table, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { IconDownload, IconListSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Camera } from '../api/client';
import { camerasQuery, countsQuery, type CountsAsked } from '../api/queries';
import { HeatCard } from '../counts/HeatCard';
import { TrustCard, useInterval, usePrecision, worth } from '../counts/TrustCard';
import { useTexts } from '../i18n';
import { byCamera, change as changeOf, LINE_MEASURES, series, totals, ZONE_MEASURES, type Measure, type Row, type Series, type Total } from '../lib/counts';
import { download } from '../lib/download';
import { compact } from '../lib/filters';
import { formatDuration, formatNumber, formatPercent, formatTime, type Style } from '../lib/format';
import { DAY, fittingStep, floor, fromField, HOUR, next, plusDays, serverBucket, STEPS, toField, type Span, type Step } from '../lib/time';
import { Chart, type Curve } from '../ui/Chart';
import { PageHead } from '../ui/Page';
import { failed } from '../ui/notify';
import { Failed, Nothing, PageLoading } from '../ui/States';
import classes from './Events.module.css';

const SPANS = ['hour', 'today', 'yesterday', 'week', 'month', 'year', 'custom'] as const;
type SpanName = (typeof SPANS)[number];

const COMPARES = ['none', 'before', 'day', 'week'] as const;
type Compare = (typeof COMPARES)[number];

/** Curves of more cameras than this can't be told apart. */
const CAMERA_COLORS: readonly Curve['color'][] = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'];

const COLORS: Record<Measure, Curve['color']> = {
  forward: 'first', backward: 'second', entered: 'first', left: 'second', dwelled: 'third',
};

const ENTERED: readonly Measure[] = ['entered'];
const NOTHING: Record<Measure, number> = { forward: 0, backward: 0, entered: 0, left: 0, dwelled: 0 };

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

/** The time that another is compared with. Days begin by the clock, also when clocks change. */
export function otherSpan(span: Span, compare: Compare): Span {
  const days = compare === 'week' ? -7 : compare === 'day' ? -1 : undefined;
  if (days !== undefined) return { from: plusDays(span.from, days), to: plusDays(span.to, days) };
  const length = span.to - span.from;
  if (length === DAY || Math.abs(length - DAY) === HOUR) return { from: plusDays(span.from, -1), to: span.from };
  return { from: span.from - length, to: span.from };
}

function asked(search: { camera?: string[]; rule?: string; class?: string }, span: Span, step: Step): CountsAsked {
  return {
    cameras: search.camera?.join(','),
    rule: search.rule,
    class: search.class,
    from: String(span.from),
    to: String(span.to),
    bucket: serverBucket(step, new Date(span.from).getTimezoneOffset()),
  };
}

/** What lines and zones there are, of one camera or all. */
function ruleNames(cameras: readonly Camera[], names: readonly string[] | undefined): string[] {
  const chosen = cameras.filter(({ name }) => names === undefined || names.includes(name));
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

/** One curve for each camera: what was counted of it, in one direction or in both. */
function useCameraCurves(rows: readonly Row[], span: Span, step: Step, measures: readonly Measure[]): Curve[] {
  return useMemo(
    () => byCamera(rows.filter((row) => row.kind === (measures === ENTERED ? 'zone_entered' : 'line_crossed'))).slice(0, CAMERA_COLORS.length).map(([camera, own], index) => {
      const { starts, values } = series(own, span, step);
      const sum = starts.map((_start, at) => measures.reduce((all, measure) => all + (values[measure][at] ?? 0), 0));
      return { label: camera, values: sum, color: CAMERA_COLORS[index] ?? 'first' };
    }),
    [rows, span, step, measures],
  );
}

/** A sum, and by how much it differs from that of the time it is compared with. */
function Sum({ now, then, testid }: { now: number; then: number | undefined; testid?: string }) {
  const { t, language } = useTexts();
  const part = then === undefined ? undefined : changeOf(now, then);
  return (
    <Table.Td ta="right" data-testid={testid}>
      {formatNumber(now, language)}
      {then !== undefined && (
        <Text size="xs" c="dimmed" title={t('counts.versus.of')}>
          {formatNumber(then, language)}{part === undefined ? '' : ` · ${part > 0 ? '+' : ''}${formatPercent(part, language)}`}
        </Text>
      )}
    </Table.Td>
  );
}

/** What it is, a mark where some of it was counted later, and the way to its events. */
function What({ total, span }: { total: Total; span: Span }) {
  const { t, word } = useTexts();
  return (
    <>
      <Table.Td>{total.camera}</Table.Td>
      <Table.Td>
        <Group gap={6} wrap="nowrap">
          {total.rule}
          {total.later > 0 && <Badge size="xs" variant="default" tt="none" data-testid={`later-${total.rule}`}>{t('counts.later', { count: total.later })}</Badge>}
        </Group>
      </Table.Td>
      <Table.Td>
        <Group gap={4} wrap="nowrap" justify="space-between">
          {word('class', total.class)}
          <Tooltip label={t('counts.events')}>
            <ActionIcon
              component={Link}
              to="/events"
              // Of this component the compiler does not know which addresses there are.
              search={compact({ cameras: [total.camera], rule: total.rule, class: total.class || undefined, from: span.from, to: span.to }) as never}
              size="sm"
              aria-label={`${t('counts.events')}: ${total.camera} ${total.rule} ${word('class', total.class)}`}
            >
              <IconListSearch size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Table.Td>
    </>
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
  const other = useMemo(() => otherSpan(span, compare), [span, compare]);
  const byEach = search.by === 'camera';
  const way: 'forward' | 'backward' | 'both' = search.measure === 'forward' || search.measure === 'backward' ? search.measure : 'both';
  const counts = useQuery(countsQuery(asked(search, span, step), span.to > Date.now() ? 10_000 : false));
  const before = useQuery({ ...countsQuery(asked(search, other, step), false), enabled: compare !== 'none' });

  const now = useMemo(() => series(counts.data ?? [], span, step), [counts.data, span, step]);
  const then = useMemo(() => (compare !== 'none' && before.data ? series(before.data, other, step) : undefined), [compare, before.data, other, step]);
  const rows = useMemo(() => counts.data ?? [], [counts.data]);
  const lineSums = useCurves(now, then, LINE_MEASURES);
  const zoneSums = useCurves(now, then, ZONE_MEASURES);
  const wayMeasures = useMemo<readonly Measure[]>(() => (way === 'both' ? LINE_MEASURES : [way]), [way]);
  const lineEach = useCameraCurves(rows, span, step, wayMeasures);
  const zoneEach = useCameraCurves(rows, span, step, ENTERED);
  const lineCurves = byEach ? lineEach : lineSums;
  const zoneCurves = byEach ? zoneEach : zoneSums;
  const dwellLabel = t('zone.stay');
  const dwellCurve = useMemo<Curve[]>(() => [{ label: dwellLabel, values: now.dwell, color: 'third' }], [now, dwellLabel]);
  const duration = useMemo(() => (value: number) => formatDuration(value, language), [language]);

  const sums = useMemo(() => totals(rows), [rows]);
  const sumsThen = useMemo(() => (compare !== 'none' && before.data ? totals(before.data) : undefined), [compare, before.data]);
  const thenOf = (total: Total) => sumsThen && (sumsThen.find(({ camera, rule, class: kind }) => camera === total.camera && rule === total.rule && kind === total.class)?.values ?? NOTHING);
  const later = sums.reduce((all, total) => all + total.later, 0);
  const shownNames = search.camera ?? (cameras.data ?? []).map(({ name }) => name);
  const judged = usePrecision(shownNames);
  const interval = useInterval();
  const correctedOf = (total: Total) => {
    const about = judged.find(({ camera, rule, kind }) => camera === total.camera && rule === total.rule && kind === 'line_crossed');
    const own = rows.filter((row) => (row.class ?? '') === total.class);
    return about && worth(own, about);
  };
  const anyCorrected = judged.some(({ kind, corrected }) => kind === 'line_crossed' && corrected);
  const lines = sums.filter(({ values }) => values.forward + values.backward > 0);
  const zones = sums.filter(({ values }) => values.entered + values.left + values.dwelled > 0);
  const classNames = [...new Set([...(search.class ? [search.class] : []), ...sums.map((total) => total.class)])].filter((name) => name !== '').sort();
  const change = (values: Partial<typeof search>) => void navigate({ search: { ...search, ...values }, replace: true });

  const stem = `counts_${toField(span.from).slice(0, 10)}`;
  const csvAddress = `/api/v1/counts?${new URLSearchParams({ ...compact(asked(search, span, step)), format: 'csv' })}`;
  const saveParquet = async () => {
    try {
      const { parquet } = await import('../counts/parquet');
      download(`${stem}.parquet`, new Blob([parquet(rows)], { type: 'application/vnd.apache.parquet' }));
    } catch (error) {
      failed(t('action.failed', { name: 'Parquet' }), error);
    }
  };

  if (cameras.isPending) return <PageLoading />;
  return (
    <>
      <PageHead title={t('nav.counts')}>
        <Menu>
          <Menu.Target><Button variant="default" leftSection={<IconDownload size={18} />} disabled={rows.length === 0} data-testid="take">{t('export')}</Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item component="a" href={csvAddress} download={`${stem}.csv`} data-testid="csv">CSV <Text span size="xs" c="dimmed">{t('counts.csv')}</Text></Menu.Item>
            <Menu.Item onClick={() => void saveParquet()} data-testid="parquet">Parquet</Menu.Item>
          </Menu.Dropdown>
        </Menu>
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
              <MultiSelect label={t('camera')} clearable placeholder={search.camera ? undefined : t('all')} value={search.camera ?? []} onChange={(chosen) => change({ camera: chosen.length > 0 ? chosen : undefined, rule: undefined })} data={[...new Set([...(cameras.data ?? []).map(({ name }) => name), ...(search.camera ?? [])])]} />
              <Select label={t('rule')} clearable placeholder={t('all')} value={search.rule ?? null} onChange={(rule) => change({ rule: rule ?? undefined })} data={ruleNames(cameras.data ?? [], search.camera)} />
              <Select label={t('class')} clearable placeholder={t('all')} value={search.class ?? null} onChange={(name) => change({ class: name ?? undefined })} data={classNames.map((name) => ({ value: name, label: word('class', name) }))} />
              <Select label={t('step')} clearable placeholder={t(`step.${step}`)} value={wantedStep ?? null} onChange={(value) => change({ step: value ?? undefined })} data={STEPS.map((value) => ({ value, label: t(`step.${value}`) }))} />
              <Select label={t('compare')} allowDeselect={false} value={compare} onChange={(value) => change({ compare: value === 'none' ? undefined : (value ?? undefined) })} data={COMPARES.map((value) => ({ value, label: t(`compare.${value}`) }))} disabled={byEach} />
              <Select label={t('counts.by')} allowDeselect={false} value={byEach ? 'camera' : 'sum'} onChange={(value) => change({ by: value === 'camera' ? value : undefined })} data={(['sum', 'camera'] as const).map((value) => ({ value, label: t(`counts.by.${value}`) }))} />
            </div>
          </Stack>
        </Card>
        {counts.error && <Failed error={counts.error} />}
        {counts.data && sums.length === 0 && <Nothing><Text>{t('counts.none')}</Text></Nothing>}
        {lines.length > 0 && (
          <Card>
            <Group justify="space-between" mb="xs">
              <Title order={2}>{t('counts.lines')}</Title>
              {byEach && (
                <SegmentedControl
                  size="xs"
                  aria-label={t('counts.measure')}
                  value={way}
                  onChange={(value) => change({ measure: value === 'both' ? undefined : value })}
                  data={[{ value: 'both', label: t('counts.measure.both') }, ...LINE_MEASURES.map((value) => ({ value, label: word('measure', value) }))]}
                />
              )}
            </Group>
            <Chart label={t('counts.lines')} starts={now.starts} curves={lineCurves} timeStyle={AXES[step]} />
            <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table mt="sm" data-testid="line-totals">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('camera')}</Table.Th><Table.Th>{t('line')}</Table.Th><Table.Th>{t('class')}</Table.Th><Table.Th ta="right">{t('measure.forward')}</Table.Th><Table.Th ta="right">{t('measure.backward')}</Table.Th>
                    {anyCorrected && <Table.Th ta="right">{t('trust.corrected')}</Table.Th>}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {lines.map((total) => (
                    <Table.Tr key={JSON.stringify([total.camera, total.rule, total.class])}>
                      <What total={total} span={span} />
                      <Sum now={total.values.forward} then={thenOf(total)?.forward} testid={`forward-${total.rule}`} />
                      <Sum now={total.values.backward} then={thenOf(total)?.backward} testid={`backward-${total.rule}`} />
                      {anyCorrected && <Table.Td ta="right">{interval(correctedOf(total), 'count')}</Table.Td>}
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
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
                      <What total={total} span={span} />
                      <Sum now={total.values.entered} then={thenOf(total)?.entered} />
                      <Sum now={total.values.left} then={thenOf(total)?.left} />
                      <Sum now={total.values.dwelled} then={thenOf(total)?.dwelled} />
                      <Table.Td ta="right">{total.dwell === null ? '–' : formatDuration(total.dwell, language)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Steps data={now} measures={ZONE_MEASURES} style={AXES[step]} />
          </Card>
        )}
        {later > 0 && <Text size="sm" c="dimmed" data-testid="later">{t('counts.later.note', { count: later })}</Text>}
        <HeatCard cameras={cameras.data ?? []} chosen={search.camera} className={search.class} span={span} />
        <TrustCard cameras={cameras.data ?? []} chosen={search.camera ?? []} rule={search.rule} span={span} rows={rows} judged={judged} />
      </Stack>
    </>
  );
}
