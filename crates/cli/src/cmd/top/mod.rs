//! `omma top`: how a running Omma does, in a terminal.
//!
//! Asks what everybody may ask, REST and `/metrics`, so that it also watches an Omma on another
//! machine. One thread asks, the other one draws and listens to the keys: a server that does
//! not answer holds up no key.

mod ask;
mod board;
mod metrics;
mod screen;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use omma_types::Secret;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use ask::{Asked, Client};
use board::{Board, Sort};

/// How long keys are waited for before it is looked whether there are new figures.
const LISTEN: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where Omma is
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// A token with the scope `read`, where the server asks for one
    #[arg(long, value_name = "TOKEN", env = "OMMA_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Certificates to trust in place of the public ones (PEM), for https
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds between two looks
    #[arg(long, default_value = "1", value_name = "S", value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
    /// Print the figures once and end, as is done where the output is no terminal
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let token = args.token.clone().map(Secret::new);
    let client = Client::new(&args.url, token, args.ca.as_deref())?;
    let board = Board::new(client.address());
    let every = Duration::from_secs(args.every);
    if args.once || !std::io::stdout().is_terminal() {
        return print_once(&client, board, every);
    }
    let (answers_in, answers) = sync_channel(1);
    let (stop, stopped) = sync_channel(0);
    let asking = thread::Builder::new()
        .name("asking".to_owned())
        .spawn(move || ask_on(&client, every, &answers_in, &stopped))
        .context("cannot start a thread")?;
    let mut terminal = ratatui::try_init().context("this terminal cannot be drawn on")?;
    let outcome = show(&mut terminal, board, &answers);
    ratatui::restore();
    // Whoever asks may be waiting for an answer, or for room for one: nobody waits for that.
    drop((stop, answers, asking));
    outcome
}

/// Rates need two looks.
fn print_once(client: &Client, mut board: Board, every: Duration) -> anyhow::Result<()> {
    let (_stop, stopped) = sync_channel::<()>(0);
    let ask = || client.ask().map_err(|reason| anyhow!("{}: {reason}", client.address()));
    board.take(Ok(ask()?));
    // Nobody says stop: this is the time between the two.
    let _timeout = stopped.recv_timeout(every);
    board.take(Ok(ask()?));
    print!("{}", screen::text(&board));
    Ok(())
}

/// Asks once in `every` until there is nobody left who wants to know.
fn ask_on(
    client: &Client,
    every: Duration,
    answers: &SyncSender<Result<Asked, String>>,
    stopped: &Receiver<()>,
) {
    loop {
        let next = Instant::now() + every;
        if answers.send(client.ask()).is_err() {
            return;
        }
        let wait = next.saturating_duration_since(Instant::now());
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// Draws until somebody has seen enough.
fn show(
    terminal: &mut DefaultTerminal,
    mut board: Board,
    answers: &Receiver<Result<Asked, String>>,
) -> anyhow::Result<()> {
    let mut sort = Sort::default();
    let mut top = 0_usize;
    loop {
        match answers.try_recv() {
            Ok(answer) => board.take(answer),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => anyhow::bail!("the thread that asks has ended"),
        }
        top = top.min(board.cameras(sort).len().saturating_sub(1));
        terminal
            .draw(|frame| screen::draw(&board, sort, top, frame.area(), frame.buffer_mut()))
            .context("cannot draw")?;
        if !event::poll(LISTEN).context("cannot read the keyboard")? {
            continue;
        }
        if let Event::Key(key) = event::read().context("cannot read the keyboard")? {
            match meaning(key) {
                Some(Wish::End) => return Ok(()),
                Some(Wish::Sort(next)) => sort = next(sort),
                Some(Wish::Scroll(by)) => top = top.saturating_add_signed(by),
                None => {}
            }
        }
    }
}

/// What a key asks for.
enum Wish {
    End,
    Sort(fn(Sort) -> Sort),
    Scroll(isize),
}

fn meaning(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
        // The terminal does not make a signal of it now.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
        KeyCode::Right => Some(Wish::Sort(Sort::next)),
        KeyCode::Left => Some(Wish::Sort(Sort::previous)),
        KeyCode::Down => Some(Wish::Scroll(1)),
        KeyCode::Up => Some(Wish::Scroll(-1)),
        KeyCode::PageDown => Some(Wish::Scroll(10)),
        KeyCode::PageUp => Some(Wish::Scroll(-10)),
        _ => None,
    }
}
