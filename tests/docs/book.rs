//! The book's table of contents.

use std::collections::BTreeSet;

use crate::pages::{all, page};

const SUMMARY: &str = "docs/SUMMARY.md";

#[test]
fn every_page_under_docs_is_a_chapter_and_every_chapter_a_page() {
    let listed: Vec<String> = page(SUMMARY).links().into_iter().map(|link| format!("docs/{}", link.to)).collect();
    let chapters: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(chapters.len(), listed.len(), "{SUMMARY} lists a page twice: {listed:?}");
    let pages: Vec<String> = all().into_iter().map(|page| page.path).collect();
    let pages: BTreeSet<&String> =
        pages.iter().filter(|path| path.starts_with("docs/") && path.as_str() != SUMMARY).collect();
    let missing: Vec<_> = pages.difference(&chapters).collect();
    let absent: Vec<_> = chapters.difference(&pages).collect();
    assert!(
        missing.is_empty() && absent.is_empty(),
        "{SUMMARY} doesn't list {missing:?}, and lists {absent:?}, which aren't there"
    );
}

#[test]
fn every_chapter_begins_with_one_title() {
    let mut wrong = Vec::new();
    for page in all().iter().filter(|page| page.path.starts_with("docs/") && page.path != SUMMARY) {
        let headings = page.headings();
        let titles = headings.iter().filter(|(level, _)| *level == 1).count();
        if titles != 1 || headings.first().is_none_or(|(level, _)| *level != 1) {
            wrong.push(format!("{} has {titles} titles", page.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
