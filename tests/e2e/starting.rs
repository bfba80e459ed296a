//! How the process starts: flags and variables, and one clear line when it can't.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use kube::config::Kubeconfig;
use serde_json::json;
use test_support::{ControlPlane, DEADLINE};

use crate::world::{World, ready};

const ID: &str = "backup-ro5c4er4aac";
const BINARY: &str = env!("CARGO_BIN_EXE_cloudhsm-backup-operator");
const PREFIX: &str = "CLOUDHSM_BACKUP_OPERATOR_";

#[tokio::test]
async fn a_bad_flag_or_variable_ends_it_with_one_line_that_says_what_to_do() {
    let flags: [(&[&str], &str); 14] = [
        (&["run", "--mode", "sometimes"], "restore-only"),
        (&["run", "--resync-interval", "0s"], "1s"),
        (&["run", "--resync-interval", "500ms"], "1s"),
        (&["run", "--resync-interval=-5m"], "--resync-interval"),
        (&["run", "--resync-interval", "often"], "1s"),
        (&["run", "--listen", "everywhere"], "--listen"),
        (&["run", "--region", "https://cloudhsmv2.us-east-1.amazonaws.com"], "us-east-1"),
        (&["run", "--namespace", "not a name"], "--namespace"),
        (&["run", "--log-format", "xml"], "json"),
        (&["run", "--leader-elect=perhaps"], "--leader-elect"),
        (&["run", "--lease-name", "Not A Name"], "--lease-name"),
        (&["run", "--lease-namespace", "not a name"], "--lease-namespace"),
        (&["run", "--frobnicate"], "--frobnicate"),
        (&["walk"], "walk"),
    ];
    for (arguments, part) in flags {
        let line = refused(run(arguments, &[]).await, arguments);
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
    for (variable, value, part) in [
        ("MODE", "sometimes", "restore-only"),
        ("RESYNC_INTERVAL", "0s", "1s"),
        ("LISTEN", "everywhere", "listen"),
        ("LEADER_ELECT", "perhaps", "leader-elect"),
        ("LEASE_NAME", "a/b", "lease-name"),
        ("LEASE_NAMESPACE", "not a name", "lease-namespace"),
        ("LOG_FORMAT", "xml", "json"),
        ("REGION", "us east", "us-east-1"),
        ("NAMESPACE", "good,not a name", "namespace"),
    ] {
        let line = refused(run(&["run"], &[(&format!("{PREFIX}{variable}"), value)]).await, &[variable]);
        assert!(line.contains(part), "{variable}: {line}");
    }
    assert!(!run(&[], &[]).await.status.success());
}

#[tokio::test]
async fn without_a_way_to_kubernetes_it_ends_with_one_line_that_says_so() {
    let control_plane = ControlPlane::shared().await;
    let nothing = control_plane.dir().join("nothing-here");
    let broken = control_plane.dir().join("broken.kubeconfig");
    std::fs::write(&broken, "this: [is no kubeconfig").unwrap();
    let dead = control_plane.dir().join("dead.kubeconfig");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    elsewhere(control_plane, &dead, &format!("https://{nobody}"));
    for (kubeconfig, part) in [
        (None, "KUBECONFIG"),
        (Some(&nothing), "KUBECONFIG"),
        (Some(&broken), "KUBECONFIG"),
        (Some(&dead), nobody.to_string().as_str()),
    ] {
        let path = kubeconfig.map(|path| path.to_str().unwrap().to_owned());
        let environment: Vec<(&str, &str)> = path.iter().map(|path| ("KUBECONFIG", path.as_str())).collect();
        let output = run(&["run", "--listen", "127.0.0.1:0"], &environment).await;
        let line = refused(output, &[part]);
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn an_address_in_use_ends_it_with_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refused(run(&["run", "--listen", &address], &[]).await, &["--listen"]);
    assert!(line.contains(&address) && line.contains("--listen"), "{line}");
}

#[tokio::test]
async fn a_flag_wins_over_its_variable_and_a_variable_over_the_default() {
    let world = World::new("flags").await;
    world.backup(ID, "READY", json!({"Region": "eu-west-1"}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    let variables = |builder: test_support::OperatorBuilder| {
        // AWS_REGION says us-east-1; json is what the harness gives as a flag.
        builder
            .env(format!("{PREFIX}MODE"), "observe")
            .env(format!("{PREFIX}REGION"), "eu-west-1")
            .env(format!("{PREFIX}LOG_FORMAT"), "text")
    };
    let operator = ready(variables(world.operator()).start()).await;
    let object = world.reason("payments", "WriteNotAllowed").await;
    assert_eq!(object.status.unwrap().region.as_deref(), Some("eu-west-1"));
    assert_eq!(world.writes(), []);
    operator.kill();
    drop(operator);

    let flags = variables(world.operator()).args(["--mode", "full"]).env(format!("{PREFIX}RESYNC_INTERVAL"), "1s");
    let operator = ready(flags.start()).await;
    world.reason("payments", "PendingDeletion").await;
    operator.kill();
    drop(operator);

    let elsewhere = variables(world.operator()).args(["--region", "ap-southeast-2"]);
    let operator = ready(elsewhere.start()).await;
    world.ask("payments", "now").await;
    let object = world.answered("payments", "now").await;
    assert_eq!(object.status.unwrap().region.as_deref(), Some("ap-southeast-2"));
    assert!(operator.logs().lines().all(|line| line.starts_with('{')), "{}", operator.logs());
}

#[tokio::test]
async fn namespaces_come_from_the_variable_comma_separated() {
    let world = World::new("namespaces-variable").await;
    world.backup(ID, "READY", json!({}));
    let mut operator = spawn(&[
        ("KUBECONFIG", world.control_plane.kubeconfig().to_str().unwrap()),
        (&format!("{PREFIX}NAMESPACE"), &format!("default,{},nowhere", world.namespace)),
        (&format!("{PREFIX}LISTEN"), "127.0.0.1:0"),
        (&format!("{PREFIX}LEADER_ELECT"), "false"),
        (&format!("{PREFIX}LOG_FORMAT"), "text"),
        ("AWS_ENDPOINT_URL", &world.emulator.url()),
        ("AWS_ACCESS_KEY_ID", "AKIA111122223333TEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    operator.kill().unwrap();
    let log = String::from_utf8(operator.wait_with_output().unwrap().stderr).unwrap();
    assert!(log.contains("INFO") && !log.contains('\u{1b}'), "{log}");
    assert!(log.lines().all(|line| !line.starts_with('{')), "text was asked for: {log}");
}

#[tokio::test]
async fn the_printed_crds_are_taken_by_kubectl() {
    let world = World::new("printed").await;
    let output = run(&["crd"], &[]).await;
    assert!(output.status.success());
    let yaml = String::from_utf8(output.stdout).unwrap();
    let applied = world.kubectl_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &yaml).await;
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let text = String::from_utf8_lossy(&applied.stdout).into_owned();
    assert!(text.contains("cloudhsmbackups.cloudhsm.dev"), "{text}");
}

/// Runs the binary to its end, with nothing in its environment but what is given.
async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(DEADLINE, output).await.expect("it ends").unwrap()
}

fn spawn(environment: &[(&str, &str)]) -> std::process::Child {
    let environment: BTreeMap<_, _> = environment.iter().copied().collect();
    let mut command = Command::new(BINARY);
    command.arg("run").env_clear().envs(environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The one line with which it refused; before it there may be lines of its log.
fn refused(output: Output, what: &[&str]) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{what:?}");
    assert!(output.status.code().is_some(), "{what:?} ended by a signal: {stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "{what:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{what:?}");
    lines[0].to_owned()
}

/// The administrator's kubeconfig, for another address.
fn elsewhere(control_plane: &ControlPlane, path: &Path, server: &str) {
    let mut kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig()).unwrap();
    for cluster in &mut kubeconfig.clusters {
        if let Some(cluster) = &mut cluster.cluster {
            cluster.server = Some(server.to_owned());
        }
    }
    std::fs::write(path, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
}
