// What somebody sees whom the server does not know yet: the log-in, or, at the address that the
// log of a new server gives, the making of the first administrator.

import { Anchor, Button, Card, Center, Group, Modal, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { useState, type ReactNode } from 'react';
import { api, ask, type Me } from '../api/client';
import { useTexts } from '../i18n';
import { LanguageMenu, ThemeButton } from '../shell/Looks';
import { Failed } from '../ui/States';
import { NewPassword, usePassword } from './NewPassword';

function Frame({ title, children }: { title: string; children: ReactNode }) {
  useDocumentTitle(`${title} · Omma`);
  return (
    <Center mih="100dvh" p="md" component="main" style={{ background: 'var(--omma-page)' }}>
      <Stack w="100%" maw={400}>
        <Group justify="space-between">
          <Group gap={8}>
            <img src="/omma.svg" alt="" width={32} height={32} />
            <Text fw={700} size="xl">Omma</Text>
          </Group>
          <Group gap={4}><LanguageMenu /><ThemeButton /></Group>
        </Group>
        <Card padding="lg">{children}</Card>
      </Stack>
    </Center>
  );
}

/** A form that is sent to the server, and says what came of it. */
function useSending(entered: (me: Me) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const run = async (asked: Promise<Me>) => {
    setBusy(true);
    setError(undefined);
    try {
      entered(await asked);
    } catch (reason) {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}

function LogIn({ ended, entered }: { ended?: string; entered: (me: Me) => void }) {
  const { t } = useTexts();
  const [name, setName] = useState(ended ?? '');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useSending(entered);
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    void run(ask(api.POST('/api/v1/login', { body: { name, password } })).catch((reason: unknown) => {
      setPassword('');
      throw reason;
    }));
  };
  return (
    <form onSubmit={submit} data-testid="login">
      <Stack>
        <Title order={1}>{t('login.title')}</Title>
        {ended !== undefined && <Text>{t('login.ended')}</Text>}
        <TextInput label={t('account.name')} autoComplete="username" autoCapitalize="none" required value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus={ended === undefined || undefined} autoFocus={ended === undefined} />
        <PasswordInput label={t('account.password')} autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('account.password.show') }} data-autofocus={ended !== undefined || undefined} />
        {error && <Failed error={error} title={t('login.failed')} />}
        <Button type="submit" loading={busy} disabled={name === '' || password === ''}>{t('login.do')}</Button>
      </Stack>
    </form>
  );
}

function SetUp({ token, entered }: { token: string; entered: (me: Me) => void }) {
  const { t } = useTexts();
  const [name, setName] = useState('');
  const password = usePassword();
  const { busy, error, run } = useSending((me) => {
    // The link is used up; whoever reloads the page must not come back to it.
    window.history.replaceState(null, '', '/');
    entered(me);
  });
  const submit = (event: React.SyntheticEvent) => {
    event.preventDefault();
    if (password.check()) void run(ask(api.POST('/api/v1/setup', { body: { token, name, password: password.value } })));
  };
  return (
    <form onSubmit={submit} noValidate data-testid="setup">
      <Stack>
        <Title order={1}>{t('setup.title')}</Title>
        <Text>{t('setup.text')}</Text>
        <TextInput label={t('account.name')} autoComplete="username" autoCapitalize="none" required autoFocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <NewPassword {...password} />
        {error && <Failed error={error} />}
        <Button type="submit" loading={busy} disabled={name.trim() === ''}>{t('setup.do')}</Button>
      </Stack>
    </form>
  );
}

interface Props {
  /** There is no user yet. */
  setup: boolean;
  /** Whose session has ended while the page was open. */
  ended?: string;
  entered: (me: Me) => void;
}

export function Welcome({ setup, ended, entered }: Props) {
  const { t } = useTexts();
  // What stands behind `#` is never sent to a server by itself.
  const [token] = useState(() => (window.location.pathname === '/setup' ? window.location.hash.slice(1) : ''));
  if (ended !== undefined) {
    return (
      <Modal opened fullScreen withCloseButton={false} closeOnEscape={false} onClose={() => undefined} padding={0} zIndex={1000} transitionProps={{ duration: 0 }} aria-label={t('login.title')}>
        <Frame title={t('login.title')}><LogIn ended={ended} entered={entered} /></Frame>
      </Modal>
    );
  }
  if (setup && token !== '') return <Frame title={t('setup.title')}><SetUp token={token} entered={entered} /></Frame>;
  if (setup) {
    return (
      <Frame title={t('setup.title')}>
        <Stack data-testid="no-user">
          <Title order={1}>{t('setup.title')}</Title>
          <Text>{t('setup.where')}</Text>
          <Anchor href="/">{t('again')}</Anchor>
        </Stack>
      </Frame>
    );
  }
  return <Frame title={t('login.title')}><LogIn entered={entered} /></Frame>;
}
