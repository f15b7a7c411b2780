//! Reads the tree, applies every rule, prints what they found.

use std::error::Error;
use std::path::Path;

use super::{floor_plan, links, modules, opening, promises, resolve, sizes, unsafety, words};
use crate::floors;
use crate::problem::Problem;
use crate::tree::Tree;
use crate::{names, sources};

/// Applies all rules to the repository; sizes are warnings, everything else must be empty.
///
/// # Errors
///
/// The number of problems found, after each of them was printed.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let tree = Tree::read(root)?;
    for warning in warnings(&tree) {
        println!("warning: {warning}");
    }
    if tree.text(promises::LIST).is_none() {
        println!("note: {} is absent, so the promises are not checked", promises::LIST);
    }
    let problems = problems(&tree);
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("tidy: all rules kept");
            Ok(())
        }
        count => Err(format!("tidy: {count} problem(s), listed above").into()),
    }
}

fn warnings(tree: &Tree) -> Vec<Problem> {
    sizes::check(tree, &sources::parse(tree).0)
}

fn problems(tree: &Tree) -> Vec<Problem> {
    let (sources, mut problems) = sources::parse(tree);
    let (modules, lost) = modules::read(&sources);
    problems.extend(lost);
    problems.extend(floor_plan::check_table(&modules, floors::STOREYS));
    let arrows = resolve::arrows(&modules, floors::CRATES);
    problems.extend(floor_plan::check_circles(&arrows));
    problems.extend(floor_plan::check_floors(&arrows, floors::CRATES, floors::STOREYS));
    problems.extend(opening::check(tree));
    problems.extend(links::check(tree));
    problems.extend(words::check(tree));
    problems.extend(unsafety::check(tree));
    problems.extend(promises::check(tree, &names::test_functions(&sources)));
    problems
}
