//! The end of the restore window: past its time, gone, and what is remembered of a backup that AWS no longer shows.

use std::time::Duration;

use cloudhsm_backup_operator::api::CloudHsmBackup;
use serde_json::{Value, json};
use test_support::consistently;

use crate::{
    probes::{id, progress, ready_and_message, serves},
    world::{World, ready_condition},
};

const HOUR: f64 = 3_600.0;

/// A backup that is listed as PENDING_DELETION, past its time by every clock, which AWS therefore refuses to restore.
fn overdue(world: &World, id: &str) {
    let now = world.emulator.now();
    world.emulator.behaviour(json!({"describe_lag_seconds": 240.0 * HOUR})).unwrap();
    world.emulator.advance(-HOUR).unwrap();
    world.backup(id, "PENDING_DELETION", json!({"DeleteTimestamp": now - 60.0}));
    world.emulator.advance(HOUR).unwrap();
    assert_eq!(world.state(id), "DELETED");
}

#[tokio::test]
async fn past_its_time_a_backup_is_restored_as_long_as_awss_clock_allows_it() {
    let world = World::new("awss-clock").await;
    let now = world.emulator.now();
    world.emulator.advance(-HOUR).unwrap();
    world.backup(&id(0), "PENDING_DELETION", json!({"DeleteTimestamp": now - 60.0}));
    let _operator = world.started().await;
    world.declare("late", &id(0), "Present", json!({})).await;
    world.reason("late", "Available").await;
    assert_eq!(world.writes_of(&id(0)), ["RestoreBackup"]);
}

#[tokio::test]
async fn a_restore_that_was_refused_past_the_time_is_not_tried_again_within_the_hour() {
    let world = World::new("refused").await;
    overdue(&world, &id(0));
    let operator = world.started().await;
    world.declare("late", &id(0), "Present", json!({})).await;
    let object = world.reason("late", "RestoreWindowClosed").await;
    let (status, message) = ready_and_message(&object);
    assert_eq!((status.as_str(), progress(&object).as_str()), ("False", "Stalled"), "{message}");
    assert_eq!(object.status.unwrap().backup_state.as_deref(), Some("PENDING_DELETION"));
    let warning = world.event("late", "Warning", "RestoreWindowClosed").await;
    assert!(warning.contains(&id(0)), "{warning}");

    world.look_again("late").await;
    world.edit("late", json!({"neverExpires": true})).await;
    world.reason("late", "RestoreWindowClosed").await;
    world.edit("late", json!({"desiredState": "Deleted"})).await;
    world.reason("late", "PendingDeletion").await;
    world.edit("late", json!({"desiredState": "Present"})).await;
    world.reason("late", "RestoreWindowClosed").await;
    world.declare("late-too", &id(0), "Present", json!({})).await;
    world.reason("late-too", "RestoreWindowClosed").await;
    for name in ["late", "late-too"] {
        assert!(world.kubectl(&["delete", "chb", name]).await.status.success());
    }
    world.declare("late", &id(0), "Present", json!({})).await;
    world.reason("late", "RestoreWindowClosed").await;
    world.more_looks(2).await;
    assert_eq!(world.writes_of(&id(0)), ["RestoreBackup"]);

    // What was refused is remembered by the process only. Then AWS shows the truth, and there is nothing to try any more.
    operator.kill();
    let _operator = world.started().await;
    world.look_again("late").await;
    let (_, message) = ready_and_message(&world.reason("late", "RestoreWindowClosed").await);
    assert!(message.contains("AWS refused RestoreBackup"), "{message}");
    world.emulator.advance(240.0 * HOUR).unwrap();
    let closed = |object: &CloudHsmBackup| {
        let status = object.status.as_ref().unwrap();
        status.backup_state.as_deref() == Some("DELETED") && ready_condition(object).reason == "RestoreWindowClosed"
    };
    world.until("late", "AWS's DELETED shows", closed).await;
    assert_eq!(world.writes_of(&id(0)), ["RestoreBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn a_backup_that_aws_purges_under_an_object_is_deleted_or_lost_as_declared() {
    let world = World::new("purged").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("unwanted", &id(0), "Deleted", json!({})).await;
    world.reason("unwanted", "PendingDeletion").await;
    world.emulator.advance(7.0 * 24.0 * HOUR + 1.0).unwrap();
    let object = world.reason("unwanted", "Deleted").await;
    let status = object.status.clone().unwrap();
    assert_eq!(status.backup_state.as_deref(), Some("DELETED"));
    assert!(status.delete_timestamp.is_some());
    assert_eq!(ready_condition(&object).status, "True");

    world.edit("unwanted", json!({"desiredState": "Present"})).await;
    let object = world.reason("unwanted", "RestoreWindowClosed").await;
    assert_eq!(progress(&object), "Stalled");
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup"]);
}

/// What was last seen of a backup, what is declared, and what its absence then means.
const GONE: &[(&str, &str, &str, &str)] = &[
    ("READY", "", "Present", "BackupNotFound"),
    ("CREATE_IN_PROGRESS", "", "Present", "BackupNotFound"),
    ("CREATE_IN_PROGRESS", "", "Deleted", "BackupNotFound"),
    ("PENDING_DELETION", "future", "Deleted", "BackupNotFound"),
    ("PENDING_DELETION", "past", "Deleted", "Deleted"),
    ("PENDING_DELETION", "", "Deleted", "BackupNotFound"),
    ("DELETED", "past", "Deleted", "Deleted"),
    ("DELETED", "", "Deleted", "Deleted"),
    ("DELETED", "past", "Present", "RestoreWindowClosed"),
    // Suspended, so that it stays as it is.
    ("PENDING_DELETION", "future", "Present", "RestoreWindowClosed"),
    ("PENDING_DELETION", "past", "Present", "RestoreWindowClosed"),
    ("PENDING_DELETION", "", "Present", "RestoreWindowClosed"),
    ("READY", "", "Deleted", "BackupNotFound"),
];

#[tokio::test]
async fn what_the_absence_of_a_backup_means_depends_on_what_was_last_seen_also_after_a_restart() {
    let world = World::new("gone").await;
    let now = world.emulator.now();
    world.emulator.advance(-HOUR).unwrap();
    let name = |number: usize| format!("row-{number}");
    for (number, (state, end, ..)) in GONE.iter().enumerate() {
        let end = match *end {
            "past" => json!(now - 60.0),
            "future" => json!(now + HOUR),
            _ => Value::Null,
        };
        world.backup(&id(number), state, json!({"DeleteTimestamp": end}));
    }
    let operator = world.started().await;
    for (number, (_, _, desired, _)) in GONE.iter().enumerate() {
        world.declare(&name(number), &id(number), desired, json!({"suspend": true})).await;
    }
    for (number, (state, ..)) in GONE.iter().enumerate() {
        let seen = |object: &CloudHsmBackup| {
            object.status.as_ref().and_then(|status| status.backup_state.as_deref()) == Some(*state)
        };
        world.until(&name(number), "the backup is seen", seen).await;
    }
    for number in 0..GONE.len() {
        world.emulator.delete_backup(&id(number)).unwrap();
    }
    let mut before = Vec::new();
    for (number, (state, end, desired, reason)) in GONE.iter().enumerate() {
        // The reason may be the same as before.
        let gone = |object: &CloudHsmBackup| object.status.as_ref().unwrap().backup_state.is_none();
        world.until(&name(number), "it is gone", gone).await;
        let object = world.reason(&name(number), reason).await;
        let status = object.status.clone().unwrap();
        let row = format!("{desired}, last seen {state} {end}: {:?}", ready_condition(&object));
        assert_eq!(status.backup_state, None, "{row}");
        assert!(
            status.backup_arn.is_some() && status.cluster_id.is_some() && status.create_timestamp.is_some(),
            "{row}"
        );
        assert_eq!(status.delete_timestamp.is_some(), !end.is_empty(), "{row}");
        let beside = if *reason == "Deleted" { "" } else { "Stalled" };
        assert_eq!(progress(&object), beside, "{row}");
        before.push(world.raw(&name(number)).await);
    }

    operator.terminate();
    operator.wait_exit(test_support::DEADLINE).await;
    let operator = world.started().await;
    serves(&operator, GONE.len()).await;
    world.more_looks(2).await;
    for (number, before) in before.iter().enumerate() {
        assert_eq!(world.raw(&name(number)).await, *before, "after a restart");
    }
    // The other desire, from memory alone.
    for (number, (state, end, desired, _)) in GONE.iter().enumerate() {
        let other = if *desired == "Present" { "Deleted" } else { "Present" };
        world.edit(&name(number), json!({"desiredState": other, "suspend": false})).await;
        let reason = match (*state, *end, other) {
            ("DELETED", _, "Deleted") | ("PENDING_DELETION", "past", "Deleted") => "Deleted",
            ("DELETED" | "PENDING_DELETION", _, "Present") => "RestoreWindowClosed",
            _ => "BackupNotFound",
        };
        world.reason(&name(number), reason).await;
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_backup_that_went_before_its_time_is_not_found_until_that_time_has_come() {
    let world = World::new("before-its-time").await;
    let end = world.emulator.now() + 25.0;
    world.backup(&id(0), "PENDING_DELETION", json!({"DeleteTimestamp": end}));
    let _operator = world.started().await;
    world.declare("early", &id(0), "Deleted", json!({})).await;
    world.reason("early", "PendingDeletion").await;
    world.emulator.delete_backup(&id(0)).unwrap();
    let (_, message) = ready_and_message(&world.look_again("early").await);
    assert!(message.contains("last PENDING_DELETION until"), "{message}");
    world.reason("early", "BackupNotFound").await;
    let object = world.reason("early", "Deleted").await;
    assert!(world.emulator.now() >= end);
    assert_eq!(ready_condition(&object).status, "True");
}

#[tokio::test]
async fn a_backup_that_comes_back_is_taken_as_it_is() {
    let world = World::new("comes-back").await;
    world.backup(&id(0), "DELETED", json!({}));
    let _operator = world.started().await;
    world.declare("back", &id(0), "Deleted", json!({})).await;
    world.reason("back", "Deleted").await;
    world.emulator.delete_backup(&id(0)).unwrap();
    world.until("back", "it is gone", |object| object.status.as_ref().unwrap().backup_state.is_none()).await;
    world.backup(&id(0), "READY", json!({}));
    world.reason("back", "PendingDeletion").await;
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup"]);
    consistently("nothing more is written", Duration::from_secs(1), async || {
        if world.writes().len() == 1 { Ok(()) } else { Err(format!("{:?}", world.writes())) }
    })
    .await;
}
