// The wall: all cameras at once, as large as the screen allows. Only what is in view streams.

import { ActionIcon, Badge, Group, SegmentedControl, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { useFullscreenElement, useLocalStorage } from '@mantine/hooks';
import { IconMaximize, IconMinimize, IconUsers } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Camera } from '../api/client';
import { camerasQuery } from '../api/queries';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { PageHead } from '../ui/Page';
import { LinkAnchor } from '../ui/links';
import { State } from '../ui/State';
import { Failed, Nothing, PageLoading } from '../ui/States';
import { Video } from '../video/Video';
import classes from './Live.module.css';

const SIZES = ['s', 'm', 'l'] as const;

function Tile({ camera }: { camera: Camera }) {
  const { t } = useTexts();
  const online = camera.state === 'online';
  const { name, people, objects, recording } = camera;
  return (
    <Link to="/cameras/$name" params={{ name }} className={classes.tile} data-testid={`tile-${name}`}>
      <Video
        camera={name}
        fps={10}
        generation={camera.since_ms}
        // Of a camera that is away there is nothing to be seen but the picture that was last.
        paused={!online}
        reason={online ? undefined : camera.reason || undefined}
        aspect={camera.stream ? camera.stream.width / camera.stream.height : undefined}
      />
      <span className={classes.head}>
        <Text component="span" fw={600} size="sm" truncate c="white">{name}</Text>
        <Group component="span" gap={6} wrap="nowrap">
          {recording?.state === 'recording' && (
            <Tooltip label={t('recording.on')}><span className={classes.dot}><VisuallyHidden>{t('recording.on')}</VisuallyHidden></span></Tooltip>
          )}
          {online && camera.detector && (
            <Badge size="sm" color="dark" variant="filled" leftSection={<IconUsers size={12} aria-hidden="true" />}>
              {people > 0 ? people : objects}
              <VisuallyHidden> {t(people > 0 ? 'live.people' : 'live.objects')}</VisuallyHidden>
            </Badge>
          )}
          {!online && <State state={camera.state} />}
        </Group>
      </span>
    </Link>
  );
}

export function Live() {
  const { t } = useTexts();
  const { manage } = useSession();
  const cameras = useQuery(camerasQuery);
  const [size, setSize] = useLocalStorage<(typeof SIZES)[number]>({ key: 'omma-wall', defaultValue: 'm' });
  const { ref, toggle, fullscreen } = useFullscreenElement();
  if (cameras.isPending) return <PageLoading />;
  if (!cameras.data) return <Failed error={cameras.error} />;
  const label = t(fullscreen ? 'live.smaller' : 'live.fullscreen');
  return (
    <>
      <PageHead title={t('nav.live')}>
        <SegmentedControl
          size="xs"
          aria-label={t('live.size')}
          value={size}
          onChange={(value) => setSize(value)}
          data={SIZES.map((value) => ({ value, label: t(`live.size.${value}`) }))}
        />
        <Tooltip label={label}>
          <ActionIcon aria-label={label} onClick={() => void toggle()}>
            {fullscreen ? <IconMinimize size={20} /> : <IconMaximize size={20} />}
          </ActionIcon>
        </Tooltip>
      </PageHead>
      {cameras.data.length === 0 && (
        <Nothing>
          <Text>{t('live.none')}</Text>
          {manage && <LinkAnchor to="/cameras">{t('cameras.add')}</LinkAnchor>}
        </Nothing>
      )}
      <div ref={ref} className={classes.wall} data-size={size} data-full={fullscreen || undefined}>
        {cameras.data.map((camera) => <Tile key={camera.name} camera={camera} />)}
      </div>
    </>
  );
}
