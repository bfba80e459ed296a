//! The requests log.

use crate::client::{A, NOBODY, client, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_call_is_logged_with_all_there_is_to_say() {
    let emulator = with(json!([{"BackupId": A, "Region": "eu-west-1", "Account": "444455556666"}]));
    let there = client(&emulator).region("eu-west-1").account("444455556666");
    let before = emulator.now();
    let answer = there.call("DeleteBackup", json!({"BackupId": A, "Extra": [1, {"x": null}]}));
    let log = there.control("GET", "/_control/requests", "").ok();
    let mut entry = log["requests"][0].as_object().unwrap().clone();
    let time = entry.remove("time").unwrap().as_f64().unwrap();
    assert!(before <= time && time <= emulator.now());
    assert_eq!(
        Value::Object(entry),
        json!({"n": 0, "op": "DeleteBackup", "protocol": "json", "account": "444455556666", "region": "eu-west-1",
            "input": {"BackupId": A, "Extra": [1, {"x": null}]}, "status": 200, "code": null,
            "request_id": answer.header("x-amzn-requestid").unwrap(), "user_agent": "tests"})
    );
    assert_eq!(log["next"], 1);
}

#[test]
fn refused_faulted_unknown_and_dropped_calls_are_logged_too() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    here.call("DeleteBackup", json!({"BackupId": NOBODY}));
    emulator
        .push_faults(json!([{"code": "X", "status": 503}, {"effect": "drop"}, {"effect": "applied_drop"}, {"effect": "malformed"}]))
        .unwrap();
    here.call("ListTags", json!({"ResourceId": A}));
    assert!(here.raw("DeleteBackup", json!({"BackupId": A}).to_string().as_bytes()).is_none());
    assert!(here.raw("DeleteBackup", json!({"BackupId": A}).to_string().as_bytes()).is_none());
    here.call("DescribeBackups", json!({}));
    here.call("PutResourcePolicy", json!({"Policy": "p"}));
    let log = emulator.requests(0);
    let told: Vec<[&Value; 3]> = log.iter().map(|entry| [&entry["op"], &entry["status"], &entry["code"]]).collect();
    assert_eq!(
        json!(told),
        json!([
            ["DeleteBackup", 400, "CloudHsmResourceNotFoundException"],
            ["ListTags", 503, "X"],
            ["DeleteBackup", null, null],
            ["DeleteBackup", null, null],
            ["DescribeBackups", 200, null],
            ["PutResourcePolicy", 400, "UnknownOperationException"],
        ])
    );
    assert_eq!((&log[2]["request_id"], &log[3]["request_id"]), (&Value::Null, &Value::Null));
    assert_eq!(log[2]["input"], json!({"BackupId": A}));
    let ids: BTreeSet<&str> = log.iter().filter_map(|entry| entry["request_id"].as_str()).collect();
    assert_eq!(ids.len(), 4, "each has its own");
}

#[test]
fn since_is_inclusive_and_next_is_what_to_pass_next() {
    let emulator = with(json!([]));
    let here = client(&emulator);
    for n in 1..=3 {
        here.call("DescribeBackups", json!({"MaxResults": n}));
    }
    for (query, expected) in [
        ("", vec![0, 1, 2]),
        ("?since=0", vec![0, 1, 2]),
        ("?since=2", vec![2]),
        ("?since=3", vec![]),
        ("?since=9", vec![]),
    ] {
        let log = here.control("GET", &format!("/_control/requests{query}"), "").ok();
        let numbers: Vec<u64> = log["requests"].as_array().unwrap().iter().map(|e| e["n"].as_u64().unwrap()).collect();
        assert_eq!((numbers, &log["next"]), (expected, &json!(3)), "{query}");
    }
}

#[test]
fn protocols_and_callers_are_told_apart() {
    let emulator = with(json!([]));
    let here = client(&emulator);
    here.cbor("DescribeBackups", b"\xbf\x6aMaxResults\x07\xff").unwrap();
    let mut connection = here.connect();
    connection.send("POST", "/", &[("x-amz-target", "BaldrApiService.DescribeBackups")], b"{}");
    connection.receive().unwrap().ok();
    let log = emulator.requests(0);
    assert_eq!((&log[0]["protocol"], &log[0]["input"]), (&json!("cbor"), &json!({"MaxResults": 7})));
    let nobody = ["account", "region", "user_agent"].map(|name| &log[1][name]);
    assert_eq!(nobody, [&json!("111122223333"), &json!("us-east-1"), &Value::Null], "without Authorization");
}

#[test]
fn control_calls_are_not_logged() {
    let emulator = with(json!([]));
    client(&emulator).control("GET", "/_control/backups", "");
    client(&emulator).control("GET", "/nowhere", "");
    assert_eq!(emulator.requests(0), Vec::<Value>::new());
}
