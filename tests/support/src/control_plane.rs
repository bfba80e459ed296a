//! A control plane for tests: etcd, kube-apiserver and kube-controller-manager, with no node and no cluster around.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::supervisor::{Binaries, Ready, Supervisor};
use crate::wait::{DEADLINE, eventually};

/// A running control plane. It and all it holds is gone when this is dropped, or when the test process ends, however
/// that comes about.
#[derive(Debug)]
pub struct ControlPlane {
    binaries: Binaries,
    ready: Ready,
    supervisor: Arc<Mutex<Supervisor>>,
    namespaces: AtomicU32,
    crds: tokio::sync::Mutex<HashSet<String>>,
}

impl ControlPlane {
    /// The control plane that all tests of this process share, started by the first that asks for it.
    ///
    /// A test keeps to a [`namespace`](Self::namespace) of its own and stops nothing here.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a control plane for one test, which takes some three seconds.
    pub async fn start() -> Self {
        Self::start_with(Binaries::find()).await
    }

    /// The same without kube-controller-manager, which works along on every change of an object: namespaces aren't finished
    /// deleting, and nothing is garbage-collected.
    pub async fn without_controllers() -> Self {
        Self::start_with(Binaries::find().without_controller_manager()).await
    }

    async fn start_with(binaries: Binaries) -> Self {
        let found = binaries.clone();
        let (supervisor, ready) =
            spawn_blocking(move || Supervisor::start(&found)).await.expect("the control plane starts");
        Self {
            binaries,
            ready,
            supervisor: Arc::new(Mutex::new(supervisor)),
            namespaces: AtomicU32::new(0),
            crds: tokio::sync::Mutex::default(),
        }
    }

    /// The kubeconfig of an administrator who may do everything.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.ready.kubeconfig
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.ready.server
    }

    /// The working directory, which is removed at the end. A test may put files there.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.ready.dir
    }

    /// Whether namespaces finish deleting and garbage is collected: not so with what setup-envtest installs.
    #[must_use]
    pub fn has_controller_manager(&self) -> bool {
        self.binaries.has_controller_manager()
    }

    /// A new client of the administrator, which belongs to the runtime of the calling test.
    pub async fn client(&self) -> Client {
        self.client_of(self.kubeconfig()).await
    }

    /// A new client of whoever a kubeconfig speaks for. It doesn't retry.
    pub async fn client_of(&self, kubeconfig: &Path) -> Client {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("a usable kubeconfig");
        config.default_retry = false;
        Client::try_from(config).expect("a client")
    }

    /// `kubectl` of the administrator; nothing of the developer's own configuration gets in.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.kubectl_path());
        kubectl
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.dir().join("kubectl-cache"))
            .env("KUBECTL_KUBERC", "false")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        kubectl
    }

    /// Where `kubectl` is, for tests of its plugins.
    #[must_use]
    pub fn kubectl_path(&self) -> PathBuf {
        self.binaries.kubectl()
    }

    /// Runs `kubectl` with these arguments and `input` as its standard input, for `apply -f -` and the like.
    pub async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut kubectl = self
            .kubectl()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = kubectl.stdin.take().expect("stdin is piped");
        let write = async {
            // A kubectl that refuses its arguments doesn't read; its exit code tells.
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
        };
        let ((), output) = tokio::join!(write, kubectl.wait_with_output());
        output.expect("kubectl ends")
    }

    /// Makes a namespace with a name that starts with `prefix` and that no other test has.
    pub async fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.namespaces.fetch_add(1, Ordering::Relaxed));
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.clone());
        Api::<Namespace>::all(self.client().await)
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap_or_else(|error| panic!("creating namespace {name}: {error}"));
        name
    }

    /// Applies CRDs, such as the operator's own, and waits until the API server serves them.
    pub async fn define(&self, crds: &[CustomResourceDefinition]) {
        let crds: Vec<String> =
            crds.iter().map(|crd| serde_saphyr::to_string(crd).expect("a CRD is written as YAML")).collect();
        self.apply_crds(&crds.join("---\n")).await;
    }

    /// Applies CRDs and waits until the API server serves them; the same text once only.
    pub async fn apply_crds(&self, yaml: &str) {
        let mut applied = self.crds.lock().await;
        if applied.contains(yaml) {
            return;
        }
        let run = async |arguments: &[&str]| {
            let output = self.kubectl_with_input(arguments, yaml).await;
            let stderr = String::from_utf8_lossy(&output.stderr);
            if output.status.success() { Ok(()) } else { Err(format!("kubectl {}: {stderr}", arguments.join(" "))) }
        };
        run(&["apply", "--server-side", "--force-conflicts", "-f", "-"])
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        // `kubectl wait` fails at once on a CRD whose status has no conditions yet.
        eventually("the CRDs are established", DEADLINE, async || {
            run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"]).await
        })
        .await;
        applied.insert(yaml.to_owned());
    }

    /// Kills the API server: connections break, new ones are refused.
    pub async fn stop_apiserver(&self) {
        self.command("stop kube-apiserver").await;
    }

    /// Starts the API server again, at the same address, and waits until it's ready.
    pub async fn start_apiserver(&self) {
        self.command("start kube-apiserver").await;
    }

    /// Freezes the API server: connections stay open, and nothing answers.
    pub async fn pause_apiserver(&self) {
        self.command("pause kube-apiserver").await;
    }

    /// Lets a paused API server go on.
    pub async fn resume_apiserver(&self) {
        self.command("resume kube-apiserver").await;
    }

    async fn command(&self, command: &'static str) {
        let supervisor = Arc::clone(&self.supervisor);
        spawn_blocking(move || supervisor.lock().expect("no command failed before").command(command))
            .await
            .unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}
