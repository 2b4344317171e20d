// What one can do about oneself: another password, and tokens for programs.

import { Alert, Button, Card, Checkbox, Code, CopyButton, Group, PasswordInput, Select, Stack, TagsInput, Text, TextInput, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { myTokensQuery } from '../api/admin';
import { api, ask } from '../api/client';
import { camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { DAY } from '../lib/time';
import { Dialog, useDoing } from '../ui/Dialog';
import { done } from '../ui/notify';
import { PageHead } from '../ui/Page';
import { Failed, PageLoading } from '../ui/States';
import { NewPassword, usePassword } from './NewPassword';
import { TokenTable } from './TokenTable';

function Password() {
  const { t } = useTexts();
  const [old, setOld] = useState('');
  const password = usePassword();
  const { busy, error, run } = useDoing();
  const submit = async (event: React.SyntheticEvent) => {
    event.preventDefault();
    if (!password.check()) return;
    const worked = await run(() => ask(api.POST('/api/v1/me/password', { body: { old, new: password.value } })));
    setOld('');
    if (!worked) return;
    password.setValue('');
    password.setAgain('');
    done(t('account.changed'));
  };
  // Once it has been changed, the empty fields are no mistake.
  const fault = password.value === '' && password.again === '' ? undefined : password.fault;
  return (
    <Card>
      <Title order={2} mb="sm">{t('account.change')}</Title>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack maw={400}>
          <PasswordInput label={t('account.old')} autoComplete="current-password" required value={old} onChange={(event) => setOld(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('account.password.show') }} />
          <NewPassword {...password} fault={fault} label={t('account.new')} />
          {error && <Failed error={error} />}
          <Text size="sm" c="dimmed">{t('account.change.help')}</Text>
          <Group><Button type="submit" loading={busy} disabled={old === '' || password.value === ''}>{t('account.change')}</Button></Group>
        </Stack>
      </form>
    </Card>
  );
}

/** Days; empty: until it is taken back. */
const LASTING = ['1', '30', '90', '365', ''] as const;

function scopesOf({ operate, manage }: { operate: boolean; manage: boolean }): string[] {
  return ['read', 'metrics', ...(operate ? ['control', 'annotate'] : []), ...(manage ? ['admin'] : [])];
}

function Make({ made, close }: { made: (token: string) => void; close: () => void }) {
  const { t, word } = useTexts();
  const client = useQueryClient();
  const session = useSession();
  const cameras = useQuery(camerasQuery);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState(['read']);
  const [some, setSome] = useState<string[]>([]);
  const [days, setDays] = useState<string>('90');
  const { busy, error, run } = useDoing();
  const submit = async (event: React.SyntheticEvent) => {
    event.preventDefault();
    await run(async () => {
      const { token } = await ask(api.POST('/api/v1/me/tokens', {
        body: { name, scopes, cameras: some.length > 0 ? some : undefined, seconds: days === '' ? undefined : (Number(days) * DAY) / 1000 },
      }));
      await client.invalidateQueries({ queryKey: myTokensQuery.queryKey });
      made(token);
    });
  };
  return (
    <Dialog title={t('tokens.make')} close={close}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack gap="sm">
          <TextInput label={t('tokens.purpose')} description={t('tokens.purpose.help')} required data-autofocus maxLength={100} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Checkbox.Group label={t('tokens.scopes')} value={scopes} onChange={setScopes}>
            <Stack gap={6} mt={4}>{scopesOf(session).map((scope) => <Checkbox key={scope} value={scope} label={word('scope', scope)} />)}</Stack>
          </Checkbox.Group>
          <TagsInput label={t('nav.cameras')} description={t('tokens.cameras.help')} value={some} onChange={setSome} data={cameras.data?.map((camera) => camera.name) ?? []} />
          <Select label={t('tokens.until')} allowDeselect={false} value={days} onChange={(value) => setDays(value ?? '90')} data={LASTING.map((value) => ({ value, label: value === '' ? t('tokens.forever') : t('tokens.days', { days: Number(value) }) }))} />
          {error && <Failed error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>{t('cancel')}</Button>
            <Button type="submit" loading={busy} disabled={name.trim() === '' || scopes.length === 0}>{t('tokens.make')}</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Made({ token, close }: { token: string; close: () => void }) {
  const { t } = useTexts();
  return (
    <Dialog title={t('tokens.made')} close={close} closeOnClickOutside={false}>
      <Stack>
        <Text>{t('tokens.made.help')}</Text>
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} data-testid="token">{token}</Code>
        <Group justify="flex-end">
          <CopyButton value={token}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{t(copied ? 'copied' : 'copy')}</Button>}</CopyButton>
          <Button onClick={close}>{t('done')}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

function Tokens() {
  const { t } = useTexts();
  const client = useQueryClient();
  const tokens = useQuery(myTokensQuery);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<string>();
  const remove = async (id: number) => {
    await ask(api.DELETE('/api/v1/me/tokens/{id}', { params: { path: { id } } }));
    await client.invalidateQueries({ queryKey: myTokensQuery.queryKey });
  };
  return (
    <Card>
      <Group justify="space-between" mb="sm">
        <Title order={2}>{t('tokens.title')}</Title>
        <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>{t('tokens.make')}</Button>
      </Group>
      <Text size="sm" c="dimmed" mb="sm">{t('tokens.help')}</Text>
      {tokens.isPending && <PageLoading />}
      {tokens.error && <Failed error={tokens.error} />}
      {tokens.data && <TokenTable tokens={tokens.data} remove={remove} />}
      {making && <Make close={() => setMaking(false)} made={(token) => { setMaking(false); setMade(token); }} />}
      {made !== undefined && <Made token={made} close={() => setMade(undefined)} />}
    </Card>
  );
}

export function Account() {
  const { t, word } = useTexts();
  const { me } = useSession();
  if (me.via !== 'session') return <Alert color="orange" title={t('denied.title')}>{t('account.session')}</Alert>;
  return (
    <>
      <PageHead title={t('account.title')} />
      <Stack>
        <Card>
          <Text><b>{me.name}</b> · {word('role', me.role)}</Text>
          <Text size="sm" c="dimmed">{me.cameras ? `${t('nav.cameras')}: ${me.cameras.join(', ') || t('users.cameras.none')}` : t('users.cameras.all')}</Text>
        </Card>
        <Password />
        <Tokens />
      </Stack>
    </>
  );
}
