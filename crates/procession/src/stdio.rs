//! The standard streams of a child.
//!
//! In: a [`Stdio`] per stream. Out: the child's side to send along, the parent's side to keep.
//! What always holds: the parent never holds the child's side of a pipe after the start, so that a
//! pipe ends when its process does.

use procession_sys::descriptor::{self, Standard};
use procession_sys::wait::Interest;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;

/// What one of a child's standard streams is.
///
/// ```
/// use procession::{Process, Stdio};
/// use std::io::Read;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut child = Process::new(|| println!("hello"), ()).stdout(Stdio::Piped).start()?;
/// let mut text = String::new();
/// child.stdout.take().expect("it is piped").read_to_string(&mut text)?;
/// child.join()?;
/// assert_eq!(text, "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdio {
    /// The same as the parent's. The default.
    #[default]
    Inherit,
    /// `/dev/null`.
    Null,
    /// A pipe whose other side is a field of the [`Child`](crate::Child).
    Piped,
    /// This open file, pipe or socket.
    Descriptor(OwnedFd),
}

impl From<File> for Stdio {
    fn from(file: File) -> Self {
        Self::Descriptor(file.into())
    }
}

/// What another process writes, as this one's standard input: a pipe between the two.
///
/// ```
/// use procession::{Process, Stdio};
/// use std::io::Read;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut first = Process::new(|| println!("hello"), ()).stdout(Stdio::Piped).start()?;
/// let pipe = first.stdout.take().expect("it is piped");
/// let shout = || {
///     let mut text = String::new();
///     std::io::stdin().read_to_string(&mut text).map(|_| text.to_uppercase()).unwrap_or_default()
/// };
/// let second = Process::new(shout, ()).stdin(pipe).start()?;
/// assert_eq!(second.join()?, "HELLO\n");
/// first.join()?;
/// # Ok(())
/// # }
/// ```
impl From<ChildStdout> for Stdio {
    fn from(pipe: ChildStdout) -> Self {
        Self::Descriptor(pipe.into())
    }
}

impl From<ChildStderr> for Stdio {
    fn from(pipe: ChildStderr) -> Self {
        Self::Descriptor(pipe.into())
    }
}

impl From<ChildStdin> for Stdio {
    fn from(pipe: ChildStdin) -> Self {
        Self::Descriptor(pipe.into())
    }
}

impl From<OwnedFd> for Stdio {
    fn from(descriptor: OwnedFd) -> Self {
        Self::Descriptor(descriptor)
    }
}

/// One stream, opened for a start.
pub(crate) struct Stream {
    /// What the child gets.
    pub(crate) child: OwnedFd,
    /// The other side of a pipe.
    pub(crate) parent: Option<OwnedFd>,
}

/// Opens the stream of a plan; `None` is the parent's.
pub(crate) fn open(stdio: Option<Arc<Stdio>>, stream: Standard) -> io::Result<Stream> {
    match stdio.map(Arc::try_unwrap) {
        None => Stdio::Inherit.open(stream),
        Some(Ok(last)) => last.open(stream),
        Some(Err(shared)) => shared.duplicate()?.open(stream),
    }
}

impl Stdio {
    /// The same, for one more start.
    fn duplicate(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Inherit => Self::Inherit,
            Self::Null => Self::Null,
            Self::Piped => Self::Piped,
            Self::Descriptor(descriptor) => Self::Descriptor(descriptor.try_clone()?),
        })
    }

    /// Opens the stream; one that is closed in the parent is `/dev/null` in the child.
    fn open(self, stream: Standard) -> io::Result<Stream> {
        let child = match self {
            Self::Inherit => match descriptor::duplicate_standard(stream) {
                Some(own) => own,
                None => descriptor::dev_null()?,
            },
            Self::Null => descriptor::dev_null()?,
            Self::Descriptor(descriptor) => descriptor,
            Self::Piped => return piped(stream),
        };
        Ok(Stream { child, parent: None })
    }
}

fn piped(stream: Standard) -> io::Result<Stream> {
    let (reader, writer) = descriptor::pipe()?;
    let (child, parent) = match stream {
        Standard::Input => (reader, writer),
        Standard::Output | Standard::Error => (writer, reader),
    };
    Ok(Stream { child, parent: Some(parent) })
}

/// A child's output that nobody reads, drained while the child is waited for, so that a full pipe
/// holds nobody up.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    pipe: Option<File>,
    kept: Vec<u8>,
    /// Whether all of it is kept, and not its end alone.
    whole: bool,
}

impl Drain {
    /// How much of the end of the output is kept: 8 KiB, a screen of text and then some.
    const TAIL: usize = 8 << 10;
    /// How much is read at once: as much as a pipe holds (`/proc/sys/fs/pipe-max-size`). Somebody
    /// who writes as fast as we read must not keep us from looking at the clock.
    const AT_ONCE: usize = 1 << 20;

    /// Takes over the reading end of a pipe.
    pub(crate) fn of(pipe: impl Into<OwnedFd>) -> io::Result<Self> {
        let pipe = pipe.into();
        descriptor::set_nonblocking(pipe.as_fd())?;
        Ok(Self { pipe: Some(File::from(pipe)), ..Self::default() })
    }

    /// As [`Drain::of`], and keeps all that it reads.
    pub(crate) fn whole(pipe: impl Into<OwnedFd>) -> io::Result<Self> {
        Ok(Self { whole: true, ..Self::of(pipe)? })
    }

    /// What to wait for, until the output has ended.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        self.pipe.as_ref().map(|pipe| (pipe.as_fd(), Interest::Readable))
    }

    /// Reads what is there, at most what a pipe holds; never waits.
    pub(crate) fn read(&mut self) {
        if self.pipe.is_none() {
            return;
        }
        let mut buffer = [0; 16 << 10];
        let mut left = Self::AT_ONCE;
        while let Some(pipe) = self.pipe.as_mut().filter(|_| left > 0) {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    self.keep(&buffer[..length]);
                    left = left.saturating_sub(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_unreadable) => self.pipe = None,
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        if !self.whole && self.kept.len() > 2 * Self::TAIL {
            self.kept.drain(..self.kept.len() - Self::TAIL);
        }
    }

    /// Takes what was kept.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// The end of what was read so far.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.kept[self.kept.len().saturating_sub(Self::TAIL)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_drain_keeps_the_end_and_never_waits() {
        let (reader, writer) = descriptor::pipe().expect("a pipe");
        let mut drain = Drain::of(reader).expect("a drain");
        drain.read();
        assert!(drain.tail().is_empty());
        let mut writer = File::from(writer);
        for round in 0..100_u32 {
            writer.write_all(format!("{round:0>1000}").as_bytes()).expect("room in the pipe");
            drain.read();
        }
        drop(writer);
        drain.read();
        assert_eq!(drain.tail().len(), Drain::TAIL);
        assert!(drain.tail().ends_with(b"0099"));
        assert!(drain.interest().is_none());
    }

    #[test]
    fn a_drain_comes_back_from_one_who_writes_as_fast_as_it_reads() {
        let mut drain = Drain::of(File::open("/dev/zero").expect("a source")).expect("a drain");
        drain.read();
        assert_eq!(drain.tail().len(), Drain::TAIL);
        assert!(drain.interest().is_some(), "there is more");
    }
}
