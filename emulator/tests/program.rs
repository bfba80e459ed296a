//! The program: its first line, its seed, its lines for people, its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

const A: &str = "backup-aaaaaaaaaaa";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudhsm-emulator"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A running program; it is killed if a test fails.
struct Running {
    child: Child,
    addr: String,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut addr = String::new();
        stdout.read_line(&mut addr).unwrap();
        Self { child, addr: addr.trim_end().to_owned(), stdout, stderr }
    }

    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        write!(stream, "{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn call(&self, op: &str, body: &str) -> String {
        self.ask(&format!("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: BaldrApiService.{op}"), body)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn seed(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn fails(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(!status.success() && status.code().is_some(), "{status} {told}");
    assert_eq!(told.lines().count(), 1, "one line: {told}");
    assert!(stdout.is_empty());
    told
}

#[test]
fn the_first_line_is_an_address_that_accepts_connections() {
    let running = Running::start(&[]);
    let (host, port) = running.addr.rsplit_once(':').unwrap();
    assert_eq!(host, "127.0.0.1");
    assert_ne!(port.parse::<u16>().unwrap(), 0);
    assert!(running.ask("GET /_control/backups HTTP/1.1\r\nhost: x", "").ends_with("\r\n\r\n[]"));
}

#[test]
fn it_ends_well_on_both_signals() {
    for name in ["-TERM", "-INT"] {
        let mut running = Running::start(&[]);
        running.signal(name);
        assert_eq!(running.child.wait().unwrap().code(), Some(0), "{name}");
        let mut rest = String::new();
        running.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing but the address");
    }
}

#[test]
fn a_seed_is_json_or_yaml() {
    let json = seed("seed.json", &format!(r#"[{{"BackupId": "{A}", "NeverExpires": true, "CreateTimestamp": 1.5}}]"#));
    let yaml = seed(
        "seed.yaml",
        &format!(
            "# a comment\n- BackupId: {A}\n  NeverExpires: true\n  CreateTimestamp: 1.5\n  ClusterId: ~\n  Account: \"111122223333\"\n"
        ),
    );
    let mut shown = vec![];
    for path in [&json, &yaml] {
        let running = Running::start(&["--seed", path.to_str().unwrap()]);
        let answer = running.ask("GET /_control/backups HTTP/1.1\r\nhost: x", "");
        shown.push(answer.split_once("\r\n\r\n").unwrap().1.to_owned());
        assert!(running.ask("POST /_control/reset HTTP/1.1\r\nhost: x", "").contains("200 OK"));
        assert!(running.ask("GET /_control/backups HTTP/1.1\r\nhost: x", "").ends_with("[]"), "not seeded again");
        std::fs::remove_file(path).unwrap();
    }
    assert!(shown[0].contains(A) && shown[0].contains("1.5"), "{}", shown[0]);
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn what_it_cannot_use_is_told_in_a_line() {
    let wrong = seed("wrong.yaml", "- BackupId: backup-aaaaaaaaaaa\n  Account: 111122223333\n");
    let broken = seed("broken.yaml", "- BackupId: [\n");
    let empty = seed("empty.yaml", "");
    for (arguments, word) in [
        (&["--nope"][..], "--nope"),
        (&["--listen"], "--listen"),
        (&["--listen", "nonsense"], "nonsense"),
        (&["--log", "loud"], "loud"),
        (&["extra"], "extra"),
        (&["--seed", "/no/such/file"], "/no/such/file"),
        (&["--seed", "/"], "can't be read"),
        (&["--listen", "127.0.0.1:0", "--seed", wrong.to_str().unwrap()], "Account must be a string"),
        (&["--listen", "127.0.0.1:0", "--seed", broken.to_str().unwrap()], "neither JSON nor YAML"),
        (&["--listen", "127.0.0.1:0", "--seed", empty.to_str().unwrap()], "list"),
    ] {
        let told = fails(arguments);
        assert!(told.contains(word), "{arguments:?}: {told}");
    }
    for path in [wrong, broken, empty] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn an_address_in_use_is_told() {
    let running = Running::start(&[]);
    let told = fails(&["--listen", &running.addr]);
    assert!(told.contains(&running.addr), "{told}");
}

#[test]
fn help_and_version_are_no_failure() {
    for (flag, word) in [("--help", "--seed"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = program(&[flag]).output().unwrap();
        assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains(word));
    }
}

#[test]
fn a_person_can_follow_the_lines() {
    let mut running = Running::start(&["--log", "text"]);
    running.ask("PUT /_control/backups HTTP/1.1\r\nhost: x", &format!(r#"[{{"BackupId": "{A}"}}]"#));
    running.ask("POST /_control/clock HTTP/1.1\r\nhost: x", r#"{"set": 43424}"#);
    running.call("DeleteBackup", &format!(r#"{{"BackupId": "{A}"}}"#));
    running.call("DeleteBackup", &format!(r#"{{"BackupId": "{A}"}}"#));
    running.call("DescribeBackups", "{}");
    running.ask("GET /_control/backups HTTP/1.1\r\nhost: x", "");
    running.ask("POST /_control/faults HTTP/1.1\r\nhost: x", r#"[{"effect": "applied_drop"}]"#);
    running.call("RestoreBackup", &format!(r#"{{"BackupId": "{A}"}}"#));
    running.ask("POST /_control/reset HTTP/1.1\r\nhost: x", "");
    assert!(running.line().ends_with(r#" control PUT /_control/backups 200 {"put":1}"#));
    assert!(running.line().contains("control POST /_control/clock 200"));
    // The seconds may have moved on since the clock was set.
    let line = |running: &mut Running| running.line().split_once("Z ").map(|(_, rest)| rest.to_owned()).unwrap();
    let first = running.line();
    assert!(first.starts_with("12:03:4") || first.starts_with("12:04:"), "{first}");
    let whose = "us-east-1 111122223333";
    assert!(first.ends_with(&format!("Z {whose} DeleteBackup {A} 200 READY -> PENDING_DELETION")), "{first}");
    let second = line(&mut running);
    assert!(second.starts_with(&format!("{whose} DeleteBackup {A} 400 CloudHsmInvalidRequestException: ")), "{second}");
    assert_eq!(line(&mut running), format!("{whose} DescribeBackups 200 1 backup"));
    assert_eq!(line(&mut running), "control POST /_control/faults 200 1 in the queue");
    let dropped =
        format!("{whose} RestoreBackup {A} --- [fault applied_drop: PENDING_DELETION -> READY] connection closed");
    assert_eq!(line(&mut running), dropped);
    assert_eq!(line(&mut running), "control POST /_control/reset 200");
}
