//! The reference chapters, made of the code. `make reference` writes them; without it they are compared with what is committed.

mod conditions;
mod flags;
mod metrics;
mod resource;

use std::{env, fs};

use test_support::root;

pub(crate) use {conditions::notices, metrics::exported_series};

/// Set to anything, it has the chapters written.
const WRITE: &str = "WRITE_REFERENCE";

fn check(name: &str, text: &str) {
    let path = root().join("docs/reference").join(name);
    if env::var_os(WRITE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let line = committed.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = line.unwrap_or_else(|| committed.lines().count().min(text.lines().count()));
    assert!(
        committed == text,
        "docs/reference/{name} isn't what the code says, from line {}: run `make reference` and commit what it writes\n\
         committed: {}\nthe code:  {}",
        line + 1,
        committed.lines().nth(line).unwrap_or_default(),
        text.lines().nth(line).unwrap_or_default(),
    );
}

/// The head of a chapter.
fn chapter(title: &str, introduction: &str) -> String {
    format!("# {title}\n\n<!-- Made of the code by `make reference`: change it there. -->\n\n{introduction}\n")
}

/// A table. Cells hold Markdown in which no `|` and no line end may stand.
fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) -> String {
    let line = |cells: [String; COLUMNS]| {
        let cells = cells.map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(head.map(str::to_owned));
    text += &format!("|{}\n", "---|".repeat(COLUMNS));
    rows.into_iter().map(line).for_each(|row| text += &row);
    text
}

/// A value as code.
fn code(value: impl std::fmt::Display) -> String {
    let value = value.to_string();
    // A value with backticks takes two on each side.
    if value.contains('`') { format!("`` {value} ``") } else { format!("`{value}`") }
}

#[test]
fn the_chapter_on_the_resource_is_what_the_crd_says() {
    check("cloudhsmbackup.md", &resource::chapter());
}

#[test]
fn the_chapter_on_flags_is_what_the_command_line_says() {
    check("flags.md", &flags::chapter());
}

#[test]
fn the_chapter_on_metrics_is_what_the_registry_says() {
    check("metrics.md", &metrics::chapter());
}

#[test]
fn the_chapter_on_conditions_and_events_is_what_the_reasons_say() {
    check("conditions.md", &conditions::chapter());
}
