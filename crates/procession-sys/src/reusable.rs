//! Anonymous memory that its maker fills for others again, once no other process can have it.
//!
//! Fresh memory costs several times what copying into it costs, so a process that sends much keeps
//! memory that it has sent. Before it writes there again it must know that nothing else can read or
//! write that memory any more: neither the process that received it, nor a descendant which
//! inherited it and outlives that process, nor a message on its way. No list of processes tells
//! that. The kernel does: it grants a write lease on a file (`fcntl(2)`, `F_SETLEASE`) only if the
//! file has one open file description, the one that asks. Each duplicate of a descriptor, each
//! mapping and each message on its way keeps its description, whatever process it is in.
//!
//! # Who can have the memory
//! | who | by what | what the lease says |
//! |---|---|---|
//! | this process | its own description and mapping | they are the ones that ask |
//! | a receiver | a description that [`Reusable::open`] made, never a duplicate of the own one | not free |
//! | its descendants, whoever they sent it to | duplicates and mappings of that description | not free |
//! | a packet on its way, or in a queue that nobody reads | that description | not free |
//! | a debugger that opened `/proc/PID/fd/N` | a description that this made | not free |
//! | a copy of this process, made by `fork` | the own description and mapping, inherited | **free**: it cannot tell them apart |
//!
//! The last row is for the caller: code in a copy of the process neither reads nor writes what it
//! inherited of a [`Reusable`]. A program that this process executes inherits nothing, since every
//! descriptor is close-on-exec.
//!
//! # Invariants
//! - The memory has one length for its whole life (`F_SEAL_GROW`, `F_SEAL_SHRINK`, `F_SEAL_SEAL`),
//!   so no access to it faults; every access is by atomics, so whatever a receiver writes, at
//!   whatever moment, is a wrong value at worst.
//! - Where the kernel grants no lease, as under a sandbox, or without `/proc`, there is no
//!   [`Reusable`] at all: making one is an error.

use crate::descriptor::{self, Identity, above_standard};
use crate::fault;
use crate::fault::stands;
use crate::memory;
use crate::shared::Shared;
use rustix::fs::{Mode, OFlags, SealFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// `F_SETSIG` of `fcntl(2)`, the same number on every processor; not in every version of libc.
const SET_SIGNAL: libc::c_int = 10;

/// Memory of this process that other processes are given, one after the other.
#[derive(Debug)]
pub struct Reusable {
    memory: Shared,
    identity: Identity,
    filled: usize,
}

impl Reusable {
    /// New memory for `length` bytes. It takes real memory as it is first written.
    ///
    /// # Errors
    /// `Unsupported` where the kernel grants no lease on it; `EFBIG` above this process's limit on
    /// the size of files; `InvalidInput` for no bytes; `EMFILE`, `ENFILE`, `ENOMEM`; as `open(2)`
    /// without `/proc`.
    pub fn new(length: usize) -> io::Result<Self> {
        let size = u64::try_from(length).map_err(io::Error::other)?;
        memory::within_limit(size)?;
        let made = memory::anonymous()?;
        rustix::fs::ftruncate(&made, size)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&made, seals)?;
        // The kernel does not count the description that `memfd_create` makes as one for writing,
        // and grants a lease beside it or refuses one by it. One made by `open` counts as others do.
        let own = reopened(&made)?;
        drop(made);
        let identity = descriptor::identity(own.as_fd())?;
        let reusable = Self { memory: Shared::adopt(own)?, identity, filled: 0 };
        if !reusable.is_free() {
            let text = "the kernel grants no lease on anonymous memory";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(reusable)
    }

    /// Returns true if no other process, and no message, has the memory open or mapped.
    ///
    /// It stays so until this process opens it again: there is nothing else to open it by, but
    /// `/proc`. A lease that cannot be had for another reason counts as "not free".
    pub fn is_free(&self) -> bool {
        if !stands("reuse-proof") {
            return true;
        }
        // The lease itself is of no use: whoever opens the memory would wait for its end.
        if self.take_lease().is_err() {
            return false;
        }
        fault!("reusable.leased");
        self.give_lease_back().is_ok()
    }

    fn take_lease(&self) -> io::Result<()> {
        if stands("harmless-lease-signal") {
            // The kernel signals the owner of a lease when something opens the file meanwhile, by
            // SIGIO, which ends a process, unless it was told another signal since the last lease
            // ended. SIGURG does nothing to a process that does not ask for it.
            control(&self.memory, SET_SIGNAL, libc::SIGURG)?;
        }
        control(&self.memory, libc::F_SETLEASE, libc::F_WRLCK)
    }

    fn give_lease_back(&self) -> io::Result<()> {
        control(&self.memory, libc::F_SETLEASE, libc::F_UNLCK)
    }

    /// Opens it for another process. While anything has what this gives, the memory is not free.
    ///
    /// # Errors
    /// As `open(2)`: `EMFILE`, `ENFILE`, and without `/proc`; `InvalidData` where the descriptor was
    /// closed, and its number is another file's.
    pub fn open(&self) -> io::Result<OwnedFd> {
        let opened = reopened(&self.memory)?;
        if descriptor::identity(opened.as_fd())? != self.identity {
            let text = "a descriptor of procession's was closed by other code of this process";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(opened)
    }

    /// Writes `bytes` at its beginning. Whoever has it open must know that they are being written.
    ///
    /// # Errors
    /// `ENOSPC` or `ENOMEM` where memory ends, `EFBIG` above this process's limit on the size of
    /// files: both only beyond what was written before.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (known, fresh) = bytes.split_at(bytes.len().min(self.filled));
        self.memory.store(0, known);
        fault!("reusable.half");
        self.memory.fill(known.len(), fresh)?;
        self.filled = self.filled.max(bytes.len());
        Ok(())
    }

    /// How many bytes it can have.
    #[expect(clippy::len_without_is_empty, reason = "it has at least one byte")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Which file it is: that of each descriptor which [`open`](Self::open) gave.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The memory, to be read by atomics: others may have it.
    pub fn memory(&self) -> &Shared {
        &self.memory
    }
}

/// The same file by an open file description of its own.
///
/// By the calling thread's `/proc`, since a thread may have descriptors of its own.
fn reopened(file: impl AsFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/thread-self/fd/{}", file.as_fd().as_raw_fd());
    let opened = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    above_standard(opened)
}

fn control(file: impl AsFd, command: libc::c_int, argument: libc::c_int) -> io::Result<()> {
    // SAFETY: the two commands that are used take a number and change no memory of this process.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), command, argument) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::{self, Pid};
    use crate::parcel::{self, Waiting};
    use crate::wait::{self, Interest};
    use std::process::ExitStatus;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    const LENGTH: usize = 3 * 4096;

    /// Whether it becomes free: a process that another test of this program forks has what this
    /// process had at that moment, until it leaves.
    fn becomes_free(memory: &Reusable) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !memory.is_free() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    #[test]
    fn it_is_free_exactly_while_nothing_has_another_descriptor_of_it() {
        let memory = Reusable::new(LENGTH).expect("memory");
        assert!(becomes_free(&memory), "fresh");
        let other = memory.open().expect("a descriptor");
        assert!(!memory.is_free(), "open");
        let duplicate = other.try_clone().expect("a duplicate");
        drop(other);
        assert!(!memory.is_free(), "a duplicate is open");
        drop(duplicate);
        assert!(becomes_free(&memory), "closed");
    }

    #[test]
    fn a_mapping_keeps_it_from_being_free_also_one_for_reading_alone() {
        let memory = Reusable::new(LENGTH).expect("memory");
        let mapped = Shared::adopt(memory.open().expect("a descriptor")).expect("a mapping");
        assert!(!memory.is_free(), "open and mapped");
        drop(mapped);
        assert!(becomes_free(&memory));

        let other = memory.open().expect("a descriptor");
        let path = format!("/proc/thread-self/fd/{}", other.as_raw_fd());
        let reader = std::fs::File::open(path).expect("a descriptor for reading");
        drop(other);
        let protection = rustix::mm::ProtFlags::READ;
        let flags = rustix::mm::MapFlags::PRIVATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
        let address = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), LENGTH, protection, flags, &reader, 0)
        };
        let address = address.expect("a mapping for reading");
        drop(reader);
        assert!(!memory.is_free(), "mapped for reading");
        // SAFETY: exactly the mapping made above, which nothing borrows.
        unsafe { rustix::mm::munmap(address, LENGTH) }.expect("no mapping");
        assert!(becomes_free(&memory));
    }

    #[test]
    fn a_message_that_nobody_has_received_keeps_it_from_being_free() {
        let memory = Reusable::new(LENGTH).expect("memory");
        let (here, there) = parcel::pair().expect("a pair");
        let other = memory.open().expect("a descriptor");
        parcel::send(here.as_fd(), &[b"take it"], &[other.as_fd()], Waiting::Never).expect("sent");
        drop(other);
        drop(here);
        assert!(!memory.is_free(), "on its way");
        drop(there);
        assert!(becomes_free(&memory), "the message is gone");
    }

    /// Forks a child that runs `body` and leaves.
    fn forked(body: impl FnOnce()) -> Pid {
        // SAFETY: the child makes system calls alone, and leaves without any exit handler.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            body();
            crate::exit::now(0);
        }
        Pid::from_raw(pid).expect("a child")
    }

    fn end_of(pid: Pid) -> OwnedFd {
        life::pidfd(pid).expect("a pidfd")
    }

    fn reap(pidfd: &OwnedFd, pid: Pid) -> ExitStatus {
        wait::ready(&[(pidfd.as_fd(), Interest::Readable)], None).expect("poll");
        life::reap(pidfd.as_fd(), pid).expect("a child of this process").status
    }

    #[test]
    fn a_mapping_of_an_ended_process_s_descendant_keeps_it_from_being_free() {
        let memory = Reusable::new(LENGTH).expect("memory");
        let mapped = Shared::adopt(memory.open().expect("a descriptor")).expect("a mapping");
        // The descendant tells its number here, and lives until this process closes `alive`.
        let number = Shared::new(4).expect("memory");
        let (held, alive) = descriptor::pipe().expect("a pipe");
        let child = forked(|| {
            forked(|| {
                // The mapping is all that the descendant keeps.
                let kept = [number.as_fd(), held.as_fd()];
                descriptor::close_all_but(&kept).expect("closed");
                number.half_words()[0].store(Pid::own().as_raw().unsigned_abs(), Ordering::Release);
                let _ = wait::ready(&[(held.as_fd(), Interest::Readable)], None);
            });
        });
        drop(mapped);
        assert!(reap(&end_of(child), child).success());
        let descendant = loop {
            match Pid::told(number.half_words()[0].load(Ordering::Acquire)) {
                Some(pid) => break end_of(pid),
                None => std::thread::yield_now(),
            }
        };
        assert!(!memory.is_free(), "the child has ended, its child has the mapping");
        drop(alive);
        wait::ready(&[(descendant.as_fd(), Interest::Readable)], None).expect("poll");
        assert!(becomes_free(&memory), "nobody is left");
    }

    #[test]
    fn whoever_opens_it_during_the_proof_does_not_end_this_process() {
        let memory = Reusable::new(LENGTH).expect("memory");
        assert!(becomes_free(&memory), "a lease before this one");
        while memory.take_lease().is_err() {
            std::thread::yield_now();
        }
        let path = format!("/proc/thread-self/fd/{}", memory.memory.as_fd().as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        // The kernel signals the owner of the lease, this process, before it refuses the opening.
        let refused = rustix::fs::open(path, flags, Mode::empty()).expect_err("a lease is held");
        assert_eq!(refused, rustix::io::Errno::WOULDBLOCK);
        memory.give_lease_back().expect("no lease");
        assert!(becomes_free(&memory));
    }

    #[test]
    fn what_is_written_is_read_by_others_and_the_length_stays() {
        let mut memory = Reusable::new(LENGTH).expect("memory");
        let there = Shared::adopt(memory.open().expect("a descriptor")).expect("a mapping");
        for (number, length) in [(1, 5000), (2, 100), (3, LENGTH), (4, 0)] {
            let sent = vec![number; length];
            memory.write(&sent).expect("room");
            let mut read = vec![0; length];
            there.load(0, &mut read);
            assert_eq!(read, sent);
        }
        assert_eq!((memory.len(), there.len()), (LENGTH, LENGTH));
        for length in [0, 2 * LENGTH as u64] {
            let error = rustix::fs::ftruncate(&there, length).expect_err("sealed");
            assert_eq!(error, rustix::io::Errno::PERM);
        }
        Reusable::new(0).expect_err("no bytes");
    }

    #[test]
    fn a_descriptor_that_was_closed_and_is_another_files_is_noticed() {
        let memory = Reusable::new(LENGTH).expect("memory");
        let other = Reusable::new(LENGTH).expect("memory");
        let confused = Reusable { memory: other.memory, ..memory };
        let error = confused.open().expect_err("another file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
