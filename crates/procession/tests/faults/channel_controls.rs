//! Each defence of what crosses, taken away once: what it promises is broken then, and only then.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, is_ready, join};
use procession::connection::{Address, Listener, connect};
use procession::memory::Frozen;
use procession::{
    Arguments, Child, Fd, Function, Job, Joinable, Process, Receiver, Select, Sender, Shared,
    Value, bounded, channel,
};
use procession_sys::life::{self, Pid};
use procession_sys::signal::SIGCONT;
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a scenario waits for what it will get; where its defence is gone, for what never comes.
fn patience(without: &str) -> Duration {
    if without.is_empty() { DEADLINE } else { Duration::from_secs(2) }
}

/// The scenario comes out well with all defences, and badly without this one.
pub(crate) fn only_with(defence: &str, comes_out_well: impl Fn(&str) -> bool) {
    assert!(comes_out_well(""), "with every defence");
    assert!(!comes_out_well(defence), "without {defence}");
}

/// A child that lacks a defence, and has a plan of faults.
pub(crate) fn child<F, A>(without: &str, plan: &str, function: F, arguments: A) -> Child<F::Output>
where
    F: Function<A>,
    A: Arguments,
    F::Output: Value,
{
    let process = Process::new(function, arguments).daemon(true);
    process
        .env("PROCESSION_WITHOUT", without)
        .env("PROCESSION_FAULT", plan)
        .start()
        .expect("a child")
}

fn killed<R: Value + Send>(child: Child<R>) {
    assert_eq!(join(child).map(drop).expect_err("killed").signal(), Some(9));
}

/// What a child says; one that waits for ever is killed, and says no.
fn said(mut child: Child<bool>, without: &str) -> bool {
    let answer = child.join_timeout(2 * patience(without)).expect("it answers");
    answer.unwrap_or_else(|| {
        child.kill().expect("a signal");
        killed(child);
        false
    })
}

/// Waits until a child has stopped itself, then lets `meanwhile` happen, and the child go on.
pub(crate) fn while_stopped<R>(child: &Child<R>, meanwhile: impl FnOnce()) {
    let stat = format!("/proc/{}/stat", child.id());
    let deadline = Instant::now() + DEADLINE;
    let stopped = || {
        let stat = std::fs::read_to_string(&stat).expect("the child lives");
        stat.rsplit_once(')').expect("a name in brackets").1.starts_with(" T")
    };
    while !stopped() {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for the child to stop");
        std::thread::yield_now();
    }
    meanwhile();
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let pidfd = life::pidfd(pid).expect("the child lives");
    life::send_signal(pidfd.as_fd(), SIGCONT).expect("a signal");
}

#[test]
fn without_locks_that_are_handed_on_a_dead_sender_stops_the_others() {
    only_with("handing-on-locks", |without| {
        let (sender, _receiver) = channel::<u8>().expect("a channel");
        let send = |to: Sender<u8>| to.send(1).map_err(|_| ()).expect("room");
        killed(child(without, "send.locked=die", send, (sender.clone(),)));
        sender.send_timeout(2, patience(without)).is_ok()
    });
}

#[test]
fn without_looking_again_a_receiver_sleeps_beside_a_message() {
    only_with("looking-again-for-messages", |without| {
        let (sender, receiver) = channel::<u8>().expect("a channel");
        let receive =
            |from: Receiver<u8>, most: Duration| from.recv_timeout(most).expect("a sender lives");
        let arguments = (receiver, patience(without));
        let child = child(without, "arm.begun=stop@1", receive, arguments);
        while_stopped(&child, || sender.send(7).expect("room"));
        join(child).expect("it looked") == Some(7)
    });
}

#[test]
fn without_looking_again_a_sender_sleeps_beside_room() {
    only_with("looking-again-for-room", |without| {
        let (sender, receiver) = bounded::<u8>(1).expect("a channel");
        sender.send(1).expect("room");
        let send = |to: Sender<u8>, most: Duration| to.send_timeout(2, most).is_ok();
        let child = child(without, "room.begun=stop@1", send, (sender, patience(without)));
        while_stopped(&child, || assert_eq!(receiver.recv().expect("a number"), 1));
        join(child).expect("it tried")
    });
}

#[test]
fn without_a_short_wait_for_locks_a_stopped_process_stops_calls_that_do_not_wait() {
    fn try_both(to: Sender<u8>, from: Receiver<u8>) -> bool {
        let sent = to.try_send(1).is_err_and(|error| error.is_locked());
        sent && from.try_recv().is_err_and(|error| error.is_locked())
    }
    only_with("short-wait-for-locks", |without| {
        let (sender, receiver) = channel::<u8>().expect("a channel");
        let send = |to: Sender<u8>| to.send(1).map_err(|_| ()).expect("room");
        let stopped = child("", "send.locked=stop@1", send, (sender.clone(),));
        let mut outcome = false;
        while_stopped(&stopped, || {
            outcome = said(child(without, "", try_both, (sender, receiver.clone())), without);
        });
        join(stopped).expect("it goes on");
        assert_eq!(receiver.recv().expect("what it sent"), 1);
        outcome
    });
}

#[test]
fn without_positions_for_two_counts_a_message_that_was_not_received_is_lost() {
    only_with("two-positions", |without| {
        let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
        let bytes = |n: u8| vec![n; 50_000];
        (0..10).for_each(|n| sender.try_send(bytes(n)).expect("room"));
        // Four fit the ring. One dies with the second of the overflow in its hands.
        let receive = |from: Receiver<Vec<u8>>| from.iter().for_each(drop);
        killed(child(without, "overflow.read=die@2", receive, (receiver.clone(),)));
        let next = receiver.recv_timeout(DEADLINE).is_ok_and(|bytes| bytes.is_some());
        next && receiver.try_iter().all(|bytes| bytes.is_ok())
    });
}

#[test]
fn without_comparing_its_place_the_marker_of_a_dead_sender_is_taken_for_an_open_extent() {
    only_with("open-extents", |without| {
        let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
        let bytes = |n: u8| vec![n; 50_000];
        // As many as fit the ring. The next dies before it publishes the first of the overflow.
        (0..4).for_each(|n| sender.try_send(bytes(n)).expect("room"));
        let send =
            |to: Sender<Vec<u8>>| to.try_send(vec![4; 50_000]).map_err(|_| ()).expect("room");
        killed(child("", "overflow.noted=die@1", send, (sender.clone(),)));
        let sent = |to: Sender<Vec<u8>>| to.try_send(vec![5; 50_000]).is_ok();
        let sent = said(child(without, "", sent, (sender,)), without);
        let all: Result<Vec<_>, _> = receiver.try_iter().collect();
        sent && all.is_ok_and(|all| all.len() == 5 && all[4] == bytes(5))
    });
}

#[test]
fn without_ringing_nobody_is_woken_by_a_message() {
    only_with("ringing", |without| {
        let (sender, receiver) = channel::<u8>().expect("a channel");
        assert_eq!(receiver.try_recv().expect("a sender lives"), None);
        let send = |to: Sender<u8>| to.send(1).map_err(|_| ()).expect("room");
        join(child(without, "", send, (sender.clone(),))).expect("it sent");
        is_ready(&receiver, patience(without))
    });
}

/// A child that says that it is there, and stays with what it got.
fn hold<T: Value>(_end: T, ready: Sender<()>) {
    ready.send(()).expect("the test listens");
    loop {
        std::thread::park();
    }
}

/// Starts a child that holds an end, and kills it when it does.
fn hold_and_die<T: Value>(end: T) {
    let (ready, is_ready) = channel().expect("a channel");
    let holder = child("", "", hold::<T>, (end, ready));
    is_ready.recv_timeout(DEADLINE).expect("it lives").expect("in time");
    holder.kill().expect("a signal");
    killed(holder);
}

#[test]
fn without_a_bell_that_ends_a_receiver_waits_for_dead_senders() {
    only_with("end-of-senders", |without| {
        let (sender, receiver) = channel::<u8>().expect("a channel");
        hold_and_die(sender);
        let receive = |from: Receiver<u8>, most: Duration| {
            from.recv_timeout(most).is_err_and(|error| error.is_disconnected())
        };
        said(child(without, "", receive, (receiver, patience(without))), without)
    });
}

#[test]
fn without_a_bell_that_ends_a_sender_waits_for_dead_receivers() {
    only_with("end-of-receivers", |without| {
        let (sender, receiver) = bounded::<u8>(1).expect("a channel");
        sender.send(1).expect("room");
        let send = |to: Sender<u8>, most: Duration| {
            to.send_timeout(2, most).is_err_and(|error| error.is_disconnected())
        };
        let child = child(without, "room.begun=stop@1", send, (sender, patience(without)));
        while_stopped(&child, || hold_and_die(receiver));
        said(child, without)
    });
}

#[test]
fn without_looking_again_a_message_that_another_has_taken_is_selected() {
    only_with("selecting-looks-again", |without| {
        let select = || {
            let (sender, receiver) = channel::<u8>().expect("a channel");
            let other = receiver.clone();
            let mut select = Select::new();
            select.recv((), &receiver);
            sender.send(1).expect("room");
            assert_eq!(other.recv().expect("a number"), 1);
            select.wait_timeout(Duration::ZERO).expect("a wait").is_none()
        };
        join(child(without, "", select, ())).expect("it selected")
    });
}

#[test]
fn without_pens_that_the_kernel_closes_joining_waits_for_a_dead_worker() {
    fn keep(jobs: Receiver<Job<u8>>, ready: Sender<()>) {
        let job = jobs.recv().expect("a job");
        hold(*job, ready);
    }
    fn lose_one(most: Duration) -> bool {
        let (sender, receiver) = channel().expect("a channel");
        let mut jobs = Joinable::new(sender);
        let (ready, is_ready) = channel().expect("a channel");
        let worker = Process::new(keep, (receiver, ready)).start().expect("a worker");
        jobs.send(1).expect("the worker listens");
        is_ready.recv().expect("it has the job");
        worker.kill().expect("a signal");
        killed(worker);
        jobs.join_timeout(most).expect("a wait") == Some(vec![0])
    }
    only_with("pens-of-the-dead", |without| {
        said(child(without, "", lose_one, (patience(without),)), without)
    });
}

#[test]
fn without_numbers_the_long_message_of_a_dead_sender_is_taken_for_the_next() {
    only_with("annex-numbers", |without| {
        let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
        let send = |to: Sender<Vec<u8>>| to.send(vec![1; 100_000]).map_err(|_| ()).expect("room");
        killed(child("", "send.annexed=die", send, (sender.clone(),)));
        sender.send(vec![2; 100_000]).expect("room");
        let receive = |from: Receiver<Vec<u8>>| from.recv().expect("bytes") == vec![2; 100_000];
        join(child(without, "", receive, (receiver,))).expect("it received")
    });
}

#[test]
fn without_waiting_until_it_is_given_back_lent_memory_is_written_over() {
    fn send_two(to: Sender<Vec<u8>>, go_on: Receiver<()>) {
        to.send(vec![1; 100_000]).map_err(|_| ()).expect("room");
        go_on.recv().expect("the test goes on");
        to.send(vec![2; 100_000]).map_err(|_| ()).expect("room");
    }
    only_with("memory-given-back", |without| {
        let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
        let (go_on, may_go_on) = channel().expect("a channel");
        let writer = child(without, "", send_two, (sender, may_go_on));
        let receive = |from: Receiver<Vec<u8>>| from.recv().expect("bytes") == vec![1; 100_000];
        let reader = child("", "loan.borrowed=stop@1", receive, (receiver,));
        while_stopped(&reader, || {
            go_on.send(()).expect("the sender waits");
            join(writer).expect("it sent both");
        });
        join(reader).expect("it received the first")
    });
}

#[test]
fn without_two_slots_a_value_is_torn_by_the_death_of_whoever_changes_it() {
    type Many = [u64; 1 << 11];
    fn change(value: Shared<Many>, ready: Sender<()>) {
        ready.send(()).expect("the test listens");
        loop {
            value.update(|numbers| numbers.map(|number| number + 1));
        }
    }
    only_with("two-slots", |without| {
        let value = Shared::new([0; 1 << 11]).expect("memory");
        (0..150).all(|round| {
            let (ready, is_ready) = channel().expect("a channel");
            let changer = child(without, "", change, (value.clone(), ready));
            is_ready.recv_timeout(DEADLINE).expect("it lives").expect("in time");
            std::thread::sleep(Duration::from_micros(round * 7 % 200));
            changer.kill().expect("a signal");
            killed(changer);
            let numbers = value.get();
            numbers.iter().all(|&number| number == numbers[0])
        })
    });
}

/// Sent as any memory, received as frozen: what a lying process sends.
struct Claim(Option<Frozen<u8>>, Option<Fd<File>>);

impl Serialize for Claim {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.as_ref().expect("a file").serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Frozen::deserialize(deserializer).map(|frozen| Self(Some(frozen), None))
    }
}

#[test]
fn without_seals_that_are_checked_a_lying_process_ends_who_believes_it() {
    fn believe(claims: Receiver<Claim>, ready: Sender<()>, go_on: Receiver<()>) -> u64 {
        let Ok(Claim(Some(frozen), _)) = claims.recv() else { return 0 };
        ready.send(()).expect("the test listens");
        go_on.recv().expect("the test goes on");
        frozen.iter().map(|&byte| u64::from(byte)).sum()
    }
    only_with("seals", |without| {
        let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
        let memory = File::from(rustix::fs::memfd_create("lie", flags).expect("memory"));
        memory.set_len(1 << 16).expect("a length");
        let ((claims, from), (ready, is_ready)) =
            (channel().expect("a channel"), channel().expect("a channel"));
        let (go_on, may_go_on) = channel().expect("a channel");
        let child = child(without, "", believe, (from, ready, may_go_on));
        let copy = Fd(memory.try_clone().expect("a duplicate"));
        claims.send(Claim(None, Some(copy))).map_err(|_| ()).expect("the child listens");
        if is_ready.recv_timeout(DEADLINE).is_ok_and(|believed| believed.is_some()) {
            memory.set_len(0).expect("nothing forbids it");
            go_on.send(()).expect("the child waits");
        }
        match join(child) {
            Ok(sum) => sum == 0,
            Err(error) => {
                assert_eq!(error.signal(), Some(7), "SIGBUS: {error}");
                false
            }
        }
    });
}

#[test]
fn unless_the_oldest_stranger_goes_silent_ones_keep_everybody_out() {
    const KEY: &[u8] = b"the key";
    fn listen(name: String, most: Duration, ready: Sender<()>) -> bool {
        let listener = Listener::bind(Address::Abstract(name), KEY).expect("a listener");
        ready.send(()).expect("the test listens");
        listener.accept_timeout::<(), ()>(most).expect("an accept").is_some()
    }
    only_with("the-oldest-stranger-goes", |without| {
        let name = format!("procession-control-{}-{without}", std::process::id());
        let (ready, is_ready) = channel().expect("a channel");
        let arguments = (name.clone(), patience(without), ready);
        let listener = child(without, "", listen, arguments);
        is_ready.recv_timeout(DEADLINE).expect("it lives").expect("in time");
        let address = {
            use std::os::linux::net::SocketAddrExt;
            std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a name")
        };
        let strangers: Vec<UnixStream> =
            (0..64).map(|_| UnixStream::connect_addr(&address).expect("the door")).collect();
        let honest = std::thread::spawn(move || connect::<(), ()>(&Address::Abstract(name), KEY));
        let accepted = join(listener).expect("it listened");
        drop(strangers);
        assert_eq!(honest.join().expect("the client").is_ok(), accepted);
        accepted
    });
}
