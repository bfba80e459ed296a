//! The pods: admitted where only the restricted ones are.

use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, eventually};

use crate::release::Release;

async fn restricted(prefix: &str) -> Release<'static> {
    let release = Release::new(ControlPlane::shared().await, prefix).await;
    let labels = ["enforce", "warn", "audit"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
    let arguments = ["label", "namespace", &release.namespace, &labels[0], &labels[1], &labels[2]];
    release.kubectl(&arguments, "").await.unwrap();
    release
}

fn without_crd(mut values: Value) -> Value {
    values["crds"] = json!({"enabled": false});
    values
}

#[tokio::test]
async fn they_are_admitted_under_the_restricted_standard() {
    let release = restricted("restricted").await;
    release.install(&without_crd(json!({"replicas": 2})), &[]).await.unwrap();
    let pods = eventually("two pods are made", DEADLINE, async || {
        let pods = release.named("pods").await;
        if pods.len() == 2 { Ok(pods) } else { Err(format!("{pods:?}")) }
    })
    .await;
    let pod = release.get("pod", pods[0].trim_start_matches("pod/")).await.unwrap();
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    // OpenShift chooses the user by itself, and refuses what others choose.
    for field in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert!(spec["securityContext"].get(field).is_none() && container["securityContext"].get(field).is_none());
    }
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let mounts = container["volumeMounts"].to_string();
    assert!(mounts.contains("/var/run/secrets/kubernetes.io/serviceaccount"), "{mounts}");
    assert_eq!(spec["serviceAccountName"], release.name);
}

#[tokio::test]
async fn one_that_may_do_more_is_refused_there() {
    let release = restricted("unrestricted").await;
    let values = without_crd(json!({"securityContext": {"allowPrivilegeEscalation": true}}));
    release.install(&values, &[]).await.unwrap();
    eventually("the refusal shows", DEADLINE, async || {
        let deployment = release.get("deployment.apps", &release.name).await.ok_or("no Deployment")?;
        let text = deployment["status"]["conditions"].to_string();
        if text.contains("violates PodSecurity") { Ok(()) } else { Err(text) }
    })
    .await;
    assert_eq!(release.named("pods").await, [] as [String; 0]);
}
