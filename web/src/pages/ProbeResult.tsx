// What a look at an address has shown: its first picture, what it sends and what to mend, or why
// there is nothing.

import { Alert, Badge, Group, List, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { Schemas } from '../api/client';
import { useTexts } from '../i18n';
import { formatBitrate, formatDuration, formatNumber } from '../lib/format';

type Probe = Schemas['Probe'];

export function ProbeResult({ probe }: { probe: Probe }) {
  const { t, language } = useTexts();
  const { online, error, video, audio, findings, picture } = probe;
  const facts = video && [
    `${video.codec.toUpperCase()}${video.width && video.height ? ` ${video.width} × ${video.height}` : ''}`,
    ...(video.fps ? [`${formatNumber(video.fps, language, 1)} fps`] : []),
    formatBitrate(video.bitrate, language),
    t('probe.keyframes', { time: `${video.keyframe_at_least ? '> ' : ''}${formatDuration(video.keyframe_interval_ms, language)}` }),
    ...(audio ? [audio.codec.toUpperCase()] : []),
  ].join(' · ');
  return (
    <Stack gap="xs" data-testid="probe" data-online={online}>
      {error && (
        <Alert color="orange" icon={<IconAlertTriangle />} title={t('probe.failed')} role="alert">
          <Text size="sm">{error.message}</Text>
          {error.hint && <Text size="sm" c="dimmed">{error.hint}</Text>}
        </Alert>
      )}
      {picture && <img src={`data:image/jpeg;base64,${picture}`} alt={t('probe.picture')} style={{ width: '100%', maxHeight: 320, objectFit: 'contain', background: '#000', borderRadius: 8 }} />}
      {facts && <Text size="sm">{facts}</Text>}
      {findings.length > 0 && (
        <List size="sm" spacing={4}>
          {findings.map(({ level, message, hint }) => (
            <List.Item key={message}>
              <Group gap={6} wrap="nowrap" align="start">
                {level === 'warn' && <Badge size="xs" color="#b03d08" tt="none" mt={3}>{t('level.warn')}</Badge>}
                <span>{message}{hint && <Text size="xs" c="dimmed">{hint}</Text>}</span>
              </Group>
            </List.Item>
          ))}
        </List>
      )}
    </Stack>
  );
}
