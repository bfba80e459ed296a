//! A release from its installation to its end, and what becomes of the CRD and of the objects.

use std::path::PathBuf;

use kube::ResourceExt;
use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, eventually};

use crate::release::{CRD, Release, copy_of_chart};

/// A copy of the chart, of the next version and with a column more in its CRD; it is there until the control plane ends.
fn next_version(control_plane: &ControlPlane) -> PathBuf {
    let chart = copy_of_chart(&control_plane.dir().join("next-version"));
    chart.edit("Chart.yaml", "\nversion: ", "\nversion: 9");
    let column =
        "  - additionalPrinterColumns:\n    - jsonPath: .status.hsmType\n      name: HSM-Type\n      type: string\n";
    chart.edit("files/crds/cloudhsmbackups.yaml", "  - additionalPrinterColumns:\n", column);
    chart.0
}

async fn has_new_column(release: &Release<'_>) -> bool {
    release.get("crd", CRD).await.unwrap().to_string().contains("HSM-Type")
}

/// Installed, upgraded in values and CRD, rolled back, without its CRD and with it again, uninstalled, installed again.
#[tokio::test]
async fn objects_survive_whatever_becomes_of_the_release() {
    let control_plane = ControlPlane::start().await;
    let mut release = Release::of(&control_plane, "operators", "cloudhsm-backup-operator").await;
    let notes = release.install(&json!({"mode": "observe"}), &["--create-namespace"]).await.unwrap();
    for part in ["changes nothing in AWS", "rollout status", "states=READY", "kubectl apply", "kubectl get chb"] {
        assert!(notes.contains(part), "{notes}");
    }
    release.kubectl(&["wait", "--for=condition=Established", "crd", CRD, "--timeout=60s"], "").await.unwrap();
    let object = release.declare("payments").await;
    let survives = async |release: &Release<'_>| {
        let found = release.backups().get("payments").await.unwrap();
        assert_eq!((found.uid(), &found.data), (object.uid(), &object.data));
    };

    release.upgrade(&json!({"mode": "full", "replicas": 3}), &[]).await.unwrap();
    assert_eq!(release.variable("CLOUDHSM_BACKUP_OPERATOR_MODE").await, "full");
    assert_eq!(release.get("deployment.apps", &release.name).await.unwrap()["spec"]["replicas"], 3);
    assert!(!has_new_column(&release).await);

    let old = std::mem::replace(&mut release.chart, next_version(&control_plane));
    release.upgrade(&json!({}), &[]).await.unwrap();
    assert!(has_new_column(&release).await);
    survives(&release).await;

    release.helm(&["rollback", &release.name, "2"], &Value::Null).await.unwrap();
    assert!(!has_new_column(&release).await);
    assert_eq!(release.get("deployment.apps", &release.name).await.unwrap()["spec"]["replicas"], 3);
    survives(&release).await;
    release.chart = old;

    release.upgrade(&json!({"crds": {"enabled": false}}), &[]).await.unwrap();
    survives(&release).await;
    // Not even when the same upgrade says so: what is there says otherwise.
    release.upgrade(&json!({}), &[]).await.unwrap();
    release.upgrade(&json!({"crds": {"enabled": false, "keep": false}}), &[]).await.unwrap();
    survives(&release).await;
    release.upgrade(&json!({}), &[]).await.unwrap();

    let told = release.uninstall().await.unwrap();
    assert!(told.contains(CRD), "it says what is kept: {told}");
    survives(&release).await;
    let rest =
        "deployments,services,serviceaccounts,poddisruptionbudgets,roles,rolebindings,clusterroles,clusterrolebindings";
    assert_eq!(release.named(rest).await, [] as [String; 0]);

    release.install(&json!({}), &[]).await.unwrap();
    survives(&release).await;
}

#[tokio::test]
async fn without_keep_the_objects_go_with_the_release() {
    let control_plane = ControlPlane::start().await;
    let release = Release::new(&control_plane, "unkept").await;
    let notes = release.install(&json!({"crds": {"keep": false}}), &[]).await.unwrap();
    assert!(notes.contains("takes the CRD"), "{notes}");
    release.kubectl(&["wait", "--for=condition=Established", "crd", CRD, "--timeout=60s"], "").await.unwrap();
    release.declare("payments").await;
    // A null doesn't take away what keeps it.
    release.upgrade(&json!({"crds": {"keep": null}}), &[]).await.unwrap_err();
    release.uninstall().await.unwrap();
    eventually("the CRD is gone", DEADLINE, async || match release.get("crd", CRD).await {
        None => Ok(()),
        Some(crd) => Err(crd["status"].to_string()),
    })
    .await;
}

/// At 3 a.m. the mode is changed by hand; in the morning the release takes it back.
#[tokio::test]
async fn what_was_changed_by_hand_is_told_and_taken_back_when_asked() {
    let release = Release::new(ControlPlane::shared().await, "by-hand").await;
    let values = json!({"crds": {"enabled": false}});
    release.install(&values, &[]).await.unwrap();
    let arguments =
        ["-n", &release.namespace, "set", "env", "deployment", &release.name, "CLOUDHSM_BACKUP_OPERATOR_MODE=observe"];
    release.kubectl(&arguments, "").await.unwrap();
    assert_eq!(release.variable("CLOUDHSM_BACKUP_OPERATOR_MODE").await, "observe");
    let refused = release.upgrade(&values, &[]).await.unwrap_err();
    assert!(refused.contains("conflict") && refused.contains("CLOUDHSM_BACKUP_OPERATOR_MODE"), "{refused}");
    release.upgrade(&values, &["--force-conflicts"]).await.unwrap();
    assert_eq!(release.variable("CLOUDHSM_BACKUP_OPERATOR_MODE").await, "full");
}
