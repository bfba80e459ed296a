//! The rights that the chart gives: that they are enough is shown by all other tests, that they aren't too many here.

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{ApiProxy, Chart, ControlPlane, DEADLINE, Operator, eventually};

use crate::{
    election::{NAME, leading, replica},
    world::{World, id, ready_condition, reason_of},
};

/// What the contract grants for other clients of the same role, and this operator doesn't use: it writes each event anew, and its Lease
/// whole.
const UNUSED: [&str; 2] = ["patch events", "patch leases"];

/// The main job, as leader; the world's operator sees what it does through a proxy.
async fn works(world: &World, proxy: &ApiProxy) -> Operator {
    world.backup(&id(0), "READY", json!({}));
    let operator = leading(world, replica(world, "first").kubeconfig(&world.kubeconfig_by(proxy))).await;
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Available").await;
    world.event("payments", "Normal", "BackupRestored").await;
    eventually("it renews its Lease", DEADLINE, async || {
        if proxy.count("update", "leases") > 0 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    operator
}

/// What was asked about resources, each as `patch cloudhsmbackups/status`.
fn asked(proxy: &ApiProxy) -> BTreeSet<String> {
    let requests = proxy.requests().into_iter().filter(|request| !request.resource.starts_with('/'));
    requests.map(|request| format!("{} {}", request.verb, request.resource)).collect()
}

/// What the operator is granted, in the same words.
fn granted(chart: &Chart) -> BTreeSet<String> {
    let roles = chart.of_kind("ClusterRole").chain(chart.of_kind("Role"));
    let mut granted = BTreeSet::new();
    for rule in roles.filter(|role| !is_for_people(role)).flat_map(|role| role["rules"].as_array().unwrap()) {
        let words = |key: &str| rule[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        for resource in words("resources") {
            granted.extend(words("verbs").map(|verb| format!("{verb} {resource}")));
        }
    }
    granted
}

fn is_for_people(role: &Value) -> bool {
    let name = role["metadata"]["name"].as_str().unwrap();
    name.ends_with("-view") || name.ends_with("-edit")
}

#[tokio::test]
async fn each_right_is_used() {
    let world = World::new("rights").await;
    let proxy = ApiProxy::start(world.control_plane).await;
    let _operator = works(&world, &proxy).await;
    let mut used = asked(&proxy);
    used.extend(UNUSED.map(str::to_owned));
    assert_eq!(used, granted(&world.chart));
}

#[tokio::test]
async fn without_watched_namespaces_it_serves_them_all_and_needs_no_other_right() {
    // It ends with the test process, whatever holds it.
    let control_plane = Box::leak(Box::new(ControlPlane::start().await));
    let world = World::everywhere(control_plane, "everywhere").await;
    let proxy = ApiProxy::start(world.control_plane).await;
    let _operator = works(&world, &proxy).await;

    let elsewhere = world.control_plane.namespace("elsewhere").await;
    world.backup(&id(1), "READY", json!({}));
    let api = Api::namespaced(world.client.clone(), &elsewhere);
    let manifest = json!({
        "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": "there"},
        "spec": {"backupId": id(1), "desiredState": "Deleted"},
    });
    api.patch("there", &PatchParams::apply("the-tests"), &Patch::Apply(&manifest)).await.unwrap();
    reason_of(&api, "there", "PendingDeletion", DEADLINE).await;
    // Of the same backup, and of another mind.
    world.declare("here", &id(1), "Present", json!({})).await;
    world.reason("here", "Conflict").await;
    let object = reason_of(&api, "there", "Conflict", DEADLINE).await;
    assert!(ready_condition(&object).message.contains(&format!("{}/here", world.namespace)), "{object:?}");

    let leases: Api<Lease> = Api::all(world.client.clone());
    let leases = leases.list(&Default::default()).await.unwrap().items;
    let own = |lease: &&Lease| lease.metadata.name.as_deref() == Some(NAME);
    let namespaces: Vec<_> = leases.iter().filter(own).map(|lease| lease.metadata.namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some(world.namespace.as_str())]);

    let mut used = asked(&proxy);
    used.extend(UNUSED.map(str::to_owned));
    assert_eq!(used, granted(&world.chart));
}
