// Which ways of showing live video the server has at all, asked once for the whole page: a wall of
// cameras would else try each way for each camera before its first picture.

import { cameraPath, send } from '../api/client';

const PATHS = { webrtc: '/whep', mse: '/mse' } as const;

let answer: Promise<readonly (keyof typeof PATHS)[]> | undefined;

/** A plain GET is refused in any case; only where there is nothing at all, with 404. */
async function isMissing(camera: string, kind: keyof typeof PATHS): Promise<boolean> {
  const response = await send(cameraPath(camera, PATHS[kind]));
  return response.status === 404;
}

/** The ways that the server does not have. `camera` must be one that it knows. */
export function missingWays(camera: string): Promise<readonly (keyof typeof PATHS)[]> {
  answer ??= Promise.all((['webrtc', 'mse'] as const).map(async (kind) => ((await isMissing(camera, kind)) ? [kind] : [])))
    .then((kinds) => kinds.flat())
    .catch(() => {
      // Nobody answered: whoever asks next asks anew, and meanwhile each way is tried.
      answer = undefined;
      return [];
    });
  return answer;
}

const hearers = new Set<() => void>();

/** Calls `hear` when what was learnt of ways no longer holds. */
export function onForget(hear: () => void): void {
  hearers.add(hear);
}

/** Forgets what was learnt of ways: another server may be there now. */
export function forgetWays(): void {
  answer = undefined;
  for (const hear of hearers) hear();
}
