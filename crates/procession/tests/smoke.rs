//! Smoke.
use procession::*;
#[test]
fn value() {
    for m in [StartMethod::ForkServer, StartMethod::Spawn] {
        for i in 0..20u64 {
            let c = Process::new(|a: u64, s: &str| format!("{a}{s}"), (i, "x"))
                .start_method(m)
                .start()
                .unwrap();
            assert_eq!(c.join().unwrap(), format!("{i}x"));
        }
    }
}
