//! Waking before `main` in a program that was started as a server or child.
//!
//! A library that wants its program to be startable again expands [`boot!`](crate::boot!) once.
//! That puts a constructor into `.init_array`, which the C library runs before `main`. In an
//! ordinary start it looks for one environment variable, does not find it and returns. In a
//! process made by [`crate::spawn::own_image`] it never returns.
//!
//! In: the variable. Out: a [`Boot`] handed to the library's function. What always holds: the
//! variable is gone from the environment before any other code runs, so no further process takes
//! itself for ours; one that is no order of ours is ignored. An order that cannot be obeyed, since
//! the start is a privileged one (`AT_SECURE`) or a descriptor did not come along, ends the
//! process: a second `main` is nothing that anybody asked for, and would start the next.

use crate::descriptor;
use crate::exit;
use crate::image::{self, dynamic};
use crate::life::Pid;
use crate::signal;
use std::ffi::{CString, c_char, c_int};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

const VARIABLE: &std::ffi::CStr = c"PROCESSION_BOOT";

/// The exit code of a privileged process that was to be one of ours (`EX_NOPERM` of sysexits.h).
const PRIVILEGED: i32 = 77;

/// The exit code of a process that lacks what it was given to be one of ours (`EX_OSERR`).
const BEREFT: i32 = 71;

/// Stands in the variable for a descriptor that is not given.
const ABSENT: RawFd = -1;

/// How far this process has come, as [`Stage`] says it.
static STAGE: AtomicU8 = AtomicU8::new(Stage::Unknown as u8);

/// How far a process has come on its way to the code that it is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Constructors run that the C library calls before ours: only the variable tells.
    Unknown,
    /// The program's `main` or a child's function may run.
    Running,
    /// A server, or a child that has not come to its function.
    Waking,
}

impl Stage {
    fn enter(self) {
        STAGE.store(self as u8, Ordering::Relaxed);
    }
}

/// Returns true in a server, and in a child that has not come to its function: what runs there are
/// the constructors of the program, its exit handlers, and threads that those have started.
///
/// A process started from there would run the same constructors, which would start the next.
pub fn is_waking() -> bool {
    let stage = STAGE.load(Ordering::Relaxed);
    if stage != Stage::Unknown as u8 {
        return stage == Stage::Waking as u8;
    }
    std::env::var(&*VARIABLE.to_string_lossy()).is_ok_and(|value| parse(&value).is_some())
}

/// Says that this process, a child, runs its function from now on.
pub fn run_function() {
    Stage::Running.enter();
}

/// What a process was started to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It starts processes for the one that started it.
    Server,
    /// It runs one function.
    Child,
}

impl Role {
    fn letter(self) -> char {
        match self {
            Self::Server => 's',
            Self::Child => 'c',
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        [Self::Server, Self::Child].into_iter().find(|role| letter.chars().eq([role.letter()]))
    }
}

/// What a process finds when it wakes.
#[derive(Debug)]
pub struct Boot {
    /// What it is to be.
    pub role: Role,
    /// Its socket to whoever started it.
    pub socket: OwnedFd,
    /// A pidfd of the program's main process, where the kernel has pidfds.
    pub guarded: Option<OwnedFd>,
    /// Who started it.
    pub starter: Pid,
}

/// The environment entry from which the new process makes its [`Boot`].
pub(crate) fn variable(
    role: Role,
    socket: BorrowedFd<'_>,
    guarded: Option<BorrowedFd<'_>>,
) -> CString {
    let guarded = guarded.map_or(ABSENT, |guarded| guarded.as_raw_fd());
    let (name, own) = (VARIABLE.to_string_lossy(), Pid::own().as_raw());
    let text = format!("{name}={},{},{guarded},{own}", role.letter(), socket.as_raw_fd());
    CString::new(text).expect("letters and digits have no NUL")
}

/// Whether an environment entry is one for us, by whoever set it.
pub(crate) fn is_variable(entry: &[u8]) -> bool {
    entry.strip_prefix(VARIABLE.to_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

/// An order as the variable has it: numbers, of what is there or not.
struct Order {
    role: Role,
    socket: RawFd,
    guarded: RawFd,
    starter: Pid,
}

fn parse(value: &str) -> Option<Order> {
    let mut parts = value.split(',');
    let role = Role::from_letter(parts.next()?)?;
    let [socket, guarded, starter] = [parts.next()?, parts.next()?, parts.next()?];
    let starter = Pid::from_raw(starter.parse().ok()?)?;
    let (socket, guarded) = (socket.parse().ok()?, guarded.parse().ok()?);
    let whole = socket != guarded && parts.next().is_none();
    whole.then_some(Order { role, socket, guarded, starter })
}

impl Order {
    /// What it speaks of, where that is all there.
    fn obey(self) -> Option<Boot> {
        let Self { role, socket, guarded, starter } = self;
        let socket = descriptor::adopt(socket)?;
        let guarded = if guarded == ABSENT { None } else { Some(descriptor::adopt(guarded)?) };
        Some(Boot { role, socket, guarded, starter })
    }
}

/// The C type of a constructor. musl passes it nothing, so its arguments are only passed on.
pub type Constructor = unsafe extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// Expands, once per library, to the constructor that wakes this program's processes.
///
/// `$wake` is a `fn(Boot) -> !`. The static `CONSTRUCTOR` must be named by code that is linked in
/// ([`keep`](crate::boot::keep)), or the linker drops the object it stands in.
#[macro_export]
macro_rules! boot {
    ($wake:path) => {
        unsafe extern "C" fn constructor(
            count: ::core::ffi::c_int,
            arguments: *const *const ::core::ffi::c_char,
            environment: *const *const ::core::ffi::c_char,
        ) {
            // SAFETY: the C library calls this before `main`, with what it passes constructors.
            unsafe { $crate::boot::enter(constructor, count, arguments, environment, $wake) };
        }

        #[used]
        #[cfg_attr(not(miri), unsafe(link_section = ".init_array"))]
        pub(crate) static CONSTRUCTOR: $crate::boot::Constructor = constructor;
    };
}

/// Keeps a constructor in the program.
pub fn keep(constructor: &'static Constructor) {
    std::hint::black_box(constructor);
}

/// The constructor's body: returns in an ordinary start, and never otherwise.
///
/// # Safety
/// Only for the constructor `own` of `.init_array`, called by the C library, before `main` and with
/// one thread: it changes the environment and calls all later constructors with these arguments.
#[doc(hidden)]
pub unsafe fn enter(
    own: Constructor,
    count: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    wake: fn(Boot) -> !,
) {
    // SAFETY: the name is NUL-ended; before `main` nobody else changes the environment.
    let value = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    if value.is_null() {
        signal::note_start();
        return Stage::Running.enter();
    }
    // SAFETY: `getauxval` reads the vector that the kernel gave this process.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        exit::now(PRIVILEGED);
    }
    // SAFETY: a non-null result of `getenv` is a NUL-ended string; it is copied before the
    // environment changes.
    let value = unsafe { std::ffi::CStr::from_ptr(value) }.to_string_lossy().into_owned();
    let order = parse(&value);
    // Before the variable is gone: a constructor may have started a thread that asks.
    if order.is_some() { Stage::Waking } else { Stage::Running }.enter();
    // SAFETY: as above, nobody else uses the environment.
    unsafe { libc::unsetenv(VARIABLE.as_ptr()) };
    let Some(order) = order else { return };
    let Some(boot) = order.obey() else { exit::now(BEREFT) };
    run_later_constructors(own, count, arguments, environment);
    signal::as_std_leaves_them();
    wake(boot)
}

/// Runs the constructors that the C library has not come to yet: those behind ours in our module,
/// and all of the program's where we are in a library, since we do not return to the C library.
fn run_later_constructors(
    own: Constructor,
    count: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) {
    let place = (own as *const ()).addr();
    let modules = image::modules();
    let Some(ours) = modules.iter().position(|module| module.contains(place, 1)) else { return };
    let array = dynamic::constructors(&modules[ours]);
    let passed = array.iter().position(|&one| one == place).map_or(array.len(), |at| at + 1);
    let later = array[passed..].to_vec();
    let programs = if ours == 0 { Vec::new() } else { dynamic::constructors(&modules[0]) };
    for address in later.into_iter().chain(programs) {
        let pointer = std::ptr::with_exposed_provenance::<()>(address);
        // SAFETY: the loader's own array holds functions of this type, and each of these would
        // have been called with these arguments had we returned.
        let constructor: Constructor = unsafe { std::mem::transmute(pointer) };
        // SAFETY: as above.
        unsafe { constructor(count, arguments, environment) };
    }
}
