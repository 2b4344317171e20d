// Where people walked: a camera's picture, and over it how long feet were in each part of it.

import { Alert, Card, Group, Select, Stack, Text, Title } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { api, ask, type Camera } from '../api/client';
import { useTexts } from '../i18n';
import { formatDuration } from '../lib/format';
import { paint, pixels, scale } from '../lib/heat';
import { DAY, type Span } from '../lib/time';
import { Failed } from '../ui/States';
import classes from './Heat.module.css';

/** The server looks at no more at once. */
const LONGEST = 31 * DAY;
const COLUMNS = 64;

interface Props {
  cameras: readonly Camera[];
  /** Those that were chosen for the page. */
  chosen: readonly string[] | undefined;
  className: string | undefined;
  span: Span;
}

function Field({ label, columns, rows, seconds }: { label: string; columns: number; rows: number; seconds: readonly number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data } = useMemo(() => pixels(seconds), [seconds]);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context && data.length === columns * rows * 4) context.putImageData(new ImageData(data, columns, rows), 0, 0);
  }, [data, columns, rows]);
  // The browser smooths it while it makes it as large as the picture.
  return <canvas ref={canvas} width={columns} height={rows} className={classes.map} role="img" aria-label={label} data-testid="heat-map" />;
}

const GRADIENT = `linear-gradient(to right, ${Array.from({ length: 11 }, (_, index) => {
  const [red, green, blue] = paint(Math.max(0.001, index / 10));
  return `rgb(${red} ${green} ${blue}) ${index * 10}%`;
}).join(', ')})`;

export function HeatCard({ cameras, chosen, className, span }: Props) {
  const { t, language } = useTexts();
  const [picked, setPicked] = useState<string>();
  const [noPicture, setNoPicture] = useState<string>();
  // Where nothing is looked for, nobody is found.
  const names = cameras.filter(({ detector }) => detector).map(({ name }) => name).filter((name) => chosen === undefined || chosen.includes(name));
  const name = picked !== undefined && names.includes(picked) ? picked : names[0];
  const camera = cameras.find((one) => one.name === name);
  const aspect = camera?.stream ? camera.stream.width / camera.stream.height : 16 / 9;
  const rows = Math.max(1, Math.round(COLUMNS / aspect));
  const now = Math.min(span.to, Date.now());
  // Rounded, so that not each drawing asks anew.
  const to = Math.ceil(now / 60_000) * 60_000;
  const from = Math.max(span.from, to - LONGEST);
  const heat = useQuery({
    queryKey: ['heat', name, from, to, className, rows],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/cameras/{name}/heatmap', {
      params: { path: { name: name ?? '' }, query: { from: String(from), to: String(to), columns: COLUMNS, rows, ...(className ? { class: className } : {}) } }, signal,
    })),
    enabled: name !== undefined && to > from,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });
  if (name === undefined) return null;
  const seconds = heat.data?.seconds ?? [];
  const sum = seconds.reduce((all, value) => all + value, 0);
  const most = seconds.reduce((high, value) => Math.max(high, value), 0);
  const short = (value: number) => formatDuration(value * 1000, language);
  return (
    <Card data-testid="heat">
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t('heat.title')}</Title>
        {names.length > 1 && <Select size="xs" aria-label={t('camera')} data={names} value={name} allowDeselect={false} onChange={(value) => setPicked(value ?? undefined)} />}
      </Group>
      <Stack gap="xs">
        {heat.error && <Failed error={heat.error} />}
        {from > span.from && <Alert p="xs">{t('heat.cut')}</Alert>}
        {heat.data && (
          <>
            <div className={classes.picture} style={{ aspectRatio: aspect }}>
              {noPicture === name
                ? <Text size="sm" c="gray.4" className={classes.none}>{t('snapshot.failed')}</Text>
                : <img className={classes.behind} alt="" src={`/cameras/${encodeURIComponent(name)}/snapshot.jpg?annotated=false&width=960`} onError={() => setNoPicture(name)} />}
              <Field label={t('heat.label', { camera: name, time: short(sum) })} columns={heat.data.columns} rows={heat.data.rows} seconds={seconds} />
            </div>
            {most > 0
              ? (
                <div>
                  <div className={classes.legend} style={{ background: GRADIENT }} />
                  <Group justify="space-between">
                    {scale(most).map(({ part, seconds: value }) => <Text key={part} size="xs">{short(value)}</Text>)}
                  </Group>
                  <Text size="xs" c="dimmed">{t('heat.legend', { columns: heat.data.columns, rows: heat.data.rows, time: short(sum) })}</Text>
                </div>
              )
              : <Text size="sm" c="dimmed">{t('heat.none')}</Text>}
          </>
        )}
      </Stack>
    </Card>
  );
}
