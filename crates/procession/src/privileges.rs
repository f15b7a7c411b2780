//! The user, groups, session and privileges that a plan asks for.
//!
//! # Invariants
//! - They are set after limits, niceness and processors, which may need a privilege that the new user
//!   lacks.
//! - A child that must die with its starter still does after its user has changed.

use crate::frame::Privileges;
use procession_sys::credentials;
use procession_sys::life::{self, Pid};
use std::fmt;
use std::io;

/// Makes this process what `new` says. `dies` says whether it must end with the process that started
/// it.
///
/// # Errors
/// What was refused, and why.
pub(crate) fn apply(new: &Privileges, dies: bool) -> Result<(), String> {
    if new.session {
        credentials::new_session().map_err(refused("its session"))?;
    }
    if let Some(group) = new.process_group {
        let set = credentials::set_process_group(group);
        set.map_err(refused(format_args!("its process group {group}")))?;
    }
    let starter = Pid::parent();
    let none: &[u32] = &[];
    // A privileged process that becomes another user must not keep its own groups.
    let dropped = (new.uid.is_some() && credentials::is_root()).then_some(none);
    if let Some(groups) = new.groups.as_deref().or(dropped) {
        let set = credentials::set_groups(groups);
        set.map_err(refused(format_args!("its supplementary groups {groups:?}")))?;
    }
    if let Some(gid) = new.gid {
        credentials::set_group(gid).map_err(refused(format_args!("its group {gid}")))?;
    }
    if let Some(uid) = new.uid {
        credentials::set_user(uid).map_err(refused(format_args!("its user {uid}")))?;
    }
    if dies && (new.uid.is_some() || new.gid.is_some()) {
        // The kernel has forgotten it with the change.
        life::die_with_parent().map_err(refused("its guard"))?;
        if Pid::parent() != starter {
            return Err("its starter has ended".to_owned());
        }
    }
    if new.no_new_privs {
        credentials::set_no_new_privs().map_err(refused("its no_new_privs"))?;
    }
    Ok(())
}

fn refused(what: impl fmt::Display) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{what}: {error}")
}
