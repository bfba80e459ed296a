//! `describe_lag_seconds`.

use crate::client::{A, B, NOT_FOUND, client, truth, with};
use serde_json::{Value, json};

#[test]
fn what_calls_change_shows_later_in_describe_backups_only() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    emulator.behaviour(json!({"describe_lag_seconds": 60})).unwrap();
    let answered = here.call("DeleteBackup", json!({"BackupId": A})).ok();
    assert_eq!(answered["Backup"]["BackupState"], "PENDING_DELETION", "the answer doesn't lag");
    assert_eq!(here.state(A).unwrap(), "READY");
    assert_eq!(here.describe(json!({"states": ["PENDING_DELETION"]})), Vec::<Value>::new(), "nor do filters see it");
    assert_eq!(truth(&emulator, A)["BackupState"], "PENDING_DELETION");
    emulator.advance(30.0).unwrap();
    assert_eq!(here.state(A).unwrap(), "READY");
    here.call("RestoreBackup", json!({"BackupId": A})).ok();
    emulator.advance(31.0).unwrap();
    assert_eq!(here.state(A).unwrap(), "PENDING_DELETION");
    emulator.advance(30.0).unwrap();
    assert_eq!(here.state(A).unwrap(), "READY");
}

#[test]
fn tags_lag_in_describe_backups_but_not_in_list_tags() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    emulator.behaviour(json!({"describe_lag_seconds": 60})).unwrap();
    let tags = json!([{"Key": "k", "Value": "v"}]);
    here.call("TagResource", json!({"ResourceId": A, "TagList": tags})).ok();
    assert_eq!(here.call("ListTags", json!({"ResourceId": A})).ok()["TagList"], tags);
    assert_eq!(here.describe(json!({}))[0].get("TagList"), None);
    emulator.advance(61.0).unwrap();
    assert_eq!(here.describe(json!({}))[0]["TagList"], tags);
    here.call("ModifyBackupAttributes", json!({"BackupId": A, "NeverExpires": true})).ok();
    assert_eq!(here.describe(json!({}))[0].get("NeverExpires"), None);
    emulator.advance(61.0).unwrap();
    assert_eq!(here.describe(json!({}))[0]["NeverExpires"], true);
}

#[test]
fn a_copy_shows_later_but_works_at_once() {
    let emulator = with(json!([{"BackupId": A}]));
    let there = client(&emulator).region("eu-west-1");
    emulator.behaviour(json!({"describe_lag_seconds": 60, "unknown_id": "error"})).unwrap();
    client(&emulator).call("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1"})).ok();
    assert_eq!(there.describe(json!({})), Vec::<Value>::new());
    let copy = emulator.backups().into_iter().find(|backup| backup["Region"] == "eu-west-1").unwrap();
    let id = copy["BackupId"].as_str().unwrap();
    there.call("DescribeBackups", json!({"Filters": {"backupIds": [id]}})).fails(NOT_FOUND);
    there.call("DeleteBackup", json!({"BackupId": id})).ok();
    emulator.advance(61.0).unwrap();
    assert_eq!(there.state(id).unwrap(), "PENDING_DELETION");
}

#[test]
fn the_purge_lags_too() {
    for (purged, at_last) in [("listed", Some("DELETED".to_owned())), ("absent", None)] {
        let emulator = with(json!([{"BackupId": A}]));
        let here = client(&emulator);
        emulator.behaviour(json!({"describe_lag_seconds": 600, "purged": purged})).unwrap();
        here.call("DeleteBackup", json!({"BackupId": A})).ok();
        emulator.advance(604_800.0 + 1.0).unwrap();
        assert_eq!(truth(&emulator, A)["BackupState"], "DELETED");
        let code = if purged == "listed" { "CloudHsmInvalidRequestException" } else { NOT_FOUND };
        here.call("RestoreBackup", json!({"BackupId": A})).fails(code);
        assert_eq!(here.state(A).unwrap(), "PENDING_DELETION");
        emulator.advance(600.0).unwrap();
        assert_eq!(here.state(A), at_last);
    }
}

#[test]
fn a_jump_beyond_purge_and_lag_shows_the_purge() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.behaviour(json!({"describe_lag_seconds": 600})).unwrap();
    client(&emulator).call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.advance(604_800.0 + 601.0).unwrap();
    assert_eq!(client(&emulator).state(A).unwrap(), "DELETED");
}

#[test]
fn what_the_control_api_writes_shows_at_once() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    emulator.behaviour(json!({"describe_lag_seconds": 60})).unwrap();
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.put_backups(json!([{"BackupId": A, "BackupState": "CREATE_IN_PROGRESS"}, {"BackupId": B}])).unwrap();
    assert_eq!(here.state(A).unwrap(), "CREATE_IN_PROGRESS");
    assert_eq!(here.state(B).unwrap(), "READY");
    emulator.advance(61.0).unwrap();
    assert_eq!(here.state(A).unwrap(), "CREATE_IN_PROGRESS", "what was on its way is overwritten");
    emulator.delete_backup(B).unwrap();
    assert_eq!(here.state(B), None);
}

#[test]
fn without_a_lag_everything_shows_even_what_was_changed_later_by_the_clock() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    emulator.behaviour(json!({"describe_lag_seconds": 60})).unwrap();
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.advance(-1000.0).unwrap();
    assert_eq!(here.state(A).unwrap(), "READY");
    emulator.behaviour(json!({"describe_lag_seconds": 0})).unwrap();
    assert_eq!(here.state(A).unwrap(), "PENDING_DELETION");
}

#[test]
fn a_shorter_lag_shows_changes_sooner_and_a_longer_one_hides_none() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.behaviour(json!({"describe_lag_seconds": 600})).unwrap();
    assert_eq!(here.state(A).unwrap(), "PENDING_DELETION");
    here.call("RestoreBackup", json!({"BackupId": A})).ok();
    assert_eq!(here.state(A).unwrap(), "PENDING_DELETION");
    emulator.behaviour(json!({"describe_lag_seconds": 0})).unwrap();
    assert_eq!(here.state(A).unwrap(), "READY");
}
