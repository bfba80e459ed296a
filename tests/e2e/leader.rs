//! Leader election: of several processes one acts, and one whose Lease is over sends nothing any more.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{DEADLINE, Grant, Operator, OperatorBuilder, consistently, eventually, rule};

use crate::{
    probes::series,
    world::{World, id, ready},
};

const ID: &str = "backup-ro5c4er4aac";
const NAME: &str = "cloudhsm-backup-operator";
const LEASE: Duration = Duration::from_secs(15);
/// After the Lease, for a process that stands by and is warm.
const COLD_START: Duration = Duration::from_secs(5);

#[tokio::test]
async fn one_acts_and_the_standby_is_ready_and_sends_nothing_to_anyone() {
    let world = World::new("leader-standby").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    // It has an AWS of its own, so that whatever it might send shows.
    let its_aws = cloudhsm_emulator::Emulator::start(cloudhsm_emulator::Options::default()).unwrap();
    let standby = standing_by(replica(&world, "second").aws(&its_aws.url(), crate::world::ACCOUNT)).await;

    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    for (desired, reason) in [("Deleted", "PendingDeletion"), ("Present", "Available")] {
        world.edit("payments", json!({"desiredState": desired})).await;
        world.reason("payments", reason).await;
    }
    world.more_looks(3).await;
    assert_eq!(operations(&world), ["DeleteBackup", "RestoreBackup"]);
    assert_eq!(its_aws.requests(0), [] as [Value; 0]);
    assert_eq!(standby.http_get("/readyz").await.unwrap().0, 200);
    assert_eq!(leads(&leader).await, "1");
    assert_eq!(leads(&standby).await, "0");
    assert_eq!(series(&standby, "cloudhsm_backup_ready{").await, [] as [&str; 0]);
    let passes = series(&standby, "controller_runtime_reconcile_total{").await;
    assert!(!passes.is_empty() && passes.iter().all(|line| line.ends_with(" 0")), "{passes:?}");
    assert!(!standby.logs().contains("\"status\""), "{}", standby.logs());

    let spec = lease(&world).await;
    assert_eq!(spec.lease_duration_seconds, Some(15));
    let told = standby.logs();
    assert!(told.contains(&spec.holder_identity.unwrap()), "a standby says who leads: {told}");
}

#[tokio::test]
async fn after_sigkill_the_standby_takes_over_within_the_lease_and_does_once_what_was_asked_for_meanwhile() {
    let world = World::new("leader-killed").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    let standby = standing_by(replica(&world, "second")).await;

    leader.kill();
    let killed = Instant::now();
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    assert!(killed.elapsed() < LEASE + COLD_START, "{:?}", killed.elapsed());
    world.more_looks(2).await;
    assert_eq!(operations(&world), ["DeleteBackup"]);
    assert_eq!(requests_by(&world, "second", "DeleteBackup").len(), 1);
    assert_eq!(leads(&standby).await, "1");
    assert_eq!(lease(&world).await.lease_transitions, Some(1));
}

#[tokio::test]
async fn after_sigterm_the_lease_is_given_back_and_the_standby_goes_on_within_seconds() {
    let world = World::new("leader-ends").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    let standby = standing_by(replica(&world, "second")).await;

    leader.terminate();
    let asked = Instant::now();
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    assert_eq!(leader.wait_exit(DEADLINE).await.code(), Some(0));
    world.reason("payments", "PendingDeletion").await;
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(operations(&world), ["DeleteBackup"]);

    // And with nobody left to take it, it is nobody's.
    standby.terminate();
    assert_eq!(standby.wait_exit(DEADLINE).await.code(), Some(0));
    assert_eq!(lease(&world).await.holder_identity, None);
}

#[tokio::test]
async fn the_lease_is_renewed_until_work_in_flight_is_done_and_only_then_given_back() {
    let world = World::new("leader-drains").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    let standby = standing_by(replica(&world, "second")).await;
    let holder = lease(&world).await.holder_identity;
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 8}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    under_way(&world).await;
    leader.terminate();
    let renewed = lease(&world).await.renew_time.unwrap();
    eventually("the Lease is renewed after SIGTERM", DEADLINE, async || {
        let spec = lease(&world).await;
        assert_eq!(spec.holder_identity, holder);
        if spec.renew_time.unwrap().0 > renewed.0 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    assert_eq!(leader.wait_exit(DEADLINE).await.code(), Some(0));
    world.reason_within("payments", "PendingDeletion", Duration::from_secs(1)).await;
    eventually("the standby leads", DEADLINE, async || match leads(&standby).await.as_str() {
        "1" => Ok(()),
        _ => Err("not yet".to_owned()),
    })
    .await;
    world.more_looks(2).await;
    assert_eq!(operations(&world), ["DeleteBackup"]);
}

#[tokio::test]
async fn a_leader_stopped_for_a_minute_sends_nothing_when_it_goes_on_and_ends() {
    let world = World::new("leader-stopped").await;
    for n in 0..5 {
        world.backup(&id(n), "READY", json!({}));
    }
    let leader = leading(&world, replica(&world, "first")).await;
    for n in 0..5 {
        world.declare(&format!("object-{n}"), &id(n), "Present", json!({})).await;
        world.reason(&format!("object-{n}"), "Available").await;
    }
    let _standby = standing_by(replica(&world, "second")).await;

    leader.pause();
    let paused = Instant::now();
    for n in 0..5 {
        world.edit(&format!("object-{n}"), json!({"desiredState": "Deleted"})).await;
    }
    for n in 0..5 {
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
    }
    // What it has in its cache asks for the opposite of what is declared now.
    for n in 3..5 {
        world.edit(&format!("object-{n}"), json!({"desiredState": "Present"})).await;
        world.reason(&format!("object-{n}"), "Available").await;
    }
    eventually("the minute is over", Duration::from_secs(90), async || {
        if paused.elapsed() >= Duration::from_secs(60) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    woken(&world, leader, 5).await;
    assert_eq!(world.writes().len(), 7);
}

#[tokio::test]
async fn a_leader_stopped_on_its_way_to_a_write_doesn_t_send_it_when_it_goes_on() {
    let world = World::new("leader-on-its-way").await;
    // Each of them stands at another place: the look sent, answered, the object read, the write sent, the status written.
    for n in 0..8 {
        world.backup(&id(n), "READY", json!({}));
    }
    let leader = leading(&world, replica(&world, "first")).await;
    let _standby = standing_by(replica(&world, "second")).await;
    for n in 0..8 {
        let delay = 0.4 + 0.04 * n as f64;
        world.fault(json!({"op": "DescribeBackups", "backup_id": id(n), "effect": "delay", "delay_seconds": delay}));
    }
    for n in 0..8 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    eventually("the first looks are answered", DEADLINE, async || {
        if world.looks() >= 2 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    leader.pause();
    for n in 0..8 {
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
        world.edit(&format!("object-{n}"), json!({"desiredState": "Present"})).await;
    }
    for n in 0..8 {
        world.reason(&format!("object-{n}"), "Available").await;
    }
    woken(&world, leader, 8).await;
    for n in 0..8 {
        let writes: Vec<String> =
            world.writes().into_iter().filter(|write| write.1 == id(n)).map(|write| write.0).collect();
        assert_eq!(writes, ["DeleteBackup", "RestoreBackup"], "{}", id(n));
        assert_eq!(world.state(&id(n)), "READY");
    }
}

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

    // Frozen rather than started anew, for how long that takes depends on the machine; until a renewal has failed.
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
}

#[tokio::test]
async fn of_several_started_at_once_exactly_one_leads_under_a_name_of_its_own() {
    let world = World::new("leader-many").await;
    let replicas: Vec<Operator> = (0..4).map(|n| replica(&world, &format!("replica-{n}")).start()).collect();
    let mut identities = Vec::new();
    for replica in &replicas {
        identities.push(identity(replica).await);
    }
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 4);
    eventually("one leads", DEADLINE, async || {
        let mut leaders = 0;
        for replica in &replicas {
            leaders += usize::from(leads(replica).await == "1");
        }
        if leaders == 1 { Ok(()) } else { Err(format!("{leaders} lead")) }
    })
    .await;
    consistently("one leads", Duration::from_secs(4), async || {
        let mut leaders = 0;
        for replica in &replicas {
            leaders += usize::from(leads(replica).await == "1");
        }
        if leaders == 1 { Ok(()) } else { Err(format!("{leaders} lead")) }
    })
    .await;
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

/// An operator that stands for election, with a name of its own in AWS's log.
fn replica(world: &World, name: &str) -> OperatorBuilder {
    world.operator().env("CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT", "true").env("AWS_SDK_UA_APP_ID", name)
}

async fn leading(world: &World, replica: OperatorBuilder) -> Operator {
    let operator = ready(replica.start()).await;
    eventually("it leads", DEADLINE, async || match leads(&operator).await.as_str() {
        "1" => Ok(()),
        other => Err(format!("{other:?}; {:?}", lease(world).await)),
    })
    .await;
    operator
}

async fn standing_by(replica: OperatorBuilder) -> Operator {
    let operator = ready(replica.start()).await;
    eventually("it stands by", DEADLINE, async || {
        let logs = operator.logs();
        if logs.contains("standing by") { Ok(()) } else { Err(logs) }
    })
    .await;
    operator
}

/// The value of the metric that tells who leads.
async fn leads(operator: &Operator) -> String {
    let series = series(operator, "leader_election_master_status{").await;
    series.first().and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned()
}

/// As which it stands for election.
async fn identity(operator: &Operator) -> String {
    eventually("it stands for election", DEADLINE, async || {
        let logs = operator.logs();
        let line = logs.lines().find(|line| line.contains("standing for election")).ok_or_else(|| logs.clone())?;
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(line["fields"]["identity"].as_str().unwrap().to_owned())
    })
    .await
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

async fn lease(world: &World) -> LeaseSpec {
    leases(world).get(NAME).await.unwrap().spec.unwrap()
}

async fn edit_lease(world: &World, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    leases(world).patch(NAME, &PatchParams::default(), &patch).await.unwrap();
}

/// Waits until it has ended because its Lease is over, and returns the line that says so.
async fn lost(operator: &Operator) -> String {
    let status = operator.wait_exit(DEADLINE).await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    let logs = operator.logs();
    let lines: Vec<&str> = logs.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "{logs}");
    assert!(lines[0].starts_with("error: the Lease ") && lines[0].contains("is lost"), "{lines:?}");
    lines[0].to_owned()
}

/// Lets a stopped leader go on whose Lease others have: it ends, and neither AWS nor an object has seen anything of it.
async fn woken(world: &World, leader: Operator, objects: usize) {
    let holder = lease(world).await.holder_identity;
    let (requests, versions) = (requests_by(world, "first", "").len(), versions(world, objects).await);
    let told = events(world, objects).await;
    let resumed = Instant::now();
    leader.resume();
    lost(&leader).await;
    assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
    // Whatever it sent would have arrived, for the other has looked twice at each since.
    world.more_looks(2 * objects).await;
    assert_eq!(requests_by(world, "first", "").len(), requests);
    assert_eq!(self::versions(world, objects).await, versions);
    assert_eq!(events(world, objects).await, told);
    assert_eq!(lease(world).await.holder_identity, holder);
}

async fn versions(world: &World, objects: usize) -> Vec<Option<String>> {
    let mut versions = Vec::new();
    for n in 0..objects {
        versions.push(world.object(&format!("object-{n}")).await.resource_version());
    }
    versions
}

async fn events(world: &World, objects: usize) -> Vec<(String, String, String)> {
    let mut events = Vec::new();
    for n in 0..objects {
        events.extend(world.events(&format!("object-{n}")).await);
    }
    events
}

/// The requests that AWS got from that replica, of that operation or of all.
fn requests_by(world: &World, replica: &str, operation: &str) -> Vec<Value> {
    let app = format!("app/{replica}");
    let mut requests = world.emulator.requests(0);
    requests.retain(|request| {
        let agent = request["user_agent"].as_str().unwrap_or_default();
        agent.split(' ').any(|part| part == app) && (operation.is_empty() || request["op"] == operation)
    });
    requests
}

fn operations(world: &World) -> Vec<String> {
    world.writes().into_iter().map(|write| write.0).collect()
}

/// Waits until all faults have caught their request.
async fn under_way(world: &World) {
    eventually("the requests are under way", DEADLINE, async || {
        let left = world.emulator.faults();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}
