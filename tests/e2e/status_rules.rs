//! The rules of the status: what changes it, what doesn't, and who may not.

use serde_json::{Value, json};
use test_support::{DEADLINE, consistently, eventually};

use crate::{
    history::History,
    probes::{AT_ONCE, SLOW, id, ready_and_message, serves},
    world::{RESYNC, World, ready, ready_condition},
};

/// An object with all that AWS can tell, settled; the operator sweeps often.
async fn settled(name: &str) -> (World, test_support::Operator) {
    let world = World::new(name).await;
    world.backup(
        &id(0),
        "READY",
        json!({
            "CopyTimestamp": 1_600_000_000, "SourceRegion": "eu-west-1", "SourceBackup": id(1),
            "SourceCluster": "cluster-dygnwhmscg5", "TagList": [{"Key": "team", "Value": "payments"}],
        }),
    );
    let operator = world.started().await;
    world.declare("settled", &id(0), "Present", json!({})).await;
    world.look_again("settled").await;
    world.reason("settled", "Available").await;
    (world, operator)
}

/// Waits until the status is as it was, within two sweeps.
async fn repaired(world: &World, name: &str, before: &Value, what: &str) {
    let looks = world.looks();
    eventually(&format!("{what} is repaired"), DEADLINE, async || {
        let status = world.raw(name).await["status"].clone();
        if status == *before { Ok(()) } else { Err(format!("{status} instead of {before}")) }
    })
    .await;
    assert!(world.looks() <= looks + 4, "{what} was repaired after {} looks", world.looks() - looks);
}

#[tokio::test]
async fn before_any_operator_the_status_says_that_none_has_seen_the_object() {
    let world = World::new("unseen").await;
    world.declare("unseen", &id(0), "Present", json!({})).await;
    assert_eq!(world.raw("unseen").await["status"], json!({"observedGeneration": -1}));
    let output = world.kubectl(&["get", "chb", "unseen", "--no-headers"]).await;
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), ["unseen", "Present"]);
}

#[tokio::test]
async fn a_request_is_answered_at_once_by_a_fresh_look_and_its_removal_asks_for_nothing() {
    let world = World::new("request").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = ready(world.operator().env(SLOW.0, SLOW.1).start()).await;
    world.declare("asked", &id(0), "Present", json!({})).await;
    world.reason("asked", "Available").await;
    world.outside(&id(0), json!({"TagList": [{"Key": "team", "Value": "payments"}]}));
    let since = std::time::Instant::now();
    let object = world.look_again("asked").await;
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
    assert_eq!(object.status.unwrap().tags.unwrap()["team"], "payments", "the echo comes with what the look showed");

    world.request("asked", "").await;
    let echoed = |object: &cloudhsm_backup_operator::api::CloudHsmBackup| {
        object.status.as_ref().unwrap().last_handled_requested_at.as_deref() == Some("")
    };
    world.until("asked", "an empty value is a value", echoed).await;
    world.request("asked", "2026-11-01T00:00:00Z").await;
    world.request("asked", "2026-11-01T00:00:01Z").await;
    let last = |object: &cloudhsm_backup_operator::api::CloudHsmBackup| {
        object.status.as_ref().unwrap().last_handled_requested_at.as_deref() == Some("2026-11-01T00:00:01Z")
    };
    let before = world.until("asked", "the last one counts", last).await;

    let since = world.emulator.requests(0).len();
    let output = world.kubectl(&["annotate", "chb", "asked", "cloudhsm.dev/requested-at-"]).await;
    assert!(output.status.success());
    world.backup(&id(1), "READY", json!({}));
    world.declare("other", &id(1), "Present", json!({})).await;
    world.reason("other", "Available").await;
    assert_eq!(world.object("asked").await.status, before.status);
    // A listing, without ids, would be one of it too.
    let looks = world.looks_since(since);
    let of_it = looks.iter().filter(|look| look.as_ref().is_none_or(|ids| ids.contains(&id(0))));
    assert_eq!(of_it.count(), 0, "only the other object was looked up: {looks:?}");
    assert!(!looks.is_empty(), "the other object was looked up");
}

#[tokio::test]
async fn a_request_is_answered_by_a_failure_too() {
    let world = World::new("request-failure").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = ready(world.operator().env(SLOW.0, SLOW.1).start()).await;
    world.declare("asked", &id(0), "Present", json!({})).await;
    world.reason("asked", "Available").await;
    let denied = json!([{"op": "DescribeBackups", "times": -1, "code": "AccessDeniedException", "status": 400, "message": "no"}]);
    world.emulator.push_faults(denied).unwrap();
    let object = world.look_again("asked").await;
    let (status, message) = ready_and_message(&object);
    assert_eq!((status.as_str(), ready_condition(&object).reason.as_str()), ("False", "AccessDenied"));
    assert!(message.contains("cloudhsm:DescribeBackups"), "{message}");
    assert_eq!(object.status.unwrap().backup_state.as_deref(), Some("READY"), "what was last known stays");
    world.event("asked", "Warning", "AccessDenied").await;

    world.emulator.control("DELETE", "/_control/faults", None).unwrap();
    world.look_again("asked").await;
    world.reason("asked", "Available").await;
}

#[tokio::test]
async fn a_wiped_status_is_written_anew() {
    let (world, _operator) = settled("wiped").await;
    let before = world.raw("settled").await["status"].clone();
    let wiped = json!([{"op": "replace", "path": "/status", "value": {}}]).to_string();
    let output = world.kubectl(&["patch", "chb", "settled", "--subresource=status", "--type=json", "-p", &wiped]).await;
    assert!(output.status.success());
    eventually("the status is written anew", DEADLINE, async || {
        let mut status = world.raw("settled").await["status"].clone();
        // The condition is a new one.
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = before["conditions"][0]["lastTransitionTime"].clone();
        }
        if status == before { Ok(()) } else { Err(format!("{status} instead of {before}")) }
    })
    .await;
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn each_falsified_field_of_the_status_is_put_right() {
    let (world, _operator) = settled("falsified").await;
    let before = world.raw("settled").await["status"].clone();
    let ready = &before["conditions"][0];
    let condition = |field: &str, value: Value| {
        let mut changed = ready.clone();
        changed[field] = value;
        json!({"conditions": [changed]})
    };
    let stalled = json!({"type": "Stalled", "status": "True", "reason": "Conflict", "message": "a lie",
        "observedGeneration": 1, "lastTransitionTime": ready["lastTransitionTime"]});
    let lies = [
        json!({"observedGeneration": 99}),
        json!({"observedGeneration": null}),
        json!({"backupState": "DELETED"}),
        json!({"backupState": null}),
        json!({"backupArn": "arn:aws:cloudhsm:us-east-1:999999999999:backup/backup-zzzzzzzzzzz"}),
        json!({"clusterId": null}),
        json!({"createTimestamp": "1999-01-01T00:00:00Z"}),
        json!({"copyTimestamp": null}),
        json!({"deleteTimestamp": "1999-01-01T00:00:00Z"}),
        json!({"neverExpires": true}),
        json!({"sourceRegion": "mars-north-1", "sourceBackup": "none", "sourceCluster": null}),
        json!({"hsmType": "", "mode": "NON_FIPS"}),
        json!({"tags": {"team": "attackers", "more": "tags"}}),
        json!({"tags": null}),
        json!({"region": "eu-west-1"}),
        json!({"lastHandledRequestedAt": "never"}),
        json!({"lastHandledRequestedAt": null}),
        json!({"lastBackupState": "DELETED"}),
        condition("status", json!("False")),
        condition("reason", json!("Conflict")),
        condition("message", json!("all is well")),
        condition("observedGeneration", json!(7)),
        json!({"conditions": [ready, stalled]}),
        json!({"conditions": []}),
        json!({"conditions": null}),
        json!({"backupState": "PENDING_DELETION", "deleteTimestamp": "1999-01-01T00:00:00Z", "conditions": [stalled]}),
    ];
    for lie in lies {
        world.falsify("settled", lie.clone()).await;
        let mut expected = before.clone();
        if lie["conditions"] != Value::Null
            && lie["conditions"][0]["status"] == "True"
            && lie["conditions"][0]["type"] == "Ready"
        {
            repaired(&world, "settled", &expected, &lie.to_string()).await;
            continue;
        }
        // A condition that was away, or had another status, has turned now.
        eventually(&format!("{lie} is put right"), DEADLINE, async || {
            let status = world.raw("settled").await["status"].clone();
            expected["conditions"][0]["lastTransitionTime"] = status["conditions"][0]["lastTransitionTime"].clone();
            if status == expected { Ok(()) } else { Err(format!("{status} instead of {expected}")) }
        })
        .await;
    }
    assert_eq!(world.writes(), []);
    assert_eq!(world.state(&id(0)), "READY");
}

#[tokio::test]
async fn nothing_is_written_while_nothing_happens_and_after_a_restart() {
    let (world, operator) = settled("quiet").await;
    world.backup(&id(2), "DELETED", json!({}));
    world.backup(&id(4), "READY", json!({}));
    world.declare("lost", &id(2), "Present", json!({})).await;
    world.declare("unknown", &id(3), "Deleted", json!({})).await;
    world.declare("kept", &id(4), "Present", json!({})).await;
    world.declare("unwanted", &id(4), "Deleted", json!({})).await;
    let names = ["settled", "lost", "unknown", "kept", "unwanted"];
    for (name, reason) in
        names.into_iter().zip(["Available", "RestoreWindowClosed", "BackupNotFound", "Conflict", "Conflict"])
    {
        world.reason(name, reason).await;
    }
    for name in &names[1..] {
        eventually("its warning is there", DEADLINE, async || match world.events(name).await.len() {
            1 => Ok(()),
            count => Err(format!("{count} events")),
        })
        .await;
    }
    let look = async || {
        let mut versions = Vec::new();
        for name in names {
            let object = world.object(name).await;
            versions.push((object.metadata.resource_version.unwrap(), world.events(name).await));
        }
        versions
    };
    let before = look().await;
    let looks = world.looks();
    consistently("nothing is written", 3 * RESYNC, async || {
        let now = look().await;
        if now == before { Ok(()) } else { Err(format!("{now:?} after {before:?}")) }
    })
    .await;
    assert!(world.looks() >= looks + 2, "AWS was looked at meanwhile");

    operator.terminate();
    operator.wait_exit(DEADLINE).await;
    let operator = world.started().await;
    serves(&operator, names.len()).await;
    world.more_looks(2).await;
    assert_eq!(look().await, before, "after a restart");
    operator.kill();
    let operator = world.started().await;
    serves(&operator, names.len()).await;
    assert_eq!(look().await, before, "after a crash");
}

#[tokio::test]
async fn a_flip_that_goes_well_costs_one_write_of_the_status() {
    let (world, _operator) = settled("one-write").await;
    let history = History::record(&world, "settled").await;
    for (edits, (desired, reason)) in [("Deleted", "PendingDeletion"), ("Present", "Available")].into_iter().enumerate()
    {
        world.edit("settled", json!({"desiredState": desired})).await;
        world.reason("settled", reason).await;
        // The write has shown, and nobody writes again for that.
        world.more_looks(2).await;
        eventually("the edit and one status are recorded", DEADLINE, async || match history.objects().len() {
            count if count == 1 + 2 * (edits + 1) => Ok(()),
            count => Err(format!("{count} versions")),
        })
        .await;
    }
}

#[tokio::test]
async fn conditions_of_others_are_kept() {
    let (world, _operator) = settled("foreign").await;
    let ready = world.raw("settled").await["status"]["conditions"][0].clone();
    let audited = json!({"type": "Audited", "status": "False", "reason": "Pending", "message": "",
        "lastTransitionTime": "2026-11-01T00:00:00Z"});
    world.falsify("settled", json!({"conditions": [ready, audited]})).await;
    world.edit("settled", json!({"desiredState": "Deleted"})).await;
    let audits = |object: &cloudhsm_backup_operator::api::CloudHsmBackup| {
        let conditions = &object.status.as_ref().unwrap().conditions;
        conditions
            .iter()
            .filter(|condition| condition.type_ == "Audited")
            .map(|audit| audit.status.clone())
            .collect::<Vec<_>>()
    };
    let object =
        world.until("settled", "it is deleted", |object| ready_condition(object).reason == "PendingDeletion").await;
    assert_eq!(audits(&object), ["False"]);
    world.edit("settled", json!({"suspend": true, "desiredState": "Present"})).await;
    let object = world.until("settled", "it is held", |object| ready_condition(object).reason == "Suspended").await;
    assert_eq!(audits(&object), ["False"]);
}
