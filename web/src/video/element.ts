// What drivers that play in a `video` element have in common.

import { fill, type Moment, type Stage } from './driver';

/** A silent element that plays at once, and tells of each picture that it shows. */
export function videoElement(stage: Stage, momentOf: (time: number, picture?: VideoFrameCallbackMetadata) => Moment | undefined): HTMLVideoElement {
  const video = fill(document.createElement('video'));
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  stage.root.append(video);
  const shown = (_now: number, picture: VideoFrameCallbackMetadata) => {
    if (stage.signal.aborted) return;
    stage.picture(picture.width, picture.height, momentOf(picture.mediaTime, picture));
    video.requestVideoFrameCallback(shown);
  };
  if ('requestVideoFrameCallback' in video) {
    video.requestVideoFrameCallback(shown);
  } else {
    (video as HTMLVideoElement).addEventListener('timeupdate', function told(this: HTMLVideoElement) {
      stage.picture(this.videoWidth, this.videoHeight, momentOf(this.currentTime));
    });
  }
  stage.signal.addEventListener('abort', () => {
    video.removeAttribute('src');
    video.srcObject = null;
    video.remove();
  }, { once: true });
  return video;
}
