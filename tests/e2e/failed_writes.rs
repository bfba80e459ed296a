//! Writes to AWS that fail: how each class shows, how often they are tried, and what ends it.

use std::time::Duration;

use cloudhsm_backup_operator::api::{RECONCILING, STALLED};
use kube::ResourceExt;
use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use crate::world::{REGION, World, has, id, ready, ready_condition};

const ID: &str = "backup-ro5c4er4aac";

/// Effect or AWS's code, the HTTP status, the reason, and whether it is Stalled.
const CLASSES: [(&str, &str, u16, &str, bool); 9] = [
    ("error", "AccessDeniedException", 400, "AccessDenied", true),
    ("error", "CloudHsmInvalidRequestException", 400, "InvalidRequest", true),
    ("error", "ThrottlingException", 400, "Throttled", false),
    ("error", "CloudHsmInternalFailureException", 500, "AwsUnavailable", false),
    ("error", "CloudHsmServiceException", 400, "AwsUnavailable", false),
    ("error", "ServiceUnavailable", 503, "AwsUnavailable", false),
    ("error", "ExpiredTokenException", 400, "NoCredentials", false),
    ("drop", "", 500, "AwsUnavailable", false),
    ("malformed", "", 500, "AwsUnavailable", false),
];

#[tokio::test]
async fn every_class_of_failure_shows_stays_as_it_is_and_goes_by_itself() {
    let world = World::new("failed-writes").await;
    for (n, (effect, code, status, ..)) in CLASSES.into_iter().enumerate() {
        world.backup(&id(n), "READY", json!({}));
        for n_try in 0..200 {
            // Each try is worded with another request id.
            let message = format!("AWS's own words (Request ID: 11111111-2222-3333-4444-{n_try:012})");
            let mut fault = json!({"op": "DeleteBackup", "backup_id": id(n), "effect": effect});
            if effect == "error" {
                let more = [("code", json!(code)), ("status", json!(status)), ("message", json!(message))];
                more.into_iter().for_each(|(key, value)| fault[key] = value);
            }
            world.fault(fault);
        }
    }
    // One of them is throttled all the time, and that draws out the requests of all: here from a thousandth of a second.
    let quick = world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1s");
    let operator = ready(quick.env("CLOUDHSM_BACKUP_OPERATOR_AWS_QPS", "1000").start()).await;
    for n in 0..CLASSES.len() {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    let mut versions = Vec::new();
    for (n, (effect, code, _, reason, stalled)) in CLASSES.into_iter().enumerate() {
        let object = world.reason(&format!("object-{n}"), reason).await;
        let condition = ready_condition(&object);
        assert_eq!(condition.status, "False", "{effect} {code}");
        assert_eq!((has(&object, STALLED), has(&object, RECONCILING)), (stalled, !stalled), "{effect} {code}");
        let named = [id(n).as_str(), REGION, "DeleteBackup"].iter().all(|part| condition.message.contains(part));
        assert!(named, "{}", condition.message);
        assert!(effect != "error" || condition.message.contains("AWS's own words"), "{}", condition.message);
        assert!(reason != "AccessDenied" || condition.message.contains("cloudhsm:DeleteBackup"));
        assert!(!condition.message.contains("-2222-"), "{}", condition.message);
        let status = object.status.clone().unwrap();
        assert_eq!(status.backup_state.as_deref(), Some("READY"), "what was last known");
        versions.push(object.resource_version());
    }
    for n in 0..CLASSES.len() {
        tried(&world, &id(n), 4).await;
    }
    for (n, version) in versions.into_iter().enumerate() {
        let object = world.object(&format!("object-{n}")).await;
        assert_eq!(object.resource_version(), version, "the same failure changes no field: {:?}", CLASSES[n]);
    }
    one_look_per_write(&world);

    world.heal();
    for (n, (_, code, _, reason, stalled)) in CLASSES.into_iter().enumerate() {
        let name = format!("object-{n}");
        world.reason(&name, "PendingDeletion").await;
        world.event(&name, "Normal", "DeleteRequested").await;
        let reasons: Vec<String> = world.events(&name).await.into_iter().map(|event| event.1).collect();
        let expected = if stalled { vec![reason, "DeleteRequested"] } else { vec!["DeleteRequested"] };
        assert_eq!(reasons, expected, "{code}");
    }
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn a_denied_write_names_the_action_that_is_missing() {
    let world = World::new("denied").await;
    world.fault(json!({"op": "RestoreBackup", "times": -1, "code": "AccessDeniedException"}));
    world.fault(json!({"op": "ModifyBackupAttributes", "times": -1, "code": "CloudHsmAccessDeniedException"}));
    world.backup(&id(0), "PENDING_DELETION", json!({"DeleteTimestamp": world.emulator.now() + 86_400.0}));
    world.backup(&id(1), "READY", json!({}));
    let _operator = world.started().await;
    world.declare("restored", &id(0), "Present", json!({})).await;
    world.declare("exempt", &id(1), "Present", json!({"neverExpires": true})).await;
    for (name, action) in [("restored", "cloudhsm:RestoreBackup"), ("exempt", "cloudhsm:ModifyBackupAttributes")] {
        let object = world.reason(name, "AccessDenied").await;
        assert!(ready_condition(&object).message.contains(action), "{}", ready_condition(&object).message);
        assert!(world.event(name, "Warning", "AccessDenied").await.contains(action));
    }
    world.heal();
    world.reason("restored", "Available").await;
    let object = world.reason("exempt", "Available").await;
    assert_eq!(object.status.unwrap().never_expires, Some(true));
}

#[tokio::test]
async fn aws_s_text_is_shown_printable_and_at_most_200_characters_of_it() {
    let world = World::new("long-text").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    let text = format!("two\nlines\u{1b}[31m\u{202e} and {}", "ü".repeat(3_000));
    world.fault(json!({"op": "DeleteBackup", "times": -1, "code": "CloudHsmInvalidRequestException", "message": text}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    let object = world.reason("payments", "InvalidRequest").await;
    let message = ready_condition(&object).message;
    assert!(message.contains("two lines") && message.matches('ü').count() <= 200, "{message}");
    assert!(!message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message}");
    let note = world.event("payments", "Warning", "InvalidRequest").await;
    assert!(note.len() <= 1024 && !note.contains(char::is_control), "{note}");
}

#[tokio::test]
async fn no_back_off_of_a_write_outlasts_a_change_of_the_spec_or_a_request() {
    let world = World::new("impatient-write").await;
    let patient = world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "5m");
    let _operator = ready(patient.start()).await;
    for n in 0..2 {
        let name = format!("object-{n}");
        world.backup(&id(n), "READY", json!({}));
        world.fault(json!({"op": "DeleteBackup", "times": 2, "code": "AccessDeniedException"}));
        world.declare(&name, &id(n), "Deleted", json!({})).await;
        world.reason(&name, "AccessDenied").await;
        // It fails once more, at once and for the request, and says so.
        world.ask(&name, "first").await;
        world.answered(&name, "first").await;
        assert_eq!(world.writes().iter().filter(|write| write.1 == id(n)).count(), 2);

        if n == 0 {
            world.ask(&name, "second").await;
        } else {
            world.edit(&name, json!({"neverExpires": false})).await;
        }
        world.reason_within(&name, "PendingDeletion", Duration::from_secs(20)).await;
    }
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_not_tried_again() {
    let world = World::new("no-longer").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    world.fault(json!({"op": "DeleteBackup", "times": -1}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "AwsUnavailable").await;
    world.edit("payments", json!({"desiredState": "Present"})).await;
    world.reason("payments", "Available").await;
    let tries = world.writes().len();
    world.more_looks(3).await;
    assert_eq!(world.writes().len(), tries);
    assert_eq!(world.state(ID), "READY");
}

#[tokio::test]
async fn a_failed_write_shows_for_as_long_as_it_is_due_though_looks_succeed() {
    let world = World::new("still-due").await;
    world.backup(ID, "READY", json!({}));
    let _operator = world.started().await;
    world.fault(json!({"op": "DeleteBackup", "times": -1, "code": "AccessDeniedException"}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    let object = world.reason("payments", "AccessDenied").await;
    for n in 0..3 {
        let when = format!("request {n}");
        world.ask("payments", &when).await;
        let again = world.answered("payments", &when).await;
        assert_eq!(ready_condition(&again), ready_condition(&object));
    }
    assert_eq!(world.events("payments").await.len(), 1);
}

/// Waits until that many writes for a backup have reached AWS.
async fn tried(world: &World, id: &str, wanted: usize) {
    eventually(&format!("{wanted} tries for {id}"), DEADLINE, async || {
        let tries = world.writes().iter().filter(|write| write.1 == id).count();
        if tries >= wanted { Ok(()) } else { Err(format!("{tries}")) }
    })
    .await;
}

/// Between two writes to one backup there is always a look at it.
pub(crate) fn one_look_per_write(world: &World) {
    let mut written: Vec<String> = Vec::new();
    for request in world.emulator.requests(0) {
        match (request["op"].as_str().unwrap(), request["input"]["BackupId"].as_str()) {
            ("DescribeBackups", _) => {
                let filter = request["input"]["Filters"]["backupIds"].as_array();
                written.retain(|id| filter.is_some_and(|ids| !ids.contains(&Value::from(id.as_str()))));
            }
            ("DeleteBackup" | "RestoreBackup" | "ModifyBackupAttributes", Some(id)) => {
                assert!(!written.iter().any(|known| known == id), "two writes to {id} after one look");
                written.push(id.to_owned());
            }
            _ => {}
        }
    }
}
