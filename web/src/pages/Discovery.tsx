// Cameras in the networks of the server: asked for by name, and found by their open ports.

import { Badge, Button, Card, Group, Loader, Stack, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { discoverQuery } from '../api/admin';
import { useTexts } from '../i18n';
import { LinkAnchor } from '../ui/links';
import { Failed } from '../ui/States';

export function Discovery({ use }: { use: (source: string, name: string | undefined) => void }) {
  const { t } = useTexts();
  const found = useQuery(discoverQuery);
  const devices = found.data?.devices ?? [];
  return (
    <Stack gap="xs" data-testid="discovery">
      {found.isFetching && <Group gap="xs" role="status"><Loader size="xs" /><Text size="sm">{t('discover.looking')}</Text></Group>}
      {found.error && <Failed error={found.error} />}
      {found.data && devices.length === 0 && !found.isFetching && <Text size="sm" c="dimmed">{t('discover.none')}</Text>}
      {devices.map((device) => (
        <Card key={`${device.address} ${device.kind}`} padding="xs">
          <Group gap="xs" mb={4}>
            <Text size="sm" fw={600}>{device.name ?? device.address}</Text>
            {device.name && <Text size="xs" c="dimmed">{device.address}</Text>}
            <Badge size="xs" variant="default" tt="none">{device.kind === 'onvif' ? 'ONVIF' : 'RTSP'}</Badge>
            {device.known && <Text size="xs">{t('discover.known')} <LinkAnchor to="/cameras/$name" params={{ name: device.known }} size="xs">{device.known}</LinkAnchor></Text>}
          </Group>
          <Stack gap={4} align="flex-start">
            {device.sources.map((source) => (
              <Button key={source} size="compact-sm" variant="default" onClick={() => use(source, device.name ?? undefined)} styles={{ label: { whiteSpace: 'normal', overflowWrap: 'anywhere', textAlign: 'left' } }} h="auto" py={4}>{source}</Button>
            ))}
          </Stack>
        </Card>
      ))}
      {found.data?.notes.map((note) => <Text key={note} size="xs" c="dimmed">{note}</Text>)}
      {!found.isFetching && <Group><Button size="compact-sm" variant="subtle" leftSection={<IconRefresh size={14} />} onClick={() => void found.refetch()}>{t('again')}</Button></Group>}
    </Stack>
  );
}
