//! What an `sd_notify` datagram says.
//!
//! In: its bytes. Out: what it says to us, in order. What always holds: pure, and no bytes make it
//! panic; unknown keys, and values that make no sense, are left out, as systemd does; a datagram
//! with a NUL inside says nothing.

use std::time::Duration;

/// The longest datagram that systemd reads, and so do we, in bytes.
pub(crate) const LONGEST: usize = 4_096;

/// One thing that a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// It has started up.
    Ready,
    /// It reads its configuration again.
    Reloading,
    /// It is about to end.
    Stopping,
    /// How it is, in a line for a person.
    Status(String),
    /// It has failed with this error number.
    Errno(i32),
    /// Its main process is this one.
    MainPid(i32),
    /// It gets on.
    Watchdog,
    /// It knows itself that it does not get on.
    Trigger,
    /// From now on it says that it gets on within this time.
    WatchdogTime(Duration),
    /// It needs at least this time more.
    ExtendTimeout(Duration),
}

/// Reads a datagram.
pub(crate) fn parse(datagram: &[u8]) -> Vec<Word> {
    let text = datagram.strip_suffix(&[0]).unwrap_or(datagram);
    if text.contains(&0) || datagram.len() > LONGEST {
        return Vec::new();
    }
    text.split(|&byte| byte == b'\n').filter_map(word).collect()
}

/// A line that is no UTF-8 says nothing; the others of its datagram stand.
fn word(line: &[u8]) -> Option<Word> {
    let (key, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
    match (key, value) {
        ("READY", "1") => Some(Word::Ready),
        ("RELOADING", "1") => Some(Word::Reloading),
        ("STOPPING", "1") => Some(Word::Stopping),
        ("WATCHDOG", "1") => Some(Word::Watchdog),
        ("WATCHDOG", "trigger") => Some(Word::Trigger),
        ("STATUS", text) => Some(Word::Status(text.into())),
        ("ERRNO", number) => positive(number).map(Word::Errno),
        ("MAINPID", number) => positive(number).filter(|&pid| pid > 1).map(Word::MainPid),
        ("WATCHDOG_USEC", number) => micros(number).map(Word::WatchdogTime),
        ("EXTEND_TIMEOUT_USEC", number) => micros(number).map(Word::ExtendTimeout),
        _ => None,
    }
}

fn positive(text: &str) -> Option<i32> {
    text.parse().ok().filter(|number| *number > 0)
}

/// Zero and `infinity` are no times.
fn micros(text: &str) -> Option<Duration> {
    let micros: u64 = text.parse().ok()?;
    (micros > 0 && micros != u64::MAX).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_key_is_read_and_nonsense_is_left_out() {
        let ms = Duration::from_millis;
        let cases: [(&[u8], Vec<Word>); 14] = [
            (
                b"READY=1\nSTATUS=all well\nMAINPID=42",
                vec![Word::Ready, Word::Status("all well".into()), Word::MainPid(42)],
            ),
            (b"READY=1\0", vec![Word::Ready]),
            (b"READY=1\0\nSTOPPING=1", vec![]),
            (b"READY=0\nREADY=yes\nready=1\nREADY", vec![]),
            (b"RELOADING=1\nMONOTONIC_USEC=7", vec![Word::Reloading]),
            (b"STATUS=\xff\xfe\nSTOPPING=1", vec![Word::Stopping]),
            (b"STATUS=a=b", vec![Word::Status("a=b".into())]),
            (b"WATCHDOG=1\nWATCHDOG=trigger", vec![Word::Watchdog, Word::Trigger]),
            (b"WATCHDOG_USEC=20000", vec![Word::WatchdogTime(ms(20))]),
            (b"WATCHDOG_USEC=0\nWATCHDOG_USEC=18446744073709551615", vec![]),
            (
                b"EXTEND_TIMEOUT_USEC=5000\nERRNO=2",
                vec![Word::ExtendTimeout(ms(5)), Word::Errno(2)],
            ),
            (b"MAINPID=1\nMAINPID=-5\nMAINPID=99999999999\nERRNO=x", vec![]),
            (b"BARRIER=1\nFDSTORE=1\nFDNAME=a\nBUSERROR=b\nX_OWN=1", vec![]),
            (b"", vec![]),
        ];
        for (datagram, words) in cases {
            assert_eq!(parse(datagram), words, "{}", String::from_utf8_lossy(datagram));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(datagram in prop::collection::vec(any::<u8>(), 0..5_000)) {
            parse(&datagram);
        }

        #[test]
        fn what_stands_around_a_line_changes_nothing_of_it(
            before in "[A-Z]{0,9}=[ -~]{0,20}", status in "[ -~]{0,40}", usec in 1_u64..u64::MAX,
        ) {
            let datagram = format!("X{before}\nSTATUS={status}\nWATCHDOG_USEC={usec}");
            let time = Duration::from_micros(usec);
            prop_assert_eq!(
                parse(datagram.as_bytes()), vec![Word::Status(status), Word::WatchdogTime(time)]
            );
        }
    }
}
