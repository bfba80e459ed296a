//! The sentences people read in conditions and events. Each stands alone: it names the backup, the region, the account where that
//! is known, and the next step. The same situation gives the same sentence, word for word. Pure.

use std::fmt;

use jiff::Timestamp;

use crate::{
    api::{CloudHsmBackupStatus, DesiredState, Reason},
    backup::{AccountId, BackupId, BackupState, Call, Failure, FailureClass, Observation, Region},
    decide::{Decision, Mode, is_witness_past},
    intent::{Intent, Memory},
};

/// Which backup, and where it is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The backup.
    pub backup_id: BackupId,
    /// The region; `None` where there is none to look in.
    pub region: Option<Region>,
    /// The account, where it is known.
    pub account: Option<AccountId>,
}

const ACCOUNT: &str = " (account ";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.backup_id)?;
        if let Some(region) = &self.region {
            write!(f, " in {region}")?;
        }
        if let Some(account) = &self.account {
            write!(f, "{ACCOUNT}{account})")?;
        }
        Ok(())
    }
}

/// Whether two messages differ at most in that only one of them knows the account. The account may get known, or not be known
/// again after a restart, while nothing happens.
#[must_use]
pub fn same_but_for_account(a: &str, b: &str) -> bool {
    a == b || (a.contains(ACCOUNT) != b.contains(ACCOUNT) && without_account(a) == without_account(b))
}

fn without_account(message: &str) -> String {
    match message.split_once(ACCOUNT) {
        Some((before, rest)) => match rest.split_once(')') {
            Some((_, after)) => format!("{before}{after}"),
            None => message.to_owned(),
        },
        None => message.to_owned(),
    }
}

/// The object that says otherwise about the same backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// `namespace/name`.
    pub object: String,
    /// What it asks for.
    pub intent: Intent,
}

/// What a message about a decision draws on.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What the object asks for.
    pub intent: &'a Intent,
    /// Where the backup is looked for.
    pub place: &'a Place,
    /// What AWS shows.
    pub observation: &'a Observation,
    /// The object's status, up to this observation.
    pub status: &'a CloudHsmBackupStatus,
    /// What it witnesses.
    pub memory: &'a Memory,
    /// The object in conflict with this one.
    pub rival: Option<&'a Rival>,
    /// Which writes are allowed.
    pub mode: Mode,
    /// The time.
    pub now: Timestamp,
}

/// The message for a decision.
#[must_use]
pub fn decided(decision: &Decision, about: &About<'_>) -> String {
    let place = about.place;
    let backup = about.observation.backup();
    let window = Window(backup.and_then(|backup| backup.delete_timestamp));
    match decision.reason {
        Reason::Available => match retention(about.status) {
            Some(warning) => format!("{place} is READY, as declared; {warning}"),
            None => format!("{place} is READY, as declared; nothing to do"),
        },
        Reason::Creating => format!("AWS is still making {place}; wait until it is READY"),
        Reason::Restoring => {
            let end = backup.and_then(|backup| backup.delete_timestamp);
            let end =
                end.map(|end| format!(", which AWS would delete for good at {}", seconds(end))).unwrap_or_default();
            let warning = retention(about.status).map(|warning| format!("; {warning}")).unwrap_or_default();
            format!("restoring {place}{end}; wait until AWS shows it READY{warning}")
        }
        Reason::Updating => {
            let wanted = about.intent.never_expires.unwrap_or_default();
            format!("setting NeverExpires of {place} to {wanted}; wait until AWS shows it")
        }
        Reason::RestoreWindowClosed => window_closed(about),
        Reason::Deleting => format!("deleting {place}; wait until AWS shows it PENDING_DELETION"),
        Reason::PendingDeletion => {
            format!("{place} is PENDING_DELETION, {window}; set desiredState to Present to restore it")
        }
        Reason::Deleted => {
            format!(
                "{place} is gone for good, as declared; nothing to do: keep this object as the record, or remove it"
            )
        }
        Reason::BackupNotFound => not_found(about),
        Reason::UnknownBackupState => unknown_state(about),
        Reason::Suspended | Reason::WriteNotAllowed => held(decision, about),
        Reason::Conflict => conflict(about),
        // Failures have messages of their own.
        reason => format!("{place}: {}", reason.as_str()),
    }
}

/// Until when a backup can be restored.
struct Window(Option<Timestamp>);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(end) => write!(f, "restorable until {}", seconds(end)),
            None => f.write_str("restorable (until when, AWS doesn't say)"),
        }
    }
}

/// A time as the status shows it.
fn seconds(time: Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%SZ")
}

fn unknown_state(about: &About<'_>) -> String {
    let place = about.place;
    let look = look(place);
    match about.observation.backup().map(|backup| backup.state.as_str()).filter(|word| !word.is_empty()) {
        Some(word) => format!(
            "AWS reports {word:?} for {place}, a state this version of the operator doesn't know, so it does nothing; \
             upgrade the operator, or look with {look}"
        ),
        None => format!("AWS reports no state for {place}, so the operator does nothing; look with {look}"),
    }
}

/// The command that shows a person what the operator sees.
fn look(place: &Place) -> String {
    let region = place.region.as_ref().map(|region| format!("--region {region} ")).unwrap_or_default();
    format!("`aws cloudhsmv2 describe-backups {region}--filters backupIds={}`", place.backup_id)
}

/// A call is due, and something holds it.
fn held(decision: &Decision, about: &About<'_>) -> String {
    let place = about.place;
    let call = match decision.due {
        Some(Call::ModifyBackupAttributes { never_expires }) => {
            format!("ModifyBackupAttributes (NeverExpires: {never_expires})")
        }
        Some(call) => call.operation().to_owned(),
        None => "a call".to_owned(),
    };
    let state = match about.observation.backup() {
        Some(backup) if backup.state == BackupState::PendingDeletion => {
            format!(", which is PENDING_DELETION, {}", Window(backup.delete_timestamp))
        }
        Some(backup) => format!(", which is {}", backup.state),
        None => String::new(),
    };
    let due = format!("{call} is due for {place}{state}");
    if decision.reason == Reason::WriteNotAllowed {
        let mode = about.mode.as_str();
        let enough = if decision.due == Some(Call::RestoreBackup) { "restore-only or full" } else { "full" };
        format!(
            "{due}, but the operator runs with --mode {mode}; restart it with --mode {enough} (in the chart: mode) to proceed"
        )
    } else if about.intent.deleting {
        format!(
            "{due}, but this object is being removed, so nothing is sent; to have it done, declare it in a new object"
        )
    } else {
        format!("{due}, but suspend is true; set suspend to false to proceed")
    }
}

fn window_closed(about: &About<'_>) -> String {
    let place = about.place;
    let next =
        "keys that only this backup held are lost; set desiredState to Deleted, or remove this object, to accept that";
    let why = match about.observation.backup() {
        Some(backup) if backup.state == BackupState::PendingDeletion => {
            let end = backup.delete_timestamp.map(|end| format!(" at {}", seconds(end))).unwrap_or_default();
            format!("its restore window closed{end}, and AWS refused RestoreBackup")
        }
        Some(backup) => {
            let end = backup.delete_timestamp.map(|end| format!(" (deleteTimestamp {})", seconds(end)));
            format!("AWS shows it {}{}", backup.state, end.unwrap_or_default())
        }
        None => {
            let state = about.memory.state.as_ref().map_or("DELETED", BackupState::as_str);
            format!("AWS doesn't show it any more, and it was last {state}")
        }
    };
    format!("{place} can't be restored any more: {why}; {next}")
}

fn not_found(about: &About<'_>) -> String {
    let place = about.place;
    let check = "check the region and the account of the operator's credentials";
    match (about.intent.desired, about.memory.delete_timestamp, &about.memory.state) {
        (DesiredState::Deleted, Some(end), Some(state @ (BackupState::PendingDeletion | BackupState::Unknown(_))))
            if !is_witness_past(Some(end), about.now) =>
        {
            let end = seconds(end);
            format!("AWS doesn't show {place}, though it was last {state} until {end}, and that isn't over; {check}")
        }
        _ => format!(
            "AWS doesn't show {place}; check backupId, the region and the account of the operator's credentials"
        ),
    }
}

/// Whoever suspends or removes one of two lets the other have its way, and that may be a deletion.
const SETTLE: &str = "decide which is right and change, suspend or remove the other: what remains declared is done";

fn conflict(about: &About<'_>) -> String {
    let place = about.place;
    let Some(rival) = about.rival else {
        return format!("another object contradicts this one about {place}; {SETTLE}");
    };
    let say = |intent: &Intent| match intent.never_expires {
        Some(value) if rival.intent.desired == about.intent.desired => format!("neverExpires: {value}"),
        _ => format!("desiredState: {}", intent.desired.as_str()),
    };
    format!(
        "{} declares {} for {place}, but this object declares {}, so the operator does nothing for either; {SETTLE}",
        rival.object,
        say(&rival.intent),
        say(about.intent),
    )
}

/// The warning that AWS's retention will take the backup again, where it seems to have taken it and nothing exempts it.
#[must_use]
pub fn retention(status: &CloudHsmBackupStatus) -> Option<&'static str> {
    (status.unrequested_deletion == Some(true)).then_some(
        "AWS had it PENDING_DELETION although this object declares it Present: if the cluster's backup retention did that, \
         retention will take it again; set neverExpires to true to exempt it",
    )
}

/// The message for a call that failed.
#[must_use]
pub fn failed(failure: &Failure, place: &Place) -> String {
    let Failure { operation, text, code, .. } = failure;
    let why = match code {
        Some(code) if text.is_empty() => code.clone(),
        Some(code) => format!("{code}: {text}"),
        None => text.clone(),
    };
    match failure.class {
        FailureClass::AccessDenied => format!(
            "AWS denied {operation} for {place} ({why}); allow cloudhsm:{operation} in the IAM policy of the operator's role"
        ),
        FailureClass::InvalidRequest => {
            format!("AWS refused {operation} for {place} ({why}); look with {}", look(place))
        }
        FailureClass::NoRegion => format!(
            "there is no region to look for {place} in; start the operator with --region or AWS_REGION, \
             or create a new object with spec.region"
        ),
        FailureClass::Throttled => {
            format!("AWS is throttling {operation} for {place} ({why}); the operator will retry")
        }
        FailureClass::AwsUnavailable => {
            format!("{operation} for {place} got no usable answer from AWS ({why}); the operator will retry")
        }
        FailureClass::NoCredentials => format!(
            "no valid AWS credentials for {operation} of {place} ({why}); \
             check the operator's service account, role or secret"
        ),
    }
}

/// How a write that took effect was answered.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// AWS accepted it, under this request id.
    Accepted(Option<&'a str>),
    /// It failed as far as the answer goes, yet AWS shows its effect.
    Lost(&'a Failure),
}

impl Outcome<'_> {
    /// AWS's request id, where it gave one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Accepted(id) => *id,
            Self::Lost(failure) => failure.request_id.as_deref(),
        }
    }
}

/// What an event about a write that took effect says.
#[must_use]
pub fn written(call: Call, place: &Place, status: &CloudHsmBackupStatus, outcome: &Outcome<'_>) -> String {
    let operation = call.operation();
    let how = match outcome {
        Outcome::Accepted(_) => format!("{operation} accepted for {place}"),
        Outcome::Lost(failure) => {
            let why = failure.code.as_deref().unwrap_or(&failure.text);
            format!("{operation} took effect on {place}, though its answer failed ({why})")
        }
    };
    let what = match call {
        Call::DeleteBackup => {
            let window = Window(status.delete_timestamp.as_ref().map(|time| time.0));
            format!(": {window}; set desiredState to Present to restore it")
        }
        Call::RestoreBackup => retention(status).map(|warning| format!("; {warning}")).unwrap_or_default(),
        Call::ModifyBackupAttributes { never_expires } => format!(": NeverExpires is {never_expires}"),
    };
    let request_id =
        outcome.request_id().map_or_else(|| "no AWS request id".to_owned(), |id| format!("AWS request id {id}"));
    format!("{how}{what}; {request_id}")
}

#[cfg(test)]
mod tests;
