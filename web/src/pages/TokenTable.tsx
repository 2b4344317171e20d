// Tokens for programs: what each is good for, until when, and when it was last used.

import { Button, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '../api/client';
import { useTexts } from '../i18n';
import { formatTime } from '../lib/format';
import { failed } from '../ui/notify';

type Token = Schemas['UserToken'];

export function TokenTable({ tokens, remove }: { tokens: Token[]; remove: (id: number) => Promise<unknown> }) {
  const { t, word, language } = useTexts();
  const [busy, setBusy] = useState<number>();
  const [now] = useState(() => Date.now());
  if (tokens.length === 0) return <Text size="sm" c="dimmed">{t('tokens.none')}</Text>;
  const time = (at: number | null | undefined, none: string) => (typeof at === 'number' ? formatTime(at, 'full', language) : none);
  const take = async (id: number) => {
    setBusy(id);
    try {
      await remove(id);
    } catch (error) {
      failed(t('error.title'), error);
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table>
        <Table.Thead>
          <Table.Tr><Table.Th>{t('tokens.purpose')}</Table.Th><Table.Th>{t('tokens.scopes')}</Table.Th><Table.Th>{t('tokens.until')}</Table.Th><Table.Th>{t('tokens.used')}</Table.Th><Table.Th><span className="unseen">{t('tokens.take')}</span></Table.Th></Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tokens.map(({ id, name, scopes, cameras, expires_ms: until, used_ms: used }) => (
            <Table.Tr key={id}>
              <Table.Td>{name}</Table.Td>
              <Table.Td>{scopes.map((scope) => word('scope', scope)).join(', ')}{cameras && <Text size="xs" c="dimmed">{cameras.join(', ')}</Text>}</Table.Td>
              <Table.Td>{typeof until === 'number' && until < now ? t('tokens.over') : time(until, t('tokens.forever'))}</Table.Td>
              <Table.Td>{time(used, t('tokens.never'))}</Table.Td>
              <Table.Td ta="right"><Button size="compact-sm" variant="default" loading={busy === id} aria-label={t('tokens.take.of', { name })} onClick={() => void take(id)}>{t('tokens.take')}</Button></Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
