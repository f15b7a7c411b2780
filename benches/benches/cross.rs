//! quick
use benches::Cpus;
use procession::*;
use std::time::Instant;
type M = [f64; 8];
fn produce(s: Sender<M>, n: u64, cpus: Cpus, ready: Receiver<u8>) {
    cpus.bind_there();
    ready.recv().unwrap();
    for i in 0..n {
        s.send([i as f64; 8]).unwrap();
    }
}
fn echo(d: Duplex<M, M>, cpus: Cpus) {
    cpus.bind_there();
    for m in &d.receiver {
        d.sender.send(m.unwrap()).unwrap();
    }
}
fn main() {
    for cpus in [Cpus::One, Cpus::Two] {
        cpus.bind_here();
        for _ in 0..3 {
            let n = 2_000_000;
            let (s, r) = channel::<M>().unwrap();
            let (g, go) = channel::<u8>().unwrap();
            let c = Process::new(produce, (s, n, cpus, go)).start().unwrap();
            g.send(1).unwrap();
            let t = Instant::now();
            for (i, m) in (&r).into_iter().enumerate() {
                assert_eq!(m.unwrap()[0], i as f64);
            }
            println!("{cpus:?} one way {:.1} ns", t.elapsed().as_nanos() as f64 / n as f64);
            c.join().unwrap();
            let n = 100_000;
            let (here, there) = duplex::<M, M>().unwrap();
            let c = Process::new(echo, (there, cpus)).start().unwrap();
            here.sender.send([0.0; 8]).unwrap();
            here.receiver.recv().unwrap();
            let t = Instant::now();
            for i in 0..n {
                here.sender.send([i as f64; 8]).unwrap();
                here.receiver.recv().unwrap();
            }
            println!("{cpus:?} ping pong {:.2} us", t.elapsed().as_secs_f64() * 1e6 / n as f64);
            drop(here);
            c.join().unwrap();
        }
    }
}
