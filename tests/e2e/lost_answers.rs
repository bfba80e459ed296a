//! Writes whose answers are lost, and looks that lag behind the writes: each is made once, whatever is heard of it.

use std::time::Duration;

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{
    failed_writes::one_look_per_write,
    world::{World, id, ready, ready_condition},
};

const ID: &str = "backup-ro5c4er4aac";

/// The operation, the state before, what is declared, the reason in the end, and the event.
const WRITES: [(&str, &str, &str, &str, &str); 3] = [
    ("DeleteBackup", "READY", "Deleted", "PendingDeletion", "DeleteRequested"),
    ("RestoreBackup", "PENDING_DELETION", "Present", "Available", "RestoreRequested"),
    ("ModifyBackupAttributes", "READY", "Present", "Available", "RetentionChanged"),
];

#[tokio::test]
async fn a_write_that_took_effect_is_not_repeated_and_told_of_once_though_its_answer_is_lost() {
    let world = World::new("lost-answers").await;
    let effects = ["applied_drop", "applied_error", "applied_malformed", "drop", "error", "malformed"];
    let cases: Vec<_> = WRITES.iter().flat_map(|write| effects.iter().map(move |effect| (write, *effect))).collect();
    for (n, ((operation, ..), effect)) in cases.iter().enumerate() {
        world.fault(json!({"op": operation, "backup_id": id(n), "effect": effect}));
    }
    let _operator = world.started().await;
    for (n, (write, _)) in cases.iter().enumerate() {
        begin(&world, n, write).await;
    }
    for (n, ((operation, _, _, reason, event), effect)) in cases.iter().enumerate() {
        let name = format!("object-{n}");
        world.reason(&name, reason).await;
        let notes: Vec<_> = world.events(&name).await.into_iter().filter(|found| found.1 == *event).collect();
        assert_eq!(notes.len(), 1, "{operation} {effect}: {notes:?}");
        let requests = of(&world, operation, &id(n));
        assert_eq!(requests.len(), if effect.starts_with("applied") { 1 } else { 2 }, "{operation} {effect}");
        // Where AWS's answer arrived, whatever it said, its request id is known.
        let request_id = requests.last().and_then(|request| request["request_id"].as_str());
        if let Some(request_id) = request_id {
            assert!(notes[0].2.contains(request_id), "{operation} {effect} {request_id}: {}", notes[0].2);
        }
    }
    one_look_per_write(&world);
    let writes = world.writes().len();
    world.more_looks(5).await;
    assert_eq!(world.writes().len(), writes);
}

#[tokio::test]
async fn a_write_is_told_of_once_though_aws_falls_silent_right_after_it() {
    let world = World::new("silence").await;
    for (n, (operation, ..)) in WRITES.iter().enumerate() {
        world.fault(json!({"op": operation, "backup_id": id(n), "effect": "applied_drop"}));
        // The look that leads to the write succeeds, and the next ones don't.
        world.fault(json!({"op": "DescribeBackups", "backup_id": id(n), "after": 1, "times": 3, "effect": "drop"}));
    }
    let _operator = world.started().await;
    for (n, write) in WRITES.iter().enumerate() {
        begin(&world, n, write).await;
    }
    for (n, (operation, _, _, reason, event)) in WRITES.iter().enumerate() {
        let name = format!("object-{n}");
        world.reason(&name, reason).await;
        world.event(&name, "Normal", event).await;
        assert_eq!(world.events(&name).await.iter().filter(|found| found.1 == *event).count(), 1, "{operation}");
        assert_eq!(of(&world, operation, &id(n)).len(), 1, "{operation}");
        assert!(!world.events(&name).await.iter().any(|found| found.1 == "DriftDetected"), "{operation}");
    }
}

#[tokio::test]
async fn a_restore_that_took_effect_is_told_of_though_another_write_follows() {
    let world = World::new("restore-and-exempt").await;
    let _operator = world.started().await;
    for (n, effect) in ["applied_drop", "applied_error"].into_iter().enumerate() {
        let name = format!("object-{n}");
        world.backup(&id(n), "PENDING_DELETION", json!({"DeleteTimestamp": world.emulator.now() + 86_400.0}));
        world.fault(json!({"op": "RestoreBackup", "backup_id": id(n), "effect": effect}));
        world.declare(&name, &id(n), "Present", json!({"neverExpires": true})).await;
        let object = world.reason(&name, "Available").await;
        assert_eq!(object.status.unwrap().never_expires, Some(true));
        for event in ["RestoreRequested", "BackupRestored", "RetentionChanged"] {
            world.event(&name, "Normal", event).await;
        }
        assert_eq!(world.events(&name).await.len(), 3, "{:?}", world.events(&name).await);
        assert_eq!(world.writes().iter().filter(|write| write.1 == id(n)).count(), 2, "{effect}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_changes_nothing_in_the_end() {
    let world = World::new("late-answer").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    // The operator gives up on it long before, and AWS makes the change all the same.
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 18}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason_within("payments", "PendingDeletion", Duration::from_secs(40)).await;
    assert_eq!(world.state(ID), "PENDING_DELETION");
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Available").await;
    world.requests_reach("DeleteBackup", 2).await;
    world.more_looks(2).await;
    // It may have come after the restore: then it is drift, and put right.
    world.reason("payments", "Available").await;
    test_support::eventually("the backup is READY for good", test_support::DEADLINE, async || {
        if world.state(ID) == "READY" { Ok(()) } else { Err(world.state(ID)) }
    })
    .await;
    one_look_per_write(&world);
}

#[tokio::test]
async fn looks_that_lag_behind_a_write_lead_to_no_second_one_and_to_no_change() {
    let world = World::new("lagging").await;
    world.emulator.behaviour(json!({"describe_lag_seconds": 45})).unwrap();
    let _operator = world.started().await;
    for (n, write) in WRITES.iter().enumerate() {
        begin(&world, n, write).await;
    }
    let mut versions = Vec::new();
    for (n, (_, _, _, reason, _)) in WRITES.iter().enumerate() {
        versions.push(world.reason(&format!("object-{n}"), reason).await.resource_version());
    }
    world.more_looks(3 * WRITES.len()).await;
    world.emulator.advance(50.0).unwrap();
    world.more_looks(3 * WRITES.len()).await;
    for (n, version) in versions.into_iter().enumerate() {
        let object = world.object(&format!("object-{n}")).await;
        assert_eq!(object.resource_version(), version, "{:?}: {:?}", WRITES[n], object.status);
        assert!(!world.events(&object.name_any()).await.iter().any(|event| event.1 == "DriftDetected"));
    }
    assert_eq!(world.writes().len(), WRITES.len());
}

#[tokio::test]
async fn a_change_of_mind_while_aws_lags_ends_as_declared() {
    let world = World::new("lagging-flips").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    world.emulator.behaviour(json!({"describe_lag_seconds": 45})).unwrap();

    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    let object = world.reason("payments", "Restoring").await;
    assert_eq!(ready_condition(&object).status, "False", "AWS disagrees, whatever its looks show");
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Restoring").await;
    world.more_looks(2).await;
    assert_eq!(world.writes().len(), 1, "until AWS shows the first write there is no second");

    world.emulator.advance(50.0).unwrap();
    let restored = world.reason("payments", "Available").await;
    world.more_looks(2).await;
    assert_eq!(world.object("payments").await.resource_version(), restored.resource_version());
    world.emulator.advance(50.0).unwrap();
    world.more_looks(2).await;
    assert_eq!(world.object("payments").await.resource_version(), restored.resource_version());
    let operations: Vec<_> = world.writes().into_iter().map(|write| write.0).collect();
    assert_eq!(operations, ["DeleteBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn lost_answers_restarts_and_lag_together_still_end_as_declared() {
    let world = World::new("all-at-once").await;
    world.emulator.behaviour(json!({"describe_lag_seconds": 10})).unwrap();
    world.backup(ID, "READY", json!({}));
    world.fault(json!({"op": "DeleteBackup", "effect": "applied_drop"}));
    let operator = world.started().await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.requests_reach("DeleteBackup", 1).await;
    operator.kill();
    drop(operator);
    world.edit("payments", json!({"desiredState": "Present"})).await;
    let _operator = ready(world.operator().start()).await;
    // The new process sees READY, as AWS lags, and can't know better. Once AWS shows the deletion it is undone.
    world.requests_reach("RestoreBackup", 1).await;
    world.reason("payments", "Available").await;
    assert_eq!(world.state(ID), "READY");
    world.emulator.advance(11.0).unwrap();
    world.more_looks(2).await;
    let operations: Vec<_> = world.writes().into_iter().map(|write| write.0).collect();
    assert_eq!(operations, ["DeleteBackup", "RestoreBackup"]);
}

/// Declares what makes this write due.
async fn begin(world: &World, n: usize, (operation, state, desired, ..): &(&str, &str, &str, &str, &str)) {
    let end = if *state == "READY" { Value::Null } else { json!(world.emulator.now() + 86_400.0) };
    world.backup(&id(n), state, json!({"DeleteTimestamp": end}));
    let spec = if *operation == "ModifyBackupAttributes" { json!({"neverExpires": true}) } else { json!({}) };
    world.declare(&format!("object-{n}"), &id(n), desired, spec).await;
}

fn of(world: &World, operation: &str, id: &str) -> Vec<Value> {
    world.requests_of(operation).into_iter().filter(|request| request["input"]["BackupId"] == id).collect()
}
