//! Looks at AWS that fail: how each class shows, and when it shows at all.

use std::time::{Duration, Instant};

use cloudhsm_backup_operator::api::{RECONCILING, STALLED};
use kube::ResourceExt;
use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, eventually};

use crate::world::{REGION, World, has, id, ready, ready_condition};

const ID: &str = "backup-ro5c4er4aac";

/// What the tests mean by "at once": far sooner than the five minutes that a back-off may last here.
const AT_ONCE: Duration = Duration::from_secs(20);

/// AWS's code, the HTTP status, the reason, and whether it is Stalled.
const CLASSES: [(&str, u16, &str, bool); 15] = [
    ("AccessDeniedException", 400, "AccessDenied", true),
    ("CloudHsmAccessDeniedException", 400, "AccessDenied", true),
    ("CloudHsmInvalidRequestException", 400, "InvalidRequest", true),
    ("CloudHsmTagException", 400, "InvalidRequest", true),
    ("ValidationException", 400, "InvalidRequest", true),
    ("ThrottlingException", 400, "Throttled", false),
    ("TooManyRequestsException", 429, "Throttled", false),
    ("CloudHsmInternalFailureException", 500, "AwsUnavailable", false),
    ("CloudHsmServiceException", 400, "AwsUnavailable", false),
    ("ServiceUnavailable", 503, "AwsUnavailable", false),
    ("SomethingNew", 502, "AwsUnavailable", false),
    ("ExpiredTokenException", 400, "NoCredentials", false),
    ("UnrecognizedClientException", 400, "NoCredentials", false),
    ("InvalidSignatureException", 403, "NoCredentials", false),
    ("MissingAuthenticationTokenException", 403, "NoCredentials", false),
];

#[tokio::test]
async fn every_class_of_failure_shows_before_the_first_look_and_goes_by_itself() {
    let world = World::new("failed-looks").await;
    let _operator = every_second(&world).await;
    for (n, (code, status, reason, stalled)) in CLASSES.into_iter().enumerate() {
        let (name, id) = (format!("object-{n}"), id(n));
        world.backup(&id, "READY", json!({}));
        world.fault(json!({"op": "DescribeBackups", "times": -1, "code": code, "status": status,
            "message": format!("AWS's own words {n}")}));

        world.declare(&name, &id, "Present", json!({})).await;
        let object = world.reason(&name, reason).await;
        let condition = ready_condition(&object);
        assert_eq!(condition.status, "Unknown", "{code}");
        assert_eq!((has(&object, STALLED), has(&object, RECONCILING)), (stalled, !stalled), "{code}");
        assert!(condition.message.contains(&id) && condition.message.contains(REGION), "{}", condition.message);
        if code != "InvalidSignatureException" {
            // The text to a bad signature repeats what was signed.
            assert!(condition.message.contains(&format!("AWS's own words {n}")), "{}", condition.message);
        }
        if reason == "AccessDenied" {
            assert!(condition.message.contains("cloudhsm:DescribeBackups"), "{}", condition.message);
        }
        let status = object.status.clone().unwrap();
        assert_eq!((status.backup_state, status.backup_arn), (None, None), "{code}");

        world.heal();
        world.reason(&name, "Available").await;
        let warnings = world.events(&name).await.into_iter().filter(|event| event.0 == "Warning");
        let warnings: Vec<String> = warnings.map(|event| event.1).collect();
        assert_eq!(warnings, if stalled { vec![reason] } else { vec![] }, "{code}");
    }
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_aws_being_unavailable() {
    let world = World::new("no-answer").await;
    let _operator = every_second(&world).await;
    for (n, effect) in ["drop", "malformed"].into_iter().enumerate() {
        let (name, id) = (effect, id(n));
        world.backup(&id, "READY", json!({}));
        world.fault(json!({"op": "DescribeBackups", "times": -1, "effect": effect}));
        world.declare(name, &id, "Deleted", json!({})).await;
        let object = world.reason(name, "AwsUnavailable").await;
        assert_eq!(ready_condition(&object).status, "Unknown");
        world.heal();
        world.reason(name, "PendingDeletion").await;
    }
    assert_eq!(world.writes().len(), 2);
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_within_15_seconds() {
    let world = World::new("hanging").await;
    world.backup(ID, "READY", json!({}));
    let operator = every_second(&world).await;
    world.fault(json!({"op": "DescribeBackups", "times": -1, "effect": "delay", "delay_seconds": 40}));
    let declared = Instant::now();
    world.declare("payments", ID, "Present", json!({})).await;
    let object = world.reason_within("payments", "AwsUnavailable", Duration::from_secs(30)).await;
    assert!(declared.elapsed() < Duration::from_secs(20), "{:?}", declared.elapsed());
    assert_eq!(ready_condition(&object).status, "Unknown");
    world.heal();
    world.reason("payments", "Available").await;
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn a_failure_that_stays_the_same_changes_no_field_though_aws_words_it_with_new_request_ids() {
    let world = World::new("same-failure").await;
    world.backup(ID, "READY", json!({"TagList": [{"Key": "team", "Value": "payments"}]}));
    let _operator = every_second(&world).await;
    world.declare("payments", ID, "Present", json!({})).await;
    let before = world.reason("payments", "Available").await.status.unwrap();

    for n in 0..60 {
        let message = format!("it broke (Request ID: 11111111-2222-3333-4444-{n:012}) \u{7} here");
        world.fault(json!({"op": "DescribeBackups", "message": message}));
    }
    world.ask("payments", "now").await;
    let object = world.answered("payments", "now").await;
    let condition = ready_condition(&object);
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "AwsUnavailable"));
    assert!(
        condition.message.contains("it broke here") && !condition.message.contains("1111-2222"),
        "{}",
        condition.message
    );
    assert!(!condition.message.contains(char::is_control), "{}", condition.message);
    let mut mirrored = object.status.clone().unwrap();
    (mirrored.conditions, mirrored.last_handled_requested_at) = (before.conditions.clone(), None);
    assert_eq!(mirrored, before, "the mirrored fields keep what was last known");

    world.more_looks(5).await;
    assert_eq!(world.object("payments").await.resource_version(), object.resource_version());

    // Another wish while AWS fails: it is answered, and the failure stays.
    world.edit("payments", json!({"desiredState": "Deleted"})).await;
    let object = world.reason("payments", "AwsUnavailable").await;
    assert_eq!(ready_condition(&object).status, "False");
    assert_eq!(world.writes(), []);
    world.heal();
    world.reason("payments", "PendingDeletion").await;
}

#[tokio::test]
async fn a_routine_look_that_fails_shows_only_when_the_last_good_one_is_three_intervals_old() {
    let world = World::new("routine").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    let good = world.reason("payments", "Available").await;
    world.more_looks(1).await;

    let failing = Instant::now();
    world.fault(json!({"op": "DescribeBackups", "times": -1}));
    let object = eventually("Ready is Unknown", DEADLINE, async || {
        let object = world.object("payments").await;
        if ready_condition(&object).status == "Unknown" {
            return Ok(object);
        }
        assert_eq!(object.resource_version(), good.resource_version(), "nothing changes before");
        Err("not yet".to_owned())
    })
    .await;
    // The last good look was at most one interval before.
    assert!(failing.elapsed() >= crate::world::RESYNC * 2, "after {:?}", failing.elapsed());
    assert_eq!(ready_condition(&object).reason, "AwsUnavailable");
    assert!(has(&object, RECONCILING));
    assert_eq!(object.status.clone().unwrap().backup_state.as_deref(), Some("READY"));
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    assert!(metrics.contains("code=\"CloudHsmInternalFailureException\""), "{metrics}");

    world.more_looks(3).await;
    assert_eq!(world.object("payments").await.resource_version(), object.resource_version());
    world.heal();
    world.reason("payments", "Available").await;
    assert!(world.events("payments").await.is_empty());
}

#[tokio::test]
async fn one_bad_sweep_changes_nothing() {
    let world = World::new("bad-sweep").await;
    for n in 0..5 {
        world.backup(&id(n), "READY", json!({}));
        world.declare(&format!("object-{n}"), &id(n), "Present", json!({})).await;
    }
    let _operator = world.started().await;
    let mut versions = Vec::new();
    for n in 0..5 {
        versions.push(world.reason(&format!("object-{n}"), "Available").await.resource_version());
    }
    world.fault(json!({"op": "DescribeBackups", "times": 1, "code": "AccessDeniedException", "status": 400}));
    eventually("the faults are used up", DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.more_looks(5).await;
    for (n, version) in versions.into_iter().enumerate() {
        assert_eq!(world.object(&format!("object-{n}")).await.resource_version(), version);
    }
}

#[tokio::test]
async fn a_spec_change_and_a_request_are_acted_on_at_once_however_long_the_back_off() {
    let world = World::new("impatient").await;
    let _operator = ready(patient(&world).start()).await;
    for (n, code) in ["AccessDeniedException", "CloudHsmInvalidRequestException"].into_iter().enumerate() {
        world.backup(&id(n), "READY", json!({}));
        let name = format!("object-{n}");
        world.fault(json!({"op": "DescribeBackups", "times": -1, "code": code, "status": 400}));
        world.declare(&name, &id(n), "Present", json!({})).await;
        let reason = if n == 0 { "AccessDenied" } else { "InvalidRequest" };
        let failed = world.reason(&name, reason).await;

        // A request is answered by the failure too.
        world.ask(&name, "first").await;
        let object = world.answered(&name, "first").await;
        assert_eq!(ready_condition(&object).status, "Unknown");
        assert_eq!(ready_condition(&object).message, ready_condition(&failed).message);

        world.heal();
        if n == 0 {
            world.ask(&name, "second").await;
        } else {
            world.edit(&name, json!({"neverExpires": false})).await;
        }
        world.reason_within(&name, "Available", AT_ONCE).await;
    }
}

#[tokio::test]
async fn throttled_objects_all_arrive_in_the_end() {
    let world = World::new("throttled").await;
    for n in 0..20 {
        world.backup(&id(n), "READY", json!({}));
    }
    let operator = every_second(&world).await;
    world.emulator.behaviour(json!({"throttle": {"burst": 2, "per_second": 20}})).unwrap();
    for n in 0..20 {
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
    }
    for n in 0..20 {
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
    }
    let deletions = world.requests_of("DeleteBackup");
    assert_eq!(deletions.iter().filter(|request| request["code"] == Value::Null).count(), 20);
    assert!(operator.try_exit().is_none());
}

/// An operator that looks for drift every second, so that what only a human can mend is tried again soon.
async fn every_second(world: &World) -> Operator {
    ready(world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1s").start()).await
}

/// An operator that waits five minutes where it may.
fn patient(world: &World) -> test_support::OperatorBuilder {
    world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "5m")
}
