//! The ELF modules of this process, and what tells their builds apart.
//!
//! In: the loader's list (`dl_iterate_phdr(3)`). Out: for each module its place in memory and its
//! identity. What always holds: the program itself is the first; a module's identity is the same
//! in every process that runs the same build of it.

use crate::per_process::try_lock;
use std::ffi::{CStr, OsStr, OsString, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

/// What tells one build of a module from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleId(pub(super) [u8; ModuleId::SIZE]);

impl ModuleId {
    /// One byte for the kind or length, and 32.
    pub const SIZE: usize = 33;
    /// Kind of an identity taken from the file, as no build id has this length.
    const FILE: u8 = u8::MAX;

    fn from_build_id(note: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        bytes[0] = u8::try_from(note.len()).ok().filter(|&length| (1..=32).contains(&length))?;
        bytes[1..=note.len()].copy_from_slice(note);
        Some(Self(bytes))
    }

    fn from_file(path: &OsStr) -> Option<Self> {
        let main = OsStr::new("/proc/self/exe");
        let file = std::fs::metadata(if path.is_empty() { main } else { path }).ok()?;
        let changed = file.mtime().wrapping_mul(1_000_000_000).wrapping_add(file.mtime_nsec());
        let mut bytes = [Self::FILE; Self::SIZE];
        let facts = [file.dev().to_le_bytes(), file.ino().to_le_bytes(), file.size().to_le_bytes()];
        for (slot, fact) in bytes[1..].chunks_exact_mut(8).zip(facts) {
            slot.copy_from_slice(&fact);
        }
        bytes[25..].copy_from_slice(&changed.to_le_bytes());
        Some(Self(bytes))
    }

    /// The identity as bytes.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        self.0
    }
}

/// The identity of the program itself, the first module.
pub fn main_module() -> Option<ModuleId> {
    with_modules(|modules| modules.first()?.id)
}

/// One loaded ELF module.
pub(crate) struct Module {
    pub(crate) base: usize,
    pub(crate) dynamic: Option<usize>,
    /// The last part of the path it was loaded from; empty for the program itself.
    pub(super) file_name: OsString,
    /// Whether it asks for a loader, as a program linked to libraries does.
    pub(super) interpreted: bool,
    segments: Vec<Range<usize>>,
    pub(super) id: Option<ModuleId>,
}

impl Module {
    /// Whether `length` bytes from `address` lie in one readable segment.
    pub(crate) fn contains(&self, address: usize, length: usize) -> bool {
        let Some(end) = address.checked_add(length) else { return false };
        self.segments.iter().any(|segment| segment.start <= address && end <= segment.end)
    }
}

/// What was loaded when somebody last looked.
static SNAPSHOT: Mutex<Snapshot> = Mutex::new(Snapshot { changes: None, modules: Vec::new() });

struct Snapshot {
    /// How many modules had been loaded and unloaded by then.
    changes: Option<(u64, u64)>,
    modules: Vec<Module>,
}

/// Reads the modules loaded now, the program itself first.
///
/// A child that was forked finds them as its server saw them, and asks the loader only whether
/// that still holds. Where a thread holds the list, which this process may lack since a fork, they
/// are read for this call alone.
pub(super) fn with_modules<T>(read: impl FnOnce(&[Module]) -> T) -> T {
    let Some(mut snapshot) = try_lock(&SNAPSHOT) else { return read(&modules()) };
    let changes = changes();
    if snapshot.changes != Some(changes) {
        *snapshot = Snapshot { changes: Some(changes), modules: modules() };
    }
    read(&snapshot.modules)
}

/// Whether all these addresses lie in the program itself, which stays loaded until the process ends.
pub fn program_holds(places: impl IntoIterator<Item = Range<usize>>) -> bool {
    // A program that miri interprets has no modules.
    if cfg!(miri) {
        return false;
    }
    with_modules(|modules| {
        let Some(program) = modules.first() else { return false };
        places.into_iter().all(|place| program.contains(place.start, place.len()))
    })
}

/// Whether a library is loaded whose file's name begins like this.
pub(crate) fn is_loaded(name: &str) -> bool {
    let named = |module: &Module| module.file_name.as_bytes().starts_with(name.as_bytes());
    with_modules(|modules| modules.iter().any(named))
}

/// How many modules have been loaded and unloaded so far.
fn changes() -> (u64, u64) {
    unsafe extern "C" fn first(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        changes: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes a valid `info`; `changes` is what is passed below.
        unsafe { *changes.cast::<(u64, u64)>() = ((*info).dlpi_adds, (*info).dlpi_subs) };
        1
    }
    let mut changes = (0, 0);
    // SAFETY: `first` has the right signature and is given the pair it expects.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut changes).cast()) };
    changes
}

pub(crate) fn modules() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    // SAFETY: `visit` has the right signature and is given the vector it expects, which outlives
    // the call; it does not panic on any module the loader accepted.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    modules: *mut c_void,
) -> c_int {
    // SAFETY: the loader passes a valid `info`; `modules` is the vector that `modules()` passed.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<Module>>()) };
    // SAFETY: the loader's program headers are an array of `dlpi_phnum` entries.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let name = if info.dlpi_name.is_null() {
        OsStr::new("")
    } else {
        // SAFETY: the loader's name is a NUL-ended string, empty for the program itself.
        OsStr::from_bytes(unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes())
    };
    let base = address(info.dlpi_addr);
    let place = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(address(header.p_vaddr));
        start..start.wrapping_add(address(header.p_memsz))
    };
    let of = |kind: u32| headers.iter().filter(move |header| header.p_type == kind);
    let readable = of(libc::PT_LOAD).filter(|header| header.p_flags & libc::PF_R != 0);
    let segments: Vec<Range<usize>> = readable.map(place).collect();
    let id = of(libc::PT_NOTE)
        .map(place)
        .filter(|note| segments.iter().any(|s| s.start <= note.start && note.end <= s.end))
        // SAFETY: the notes lie in a loaded, readable segment.
        .map(|note| unsafe {
            let start = std::ptr::with_exposed_provenance::<u8>(note.start);
            std::slice::from_raw_parts(start, note.len())
        })
        .find_map(build_id)
        .and_then(ModuleId::from_build_id)
        // The first is the program, which musl calls by the path that it was started by.
        .or_else(|| ModuleId::from_file(if modules.is_empty() { OsStr::new("") } else { name }));
    let dynamic = of(libc::PT_DYNAMIC).map(place).map(|range| range.start).next();
    let interpreted = of(libc::PT_INTERP).next().is_some();
    let file_name = Path::new(name).file_name().unwrap_or_default().to_owned();
    modules.push(Module { base, dynamic, file_name, interpreted, segments, id });
    0
}

#[expect(clippy::cast_possible_truncation, reason = "an address of this process fits its usize")]
fn address(value: u64) -> usize {
    value as usize
}

/// The build id among ELF notes (elf(5)): owner `GNU`, type 3.
fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const GNU_BUILD_ID: u32 = 3;
    loop {
        let (head, rest) = notes.split_at_checked(12)?;
        let word = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).ok();
        let (owner_length, length) = (word(0)? as usize, word(4)? as usize);
        let (owner, rest) = rest.split_at_checked(owner_length.next_multiple_of(4))?;
        let content = rest.get(..length)?;
        if word(8)? == GNU_BUILD_ID && owner == b"GNU\0" {
            return Some(content);
        }
        notes = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_is_found_behind_other_notes_and_never_outside_them() {
        let note = |kind: u32, owner: &[u8], content: &[u8]| {
            let mut note = Vec::new();
            for part in [owner, content] {
                note.extend(u32::try_from(part.len()).expect("a short note").to_ne_bytes());
            }
            note.extend(kind.to_ne_bytes());
            for part in [owner, content] {
                note.extend(part);
                note.resize(note.len().next_multiple_of(4), 0);
            }
            note
        };
        let notes = [note(1, b"GNU\0", b"abi!"), note(3, b"GNU\0", b"12345")].concat();
        assert_eq!(build_id(&notes), Some(&b"12345"[..]));
        for cut in 0..notes.len() - 8 {
            assert_eq!(build_id(&notes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(build_id(&[0xff; 64]), None);
    }
}
