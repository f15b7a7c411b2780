//! Crossing numbers off a list, and noticing when nobody is left who could.
//!
//! In: a pipe. Out: its [`Pen`]s, which cross off numbers, and the [`List`] on which one sees them.
//! What always holds: a number is crossed off whole or not at all; the list has ended once every pen
//! is closed, however its process ended.

use crate::bell::{pipe_end, without_sigpipe};
use crate::descriptor;
use crate::wait::{self, Interest};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NUMBER: usize = size_of::<u64>();

/// The side that crosses off.
#[derive(Debug)]
pub struct Pen(OwnedFd);

/// The side that sees what was crossed off.
#[derive(Debug)]
pub struct List(OwnedFd);

/// A new list and its first pen.
///
/// # Errors
/// As `pipe2(2)`: `EMFILE`, `ENFILE`.
pub fn tally() -> io::Result<(Pen, List)> {
    let (reader, writer) = descriptor::pipe()?;
    descriptor::set_nonblocking(reader.as_fd())?;
    descriptor::set_nonblocking(writer.as_fd())?;
    Ok((Pen(writer), List(reader)))
}

impl Pen {
    /// Takes over the writing end of a pipe that came from another process.
    ///
    /// # Errors
    /// `InvalidData` where it is no writing end that never waits.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        pipe_end(&descriptor, OFlags::WRONLY)?;
        Ok(Self(descriptor))
    }

    /// Crosses a number off. It waits while 8192 of them have not been looked at; it does nothing
    /// where nobody has the list any more.
    ///
    /// # Errors
    /// As `write(2)` on a pipe: none that is expected.
    pub fn cross_off(&self, number: u64) -> io::Result<()> {
        loop {
            match without_sigpipe(|| rustix::io::write(&self.0, &number.to_ne_bytes())) {
                // So few bytes are written whole (pipe(7), PIPE_BUF).
                Ok(_) | Err(Errno::PIPE) => return Ok(()),
                Err(Errno::AGAIN) => {
                    wait::ready(&[(self.0.as_fd(), Interest::Writable)], None)?;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl List {
    /// Calls `seen` with every number that was crossed off since the last look; whether any pen is
    /// left.
    ///
    /// # Errors
    /// As `read(2)` on a pipe: none that is expected.
    pub fn look(&self, mut seen: impl FnMut(u64)) -> io::Result<bool> {
        let mut numbers = [0; 128 * NUMBER];
        loop {
            match rustix::io::read(&self.0, &mut numbers) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    for number in numbers[..length].chunks_exact(NUMBER) {
                        let mut bytes = [0; NUMBER];
                        bytes.copy_from_slice(number);
                        seen(u64::from_ne_bytes(bytes));
                    }
                }
                Err(Errno::AGAIN) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Pen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ready to read when a number was crossed off, or no pen is left.
impl AsFd for List {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{self, Interest};
    use std::time::{Duration, Instant};

    #[test]
    fn numbers_are_crossed_off_and_the_last_pen_ends_the_list() {
        let (pen, list) = tally().expect("a tally");
        let copy = pen.as_fd().try_clone_to_owned().expect("a duplicate");
        let other = Pen::adopt(copy).expect("a pen");
        let look = || {
            let mut all = Vec::new();
            let open = list.look(|number| all.push(number)).expect("a look");
            (open, all)
        };
        assert_eq!(look(), (true, vec![]));
        (0..1_000).for_each(|number| pen.cross_off(number).expect("room"));
        other.cross_off(u64::MAX).expect("room");
        drop(pen);
        let (open, all) = look();
        assert!(open && all.into_iter().eq((0..1_000).chain([u64::MAX])));
        drop(other);
        // A test beside this one may be starting a program, which has copies until its exec.
        let end = [(list.as_fd(), Interest::HangUp)];
        let deadline = Instant::now() + Duration::from_secs(30);
        assert_eq!(wait::ready(&end, Some(deadline)).expect("a wait"), [true], "the list's end");
        assert_eq!(look(), (false, vec![]));
    }

    #[test]
    fn a_pen_without_a_list_writes_nothing_and_the_wrong_end_is_none() {
        let (pen, list) = tally().expect("a tally");
        let copy = list.as_fd().try_clone_to_owned().expect("a duplicate");
        Pen::adopt(copy).expect_err("the other end");
        drop(list);
        pen.cross_off(1).expect("nobody looks");
    }
}
