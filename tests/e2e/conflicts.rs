//! Two objects that name one backup and contradict each other, and two that agree.

use serde_json::{Value, json};

use crate::{
    probes::{AT_ONCE, SLOW, id, progress, ready_and_message},
    world::{REGION, World, ready},
};

/// Checks that both objects are in conflict, and that each names the other.
async fn conflicting(world: &World, first: &str, second: &str) {
    for (name, other) in [(first, second), (second, first)] {
        let object = world.reason_within(name, "Conflict", AT_ONCE).await;
        let (status, message) = ready_and_message(&object);
        assert_eq!((status.as_str(), progress(&object).as_str()), ("False", "Stalled"), "{message}");
        let other = format!("{}/{other}", world.namespace);
        assert!(message.contains(&other), "{message}");
        assert_eq!(object.status.unwrap().backup_state.as_deref(), Some("READY"), "it is mirrored all the same");
        let warning = world.event(name, "Warning", "Conflict").await;
        assert!(warning.contains(&other), "{warning}");
        assert_eq!(world.events_with(name, "Conflict").await, 1);
    }
}

/// A world with a READY backup and two objects in conflict over it, whose operator doesn't look for drift.
async fn in_conflict(name: &str, first: Value, second: Value) -> (World, test_support::Operator) {
    let world = World::new(name).await;
    world.backup(&id(0), "READY", json!({}));
    let operator = ready(world.operator().env(SLOW.0, SLOW.1).start()).await;
    for (object, mut spec) in [("first", first), ("second", second)] {
        let desired = spec.as_object_mut().unwrap().remove("desiredState").unwrap();
        world.declare(object, &id(0), desired.as_str().unwrap(), spec).await;
        if object == "first" {
            world.until("first", "it is seen", |object| object.status.as_ref().unwrap().backup_state.is_some()).await;
        }
    }
    conflicting(&world, "first", "second").await;
    (world, operator)
}

fn present() -> Value {
    json!({"desiredState": "Present"})
}

fn deleted() -> Value {
    json!({"desiredState": "Deleted"})
}

#[tokio::test]
async fn an_edit_that_makes_two_objects_agree_ends_their_conflict_at_once_and_with_one_call() {
    let (world, _operator) = in_conflict("conflict-edit", present(), deleted()).await;
    assert_eq!(world.writes(), []);
    let (_, message) = ready_and_message(&world.object("first").await);
    assert!(message.contains("Deleted") && message.contains("Present"), "{message}");
    world.edit("first", deleted()).await;
    for name in ["first", "second"] {
        world.reason_within(name, "PendingDeletion", AT_ONCE).await;
    }
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);
}

#[tokio::test]
async fn removing_one_of_two_objects_ends_their_conflict_at_once() {
    let (world, _operator) = in_conflict("conflict-delete", present(), deleted()).await;
    assert!(world.kubectl(&["delete", "chb", "first"]).await.status.success());
    world.reason_within("second", "PendingDeletion", AT_ONCE).await;
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);
}

#[tokio::test]
async fn suspending_one_of_two_objects_ends_their_conflict_at_once_until_it_is_resumed() {
    let (world, _operator) = in_conflict("conflict-suspend", present(), deleted()).await;
    world.edit("second", json!({"suspend": true})).await;
    world.reason_within("first", "Available", AT_ONCE).await;
    world.reason_within("second", "Suspended", AT_ONCE).await;
    world.edit("second", json!({"suspend": false})).await;
    for name in ["first", "second"] {
        world.reason_within(name, "Conflict", AT_ONCE).await;
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn an_object_on_its_way_out_claims_nothing() {
    let (world, _operator) = in_conflict("conflict-leaving", present(), deleted()).await;
    let finalizer = json!({"metadata": {"finalizers": ["example.com/hold"]}}).to_string();
    assert!(world.kubectl(&["patch", "chb", "first", "--type=merge", "-p", &finalizer]).await.status.success());
    assert!(world.kubectl(&["delete", "chb", "first", "--wait=false"]).await.status.success());
    world.reason_within("second", "PendingDeletion", AT_ONCE).await;
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);
    // It would have the backup restored, and is on its way out.
    world.look_again("first").await;
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test]
async fn contradicting_exemptions_are_a_conflict_and_an_absent_one_claims_nothing() {
    let yes = json!({"desiredState": "Present", "neverExpires": true});
    let no = json!({"desiredState": "Present", "neverExpires": false});
    let (world, _operator) = in_conflict("conflict-exemption", no, yes).await;
    let (_, message) = ready_and_message(&world.object("first").await);
    assert!(message.contains("neverExpires"), "{message}");
    assert_eq!(world.writes(), []);
    world.edit("first", json!({"neverExpires": null})).await;
    for name in ["first", "second"] {
        world.reason_within(name, "Available", AT_ONCE).await;
    }
    assert_eq!(world.writes(), [("ModifyBackupAttributes".to_owned(), id(0))]);
}

#[tokio::test]
async fn the_default_region_named_and_unnamed_is_the_same_region() {
    let named = json!({"desiredState": "Deleted", "region": REGION});
    let (world, _operator) = in_conflict("conflict-region", present(), named).await;
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn of_three_objects_the_two_that_agree_go_on_when_the_third_goes() {
    let (world, _operator) = in_conflict("conflict-three", present(), deleted()).await;
    world.declare("third", &id(0), "Deleted", json!({})).await;
    let (_, message) = ready_and_message(&world.reason("third", "Conflict").await);
    assert!(message.contains(&format!("{}/first", world.namespace)), "{message}");
    assert!(world.kubectl(&["delete", "chb", "first"]).await.status.success());
    for name in ["second", "third"] {
        world.reason_within(name, "PendingDeletion", AT_ONCE).await;
    }
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);
}

#[tokio::test]
async fn a_conflict_comes_before_whatever_aws_shows() {
    let world = World::new("conflict-first").await;
    world.backup(&id(1), "DELETED", json!({}));
    world.backup(&id(2), "CREATE_IN_PROGRESS", json!({}));
    let _operator = world.started().await;
    for number in 0..3 {
        world.declare(&format!("kept-{number}"), &id(number), "Present", json!({})).await;
        world.declare(&format!("unwanted-{number}"), &id(number), "Deleted", json!({})).await;
    }
    for number in 0..3 {
        for name in ["kept", "unwanted"] {
            let (_, message) = ready_and_message(&world.reason(&format!("{name}-{number}"), "Conflict").await);
            assert!(message.contains("decide which is right"), "{message}");
        }
    }
}

#[tokio::test]
async fn objects_that_agree_share_one_call() {
    let world = World::new("agreement").await;
    world.backup(&id(0), "READY", json!({}));
    let names: Vec<String> = (0..8).map(|number| format!("object-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let spec = if number % 2 == 0 { json!({}) } else { json!({"region": REGION}) };
        world.declare(name, &id(0), "Deleted", spec).await;
    }
    let _operator = world.started().await;
    for name in &names {
        world.reason(name, "PendingDeletion").await;
    }
    world.more_looks(2).await;
    assert_eq!(world.writes(), [("DeleteBackup".to_owned(), id(0))]);
    // Who asked for it tells of it.
    let mut told = 0;
    for name in &names {
        told += world.events_with(name, "DeleteRequested").await;
    }
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_conflict_is_found_across_watched_namespaces_and_before_anything_is_done_after_a_restart() {
    let mut world = World::new("conflict-one").await;
    let other = World::new("conflict-two").await;
    let both = [world.namespace.clone(), other.namespace.clone()];
    world.watch(&[&both[0], &both[1]]).await;
    world.backup(&id(0), "READY", json!({}));
    let start = || world.operator().start();
    let operator = ready(start()).await;
    world.declare("kept", &id(0), "Present", json!({})).await;
    world.reason("kept", "Available").await;
    other.declare("unwanted", &id(0), "Deleted", json!({})).await;
    let (_, message) = ready_and_message(&world.reason("kept", "Conflict").await);
    assert!(message.contains(&format!("{}/unwanted", other.namespace)), "{message}");
    let (_, message) = ready_and_message(&other.reason("unwanted", "Conflict").await);
    assert!(message.contains(&format!("{}/kept", world.namespace)), "{message}");

    operator.kill();
    let _operator = ready(start()).await;
    world.look_again("kept").await;
    other.look_again("unwanted").await;
    world.reason("kept", "Conflict").await;
    assert_eq!(world.writes(), []);
    assert_eq!(world.events_with("kept", "Conflict").await, 1, "not warned of again after a restart");

    other.edit("unwanted", present()).await;
    world.reason("kept", "Available").await;
    other.reason("unwanted", "Available").await;
    assert_eq!(world.writes(), []);
}
