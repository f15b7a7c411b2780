//! The command as a process, against a real monitor: itself, as `procession monitor`.

mod asking;
mod options;
mod programs;
mod running;
mod support;
mod tls;
