//! What a child takes over from its parent, as the parent is at the moment of the start.
//!
//! In: this process. Out: a [`World`] and a descriptor of the working directory; and in the child,
//! the same made true there. What always holds: the child gets the parent's present state, not the
//! one that the parent had when its server started.

use crate::frame::World;
use procession_sys::inherit::{self, Standing};
use procession_sys::spawn;
use procession_sys::thread::SingleThreaded;
use procession_sys::title::Layout;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Reads what a child is to take over, and what only a server that has it can give.
pub(crate) fn capture() -> io::Result<(World, Standing)> {
    let (umask, standing) = inherit::umask_and_standing()?;
    Ok((World { umask, ..capture_but_umask()? }, standing))
}

/// The mask takes longer to read than all the rest, and is set as fast as compared.
fn capture_but_umask() -> io::Result<World> {
    Ok(World {
        umask: CLOSED,
        limits: inherit::limits(),
        nice: inherit::nice()?,
        affinity: inherit::affinity()?,
        reports_want_of_memory: false,
    })
}

/// Stands for a mask that was not read: what it is set by has files made for nobody.
const CLOSED: u32 = 0o777;

fn program() -> String {
    let path = spawn::arguments().first().map(|path| Path::new(OsStr::from_bytes(path.to_bytes())));
    path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

/// What a process has before it takes anything over: read once by the server, found by the
/// children that it forks, so that a child changes only what differs. The mask is not among it.
#[derive(Debug)]
pub(crate) struct Present {
    world: World,
    environment: Vec<u8>,
    /// None where constructors of the program have started threads.
    proof: Option<SingleThreaded>,
    /// None where the kernel does not tell.
    layout: Option<Layout>,
    /// The name of the program's file, as it was started.
    program: String,
}

impl Present {
    pub(crate) fn read() -> io::Result<Self> {
        let environment = Environment::default().to_block()?;
        let (proof, layout) = (SingleThreaded::prove().ok(), Layout::read().ok());
        Ok(Self { world: capture_but_umask()?, environment, proof, layout, program: program() })
    }

    /// Shows `name` behind the program's own in `ps`: all of it as the command line, 15 bytes as
    /// the name of the process.
    pub(crate) fn show(&self, name: &str) {
        inherit::set_thread_name(name);
        if let Some(layout) = &self.layout {
            let program = &self.program;
            // A kernel without the call shows the parent's command line, as after any fork.
            let _ = layout.show(&format!("{program}: {name}"));
        }
    }

    /// What a process has that is about to fork itself.
    pub(crate) fn of(world: World, proof: SingleThreaded) -> io::Result<Self> {
        let environment = Environment::default().to_block()?;
        let (layout, program) = (Layout::read().ok(), program());
        Ok(Self { world, environment, proof: Some(proof), layout, program })
    }

    /// Whether this process has one thread.
    pub(crate) fn proof(&self) -> Option<&SingleThreaded> {
        self.proof.as_ref()
    }

    /// What this process has, but for its environment and its mask.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// This process's environment, as a start carries it.
    pub(crate) fn environment(&self) -> &[u8] {
        &self.environment
    }

    /// Makes this process's own what its parent sent.
    ///
    /// # Errors
    /// What of it was refused, and why.
    pub(crate) fn take_over(&self, new: &World, environment: &[u8]) -> Result<(), String> {
        let old = &self.world;
        inherit::set_umask(new.umask);
        inherit::set_limits(&new.limits, &old.limits)
            .map_err(|(name, error)| format!("its limit {name}: {error}"))?;
        if new.nice != old.nice {
            inherit::set_nice(new.nice)
                .map_err(|error| format!("its niceness of {}: {error}", new.nice))?;
        }
        if new.affinity != old.affinity {
            inherit::set_affinity(&new.affinity)
                .map_err(|error| format!("its processors {:?}: {error}", new.affinity))?;
        }
        if environment == self.environment {
            return Ok(());
        }
        let threads = || io::Error::other("constructors of the program have started threads");
        let proof = self.proof().ok_or_else(threads);
        proof
            .and_then(|proof| inherit::set_environment(proof, environment.to_vec()))
            .map_err(|error| format!("its environment: {error}"))
    }
}

/// What a plan changes in the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    cleared: bool,
    changes: BTreeMap<OsString, Option<OsString>>,
}

impl Environment {
    pub(crate) fn set(&mut self, name: OsString, value: OsString) {
        self.changes.insert(name, Some(value));
    }

    pub(crate) fn remove(&mut self, name: OsString) {
        self.changes.insert(name, None);
    }

    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.cleared = true;
    }

    /// The parent's environment with the changes: entries `NAME=value`, each ended by a NUL.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty or has `=`, and for a NUL anywhere.
    pub(crate) fn to_block(&self) -> io::Result<Vec<u8>> {
        let mut block = Vec::new();
        let unchanged = |(name, _): &(OsString, OsString)| !self.changes.contains_key(name);
        if !self.cleared {
            for (name, value) in std::env::vars_os().filter(unchanged) {
                push(&mut block, name, value);
            }
        }
        for (name, value) in &self.changes {
            check(name, value.as_ref())?;
            if let Some(value) = value {
                push(&mut block, name.clone(), value.clone());
            }
        }
        Ok(block)
    }
}

fn push(block: &mut Vec<u8>, name: OsString, value: OsString) {
    block.extend(name.into_vec());
    block.push(b'=');
    block.extend(value.into_vec());
    block.push(0);
}

fn check(name: &OsString, value: Option<&OsString>) -> io::Result<()> {
    let nul = |text: &OsString| text.as_encoded_bytes().contains(&0);
    let equals = name.as_encoded_bytes().contains(&b'=');
    if name.is_empty() || equals || nul(name) || value.is_some_and(nul) {
        let text = format!("{name:?} is no environment variable: empty, or has `=` or NUL");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_laid_over_the_parents_environment() {
        let mut environment = Environment::default();
        environment.set("procession_a".into(), "1=2".into());
        environment.remove("PATH".into());
        let block = environment.to_block().expect("a block");
        let entries: Vec<&[u8]> = block.split(|&byte| byte == 0).collect();
        assert!(entries.contains(&&b"procession_a=1=2"[..]));
        assert!(!entries.iter().any(|entry| entry.starts_with(b"PATH=")));
        assert_eq!(entries.len(), std::env::vars_os().count() + 1);

        environment.clear();
        assert_eq!(environment.to_block().expect("a block"), b"");
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (name, value) in [("", "v"), ("a=b", "v"), ("a\0", "v"), ("a", "v\0")] {
            let mut environment = Environment::default();
            environment.set(name.into(), value.into());
            let error = environment.to_block().expect_err("no variable");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
