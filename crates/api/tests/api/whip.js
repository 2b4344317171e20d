// Sends the browser's own camera, as the portal's page does. `camera` is set in front of it.
const capabilities = RTCRtpSender.getCapabilities("video").codecs;
const wanted = capabilities.filter(({ mimeType }) => mimeType === "video/H264");
if (!wanted.length) return { h264: false, codecs: capabilities.map(({ mimeType }) => mimeType) };
const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } });
const peer = new RTCPeerConnection();
const transceiver = peer.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly" });
transceiver.setCodecPreferences(wanted);
await peer.setLocalDescription();
await new Promise(done => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 1000);
});
const answer = await fetch(`/api/v1/cameras/${camera}/whip`, {
    method: "POST", headers: { "content-type": "application/sdp" }, body: peer.localDescription.sdp,
});
const text = await answer.text();
if (answer.status !== 201) return { status: answer.status, text };
await peer.setRemoteDescription({ type: "answer", sdp: text });
// Kept, or the browser would throw it away.
window.sender = peer;
return { status: answer.status, place: answer.headers.get("location") };
