//! What somebody else changes in AWS is found and put right; what the operator changes itself is no drift, however late AWS shows it.

use cloudhsm_backup_operator::api::CloudHsmBackup;
use serde_json::{Value, json};
use test_support::eventually;

use crate::{
    history::History,
    probes::{AT_ONCE, id, progress, ready_and_message, series, serves},
    world::{RESYNC, World, ready, ready_condition},
};

/// How AWS looks while it lags, until the control clock is moved.
const LAG: f64 = 600.0;

fn deleted(world: &World) -> Value {
    json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 86_400.0})
}

/// Waits until AWS's log has `count` writes of that kind.
async fn written(world: &World, operation: &str, count: usize) {
    eventually(&format!("{count} {operation}"), test_support::DEADLINE, async || {
        let writes = world.writes();
        let found = writes.iter().filter(|(name, _)| name == operation).count();
        if found == count { Ok(()) } else { Err(format!("{writes:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_somebody_deletes_restores_or_exempts_is_put_right_within_a_resync_interval() {
    let world = World::new("drift").await;
    for number in 0..3 {
        world.backup(&id(number), "READY", json!({}));
    }
    let operator = world.started().await;
    world.declare("kept", &id(0), "Present", json!({})).await;
    world.declare("unwanted", &id(1), "Deleted", json!({})).await;
    world.declare("managed", &id(2), "Present", json!({"neverExpires": false})).await;
    world.reason("kept", "Available").await;
    world.reason("unwanted", "PendingDeletion").await;
    world.reason("managed", "Available").await;
    // Until a look has shown the deletion, one that doesn't is lag.
    world.look_again("unwanted").await;

    let changes = [
        ("kept", id(0), deleted(&world), "RestoreBackup", 1, "Available", r#"backup_state="PENDING_DELETION"} 1"#),
        (
            "unwanted",
            id(1),
            json!({"BackupState": "READY", "DeleteTimestamp": null}),
            "DeleteBackup",
            2,
            "PendingDeletion",
            r#"backup_state="READY"} 1"#,
        ),
        (
            "managed",
            id(2),
            json!({"NeverExpires": true}),
            "ModifyBackupAttributes",
            1,
            "Available",
            r#"backup_state="READY"} 2"#,
        ),
    ];
    for (name, id, change, operation, count, reason, metric) in changes {
        world.outside(&id, change);
        let since = std::time::Instant::now();
        written(&world, operation, count).await;
        assert!(since.elapsed() < RESYNC + AT_ONCE, "{operation} only after {:?}", since.elapsed());
        world.reason(name, reason).await;
        let note = world.event(name, "Normal", "DriftDetected").await;
        assert!(note.contains(&id), "{note}");
        world.look_again(name).await;
        world.reason(name, reason).await;
        assert_eq!(world.events_with(name, "DriftDetected").await, 1);
        let drift = series(&operator, "cloudhsm_backup_drift_total").await;
        assert!(drift.iter().any(|line| line.ends_with(metric)), "{metric} in {drift:?}");
    }
}

#[tokio::test]
async fn drift_of_a_suspended_object_shows_and_is_not_acted_on() {
    let world = World::new("drift-suspended").await;
    world.backup(&id(0), "READY", json!({}));
    let operator = world.started().await;
    world.declare("suspended", &id(0), "Present", json!({"suspend": true})).await;
    world.reason("suspended", "Available").await;
    world.outside(&id(0), deleted(&world));
    let object = world.reason("suspended", "Suspended").await;
    assert_eq!(object.status.unwrap().backup_state.as_deref(), Some("PENDING_DELETION"));
    shown_once(&world, &operator, "suspended").await;
}

#[tokio::test]
async fn drift_shows_in_the_mode_observe_and_is_not_acted_on() {
    let world = World::new("drift-observe").await;
    world.backup(&id(0), "READY", json!({}));
    let operator = ready(world.operator().args(["--mode", "observe"]).start()).await;
    world.declare("observed", &id(0), "Present", json!({})).await;
    world.reason("observed", "Available").await;
    world.outside(&id(0), deleted(&world));
    world.reason("observed", "WriteNotAllowed").await;
    shown_once(&world, &operator, "observed").await;
    // Whoever did it takes it back.
    world.outside(&id(0), json!({"BackupState": "READY", "DeleteTimestamp": null}));
    world.reason("observed", "Available").await;
}

async fn shown_once(world: &World, operator: &test_support::Operator, name: &str) {
    world.event(name, "Normal", "DriftDetected").await;
    for _ in 0..2 {
        world.look_again(name).await;
    }
    assert_eq!(world.events_with(name, "DriftDetected").await, 1);
    let drift = series(operator, "cloudhsm_backup_drift_total").await;
    assert_eq!(drift, [r#"cloudhsm_backup_drift_total{backup_state="PENDING_DELETION"} 1"#]);
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_backup_that_is_gone_for_good_behind_the_operators_back_is_drift_too() {
    let world = World::new("drift-gone").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("lost", &id(0), "Present", json!({})).await;
    world.reason("lost", "Available").await;
    world.outside(&id(0), json!({"BackupState": "DELETED", "DeleteTimestamp": world.emulator.now() - 1.0}));
    world.reason("lost", "RestoreWindowClosed").await;
    world.event("lost", "Normal", "DriftDetected").await;
    world.event("lost", "Warning", "RestoreWindowClosed").await;
}

/// All that an object said while AWS lagged: Ready went from `from` to `to` and nowhere else.
fn went_straight(history: &History, from: &str, to: &str) {
    let mut reasons: Vec<String> = history.objects().iter().map(|object| ready_condition(object).reason).collect();
    reasons.dedup();
    assert_eq!(reasons, [from, to]);
}

#[tokio::test]
async fn while_aws_does_not_show_a_write_yet_there_is_no_second_write_no_drift_and_no_change_of_ready() {
    let world = World::new("lag").await;
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "PENDING_DELETION", deleted(&world));
    world.backup(&id(2), "READY", json!({}));
    let operator = world.started().await;
    let cases = [
        ("unwanted", "Present", json!({"desiredState": "Deleted"}), "PendingDeletion"),
        ("kept", "Deleted", json!({"desiredState": "Present"}), "Available"),
        ("managed", "Present", json!({"neverExpires": true}), "Available"),
    ];
    for (number, (name, desired, ..)) in cases.iter().enumerate() {
        world.declare(name, &id(number), desired, json!({})).await;
        let settled = if *desired == "Present" { "Available" } else { "PendingDeletion" };
        world.reason(name, settled).await;
    }
    world.emulator.behaviour(json!({"describe_lag_seconds": LAG})).unwrap();
    let mut histories = Vec::new();
    for (name, _, spec, reason) in &cases {
        let history = History::record(&world, name).await;
        world.edit(name, spec.clone()).await;
        world.reason(name, reason).await;
        histories.push(history);
    }
    let lagging = world.looks();
    for _ in 0..2 {
        for (name, ..) in &cases {
            world.look_again(name).await;
        }
    }
    assert!(world.looks() >= lagging + cases.len(), "AWS was looked at while it lagged");
    world.emulator.advance(LAG + 1.0).unwrap();
    for (name, ..) in &cases {
        world.look_again(name).await;
    }
    let mut writes: Vec<String> = world.writes().into_iter().map(|(operation, _)| operation).collect();
    writes.sort();
    assert_eq!(writes, ["DeleteBackup", "ModifyBackupAttributes", "RestoreBackup"]);
    assert_eq!(series(&operator, "cloudhsm_backup_drift_total").await, Vec::<String>::new());
    went_straight(&histories[0], "Available", "PendingDeletion");
    went_straight(&histories[1], "PendingDeletion", "Available");
    let statuses: Vec<String> = histories[2].objects().iter().map(|object| ready_condition(object).status).collect();
    assert!(statuses.iter().all(|status| status == "True"), "{statuses:?}");
    for (name, ..) in &cases {
        assert_eq!(world.events_with(name, "DriftDetected").await, 0, "{name}");
    }
    let once = [
        ("unwanted", "DeleteRequested"),
        ("kept", "RestoreRequested"),
        ("kept", "BackupRestored"),
        ("managed", "RetentionChanged"),
    ];
    for (name, reason) in once {
        assert_eq!(world.events_with(name, reason).await, 1, "{reason}");
    }
}

#[tokio::test]
async fn what_one_object_had_done_is_no_drift_to_another_that_is_suspended() {
    let world = World::new("drift-of-another").await;
    world.backup(&id(0), "READY", json!({}));
    let operator = world.started().await;
    world.declare("watching", &id(0), "Present", json!({"suspend": true})).await;
    world.reason("watching", "Available").await;
    world.declare("acting", &id(0), "Deleted", json!({})).await;
    world.reason("acting", "PendingDeletion").await;
    world.reason("watching", "Suspended").await;
    world.look_again("watching").await;
    assert_eq!(world.events_with("watching", "DriftDetected").await, 0);
    assert_eq!(series(&operator, "cloudhsm_backup_drift_total").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_while_aws_lags_sends_no_second_write_and_takes_nothing_for_drift() {
    let world = World::new("lag-restart").await;
    world.backup(&id(0), "READY", json!({}));
    world.emulator.behaviour(json!({"describe_lag_seconds": LAG})).unwrap();
    let operator = world.started().await;
    world.declare("unwanted", &id(0), "Deleted", json!({})).await;
    let before = world.reason("unwanted", "PendingDeletion").await;
    operator.kill();
    let operator = world.started().await;
    serves(&operator, 1).await;
    world.more_looks(2).await;
    assert_eq!(world.object("unwanted").await.metadata.resource_version, before.metadata.resource_version);

    world.emulator.advance(LAG + 1.0).unwrap();
    world.look_again("unwanted").await;
    world.reason("unwanted", "PendingDeletion").await;
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup"]);
    let reasons: Vec<String> = world.events("unwanted").await.into_iter().map(|event| event.1).collect();
    assert_eq!(reasons, ["DeleteRequested"]);
}

#[tokio::test]
async fn a_change_of_mind_while_aws_lags_waits_until_aws_has_shown_the_write() {
    let world = World::new("lag-revert").await;
    world.backup(&id(0), "READY", json!({}));
    world.emulator.behaviour(json!({"describe_lag_seconds": LAG})).unwrap();
    let _operator = world.started().await;
    world.declare("mind", &id(0), "Deleted", json!({})).await;
    world.reason("mind", "PendingDeletion").await;
    world.edit("mind", json!({"desiredState": "Present"})).await;
    let object = world.reason("mind", "Restoring").await;
    let (status, message) = ready_and_message(&object);
    assert_eq!((status.as_str(), progress(&object).as_str()), ("False", "Reconciling"), "{message}");
    world.look_again("mind").await;
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup"]);

    world.emulator.advance(LAG + 1.0).unwrap();
    world.reason("mind", "Available").await;
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup", "RestoreBackup"]);
    assert_eq!(world.state(&id(0)), "READY");
    assert_eq!(world.events_with("mind", "DriftDetected").await, 0);
}

#[tokio::test]
async fn what_aws_goes_on_showing_for_longer_than_a_minute_is_no_lag_any_more() {
    let world = World::new("lag-endless").await;
    world.backup(&id(0), "READY", json!({}));
    world.emulator.behaviour(json!({"describe_lag_seconds": LAG})).unwrap();
    let _operator = world.started().await;
    world.declare("undone", &id(0), "Deleted", json!({})).await;
    world.reason("undone", "PendingDeletion").await;
    // Somebody restores it before any look has shown the deletion: to the operator that is the same as a lag.
    world.emulator.behaviour(json!({"describe_lag_seconds": 0})).unwrap();
    world.outside(&id(0), json!({"BackupState": "READY", "DeleteTimestamp": null}));
    let object: CloudHsmBackup = world.look_again("undone").await;
    assert_eq!(ready_condition(&object).reason, "PendingDeletion");
    let deadline = std::time::Duration::from_secs(90);
    eventually("it is deleted again", deadline, async || match world.writes_of(&id(0)).len() {
        2 => Ok(()),
        count => Err(format!("{count} writes")),
    })
    .await;
    world.reason("undone", "PendingDeletion").await;
    assert_eq!(world.state(&id(0)), "PENDING_DELETION");
}
