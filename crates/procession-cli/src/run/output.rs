//! Passing a program's output through, and keeping its end.
//!
//! In: the reading end of the program's pipe. Out: the same bytes on our stream, and their tail.
//! What always holds: bytes arrive unchanged and in order; when nobody reads our stream any more,
//! the program's pipe is closed, so that it learns it as it would have without us. A stream that takes
//! no bytes for another reason, a full disk, is said once, and the program goes on.

use super::tail::Tail;
use procession_sys::descriptor::{pipe, set_nonblocking, share_an_order};
use procession_sys::wait::{Interest, ready};
use rustix::io::Errno;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the last bytes may take until the end of a program is reported without them.
const SOON: Duration = Duration::from_secs(1);

/// One of this process's own streams.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Output,
    Error,
}

/// Both streams on their way.
#[derive(Debug)]
pub(crate) struct Output {
    /// One for each pipe, so that a flood on one does not wash away the other.
    tails: [Arc<Mutex<Tail>>; 2],
    copiers: Vec<JoinHandle<()>>,
    /// Closed once the program has ended.
    running: Option<OwnedFd>,
    /// At its end when both copiers have ended.
    copying: OwnedFd,
}

/// Which streams of the program go through pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipes {
    /// Both go through one, as both end in one file: so their order stays.
    One,
    /// Each of these goes through one of its own.
    Apart {
        /// Standard output does.
        stdout: bool,
        /// Standard error does.
        stderr: bool,
    },
}

impl Pipes {
    /// Those for this process's own streams: a terminal is handed to the program as it is, and so is
    /// everything where no tail is wanted.
    pub(crate) fn new(tail: usize) -> Pipes {
        let is = |terminal: bool| tail > 0 && !terminal;
        let (stdout, stderr) = (is(io::stdout().is_terminal()), is(io::stderr().is_terminal()));
        let is_one = || share_an_order(rustix::stdio::stdout(), rustix::stdio::stderr());
        if stdout && stderr && is_one().unwrap_or(false) {
            return Pipes::One;
        }
        Pipes::Apart { stdout, stderr }
    }
}

impl Output {
    /// Begins to pass through what these pipes bring.
    pub(crate) fn pass(
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
        tail: usize,
    ) -> io::Result<Output> {
        let tails = [(); 2].map(|()| Arc::new(Mutex::new(Tail::new(tail))));
        let (ended, running) = pipe()?;
        let (copying, alive) = pipe()?;
        let mut copiers = Vec::new();
        let mut copy = |pipe: OwnedFd, tail: &Arc<Mutex<Tail>>, to: Stream| -> io::Result<()> {
            set_nonblocking(pipe.as_fd())?;
            let (tail, ended, alive) = (tail.clone(), ended.try_clone()?, alive.try_clone()?);
            copiers.push(std::thread::spawn(move || {
                copy_all(std::fs::File::from(pipe), to, &tail, &ended);
                drop(alive);
            }));
            Ok(())
        };
        if let Some(pipe) = stdout {
            copy(pipe, &tails[0], Stream::Output)?;
        }
        if let Some(pipe) = stderr {
            copy(pipe, &tails[1], Stream::Error)?;
        }
        Ok(Output { tails, copiers, running: Some(running), copying })
    }

    /// The program has ended: what is still in the pipes is the last. Gives the last lines of
    /// standard output, then those of standard error, after a second at the latest.
    pub(crate) fn last_lines(&mut self) -> Vec<String> {
        drop(self.running.take());
        // Whether it passed within that time changes nothing but the tail.
        let _ = ready(&[(self.copying.as_fd(), Interest::Readable)], Some(Instant::now() + SOON));
        let lines =
            |tail: &Arc<Mutex<Tail>>| tail.lock().unwrap_or_else(PoisonError::into_inner).lines();
        self.tails.iter().flat_map(lines).collect()
    }

    /// Waits until everything has passed: as long as whoever reads our streams takes.
    pub(crate) fn finish(self) {
        for copier in self.copiers {
            let _ = copier.join();
        }
    }
}

impl Stream {
    fn descriptor(self) -> BorrowedFd<'static> {
        match self {
            Self::Output => rustix::stdio::stdout(),
            Self::Error => rustix::stdio::stderr(),
        }
    }

    /// Writes all bytes, and waits for the reader as long as it takes.
    fn write(self, mut bytes: &[u8]) -> io::Result<()> {
        let descriptor = self.descriptor();
        while !bytes.is_empty() {
            match rustix::io::write(descriptor, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                // Another process that has the stream set O_NONBLOCK on it.
                Err(Errno::AGAIN) => {
                    ready(&[(descriptor, Interest::Writable)], None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Says that bytes are lost.
    fn say(self, error: &io::Error) {
        let name = match self {
            Self::Output => "standard output",
            Self::Error => "standard error",
        };
        let text =
            format!("procession run: {name} is lost from here: {error}; the program goes on\n");
        // If standard error itself takes nothing, there is no place left to say so.
        let _ = Self::Error.write(text.as_bytes());
    }
}

fn copy_all(mut from: std::fs::File, to: Stream, tail: &Mutex<Tail>, ended: &OwnedFd) {
    let mut bytes = vec![0; 64 * 1024];
    let (mut last, mut said) = (false, false);
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => {
                tail.lock().unwrap_or_else(PoisonError::into_inner).push(&bytes[..count]);
                match to.write(&bytes[..count]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                    Err(error) => {
                        if !std::mem::replace(&mut said, true) {
                            to.say(&error);
                        }
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !last => {
                let both =
                    [(from.as_fd(), Interest::Readable), (ended.as_fd(), Interest::Readable)];
                // The program has ended: one more look, for what it wrote before.
                last = ready(&both, None).map_or(true, |ready| ready[1]);
            }
            Err(_nothing_more) => return,
        }
    }
}
