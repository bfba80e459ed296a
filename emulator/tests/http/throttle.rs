//! The throttle, and latency.

use crate::client::{A, client, truth, with};
use cloudhsm_emulator::{Emulator, ManualClock, Options};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

fn throttled(emulator: &Emulator, region: &str, calls: usize) -> Vec<bool> {
    let here = client(emulator).region(region);
    (0..calls).map(|_| here.call("DescribeBackups", json!({})).status != 200).collect()
}

#[test]
fn past_the_burst_calls_are_refused_until_tokens_come_back() {
    let clock = Arc::new(ManualClock::new(UNIX_EPOCH));
    let options = Options { clock: Arc::<ManualClock>::clone(&clock), ..Options::default() };
    let emulator = Emulator::start(options).unwrap();
    emulator.behaviour(json!({"throttle": {"burst": 3, "per_second": 10}})).unwrap();
    assert_eq!(throttled(&emulator, "us-east-1", 5), [false, false, false, true, true]);
    let message = client(&emulator).call("DeleteBackup", json!({"BackupId": A})).fails("ThrottlingException");
    assert!(!message.is_empty());
    assert_eq!(throttled(&emulator, "eu-west-1", 1), [false], "each region has its own");
    clock.advance(Duration::from_millis(100));
    assert_eq!(throttled(&emulator, "us-east-1", 2), [false, true]);
    emulator.advance(1000.0).unwrap();
    assert_eq!(throttled(&emulator, "us-east-1", 1), [true], "the control clock brings none back");
    emulator.behaviour(json!({"page_size": 50})).unwrap();
    assert_eq!(throttled(&emulator, "us-east-1", 1), [true], "another knob brings none back");
    emulator.behaviour(json!({"throttle": {"burst": 3, "per_second": 10}})).unwrap();
    assert_eq!(throttled(&emulator, "us-east-1", 4), [false, false, false, true], "set anew it is full");
    emulator.behaviour(json!({"throttle": null})).unwrap();
    assert_eq!(throttled(&emulator, "us-east-1", 4), [false; 4]);
}

#[test]
fn sts_control_calls_and_refused_calls_take_no_token() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    emulator.behaviour(json!({"throttle": {"burst": 2, "per_second": 0}})).unwrap();
    for _ in 0..3 {
        let mut connection = here.connect();
        connection.send("POST", "/", &[], b"Action=GetCallerIdentity&Version=2011-06-15");
        assert_eq!(connection.receive().unwrap().status, 200);
        assert_eq!(here.control("GET", "/_control/backups", "").status, 200);
    }
    // Every kind of CloudHSM call takes one: here a failing and an unknown one.
    here.call("DeleteBackup", json!({})).fails("CloudHsmInvalidRequestException");
    here.call("CreateCluster", json!({})).fails("UnknownOperationException");
    here.call("DeleteBackup", json!({"BackupId": A})).fails("ThrottlingException");
    assert_eq!(truth(&emulator, A)["BackupState"], "READY");
}

#[test]
fn a_throttled_call_is_seen_by_no_fault_and_is_logged() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.behaviour(json!({"throttle": {"burst": 0, "per_second": 0}})).unwrap();
    emulator.push_faults(json!([{"code": "Other"}])).unwrap();
    client(&emulator).call("DeleteBackup", json!({"BackupId": A})).fails("ThrottlingException");
    assert_eq!(emulator.faults().len(), 1);
    let log = emulator.requests(0);
    assert_eq!((&log[0]["code"], &log[0]["status"]), (&json!("ThrottlingException"), &json!(400)));
    assert_eq!(log[0]["input"], json!({"BackupId": A}));
}

#[test]
fn latency_comes_before_everything_on_every_aws_call() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.behaviour(json!({"latency_ms": 80, "throttle": {"burst": 0, "per_second": 0}})).unwrap();
    let here = client(&emulator);
    let start = Instant::now();
    here.call("DescribeBackups", json!({})).fails("ThrottlingException");
    assert!(start.elapsed() >= Duration::from_millis(80));
    let start = Instant::now();
    let mut connection = here.connect();
    connection.send("POST", "/", &[], b"Action=GetCallerIdentity");
    assert_eq!(connection.receive().unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}
