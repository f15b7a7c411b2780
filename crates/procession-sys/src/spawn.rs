//! Running this very program once more.
//!
//! In: what the new process is to be ([`Role`]) and its descriptors. Out: its process id. What
//! always holds: it is the running image (`/proc/self/exe`, never a path that may have been
//! replaced), with all signals default and unblocked, and gets just the descriptors named. Where a
//! sandbox refuses `posix_spawn`, as some do with a `clone3` that they do not know, it is made by a
//! fork.

mod forked;

use crate::boot::{self, Role};
use crate::image;
use crate::life::Pid;
use crate::published::Published;
use crate::signal;
use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const OWN_IMAGE: &CStr = c"/proc/self/exe";

/// Starts this program again; its boot constructor takes over before `main`. `environment` is
/// entries `NAME=value`, each ended by a NUL.
///
/// # Errors
/// As `posix_spawn(3)`: `EAGAIN` at a process limit, `ENOMEM`, `ENOENT` without `/proc`.
pub fn own_image(
    role: Role,
    socket: BorrowedFd<'_>,
    guarded: Option<BorrowedFd<'_>>,
    environment: &[u8],
) -> io::Result<Pid> {
    let entries = environment.split_inclusive(|&byte| byte == 0);
    // One of the user's would be found before ours.
    let entries = entries.filter(|entry| !boot::is_variable(entry));
    let mut environment: Vec<CString> =
        entries.filter_map(|entry| CString::from_vec_with_nul(entry.to_vec()).ok()).collect();
    environment.push(boot::variable(role, socket, guarded));
    let kept: Vec<BorrowedFd<'_>> = [Some(socket), guarded].into_iter().flatten().collect();
    let copies: Vec<OwnedFd> =
        kept.iter().map(BorrowedFd::try_clone_to_owned).collect::<io::Result<_>>()?;
    let (arguments, environment) = (null_ended(arguments()), null_ended(&environment));
    let mut attributes = Attributes::new()?;
    for (copy, descriptor) in copies.iter().zip(&kept) {
        attributes.keep(copy, *descriptor)?;
    }
    let kept: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    let image = image_path()?;
    match attributes.spawn(&image, &arguments, &environment) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            forked::spawn(&image, &kept, &arguments, &environment)
        }
        spawned => spawned,
    }
}

/// The path by which the kernel runs this program again.
///
/// Under valgrind the kernel's link names valgrind, in whose process the program's code is
/// interpreted; reading the link, which valgrind intercepts, gives the program. Should another file
/// have taken its place, its server does not greet with this program's identity.
fn image_path() -> io::Result<Cow<'static, CStr>> {
    if !image::is_loaded("vgpreload_core") {
        return Ok(Cow::Borrowed(OWN_IMAGE));
    }
    let program = std::fs::read_link(OsStr::from_bytes(OWN_IMAGE.to_bytes()))?;
    let program = CString::new(program.into_os_string().into_vec()).map_err(io::Error::other)?;
    Ok(Cow::Owned(program))
}

/// The arguments as the program got them. Before `main`, musl's std does not know them yet; the
/// kernel does, until this process shows another [title](crate::title).
pub fn arguments() -> &'static [CString] {
    static ARGUMENTS: Published<Vec<CString>> = Published::new();
    ARGUMENTS.get_or(|| Box::leak(Box::new(read_arguments())))
}

fn read_arguments() -> Vec<CString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.is_empty() {
        let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
        let line = line.strip_suffix(&[0]).unwrap_or(&line);
        arguments = line.split(|&b| b == 0).map(|one| OsString::from_vec(one.to_vec())).collect();
    }
    arguments.into_iter().filter_map(|one| CString::new(one.into_vec()).ok()).collect()
}

/// The two objects that `posix_spawn` wants, destroyed in any case.
struct Attributes {
    actions: libc::posix_spawn_file_actions_t,
    flags: libc::posix_spawnattr_t,
}

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        let mut flags = MaybeUninit::uninit();
        // SAFETY: both calls initialise what they are given; each is read only after success.
        let mut made = unsafe {
            check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            check(libc::posix_spawnattr_init(flags.as_mut_ptr()))?;
            Self { actions: actions.assume_init(), flags: flags.assume_init() }
        };
        let (none, all) = (signal::set_of(&[]), signal::full_set());
        let set = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        let set = libc::c_short::try_from(set).map_err(io::Error::other)?;
        // SAFETY: `made.flags` is initialised, both sets too.
        unsafe {
            check(libc::posix_spawnattr_setsigmask(&raw mut made.flags, &raw const none))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut made.flags, &raw const all))?;
            check(libc::posix_spawnattr_setflags(&raw mut made.flags, set))?;
        }
        Ok(made)
    }

    /// A `dup2` of a descriptor's copy onto it clears close-on-exec, in the new process only. One
    /// onto itself does so since glibc 2.29 and musl 1.1.24; before, the descriptor is closed.
    fn keep(&mut self, copy: &OwnedFd, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let (from, to) = (copy.as_raw_fd(), descriptor.as_raw_fd());
        // SAFETY: `self.actions` is initialised.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.actions, from, to) })
    }

    /// Both arrays are ended by a null.
    fn spawn(
        &self,
        image: &CStr,
        arguments: &[*mut c_char],
        environment: &[*mut c_char],
    ) -> io::Result<Pid> {
        let mut pid = 0;
        // SAFETY: both arrays are ended by a null and their strings outlive the call, as do the
        // image's path and the initialised attributes.
        check(unsafe {
            libc::posix_spawn(
                &raw mut pid,
                image.as_ptr(),
                &raw const self.actions,
                &raw const self.flags,
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        })?;
        Pid::from_raw(pid).ok_or_else(|| io::Error::other("posix_spawn gave no process id"))
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: both were initialised in `new` and are destroyed once.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.actions);
            libc::posix_spawnattr_destroy(&raw mut self.flags);
        }
    }
}

fn null_ended(strings: &[CString]) -> Vec<*mut c_char> {
    let pointers = strings.iter().map(|string| string.as_ptr().cast_mut());
    pointers.chain([std::ptr::null_mut()]).collect()
}

/// The `posix_spawn` family returns its error instead of setting `errno`.
fn check(error: i32) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}
