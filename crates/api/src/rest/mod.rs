//! Questions and answers in JSON.

pub(crate) mod accounts;
pub(crate) mod annotations;
pub(crate) mod cameras;
pub(crate) mod config;
pub(crate) mod counts;
pub(crate) mod discover;
pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod nodes;
pub(crate) mod probe;
pub(crate) mod publications;
pub(crate) mod recordings;
pub(crate) mod reviews;
pub(crate) mod setup;
pub(crate) mod sinks;
pub(crate) mod system;
pub(crate) mod tracks;
pub(crate) mod users;
pub(crate) mod verdicts;
