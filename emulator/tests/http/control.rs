//! The control API: what it takes, what it refuses, what a reset forgets.

use crate::client::{A, B, client, ids_of, start, truth, with};
use cloudhsm_emulator::{Emulator, Options, StartError};
use serde_json::{Value, json};

#[track_caller]
fn refused(emulator: &Emulator, method: &str, path: &str, body: &str, status: u16) {
    let before =
        (emulator.backups(), emulator.faults(), client(emulator).control("GET", "/_control/behaviour", "").ok());
    let answer = client(emulator).control(method, path, body);
    assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let error = answer.json();
    assert!(error["error"].as_str().is_some_and(|text| !text.is_empty()) && error.as_object().unwrap().len() == 1);
    let after =
        (emulator.backups(), emulator.faults(), client(emulator).control("GET", "/_control/behaviour", "").ok());
    assert_eq!(before, after, "{method} {path} {body} changed something");
}

#[test]
fn backups_are_created_and_replaced() {
    let emulator = start();
    let here = client(&emulator);
    let body = json!([{"BackupId": A, "ClusterId": "c", "NeverExpires": true}, {"BackupId": B, "BackupState": "X"}]);
    here.control("PUT", "/_control/backups", &body.to_string()).ok();
    here.control("PUT", "/_control/backups", &json!([{"BackupId": A, "HsmType": "h"}]).to_string()).ok();
    let backups = here.control("GET", "/_control/backups", "").ok();
    let arn = |id: &str| format!("arn:aws:cloudhsm:us-east-1:111122223333:backup/{id}");
    let scope = |mut backup: Value| {
        backup["Account"] = json!("111122223333");
        backup["Region"] = json!("us-east-1");
        backup
    };
    let expected = [
        scope(json!({"BackupId": A, "BackupArn": arn(A), "BackupState": "READY", "HsmType": "h"})),
        scope(json!({"BackupId": B, "BackupArn": arn(B), "BackupState": "X"})),
    ];
    assert_eq!(backups, json!(expected), "replaced altogether, not merged");
    here.control("PUT", "/_control/backups", "[]").ok();
}

#[test]
fn what_it_cannot_use_changes_nothing() {
    let emulator = with(json!([{"BackupId": A}]));
    let bad = [
        json!({"BackupId": A, "BackupSate": "X"}),
        json!({"BackupState": "X"}),
        json!({"BackupId": null}),
        json!({"BackupId": 7}),
        json!({"BackupId": A, "BackupState": 7}),
        json!({"BackupId": A, "BackupArn": 7}),
        json!({"BackupId": A, "ClusterId": []}),
        json!({"BackupId": A, "CreateTimestamp": "2018-08-16T23:24:14Z"}),
        json!({"BackupId": A, "DeleteTimestamp": true}),
        json!({"BackupId": A, "CopyTimestamp": {}}),
        json!({"BackupId": A, "NeverExpires": "true"}),
        json!({"BackupId": A, "SourceRegion": 1}),
        json!({"BackupId": A, "SourceBackup": 1}),
        json!({"BackupId": A, "SourceCluster": 1}),
        json!({"BackupId": A, "HsmType": 1}),
        json!({"BackupId": A, "Mode": 1}),
        json!({"BackupId": A, "TagList": {}}),
        json!({"BackupId": A, "TagList": ["k"]}),
        json!({"BackupId": A, "TagList": [{"Key": "k"}]}),
        json!({"BackupId": A, "TagList": [{"Key": "k", "Value": "v", "X": 1}]}),
        json!({"BackupId": A, "Account": 111_122_223_333_u64}),
        json!({"BackupId": A, "Region": 1}),
        json!([]),
        json!("x"),
    ];
    for backup in bad {
        refused(&emulator, "PUT", "/_control/backups", &json!([{"BackupId": B}, backup]).to_string(), 400);
    }
    for body in ["", "{", "{}", "null", "7", "\"x\"", "\u{feff}[]"] {
        refused(&emulator, "PUT", "/_control/backups", body, 400);
    }
    for body in ["", "[]", r#"{"knob": 1}"#, r#"{"page_size": 3, "latency_ms": "1"}"#, r#"{"page_size": null}"#] {
        refused(&emulator, "PUT", "/_control/behaviour", body, 400);
    }
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let emulator = with(json!([{"BackupId": A}]));
    for (method, path) in [
        ("GET", "/_control/nope"),
        ("POST", "/_control/"),
        ("GET", "/_control"),
        ("GET", "/nope"),
        ("GET", "/"),
        ("DELETE", "/_control/backups/"),
        ("DELETE", "/_control/backups/a/b"),
        ("PUT", "/_control/resets"),
    ] {
        refused(&emulator, method, path, "", 404);
    }
    refused(&emulator, "GET", "/_control/reset", "", 405);
    refused(&emulator, "DELETE", "/_control/backups", "", 405);
    refused(&emulator, "GET", "/_control/requests?since=x", "", 400);
    refused(&emulator, "GET", "/_control/requests?since=-1", "", 400);
    refused(&emulator, "GET", "/_control/requests?sinse=1", "", 400);
}

#[test]
fn delete_takes_a_backup_away_as_if_it_had_never_been() {
    let everywhere = json!([
        {"BackupId": A},
        {"BackupId": A, "Region": "eu-west-1"},
        {"BackupId": A, "Account": "444455556666"},
        {"BackupId": A, "Account": "444455556666", "Region": "eu-west-1"},
        {"BackupId": B},
    ]);
    for (query, left) in [
        ("", 1),
        ("?account=&region=", 1),
        ("?region=eu-west-1", 3),
        ("?account=444455556666", 3),
        ("?account=444455556666&region=eu-west-1", 4),
    ] {
        let emulator = with(everywhere.clone());
        client(&emulator).control("DELETE", &format!("/_control/backups/{A}{query}"), "").ok();
        assert_eq!(emulator.backups().len(), left, "{query}");
        refused(&emulator, "DELETE", &format!("/_control/backups/{A}{query}"), "", 404);
        refused(&emulator, "DELETE", &format!("/_control/backups/{B}?account=777788889999"), "", 404);
        refused(&emulator, "DELETE", &format!("/_control/backups/{B}?acount=1"), "", 400);
    }
}

#[test]
fn knobs_keep_their_value_until_they_are_turned() {
    let emulator = start();
    let here = client(&emulator);
    let defaults = json!({"unknown_id": "empty", "describe_lag_seconds": 0, "purged": "listed", "latency_ms": 0,
        "throttle": null, "page_size": 50});
    assert_eq!(here.control("GET", "/_control/behaviour", "").ok(), defaults);
    here.control("PUT", "/_control/behaviour", r#"{"page_size": 7, "purged": "absent"}"#).ok();
    here.control("PUT", "/_control/behaviour", r#"{"throttle": {"burst": 4, "per_second": 0.5}}"#).ok();
    here.control("PUT", "/_control/behaviour", "{}").ok();
    let mut expected = defaults.clone();
    expected["page_size"] = json!(7);
    expected["purged"] = json!("absent");
    expected["throttle"] = json!({"burst": 4, "per_second": 0.5});
    assert_eq!(here.control("GET", "/_control/behaviour", "").ok(), expected);
    here.control("POST", "/_control/reset", "").ok();
    assert_eq!(here.control("GET", "/_control/behaviour", "").ok(), defaults);
}

#[test]
fn a_reset_forgets_all_and_does_not_seed_again() {
    let seed = Some(json!([{"BackupId": A}, {"BackupId": B}]));
    let emulator = Emulator::start(Options { seed, ..Options::default() }).unwrap();
    let here = client(&emulator);
    emulator.push_faults(json!([{"op": "DeleteBackup"}])).unwrap();
    let first = here.call("DescribeBackups", json!({"MaxResults": 1})).ok();
    here.control("POST", "/_control/reset", "").ok();
    assert_eq!(emulator.backups(), Vec::<Value>::new());
    assert_eq!(emulator.faults(), Vec::<Value>::new());
    assert_eq!(here.control("GET", "/_control/requests", "").ok(), json!({"next": 0, "requests": []}));
    here.call("DescribeBackups", json!({"NextToken": first["NextToken"]})).fails("CloudHsmInvalidRequestException");
    assert_eq!(emulator.requests(0)[0]["n"], 0);
}

#[test]
fn a_body_where_none_is_taken_is_refused_and_changes_nothing() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.push_faults(json!([{"op": "DeleteBackup"}])).unwrap();
    for (method, path) in
        [("POST", "/_control/reset"), ("DELETE", "/_control/faults"), ("DELETE", &format!("/_control/backups/{A}"))]
    {
        for body in [r#"{"x": 1}"#, "[]", "1", "garbage"] {
            refused(&emulator, method, path, body, 400);
        }
    }
    assert_eq!((emulator.backups().len(), emulator.faults().len()), (1, 1));
    client(&emulator).control("POST", "/_control/reset", "{}").ok();
    assert_eq!(emulator.backups(), Vec::<Value>::new());
}

#[test]
fn a_seed_that_is_no_list_of_backups_is_refused() {
    let seed = Some(json!([{"BackupId": A, "Sate": "x"}]));
    let error = Emulator::start(Options { seed, ..Options::default() }).unwrap_err();
    assert!(matches!(error, StartError::Seed(_)));
    assert!(error.to_string().contains("Sate") && error.to_string().contains(A), "{error}");
}

#[test]
fn what_the_control_api_shows_is_what_time_has_made_of_it() {
    let emulator = with(json!([{"BackupId": A, "BackupState": "PENDING_DELETION", "DeleteTimestamp": 1}]));
    assert_eq!(truth(&emulator, A)["BackupState"], "DELETED");
}

#[test]
fn an_emulator_ends_when_it_is_dropped() {
    let emulator = with(json!([{"BackupId": A}]));
    let addr = emulator.addr();
    let mut connection = client(&emulator).connect();
    client(&emulator).send_json(&mut connection, "DescribeBackups", b"{}");
    assert_eq!(ids_of(&connection.receive().unwrap().ok()), [A]);
    drop(emulator);
    assert!(std::net::TcpStream::connect(addr).is_err());
    assert!(connection.receive().is_none());
}
