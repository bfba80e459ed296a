//! The process that runs the control plane, and the leash that ends it with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::project::target;

/// Where the binaries are.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    supervisor: PathBuf,
    assets: PathBuf,
    controller_manager: bool,
}

impl Binaries {
    pub(crate) fn find() -> Self {
        let built = target().join("control-plane/bin");
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(|| built.clone(), PathBuf::from);
        // Always, unless `KUBEBUILDER_ASSETS` is what setup-envtest installs.
        let controller_manager = assets.join("kube-controller-manager").exists();
        let binaries = Self { supervisor: built.join("control-plane"), assets, controller_manager };
        for path in [
            binaries.supervisor.clone(),
            binaries.assets.join("etcd"),
            binaries.assets.join("kube-apiserver"),
            binaries.kubectl(),
        ] {
            assert!(path.exists(), "{} is missing: run `make control-plane` first", path.display());
        }
        binaries
    }

    pub(crate) fn without_controller_manager(self) -> Self {
        Self { controller_manager: false, ..self }
    }

    pub(crate) fn has_controller_manager(&self) -> bool {
        self.controller_manager
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.assets.join("kubectl")
    }
}

/// A running control plane.
///
/// Everything in here blocks, and nothing belongs to an async runtime: a shared control plane outlives the runtime of
/// the test that started it.
#[derive(Debug)]
pub(crate) struct Supervisor {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a control plane says once it's ready.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) server: String,
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
}

impl Supervisor {
    /// Starts a control plane in a fresh directory and waits until it's ready.
    pub(crate) fn start(binaries: &Binaries) -> (Self, Ready) {
        let mut process = Command::new(&binaries.supervisor)
            .arg("run")
            .arg("--assets")
            .arg(&binaries.assets)
            .arg("--dir")
            .arg(fresh_dir())
            .arg("--remove-dir")
            .args((!binaries.has_controller_manager()).then_some("--without-controller-manager"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binaries.supervisor.display()));
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut supervisor = Self { process, commands, answers };
        let ready = supervisor.read("the control plane didn't start");
        (supervisor, ready)
    }

    /// Sends a command and waits until it's carried out.
    pub(crate) fn command(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("open until the end");
        writeln!(commands, "{command}").unwrap_or_else(|error| panic!("the control plane has ended: {error}"));
        let answer: Answer = self.read(&format!("the control plane ended at {command:?}"));
        assert!(answer.ok, "{command}: {}", answer.error);
    }

    fn read<T: DeserializeOwned>(&mut self, otherwise: &str) -> T {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).unwrap_or_else(|error| panic!("{otherwise}: {error}"));
        assert!(length > 0, "{otherwise}: its standard error says why");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{otherwise}: {error}: {line}"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.commands.take());
        // It ends in milliseconds. When this has returned nothing of it is left.
        let _ = self.process.wait();
    }
}

/// A path that is nobody else's. The supervisor makes the directory, and removes it.
fn fresh_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    std::env::temp_dir().join(format!("control-plane-{}-{count}-{now}", std::process::id()))
}
