// The film of one camera among those that play in step.

import { Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useTexts } from '../i18n';
import type { Footage } from './clock';
import { useReason } from '../ui/reason';
import { FilmError, Follower, type Showing } from './follower';
import classes from './Screen.module.css';

interface Props {
  camera: string;
  footage: readonly Footage[];
  attach: (camera: string, follower: Follower) => () => void;
  /** Its name is shown where there are others. */
  named: boolean;
}

export function Screen({ camera, footage, attach, named }: Props) {
  const { t } = useTexts();
  const video = useRef<HTMLVideoElement>(null);
  const follower = useRef<Follower>(undefined);
  const latest = useRef(footage);
  const [{ showing, error }, setShowing] = useState<{ showing: Showing; error?: Error }>({ showing: 'gap' });
  useEffect(() => {
    if (!video.current) return undefined;
    const current = new Follower(video.current, camera, (what, why) => setShowing({ showing: what, error: why }));
    current.have(latest.current);
    follower.current = current;
    return attach(camera, current);
  }, [camera, attach]);
  useEffect(() => {
    latest.current = footage;
    follower.current?.have(footage);
  }, [footage]);
  const reason = useReason();
  const failure = error instanceof FilmError ? t(error.brokeOff ? 'video.ended' : 'event.broken') : error && reason(error);
  const words = showing === 'gap' ? t('step.gap') : showing === 'loading' ? t('loading') : failure;
  return (
    <div className={classes.screen} data-testid={`screen-${camera}`} data-showing={showing}>
      <video ref={video} className={classes.film} data-gap={showing === 'gap' || showing === 'failed' || undefined} muted playsInline preload="auto" aria-label={t('step.film', { camera })} data-testid="film" />
      {named && <span className={classes.name}>{camera}</span>}
      {showing !== 'film' && <Text size="sm" className={classes.words}>{words}</Text>}
    </div>
  );
}
