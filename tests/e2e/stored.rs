//! What is stored that this version can't read, and a kind that goes away: on control planes of their own.

use cloudhsm_backup_operator::api::crds;
use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, eventually};

use crate::{
    probes::{id, series},
    world::{World, ready_condition},
};

/// A world whose CRD is its own.
async fn private(name: &str) -> World {
    // It ends with the test process, whatever holds it.
    World::on(Box::leak(Box::new(ControlPlane::start().await)), name).await
}

async fn apply_crd(world: &World, crd: &Value) {
    let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let output = world.kubectl_with_input(&arguments, &crd.to_string()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn manifest(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": name}, "spec": spec})
}

/// A CRD that takes anything as a spec.
fn lax(strict: &Value) -> Value {
    let mut lax = strict.clone();
    let version = &mut lax["spec"]["versions"][0];
    version["selectableFields"] = json!([]);
    let schema = &mut version["schema"]["openAPIV3Schema"];
    schema["x-kubernetes-validations"] = json!([]);
    schema["properties"]["spec"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    lax
}

#[tokio::test]
async fn an_object_that_can_not_be_decoded_is_logged_and_skipped_and_the_others_are_served() {
    let world = private("undecodable").await;
    let strict = serde_json::to_value(&crds()[0]).unwrap();
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "READY", json!({}));
    let operator = world.started().await;
    world.declare("turned", &id(0), "Present", json!({})).await;
    world.declare("unwanted", &id(0), "Deleted", json!({})).await;
    world.reason("turned", "Conflict").await;
    world.reason("unwanted", "Conflict").await;

    apply_crd(&world, &lax(&strict)).await;
    let bad = [
        json!({"backupId": "nonsense", "desiredState": "Deleted"}),
        json!({"backupId": id(1), "desiredState": "Purged"}),
        json!({"backupId": 7, "desiredState": ["Deleted"]}),
        json!({"desiredState": "Deleted"}),
        json!({}),
    ];
    let items: Vec<Value> =
        bad.iter().enumerate().map(|(number, spec)| manifest(&format!("bad-{number}"), spec)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    eventually("the lax CRD takes them", DEADLINE, async || {
        let output = world.kubectl_with_input(&["apply", "--validate=false", "-f", "-"], &list).await;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    })
    .await;
    world.edit_raw("turned", json!({"desiredState": "Perhaps"})).await;
    apply_crd(&world, &strict).await;
    eventually("the strict CRD is back", DEADLINE, async || {
        let bad = manifest("bad-too", &bad[0]).to_string();
        let output = world.kubectl_with_input(&["create", "--dry-run=server", "-f", "-"], &bad).await;
        if output.status.success() { Err("it takes anything".to_owned()) } else { Ok(()) }
    })
    .await;

    // What can't be read contradicts nobody.
    world.until("unwanted", "it is deleted", |object| ready_condition(object).reason == "PendingDeletion").await;
    for attempt in ["the one that runs", "one that starts now"] {
        let fresh;
        let operator = if attempt == "the one that runs" {
            &operator
        } else {
            fresh = world.started().await;
            &fresh
        };
        let name = format!("good-{}", world.emulator.requests(0).len());
        world.declare(&name, &id(1), "Present", json!({})).await;
        world.reason(&name, "Available").await;
        let log = operator.logs();
        for name in ["bad-0", "bad-1", "bad-2", "bad-3", "bad-4", "turned"] {
            let logged = log.lines().any(|line| line.contains(name) && line.contains("ERROR"));
            assert!(logged, "{attempt}: no line about {name}");
        }
        operator.kill();
    }
    assert_eq!(world.raw("bad-0").await["status"], json!({"observedGeneration": -1}));
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);

    // Repaired, it is served again.
    let _operator = world.started().await;
    world.edit_raw("turned", json!({"desiredState": "Present"})).await;
    world.reason("turned", "Conflict").await;
}

#[tokio::test]
async fn removing_the_crd_sends_nothing_to_aws_and_the_operator_works_once_it_is_back() {
    let world = private("removed-crd").await;
    let strict = serde_json::to_value(&crds()[0]).unwrap();
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "READY", json!({}));
    let operator = world.started().await;
    world.declare("deleted", &id(0), "Deleted", json!({})).await;
    world.declare("kept", &id(1), "Present", json!({})).await;
    world.reason("deleted", "PendingDeletion").await;
    world.reason("kept", "Available").await;

    let output = world.kubectl(&["delete", "crd", "cloudhsmbackups.cloudhsm.dev"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("their series are gone", DEADLINE, async || {
        let left = series(&operator, "cloudhsm_backup_ready{").await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    assert_eq!((world.state(&id(0)), world.state(&id(1))), ("PENDING_DELETION".to_owned(), "READY".to_owned()));
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);

    apply_crd(&world, &strict).await;
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd/cloudhsmbackups.cloudhsm.dev"];
    assert!(world.kubectl(&established).await.status.success());
    eventually("the kind is served again", DEADLINE, async || {
        world.api().list(&kube::api::ListParams::default()).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    world.declare("kept", &id(1), "Deleted", json!({})).await;
    world.reason("kept", "PendingDeletion").await;
    assert_eq!(operator.try_exit(), None);
}
