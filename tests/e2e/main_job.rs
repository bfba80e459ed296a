//! The main job: a change of `desiredState` deletes a backup, and its revert restores it.

use serde_json::json;

use crate::world::{World, ready_condition};

const ID: &str = "backup-ro5c4er4aac";

#[tokio::test]
async fn a_backup_is_deleted_restored_and_deleted_again_as_declared() {
    let world = World::new("main-job").await;
    world.backup(ID, "READY", json!({"TagList": [{"Key": "team", "Value": "payments"}]}));
    let _operator = world.started().await;

    world.declare("payments", ID, "Present", json!({})).await;
    let object = world.reason("payments", "Available").await;
    let status = object.status.clone().unwrap();
    assert_eq!(status.backup_state.as_deref(), Some("READY"));
    assert_eq!(status.tags.unwrap()["team"], "payments");
    assert_eq!(world.writes(), []);

    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    let object = world.reason("payments", "PendingDeletion").await;
    let end = object.status.clone().unwrap().delete_timestamp.unwrap();
    let message = ready_condition(&object).message;
    let end = serde_json::to_value(&end).unwrap().as_str().unwrap().to_owned();
    assert!(message.contains(&format!("restorable until {end}")), "{message}");
    assert_eq!(world.state(ID), "PENDING_DELETION");
    let note = world.event("payments", "Normal", "DeleteRequested").await;
    let request = world.emulator.requests(0).into_iter().find(|request| request["op"] == "DeleteBackup").unwrap();
    assert!(note.contains(request["request_id"].as_str().unwrap()), "{note}");

    world.edit("payments", json!({"desiredState": "Present"})).await;
    let object = world.reason("payments", "Available").await;
    assert_eq!(object.status.unwrap().delete_timestamp, None);
    assert_eq!(world.state(ID), "READY");
    world.event("payments", "Normal", "RestoreRequested").await;
    world.event("payments", "Normal", "BackupRestored").await;

    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.reason("payments", "PendingDeletion").await;
    let operations: Vec<_> = world.writes().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(operations, ["DeleteBackup", "RestoreBackup", "DeleteBackup"]);
}
