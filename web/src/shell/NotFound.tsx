// Said where an address leads nowhere.

import { Stack, Text, Title } from '@mantine/core';
import { useTexts } from '../i18n';
import { LinkButton } from '../ui/links';

export function NotFound() {
  const { t } = useTexts();
  return (
    <Stack align="center" py="xl">
      <Title order={1}>{t('notFound.title')}</Title>
      <Text c="dimmed">{t('notFound.text')}</Text>
      <LinkButton to="/">{t('nav.live')}</LinkButton>
    </Stack>
  );
}
