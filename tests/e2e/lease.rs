//! The Lease in other hands: edited, deleted, out of reach, forbidden, elsewhere.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{DEADLINE, Grant, eventually, rule};

use crate::{
    election::{
        LEASE, NAME, edit_lease, identity, leading, leads, lease, leases, lost, operations, replica, requests_by,
        standing_by,
    },
    probes::series,
    world::{World, ready},
};

const ID: &str = "backup-ro5c4er4aac";

#[tokio::test]
async fn a_leader_whose_lease_somebody_takes_sends_nothing_any_more_and_ends() {
    let world = World::new("leader-robbed").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;

    edit_lease(&world, json!({"holderIdentity": "a-thief", "leaseTransitions": 7})).await;
    let line = lost(&leader).await;
    assert!(line.contains("a-thief") && line.contains(&format!("{}/{NAME}", world.namespace)), "{line}");
    assert_eq!(lease(&world).await.holder_identity.as_deref(), Some("a-thief"), "it isn't touched any more");
    world.edit("payments", json!({"desiredState": "Deleted"})).await;

    // The next one waits out the thief's time.
    let robbed = Instant::now();
    let _next = standing_by(replica(&world, "second")).await;
    world.reason("payments", "PendingDeletion").await;
    assert!(robbed.elapsed() > LEASE - Duration::from_secs(1), "{:?}", robbed.elapsed());
    assert_eq!(requests_by(&world, "first", "DeleteBackup"), [] as [Value; 0]);
    assert_eq!(operations(&world), ["DeleteBackup"]);
    assert_eq!(lease(&world).await.lease_transitions, Some(8));
}

#[tokio::test]
async fn a_leader_taken_out_of_its_lease_by_hand_ends_and_the_standby_takes_it() {
    let world = World::new("leader-vacated").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    let _standby = standing_by(replica(&world, "second")).await;
    edit_lease(&world, json!({"holderIdentity": null})).await;
    lost(&leader).await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(requests_by(&world, "second", "DeleteBackup").len(), 1);
    assert_eq!(operations(&world), ["DeleteBackup"]);
}

#[tokio::test]
async fn a_lease_deleted_by_hand_is_made_again_by_its_holder_and_the_standby_leaves_it_to_it() {
    let world = World::new("leader-deleted").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    let standby = standing_by(replica(&world, "second")).await;
    let holder = lease(&world).await.holder_identity;
    for _ in 0..3 {
        leases(&world).delete(NAME, &DeleteParams::default()).await.unwrap();
        eventually("the Lease is there again", DEADLINE, async || {
            leases(&world).get(NAME).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        assert_eq!(lease(&world).await.holder_identity, holder);
    }
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    assert!(leader.try_exit().is_none());
    assert_eq!(leads(&standby).await, "0");
    assert_eq!(operations(&world), ["DeleteBackup"]);
}

#[tokio::test]
async fn what_others_write_beside_the_holder_stays_and_disturbs_nobody() {
    let world = World::new("leader-annotated").await;
    let leader = leading(&world, replica(&world, "first")).await;
    let before = lease(&world).await;
    let patch = json!({"metadata": {"annotations": {"a-tool": "was here"}}, "spec": {"leaseDurationSeconds": 3600}});
    leases(&world).patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    eventually("the Lease is renewed", DEADLINE, async || {
        let lease = leases(&world).get(NAME).await.map_err(|error| error.to_string())?;
        assert_eq!(lease.annotations().get("a-tool").map(String::as_str), Some("was here"));
        let spec = lease.spec.unwrap();
        assert_eq!(spec.holder_identity, before.holder_identity);
        if spec.lease_duration_seconds == Some(15) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    assert!(leader.try_exit().is_none());
}

#[tokio::test]
async fn without_the_api_server_the_leader_ends_before_its_lease_does_and_sends_nothing() {
    let (_alone, world) = World::alone("leader-outage").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;

    world.control_plane.stop_apiserver().await;
    let stopped = Instant::now();
    world.outside(ID, json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 604_800.0}));
    let line = lost(&leader).await;
    assert!(stopped.elapsed() < LEASE, "{:?}", stopped.elapsed());
    assert!(line.contains("couldn't be renewed"), "{line}");
    assert_eq!(world.writes(), []);
    world.control_plane.start_apiserver().await;

    // And with one that accepts connections and answers nothing.
    let next = leading(&world, replica(&world, "second")).await;
    world.event("payments", "Normal", "BackupRestored").await;
    world.control_plane.pause_apiserver().await;
    let paused = Instant::now();
    world.outside(ID, json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 604_800.0}));
    let line = lost(&next).await;
    world.control_plane.resume_apiserver().await;
    assert!(paused.elapsed() < LEASE, "{:?}", paused.elapsed());
    assert!(line.contains("wasn't answered within"), "{line}");
    assert_eq!(operations(&world), ["RestoreBackup"]);
}

#[tokio::test]
async fn a_short_outage_of_the_api_server_is_outlived_by_leader_and_standby() {
    let (_alone, world) = World::alone("leader-hiccup").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    let standby = standing_by(replica(&world, "second")).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    let holder = lease(&world).await.holder_identity;

    // Frozen until a renewal has failed.
    world.control_plane.pause_apiserver().await;
    eventually("a renewal has failed", DEADLINE, async || {
        let logs = leader.logs();
        if logs.contains("the Lease wasn't renewed") { Ok(()) } else { Err(logs) }
    })
    .await;
    world.control_plane.resume_apiserver().await;
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(lease(&world).await.holder_identity, holder);
    assert!(leader.try_exit().is_none() && standby.try_exit().is_none());
    assert_eq!(leads(&standby).await, "0");
    assert_eq!(operations(&world), ["DeleteBackup"]);

    // And started anew. On a busy machine that may take longer than a leader can wait; then the standby goes on.
    world.control_plane.stop_apiserver().await;
    world.control_plane.start_apiserver().await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Available").await;
    assert!(standby.try_exit().is_none());
    assert_eq!(operations(&world), ["DeleteBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn without_the_rights_on_leases_it_says_which_and_isn_t_ready_until_it_has_them() {
    let world = World::new("leader-forbidden").await;
    world.backup(ID, "READY", json!({}));
    let rights = [
        rule("cloudhsm.dev", &["cloudhsmbackups"], &["get", "list", "watch"]),
        rule("cloudhsm.dev", &["cloudhsmbackups/status"], &["patch"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ];
    let grant = Grant::namespaced(&world.namespace, rights.clone());
    let kubeconfig = world.control_plane.service_account_kubeconfig(&world.namespace, "poor", &[grant]).await;
    let operator = replica(&world, "first").kubeconfig(&kubeconfig).start();
    world.declare("payments", ID, "Deleted", json!({})).await;
    eventually("it says what is missing", DEADLINE, async || {
        let (status, body) = operator.http_get("/readyz").await?;
        let clear = ["get, create, update and patch", "leases", &world.namespace, "--leader-elect=false"];
        if status == 503 && clear.iter().all(|part| body.contains(part)) { Ok(()) } else { Err(body) }
    })
    .await;
    assert_eq!(world.emulator.requests(0), [] as [Value; 0]);
    assert!(operator.try_exit().is_none());

    let role = format!("{}-poor-0", world.namespace);
    let rule = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update", "patch"]});
    let patch = json!([{"op": "add", "path": "/rules/-", "value": rule}]).to_string();
    let output = world.kubectl(&["patch", "role", &role, "--type=json", "-p", &patch]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let operator = ready(operator).await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(leads(&operator).await, "1");
}

#[tokio::test]
async fn the_lease_is_where_the_flags_say() {
    let world = World::new("leader-flags").await;
    let elsewhere = world.control_plane.namespace("leader-elsewhere").await;
    let operator = replica(&world, "first")
        .kubeconfig(world.control_plane.kubeconfig())
        .args(["--lease-name", "another.name"])
        .env("CLOUDHSM_BACKUP_OPERATOR_LEASE_NAMESPACE", &elsewhere)
        .env_remove("CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT");
    let operator = ready(operator.start()).await;
    let leases: Api<Lease> = Api::namespaced(world.client.clone(), &elsewhere);
    let holder = eventually("the Lease is taken", DEADLINE, async || {
        let lease = leases.get("another.name").await.map_err(|error| error.to_string())?;
        lease.spec.unwrap().holder_identity.ok_or_else(|| "nobody holds it".to_owned())
    })
    .await;
    assert_eq!(holder, identity(&operator).await);
    assert_eq!(
        series(&operator, "leader_election_").await,
        [r#"leader_election_master_status{name="another.name"} 1"#]
    );
    let missing = replica(&world, "second").args(["--lease-namespace", "no-such-namespace"]);
    let missing = missing.kubeconfig(world.control_plane.kubeconfig()).start();
    eventually("it says that the namespace is missing", DEADLINE, async || {
        let (status, body) = missing.http_get("/readyz").await?;
        if status == 503 && body.contains("no-such-namespace") { Ok(()) } else { Err(body) }
    })
    .await;
}
