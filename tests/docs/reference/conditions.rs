//! The chapter on conditions and events, made of the reasons in the code.

use cloudhsm_backup_operator::{
    api::{Progress, READY, RECONCILING, Reason, STALLED},
    backup::Call,
    events::Notice,
};

use super::{code, table};

pub(super) fn chapter() -> String {
    let mut page = super::chapter(
        "Conditions and events",
        "What each reason and event means, what happens by itself and what to do stands in \
         [Failures and what to do](../operations/failures.md).",
    );
    page += &format!(
        "\n## Conditions\n\n`{READY}` is always there once the operator has seen the object. `{RECONCILING}` and `{STALLED}` are there only while \
         they are True, with the reason and message of `{READY}`. Of an object whose backup was never looked up with success, a failure shows as \
         `{READY}` Unknown; the same where nothing is due, once the last good look is older than three resync intervals.\n\n"
    );
    page += &table(["reason of Ready", "Ready", "beside it", "kstatus"], Reason::ALL.map(reason));
    page += "\nkstatus is how Flux, Argo CD (with the shipped health check), `kubectl wait` and Helm read an object. What is held on \
             purpose is InProgress to them: they wait, and don't report a failure.\n";
    page += "\n## Events\n\nOn transitions only, reported by `cloudhsm-backup-operator`. Kubernetes forgets events after an hour, by default.\n\n";
    page += &table(["reason", "type", "action", "when"], events());
    page += "\nThe note of an event about a write ends with the AWS request id, which CloudTrail has too.\n";
    page
}

/// The reasons of all events but those of Stalled.
pub(crate) fn notices() -> Vec<(Notice, &'static str)> {
    let calls = [
        (Call::DeleteBackup, "AWS accepted DeleteBackup"),
        (Call::RestoreBackup, "AWS accepted RestoreBackup"),
        (Call::ModifyBackupAttributes { never_expires: true }, "AWS accepted ModifyBackupAttributes"),
    ];
    let mut notices: Vec<_> = calls.map(|(call, when)| (Notice::written(call, String::new()), when)).into();
    notices.push((Notice::restored(String::new()), "a backup that was to be restored is READY again"));
    notices.push((Notice::drift(String::new()), "AWS moved away from the declared state"));
    notices
}

fn reason(reason: Reason) -> [String; 4] {
    let word = reason.as_str();
    let link = format!("[{}](../operations/failures.md#{})", code(word), word.to_lowercase());
    let ready = match (reason.is_ready(), reason.is_failure()) {
        (true, _) => "True",
        (false, false) => "False",
        (false, true) => "False or Unknown",
    };
    let (beside, kstatus) = match reason.progress() {
        Progress::Settled if reason.is_ready() => ("", "Current"),
        Progress::Settled => ("", "InProgress"),
        Progress::Reconciling => (RECONCILING, "InProgress"),
        Progress::Stalled => (STALLED, "Failed"),
    };
    [link, ready.into(), beside.into(), kstatus.into()]
}

fn events() -> Vec<[String; 4]> {
    let row = |notice: &Notice, reason: String, when: &str| {
        let kind = if notice.warning { "Warning" } else { "Normal" };
        [reason, kind.into(), notice.action.into(), when.to_owned()]
    };
    let mut rows: Vec<_> = notices().iter().map(|(notice, when)| row(notice, code(&notice.reason), when)).collect();
    let stalled = Notice::stalled("", "");
    rows.push(row(&stalled, "the reason of Ready".into(), "an object becomes Stalled"));
    rows
}
