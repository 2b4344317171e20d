// Who may use Omma, and for what.

import { ActionIcon, Alert, Badge, Button, Card, Group, Menu, Select, Stack, Switch, Table, TagsInput, Text, TextInput } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { usersQuery } from '../api/admin';
import { api, ApiError, ask, type Schemas, type User } from '../api/client';
import { camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { formatTime } from '../lib/format';
import { ROLES } from '../lib/roles';
import { SystemPage } from '../shell/SystemPage';
import { Confirm, Dialog, useDoing } from '../ui/Dialog';
import { done } from '../ui/notify';
import { Failed, PageLoading } from '../ui/States';
import { NewPassword, usePassword } from './NewPassword';
import { TokenTable } from './TokenTable';

/** Somebody else has changed the user meanwhile: how it is now, and what to do about it. */
function Changed({ theirs, take, keep, busy }: { theirs: User; take: () => void; keep: () => void; busy: boolean }) {
  const { t, word } = useTexts();
  const now = [word('role', theirs.role), theirs.cameras ? theirs.cameras.join(', ') || t('users.cameras.none') : t('users.cameras.all'), ...(theirs.disabled ? [t('users.disabled')] : [])];
  return (
    <Alert color="red" title={t('conflict.title')} role="alert" data-testid="conflict">
      <Text size="sm" mb="xs">{t('users.conflict', { now: now.join(' · ') })}</Text>
      <Group gap="xs">
        <Button size="xs" variant="default" onClick={take}>{t('conflict.theirs')}</Button>
        <Button size="xs" color="red" loading={busy} onClick={keep}>{t('conflict.overwrite')}</Button>
      </Group>
    </Alert>
  );
}

/** Adds a user, or changes `user`. */
function UserForm({ user, begin, close }: { user?: User; begin: (anew: User) => void; close: () => void }) {
  const { t, word } = useTexts();
  const client = useQueryClient();
  const cameras = useQuery(camerasQuery);
  const [name, setName] = useState('');
  const [role, setRole] = useState(user?.role ?? 'viewer');
  const [all, setAll] = useState(!user?.cameras);
  const [some, setSome] = useState(user?.cameras ?? []);
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const [other, setOther] = useState(user === undefined);
  const password = usePassword();
  const { busy, error, run } = useDoing();
  const [theirs, setTheirs] = useState<User>();
  const put = async (from: User, body: Schemas['UserChange']) => {
    const { name: of, etag } = from;
    try {
      await ask(api.PUT('/api/v1/users/{name}', { params: { path: { name: of } }, body, headers: { 'If-Match': etag } }));
    } catch (reason) {
      if (reason instanceof ApiError && reason.status === 412) {
        setTheirs((await client.query({ ...usersQuery, staleTime: 0 })).find((one) => one.name === of));
      }
      throw reason;
    }
  };
  const save = async (from: User | undefined) => {
    if (other && !password.check()) return;
    // An administrator sees all cameras.
    const rest = { role, cameras: all || role === 'admin' ? undefined : some };
    const worked = await run(() => (from
      ? put(from, { ...rest, disabled, password: other ? password.value : undefined })
      : ask(api.POST('/api/v1/users', { body: { ...rest, name, password: password.value } }))));
    if (!worked) return;
    await client.invalidateQueries({ queryKey: usersQuery.queryKey });
    done(t('saved'));
    close();
  };
  return (
    <Dialog title={user?.name ?? t('users.add')} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save(user);
        }}
        noValidate
      >
        <Stack gap="sm">
          {!user && <TextInput label={t('account.name')} required data-autofocus autoCapitalize="none" autoComplete="off" value={name} onChange={(event) => setName(event.currentTarget.value)} />}
          <Select label={t('role')} description={t(`role.${role as 'viewer'}.help`)} allowDeselect={false} value={role} onChange={(chosen) => setRole(chosen ?? 'viewer')} data={ROLES.map((value) => ({ value, label: word('role', value) }))} />
          {role !== 'admin' && <Switch label={t('users.cameras.all')} checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />}
          {role !== 'admin' && !all && <TagsInput label={t('nav.cameras')} description={t('users.cameras.help')} value={some} onChange={setSome} data={cameras.data?.map((camera) => camera.name) ?? []} />}
          {user && <Switch label={t('users.disabled')} description={t('users.disabled.help')} checked={disabled} onChange={(event) => setDisabled(event.currentTarget.checked)} />}
          {user && <Switch label={t('users.password')} description={t('users.password.help')} checked={other} onChange={(event) => setOther(event.currentTarget.checked)} />}
          {other && <NewPassword {...password} />}
          {error && !theirs && <Failed error={error} />}
          {theirs && <Changed theirs={theirs} busy={busy} take={() => begin(theirs)} keep={() => void save(theirs)} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>{t('cancel')}</Button>
            <Button type="submit" loading={busy} disabled={theirs !== undefined || (!user && name.trim() === '')}>{t(user ? 'save' : 'users.add')}</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** Changes a user as it was when this began: that the list is asked for anew changes nothing here. */
function EditUser({ user, close }: { user: User; close: () => void }) {
  const [begun, setBegun] = useState({ user, round: 0 });
  return <UserForm key={begun.round} user={begun.user} begin={(anew) => setBegun({ user: anew, round: begun.round + 1 })} close={close} />;
}

function Tokens({ user, close }: { user: User; close: () => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const remove = async (id: number) => {
    await ask(api.DELETE('/api/v1/users/{name}/tokens/{id}', { params: { path: { name: user.name, id } } }));
    await client.invalidateQueries({ queryKey: usersQuery.queryKey });
  };
  return <Dialog title={t('users.tokens', { name: user.name })} close={close} size="xl"><TokenTable tokens={user.tokens} remove={remove} /></Dialog>;
}

type Open = { what: 'add' } | { what: 'edit' | 'tokens' | 'remove'; name: string };

function Row({ user, open }: { user: User; open: (what: Open) => void }) {
  const { t, word, language } = useTexts();
  const { me } = useSession();
  const { name } = user;
  return (
    <Table.Tr data-testid={`user-${name}`}>
      <Table.Td>
        <Group gap={6}>
          <Text fw={600}>{name}</Text>
          {name === me.name && <Badge size="sm" variant="default" tt="none">{t('users.you')}</Badge>}
          {user.disabled && <Badge size="sm" color="#b03d08" tt="none">{t('users.disabled')}</Badge>}
        </Group>
      </Table.Td>
      <Table.Td>{word('role', user.role)}</Table.Td>
      <Table.Td>{user.cameras ? user.cameras.join(', ') || t('users.cameras.none') : t('all')}</Table.Td>
      <Table.Td visibleFrom="sm">{user.tokens.length}</Table.Td>
      <Table.Td visibleFrom="sm">{formatTime(user.created_ms, 'dayTime', language)}</Table.Td>
      <Table.Td ta="right">
        <Menu position="bottom-end">
          <Menu.Target><ActionIcon aria-label={t('cameras.more', { name })}><IconDots size={18} /></ActionIcon></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => open({ what: 'edit', name })}>{t('edit')}</Menu.Item>
            <Menu.Item onClick={() => open({ what: 'tokens', name })}>{t('tokens.title')}</Menu.Item>
            <Menu.Item color="red" onClick={() => open({ what: 'remove', name })}>{t('remove')}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Table.Td>
    </Table.Tr>
  );
}

function List({ users, open }: { users: User[]; open: (what: Open) => void }) {
  const { t } = useTexts();
  return (
    <Card p={0}>
      <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table verticalSpacing="sm" horizontalSpacing="sm" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('account.name')}</Table.Th><Table.Th>{t('role')}</Table.Th><Table.Th>{t('nav.cameras')}</Table.Th>
              <Table.Th visibleFrom="sm">{t('tokens.title')}</Table.Th><Table.Th visibleFrom="sm">{t('users.since')}</Table.Th><Table.Th><span className="unseen">{t('more')}</span></Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>{users.map((user) => <Row key={user.name} user={user} open={open} />)}</Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}

function Managed({ opened, open }: { opened: Open | undefined; open: (what: Open | undefined) => void }) {
  const { t } = useTexts();
  const client = useQueryClient();
  const users = useQuery(usersQuery);
  const close = () => open(undefined);
  if (users.isPending) return <PageLoading />;
  if (!users.data) return <Failed error={users.error} />;
  const user = opened && 'name' in opened ? users.data.find(({ name }) => name === opened.name) : undefined;
  const remove = async (name: string) => {
    await ask(api.DELETE('/api/v1/users/{name}', { params: { path: { name } } }));
    await client.invalidateQueries({ queryKey: usersQuery.queryKey });
    done(t('cameras.removed', { name }));
  };
  return (
    <>
      <List users={users.data} open={open} />
      {opened?.what === 'add' && <UserForm begin={close} close={close} />}
      {opened?.what === 'edit' && user && <EditUser key={user.name} user={user} close={close} />}
      {opened?.what === 'tokens' && user && <Tokens user={user} close={close} />}
      {opened?.what === 'remove' && user && (
        <Confirm title={t('cameras.remove', { name: user.name })} text={t('users.remove.text')} label={t('remove')} doIt={() => remove(user.name)} close={close} />
      )}
    </>
  );
}

export function Users() {
  const { t } = useTexts();
  const [opened, open] = useState<Open>();
  const { manage } = useSession();
  return (
    <SystemPage head={manage && <Button leftSection={<IconPlus size={18} />} onClick={() => open({ what: 'add' })}>{t('users.add')}</Button>}>
      <Managed opened={opened} open={open} />
    </SystemPage>
  );
}
