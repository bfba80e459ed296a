//! AWS is away for a while: metrics show it at once, objects when it is time, and each of them once.

use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::{
    crowd::{FAST, started_with},
    history::History,
    probes::series,
    world::World,
};

const OBJECTS: usize = 60;

#[tokio::test]
async fn an_outage_shows_in_metrics_at_once_and_on_each_object_once() {
    let world = World::new("aws-outage").await;
    world.backups(0..OBJECTS);
    let operator = started_with(&world, "3s", &FAST).await;
    world.declare_all(0..OBJECTS).await;
    world.all_are("Available", OBJECTS).await;
    let versions = world.versions().await;
    let history = History::record_all(&world).await;
    let statuses = || {
        let all = history.by_name();
        (all.values().map(|(_, writes)| writes).max().copied().unwrap_or_default(), all)
    };

    world.looked_at(0..OBJECTS, world.emulator.requests(0).len(), 1).await;
    world.fault(json!({"op": "DescribeBackups", "times": -1, "status": 500}));
    let since = world.emulator.requests(0).len();
    eventually("metrics show it", DEADLINE, async || {
        let failed = series(&operator, "cloudhsm_backup_aws_requests_total").await;
        let shown = failed.iter().any(|line| line.contains("CloudHsmInternalFailureException"));
        if shown { Ok(()) } else { Err(format!("{failed:?}")) }
    })
    .await;
    assert_eq!(world.versions().await, versions, "and objects don't");
    world.all_are("AwsUnavailable", OBJECTS).await;
    // Four more tries, of at most seven requests, some of them with the back-off at its longest.
    let tries = world.emulator.requests(0).len();
    eventually("AWS is tried again", DEADLINE, async || {
        let requests = world.emulator.requests(0).len() - tries;
        if requests >= 20 { Ok(()) } else { Err(format!("{requests}")) }
    })
    .await;
    let (most, all) = statuses();
    assert_eq!(most, 1, "{all:?}");
    let first = world.emulator.requests(since).first().unwrap()["time"].as_f64().unwrap();
    let requests = world.emulator.requests(since);
    let seconds = requests.last().unwrap()["time"].as_f64().unwrap() - first;
    println!("{} requests in {seconds:.0} s of an outage", requests.len());
    // From half the interval on they come every 1.5 to 3 s.
    assert!(requests.len() as f64 <= 7.0 * (4.0 + seconds / 1.5), "{} requests in {seconds} s", requests.len());

    world.heal();
    world.all_are("Available", OBJECTS).await;
    world.looked_at(0..OBJECTS, world.emulator.requests(0).len(), 2).await;
    let (most, all) = statuses();
    assert_eq!(most, 2, "{all:?}");
    assert!(all.values().all(|(reasons, _)| reasons == &["Available", "AwsUnavailable", "Available"]), "{all:?}");
    let since = world.emulator.requests(0).len();
    let looks = world.looked_at(0..OBJECTS, since, 3).await;
    assert!(looks <= 4 * 2, "{looks} looks in three sweeps: nobody is taken for a bad id");
    assert_eq!(world.writes(), []);
}
