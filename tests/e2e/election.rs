//! Several operators that elect one, and what tells them apart.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, OperatorBuilder, eventually};

use crate::{
    probes::series,
    world::{World, ready},
};

/// The name of the Lease.
pub(crate) const NAME: &str = "cloudhsm-backup-operator";
/// How long it lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// An operator that stands for election, with a name of its own in AWS's log.
pub(crate) fn replica(world: &World, name: &str) -> OperatorBuilder {
    world.operator().env("CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT", "true").env("AWS_SDK_UA_APP_ID", name)
}

pub(crate) async fn leading(world: &World, replica: OperatorBuilder) -> Operator {
    let operator = ready(replica.start()).await;
    eventually("it leads", DEADLINE, async || match leads(&operator).await.as_str() {
        "1" => Ok(()),
        other => Err(format!("{other:?}; {:?}", lease(world).await)),
    })
    .await;
    operator
}

pub(crate) async fn standing_by(replica: OperatorBuilder) -> Operator {
    let operator = ready(replica.start()).await;
    eventually("it stands by", DEADLINE, async || {
        let logs = operator.logs();
        if logs.contains("standing by") { Ok(()) } else { Err(logs) }
    })
    .await;
    operator
}

/// The value of the metric that tells who leads.
pub(crate) async fn leads(operator: &Operator) -> String {
    let series = series(operator, "leader_election_master_status{").await;
    series.first().and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned()
}

/// As which it stands for election.
pub(crate) async fn identity(operator: &Operator) -> String {
    eventually("it stands for election", DEADLINE, async || {
        let logs = operator.logs();
        let line = logs.lines().find(|line| line.contains("standing for election")).ok_or_else(|| logs.clone())?;
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(line["fields"]["identity"].as_str().unwrap().to_owned())
    })
    .await
}

pub(crate) fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

pub(crate) async fn lease(world: &World) -> LeaseSpec {
    leases(world).get(NAME).await.unwrap().spec.unwrap()
}

pub(crate) async fn edit_lease(world: &World, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    leases(world).patch(NAME, &PatchParams::default(), &patch).await.unwrap();
}

/// Waits until it has ended because its Lease is over, and returns the line that says so.
pub(crate) async fn lost(operator: &Operator) -> String {
    let status = operator.wait_exit(DEADLINE).await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    let logs = operator.logs();
    let lines: Vec<&str> = logs.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "{logs}");
    assert!(lines[0].starts_with("error: the Lease ") && lines[0].contains("is lost"), "{lines:?}");
    lines[0].to_owned()
}

/// Lets a stopped leader go on whose Lease others have: it ends, and neither AWS nor an object has seen anything of it.
pub(crate) async fn woken(world: &World, leader: Operator, objects: usize) {
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
pub(crate) fn requests_by(world: &World, replica: &str, operation: &str) -> Vec<Value> {
    let app = format!("app/{replica}");
    let mut requests = world.emulator.requests(0);
    requests.retain(|request| {
        let agent = request["user_agent"].as_str().unwrap_or_default();
        agent.split(' ').any(|part| part == app) && (operation.is_empty() || request["op"] == operation)
    });
    requests
}

pub(crate) fn operations(world: &World) -> Vec<String> {
    world.writes().into_iter().map(|write| write.0).collect()
}

/// Waits until all faults have caught their request.
pub(crate) async fn under_way(world: &World) {
    eventually("the requests are under way", DEADLINE, async || {
        let left = world.emulator.faults();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}
