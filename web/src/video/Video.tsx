// A camera's live picture, by whichever way the browser and the server both have. What is given as
// children lies exactly on the picture. Streams only while it can be seen.

import { Badge, Text } from '@mantine/core';
import { useEffect, useImperativeHandle, useRef, useState, type ReactNode, type Ref } from 'react';
import { useSession } from '../api/session';
import { useTexts } from '../i18n';
import { fitted } from '../lib/geometry';
import type { DriverKind, Moment } from './driver';
import { Player, type PlayerState } from './player';
import classes from './Video.module.css';

const NAMES: Record<DriverKind, string> = { webrtc: 'WebRTC', mse: 'MSE', mjpeg: 'JPEG' };

/** Pictures are asked for in a few widths, so that the server encodes each only once. */
function roundWidth(pixels: number): number {
  return [320, 480, 640, 960, 1280, 1920].find((width) => width >= pixels * 0.9) ?? 1920;
}

export interface VideoHandle {
  grab: () => HTMLCanvasElement | undefined;
}

interface Props {
  camera: string;
  fps?: number;
  paused?: boolean;
  /** Another value begins anew, for instance since when the camera is online. */
  generation?: number;
  /** Width by height, as long as no picture says it. */
  aspect?: number;
  showWay?: boolean;
  /** Why there is no picture, where the camera itself says so. */
  reason?: string;
  onPicture?: (moment: Moment | undefined) => void;
  ready?: (moment: Moment) => boolean;
  children?: ReactNode;
  ref?: Ref<VideoHandle>;
}

/** Whether an element is in view, and the page too. */
function useSeen(element: React.RefObject<HTMLElement | null>): boolean {
  const [inView, setInView] = useState(false);
  const [pageSeen, setPageSeen] = useState(!document.hidden);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new IntersectionObserver(
      (entries) => setInView(entries.at(-1)?.isIntersecting ?? false),
      // Begun a little before it comes into view.
      { rootMargin: '100px' },
    );
    observer.observe(element.current);
    const look = () => setPageSeen(!document.hidden);
    document.addEventListener('visibilitychange', look);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', look);
    };
  }, [element]);
  return inView && pageSeen;
}

export function Video({ camera, fps = 15, paused = false, generation = 0, aspect: guess = 16 / 9, showWay = false, reason, onPicture, ready, children, ref }: Props) {
  const { t } = useTexts();
  const { ended } = useSession();
  const frame = useRef<HTMLDivElement>(null);
  const screen = useRef<HTMLDivElement>(null);
  const player = useRef<Player>(undefined);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [measured, setMeasured] = useState<number>();
  const [state, setState] = useState<PlayerState>();
  const seen = useSeen(frame);
  const told = useRef({ onPicture, ready });
  useEffect(() => {
    told.current = { onPicture, ready };
  });

  useEffect(() => {
    if (!frame.current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);

  // Only a change to another class of width is worth opening the stream anew.
  const wanted = roundWidth(size.width * Math.min(2, window.devicePixelRatio || 1));
  // Behind the log-in every request would be refused.
  const running = seen && size.width > 0 && !paused && !ended;
  useEffect(() => {
    if (!running || !screen.current) return undefined;
    const root = screen.current;
    const current = new Player(root, { camera, width: wanted, fps }, {
      state: setState,
      picture: (width, height, moment) => {
        setMeasured(width / height);
        told.current.onPicture?.(moment);
      },
      ready: (moment) => told.current.ready?.(moment) ?? true,
    });
    // What stood here while nothing streamed gives way with the first picture, not before.
    player.current = current;
    return () => {
      current.freeze();
      player.current = undefined;
      // Only the newest still is kept.
      while (root.childElementCount > 1) root.firstElementChild?.remove();
    };
  }, [running, camera, wanted, fps, generation]);

  useEffect(() => {
    if (state?.state !== 'playing' || !screen.current) return;
    for (const old of [...screen.current.children].slice(0, -1)) old.remove();
  }, [state]);

  useImperativeHandle(ref, () => ({ grab: () => player.current?.grab() }), []);

  const aspect = measured ?? guess;
  const box = fitted(size.width, size.height, aspect);
  const failed = state?.state === 'failed' ? (state.fault ? t(`video.${state.fault}`) : state.reason) : undefined;
  const words = reason ?? failed;
  const isPlaying = state?.state === 'playing' && !reason;
  return (
    <div ref={frame} className={classes.frame} data-testid={`video-${camera}`} data-state={state?.state ?? 'idle'} data-way={state?.kind}>
      <div ref={screen} className={classes.screen} role="img" aria-label={t('video.label', { camera })} />
      <div className={classes.over} style={box}>{children}</div>
      {!isPlaying && (!paused || reason) && (
        <div className={classes.words}>
          <Text size="sm" c="white" lineClamp={3}>{words ?? t('video.opening')}</Text>
        </div>
      )}
      {showWay && state && isPlaying && (
        <Badge className={classes.way} size="xs" color="dark" variant="filled">{NAMES[state.kind]}</Badge>
      )}
    </div>
  );
}
