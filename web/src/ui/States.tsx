// What stands in place of things that are not there (yet): each says why, and what can be done.

import { Alert, Button, Center, Loader, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { ApiError } from '../api/client';
import { Conflict } from '../api/queries';
import { useTexts } from '../i18n';

export function PageLoading() {
  const { t } = useTexts();
  return <Center mih={240}><Loader aria-label={t('loading')} /></Center>;
}

export function PageFailed({ error, reset }: { error: unknown; reset?: () => void }) {
  const { t } = useTexts();
  return (
    <Failed error={error instanceof Error ? error : new Error(String(error))}>
      {reset && <Button size="xs" variant="light" onClick={reset}>{t('again')}</Button>}
    </Failed>
  );
}

export function Failed({ error, title, children }: { error: Error; title?: string; children?: React.ReactNode }) {
  const { t } = useTexts();
  const away = error instanceof ApiError && error.away;
  const denied = error instanceof ApiError && (error.status === 401 || error.status === 403);
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title={away ? t('error.away') : (title ?? t(denied ? 'error.denied' : 'error.title'))} role="alert">
      <Stack gap="xs" align="flex-start">
        {!away && <Text size="sm">{error instanceof Conflict ? t('conflict.text') : error.message}</Text>}
        {error instanceof ApiError && error.hint && <Text size="sm" c="dimmed">{error.hint}</Text>}
        {children}
      </Stack>
    </Alert>
  );
}

export function Nothing({ children }: { children: React.ReactNode }) {
  return <Center mih={160}><Stack align="center" gap="xs" c="dimmed" ta="center">{children}</Stack></Center>;
}
