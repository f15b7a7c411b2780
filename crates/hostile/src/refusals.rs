//! What a kernel may say that has no more of something.
//!
//! Data only. What always holds: each error is one that the call's manual page names, and one that
//! a machine short of descriptors, memory or processes gives for as few arguments as ours.

use libc::{EAGAIN, EMFILE, ENOMEM};

/// An argument of a call: by its place, and its value where it is masked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub(crate) number: u32,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

pub(crate) const fn with(number: u32, mask: u32, value: u32) -> Argument {
    Argument { number, mask, value }
}

/// A call that takes a resource.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub call: libc::c_long,
    /// What it may say.
    pub errors: &'static [i32],
    /// Only where this argument has this value.
    pub(crate) when: Option<Argument>,
}

const fn refusal(name: &'static str, call: libc::c_long, errors: &'static [i32]) -> Refusal {
    Refusal { name, call, errors, when: None }
}

/// `fcntl` where it makes a descriptor; other commands of it take nothing.
const DUPLICATE: Refusal = Refusal {
    name: "fcntl",
    call: libc::SYS_fcntl,
    errors: &[EMFILE],
    when: Some(with(1, !0, libc::F_DUPFD_CLOEXEC.unsigned_abs())),
};

/// The errors in [`REFUSALS`].
pub const SHORTAGES: [i32; 3] = [EMFILE, ENOMEM, EAGAIN];

/// Calls that a start makes, in the program, its server or the child, and that take something.
///
/// aarch64 has no `open`, `dup2`, `fork` and `vfork`; its C libraries call the newer ones.
pub const REFUSALS: &[Refusal] = &[
    #[cfg(target_arch = "x86_64")]
    refusal("open", libc::SYS_open, &[EMFILE, ENOMEM]),
    refusal("openat", libc::SYS_openat, &[EMFILE, ENOMEM]),
    refusal("socketpair", libc::SYS_socketpair, &[EMFILE, ENOMEM]),
    refusal("pidfd_open", libc::SYS_pidfd_open, &[EMFILE, ENOMEM]),
    refusal("memfd_create", libc::SYS_memfd_create, &[EMFILE, ENOMEM]),
    DUPLICATE,
    refusal("pipe2", libc::SYS_pipe2, &[EMFILE]),
    refusal("signalfd4", libc::SYS_signalfd4, &[EMFILE, ENOMEM]),
    #[cfg(target_arch = "x86_64")]
    refusal("dup2", libc::SYS_dup2, &[EMFILE]),
    refusal("dup3", libc::SYS_dup3, &[EMFILE]),
    refusal("sendmsg", libc::SYS_sendmsg, &[ENOMEM]),
    refusal("clone", libc::SYS_clone, &[EAGAIN, ENOMEM]),
    refusal("clone3", libc::SYS_clone3, &[EAGAIN, ENOMEM]),
    #[cfg(target_arch = "x86_64")]
    refusal("fork", libc::SYS_fork, &[EAGAIN, ENOMEM]),
    #[cfg(target_arch = "x86_64")]
    refusal("vfork", libc::SYS_vfork, &[EAGAIN, ENOMEM]),
    refusal("execve", libc::SYS_execve, &[EAGAIN, ENOMEM, EMFILE]),
    refusal("mprotect", libc::SYS_mprotect, &[ENOMEM]),
    refusal("fchdir", libc::SYS_fchdir, &[ENOMEM]),
];
