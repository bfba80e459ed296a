//! Whether those who work in a team's namespace can get past Git, in the layout of the samples for Flux, by rights alone.

use cloudhsm_backup_operator::api::crds;
use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, PublishedCrds, documents, eventually, root};

use crate::samples::apply;

/// Runs kubectl; an error is what it says.
async fn run(control_plane: &ControlPlane, arguments: &[&str], input: &Value) -> Result<String, String> {
    let output = control_plane.kubectl_with_input(arguments, &input.to_string()).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Declares a backup Deleted as whoever has the token.
async fn delete_with(control_plane: &ControlPlane, token: &str) -> Result<String, String> {
    let object = json!({
        "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
        "metadata": {"name": "payments", "namespace": "hsm"},
        "spec": {"backupId": "backup-ro5c4er4aac", "desiredState": "Deleted"},
    });
    // Without the administrator's kubeconfig: its certificate would count for more than the token.
    let server = format!("--server={}", control_plane.server());
    let token = format!("--token={}", token.trim());
    let arguments = ["--kubeconfig=/dev/null", "--insecure-skip-tls-verify", &server, &token];
    let apply = ["apply", "--server-side", "--field-manager=kustomize-controller", "-f", "-"];
    run(control_plane, &[&arguments[..], &apply[..]].concat(), &object).await
}

#[tokio::test]
async fn who_may_edit_in_the_teams_namespace_gets_no_token_that_deletes() {
    let control_plane = &ControlPlane::start().await;
    if !control_plane.has_controller_manager() {
        // It puts together what `edit` may.
        return;
    }
    control_plane.define(&crds()).await;
    let others = PublishedCrds::fetch();
    for group in ["kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"] {
        for crd in others.of_group(group) {
            control_plane.apply_crds(crd).await;
        }
    }
    for file in ["backups.yaml", "only-git-deletes.yaml"] {
        for document in documents(&root().join("deploy/flux").join(file)) {
            apply(control_plane, &document, file).await;
        }
    }
    // As Flux ships it.
    let flux_edit = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "flux-edit", "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}},
        "rules": [{
            "apiGroups": ["source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io"], "resources": ["*"],
            "verbs": ["create", "delete", "deletecollection", "patch", "update"],
        }],
    });
    apply(control_plane, &flux_edit, "flux-edit").await;
    let binding = ["create", "rolebinding", "dev", "-n", "hsm", "--clusterrole=edit", "--user=dev"];
    run(control_plane, &binding, &Value::Null).await.unwrap();
    let may = async |verb: &str, resource: &str, namespace: &str| {
        run(control_plane, &["auth", "can-i", verb, resource, "-n", namespace, "--as=dev"], &Value::Null).await.is_ok()
    };
    for (verb, resource) in
        [("create", "serviceaccounts/token"), ("patch", "kustomizations.kustomize.toolkit.fluxcd.io")]
    {
        eventually(&format!("dev may {verb} {resource} in hsm"), DEADLINE, async || {
            if may(verb, resource, "hsm").await { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
    }

    // What the sample grants is enough for Flux.
    let token = ["create", "token", "hsm-backups", "-n", "hsm-gitops"];
    let flux = run(control_plane, &token, &Value::Null).await.unwrap();
    eventually("Flux's ServiceAccount deletes", DEADLINE, async || delete_with(control_plane, &flux).await).await;
    run(control_plane, &["delete", "chb", "payments", "-n", "hsm"], &Value::Null).await.unwrap();

    // Whatever ServiceAccount dev can be, or make, isn't.
    let _ =
        run(control_plane, &["create", "serviceaccount", "hsm-backups", "-n", "hsm", "--as=dev"], &Value::Null).await;
    let mut tokens = 0;
    for namespace in ["hsm", "hsm-gitops", "flux-system"] {
        let token = ["create", "token", "hsm-backups", "-n", namespace, "--as=dev"];
        if let Ok(token) = run(control_plane, &token, &Value::Null).await {
            tokens += 1;
            let answer = delete_with(control_plane, &token).await;
            assert!(answer.is_err(), "the token of {namespace}/hsm-backups deletes");
        }
    }
    assert_eq!(tokens, 1, "dev can have a token in the team's namespace");
    for (verb, resource) in [
        ("create", "pods"),
        ("create", "serviceaccounts/token"),
        ("patch", "gitrepositories.source.toolkit.fluxcd.io"),
        ("patch", "kustomizations.kustomize.toolkit.fluxcd.io"),
    ] {
        assert!(!may(verb, resource, "hsm-gitops").await, "dev may {verb} {resource} where Flux's ServiceAccount is");
    }
}
