// Asks what the lines and zones as they are drawn now would have counted, a moment after each
// change, so that dragging does not ask with each pixel.

import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask } from '../api/client';
import type { Draft } from './draft';
import { BACK, question, type Back } from './preview';

const PAUSE = 350;

export function usePreview(camera: string, draft: Draft | undefined) {
  const [back, setBack] = useState<Back>('1h');
  const [settled] = useDebouncedValue(draft, PAUSE);
  const answer = useQuery({
    queryKey: ['preview', camera, back, settled],
    queryFn: ({ signal }) => {
      const to = Date.now();
      const body = question(settled ?? { lines: {}, zones: {} }, { from: to - BACK[back], to });
      return ask(api.POST('/api/v1/cameras/{name}/preview', { params: { path: { name: camera } }, body, signal }));
    },
    enabled: draft !== undefined && settled !== undefined &&
      Object.keys(settled.lines).length + Object.keys(settled.zones).length > 0,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  return { back, setBack, answer, pending: answer.isFetching || settled !== draft };
}

export type PreviewState = ReturnType<typeof usePreview>;
