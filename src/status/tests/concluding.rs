//! Conditions, generation and echo.

use super::*;

/// Ready's status, and the other condition that is there, for each reason as documented.
#[rstest]
#[case(Reason::Available, "True", Progress::Settled)]
#[case(Reason::Creating, "False", Progress::Reconciling)]
#[case(Reason::Restoring, "False", Progress::Reconciling)]
#[case(Reason::Updating, "False", Progress::Reconciling)]
#[case(Reason::RestoreWindowClosed, "False", Progress::Stalled)]
#[case(Reason::Deleting, "False", Progress::Reconciling)]
#[case(Reason::PendingDeletion, "True", Progress::Settled)]
#[case(Reason::Deleted, "True", Progress::Settled)]
#[case(Reason::BackupNotFound, "False", Progress::Stalled)]
#[case(Reason::UnknownBackupState, "False", Progress::Stalled)]
#[case(Reason::Suspended, "False", Progress::Settled)]
#[case(Reason::WriteNotAllowed, "False", Progress::Settled)]
#[case(Reason::Conflict, "False", Progress::Stalled)]
#[case(Reason::AccessDenied, "False", Progress::Stalled)]
#[case(Reason::InvalidRequest, "False", Progress::Stalled)]
#[case(Reason::NoRegion, "False", Progress::Stalled)]
#[case(Reason::Throttled, "False", Progress::Reconciling)]
#[case(Reason::AwsUnavailable, "False", Progress::Reconciling)]
#[case(Reason::NoCredentials, "False", Progress::Reconciling)]
fn each_reason_comes_with_its_conditions(
    #[case] reason: Reason,
    #[case] ready: &'static str,
    #[case] progress: Progress,
) {
    // Whatever was there before, and again after reading it back.
    for before in std::iter::once(None).chain(Reason::ALL.map(Some)) {
        let before = before.map_or_else(|| after("READY"), |before| concluded(after("READY"), before));
        let decision = Decision { reason, due: None, held: false };
        let verdict = Verdict::decided(&decision, "a sentence".into());
        assert_eq!(verdict.ready, ready);
        let next = conclude(before, &verdict, 8, None, later());
        let mut expected = vec![("Ready", ready)];
        match progress {
            Progress::Settled => {}
            Progress::Reconciling => expected.push(("Reconciling", "True")),
            Progress::Stalled => expected.push(("Stalled", "True")),
        }
        let there: Vec<_> = next.conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect();
        assert_eq!(there, expected);
        for condition in &next.conditions {
            assert_eq!((condition.reason.as_str(), condition.message.as_str()), (reason.as_str(), "a sentence"));
            assert_eq!(condition.observed_generation, Some(8));
        }
        assert_eq!(next.observed_generation, Some(8));
        assert_eq!(conclude(reread(&next), &verdict, 8, None, later() + SignedDuration::from_hours(1)), next);
    }
}

#[test]
fn the_reasons_that_are_documented_are_all_there_are() {
    let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 19);
}

fn since(status: &CloudHsmBackupStatus, type_: &str) -> Option<Timestamp> {
    status.condition(type_).map(|condition| condition.last_transition_time.0)
}

#[test]
fn a_transition_time_stays_until_the_status_flips() {
    let first = concluded(after("READY"), Reason::Restoring);
    let at = |status, reason, time| conclude(status, &verdict(reason), 7, None, time);
    let other_reason = at(first, Reason::Throttled, later());
    assert_eq!((since(&other_reason, READY), since(&other_reason, RECONCILING)), (Some(now()), Some(now())));
    let stalled = at(other_reason, Reason::AccessDenied, later());
    assert_eq!((since(&stalled, READY), since(&stalled, STALLED)), (Some(now()), Some(later())));
    let done = at(stalled, Reason::Available, later());
    assert_eq!((since(&done, READY), since(&done, STALLED)), (Some(later()), None));
    let unknown = Verdict { ready: "Unknown", ..verdict(Reason::AwsUnavailable) };
    let flipped = conclude(done, &unknown, 7, None, later() + SignedDuration::from_secs(9));
    assert_eq!(since(&flipped, READY), Some(later() + SignedDuration::from_secs(9)));
}

#[test]
fn a_transition_time_has_whole_seconds() {
    let status = conclude(after("READY"), &verdict(Reason::Available), 7, None, moment("2026-11-24T12:00:00.75Z"));
    assert_eq!(since(&status, READY), Some(now()));
}

#[test]
fn a_new_generation_with_the_same_verdict_moves_the_generation_alone() {
    let first = concluded(after("READY"), Reason::Available);
    let second = conclude(first.clone(), &verdict(Reason::Available), 8, None, later());
    assert_eq!(since(&second, READY), since(&first, READY));
    assert_eq!((second.observed_generation, second.conditions[0].observed_generation), (Some(8), Some(8)));
}

#[test]
fn conditions_of_others_stay_as_they_are() {
    let foreign = Condition {
        type_: "example.com/Audited".into(),
        status: "False".into(),
        reason: "NotYet".into(),
        message: "somebody else's".into(),
        observed_generation: None,
        last_transition_time: Time(end()),
    };
    let mut status = concluded(after("READY"), Reason::BackupNotFound);
    status.conditions.push(foreign.clone());
    let next = conclude(status, &verdict(Reason::Available), 8, None, later());
    assert_eq!(next.conditions.len(), 2);
    assert_eq!(next.condition("example.com/Audited"), Some(&foreign));
}

#[test]
fn a_condition_of_ours_that_somebody_falsified_is_put_right() {
    let mut status = concluded(after("READY"), Reason::BackupNotFound);
    let right = status.clone();
    for condition in &mut status.conditions {
        condition.reason = "Available".into();
        condition.message = "all is well".into();
    }
    assert_eq!(conclude(status, &verdict(Reason::BackupNotFound), 7, None, later()), right);
}

#[test]
fn a_request_is_echoed_and_its_echo_outlives_the_annotation() {
    let asked = conclude(after("READY"), &verdict(Reason::AwsUnavailable), 7, Some("monday"), now());
    assert_eq!(asked.last_handled_requested_at.as_deref(), Some("monday"));
    let removed = conclude(asked.clone(), &verdict(Reason::AwsUnavailable), 7, None, later());
    assert_eq!(removed, asked);
    let again = conclude(asked, &verdict(Reason::AwsUnavailable), 7, Some("tuesday"), later());
    assert_eq!(again.last_handled_requested_at.as_deref(), Some("tuesday"));
}

fn saying(message: &str) -> Verdict {
    Verdict { message: message.into(), ..verdict(Reason::BackupNotFound) }
}

#[rstest]
#[case::the_account_gets_known("no backup b in r; check", "no backup b in r (account 111122223333); check", false)]
#[case::the_account_is_not_known_again(
    "no backup b in r (account 111122223333); check",
    "no backup b in r; check",
    false
)]
#[case::it_is_another_account("no b (account 111122223333); check", "no b (account 999988887777); check", true)]
#[case::the_words_differ_too("no backup b in r; check", "no backup c in r (account 111122223333); check", true)]
#[case::the_words_differ("no backup b in r; check", "no backup b in r; look", true)]
fn a_message_is_rewritten_only_where_more_than_the_knowledge_of_the_account_differs(
    #[case] old: &str,
    #[case] new: &str,
    #[case] rewritten: bool,
) {
    let first = conclude(after("READY"), &saying(old), 7, None, now());
    let second = conclude(first.clone(), &saying(new), 7, None, later());
    let message = if rewritten { new } else { old };
    assert!(second.conditions.iter().all(|condition| condition.message == message), "{second:?}");
    assert_eq!(second == first, !rewritten);
}

#[test]
fn another_reason_always_brings_its_own_message() {
    let first = conclude(after("READY"), &saying("x in r"), 7, None, now());
    let next = Verdict { message: "x in r (account 111122223333)".into(), ..verdict(Reason::Conflict) };
    assert_eq!(conclude(first, &next, 7, None, now()).conditions[0].message, next.message);
}
