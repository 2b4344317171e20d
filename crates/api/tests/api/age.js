// Looks at `video` for `lasts` ms: what was seen, and by the clock in the picture how old it was.
const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
const readStamp = () => {
    const { width, height } = canvas;
    const row = context.getImageData(0, Math.floor(height / 32), width, 1).data;
    let bits = 0;
    for (let field = 0; field < 32; field++) {
        const x = Math.floor((2 * field + 1) * width / 64);
        bits = (bits * 2 + (row[4 * x + 1] > 125 ? 1 : 0)) % 4294967296;
    }
    return bits;
};
const ages = [], seen = new Set(), sums = new Set(), start = performance.now();
// Those shown since the first word of times, and those of them whose time was told.
let known = 0, exact = 0, frames = 0;
const lags = [];
while (performance.now() - start < lasts && (frames < most)) {
    const shown = await new Promise(done => {
        video.requestVideoFrameCallback((now, frame) => done(frame));
        setTimeout(done, 3000);
    });
    if (!shown) continue;
    frames += 1;
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    context.drawImage(video, 0, 0);
    const now = Date.now();
    const taken = readStamp();
    seen.add(taken);
    if (sums.size < 100) {
        const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
        let sum = 0;
        for (let at = 0; at < data.length; at += 4) sum = (sum * 31 + data[at]) | 0;
        sums.add(sum);
    }
    ages.push((now % 4294967296) - taken);
    if (typeof told !== "undefined" && told > 0) known += 1;
    const timing = typeof timings === "undefined" ? undefined : timings.get(shown.rtpTimestamp);
    if (timing) {
        exact += 1;
        lags.push(timing.wall_ms % 4294967296 - taken);
    }
}
const half = Math.floor(ages.length / 2);
const share = (all, part) => [...all].sort((a, b) => a - b)[Math.floor(part * (all.length - 1))];
return {
    frames, pictures: seen.size, moving: sums.size, known, exact, told: typeof told === "undefined" ? 0 : told,
    width: video.videoWidth, height: video.videoHeight, error: video.error?.message,
    p50: share(ages, 0.5), p95: share(ages, 0.95), max: share(ages, 1),
    first: share(ages.slice(0, half), 0.5), last: share(ages.slice(half), 0.5),
    lag: share(lags, 0.5), lagMax: share(lags.map(Math.abs), 1),
};
