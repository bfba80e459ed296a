//! The filter of the guide to purging: a real jq runs it over what AWS answers, and the API server takes what it writes.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use cloudhsm_backup_operator::api::crds;
use serde_json::{Value, json};
use test_support::{ControlPlane, tool};

use crate::pages::page;

const GUIDE: &str = "docs/guides/purge-after-key-removal.md";
const CLUSTER: &str = "cluster-dygnwhmscg5";

/// What the guide's filter makes of the answer of `describe-backups`.
fn filtered(control_plane: &ControlPlane, answer: &Value) -> String {
    let block = page(GUIDE).blocks().into_iter().find(|block| block.info == "jq").expect("the guide has a filter");
    let file = control_plane.dir().join("manifests.jq");
    fs::write(&file, block.text).unwrap();
    let mut jq = Command::new(tool("gojq"))
        .args(["-r", "--arg", "cluster", CLUSTER, "--arg", "before", "2026-11-20T10:00:00Z", "-f"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    jq.stdin.take().unwrap().write_all(answer.to_string().as_bytes()).unwrap();
    let output = jq.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn backup(id: &str, made: Value, more: Value) -> Value {
    let mut backup = json!({
        "BackupId": id, "BackupArn": format!("arn:aws:cloudhsm:eu-west-1:111122223333:backup/{id}"),
        "BackupState": "READY", "ClusterId": CLUSTER, "CreateTimestamp": made,
    });
    for (key, value) in more.as_object().unwrap() {
        backup[key] = value.clone();
    }
    backup
}

#[tokio::test]
async fn the_filter_writes_the_manifests_of_all_old_backups_of_the_cluster_and_of_their_copies() {
    let control_plane = ControlPlane::shared().await;
    control_plane.define(&crds()).await;
    // The AWS CLI shows times as seconds (version 1) or, in UTC, like this (version 2).
    let answer = json!({"Backups": [
        backup("backup-seconds2222", json!(1_793_502_764.64), json!({})),
        backup("backup-UPPERcase22", json!("2026-11-01T03:12:44.640000+00:00"), json!({})),
        backup("backup-wholesecond", json!("2026-11-01T03:12:44+00:00"), json!({"BackupState": "PENDING_DELETION"})),
        backup("backup-copycopycop", json!(1_793_502_764), json!({"ClusterId": null, "SourceCluster": CLUSTER})),
        backup("backup-tooyoung222", json!("2026-11-20T10:00:00.001000+00:00"), json!({})),
        backup("backup-gonegonegon", json!(1_793_502_764), json!({"BackupState": "DELETED"})),
        backup("backup-ofanothercl", json!(1_793_502_764), json!({"ClusterId": "cluster-aaaaaaaaaaa"})),
    ]});
    let manifests = filtered(control_plane, &answer);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&manifests).unwrap();
    let found: Vec<&str> = objects.iter().map(|object| object["spec"]["backupId"].as_str().unwrap()).collect();
    assert_eq!(found, ["backup-seconds2222", "backup-UPPERcase22", "backup-wholesecond", "backup-copycopycop"]);
    for object in &objects {
        // What AWS shows: `Present` would restore what somebody destroyed.
        let pending = object["spec"]["backupId"] == "backup-wholesecond";
        let (region, desired) = (&object["spec"]["region"], &object["spec"]["desiredState"]);
        assert_eq!((region, desired), (&json!("eu-west-1"), &json!(if pending { "Deleted" } else { "Present" })));
    }
    assert!(manifests.contains("# READY when listed; of 2026-11-01T03:12:44Z"), "{manifests}");
    // The namespace is somebody else's business.
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hsm"}}).to_string();
    control_plane.kubectl_with_input(&["apply", "--server-side", "-f", "-"], &namespace).await;
    let taken = control_plane.kubectl_with_input(&["create", "--dry-run=server", "-f", "-"], &manifests).await;
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
}
