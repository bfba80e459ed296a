//! What is watched: namespaces that can't be had, a CRD that isn't there yet.

use std::time::Duration;

use cloudhsm_backup_operator::api::{CloudHsmBackup, crds};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::world::{World, id, ready, ready_condition};

const CRD: &str = "cloudhsmbackups.cloudhsm.dev";

#[tokio::test]
async fn a_namespace_that_is_forbidden_or_gone_keeps_no_other_from_being_served() {
    let world = World::new("watched").await;
    let forbidden = world.control_plane.namespace("forbidden").await;
    let nowhere = format!("{}-nowhere", world.namespace);
    let namespaces = ["--namespace", &world.namespace, "--namespace", &forbidden, "--namespace", &nowhere];
    let operator = ready(world.operator().args(namespaces).start()).await;
    for n in 0..2 {
        world.backup(&id(n), "READY", json!({}));
    }
    world.declare("served", &id(0), "Deleted", json!({})).await;
    world.reason("served", "PendingDeletion").await;

    // In the namespace that it may not see it sees nothing.
    let api: Api<CloudHsmBackup> = Api::namespaced(world.client.clone(), &forbidden);
    let manifest = json!({
        "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": "unserved"},
        "spec": {"backupId": id(1), "desiredState": "Deleted"},
    });
    api.patch("unserved", &PatchParams::apply("the-tests"), &Patch::Apply(&manifest)).await.unwrap();
    world.more_looks(3).await;
    assert_eq!(world.state(&id(1)), "READY");
    assert_eq!(operator.http_get("/readyz").await.unwrap().0, 200);

    // Once it may, it does.
    let account = format!("--serviceaccount={}:{}", world.namespace, world.chart.service_account());
    for (name, verbs, resource) in [
        ("objects", "--verb=get,list,watch", "--resource=cloudhsmbackups.cloudhsm.dev"),
        ("statuses", "--verb=patch", "--resource=cloudhsmbackups.cloudhsm.dev/status"),
    ] {
        let role = format!("--role={name}");
        for arguments in [["create", "role", name, verbs, resource], ["create", "rolebinding", name, &role, &account]] {
            let namespace = ["--namespace", &forbidden];
            let output = world.control_plane.kubectl().args(arguments).args(namespace).output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    eventually("the namespace is served", DEADLINE, async || {
        let object = api.get("unserved").await.map_err(|error| error.to_string())?;
        let status = object.status.clone().unwrap_or_default();
        if status.conditions.is_empty() { Err("not seen".to_owned()) } else { Ok(ready_condition(&object)) }
    })
    .await;
    eventually("the backup is deleted", DEADLINE, async || {
        if world.state(&id(1)) == "PENDING_DELETION" { Ok(()) } else { Err(world.state(&id(1))) }
    })
    .await;
}

#[tokio::test]
async fn without_the_crd_it_is_not_ready_and_says_why_and_works_once_the_crd_is_there() {
    let (_alone, world) = World::alone("no-crd").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    definitions.delete(CRD, &DeleteParams::default()).await.unwrap();
    gone(&world).await;

    let operator = world.operator().start();
    eventually("it says that the CRD is missing", DEADLINE, async || match operator.http_get("/readyz").await? {
        (503, body) if body.contains(CRD) => Ok(()),
        (code, body) => Err(format!("{code}: {body}")),
    })
    .await;
    assert_eq!(operator.http_get("/healthz").await.unwrap().0, 200);

    define(&world).await;
    let operator = ready(operator).await;
    world.backup(&id(0), "READY", json!({}));
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;

    // Taking the CRD away takes the objects away, and nothing in AWS.
    let writes = world.writes();
    definitions.delete(CRD, &DeleteParams::default()).await.unwrap();
    gone(&world).await;
    test_support::consistently("nothing is done in AWS", Duration::from_secs(3), async || {
        if world.writes() == writes { Ok(()) } else { Err(format!("{:?}", world.writes())) }
    })
    .await;
    assert!(operator.try_exit().is_none());
    assert_eq!(world.state(&id(0)), "PENDING_DELETION");
    define(&world).await;
    // It is served again without a restart.
    world.declare("payments", &id(0), "Present", json!({})).await;
    world.reason("payments", "Available").await;
}

/// Puts the CRD there.
async fn define(world: &World) {
    let yaml = crds().iter().map(|crd| serde_saphyr::to_string(crd).unwrap()).collect::<Vec<_>>().join("---\n");
    for arguments in
        [["apply", "--server-side", "-f", "-"].as_slice(), &["wait", "--for=condition=Established", "-f", "-"]]
    {
        let output = world.kubectl_with_input(arguments, &yaml).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Waits until the API server doesn't know the objects any more.
async fn gone(world: &World) {
    eventually("the CRD is gone", DEADLINE, async || match world.api().list(&Default::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}
