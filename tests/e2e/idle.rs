//! While nothing happens nothing is written, and AWS is looked at as often as agreed.

use std::{collections::BTreeMap, time::Duration};

use kube::ResourceExt;
use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use crate::world::{World, id, ready};

const OBJECTS: usize = 50;
const INTERVALS: usize = 10;

#[tokio::test]
async fn fifty_settled_objects_cost_the_api_server_nothing_over_ten_intervals() {
    // No other test's requests are to be counted.
    let (_alone, world) = World::alone("idle").await;
    let _operator = ready(world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1s").start()).await;
    for n in 0..OBJECTS {
        let (state, desired) = if n % 2 == 0 { ("READY", "Present") } else { ("PENDING_DELETION", "Deleted") };
        let end = if n % 2 == 0 { Value::Null } else { json!(world.emulator.now() + 86_400.0) };
        world.backup(&id(n), state, json!({"DeleteTimestamp": end, "TagList": [{"Key": "n", "Value": n.to_string()}]}));
        world.declare(&format!("object-{n}"), &id(n), desired, json!({})).await;
    }
    for n in 0..OBJECTS {
        world.reason(&format!("object-{n}"), if n % 2 == 0 { "Available" } else { "PendingDeletion" }).await;
    }
    // What follows a first look, such as one more pass for the status just written, is over by now.
    looks_of_each(&world, 0, 2).await;

    let versions = versions(&world).await;
    let requests = requests_to_the_api_server(&world).await;
    let since = world.emulator.requests(0).len();
    looks_of_each(&world, since, INTERVALS).await;
    assert_eq!(requests_to_the_api_server(&world).await, requests);
    assert_eq!(self::versions(&world).await, versions);
    for n in 0..OBJECTS {
        assert!(world.events(&format!("object-{n}")).await.is_empty());
    }
    assert_eq!(world.writes(), []);
    let others: Vec<_> = world.emulator.requests(since).into_iter().filter(|r| r["op"] != "DescribeBackups").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_request_that_is_taken_away_changes_nothing() {
    let world = World::new("request-removed").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("payments", &id(0), "Present", json!({})).await;
    world.ask("payments", "once").await;
    let answered = world.answered("payments", "once").await;
    let removed = world.remove_request("payments").await;
    world.more_looks(2).await;
    let after = world.object("payments").await;
    assert_eq!(after.resource_version(), removed.resource_version());
    assert_eq!(after.status, answered.status);
}

/// Waits until each backup has been looked at that many times since a request, and checks that this is as often as agreed.
async fn looks_of_each(world: &World, since: usize, wanted: usize) {
    let started = std::time::Instant::now();
    eventually("all are looked at", DEADLINE, async || {
        let fewest = looks(world, since).into_values().min().unwrap_or_default();
        if fewest >= wanted { Ok(()) } else { Err(format!("{fewest} times")) }
    })
    .await;
    // A resync may be a little early, and the machine busy, but neither by half.
    let intervals = u32::try_from(wanted).unwrap();
    assert!(since == 0 || started.elapsed() > Duration::from_millis(500) * intervals, "{:?}", started.elapsed());
}

/// How many looks each backup had: those that ask for it, and those that ask for all.
fn looks(world: &World, since: usize) -> BTreeMap<String, usize> {
    let mut looks: BTreeMap<String, usize> = (0..OBJECTS).map(|n| (id(n), 0)).collect();
    for request in world.emulator.requests(since) {
        if request["op"] != "DescribeBackups" || request["input"]["NextToken"].is_string() {
            continue;
        }
        let asked = request["input"]["Filters"]["backupIds"].as_array();
        for (id, count) in &mut looks {
            *count += usize::from(asked.is_none_or(|ids| ids.contains(&Value::from(id.as_str()))));
        }
    }
    looks
}

async fn versions(world: &World) -> BTreeMap<String, Option<String>> {
    let objects = world.api().list(&kube::api::ListParams::default()).await.unwrap();
    objects.into_iter().map(|object| (object.name_any(), object.resource_version())).collect()
}

/// The API server's own count of the requests for the objects and for events. A watch is none: it is counted when it ends.
pub(crate) async fn requests_to_the_api_server(world: &World) -> BTreeMap<String, String> {
    let output = world.kubectl(&["get", "--raw", "/metrics"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics = String::from_utf8(output.stdout).unwrap();
    let counted = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && ["resource=\"cloudhsmbackups\"", "resource=\"events\""].iter().any(|part| line.contains(part))
            && ["PATCH", "POST", "PUT", "GET", "LIST"].iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
    });
    counted.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.into(), value.into())).collect()
}
