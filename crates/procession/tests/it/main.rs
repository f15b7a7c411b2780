//! What a process started by procession is and does, seen from its parent: one room per idea.

#[cfg(panic = "abort")]
mod aborting;
mod channel;
mod channel_kills;
mod connection;
mod corners;
mod crossfire;
mod descendants;
mod endings;
mod fallbacks;
mod family;
mod faults;
mod fork_server;
mod generations;
mod handle;
mod handles;
mod hooks;
mod hostility;
mod inheritance;
mod jobs;
mod lent_memory;
mod limits;
mod long_vectors;
mod many;
mod memory;
mod nesting;
mod options;
mod outputs;
mod privileges;
mod program;
mod python;
mod scope;
mod select;
mod server_death;
mod setups;
mod signals;
mod size;
mod spares;
mod start;
mod streams;
mod support;
mod timeouts;
#[cfg(panic = "unwind")]
mod unwinding;
mod versions;
mod whichever;
