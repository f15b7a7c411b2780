//! Ends that could not be reported, kept on disk for the next run.
//!
//! Each run that keeps something makes a file of its own, so that runs which end at once disturb no
//! other. The next run of the same program sends what it finds, and removes it.
//!
//! # Invariants
//! - A program has [`MOST_FILES`] files at most, each with [`MOST_ENDS`] ends; all have [`MOST_ALL`].
//!   The oldest goes first.
//! - What is no file of this kind is left alone, and what is no beat in one is passed over.
//! - Nobody but the user can read them: an end has the last lines of a program.

use procession_beat::Beat;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most files of one program.
const MOST_FILES: usize = 16;
/// Most files of all programs.
const MOST_ALL: usize = 256;
/// Most ends of one run: its own, and that it has lasted too long.
const MOST_ENDS: usize = 4;
/// How the name of each file ends.
const ENDING: &str = ".beats";

/// The place of one program's files.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    directory: PathBuf,
    /// What the names of its files begin with.
    program: String,
}

/// A file, and what is in it, the oldest first.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    pub(crate) beats: Vec<Beat>,
}

impl Spool {
    /// That of the program of this beat, on its host.
    pub(crate) fn new(directory: PathBuf, beat: &Beat) -> Spool {
        let program = format!("{:016x}", hash(&[&beat.host, &beat.program]));
        Spool { directory, program }
    }

    /// Keeps the last of these ends. Gives the file.
    pub(crate) fn keep(&self, ends: &[Beat]) -> io::Result<PathBuf> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        self.make_room()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{}-{:013}-{}", self.program, now.as_millis(), std::process::id());
        let unfinished = self.directory.join(&name);
        let mut options = fs::File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
        for end in &ends[ends.len().saturating_sub(MOST_ENDS)..] {
            file.write_all(&[&end.encode()[..], b"\n"].concat())?;
        }
        let path = self.directory.join(name + ENDING);
        fs::rename(unfinished, &path)?;
        Ok(path)
    }

    /// What earlier runs have kept, the oldest first: history, but for the last word of the last run.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let paths = files(&self.directory).into_iter().filter(|path| self.is_own(path));
        let mut kept: Vec<Kept> = paths.map(Kept::read).collect();
        let beats = kept.iter_mut().flat_map(|one| &mut one.beats);
        if let Some((_last, earlier)) = beats.collect::<Vec<_>>().split_last_mut() {
            for beat in earlier {
                beat.spooled = true;
            }
        }
        kept
    }

    fn is_own(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.strip_prefix(&self.program)).is_some_and(|r| r.starts_with('-'))
    }

    /// Removes the oldest until one more may be added.
    fn make_room(&self) -> io::Result<()> {
        let all = files(&self.directory);
        let (own, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| self.is_own(p));
        let surplus = (own.len() + 1).saturating_sub(MOST_FILES);
        own[..surplus].iter().try_for_each(fs::remove_file)?;
        // By their age, and not by the program.
        others.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        let left = own.len() - surplus;
        let surplus = (left + others.len() + 1).saturating_sub(MOST_ALL).min(others.len());
        others[..surplus].iter().try_for_each(fs::remove_file)
    }
}

impl Kept {
    fn read(path: PathBuf) -> Kept {
        let bytes = fs::read(&path).unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n').take(MOST_ENDS);
        let beats = lines.filter_map(|line| Beat::decode(line).ok()).collect();
        Kept { path, beats }
    }

    /// It has been sent.
    pub(crate) fn remove(&self) {
        // Where it cannot be removed it is sent again, which changes nothing.
        let _ = fs::remove_file(&self.path);
    }
}

/// The files of a spool in the order of their names, so of each program the oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.to_str().is_some_and(|path| path.ends_with(ENDING))).collect();
    paths.sort();
    paths
}

/// FNV-1a, which is the same on every machine.
fn hash(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.as_bytes().iter().chain(&[0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_beat::{Instance, Kind};

    fn beat(program: &str, seq: u64) -> Beat {
        let instance = Instance { boot: "b".into(), pid: 1, started: 1 };
        Beat::new(program, "h", instance, seq, Kind::Ok { run: None })
    }

    #[test]
    fn what_is_kept_is_history_but_for_the_last_word_and_is_bounded() {
        let directory = tempfile::tempdir().expect("a directory");
        let spool = |program: &str| Spool::new(directory.path().join("new"), &beat(program, 0));
        for seq in 0..20 {
            let ends: Vec<Beat> = (0..6).map(|end| beat("own", 10 * seq + end)).collect();
            spool("own").keep(&ends).expect("kept");
            // The names have the time in milliseconds, and the process.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        spool("other").keep(&[beat("other", 7)]).expect("kept");
        let kept = spool("own").kept();
        assert_eq!(kept.len(), MOST_FILES);
        let beats: Vec<(u64, bool)> =
            kept.iter().flat_map(|one| &one.beats).map(|beat| (beat.seq, beat.spooled)).collect();
        assert_eq!((beats.len(), beats[0]), (MOST_FILES * MOST_ENDS, (42, true)));
        assert_eq!(beats.last(), Some(&(195, false)));
        assert!(beats.iter().rev().skip(1).all(|(_, spooled)| *spooled));
        kept.iter().for_each(Kept::remove);
        assert!(spool("own").kept().is_empty());
        assert_eq!(spool("other").kept().len(), 1);
    }

    #[test]
    fn what_is_no_beat_is_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let spool = Spool::new(directory.path().into(), &beat("own", 0));
        let path = spool.keep(&[beat("own", 1)]).expect("kept");
        let mut bytes = fs::read(&path).expect("read");
        bytes.splice(0..0, *b"\xff{}\n");
        fs::write(&path, bytes).expect("written");
        let kept = spool.kept();
        assert_eq!(kept[0].beats.iter().map(|beat| beat.seq).collect::<Vec<_>>(), [1]);
    }
}
