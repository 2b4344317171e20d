// Who is logged in, and what they can do about themselves. Nothing where nobody logs in.

import { ActionIcon, Menu, Text } from '@mantine/core';
import { IconUserCircle } from '@tabler/icons-react';
import { logOut, useSession } from '../api/session';
import { useTexts } from '../i18n';
import { LinkMenuItem } from '../ui/links';
import { failed } from '../ui/notify';

export function UserMenu() {
  const { t, word } = useTexts();
  const { me, accounts } = useSession();
  if (!accounts) return null;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label={t('user.menu', { name: me.name })} data-testid="user-menu"><IconUserCircle size={22} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown miw={200}>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">{me.name}</Text>
          <Text size="xs">{word('role', me.role)}</Text>
        </Menu.Label>
        {me.via === 'session' && <LinkMenuItem to="/account">{t('account.title')}</LinkMenuItem>}
        {me.via === 'session' && <Menu.Item onClick={() => void logOut().catch((error: unknown) => failed(t('logout'), error))}>{t('logout')}</Menu.Item>}
      </Menu.Dropdown>
    </Menu>
  );
}
