//! All sentences at once, to be read by people; then what holds for each of them.

use rstest::rstest;

use super::*;
use crate::backup::{Backup, Scope};

const ID: &str = "backup-ro5c4er4aac";

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn end() -> Timestamp {
    "2026-11-30T08:00:05.9Z".parse().unwrap()
}

fn past() -> Timestamp {
    "2026-11-20T08:00:05Z".parse().unwrap()
}

fn place(account: Option<&str>) -> Place {
    Place {
        backup_id: ID.parse().unwrap(),
        region: Some(Region::new("us-east-1")),
        account: account.and_then(AccountId::new),
    }
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

fn shown(word: &str, end: Option<Timestamp>) -> Observation {
    let mut backup = Backup::new(ID.parse().unwrap(), word.into());
    backup.delete_timestamp = end;
    Observation::Found(Box::new(backup))
}

/// A decision and all that its message draws on, owned.
struct Case {
    decision: Decision,
    intent: Intent,
    observation: Observation,
    memory: Memory,
    status: CloudHsmBackupStatus,
    rival: Option<Rival>,
    mode: Mode,
}

fn case(reason: Reason, desired: DesiredState, observation: Observation) -> Case {
    Case {
        decision: Decision { reason, due: None, held: false },
        intent: intent(desired),
        observation,
        memory: Memory::default(),
        status: CloudHsmBackupStatus::default(),
        rival: None,
        mode: Mode::Full,
    }
}

impl Case {
    fn due(mut self, call: Call) -> Self {
        self.decision.due = Some(call);
        self
    }

    fn wishing(mut self, never_expires: bool) -> Self {
        self.intent.never_expires = Some(never_expires);
        self
    }

    fn being_removed(mut self) -> Self {
        self.intent.deleting = true;
        self
    }

    fn taken_by_retention(mut self) -> Self {
        self.status.unrequested_deletion = Some(true);
        self
    }

    fn after(mut self, word: &str, end: Option<Timestamp>) -> Self {
        self.memory = Memory { state: Some(word.into()), delete_timestamp: end };
        self
    }

    fn with(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    fn against(mut self, intent: Intent) -> Self {
        self.rival = Some(Rival { object: "hsm/payments-old".into(), intent });
        self
    }

    fn says(&self, account: Option<&str>) -> String {
        let about = About {
            intent: &self.intent,
            place: &place(account),
            observation: &self.observation,
            status: &self.status,
            memory: &self.memory,
            rival: self.rival.as_ref(),
            mode: self.mode,
            now: now(),
        };
        decided(&self.decision, &about)
    }
}

/// Each way in which a decision is put into words.
fn decisions() -> Vec<(&'static str, Case)> {
    use Call::{DeleteBackup, ModifyBackupAttributes, RestoreBackup};
    use DesiredState::{Deleted, Present};
    let exempt = ModifyBackupAttributes { never_expires: true };
    let ready = || shown("READY", None);
    let pending = || shown("PENDING_DELETION", Some(end()));
    let over = || shown("PENDING_DELETION", Some(past()));
    let timeless = || shown("PENDING_DELETION", None);
    let gone = Observation::NotFound;
    vec![
        ("available", case(Reason::Available, Present, ready())),
        ("available, taken before", case(Reason::Available, Present, ready()).taken_by_retention()),
        ("creating", case(Reason::Creating, Present, shown("CREATE_IN_PROGRESS", None))),
        ("restoring", case(Reason::Restoring, Present, pending()).due(RestoreBackup)),
        ("restoring, taken", case(Reason::Restoring, Present, pending()).due(RestoreBackup).taken_by_retention()),
        ("restoring, past its time", case(Reason::Restoring, Present, over()).due(RestoreBackup)),
        ("restoring, no time", case(Reason::Restoring, Present, timeless()).due(RestoreBackup)),
        ("updating", case(Reason::Updating, Present, ready()).due(exempt).wishing(true)),
        ("closed, refused", case(Reason::RestoreWindowClosed, Present, over())),
        ("closed, deleted", case(Reason::RestoreWindowClosed, Present, shown("DELETED", Some(past())))),
        ("closed, deleted, no time", case(Reason::RestoreWindowClosed, Present, shown("DELETED", None))),
        ("closed, gone", case(Reason::RestoreWindowClosed, Present, gone.clone()).after("PENDING_DELETION", None)),
        ("deleting", case(Reason::Deleting, Deleted, ready()).due(DeleteBackup)),
        ("pending", case(Reason::PendingDeletion, Deleted, pending())),
        ("pending, no time", case(Reason::PendingDeletion, Deleted, timeless())),
        ("deleted", case(Reason::Deleted, Deleted, shown("DELETED", None))),
        ("not found", case(Reason::BackupNotFound, Present, gone.clone())),
        (
            "not found, too early",
            case(Reason::BackupNotFound, Deleted, gone.clone()).after("PENDING_DELETION", Some(end())),
        ),
        (
            "not found, too early, odd last word",
            case(Reason::BackupNotFound, Deleted, gone.clone()).after("ARCHIVED", Some(end())),
        ),
        ("unknown", case(Reason::UnknownBackupState, Present, shown("ARCHIVED", None))),
        ("unknown, no word", case(Reason::UnknownBackupState, Present, shown("", None))),
        ("unknown, odd word", case(Reason::UnknownBackupState, Present, shown("A\nB\u{202e}C", None))),
        ("suspended, delete", case(Reason::Suspended, Deleted, ready()).due(DeleteBackup)),
        ("suspended, restore", case(Reason::Suspended, Present, pending()).due(RestoreBackup)),
        ("suspended, update", case(Reason::Suspended, Present, ready()).due(exempt).wishing(true)),
        ("being removed", case(Reason::Suspended, Deleted, ready()).due(DeleteBackup).being_removed()),
        ("observe, delete", case(Reason::WriteNotAllowed, Deleted, ready()).due(DeleteBackup).with(Mode::Observe)),
        ("observe, restore", case(Reason::WriteNotAllowed, Present, pending()).due(RestoreBackup).with(Mode::Observe)),
        (
            "restore-only, update",
            case(Reason::WriteNotAllowed, Present, ready()).due(exempt).wishing(true).with(Mode::RestoreOnly),
        ),
        ("conflict, state", case(Reason::Conflict, Present, ready()).against(intent(Deleted))),
        (
            "conflict, never expires",
            case(Reason::Conflict, Present, ready())
                .wishing(true)
                .against(Intent { never_expires: Some(false), ..intent(Present) }),
        ),
        (
            "conflict, both",
            case(Reason::Conflict, Present, ready())
                .wishing(true)
                .against(Intent { never_expires: Some(false), ..intent(Deleted) }),
        ),
        ("conflict, other unknown", case(Reason::Conflict, Present, ready())),
    ]
}

fn failure(class: FailureClass, operation: &'static str, code: Option<&str>, text: &str) -> Failure {
    Failure { class, operation, code: code.map(str::to_owned), text: text.to_owned(), request_id: Some("r-1".into()) }
}

fn failures() -> Vec<(&'static str, Failure)> {
    use FailureClass::{AccessDenied, AwsUnavailable, InvalidRequest, NoCredentials, NoRegion, Throttled};
    let describe = "DescribeBackups";
    vec![
        ("denied, look", failure(AccessDenied, describe, Some("CloudHsmAccessDeniedException"), "not authorized")),
        ("denied, write", failure(AccessDenied, "DeleteBackup", Some("AccessDeniedException"), "")),
        ("refused", failure(InvalidRequest, "RestoreBackup", Some("CloudHsmInvalidRequestException"), "not possible")),
        ("no region", failure(NoRegion, describe, None, "")),
        ("throttled", failure(Throttled, describe, Some("ThrottlingException"), "Rate exceeded")),
        ("unavailable", failure(AwsUnavailable, describe, None, "no answer within 10s")),
        ("no credentials", failure(NoCredentials, describe, Some("ExpiredTokenException"), "the token is expired")),
    ]
}

fn writes() -> Vec<(&'static str, String)> {
    let lost = failure(FailureClass::AwsUnavailable, "DeleteBackup", Some("InternalFailure"), "sorry");
    let calls = [
        ("delete", Call::DeleteBackup),
        ("restore", Call::RestoreBackup),
        ("exempt", Call::ModifyBackupAttributes { never_expires: true }),
    ];
    let pending = CloudHsmBackupStatus {
        delete_timestamp: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(end())),
        ..CloudHsmBackupStatus::default()
    };
    let place = place(Some("111122223333"));
    let mut all: Vec<(&'static str, String)> = calls
        .map(|(name, call)| (name, written(call, &place, &pending, &Outcome::Accepted(Some("0f1e-22")))))
        .into_iter()
        .collect();
    let taken = CloudHsmBackupStatus { unrequested_deletion: Some(true), ..CloudHsmBackupStatus::default() };
    all.push(("restore, taken", written(Call::RestoreBackup, &place, &taken, &Outcome::Accepted(Some("0f1e-22")))));
    all.push(("no request id", written(Call::RestoreBackup, &place, &pending, &Outcome::Accepted(None))));
    all.push(("lost answer", written(Call::DeleteBackup, &place, &pending, &Outcome::Lost(&lost))));
    all
}

/// All of it, without and with an account as it comes.
fn sentences() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> =
        decisions().into_iter().map(|(name, case)| (name, case.says(Some("111122223333")))).collect();
    for (name, failure) in failures() {
        let mut place = place(Some("111122223333"));
        if failure.class == FailureClass::NoRegion {
            (place.region, place.account) = (None, None);
        }
        all.push((name, failed(&failure, &place)));
    }
    all.extend(writes());
    all
}

#[test]
fn every_sentence_reads_as_reviewed() {
    let said = sentences();
    let names = |pairs: &mut dyn Iterator<Item = &'static str>| pairs.collect::<Vec<_>>();
    assert_eq!(names(&mut said.iter().map(|(name, _)| *name)), names(&mut REVIEWED.iter().map(|(name, _)| *name)));
    let news = said.iter().zip(REVIEWED).filter(|((_, said), (_, reviewed))| said != reviewed);
    let news: String = news.map(|((name, said), (_, old))| format!("{name}:\n  now: {said}\n  was: {old}\n")).collect();
    assert!(news.is_empty(), "read these, and put them into the table if they are good:\n{news}");
}

/// What people read, word for word.
#[rustfmt::skip]
const REVIEWED: &[(&str, &str)] = &[
    ("available", "backup-ro5c4er4aac in us-east-1 (account 111122223333) is READY, as declared; nothing to do"),
    ("available, taken before", "backup-ro5c4er4aac in us-east-1 (account 111122223333) is READY, as declared; AWS had it PENDING_DELETION although this object declares it Present: if the cluster's backup retention did that, retention will take it again; set neverExpires to true to exempt it"),
    ("creating", "AWS is still making backup-ro5c4er4aac in us-east-1 (account 111122223333); wait until it is READY"),
    ("restoring", "restoring backup-ro5c4er4aac in us-east-1 (account 111122223333), which AWS would delete for good at 2026-11-30T08:00:05Z; wait until AWS shows it READY"),
    ("restoring, taken", "restoring backup-ro5c4er4aac in us-east-1 (account 111122223333), which AWS would delete for good at 2026-11-30T08:00:05Z; wait until AWS shows it READY; AWS had it PENDING_DELETION although this object declares it Present: if the cluster's backup retention did that, retention will take it again; set neverExpires to true to exempt it"),
    ("restoring, past its time", "restoring backup-ro5c4er4aac in us-east-1 (account 111122223333), which AWS would delete for good at 2026-11-20T08:00:05Z; wait until AWS shows it READY"),
    ("restoring, no time", "restoring backup-ro5c4er4aac in us-east-1 (account 111122223333); wait until AWS shows it READY"),
    ("updating", "setting NeverExpires of backup-ro5c4er4aac in us-east-1 (account 111122223333) to true; wait until AWS shows it"),
    ("closed, refused", "backup-ro5c4er4aac in us-east-1 (account 111122223333) can't be restored any more: its restore window closed at 2026-11-20T08:00:05Z, and AWS refused RestoreBackup; keys that only this backup held are lost; set desiredState to Deleted, or remove this object, to accept that"),
    ("closed, deleted", "backup-ro5c4er4aac in us-east-1 (account 111122223333) can't be restored any more: AWS shows it DELETED (deleteTimestamp 2026-11-20T08:00:05Z); keys that only this backup held are lost; set desiredState to Deleted, or remove this object, to accept that"),
    ("closed, deleted, no time", "backup-ro5c4er4aac in us-east-1 (account 111122223333) can't be restored any more: AWS shows it DELETED; keys that only this backup held are lost; set desiredState to Deleted, or remove this object, to accept that"),
    ("closed, gone", "backup-ro5c4er4aac in us-east-1 (account 111122223333) can't be restored any more: AWS doesn't show it any more, and it was last PENDING_DELETION; keys that only this backup held are lost; set desiredState to Deleted, or remove this object, to accept that"),
    ("deleting", "deleting backup-ro5c4er4aac in us-east-1 (account 111122223333); wait until AWS shows it PENDING_DELETION"),
    ("pending", "backup-ro5c4er4aac in us-east-1 (account 111122223333) is PENDING_DELETION, restorable until 2026-11-30T08:00:05Z; set desiredState to Present to restore it"),
    ("pending, no time", "backup-ro5c4er4aac in us-east-1 (account 111122223333) is PENDING_DELETION, restorable (until when, AWS doesn't say); set desiredState to Present to restore it"),
    ("deleted", "backup-ro5c4er4aac in us-east-1 (account 111122223333) is gone for good, as declared; nothing to do: keep this object as the record, or remove it"),
    ("not found", "AWS doesn't show backup-ro5c4er4aac in us-east-1 (account 111122223333); check backupId, the region and the account of the operator's credentials"),
    ("not found, too early", "AWS doesn't show backup-ro5c4er4aac in us-east-1 (account 111122223333), though it was last PENDING_DELETION until 2026-11-30T08:00:05Z, and that isn't over; check the region and the account of the operator's credentials"),
    ("not found, too early, odd last word", "AWS doesn't show backup-ro5c4er4aac in us-east-1 (account 111122223333), though it was last ARCHIVED until 2026-11-30T08:00:05Z, and that isn't over; check the region and the account of the operator's credentials"),
    ("unknown", r#"AWS reports "ARCHIVED" for backup-ro5c4er4aac in us-east-1 (account 111122223333), a state this version of the operator doesn't know, so it does nothing; upgrade the operator, or look with `aws cloudhsmv2 describe-backups --region us-east-1 --filters backupIds=backup-ro5c4er4aac`"#),
    ("unknown, no word", "AWS reports no state for backup-ro5c4er4aac in us-east-1 (account 111122223333), so the operator does nothing; look with `aws cloudhsmv2 describe-backups --region us-east-1 --filters backupIds=backup-ro5c4er4aac`"),
    ("unknown, odd word", r#"AWS reports "A\nB\u{202e}C" for backup-ro5c4er4aac in us-east-1 (account 111122223333), a state this version of the operator doesn't know, so it does nothing; upgrade the operator, or look with `aws cloudhsmv2 describe-backups --region us-east-1 --filters backupIds=backup-ro5c4er4aac`"#),
    ("suspended, delete", "DeleteBackup is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is READY, but suspend is true; set suspend to false to proceed"),
    ("suspended, restore", "RestoreBackup is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is PENDING_DELETION, restorable until 2026-11-30T08:00:05Z, but suspend is true; set suspend to false to proceed"),
    ("suspended, update", "ModifyBackupAttributes (NeverExpires: true) is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is READY, but suspend is true; set suspend to false to proceed"),
    ("being removed", "DeleteBackup is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is READY, but this object is being removed, so nothing is sent; to have it done, declare it in a new object"),
    ("observe, delete", "DeleteBackup is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is READY, but the operator runs with --mode observe; restart it with --mode full (in the chart: mode) to proceed"),
    ("observe, restore", "RestoreBackup is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is PENDING_DELETION, restorable until 2026-11-30T08:00:05Z, but the operator runs with --mode observe; restart it with --mode restore-only or full (in the chart: mode) to proceed"),
    ("restore-only, update", "ModifyBackupAttributes (NeverExpires: true) is due for backup-ro5c4er4aac in us-east-1 (account 111122223333), which is READY, but the operator runs with --mode restore-only; restart it with --mode full (in the chart: mode) to proceed"),
    ("conflict, state", "hsm/payments-old declares desiredState: Deleted for backup-ro5c4er4aac in us-east-1 (account 111122223333), but this object declares desiredState: Present, so the operator does nothing for either; decide which is right and change, suspend or remove the other: what remains declared is done"),
    ("conflict, never expires", "hsm/payments-old declares neverExpires: false for backup-ro5c4er4aac in us-east-1 (account 111122223333), but this object declares neverExpires: true, so the operator does nothing for either; decide which is right and change, suspend or remove the other: what remains declared is done"),
    ("conflict, both", "hsm/payments-old declares desiredState: Deleted for backup-ro5c4er4aac in us-east-1 (account 111122223333), but this object declares desiredState: Present, so the operator does nothing for either; decide which is right and change, suspend or remove the other: what remains declared is done"),
    ("conflict, other unknown", "another object contradicts this one about backup-ro5c4er4aac in us-east-1 (account 111122223333); decide which is right and change, suspend or remove the other: what remains declared is done"),
    ("denied, look", "AWS denied DescribeBackups for backup-ro5c4er4aac in us-east-1 (account 111122223333) (CloudHsmAccessDeniedException: not authorized); allow cloudhsm:DescribeBackups in the IAM policy of the operator's role"),
    ("denied, write", "AWS denied DeleteBackup for backup-ro5c4er4aac in us-east-1 (account 111122223333) (AccessDeniedException); allow cloudhsm:DeleteBackup in the IAM policy of the operator's role"),
    ("refused", "AWS refused RestoreBackup for backup-ro5c4er4aac in us-east-1 (account 111122223333) (CloudHsmInvalidRequestException: not possible); look with `aws cloudhsmv2 describe-backups --region us-east-1 --filters backupIds=backup-ro5c4er4aac`"),
    ("no region", "there is no region to look for backup-ro5c4er4aac in; start the operator with --region or AWS_REGION, or create a new object with spec.region"),
    ("throttled", "AWS is throttling DescribeBackups for backup-ro5c4er4aac in us-east-1 (account 111122223333) (ThrottlingException: Rate exceeded); the operator will retry"),
    ("unavailable", "DescribeBackups for backup-ro5c4er4aac in us-east-1 (account 111122223333) got no usable answer from AWS (no answer within 10s); the operator will retry"),
    ("no credentials", "no valid AWS credentials for DescribeBackups of backup-ro5c4er4aac in us-east-1 (account 111122223333) (ExpiredTokenException: the token is expired); check the operator's service account, role or secret"),
    ("delete", "DeleteBackup accepted for backup-ro5c4er4aac in us-east-1 (account 111122223333): restorable until 2026-11-30T08:00:05Z; set desiredState to Present to restore it; AWS request id 0f1e-22"),
    ("restore", "RestoreBackup accepted for backup-ro5c4er4aac in us-east-1 (account 111122223333); AWS request id 0f1e-22"),
    ("exempt", "ModifyBackupAttributes accepted for backup-ro5c4er4aac in us-east-1 (account 111122223333): NeverExpires is true; AWS request id 0f1e-22"),
    ("restore, taken", "RestoreBackup accepted for backup-ro5c4er4aac in us-east-1 (account 111122223333); AWS had it PENDING_DELETION although this object declares it Present: if the cluster's backup retention did that, retention will take it again; set neverExpires to true to exempt it; AWS request id 0f1e-22"),
    ("no request id", "RestoreBackup accepted for backup-ro5c4er4aac in us-east-1 (account 111122223333); no AWS request id"),
    ("lost answer", "DeleteBackup took effect on backup-ro5c4er4aac in us-east-1 (account 111122223333), though its answer failed (InternalFailure): restorable until 2026-11-30T08:00:05Z; set desiredState to Present to restore it; AWS request id r-1"),
];

/// How a sentence says what to do next, or that there is nothing to do.
const NEXT_STEPS: [&str; 12] = [
    "nothing to do",
    "wait until",
    "; set ",
    "; check ",
    "; upgrade ",
    "; decide which is right",
    "; allow ",
    "; start ",
    "; restart ",
    "; look with `aws",
    "the operator will retry",
    "in a new object",
];

/// The sentences of conditions; without an account as it is not known, or with one.
fn of_conditions(account: Option<&str>) -> Vec<(&'static str, String)> {
    let decisions = decisions().into_iter().map(|(name, case)| (name, case.says(account)));
    // Without a region there is no account either, and a sentence of its own says so.
    let failures = failures().into_iter().filter(|(_, failure)| failure.class != FailureClass::NoRegion);
    decisions.chain(failures.map(|(name, failure)| (name, failed(&failure, &place(account))))).collect()
}

#[test]
fn every_condition_stands_alone() {
    for account in [None, Some("111122223333")] {
        for (name, said) in of_conditions(account) {
            assert!(said.contains(ID), "{name} doesn't name the backup: {said}");
            assert!(said.contains(" in us-east-1"), "{name} doesn't name the region: {said}");
            assert_eq!(said.contains("(account 111122223333)"), account.is_some(), "{name}: {said}");
            let says_what_next = NEXT_STEPS.iter().any(|step| said.contains(step));
            assert!(says_what_next, "{name} has no next step: {said}");
        }
    }
}

#[test]
fn every_event_about_a_write_names_backup_region_account_and_request() {
    for (name, said) in writes() {
        for part in [ID, " in us-east-1", "(account 111122223333)", "AWS request id"] {
            assert!(said.contains(part), "{name} lacks {part}: {said}");
        }
    }
}

#[test]
fn every_sentence_is_one_printable_line_without_debris() {
    for (name, said) in sentences() {
        assert!(said.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{name}: {said:?}");
        for debris in ["  ", "()", "; ;", "None", "Some(", " ,", "(:", ": )", ": ;"] {
            assert!(!said.contains(debris), "{name} holds {debris:?}: {said}");
        }
        assert!(!said.ends_with(['.', ' ', ';', ':']), "{name}: {said}");
    }
}

#[test]
fn no_sentence_is_too_long_for_an_event_even_with_the_longest_names() {
    let place = Place {
        backup_id: "backup-ABCDEFGHIJK2345a".parse().unwrap(),
        region: Some(Region::new("r".repeat(64))),
        account: AccountId::new("111122223333"),
    };
    let rival = |case: Case| {
        case.rival.map(|rival| Rival { object: format!("{}/{}", "n".repeat(63), "o".repeat(253)), ..rival })
    };
    for (name, case) in decisions() {
        let about = About {
            intent: &case.intent.clone(),
            place: &place,
            observation: &case.observation.clone(),
            status: &case.status.clone(),
            memory: &case.memory.clone(),
            mode: case.mode,
            now: now(),
            rival: None,
        };
        let decision = case.decision;
        let said = decided(&decision, &About { rival: rival(case).as_ref(), ..about });
        assert!(said.len() < 1_024, "{name}: {} bytes", said.len());
    }
    for (name, mut failure) in failures() {
        failure.text = "x".repeat(200);
        failure.code = Some("CloudHsmResourceLimitExceededException".into());
        let said = failed(&failure, &place);
        assert!(said.len() < 1_024, "{name}: {} bytes", said.len());
    }
}

#[test]
fn the_same_situation_gives_the_same_sentence_at_any_time() {
    let place = place(None);
    for (name, case) in decisions() {
        let about = |now| About {
            intent: &case.intent,
            place: &place,
            observation: &case.observation,
            status: &case.status,
            memory: &case.memory,
            rival: case.rival.as_ref(),
            mode: case.mode,
            now,
        };
        let later = now() + jiff::SignedDuration::from_hours(24);
        assert_eq!(decided(&case.decision, &about(now())), decided(&case.decision, &about(later)), "{name}");
    }
}

#[test]
fn no_condition_carries_what_changes_between_tries() {
    for (name, failure) in failures() {
        let other = Failure { request_id: Some("r-2".into()), ..failure.clone() };
        assert_eq!(failed(&failure, &place(None)), failed(&other, &place(None)), "{name}");
        assert!(!failed(&failure, &place(None)).contains("r-1"), "{name}");
    }
}

#[test]
fn that_the_account_gets_known_is_no_news_in_any_sentence() {
    for ((name, without), (_, with)) in of_conditions(None).iter().zip(of_conditions(Some("111122223333"))) {
        assert!(same_but_for_account(without, &with) && same_but_for_account(&with, without), "{name}");
    }
}

#[rstest]
#[case::the_same("b in r; do", "b in r; do", true)]
#[case::the_same_account("b in r (account 1); do", "b in r (account 1); do", true)]
#[case::an_account_more("b in r; do", "b in r (account 1); do", true)]
#[case::another_account("b in r (account 1); do", "b in r (account 2); do", false)]
#[case::other_words("b in r; do", "b in q; do", false)]
#[case::other_words_and_an_account_more("b in r; do", "b in q (account 1); do", false)]
#[case::an_account_without_an_end("b in r (account 1", "b in r", false)]
fn two_messages_differ_at_most_in_the_account(#[case] a: &str, #[case] b: &str, #[case] expected: bool) {
    assert_eq!(same_but_for_account(a, b), expected);
    assert_eq!(same_but_for_account(b, a), expected);
}

#[rstest]
#[case::nothing_is_known(None, None, ID.to_owned())]
#[case::the_region_is_known(Some("us-east-1"), None, format!("{ID} in us-east-1"))]
#[case::all_is_known(Some("us-east-1"), Some("111122223333"), format!("{ID} in us-east-1 (account 111122223333)"))]
fn a_place_reads_well_where(#[case] region: Option<&str>, #[case] account: Option<&str>, #[case] expected: String) {
    let place = Place {
        backup_id: ID.parse().unwrap(),
        region: region.map(Region::new),
        account: account.and_then(AccountId::new),
    };
    assert_eq!(place.to_string(), expected);
}

#[test]
fn a_failure_without_a_region_names_the_backup_and_both_ways_out() {
    let place = Place { region: None, ..place(None) };
    let said = failed(&failure(FailureClass::NoRegion, "DescribeBackups", None, ""), &place);
    for part in [ID, "--region", "spec.region"] {
        assert!(said.contains(part), "{said}");
    }
}

#[rstest]
#[case(Call::DeleteBackup, "cloudhsm:DeleteBackup")]
#[case(Call::RestoreBackup, "cloudhsm:RestoreBackup")]
#[case(Call::ModifyBackupAttributes { never_expires: true }, "cloudhsm:ModifyBackupAttributes")]
fn a_denied_call_names_the_action_to_allow(#[case] call: Call, #[case] action: &str) {
    let failure = failure(FailureClass::AccessDenied, call.operation(), Some("AccessDeniedException"), "");
    assert!(failed(&failure, &place(None)).contains(action));
}
