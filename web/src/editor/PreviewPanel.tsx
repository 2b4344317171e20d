// How often the lines and zones as they are drawn would have counted in the time before, while
// nothing is saved yet.

import { Alert, Loader, SegmentedControl, Stack, Switch, Table, Text, Title } from '@mantine/core';
import { ApiError } from '../api/client';
import { useTexts } from '../i18n';
import { formatNumber } from '../lib/format';
import type { Draft, Place } from './draft';
import { BACK, guesses, MOST_WAYS, type Back } from './preview';
import type { PreviewState } from './usePreview';

interface Props {
  preview: PreviewState;
  draft: Draft;
  selected: Place | undefined;
  ways: boolean;
  setWays: (shown: boolean) => void;
}

export function PreviewPanel({ preview, draft, selected, ways, setWays }: Props) {
  const { t, language } = useTexts();
  const { answer, back, setBack, pending } = preview;
  const sums = guesses(answer.data?.counts ?? []);
  const number = (value: number | undefined) => formatNumber(value ?? 0, language);
  const lines = Object.keys(draft.lines);
  const zones = Object.keys(draft.zones);
  const chosen = (name: string) => (selected?.name === name ? 700 : undefined);
  if (lines.length + zones.length === 0) return null;
  const nothing = answer.data?.counts.length === 0;
  return (
    <Stack gap="xs" data-testid="preview" data-pending={pending} aria-busy={pending}>
      <Title order={3} style={{ display: 'flex', alignItems: 'center', gap: 8 }}>
        {t('preview.title')} {pending && <Loader size={14} aria-label={t('loading')} />}
      </Title>
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label={t('preview.back')}
        value={back}
        onChange={(value) => setBack(value)}
        data={(Object.keys(BACK) as Back[]).map((value) => ({ value, label: t(`preview.${value}`) }))}
      />
      {answer.error && (
        <Alert color="orange">
          <Text size="sm">{answer.error.message}</Text>
          {answer.error instanceof ApiError && answer.error.hint && <Text size="xs">{answer.error.hint}</Text>}
        </Alert>
      )}
      {answer.data && lines.length > 0 && (
        <Table fz="sm" verticalSpacing={2} data-testid="preview-lines">
          <Table.Thead>
            <Table.Tr><Table.Th>{t('line')}</Table.Th><Table.Th ta="right">{t('measure.forward')}</Table.Th><Table.Th ta="right">{t('measure.backward')}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lines.map((name) => (
              <Table.Tr key={name} fw={chosen(name)}>
                <Table.Td>{name}</Table.Td><Table.Td ta="right">{number(sums.get(name)?.forward)}</Table.Td><Table.Td ta="right">{number(sums.get(name)?.backward)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {answer.data && zones.length > 0 && (
        <Table fz="sm" verticalSpacing={2} data-testid="preview-zones">
          <Table.Thead>
            <Table.Tr><Table.Th>{t('zone')}</Table.Th><Table.Th ta="right">{t('measure.entered')}</Table.Th><Table.Th ta="right">{t('measure.left')}</Table.Th><Table.Th ta="right">{t('measure.dwelled')}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {zones.map((name) => (
              <Table.Tr key={name} fw={chosen(name)}>
                <Table.Td>{name}</Table.Td><Table.Td ta="right">{number(sums.get(name)?.entered)}</Table.Td>
                <Table.Td ta="right">{number(sums.get(name)?.left)}</Table.Td><Table.Td ta="right">{number(sums.get(name)?.dwelled)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {nothing && <Text size="sm" c="dimmed">{t('preview.none')}</Text>}
      {answer.data && !nothing && (
        <Switch size="xs" label={t('preview.ways')} description={answer.data.more ? t('preview.more', { count: MOST_WAYS }) : undefined} checked={ways} onChange={(event) => setWays(event.currentTarget.checked)} />
      )}
    </Stack>
  );
}
