//! What is measured, and on what.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    sheet::{Figure, judged},
    stage::Stage,
};

/// A binary that was built with this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    let path = std::env::current_exe().expect("a path").with_file_name(name);
    assert!(path.exists(), "{} is missing: run `make bench`", path.display());
    path
}

/// What the micro benchmarks print, and what they say of `decide`.
pub(crate) struct Micro {
    pub(crate) text: String,
    pub(crate) decide: Figure,
}

/// Runs the micro benchmarks, while the machine has nothing else of ours to do.
pub(crate) fn micro_benchmarks() -> Micro {
    let output = Command::new(beside("micro-bench")).args(["--bench", "--color", "never"]).output().expect("they run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let decide = decide(&text).unwrap_or_else(|| panic!("no decide_unchanged in:\n{text}"));
    Micro { text, decide }
}

/// The median of `decide_unchanged`, and whether a line about allocations follows it.
fn decide(text: &str) -> Option<Figure> {
    let mut lines = text.lines().skip_while(|line| !line.contains("decide_unchanged"));
    let columns: Vec<&str> = lines.next()?.split('│').collect();
    let median = columns.get(2)?.trim();
    let (number, unit) = median.split_once(' ')?;
    let allocates = lines.next().is_some_and(|line| line.contains("alloc"));
    let allocations = if allocates { "allocations" } else { "0 allocations" };
    let nanoseconds: f64 = number.parse().ok()?;
    Some(judged(format!("{median}, {allocations}"), unit == "ns" && nanoseconds <= 100.0 && !allocates))
}

/// The size of a binary.
pub(crate) fn size(binary: &Path) -> Figure {
    let bytes = fs::metadata(binary).expect("the binary is there").len();
    judged(format!("{:.2} MB", bytes as f64 / 1e6), bytes <= 16_000_000)
}

/// How this program was called.
pub(crate) fn command_line() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("cluster-bench {}", words.join(" ")).trim_end().to_owned()
}

/// What was measured, and on what.
pub(crate) fn versions(operator: &Path, stage: &Stage) -> Vec<String> {
    let says = |program: &Path, argument: &str| {
        let answer = Command::new(program).arg(argument).output();
        answer.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        says(operator, "--version"),
        stage.api_server.version(),
        stage.etcd.version(),
        says(Path::new("rustc"), "--version"),
        format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim()),
        format!("{cores} × {}", model.trim_start_matches([' ', '\t', ':'])),
        format!("load at the start: {}", load()),
    ]
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}
