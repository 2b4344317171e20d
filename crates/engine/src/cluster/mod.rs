//! Which process does which part of which camera's work, and how it is known to all.
//!
//! Every process writes what it wants and that it lives into one log with a total order and a
//! time that the log's broker gives (a Redis stream, a Kafka partition), and reads the same log
//! into the same state machine ([`Ledger`]). Nobody is asked: who reads the log knows who owns
//! what. From that state each process finds, by the same rules ([`assign`]), what it should
//! claim or release. [`Member`] joins both for one process and says what it may publish by its
//! own clock, so that a process that was stopped does nothing when it wakes.
//!
//! The ledger, the member and the plan are pure logic: no thread, no clock, no broker. Time is
//! the record's (the broker's) or handed in. `node.rs` brings them to life in a process.
//!
//! What is relied on:
//! - The log keeps the records of one process in the order in which it sent them; a record may
//!   come late or twice.
//! - The broker's time does not run backward, and it passes as fast as everybody else's.
//! - A process that has missed records (a gap in the log, a connection that lost its place)
//!   makes a new [`Ledger`].

mod assign;
mod checkpoint;
mod ledger;
mod listener;
mod mandate;
mod member;
mod node;
mod record;
mod reporter;
mod share;
mod worker;

use std::time::Duration;

pub use assign::{Action, Cameras, assign};
pub use ledger::{Ledger, NodeState, Start, Tenure};
pub(crate) use mandate::{Mandate, Take};
pub use member::Member;
pub(crate) use node::Cluster;
pub use node::NodeStatus;
pub use record::{Alive, Duty, Entry, Hold, NodeId, Position, Record, RecordError};
pub(crate) use reporter::Reporter;

/// How long a process is taken to live, in the broker's time, after it last said so.
pub const LEASE: Duration = Duration::from_secs(3);

/// How often a process says that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// How much earlier than the log a process takes its own lease for over: clocks that run a
/// little faster or slower, and what is on its way while it is decided.
pub const MARGIN: Duration = Duration::from_millis(500);

/// How much of the log must be read by who does not read it from its beginning, before what
/// the ledger says is what it says to everybody: see [`Ledger::is_settled`]. Logs are kept at
/// least twice as long.
pub const SETTLE: Duration = Duration::from_secs(15);

/// How long former owners are remembered.
pub const HISTORY: Duration = Duration::from_secs(120);
