import { describe, expect, it } from 'vitest';
import type { Analysis } from '../api/client';
import { AnalysisHistory } from './history';

function analysis(timeMs: number, left: number, ids = ['1']): Analysis {
  const box = { left, top: 0.2, width: 0.1, height: 0.4 };
  return {
    camera: 'door',
    frame: { seq: 0, width: 64, height: 48, media_ms: timeMs - 700, time: '', time_ms: timeMs, time_source: 'arrival' },
    detections: [],
    timings_ms: {},
    tracks: ids.map((id) => ({ id, class: 'person', score: 0.9, state: 'confirmed', box })),
  };
}

const wall = (ms: number) => ({ clock: 'wall', ms }) as const;

describe('the analyses of a camera', () => {
  it('are found by the time of the picture', () => {
    const history = new AnalysisHistory();
    history.add(analysis(1000, 0.1));
    history.add(analysis(1200, 0.3));
    expect(history.at(wall(1000)).tracks[0]?.box.left).toBe(0.1);
    expect(history.at(wall(1100)).tracks[0]?.box.left).toBeCloseTo(0.2);
    expect(history.at(wall(1200)).tracks[0]?.box.left).toBe(0.3);
    expect(history.at({ clock: 'media', ms: 400 }).tracks[0]?.box.left).toBeCloseTo(0.2);
    expect(history.at(undefined).tracks[0]?.box.left).toBe(0.3);
  });

  it('say nothing about pictures long before or after them', () => {
    const history = new AnalysisHistory();
    history.add(analysis(5000, 0.1));
    expect(history.at(wall(4000)).tracks).toEqual([]);
    expect(history.at(wall(9000)).tracks).toEqual([]);
  });

  it('give each thing its way', () => {
    const history = new AnalysisHistory();
    history.add(analysis(1000, 0.1));
    history.add(analysis(1200, 0.3));
    expect(history.at(wall(1200)).tails.get('1')?.map(([x]) => Number(x.toFixed(2)))).toEqual([0.15, 0.35, 0.35]);
  });

  it('tell whether it is worth waiting for one', () => {
    const history = new AnalysisHistory();
    expect(history.covers(wall(1000))).toBe(true);
    history.add(analysis(1000, 0.1));
    expect(history.covers(wall(1000))).toBe(true);
    expect(history.covers(wall(1100))).toBe(false);
    expect(history.covers(wall(9000))).toBe(true);
  });

  it('begin anew when the clock goes back, and are forgotten', () => {
    const history = new AnalysisHistory();
    for (let time = 0; time < 60_000; time += 100) history.add(analysis(time, 0.1));
    expect(history.at(wall(59_900)).tails.get('1')?.length).toBeLessThan(100);
    history.add(analysis(10, 0.5));
    expect(history.at(wall(10)).tails.get('1')).toHaveLength(2);
  });
});
