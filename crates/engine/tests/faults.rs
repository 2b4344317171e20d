//! Many cameras over links that fail in every way a network can: how soon each is back, how soon
//! silence is noticed, and that nobody else loses a packet.
//!
//! Real streams from GStreamer's RTSP server, real time, conditions from a seed. The short form
//! runs everywhere and asks only that all come back and nobody is harmed; `OMMA_FAULTS=long`
//! takes a quarter of an hour, and holds the figures to their targets.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]
#![allow(clippy::print_stdout, reason = "figures are for people")]

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omma_engine::{CameraState, Config, Engine, Handle, Models, Parcel, Preroll};
use omma_infer::Registry;
use omma_store::Store;
use omma_testkit::{
    Condition, Cut, FaultyNetwork, Link, Outage, RtspCamera, SOON, Schedule, eventually, ffmpeg,
};
use omma_types::{CameraId, MediaTime};
use tokio::runtime::Runtime;

/// Pictures a second, and pictures from keyframe to keyframe.
const FPS: u32 = 15;

/// From a link's return to the first packet, for 95 of 100 returns.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// From the last packet to `stalled`.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// What a thousand reconnects may cost; a leak of 20 kB at each would be twice that.
const GROWTH_BYTES: u64 = 10 << 20;

/// Each test needs the machine, and the process's figures, for itself.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_long() -> bool {
    std::env::var("OMMA_FAULTS").is_ok_and(|form| form == "long")
}

/// A film that cameras play from its beginning to each client: no two groups of pictures in it
/// are the same.
fn film(dir: &Path, secs: u64) -> String {
    ffmpeg(
        dir,
        &format!(
            "-f lavfi -i testsrc=size=320x240:rate={FPS}:duration={secs} -c:v libx264 \
             -preset ultrafast -bf 0 -g {FPS} -pix_fmt yuv420p film.mp4"
        ),
    );
    dir.join("film.mp4").display().to_string()
}

/// An engine whose cameras are behind links.
struct Site {
    runtime: Runtime,
    engine: Option<Engine>,
    handle: Handle,
    links: Vec<Link>,
    watches: Vec<Watch>,
    // Last: whatever reads has ended before its network does.
    _network: FaultyNetwork,
}

impl Site {
    /// So many cameras, each with a link of its own to `server`, all online.
    fn new(server: &RtspCamera, cameras: usize, seed: u64) -> Self {
        let network = FaultyNetwork::start();
        let camera = ([127, 0, 0, 1], server.port()).into();
        let links: Vec<Link> = (seed..).take(cameras).map(|n| network.link(camera, n)).collect();
        let mut text = "version: 1\ncameras:\n".to_owned();
        for (n, link) in links.iter().enumerate() {
            let address = link.address();
            text.push_str(&format!(
                "  cam-{n:02}: {{ url: 'rtsp://{address}/cam', transport: tcp }}\n"
            ));
        }
        let config = Config::from_yaml(&text, "test.yaml", &|_| None).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let engine = runtime.block_on(async {
            let store = Store::in_memory().await.unwrap();
            let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
            Engine::start(config, store, models).await.unwrap()
        });
        let handle = engine.handle();
        let watches = (0..cameras).map(|n| Watch::start(&runtime, &handle, &name(n))).collect();
        let site =
            Self { runtime, engine: Some(engine), handle, links, watches, _network: network };
        site.all_online(0..cameras);
        site
    }

    fn state(&self, n: usize) -> CameraState {
        self.handle.camera(&name(n)).unwrap().state
    }

    fn all_online(&self, cameras: impl IntoIterator<Item = usize>) {
        for n in cameras {
            eventually(&format!("camera {n} online"), SOON, || {
                let camera = self.handle.camera(&name(n)).unwrap();
                let is_online = camera.state == CameraState::Online;
                if is_online {
                    Ok(())
                } else {
                    Err(format!("{:?} {}", camera.state, camera.reason))
                }
            });
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.runtime.block_on(engine.stop());
        }
    }
}

fn name(n: usize) -> CameraId {
    CameraId::new(&format!("cam-{n:02}")).unwrap()
}

/// What one that records a camera would have seen.
#[derive(Default)]
struct Seen {
    arrivals: Vec<Instant>,
    newest: Option<MediaTime>,
    /// Pictures that should be between two that came.
    missing: u64,
    streams: u64,
}

/// Listens to a camera's packets.
struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    fn start(runtime: &Runtime, handle: &Handle, camera: &CameraId) -> Self {
        let _on_it = runtime.enter();
        let mut feed = handle.packets(camera, Preroll::None).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        runtime.spawn(async move {
            while let Some(parcel) = feed.next().await {
                let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
                match parcel {
                    Parcel::Stream(_) => {
                        seen.streams += 1;
                        seen.newest = None;
                    }
                    Parcel::Missed(packets) => seen.missing += packets,
                    Parcel::Packet(packet) => {
                        if let Some(newest) = seen.newest {
                            let apart = (packet.pts.as_nanos() - newest.as_nanos()) as f64 / 1e9;
                            let pictures = (apart * f64::from(FPS)).round().max(1.0);
                            seen.missing += pictures as u64 - 1;
                        }
                        seen.newest = Some(packet.pts);
                        seen.arrivals.push(packet.arrival);
                    }
                }
            }
        });
        Self(seen)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From `moment` to the first packet after it; none where there was none yet.
    fn first_after(&self, moment: Instant) -> Option<Duration> {
        let seen = self.seen();
        let first = seen.arrivals.iter().find(|arrival| **arrival > moment)?;
        Some(*first - moment)
    }

    fn packets(&self) -> usize {
        self.seen().arrivals.len()
    }
}

/// Steady cameras that must not notice what happens to the others.
struct Steady {
    site: Site,
    before: Vec<usize>,
    since: Instant,
}

impl Steady {
    fn new(server: &RtspCamera) -> Self {
        let site = Site::new(server, 4, 1000);
        let before = site.watches.iter().map(Watch::packets).collect();
        Self { site, before, since: Instant::now() }
    }

    /// Nothing is missing, and they were never opened again; says how many packets that is.
    fn check(&self) -> usize {
        let due = self.since.elapsed().as_secs_f64() * f64::from(FPS);
        let mut total = 0;
        for (n, watch) in self.site.watches.iter().enumerate() {
            let came = watch.packets() - self.before[n];
            let seen = watch.seen();
            assert_eq!((seen.missing, seen.streams), (0, 1), "steady camera {n}");
            assert_eq!(self.site.links[n].connections_taken(), 1, "steady camera {n}");
            // A second of pictures may be on its way.
            assert!((came as f64 - due).abs() < 2.0 * f64::from(FPS), "{came} of {due}");
            total += came;
        }
        total
    }
}

/// The value below which `share` of `values` lie.
fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn told(what: &str, values: &mut [Duration]) -> Duration {
    let p95 = quantile(values, 0.95);
    println!(
        "{what}: {} samples, median {:.2} s, p95 {:.2} s, worst {:.2} s",
        values.len(),
        quantile(values, 0.5).as_secs_f64(),
        p95.as_secs_f64(),
        quantile(values, 1.0).as_secs_f64(),
    );
    p95
}

/// Each kind of outage once.
fn each() -> Vec<Schedule> {
    let second = Duration::from_secs;
    [
        (second(2), Condition::Gone(Cut::Reset)),
        (second(2), Condition::Gone(Cut::Close)),
        (second(6), Condition::Silent),
        (second(6), Condition::HalfOpen),
    ]
    .map(|outage| Schedule(vec![(second(1), Condition::Good), outage]))
    .to_vec()
}

#[test]
fn cameras_are_back_soon_after_their_links_and_the_others_lose_nothing() {
    let _turn = alone();
    let dir = tempfile::tempdir().unwrap();
    let schedules: Vec<Schedule> = if is_long() {
        (1..=16).map(|seed| Schedule::flapping(seed, 12)).collect()
    } else {
        each()
    };
    let cameras = schedules.len();
    let film = film(dir.path(), if is_long() { 600 } else { 120 });
    let arguments = ["--alone", "--tcp-only", "--file", film.as_str()];
    let (Some(flapping), Some(steady)) =
        (RtspCamera::start(&arguments), RtspCamera::start(&arguments))
    else {
        return;
    };
    let steady = Steady::new(&steady);
    let site = Site::new(&flapping, cameras, 1);
    let outages: usize = schedules.iter().map(Schedule::outages).sum();
    for (link, schedule) in site.links.iter().zip(schedules) {
        link.follow(schedule);
    }
    eventually("all outages", SOON + Duration::from_mins(10), || {
        let over: usize = site.links.iter().map(|link| link.outages().len()).sum();
        if over == outages { Ok(()) } else { Err(format!("{over} of {outages} are over")) }
    });
    site.all_online(0..cameras);

    let mut back: Vec<(Outage, Duration)> = Vec::new();
    for (link, watch) in site.links.iter().zip(&site.watches) {
        for outage in link.outages() {
            let first = eventually("a packet after the outage", SOON, || {
                watch.first_after(outage.ended).ok_or_else(|| format!("none after {outage:?}"))
            });
            back.push((outage, first));
        }
    }
    for (condition, words) in [
        (Condition::Gone(Cut::Reset), "back after a reset"),
        (Condition::Gone(Cut::Close), "back after a close"),
        (Condition::Silent, "back after silence"),
        (Condition::HalfOpen, "back after half open"),
    ] {
        let of_kind = back.iter().filter(|(outage, _)| outage.condition == condition);
        let mut times: Vec<Duration> = of_kind.map(|(_, time)| *time).collect();
        if !times.is_empty() {
            told(words, &mut times);
        }
    }
    let mut times: Vec<Duration> = back.iter().map(|(_, time)| *time).collect();
    let p95 = told("back after all", &mut times);
    println!("steady cameras: {} packets, none lost", steady.check());
    if is_long() {
        assert!(p95 <= BACK_WITHIN, "p95 {p95:?} of {back:#?}");
    }
}

#[test]
fn silence_is_noticed() {
    let _turn = alone();
    let dir = tempfile::tempdir().unwrap();
    let film = film(dir.path(), 120);
    let arguments = ["--alone", "--tcp-only", "--file", film.as_str()];
    let Some(server) = RtspCamera::start(&arguments) else { return };
    let cameras = if is_long() { 16 } else { 4 };
    let site = Site::new(&server, cameras, 1);
    let mut times = Vec::new();
    let conditions: &[Condition] =
        if is_long() { &[Condition::Silent, Condition::HalfOpen] } else { &[Condition::Silent] };
    for condition in conditions.iter().copied() {
        for link in &site.links {
            link.become_now(condition);
        }
        let mut waiting: Vec<usize> = (0..cameras).collect();
        eventually("all stalled", SOON, || {
            waiting.retain(|n| {
                if site.state(*n) != CameraState::Stalled {
                    return true;
                }
                let last = site.watches[*n].seen().arrivals.last().copied().unwrap();
                times.push(last.elapsed());
                false
            });
            if waiting.is_empty() { Ok(()) } else { Err(format!("{waiting:?} are not")) }
        });
        for link in &site.links {
            link.become_now(Condition::Good);
        }
        site.all_online(0..cameras);
    }
    told("silence noticed", &mut times);
    let worst = quantile(&mut times, 1.0);
    if is_long() {
        assert!(worst <= NOTICED_WITHIN, "{worst:?}");
    }
}

#[test]
fn late_and_damaged_links_are_survived() {
    let _turn = alone();
    let dir = tempfile::tempdir().unwrap();
    let film = film(dir.path(), 120);
    let arguments = ["--alone", "--tcp-only", "--file", film.as_str()];
    let Some(server) = RtspCamera::start(&arguments) else { return };
    let site = Site::new(&server, 3, 5);
    // Late is no trouble: everything comes, in order.
    site.links[0].become_now(Condition::Late(Duration::from_millis(400)));
    // A wrong bit in about every picture, and several in each.
    site.links[1].become_now(Condition::Damaged(2000));
    site.links[2].become_now(Condition::Damaged(100));
    let before = site.watches[0].packets();
    eventually("five seconds of late pictures", SOON, || match site.watches[0].packets() {
        more if more >= before + 5 * FPS as usize => Ok(()),
        some => Err(format!("{some}")),
    });
    assert_eq!(site.state(0), CameraState::Online);
    let Seen { missing, streams, .. } = *site.watches[0].seen();
    assert_eq!((missing, streams), (0, 1), "a late camera was opened again or lost packets");
    for link in &site.links {
        link.become_now(Condition::Good);
    }
    let good = Instant::now();
    site.all_online(0..3);
    for watch in &site.watches {
        eventually("good pictures again", SOON, || watch.first_after(good).ok_or(String::new()));
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    threads: usize,
    descriptors: usize,
    bytes: u64,
}

fn held() -> Held {
    let entries = |dir: &str| std::fs::read_dir(dir).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
    Held {
        threads: entries("/proc/self/task"),
        descriptors: entries("/proc/self/fd"),
        bytes: kib * 1024,
    }
}

/// Cuts and heals every link of `site` so often, all at the same time.
fn reconnect(site: &Site, times: usize) {
    std::thread::scope(|scope| {
        for n in 0..site.links.len() {
            let again = move || {
                for round in 0..times {
                    let cut = if (n + round) % 2 == 0 { Cut::Reset } else { Cut::Close };
                    let gone = site.links[n].become_now(Condition::Gone(cut));
                    eventually("the loss noticed", SOON, || match site.state(n) {
                        CameraState::Online => Err("still online".to_owned()),
                        // Gone long enough to be found closed by a knock.
                        _ if gone.elapsed() < Duration::from_millis(700) => Err(String::new()),
                        _ => Ok(()),
                    });
                    let back = site.links[n].become_now(Condition::Good);
                    eventually("the return", SOON, || match site.watches[n].first_after(back) {
                        Some(_) if site.state(n) == CameraState::Online => Ok(()),
                        _ => Err(format!("camera {n} {:?}", site.state(n))),
                    });
                }
            };
            std::thread::Builder::new().spawn_scoped(scope, again).unwrap();
        }
    });
}

#[test]
fn reconnects_leave_nothing_behind() {
    let _turn = alone();
    let dir = tempfile::tempdir().unwrap();
    let (cameras, warm_up, rounds) = if is_long() { (16, 8, 63) } else { (6, 1, 5) };
    let film = film(dir.path(), 120);
    let arguments = ["--alone", "--tcp-only", "--file", film.as_str()];
    let Some(server) = RtspCamera::start(&arguments) else { return };
    let site = Site::new(&server, cameras, 1);
    reconnect(&site, warm_up);
    let before = held();
    let began = Instant::now();
    reconnect(&site, rounds);
    let took = began.elapsed();
    let after = eventually("threads and descriptors as before", SOON, || {
        let now = held();
        // Fewer are as well: one may have been about to end when they were counted.
        let same = now.threads <= before.threads && now.descriptors <= before.descriptors;
        if same { Ok(now) } else { Err(format!("{before:?} became {now:?}")) }
    });
    let reconnects = cameras * rounds;
    println!("{reconnects} reconnects in {:.0} s: {before:?} became {after:?}", took.as_secs_f64());
    let grown = after.bytes.saturating_sub(before.bytes);
    assert!(grown <= GROWTH_BYTES, "{grown} bytes more");
}
