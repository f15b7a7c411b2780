//! The command as a process, against a real monitor: itself, as `procession monitor`.

mod asking;
mod dispositions;
mod doctor;
mod leftovers;
mod logs;
mod options;
mod outputs;
mod overlap;
mod people;
mod programs;
mod proxy;
mod readme;
mod running;
mod services;
mod spool;
mod streams;
mod support;
mod tls;
mod transcripts;
