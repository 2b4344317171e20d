// The timeline of recordings: for each camera its footage, gaps, events and when somebody was there,
// and the moment that all of them show. Dragged and zoomed with the mouse, two fingers or the
// keyboard.

import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useTexts } from '../i18n';
import { formatTime } from '../lib/format';
import { marks, shift, toPixel, toTime, zoom } from '../lib/timeline';
import { DAY, HOUR, MINUTE, SECOND, type Span } from '../lib/time';

const TOP = 24;
const BOTTOM = 20;
/** How high a camera's row is: alone, and among others. */
const ALONE = 48;
const AMONG = 30;
const BETWEEN = 4;
/** A press that moves less than this many pixels is a click. */
const CLICK = 5;

export interface TimelineRow {
  camera: string;
  ranges: readonly { from_ms: number; to_ms: number; bytes?: number }[];
  events: readonly number[];
  /** When somebody or something was followed in the picture. */
  busy: readonly Span[];
}

interface Props {
  view: Span;
  setView: (view: Span) => void;
  rows: readonly TimelineRow[];
  selection: Span | undefined;
  at: number;
  seek: (time: number) => void;
}

export function Timeline({ view, setView, rows, selection, at, seek }: Props) {
  const { t, language } = useTexts();
  const dark = useComputedColorScheme('light') === 'dark';
  const { ref: sized, width } = useElementSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const high = rows.length > 1 ? AMONG : ALONE;
  const height = TOP + BOTTOM + rows.length * (high + BETWEEN);
  const press = useRef<{ x: number; view: Span; moved: boolean }>(undefined);

  useEffect(() => {
    const target = canvas.current;
    const context = target?.getContext('2d');
    if (!target || !context || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(target, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const place = (time: number) => toPixel(view, width, time);
    const foot = height - BOTTOM - BETWEEN;
    rows.forEach((row, index) => {
      const top = TOP + index * (high + BETWEEN);
      const bar = (span: Span, y: number, tall: number, least: number) => {
        const [from, to] = [place(span.from), place(span.to)];
        if (to >= 0 && from <= width) context.fillRect(from, y, Math.max(least, to - from), tall);
      };
      context.fillStyle = dark ? '#1d2126' : '#eceff2';
      context.fillRect(0, top, width, high);
      context.fillStyle = dark ? '#12727f' : '#3bb1bf';
      for (const range of row.ranges) bar({ from: range.from_ms, to: range.to_ms }, top, high, 1);
      context.fillStyle = dark ? '#8ce99a' : '#1b5e2b';
      for (const span of row.busy) bar(span, top, 5, 1);
      context.fillStyle = dark ? '#ffd43b' : '#a61e4d';
      for (const time of row.events) context.fillRect(place(time) - 1, top + high - 13, 2, 13);
    });
    if (selection) {
      context.fillStyle = 'rgb(240 140 0 / 40%)';
      context.fillRect(place(selection.from), TOP, place(selection.to) - place(selection.from), foot - TOP);
    }
    const { times, distance } = marks(view, width, 84);
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    for (const time of times) {
      context.fillStyle = dark ? '#3a4149' : '#c3c9cf';
      context.fillRect(place(time), 18, 1, 6);
      context.fillStyle = dark ? '#c1c7cd' : '#495057';
      context.fillText(formatTime(time, distance >= DAY ? 'day' : distance < MINUTE ? 'seconds' : 'time', language), place(time), 13);
    }
    context.fillStyle = '#e03131';
    context.fillRect(place(at) - 1, 20, 2, foot - 16);
    context.textAlign = 'left';
    if (rows.length > 1) {
      rows.forEach((row, index) => {
        const y = TOP + index * (high + BETWEEN);
        const wide = context.measureText(row.camera).width + 8;
        context.fillStyle = dark ? 'rgb(0 0 0 / 65%)' : 'rgb(255 255 255 / 80%)';
        context.fillRect(2, y + 7, wide, 17);
        context.fillStyle = dark ? '#f1f3f5' : '#212529';
        context.fillText(row.camera, 6, y + 20);
      });
    }
    context.fillStyle = dark ? '#c1c7cd' : '#495057';
    context.fillText(formatTime((view.from + view.to) / 2, 'day', language), 2, height - 4);
  }, [view, width, height, high, rows, selection, at, dark, language]);

  // Attached by hand: a wheel that zooms must not scroll the page, which React's way can't prevent.
  useEffect(() => {
    const target = canvas.current;
    if (!target) return undefined;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const by = sideways ? event.deltaX || event.deltaY : event.deltaY;
      if (sideways) setView(shift(view, (by / Math.max(1, width)) * (view.to - view.from)));
      else setView(zoom(view, 1.0015 ** by, toTime(view, width, event.offsetX)));
    };
    target.addEventListener('wheel', wheel, { passive: false });
    return () => target.removeEventListener('wheel', wheel);
  }, [view, width, setView]);

  const down = (event: PointerEvent<HTMLCanvasElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    press.current = { x: event.clientX, view, moved: false };
  };
  const move = (event: PointerEvent<HTMLCanvasElement>) => {
    const begun = press.current;
    if (!begun) return;
    const by = event.clientX - begun.x;
    if (Math.abs(by) > CLICK) begun.moved = true;
    if (begun.moved) setView(shift(begun.view, (-by / Math.max(1, width)) * (begun.view.to - begun.view.from)));
  };
  const up = (event: PointerEvent<HTMLCanvasElement>) => {
    const clicked = press.current?.moved === false;
    press.current = undefined;
    if (clicked) seek(toTime(view, width, event.clientX - event.currentTarget.getBoundingClientRect().left));
  };
  const keys = (event: KeyboardEvent) => {
    const large = event.shiftKey ? 10 : 1;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => seek(at - 5 * SECOND * large),
      ArrowRight: () => seek(at + 5 * SECOND * large),
      PageUp: () => seek(at - HOUR),
      PageDown: () => seek(at + HOUR),
      '+': () => setView(zoom(view, 0.5, at)),
      '-': () => setView(zoom(view, 2, at)),
    };
    const act = moves[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  return (
    <div ref={sized}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="slider"
        aria-label={t('timeline')}
        aria-valuemin={view.from}
        aria-valuemax={view.to}
        aria-valuenow={at}
        aria-valuetext={formatTime(at, 'full', language)}
        data-testid="timeline"
        style={{ display: 'block', width: '100%', height, cursor: 'pointer', touchAction: 'pan-y' }}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onKeyDown={keys}
      />
    </div>
  );
}
