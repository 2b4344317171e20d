//! A network that fails as asked: between a camera and whoever reads it stands a link that can
//! be cut, go silent, forget its connections, come late, or damage what it carries.
//!
//! What fails when is data ([`Schedule`], from a seed), so that a run can be repeated; real
//! time passes. All links run on one thread of their own, and tell when they were good again:
//! that is what a supervisor's speed is measured from.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant as Moment, sleep, sleep_until};

/// How much is read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Chunks under way in one direction; then the sender has to wait, as with any network.
const CHUNKS_UNDER_WAY: usize = 64;

/// Between attempts to listen on an address again that the system still holds.
const LISTEN_AGAIN: Duration = Duration::from_millis(5);

/// What a link does to those who use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Everything passes.
    Good,
    /// Connections are cut and nobody listens.
    Gone(Cut),
    /// Connections stay, and nothing passes in either direction. What waits passes later.
    Silent,
    /// The camera has forgotten its connections and does not say so; new ones are taken, and
    /// never answered.
    HalfOpen,
    /// Everything passes, this much later.
    Late(Duration),
    /// About one byte in so many that come from the camera has a wrong bit.
    Damaged(u32),
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By a reset: at once, what is under way is lost.
    Reset,
    /// In good order, as if the camera had closed it.
    Close,
}

/// A link's conditions one after the other, each with how long it lasts. After the last one
/// the link is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(pub Vec<(Duration, Condition)>);

impl Schedule {
    /// A link that comes and goes `outages` times: good for 3 to 12 s, then gone or silent for
    /// 1 to 10 s, or half open for 6 to 12 s. A shorter half open one can't be noticed before it
    /// is over: nothing tells it from a picture that takes its time.
    pub fn flapping(seed: u64, outages: usize) -> Self {
        let mut dice = Dice::new(seed);
        let mut steps = Vec::with_capacity(outages * 2);
        for _ in 0..outages {
            steps.push((dice.between(3000, 12_000), Condition::Good));
            steps.push(match dice.roll(4) {
                0 => (dice.between(1000, 10_000), Condition::Gone(Cut::Reset)),
                1 => (dice.between(1000, 10_000), Condition::Gone(Cut::Close)),
                2 => (dice.between(1000, 10_000), Condition::Silent),
                _ => (dice.between(6000, 12_000), Condition::HalfOpen),
            });
        }
        Self(steps)
    }

    /// How often it is anything but good.
    pub fn outages(&self) -> usize {
        self.0.iter().filter(|(_, condition)| *condition != Condition::Good).count()
    }

    /// How long it takes in all.
    pub fn length(&self) -> Duration {
        self.0.iter().map(|(lasts, _)| *lasts).sum()
    }
}

/// Numbers that look like chance and follow from a seed: xorshift64 (Marsaglia, 2003).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike (the finalizer of SplitMix64).
        let mixed = (seed.wrapping_add(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 to `sides` - 1.
    fn roll(&mut self, sides: u64) -> u64 {
        (self.next() >> 33) % sides
    }

    fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.roll(most - least))
    }
}

/// A time during which a link was anything but good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// What was wrong.
    pub condition: Condition,
    /// Since when.
    pub began: Instant,
    /// When the link was good again.
    pub ended: Instant,
}

/// The thread that runs links. They end with it.
pub struct FaultyNetwork {
    handle: Handle,
    links: AtomicUsize,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultyNetwork {
    /// Starts the thread.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            // Also when the sender is dropped.
            drop(runtime.block_on(ended));
        };
        let thread = std::thread::Builder::new().name("faults".to_owned()).spawn(run);
        let thread = Some(thread.expect("a thread"));
        Self { handle, links: AtomicUsize::new(0), end: Some(end), thread }
    }

    /// A good link to `camera`. `seed` decides which bytes are damaged.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub fn link(&self, camera: SocketAddr, seed: u64) -> Link {
        let number = self.links.fetch_add(1, Ordering::Relaxed);
        // An address of its own, where no connection of this machine begins: so nobody takes
        // the port while the link does not listen on it.
        let [process, ..] = std::process::id().to_le_bytes();
        let number = u8::try_from(number % 250).unwrap_or(0) + 1;
        let address = SocketAddr::from((Ipv4Addr::new(127, 77, process, number), 0));
        let listener = self.handle.block_on(TcpListener::bind(address)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (orders, received) = mpsc::channel(1);
        let state = Arc::new(State::default());
        let keeper = Keeper {
            camera,
            address,
            seed,
            condition: watch::channel(Condition::Good).0,
            fate: watch::channel(Fate::Lives).0,
            state: Arc::clone(&state),
            trouble: None,
        };
        self.handle.spawn(keeper.run(listener, received));
        Link { address, orders, state }
    }
}

impl Drop for FaultyNetwork {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of its own was printed already.
            drop(thread.join());
        }
    }
}

/// What a link has to tell.
#[derive(Default)]
struct State {
    outages: Mutex<Vec<Outage>>,
    taken: AtomicU64,
    open: AtomicUsize,
}

/// What a link is told.
enum Order {
    Become(Condition, std::sync::mpsc::SyncSender<Instant>),
    Follow(Schedule, std::sync::mpsc::SyncSender<Instant>),
}

/// A way to a camera that can fail.
pub struct Link {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    state: Arc<State>,
}

impl Link {
    /// Where the camera seems to be.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the condition; returns when, once it holds.
    ///
    /// # Panics
    /// When the network has ended.
    pub fn become_now(&self, condition: Condition) -> Instant {
        let (sender, done) = std::sync::mpsc::sync_channel(1);
        self.order(Order::Become(condition, sender));
        done.recv().expect("the link holds")
    }

    /// Begins to follow a schedule, and tells when it will be through. A condition that is
    /// asked for meanwhile ends it.
    ///
    /// # Panics
    /// When the network has ended.
    pub fn follow(&self, schedule: Schedule) -> Instant {
        let (sender, done) = std::sync::mpsc::sync_channel(1);
        self.order(Order::Follow(schedule, sender));
        done.recv().expect("the link holds")
    }

    fn order(&self, order: Order) {
        assert!(self.orders.blocking_send(order).is_ok(), "the network has ended");
    }

    /// What it went through so far; an outage is told when it is over.
    pub fn outages(&self) -> Vec<Outage> {
        self.state.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections taken so far.
    pub fn connections_taken(&self) -> u64 {
        self.state.taken.load(Ordering::Relaxed)
    }

    /// Connections that stand now, those included that the camera has forgotten.
    pub fn connections_open(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }
}

/// How those connections end that stand now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lives,
    Cut(Cut),
    /// The camera has forgotten it; the client waits.
    Forgotten,
}

/// Runs one link.
struct Keeper {
    camera: SocketAddr,
    address: SocketAddr,
    seed: u64,
    condition: watch::Sender<Condition>,
    /// Of the connections that were taken since the last time all were cut.
    fate: watch::Sender<Fate>,
    state: Arc<State>,
    trouble: Option<(Condition, Instant)>,
}

impl Keeper {
    async fn run(mut self, listener: TcpListener, mut orders: mpsc::Receiver<Order>) {
        let mut listener = Some(listener);
        let mut schedule = Vec::new().into_iter();
        let mut next = Moment::now();
        let mut follows = false;
        loop {
            let condition = tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Become(condition, done)) => {
                        follows = false;
                        self.enter(condition, &mut listener).await;
                        // Nobody may wait for it any more.
                        done.send(Instant::now()).ok();
                        continue;
                    }
                    Some(Order::Follow(steps, done)) => {
                        let through = Moment::now() + steps.length();
                        (schedule, next, follows) = (steps.0.into_iter(), Moment::now(), true);
                        done.send(through.into_std()).ok();
                        continue;
                    }
                },
                () = sleep_until(next), if follows => match schedule.next() {
                    Some((lasts, condition)) => {
                        next += lasts;
                        condition
                    }
                    None => {
                        follows = false;
                        Condition::Good
                    }
                },
                taken = accept(listener.as_ref()) => {
                    if let Ok((client, _)) = taken {
                        self.take(client);
                    }
                    continue;
                }
            };
            self.enter(condition, &mut listener).await;
        }
    }

    async fn enter(&mut self, condition: Condition, listener: &mut Option<TcpListener>) {
        let fate = match condition {
            Condition::Gone(cut) => Some(Fate::Cut(cut)),
            Condition::HalfOpen => Some(Fate::Forgotten),
            _ => None,
        };
        if let Some(fate) = fate {
            self.fate.send_replace(fate);
            self.fate = watch::channel(Fate::Lives).0;
        }
        self.condition.send_replace(condition);
        if matches!(condition, Condition::Gone(_)) {
            *listener = None;
        }
        while listener.is_none() && !matches!(condition, Condition::Gone(_)) {
            *listener = TcpListener::bind(self.address).await.ok();
            if listener.is_none() {
                sleep(LISTEN_AGAIN).await;
            }
        }
        let now = Instant::now();
        let was = self.trouble.take();
        if let Some((condition, began)) = was {
            let outage = Outage { condition, began, ended: now };
            self.state.outages.lock().unwrap_or_else(PoisonError::into_inner).push(outage);
        }
        if condition != Condition::Good {
            self.trouble = Some((condition, now));
        }
    }

    fn take(&self, client: TcpStream) {
        let number = self.state.taken.fetch_add(1, Ordering::Relaxed);
        let connection = Connection {
            condition: self.condition.subscribe(),
            fate: self.fate.subscribe(),
            dice: Dice::new(self.seed.wrapping_mul(1009).wrapping_add(number)),
        };
        let (camera, state) = (self.camera, Arc::clone(&self.state));
        let is_mute = *self.condition.borrow() == Condition::HalfOpen;
        tokio::spawn(async move {
            state.open.fetch_add(1, Ordering::Relaxed);
            if is_mute {
                wait_for_the_client(client).await;
            } else if let Ok(camera) = TcpStream::connect(camera).await {
                connection.carry(client, camera).await;
            }
            state.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Takes what a client says and answers nothing, until it goes.
async fn wait_for_the_client(mut client: TcpStream) {
    let mut heard = [0; 1024];
    while client.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {}
}

/// One connection through a link.
struct Connection {
    condition: watch::Receiver<Condition>,
    fate: watch::Receiver<Fate>,
    dice: Dice,
}

impl Connection {
    async fn carry(self, client: TcpStream, camera: TcpStream) {
        let Self { condition, mut fate, dice } = self;
        for stream in [&client, &camera] {
            // Nothing is to be late but what should be.
            drop(stream.set_nodelay(true));
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_camera, mut to_camera) = camera.into_split();
        let fated = {
            let there = carry(&mut from_client, &mut to_camera, condition.clone(), None);
            let back = carry(&mut from_camera, &mut to_client, condition, Some(dice));
            tokio::select! {
                () = there => Fate::Cut(Cut::Close),
                () = back => Fate::Cut(Cut::Close),
                fated = fate.wait_for(|fate| *fate != Fate::Lives) => match fated {
                    Ok(fate) => *fate,
                    Err(_network_ended) => return,
                },
            }
        };
        let Ok(client) = from_client.reunite(to_client) else { return };
        let Ok(camera) = from_camera.reunite(to_camera) else { return };
        match fated {
            Fate::Lives | Fate::Cut(Cut::Close) => {}
            Fate::Cut(Cut::Reset) => {
                for stream in [&client, &camera] {
                    // Closing it then sends a reset.
                    drop(stream.set_zero_linger());
                }
            }
            Fate::Forgotten => {
                drop(camera);
                wait_for_the_client(client).await;
            }
        }
    }
}

/// Carries one direction to its end.
async fn carry(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    condition: watch::Receiver<Condition>,
    mut dice: Option<Dice>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Moment, Vec<u8>)>(CHUNKS_UNDER_WAY);
    let mut passing = condition.clone();
    let reading = async move {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            if passing.wait_for(passes).await.is_err() {
                return;
            }
            let Ok(read @ 1..) = from.read(&mut chunk).await else { return };
            chunk.truncate(read);
            let due = match *passing.borrow() {
                Condition::Late(by) => Moment::now() + by,
                _ => Moment::now(),
            };
            if sender.send((due, chunk)).await.is_err() {
                return;
            }
        }
    };
    let mut passing = condition;
    let writing = async move {
        while let Some((due, mut chunk)) = receiver.recv().await {
            sleep_until(due).await;
            if passing.wait_for(passes).await.is_err() {
                return;
            }
            if let (Condition::Damaged(every), Some(dice)) = (*passing.borrow(), &mut dice) {
                damage(&mut chunk, every, dice);
            }
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        // In good order: what was said arrives before the end does.
        drop(to.shutdown().await);
    };
    tokio::join!(reading, writing);
}

fn passes(condition: &Condition) -> bool {
    *condition != Condition::Silent
}

fn damage(chunk: &mut [u8], every: u32, dice: &mut Dice) {
    for byte in chunk {
        if dice.roll(every.into()) == 0 {
            *byte ^= 1 << dice.roll(8);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener as Listener, TcpStream as Stream};

    use super::*;
    use crate::wait::{SOON, eventually};

    /// Answers everybody with what they say.
    fn echo() -> SocketAddr {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let run = move || drop(std::io::copy(&mut &stream, &mut &stream));
                std::thread::Builder::new().spawn(run).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        address
    }

    fn connect(link: &Link) -> Stream {
        let stream = Stream::connect(link.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    fn says(mut stream: &Stream, words: &[u8]) -> Vec<u8> {
        stream.write_all(words).unwrap();
        let mut heard = vec![0; words.len()];
        stream.read_exact(&mut heard).unwrap();
        heard
    }

    /// Whether nothing comes for a while.
    fn hears_nothing(mut stream: &Stream) -> bool {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let heard = stream.read(&mut [0; 64]);
        stream.set_read_timeout(Some(SOON)).unwrap();
        matches!(heard.map_err(|e| e.kind()), Err(std::io::ErrorKind::WouldBlock))
    }

    #[test]
    fn a_good_link_is_no_different_from_none() {
        let network = FaultyNetwork::start();
        let link = network.link(echo(), 1);
        let stream = connect(&link);
        let words: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let heard = std::thread::scope(|scope| {
            scope.spawn(|| (&stream).write_all(&words).unwrap());
            let mut heard = vec![0; words.len()];
            (&stream).read_exact(&mut heard).unwrap();
            heard
        });
        assert_eq!(heard, words);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
        eventually("the end", SOON, || match link.connections_open() {
            0 => Ok(()),
            n => Err(n.to_string()),
        });
        assert!(link.outages().is_empty());
    }

    #[test]
    fn a_cut_link_ends_its_connections_and_listens_to_nobody_until_it_is_back() {
        let network = FaultyNetwork::start();
        let link = network.link(echo(), 1);
        for (cut, kind) in
            [(Cut::Reset, Err(std::io::ErrorKind::ConnectionReset)), (Cut::Close, Ok(0))]
        {
            let stream = connect(&link);
            assert_eq!(says(&stream, b"hallo"), b"hallo");
            let began = link.become_now(Condition::Gone(cut));
            assert_eq!((&stream).read(&mut [0]).map_err(|e| e.kind()), kind, "{cut:?}");
            assert!(Stream::connect(link.address()).is_err());
            let ended = link.become_now(Condition::Good);
            let outage = *link.outages().last().unwrap();
            assert_eq!(outage.condition, Condition::Gone(cut));
            assert!(outage.began <= began && outage.ended <= ended && began < ended);
            assert_eq!(says(&connect(&link), b"again"), b"again");
        }
        assert_eq!(link.connections_taken(), 4);
    }

    #[test]
    fn what_waits_in_a_silent_link_passes_later() {
        let network = FaultyNetwork::start();
        let link = network.link(echo(), 1);
        let stream = connect(&link);
        assert_eq!(says(&stream, b"hallo"), b"hallo");
        link.become_now(Condition::Silent);
        (&stream).write_all(b"later").unwrap();
        let second = connect(&link);
        (&second).write_all(b"later").unwrap();
        assert!(hears_nothing(&stream) && hears_nothing(&second));
        link.become_now(Condition::Good);
        for stream in [stream, second] {
            let mut heard = [0; 5];
            (&stream).read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"later");
        }
    }

    #[test]
    fn a_half_open_link_never_answers_and_what_it_forgot_stays_forgotten() {
        let network = FaultyNetwork::start();
        let link = network.link(echo(), 1);
        let old = connect(&link);
        assert_eq!(says(&old, b"hallo"), b"hallo");
        link.become_now(Condition::HalfOpen);
        let new = connect(&link);
        for stream in [&old, &new] {
            let mut stream = stream;
            stream.write_all(b"?").unwrap();
            assert!(hears_nothing(stream));
        }
        link.become_now(Condition::Good);
        assert!(hears_nothing(&old) && hears_nothing(&new));
        assert_eq!(says(&connect(&link), b"again"), b"again");
    }

    #[test]
    fn damage_and_delay_are_as_ordered() {
        let network = FaultyNetwork::start();
        let link = network.link(echo(), 7);
        link.become_now(Condition::Damaged(100));
        let heard = says(&connect(&link), &[0; 10_000]);
        let damaged = heard.iter().filter(|byte| **byte != 0).count();
        assert!((50..200).contains(&damaged), "{damaged}");
        assert!(heard.iter().all(|byte| byte.count_ones() <= 1), "more than a bit of a byte");
        link.become_now(Condition::Late(Duration::from_millis(200)));
        let stream = connect(&link);
        let began = Instant::now();
        assert_eq!(says(&stream, b"hallo"), b"hallo");
        // There and back.
        assert!(began.elapsed() >= Duration::from_millis(400));
    }

    #[test]
    fn schedules_follow_from_their_seed_and_are_followed() {
        assert_eq!(Schedule::flapping(1, 50), Schedule::flapping(1, 50));
        assert_ne!(Schedule::flapping(1, 50), Schedule::flapping(2, 50));
        let Schedule(steps) = Schedule::flapping(3, 200);
        for kind in [
            Condition::Gone(Cut::Reset),
            Condition::Gone(Cut::Close),
            Condition::Silent,
            Condition::HalfOpen,
        ] {
            let often = steps.iter().filter(|(_, condition)| *condition == kind).count();
            assert!((25..90).contains(&often), "{kind:?}: {often} of 200");
        }

        let network = FaultyNetwork::start();
        let link = network.link(echo(), 1);
        let ms = Duration::from_millis;
        let steps = vec![
            (ms(50), Condition::Silent),
            (ms(20), Condition::Good),
            (ms(60), Condition::HalfOpen),
        ];
        let through = link.follow(Schedule(steps));
        let outages = eventually("both outages", SOON, || match link.outages() {
            two if two.len() == 2 => Ok(two),
            less => Err(format!("{less:?}")),
        });
        assert!(Instant::now() >= through);
        // How long each lasts is up to the machine too: a step that begins late is shorter.
        let kinds: Vec<Condition> = outages.iter().map(|outage| outage.condition).collect();
        assert_eq!(kinds, [Condition::Silent, Condition::HalfOpen]);
        assert!(outages.iter().all(|outage| outage.ended > outage.began), "{outages:?}");
        assert!(outages[1].began > outages[0].ended, "{outages:?}");
    }
}
