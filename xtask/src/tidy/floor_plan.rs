//! The rules over arrows: none runs up the floors, none closes a circle.
//!
//! Comes in: arrows between modules, and the floor plan as data. Goes out: problems.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::module::Module;
use super::resolve::Arrow;
use crate::floors::Storey;
use crate::problem::Problem;

/// Where a module is looked up: the file to edit when a row is missing.
const TABLE: &str = "xtask/src/floors.rs";

/// Modules without a floor, in the crates that have floors.
pub(super) fn check_table(modules: &[Module], storeys: &[Storey]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for module in modules {
        let (package, path) = split(&module.name);
        let has_floors = storeys.iter().any(|storey| storey.package == package);
        if has_floors && !path.is_empty() && floor(&module.name, storeys).is_none() {
            let what = format!("`{path}` has no floor; add it to {TABLE}");
            problems.push(Problem::new(&module.file, 1, what));
        }
    }
    problems
}

/// Arrows that run upwards, between crates or between floors of one crate.
///
/// The root of a crate is its table of contents: it stands above all its modules.
pub(super) fn check_floors(arrows: &[Arrow], crates: &[&str], storeys: &[Storey]) -> Vec<Problem> {
    let height = |package: &str| crates.iter().position(|name| *name == package);
    let mut problems = Vec::new();
    for arrow in arrows {
        let ((package, from), (other, to)) = (split(&arrow.from), split(&arrow.to));
        let up = if package == other {
            let floor = |name, path: &str| {
                if path.is_empty() { Some(u8::MAX) } else { floor(name, storeys) }
            };
            floor(&arrow.from, from).zip(floor(&arrow.to, to)).is_some_and(|(from, to)| from < to)
        } else {
            height(&package).zip(height(&other)).is_some_and(|(from, to)| from < to)
        };
        if up {
            let what = format!("`{}` stands below `{}` and must not use it", arrow.from, arrow.to);
            problems.push(Problem::new(&arrow.file, arrow.line, what));
        }
    }
    problems
}

/// One problem for each knot of modules that use one another; it tells a shortest way round.
pub(super) fn check_circles(arrows: &[Arrow]) -> Vec<Problem> {
    let mut from: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        from.entry(&arrow.from).or_default().push(arrow);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut problems = Vec::new();
    for start in from.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(circle) = way_round(start, &from) else { continue };
        told.extend(circle.iter().map(|arrow| arrow.from.as_str()));
        let steps: Vec<_> = circle
            .iter()
            .map(|arrow| format!("{} ({}:{})", arrow.to, arrow.file, arrow.line))
            .collect();
        let what = format!("a circle of modules: {start} -> {}", steps.join(" -> "));
        problems.push(Problem::new(&circle[0].file, circle[0].line, what));
    }
    problems
}

/// A shortest list of arrows from `start` back to it.
fn way_round<'a>(start: &str, from: &BTreeMap<&str, Vec<&'a Arrow>>) -> Option<Vec<&'a Arrow>> {
    let mut reached_by: BTreeMap<&str, &Arrow> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        for arrow in from.get(here).into_iter().flatten() {
            if reached_by.contains_key(arrow.to.as_str()) {
                continue;
            }
            reached_by.insert(&arrow.to, arrow);
            queue.push_back(&arrow.to);
        }
    }
    let mut circle = vec![*reached_by.get(start)?];
    while circle[0].from != start {
        circle.insert(0, reached_by[circle[0].from.as_str()]);
    }
    Some(circle)
}

/// The floor of a module: that of the longest row which it lies in.
fn floor(name: &str, storeys: &[Storey]) -> Option<u8> {
    let (package, path) = split(name);
    let rows = storeys.iter().filter(|storey| storey.package == package);
    let modules = rows.flat_map(|storey| storey.modules.iter().map(|row| (*row, storey.floor)));
    let holds = |row: &str| path == row || path.starts_with(&format!("{row}::"));
    modules.filter(|(row, _)| holds(row)).max_by_key(|(row, _)| row.len()).map(|(_, floor)| floor)
}

/// The package of a module and its path in the crate, which is empty for the crate's root.
fn split(name: &str) -> (String, &str) {
    let (crate_name, path) = name.split_once("::").unwrap_or((name, ""));
    let crate_name = crate_name.split('(').next().unwrap_or(crate_name);
    (crate_name.replace('_', "-"), path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floors;

    const STOREYS: &[Storey] = &[
        Storey { package: "a-b", floor: 2, modules: &["low", "mid::base"] },
        Storey { package: "a-b", floor: 3, modules: &["mid"] },
    ];

    fn arrows(pairs: &[(&str, &str)]) -> Vec<Arrow> {
        let arrow = |(number, (from, to)): (usize, &(&str, &str))| Arrow {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            file: "f.rs".to_owned(),
            line: number + 1,
        };
        pairs.iter().enumerate().map(arrow).collect()
    }

    #[test]
    fn arrows_down_and_level_are_fine_and_arrows_up_are_not() {
        let found = check_floors(
            &arrows(&[
                ("a_b::mid", "a_b::low"),
                ("a_b::mid", "a_b::mid::other"),
                ("a_b::mid::base", "a_b::low"),
                ("a_b", "a_b::mid"),
                ("a_b::low", "a_b::mid"),
                ("a_b::mid::base", "a_b::mid"),
                ("a_b::mid", "a_b"),
            ]),
            &[],
            STOREYS,
        );
        assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(found[0].what, "`a_b::low` stands below `a_b::mid` and must not use it");
    }

    #[test]
    fn a_lower_crate_must_not_use_a_higher_one() {
        let arrows = arrows(&[("high(main)::x", "low_one"), ("low_one::x", "high")]);
        let found = check_floors(&arrows, &["low-one", "high"], STOREYS);
        assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_circle_is_told_once_with_its_arrows() {
        assert_eq!(check_circles(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), []);
        let found =
            check_circles(&arrows(&[("a", "b"), ("x", "a"), ("b", "c"), ("c", "a"), ("c", "d")]));
        let what = "a circle of modules: a -> b (f.rs:1) -> c (f.rs:3) -> a (f.rs:4)";
        assert_eq!(found, [Problem::new("f.rs", 1, what)]);
        let found = check_circles(&arrows(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_module_without_a_floor_is_a_problem_in_crates_with_floors() {
        let module = |name: &str| Module { name: name.to_owned(), ..Module::default() };
        let modules = ["a_b", "a_b::low", "a_b::mid::x", "a_b::new", "c", "c::new"].map(module);
        let found = check_table(&modules, STOREYS);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "`new` has no floor; add it to xtask/src/floors.rs");
    }

    #[test]
    fn each_module_of_the_plan_stands_on_one_floor_of_a_known_crate() {
        let mut seen = BTreeSet::new();
        for storey in floors::STOREYS {
            assert!(floors::CRATES.contains(&storey.package), "{} is no crate", storey.package);
            for module in storey.modules {
                assert!(seen.insert((storey.package, module)), "{module} has two floors");
            }
        }
    }
}
