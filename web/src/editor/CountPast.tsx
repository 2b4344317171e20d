// Offered once a new line or zone is saved: that it counts what was before it was drawn, too.

import { Alert, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client';
import { useTexts } from '../i18n';
import { formatTime } from '../lib/format';
import { DAY, HOUR } from '../lib/time';
import { LinkButton } from '../ui/links';
import { Failed } from '../ui/States';
import type { Place } from './draft';

const REACH = { '1h': HOUR, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY } as const;
type Reach = keyof typeof REACH;

interface Done {
  name: string;
  result: Schemas['Backfilled'];
}

export function CountPast({ camera, places, close }: { camera: string; places: readonly Place[]; close: () => void }) {
  const { t, language } = useTexts();
  const client = useQueryClient();
  const [reach, setReach] = useState<Reach>('24h');
  const count = useMutation({
    mutationFn: async (): Promise<Done[]> => {
      const from = String(Date.now() - REACH[reach]);
      const all: Done[] = [];
      // One after the other: the server answers one question of the past at a time.
      for (const { name } of places) {
        const result = await ask(api.POST('/api/v1/cameras/{name}/backfill', {
          params: { path: { name: camera } }, body: { rule: name, from },
        }));
        all.push({ name, result });
      }
      return all;
    },
    onSettled: () => Promise.all([
      client.invalidateQueries({ queryKey: ['counts'] }),
      client.invalidateQueries({ queryKey: ['events'] }),
    ]),
  });
  const names = places.map(({ name }) => name).join(', ');
  return (
    <Alert title={t('past.title')} withCloseButton onClose={close} closeButtonLabel={t('close')} data-testid="count-past">
      <Stack gap="xs">
        {!count.data && <Text size="sm">{t('past.text', { names })}</Text>}
        {count.error && <Failed error={count.error} />}
        {count.data
          ? (
            <div role="status">
              {count.data.map(({ name, result }) => (
                <Text key={name} size="sm" data-testid={`past-${name}`} data-added={result.added}>
                  {t('past.done', { name, count: result.added, from: formatTime(result.from_ms, 'dayTime', language), to: formatTime(result.to_ms, 'dayTime', language) })}
                </Text>
              ))}
              <LinkButton to="/counts" search={{ camera: [camera], span: 'week' }} size="xs" variant="light" mt="xs">{t('nav.counts')}</LinkButton>
            </div>
          )
          : (
            <Group gap="xs" align="end">
              <Select size="xs" w={130} label={t('past.reach')} allowDeselect={false} value={reach} onChange={(value) => setReach((value ?? '24h'))} data={(Object.keys(REACH) as Reach[]).map((value) => ({ value, label: t(`past.${value}`) }))} />
              <Button size="xs" loading={count.isPending} onClick={() => count.mutate()} data-testid="count-past-go">{t('past.go')}</Button>
            </Group>
          )}
      </Stack>
    </Alert>
  );
}
