// The frame of the pages about the server itself: where else one can go there, as far as one may.

import { Alert, Text } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useSession, type Session } from '../api/session';
import { useTexts, type Key } from '../i18n';
import { PageHead } from '../ui/Page';
import { LinkButton } from '../ui/links';
import classes from './SystemPage.module.css';

interface Tab {
  to: '/system' | '/system/models' | '/system/logs' | '/system/config' | '/system/users' | '/system/audit';
  text: Key;
  may: (session: Session) => boolean;
}

const TABS: readonly Tab[] = [
  { to: '/system', text: 'system.overview', may: ({ everything }) => everything },
  { to: '/system/models', text: 'models.title', may: () => true },
  { to: '/system/logs', text: 'logs.title', may: ({ manage }) => manage },
  { to: '/system/config', text: 'config.title', may: ({ manage }) => manage },
  { to: '/system/users', text: 'users.title', may: ({ manage, accounts }) => manage && accounts },
  { to: '/system/audit', text: 'audit.title', may: ({ manage, accounts }) => manage && accounts },
];

interface Props {
  head?: ReactNode;
  children: ReactNode;
}

export function SystemPage({ head, children }: Props) {
  const { t } = useTexts();
  const session = useSession();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const here = TABS.find(({ to }) => to === path);
  return (
    <>
      <PageHead title={t(here?.text === 'system.overview' || !here ? 'nav.system' : here.text)}>{head}</PageHead>
      <nav aria-label={t('nav.system')} className={classes.tabs}>
        {TABS.filter(({ may }) => may(session)).map(({ to, text }) => (
          <LinkButton key={to} to={to} size="compact-md" variant={to === path ? 'filled' : 'default'} aria-current={to === path ? 'page' : undefined}>{t(text)}</LinkButton>
        ))}
      </nav>
      {here?.may(session) === false
        ? <Alert icon={<IconLock />} color="orange" title={t('denied.title')} data-testid="denied"><Text size="sm">{t('denied.text', { role: t('role.admin') })}</Text></Alert>
        : children}
    </>
  );
}
