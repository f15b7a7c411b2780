//! The kernel's door of procession: the only unsafe code, behind safe functions.
//!
//! Each room wraps one thing of the kernel or of the C library and knows nothing of processes as
//! procession means them: no frames, no endings, no daemons. What the rooms above rely on is
//! stated at each function; where a call needs the process to be single-threaded, it asks for the
//! proof ([`thread::SingleThreaded`]) instead of trusting its caller.
//!
//! | room | what it is for |
//! |---|---|
//! | [`image`] | which function is that, in another process of the same program |
//! | [`mod@boot`] | waking before `main` in a program that was started as a server or child |
//! | [`spawn`] | running this very program once more |
//! | [`fork`] | splitting a single-threaded process |
//! | [`thread`] | the proof that a process has one thread; noticing a fork |
//! | [`per_process`] | statics that a copy of the process uses without waiting |
//! | [`published`] | statics that are read without a lock |
//! | [`parcel`] | bytes and descriptors, whole or absent, over a socket |
//! | [`memory`] | sealed anonymous memory that can be read as a slice |
//! | [`shared`] | anonymous memory that several processes write |
//! | [`reusable`] | anonymous memory that is filled again once no other process can have it |
//! | [`futex`] | sleeping until another process changes a word |
//! | [`robust`] | a lock in shared memory that outlives its holder |
//! | [`numbers`] | recognizing vectors of numbers behind type parameters |
//! | [`text`] | bytes that are known to be text |
//! | [`stack`] | how much stack the calling thread has left |
//! | [`bell`] | waking whoever waits, and noticing that the other side is gone |
//! | [`tally`] | numbers crossed off a list, and the end of all who could |
//! | [`cpu`] | which processor runs us, and a clock that costs next to nothing |
//! | [`descriptor`] | closing all but some, moving to 0-2 |
//! | [`life`] | pidfds: is it alive, signal it, reap it |
//! | [`signal`] | masks, dispositions, a descriptor for what a server must know |
//! | [`abort`] | reporting an abort for want of memory from its signal handler |
//! | [`overflow`] | reporting a stack overflow from its signal handler |
//! | [`credentials`] | user, groups, process group, session, `no_new_privs` |
//! | [`inherit`] | what a child takes over: environment, directory, umask, limits, nice, affinity, standing |
//! | [`subtree`] | all that descends from this process, and ending it |
//! | [`title`] | the command line that others see |
//! | [`stream`] | bytes over a connected socket, and bytes that nobody can guess |
//! | [`exit`] | functions called when the process ends |
//! | [`alarm`] | a time that also passes while the machine is suspended |
//! | [`mod@fault`] | points at which a test has somebody killed; nothing otherwise |
//! | [`timer`] | a time at which the kernel kills this process |
//! | [`usage`] | what an ended process used |
//! | [`wait`] | waiting on descriptors until a deadline |
//! | [`wait_set`] | several descriptors and a point in time, waited for as one descriptor |

#[cfg(not(target_os = "linux"))]
compile_error!(
    "procession works on Linux only: it is built on pidfds, memfds and what Linux's /proc shows"
);

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("procession works on x86-64 and aarch64 only: it is tested on no other processor");

pub mod abort;
pub mod alarm;
#[cfg(test)]
mod alone;
pub mod bell;
pub mod boot;
mod copy;
pub mod cpu;
pub mod credentials;
pub mod descriptor;
pub mod exit;
pub mod fault;
pub mod fork;
pub mod futex;
pub mod image;
pub mod inherit;
pub mod life;
pub mod memory;
pub mod numbers;
pub mod overflow;
pub mod parcel;
pub mod per_process;
pub mod published;
pub mod reusable;
pub mod robust;
pub mod shared;
pub mod signal;
pub mod spawn;
pub mod stack;
pub mod stream;
pub mod subtree;
pub mod tally;
pub mod text;
pub mod thread;
pub mod timer;
pub mod title;
pub mod usage;
pub mod wait;
pub mod wait_set;
