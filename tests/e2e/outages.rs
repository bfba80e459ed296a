//! The API server is away: nothing is written to AWS on what was read before, the process stays, and goes on by itself.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{DEADLINE, Operator, eventually};

use crate::world::{World, id, ready};

const ID: &str = "backup-ro5c4er4aac";

/// A read justifies an AWS write for this long.
const FRESH: f64 = 5.0;

#[tokio::test]
async fn without_the_api_server_nothing_is_written_to_aws_and_afterwards_it_goes_on() {
    let (_alone, world) = World::alone("outage").await;
    world.backup(ID, "READY", json!({}));
    let operator = alone(&world).await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;

    world.control_plane.stop_apiserver().await;
    // Somebody else deletes the backup. To restore it the object would have to be read.
    world.outside(ID, json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 604_800.0}));
    world.more_looks(3).await;
    assert_eq!(world.writes(), []);
    assert!(operator.try_exit().is_none());
    assert_eq!(operator.http_get("/healthz").await.unwrap().0, 200);
    assert_eq!(operator.http_get("/readyz").await.unwrap().0, 200);

    world.control_plane.start_apiserver().await;
    let back = Instant::now();
    world.event("payments", "Normal", "DriftDetected").await;
    world.event("payments", "Normal", "RestoreRequested").await;
    world.reason("payments", "Available").await;
    assert!(back.elapsed() < Duration::from_secs(30), "{:?}", back.elapsed());
    // Changes are seen again too.
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn an_api_server_that_freezes_between_look_and_write_stops_the_write() {
    let (_alone, world) = World::alone("frozen").await;
    world.backup(ID, "READY", json!({}));
    let operator = alone(&world).await;
    world.fault(json!({"op": "DescribeBackups", "effect": "delay", "delay_seconds": 3}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    eventually("the look is under way", DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.control_plane.pause_apiserver().await;
    // The look is answered, and so are several after it. Each finds a deletion due.
    world.requests_reach("DescribeBackups", 4).await;
    assert_eq!(world.writes(), []);

    // Had the wish been taken back meanwhile, it would have to count. Here it stands.
    world.control_plane.resume_apiserver().await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(world.writes().len(), 1);
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn a_write_whose_status_could_not_be_stored_is_not_repeated() {
    let (_alone, world) = World::alone("unstored").await;
    world.backup(ID, "READY", json!({}));
    let operator = alone(&world).await;
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 2}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    eventually("the deletion is under way", DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.control_plane.stop_apiserver().await;
    world.requests_reach("DeleteBackup", 1).await;
    world.more_looks(2).await;
    world.control_plane.start_apiserver().await;
    world.reason("payments", "PendingDeletion").await;
    world.more_looks(2).await;
    assert_eq!(world.writes().len(), 1);
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn a_wish_taken_back_while_the_operator_is_cut_off_is_not_carried_out() {
    let (_alone, world) = World::alone("taken-back").await;
    for n in 0..5 {
        world.backup(&id(n), "READY", json!({}));
    }
    let operator = alone(&world).await;
    world.fault(json!({"op": "DescribeBackups", "times": -1}));
    for n in 0..5 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
        world.reason(&format!("object-{n}"), "AwsUnavailable").await;
    }
    // It stands still while the wish is taken back and AWS is well again.
    operator.pause();
    for n in 0..5 {
        world.edit(&format!("object-{n}"), json!({"desiredState": "Present"})).await;
    }
    world.heal();
    operator.resume();
    for n in 0..5 {
        world.reason(&format!("object-{n}"), "Available").await;
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_process_that_stood_still_with_a_permit_in_hand_reads_the_object_again() {
    let world = World::new("stood-still").await;
    world.backup(ID, "READY", json!({}));
    let operator = ready(world.operator().start()).await;
    // Each round stops the process at another moment of its pass, for longer than a read justifies anything.
    for round in 0..4_u64 {
        let looks = world.looks();
        world.declare("payments", ID, "Deleted", json!({})).await;
        eventually(
            "the next look",
            DEADLINE,
            async || {
                if world.looks() > looks { Ok(()) } else { Err("not yet".to_owned()) }
            },
        )
        .await;
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        operator.pause();
        let paused = world.emulator.now();
        world.edit("payments", json!({"desiredState": "Present"})).await;
        eventually("what was read is old", DEADLINE, async || {
            if world.emulator.now() > paused + FRESH + 0.5 { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        let resumed = world.emulator.now();
        operator.resume();
        world.reason("payments", "Available").await;
        assert_eq!(world.state(ID), "READY");
        let late = world.requests_of("DeleteBackup");
        assert!(!late.iter().any(|request| request["time"].as_f64().unwrap() > resumed), "round {round}: {late:?}");
    }
}

async fn alone(world: &World) -> Operator {
    ready(world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1s").start()).await
}
