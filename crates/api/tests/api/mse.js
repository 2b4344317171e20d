// Plays films as the portal does: near the newest picture, a little faster where it is behind.
const video = document.createElement("video");
video.muted = true;
document.body.append(video);
const media = new MediaSource();
video.src = URL.createObjectURL(media);
await new Promise(done => media.addEventListener("sourceopen", done, { once: true }));
const socket = new WebSocket(`ws://${location.host}/api/v1/cameras/street/mse`);
socket.binaryType = "arraybuffer";
const waiting = [];
let buffer;
const feed = () => {
    if (!buffer || buffer.updating) return;
    const { buffered } = buffer;
    if (buffered.length) {
        const end = buffered.end(buffered.length - 1), behind = end - video.currentTime;
        if (behind > 1.5) video.currentTime = end - 0.25;
        if (behind > 0.4 || behind < 0.25) video.playbackRate = behind > 0.4 ? 1.1 : 1;
        if (video.currentTime - buffered.start(0) > 20) {
            buffer.remove(buffered.start(0), video.currentTime - 10);
            return;
        }
    }
    if (waiting.length) buffer.appendBuffer(waiting.shift());
};
socket.onmessage = ({ data }) => {
    if (typeof data !== "string") { waiting.push(data); feed(); return; }
    if (buffer) return;
    buffer = media.addSourceBuffer(JSON.parse(data).mime);
    buffer.addEventListener("updateend", () => { if (video.paused) video.play(); feed(); });
};
