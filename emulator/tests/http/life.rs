//! DeleteBackup, RestoreBackup, ModifyBackupAttributes.

use crate::client::{A, B, INVALID, NOBODY, NOT_FOUND, client, start, truth, with};
use serde_json::json;

const WEEK: f64 = 604_800.0;
const STATES: [&str; 5] = ["READY", "PENDING_DELETION", "DELETED", "CREATE_IN_PROGRESS", "ANY TEXT"];

#[test]
fn delete_marks_a_backup_for_a_week_from_now() {
    let emulator = with(json!([{"BackupId": A, "NeverExpires": true, "ClusterId": "cluster-aaaaaaaaaaa"}]));
    emulator.set_clock(1_700_000_000.25).unwrap();
    let before = emulator.now();
    let backup = client(&emulator).call("DeleteBackup", json!({"BackupId": A})).ok()["Backup"].clone();
    let after = emulator.now();
    assert_eq!(backup["BackupState"], "PENDING_DELETION");
    let deletes = backup["DeleteTimestamp"].as_f64().unwrap();
    assert!(before + WEEK <= deletes && deletes <= after + WEEK, "{before} {deletes} {after}");
    let mut expected = truth(&emulator, A);
    expected.remove("Account");
    expected.remove("Region");
    assert_eq!(backup.as_object().unwrap(), &expected, "the answer is the backup after the change");
    assert_eq!(client(&emulator).describe(json!({})), [backup]);
}

#[test]
fn restore_clears_the_deletion() {
    let emulator = with(json!([{"BackupId": A}]));
    client(&emulator).call("DeleteBackup", json!({"BackupId": A})).ok();
    let backup = client(&emulator).call("RestoreBackup", json!({"BackupId": A})).ok()["Backup"].clone();
    assert_eq!(backup["BackupState"], "READY");
    assert_eq!(backup.get("DeleteTimestamp"), None);
    assert_eq!(client(&emulator).describe(json!({})), [backup]);
}

#[test]
fn restore_works_until_the_delete_timestamp_and_not_at_it() {
    let emulator = with(json!([
        {"BackupId": A, "BackupState": "PENDING_DELETION", "DeleteTimestamp": 2_000_000_000},
        {"BackupId": B, "BackupState": "PENDING_DELETION", "DeleteTimestamp": 2_000_000_000},
    ]));
    emulator.set_clock(1_999_999_000.0).unwrap();
    client(&emulator).call("RestoreBackup", json!({"BackupId": A})).ok();
    emulator.set_clock(2_000_000_000.0).unwrap();
    let message = client(&emulator).call("RestoreBackup", json!({"BackupId": B})).fails(INVALID);
    assert!(message.contains(B) && message.contains("DELETED"), "{message}");
    assert_eq!(truth(&emulator, B)["DeleteTimestamp"], 2_000_000_000, "kept on DELETED");
    assert_eq!(truth(&emulator, A)["BackupState"], "READY");
}

#[test]
fn a_backup_whose_time_has_come_turns_deleted_by_itself() {
    let emulator = with(json!([{"BackupId": A}]));
    client(&emulator).call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.advance(WEEK - 60.0).unwrap();
    assert_eq!(client(&emulator).state(A).unwrap(), "PENDING_DELETION");
    emulator.advance(61.0).unwrap();
    assert_eq!(client(&emulator).state(A).unwrap(), "DELETED");
    assert_eq!(truth(&emulator, A)["BackupState"], "DELETED");
}

#[test]
fn without_a_delete_timestamp_the_deletion_never_ends() {
    let emulator = with(json!([{"BackupId": A, "BackupState": "PENDING_DELETION"}]));
    emulator.advance(1e9).unwrap();
    assert_eq!(client(&emulator).state(A).unwrap(), "PENDING_DELETION");
    client(&emulator).call("RestoreBackup", json!({"BackupId": A})).ok();
}

#[test]
fn each_call_works_from_its_one_state_only() {
    for (op, input, from) in [
        ("DeleteBackup", json!({"BackupId": A}), "READY"),
        ("RestoreBackup", json!({"BackupId": A}), "PENDING_DELETION"),
        ("ModifyBackupAttributes", json!({"BackupId": A, "NeverExpires": true}), "READY"),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "us-west-2"}), "READY"),
    ] {
        for state in STATES {
            let emulator = with(json!([{"BackupId": A, "BackupState": state, "DeleteTimestamp": 4_000_000_000_u32}]));
            let before = emulator.backups();
            let answer = client(&emulator).call(op, input.clone());
            if state == from {
                answer.ok();
                continue;
            }
            let message = answer.fails(INVALID);
            assert!(message.contains(state) && message.contains(A), "{op} from {state}: {message}");
            assert_eq!(emulator.backups(), before, "{op} from {state} changed something");
        }
    }
}

#[test]
fn a_backup_without_a_state_is_in_none() {
    let emulator = with(json!([{"BackupId": A, "BackupState": null}]));
    client(&emulator).call("DeleteBackup", json!({"BackupId": A})).fails(INVALID);
    client(&emulator).call("RestoreBackup", json!({"BackupId": A})).fails(INVALID);
}

#[test]
fn an_unknown_backup_is_named() {
    let emulator = start();
    for (op, mut input) in [
        ("DeleteBackup", json!({})),
        ("RestoreBackup", json!({})),
        ("ModifyBackupAttributes", json!({"NeverExpires": true})),
        ("CopyBackupToRegion", json!({"DestinationRegion": "us-west-2"})),
    ] {
        input["BackupId"] = json!(NOBODY);
        let message = client(&emulator).call(op, input).fails(NOT_FOUND);
        assert!(message.contains(NOBODY), "{op}: {message}");
    }
}

#[test]
fn modify_answers_the_backup_after_the_change() {
    let emulator = with(json!([{"BackupId": A}]));
    for never in [true, false] {
        let input = json!({"BackupId": A, "NeverExpires": never});
        let backup = client(&emulator).call("ModifyBackupAttributes", input).ok()["Backup"].clone();
        assert_eq!(backup["NeverExpires"], never);
        assert_eq!(client(&emulator).describe(json!({})), [backup]);
    }
}

#[test]
fn each_account_and_region_has_its_own() {
    let emulator = with(json!([
        {"BackupId": A},
        {"BackupId": A, "Region": "eu-west-1"},
        {"BackupId": A, "Account": "444455556666"},
    ]));
    let here = client(&emulator);
    here.region("eu-west-1").call("DeleteBackup", json!({"BackupId": A})).ok();
    assert_eq!(here.state(A).unwrap(), "READY");
    assert_eq!(here.account("444455556666").state(A).unwrap(), "READY");
    assert_eq!(here.region("eu-west-1").state(A).unwrap(), "PENDING_DELETION");
    here.account("777788889999").call("DeleteBackup", json!({"BackupId": A})).fails(NOT_FOUND);
    assert_eq!(here.account("777788889999").describe(json!({})), Vec::<serde_json::Value>::new());
}

#[test]
fn purged_backups_are_listed_or_absent() {
    let emulator = with(json!([{"BackupId": A, "BackupState": "DELETED"}]));
    let here = client(&emulator);
    assert_eq!(here.state(A).unwrap(), "DELETED");
    here.call("RestoreBackup", json!({"BackupId": A})).fails(INVALID);
    emulator.behaviour(json!({"purged": "absent"})).unwrap();
    assert_eq!(here.state(A), None);
    for (op, input) in [
        ("DeleteBackup", json!({"BackupId": A})),
        ("RestoreBackup", json!({"BackupId": A})),
        ("ModifyBackupAttributes", json!({"BackupId": A, "NeverExpires": true})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "us-west-2"})),
        ("ListTags", json!({"ResourceId": A})),
        ("TagResource", json!({"ResourceId": A, "TagList": [{"Key": "k", "Value": "v"}]})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": ["k"]})),
    ] {
        here.call(op, input).fails(NOT_FOUND);
    }
    emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    here.call("DescribeBackups", json!({"Filters": {"backupIds": [A]}})).fails(NOT_FOUND);
    assert_eq!(truth(&emulator, A)["BackupState"], "DELETED", "the control API still lists it");
}
