//! Links between the project's documents lead somewhere: to a file that exists, to a heading.
//!
//! Links to other sites are not followed.

use std::collections::BTreeSet;
use std::path::Path;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::problem::Problem;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending_in(".md") {
        for (link, offset) in links(text) {
            if let Err(what) = follow(tree, path, &link) {
                let line = text[..offset].matches('\n').count() + 1;
                problems.push(Problem::new(path, line, what));
            }
        }
    }
    problems
}

/// Targets of all links and images, with the offset in the text.
fn links(text: &str) -> Vec<(String, usize)> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url),
        _ => None,
    };
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .into_offset_iter()
        .filter_map(|(event, range)| Some((target(event)?.into_string(), range.start)))
        .collect()
}

/// Whether `link`, written in the file `from`, leads to a file and, if it says so, a heading.
fn follow(tree: &Tree, from: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { Some(from.to_owned()) } else { join(from, file) };
    let target = target.ok_or_else(|| format!("the link `{link}` leaves the repository"))?;
    if !tree.has(&target) {
        return Err(format!("dead link `{link}`: there is no {target}"));
    }
    match tree.text(&target) {
        Some(text) if !anchor.is_empty() && is_document(&target) => {
            let known = anchors(text).contains(anchor);
            known.then_some(()).ok_or(format!("dead link `{link}`: no such heading in {target}"))
        }
        _ => Ok(()),
    }
}

fn is_document(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

/// The path that `link` means in the file `from`; `None` above the repository.
fn join(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').collect(),
    };
    // The file's own name.
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that a forge gives to the headings of a document, and those set by hand.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let again = (1..).map(|count| format!("{slug}-{count}"));
                let mut names = std::iter::once(slug.clone()).chain(again);
                anchors.extend(names.find(|name| !anchors.contains(name)));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let parts =
                    ["id=\"", "name=\""].into_iter().flat_map(|key| html.split(key).skip(1));
                anchors.extend(parts.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, String)> {
        let tree = Tree::sample(&[
            ("docs/a.md", text),
            (
                "docs/b.md",
                "# The `floor` plan, twice!\n\n## Again\n\n## Again\n\n<a id=\"by-hand\">",
            ),
            ("README.md", "# Top"),
            ("crates/x/src/lib.rs", "//! x"),
        ]);
        check(&tree).into_iter().map(|problem| (problem.line, problem.what)).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "# Here\n[1](b.md) [2](../README.md#top) [3](/crates/x) [4](#here) [5][ref]\n
            [6](https://example.org/none.md) [7](b.md#the-floor-plan-twice) [8](b.md#again-1)
            [9](b.md#by-hand) [10](../crates/x/src/lib.rs#L1) `[11](none.md)`\n\n[ref]: ./b.md";
        assert_eq!(problems(text), []);
    }

    #[test]
    fn a_missing_file_or_heading_is_a_problem() {
        let text = "[1](none.md)\n\n[2](b.md#nowhere) [3](#away)\n![4](x.png) [5](../../out.md)\n\n\
            [6][ref]\n\n[ref]: gone.md";
        let found = problems(text);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 3, 4, 4, 6]);
        assert_eq!(found[0].1, "dead link `none.md`: there is no docs/none.md");
        assert_eq!(found[1].1, "dead link `b.md#nowhere`: no such heading in docs/b.md");
        assert_eq!(found[4].1, "the link `../../out.md` leaves the repository");
    }
}
