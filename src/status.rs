//! From what was seen and decided to the status of the object, its transitions, and whether there is anything to write. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{CloudHsmBackupStatus, DesiredState, LastWrite, Progress, READY, RECONCILING, Reason, STALLED},
    backup::{Backup, BackupState, Call, FailureClass, Observation},
    decide::Decision,
    intent::Intent,
    message::same_but_for_account,
};

/// Copies what AWS shows into the status. Conditions stay as they were. What was seen in another region is forgotten; when the
/// backup is gone, all but its state stays as memory.
#[must_use]
pub fn mirror(previous: &CloudHsmBackupStatus, intent: &Intent, observation: &Observation) -> CloudHsmBackupStatus {
    let region = intent.scope.as_ref().map(|scope| scope.region.to_string());
    let elsewhere = previous.region.is_some() && previous.region != region;
    let memory = if elsewhere { only_conditions(previous) } else { previous.clone() };
    let Observation::Found(backup) = observation else {
        return CloudHsmBackupStatus {
            last_backup_state: memory.backup_state.clone().or(memory.last_backup_state.clone()),
            backup_state: None,
            region,
            ..memory
        };
    };
    CloudHsmBackupStatus {
        backup_state: Some(backup.state.as_str().to_owned()).filter(|word| !word.is_empty()),
        last_backup_state: None,
        backup_arn: backup.arn.clone(),
        cluster_id: backup.cluster_id.clone(),
        create_timestamp: backup.create_timestamp.map(to_seconds),
        copy_timestamp: backup.copy_timestamp.map(to_seconds),
        delete_timestamp: backup.delete_timestamp.map(to_seconds),
        never_expires: backup.never_expires,
        source_region: backup.source_region.clone(),
        source_backup: backup.source_backup.clone(),
        source_cluster: backup.source_cluster.clone(),
        hsm_type: backup.hsm_type.clone(),
        mode: backup.mode.clone(),
        tags: Some(backup.tags.clone()).filter(|tags| !tags.is_empty()),
        region,
        unrequested_deletion: unrequested_deletion(&memory, intent, observation),
        last_write: memory.last_write,
        observed_generation: memory.observed_generation,
        last_handled_requested_at: memory.last_handled_requested_at,
        conditions: memory.conditions,
        unreadable: memory.unreadable,
    }
}

/// Remembers a deletion that the object didn't ask for. A copy has no retention (no cluster), an exempt backup isn't taken by it.
fn unrequested_deletion(memory: &CloudHsmBackupStatus, intent: &Intent, observation: &Observation) -> Option<bool> {
    let backup = observation.backup()?;
    let taken_by_retention = intent.desired == DesiredState::Present
        && backup.cluster_id.is_some()
        && backup.never_expires != Some(true)
        && intent.never_expires != Some(true);
    let known = memory.backup_state.as_deref() == Some(BackupState::PendingDeletion.as_str());
    let new = backup.state == BackupState::PendingDeletion && !known;
    (taken_by_retention && (new || memory.unrequested_deletion == Some(true))).then_some(true)
}

/// The status to start a pass from: what this process concluded last. From what is stored come the conditions of other controllers,
/// and of ours what tells nothing new: since when a status holds, and an account more or less. So two processes don't write in turns.
#[must_use]
pub fn resume(own: &CloudHsmBackupStatus, stored: &CloudHsmBackupStatus, now: Timestamp) -> CloudHsmBackupStatus {
    let ours = own.conditions.iter().filter(|condition| is_ours(condition)).map(|condition| {
        let same = stored.condition(&condition.type_).filter(|stored| {
            stored.status == condition.status
                && stored.reason == condition.reason
                && stored.last_transition_time.0 <= now
                && same_but_for_account(&stored.message, &condition.message)
        });
        same.map_or_else(
            || condition.clone(),
            |stored| Condition { observed_generation: condition.observed_generation, ..stored.clone() },
        )
    });
    let foreign = stored.conditions.iter().filter(|condition| !is_ours(condition)).cloned();
    // Another process of this operator may have written to AWS since.
    let newer = |write: &&LastWrite| {
        write.time.0 <= now && own.last_write.as_ref().is_none_or(|own| own.time.0 <= write.time.0)
    };
    let last_write = stored.last_write.as_ref().filter(newer).or(own.last_write.as_ref()).cloned();
    CloudHsmBackupStatus { conditions: ours.chain(foreign).collect(), last_write, ..own.clone() }
}

fn is_ours(condition: &Condition) -> bool {
    [READY, RECONCILING, STALLED].contains(&condition.type_.as_str())
}

fn only_conditions(previous: &CloudHsmBackupStatus) -> CloudHsmBackupStatus {
    CloudHsmBackupStatus {
        observed_generation: previous.observed_generation,
        last_handled_requested_at: previous.last_handled_requested_at.clone(),
        last_write: previous.last_write.clone(),
        conditions: previous.conditions.clone(),
        ..CloudHsmBackupStatus::default()
    }
}

/// The API server keeps whole seconds; a finer time would look like a change for ever.
fn to_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

/// How a status tells of a write: `before` is what AWS showed before it.
#[must_use]
pub fn last_write(call: Call, before: &Backup, generation: i64, request_id: Option<&str>, now: Timestamp) -> LastWrite {
    LastWrite {
        operation: call.operation().to_owned(),
        time: to_seconds(now),
        generation,
        request_id: request_id.map(str::to_owned),
        previous_backup_state: before.state.as_str().to_owned(),
        previous_delete_timestamp: before.delete_timestamp.map(to_seconds),
        previous_never_expires: before.never_expires,
    }
}

/// What the condition `Ready` shall say.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The reason.
    pub reason: Reason,
    /// `True`, `False` or `Unknown`.
    pub ready: &'static str,
    /// The message.
    pub message: String,
}

impl Verdict {
    /// The verdict of a decision.
    #[must_use]
    pub fn decided(decision: &Decision, message: String) -> Self {
        let ready = if decision.reason.is_ready() { "True" } else { "False" };
        Self { reason: decision.reason, ready, message }
    }
}

/// Completes a mirrored status: conditions, the generation it speaks of, and the request it answers.
#[must_use]
pub fn conclude(
    mirrored: CloudHsmBackupStatus,
    verdict: &Verdict,
    generation: i64,
    requested_at: Option<&str>,
    now: Timestamp,
) -> CloudHsmBackupStatus {
    let previous = &mirrored.conditions;
    let message = match mirrored.condition(READY) {
        Some(ready)
            if ready.reason == verdict.reason.as_str() && same_but_for_account(&ready.message, &verdict.message) =>
        {
            &ready.message
        }
        _ => &verdict.message,
    };
    let condition = |type_: &str, status: &str| {
        let since = previous.iter().find(|old| old.type_ == type_ && old.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: message.clone(),
            observed_generation: Some(generation),
            last_transition_time: since.map_or_else(|| to_seconds(now), |old| old.last_transition_time.clone()),
        }
    };
    let mut conditions = vec![condition(READY, verdict.ready)];
    match verdict.reason.progress() {
        Progress::Settled => {}
        Progress::Reconciling => conditions.push(condition(RECONCILING, "True")),
        Progress::Stalled => conditions.push(condition(STALLED, "True")),
    }
    // Conditions of other controllers aren't ours to remove.
    conditions.extend(previous.iter().filter(|old| !is_ours(old)).cloned());
    CloudHsmBackupStatus {
        observed_generation: Some(generation),
        last_handled_requested_at: requested_at.map(str::to_owned).or(mirrored.last_handled_requested_at),
        conditions,
        unreadable: false,
        ..mirrored
    }
}

/// The reason that shows a failure.
#[must_use]
pub fn failure_reason(class: FailureClass) -> Reason {
    match class {
        FailureClass::AccessDenied => Reason::AccessDenied,
        FailureClass::InvalidRequest => Reason::InvalidRequest,
        FailureClass::NoRegion => Reason::NoRegion,
        FailureClass::Throttled => Reason::Throttled,
        FailureClass::AwsUnavailable => Reason::AwsUnavailable,
        FailureClass::NoCredentials => Reason::NoCredentials,
    }
}

/// What a failed look at AWS does to the condition `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// Nothing was asked for, and the last good look isn't old: nothing changes.
    Nothing,
    /// The failure shows, with this status of `Ready`.
    Ready(&'static str),
}

/// How a failed look shows. `asked`: there is a new generation or request. `looked`: this process has had a good look at the backup.
/// `stale`: the last good look is older than three resync intervals.
#[must_use]
pub fn showing(previous: &CloudHsmBackupStatus, asked: bool, looked: bool, stale: bool) -> Showing {
    let ready = previous.condition(READY);
    let reason = ready.and_then(|ready| Reason::from_word(&ready.reason));
    let ever_looked = looked
        || previous.backup_state.is_some()
        || previous.last_backup_state.is_some()
        || previous.backup_arn.is_some()
        || reason.is_some_and(|reason| !reason.is_failure() && reason != Reason::Conflict)
        || (reason.is_some_and(Reason::is_failure) && ready.is_some_and(|ready| ready.status == "False"));
    let status = if ever_looked { "False" } else { "Unknown" };
    // Of a conflict that is over nobody knows yet what it leaves to do.
    let call_is_due =
        matches!(reason, Some(Reason::Restoring | Reason::Deleting | Reason::Updating | Reason::Conflict));
    match (ready, reason) {
        _ if asked || call_is_due => Showing::Ready(status),
        (None, _) | (_, None) => Showing::Ready(status),
        // What was asked for when this failure was first shown is still open.
        (Some(ready), Some(reason)) if reason.is_failure() => {
            Showing::Ready(if ready.status == "Unknown" { "Unknown" } else { "False" })
        }
        _ if stale => Showing::Ready("Unknown"),
        _ => Showing::Nothing,
    }
}

/// Whether AWS moved away from what the object declares: an earlier status of the same generation shows AWS in agreement, and this
/// decision, from a look and not from a write of our own, doesn't.
#[must_use]
pub fn is_drift(previous: &CloudHsmBackupStatus, intent: &Intent, decision: &Decision) -> bool {
    let ready = BackupState::Ready.as_str();
    let agreed = match intent.desired {
        DesiredState::Present => {
            previous.backup_state.as_deref() == Some(ready)
                && intent.never_expires.is_none_or(|wanted| wanted == previous.never_expires.unwrap_or_default())
        }
        DesiredState::Deleted => {
            previous.backup_state.as_deref() == Some(BackupState::PendingDeletion.as_str())
                || previous.backup_state.as_deref() == Some(BackupState::Deleted.as_str())
        }
    };
    let moved = decision.due.is_some()
        || (decision.reason == Reason::RestoreWindowClosed && intent.desired == DesiredState::Present);
    agreed && moved && previous.observed_generation == Some(intent.generation)
}

/// Whether the backup has just come back as declared.
#[must_use]
pub fn is_restored(previous: &CloudHsmBackupStatus, intent: &Intent, observation: &Observation) -> bool {
    intent.desired == DesiredState::Present
        && previous.backup_state.as_deref() == Some(BackupState::PendingDeletion.as_str())
        && observation.backup().is_some_and(|backup| backup.state == BackupState::Ready)
}

/// The reason with which the object has just become Stalled, and its message.
#[must_use]
pub fn newly_stalled<'a>(previous: &CloudHsmBackupStatus, next: &'a CloudHsmBackupStatus) -> Option<&'a Condition> {
    let stalled = next.condition(STALLED)?;
    let before = previous.condition(STALLED).map(|condition| condition.reason.as_str());
    (before != Some(stalled.reason.as_str())).then_some(stalled)
}

#[cfg(test)]
mod tests;
