//! Several releases in one cluster.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{Chart, ControlPlane};

use crate::release::Release;

fn watching(namespace: &str) -> Value {
    json!({"watchNamespaces": [namespace], "crds": {"enabled": false}})
}

#[tokio::test]
async fn releases_of_one_name_in_two_namespaces_and_of_two_names_in_one_get_on() {
    let control_plane = ControlPlane::shared().await;
    let first = Release::new(control_plane, "neighbour").await;
    let second = Release::new(control_plane, "neighbour").await;
    let third = Release::of(control_plane, &second.namespace, "another").await;
    for release in [&first, &second, &third] {
        // All watch one namespace: what they have there doesn't clash either.
        release.install(&watching(&first.namespace), &[]).await.unwrap();
    }
    let mut leases = BTreeSet::new();
    for (release, deployment) in [
        (&first, "cloudhsm-backup-operator"),
        (&second, "cloudhsm-backup-operator"),
        (&third, "another-cloudhsm-backup-operator"),
    ] {
        let deployment = release.get("deployment.apps", deployment).await.unwrap();
        let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        let of = |name: &str| {
            let name = format!("CLOUDHSM_BACKUP_OPERATOR_{name}");
            variables.iter().find(|variable| variable["name"] == name.as_str()).unwrap()["value"].to_string()
        };
        leases.insert((of("LEASE_NAMESPACE"), of("LEASE_NAME")));
    }
    assert_eq!(leases.len(), 3);

    second.uninstall().await.unwrap();
    assert!(second.get("deployment.apps", &second.name).await.is_none());
    let kept = third.named("clusterroles,roles").await;
    assert_eq!(kept.len(), 3, "view, edit and the Lease's: {kept:?}");
    assert!(first.get("clusterrole", &format!("{}:{}-view", first.namespace, first.name)).await.is_some());
}

#[tokio::test]
async fn a_release_in_the_namespace_of_its_name_has_the_short_names() {
    let chart = Chart::render(Chart::RELEASE, &json!({})).await;
    let names: BTreeSet<&str> =
        chart.of_kind("ClusterRole").map(|role| role["metadata"]["name"].as_str().unwrap()).collect();
    let expected = ["cloudhsm-backup-operator", "cloudhsm-backup-operator-edit", "cloudhsm-backup-operator-view"];
    assert_eq!(names, BTreeSet::from(expected));
}
