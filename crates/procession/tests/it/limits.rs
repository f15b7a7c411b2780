//! What a child may use, and how it shows when it wants more.

use crate::support::{METHODS, join, known_to_a_child, line, stay};
use procession::connection::{Address, Listener, connect};
use procession::{Ending, JoinError, Limits, Process, SharedMemory, SharedSlice, Value, channel};
use std::hint::black_box;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;
const SIGABRT: i32 = 6;

fn error<R: Value + Send + std::fmt::Debug>(plan: Process<R>) -> JoinError {
    join(plan.start().expect("a child")).expect_err("it breaks its limit")
}

#[test]
fn a_failed_allocation_under_a_limit_is_told_apart_from_other_aborts() {
    fn take(bytes: usize) -> usize {
        black_box(vec![1_u8; bytes]).len()
    }
    let limits = Limits::new().memory(512 << 20);
    for method in METHODS {
        let plan = |bytes: usize| Process::new(take, (bytes,)).start_method(method).limits(limits);
        let failed = error(plan(1 << 30));
        assert!(failed.is_out_of_memory(), "{method}: {failed}");
        assert!(failed.to_string().contains("memory could not be allocated"), "{failed}");
        assert_eq!(join(plan(1 << 20).start().expect("a child")).expect("a value"), 1 << 20);

        let abort: Process<()> = Process::new(|| std::process::abort(), ());
        let aborted = error(abort.start_method(method).limits(limits));
        assert_eq!(aborted.signal(), Some(SIGABRT), "{method}: {aborted}");
    }
}

#[test]
fn a_failed_allocation_in_another_thread_is_told_apart_too() {
    let plan: Process<()> = Process::new(
        || {
            let thread = std::thread::spawn(|| black_box(vec![1_u8; 1 << 30]).len());
            let _ = thread.join();
        },
        (),
    );
    let failed = error(plan.limits(Limits::new().memory(512 << 20)));
    assert!(failed.is_out_of_memory(), "{failed}");
}

#[test]
fn a_limit_that_what_is_taken_over_breaks_is_told_as_want_of_memory() {
    // Large enough not to find room in what the process has already.
    let much = "x".repeat(100 << 10);
    let mut plan = Process::new(|| (), ());
    for name in 'a'..='j' {
        plan = plan.env(format!("PROCESSION_TEST_{name}"), &much);
    }
    let failed = error(plan.limits(Limits::new().memory(1 << 20)));
    assert!(failed.is_out_of_memory(), "{failed}");
}

#[test]
fn processor_time_ends_by_sigxcpu_and_says_so() {
    let busy: Process<()> = Process::new(
        || {
            loop {
                std::hint::spin_loop();
            }
        },
        (),
    );
    let ended = error(busy.limits(Limits::new().cpu_time(Duration::from_millis(200))));
    assert_eq!(ended.signal(), Some(SIGXCPU), "{ended}");
    assert!(ended.to_string().contains("limit on processor time"), "{ended}");
}

#[test]
fn a_file_above_its_limit_ends_by_sigxfsz_and_says_so() {
    let write = || {
        let path = std::env::temp_dir().join(format!("procession-limit-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("a file");
        std::fs::remove_file(&path).expect("the file");
        file.write_all(&[0; 8192]).expect("written");
    };
    for method in METHODS {
        let plan = Process::new(write, ()).start_method(method);
        let ended = error(plan.limits(Limits::new().file_size(4096).core_size(0)));
        let expected = Ending::Killed { signal: SIGXFSZ, core_dumped: false };
        assert_eq!(ended.ending(), &expected, "{method}: {ended}");
        assert!(ended.to_string().contains("limit on the size of a file"), "{ended}");
    }
}

#[test]
fn open_files_above_their_limit_are_refused_to_the_function() {
    let open = || {
        let mut files = Vec::new();
        loop {
            match std::fs::File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => return (files.last().map(AsRawFd::as_raw_fd), error.raw_os_error()),
            }
        }
    };
    for method in METHODS {
        let plan = Process::new(open, ()).start_method(method);
        let child = plan.limits(Limits::new().open_files(30)).start().expect("a child");
        let (highest, error) = join(child).expect("a value");
        assert_eq!((highest, error), (Some(29), Some(24)), "{method}");
    }
}

#[test]
fn a_child_that_cannot_be_what_its_plan_says_names_what_was_refused() {
    for method in METHODS {
        for cpus in [&[][..], &[1023], &[5000]] {
            let plan = Process::new(|| (), ()).start_method(method).affinity(cpus.iter().copied());
            let refused = error(plan);
            assert!(refused.is_refused(), "{method}: {refused}");
            let named = format!("its processors {cpus:?}: ");
            assert!(refused.to_string().contains(&named), "{method}: {refused}");
        }
    }
}

#[test]
fn a_child_has_the_niceness_and_the_processors_of_its_plan() {
    let own = || {
        let nice = rustix::process::getpriority_process(None).expect("a niceness");
        let set = rustix::thread::sched_getaffinity(None).expect("an affinity");
        (nice, (0..1024).filter(|&cpu| set.is_set(cpu)).collect::<Vec<usize>>())
    };
    let (nice, cpus) = own();
    let nicer = (nice + 3).min(19);
    let cpu = u16::try_from(cpus[0]).expect("a processor");
    for method in METHODS {
        let plan = Process::new(own, ()).start_method(method).nice(nicer).affinity([cpu]);
        let got = join(plan.start().expect("a child")).expect("a value");
        assert_eq!(got, (nicer, vec![usize::from(cpu)]), "{method}");
    }
}

#[test]
fn a_child_shows_its_name_and_keeps_its_arguments() {
    let program = std::env::args().next().expect("a program");
    let program = Path::new(&program).file_name().expect("a file").to_string_lossy().into_owned();
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay, (line,)).start_method(method).name("a-name-to-be-found");
        let child = plan.start().expect("a child");
        events.wait("the child");
        let read = |file: &str| std::fs::read(format!("/proc/{}/{file}", child.id()));
        assert_eq!(read("comm").expect("a name"), b"a-name-to-be-fo\n", "{method}");
        let shown = String::from_utf8(read("cmdline").expect("a command line")).expect("text");
        assert_eq!(shown, format!("{program}: a-name-to-be-found\0"), "{method}");
        child.kill().expect("SIGKILL");
        join(child).expect_err("it was killed");

        let arguments = || std::env::args().collect::<Vec<_>>();
        let child = Process::new(arguments, ()).start_method(method).start().expect("a child");
        assert_eq!(join(child).expect("a value"), known_to_a_child(arguments()), "{method}");
    }
}

#[test]
fn a_sent_sigabrt_ends_a_process_with_a_limit_on_memory() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(stay, (line,)).start_method(method);
        let child = plan.limits(Limits::new().memory(1 << 40)).start().expect("a child");
        events.wait("a child");
        hostile::send(child.id(), 6).expect("SIGABRT");
        assert_eq!(join(child).expect_err("no value").signal(), Some(6), "{method}");
    }
}

#[test]
fn a_value_larger_than_the_limit_on_files_is_no_broken_limit() {
    for method in METHODS {
        let plan = Process::new(|| vec![1_u8; 1 << 20], ()).start_method(method);
        let child = plan.limits(Limits::new().file_size(1000)).start().expect("a child");
        let error = join(child).expect_err("no value");
        assert!(error.is_undecodable(), "{method}: {error}");
        assert!(error.to_string().contains("1048578 bytes could not be sent"), "{error}");
    }
}

/// What a process says that meets its limits: the error's kind, or none where a call succeeds.
fn kind<T>(result: std::io::Result<T>) -> Option<String> {
    result.err().map(|error| error.kind().to_string())
}

#[test]
fn shared_memory_that_meets_a_limit_is_an_error_and_stays_usable() {
    const SMALL: usize = 4096;
    fn grow(large: usize) -> Vec<Option<String>> {
        let mut memory = SharedMemory::new(SMALL).expect("small memory");
        let mut slice = SharedSlice::<u64>::new(SMALL / 8).expect("a small slice");
        memory.write(0, b"kept");
        let said = [
            kind(memory.grow(large)),
            kind(slice.grow(large / 8)),
            kind(SharedMemory::new(large)),
            kind(SharedSlice::<u64>::new(large / 8)),
        ];
        let mut kept = [0; 4];
        memory.read(0, &mut kept);
        assert_eq!(&kept, b"kept");
        memory.write(SMALL - 4, &kept);
        assert_eq!((memory.len(), slice.len()), (SMALL, SMALL / 8));
        said.into()
    }
    let too_large = std::io::ErrorKind::FileTooLarge.to_string();
    let no_memory = std::io::ErrorKind::OutOfMemory.to_string();
    let limits = [
        (Limits::new().file_size(1 << 20), 2_usize << 20, too_large),
        (Limits::new().memory(512 << 20), 1 << 30, no_memory),
    ];
    for method in METHODS {
        for (limits, large, expected) in &limits {
            let plan = Process::new(grow, (*large,)).start_method(method).limits(*limits);
            let said = join(plan.start().expect("a child")).expect("errors, and no signal");
            assert!(said.iter().all(|said| said.as_ref() == Some(expected)), "{method}: {said:?}");
        }
    }
}

#[test]
fn values_and_messages_that_meet_a_limit_on_files_are_errors() {
    fn share() -> Vec<bool> {
        let large = vec![7_u8; 4 << 20];
        let (sender, _receiver) = channel::<Vec<u8>>().expect("a channel");
        let child = Process::new(|bytes: Vec<u8>| bytes.len(), (large.clone(),)).start();
        vec![sender.send(large).is_err(), child.is_err()]
    }
    let plan = Process::new(share, ()).limits(Limits::new().file_size(1 << 20));
    let said = join(plan.start().expect("a child")).expect("errors, and no signal");
    assert_eq!(said, [true; 2]);
}

#[test]
fn shared_memory_and_listeners_without_a_descriptor_left_are_errors() {
    fn exhaust() -> Vec<Option<String>> {
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        let address = Address::Abstract(format!("procession-limits-{}", std::process::id()));
        let said = [
            kind(SharedMemory::new(4096)),
            kind(channel::<u8>()),
            kind(Listener::bind(address.clone(), b"key").map_err(std::io::Error::from)),
        ];
        assert!(connect::<(), ()>(&address, b"key").is_err());
        assert!(Process::new(|| (), ()).start().is_err());
        said.into()
    }
    let plan = Process::new(exhaust, ()).limits(Limits::new().open_files(64));
    let said = join(plan.start().expect("a child")).expect("errors, and no signal");
    assert!(said.iter().all(Option::is_some), "{said:?}");
}
