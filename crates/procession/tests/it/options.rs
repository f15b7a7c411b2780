//! What a plan says about its process.

use crate::support::{Directory, METHODS, alone, join, own_status};
use procession::{Process, StartErrorKind, StartMethod, current};
use std::collections::BTreeMap;
use std::sync::OnceLock;

#[test]
fn a_child_has_the_name_it_was_given() {
    let names = || {
        let line = std::fs::read_to_string("/proc/self/cmdline").expect("the command line");
        (current().name().to_owned(), own_status("Name"), line)
    };
    for method in METHODS {
        let plan = Process::new(names, ()).name("a name longer than fifteen").start_method(method);
        let child = plan.start().expect("a child");
        assert_eq!(child.name(), "a name longer than fifteen");
        let (own, shown, line) = join(child).expect("names");
        assert_eq!(own, "a name longer than fifteen", "{method}");
        assert!(line.contains(": a name longer than fifteen"), "{method}: ps shows {line}");
        assert_eq!(shown, "a name longer t", "{method}: the kernel keeps fifteen bytes");
    }
}

#[test]
fn a_child_without_a_name_has_its_place_in_the_family() {
    alone(|| {
        let names = |method: StartMethod| {
            let below = Process::new(|| current().name().to_owned(), ()).start_method(method);
            let below = below.start().expect("a child").join().expect("a name");
            (current().name().to_owned(), below)
        };
        for (number, method) in (1..).zip(METHODS) {
            let child = Process::new(names, (method,)).start_method(method).start();
            let child = child.expect("a child");
            assert_eq!(child.name(), format!("Process-{number}"));
            let (own, below) = join(child).expect("names");
            let expected = (format!("Process-{number}"), format!("Process-{number}:1"));
            assert_eq!((own, below), expected, "{method}");
        }
    });
}

#[test]
fn whether_a_process_is_a_daemon_is_inherited_unless_it_is_said() {
    let daemon_here_and_below = |method: StartMethod| {
        let is_daemon = || current().is_daemon();
        let below = [None, Some(true), Some(false)].map(|said| {
            let plan = Process::new(is_daemon, ()).start_method(method);
            let plan = if let Some(daemon) = said { plan.daemon(daemon) } else { plan };
            plan.start().expect("a child").join().expect("an answer")
        });
        (is_daemon(), below)
    };
    for method in METHODS {
        let start = |plan: Process<(bool, [bool; 3])>| {
            join(plan.start_method(method).start().expect("a child")).expect("answers")
        };
        let plan = || Process::new(daemon_here_and_below, (method,));
        assert_eq!(start(plan()), (false, [false, true, false]), "{method}");
        assert_eq!(start(plan().daemon(true)), (true, [true, true, false]), "{method}");
        assert_eq!(start(plan().daemon(false)), (false, [false, true, false]), "{method}");
    }
}

#[test]
fn each_process_is_made_by_the_method_it_was_given() {
    /// Where the program's code lies: the fork server's children share its layout.
    fn layout() -> usize {
        layout as fn() -> usize as usize
    }
    let places = |method| {
        let start = |_| Process::new(layout, ()).start_method(method).start().expect("a child");
        let mut places: Vec<usize> =
            (0..4).map(start).map(|child| join(child).expect("a place")).collect();
        places.dedup();
        places.len()
    };
    assert_eq!(StartMethod::default(), StartMethod::ForkServer);
    assert_eq!(places(StartMethod::default()), 1);
    assert!(places(StartMethod::Spawn) > 1, "four programs were laid out alike");
    assert_eq!(places(StartMethod::default()), 1, "the default is as it was");
}

#[test]
fn setup_runs_in_the_child_before_its_function() {
    static UNIT: OnceLock<&str> = OnceLock::new();
    fn set_up() {
        UNIT.set("words").expect("it is not set yet");
    }
    for method in METHODS {
        let count = |n: u32| format!("{n} {}", UNIT.get().unwrap_or(&"?"));
        let plan = || Process::new(count, (3,)).start_method(method);
        let with = join(plan().setup(set_up).start().expect("a child")).expect("words");
        let without = join(plan().start().expect("a child")).expect("words");
        assert_eq!((with.as_str(), without.as_str()), ("3 words", "3 ?"), "{method}");
    }
    assert!(UNIT.get().is_none(), "setup ran in the parent");
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

#[test]
fn the_environment_is_the_parents_with_the_changes_of_the_plan() {
    let own = environment();
    assert!(own.contains_key("PATH"), "a test needs a PATH");
    for method in METHODS {
        let start = |plan: Process<BTreeMap<String, String>>| {
            join(plan.start_method(method).start().expect("a child")).expect("an environment")
        };
        let plan = || Process::new(environment, ());
        assert_eq!(start(plan()), own, "{method}");

        let mut changed = own.clone();
        changed.insert("A_NAME".into(), "a value=with ☃".into());
        changed.insert("EMPTY".into(), String::new());
        changed.remove("PATH");
        let plan_with = plan().env("A_NAME", "a value=with ☃").env("EMPTY", "").env_remove("PATH");
        assert_eq!(start(plan_with), changed, "{method}");

        assert_eq!(start(plan().env_clear()), BTreeMap::new(), "{method}");
        let only = start(plan().env("LOST", "x").env_clear().env("ONLY", "this"));
        assert_eq!(only, [("ONLY".to_owned(), "this".to_owned())].into(), "{method}");
    }
}

#[test]
fn the_environment_is_the_parents_present_one() {
    alone(|| {
        let look = || std::env::var("PROCESSION_TEST_PRESENT").ok();
        for method in METHODS {
            let start = || Process::new(look, ()).start_method(method).start().expect("a child");
            let before = join(start()).expect("no value");
            hostile::set_variable("PROCESSION_TEST_PRESENT", &method.to_string());
            assert_eq!(join(start()).expect("a value"), Some(method.to_string()));
            assert_ne!(before, Some(method.to_string()));
        }
    });
}

#[test]
fn an_environment_of_a_megabyte_reaches_children_and_grandchildren() {
    let size = || std::env::vars().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    for method in METHODS {
        let below = move |method: StartMethod| {
            let plan = Process::new(size, ()).start_method(method);
            (size(), plan.start().expect("a child").join().expect("a size"))
        };
        let plan = Process::new(below, (method,)).start_method(method);
        let variables =
            (0..10).map(|number| (format!("PROCESSION_TEST_{number}"), "x".repeat(100_000)));
        let plan = variables.fold(plan, |plan, (name, value)| plan.env(name, value));
        let (own, below) = join(plan.start().expect("a child")).expect("sizes");
        assert!(own > 1_000_000 && own == below, "{method}: {own}, {below}");
    }
}

#[test]
fn what_is_no_variable_is_refused_at_the_start() {
    let error = Process::new(|| (), ()).env("a=b", "c").name("odd").start().expect_err("no child");
    let text = format!("{error:?}");
    assert!(text.contains("`odd`") && text.contains("a=b"), "{text}");
    assert_eq!(error.kind(), StartErrorKind::Option);
}

fn directory() -> String {
    let link = std::fs::read_link("/proc/self/cwd").expect("the working directory");
    link.to_string_lossy().into_owned()
}

#[test]
fn the_working_directory_is_the_one_given_or_the_parents() {
    let place = Directory::new("given");
    let given = place.0.canonicalize().expect("a path").to_string_lossy().into_owned();
    for method in METHODS {
        let start = |plan: Process<String>| {
            join(plan.start_method(method).start().expect("a child")).expect("a path")
        };
        assert_eq!(start(Process::new(directory, ())), directory());
        assert_eq!(start(Process::new(directory, ()).current_dir(&given)), given);
    }
    let lost = place.0.join("nowhere");
    let error = Process::new(directory, ()).current_dir(&lost).start().expect_err("no child");
    let named = format!("its working directory `{}` cannot be used", lost.display());
    assert!(error.to_string().ends_with(&named), "{error}");
    assert_eq!(error.kind(), StartErrorKind::Option);
}

#[test]
fn a_relative_directory_starts_from_the_parents_present_one() {
    alone(|| {
        let place = Directory::new("relative");
        std::fs::create_dir(place.0.join("inner")).expect("a directory");
        for method in METHODS {
            std::env::set_current_dir("/").expect("the root");
            let start = |plan: Process<String>| {
                join(plan.start_method(method).start().expect("a child")).expect("a path")
            };
            assert_eq!(start(Process::new(directory, ())), "/");
            std::env::set_current_dir(&place.0).expect("the place");
            let inner = start(Process::new(directory, ()).current_dir("inner"));
            assert_eq!(inner, format!("{}/inner", directory()), "{method}");
        }
    });
}

#[test]
fn a_child_starts_in_a_directory_that_has_been_deleted() {
    alone(|| {
        for method in METHODS {
            let place = Directory::new("deleted");
            std::env::set_current_dir(&place.0).expect("the place");
            std::fs::remove_dir(&place.0).expect("removed");
            let child = Process::new(directory, ()).start_method(method).start().expect("a child");
            let found = join(child).expect("a path");
            assert!(found.ends_with("(deleted)") && found == directory(), "{method}: {found}");
            std::env::set_current_dir("/").expect("the root");
        }
    });
}

#[test]
fn what_no_process_can_be_called_or_given_is_refused_at_the_start() {
    let plan = || Process::new(|| (), ()).name("odd");
    let unusable: [(Process<()>, &str); 9] = [
        (plan().name("two\nlines"), "\"two\\nlines\""),
        (plan().name("a\rb"), "its name"),
        (plan().name("a\0b"), "\"a\\0b\""),
        (plan().name(""), "its name"),
        (plan().env("", "value"), "environment"),
        (plan().env("a\0b", "value"), "environment"),
        (plan().env("a", "b\0"), "environment"),
        (plan().env_remove("a=b"), "environment"),
        (plan().current_dir("/\0"), "working directory"),
    ];
    for (plan, why) in unusable {
        let error = plan.start().expect_err("no child");
        assert_eq!(error.kind(), StartErrorKind::Option, "{error}");
        assert!(!error.to_string().contains(['\n', '\r', '\0']), "{error}");
        let chain = format!("{error:?}");
        assert!(chain.contains(why), "{chain}");
    }
}

#[test]
fn the_main_thread_of_a_child_has_its_name_for_the_kernel_and_none_for_std() {
    let names = || {
        let kernels = std::fs::read_to_string("/proc/thread-self/comm").expect("a name");
        (kernels, std::thread::current().name().map(str::to_owned))
    };
    for method in METHODS {
        let child = Process::new(names, ()).name("named").start_method(method).start();
        let names = join(child.expect("a child")).expect("names");
        assert_eq!(names, ("named\n".to_owned(), None), "{method}");
    }
}
