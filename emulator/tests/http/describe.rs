//! DescribeBackups: filters, order, sharing.

use crate::client::{A, B, C, INVALID, NOBODY, NOT_FOUND, client, ids_of, start, with};
use cloudhsm_emulator::Emulator;
use serde_json::{Value, json};

fn three() -> Emulator {
    with(json!([
        {"BackupId": A, "ClusterId": "cluster-aaaaaaaaaaa", "CreateTimestamp": 300, "NeverExpires": true},
        {"BackupId": B, "ClusterId": "cluster-bbbbbbbbbbb", "CreateTimestamp": 100, "BackupState": "CREATE_IN_PROGRESS",
            "NeverExpires": false},
        {"BackupId": C, "SourceBackup": NOBODY, "CreateTimestamp": 200},
    ]))
}

#[test]
fn filters_are_an_and_of_ors() {
    let emulator = three();
    for (filters, expected) in [
        (json!({}), &[A, C, B][..]),
        (json!({"backupIds": [A, B]}), &[A, B]),
        (json!({"backupIds": [A, NOBODY]}), &[A]),
        (json!({"sourceBackupIds": [NOBODY]}), &[C]),
        (json!({"clusterIds": ["cluster-aaaaaaaaaaa", "cluster-bbbbbbbbbbb"]}), &[A, B]),
        (json!({"states": ["READY"]}), &[A, C]),
        (json!({"states": ["READY", "CREATE_IN_PROGRESS"]}), &[A, C, B]),
        (json!({"neverExpires": ["true"]}), &[A]),
        (json!({"neverExpires": ["FALSE"]}), &[C, B]),
        (json!({"neverExpires": ["True", "false"]}), &[A, C, B]),
        (json!({"states": ["READY"], "neverExpires": ["false"]}), &[C]),
        (json!({"states": ["READY"], "backupIds": [B]}), &[]),
        (json!({"states": ["NO_SUCH_STATE"]}), &[]),
        (json!({"states": ["ready"]}), &[]),
        (json!({"backupIds": ["not an id at all"]}), &[]),
        (json!({"backupIds": []}), &[]),
        (json!({"states": []}), &[]),
        (json!({"neverExpires": []}), &[]),
        (json!({"states": null}), &[A, C, B]),
    ] {
        let answer = client(&emulator).call("DescribeBackups", json!({"Filters": filters})).ok();
        assert_eq!(ids_of(&answer), expected, "{filters}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "only Backups: {answer}");
    }
}

#[test]
fn never_expires_takes_true_or_false_only() {
    let emulator = three();
    for value in ["yes", "", "1", " true"] {
        let input = json!({"Filters": {"neverExpires": ["true", value]}});
        client(&emulator).call("DescribeBackups", input).fails(INVALID);
    }
}

#[test]
fn an_unknown_filter_is_refused() {
    let message = client(&three()).call("DescribeBackups", json!({"Filters": {"backupids": [A]}})).fails(INVALID);
    assert!(message.contains("backupids"), "{message}");
}

#[test]
fn the_order_is_by_creation_then_id_and_descending_by_default() {
    let emulator = with(json!([
        {"BackupId": B, "CreateTimestamp": 100.5},
        {"BackupId": A, "CreateTimestamp": 100.5},
        {"BackupId": C, "CreateTimestamp": 100.499},
    ]));
    for (input, expected) in [
        (json!({}), [B, A, C]),
        (json!({"SortAscending": false}), [B, A, C]),
        (json!({"SortAscending": null}), [B, A, C]),
        (json!({"SortAscending": true}), [C, A, B]),
    ] {
        assert_eq!(ids_of(&client(&emulator).call("DescribeBackups", input.clone()).ok()), expected, "{input}");
    }
}

#[test]
fn nothing_is_shared() {
    let emulator = three();
    let answer = client(&emulator).call("DescribeBackups", json!({"Shared": true})).ok();
    assert_eq!(answer, json!({"Backups": []}));
    assert_eq!(ids_of(&client(&emulator).call("DescribeBackups", json!({"Shared": false})).ok()).len(), 3);
}

#[test]
fn unknown_ids_are_left_out_or_an_error() {
    let emulator = three();
    let here = client(&emulator);
    emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    let message = here.call("DescribeBackups", json!({"Filters": {"backupIds": [A, NOBODY]}})).fails(NOT_FOUND);
    assert!(message.contains(NOBODY), "{message}");
    here.region("eu-west-1").call("DescribeBackups", json!({"Filters": {"backupIds": [A]}})).fails(NOT_FOUND);
    here.account("444455556666").call("DescribeBackups", json!({"Filters": {"backupIds": [A]}})).fails(NOT_FOUND);
    assert_eq!(here.describe(json!({"backupIds": [A], "states": ["DELETED"]})), Vec::<Value>::new());
    assert_eq!(here.describe(json!({"sourceBackupIds": ["backup-yyyyyyyyyyy"]})), Vec::<Value>::new());
}

#[test]
fn every_field_comes_back_as_it_was_put() {
    let full = json!({
        "BackupId": A, "BackupArn": "arn:x", "BackupState": "ANY TEXT", "ClusterId": "c", "CreateTimestamp": 1534461854.64,
        "CopyTimestamp": 1534461855.5, "NeverExpires": false, "SourceRegion": "r", "SourceBackup": "b",
        "SourceCluster": "sc", "DeleteTimestamp": 1534461856.001, "TagList": [{"Key": "k", "Value": "v"}],
        "HsmType": "h", "Mode": "M"});
    let emulator = with(json!([full]));
    let mut true_one = full.clone();
    assert_eq!(client(&emulator).describe(json!({})), [full]);
    true_one["Account"] = json!("111122223333");
    true_one["Region"] = json!("us-east-1");
    assert_eq!(emulator.backups(), [true_one]);
}

#[test]
fn what_is_left_out_and_what_is_null() {
    let emulator = start();
    let all_null = json!({"BackupId": B, "BackupArn": null, "BackupState": null, "ClusterId": null,
        "CreateTimestamp": null, "CopyTimestamp": null, "NeverExpires": null, "SourceRegion": null,
        "SourceBackup": null, "SourceCluster": null, "DeleteTimestamp": null, "TagList": null, "HsmType": null,
        "Mode": null});
    emulator.put_backups(json!([{"BackupId": A}, all_null])).unwrap();
    assert_eq!(
        client(&emulator).describe(json!({})),
        [
            json!({"BackupId": B}),
            json!({"BackupId": A, "BackupArn": format!("arn:aws:cloudhsm:us-east-1:111122223333:backup/{A}"),
                "BackupState": "READY"}),
        ]
    );
}
