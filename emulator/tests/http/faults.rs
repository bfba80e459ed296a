//! Faults, over the wire.

use crate::client::{A, B, INVALID, NOT_FOUND, client, eventually, truth, with};
use cloudhsm_emulator::Emulator;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn emulator(faults: Value) -> Emulator {
    let emulator = with(json!([{"BackupId": A}, {"BackupId": B}]));
    emulator.push_faults(faults).unwrap();
    emulator
}

fn state(emulator: &Emulator, id: &str) -> String {
    truth(emulator, id)["BackupState"].as_str().unwrap().to_owned()
}

#[test]
fn error_answers_its_code_and_status_and_applies_nothing() {
    let emulator = emulator(json!([
        {"op": "DeleteBackup"},
        {"op": "DeleteBackup", "code": "CloudHsmServiceException", "message": "later"},
        {"op": "DeleteBackup", "code": "AccessDeniedException", "status": 403},
        {"op": "DeleteBackup", "code": "ThrottlingException"},
    ]));
    let here = client(&emulator);
    let mut answers = vec![];
    for _ in 0..4 {
        let answer = here.call("DeleteBackup", json!({"BackupId": A}));
        answers.push((answer.status, answer.json()["__type"].as_str().unwrap().to_owned()));
    }
    let expected = [
        (500, "CloudHsmInternalFailureException"),
        (400, "CloudHsmServiceException"),
        (403, "AccessDeniedException"),
        (400, "ThrottlingException"),
    ];
    assert_eq!(answers, expected.map(|(status, code)| (status, code.to_owned())));
    assert_eq!(state(&emulator, A), "READY");
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    assert_eq!(emulator.faults(), Vec::<Value>::new());
}

#[test]
fn applied_effects_make_the_change_and_then_fail() {
    let emulator = emulator(json!([{"effect": "applied_error", "code": "CloudHsmServiceException", "message": "m"}]));
    let here = client(&emulator);
    assert_eq!(here.call("DeleteBackup", json!({"BackupId": A})).fails("CloudHsmServiceException"), "m");
    assert_eq!(state(&emulator, A), "PENDING_DELETION");

    emulator.push_faults(json!([{"effect": "applied_drop"}])).unwrap();
    assert!(here.raw("RestoreBackup", json!({"BackupId": A}).to_string().as_bytes()).is_none());
    assert_eq!(state(&emulator, A), "READY");

    emulator.push_faults(json!([{"effect": "applied_malformed"}])).unwrap();
    let answer = here.call("DeleteBackup", json!({"BackupId": A}));
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    assert_eq!(state(&emulator, A), "PENDING_DELETION");
}

#[test]
fn applied_effects_apply_nothing_where_the_call_is_illegal() {
    let emulator = emulator(json!([{"effect": "applied_error", "times": 3, "code": "X"}]));
    let here = client(&emulator);
    for input in [json!({"BackupId": A}), json!({"BackupId": "bad"}), json!({"BackupId": 7})] {
        here.call("RestoreBackup", input).fails("X");
    }
    assert_eq!(state(&emulator, A), "READY");
}

#[test]
fn drop_closes_the_connection_without_a_byte() {
    let emulator = emulator(json!([{"effect": "drop", "times": 2}]));
    let here = client(&emulator);
    assert!(here.raw("DeleteBackup", json!({"BackupId": A}).to_string().as_bytes()).is_none());
    assert!(here.cbor("DeleteBackup", b"\xa0").is_none());
    assert_eq!(state(&emulator, A), "READY");
    assert_eq!(here.state(A).unwrap(), "READY", "the next connection works");
}

#[test]
fn drop_ends_a_kept_connection_too() {
    let emulator = emulator(json!([{"effect": "drop", "after": 1}]));
    let here = client(&emulator);
    let mut connection = here.connect();
    here.send_json(&mut connection, "DescribeBackups", b"{}");
    assert_eq!(connection.receive().unwrap().status, 200);
    here.send_json(&mut connection, "DescribeBackups", b"{}");
    assert!(connection.receive().is_none());
}

#[test]
fn malformed_is_no_body_of_the_protocol() {
    let emulator = emulator(json!([{"effect": "malformed", "times": -1}]));
    let here = client(&emulator);
    let answer = here.call("DeleteBackup", json!({"BackupId": A}));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-amz-json-1.1")));
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    let answer = here.cbor("DescribeBackups", b"\xa0").unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/cbor")));
    assert!(ciborium::from_reader::<ciborium::Value, _>(&answer.body[..]).is_err());
    assert!(answer.header("x-amzn-requestid").is_some());
    assert_eq!(state(&emulator, A), "READY");
}

#[test]
fn delay_answers_late_and_acts_when_the_delay_is_over() {
    let emulator = emulator(json!([{"effect": "delay", "delay_seconds": 0.3}]));
    let here = client(&emulator);
    let start = Instant::now();
    let mut connection = here.connect();
    here.send_json(&mut connection, "DeleteBackup", json!({"BackupId": A}).to_string().as_bytes());
    eventually("the fault", || emulator.faults().is_empty());
    assert_eq!(state(&emulator, A), "READY");
    assert_eq!(connection.receive().unwrap().ok()["Backup"]["BackupState"], "PENDING_DELETION");
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn delay_goes_through_the_checks_when_it_is_over() {
    let emulator = emulator(json!([{"effect": "delay", "delay_seconds": 0.2}]));
    let here = client(&emulator);
    let mut connection = here.connect();
    here.send_json(&mut connection, "DeleteBackup", json!({"BackupId": A}).to_string().as_bytes());
    eventually("the fault", || emulator.faults().is_empty());
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    connection.receive().unwrap().fails(INVALID);
}

#[test]
fn a_delayed_change_is_made_even_if_the_client_has_gone() {
    let emulator = emulator(json!([{"effect": "delay", "delay_seconds": 0.3}]));
    let here = client(&emulator);
    let mut connection = here.connect();
    here.send_json(&mut connection, "DeleteBackup", json!({"BackupId": A}).to_string().as_bytes());
    eventually("the fault", || emulator.faults().is_empty());
    drop(connection);
    assert_eq!(emulator.requests(0).len(), 0, "not decided yet");
    eventually("the change", || state(&emulator, A) == "PENDING_DELETION");
    assert_eq!(emulator.requests(0)[0]["status"], 200);
}

#[test]
fn not_even_a_reset_connection_keeps_a_delayed_change_from_being_made() {
    let emulator = emulator(json!([{"effect": "delay", "delay_seconds": 0.3, "after": 1}]));
    let here = client(&emulator);
    let mut connection = here.connect();
    here.send_json(&mut connection, "DescribeBackups", b"{}");
    eventually("the first answer", || connection.has_more_to_read());
    here.send_json(&mut connection, "DeleteBackup", json!({"BackupId": A}).to_string().as_bytes());
    eventually("the fault", || emulator.faults().is_empty());
    // A connection that is closed before all is read is reset.
    drop(connection);
    eventually("the change", || state(&emulator, A) == "PENDING_DELETION");
}

#[test]
fn the_first_that_matches_takes_the_request() {
    let emulator = emulator(json!([
        {"op": "RestoreBackup", "code": "Restore"},
        {"op": "DeleteBackup", "after": 2, "times": 2, "code": "First"},
        {"op": "*", "code": "Second"},
    ]));
    let here = client(&emulator);
    let codes: Vec<Value> =
        (0..6).map(|_| here.call("DeleteBackup", json!({"BackupId": A})).json()["__type"].clone()).collect();
    // The first two get the normal answer, though the third fault would match them.
    assert_eq!(codes, [Value::Null, json!(INVALID), json!("First"), json!("First"), json!("Second"), json!(INVALID)]);
    assert_eq!(emulator.faults()[0]["op"], "RestoreBackup");
}

#[test]
fn what_is_left_is_shown() {
    let emulator = emulator(json!([{"op": "DeleteBackup", "times": 3, "after": 1}, {"times": -1, "op": "ListTags"}]));
    let here = client(&emulator);
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    here.call("DeleteBackup", json!({"BackupId": A}));
    here.call("ListTags", json!({"ResourceId": A}));
    let left = here.control("GET", "/_control/faults", "").ok();
    assert_eq!((&left[0]["times"], &left[0]["after"], &left[1]["times"]), (&json!(2), &json!(0), &json!(-1)));
    here.control("DELETE", "/_control/faults", "").ok();
    assert_eq!(here.control("GET", "/_control/faults", "").ok(), json!([]));
}

#[test]
fn backup_id_limits_a_fault_to_requests_that_name_it() {
    for (op, input, takes) in [
        ("DeleteBackup", json!({"BackupId": A}), true),
        ("DeleteBackup", json!({"BackupId": B}), false),
        ("ListTags", json!({"ResourceId": A}), true),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "us-west-2"}), true),
        ("DescribeBackups", json!({"Filters": {"backupIds": [B, A]}}), true),
        ("DescribeBackups", json!({"Filters": {"backupIds": [B]}}), false),
        ("DescribeBackups", json!({"Filters": {"sourceBackupIds": [A]}}), false),
        ("DescribeBackups", json!({}), false),
    ] {
        let emulator = emulator(json!([{"backup_id": A, "code": "X"}]));
        let answer = client(&emulator).call(op, input.clone());
        assert_eq!(answer.status == 400, takes, "{op} {input}");
        assert_eq!(emulator.faults().is_empty(), takes, "{op} {input}");
    }
}

#[test]
fn faults_come_before_input_checks_and_also_take_unreadable_and_unknown_calls() {
    let emulator = emulator(json!([{"code": "X", "times": 3}]));
    let here = client(&emulator);
    here.call("DeleteBackup", json!({})).fails("X");
    here.raw("DeleteBackup", b"{").unwrap().fails("X");
    here.call("CreateCluster", json!({})).fails("X");
    here.raw("DeleteBackup", b"{").unwrap().fails("SerializationException");
}

#[test]
fn faults_take_sts_by_name_only() {
    let emulator = emulator(json!([{"times": -1}, {"op": "AssumeRole", "code": "AccessDenied", "status": 403}]));
    let mut connection = client(&emulator).connect();
    let body = b"Action=AssumeRole&RoleArn=arn:aws:iam::444455556666:role/x&RoleSessionName=me";
    connection.send("POST", "/", &[], body);
    let answer = connection.receive().unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<Code>AccessDenied</Code>"), "{}", answer.text());
    connection.send("POST", "/", &[], body);
    assert_eq!(connection.receive().unwrap().status, 200);
}

#[test]
fn a_wrong_fault_keeps_the_whole_list_out() {
    let emulator = emulator(json!([]));
    let here = client(&emulator);
    for body in
        ["", "{}", "null", r#"[{}, {"effect": "boom"}]"#, r#"[{}, {"who": 1}]"#, r#"[{}, {"times": "1"}]"#, "[{}, 7]"]
    {
        let answer = here.control("POST", "/_control/faults", body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(emulator.faults(), Vec::<Value>::new());
    here.call("DeleteBackup", json!({"BackupId": "backup-zzzzzzzzzzz"})).fails(NOT_FOUND);
}
