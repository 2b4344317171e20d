// What stands around every page: where one can go, how it looks, in which language, and whether
// the server is there.

import { Alert, AppShell, Burger, Group, NavLink, Text, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconActivity, IconBell, IconCamera, IconChartBar, IconLayoutGrid, IconMovie, IconPlugConnectedX } from '@tabler/icons-react';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useLink } from '../api/link';
import { useSession } from '../api/session';
import { useTexts, type Key } from '../i18n';
import { LanguageMenu, ThemeButton } from './Looks';
import { UserMenu } from './UserMenu';

const PAGES = [
  { to: '/', text: 'nav.live', Icon: IconLayoutGrid },
  { to: '/events', text: 'nav.events', Icon: IconBell },
  { to: '/counts', text: 'nav.counts', Icon: IconChartBar },
  { to: '/recordings', text: 'nav.recordings', Icon: IconMovie },
  { to: '/cameras', text: 'nav.cameras', Icon: IconCamera },
  { to: '/system', text: 'nav.system', Icon: IconActivity },
] as const satisfies readonly { to: string; text: Key; Icon: unknown }[];

/** Says that the server is away, and when it is tried again; and that it is back. */
function Away() {
  const { t } = useTexts();
  const { state, known, nextTry } = useLink();
  const [now, setNow] = useState(() => Date.now());
  const away = known && state === 'away';
  useEffect(() => {
    if (!away) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [away]);
  const seconds = nextTry === undefined ? 0 : Math.max(0, Math.ceil((nextTry - now) / 1000));
  return (
    <div role="status" aria-live="polite">
      {away && (
        <Alert color="orange" icon={<IconPlugConnectedX />} title={t('link.away')} mb="md" data-testid="away">
          {seconds > 0 ? t('link.again', { seconds }) : t('link.now')}
        </Alert>
      )}
    </div>
  );
}

export function Shell() {
  const { t } = useTexts();
  const [opened, { toggle, close }] = useDisclosure();
  const { everything } = useSession();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const active = (to: string) => (to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`));
  return (
    <>
      <a className="skip" href="#main">{t('skip')}</a>
      <AppShell
        header={{ height: 52 }}
        navbar={{ width: { sm: 76, lg: 200 }, breakpoint: 'sm', collapsed: { mobile: !opened } }}
        padding={{ base: 'sm', sm: 'md' }}
      >
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
              <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('menu')} aria-expanded={opened} />
              <Link to="/" style={{ display: 'flex', alignItems: 'center', gap: 8, textDecoration: 'none', color: 'inherit' }}>
                <img src="/omma.svg" alt="" width={28} height={28} />
                <Text fw={700} size="lg">Omma</Text>
              </Link>
            </Group>
            <Group gap={4} wrap="nowrap">
              <LanguageMenu />
              <ThemeButton />
              <UserMenu />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" aria-label={t('nav')}>
          {PAGES.filter(({ to }) => everything || to !== '/system').map(({ to, text, Icon }) => (
            <Tooltip key={to} label={t(text)} position="right" events={{ hover: true, focus: true, touch: false }} hiddenFrom="lg">
              <NavLink
                component={Link}
                to={to}
                label={t(text)}
                leftSection={<Icon size={22} stroke={1.6} />}
                active={active(to)}
                aria-current={active(to) ? 'page' : undefined}
                onClick={close}
                className="nav"
                mb={4}
              />
            </Tooltip>
          ))}
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1}>
          <Away />
          <Outlet />
        </AppShell.Main>
      </AppShell>
    </>
  );
}
