//! The rows of the decision table and the failures: what is declared and shown, the reason, and what Argo CD shall call it.

use cloudhsm_backup_operator::{
    api::Reason,
    backup::FailureClass::{self, AccessDenied, AwsUnavailable, InvalidRequest, NoCredentials, NoRegion, Throttled},
    decide::Mode,
};

use crate::given::{Given, deleted, present};

/// One of them.
pub(crate) struct Row {
    /// Of the object and of its file.
    pub(crate) name: &'static str,
    pub(crate) given: Given,
    /// Of `Ready`; `None` before the operator has seen the object.
    pub(crate) reason: Option<Reason>,
    /// Argo CD's word.
    pub(crate) health: &'static str,
    /// What Argo CD shows with it; `{}` stands for the message of `Ready`.
    pub(crate) message: &'static str,
}

const HEALTHY: (&str, &str) = ("Healthy", "{}");
const PROGRESSING: (&str, &str) = ("Progressing", "{}");
const DEGRADED: (&str, &str) = ("Degraded", "{}");
const SUSPENDED: (&str, &str) = ("Suspended", "{}");
const HEALTHY_BUT_SUSPENDED: (&str, &str) = ("Healthy", "suspended, and nothing is due: {}");
const UNSEEN: (&str, &str) = ("Progressing", "waiting for the operator to see this object");
const STALE: (&str, &str) = ("Progressing", "waiting for the operator to see the last change of this object");
const REMOVED: (&str, &str) = ("Progressing", "this object is being removed; that changes nothing in AWS");

/// How each failure looks: the operation that failed, AWS's code and AWS's text.
fn failures(given: &Given, operation: &'static str) -> [Given; 6] {
    let failing = |class: FailureClass, code, text| given.clone().failing(class, operation, code, text);
    [
        failing(AccessDenied, "AccessDeniedException", "User: operator is not authorized to perform this action"),
        failing(InvalidRequest, "CloudHsmInvalidRequestException", "The request was refused"),
        failing(NoRegion, "", ""),
        failing(Throttled, "ThrottlingException", "Rate exceeded"),
        failing(AwsUnavailable, "", "the connection timed out"),
        failing(NoCredentials, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ]
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    use Reason as R;
    const PENDING: &str = "PENDING_DELETION";
    const CREATING: &str = "CREATE_IN_PROGRESS";
    let unheard = || present().shown("ARCHIVED");
    let mut rows = vec![
        row("present-ready", present().shown("READY"), R::Available, HEALTHY),
        row("present-creating", present().shown(CREATING), R::Creating, PROGRESSING),
        row("deleted-creating", deleted().shown(CREATING), R::Creating, PROGRESSING),
        row("present-pending-deletion", present().shown(PENDING), R::Restoring, PROGRESSING),
        row("present-pending-deletion-past-its-time", present().shown_until(PENDING, -1), R::Restoring, PROGRESSING),
        row(
            "present-pending-deletion-restore-refused",
            present().shown_until(PENDING, -1).restore_refused(),
            R::RestoreWindowClosed,
            DEGRADED,
        ),
        row("present-deleted", present().shown("DELETED"), R::RestoreWindowClosed, DEGRADED),
        row("present-gone-after-pending-deletion", present().gone_after(PENDING, 6), R::RestoreWindowClosed, DEGRADED),
        row("present-gone-after-deleted", present().gone_after("DELETED", 6), R::RestoreWindowClosed, DEGRADED),
        row("deleted-ready", deleted().shown("READY"), R::Deleting, PROGRESSING),
        row("deleted-pending-deletion", deleted().shown(PENDING), R::PendingDeletion, HEALTHY),
        row("deleted-deleted", deleted().shown("DELETED"), R::Deleted, HEALTHY),
        row("deleted-gone-after-deleted", deleted().gone_after("DELETED", 6), R::Deleted, HEALTHY),
        row("deleted-gone-after-its-time", deleted().gone_after(PENDING, -1), R::Deleted, HEALTHY),
        row("deleted-gone-before-its-time", deleted().gone_after(PENDING, 6), R::BackupNotFound, DEGRADED),
        row("deleted-not-found", deleted(), R::BackupNotFound, DEGRADED),
        row("present-not-found", present(), R::BackupNotFound, DEGRADED),
        row("unknown-state", unheard(), R::UnknownBackupState, DEGRADED),
        row("never-expires-due", present().exempt().shown("READY"), R::Updating, PROGRESSING),
        row("suspended-deletion-due", deleted().suspended().shown("READY"), R::Suspended, SUSPENDED),
        row("suspended-restore-due", present().suspended().shown(PENDING), R::Suspended, SUSPENDED),
        row("suspended-never-expires-due", present().suspended().exempt().shown("READY"), R::Suspended, SUSPENDED),
        row("suspended-nothing-due", present().suspended().shown("READY"), R::Available, HEALTHY_BUT_SUSPENDED),
        row("suspended-creating", present().suspended().shown(CREATING), R::Creating, PROGRESSING),
        row("suspended-too-late", present().suspended().shown("DELETED"), R::RestoreWindowClosed, DEGRADED),
        row(
            "restore-only-deletion-due",
            deleted().with(Mode::RestoreOnly).shown("READY"),
            R::WriteNotAllowed,
            SUSPENDED,
        ),
        row("observe-restore-due", present().with(Mode::Observe).shown(PENDING), R::WriteNotAllowed, SUSPENDED),
        row("conflict", present().contradicted().shown("READY"), R::Conflict, DEGRADED),
        Row { reason: None, ..row("unseen", present().just_created(), R::Available, UNSEEN) },
        row("stale", present().shown("READY").then_edited(), R::Available, STALE),
        row("stale-stalled", present().then_edited(), R::BackupNotFound, STALE),
        row("stale-suspended", deleted().suspended().shown("READY").then_edited(), R::Suspended, STALE),
        row("stale-gone", deleted().shown("DELETED").then_edited(), R::Deleted, STALE),
        row("being-removed", present().shown("READY").then_removed(), R::Available, REMOVED),
        row("being-removed-stalled", present().then_removed(), R::BackupNotFound, REMOVED),
        row("being-removed-seen", present().shown("READY").while_being_removed(), R::Available, REMOVED),
        row("being-removed-deletion-due", deleted().shown("READY").while_being_removed(), R::Suspended, REMOVED),
        row("being-removed-not-found", present().while_being_removed(), R::BackupNotFound, REMOVED),
        row(
            "aws-unavailable-for-long",
            present()
                .after("READY")
                .failing(AwsUnavailable, "DescribeBackups", "", "the connection timed out")
                .unasked(),
            R::AwsUnavailable,
            PROGRESSING,
        ),
    ];
    let first = failures(&present(), "DescribeBackups");
    let due = failures(&deleted().after("READY"), "DeleteBackup");
    let named = [
        (R::AccessDenied, "access-denied", "access-denied-deletion-due", DEGRADED),
        (R::InvalidRequest, "invalid-request", "invalid-request-deletion-due", DEGRADED),
        (R::NoRegion, "no-region", "no-region-deletion-due", DEGRADED),
        (R::Throttled, "throttled", "throttled-deletion-due", PROGRESSING),
        (R::AwsUnavailable, "aws-unavailable", "aws-unavailable-deletion-due", PROGRESSING),
        (R::NoCredentials, "no-credentials", "no-credentials-deletion-due", PROGRESSING),
    ];
    for (((reason, at_first, while_due, health), first), due) in named.into_iter().zip(first).zip(due) {
        rows.push(row(at_first, first, reason, health));
        rows.push(row(while_due, due, reason, health));
    }
    rows
}

fn row(name: &'static str, given: Given, reason: Reason, (health, message): (&'static str, &'static str)) -> Row {
    Row { name, given, reason: Some(reason), health, message }
}
