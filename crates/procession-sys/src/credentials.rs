//! Whose process this is, and what it may still become.
//!
//! # Invariants
//! - Each call changes all threads of this process or none.
//! - Group changes come before the user change: an ordinary user may not change groups.

use std::io;

/// The supplementary groups (`setgroups(2)`).
///
/// # Errors
/// `EPERM` without the privilege, and in a user namespace that denies it.
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the pointer is good for as many groups as are said to be there.
    check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })
}

/// The real, effective and saved group (`setresgid(2)`).
///
/// # Errors
/// `EPERM` without the privilege.
pub fn set_group(group: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresgid(group, group, group) })
}

/// The real, effective and saved user (`setresuid(2)`).
///
/// # Errors
/// `EPERM` without the privilege.
pub fn set_user(user: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresuid(user, user, user) })
}

/// Whether this process acts as root, as far as its user id says.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// No program that the calling thread executes gains privileges, by set-user-id bits or file
/// capabilities (`PR_SET_NO_NEW_PRIVS`). It cannot be taken back.
///
/// # Errors
/// None that `prctl(2)` names; passed on as the kernel says.
pub fn set_no_new_privs() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Moves this process to the process group with this number, 0 for a new one of its own
/// (`setpgid(2)`).
///
/// # Errors
/// `EPERM` if the group is not one of this session, or this process leads a session.
pub fn set_process_group(group: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setpgid(0, group) })
}

/// Makes this process the leader of a new session and of a new process group (`setsid(2)`).
///
/// # Errors
/// `EPERM` if it leads a process group already.
pub fn new_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
