//! The operator as a process of its own, as it runs in a pod.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{DEADLINE, eventually};

/// How many lines of log a failed test shows.
const SHOWN_LINES: usize = 200;

/// What an operator is started with.
///
/// Of the environment of the test it gets `PATH` and `HOME` alone, so that no credentials, profile or region of the
/// developer's own decides what a test does.
#[derive(Clone, Debug)]
pub struct OperatorBuilder {
    binary: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
}

impl OperatorBuilder {
    /// Adds an argument of `run`.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments of `run`.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable, in place of what was set before.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Takes a variable away again.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name.as_ref());
        self
    }

    /// The Kubernetes API server to work for, and as whom.
    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.env("KUBECONFIG", path)
    }

    /// The emulator's endpoint, for CloudHSM and STS, and the account of 12 digits to call it for.
    #[must_use]
    pub fn aws(self, endpoint: &str, account: &str) -> Self {
        self.env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", format!("AKIA{account}TEST"))
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1")
    }

    /// Starts the process, and waits for nothing.
    #[must_use]
    pub fn start(self) -> Operator {
        let mut process = Command::new(&self.binary)
            .args(["run", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(self.arguments)
            .env_clear()
            .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let log = Log::default();
        log.collect(process.stdout.take().expect("stdout is piped"));
        log.collect(process.stderr.take().expect("stderr is piped"));
        Operator { id: process.id(), process: Mutex::new(process), log }
    }
}

/// A running operator, killed when this is dropped. If the test fails its log is shown.
#[derive(Debug)]
pub struct Operator {
    id: u32,
    process: Mutex<Child>,
    log: Log,
}

impl Operator {
    /// Prepares to start the operator's binary, which the calling test knows as `env!("CARGO_BIN_EXE_…")`.
    #[must_use]
    pub fn builder(binary: impl Into<PathBuf>) -> OperatorBuilder {
        let builder = OperatorBuilder { binary: binary.into(), arguments: Vec::new(), environment: BTreeMap::new() };
        builder
            .env("RUST_LOG", "info")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// All that it has written so far, standard output and standard error in one.
    #[must_use]
    pub fn logs(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Where it listens for HTTP, once its log says so.
    pub async fn address(&self) -> SocketAddr {
        eventually("the operator logs the address it listens on", DEADLINE, async || {
            let ended = self.try_exit();
            match (self.log.find_map(listen_address), ended) {
                (Some(address), _) => Ok(address),
                (None, Some(status)) => panic!("the operator ended, with {status}, before it listened"),
                (None, None) => Err("no such line".to_owned()),
            }
        })
        .await
    }

    /// Status and body of a GET; an error when no answer comes.
    pub async fn http_get(&self, path: &str) -> Result<(u16, String), String> {
        let address = self.address().await;
        get(address, path).await.map_err(|error| format!("GET {path}: {error}"))
    }

    /// SIGKILL: it ends at once, with whatever it was about.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// SIGTERM: it's asked to end, as before a pod goes away.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// SIGSTOP: it stands still and doesn't know, as on a node that hangs.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT: it goes on after a pause.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// The exit status, or none while it runs.
    pub fn try_exit(&self) -> Option<ExitStatus> {
        self.lock().try_wait().expect("a child can be waited for")
    }

    /// Waits until the process has ended.
    pub async fn wait_exit(&self, deadline: Duration) -> ExitStatus {
        eventually("the operator ends", deadline, async || self.try_exit().ok_or_else(|| "it runs".to_owned())).await
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        // Once it was waited for, its id may be another process's.
        let ended = self.try_exit();
        assert!(ended.is_none(), "{signal} to an operator that has ended: {ended:?}");
        let pid = Pid::from_raw(self.id.try_into().expect("a process id"));
        kill(pid, signal).unwrap_or_else(|error| panic!("{signal} to the operator: {error}"));
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.lock().kill();
        let _ = self.lock().wait();
        if thread::panicking() {
            let lines = self.log.lines();
            let shown = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
            eprintln!("--- the operator's log, {} of {} lines\n{}\n---", shown.len(), lines.len(), shown.join("\n"));
        }
    }
}

/// The lines of both outputs, read by threads: what a test sees doesn't hang on how busy its runtime is.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn collect(&self, output: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                log.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    fn find_map<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(|line| wanted(line))
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The address in a log line like `{"fields":{"message":"listening","address":"127.0.0.1:38083"},…}`.
fn listen_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    // The fields of an event stand beside its level when the log is flattened.
    let fields = line.get("fields").unwrap_or(&line);
    if fields.get("message")?.as_str()? != "listening" {
        return None;
    }
    fields.get("address")?.as_str()?.parse().ok()
}

/// HTTP/1.0, where the body ends with the connection, needs no client library.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let malformed = || std::io::Error::other("not an HTTP response");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    Ok((status, body.to_owned()))
}
