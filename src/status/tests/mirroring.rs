//! What AWS shows is copied, and remembered.

use super::*;

#[test]
fn every_field_that_aws_reports_is_copied_in_whole_seconds() {
    let json = serde_json::to_value(after("PENDING_DELETION")).unwrap();
    let expected = serde_json::json!({
        "backupState": "PENDING_DELETION",
        "backupArn": ARN,
        "clusterId": "cluster-dygnwhmscg5",
        "createTimestamp": "2026-11-01T03:12:44Z",
        "copyTimestamp": "2026-11-02T03:12:44Z",
        "deleteTimestamp": "2026-11-30T08:00:05Z",
        "neverExpires": false,
        "sourceRegion": "eu-central-1",
        "sourceBackup": "backup-abcdefghijk",
        "sourceCluster": "cluster-aaaaaaaaaaa",
        "hsmType": "hsm2m.medium",
        "mode": "FIPS",
        "tags": {"team": "payments"},
        "region": "us-east-1",
        "unrequestedDeletion": true,
    });
    assert_eq!(json, expected);
}

#[test]
fn what_aws_does_not_report_is_absent_and_what_it_no_longer_reports_goes() {
    let bare = found(Backup::new(ID.parse().unwrap(), BackupState::Ready));
    let json = serde_json::to_value(mirror(&after("PENDING_DELETION"), &present(), &bare)).unwrap();
    let expected = serde_json::json!({"backupState": "READY", "region": "us-east-1"});
    assert_eq!(json, expected);
}

#[rstest]
#[case("READY", Some("READY"))]
#[case("CREATE_IN_PROGRESS", Some("CREATE_IN_PROGRESS"))]
#[case("DELETED", Some("DELETED"))]
#[case("ARCHIVED", Some("ARCHIVED"))]
#[case("some thing", Some("some thing"))]
#[case("", None)]
fn awss_own_word_is_shown_verbatim(#[case] word: &str, #[case] expected: Option<&str>) {
    assert_eq!(after(word).backup_state.as_deref(), expected);
}

#[test]
fn a_backup_that_is_gone_leaves_all_but_its_state_as_memory() {
    let before = concluded(after("PENDING_DELETION"), Reason::PendingDeletion);
    let gone = mirror(&before, &deleted(), &Observation::NotFound);
    let expected = CloudHsmBackupStatus {
        backup_state: None,
        last_backup_state: Some("PENDING_DELETION".into()),
        ..before.clone()
    };
    assert_eq!(gone, expected);
    assert_eq!(mirror(&gone, &deleted(), &Observation::NotFound), gone, "and so it stays");
    assert_eq!(reread(&gone), gone, "also across a restart");
}

#[test]
fn a_backup_that_was_never_seen_leaves_only_where_it_was_looked_for() {
    let gone = mirror(&CloudHsmBackupStatus::default(), &present(), &Observation::NotFound);
    let expected = CloudHsmBackupStatus { region: Some("us-east-1".into()), ..CloudHsmBackupStatus::default() };
    assert_eq!(gone, expected);
}

#[test]
fn a_backup_that_is_shown_again_is_no_longer_remembered_as_gone() {
    let gone = mirror(&after("READY"), &present(), &Observation::NotFound);
    assert_eq!(mirror(&gone, &present(), &shown("READY")), after("READY"));
}

#[test]
fn what_was_seen_in_another_region_is_forgotten_but_not_the_conditions() {
    let mut before = concluded(after("DELETED"), Reason::Deleted);
    before.region = Some("eu-central-1".into());
    before.last_handled_requested_at = Some("monday".into());
    let gone = mirror(&before, &deleted(), &Observation::NotFound);
    let expected = CloudHsmBackupStatus {
        region: Some("us-east-1".into()),
        observed_generation: Some(7),
        last_handled_requested_at: Some("monday".into()),
        conditions: before.conditions.clone(),
        ..CloudHsmBackupStatus::default()
    };
    assert_eq!(gone, expected);
}

#[test]
fn mirroring_keeps_what_is_not_awss() {
    let mut before = concluded(after("READY"), Reason::Available);
    before.last_handled_requested_at = Some("monday".into());
    let next = mirror(&before, &present(), &shown("READY"));
    assert_eq!(next, before);
}

#[test]
fn a_look_that_shows_the_same_changes_nothing() {
    for word in ["READY", "PENDING_DELETION", "DELETED", "CREATE_IN_PROGRESS", "ARCHIVED", ""] {
        for intent in [present(), deleted()] {
            let once = mirror(&CloudHsmBackupStatus::default(), &intent, &shown(word));
            assert_eq!(mirror(&once, &intent, &shown(word)), once);
            assert_eq!(mirror(&reread(&once), &intent, &shown(word)), once);
        }
    }
}

fn unrequested(previous: &CloudHsmBackupStatus, intent: &Intent, backup: Backup) -> Option<bool> {
    mirror(previous, intent, &found(backup)).unrequested_deletion
}

#[test]
fn a_deletion_that_nobody_declared_is_remembered_until_it_is_declared() {
    let taken = mirror(&after("READY"), &present(), &shown("PENDING_DELETION"));
    assert_eq!(taken.unrequested_deletion, Some(true));
    let restored = mirror(&taken, &present(), &shown("READY"));
    assert_eq!(restored.unrequested_deletion, Some(true));
    assert_eq!(unrequested(&restored, &present(), backup("PENDING_DELETION")), Some(true), "taken again");
    assert_eq!(unrequested(&restored, &deleted(), backup("READY")), None);
}

#[test]
fn a_deletion_is_remembered_also_where_aws_gives_no_time_for_it() {
    let timeless = Backup { delete_timestamp: None, ..backup("PENDING_DELETION") };
    assert_eq!(unrequested(&after("READY"), &present(), timeless), Some(true));
}

#[test]
fn a_deletion_that_was_declared_before_is_not_taken_for_retentions() {
    let declared = mirror(&after("READY"), &deleted(), &shown("PENDING_DELETION"));
    assert_eq!(declared.unrequested_deletion, None);
    assert_eq!(unrequested(&declared, &present(), backup("PENDING_DELETION")), None);
    let restored = mirror(&declared, &present(), &shown("READY"));
    assert_eq!(restored.unrequested_deletion, None);
}

#[test]
fn retention_does_not_take_copies_or_what_is_exempt() {
    let copy = Backup { cluster_id: None, ..backup("PENDING_DELETION") };
    assert_eq!(unrequested(&after("READY"), &present(), copy), None);
    let exempt = Backup { never_expires: Some(true), ..backup("PENDING_DELETION") };
    assert_eq!(unrequested(&after("READY"), &present(), exempt), None);
    let wish = Intent { never_expires: Some(true), ..present() };
    assert_eq!(unrequested(&after("READY"), &wish, backup("PENDING_DELETION")), None);
    let taken = mirror(&after("READY"), &present(), &shown("PENDING_DELETION"));
    let exempted = Backup { never_expires: Some(true), ..backup("READY") };
    assert_eq!(unrequested(&taken, &present(), exempted), None, "exempted later, it isn't taken again");
}

#[test]
fn a_backup_that_was_ready_all_along_was_not_taken() {
    assert_eq!(after("READY").unrequested_deletion, None);
    assert_eq!(unrequested(&after("READY"), &present(), backup("READY")), None);
}
