// Who has watched, changed and taken along what.

import { Button, Card, Center, Group, Select, Table, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { auditQuery, usersQuery } from '../api/admin';
import { useTexts } from '../i18n';
import { compact } from '../lib/filters';
import { formatTime } from '../lib/format';
import { SystemPage } from '../shell/SystemPage';
import { Failed, Nothing, PageLoading } from '../ui/States';

const WHAT = ['login', 'login_failed', 'logout', 'watched', 'exported', 'changed', 'setup', 'user_added', 'user_changed', 'user_removed', 'password_changed', 'password_failed', 'token_made', 'token_removed'];

function Filters() {
  const { t, word } = useTexts();
  const filters = useSearch({ from: '/system/audit' });
  const navigate = useNavigate({ from: '/system/audit' });
  const users = useQuery(usersQuery);
  const change = (part: { who?: string; what?: string }) => void navigate({ search: compact({ ...filters, ...part }), replace: true });
  return (
    <Group mb="md" align="end">
      <TextInput key={filters.who} label={t('audit.who')} placeholder={t('all')} defaultValue={filters.who ?? ''} list="users" onBlur={(event) => change({ who: event.currentTarget.value.trim() || undefined })} onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()} />
      <datalist id="users">{users.data?.map(({ name }) => <option key={name} value={name} />)}</datalist>
      <Select label={t('audit.what')} placeholder={t('all')} clearable clearButtonProps={{ 'aria-label': t('all') }} value={filters.what ?? null} onChange={(what) => change({ what: what ?? undefined })} data={WHAT.map((value) => ({ value, label: word('audit', value) }))} />
    </Group>
  );
}

function Entries() {
  const { t, word, language } = useTexts();
  const filters = useSearch({ from: '/system/audit' });
  const audit = useInfiniteQuery(auditQuery(filters));
  if (audit.isPending) return <PageLoading />;
  if (!audit.data) return <Failed error={audit.error} />;
  const entries = audit.data.pages.flatMap((page) => page.entries);
  if (entries.length === 0) return <Nothing><Text>{t('audit.none')}</Text></Nothing>;
  return (
    <Card p={0}>
      <Table.ScrollContainer minWidth={600} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table horizontalSpacing="sm" data-testid="audit">
          <Table.Thead>
            <Table.Tr><Table.Th>{t('time')}</Table.Th><Table.Th>{t('audit.who')}</Table.Th><Table.Th>{t('audit.what')}</Table.Th><Table.Th>{t('audit.target')}</Table.Th><Table.Th>{t('audit.address')}</Table.Th></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {entries.map((entry) => (
              <Table.Tr key={entry.seq}>
                <Table.Td style={{ whiteSpace: 'nowrap' }}>{formatTime(entry.time_ms, 'full', language)}</Table.Td>
                <Table.Td>{entry.who}</Table.Td><Table.Td>{word('audit', entry.what)}</Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{entry.target || '–'}</Table.Td><Table.Td>{entry.address}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {audit.hasNextPage && <Center p="sm"><Button variant="default" loading={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>{t('older')}</Button></Center>}
    </Card>
  );
}

export function AuditLog() {
  return <SystemPage><Filters /><Entries /></SystemPage>;
}
