//! Tests of the domain.

use rstest::rstest;

use jiff::Timestamp;

use super::*;

#[rstest]
#[case("backup-ro5c4er4aac")]
#[case("backup-ABCDEFGHIJK2345a")]
fn a_backup_id_of_the_models_shape_is_taken(#[case] text: &str) {
    assert_eq!(text.parse::<BackupId>().unwrap().as_str(), text);
}

#[rstest]
#[case("")]
#[case("backup-")]
#[case("backup-short")]
#[case("backup-ro5c4er4aac1")]
#[case("backup-abcdefghijklmnopq")]
#[case("Backup-ro5c4er4aac")]
#[case("backup-ro5c4er4aac\n")]
#[case(" backup-ro5c4er4aac")]
#[case("backup-ro5c4er4aaé")]
fn any_other_backup_id_is_refused_and_the_error_shows_the_pattern(#[case] text: &str) {
    let error = text.parse::<BackupId>().unwrap_err().to_string();
    assert!(error.contains(BACKUP_ID_PATTERN), "{error}");
}

#[test]
fn an_answer_is_filled_in_but_for_what_the_write_may_have_changed() {
    let id: BackupId = "backup-ro5c4er4aac".parse().unwrap();
    let mut before = Backup::new(id, BackupState::PendingDeletion);
    before.arn = Some("arn".into());
    before.delete_timestamp = Timestamp::from_second(7).ok();
    before.tags.insert("team".into(), "payments".into());
    let mut answer = Backup::new(id, BackupState::Ready);
    answer.never_expires = Some(true);

    let filled = answer.filled_from(&before);
    assert_eq!((filled.arn.as_deref(), filled.tags.len()), (Some("arn"), 1));
    assert_eq!((filled.state, filled.delete_timestamp), (BackupState::Ready, None));
    assert_eq!(filled.never_expires, Some(true));
}

#[rstest]
#[case("arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac", Some("111122223333"))]
#[case("arn:aws-us-gov:cloudhsm:us-gov-west-1:111122223333:backup/b", Some("111122223333"))]
#[case("arn:aws:cloudhsm:us-east-1::backup/b", None)]
#[case("nonsense", None)]
fn the_account_is_read_from_an_arn(#[case] arn: &str, #[case] account: Option<&str>) {
    assert_eq!(AccountId::of_arn(arn).as_ref().map(AccountId::as_str), account);
}

#[test]
fn a_state_that_is_not_known_keeps_awss_word() {
    assert_eq!(BackupState::from("ARCHIVED").as_str(), "ARCHIVED");
    for word in ["CREATE_IN_PROGRESS", "READY", "DELETED", "PENDING_DELETION"] {
        assert_eq!(BackupState::from(word).as_str(), word);
        assert!(!matches!(BackupState::from(word), BackupState::Unknown(_)));
    }
}
