// The last analyses of a camera, to find the one that belongs to the picture on the screen. Pure.

import type { Analysis, Track } from '../api/client';
import type { Moment } from '../video/driver';

/** As many seconds are remembered: pictures are never shown that late, tails are that long. */
const KEPT_MS = 8000;
/** An analysis that is older than this says nothing about a picture. */
const STALE_MS = 1500;

export interface Scene {
  tracks: Track[];
  /** Where each track was, oldest point first, by the track's id. */
  tails: Map<string, [x: number, y: number][]>;
}

type Box = Track['box'];

function between(a: Box, b: Box, part: number): Box {
  const mix = (from: number, to: number) => from + (to - from) * part;
  return { left: mix(a.left, b.left), top: mix(a.top, b.top), width: mix(a.width, b.width), height: mix(a.height, b.height) };
}

function timeOf({ frame }: Analysis, clock: Moment['clock']): number {
  return clock === 'media' ? frame.media_ms : frame.time_ms;
}

export class AnalysisHistory {
  private list: Analysis[] = [];

  add(analysis: Analysis): void {
    const time = analysis.frame.time_ms;
    const newest = this.newest?.frame.time_ms;
    // A clock that was set back, or a camera that began anew: what was before says nothing.
    if (newest !== undefined && time < newest) this.list = [];
    this.list.push(analysis);
    const keep = this.list.findIndex((old) => time - old.frame.time_ms <= KEPT_MS);
    if (keep > 0) this.list.splice(0, keep);
  }

  get newest(): Analysis | undefined {
    return this.list.at(-1);
  }

  /** Whether what is to be seen at this moment is known, or can't come any more. */
  covers({ clock, ms }: Moment): boolean {
    if (!this.newest) return true;
    const newest = timeOf(this.newest, clock);
    return newest >= ms || ms - newest > STALE_MS;
  }

  /**
   * What is to be seen on the picture of this moment; on the newest there is, where none is given.
   * Between two analyses, things that are in both have moved on evenly.
   */
  at(moment: Moment | undefined): Scene {
    const newest = this.newest;
    if (!newest) return { tracks: [], tails: new Map() };
    const { clock, ms } = moment ?? { clock: 'wall', ms: newest.frame.time_ms };
    const index = this.list.findLastIndex((analysis) => timeOf(analysis, clock) <= ms);
    const before = this.list[index];
    if (!before || ms - timeOf(before, clock) > STALE_MS) return { tracks: [], tails: new Map() };
    const after = this.list[index + 1];
    const gap = after ? timeOf(after, clock) - timeOf(before, clock) : 0;
    const part = after && gap > 0 && gap <= STALE_MS ? (ms - timeOf(before, clock)) / gap : 0;
    const tracks = before.tracks.map((track) => {
      const later = part > 0 ? after?.tracks.find(({ id }) => id === track.id) : undefined;
      return later ? { ...track, box: between(track.box, later.box, part) } : track;
    });
    return { tracks, tails: this.tails(tracks, index) };
  }

  private tails(tracks: readonly Track[], until: number): Scene['tails'] {
    const tails: Scene['tails'] = new Map(tracks.map(({ id }) => [id, []]));
    const foot = ({ left, top, width, height }: Box): [number, number] => [left + width / 2, top + height];
    for (const analysis of this.list.slice(0, until + 1)) {
      for (const { id, box } of analysis.tracks) tails.get(id)?.push(foot(box));
    }
    for (const { id, box } of tracks) tails.get(id)?.push(foot(box));
    return tails;
  }
}
