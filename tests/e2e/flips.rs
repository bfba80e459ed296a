//! Many changes of mind, fast: what the status claims is true at every moment, and what is done was asked for.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use crate::{
    sampler::Sampler,
    world::{World, id},
};

const ID: &str = "backup-ro5c4er4aac";
const FLIPS: usize = 50;

/// What was declared, from when on.
type History = Vec<(f64, &'static str)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_is_never_true_while_aws_disagrees_and_each_write_was_asked_for() {
    let world = Arc::new(World::new("flips").await);
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    let mut history: History = vec![(now(), "Present")];
    world.reason("payments", "Available").await;

    let sampler = Sampler::start(&world, vec![("payments".into(), ID.into())]);
    for flip in 1..=FLIPS {
        let desired = if flip % 2 == 1 { "Deleted" } else { "Present" };
        // Before and after: AWS may see a write of what is declared while the API server still writes its answer.
        history.push((now(), desired));
        world.edit("payments", json!({"desiredState": desired})).await;
        progress(&world, flip).await;
    }
    let samples = sampler.stop().await;
    // An even number of flips ends where it began.
    world.reason("payments", "Available").await;
    assert_eq!(world.state(ID), "READY");
    world.more_looks(2).await;
    assert_eq!(world.state(ID), "READY");
    assert!(samples > 0, "Ready was seen True in between");
    justified(&world, ID, &history);
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn twenty_objects_flipped_at_once_all_end_as_declared_with_one_write_each() {
    let world = World::new("flips-at-once").await;
    let _operator = world.started().await;
    for n in 0..20 {
        world.backup(&id(n), "READY", json!({}));
        world.declare(&format!("object-{n}"), &id(n), "Present", json!({})).await;
    }
    for n in 0..20 {
        world.reason(&format!("object-{n}"), "Available").await;
    }
    for (desired, reason, state) in
        [("Deleted", "PendingDeletion", "PENDING_DELETION"), ("Present", "Available", "READY")]
    {
        let names: Vec<String> = (0..20).map(|n| format!("object-{n}")).collect();
        let edits = names.iter().map(|name| world.edit(name, json!({"desiredState": desired})));
        futures::future::join_all(edits).await;
        for (n, name) in names.iter().enumerate() {
            world.reason(name, reason).await;
            assert_eq!(world.state(&id(n)), state);
        }
    }
    for n in 0..20 {
        let writes: Vec<_> = world.writes().into_iter().filter(|write| write.1 == id(n)).map(|write| write.0).collect();
        assert_eq!(writes, ["DeleteBackup", "RestoreBackup"]);
    }
}

#[tokio::test]
async fn two_flips_while_a_write_is_under_way_end_as_declared() {
    let world = World::new("flips-under-way").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    world.fault(json!({"op": "DeleteBackup", "effect": "delay", "delay_seconds": 2}));
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    test_support::eventually("the deletion is under way", test_support::DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Available").await;
    assert_eq!(world.state(ID), "READY");
    let operations: Vec<_> = world.writes().into_iter().map(|write| write.0).collect();
    assert_eq!(operations, ["DeleteBackup", "RestoreBackup"]);
}

/// Goes on at once, after the operator has begun with the change, or after it is done with it.
async fn progress(world: &World, flip: usize) {
    let requests = world.emulator.requests(0).len();
    let steps = [0, 1, 0, 2, 3][flip % 5];
    if flip.is_multiple_of(7) {
        let reason = if flip % 2 == 1 { "PendingDeletion" } else { "Available" };
        world.reason("payments", reason).await;
    } else if steps > 0 {
        // Not all of them may come: a change that is taken back in time leads to no request.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300 * steps), async {
            while world.emulator.requests(0).len() < requests + usize::try_from(steps).unwrap() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// Every write to AWS was what the object asked for at some time in the 5 s before it.
fn justified(world: &World, id: &str, history: &History) {
    for request in world.emulator.requests(0) {
        let wanted = match request["op"].as_str().unwrap() {
            "DeleteBackup" => "Deleted",
            "RestoreBackup" => "Present",
            _ => continue,
        };
        assert_eq!(request["input"]["BackupId"], id);
        let at = request["time"].as_f64().unwrap();
        let asked = history.iter().enumerate().any(|(n, (from, desired))| {
            let until = history.get(n + 1).map_or(f64::MAX, |next| next.0);
            // The API server answers a change a moment after it was sent.
            *desired == wanted && *from <= at && until >= at - 6.0
        });
        assert!(asked, "{request} wasn't asked for: {history:?}");
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
