//! How failures show.

use super::*;

#[rstest]
#[case(FailureClass::AccessDenied, "AccessDenied")]
#[case(FailureClass::InvalidRequest, "InvalidRequest")]
#[case(FailureClass::NoRegion, "NoRegion")]
#[case(FailureClass::Throttled, "Throttled")]
#[case(FailureClass::AwsUnavailable, "AwsUnavailable")]
#[case(FailureClass::NoCredentials, "NoCredentials")]
fn a_failure_shows_under_its_own_name(#[case] class: FailureClass, #[case] word: &str) {
    let reason = failure_reason(class);
    assert_eq!(reason.as_str(), word);
    assert!(reason.is_failure());
}

#[test]
fn nothing_that_aws_shows_is_a_failure() {
    assert_eq!(Reason::ALL.iter().filter(|reason| reason.is_failure()).count(), 6);
}

const ASKED: bool = true;
const LOOKED: bool = true;
const STALE: bool = true;
const FALSE: Showing = Showing::Ready("False");
const UNKNOWN: Showing = Showing::Ready("Unknown");

fn looked_up(reason: Reason) -> CloudHsmBackupStatus {
    concluded(after("READY"), reason)
}

/// A status that no look has ever filled: only conditions.
fn never_looked_up(reason: Reason, ready: &'static str) -> CloudHsmBackupStatus {
    conclude(CloudHsmBackupStatus::default(), &Verdict { ready, ..verdict(reason) }, 7, None, now())
}

/// A status of an object that nothing was asked for when looks began to fail, three resync intervals ago.
fn long_blind() -> CloudHsmBackupStatus {
    conclude(after("READY"), &Verdict { ready: "Unknown", ..verdict(Reason::AwsUnavailable) }, 7, None, now())
}

#[rstest]
#[case::of_an_object_that_was_never_seen_shows_unknown(CloudHsmBackupStatus::default(), ASKED, !LOOKED, UNKNOWN)]
#[case::of_an_object_that_was_looked_up_shows_false(looked_up(Reason::Available), ASKED, !LOOKED, FALSE)]
#[case::of_a_backup_that_was_not_found_shows_false(never_looked_up(Reason::BackupNotFound, "False"), ASKED, !LOOKED, FALSE)]
#[case::after_a_look_by_this_process_shows_false(CloudHsmBackupStatus::default(), ASKED, LOOKED, FALSE)]
#[case::before_the_first_successful_look_shows_unknown(never_looked_up(Reason::AwsUnavailable, "Unknown"), ASKED, !LOOKED, UNKNOWN)]
#[case::while_no_region_is_known_shows_unknown(never_looked_up(Reason::NoRegion, "Unknown"), ASKED, !LOOKED, UNKNOWN)]
#[case::of_an_object_long_blind_shows_false_once_asked(long_blind(), ASKED, !LOOKED, FALSE)]
#[case::before_the_first_look_shows_unknown_behind_a_conflict(never_looked_up(Reason::Conflict, "False"), ASKED, !LOOKED, UNKNOWN)]
#[case::of_an_object_that_was_never_looked_up_shows_unasked(never_looked_up(Reason::AwsUnavailable, "Unknown"), !ASKED, !LOOKED, UNKNOWN)]
#[case::that_was_asked_for_shows_as_long_as_that_is_open(looked_up(Reason::AwsUnavailable), !ASKED, LOOKED, FALSE)]
#[case::of_a_due_restore_shows_at_once(looked_up(Reason::Restoring), !ASKED, LOOKED, FALSE)]
#[case::of_a_due_deletion_shows_at_once(looked_up(Reason::Deleting), !ASKED, LOOKED, FALSE)]
#[case::of_a_due_update_shows_at_once(looked_up(Reason::Updating), !ASKED, LOOKED, FALSE)]
#[case::without_a_ready_condition_shows_at_once(after("READY"), !ASKED, LOOKED, FALSE)]
#[case::behind_a_conflict_that_is_over_shows_at_once(looked_up(Reason::Conflict), !ASKED, LOOKED, FALSE)]
#[case::behind_a_conflict_from_birth_shows_unknown(never_looked_up(Reason::Conflict, "False"), !ASKED, !LOOKED, UNKNOWN)]
fn a_failure(
    #[case] previous: CloudHsmBackupStatus,
    #[case] asked: bool,
    #[case] looked: bool,
    #[case] expected: Showing,
) {
    assert_eq!(showing(&previous, asked, looked, !STALE), expected);
}

#[test]
fn a_wiped_ready_reason_shows_a_failure_at_once() {
    let mut status = looked_up(Reason::Available);
    status.conditions[0].reason = "Nonsense".into();
    assert_eq!(showing(&status, !ASKED, LOOKED, !STALE), FALSE);
}

#[rstest]
#[case(Reason::Available)]
#[case(Reason::PendingDeletion)]
#[case(Reason::Deleted)]
#[case(Reason::Creating)]
#[case(Reason::BackupNotFound)]
#[case(Reason::UnknownBackupState)]
#[case(Reason::RestoreWindowClosed)]
#[case(Reason::Suspended)]
fn where_nothing_is_due_a_failed_routine_look_shows_only_when_the_last_good_one_is_old(#[case] reason: Reason) {
    let status = looked_up(reason);
    assert_eq!(showing(&status, !ASKED, LOOKED, !STALE), Showing::Nothing);
    assert_eq!(showing(&status, !ASKED, !LOOKED, !STALE), Showing::Nothing);
    assert_eq!(showing(&status, !ASKED, LOOKED, STALE), UNKNOWN);
}

#[test]
fn a_try_that_fails_the_same_way_changes_nothing() {
    for asked in [false, true] {
        for stale in [false, true] {
            for looked in [false, true] {
                for reason in Reason::ALL {
                    for first in [looked_up(reason), never_looked_up(reason, "False")] {
                        let Showing::Ready(ready) = showing(&first, asked, looked, stale) else { continue };
                        let failed = Verdict { ready, ..verdict(Reason::AwsUnavailable) };
                        let shown = conclude(first, &failed, 7, None, now());
                        // What was asked for has got its answer; it is no longer new.
                        let Showing::Ready(again) = showing(&shown, false, looked, true) else {
                            panic!("hidden again: {shown:?}")
                        };
                        let failed = Verdict { ready: again, ..failed };
                        assert_eq!(conclude(reread(&shown), &failed, 7, None, later()), shown);
                    }
                }
            }
        }
    }
}
