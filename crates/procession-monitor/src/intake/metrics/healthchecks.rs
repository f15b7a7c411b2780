//! The series of healthchecks, whose names and labels are its own.

use super::exposition::{Exposition, Kind};
use crate::intake::check_json::{status, unique_key};
use crate::registry::View;
use std::collections::BTreeMap;

/// A series of each check, and when it is 1.
type Series = (&'static str, &'static str, fn(&View) -> bool);

const SERIES: [Series; 4] = [
    ("hc_check_up", "Whether the check is up (1) or down (0).", |view| status(view) != "down"),
    ("hc_check_started", "Whether a run is under way.", |view| view.run.is_some()),
    ("hc_check_grace", "Whether the check is late.", |view| status(view) == "grace"),
    ("hc_check_paused", "Whether the check is paused.", |view| status(view) == "paused"),
];

pub(super) fn write(out: &mut Exposition, views: &[View]) {
    for (name, help, is) in SERIES {
        out.family(name, Kind::Gauge, help);
        for view in views {
            let (record, key) = (&view.record, unique_key(view.record.uuid));
            let labels = [("name", &*record.name), ("tags", &record.tags), ("unique_key", &key)];
            out.sample(name, &labels, u8::from(is(view)));
        }
    }
    let mut tags = BTreeMap::<&str, bool>::new();
    for view in views {
        for tag in view.record.tags.split_whitespace() {
            *tags.entry(tag).or_insert(true) &= status(view) != "down";
        }
    }
    out.family("hc_tag_up", Kind::Gauge, "Whether all checks of the tag are up.");
    for (tag, up) in tags {
        out.sample("hc_tag_up", &[("tag", tag)], u8::from(up));
    }
    let down = views.iter().filter(|view| status(view) == "down").count();
    out.single("hc_checks_total", Kind::Gauge, "The number of checks.", views.len());
    out.single("hc_checks_down_total", Kind::Gauge, "The number of checks that are down.", down);
}
