// A WHEP player as the portal has one, and a reader of the clock in the simulated camera's picture.
// `camera` and `kinds` (of media) are set in front of it.
const peer = new RTCPeerConnection();
const video = document.createElement("video");
video.muted = true;
video.autoplay = true;
document.body.append(video);
for (const kind of kinds) {
    const { receiver } = peer.addTransceiver(kind, { direction: "recvonly" });
    receiver.jitterBufferTarget = 0;
}
const timings = new Map();
let told = 0;
const channel = peer.createDataChannel("timing", { ordered: false, maxRetransmits: 0 });
channel.onmessage = ({ data }) => {
    const timing = JSON.parse(data);
    timings.set(timing.rtp, timing);
    told += 1;
    if (timings.size > 500) timings.delete(timings.keys().next().value);
};
const stream = new MediaStream();
peer.ontrack = ({ track }) => { stream.addTrack(track); video.srcObject = stream; };
await peer.setLocalDescription();
await new Promise(done => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 1000);
});
const answer = await fetch(`/api/v1/cameras/${camera}/whep`, {
    method: "POST", headers: { "content-type": "application/sdp" }, body: peer.localDescription.sdp,
});
const text = await answer.text();
const place = answer.headers.get("location");
if (answer.status !== 201) return { status: answer.status, text };
await peer.setRemoteDescription({ type: "answer", sdp: text });
