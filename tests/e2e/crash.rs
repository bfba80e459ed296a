//! SIGKILL around AWS writes: the next process takes up what is declared, and repeats nothing.

use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, eventually};

use crate::world::{World, id};

const ID: &str = "backup-ro5c4er4aac";

#[tokio::test]
async fn killed_right_after_a_write_it_is_not_repeated() {
    let world = World::new("killed-after").await;
    world.backup(ID, "READY", json!({}));
    world.fault(json!({"op": "DeleteBackup", "effect": "applied_drop"}));
    world.fault(json!({"op": "RestoreBackup", "effect": "applied_drop"}));
    let operator = world.started().await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.requests_reach("DeleteBackup", 1).await;
    kill(operator);

    let operator = world.started().await;
    world.reason("payments", "PendingDeletion").await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.requests_reach("RestoreBackup", 1).await;
    kill(operator);

    let _operator = world.started().await;
    world.reason("payments", "Available").await;
    world.more_looks(2).await;
    assert_eq!(operations(&world), ["DeleteBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn killed_between_look_and_write_nothing_was_written_and_a_revoked_wish_is_forgotten() {
    let world = World::new("killed-before").await;
    world.backup(ID, "READY", json!({}));
    world.fault(json!({"op": "DescribeBackups", "effect": "delay", "delay_seconds": 5}));
    let operator = world.started().await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    under_way(&world).await;
    kill(operator);
    world.edit("payments", json!({"desiredState": "Present"})).await;

    let _operator = world.started().await;
    world.reason("payments", "Available").await;
    world.requests_reach("DescribeBackups", 4).await;
    assert_eq!(operations(&world), [] as [&str; 0]);
    assert!(world.events("payments").await.is_empty());
}

#[tokio::test]
async fn killed_with_a_write_on_its_way_that_was_revoked_the_next_process_undoes_it() {
    let world = World::new("killed-during").await;
    world.backup(ID, "READY", json!({}));
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 3}));
    let operator = world.started().await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    under_way(&world).await;
    kill(operator);
    world.edit("payments", json!({"desiredState": "Present"})).await;

    // It may see READY first: AWS makes the change a while after the caller is gone.
    let _operator = world.started().await;
    world.requests_reach("RestoreBackup", 1).await;
    world.reason("payments", "Available").await;
    world.more_looks(2).await;
    assert_eq!(world.state(ID), "READY");
    assert_eq!(operations(&world), ["DeleteBackup", "RestoreBackup"]);
}

#[tokio::test]
async fn killed_with_a_write_on_its_way_that_is_still_wanted_it_ends_as_declared() {
    let world = World::new("killed-wanted").await;
    let operator = world.started().await;
    for n in 0..6 {
        let (state, desired, operation) = match n % 3 {
            0 => ("READY", "Deleted", "DeleteBackup"),
            1 => ("PENDING_DELETION", "Present", "RestoreBackup"),
            _ => ("READY", "Present", "ModifyBackupAttributes"),
        };
        let end = if n % 3 == 1 { json!(world.emulator.now() + 86_400.0) } else { Value::Null };
        world.backup(&id(n), state, json!({"DeleteTimestamp": end}));
        let effect = json!({"op": operation, "backup_id": id(n), "effect": "delay", "delay_seconds": 1 + n});
        world.fault(effect);
        let spec = if n % 3 == 2 { json!({"neverExpires": true}) } else { json!({}) };
        world.declare(&format!("object-{n}"), &id(n), desired, spec).await;
    }
    under_way(&world).await;
    kill(operator);
    let _operator = world.started().await;
    for n in 0..6 {
        let reason = if n % 3 == 0 { "PendingDeletion" } else { "Available" };
        world.reason(&format!("object-{n}"), reason).await;
    }
    // All that was on its way has arrived, and changed nothing any more.
    eventually("the delayed writes have arrived", DEADLINE, async || {
        let late: Vec<String> =
            (0..6).filter(|n| !world.writes().iter().any(|write| write.1 == id(*n))).map(id).collect();
        if late.is_empty() { Ok(()) } else { Err(format!("{late:?}")) }
    })
    .await;
    world.more_looks(12).await;
    for n in 0..6 {
        assert_eq!(world.state(&id(n)), if n % 3 == 0 { "PENDING_DELETION" } else { "READY" });
        world.reason(&format!("object-{n}"), if n % 3 == 0 { "PendingDeletion" } else { "Available" }).await;
    }
    for n in 0..6 {
        let writes = world.writes().iter().filter(|write| write.1 == id(n)).count();
        assert!(writes <= 3, "{writes} writes to {}", id(n));
    }
}

#[tokio::test]
async fn killed_at_every_step_of_many_flips_each_restore_and_each_deletion_happens_once() {
    let world = World::new("killed-often").await;
    world.backup(ID, "READY", json!({}));
    let mut operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    let mut desired = "Present";
    for round in 0..10 {
        desired = if desired == "Present" { "Deleted" } else { "Present" };
        let requests = world.emulator.requests(0).len();
        world.edit("payments", json!({"desiredState": desired})).await;
        // Right after the first, second … request that the change leads to.
        let wanted = requests + 1 + round % 3;
        eventually("the next request", DEADLINE, async || {
            let seen = world.emulator.requests(0).len();
            if seen >= wanted { Ok(()) } else { Err(format!("{seen} of {wanted}")) }
        })
        .await;
        kill(operator);
        operator = world.started().await;
        if round % 4 != 3 {
            let reason = if desired == "Present" { "Available" } else { "PendingDeletion" };
            world.reason("payments", reason).await;
        }
    }
    world.reason("payments", if desired == "Present" { "Available" } else { "PendingDeletion" }).await;
    let operations = operations(&world);
    for pair in operations.windows(2) {
        assert_ne!(pair[0], pair[1], "{operations:?}");
    }
    assert_eq!(world.state(ID), if desired == "Present" { "READY" } else { "PENDING_DELETION" });
}

/// Waits until all faults have caught their request.
async fn under_way(world: &World) {
    eventually("the requests are on their way", DEADLINE, async || {
        let left = world.emulator.faults();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

fn kill(operator: Operator) {
    operator.kill();
    drop(operator);
}

fn operations(world: &World) -> Vec<String> {
    world.writes().into_iter().map(|write| write.0).collect()
}
