//! Would this program, started again, wake us?
//!
//! In: the constructor that would have to wake. Out: nothing, or why not. What always holds: a
//! program that is not ours to start again is not started.

use super::{Module, dynamic, modules};
use crate::boot::Constructor;
use std::collections::BTreeSet;

/// Why starting this program again would not wake us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It was started through its loader (`ld.so ./program`), and the kernel knows only that.
    Loader,
    /// We are in a library that the program loaded by itself later: a plugin, an extension.
    Plugin,
    /// The kernel would start it again as a privileged program (`AT_SECURE`), which takes no orders
    /// from its environment.
    Privileged,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loader => {
                "this program was started through its loader (as in `ld.so ./program`), and what \
                 the kernel would start again is the loader: start the program itself"
            }
            Self::Plugin => {
                "this code is a library that the program loaded at run time (a plugin, an \
                 extension module), and the program started again would not load it"
            }
            Self::Privileged => {
                "this program has more rights than its real user or group (it is set-user-id, has \
                 file capabilities, or has changed its effective user only), and would have them \
                 anew when started again: become one user wholly before the first start"
            }
        })
    }
}

impl std::error::Error for Foreign {}

/// Checks that the program, started again, runs `constructor` before its `main`.
///
/// # Errors
/// [`Foreign`]: why it would not.
pub fn check_host(constructor: Constructor) -> Result<(), Foreign> {
    if is_privileged() {
        return Err(Foreign::Privileged);
    }
    let modules = modules();
    let Some(program) = modules.first() else { return Err(Foreign::Plugin) };
    // SAFETY: `getauxval` reads the vector that the kernel gave this process.
    let loader_base = unsafe { libc::getauxval(libc::AT_BASE) };
    // A program that asks for a loader was given one, unless the loader is what was started.
    if program.interpreted && loader_base == 0 {
        return Err(Foreign::Loader);
    }
    let place = (constructor as *const ()).addr();
    if program.contains(place, 1) {
        return Ok(());
    }
    let Some(ours) = modules.iter().find(|module| module.contains(place, 1)) else {
        return Err(Foreign::Plugin);
    };
    let (own_name, _) = dynamic::names(ours);
    let needed = needed_from_start(program, &modules);
    if needed.contains(&own_name) { Ok(()) } else { Err(Foreign::Plugin) }
}

/// Whether this program was started as a privileged one, or would be now.
fn is_privileged() -> bool {
    let user = rustix::process::getuid() != rustix::process::geteuid();
    let group = rustix::process::getgid() != rustix::process::getegid();
    // SAFETY: `getauxval` reads the vector that the kernel gave this process.
    user || group || unsafe { libc::getauxval(libc::AT_SECURE) } != 0
}

/// The names of all libraries that the program needs at its start, directly or by others.
fn needed_from_start(program: &Module, modules: &[Module]) -> BTreeSet<String> {
    let names: Vec<_> = modules.iter().map(dynamic::names).collect();
    let mut needed = BTreeSet::new();
    let mut open = dynamic::names(program).1;
    while let Some(name) = open.pop() {
        if needed.contains(&name) {
            continue;
        }
        let by_name = names.iter().find(|(own, _)| *own == name);
        open.extend(by_name.into_iter().flat_map(|(_, needs)| needs).cloned());
        needed.insert(name);
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn ours(
        _: i32,
        _: *const *const std::ffi::c_char,
        _: *const *const std::ffi::c_char,
    ) {
    }

    #[test]
    fn this_program_started_again_runs_its_own_constructors() {
        assert_eq!(check_host(ours), Ok(()));
    }

    #[test]
    #[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
    fn a_library_that_was_loaded_later_is_not_ours_to_start_again() {
        // A part of the C library that this program does not need.
        // SAFETY: loading runs the library's constructors, which are harmless.
        let library = unsafe { libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null());
        // SAFETY: the library is loaded.
        let function = unsafe { libc::dlsym(library, c"__b64_ntop".as_ptr()) };
        assert!(!function.is_null());
        // SAFETY: a pointer to a function, which is never called.
        let theirs: Constructor = unsafe { std::mem::transmute(function) };
        assert_eq!(check_host(theirs), Err(Foreign::Plugin));
    }
}
