//! A status that lies in ways that no look at AWS contradicts, or that can't even be read.

use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use crate::{
    probes::{id, ready_and_message},
    world::{World, ready_condition},
};

/// Values for the status, as far as the API server takes them: those it refuses do no harm.
fn strange(ready: &Value) -> Vec<Value> {
    let condition = |field: &str, value: Value| {
        let mut changed = ready.clone();
        changed[field] = value;
        json!({"conditions": [changed]})
    };
    let nameless = json!({"type": "", "status": "True", "reason": "x", "message": "x", "lastTransitionTime": "2026-11-01T03:12:44Z"});
    vec![
        json!({"createTimestamp": "2026-11-01T03:12:44+99:99"}),
        json!({"createTimestamp": "2026-11-01T03:12:44.123456789012Z"}),
        json!({"deleteTimestamp": "2026-11-01T23:59:60Z"}),
        json!({"deleteTimestamp": "0000-01-01T00:00:00Z"}),
        json!({"deleteTimestamp": "0000-01-01T00:00:00+25:00"}),
        json!({"deleteTimestamp": "2026-11-01t03:12:44z"}),
        json!({"copyTimestamp": "9999-12-31T23:59:59-23:59"}),
        json!({"copyTimestamp": ""}),
        json!({"observedGeneration": 1e18}),
        json!({"observedGeneration": 1e30}),
        json!({"observedGeneration": -7}),
        condition("lastTransitionTime", json!("2026-11-01T03:12:44+99:99")),
        condition("observedGeneration", json!(-5)),
        condition("status", json!("Perhaps")),
        condition("reason", json!("")),
        condition("message", json!("")),
        json!({"conditions": [nameless]}),
        json!({"tags": {"": ""}}),
    ]
}

#[tokio::test]
async fn what_the_api_server_takes_for_a_status_does_not_cost_an_object_its_service() {
    let world = World::new("strange").await;
    let _operator = world.started().await;
    let lies = strange(&json!({"type": "Ready", "status": "True", "reason": "Available", "message": "x",
        "lastTransitionTime": "2026-11-01T03:12:44Z"}));
    let name = |number: usize| format!("attacked-{number}");
    for number in 0..lies.len() {
        world.backup(&id(number), "READY", json!({}));
        world.declare(&name(number), &id(number), "Present", json!({})).await;
        world.reason(&name(number), "Available").await;
    }
    let mut taken = Vec::new();
    for (number, lie) in lies.iter().enumerate() {
        let patch = json!({"status": lie}).to_string();
        let name = name(number);
        let output =
            world.kubectl(&["patch", "chb", &name, "--subresource=status", "--type=merge", "-p", &patch]).await;
        if output.status.success() {
            taken.push(number);
            world.edit_raw(&name, json!({"desiredState": "Deleted"})).await;
        }
    }
    assert!(!taken.is_empty());
    eventually("all are served", DEADLINE, async || {
        let mut unserved = Vec::new();
        for number in &taken {
            let status = world.raw(&name(*number)).await["status"].clone();
            let created = status["createTimestamp"] == "2018-08-16T23:24:14Z" && status.get("copyTimestamp").is_none();
            if !created
                || world.state(&id(*number)) != "PENDING_DELETION"
                || status["backupState"] != "PENDING_DELETION"
            {
                unserved.push(format!("{}", lies[*number]));
            }
        }
        if unserved.is_empty() { Ok(()) } else { Err(unserved.join(" ")) }
    })
    .await;
    for number in taken {
        world.until(&name(number), "Ready is", |object| ready_condition(object).reason == "PendingDeletion").await;
    }
}

#[tokio::test]
async fn a_deletion_that_never_was_is_no_reason_to_warn_of_retention() {
    let world = World::new("false-retention").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("attacked", &id(0), "Present", json!({})).await;
    world.reason("attacked", "Available").await;
    world.falsify("attacked", json!({"unrequestedDeleteTimestamp": "1999-01-01T00:00:00Z"})).await;
    eventually("the lie is gone", DEADLINE, async || {
        let object = world.look_again("attacked").await;
        let (_, message) = ready_and_message(&object);
        if message.contains("retention") { Err(message) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn a_false_memory_of_a_backup_that_never_was_does_not_make_it_deleted() {
    let world = World::new("false-memory").await;
    let _operator = world.started().await;
    world.declare("attacked", &id(0), "Deleted", json!({})).await;
    world.reason("attacked", "BackupNotFound").await;
    world.falsify("attacked", json!({"lastBackupState": "DELETED"})).await;
    world.look_again("attacked").await;
    world.look_again("attacked").await;
    world.reason("attacked", "BackupNotFound").await;
}

#[tokio::test]
async fn the_memory_of_a_backup_that_is_gone_outlives_a_wiped_status() {
    let world = World::new("wiped-memory").await;
    world.backup(&id(0), "DELETED", json!({"DeleteTimestamp": world.emulator.now() - 60.0}));
    let _operator = world.started().await;
    world.declare("wiped", &id(0), "Deleted", json!({})).await;
    world.reason("wiped", "Deleted").await;
    world.emulator.delete_backup(&id(0)).unwrap();
    world.look_again("wiped").await;
    world.reason("wiped", "Deleted").await;
    let wiped = json!([{"op": "replace", "path": "/status", "value": {}}]).to_string();
    let output = world.kubectl(&["patch", "chb", "wiped", "--subresource=status", "--type=json", "-p", &wiped]).await;
    assert!(output.status.success());
    world.look_again("wiped").await;
    world.look_again("wiped").await;
    world.reason("wiped", "Deleted").await;
}

#[tokio::test]
async fn a_new_object_of_the_same_name_remembers_nothing_of_the_old_one() {
    let world = World::new("same-name").await;
    world.backup(&id(0), "DELETED", json!({"DeleteTimestamp": world.emulator.now() - 60.0}));
    let _operator = world.started().await;
    world.declare("again", &id(0), "Deleted", json!({})).await;
    world.reason("again", "Deleted").await;
    world.emulator.delete_backup(&id(0)).unwrap();
    world.look_again("again").await;
    world.reason("again", "Deleted").await;
    // As one operation, so that the operator may well see only the new one.
    let object = json!({"apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": "again"},
        "spec": {"backupId": id(0), "desiredState": "Deleted"}});
    let output = world.kubectl_with_input(&["replace", "--force", "-f", "-"], &object.to_string()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let object = world.reason("again", "BackupNotFound").await;
    let status = object.status.unwrap();
    assert_eq!((status.delete_timestamp, status.backup_arn), (None, None));
}
