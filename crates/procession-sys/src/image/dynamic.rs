//! What a module's dynamic section says: its constructors, its name, the libraries it needs.
//!
//! In: a loaded module. Out: facts of elf(5). What always holds: nothing is read outside the
//! module's own readable segments.

use super::Module;
use std::ffi::CStr;

const NULL: usize = 0;
const NEEDED: usize = 1;
const STRING_TABLE: usize = 5;
const OWN_NAME: usize = 14;
const INIT_ARRAY: usize = 25;
const INIT_ARRAY_SIZE: usize = 27;

/// The entries of the section, (tag, value), up to its end; none where there is no section.
fn entries(module: &Module) -> Vec<(usize, usize)> {
    let mut entries = Vec::new();
    let Some(mut at) = module.dynamic else { return entries };
    while module.contains(at, size_of::<[usize; 2]>()) {
        // SAFETY: inside a readable segment of a loaded module; the table is aligned by ELF.
        let [tag, value] = unsafe { std::ptr::with_exposed_provenance::<[usize; 2]>(at).read() };
        if tag == NULL {
            break;
        }
        entries.push((tag, value));
        at += size_of::<[usize; 2]>();
    }
    entries
}

fn value_of(entries: &[(usize, usize)], wanted: usize) -> Option<usize> {
    entries.iter().find(|&&(tag, _)| tag == wanted).map(|&(_, value)| value)
}

/// The module's constructors, `DT_INIT_ARRAY`, in their order.
pub(crate) fn constructors(module: &Module) -> Vec<usize> {
    let entries = entries(module);
    let array = value_of(&entries, INIT_ARRAY).map(|array| module.base.wrapping_add(array));
    let size = value_of(&entries, INIT_ARRAY_SIZE).unwrap_or(0);
    let Some(array) = array.filter(|&array| size > 0 && module.contains(array, size)) else {
        return Vec::new();
    };
    let first = std::ptr::with_exposed_provenance::<usize>(array);
    // SAFETY: `size` bytes from `array` lie in one readable segment, relocated before this runs.
    let entries = unsafe { std::slice::from_raw_parts(first, size / size_of::<usize>()) };
    entries.iter().copied().filter(|&entry| entry != 0 && entry != usize::MAX).collect()
}

/// The name by which others need a module (`DT_SONAME`, else its file's) and the names of the
/// libraries that it needs itself (`DT_NEEDED`), without their folders.
pub(super) fn names(module: &Module) -> (String, Vec<String>) {
    let entries = entries(module);
    let file = module.file_name.to_string_lossy().into_owned();
    let Some(table) = value_of(&entries, STRING_TABLE) else { return (file, Vec::new()) };
    // glibc has relocated the address in place, musl has not.
    let table = if module.contains(table, 1) { table } else { module.base.wrapping_add(table) };
    let name = |offset: usize| {
        let name = string(module, table.wrapping_add(offset))?;
        Some(name.rsplit('/').next().unwrap_or(&name).to_owned())
    };
    let needed = entries.iter().filter(|&&(tag, _)| tag == NEEDED);
    let needed = needed.filter_map(|&(_, offset)| name(offset)).collect();
    (value_of(&entries, OWN_NAME).and_then(name).unwrap_or(file), needed)
}

/// A string of the string table, of less than 4096 bytes.
fn string(module: &Module, address: usize) -> Option<String> {
    const LONGEST: usize = 4096;
    let length = (0..LONGEST).take_while(|&length| module.contains(address, length + 1)).count();
    let start = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: `length` bytes from `address` lie in one readable segment.
    let bytes = unsafe { std::slice::from_raw_parts(start, length) };
    CStr::from_bytes_until_nul(bytes).ok().map(|text| text.to_string_lossy().into_owned())
}
