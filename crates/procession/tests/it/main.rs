//! What a process started by procession is and does, seen from its parent: one room per idea.

#[cfg(panic = "abort")]
mod aborting;
mod channel;
mod channel_kills;
mod connection;
mod crossfire;
mod endings;
mod fallbacks;
mod family;
mod faults;
mod fork_server;
mod generations;
mod handle;
mod hooks;
mod hostility;
mod inheritance;
mod jobs;
mod limits;
mod many;
mod memory;
mod options;
mod program;
mod python;
mod scope;
mod select;
mod server_death;
mod signals;
mod size;
mod spares;
mod start;
mod streams;
mod support;
#[cfg(panic = "unwind")]
mod unwinding;
mod whichever;
