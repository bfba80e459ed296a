//! The samples for Argo CD and Flux, taken by a real API server that has their CRDs.

use cloudhsm_backup_operator::api::crds;
use serde_json::Value;
use test_support::{ControlPlane, DEADLINE, PublishedCrds, documents, eventually, root, yaml_files};

pub(crate) async fn apply(control_plane: &ControlPlane, document: &Value, what: &str) {
    let arguments = ["apply", "--server-side", "--validate=strict", "-f", "-"];
    let output = control_plane.kubectl_with_input(&arguments, &document.to_string()).await;
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_samples_are_taken_by_the_api_server() {
    let control_plane = ControlPlane::shared().await;
    control_plane.define(&crds()).await;
    let others = PublishedCrds::fetch();
    for group in ["argoproj.io", "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"] {
        assert!(others.of_group(group).next().is_some(), "no CRD of {group}");
        for crd in others.of_group(group) {
            control_plane.apply_crds(crd).await;
        }
    }
    for namespace in ["argocd", "flux-system", "cloudhsm-backup-operator", "hsm", "hsm-gitops"] {
        let namespace = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        apply(control_plane, &namespace, "the namespace").await;
    }
    let mut taken = 0;
    for path in yaml_files(&root().join("deploy/flux")).iter().chain(&yaml_files(&root().join("deploy/argocd"))) {
        // The second would hold for the other tests too.
        if path.ends_with("health_test.yaml") || path.ends_with("only-git-deletes.yaml") {
            continue;
        }
        for document in documents(path) {
            // No Go module carries its CRD: tests/gitops holds it to the type of Flux's own API.
            if document["kind"] == "HelmRelease" {
                continue;
            }
            apply(control_plane, &document, &path.display().to_string()).await;
            taken += 1;
        }
    }
    assert!(taken > 15, "only {taken} were found");
}

/// Whether somebody may declare it so, and the API server's answer.
async fn declare(control_plane: &ControlPlane, who: &str, spec: Value) -> Result<(), String> {
    let object = serde_json::json!({
        "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
        "metadata": {"name": "payments", "namespace": "hsm"}, "spec": spec,
    });
    let arguments = ["apply", "-f", "-", "--as", who, "--as-group=system:masters"];
    let output = control_plane.kubectl_with_input(&arguments, &object.to_string()).await;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[rstest::rstest]
#[case("flux", "system:serviceaccount:hsm-gitops:hsm-backups", "system:serviceaccount:hsm:hsm-backups")]
#[case(
    "argocd",
    "system:serviceaccount:argocd:argocd-application-controller",
    "system:serviceaccount:argocd:argocd-server"
)]
#[tokio::test]
async fn with_the_policy_only_git_deletes(#[case] tool: &str, #[case] git: &str, #[case] other: &str) {
    let control_plane = &ControlPlane::without_controllers().await;
    control_plane.define(&crds()).await;
    let namespace = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hsm"}});
    apply(control_plane, &namespace, "the namespace").await;
    for document in documents(&root().join("deploy").join(tool).join("only-git-deletes.yaml")) {
        apply(control_plane, &document, tool).await;
    }
    let spec = |desired: &str| serde_json::json!({"backupId": "backup-ro5c4er4aac", "desiredState": desired});
    let refused = eventually("the policy holds", DEADLINE, async || {
        declare(control_plane, other, spec("Present")).await?;
        declare(control_plane, other, spec("Deleted")).await.err().ok_or("it was taken".to_owned())
    });
    let refused = refused.await;
    assert!(refused.contains("a backup is deleted by a reviewed commit only"), "{refused}");
    for who in ["kubernetes-admin", "system:serviceaccount:other-gitops:hsm-backups"] {
        assert!(declare(control_plane, who, spec("Deleted")).await.is_err(), "{who} may delete");
    }
    assert_eq!(declare(control_plane, git, spec("Deleted")).await, Ok(()));
    let held = serde_json::json!({"backupId": "backup-ro5c4er4aac", "desiredState": "Deleted", "suspend": true});
    assert_eq!(declare(control_plane, other, held).await, Ok(()), "what is Deleted already may be suspended by others");
    assert_eq!(declare(control_plane, other, spec("Present")).await, Ok(()), "everyone may restore");
}

#[tokio::test]
async fn the_objects_that_gitops_tools_are_tested_with_are_taken_by_the_api_server() {
    let control_plane = ControlPlane::shared().await;
    control_plane.define(&crds()).await;
    let namespace = control_plane.namespace("objects").await;
    for path in yaml_files(&root().join("deploy/argocd/testdata")) {
        for mut document in documents(&path) {
            let metadata = serde_json::json!({"name": document["metadata"]["name"], "namespace": namespace});
            document["metadata"] = metadata;
            let what = path.display().to_string();
            apply(control_plane, &document, &what).await;
            let arguments = ["replace", "--subresource=status", "--validate=strict", "-f", "-"];
            let output = control_plane.kubectl_with_input(&arguments, &document.to_string()).await;
            assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
