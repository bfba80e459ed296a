//! What many objects cost AWS and the API server.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use crate::{
    crowd::{FAST, name, started_with},
    history::History,
    idle::requests_to_the_api_server,
    world::{World, id, ready},
};

#[tokio::test]
async fn a_sweep_costs_a_page_per_fifty_and_drift_of_one_wakes_that_one_and_no_other() {
    let (_alone, world) = World::alone("economy").await;
    let _operator = started_with(&world, "1s", &FAST).await;
    world.backups(0..120);
    world.declare_all(0..120).await;
    world.all_are("Available", 120).await;
    world.looked_at(0..120, world.emulator.requests(0).len(), 2).await;

    let versions = world.versions().await;
    let before = requests_to_the_api_server(&world).await;
    let since = world.emulator.requests(0).len();
    let looks = world.looked_at(0..120, since, 5).await;
    // The sixth may be under way already.
    assert!((15..=18).contains(&looks), "{looks} looks in five sweeps");
    assert_eq!(requests_to_the_api_server(&world).await, before);

    world.outside(
        &id(60),
        json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 86_400.0}),
    );
    let of = |requests: &std::collections::BTreeMap<String, String>, verb: &str, resource: &str| {
        let of = |(name, _): &(&String, &String)| {
            name.contains(&format!("verb=\"{verb}\"")) && name.contains(&format!("resource=\"{resource}\""))
        };
        requests.iter().filter(of).map(|(_, count)| count.parse::<u64>().unwrap()).sum::<u64>()
    };
    let patches = of(&before, "PATCH", "cloudhsmbackups");
    let after = eventually("its status is written", DEADLINE, async || {
        let after = requests_to_the_api_server(&world).await;
        if of(&after, "PATCH", "cloudhsmbackups") > patches { Ok(after) } else { Err("not yet".to_owned()) }
    })
    .await;
    let gets = of(&after, "GET", "cloudhsmbackups") - of(&before, "GET", "cloudhsmbackups");
    assert_eq!(gets, 1, "the read that the write needs");
    world.looked_at(0..120, world.emulator.requests(0).len(), 3).await;
    let after = requests_to_the_api_server(&world).await;
    // Somebody else's change may be told once before it is put right.
    let patched = of(&after, "PATCH", "cloudhsmbackups") - patches;
    assert!(patched <= 2, "{patched} PATCHes");
    let changed: Vec<String> = world
        .versions()
        .await
        .into_iter()
        .filter(|(name, version)| versions[name] != *version)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, [name(60)]);
    assert_eq!(world.writes(), [("RestoreBackup".to_owned(), id(60))]);
}

#[tokio::test]
async fn what_a_listing_that_broke_off_does_not_show_is_not_gone() {
    let world = World::new("economy-broken").await;
    world.backups(0..60);
    let _operator = started_with(&world, "1s", &FAST).await;
    world.declare_all(0..130).await;
    world.all_are("Available", 60).await;
    world.all_are("BackupNotFound", 70).await;
    let listings = || world.looks_since(0).iter().filter(|ids| ids.is_none()).count();
    let listed = async |more: usize| {
        let wanted = listings() + more;
        eventually("the scope is listed", DEADLINE, async || {
            let seen = listings();
            if seen >= wanted { Ok(()) } else { Err(format!("{seen} of {wanted}")) }
        })
        .await;
    };
    listed(2).await;
    let versions = world.versions().await;
    for effect in [json!({"effect": "drop"}), json!({"effect": "malformed"}), json!({"status": 500})] {
        let mut fault = effect;
        fault["op"] = json!("DescribeBackups");
        fault["after"] = json!(1);
        world.fault(fault);
        eventually("the fault has struck", DEADLINE, async || {
            if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        world.looked_at(0..130, world.emulator.requests(0).len(), 2).await;
        assert_eq!(world.versions().await, versions);
    }
    // AWS gets far more than that: a sweep costs a page more than before, at most.
    world.backups(1_000..1_500);
    let since = world.emulator.requests(0).len();
    let looks = world.looked_at(0..130, since, 3).await;
    assert!(looks <= 4 * 4, "{looks} looks in three sweeps");
    assert_eq!(world.versions().await, versions);
}

#[tokio::test]
async fn a_hundred_flips_at_once_share_a_handful_of_looks() {
    let world = World::new("economy-flips").await;
    world.backups(0..100);
    let _operator = started_with(&world, "10m", &FAST).await;
    world.declare_all(0..100).await;
    // Two objects that name one backup are of one mind.
    world.declare("twin", &id(0), "Present", json!({})).await;
    world.all_are("Available", 101).await;
    world.emulator.behaviour(json!({"latency_ms": 100})).unwrap();
    let since = world.emulator.requests(0).len();
    let history = History::record_all(&world).await;
    tokio::join!(world.flip_all(0..100, "Deleted"), world.edit("twin", json!({"desiredState": "Deleted"})));
    world.all_are("PendingDeletion", 101).await;
    let requests = world.emulator.requests(since);
    let last = requests.iter().rposition(|request| request["op"] == "DeleteBackup").unwrap();
    let looks: Vec<Vec<String>> = requests[..last]
        .iter()
        .filter(|request| request["op"] == "DescribeBackups")
        .map(|request| serde_json::from_value(request["input"]["Filters"]["backupIds"].clone()).unwrap())
        .collect();
    println!("{} looks: {:?}", looks.len(), looks.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(looks.len() <= 25, "{} looks", looks.len());
    assert!(looks.iter().all(|ids| ids.len() <= 50 && ids.iter().collect::<BTreeSet<_>>().len() == ids.len()));
    assert!(looks.iter().any(|ids| ids.len() >= 10), "they share");
    assert_eq!(world.writes().len(), 100, "one deletion per backup");
    for (name, (reasons, writes)) in history.by_name() {
        let straight =
            reasons.iter().all(|reason| ["Available", "Deleting", "PendingDeletion", "Conflict"].contains(&&**reason));
        // The twins may contradict each other for as long as only one has changed its mind.
        assert!(
            straight && (writes <= 2 || name == "twin" || name == self::name(0)),
            "{name}: {reasons:?}, {writes} writes"
        );
    }
}

#[tokio::test]
async fn bad_ids_spoil_no_batch() {
    let world = World::new("economy-bad").await;
    world.backups(0..60);
    let effects = [
        (5, json!({"code": "CloudHsmInternalFailureException", "status": 500}), "AwsUnavailable"),
        (25, json!({"effect": "malformed"}), "AwsUnavailable"),
        (45, json!({"code": "CloudHsmInvalidRequestException", "status": 400}), "InvalidRequest"),
    ];
    for (n, effect, _) in &effects {
        let mut fault = effect.clone();
        fault["op"] = json!("DescribeBackups");
        fault["times"] = json!(-1);
        fault["backup_id"] = json!(id(*n));
        world.fault(fault);
    }
    let _operator = started_with(&world, "2s", &FAST).await;
    world.declare_all(0..60).await;
    world.all_are("Available", 57).await;
    for (n, _, reason) in &effects {
        world.reason(&name(*n), reason).await;
    }
    let good = 6..25;
    eventually("a sweep costs no more than it may", DEADLINE, async || {
        world.looked_at(good.clone(), world.emulator.requests(0).len(), 1).await;
        let looks = world.looked_at(good.clone(), world.emulator.requests(0).len(), 2).await;
        // Two sweeps of three, and a third that is under way.
        if looks <= 9 { Ok(()) } else { Err(format!("{looks}")) }
    })
    .await;
    let versions = world.versions().await;
    world.looked_at(good, world.emulator.requests(0).len(), 3).await;
    assert_eq!(world.versions().await, versions);
    world.flip_all(10..20, "Deleted").await;
    world.all_are("PendingDeletion", 10).await;

    // A bad one that is asked again says the same.
    world.look_again(&name(5)).await;
    world.reason(&name(5), "AwsUnavailable").await;
    world.heal();
    world.all_are("Available", 50).await;
}

#[tokio::test]
async fn ids_that_aws_refuses_as_unknown_are_not_found_and_cost_no_more_than_others() {
    let world = World::new("economy-unknown").await;
    world.emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    world.backups(0..55);
    let _operator = started_with(&world, "2s", &FAST).await;
    world.declare_all(0..60).await;
    world.all_are("BackupNotFound", 5).await;
    world.all_are("Available", 55).await;
    eventually("a sweep costs no more than it may", DEADLINE, async || {
        world.looked_at(0..55, world.emulator.requests(0).len(), 1).await;
        let looks = world.looked_at(0..55, world.emulator.requests(0).len(), 2).await;
        if looks <= 9 { Ok(()) } else { Err(format!("{looks}")) }
    })
    .await;
    world.backups(55..60);
    world.all_are("Available", 60).await;
}

#[tokio::test]
async fn a_restart_reads_each_page_once_and_writes_nothing_under_a_throttle_too() {
    const OBJECTS: usize = 300;
    let world = World::new("economy-restart").await;
    world.backups(0..OBJECTS);
    let operator = started_with(&world, "10m", &FAST).await;
    world.declare_all(0..OBJECTS).await;
    world.all_are("Available", OBJECTS).await;
    operator.kill();
    let versions = world.versions().await;
    let history = History::record_all(&world).await;
    world.emulator.behaviour(json!({"throttle": {"burst": 4, "per_second": 2}})).unwrap();
    let since = world.emulator.requests(0).len();
    let operator = started_with(&world, "10m", &["--aws-qps=2", "--aws-burst=4"]).await;
    eventually("the first sweep is complete", DEADLINE, async || {
        let (_, metrics) = operator.http_get("/metrics").await?;
        if metrics.contains("cloudhsm_backup_sweep_pages{") { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    crate::probes::serves(&operator, OBJECTS).await;
    let requests = world.emulator.requests(since);
    let looks = world.looks_since(since).len();
    let throttled = requests.iter().filter(|request| request["code"] != Value::Null).count();
    println!("{looks} looks, {throttled} throttled, {} requests", requests.len());
    assert!(looks <= OBJECTS.div_ceil(50) + 1 && throttled == 0, "{looks} looks, {throttled} throttled");
    assert_eq!(world.versions().await, versions);
    assert!(history.by_name().values().all(|(reasons, _)| reasons == &["Available"]));
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    for name in [
        "controller_runtime_reconcile_total{",
        "controller_runtime_reconcile_errors_total{",
        "controller_runtime_reconcile_time_seconds_count{",
        "controller_runtime_active_workers{controller=\"cloudhsmbackup\"}",
        "cloudhsm_backup_aws_requests_total{operation=\"DescribeBackups\",outcome=\"success\",code=\"\"}",
        "cloudhsm_backup_aws_request_duration_seconds_count{operation=\"DescribeBackups\"}",
        "cloudhsm_backup_sweep_age_seconds{account=\"111122223333\",region=\"us-east-1\"}",
        "cloudhsm_backup_sweep_pages{account=\"111122223333\",region=\"us-east-1\"} 6",
        "cloudhsm_backup_sweep_duration_seconds{account=\"111122223333\",region=\"us-east-1\"}",
        "cloudhsm_backup_build_info{",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name} in {metrics}");
    }
}

#[tokio::test]
async fn an_object_whose_region_is_only_found_later_is_swept_like_others() {
    let world = World::new("economy-late-region").await;
    world.backups(0..1);
    let operator = started_with(&world, "2s", &FAST).await;
    world.declare_all(0..1).await;
    let settled = world.reason(&name(0), "Available").await;
    operator.kill();
    let config = std::env::temp_dir().join(format!("{}-aws-config", world.namespace));
    std::fs::write(&config, "").unwrap();
    let operator = world.operator().env_remove("AWS_REGION").env("AWS_CONFIG_FILE", &config);
    let operator = ready(operator.env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "4s").start()).await;
    let looks = world.looks();
    std::fs::write(&config, "[default]\nregion = us-east-1\n").unwrap();
    eventually(
        "the region is found",
        DEADLINE,
        async || {
            if world.looks() > looks { Ok(()) } else { Err("not yet".to_owned()) }
        },
    )
    .await;
    world.more_looks(2).await;
    assert_eq!(world.object(&name(0)).await.metadata.resource_version, settled.metadata.resource_version);
    world.outside(
        &id(0),
        json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 86_400.0}),
    );
    world.event(&name(0), "Normal", "BackupRestored").await;
    drop(operator);
    std::fs::remove_file(config).unwrap();
}
