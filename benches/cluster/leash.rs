//! What ends the processes of the bench when the bench ends, however that comes about: a panic aborts the release binary, and an
//! aborted or killed process drops nothing.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Notes who is running, until its input ends: that is when the bench is gone.
const SCRIPT: &str = "trap '' INT TERM
while read -r what pid; do
  case $what in
    operator) operator=$pid ;;
    emulator) emulator=$pid ;;
  esac
done
kill -KILL $operator $emulator 2>/dev/null";

/// A shell that waits for the end of the bench.
pub(crate) struct Leash(Mutex<Child>);

impl Leash {
    pub(crate) fn new() -> Self {
        let shell = Command::new("sh").args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(Mutex::new(shell.unwrap_or_else(|error| panic!("sh: {error}"))))
    }

    /// Takes the emulator in hand.
    pub(crate) fn emulator(&self, pid: u32) {
        self.tell(&format!("emulator {pid}\n"));
    }

    /// Takes the operator in hand, in place of the one before.
    pub(crate) fn operator(&self, pid: u32) {
        self.tell(&format!("operator {pid}\n"));
    }

    /// There is no operator any more.
    pub(crate) fn no_operator(&self) {
        self.tell("operator\n");
    }

    fn tell(&self, lines: &str) {
        let mut shell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stdin = shell.stdin.as_mut().expect("stdin is piped");
        stdin.write_all(lines.as_bytes()).unwrap_or_else(|error| panic!("sh: {error}"));
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // Both have been ended in the usual way, and their ids may be others' by now.
        self.tell("operator\nemulator\n");
        let mut shell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(shell.stdin.take());
        let _ = shell.wait();
    }
}
