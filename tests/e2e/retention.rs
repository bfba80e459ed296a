//! Backups that a cluster's retention takes: restored, exempted, and explained.

use serde_json::json;

use crate::{
    probes::{id, ready_and_message},
    world::World,
};

const HINT: &str = "retention will take it again";

#[tokio::test]
async fn a_backup_that_retention_took_is_restored_with_the_hint_that_it_will_be_taken_again() {
    let world = World::new("retention").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("taken", &id(0), "Present", json!({})).await;
    world.reason("taken", "Available").await;
    let end = world.emulator.now() + 86_400.0;
    world.outside(&id(0), json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": end}));
    let note = world.event("taken", "Normal", "RestoreRequested").await;
    assert!(note.contains(HINT) && note.contains("neverExpires"), "{note}");
    world.event("taken", "Normal", "BackupRestored").await;
    world.event("taken", "Normal", "DriftDetected").await;
    let (_, message) = ready_and_message(&world.reason("taken", "Available").await);
    assert!(message.contains(HINT) && message.contains("neverExpires"), "{message}");

    world.edit("taken", json!({"neverExpires": true})).await;
    let (_, message) = ready_and_message(&world.reason("taken", "Available").await);
    assert!(!message.contains("retention"), "exempt by now: {message}");
    let note = world.event("taken", "Normal", "RetentionChanged").await;
    let request =
        world.emulator.requests(0).into_iter().find(|request| request["op"] == "ModifyBackupAttributes").unwrap();
    assert!(note.contains(request["request_id"].as_str().unwrap()), "{note}");
}

#[tokio::test]
async fn there_is_no_such_hint_where_the_user_had_it_deleted_or_something_exempts_it() {
    let world = World::new("no-retention").await;
    let deleted = json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 86_400.0});
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "READY", json!({"NeverExpires": true}));
    world.backup(&id(2), "READY", json!({"ClusterId": null, "SourceRegion": "eu-west-1"}));
    world.backup(&id(3), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("reverted", &id(0), "Deleted", json!({})).await;
    world.declare("exempt", &id(1), "Present", json!({})).await;
    world.declare("copy", &id(2), "Present", json!({})).await;
    world.declare("to-be-exempt", &id(3), "Present", json!({"neverExpires": true})).await;
    world.reason("reverted", "PendingDeletion").await;
    world.edit("reverted", json!({"desiredState": "Present"})).await;
    for (name, number) in [("exempt", 1), ("copy", 2), ("to-be-exempt", 3)] {
        world.reason(name, "Available").await;
        world.outside(&id(number), deleted.clone());
    }
    for name in ["reverted", "exempt", "copy", "to-be-exempt"] {
        let note = world.event(name, "Normal", "RestoreRequested").await;
        assert!(!note.contains("retention"), "{name}: {note}");
        world.event(name, "Normal", "BackupRestored").await;
        let (_, message) = ready_and_message(&world.reason(name, "Available").await);
        assert!(!message.contains("retention"), "{name}: {message}");
    }
}

#[tokio::test]
async fn an_exemption_waits_for_the_restore_and_shows_in_the_status() {
    let world = World::new("exemption").await;
    world.backup(&id(0), "PENDING_DELETION", json!({"DeleteTimestamp": world.emulator.now() + 86_400.0}));
    let _operator = world.started().await;
    let slow = json!([{"op": "ModifyBackupAttributes", "effect": "delay", "delay_seconds": 3}]);
    world.emulator.push_faults(slow).unwrap();
    world.declare("exempt", &id(0), "Present", json!({"neverExpires": true})).await;
    let object = world.reason("exempt", "Available").await;
    assert_eq!(world.writes_of(&id(0)), ["RestoreBackup", "ModifyBackupAttributes"]);
    assert_eq!(object.status.unwrap().never_expires, Some(true));
    world.event("exempt", "Normal", "RetentionChanged").await;

    world.edit("exempt", json!({"neverExpires": null})).await;
    world.reason("exempt", "Available").await;
    world.look_again("exempt").await;
    world.edit("exempt", json!({"neverExpires": false})).await;
    world.reason("exempt", "Available").await;
    assert_eq!(world.writes_of(&id(0)), ["RestoreBackup", "ModifyBackupAttributes", "ModifyBackupAttributes"]);
    assert_eq!(world.object("exempt").await.status.unwrap().never_expires, Some(false));
}

#[tokio::test]
async fn an_exemption_that_aws_throttles_shows_and_is_made_in_the_end() {
    let world = World::new("throttled-exemption").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    let failing = json!([{"op": "ModifyBackupAttributes", "times": -1, "code": "ThrottlingException"}]);
    world.emulator.push_faults(failing).unwrap();
    world.declare("slow", &id(0), "Present", json!({"neverExpires": true})).await;
    world.reason("slow", "Throttled").await;
    world.emulator.control("DELETE", "/_control/faults", None).unwrap();
    world.reason("slow", "Available").await;
}
