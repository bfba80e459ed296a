//! Two operators that both believe to be the one: harmless, and at peace with each other.

use std::time::Duration;

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::world::{World, id};

const OBJECTS: usize = 5;
const FLIPS: usize = 4;
/// A process that hasn't seen its own write before the other undid it takes what it sees for lag, for a minute.
const WITH_LAG: Duration = Duration::from_secs(90);

#[tokio::test]
async fn two_operators_at_once_end_as_declared_and_leave_each_other_s_status_alone() {
    let world = World::new("twins").await;
    let twins = (world.started().await, world.started().await);
    for n in 0..OBJECTS {
        world.backup(&id(n), "READY", json!({"TagList": [{"Key": "n", "Value": n.to_string()}]}));
        world.declare(&name(n), &id(n), "Present", json!({})).await;
    }
    for flip in 0..FLIPS {
        let (desired, reason) = if flip % 2 == 0 { ("Deleted", "PendingDeletion") } else { ("Present", "Available") };
        for n in 0..OBJECTS {
            world.edit(&name(n), json!({"desiredState": desired})).await;
        }
        for n in 0..OBJECTS {
            world.reason_within(&name(n), reason, WITH_LAG).await;
        }
        // Each of them has seen what it did itself.
        world.more_looks(4 * OBJECTS).await;
    }
    // Each of them has seen what the other did.
    world.more_looks(4 * OBJECTS).await;
    let versions = versions(&world).await;
    world.more_looks(6 * OBJECTS).await;
    assert_eq!(self::versions(&world).await, versions);
    for n in 0..OBJECTS {
        assert_eq!(world.state(&id(n)), "READY");
        let accepted = world.emulator.requests(0).into_iter().filter(|request| {
            let write = request["op"] == "DeleteBackup" || request["op"] == "RestoreBackup";
            write && request["input"]["BackupId"] == id(n) && request["code"] == Value::Null
        });
        assert_eq!(accepted.count(), FLIPS, "each change of mind took effect once");
    }
    assert!(twins.0.try_exit().is_none() && twins.1.try_exit().is_none());
}

async fn versions(world: &World) -> Vec<Option<String>> {
    let mut versions = Vec::new();
    for n in 0..OBJECTS {
        versions.push(world.object(&name(n)).await.resource_version());
    }
    versions
}

fn name(n: usize) -> String {
    format!("object-{n}")
}
