// What looks at pictures: which models there are, under which licence, whether they are here, and
// how fast they are on this machine.

import { Badge, Button, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { modelsQuery } from '../api/admin';
import { api, ask, type Schemas } from '../api/client';
import { useSession } from '../api/session';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { formatBytes, formatNumber, formatPercent } from '../lib/format';
import { SystemPage } from '../shell/SystemPage';
import { useDoing } from '../ui/Dialog';
import { LinkAnchor } from '../ui/links';
import { State } from '../ui/State';
import { Failed, Nothing, PageLoading } from '../ui/States';

type Model = Schemas['Model'];
type Bench = Schemas['Bench'];

function Facts({ model }: { model: Model }) {
  const { t, language } = useTexts();
  const { licence, family, classes, class_names: names, input, bytes, cameras, source } = model;
  const others = model.names.filter((name) => name !== model.name);
  const rows: [string, React.ReactNode][] = [
    // What finds motion is written for Omma, and licensed as it is.
    [t('models.licence'), licence ?? t(family === 'motion' ? 'models.licence.omma' : 'models.licence.none')],
    ...(family ? [[t('models.family'), family] as [string, string]] : []),
    ...(typeof classes === 'number' ? [[t('editor.classes'), names.length > 0 && names.length <= 6 ? names.join(', ') : formatNumber(classes, language)] as [string, string]] : []),
    ...(input ? [[t('models.input'), input.join(' × ')] as [string, string]] : []),
    ...(typeof bytes === 'number' ? [[t('models.size'), formatBytes(bytes, language)] as [string, string]] : []),
    ...(source ? [[t('camera.source'), source] as [string, string]] : []),
    ...(others.length > 0 ? [[t('models.names'), others.join(', ')] as [string, string]] : []),
    [t('nav.cameras'), cameras.length === 0 ? '–' : cameras.map((name) => (
      <LinkAnchor key={name} to="/cameras/$name" params={{ name }} size="sm" mr={8}>{name}</LinkAnchor>
    ))],
  ];
  return (
    <dl style={{ display: 'grid', gridTemplateColumns: 'max-content 1fr', gap: '0.2rem 1rem', margin: 0, fontSize: 'var(--mantine-font-size-sm)' }}>
      {rows.map(([name, value]) => [
        <dt key={`${name} name`} style={{ color: 'var(--omma-muted)' }}>{name}</dt>,
        <dd key={name} style={{ margin: 0, overflowWrap: 'anywhere' }}>{value}</dd>,
      ])}
    </dl>
  );
}

function Tile({ model }: { model: Model }) {
  const { t, language } = useTexts();
  const client = useQueryClient();
  const { manage } = useSession();
  const [bench, setBench] = useState<Bench>();
  const { busy, error, run } = useDoing();
  const { name, state, progress } = model;
  const params = { path: { name } };
  const pull = () => run(async () => {
    await ask(api.POST('/api/v1/models/{name}/pull', { params }));
    await client.invalidateQueries({ queryKey: modelsQuery.queryKey });
  });
  const time = () => run(async () => setBench(await ask(api.POST('/api/v1/models/{name}/bench', { params, body: {} }))));
  const number = (value: number) => formatNumber(value, language, 1);
  return (
    <Card data-testid={`model-${name}`}>
      <Stack gap="xs" h="100%">
        <Group justify="space-between" wrap="nowrap">
          <Title order={2} style={{ overflowWrap: 'anywhere' }}>{name}</Title>
          <State state={state} />
        </Group>
        {model.title && <Text size="sm">{model.title}</Text>}
        {state === 'pulling' && (
          <div>
            <Progress value={(progress ?? 1) * 100} animated={typeof progress !== 'number'} aria-label={t('models.pulling', { name })} />
            {typeof progress === 'number' && <Text size="xs" c="dimmed">{formatPercent(progress, language)}</Text>}
          </div>
        )}
        {model.error && <Text size="sm" c="red" role="alert">{model.error}</Text>}
        <Facts model={model} />
        {bench && (
          <Text size="sm" data-testid="bench">
            {t('models.bench.result', { engine: bench.engine, rate: number(bench.per_second), half: number(bench.p50_ms), most: number(bench.p95_ms) })}
          </Text>
        )}
        {error && <Failed error={error} />}
        {manage && (model.can_pull || model.can_bench) && (
          <Group gap="xs" mt="auto">
            {model.can_pull && <Button size="xs" loading={busy || state === 'pulling'} onClick={() => void pull()} aria-label={t('models.pull.of', { name })}>{t('models.pull')}</Button>}
            {model.can_bench && <Button size="xs" variant="default" loading={busy} onClick={() => void time()} aria-label={t('models.bench.of', { name })}>{t('models.bench')}</Button>}
          </Group>
        )}
        {!manage && model.can_pull && <Badge variant="default" tt="none">{t('denied.needs', { role: t('role.admin') })}</Badge>}
      </Stack>
    </Card>
  );
}

function List() {
  const { t } = useTexts();
  const models = useQuery(modelsQuery);
  if (models.isPending) return <PageLoading />;
  if (!models.data) return <Failed error={models.error} />;
  if (models.data.length === 0) return <Nothing><Text>{t('models.none')}</Text></Nothing>;
  return (
    <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="sm">
      {models.data.map((model) => <Tile key={model.name} model={model} />)}
    </SimpleGrid>
  );
}

export function Models() {
  return <SystemPage><List /></SystemPage>;
}
