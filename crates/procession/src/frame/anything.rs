//! Any bytes at all, through every reader of frames.
//!
//! In: bytes as another process might have written them. Out: nothing. What always holds: no
//! reader panics.

use super::{Adoption, Hello, Offer, Order, Page, Report, Start};

/// Reads `bytes` as every frame there is.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target's door"))]
pub fn read_anything(bytes: &[u8]) {
    let Ok(parcel) = procession_sys::parcel::unpack(bytes.to_vec(), Vec::new()) else { return };
    let _ = Hello::read(&parcel);
    let _ = (Order::read(&parcel.bytes).is_ok(), Adoption::read(&parcel.bytes).is_ok());
    let _ = Page::read(&parcel.bytes).is_ok();
    if let Ok(start) = Start::read(&parcel.bytes) {
        let _ = (start.head.function(), start.head.setup());
    }
    let _ = Offer::read(procession_sys::parcel::Parcel {
        bytes: parcel.bytes.to_vec().into(),
        ..Default::default()
    });
    if let Ok(Report::Answer(super::Answer::Returned(value))) = Report::read(parcel) {
        let _ = value.decode::<(String, Vec<u64>, Option<f64>)>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{
        Answer, Birth, Departure, Head, Panic, Privileges, Record, SetupCall, StartMethod, World,
    };
    use procession_sys::image::Key;
    use procession_sys::usage::Usage;
    use std::time::Duration;

    const KILL_AT: Option<Duration> = Some(Duration::from_secs(7));

    fn start() -> Vec<u8> {
        let keys = ([1; Key::SIZE], [2; Key::SIZE]);
        let head = Head {
            name: "name",
            family: vec![1, 2],
            daemon: true,
            parent: (7, "main"),
            function_key: &keys.0,
            setup: Some(SetupCall { key: &keys.1, arguments: b"a", descriptors: 1 }),
            kill_at: KILL_AT,
            kill_descendants: true,
            privileges: Privileges { uid: Some(7), groups: Some(vec![1]), ..Privileges::default() },
            world: World { umask: 0o22, affinity: vec![0, 1], ..World::default() },
        };
        let mut frame = head.to_frame(b"A=b\0").expect("a frame");
        frame.extend(b"A=b\0arguments");
        frame
    }

    #[test]
    fn a_start_is_read_back_in_its_parts() {
        let frame = start().into();
        let start = Start::read(&frame).expect("a start");
        assert_eq!((start.head.name, start.head.daemon), ("name", true));
        assert_eq!(start.head.kill_at, KILL_AT);
        assert_eq!(start.head.family, [1, 2]);
        assert_eq!(start.environment, b"A=b\0");
        assert_eq!(start.arguments, b"arguments");
        assert_eq!(start.head.function().expect("a key").to_bytes(), [1; Key::SIZE]);
        assert_eq!(start.head.setup().expect("a key").expect("one").to_bytes(), [2; Key::SIZE]);
    }

    const RECORD: Record<'_> = Record { serial: 3, name: "name", daemon: true };

    fn birth() -> Vec<u8> {
        let (method, environment) = (StartMethod::Spawn, &b"A=b\0"[..]);
        Birth { method, record: RECORD, kill_at: KILL_AT, kill_descendants: true, environment }
            .to_frame()
            .expect("a frame")
    }

    fn exit() -> Vec<u8> {
        let usage = Usage { max_rss: 1 << 20, ..Usage::default() };
        Report::exit(&Departure::new(9, true, &usage).with_survivors(&[7])).expect("a frame")
    }

    fn adoption() -> Vec<u8> {
        Adoption { number: 5, record: RECORD, kill_at: KILL_AT }.to_frame().expect("a frame")
    }

    #[test]
    fn an_order_for_a_child_and_an_adoption_are_read_back() {
        let frame = birth();
        let Ok(Order::Child(birth)) = Order::read(&frame) else { panic!("no order") };
        assert_eq!((birth.method, birth.environment), (StartMethod::Spawn, &b"A=b\0"[..]));
        assert_eq!(birth.record, RECORD);
        let frame = adoption();
        let adoption = Adoption::read(&frame).expect("an adoption");
        assert_eq!((adoption.number, adoption.record), (5, RECORD));
        assert_eq!((birth.kill_at, adoption.kill_at), (KILL_AT, KILL_AT));
    }

    #[test]
    fn every_frame_cut_anywhere_or_changed_anywhere_is_read_without_a_panic() {
        let panic =
            Panic { message: "m".into(), place: None, thread: None, backtrace: Some("b".into()) };
        let parcels = [Answer::panicked(&panic), Answer::returned(&("s", vec![1_u64], Some(1.0)))];
        let mut frames: Vec<Vec<u8>> = parcels.iter().map(|parcel| parcel.bytes.to_vec()).collect();
        frames.extend([start(), birth(), adoption(), Offer::frame(1, 2).to_vec()]);
        frames.extend([Order::signal(1, 9), Order::detach(1), exit()]);
        let page = Page::of(1, vec![(7, RECORD)]).to_frame();
        frames.extend([Order::list(1, 2), page.expect("a frame")]);
        for frame in frames {
            let inline = [&[procession_sys::parcel::INLINE], &frame[..]].concat();
            for cut in 0..=inline.len() {
                read_anything(&inline[..cut]);
            }
            for at in 0..inline.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut changed = inline.clone();
                    changed[at] = byte;
                    read_anything(&changed);
                }
            }
        }
    }
}
