//! The decision table row by row, then the whole product of situations against an oracle written from the documented contract.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::*;
use crate::{
    api::CloudHsmBackupStatus,
    backup::{AccountId, Region},
};

const ID: &str = "backup-ro5c4er4aac";
const ACCOUNT: &str = "111122223333";
const ARN: &str = "arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac";

const READY: &str = "READY";
const PENDING: &str = "PENDING_DELETION";
const DELETED: &str = "DELETED";
const CREATING: &str = "CREATE_IN_PROGRESS";
const STRANGE: &str = "ARCHIVED";

const DELETE: Call = Call::DeleteBackup;
const RESTORE: Call = Call::RestoreBackup;
const EXEMPT: Call = Call::ModifyBackupAttributes { never_expires: true };
const EXPOSE: Call = Call::ModifyBackupAttributes { never_expires: false };

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn at(seconds_from_now: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds_from_now)
}

fn region() -> Region {
    Region::new("us-east-1")
}

fn scope() -> Scope {
    Scope::of_operator(region())
}

/// Everything a decision depends on, owned. Times are seconds from now.
#[derive(Clone)]
struct Given {
    intent: Intent,
    sight: Sight,
    memory: Memory,
    conflict: bool,
    refused: bool,
    mode: Mode,
}

fn declared(desired: DesiredState) -> Given {
    Given {
        intent: Intent {
            uid: "uid-1".into(),
            generation: 7,
            scope: Some(scope()),
            backup_id: ID.parse().unwrap(),
            desired,
            never_expires: None,
            suspend: false,
            deleting: false,
        },
        sight: Sight { observation: Observation::NotFound, source: Source::Look(at(-1)) },
        memory: Memory::default(),
        conflict: false,
        refused: false,
        mode: Mode::Full,
    }
}

fn present() -> Given {
    declared(DesiredState::Present)
}

fn deleted() -> Given {
    declared(DesiredState::Deleted)
}

impl Given {
    fn shown(mut self, word: &str) -> Self {
        let mut backup = Backup::new(ID.parse().unwrap(), BackupState::from(word));
        backup.arn = Some(ARN.into());
        self.sight.observation = Observation::Found(Box::new(backup));
        self
    }

    fn backup(mut self, change: impl FnOnce(&mut Backup)) -> Self {
        if let Observation::Found(backup) = &mut self.sight.observation {
            change(backup);
        }
        self
    }

    fn until(self, seconds: i64) -> Self {
        self.backup(|backup| backup.delete_timestamp = Some(at(seconds)))
    }

    fn exempt(self, value: bool) -> Self {
        self.backup(|backup| backup.never_expires = Some(value))
    }

    fn gone_after(mut self, word: &str, end: Option<i64>) -> Self {
        self.sight.observation = Observation::NotFound;
        self.memory = Memory { state: Some(word.into()), delete_timestamp: end.map(at) };
        self
    }

    fn wishing(mut self, never_expires: bool) -> Self {
        self.intent.never_expires = Some(never_expires);
        self
    }

    fn suspended(mut self) -> Self {
        self.intent.suspend = true;
        self
    }

    fn being_removed(mut self) -> Self {
        self.intent.deleting = true;
        self
    }

    fn contradicted(mut self) -> Self {
        self.conflict = true;
        self
    }

    fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    fn with(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    fn seen(mut self, source: Source) -> Self {
        self.sight.source = source;
        self
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            intent: &self.intent,
            sight: &self.sight,
            memory: &self.memory,
            conflict: self.conflict,
            restore_refused: self.refused,
            mode: self.mode,
            now: now(),
        }
    }
}

#[rstest]
#[case::present_and_ready_is_available(present().shown(READY), Reason::Available, None)]
#[case::present_and_in_the_making_waits(present().shown(CREATING), Reason::Creating, None)]
#[case::deleted_and_in_the_making_waits_until_it_can_be_deleted(deleted().shown(CREATING), Reason::Creating, None)]
#[case::present_and_pending_deletion_is_restored(present().shown(PENDING).until(60), Reason::Restoring, Some(RESTORE))]
#[case::pending_deletion_without_a_time_counts_as_open(present().shown(PENDING), Reason::Restoring, Some(RESTORE))]
#[case::pending_deletion_past_its_time_is_restored_still(present().shown(PENDING).until(-60), Reason::Restoring, Some(RESTORE))]
#[case::at_the_very_second_it_is_tried_too(present().shown(PENDING).until(0), Reason::Restoring, Some(RESTORE))]
#[case::past_its_time_and_refused_the_window_is_closed(present().shown(PENDING).until(-60).refused(), Reason::RestoreWindowClosed, None)]
#[case::at_the_very_second_and_refused_the_window_is_closed(present().shown(PENDING).until(0).refused(), Reason::RestoreWindowClosed, None)]
#[case::a_refusal_does_not_close_an_open_window(present().shown(PENDING).until(60).refused(), Reason::Restoring, Some(RESTORE))]
#[case::a_refusal_does_not_close_a_window_without_a_time(present().shown(PENDING).refused(), Reason::Restoring, Some(RESTORE))]
#[case::present_and_deleted_can_not_be_restored(present().shown(DELETED).until(-60), Reason::RestoreWindowClosed, None)]
#[case::present_and_gone_after_pending_deletion_can_not_be_restored(present().gone_after(PENDING, Some(60)), Reason::RestoreWindowClosed, None)]
#[case::present_and_gone_after_pending_deletion_without_a_time_can_not_be_restored(present().gone_after(PENDING, None), Reason::RestoreWindowClosed, None)]
#[case::present_and_gone_after_deleted_can_not_be_restored(present().gone_after(DELETED, None), Reason::RestoreWindowClosed, None)]
#[case::deleted_and_ready_is_deleted(deleted().shown(READY), Reason::Deleting, Some(DELETE))]
#[case::deleted_and_ready_is_deleted_whatever_never_expires_says(deleted().shown(READY).exempt(true).wishing(false), Reason::Deleting, Some(DELETE))]
#[case::deleted_and_pending_deletion_is_as_declared(deleted().shown(PENDING).until(60), Reason::PendingDeletion, None)]
#[case::deleted_and_pending_deletion_past_its_time_is_as_declared(deleted().shown(PENDING).until(-60), Reason::PendingDeletion, None)]
#[case::deleted_and_deleted_is_as_declared(deleted().shown(DELETED), Reason::Deleted, None)]
#[case::deleted_and_gone_after_deleted_is_as_declared(deleted().gone_after(DELETED, None), Reason::Deleted, None)]
#[case::deleted_and_gone_after_deleted_is_as_declared_even_before_a_time(deleted().gone_after(DELETED, Some(60)), Reason::Deleted, None)]
#[case::deleted_and_gone_after_its_witnessed_time_is_as_declared(deleted().gone_after(PENDING, Some(-60)), Reason::Deleted, None)]
#[case::deleted_and_gone_within_the_second_that_the_status_cut_off_is_not_found(deleted().gone_after(PENDING, Some(0)), Reason::BackupNotFound, None)]
#[case::deleted_and_gone_once_that_second_is_over_is_as_declared(deleted().gone_after(PENDING, Some(-1)), Reason::Deleted, None)]
#[case::deleted_and_gone_before_its_witnessed_time_is_not_found(deleted().gone_after(PENDING, Some(60)), Reason::BackupNotFound, None)]
#[case::deleted_and_gone_without_a_witnessed_time_is_not_found(deleted().gone_after(PENDING, None), Reason::BackupNotFound, None)]
#[case::deleted_and_gone_after_its_witnessed_time_is_as_declared_whatever_the_last_word(deleted().gone_after(STRANGE, Some(-60)), Reason::Deleted, None)]
#[case::deleted_and_gone_after_an_unknown_state_alone_is_not_found(deleted().gone_after(STRANGE, None), Reason::BackupNotFound, None)]
#[case::a_time_that_came_with_ready_proves_nothing(deleted().gone_after(READY, Some(-60)), Reason::BackupNotFound, None)]
#[case::deleted_and_gone_after_ready_is_not_found(deleted().gone_after(READY, None), Reason::BackupNotFound, None)]
#[case::deleted_and_never_seen_is_not_found(deleted(), Reason::BackupNotFound, None)]
#[case::present_and_never_seen_is_not_found(present(), Reason::BackupNotFound, None)]
#[case::present_and_gone_after_ready_is_not_found(present().gone_after(READY, None), Reason::BackupNotFound, None)]
#[case::present_and_gone_after_an_unknown_state_is_not_found(present().gone_after(STRANGE, None), Reason::BackupNotFound, None)]
#[case::present_and_gone_while_in_the_making_is_not_found(present().gone_after(CREATING, None), Reason::BackupNotFound, None)]
#[case::present_and_an_unknown_state_is_left_alone(present().shown(STRANGE), Reason::UnknownBackupState, None)]
#[case::deleted_and_an_unknown_state_is_left_alone(deleted().shown(STRANGE), Reason::UnknownBackupState, None)]
#[case::no_state_at_all_is_an_unknown_state(deleted().shown(""), Reason::UnknownBackupState, None)]
#[case::a_known_word_in_lower_case_is_an_unknown_state(deleted().shown("ready"), Reason::UnknownBackupState, None)]
fn a_row_of_the_table(#[case] given: Given, #[case] reason: Reason, #[case] call: Option<Call>) {
    let decision = decide(&given.situation());
    assert_eq!(decision, Decision { reason, due: call, held: false });
    assert_eq!(decision.call(), call);
}

#[rstest]
#[case::an_absent_wish_claims_nothing(present().shown(READY).exempt(true), Reason::Available, None)]
#[case::a_wish_that_holds_is_available(present().shown(READY).exempt(true).wishing(true), Reason::Available, None)]
#[case::a_wish_that_does_not_hold_is_applied(present().shown(READY).exempt(false).wishing(true), Reason::Updating, Some(EXEMPT))]
#[case::an_unwished_exemption_is_taken_back(present().shown(READY).exempt(true).wishing(false), Reason::Updating, Some(EXPOSE))]
#[case::absent_in_aws_means_false_so_true_is_applied(present().shown(READY).wishing(true), Reason::Updating, Some(EXEMPT))]
#[case::absent_in_aws_means_false_so_false_holds(present().shown(READY).wishing(false), Reason::Available, None)]
#[case::a_restore_comes_first(present().shown(PENDING).until(60).exempt(false).wishing(true), Reason::Restoring, Some(RESTORE))]
#[case::a_deleted_backup_has_no_retention(deleted().shown(PENDING).until(60).exempt(false).wishing(true), Reason::PendingDeletion, None)]
#[case::a_backup_in_the_making_is_left_alone(present().shown(CREATING).wishing(true), Reason::Creating, None)]
#[case::a_backup_in_an_unknown_state_is_left_alone(present().shown(STRANGE).wishing(true), Reason::UnknownBackupState, None)]
fn never_expires_is_applied_only_to_a_ready_backup_declared_present(
    #[case] given: Given,
    #[case] reason: Reason,
    #[case] call: Option<Call>,
) {
    assert_eq!(decide(&given.situation()), Decision { reason, due: call, held: false });
}

#[rstest]
#[case::a_due_deletion(deleted().shown(READY), DELETE)]
#[case::a_due_restore(present().shown(PENDING).until(60), RESTORE)]
#[case::a_due_restore_past_its_time(present().shown(PENDING).until(-60), RESTORE)]
#[case::a_due_exemption(present().shown(READY).wishing(true), EXEMPT)]
#[case::a_due_end_of_an_exemption(present().shown(READY).exempt(true).wishing(false), EXPOSE)]
fn a_due_call_is_held_by_a_conflict_then_a_suspension_then_the_mode(#[case] given: Given, #[case] call: Call) {
    let held = |given: Given| {
        let decision = decide(&given.situation());
        assert_eq!(decision.call(), None);
        (decision.reason, decision.due)
    };
    let observe = given.clone().with(Mode::Observe);
    assert_eq!(held(observe.clone()), (Reason::WriteNotAllowed, Some(call)));
    assert_eq!(held(observe.clone().suspended()), (Reason::Suspended, Some(call)));
    assert_eq!(held(observe.clone().suspended().contradicted()), (Reason::Conflict, None));
    assert_eq!(held(observe.contradicted()), (Reason::Conflict, None));
    assert_eq!(held(given.clone().suspended()), (Reason::Suspended, Some(call)));
    assert_eq!(held(given.clone().contradicted()), (Reason::Conflict, None));
    assert_eq!(held(given.clone().being_removed()).1, Some(call));
    let restore_only = given.with(Mode::RestoreOnly);
    match call {
        Call::RestoreBackup => assert_eq!(decide(&restore_only.situation()).call(), Some(RESTORE)),
        _ => assert_eq!(held(restore_only), (Reason::WriteNotAllowed, Some(call))),
    }
}

#[rstest]
#[case::an_available_backup(present().shown(READY), Reason::Available)]
#[case::a_backup_in_the_making(present().shown(CREATING), Reason::Creating)]
#[case::a_pending_deletion_as_declared(deleted().shown(PENDING).until(60), Reason::PendingDeletion)]
#[case::a_deleted_backup_as_declared(deleted().shown(DELETED), Reason::Deleted)]
#[case::a_backup_gone_as_declared(deleted().gone_after(DELETED, None), Reason::Deleted)]
#[case::a_closed_window(present().shown(PENDING).until(-60).refused(), Reason::RestoreWindowClosed)]
#[case::a_backup_deleted_for_good(present().shown(DELETED), Reason::RestoreWindowClosed)]
#[case::a_missing_backup(deleted(), Reason::BackupNotFound)]
#[case::an_unknown_state(deleted().shown(STRANGE), Reason::UnknownBackupState)]
fn where_no_call_is_due_neither_a_suspension_nor_the_mode_changes_the_reason(
    #[case] given: Given,
    #[case] reason: Reason,
) {
    for mode in [Mode::Full, Mode::RestoreOnly, Mode::Observe] {
        let given = given.clone().with(mode);
        for given in [given.clone(), given.clone().suspended(), given.being_removed()] {
            assert_eq!(decide(&given.situation()), Decision { reason, due: None, held: false });
        }
    }
    assert_eq!(decide(&given.contradicted().situation()).reason, Reason::Conflict);
}

#[rstest]
#[case::of_this_instant(Source::Look(at(0)), true)]
#[case::of_five_seconds_ago(Source::Look(at(-5)), true)]
#[case::of_a_little_more_than_five_seconds_ago(Source::Look(at(-5) - SignedDuration::from_nanos(1)), false)]
#[case::of_an_hour_ago(Source::Look(at(-3_600)), false)]
#[case::from_the_future(Source::Look(at(0) + SignedDuration::from_nanos(1)), false)]
#[case::that_is_the_answer_to_a_write(Source::Answer, false)]
fn a_look(#[case] source: Source, #[case] justifies_a_write: bool) {
    for given in [deleted().shown(READY), present().shown(PENDING).until(60), present().shown(READY).wishing(true)] {
        let given = given.seen(source);
        let permit = confirm(&given.situation(), &given.intent, Instant::now());
        assert_eq!(permit.is_ok(), justifies_a_write);
        if !justifies_a_write {
            assert_eq!(permit.unwrap_err(), Refusal::LookTooOld);
        }
    }
}

#[test]
fn a_permit_carries_what_it_was_made_for() {
    let given = deleted().shown(READY);
    let valid_until = Instant::now() + Duration::from_secs(2);
    let permit = confirm(&given.situation(), &given.intent, valid_until).unwrap();
    assert_eq!(permit.call(), DELETE);
    assert_eq!((permit.uid(), permit.generation()), ("uid-1", 7));
    assert_eq!((permit.scope(), permit.backup_id().as_str()), (&scope(), ID));
    assert_eq!((permit.arn(), permit.valid_until()), (Some(ARN), valid_until));
}

#[test]
fn a_look_that_shows_another_backup_justifies_no_write() {
    let other = |backup: &mut Backup| backup.id = "backup-abcdefghijk".parse().unwrap();
    for given in [deleted().shown(READY), present().shown(PENDING).until(60), present().shown(READY).wishing(true)] {
        let given = given.backup(other);
        let permit = confirm(&given.situation(), &given.intent, Instant::now());
        assert!(permit.is_err(), "a permit for {ID} from a look at another backup");
    }
}

#[test]
fn without_a_place_to_look_in_there_is_no_permit() {
    let mut given = deleted().shown(READY);
    given.intent.scope = None;
    assert_eq!(confirm(&given.situation(), &given.intent, Instant::now()).unwrap_err(), Refusal::NothingDue);
}

#[test]
fn a_refusal_says_in_words_what_moved() {
    for refusal in [Refusal::ObjectChanged, Refusal::LookTooOld, Refusal::NothingDue] {
        assert!(!refusal.to_string().is_empty());
    }
}

/// What the documented contract says, in the order it says it. Deliberately not the shape of the code.
fn oracle(given: &Given) -> (Reason, Option<Call>) {
    let Given { intent, sight, memory, conflict, refused, mode } = given;
    let is_present = intent.desired == DesiredState::Present;
    if *conflict {
        return (Reason::Conflict, None);
    }
    let over = |end: Option<Timestamp>| end.is_some() && end <= Some(now());
    let last = memory.state.as_ref().map_or("", BackupState::as_str);
    let (word, end, exempt) = match &sight.observation {
        Observation::Found(backup) => {
            (backup.state.as_str(), backup.delete_timestamp, backup.never_expires == Some(true))
        }
        Observation::NotFound => ("gone", None, false),
    };
    let closed = word == DELETED || (word == "gone" && (last == PENDING || last == DELETED));
    // A time that came with READY or CREATE_IN_PROGRESS announces no end.
    let ended = over(memory.delete_timestamp) && (last == PENDING || last == STRANGE);
    let proven = word == DELETED || (word == "gone" && (last == DELETED || ended));

    let mut reason = Reason::UnknownBackupState;
    let mut due = None;
    if word == CREATING {
        reason = Reason::Creating;
    }
    if word == "gone" {
        reason = Reason::BackupNotFound;
    }
    if is_present && word == READY {
        reason = Reason::Available;
        if intent.never_expires.is_some() && intent.never_expires != Some(exempt) {
            reason = Reason::Updating;
            due = Some(if exempt { EXPOSE } else { EXEMPT });
        }
    }
    if is_present && word == PENDING {
        (reason, due) = (Reason::Restoring, Some(RESTORE));
        if over(end) && *refused {
            (reason, due) = (Reason::RestoreWindowClosed, None);
        }
    }
    if is_present && closed {
        reason = Reason::RestoreWindowClosed;
    }
    if !is_present && word == READY {
        (reason, due) = (Reason::Deleting, Some(DELETE));
    }
    if !is_present && word == PENDING {
        reason = Reason::PendingDeletion;
    }
    if !is_present && proven {
        reason = Reason::Deleted;
    }
    let forbidden = *mode == Mode::Observe || (*mode == Mode::RestoreOnly && due != Some(RESTORE));
    if due.is_some() && (intent.suspend || intent.deleting) {
        return (Reason::Suspended, None);
    }
    if due.is_some() && forbidden {
        return (Reason::WriteNotAllowed, None);
    }
    (reason, due)
}

fn intents() -> Vec<Intent> {
    let mut all = Vec::new();
    for desired in [DesiredState::Present, DesiredState::Deleted] {
        for never_expires in [None, Some(true), Some(false)] {
            for suspend in [false, true] {
                for deleting in [false, true] {
                    all.push(Intent { never_expires, suspend, deleting, ..declared(desired).intent });
                }
            }
        }
    }
    all
}

fn observations() -> Vec<Observation> {
    let mut all = vec![Observation::NotFound];
    for word in [READY, PENDING, DELETED, CREATING, STRANGE] {
        for end in [None, Some(-60), Some(60)] {
            for never_expires in [None, Some(true), Some(false)] {
                let mut given = present().shown(word).backup(|backup| backup.never_expires = never_expires);
                if let Some(end) = end {
                    given = given.until(end);
                }
                all.push(given.sight.observation);
            }
        }
    }
    all
}

/// Each status that an object may have, and whether what it remembers is about this place.
fn statuses() -> Vec<(CloudHsmBackupStatus, bool)> {
    let mut all = Vec::new();
    for (region, here) in [(None, true), (Some("us-east-1"), true), (Some("eu-central-1"), false)] {
        for (account, mine) in [(None, true), (Some(ACCOUNT), true), (Some("999988887777"), false)] {
            for word in [None, Some(READY), Some(PENDING), Some(DELETED), Some(CREATING), Some(STRANGE)] {
                for gone in [false, true] {
                    for end in [None, Some(-60), Some(60)] {
                        let word = word.map(str::to_owned);
                        let status = CloudHsmBackupStatus {
                            backup_state: word.clone().filter(|_| !gone),
                            last_backup_state: word.filter(|_| gone),
                            delete_timestamp: end.map(|end| Time(at(end))),
                            region: region.map(str::to_owned),
                            backup_arn: account
                                .map(|account| format!("arn:aws:cloudhsm:us-east-1:{account}:backup/{ID}")),
                            ..CloudHsmBackupStatus::default()
                        };
                        all.push((status, here && mine));
                    }
                }
            }
        }
    }
    all
}

#[test]
fn what_a_status_witnesses_counts_only_for_the_place_looked_in_now() {
    for (status, counts) in statuses() {
        let memory = Memory::of(&status, &scope(), AccountId::new(ACCOUNT).as_ref());
        let word = status.backup_state.as_deref().or(status.last_backup_state.as_deref());
        if counts {
            assert_eq!(memory.delete_timestamp, status.delete_timestamp.as_ref().map(|time| time.0));
            if let Some(word) = word {
                assert_eq!(memory.state.as_ref().map(BackupState::as_str), Some(word));
            }
        } else {
            assert_eq!(memory, Memory::default(), "{status:?}");
        }
    }
}

/// All that a status can make a decision remember. A decision sees the status through this alone, so going through these is going
/// through all statuses.
fn memories() -> Vec<Memory> {
    let mut all = Vec::new();
    for (status, _) in statuses() {
        for account in [None, AccountId::new(ACCOUNT)] {
            let memory = Memory::of(&status, &scope(), account.as_ref());
            if !all.contains(&memory) {
                all.push(memory);
            }
        }
    }
    all
}

/// The intent with each single field changed.
fn moved(intent: &Intent) -> [Intent; 9] {
    let change = |change: fn(&mut Intent)| {
        let mut moved = intent.clone();
        change(&mut moved);
        moved
    };
    [
        change(|intent| intent.uid = "uid-2".into()),
        change(|intent| intent.generation += 1),
        change(|intent| intent.scope = Some(Scope::of_operator(Region::new("eu-central-1")))),
        change(|intent| intent.scope = None),
        change(|intent| intent.backup_id = "backup-abcdefghijk".parse().unwrap()),
        change(|intent| {
            intent.desired = match intent.desired {
                DesiredState::Present => DesiredState::Deleted,
                DesiredState::Deleted => DesiredState::Present,
            }
        }),
        change(|intent| intent.never_expires = if intent.never_expires.is_some() { None } else { Some(false) }),
        change(|intent| intent.suspend = !intent.suspend),
        change(|intent| intent.deleting = !intent.deleting),
    ]
}

#[test]
fn every_situation_is_decided_as_documented_and_safely() {
    let valid_until = Instant::now();
    let memories = memories();
    let sources = [Source::Look(at(-3)), Source::Look(at(-6)), Source::Look(at(1)), Source::Answer];
    let mut permits = 0;
    for intent in intents() {
        let moved = moved(&intent);
        let mut given = Given { intent, ..present() };
        for observation in observations() {
            given.sight.observation = observation;
            for memory in &memories {
                given.memory = memory.clone();
                for mode in [Mode::Full, Mode::RestoreOnly, Mode::Observe] {
                    given.mode = mode;
                    for (conflict, refused) in [(false, false), (false, true), (true, false), (true, true)] {
                        (given.conflict, given.refused) = (conflict, refused);
                        let expected = oracle(&given);
                        for source in sources {
                            given.sight.source = source;
                            match check(&given, expected, &moved, valid_until) {
                                Ok(permitted) => permits += usize::from(permitted),
                                Err(what) => {
                                    panic!("{what}: {:?} for {:?}", decide(&given.situation()), given.situation())
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(permits > 0, "the test has a hole: nothing was ever permitted");
}

/// What is wrong, if anything.
type Verdict<T> = Result<T, &'static str>;

/// Checks one situation; whether a call was permitted.
fn check(given: &Given, expected: (Reason, Option<Call>), moved: &[Intent], valid_until: Instant) -> Verdict<bool> {
    let situation = given.situation();
    let decision = decide(&situation);
    let call = decision.call();
    if (decision.reason, call) != expected {
        return Err("not as documented");
    }
    if decide(&situation) != decision {
        return Err("decided differently the second time");
    }
    if decision.held != (decision.due.is_some() && call.is_none()) {
        return Err("neither held nor free");
    }
    check_call(given, call)?;
    check_ready(given, &decision)?;

    let permit = confirm(&situation, &given.intent, valid_until);
    let is_fresh = given.sight.source == Source::Look(at(-3));
    match (&permit, call) {
        (Ok(permit), Some(call)) if is_fresh && permit.call() == call => {
            // A conflict may have come up since, and the mode isn't the object's; each other thing that moves is refused.
            for live in moved {
                if !matches!(confirm(&situation, live, valid_until), Err(Refusal::ObjectChanged)) {
                    return Err("permitted for an object that has changed");
                }
            }
        }
        (Err(Refusal::NothingDue), None) => {}
        (Err(Refusal::LookTooOld), Some(_)) if !is_fresh => {}
        _ => return Err("permitted wrongly, or not at all"),
    }
    Ok(permit.is_ok())
}

/// The rules of safety, as far as they are about which call.
fn check_call(given: &Given, call: Option<Call>) -> Verdict<()> {
    let Some(call) = call else { return Ok(()) };
    let intent = &given.intent;
    if given.conflict || intent.suspend || intent.deleting {
        return Err("a call in a conflict, a suspension or a removal");
    }
    let Some(backup) = given.sight.observation.backup() else { return Err("a call from the absence of the backup") };
    let is_present = intent.desired == DesiredState::Present;
    let justified = match call {
        Call::DeleteBackup => backup.state == BackupState::Ready && !is_present && given.mode == Mode::Full,
        Call::RestoreBackup => {
            backup.state == BackupState::PendingDeletion && is_present && given.mode != Mode::Observe
        }
        Call::ModifyBackupAttributes { never_expires } => {
            backup.state == BackupState::Ready
                && is_present
                && given.mode == Mode::Full
                && intent.never_expires == Some(never_expires)
                && (backup.never_expires == Some(true)) != never_expires
        }
    };
    if justified { Ok(()) } else { Err("a call that nothing justifies") }
}

/// Ready is True only where AWS agrees, and what is gone counts as deleted only with evidence.
fn check_ready(given: &Given, decision: &Decision) -> Verdict<()> {
    if !decision.reason.is_ready() {
        return Ok(());
    }
    if decision.due.is_some() || given.conflict {
        return Err("ready though something is due or contradicted");
    }
    let word = given.sight.observation.backup().map(|backup| &backup.state);
    let agrees = match (given.intent.desired, word) {
        (DesiredState::Present, Some(BackupState::Ready)) => decision.reason == Reason::Available,
        (DesiredState::Deleted, Some(BackupState::PendingDeletion)) => decision.reason == Reason::PendingDeletion,
        (DesiredState::Deleted, Some(BackupState::Deleted)) => decision.reason == Reason::Deleted,
        (DesiredState::Deleted, None) => {
            let Memory { state, delete_timestamp } = &given.memory;
            let is_over = delete_timestamp.is_some_and(|end| end <= now())
                && !matches!(state, Some(BackupState::Ready | BackupState::CreateInProgress));
            decision.reason == Reason::Deleted && (*state == Some(BackupState::Deleted) || is_over)
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err("ready though AWS doesn't show what is declared") }
}
