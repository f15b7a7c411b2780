//! Constructors: one that speaks, as those of some libraries do, and those of a test's own.
//!
//! In: an environment variable, at the start of the program. Out: its value, in the buffer of the C
//! library's standard output, which is written when it is full or the process ends. What always
//! holds: without the variable nothing happens.

/// Has a function of the program called before `main`, in each process that runs the program: once
/// before the constructors of all libraries, once among them. It is told which: `"first"` or
/// `"among others"`.
#[macro_export]
macro_rules! constructors {
    ($function:path) => {
        const _: () = {
            extern "C" fn first() {
                $function("first");
            }

            extern "C" fn among_others() {
                $function("among others");
            }

            #[used]
            #[cfg_attr(not(miri), unsafe(link_section = ".init_array.00500"))]
            static FIRST: extern "C" fn() = first;
            #[used]
            #[cfg_attr(not(miri), unsafe(link_section = ".init_array"))]
            static AMONG_OTHERS: extern "C" fn() = among_others;
        };
    };
}

/// What the constructor says.
pub const SAYS: &str = "HOSTILE_CONSTRUCTOR_SAYS";

extern "C" fn speak() {
    // SAFETY: before `main`, with one thread; both strings are ended by a NUL, and a value that is
    // there stays as long as nobody changes the environment.
    unsafe {
        let says = libc::getenv(c"HOSTILE_CONSTRUCTOR_SAYS".as_ptr());
        if !says.is_null() {
            libc::printf(c"%s".as_ptr(), says);
        }
    }
}

#[used]
#[cfg_attr(not(miri), unsafe(link_section = ".init_array"))]
static CONSTRUCTOR: extern "C" fn() = speak;

/// Keeps the constructor in the program.
pub fn keep_constructor() {
    std::hint::black_box(&CONSTRUCTOR);
}
