//! iceoryx2: who waits looks all the time, giving its turn away between two looks, so that two
//! sides on one processor get on at all.

use super::{MEBIBYTE, bind, count, each, partner, sum};
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::publish_subscribe;
use std::time::{Duration, Instant};

type Service = ipc::Service;
type Bytes = publish_subscribe::PortFactory<Service, [u8], ()>;

fn size(workload: &str) -> usize {
    if workload == "mebibyte" { MEBIBYTE } else { 64 }
}

fn service(node: &Node<Service>, name: &str) -> Bytes {
    let name = name.try_into().expect("a name");
    let builder = node.service_builder(&name).publish_subscribe::<[u8]>();
    builder
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(64)
        .open_or_create()
        .expect("a service")
}

struct Link {
    out: Publisher<Service, [u8], ()>,
    back: Subscriber<Service, [u8], ()>,
    bytes: Vec<u8>,
    spins: bool,
    // The ports live no longer than what made them.
    _services: [Bytes; 2],
    _node: Node<Service>,
}

impl Link {
    fn new(names: [String; 2], size: usize, spins: bool) -> Self {
        let node = NodeBuilder::new().create::<Service>().expect("a node");
        let services = names.map(|name| service(&node, &name));
        let out = services[0].publisher_builder().initial_max_slice_len(size);
        let out = out.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
        let out = out.create().expect("a publisher");
        let back = services[1].subscriber_builder().create().expect("a subscriber");
        Self { out, back, bytes: vec![7; size], spins, _services: services, _node: node }
    }

    fn send(&self) {
        let sample = self.out.loan_slice_uninit(self.bytes.len()).expect("a loan");
        sample.write_from_slice(&self.bytes).send().expect("send");
    }

    fn receive(&self) {
        loop {
            if let Some(sample) = self.back.receive().expect("receive") {
                std::hint::black_box(sum(sample.payload()));
                return;
            }
            if self.spins {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Waits until the other side has both of its ports, then for its first word.
    fn meet(&self) {
        for service in &self._services {
            let counts = || service.dynamic_config();
            while counts().number_of_publishers() == 0 || counts().number_of_subscribers() == 0 {
                std::thread::yield_now();
            }
        }
    }
}

pub(super) fn here(workload: &str, here: &str, there: &str) -> Duration {
    set_log_level(LogLevel::Error);
    let name = format!("procession-bench-{}", std::process::id());
    let spins = here != there;
    let partner_name = format!("{name}+{}", u8::from(spins));
    let names = ["out", "back"].map(|way| format!("{name}/{way}"));
    let link = Link::new(names, size(workload), spins);
    let mut child = partner("iceoryx2", workload, there, &partner_name);
    bind(here);
    link.meet();
    link.receive();
    let began = Instant::now();
    for _ in 0..count(workload) {
        link.send();
        if workload == "ping-pong" {
            link.receive();
        }
    }
    link.receive();
    let took = each(began, workload);
    // The other side stays until this one has left.
    drop(link);
    child.wait().expect("the other side");
    took
}

pub(super) fn there(workload: &str, there: &str, name: &str) {
    set_log_level(LogLevel::Error);
    let (name, spins) = name.split_once('+').expect("a name and whether it spins");
    let names = ["back", "out"].map(|way| format!("{name}/{way}"));
    let link = Link::new(names, size(workload), spins == "1");
    bind(there);
    link.meet();
    link.send();
    for _ in 0..count(workload) {
        link.receive();
        if workload == "ping-pong" {
            link.send();
        }
    }
    link.send();
    // Kept until the last word was taken.
    while link._services[1].dynamic_config().number_of_publishers() > 0 {
        std::thread::yield_now();
    }
}
