//! The decision table: desired meets observed, and nothing else decides.
//!
//! | desired | AWS shows | call | reason |
//! |---|---|---|---|
//! | any | CREATE_IN_PROGRESS | none | Creating |
//! | Present | READY | none; ModifyBackupAttributes where neverExpires is declared and differs | Available; Updating |
//! | Present | PENDING_DELETION | RestoreBackup | Restoring |
//! | Present | PENDING_DELETION, its time past, refused within the hour | none | RestoreWindowClosed |
//! | Present | DELETED, or gone after PENDING_DELETION or DELETED | none | RestoreWindowClosed |
//! | Deleted | READY | DeleteBackup | Deleting |
//! | Deleted | PENDING_DELETION | none | PendingDeletion |
//! | Deleted | DELETED, or gone after DELETED or after its witnessed deleteTimestamp | none | Deleted |
//! | any | gone otherwise | none | BackupNotFound |
//! | any | an unknown state | none | UnknownBackupState |
//!
//! A Conflict comes before all of them; Suspended and WriteNotAllowed hold a call that is due.
//!
//! Pure: no clock, no I/O. [`confirm`] is the only source of a [`Permit`], and without one nothing can be written to AWS.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{DesiredState, Reason},
    backup::{Backup, BackupId, BackupState, Call, Observation, Scope},
    intent::{Intent, Memory},
};

/// How old a look may be when it justifies a write.
pub const LOOK_MAX_AGE: SignedDuration = SignedDuration::from_secs(5);

/// Which AWS writes are allowed at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Mode {
    /// All of them.
    #[default]
    Full,
    /// RestoreBackup alone.
    RestoreOnly,
    /// None.
    Observe,
}

impl Mode {
    /// Whether the mode allows the call.
    #[must_use]
    pub fn allows(self, call: Call) -> bool {
        match self {
            Self::Full => true,
            Self::RestoreOnly => call == Call::RestoreBackup,
            Self::Observe => false,
        }
    }

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::RestoreOnly => "restore-only",
            Self::Observe => "observe",
        }
    }
}

/// Where an observation comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// AWS was asked, at this time.
    Look(Timestamp),
    /// AWS's answer to a write that no look has shown yet. It tells what is true, and justifies no further write.
    Answer,
}

/// An observation and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Sight {
    /// What AWS shows.
    pub observation: Observation,
    /// How that is known.
    pub source: Source,
}

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What the object asks for.
    pub intent: &'a Intent,
    /// What AWS shows.
    pub sight: &'a Sight,
    /// What the object's status witnesses.
    pub memory: &'a Memory,
    /// Whether another object says otherwise about the same backup.
    pub conflict: bool,
    /// Whether AWS refused within the last hour to restore this backup after its time.
    pub restore_refused: bool,
    /// Which writes are allowed.
    pub mode: Mode,
    /// The time.
    pub now: Timestamp,
}

/// What follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The reason to show.
    pub reason: Reason,
    /// The call that would make AWS show what is declared.
    pub due: Option<Call>,
    /// Whether something holds that call: a suspension, or the mode.
    pub held: bool,
}

impl Decision {
    /// The call to make now.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        self.due.filter(|_| !self.held)
    }
}

/// Decides.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { intent, mode, conflict, .. } = *situation;
    if conflict {
        return Decision { reason: Reason::Conflict, due: None, held: false };
    }
    let (reason, due) = match &situation.sight.observation {
        Observation::Found(backup) => found(situation, backup),
        Observation::NotFound => (gone(situation), None),
    };
    let Some(call) = due else { return Decision { reason, due, held: false } };
    if !intent.claims() {
        Decision { reason: Reason::Suspended, due, held: true }
    } else if !mode.allows(call) {
        Decision { reason: Reason::WriteNotAllowed, due, held: true }
    } else {
        Decision { reason, due, held: false }
    }
}

fn found(situation: &Situation<'_>, backup: &Backup) -> (Reason, Option<Call>) {
    use BackupState::{CreateInProgress, Deleted, PendingDeletion, Ready, Unknown};
    let intent = situation.intent;
    match (intent.desired, &backup.state) {
        (_, Unknown(_)) => (Reason::UnknownBackupState, None),
        (_, CreateInProgress) => (Reason::Creating, None),
        (DesiredState::Present, Ready) => match intent.never_expires {
            Some(wanted) if wanted != backup.never_expires.unwrap_or_default() => {
                (Reason::Updating, Some(Call::ModifyBackupAttributes { never_expires: wanted }))
            }
            _ => (Reason::Available, None),
        },
        (DesiredState::Present, PendingDeletion) => {
            if situation.restore_refused && is_past(backup.delete_timestamp, situation.now) {
                (Reason::RestoreWindowClosed, None)
            } else {
                // Also past its time: AWS's clock decides, not ours.
                (Reason::Restoring, Some(Call::RestoreBackup))
            }
        }
        (DesiredState::Present, Deleted) => (Reason::RestoreWindowClosed, None),
        (DesiredState::Deleted, Ready) => (Reason::Deleting, Some(Call::DeleteBackup)),
        (DesiredState::Deleted, PendingDeletion) => (Reason::PendingDeletion, None),
        (DesiredState::Deleted, Deleted) => (Reason::Deleted, None),
    }
}

/// AWS doesn't show the backup. That it is gone for good needs evidence: absence alone proves nothing.
fn gone(situation: &Situation<'_>) -> Reason {
    let memory = situation.memory;
    match (situation.intent.desired, &memory.state) {
        (DesiredState::Present, Some(BackupState::PendingDeletion | BackupState::Deleted)) => {
            Reason::RestoreWindowClosed
        }
        (DesiredState::Deleted, Some(BackupState::Deleted)) => Reason::Deleted,
        // Whatever AWS called it last: READY and CREATE_IN_PROGRESS come with no deleteTimestamp that means anything.
        (DesiredState::Deleted, Some(BackupState::PendingDeletion | BackupState::Unknown(_)))
            if is_witness_past(memory.delete_timestamp, situation.now) =>
        {
            Reason::Deleted
        }
        _ => Reason::BackupNotFound,
    }
}

/// Whether the restore window has closed, by our clock. Without a time it counts as open.
#[must_use]
pub fn is_past(delete_timestamp: Option<Timestamp>, now: Timestamp) -> bool {
    delete_timestamp.is_some_and(|end| end <= now)
}

/// The same for a time that a status witnesses: it keeps whole seconds, so the window may close up to a second later than it says.
#[must_use]
pub fn is_witness_past(delete_timestamp: Option<Timestamp>, now: Timestamp) -> bool {
    is_past(delete_timestamp.and_then(|end| end.checked_add(SignedDuration::from_secs(1)).ok()), now)
}

/// The permission to make one call, once. Only [`confirm`] makes one; it can't be copied, and it runs out.
#[derive(Debug)]
pub struct Permit {
    uid: String,
    generation: i64,
    scope: Scope,
    backup_id: BackupId,
    arn: Option<String>,
    call: Call,
    valid_until: Instant,
}

impl Permit {
    /// The call it permits.
    #[must_use]
    pub fn call(&self) -> Call {
        self.call
    }

    /// Where the backup is.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The backup.
    #[must_use]
    pub fn backup_id(&self) -> &BackupId {
        &self.backup_id
    }

    /// The ARN under which the look that justifies the call showed the backup.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        self.arn.as_deref()
    }

    /// The uid of the object that asks for the call.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The generation of the object that asks for the call.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// Nothing may be sent after this.
    #[must_use]
    pub fn valid_until(&self) -> Instant {
        self.valid_until
    }
}

/// Why there is no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Decide anew, with the object as it is now.
    #[error("the object has changed since it was read")]
    ObjectChanged,
    /// Look anew.
    #[error("the look at AWS is too old, or is the answer to a write")]
    LookTooOld,
    /// Nothing to do.
    #[error("no call is due")]
    NothingDue,
    /// Others may be at it.
    #[error("this process doesn't lead")]
    NotLeading,
}

/// Turns a decision into a permit: the object as read from the API server just now, `live`, must ask for the same as the one the
/// decision was made for, and the look must be one, and fresh. `valid_until` is when the read of `live` gets too old,
/// or this process's leadership ends.
///
/// # Errors
///
/// Says what moved.
pub fn confirm(situation: &Situation<'_>, live: &Intent, valid_until: Instant) -> Result<Permit, Refusal> {
    let Situation { intent, sight, now, .. } = *situation;
    if live != intent {
        return Err(Refusal::ObjectChanged);
    }
    let Some(call) = decide(situation).call() else { return Err(Refusal::NothingDue) };
    let (Some(scope), Some(backup)) = (&intent.scope, sight.observation.backup()) else {
        return Err(Refusal::NothingDue);
    };
    if backup.id != intent.backup_id {
        return Err(Refusal::NothingDue);
    }
    let Source::Look(looked_at) = sight.source else { return Err(Refusal::LookTooOld) };
    let age = now.duration_since(looked_at);
    if age > LOOK_MAX_AGE || age.is_negative() {
        return Err(Refusal::LookTooOld);
    }
    Ok(Permit {
        uid: intent.uid.clone(),
        generation: intent.generation,
        scope: scope.clone(),
        backup_id: intent.backup_id,
        arn: backup.arn.clone(),
        call,
        valid_until,
    })
}

#[cfg(test)]
mod tests;
