//! The chart, as Helm renders it, and Helm itself.
#![allow(clippy::indexing_slicing, reason = "a JSON value says null where it has no such key")]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::project::target;
use crate::{ControlPlane, Grant, root};

/// A program of others that `make tools` builds.
///
/// # Panics
///
/// Where it isn't built.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let path = target().join("tools/bin").join(name);
    assert!(path.exists(), "{} is missing: run `make tools` first", path.display());
    path
}

/// Helm, with nothing of the developer's own configuration. `HELM`, when set, is used instead of the one of `make tools`.
#[derive(Clone, Debug)]
pub struct Helm {
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Helm {
    /// A Helm that talks to no cluster.
    #[must_use]
    pub fn offline() -> Self {
        Self {
            kubeconfig: PathBuf::from("/dev/null"),
            home: std::env::temp_dir().join("cloudhsm-backup-operator-helm"),
        }
    }

    /// The Helm of an administrator of this control plane.
    #[must_use]
    pub fn of(control_plane: &ControlPlane) -> Self {
        Self { kubeconfig: control_plane.kubeconfig().to_owned(), home: control_plane.dir().join("helm") }
    }

    /// The Helm of whoever a kubeconfig speaks for.
    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        Self { kubeconfig: path.to_owned(), ..self }
    }

    /// The chart's directory.
    #[must_use]
    pub fn chart() -> PathBuf {
        root().join("charts/cloudhsm-backup-operator")
    }

    /// Runs it, with `values` where the arguments have `--values -`.
    pub async fn run(&self, arguments: &[&str], values: &Value) -> Output {
        let program = std::env::var_os("HELM").map_or_else(|| tool("helm"), PathBuf::from);
        let mut helm = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HELM_CACHE_HOME", self.home.join("cache"))
            .env("HELM_CONFIG_HOME", self.home.join("config"))
            .env("HELM_DATA_HOME", self.home.join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("helm runs");
        let mut stdin = helm.stdin.take().expect("stdin is piped");
        let values = values.to_string();
        let write = async {
            // One that refuses its arguments doesn't read; its exit code tells.
            let _ = stdin.write_all(values.as_bytes()).await;
            drop(stdin);
        };
        let ((), output) = tokio::join!(write, helm.wait_with_output());
        output.expect("helm ends")
    }
}

/// What a release of the chart is made of.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its objects.
    pub objects: Vec<Value>,
    namespace: String,
}

impl Chart {
    /// The name of the releases of tests, which is the one of the documentation.
    pub const RELEASE: &str = "cloudhsm-backup-operator";

    /// Has Helm render a release into `namespace`.
    ///
    /// # Panics
    ///
    /// Where Helm refuses.
    pub async fn render(namespace: &str, values: &Value) -> Self {
        Self::rendered(namespace, values).await.unwrap_or_else(|error| panic!("{values}: {error}"))
    }

    /// The same for values that Helm may refuse; an error is what it says.
    pub async fn rendered(namespace: &str, values: &Value) -> Result<Self, String> {
        let chart = Helm::chart();
        let chart = chart.to_str().expect("a path of text");
        let arguments = ["template", Self::RELEASE, chart, "--namespace", namespace, "--values", "-"];
        let output = Helm::offline().run(&arguments, values).await;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let yaml = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).map_err(|error| format!("{error}\n{yaml}"))?;
        let objects = objects.into_iter().filter(|object| !object.is_null()).collect();
        Ok(Self { objects, namespace: namespace.to_owned() })
    }

    /// The objects of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The operator's container.
    #[must_use]
    pub fn container(&self) -> &Value {
        let deployment = self.of_kind("Deployment").next().expect("a Deployment");
        &deployment["spec"]["template"]["spec"]["containers"][0]
    }

    /// The variables of the container, which have literal values.
    #[must_use]
    pub fn environment(&self) -> Vec<(&str, &str)> {
        let variables = self.container()["env"].as_array().expect("variables").iter();
        variables
            .map(|variable| {
                let of = |key: &str| variable[key].as_str().unwrap_or_else(|| panic!("{variable} has no {key}"));
                (of("name"), of("value"))
            })
            .collect()
    }

    /// The name of the operator's ServiceAccount.
    #[must_use]
    pub fn service_account(&self) -> &str {
        let deployment = self.of_kind("Deployment").next().expect("a Deployment");
        deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().expect("a name")
    }

    /// What the operator's ServiceAccount is granted: the rules of each role that is bound to it.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let bindings = self.of_kind("ClusterRoleBinding").chain(self.of_kind("RoleBinding"));
        bindings
            .map(|binding| {
                let subjects = serde_json::json!([{
                    "kind": "ServiceAccount", "name": self.service_account(), "namespace": self.namespace,
                }]);
                assert_eq!(binding["subjects"], subjects, "of {}", binding["metadata"]["name"]);
                let (role, namespace) = (&binding["roleRef"], binding["metadata"]["namespace"].as_str());
                let role = self
                    .of_kind(role["kind"].as_str().expect("a kind"))
                    .find(|found| {
                        found["metadata"]["name"] == role["name"]
                            && found["metadata"]["namespace"].as_str() == namespace
                    })
                    .expect("the role that is bound");
                let rules: Vec<PolicyRule> = serde_json::from_value(role["rules"].clone()).expect("rules");
                match namespace {
                    Some(namespace) => Grant::namespaced(namespace, rules),
                    None => Grant::cluster(rules),
                }
            })
            .collect()
    }
}

impl ControlPlane {
    /// Makes the ServiceAccount of a rendered chart and what is bound to it, and nothing else of it; a kubeconfig for it, once its rights
    /// are in effect.
    pub async fn rights_of_chart(&self, chart: &Chart) -> PathBuf {
        let kinds = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
        let items: Vec<&Value> = kinds.into_iter().flat_map(|kind| chart.of_kind(kind)).collect();
        let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items });
        let arguments = ["apply", "--server-side", "-f", "-"];
        let output = self.kubectl_with_input(&arguments, &list.to_string()).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the chart's rights in {}: {stderr}", chart.namespace);
        let account = chart.service_account();
        self.wait_until_in_effect(&chart.namespace, account, &chart.grants()).await;
        self.kubeconfig_of_service_account(&chart.namespace, account).await
    }
}
