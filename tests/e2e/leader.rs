//! Leader election: of several processes one acts, and one whose time is over sends nothing any more.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, consistently, eventually};

use crate::{
    election::{
        LEASE, identity, leading, leads, lease, operations, replica, requests_by, standing_by, under_way, woken,
    },
    history::History,
    probes::{series, serves},
    world::{ACCOUNT, World, id},
};

const ID: &str = "backup-ro5c4er4aac";
/// What may come on top of the Lease, for a process that stands by and is warm.
const COLD_START: Duration = Duration::from_secs(5);

#[tokio::test]
async fn one_acts_and_the_standby_is_ready_and_sends_nothing_to_anyone() {
    let world = World::new("leader-standby").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    // It has an AWS of its own, so that whatever it might send shows.
    let its_aws = cloudhsm_emulator::Emulator::start(cloudhsm_emulator::Options::default()).unwrap();
    let standby = standing_by(replica(&world, "second").aws(&its_aws.url(), ACCOUNT)).await;

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
async fn a_standby_takes_over_with_the_objects_as_they_are_by_then_and_writes_nothing_about_what_it_finds_done() {
    let world = World::new("leader-warm").await;
    world.backup(ID, "READY", json!({}));
    let leader = leading(&world, replica(&world, "first")).await;
    let standby = standing_by(replica(&world, "second")).await;
    // It comes to know the object while that has no status yet, and can do nothing with it.
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    for (desired, reason) in [("Deleted", "PendingDeletion"), ("Present", "Available")] {
        world.edit("payments", json!({"desiredState": desired})).await;
        world.reason("payments", reason).await;
    }
    world.more_looks(2).await;
    let history = History::record(&world, "payments").await;
    leader.terminate();
    serves(&standby, 1).await;
    let looks = requests_by(&world, "second", "DescribeBackups").len();
    eventually("the new leader looks again", DEADLINE, async || {
        let now = requests_by(&world, "second", "DescribeBackups").len();
        if now >= looks + 2 { Ok(()) } else { Err(format!("{now}")) }
    })
    .await;
    let versions: Vec<_> = history.objects().into_iter().map(|object| object.status).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert_eq!(operations(&world), ["DeleteBackup", "RestoreBackup"]);
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
