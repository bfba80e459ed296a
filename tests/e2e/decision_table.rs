//! The decision table, row by row: what is declared meets what AWS shows.

use serde_json::{Value, json};
use test_support::eventually;

use crate::{
    probes::{id, progress, ready_and_message},
    world::{ACCOUNT, REGION, World, ready},
};

/// A row: what it says, `desiredState`, more of the spec, what AWS shows (null: no such backup), and what follows: the reason,
/// the condition beside Ready, and the writes.
struct Row(&'static str, &'static str, Value, Value, &'static str, &'static str, &'static [&'static str]);

const DAY: f64 = 86_400.0;

/// A backup in that state, with what AWS says of one that is deleted.
fn state(state: &str, world: &World) -> Value {
    match state {
        "PENDING_DELETION" => json!({"BackupState": state, "DeleteTimestamp": world.emulator.now() + DAY}),
        "DELETED" => json!({"BackupState": state, "DeleteTimestamp": world.emulator.now() - DAY}),
        _ => json!({"BackupState": state}),
    }
}

/// Declares all rows at once and checks each, and that nothing more happens when AWS is looked at again.
async fn hold(world: &World, mode: &str, rows: Vec<Row>) {
    for (number, Row(_, _, _, shown, ..)) in rows.iter().enumerate() {
        if !shown.is_null() {
            world.backup(&id(number), "READY", shown.clone());
        }
    }
    let _operator = ready(world.operator().args(["--mode", mode]).start()).await;
    for (number, Row(_, desired, spec, ..)) in rows.iter().enumerate() {
        world.declare(&format!("row-{number}"), &id(number), desired, spec.clone()).await;
    }
    for (number, Row(what, _, _, _, reason, beside, writes)) in rows.iter().enumerate() {
        let object = world.reason(&format!("row-{number}"), reason).await;
        let (status, message) = ready_and_message(&object);
        let is_ready = ["Available", "PendingDeletion", "Deleted"].contains(reason);
        assert_eq!(status, if is_ready { "True" } else { "False" }, "{what}: {message}");
        assert_eq!(progress(&object), *beside, "{what}: {message}");
        assert!(message.contains(ACCOUNT) && message.contains(REGION), "{what}: {message}");
        assert_eq!(world.writes_of(&id(number)), *writes, "{what}");
        let shown = world.emulator.backups().into_iter().find(|backup| backup["BackupId"] == id(number).as_str());
        let word = shown.as_ref().and_then(|backup| backup["BackupState"].as_str());
        assert_eq!(object.status.unwrap().backup_state.as_deref(), word, "{what}");
    }
    for (number, Row(what, _, _, _, reason, _, writes)) in rows.iter().enumerate() {
        world.look_again(&format!("row-{number}")).await;
        world.reason(&format!("row-{number}"), reason).await;
        assert_eq!(world.writes_of(&id(number)), *writes, "{what}, looked at again");
    }
}

#[tokio::test]
async fn what_is_declared_meets_what_aws_shows() {
    let world = World::new("table").await;
    let [pending, deleted] = ["PENDING_DELETION", "DELETED"].map(|word| state(word, &world));
    let [ready, creating, new] = ["READY", "CREATE_IN_PROGRESS", "ARCHIVED"].map(|word| state(word, &world));
    let endless = json!({"BackupState": "PENDING_DELETION"});
    let rows = vec![
        Row("there, as declared", "Present", json!({}), ready.clone(), "Available", "", &[]),
        Row("being made", "Present", json!({}), creating.clone(), "Creating", "Reconciling", &[]),
        Row("being made, to be deleted", "Deleted", json!({}), creating, "Creating", "Reconciling", &[]),
        Row("restored", "Present", json!({}), pending.clone(), "Available", "", &["RestoreBackup"]),
        Row("restored without a time", "Present", json!({}), endless.clone(), "Available", "", &["RestoreBackup"]),
        Row("too late", "Present", json!({}), deleted.clone(), "RestoreWindowClosed", "Stalled", &[]),
        Row("deleted", "Deleted", json!({}), ready, "PendingDeletion", "", &["DeleteBackup"]),
        Row("deleted already", "Deleted", json!({}), pending, "PendingDeletion", "", &[]),
        Row("deleted already without a time", "Deleted", json!({}), endless, "PendingDeletion", "", &[]),
        Row("gone for good", "Deleted", json!({}), deleted, "Deleted", "", &[]),
        Row("never there", "Present", json!({}), Value::Null, "BackupNotFound", "Stalled", &[]),
        Row("never there to be deleted", "Deleted", json!({}), Value::Null, "BackupNotFound", "Stalled", &[]),
        Row("a word of the future", "Present", json!({}), new.clone(), "UnknownBackupState", "Stalled", &[]),
        Row("a word of the future, to be deleted", "Deleted", json!({}), new, "UnknownBackupState", "Stalled", &[]),
        Row("no word", "Present", json!({}), json!({"BackupState": null}), "UnknownBackupState", "Stalled", &[]),
        Row(
            "no word, to be deleted",
            "Deleted",
            json!({}),
            json!({"BackupState": null}),
            "UnknownBackupState",
            "Stalled",
            &[],
        ),
    ];
    hold(&world, "full", rows).await;
}

#[tokio::test]
async fn a_suspended_object_holds_the_call_that_is_due_and_nothing_else() {
    let world = World::new("suspended").await;
    let suspended = json!({"suspend": true});
    let [pending, deleted] = ["PENDING_DELETION", "DELETED"].map(|word| state(word, &world));
    let [ready, creating] = ["READY", "CREATE_IN_PROGRESS"].map(|word| state(word, &world));
    let exempt = json!({"suspend": true, "neverExpires": true});
    let rows = vec![
        Row("nothing due", "Present", suspended.clone(), ready.clone(), "Available", "", &[]),
        Row("a deletion is due", "Deleted", suspended.clone(), ready.clone(), "Suspended", "", &[]),
        Row("a restore is due", "Present", suspended.clone(), pending.clone(), "Suspended", "", &[]),
        Row("an exemption is due", "Present", exempt.clone(), ready, "Suspended", "", &[]),
        Row("deleted already", "Deleted", suspended.clone(), pending, "PendingDeletion", "", &[]),
        Row("gone for good", "Deleted", suspended.clone(), deleted.clone(), "Deleted", "", &[]),
        Row("too late", "Present", suspended.clone(), deleted, "RestoreWindowClosed", "Stalled", &[]),
        Row("being made", "Deleted", exempt, creating, "Creating", "Reconciling", &[]),
        Row("never there", "Deleted", suspended, Value::Null, "BackupNotFound", "Stalled", &[]),
    ];
    hold(&world, "full", rows).await;
}

#[tokio::test]
async fn never_expires_is_applied_to_a_backup_that_is_to_stay_once_it_is_ready() {
    let world = World::new("never-expires").await;
    let pending = state("PENDING_DELETION", &world);
    let [yes, no] = [true, false].map(|value| json!({"neverExpires": value}));
    let shows = |value: Value| json!({"NeverExpires": value});
    let rows = vec![
        Row("set", "Present", yes.clone(), shows(json!(false)), "Available", "", &["ModifyBackupAttributes"]),
        Row(
            "set where absent",
            "Present",
            yes.clone(),
            shows(Value::Null),
            "Available",
            "",
            &["ModifyBackupAttributes"],
        ),
        Row("cleared", "Present", no.clone(), shows(json!(true)), "Available", "", &["ModifyBackupAttributes"]),
        Row("set already", "Present", yes.clone(), shows(json!(true)), "Available", "", &[]),
        Row("clear already", "Present", no.clone(), shows(json!(false)), "Available", "", &[]),
        Row("clear where absent", "Present", no, shows(Value::Null), "Available", "", &[]),
        Row("not managed", "Present", json!({}), shows(json!(true)), "Available", "", &[]),
        Row("to be deleted", "Deleted", yes.clone(), shows(json!(false)), "PendingDeletion", "", &["DeleteBackup"]),
        Row("deleted", "Deleted", yes.clone(), pending.clone(), "PendingDeletion", "", &[]),
        Row(
            "after the restore",
            "Present",
            yes.clone(),
            pending,
            "Available",
            "",
            &["RestoreBackup", "ModifyBackupAttributes"],
        ),
        Row("being made", "Present", yes, json!({"BackupState": "CREATE_IN_PROGRESS"}), "Creating", "Reconciling", &[]),
    ];
    hold(&world, "full", rows).await;
    let request =
        world.emulator.requests(0).into_iter().find(|request| {
            request["op"] == "ModifyBackupAttributes" && request["input"]["BackupId"] == id(2).as_str()
        });
    assert_eq!(request.unwrap()["input"]["NeverExpires"], false);
}

#[tokio::test]
async fn the_mode_restore_only_allows_restores_and_no_other_write() {
    let world = World::new("restore-only").await;
    let [pending, ready] = ["PENDING_DELETION", "READY"].map(|word| state(word, &world));
    let exempt = json!({"neverExpires": true});
    let rows = vec![
        Row("restored", "Present", json!({}), pending.clone(), "Available", "", &["RestoreBackup"]),
        Row("a deletion is due", "Deleted", json!({}), ready.clone(), "WriteNotAllowed", "", &[]),
        Row("an exemption is due", "Present", exempt.clone(), ready.clone(), "WriteNotAllowed", "", &[]),
        Row("restored, an exemption is due", "Present", exempt, pending, "WriteNotAllowed", "", &["RestoreBackup"]),
        Row("suspended before forbidden", "Deleted", json!({"suspend": true}), ready.clone(), "Suspended", "", &[]),
        Row("nothing due", "Present", json!({}), ready, "Available", "", &[]),
    ];
    hold(&world, "restore-only", rows).await;
}

#[tokio::test]
async fn the_mode_observe_allows_no_write_at_all() {
    let world = World::new("observe").await;
    let [pending, deleted, ready] = ["PENDING_DELETION", "DELETED", "READY"].map(|word| state(word, &world));
    let rows = vec![
        Row("a restore is due", "Present", json!({}), pending.clone(), "WriteNotAllowed", "", &[]),
        Row("a deletion is due", "Deleted", json!({}), ready.clone(), "WriteNotAllowed", "", &[]),
        Row("an exemption is due", "Present", json!({"neverExpires": true}), ready, "WriteNotAllowed", "", &[]),
        Row("deleted already", "Deleted", json!({}), pending, "PendingDeletion", "", &[]),
        Row("too late", "Present", json!({}), deleted, "RestoreWindowClosed", "Stalled", &[]),
        Row("never there", "Present", json!({}), Value::Null, "BackupNotFound", "Stalled", &[]),
    ];
    hold(&world, "observe", rows).await;
    let (_, message) = ready_and_message(&world.object("row-0").await);
    assert!(message.contains("RestoreBackup") && message.contains("--mode"), "{message}");
}

#[tokio::test]
async fn a_backup_in_the_making_is_left_alone_until_it_is_ready() {
    let world = World::new("creating").await;
    for number in [0, 1] {
        world.backup(&id(number), "CREATE_IN_PROGRESS", json!({}));
    }
    let _operator = world.started().await;
    world.declare("kept", &id(0), "Present", json!({})).await;
    world.declare("unwanted", &id(1), "Deleted", json!({})).await;
    world.reason("kept", "Creating").await;
    let (_, message) = ready_and_message(&world.reason("unwanted", "Creating").await);
    assert!(message.contains("wait until it is READY"), "{message}");
    assert_eq!(world.writes(), []);

    world.outside(&id(0), json!({"BackupState": "READY"}));
    world.outside(&id(1), json!({"BackupState": "READY"}));
    world.reason("kept", "Available").await;
    world.reason("unwanted", "PendingDeletion").await;
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(1))]);
}

#[tokio::test]
async fn a_call_that_was_held_is_made_as_soon_as_the_object_is_resumed() {
    let world = World::new("resume").await;
    world.backup(&id(0), "READY", json!({}));
    let (variable, slow) = crate::probes::SLOW;
    let _operator = ready(world.operator().env(variable, slow).start()).await;
    world.declare("held", &id(0), "Deleted", json!({"suspend": true})).await;
    let (_, message) = ready_and_message(&world.reason("held", "Suspended").await);
    assert!(message.contains("DeleteBackup") && message.contains("suspend"), "{message}");
    assert_eq!(world.events("held").await, []);

    world.edit("held", json!({"suspend": false})).await;
    world.reason_within("held", "PendingDeletion", crate::probes::AT_ONCE).await;
    world.edit("held", json!({"suspend": true, "desiredState": "Present"})).await;
    let (_, message) = ready_and_message(&world.reason("held", "Suspended").await);
    assert!(message.contains("RestoreBackup") && message.contains("restorable until"), "{message}");
    world.edit("held", json!({"suspend": null})).await;
    world.reason_within("held", "Available", crate::probes::AT_ONCE).await;
    assert_eq!(world.writes_of(&id(0)), ["DeleteBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn an_object_on_its_way_out_causes_no_write() {
    let world = World::new("on-its-way-out").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("leaving", &id(0), "Present", json!({})).await;
    world.reason("leaving", "Available").await;
    let finalizer = |value: Value| json!({"metadata": {"finalizers": value}}).to_string();
    let hold = ["patch", "chb", "leaving", "--type=merge", "-p", &finalizer(json!(["example.com/hold"]))];
    assert!(world.kubectl(&hold).await.status.success());
    assert!(world.kubectl(&["delete", "chb", "leaving", "--wait=false"]).await.status.success());

    world.edit("leaving", json!({"desiredState": "Deleted"})).await;
    let object = world.until("leaving", "the edit is seen", |object| {
        object.status.as_ref().is_some_and(|status| status.observed_generation == object.metadata.generation)
    });
    let (status, message) = ready_and_message(&object.await);
    assert_eq!(status, "False", "{message}");
    world.look_again("leaving").await;
    assert_eq!(world.writes(), []);

    let release = ["patch", "chb", "leaving", "--type=merge", "-p", &finalizer(Value::Null)];
    assert!(world.kubectl(&release).await.status.success());
    eventually("it is gone", test_support::DEADLINE, async || {
        let object = world.api().get_opt("leaving").await.map_err(|error| error.to_string())?;
        if object.is_none() { Ok(()) } else { Err("it is there".to_owned()) }
    })
    .await;
    assert_eq!(world.writes(), []);
}
