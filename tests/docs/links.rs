//! Links between pages, and to files of the repository.

use std::collections::{BTreeMap, BTreeSet};

use test_support::root;

use crate::pages::{Page, all};

const HOME: &str = "https://github.com/cloudhsm-dev/cloudhsm-backup-operator/";

/// A path from the repository's root, with `.` and `..` worked out; `None` when it leads out of it.
fn resolve(page: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Why a link leads nowhere; `None` when it doesn't.
fn broken(page: &Page, to: &str, anchors: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
    let target = if let Some(rest) = path.strip_prefix(HOME) {
        match rest.split_once("/main/") {
            Some(("blob" | "tree" | "raw", path)) => path.to_owned(),
            // Releases, issues, advisories: not in this repository.
            _ => return None,
        }
    } else if path.contains("://") || path.starts_with("mailto:") {
        return None;
    } else if path.is_empty() {
        page.path.clone()
    } else {
        let Some(target) = resolve(&page.path, path) else { return Some("leads out of the repository".into()) };
        // The book holds nothing but docs/.
        if page.path.starts_with("docs/") && !target.starts_with("docs/") {
            return Some(format!("leads out of the book: write {HOME}blob/main/{target}"));
        }
        target
    };
    if !root().join(&target).exists() {
        return Some(format!("there is no {target}"));
    }
    match (anchor, anchors.get(&target)) {
        (Some(anchor), Some(known)) if !known.contains(anchor) => {
            Some(format!("{target} has no heading #{anchor}, but {known:?}"))
        }
        _ => None,
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let pages = all();
    let anchors = pages.iter().map(|page| (page.path.clone(), page.anchors())).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in &pages {
        for link in page.links() {
            count += 1;
            if let Some(why) = broken(page, &link.to, &anchors) {
                wrong.push(format!("{}: {}: {why}", page.at(link.line), link.to));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} links were found");
}

#[test]
fn every_picture_says_in_words_what_it_shows() {
    let mut wrong = Vec::new();
    for page in &all() {
        for link in page.links().iter().filter(|link| link.is_image && link.text.len() < 20) {
            wrong.push(format!("{}: {} has the alternative text {:?}", page.at(link.line), link.to, link.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_are_resolved_as_a_browser_does() {
    assert_eq!(resolve("docs/guides/a.md", "../concepts/b.md").as_deref(), Some("docs/concepts/b.md"));
    assert_eq!(resolve("docs/a.md", "./b.md").as_deref(), Some("docs/b.md"));
    assert_eq!(resolve("README.md", "../x"), None);
}

#[test]
fn links_that_lead_nowhere_are_told() {
    let page = Page { path: "docs/index.md".into(), text: String::new() };
    let anchors = BTreeMap::from([("docs/index.md".to_owned(), ["there".to_owned()].into())]);
    let why = |to: &str| broken(&page, to, &anchors).unwrap_or_default();
    assert!(why("nowhere.md").contains("there is no docs/nowhere.md"));
    assert!(why("../../README.md").contains("leads out of the repository"));
    assert!(why("../README.md").contains("leads out of the book"));
    assert!(why("#here").contains("no heading #here"));
    assert!(why(&format!("{HOME}blob/main/NOWHERE")).contains("there is no NOWHERE"));
    assert_eq!((why("#there"), why(&format!("{HOME}blob/main/Cargo.toml"))), (String::new(), String::new()));
    assert_eq!(why("https://example.com/nowhere"), "");
}
