//! One file a command.

pub(crate) mod analyze;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod discover;
pub(crate) mod eval;
pub(crate) mod events;
pub(crate) mod models;
pub(crate) mod nodes;
pub(crate) mod probe;
pub(crate) mod recordings;
pub(crate) mod run;
mod show;
pub(crate) mod sim;
pub(crate) mod top;
pub(crate) mod track;
