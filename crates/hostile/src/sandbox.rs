//! A kernel that lacks system calls, or refuses them at the worst moment.
//!
//! In: which calls, and what the kernel is to say. Out: a seccomp filter on the calling thread and
//! on everything that it starts from then on, processes included. What always holds: a filter only
//! takes away, and is never taken off again; a call that it lets pass is the kernel's own.

use crate::refusals::{Argument, REFUSALS, with};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A call that this kernel shall not have.
#[derive(Clone, Copy, Debug)]
pub struct Lack {
    /// As the documents call it.
    pub name: &'static str,
    call: libc::c_long,
    /// Only where this argument, masked, has this value; every call, without one.
    when: Option<Argument>,
    /// What kernels without it say; [`Lack::says`] changes it.
    pub errno: i32,
}

const fn lack(name: &'static str, call: libc::c_long, when: Option<Argument>, errno: i32) -> Lack {
    Lack { name, call, when, errno }
}

/// What a process may lack that procession uses where it is there.
pub const LACKS: [Lack; 12] = [
    lack("pidfd_open", libc::SYS_pidfd_open, None, libc::ENOSYS),
    lack("pidfd_send_signal", libc::SYS_pidfd_send_signal, None, libc::ENOSYS),
    lack("close_range", libc::SYS_close_range, None, libc::ENOSYS),
    lack("clone3", libc::SYS_clone3, None, libc::ENOSYS),
    lack("P_PIDFD", libc::SYS_waitid, Some(with(0, !0, libc::P_PIDFD)), libc::EINVAL),
    lack("MFD_NOEXEC_SEAL", libc::SYS_memfd_create, Some(with(1, 8, 8)), libc::EINVAL),
    lack("PIDFD_GET_INFO", libc::SYS_ioctl, Some(with(1, 0xffff, 0xff0b)), libc::ENOTTY),
    lack("MADV_WIPEONFORK", libc::SYS_madvise, Some(with(2, !0, 18)), libc::EINVAL),
    // As on a machine with more processors than a mask has bits.
    lack("sched_getaffinity", libc::SYS_sched_getaffinity, None, libc::EINVAL),
    lack("PR_SET_MM", libc::SYS_prctl, Some(with(0, !0, 35)), libc::EINVAL),
    // As where leases are switched off (`fs.leases-enable`).
    lack(
        "F_SETLEASE",
        libc::SYS_fcntl,
        Some(with(1, !0, libc::F_SETLEASE.unsigned_abs())),
        libc::EINVAL,
    ),
    // As with a C library whose `posix_spawn` has `dup2` leave a descriptor's own flags alone: the
    // call that would clear one succeeds and does nothing.
    lack("F_SETFD", libc::SYS_fcntl, Some(with(1, !0, libc::F_SETFD.unsigned_abs())), 0),
];

impl Lack {
    /// The same lack, where a sandbox refuses with an error of its own.
    #[must_use]
    pub fn says(self, errno: i32) -> Self {
        Self { errno, ..self }
    }
}

/// The lack with this name.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn lack_of(name: &str) -> Lack {
    let found = LACKS.into_iter().find(|lack| lack.name == name);
    found.unwrap_or_else(|| panic!("nobody knows how to lack {name}"))
}

/// The calling thread, and whoever it starts, lacks these from now on.
///
/// # Errors
/// As `seccomp(2)`.
pub fn forbid(lacks: &[Lack]) -> io::Result<()> {
    install(filter(lacks), 0).map(drop)
}

/// Every thread of this process, and whoever they start, lacks these from now on.
///
/// # Errors
/// As `seccomp(2)`.
pub fn forbid_everywhere(lacks: &[Lack]) -> io::Result<()> {
    install(filter(lacks), libc::SECCOMP_FILTER_FLAG_TSYNC).map(drop)
}

fn filter(lacks: &[Lack]) -> Vec<libc::sock_filter> {
    let mut program = vec![load(0)];
    for lack in lacks {
        let answer = libc::SECCOMP_RET_ERRNO | lack.errno.unsigned_abs();
        rule(&mut program, lack.call, lack.when, answer);
    }
    program
}

/// The program that `command` becomes, and whoever it starts, lacks these.
pub fn forbid_in(command: &mut Command, lacks: &[Lack]) {
    let lacks = lacks.to_vec();
    // SAFETY: between fork and exec the hook makes two system calls and allocates a few hundred
    // bytes, which the C library's fork leaves possible.
    unsafe { command.pre_exec(move || forbid(&lacks)) };
}

/// Has the calling thread, and whoever it starts, ask before each of the calls of [`REFUSALS`].
///
/// Gives the number of the descriptor on which they ask. Somebody must [`answer`] there, on a thread
/// that was started before.
///
/// # Errors
/// As `seccomp(2)`: `EBUSY` where there is a watch already.
pub fn watch() -> io::Result<RawFd> {
    let mut program = vec![load(0)];
    for refusal in REFUSALS {
        rule(&mut program, refusal.call, refusal.when, libc::SECCOMP_RET_USER_NOTIF);
    }
    install(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

/// Answers calls for as long as there are some: `decide` is given the thread and the call, and gives
/// the error that the kernel shall say, or none where it shall do its work.
///
/// # Errors
/// As `seccomp_unotify(2)`.
pub fn answer(
    number: RawFd,
    mut decide: impl FnMut(u32, libc::c_long) -> Option<i32>,
) -> io::Result<()> {
    let pass = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(io::Error::other)?;
    loop {
        // SAFETY: all zeros is what the kernel asks for, and a valid value.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one `seccomp_notif`, or refuses a number that is no listener.
        let received =
            check(unsafe { libc::ioctl(number, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) });
        match received {
            Ok(()) => {}
            // Who asked has been killed meanwhile.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        }
        let error = decide(asked.pid, libc::c_long::from(asked.data.nr));
        let mut said = libc::seccomp_notif_resp {
            id: asked.id,
            val: 0,
            error: error.map_or(0, |error| -error),
            flags: if error.is_some() { 0 } else { pass },
        };
        // SAFETY: the kernel reads one `seccomp_notif_resp`.
        let sent =
            check(unsafe { libc::ioctl(number, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut said) });
        match sent {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR))
}

/// The word of `struct seccomp_data` at `offset`: 0 is the call's number.
fn load(offset: u32) -> libc::sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0)
}

/// One instruction; a jump goes on where it is true, and skips `otherwise` instructions where not.
fn step(code: u32, k: u32, otherwise: u8) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).expect("a code"), jt: 0, jf: otherwise, k }
}

/// Adds a rule to a program that has the call's number loaded; it is loaded afterwards, too.
fn rule(
    program: &mut Vec<libc::sock_filter>,
    call: libc::c_long,
    when: Option<Argument>,
    answer: u32,
) {
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let call = u32::try_from(call).expect("a call's number");
    let say = step(libc::BPF_RET | libc::BPF_K, answer, 0);
    let Some(Argument { number, mask, value }) = when else {
        return program.extend([step(EQUAL, call, 1), say]);
    };
    // The arguments are 64 bits each, from offset 16, the low half first on this machine.
    program.extend([
        step(EQUAL, call, 5),
        load(16 + 8 * number),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask, 0),
        step(EQUAL, value, 1),
        say,
        load(0),
    ]);
}

fn install(mut program: Vec<libc::sock_filter>, flags: libc::c_ulong) -> io::Result<i32> {
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0));
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the kernel reads the program, whose memory outlives the call.
    let installed = unsafe {
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    let installed = i32::try_from(installed).map_err(io::Error::other)?;
    check(installed).map(|()| installed)
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the call with senseless arguments but for what the lack looks at. Gives what the
    /// kernel says.
    fn meet(lack: Lack) -> Option<i32> {
        let mut arguments: [libc::c_long; 6] = [-1; 6];
        if let Some(Argument { number, value, .. }) = lack.when {
            arguments[usize::try_from(number).expect("a place")] = value.into();
        }
        let [one, two, three, four, five, six] = arguments;
        // SAFETY: each of the calls refuses these arguments and changes nothing.
        let result = unsafe { libc::syscall(lack.call, one, two, three, four, five, six) };
        if result == -1 { io::Error::last_os_error().raw_os_error() } else { None }
    }

    #[test]
    fn each_lack_is_met_by_its_call_and_by_no_other() {
        // What none of the calls says by itself.
        let odd = libc::EXDEV;
        for forbidden in LACKS {
            let check = move || {
                forbid(&[forbidden.says(odd)]).expect("a filter");
                LACKS.map(|lack| (lack.name, meet(lack) == Some(odd)))
            };
            // A filter is the calling thread's.
            let met = std::thread::spawn(check).join().expect("every call returns");
            assert_eq!(met, LACKS.map(|lack| (lack.name, lack.name == forbidden.name)));
        }
    }
}
