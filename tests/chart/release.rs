//! A release of the chart in a namespace of a control plane, and its Helm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use test_support::{Chart, ControlPlane, Helm};

pub(crate) const CRD: &str = "cloudhsmbackups.cloudhsm.dev";

/// A copy of the chart in a directory that isn't there yet, to be changed.
pub(crate) fn copy_of_chart(directory: &Path) -> ChartCopy {
    let copied = Command::new("cp").arg("-R").arg(Helm::chart()).arg(directory).status().unwrap();
    assert!(copied.success());
    ChartCopy(directory.to_owned())
}

pub(crate) struct ChartCopy(pub(crate) PathBuf);

impl ChartCopy {
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, &text.replace(from, to));
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }
}

pub(crate) struct Release<'a> {
    pub(crate) control_plane: &'a ControlPlane,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) chart: PathBuf,
}

impl<'a> Release<'a> {
    /// One that isn't there yet, in a namespace that is.
    pub(crate) async fn new(control_plane: &'a ControlPlane, prefix: &str) -> Self {
        let namespace = control_plane.namespace(prefix).await;
        Self::of(control_plane, &namespace, Chart::RELEASE).await
    }

    pub(crate) async fn of(control_plane: &'a ControlPlane, namespace: &str, name: &str) -> Self {
        let client = control_plane.client().await;
        Self { control_plane, client, namespace: namespace.into(), name: name.into(), chart: Helm::chart() }
    }

    /// Runs Helm; `CHART` among the arguments stands for the chart.
    pub(crate) async fn helm(&self, arguments: &[&str], values: &Value) -> Result<String, String> {
        let chart = self.chart.to_str().unwrap();
        let mut all: Vec<&str> = arguments.iter().map(|part| if *part == "CHART" { chart } else { *part }).collect();
        all.extend(["--namespace", &self.namespace]);
        let Output { status, stdout, stderr } = Helm::of(self.control_plane).run(&all, values).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
    }

    pub(crate) async fn install(&self, values: &Value, more: &[&str]) -> Result<String, String> {
        let arguments = ["install", &self.name, "CHART", "--values", "-"];
        self.helm(&[&arguments, more].concat(), values).await
    }

    /// With these values alone: left to itself Helm takes those of the release where it is given none.
    pub(crate) async fn upgrade(&self, values: &Value, more: &[&str]) -> Result<String, String> {
        let arguments = ["upgrade", &self.name, "CHART", "--reset-values", "--values", "-"];
        self.helm(&[&arguments, more].concat(), values).await
    }

    pub(crate) async fn uninstall(&self) -> Result<String, String> {
        self.helm(&["uninstall", &self.name], &json!({})).await
    }

    /// What is there of a kind that kubectl knows by this word, such as `deployment.apps`, in the release's namespace or in none.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let arguments = ["--namespace", &self.namespace, "get", kind, name, "--ignore-not-found", "-o", "json"];
        let output = self.kubectl(&arguments, "").await.unwrap();
        (!output.is_empty()).then(|| serde_json::from_str(&output).unwrap())
    }

    /// The names of those of a kind that belong to the release, in the release's namespace or in none.
    pub(crate) async fn named(&self, kind: &str) -> Vec<String> {
        let selector = format!("app.kubernetes.io/instance={}", self.name);
        let arguments = ["--namespace", &self.namespace, "get", kind, "-l", &selector, "-o", "name"];
        self.kubectl(&arguments, "").await.unwrap().lines().map(str::to_owned).collect()
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.control_plane.kubectl_with_input(arguments, input).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
    }

    /// The backups declared in the release's namespace.
    pub(crate) fn backups(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<cloudhsm_backup_operator::api::CloudHsmBackup>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Declares a backup, with a status as the operator writes it.
    pub(crate) async fn declare(&self, name: &str) -> DynamicObject {
        let manifest = json!({
            "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"backupId": "backup-ro5c4er4aac", "desiredState": "Present"},
        });
        self.kubectl(&["apply", "-f", "-"], &manifest.to_string()).await.unwrap();
        let status = json!({"status": {"observedGeneration": 1, "backupState": "READY"}});
        let patch = kube::api::Patch::Merge(status);
        self.backups().patch_status(name, &kube::api::PatchParams::default(), &patch).await.unwrap()
    }

    /// The value of a variable of the Deployment.
    pub(crate) async fn variable(&self, name: &str) -> String {
        let deployment = self.get("deployment.apps", &self.name).await.unwrap();
        let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {variables:?}"))["value"].as_str().unwrap().to_owned()
    }
}
