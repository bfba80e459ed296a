//! What becomes an event.

use super::*;

fn decision(reason: Reason, due: Option<Call>) -> Decision {
    Decision { reason, due, held: matches!(reason, Reason::Suspended | Reason::WriteNotAllowed) }
}

fn settled(word: &str) -> CloudHsmBackupStatus {
    concluded(after(word), Reason::Available)
}

fn exempt(value: Option<bool>) -> CloudHsmBackupStatus {
    CloudHsmBackupStatus { never_expires: value, ..settled("READY") }
}

fn wish(value: bool) -> Intent {
    Intent { never_expires: Some(value), ..present() }
}

const EXEMPT: Call = Call::ModifyBackupAttributes { never_expires: true };

#[rstest]
#[case::somebody_deleted_it(settled("READY"), present(), decision(Reason::Restoring, Some(Call::RestoreBackup)), true)]
#[case::somebody_deleted_it_while_suspended(
    settled("READY"),
    present(),
    decision(Reason::Suspended, Some(Call::RestoreBackup)),
    true
)]
#[case::somebody_deleted_it_and_the_mode_forbids_to_restore(
    settled("READY"),
    present(),
    decision(Reason::WriteNotAllowed, Some(Call::RestoreBackup)),
    true
)]
#[case::it_is_deleted_for_good(settled("READY"), present(), decision(Reason::RestoreWindowClosed, None), true)]
#[case::somebody_restored_it(
    settled("PENDING_DELETION"),
    deleted(),
    decision(Reason::Deleting, Some(Call::DeleteBackup)),
    true
)]
#[case::somebody_ended_its_exemption(exempt(Some(true)), wish(true), decision(Reason::Updating, Some(EXEMPT)), true)]
#[case::aws_still_agrees(settled("READY"), present(), decision(Reason::Available, None), false)]
#[case::a_deletion_ran_its_course(settled("PENDING_DELETION"), deleted(), decision(Reason::Deleted, None), false)]
#[case::it_is_still_as_undeclared_as_before(
    settled("PENDING_DELETION"),
    present(),
    decision(Reason::Restoring, Some(Call::RestoreBackup)),
    false
)]
#[case::an_exemption_that_never_held_is_applied(
    exempt(Some(false)),
    wish(true),
    decision(Reason::Updating, Some(EXEMPT)),
    false
)]
#[case::an_exemption_that_aws_never_showed_is_applied(
    exempt(None),
    wish(true),
    decision(Reason::Updating, Some(EXEMPT)),
    false
)]
#[case::it_was_being_made(
    settled("CREATE_IN_PROGRESS"),
    deleted(),
    decision(Reason::Deleting, Some(Call::DeleteBackup)),
    false
)]
#[case::it_was_never_seen(
    CloudHsmBackupStatus::default(),
    present(),
    decision(Reason::Restoring, Some(Call::RestoreBackup)),
    false
)]
#[case::two_objects_disagree(settled("READY"), present(), decision(Reason::Conflict, None), false)]
fn drift(
    #[case] previous: CloudHsmBackupStatus,
    #[case] intent: Intent,
    #[case] decision: Decision,
    #[case] expected: bool,
) {
    assert_eq!(is_drift(&previous, &intent, &decision), expected);
}

#[test]
fn what_a_new_generation_asks_for_is_no_drift() {
    let intent = Intent { generation: 8, ..deleted() };
    let decision = decision(Reason::Deleting, Some(Call::DeleteBackup));
    let previous = settled("PENDING_DELETION");
    assert!(is_drift(&previous, &deleted(), &decision));
    assert!(!is_drift(&previous, &intent, &decision));
}

#[test]
fn drift_is_found_once() {
    let decision = decision(Reason::Restoring, Some(Call::RestoreBackup));
    let next = mirror(&settled("READY"), &present(), &shown("PENDING_DELETION"));
    assert!(!is_drift(&next, &present(), &decision));
    assert!(!is_drift(&reread(&next), &present(), &decision), "nor after a restart");
}

#[rstest]
#[case::pending_deletion_and_is_ready(settled("PENDING_DELETION"), present(), shown("READY"), true)]
#[case::pending_deletion_and_is_so_still(settled("PENDING_DELETION"), present(), shown("PENDING_DELETION"), false)]
#[case::pending_deletion_and_is_gone(settled("PENDING_DELETION"), present(), Observation::NotFound, false)]
#[case::pending_deletion_and_declared_so(settled("PENDING_DELETION"), deleted(), shown("READY"), false)]
#[case::ready_all_along(settled("READY"), present(), shown("READY"), false)]
#[case::being_made(settled("CREATE_IN_PROGRESS"), present(), shown("READY"), false)]
#[case::never_seen(CloudHsmBackupStatus::default(), present(), shown("READY"), false)]
fn a_backup_comes_back_that_was(
    #[case] previous: CloudHsmBackupStatus,
    #[case] intent: Intent,
    #[case] observation: Observation,
    #[case] expected: bool,
) {
    assert_eq!(is_restored(&previous, &intent, &observation), expected);
}

fn becomes(previous: &CloudHsmBackupStatus, reason: Reason) -> Option<String> {
    let next = conclude(previous.clone(), &verdict(reason), 7, None, later());
    let news = newly_stalled(previous, &next).map(|condition| condition.reason.clone());
    assert_eq!(newly_stalled(&next, &next), None, "nothing is repeated");
    assert_eq!(newly_stalled(&reread(&next), &next), None, "nothing is repeated after a restart");
    news
}

#[test]
fn an_object_becomes_stalled_once_for_each_reason() {
    let fresh = CloudHsmBackupStatus::default();
    for reason in Reason::ALL {
        let stalls = reason.progress() == Progress::Stalled;
        assert_eq!(becomes(&fresh, reason).as_deref(), stalls.then_some(reason.as_str()));
        assert_eq!(becomes(&concluded(fresh.clone(), reason), reason), None);
    }
    let stalled = concluded(fresh, Reason::BackupNotFound);
    assert_eq!(becomes(&stalled, Reason::Conflict).as_deref(), Some("Conflict"));
    assert_eq!(becomes(&stalled, Reason::Available), None);
}

#[test]
fn the_news_carry_the_message() {
    let next = concluded(after("READY"), Reason::Conflict);
    let news = newly_stalled(&CloudHsmBackupStatus::default(), &next).unwrap();
    assert_eq!((news.type_.as_str(), news.message.as_str()), (STALLED, "about Conflict"));
}
