//! What of a look ends up in the status, and what conditions follow.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rstest::rstest;

use super::*;
use crate::{
    api::Progress,
    backup::{Backup, Call, Region, Scope},
};

const ID: &str = "backup-ro5c4er4aac";
const ARN: &str = "arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    moment("2026-11-24T12:00:00Z")
}

fn later() -> Timestamp {
    now() + SignedDuration::from_secs(3_600)
}

fn end() -> Timestamp {
    moment("2026-11-30T08:00:05Z")
}

fn intent(desired: DesiredState) -> Intent {
    Intent {
        uid: "uid-1".into(),
        generation: 7,
        scope: Some(Scope::of_operator(Region::new("us-east-1"))),
        backup_id: ID.parse().unwrap(),
        desired,
        never_expires: None,
        suspend: false,
        deleting: false,
    }
}

fn present() -> Intent {
    intent(DesiredState::Present)
}

fn deleted() -> Intent {
    intent(DesiredState::Deleted)
}

/// A backup of a cluster, with all that AWS may say about one.
fn backup(word: &str) -> Backup {
    Backup {
        id: ID.parse().unwrap(),
        state: word.into(),
        arn: Some(ARN.into()),
        cluster_id: Some("cluster-dygnwhmscg5".into()),
        create_timestamp: Some(moment("2026-11-01T03:12:44.987654321Z")),
        copy_timestamp: Some(moment("2026-11-02T03:12:44.5Z")),
        delete_timestamp: (word == "PENDING_DELETION" || word == "DELETED").then(|| moment("2026-11-30T08:00:05.999Z")),
        never_expires: Some(false),
        source_region: Some("eu-central-1".into()),
        source_backup: Some("backup-abcdefghijk".into()),
        source_cluster: Some("cluster-aaaaaaaaaaa".into()),
        hsm_type: Some("hsm2m.medium".into()),
        mode: Some("FIPS".into()),
        tags: BTreeMap::from([("team".into(), "payments".into())]),
    }
}

fn found(backup: Backup) -> Observation {
    Observation::Found(Box::new(backup))
}

fn shown(word: &str) -> Observation {
    found(backup(word))
}

/// A status after a look that showed this.
fn after(word: &str) -> CloudHsmBackupStatus {
    mirror(&CloudHsmBackupStatus::default(), &present(), &shown(word))
}

fn verdict(reason: Reason) -> Verdict {
    let ready = if reason.is_ready() { "True" } else { "False" };
    Verdict { reason, ready, message: format!("about {}", reason.as_str()) }
}

fn concluded(status: CloudHsmBackupStatus, reason: Reason) -> CloudHsmBackupStatus {
    conclude(status, &verdict(reason), 7, None, now())
}

fn reread(status: &CloudHsmBackupStatus) -> CloudHsmBackupStatus {
    serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap()
}

mod mirroring {
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
}

mod concluding {
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
}

mod starting {
    use super::*;

    fn foreign(message: &str) -> Condition {
        Condition {
            type_: "example.com/Audited".into(),
            status: "True".into(),
            reason: "Done".into(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: Time(end()),
        }
    }

    #[test]
    fn what_this_process_concluded_counts_and_not_what_somebody_stored_since() {
        let own = concluded(after("READY"), Reason::Available);
        let wiped = CloudHsmBackupStatus::default();
        assert_eq!(resume(&own, &wiped, later()), own);
        let falsified = concluded(after("DELETED"), Reason::RestoreWindowClosed);
        assert_eq!(resume(&own, &falsified, later()), own);
    }

    #[test]
    fn the_conditions_of_others_are_taken_as_they_are_stored_now() {
        let mut own = concluded(after("READY"), Reason::Available);
        own.conditions.push(foreign("as it was"));
        let mut stored = own.clone();
        stored.conditions[1] = foreign("as it is");
        assert_eq!(resume(&own, &stored, later()), stored);
        stored.conditions.pop();
        assert_eq!(resume(&own, &stored, later()), stored);
    }

    #[test]
    fn two_processes_agree_on_since_when_a_status_holds() {
        let own = concluded(after("READY"), Reason::Available);
        let mut stored = own.clone();
        stored.conditions[0].last_transition_time =
            Time(own.conditions[0].last_transition_time.0 - SignedDuration::from_secs(1));
        assert_eq!(resume(&own, &stored, later()), stored);
        stored.conditions[0].last_transition_time = Time(later() + SignedDuration::from_secs(1));
        assert_eq!(resume(&own, &stored, later()), own);
    }

    #[test]
    fn a_status_that_could_not_be_read_is_written_anew() {
        let unreadable = CloudHsmBackupStatus { unreadable: true, ..concluded(after("READY"), Reason::Available) };
        let mirrored = mirror(&unreadable, &present(), &shown("READY"));
        let next = conclude(mirrored, &verdict(Reason::Available), 7, None, later());
        assert_ne!(next, unreadable);
        assert!(!next.unreadable);
    }
}

mod failing {
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
}

mod transitions {
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
    #[case::somebody_deleted_it(
        settled("READY"),
        present(),
        decision(Reason::Restoring, Some(Call::RestoreBackup)),
        true
    )]
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
    #[case::somebody_ended_its_exemption(
        exempt(Some(true)),
        wish(true),
        decision(Reason::Updating, Some(EXEMPT)),
        true
    )]
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
}
