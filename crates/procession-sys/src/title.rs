//! The command line that others see of this process.
//!
//! In: a title. Out: `ps` and `top` show it. What always holds: `env::args()` of the process stays
//! as it was, since the title stands in memory of its own and the kernel is told where
//! (`PR_SET_MM_MAP` of prctl(2), which needs no privilege but a kernel built with
//! `CONFIG_CHECKPOINT_RESTORE`).

use std::fs::File;
use std::io::{self, Read};

/// More than the line of `/proc/self/stat` can have: a name, and 50 numbers of up to 20 digits. The
/// kernel gives all of it to one read.
const LINE: usize = 2048;

/// The kernel's `struct prctl_mm_map`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Map {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// Where this process's memory lies, as `ps` is to be told again with another command line.
///
/// It holds in processes forked from this one too.
#[derive(Clone, Copy, Debug)]
pub struct Layout(Map);

impl Layout {
    /// Reads it from `/proc/self/stat` (proc(5)).
    ///
    /// # Errors
    /// Where `/proc` cannot be read, or is of another shape.
    pub fn read() -> io::Result<Self> {
        let mut text = [0; LINE];
        let length = File::open("/proc/self/stat")?.read(&mut text)?;
        let stat = String::from_utf8_lossy(&text[..length]);
        let shape = || io::Error::other("/proc/self/stat has another shape");
        // The second field is in parentheses and may hold spaces; the third follows the last one.
        let rest = stat.rsplit_once(") ").ok_or_else(shape)?.1;
        let fields: Vec<u64> =
            rest.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        let field = |number: usize| fields.get(number - 3).copied().ok_or_else(shape);
        Ok(Self(Map {
            start_code: field(26)?,
            end_code: field(27)?,
            start_stack: field(28)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            arg_start: field(48)?,
            arg_end: field(49)?,
            env_start: field(50)?,
            env_end: field(51)?,
            ..Map::default()
        }))
    }

    /// Shows `title` as this process's command line.
    ///
    /// # Errors
    /// `EINVAL` where the kernel lacks the call, or where its memory has moved since.
    pub fn show(&self, title: &str) -> io::Result<()> {
        let mut text: Vec<u8> = title.bytes().filter(|&byte| byte != 0).collect();
        text.push(0);
        let text = text.leak();
        let start = text.as_ptr().addr() as u64;
        // SAFETY: asking for the present break changes nothing.
        let brk = unsafe { libc::sbrk(0) }.addr() as u64;
        let map = Map {
            brk,
            arg_start: start,
            arg_end: start + text.len() as u64,
            exe_fd: u32::MAX,
            ..self.0
        };
        // SAFETY: the kernel copies `map`; it refuses addresses that are not this process's, and
        // uses them only to show the command line. The title's memory is never freed.
        let set = unsafe {
            libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const map, size_of::<Map>(), 0)
        };
        if set == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
