// What the page that sends this device's camera can be: which pictures it asks for, and why it can
// do nothing at all. Pure.

export const SIZES = { '640x360': [640, 360], '1280x720': [1280, 720], '1920x1080': [1920, 1080] } as const;
export type Size = keyof typeof SIZES;

export type Missing = 'insecure' | 'camera' | 'webrtc';

/** What this browser lacks; nothing, if it can send. */
export function missing(has: { secure: boolean; userMedia: boolean; webrtc: boolean }): Missing | undefined {
  // Browsers hide cameras from pages that could have been changed on their way.
  if (!has.secure) return 'insecure';
  if (!has.userMedia) return 'camera';
  return has.webrtc ? undefined : 'webrtc';
}

export function isSize(text: string): text is Size {
  return text in SIZES;
}

/** What the browser is asked for: as near as the device can. */
export function wish(device: string, size: Size): MediaStreamConstraints {
  const [width, height] = SIZES[size];
  const video: MediaTrackConstraints = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 25, max: 30 } };
  // A device that is gone is no reason to show nothing.
  return { video: device === '' ? video : { ...video, deviceId: { ideal: device } }, audio: false };
}

/** Whether a camera takes what browsers send. */
export function takesPictures(source: string): boolean {
  return source.startsWith('whip:');
}

/** In the order in which they are to be tried: H.264 is what Omma takes. */
export function h264First<C extends { mimeType: string }>(codecs: readonly C[]): C[] {
  const is = ({ mimeType }: C) => mimeType.toLowerCase() === 'video/h264';
  return [...codecs.filter(is), ...codecs.filter((codec) => !is(codec))];
}
