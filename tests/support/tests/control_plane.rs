//! The control plane that the other tests stand on does what they take for granted, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use test_support::{ControlPlane, DEADLINE, Grant, eventually, rule};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn a_service_account_may_do_what_it_is_granted_and_nothing_else() {
    let plane = ControlPlane::shared().await;
    let (own, other) = (plane.namespace("own").await, plane.namespace("other").await);
    let grants = [
        Grant::namespaced(&own, [rule("", &["configmaps"], &["get", "list"])]),
        Grant::cluster([rule("", &["serviceaccounts"], &["list"])]),
    ];
    let kubeconfig = plane.service_account_kubeconfig(&own, "reader", &grants).await;
    let client = plane.client_of(&kubeconfig).await;

    let in_own = Api::<ConfigMap>::default_namespaced(client.clone());
    in_own.list(&ListParams::default()).await.expect("granted in its own namespace, the kubeconfig's default");
    Api::<ServiceAccount>::all(client.clone()).list(&ListParams::default()).await.expect("granted everywhere");

    let mut config_map = ConfigMap::default();
    config_map.metadata.name = Some("refused".to_owned());
    assert_forbidden(in_own.create(&PostParams::default(), &config_map).await);
    assert_forbidden(Api::<ConfigMap>::namespaced(client.clone(), &other).list(&ListParams::default()).await);
    assert_forbidden(Api::<Namespace>::all(client).list(&ListParams::default()).await);
}

#[tokio::test]
async fn a_deleted_namespace_goes_away_with_all_that_is_in_it() {
    let plane = ControlPlane::shared().await;
    if !plane.has_controller_manager() {
        return;
    }
    let name = plane.namespace("doomed").await;
    let namespaces = Api::<Namespace>::all(plane.client().await);
    namespaces.delete(&name, &DeleteParams::default()).await.expect("deletion is accepted");
    eventually("the namespace is gone", DEADLINE, async || match namespaces.get_opt(&name).await {
        Ok(None) => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
}

#[tokio::test]
async fn crds_are_served_once_applied() {
    let plane = ControlPlane::shared().await;
    let crd = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
";
    plane.apply_crds(crd).await;
    plane.apply_crds(crd).await;
    let output = plane.kubectl().args(["get", "widgets.example.com", "-A"]).output().await.expect("kubectl runs");
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn an_outage_of_the_api_server_ends_and_a_dropped_control_plane_leaves_nothing_behind() {
    let plane = ControlPlane::start().await;
    let namespace = plane.namespace("kept").await;
    let namespaces = Api::<Namespace>::all(plane.client().await);

    plane.stop_apiserver().await;
    namespaces.get(&namespace).await.expect_err("nobody answers");
    plane.start_apiserver().await;
    namespaces.get(&namespace).await.expect("what was there is there again");

    plane.pause_apiserver().await;
    tokio::time::timeout(Duration::from_secs(1), namespaces.get(&namespace)).await.expect_err("no answer comes");
    plane.resume_apiserver().await;
    namespaces.get(&namespace).await.expect("it goes on");

    let dir = plane.dir().to_owned();
    assert!(processes_in(&dir).len() >= 3, "etcd, API server and supervisor at least");
    drop(plane);
    assert_nothing_left(&dir).expect("gone as soon as it's dropped");
}

/// Starts itself a second time and kills that process, as a debugger or an impatient CI would.
#[tokio::test]
async fn a_killed_test_leaves_nothing_behind() {
    const VICTIM: &str = "CONTROL_PLANE_TEST_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        let plane = ControlPlane::shared().await;
        println!("\nvictim: {}", plane.dir().display());
        std::future::pending::<()>().await;
    }

    let mut victim = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_test_leaves_nothing_behind", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the test starts itself");
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let dir = loop {
        let line = lines.next_line().await.unwrap().expect("the victim says where its control plane is");
        if let Some(dir) = line.strip_prefix("victim: ") {
            break PathBuf::from(dir);
        }
    };
    assert!(processes_in(&dir).len() >= 3, "etcd, API server and supervisor at least");

    victim.kill().await.expect("the victim is killed");
    eventually("all of the control plane is gone", DEADLINE, async || assert_nothing_left(&dir)).await;
}

#[track_caller]
fn assert_forbidden<T: std::fmt::Debug>(result: kube::Result<T>) {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        other => panic!("not refused: {other:?}"),
    }
}

fn assert_nothing_left(dir: &Path) -> Result<(), String> {
    let processes = processes_in(dir);
    if !processes.is_empty() {
        return Err(format!("processes {processes:?}"));
    }
    if dir.exists() { Err(format!("{} exists", dir.display())) } else { Ok(()) }
}

/// The ids of all processes that work in a directory, even a removed one.
fn processes_in(dir: &Path) -> Vec<String> {
    let works_here = |process: &Path| {
        std::fs::read_link(process.join("cwd"))
            .is_ok_and(|cwd| cwd.to_string_lossy().starts_with(&*dir.to_string_lossy()))
    };
    std::fs::read_dir("/proc")
        .expect("/proc is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| works_here(path))
        .map(|path| path.display().to_string())
        .collect()
}
