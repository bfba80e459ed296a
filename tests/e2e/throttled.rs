//! AWS lets through so many requests and no more.

use std::time::Instant;

use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use crate::{
    crowd::{FAST, name, started_with},
    history::History,
    world::{World, id},
};

/// How a flip of all objects went.
struct Flip {
    requests: usize,
    throttled: usize,
}

/// Settles objects, then has AWS throttle, and flips them all.
async fn flip(world: &World, objects: usize, throttle: Value, flags: &[&str]) -> Flip {
    world.backups(0..objects);
    let settling = started_with(world, "10m", &FAST).await;
    world.declare_all(0..objects).await;
    world.all_are("Available", objects).await;
    settling.kill();
    let _operator = started_with(world, "5m", flags).await;
    world.looked_at(0..objects, 0, 2).await;
    world.emulator.behaviour(json!({"throttle": throttle})).unwrap();
    let history = History::record_all(world).await;
    let since = world.emulator.requests(0).len();
    let began = Instant::now();
    world.flip_all(0..objects, "Deleted").await;
    world.all_are("PendingDeletion", objects).await;
    let took = began.elapsed();
    let requests = world.emulator.requests(since);
    let code = |request: &&Value| request["code"] == "ThrottlingException";
    let flip = Flip { requests: requests.len(), throttled: requests.iter().filter(code).count() };
    let looks = requests.iter().filter(|request| request["op"] == "DescribeBackups").count();
    let (mut statuses, mut most) = (0, 0);
    for (name, (reasons, writes)) in history.by_name() {
        let ways: [&[&str]; 2] = [&["Available", "PendingDeletion"], &["Available", "Deleting", "PendingDeletion"]];
        if flags.is_empty() {
            assert!(ways.iter().any(|way| reasons == *way) && writes <= 2, "{name}: {reasons:?}, {writes} writes");
        }
        // However throttled: an object never claims what it doesn't yet know, and takes no claim back.
        assert_eq!(reasons.iter().filter(|reason| *reason == "PendingDeletion").count(), 1, "{name}: {reasons:?}");
        assert_eq!(reasons.last().map(String::as_str), Some("PendingDeletion"), "{name}: {reasons:?}");
        statuses += writes;
        most = most.max(writes);
    }
    println!(
        "{objects} flips under {throttle}: {took:?}, {} requests, {looks} looks, {} throttled, {statuses} statuses written, {most} at most",
        flip.requests, flip.throttled
    );
    let deleted = world.requests_of("DeleteBackup").iter().filter(|request| request["code"] == Value::Null).count();
    assert_eq!(deleted, objects);
    flip
}

#[tokio::test]
async fn two_hundred_flips_within_what_aws_lets_through_waste_next_to_nothing() {
    let world = World::new("throttled-fit").await;
    let flip = flip(&world, 200, json!({"burst": 40, "per_second": 10}), &[]).await;
    assert!(flip.throttled * 20 <= flip.requests, "{} of {} throttled", flip.throttled, flip.requests);
}

#[tokio::test]
async fn where_aws_lets_through_less_than_the_operator_takes_they_converge_all_the_same() {
    let world = World::new("throttled-less").await;
    // The flags are the defaults, said aloud.
    let flip = flip(&world, 60, json!({"burst": 10, "per_second": 5}), &["--aws-qps=10"]).await;
    assert!(flip.requests <= 60 * 3, "{} requests for 60 flips", flip.requests);
}

#[tokio::test]
async fn where_aws_is_slow_and_many_wait_all_come_to_their_turn() {
    let world = World::new("throttled-slow").await;
    world.backups(0..40);
    let settling = started_with(&world, "10m", &FAST).await;
    world.declare_all(0..40).await;
    world.all_are("Available", 40).await;
    settling.kill();
    let _operator = started_with(&world, "10m", &["--aws-qps=4", "--aws-burst=2"]).await;
    world.looked_at(0..40, 0, 2).await;
    // Longer than a pass waits for a look.
    world.emulator.behaviour(json!({"latency_ms": 700})).unwrap();
    let since = world.emulator.requests(0).len();
    world.flip_all(0..40, "Deleted").await;
    world.all_are("PendingDeletion", 40).await;
    let (requests, looks) = (world.emulator.requests(since).len(), world.looks_since(since).len());
    println!("{requests} requests, {looks} looks for 40 flips");
    assert!(requests <= 160, "{requests} requests");
}

#[tokio::test]
async fn a_flip_goes_before_the_sweep_and_many_flips_do_not_stop_it() {
    const OBJECTS: usize = 300;
    let world = World::new("throttled-first").await;
    world.backups(0..OBJECTS);
    let settling = started_with(&world, "10m", &FAST).await;
    world.declare_all(0..OBJECTS).await;
    world.all_are("Available", OBJECTS).await;
    settling.kill();
    // A sweep takes three seconds and one begins each second: there is always one under way.
    let _operator = started_with(&world, "1s", &["--aws-qps=2", "--aws-burst=2"]).await;
    world.looked_at(0..OBJECTS, 0, 3).await;
    for n in [0, 150, 299] {
        let since = world.emulator.requests(0).len();
        world.edit(&name(n), json!({"desiredState": "Deleted"})).await;
        world.reason(&name(n), "PendingDeletion").await;
        let requests = world.emulator.requests(since);
        let first = requests.iter().position(|request| request["op"] == "DeleteBackup").unwrap();
        // A page of the sweep that was under way, one that was next, the look, and the deletion.
        assert!(first <= 4, "{first} requests before it: {requests:?}");
    }
    // Others change their minds all the time.
    let since = world.emulator.requests(0).len();
    let fewest = || {
        let looks = world.looks_since(since);
        let times = (20..OBJECTS).map(|n| {
            let id = id(n);
            looks.iter().filter(|ids| ids.as_ref().is_none_or(|ids| ids.contains(&id))).count()
        });
        times.min().unwrap_or_default()
    };
    let end = Instant::now() + DEADLINE;
    let mut flips = 0;
    while fewest() < 2 {
        assert!(Instant::now() < end, "the sweep doesn't come on: {} after {flips} flips", fewest());
        let desired = if flips / 20 % 2 == 0 { "Deleted" } else { "Present" };
        world.edit(&name(flips % 20), json!({"desiredState": desired})).await;
        flips += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let writes = world.emulator.requests(since).iter().filter(|request| request["op"] != "DescribeBackups").count();
    println!("{flips} flips, {writes} writes while the sweep came around twice");
    assert!(writes > 0);
    world.flip_all(0..20, "Present").await;
    eventually("they end as declared", DEADLINE * 2, async || {
        let wrong: Vec<usize> = (1..20).filter(|n| world.state(&id(*n)) != "READY").collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}")) }
    })
    .await;
}

#[tokio::test]
async fn while_aws_lags_sweeps_lead_to_no_second_write_and_no_flap() {
    let world = World::new("throttled-lag").await;
    world.backups(0..10);
    let operator = started_with(&world, "1s", &FAST).await;
    world.declare_all(0..10).await;
    world.all_are("Available", 10).await;
    let history = History::record_all(&world).await;
    world.emulator.behaviour(json!({"describe_lag_seconds": 30})).unwrap();
    for (flip, (desired, reason)) in [("Deleted", "PendingDeletion"), ("Present", "Available")].into_iter().enumerate()
    {
        world.flip_all(0..10, desired).await;
        world.all_are(reason, 10).await;
        let since = world.emulator.requests(0).len();
        // Sweeps that show what was before.
        let looks = world.looked_at(0..10, since, 5).await;
        // One a second, and those after 2 and 4 seconds.
        assert!(looks <= 5 + 4, "{looks} looks in five sweeps");
        world.emulator.advance(31.0).unwrap();
        world.looked_at(0..10, world.emulator.requests(0).len(), 2).await;
        assert_eq!(world.writes().len(), 10 * (flip + 1));
    }
    for (name, (reasons, writes)) in history.by_name() {
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).filter(|reason| !reason.ends_with("ing")).collect();
        let reasons: Vec<&str> = reasons.into_iter().filter(|reason| *reason != "PendingDeletion").collect();
        assert!(reasons.iter().all(|reason| *reason == "Available") && writes <= 4, "{name}: {reasons:?}, {writes}");
    }
    assert_eq!(crate::probes::series(&operator, "cloudhsm_backup_drift_total").await, Vec::<String>::new());
    for n in 0..10 {
        assert_eq!(world.events_with(&name(n), "DriftDetected").await, 0);
    }
}

#[tokio::test]
async fn where_aws_is_slow_and_changed_by_others_all_are_put_right() {
    const OBJECTS: usize = 30;
    let world = World::new("throttled-drift").await;
    world.backups(0..OBJECTS);
    let settling = started_with(&world, "10m", &FAST).await;
    world.declare_all(0..OBJECTS).await;
    world.all_are("Available", OBJECTS).await;
    settling.kill();
    let _operator = started_with(&world, "20s", &["--aws-qps=3", "--aws-burst=2"]).await;
    world.looked_at(0..OBJECTS, 0, 2).await;
    world.emulator.behaviour(json!({"latency_ms": 700})).unwrap();
    let end = world.emulator.now() + 86_400.0;
    let gone = |n| json!({"BackupId": id(n), "BackupState": "PENDING_DELETION", "DeleteTimestamp": end, "NeverExpires": false});
    let since = world.emulator.requests(0).len();
    world.emulator.put_backups(json!((0..OBJECTS).map(gone).collect::<Vec<_>>())).unwrap();
    eventually("all are restored", DEADLINE * 2, async || {
        let restored = (0..OBJECTS).filter(|n| world.state(&id(*n)) == "READY").count();
        if restored == OBJECTS { Ok(()) } else { Err(format!("{restored}")) }
    })
    .await;
    let (requests, looks) = (world.emulator.requests(since).len(), world.looks_since(since).len());
    println!("{requests} requests, {looks} looks to restore {OBJECTS}");
    assert!(requests <= 3 * OBJECTS, "{requests} requests");
}
