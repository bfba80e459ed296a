//! What an object asks for, and what its status witnesses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::CloudHsmBackup;

const ID: &str = "backup-ro5c4er4aac";

fn object(change: impl FnOnce(&mut Value)) -> CloudHsmBackup {
    let mut manifest = json!({
        "apiVersion": "cloudhsm.dev/v1alpha1",
        "kind": "CloudHsmBackup",
        "metadata": {"name": "payments", "namespace": "hsm", "uid": "uid-1", "generation": 3},
        "spec": {"backupId": ID, "desiredState": "Present"},
    });
    change(&mut manifest);
    serde_json::from_value(manifest).unwrap()
}

fn of(object: &CloudHsmBackup, default_region: Option<&Region>) -> Intent {
    Intent::of(&object.metadata, &object.spec, default_region)
}

fn intent(change: impl FnOnce(&mut Value)) -> Intent {
    of(&object(change), Some(&Region::new("us-east-1")))
}

fn region_of(intent: &Intent) -> Option<&str> {
    intent.scope.as_ref().map(|scope| scope.region.as_str())
}

#[test]
fn an_object_is_read_as_it_is() {
    let read = intent(|object| {
        object["spec"] = json!({
            "backupId": ID, "desiredState": "Deleted", "region": "eu-central-1", "neverExpires": false, "suspend": true,
        });
    });
    let expected = Intent {
        uid: "uid-1".into(),
        generation: 3,
        scope: Some(Scope::of_operator(Region::new("eu-central-1"))),
        backup_id: ID.parse().unwrap(),
        desired: DesiredState::Deleted,
        never_expires: Some(false),
        suspend: true,
        deleting: false,
    };
    assert_eq!(read, expected);
}

#[test]
fn without_a_region_of_its_own_an_object_is_looked_for_in_the_operators() {
    assert_eq!(region_of(&intent(|_| {})), Some("us-east-1"));
    assert_eq!(region_of(&of(&object(|_| {}), None)), None);
    let own = object(|object| object["spec"]["region"] = "cn-north-1".into());
    assert_eq!(region_of(&of(&own, None)), Some("cn-north-1"));
}

#[test]
fn what_is_absent_claims_nothing() {
    let intent = intent(|_| {});
    assert_eq!((intent.never_expires, intent.suspend, intent.deleting), (None, false, false));
    assert!(intent.claims());
}

#[test]
fn a_suspended_object_and_one_being_removed_make_no_claim() {
    assert!(!intent(|object| object["spec"]["suspend"] = true.into()).claims());
    assert!(intent(|object| object["spec"]["suspend"] = false.into()).claims());
    let removed = intent(|object| object["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z".into());
    assert!(removed.deleting && !removed.claims());
}

#[rstest]
#[case::nothing(json!({}), json!({}), false)]
#[case::desired_state(json!({}), json!({"desiredState": "Deleted"}), true)]
#[case::never_expires(json!({"neverExpires": true}), json!({"neverExpires": false}), true)]
#[case::nothing_where_one_does_not_claim_never_expires(json!({"neverExpires": true}), json!({}), false)]
#[case::nothing_in_another_region(json!({}), json!({"desiredState": "Deleted", "region": "us-west-2"}), false)]
#[case::desired_state_where_the_region_is_spelt_out(json!({}), json!({"desiredState": "Deleted", "region": "us-east-1"}), true)]
#[case::nothing_about_another_backup(json!({}), json!({"desiredState": "Deleted", "backupId": "backup-abcdefghijk"}), false)]
#[case::nothing_with_a_suspended_object(json!({}), json!({"desiredState": "Deleted", "suspend": true}), false)]
fn two_objects_disagree_on(#[case] one: Value, #[case] other: Value, #[case] expected: bool) {
    let intent = |fields: &Value| {
        intent(|object| object["spec"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone()))
    };
    let (one, other) = (intent(&one), intent(&other));
    assert_eq!(one.disagrees_with(&other), expected);
    assert_eq!(other.disagrees_with(&one), expected);
    let removed = Intent { deleting: true, ..other };
    assert!(!one.disagrees_with(&removed) && !removed.disagrees_with(&one));
}

#[test]
fn objects_without_a_region_are_in_no_conflict() {
    let one = of(&object(|_| {}), None);
    let other = Intent { desired: DesiredState::Deleted, ..one.clone() };
    assert!(!one.disagrees_with(&other));
}

#[rstest]
#[case::never_set(None, None, None)]
#[case::set_first(Some("a"), None, Some("a"))]
#[case::set_anew(Some("b"), Some("a"), Some("b"))]
#[case::handled(Some("a"), Some("a"), None)]
#[case::removed(None, Some("a"), None)]
fn a_request_is_open_until_its_value_is_echoed(
    #[case] annotation: Option<&str>,
    #[case] echoed: Option<&str>,
    #[case] open: Option<&str>,
) {
    let object = object(|object| {
        if let Some(value) = annotation {
            object["metadata"]["annotations"] = json!({"cloudhsm.dev/requested-at": value});
        }
    });
    let status = CloudHsmBackupStatus {
        last_handled_requested_at: echoed.map(str::to_owned),
        ..CloudHsmBackupStatus::default()
    };
    assert_eq!(open_request(&object.metadata, &status), open);
}

fn time() -> Timestamp {
    "2026-11-30T08:00:05Z".parse().unwrap()
}

fn status(state: Option<&str>, last: Option<&str>, end: bool) -> CloudHsmBackupStatus {
    CloudHsmBackupStatus {
        backup_state: state.map(str::to_owned),
        last_backup_state: last.map(str::to_owned),
        delete_timestamp: end.then(|| Time(time())),
        region: Some("us-east-1".into()),
        backup_arn: Some("arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac".into()),
        ..CloudHsmBackupStatus::default()
    }
}

fn witnessed(status: &CloudHsmBackupStatus, region: &str, account: Option<&str>) -> Memory {
    Memory::of(status, &Scope::of_operator(Region::new(region)), account.and_then(AccountId::new).as_ref())
}

#[rstest]
#[case::nothing(status(None, None, false), None, false)]
#[case::the_state_shown(status(Some("READY"), None, false), Some("READY"), false)]
#[case::the_state_last_shown(status(None, Some("DELETED"), true), Some("DELETED"), true)]
#[case::the_state_shown_before_the_one_last_shown(status(Some("READY"), Some("DELETED"), false), Some("READY"), false)]
#[case::a_pending_deletion_by_its_time_alone(status(None, None, true), Some("PENDING_DELETION"), true)]
fn a_status_witnesses(#[case] status: CloudHsmBackupStatus, #[case] state: Option<&str>, #[case] end: bool) {
    let expected = Memory { state: state.map(BackupState::from), delete_timestamp: end.then(time) };
    for account in [None, Some("111122223333")] {
        assert_eq!(witnessed(&status, "us-east-1", account), expected);
    }
}

#[test]
fn what_was_seen_in_another_region_or_account_proves_nothing_here() {
    let status = status(None, Some("DELETED"), true);
    assert_eq!(witnessed(&status, "eu-central-1", Some("111122223333")), Memory::default());
    assert_eq!(witnessed(&status, "us-east-1", Some("999988887777")), Memory::default());
}
