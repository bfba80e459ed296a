//! The floor plan of `src/`: imports go downwards only, the pure floors do nothing but compute, and each outside world has one door.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

/// From the roof to the ground. A module may name what lies on lower floors, and nothing beside it or above.
const FLOORS: &[&[&str]] = &[
    &["main", "bin"],
    &["app"],
    &["admin", "lease", "telemetry"],
    &["controller", "args"],
    &["inventory"],
    &["aws", "events"],
    &["liveness", "metrics", "refusal", "spans"],
    &["status", "claims"],
    &["message", "lag"],
    &["decide", "backoff"],
    &["intent"],
    &["api", "clock", "leadership"],
    &["backup"],
];

/// They compute: no waiting, no outside world, no clock, no chance.
const PURE: &[&str] = &["status", "claims", "message", "lag", "decide", "backoff", "intent", "api", "backup"];

/// What a pure module doesn't name, as the beginning of a path.
const IMPURE: &[&str] = &[
    "tokio",
    "futures",
    "async",
    "await",
    "kube::Client",
    "kube::client",
    "kube::Api",
    "kube::api::Api",
    "kube::Config",
    "kube::config",
    "kube::runtime",
    "axum",
    "tracing",
    "fastrand",
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::process",
    "std::thread",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::atomic",
    "std::sync::mpsc",
    "std::sync::OnceLock",
    "std::sync::LazyLock",
    "SystemTime",
    "std::time::SystemTime",
];

/// The library's own name, as the binaries write it.
const LIBRARY: &str = "cloudhsm_backup_operator";

type Segments = Vec<String>;

/// The words of a source: names, `::`, and single signs; without comments, texts, and what only tests see.
fn words(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let rest = &chars[at..];
        if rest.starts_with(&['/', '/']) {
            at += rest.iter().take_while(|c| **c != '\n').count();
        } else if rest.starts_with(&['/', '*']) {
            at += block_comment(rest);
        } else if let Some(length) = raw_text(rest) {
            at += length;
        } else if char == '"' {
            at += text(rest);
        } else if let Some(length) = quoted_char(rest) {
            at += length;
        } else if char.is_alphabetic() || char == '_' {
            let word: String = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            at += word.chars().count();
            words.push(word);
        } else if rest.starts_with(&[':', ':']) {
            at += 2;
            words.push("::".into());
        } else {
            at += 1;
            if !char.is_whitespace() {
                words.push(char.to_string());
            }
        }
    }
    without_tests(&words)
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn text(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of `r"…"` or `r#"…"#`, if it is one.
fn raw_text(rest: &[char]) -> Option<usize> {
    let hashes = rest.strip_prefix(&['r'])?.iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = hashes + 2;
    let length = rest[start..].windows(end.len()).position(|window| window == end)?;
    Some(start + length + end.len())
}

/// The length of `'x'` or `'\n'`, which is not a lifetime.
fn quoted_char(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', ..] => Some(3 + rest[3..].iter().take_while(|c| **c != '\'').count()),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

/// Leaves out `#[cfg(test)] mod … { … }`.
fn without_tests(words: &[String]) -> Vec<String> {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_marked = words.len() > at + 9 && words[at..at + 8].iter().eq(MARK.iter()) && words[at + 9] == "{";
        if is_marked {
            let mut depth = 0;
            at += 9;
            while at < words.len() {
                depth += i32::from(words[at] == "{") - i32::from(words[at] == "}");
                at += 1;
                if depth == 0 {
                    break;
                }
            }
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// All paths that a source names, with groups spelt out: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(source: &str) -> BTreeSet<Segments> {
    let words = words(source);
    let mut all = BTreeSet::new();
    let mut at = 0;
    while at < words.len() {
        if is_name(&words[at]) {
            path(&words, &mut at, &Vec::new(), &mut all);
        } else {
            at += 1;
        }
    }
    all
}

fn path(words: &[String], at: &mut usize, prefix: &Segments, all: &mut BTreeSet<Segments>) {
    let mut segments = prefix.clone();
    while let Some(word) = words.get(*at).filter(|word| is_name(word)) {
        segments.push(word.clone());
        *at += 1;
        if words.get(*at).is_none_or(|word| word != "::") {
            all.insert(segments);
            return;
        }
        *at += 1;
        if words.get(*at).is_some_and(|word| word == "{") {
            *at += 1;
            while words.get(*at).is_some_and(|word| word != "}") {
                if words.get(*at).is_some_and(|word| is_name(word)) {
                    path(words, at, &segments, all);
                } else {
                    *at += 1;
                }
            }
            *at += 1;
            return;
        }
    }
    // Such as `a::*` or `a::<b>`.
    all.insert(segments);
}

/// A source file: where it is in the tree of modules, and what it names.
struct File {
    /// Such as `aws::write`.
    module: Segments,
    paths: BTreeSet<Segments>,
}

impl File {
    /// `None` for tests and for the list of modules.
    fn new(path: &str, source: &str) -> Option<Self> {
        let mut module: Segments = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module == ["lib"] || module.iter().any(|name| name == "tests") {
            return None;
        }
        if module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        Some(Self { module, paths: paths(source) })
    }

    fn room(&self) -> &str {
        &self.module[0]
    }

    /// The other rooms of the house that it names.
    fn visits(&self) -> BTreeSet<&str> {
        let inside = self.paths.iter().filter_map(|path| {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            match path[0].as_str() {
                "crate" | LIBRARY => path.get(1).map(String::as_str),
                "super" if ups >= self.module.len() => path.get(ups).map(String::as_str),
                _ => None,
            }
        });
        inside.filter(|room| floor(room).is_some() && *room != self.room()).collect()
    }

    /// The paths that begin so.
    fn names(&self, beginning: &str) -> Vec<String> {
        let beginning: Vec<&str> = beginning.split("::").collect();
        let found = self.paths.iter().filter(|path| path.len() >= beginning.len());
        let found = found.filter(|path| path.iter().zip(&beginning).all(|(segment, wanted)| segment == wanted));
        found.map(|path| path.join("::")).collect()
    }

    fn is_pure(&self) -> bool {
        PURE.contains(&self.room())
    }
}

fn is_sdk(name: &str) -> bool {
    let families = ["aws_sdk_", "aws_smithy_"];
    let crates = ["aws_config", "aws_credential_types", "aws_runtime", "aws_sigv4", "aws_types"];
    families.iter().any(|family| name.starts_with(family)) || crates.contains(&name)
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// What is wrong with a file, in sentences.
fn complaints(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = file.module.join("::");
    let room = file.room();
    match floor(room) {
        None => wrong.push(format!("{name} has no floor: give it one in tests/floors.rs")),
        Some(own) => {
            let up = file.visits().into_iter().filter(|visited| floor(visited).is_some_and(|other| other <= own));
            wrong.extend(up.map(|visited| format!("{name} names {visited}, which isn't below it")));
        }
    }
    let mut forbid = |paths: Vec<String>, why: &str| {
        wrong.extend(paths.into_iter().map(|path| format!("{name} names {path}: {why}")));
    };
    if file.is_pure() {
        for beginning in IMPURE {
            forbid(file.names(beginning), "a pure floor only computes");
        }
        let clocks = file.paths.iter().filter(|path| path.len() > 1 && path.last().is_some_and(|last| last == "now"));
        forbid(clocks.map(|path| path.join("::")).collect(), "a pure floor has no clock");
    }
    if room != "aws" {
        let sdk = file.paths.iter().filter(|path| is_sdk(&path[0]));
        forbid(sdk.map(|path| path.join("::")).collect(), "only aws names the SDK");
    }
    if room != "controller" {
        let mut runtime = file.names("kube::runtime");
        runtime.retain(|path| !(room == "events" && path.starts_with("kube::runtime::events")));
        forbid(runtime, "only the controller names kube's runtime, and events its recorder");
    }
    wrong
}

fn files(folder: &Path, prefix: &str, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files(&path, &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            found.extend(File::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

fn house() -> Vec<File> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    found
}

#[test]
fn the_house_is_built_to_plan() {
    let wrong: Vec<String> = house().iter().flat_map(complaints).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_plan_exists() {
    let house = house();
    let rooms: BTreeSet<&str> = house.iter().map(File::room).collect();
    let planned: BTreeSet<&str> = FLOORS.iter().copied().flatten().copied().filter(|room| *room != "bin").collect();
    assert_eq!(planned.difference(&rooms).count(), 0, "{planned:?} are planned and {rooms:?} are there");
    assert!(PURE.iter().all(|room| planned.contains(room)));
}

#[test]
fn the_scan_sees_what_is_there() {
    let house = house();
    let of =
        |room: &str| house.iter().filter(|file| file.room() == room).flat_map(File::visits).collect::<BTreeSet<_>>();
    assert_eq!(of("decide"), BTreeSet::from(["api", "backup", "intent"]));
    assert!(of("controller").is_superset(&BTreeSet::from(["inventory", "decide", "status"])));
    assert!(house.iter().any(|file| file.room() == "aws" && !file.names("aws_sdk_cloudhsmv2").is_empty()));
    assert!(house.iter().any(|file| !file.names("kube::runtime::Controller").is_empty()));
}

/// A made-up file at that place.
fn complaints_about(path: &str, source: &str) -> String {
    complaints(&File::new(path, source).unwrap()).join("\n")
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    for source in [
        "use crate::controller::Settings;",
        "use crate::{api::Reason, controller};",
        "use crate::{\n    api::{CloudHsmBackup, Reason},\n    controller::Settings,\n};",
        "use super::controller;",
        "pub use crate::controller::*;",
        "fn f() { crate::controller::run() }",
        "fn f() -> Option<crate::controller::Settings> { None }",
        "impl crate::controller::Trait for X {}",
    ] {
        let said = complaints_about("decide.rs", source);
        assert_eq!(said, "decide names controller, which isn't below it", "{source}");
    }
    assert!(complaints_about("aws/write.rs", "use super::super::controller;").contains("names controller"));
    assert!(complaints_about("aws/mod.rs", "use super::inventory;").contains("names inventory"));
    assert!(complaints_about("aws/mod.rs", "use crate::events;").contains("names events"), "nor one beside it");
    assert!(complaints_about("app.rs", "use cloudhsm_backup_operator::bin;").contains("names bin"));
}

#[test]
fn what_is_below_or_within_or_only_mentioned_is_no_complaint() {
    for (path, source) in [
        ("decide.rs", "use crate::{api::{DesiredState, Reason}, backup::Backup, intent::Intent};"),
        (
            "decide.rs",
            "// use crate::controller;\n/* crate::controller /* nested */ */ /// crate::controller\nfn f() {}",
        ),
        (
            "decide.rs",
            "const A: &str = \"use crate::controller; \\\" tokio::spawn\"; const B: &str = r#\"tokio \" x\"#;",
        ),
        ("decide.rs", "fn f<'a>(x: &'a str) -> char { '\"' }"),
        ("decide.rs", "#[cfg(test)]\nmod tests { use crate::controller; fn f() { tokio::spawn() } }"),
        ("decide.rs", "fn f(now: Timestamp) -> Timestamp { now }"),
        ("aws/write.rs", "use super::{call, text}; use crate::decide::Permit; use aws_sdk_cloudhsmv2::types;"),
        ("events.rs", "use kube::{Client, runtime::events::{Event, Recorder}};"),
        ("main.rs", "use cloudhsm_backup_operator::{api, app, args::{Arguments, Command}, telemetry};"),
    ] {
        assert_eq!(complaints_about(path, source), "", "{source}");
    }
}

#[test]
fn what_a_pure_floor_must_not_do_is_found() {
    for source in [
        "async fn f() {}",
        "fn f() { let _ = async {}; }",
        "use tokio::time::sleep;",
        "use kube::Client;",
        "use kube::{ResourceExt, Api};",
        "use kube::{\n    api::{Api, Patch},\n};",
        "fn f() -> Timestamp { Timestamp::now() }",
        "fn f() -> Timestamp { jiff::Timestamp::now() }",
        "fn f() { std::time::Instant::now(); }",
        "fn f() { let now = Instant::now; }",
        "use std::time::{Duration, SystemTime};",
        "use std::{fs, fmt};",
        "use std::net::TcpStream;",
        "fn f() { std::env::var(\"X\"); }",
        "fn f() { fastrand::f64(); }",
        "use aws_sdk_cloudhsmv2::types::Backup;",
        "use kube::runtime::Controller;",
    ] {
        for room in PURE {
            assert!(!complaints_about(&format!("{room}.rs"), source).is_empty(), "{room}: {source}");
        }
    }
    assert_ne!(complaints_about("api/reason.rs", "async fn f() {}"), "", "nor in a file of its own");
    assert_ne!(
        complaints_about("decide.rs", "#[cfg(test)]\nmod tests { }\nuse tokio::spawn;"),
        "",
        "nor after the tests"
    );
}

#[test]
fn each_outside_world_has_one_door() {
    for path in ["controller/pass.rs", "inventory.rs", "app.rs", "main.rs"] {
        let said = complaints_about(path, "use aws_config::SdkConfig; fn f() { aws_smithy_types::f() }");
        assert_eq!(said.matches("only aws names the SDK").count(), 2, "{said}");
    }
    for path in ["aws/mod.rs", "inventory.rs", "app.rs"] {
        assert_ne!(complaints_about(path, "use kube::{Client, runtime::{Controller, watcher}};"), "");
    }
    assert_ne!(complaints_about("events.rs", "use kube::runtime::watcher;"), "");
    assert_eq!(complaints_about("controller/mod.rs", "use kube::runtime::{Controller, watcher};"), "");
}

#[test]
fn a_room_that_is_not_on_the_plan_is_found() {
    assert!(complaints_about("utils.rs", "").contains("utils has no floor"));
    assert!(File::new("decide/tests.rs", "use crate::controller;").is_none(), "tests may name what they like");
}
