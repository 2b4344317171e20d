// Plays the footage of several cameras in step: one moment for all of them, which waits for those
// that load.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSession } from '../api/session';
import { playableFrom } from '../lib/timeline';
import { advance, together, type Footage } from './clock';
import type { Follower } from './follower';

/** A page that was asleep does not leap. */
const LONGEST_STEP = 250;
/** What is said of the moment, in words and on the timeline, need not change with each picture. */
const TELL_EVERY = 100;

export function usePlayback(footage: ReadonlyMap<string, readonly Footage[]>, begin: number) {
  // Behind the log-in every piece of footage would be refused.
  const { ended } = useSession();
  const [at, setAt] = useState(begin);
  const [playing, setPlaying] = useState(true);
  const [speed, setSpeed] = useState(1);
  const followers = useRef(new Map<string, Follower>());
  const moment = useRef(begin);
  const all = useMemo(() => together([...footage.values()]), [footage]);
  const now = useRef({ all, playing, speed, ended });
  useEffect(() => {
    now.current = { all, playing, speed, ended };
    if (ended) for (const follower of followers.current.values()) follower.hold();
  }, [all, playing, speed, ended]);
  useEffect(() => {
    for (const [camera, own] of footage) followers.current.get(camera)?.have(own);
  }, [footage]);

  useEffect(() => {
    let frame = 0;
    let last: number | undefined;
    let told = 0;
    const run = (time: number) => {
      const elapsed = Math.min(LONGEST_STEP, time - (last ?? time));
      last = time;
      const { all: ranges, playing: plays, speed: rate, ended: out } = now.current;
      let ready = !out;
      if (!out) for (const follower of followers.current.values()) ready = follower.follow(moment.current, rate, plays, time) && ready;
      if (plays && ready && ranges.length > 0) {
        const next = advance(moment.current, elapsed, rate, ranges);
        if (next === undefined) setPlaying(false);
        else moment.current = next;
      }
      if (time - told >= TELL_EVERY) {
        told = time;
        setAt(moment.current);
      }
      frame = requestAnimationFrame(run);
    };
    frame = requestAnimationFrame(run);
    return () => cancelAnimationFrame(frame);
  }, []);

  /** To this moment, or to where footage goes on after it. */
  const seek = useCallback((time: number) => {
    moment.current = playableFrom(now.current.all, time) ?? time;
    setAt(moment.current);
  }, []);
  const attach = useCallback((camera: string, follower: Follower) => {
    followers.current.set(camera, follower);
    return () => {
      followers.current.delete(camera);
      follower.stop();
    };
  }, []);
  return { at, playing, setPlaying, speed, setSpeed, seek, attach, all };
}
