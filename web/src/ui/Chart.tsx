// Values over time. The chart is for those who see; the table beneath says the same.

import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { useTexts } from '../i18n';
import { formatNumber, formatTicks, formatTime, type Style } from '../lib/format';

export interface Curve {
  label: string;
  values: (number | null)[];
  color: 'first' | 'second' | 'third' | 'fourth' | 'fifth' | 'sixth';
  /** What it is compared with is drawn dashed. */
  dashed?: boolean;
}

const PAINTS: Record<'light' | 'dark', Record<Curve['color'], string>> = {
  light: { first: '#0b7285', second: '#d9480f', third: '#862e9c', fourth: '#2b8a3e', fifth: '#1864ab', sixth: '#a61e4d' },
  dark: { first: '#3bc9db', second: '#ff922b', third: '#da77f2', fourth: '#8ce99a', fifth: '#74c0fc', sixth: '#faa2c1' },
};

/** What is counted is whole. */
const WHOLE = [1, 2, 5].flatMap((digit) => [digit, digit * 10, digit * 100, digit * 1000, digit * 10_000, digit * 100_000]).sort((a, b) => a - b);

interface Props {
  label: string;
  starts: number[];
  curves: Curve[];
  timeStyle: Style;
  format?: (value: number) => string;
  height?: number;
}

export function Chart({ label, starts, curves, timeStyle, format, height = 260 }: Props) {
  const { t, language } = useTexts();
  const timeLabel = t('time');
  const { ref: sized, width } = useElementSize();
  const holder = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme('light') === 'dark';
  useEffect(() => {
    if (!holder.current || width === 0) return undefined;
    const paints = PAINTS[dark ? 'dark' : 'light'];
    const ink = dark ? '#c1c7cd' : '#495057';
    const grid = { stroke: dark ? '#43484e' : '#e3e6e9', width: 1 };
    const number = format ?? ((value: number) => formatNumber(value, language, 1));
    const axis = { stroke: ink, grid, ticks: grid, font: '12px system-ui' };
    const stepped = uPlot.paths.stepped?.({ align: 1 });
    const chart = new uPlot({
      width,
      height,
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_chart, _low, high) => [0, Math.max(1, (high || 1) * 1.08)] } },
      axes: [
        { ...axis, values: (_chart, at) => formatTicks(at.map((time) => time * 1000), timeStyle, language), space: timeStyle === 'month' ? 130 : 100 },
        { ...axis, size: 62, incrs: format ? undefined : WHOLE, values: (_chart, at) => at.map((value) => number(value)) },
      ],
      series: [
        { label: timeLabel, value: (_chart, time) => (time ? formatTime(time * 1000, 'full', language) : '–') },
        ...curves.map((curve): uPlot.Series => ({
          label: curve.label,
          stroke: paints[curve.color],
          fill: curve.dashed ? undefined : `${paints[curve.color]}18`,
          width: 2,
          dash: curve.dashed ? [6, 4] : undefined,
          paths: stepped,
          points: { show: false },
          value: (_chart, value: number | null) => (value === null ? '–' : number(value)),
        })),
      ],
    }, [starts.map((start) => start / 1000), ...curves.map((curve) => curve.values)], holder.current);
    return () => chart.destroy();
  }, [starts, curves, width, height, dark, language, timeLabel, timeStyle, format]);
  return (
    <div ref={sized} style={{ minHeight: height }}>
      <div ref={holder} role="img" aria-label={label} />
    </div>
  );
}
