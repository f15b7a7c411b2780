//! Writing to standard output and standard error.
//!
//! # Invariants
//! - A reader that closes its end of a pipe is no error: the command does the rest of its work.
//! - An output that takes nothing for another reason, such as a full disk, is an error with a name.
//! - No write panics, unlike `println!` and `eprintln!`, which this crate does not use.

use procession_sys::wait::{Interest, ready};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Standard output takes nothing.
#[derive(Debug)]
pub(crate) struct OutputError(io::Error);

/// Writes a text to standard output.
pub(crate) fn print(text: &str) -> Result<(), OutputError> {
    or_closed(write(io::stdout().as_fd(), text.as_bytes()))
}

/// Writes a line to standard output, as `println!` does, and never panics.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::print(&format!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

/// Writes a line to standard error. If that takes nothing, there is no place left to say so.
pub(crate) fn print_error(text: fmt::Arguments<'_>) {
    let _ = write(io::stderr().as_fd(), format!("{text}\n").as_bytes());
}

/// Writes a line to standard error, as `eprintln!` does, and never panics.
macro_rules! complain {
    ($($text:tt)*) => { $crate::output::print_error(format_args!($($text)*)) };
}
pub(crate) use complain;

/// Prints what clap has to say: help and versions on standard output, errors on standard error.
pub(crate) fn print_clap(error: &clap::Error) -> Result<(), OutputError> {
    use std::io::Write;
    or_closed(error.print().and_then(|()| io::stdout().flush()))
}

fn or_closed(written: io::Result<()>) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(OutputError),
    }
}

/// Writes everything, past the buffer of std, which would be left with what cannot be written.
fn write(stream: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            // A stream that another program has made one that does not wait.
            Err(Errno::AGAIN) => {
                ready(&[(stream, Interest::Writable)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output takes nothing: free space where it goes, or send it elsewhere")
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
