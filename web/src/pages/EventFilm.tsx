// The footage or the picture of an event, with the way that somebody took and the box in which it
// was seen drawn onto it.

import { SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { fetchRaw, type Camera, type OmmaEvent } from '../api/client';
import { camerasQuery } from '../api/queries';
import { useTexts } from '../i18n';
import { placeAt } from '../lib/way';
import { Ways } from '../overlay/Ways';
import ways from '../overlay/Ways.module.css';
import classes from './Events.module.css';

/** It begins so long before what happened. */
const BEFORE = 3000;
/** The box is shown so long around it. */
const AROUND = 400;

type Shape = Camera['lines'][number] | Camera['zones'][number] | undefined;

/** The line or zone of an event, as it lies now. */
function useShape(event: OmmaEvent): Shape {
  const cameras = useQuery(camerasQuery);
  const camera = cameras.data?.find(({ name }) => name === event.camera);
  return camera && [...camera.lines, ...camera.zones].find(({ name }) => name === event.rule);
}

/** When the first picture of a clip was taken. */
function useZero(clip: string): number | undefined {
  const [zero, setZero] = useState<number>();
  useEffect(() => {
    const asking = new AbortController();
    fetchRaw(clip, { method: 'HEAD', signal: asking.signal })
      .then((response) => setZero(Number(response.headers.get('x-omma-time-ms')) || undefined))
      // Without it the footage plays all the same; its own error says more than this one.
      .catch(() => undefined);
    return () => asking.abort();
  }, [clip]);
  return zero;
}

function Clip({ event, clip, shape }: { event: OmmaEvent; clip: string; shape: Shape }) {
  const { t } = useTexts();
  const [broken, setBroken] = useState(false);
  const [aspect, setAspect] = useState(16 / 9);
  const video = useRef<HTMLVideoElement>(null);
  const dot = useRef<SVGPathElement>(null);
  const box = useRef<SVGRectElement>(null);
  const zero = useZero(clip);

  useEffect(() => {
    const target = video.current;
    if (!target || zero === undefined) return undefined;
    const begin = () => {
      target.currentTime = Math.max(0, (event.time_ms - zero - BEFORE) / 1000);
    };
    if (target.readyState > 0) begin();
    else target.addEventListener('loadedmetadata', begin, { once: true });
    let frame = 0;
    const follow = () => {
      const now = zero + target.currentTime * 1000;
      const place = placeAt(event, now);
      if (dot.current) dot.current.setAttribute('d', place ? `M${place.x} ${place.y}h0` : '');
      if (box.current) box.current.style.display = Math.abs(now - event.time_ms) <= AROUND ? '' : 'none';
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => {
      target.removeEventListener('loadedmetadata', begin);
      cancelAnimationFrame(frame);
    };
  }, [zero, event]);

  if (broken) return <Text size="sm" c="dimmed">{t('event.broken')}</Text>;
  return (
    <div className={classes.stage} style={{ aspectRatio: aspect, maxWidth: `calc(60dvh * ${aspect})` }}>
      {/* Footage of cameras has no spoken words of which there would be a written form. */}
      <video
        ref={video}
        className={classes.whole}
        src={clip}
        controls
        autoPlay
        muted
        playsInline
        loop
        data-testid="clip"
        onLoadedMetadata={({ currentTarget: { videoWidth, videoHeight } }) => videoHeight > 0 && setAspect(videoWidth / videoHeight)}
        onError={() => setBroken(true)}
      />
      <Ways events={[event]} rule={undefined} shape={shape} />
      <svg className={ways.ways} viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {event.box && <rect ref={box} className={ways.box} x={event.box.left} y={event.box.top} width={event.box.width} height={event.box.height} style={{ display: 'none' }} />}
        <path ref={dot} className={ways.here} />
      </svg>
    </div>
  );
}

function Picture({ event, snapshot, shape }: { event: OmmaEvent; snapshot: string; shape: Shape }) {
  const { t } = useTexts();
  const [aspect, setAspect] = useState(16 / 9);
  return (
    <div className={classes.stage} style={{ aspectRatio: aspect, maxWidth: `calc(60dvh * ${aspect})` }}>
      <img
        className={classes.whole}
        src={snapshot}
        alt={t('event.picture')}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => naturalHeight > 0 && setAspect(naturalWidth / naturalHeight)}
      />
      <Ways events={[event]} rule={undefined} shape={shape} />
    </div>
  );
}

export function EventFilm({ event }: { event: OmmaEvent }) {
  const { t } = useTexts();
  const { clip, snapshot } = event;
  const shape = useShape(event);
  const [view, setView] = useState<'clip' | 'picture'>(clip ? 'clip' : 'picture');
  if (!clip && !snapshot) return <Text c="dimmed">{t('event.nothing')}</Text>;
  return (
    <Stack gap="xs">
      {clip && snapshot && (
        <SegmentedControl size="xs" aria-label={t('event.view')} value={view} onChange={(value) => setView(value)} data={[{ value: 'clip', label: t('event.clip') }, { value: 'picture', label: t('event.picture') }]} />
      )}
      {view === 'clip' && clip ? <Clip event={event} clip={clip} shape={shape} /> : <Picture event={event} snapshot={snapshot ?? ''} shape={shape} />}
    </Stack>
  );
}
