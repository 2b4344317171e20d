// What happened: filtered by what stands in the address, however many there are, with picture and
// footage of each, and one after the other for who judges them.

import { ActionIcon, Badge, Button, Card, Group, MultiSelect, NumberInput, Select, Text, TextInput, UnstyledButton } from '@mantine/core';
import { IconCameraOff, IconCheck, IconChecks, IconFilter, IconListCheck, IconRefresh, IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, ask, type OmmaEvent, type Schemas } from '../api/client';
import { useEvents, useLink } from '../api/link';
import { camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { putAllReviewed } from '../api/trust';
import { useTexts } from '../i18n';
import { compact, eventQuery, KINDS, type EventFilters } from '../lib/filters';
import { formatPercent, formatTime } from '../lib/format';
import { fromField, toField } from '../lib/time';
import { done, failed } from '../ui/notify';
import { PageHead } from '../ui/Page';
import { Failed, Nothing, PageLoading } from '../ui/States';
import { EventDetails, useEventText } from './EventDetails';
import classes from './Events.module.css';

const PAGE = 200;
const ROW = 84;

/** Drawn anew only when its event has changed: while it is scrolled, there are many of them. */
const Row = memo(function Row({ event, open }: { event: OmmaEvent; open: (id: string) => void }) {
  const { t, language, word } = useTexts();
  const text = useEventText();
  const [broken, setBroken] = useState(false);
  return (
    <UnstyledButton className={classes.row} data-reviewed={event.reviewed ? true : undefined} onClick={() => open(event.id)}>
      {event.snapshot && !broken
        ? <img className={classes.thumb} src={event.snapshot} alt="" loading="lazy" onError={() => setBroken(true)} />
        : <span className={classes.thumb}><IconCameraOff size={22} aria-hidden="true" /></span>}
      <span className={classes.text}>
        <Text component="span" fw={600} size="sm" truncate>{text(event)}</Text>
        <Text component="span" size="xs" c="dimmed" truncate>{event.camera} · {formatTime(event.time_ms, 'full', language)}</Text>
      </span>
      <Group component="span" gap={6} wrap="nowrap">
        {event.reviewed && !event.verdict && <IconCheck size={18} aria-label={t('review.done')} />}
        {event.verdict === 'right' && <IconThumbUp size={18} aria-label={t('verdict.right')} />}
        {event.verdict === 'wrong' && <IconThumbDown size={18} aria-label={t('verdict.wrong')} />}
      </Group>
      <Group component="span" gap={6} visibleFrom="xs" wrap="nowrap">
        {event.attributes?.counted === 'later' && <Badge variant="default" tt="none" size="sm">{t('event.later')}</Badge>}
        {event.class && <Badge variant="default" tt="none">{word('class', event.class)}</Badge>}
        {event.score !== null && event.score !== undefined && <Text component="span" size="xs" c="dimmed" w={36} ta="right">{formatPercent(event.score, language)}</Text>}
      </Group>
    </UnstyledButton>
  );
});

function Filters({ filters, change }: { filters: EventFilters; change: (values: Partial<EventFilters>) => void }) {
  const { t, word } = useTexts();
  const cameras = useQuery(camerasQuery);
  const all = cameras.data ?? [];
  // A camera that is gone has left its events.
  const names = [...new Set([...all.map(({ name }) => name), ...(filters.cameras ?? [])])];
  return (
    <Card mb="md">
      <div className={classes.filters}>
        <MultiSelect label={t('camera')} data={names} value={filters.cameras ?? []} onChange={(chosen) => change({ cameras: chosen.length > 0 ? chosen : undefined })} clearable placeholder={filters.cameras ? undefined : t('all')} />
        <MultiSelect label={t('kind')} data={KINDS.map((value) => ({ value, label: word('kind', value) }))} value={filters.kinds ?? []} onChange={(chosen) => change({ kinds: chosen.length > 0 ? chosen : undefined })} clearable placeholder={filters.kinds ? undefined : t('all')} />
        <TextInput key={`rule ${filters.rule}`} label={t('rule')} defaultValue={filters.rule ?? ''} onBlur={(event) => change({ rule: event.currentTarget.value || undefined })} onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()} placeholder={t('all')} />
        <TextInput key={`class ${filters.class}`} label={t('class')} defaultValue={filters.class ?? ''} onBlur={(event) => change({ class: event.currentTarget.value || undefined })} onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()} placeholder={t('all')} />
        <NumberInput label={t('events.minScore')} min={0} max={100} suffix=" %" value={filters.minScore === undefined ? '' : filters.minScore * 100} onChange={(value) => change({ minScore: typeof value === 'number' && value > 0 ? value / 100 : undefined })} />
        <Select label={t('review.filter')} clearable placeholder={t('all')} value={filters.reviewed ?? null} onChange={(value) => change({ reviewed: value === 'yes' || value === 'no' ? value : undefined })} data={(['no', 'yes'] as const).map((value) => ({ value, label: t(`review.${value}`) }))} />
        <TextInput type="datetime-local" label={t('from')} value={filters.from === undefined ? '' : toField(filters.from)} onChange={(event) => change({ from: fromField(event.currentTarget.value) })} />
        <TextInput type="datetime-local" label={t('to')} value={filters.to === undefined ? '' : toField(filters.to)} onChange={(event) => change({ to: fromField(event.currentTarget.value) })} />
      </div>
    </Card>
  );
}

/** Whether an event that has just come would be in the list. */
function matches(event: OmmaEvent, filters: EventFilters): boolean {
  const has = (list: string[] | undefined, value: string) => list === undefined || list.includes(value);
  return has(filters.cameras, event.camera) && has(filters.kinds, event.kind) &&
    (filters.rule === undefined || filters.rule === event.rule) &&
    (filters.class === undefined || filters.class === event.class) &&
    filters.reviewed !== 'yes' &&
    (filters.minScore === undefined || (event.score ?? 0) >= filters.minScore) &&
    (filters.to === undefined || event.time_ms < filters.to);
}

export function Events() {
  const { t } = useTexts();
  const filters = useSearch({ from: '/events' });
  const navigate = useNavigate({ from: '/events' });
  const { operate } = useSession();
  const { event: opened, review: asked = false, ...rest } = filters;
  // A link to judge events shows them to who may only look.
  const review = asked && operate;
  const query = eventQuery(rest);
  const [shown, setShown] = useState(() => Object.keys(rest).length > 0 && window.matchMedia('(min-width: 48em)').matches);
  const [fresh, setFresh] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);

  const client = useQueryClient();
  const key = ['events', 'list', query];
  const events = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => ask(api.GET('/api/v1/events', { params: { query: { ...query, limit: PAGE, ...compact({ before_seq: pageParam }) } }, signal })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    // Thousands of rows are not asked for again because a window was touched.
    staleTime: Infinity,
    gcTime: 0,
  });
  useEvents((event) => {
    if (matches(event, rest)) setFresh((count) => count + 1);
  });
  // What happens while the server is away is told by nobody.
  const { state: link } = useLink();
  const [missed, setMissed] = useState(false);
  if (link === 'away' && !missed) setMissed(true);

  const rows: OmmaEvent[] = useMemo(() => events.data?.pages.flatMap((page) => page.events) ?? [], [events.data]);
  const virtualizer = useWindowVirtualizer({ count: rows.length, estimateSize: () => ROW, overscan: 8, scrollMargin: margin });
  const items = virtualizer.getVirtualItems();
  useEffect(() => {
    setMargin(list.current?.offsetTop ?? 0);
  }, [shown, events.isPending]);
  const lastSeen = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = events;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && lastSeen >= rows.length - 30) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, lastSeen, rows.length]);

  const change = (values: Partial<EventFilters>) => {
    setFresh(0);
    void navigate({ search: compact({ ...filters, ...values }), replace: true, resetScroll: false });
  };
  const open = (event: string | undefined) => void navigate({
    search: compact({ ...rest, event, review: event === undefined ? undefined : review || undefined }), resetScroll: false,
  });
  const latestOpen = useRef(open);
  useEffect(() => {
    latestOpen.current = open;
  });
  const openRow = useCallback((event: string) => latestOpen.current(event), []);
  // What is known of an event has changed: the list says so without being asked for again.
  const changed = (which: ReadonlySet<string>, values: Partial<OmmaEvent>) => {
    client.setQueryData<InfiniteData<Schemas['EventPage']>>(key, (before) => before && {
      ...before,
      pages: before.pages.map((page) => ({ ...page, events: page.events.map((event) => (which.has(event.id) ? { ...event, ...values } : event)) })),
    });
  };
  const index = opened === undefined ? -1 : rows.findIndex(({ id }) => id === opened);
  const go = (row: OmmaEvent | undefined) => row && (() => {
    void navigate({ search: compact({ ...rest, event: row.id, review: review || undefined }), resetScroll: false, replace: true });
  });
  const finished = () => {
    done(t('review.end'));
    open(undefined);
  };
  const steps = index < 0 ? undefined : {
    place: index + 1,
    count: rows.length,
    previous: go(rows[index - 1]),
    next: go(rows[index + 1]) ?? (review && !hasNextPage ? finished : undefined),
  };
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && index >= rows.length - 5 && index >= 0) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, index, rows.length]);
  const first = rows.find(({ reviewed, verdict }) => !reviewed && !verdict) ?? rows[0];
  const begin = () => void (first && navigate({ search: compact({ ...rest, event: first.id, review: true }), resetScroll: false }));
  // Who comes from a link to judge events need not press once more.
  const waits = review && opened === undefined && first !== undefined;
  useEffect(() => {
    if (waits) begin();
  // Once the first page of the list is there.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [waits]);
  const unseen = rows.filter(({ reviewed }) => reviewed === false);
  const markAll = useMutation({
    mutationFn: async () => {
      const ids = unseen.map(({ id }) => id);
      await putAllReviewed(ids, true);
      return ids;
    },
    onSuccess: (ids) => {
      changed(new Set(ids), { reviewed: true });
      done(t('review.all.done', { count: ids.length }));
    },
    onError: (error) => failed(t('save.failed'), error),
  });
  const again = () => {
    setFresh(0);
    setMissed(false);
    window.scrollTo({ top: 0 });
    // From the first page on, not all that were read so far.
    client.setQueryData<InfiniteData<Schemas['EventPage']>>(key, (before) => before && { pages: before.pages.slice(0, 1), pageParams: before.pageParams.slice(0, 1) });
    void events.refetch();
  };
  return (
    <>
      <PageHead title={t('nav.events')}>
        {(fresh > 0 || (missed && link === 'open')) && <Button size="sm" variant="light" leftSection={<IconRefresh size={18} />} onClick={again} data-testid="fresh">{fresh > 0 ? t('events.fresh', { count: fresh }) : t('events.again')}</Button>}
        {operate && unseen.length > 0 && <Button size="sm" variant="default" leftSection={<IconChecks size={18} />} loading={markAll.isPending} onClick={() => markAll.mutate()} data-testid="mark-all">{t('review.all', { count: unseen.length })}</Button>}
        {operate && first && <Button size="sm" variant="default" leftSection={<IconListCheck size={18} />} onClick={begin} data-testid="review">{t('trust.review')}</Button>}
        <ActionIcon aria-label={t('filters')} aria-expanded={shown} variant={shown ? 'light' : 'subtle'} onClick={() => setShown(!shown)}><IconFilter size={20} /></ActionIcon>
      </PageHead>
      {shown && <Filters filters={rest} change={change} />}
      {events.error && <Failed error={events.error}><Button size="xs" onClick={() => void events.refetch()}>{t('again')}</Button></Failed>}
      {events.isPending && <PageLoading />}
      {events.data && rows.length === 0 && <Nothing><Text>{t('events.none')}</Text></Nothing>}
      <div ref={list} className={classes.list} style={{ height: virtualizer.getTotalSize() }} role="list" data-testid="events" data-count={rows.length}>
        {items.map((item) => {
          const event = rows[item.index];
          return event && (
            <div
              key={event.id}
              role="listitem"
              // Not all rows are there; those who can't see are told how many there are so far.
              aria-setsize={hasNextPage ? -1 : rows.length}
              aria-posinset={item.index + 1}
              className={classes.item}
              style={{ height: item.size, transform: `translateY(${item.start - virtualizer.options.scrollMargin}px)` }}
            >
              <Row event={event} open={openRow} />
            </div>
          );
        })}
      </div>
      {opened !== undefined && <EventDetails id={opened} close={() => open(undefined)} steps={steps} review={review} changed={(id, values) => changed(new Set([id]), values)} />}
    </>
  );
}
