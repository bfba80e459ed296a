//! What the kernel counts of a process.

use std::{fs, path::Path, time::Duration};

/// The kernel tells CPU time in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The processes of that name which work in a directory.
    pub(crate) fn working_in(directory: &Path, name: &str) -> Self {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let wanted = |id: &u32| {
            let in_there = fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd == directory);
            let executable = fs::read_link(format!("/proc/{id}/exe")).unwrap_or_default();
            in_there && executable.file_name().is_some_and(|file| file == name)
        };
        Self(ids.find(wanted).unwrap_or_else(|| panic!("no {name} works in {}", directory.display())))
    }

    /// User and system time so far.
    pub(crate) fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("the process runs");
        // The second field is a name in parentheses, which may hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().expect("a number")).sum();
        Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
    }

    /// Resident memory now, in MiB.
    pub(crate) fn rss(self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most that was resident, in MiB.
    pub(crate) fn peak(self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line for it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
    }

    /// What it says about its version.
    pub(crate) fn version(self) -> String {
        let answer = std::process::Command::new(format!("/proc/{}/exe", self.0)).arg("--version").output();
        let text = answer.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or("unknown").to_owned()
    }
}
