// How a camera was recorded before somebody switched that off: switching it on again means the same.

export interface Modes {
  getItem: (key: string) => string | null;
  setItem: (key: string, value: string) => void;
}

const key = (camera: string) => `omma-record-${camera}`;

/** The mode that the switch leads to, from the one that holds. */
export function switched(modes: () => Modes, camera: string, mode: string | null | undefined, on: boolean): string {
  try {
    if (on) return modes().getItem(key(camera)) === 'events' ? 'events' : 'always';
    if (mode && mode !== 'off') modes().setItem(key(camera), mode);
  } catch {
    // Without storage it is not remembered.
  }
  return on ? 'always' : 'off';
}
