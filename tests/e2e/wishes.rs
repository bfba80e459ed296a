//! What people do while AWS fails: suspend, ask, agree, give up.

use std::time::{Duration, Instant};

use cloudhsm_backup_operator::api::{RECONCILING, STALLED};
use kube::{ResourceExt, api::DeleteParams};
use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::world::{World, has, id, ready, ready_condition};

const ID: &str = "backup-ro5c4er4aac";
const RESYNC: &str = "CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL";

#[tokio::test]
async fn suspending_ends_the_tries_of_a_write_that_fails_and_resuming_takes_them_up_at_once() {
    let world = World::new("suspend-failing").await;
    world.backup(ID, "READY", json!({}));
    let _operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    world.fault(json!({"op": "DeleteBackup", "times": -1, "code": "AccessDeniedException"}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "AccessDenied").await;
    world.edit("payments", json!({"suspend": true})).await;
    let object = world.reason("payments", "Suspended").await;
    assert!(!has(&object, STALLED) && !has(&object, RECONCILING));
    let tries = world.writes().len();
    world.more_looks(3).await;
    assert_eq!(world.writes().len(), tries);
    assert_eq!(world.object("payments").await.resource_version(), object.resource_version());
    world.heal();
    world.edit("payments", json!({"suspend": null})).await;
    world.reason("payments", "PendingDeletion").await;
}

#[tokio::test]
async fn removing_an_object_whose_write_fails_ends_the_tries() {
    let world = World::new("remove-failing").await;
    world.backup(ID, "READY", json!({}));
    let operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    world.fault(json!({"op": "DeleteBackup", "times": -1}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "AwsUnavailable").await;
    world.api().delete("payments", &DeleteParams::default()).await.unwrap();
    eventually("the operator knows", DEADLINE, async || {
        let (_, metrics) = operator.http_get("/metrics").await?;
        if metrics.contains("name=\"payments\"") { Err(metrics) } else { Ok(()) }
    })
    .await;
    let tries = world.writes().len();
    world.heal();
    // Another object's looks show that time goes by.
    world.backup(&id(0), "READY", json!({}));
    world.declare("other", &id(0), "Present", json!({})).await;
    world.reason("other", "Available").await;
    world.more_looks(3).await;
    assert_eq!(world.writes().len(), tries);
    assert_eq!(world.state(ID), "READY");
}

#[tokio::test]
async fn objects_that_agree_share_the_failure_and_the_call() {
    let world = World::new("agreeing").await;
    world.backup(ID, "READY", json!({}));
    let _operator = ready(world.operator().env(RESYNC, "5m").start()).await;
    world.fault(json!({"op": "DeleteBackup", "times": 2, "code": "AccessDeniedException"}));
    for name in ["first", "second"] {
        world.declare(name, ID, "Deleted", json!({})).await;
        world.reason(name, "AccessDenied").await;
    }
    // Both were new, so each had its try; the next one, whoever asks for it, is for both.
    world.ask("first", "now").await;
    world.reason_within("first", "PendingDeletion", Duration::from_secs(20)).await;
    world.reason_within("second", "PendingDeletion", Duration::from_secs(20)).await;
    assert_eq!(world.writes().len(), 3);
}

#[tokio::test]
async fn a_failure_keeps_its_status_unknown_until_a_look_succeeds_and_a_stale_one_becomes_false_when_asked() {
    let world = World::new("unknown-false").await;
    for n in 0..2 {
        world.backup(&id(n), "READY", json!({}));
    }
    let _operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    world.declare("known", &id(0), "Present", json!({})).await;
    world.reason("known", "Available").await;
    world.fault(json!({"op": "DescribeBackups", "times": -1, "code": "AccessDeniedException"}));
    world.declare("new", &id(1), "Present", json!({})).await;
    let status = |object| ready_condition(&object).status;
    assert_eq!(status(world.reason("new", "AccessDenied").await), "Unknown");
    assert_eq!(status(world.reason("known", "AccessDenied").await), "Unknown", "nothing was asked for");
    // Asked again, the object that was seen is False, and the one that never was stays Unknown.
    for (name, expected) in [("new", "Unknown"), ("known", "False")] {
        world.ask(name, "now").await;
        assert_eq!(status(world.answered(name, "now").await), expected, "{name}");
        let edited = world.edit(name, json!({"suspend": false})).await;
        assert_eq!(status(world.reason(name, "AccessDenied").await), expected, "{name}");
        assert!(edited.metadata.generation > Some(1));
    }
    world.more_looks(4).await;
    assert_eq!(status(world.object("known").await), "False", "for as long as what was asked for is open");
    world.heal();
    world.reason("known", "Available").await;
    world.reason("new", "Available").await;
    for name in ["known", "new"] {
        let warnings = world.events(name).await.into_iter().filter(|event| event.0 == "Warning").count();
        assert_eq!(warnings, 1, "{name}");
    }
}

#[tokio::test]
async fn another_failure_is_another_message_and_another_way_to_go_on() {
    let world = World::new("changing-failure").await;
    world.backup(ID, "READY", json!({}));
    let _operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    let codes = [
        ("CloudHsmInternalFailureException", "AwsUnavailable", false),
        ("AccessDeniedException", "AccessDenied", true),
        ("ThrottlingException", "Throttled", false),
        ("CloudHsmInvalidRequestException", "InvalidRequest", true),
        ("AccessDeniedException", "AccessDenied", true),
        ("ExpiredTokenException", "NoCredentials", false),
    ];
    world.fault(json!({"op": "DescribeBackups", "times": -1, "code": codes[0].0}));
    world.declare("payments", ID, "Present", json!({})).await;
    for (code, reason, stalled) in codes {
        // The next failure takes the place of the one before without a good look between.
        world.emulator.control("DELETE", "/_control/faults", None).unwrap();
        world.fault(json!({"op": "DescribeBackups", "times": -1, "code": code}));
        let object = world.reason("payments", reason).await;
        assert_eq!((has(&object, STALLED), has(&object, RECONCILING)), (stalled, !stalled), "{code}");
    }
    let warnings: Vec<_> = world.events("payments").await.into_iter().map(|event| event.1).collect();
    assert_eq!(warnings, ["AccessDenied", "InvalidRequest", "AccessDenied"], "one for each way into Stalled");
}

#[tokio::test]
async fn a_restart_while_aws_fails_changes_nothing_and_warns_of_nothing_again() {
    let world = World::new("restart-failing").await;
    for n in 0..2 {
        world.backup(&id(n), "READY", json!({}));
    }
    let operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    world.declare("settled", &id(0), "Present", json!({})).await;
    let settled = world.reason("settled", "Available").await;
    world.fault(json!({"op": "DeleteBackup", "times": -1, "code": "AccessDeniedException"}));
    world.declare("failing", &id(1), "Deleted", json!({})).await;
    let failing = world.reason("failing", "AccessDenied").await;
    world.event("failing", "Warning", "AccessDenied").await;
    operator.kill();
    drop(operator);

    let tries = world.writes().len();
    let _operator = ready(world.operator().env(RESYNC, "1s").start()).await;
    eventually("it is tried again", DEADLINE, async || {
        if world.writes().len() > tries + 1 { Ok(()) } else { Err(format!("{}", world.writes().len())) }
    })
    .await;
    assert_eq!(world.object("settled").await.resource_version(), settled.resource_version());
    assert_eq!(world.object("failing").await.resource_version(), failing.resource_version());
    assert_eq!(world.events("failing").await.len(), 1);
}

#[tokio::test]
async fn a_restart_into_an_outage_leaves_settled_objects_alone_for_three_intervals() {
    let world = World::new("restart-outage").await;
    world.backup(ID, "READY", json!({}));
    let operator = ready(world.operator().start()).await;
    world.declare("payments", ID, "Present", json!({})).await;
    let settled = world.reason("payments", "Available").await;
    operator.kill();
    drop(operator);
    world.fault(json!({"op": "DescribeBackups", "times": -1}));
    let _operator = ready(world.operator().start()).await;
    let started = Instant::now();
    let object = world.reason("payments", "AwsUnavailable").await;
    assert_eq!(ready_condition(&object).status, "Unknown");
    assert!(started.elapsed() > crate::world::RESYNC * 2, "{:?}", started.elapsed());
    assert_eq!(object.status.unwrap().backup_arn, settled.status.unwrap().backup_arn);
    world.heal();
    world.reason("payments", "Available").await;
}

#[tokio::test]
async fn a_look_that_hangs_for_one_backup_keeps_no_other_waiting() {
    let world = World::new("one-hangs").await;
    for n in 0..6 {
        world.backup(&id(n), "READY", json!({}));
    }
    let _operator = ready(world.operator().env(RESYNC, "5m").start()).await;
    world.fault(json!({"op": "DescribeBackups", "effect": "delay", "delay_seconds": 8}));
    world.declare("hanging", &id(0), "Deleted", json!({})).await;
    eventually("the look hangs", DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    for n in 1..6 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    for n in 1..6 {
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
    }
    assert_eq!(world.state(&id(0)), "READY", "the others didn't wait for it");
    world.reason("hanging", "PendingDeletion").await;
}
