//! What the operator says in the situations that the chapter quotes: the code's own sentences.

use cloudhsm_backup_operator::{
    api::{CloudHsmBackupStatus, DesiredState, Reason},
    backup::{AccountId, Backup, BackupId, Call, Failure, FailureClass, Observation, Region, Scope},
    decide::{Mode, Sight, Situation, Source, decide},
    intent::{Intent, Memory},
    message::{self, About, Outcome, Place, Rival},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

fn id() -> BackupId {
    "backup-ro5c4er4aac".parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn place() -> Place {
    Place { backup_id: id(), region: Some(Region::new("us-east-1")), account: AccountId::new("111122223333") }
}

/// What is decided on, with what can be said about it.
struct Case {
    intent: Intent,
    observation: Observation,
    memory: Memory,
    status: CloudHsmBackupStatus,
    rival: Option<Rival>,
    refused: bool,
    mode: Mode,
}

/// An object that declares `desired`, of a backup that AWS shows with that word and the end of its window.
fn case(desired: DesiredState, word: &str, end: Option<&str>) -> Case {
    let mut backup = Backup::new(id(), word.into());
    backup.delete_timestamp = end.map(time);
    let intent = Intent {
        uid: "uid".into(),
        generation: 1,
        scope: Some(Scope::of_operator(Region::new("us-east-1"))),
        backup_id: id(),
        desired,
        never_expires: None,
        suspend: false,
        deleting: false,
    };
    Case {
        intent,
        observation: Observation::Found(Box::new(backup)),
        memory: Memory::default(),
        status: CloudHsmBackupStatus::default(),
        rival: None,
        refused: false,
        mode: Mode::Full,
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The reason that the operator decides on, and its message.
    fn decided(self) -> (Reason, String) {
        let now = time("2026-11-24T12:00:00Z");
        let sight = Sight { observation: self.observation, source: Source::Look(now) };
        let situation = Situation {
            intent: &self.intent,
            sight: &sight,
            memory: &self.memory,
            conflict: self.rival.is_some(),
            restore_refused: self.refused,
            mode: self.mode,
            now,
        };
        let decision = decide(&situation);
        let about = About {
            intent: &self.intent,
            place: &place(),
            observation: &sight.observation,
            status: &self.status,
            memory: &self.memory,
            rival: self.rival.as_ref(),
            mode: self.mode,
            now,
        };
        (decision.reason, message::decided(&decision, &about))
    }
}

/// Each sentence about a decision that the chapter quotes.
pub(super) fn decisions() -> Vec<(Reason, String)> {
    use DesiredState::{Deleted, Present};
    let open = Some("2026-11-30T08:00:05Z");
    let past = Some("2026-11-20T08:00:05Z");
    let other = case(Present, "READY", None).intent;
    let cases = [
        case(Present, "READY", None),
        case(Present, "READY", None).with(|case| case.status.unrequested_deletion = Some(true)),
        case(Deleted, "PENDING_DELETION", open),
        case(Deleted, "DELETED", past),
        case(Present, "CREATE_IN_PROGRESS", None),
        case(Present, "PENDING_DELETION", open),
        case(Deleted, "READY", None),
        case(Present, "READY", None).with(|case| case.intent.never_expires = Some(true)),
        case(Deleted, "READY", None).with(|case| case.intent.suspend = true),
        case(Deleted, "READY", None).with(|case| case.intent.deleting = true),
        case(Present, "PENDING_DELETION", open).with(|case| case.mode = Mode::Observe),
        case(Present, "DELETED", past),
        case(Present, "PENDING_DELETION", past).with(|case| case.refused = true),
        case(Present, "READY", None).with(|case| case.observation = Observation::NotFound),
        case(Deleted, "READY", None).with(|case| {
            case.observation = Observation::NotFound;
            case.memory = Memory { state: Some("PENDING_DELETION".into()), delete_timestamp: open.map(time) };
        }),
        case(Present, "ARCHIVED", None),
        case(Deleted, "READY", None)
            .with(|case| case.rival = Some(Rival { object: "hsm/payments-old".into(), intent: other })),
    ];
    cases.into_iter().map(Case::decided).collect()
}

fn failure(class: FailureClass, operation: &'static str, code: Option<&str>, text: &str) -> Failure {
    Failure { class, operation, code: code.map(str::to_owned), text: text.into(), request_id: None }
}

/// Each sentence about a failed call that the chapter quotes. AWS's own texts are examples.
pub(super) fn failures() -> Vec<(Reason, String)> {
    let looking = "DescribeBackups";
    let no_region = Place { region: None, account: None, ..place() };
    let of = |class, operation, code, text| message::failed(&failure(class, operation, code, text), &place());
    vec![
        (
            Reason::AccessDenied,
            of(FailureClass::AccessDenied, "DeleteBackup", Some("AccessDeniedException"), "not authorized"),
        ),
        (
            Reason::InvalidRequest,
            of(
                FailureClass::InvalidRequest,
                "DeleteBackup",
                Some("CloudHsmInvalidRequestException"),
                "the backup is in use",
            ),
        ),
        (Reason::NoRegion, message::failed(&failure(FailureClass::NoRegion, looking, None, ""), &no_region)),
        (Reason::Throttled, of(FailureClass::Throttled, looking, Some("ThrottlingException"), "Rate exceeded")),
        (Reason::AwsUnavailable, of(FailureClass::AwsUnavailable, looking, None, "no answer in time")),
        (
            Reason::NoCredentials,
            of(FailureClass::NoCredentials, looking, Some("ExpiredTokenException"), "the token has expired"),
        ),
    ]
}

/// Each note of an event that the chapter quotes.
pub(super) fn events() -> Vec<(&'static str, String)> {
    let status = CloudHsmBackupStatus {
        delete_timestamp: Some(Time(time("2026-11-30T08:00:05Z"))),
        ..CloudHsmBackupStatus::default()
    };
    let accepted = Outcome::Accepted(Some("44ba03e0-cbb8-4941-97e0-168bac561a60"));
    let lost = failure(FailureClass::AwsUnavailable, "DeleteBackup", None, "no answer in time");
    let note = |call, outcome: &Outcome<'_>| message::written(call, &place(), &status, outcome);
    vec![
        ("DeleteRequested", note(Call::DeleteBackup, &accepted)),
        ("DeleteRequested", note(Call::DeleteBackup, &Outcome::Lost(&lost))),
        ("RestoreRequested", note(Call::RestoreBackup, &accepted)),
        ("RetentionChanged", note(Call::ModifyBackupAttributes { never_expires: true }, &accepted)),
    ]
}
