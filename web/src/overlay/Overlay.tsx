// The canvas that lies on a camera's picture, and the analyses that are drawn onto it.

import { useEffect, useImperativeHandle, useMemo, useRef, type Ref } from 'react';
import type { Analysis, Camera } from '../api/client';
import { useSession } from '../api/session';
import { listen } from '../api/socket';
import { useTexts } from '../i18n';
import { formatPercent } from '../lib/format';
import { Pen, type Shown } from './draw';
import type { Moment } from '../video/driver';
import { AnalysisHistory } from './history';

/** The analyses of a camera as they come; `told` with each. */
export function useAnalyses(camera: string, told: (analysis: Analysis) => void): AnalysisHistory {
  // Another camera, another history.
  const history = useMemo(() => ({ camera, list: new AnalysisHistory() }), [camera]).list;
  const latest = useRef(told);
  useEffect(() => {
    latest.current = told;
  });
  const { ended } = useSession();
  useEffect(() => {
    // Nobody is let in until somebody has logged in again.
    if (ended) return undefined;
    return listen(`/api/v1/ws?kinds=analysis&cameras=${encodeURIComponent(camera)}`, (message) => {
      if (message.type !== 'analysis') return;
      history.add(message.analysis);
      latest.current(message.analysis);
    });
  }, [camera, history, ended]);
  return history;
}

export interface OverlayHandle {
  /** Draws what belongs to this picture. */
  draw: (moment: Moment | undefined) => void;
}

interface Props {
  camera: Pick<Camera, 'lines' | 'zones' | 'counts'> | undefined;
  history: AnalysisHistory;
  shown: Shown;
  ref?: Ref<OverlayHandle>;
}

export function Overlay({ camera, history, shown, ref }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { language, word } = useTexts();
  const last = useRef<Moment>(undefined);

  const draw = (moment: Moment | undefined) => {
    last.current = moment;
    const target = canvas.current;
    const context = target?.getContext('2d');
    if (!target || !context) return;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = target;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (target.width !== wide || target.height !== high) Object.assign(target, { width: wide, height: high });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const pen = new Pen(context, width, height);
    if (shown.rules && camera) pen.rules(camera);
    if (shown.boxes || shown.tails) {
      pen.scene(history.at(moment), shown, {
        className: (name) => word('class', name),
        percent: (value) => formatPercent(value, language),
      });
    }
  };
  useImperativeHandle(ref, () => ({ draw }));
  // Whatever else changes is drawn with the picture that is there.
  useEffect(() => draw(last.current));

  return <canvas ref={canvas} aria-hidden="true" style={{ position: 'absolute', inset: 0, width: '100%', height: '100%' }} />;
}
