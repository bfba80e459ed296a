//! SIGTERM: what is under way is finished and told of, and nothing else is begun.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::world::{World, id, ready};

const ID: &str = "backup-ro5c4er4aac";

#[tokio::test]
async fn an_idle_operator_ends_at_once_and_well() {
    let world = World::new("stop-idle").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    world.more_looks(1).await;
    let asked = Instant::now();
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_write_under_way_is_waited_for_and_its_result_is_in_the_status() {
    let world = World::new("stop-writing").await;
    for n in 0..3 {
        world.backup(&id(n), "READY", json!({}));
        world.fault(json!({"op": "DeleteBackup", "backup_id": id(n), "effect": "delay", "delay_seconds": 3}));
    }
    let operator = world.started().await;
    for n in 0..3 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    under_way(&world).await;
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0));
    for n in 0..3 {
        let name = format!("object-{n}");
        // Nobody is left to write it: it must be there by now.
        world.reason_within(&name, "PendingDeletion", Duration::from_secs(1)).await;
        let events = world.events(&name).await;
        assert_eq!(events.iter().filter(|event| event.1 == "DeleteRequested").count(), 1, "{events:?}");
    }
    assert_eq!(world.writes().len(), 3);
}

#[tokio::test]
async fn a_look_under_way_leads_to_no_write_any_more() {
    let world = World::new("stop-looking").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.fault(json!({"op": "DescribeBackups", "effect": "delay", "delay_seconds": 3}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    under_way(&world).await;
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(world.writes(), []);
    assert_eq!(world.state(ID), "READY");
    let _operator = ready(world.operator().start()).await;
    world.reason("payments", "PendingDeletion").await;
}

#[tokio::test]
async fn aws_that_hangs_keeps_it_from_ending_for_30_seconds_at_most() {
    let world = World::new("stop-hanging").await;
    for n in 0..4 {
        world.backup(&id(n), "READY", json!({}));
    }
    let operator = world.started().await;
    world.fault(json!({"times": -1, "effect": "delay", "delay_seconds": 60}));
    for n in 0..4 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    // The call that hangs shows nowhere before its time, so the log of the faults can't tell; the metrics of the operator can.
    eventually("objects are being looked after", DEADLINE, async || {
        let (_, metrics) = operator.http_get("/metrics").await?;
        if metrics.contains("Timeout") { Ok(()) } else { Err("no time-out yet".to_owned()) }
    })
    .await;
    let asked = Instant::now();
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(40)).await;
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(31), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_api_server_that_hangs_keeps_it_from_ending_for_30_seconds_at_most() {
    let (_alone, world) = World::alone("stop-frozen").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 1}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    under_way(&world).await;
    world.control_plane.pause_apiserver().await;
    let asked = Instant::now();
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(40)).await;
    let took = asked.elapsed();
    world.control_plane.resume_apiserver().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(31), "{took:?}");
    // The next process takes it up where AWS is.
    let _operator = world.started().await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test]
async fn a_process_that_is_not_ready_yet_ends_at_once_and_well() {
    let (_alone, world) = World::alone("stop-early").await;
    world.backup(ID, "READY", json!({}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    // It gets as far as asking the API server, which doesn't answer.
    world.control_plane.pause_apiserver().await;
    let operator = world.operator().start();
    operator.address().await;
    let asked = Instant::now();
    operator.terminate();
    let status = operator.wait_exit(Duration::from_secs(40)).await;
    let took = asked.elapsed();
    world.control_plane.resume_apiserver().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(world.writes(), []);
}

async fn under_way(world: &World) {
    eventually("the requests are under way", DEADLINE, async || {
        let left = world.emulator.faults();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}
