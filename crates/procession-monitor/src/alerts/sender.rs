//! A thread for each receiver.
//!
//! In: letters, each to its receiver. Out: deliveries to the registry, which writes them. Always:
//! a thread waits for the next letter or the next attempt and for nothing else; a letter that was
//! delivered but not yet marked so when the monitor was killed is delivered again under its name.

use super::Receiver;
use super::queue::Queue;
use super::standing::Standing;
use super::tally::Tally;
use super::words::summary;
use crate::clock::wall;
use crate::log::log;
use crate::registry::Registry;
use crate::store::Letter;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The hands that put letters into the receivers' queues.
#[derive(Debug)]
pub struct Senders {
    queues: HashMap<String, Sender<Job>>,
    waiting: Vec<(Receiver, mpsc::Receiver<Job>)>,
    tallies: BTreeMap<String, Arc<Tally>>,
}

#[derive(Debug)]
enum Job {
    Letter(Box<Letter>),
    Stop,
}

/// The threads at work.
#[derive(Debug)]
pub struct Working {
    queues: Vec<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// Puts letters into queues; given to the store.
#[derive(Clone, Debug)]
pub struct Post {
    queues: HashMap<String, Sender<Job>>,
    tallies: BTreeMap<String, Arc<Tally>>,
}

impl Senders {
    /// A queue for each receiver.
    pub fn new(receivers: Vec<Receiver>) -> Senders {
        let mut senders =
            Senders { queues: HashMap::new(), waiting: Vec::new(), tallies: BTreeMap::new() };
        for receiver in receivers {
            let (queue, letters) = channel();
            senders.queues.insert(receiver.name().to_owned(), queue);
            senders.tallies.insert(receiver.name().to_owned(), Arc::default());
            senders.waiting.push((receiver, letters));
        }
        senders
    }

    /// The hand for the store.
    pub fn post(&self) -> Post {
        Post { queues: self.queues.clone(), tallies: self.tallies.clone() }
    }

    /// What each receiver is told, in numbers.
    pub fn tallies(&self) -> BTreeMap<String, Arc<Tally>> {
        self.tallies.clone()
    }

    /// Starts the threads.
    pub fn start(self, registry: &Arc<Registry>, url: &str) -> Working {
        let thread = |(receiver, letters): (Receiver, mpsc::Receiver<Job>)| {
            let (registry, url) = (registry.clone(), url.to_owned());
            let tally = self.tallies.get(receiver.name()).cloned().unwrap_or_default();
            std::thread::spawn(move || send_all(&receiver, &letters, &registry, &url, &tally))
        };
        Working {
            threads: self.waiting.into_iter().map(thread).collect(),
            queues: self.queues.into_values().collect(),
        }
    }
}

impl Post {
    /// A letter to its receiver. One that no longer exists gets none.
    pub fn put(&self, letter: Letter) {
        let receiver = &letter.receiver;
        if let (Some(queue), Some(tally)) = (self.queues.get(receiver), self.tallies.get(receiver))
        {
            tally.wait();
            // A thread that has stopped leaves its letters to the next start.
            let _ = queue.send(Job::Letter(Box::new(letter)));
        }
    }
}

impl Working {
    /// Lets attempts under way end, and starts no more.
    pub fn stop(self) {
        for queue in &self.queues {
            let _ = queue.send(Job::Stop);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Says how an attempt went.
fn say(registry: &Registry, letter: &Letter, tried: &Result<(), String>) {
    let (key, summary) = (&letter.key, summary(letter));
    match tried {
        Ok(()) if registry.is_verbose() => log!(Info, "message {key} is delivered: {summary}"),
        Ok(()) => {}
        Err(why) => log!(Warning, "message {key} is not delivered and tried again: {why}"),
    }
}

/// The name under which a receiver's trouble is one of the monitor's own.
pub fn trouble_of(receiver: &str) -> String {
    format!("receiver {receiver}")
}

fn send_all(
    receiver: &Receiver,
    letters: &mpsc::Receiver<Job>,
    registry: &Registry,
    url: &str,
    tally: &Tally,
) {
    let mut queue = Queue::default();
    let mut standing = Standing::default();
    let trouble = trouble_of(receiver.name());
    loop {
        let wait = queue.next().map(|next| Duration::from_millis(next.saturating_sub(wall())));
        let job = match wait {
            None => letters.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => letters.recv_timeout(wait),
        };
        match job {
            Ok(Job::Letter(letter)) => {
                if !queue.push(*letter, wall()) {
                    tally.end(1);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let (due, mut deliveries) = queue.due(wall());
        if let Some(letter) = due {
            let incident = letter.message.incident;
            let tried = receiver.deliver(&letter, url);
            tally.tried(tried.is_ok());
            say(registry, &letter, &tried);
            registry.set_problem(&trouble, standing.tried(&tried, wall()));
            let outcome = match tried {
                Ok(()) => queue.delivered(incident),
                Err(why) => queue.failed(incident, &why, wall(), fastrand::f64()),
            };
            if let Some(dead) = outcome.iter().find(|delivery| delivery.state == "dead") {
                let why = dead.error.as_deref().unwrap_or("no reason");
                let text = format!("could not be told for a day, and messages are lost: {why}");
                registry.set_problem(&trouble, Some(text));
            }
            deliveries.extend(outcome);
        }
        tally.end(deliveries.len());
        if !deliveries.is_empty() {
            registry.delivered(deliveries);
        }
    }
}
