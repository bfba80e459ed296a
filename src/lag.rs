//! AWS may go on showing, for a while, what was true before a write. This tells such a lagging look from news. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::CloudHsmBackupStatus,
    backup::{Backup, Call, Observation},
    decide::{Sight, Source},
    intent::{Intent, shown_backup},
};

/// How long a look that shows exactly what AWS showed before the write counts as lagging.
pub const LAG: Duration = Duration::from_secs(60);

/// A write that AWS accepted and no look has shown yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unshown {
    /// The call.
    pub call: Call,
    /// What a look showed before it.
    pub before: Backup,
    /// What AWS answered.
    pub answer: Backup,
    /// Whether it is recalled from a status, where times have whole seconds.
    pub recalled: bool,
}

impl Unshown {
    /// Whether a look shows exactly what was there before the write.
    #[must_use]
    fn is_unchanged(&self, look: &Backup) -> bool {
        let modified = matches!(self.call, Call::ModifyBackupAttributes { .. });
        let second = |backup: &Backup| backup.delete_timestamp.map(Timestamp::as_second);
        look.state == self.before.state
            && (look.delete_timestamp == self.before.delete_timestamp
                || (self.recalled && second(look) == second(&self.before)))
            && (!modified || look.never_expires == self.before.never_expires)
    }
}

/// The write that a status tells of, and its age, where a look may not have shown it yet: what a process that starts can know of the
/// writes of the one before it.
#[must_use]
pub fn recall(status: &CloudHsmBackupStatus, intent: &Intent, now: Timestamp) -> Option<(Unshown, Duration)> {
    let write = status.last_write.as_ref()?;
    let age = Duration::try_from(now.duration_since(write.time.0)).ok().filter(|age| *age < LAG)?;
    // Since the object asked for something else, another write may have been sent whose answer nobody has told of: then what a look
    // shows is no lag.
    if write.generation != intent.generation {
        return None;
    }
    if status.region.as_deref() != intent.scope.as_ref().map(|scope| scope.region.as_str()) {
        return None;
    }
    let answer = shown_backup(status, &intent.backup_id)?;
    let call = match write.operation.as_str() {
        "DeleteBackup" => Call::DeleteBackup,
        "RestoreBackup" => Call::RestoreBackup,
        "ModifyBackupAttributes" => {
            Call::ModifyBackupAttributes { never_expires: answer.never_expires.unwrap_or_default() }
        }
        _ => return None,
    };
    let before = Backup {
        delete_timestamp: write.previous_delete_timestamp.as_ref().map(|time| time.0),
        never_expires: write.previous_never_expires,
        ..Backup::new(intent.backup_id, write.previous_backup_state.as_str().into())
    };
    let unshown = Unshown { call, before, answer, recalled: true };
    // Where the status itself shows what was before, something else came after the write.
    (!unshown.is_unchanged(&unshown.answer)).then_some((unshown, age))
}

/// What a look made at `looked_at` tells, `age` after the write that no look has shown yet. The second value is whether that write
/// is still not shown.
#[must_use]
pub fn interpret(unshown: Option<&Unshown>, age: Duration, look: Observation, looked_at: Timestamp) -> (Sight, bool) {
    if let (Some(write), Some(backup)) = (unshown, look.backup())
        && age < LAG
        && write.is_unchanged(backup)
    {
        let answer = Observation::Found(Box::new(write.answer.clone()));
        return (Sight { observation: answer, source: Source::Answer }, true);
    }
    (Sight { observation: look, source: Source::Look(looked_at) }, false)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::{
        api::{DesiredState, LastWrite},
        backup::{BackupState, Region, Scope},
    };

    fn backup(state: BackupState, delete_timestamp: Option<i64>, never_expires: bool) -> Backup {
        let mut backup = Backup::new("backup-ro5c4er4aac".parse().unwrap(), state);
        backup.delete_timestamp = delete_timestamp.map(|second| Timestamp::from_second(second).unwrap());
        backup.never_expires = Some(never_expires);
        backup
    }

    fn deletion() -> Unshown {
        Unshown {
            call: Call::DeleteBackup,
            before: backup(BackupState::Ready, None, false),
            answer: backup(BackupState::PendingDeletion, Some(700), false),
            recalled: false,
        }
    }

    fn modification() -> Unshown {
        Unshown {
            call: Call::ModifyBackupAttributes { never_expires: true },
            before: backup(BackupState::Ready, None, false),
            answer: backup(BackupState::Ready, None, true),
            recalled: false,
        }
    }

    #[rstest]
    #[case::the_state_before_is_lag(deletion(), backup(BackupState::Ready, None, false), 59, true)]
    #[case::another_change_meanwhile_does_not_matter(deletion(), backup(BackupState::Ready, None, true), 1, true)]
    #[case::a_minute_later_it_is_news(deletion(), backup(BackupState::Ready, None, false), 60, false)]
    #[case::the_write_is_shown(deletion(), backup(BackupState::PendingDeletion, Some(700), false), 1, false)]
    #[case::something_else_is_news(deletion(), backup(BackupState::Deleted, Some(700), false), 1, false)]
    #[case::an_older_deletion_is_news(deletion(), backup(BackupState::Ready, Some(3), false), 1, false)]
    #[case::an_attribute_as_before_is_lag(modification(), backup(BackupState::Ready, None, false), 1, true)]
    #[case::an_attribute_as_written_is_shown(modification(), backup(BackupState::Ready, None, true), 1, false)]
    fn a_look_after_a_write(#[case] write: Unshown, #[case] look: Backup, #[case] age: u64, #[case] lags: bool) {
        let now = Timestamp::from_second(1_000).unwrap();
        let shown = Observation::Found(Box::new(look));
        let (sight, unshown) = interpret(Some(&write), Duration::from_secs(age), shown.clone(), now);
        assert_eq!(unshown, lags);
        if lags {
            assert_eq!(sight.source, Source::Answer);
            assert_eq!(sight.observation.backup(), Some(&write.answer));
        } else {
            assert_eq!(sight, Sight { observation: shown, source: Source::Look(now) });
        }
    }

    #[rstest]
    #[case::of_this_process(false)]
    #[case::recalled(true)]
    fn a_new_deletion_in_the_same_second_is_news_unless_the_write_is_recalled(#[case] recalled: bool) {
        let before = backup(BackupState::PendingDeletion, Some(700), false);
        let answer = backup(BackupState::Ready, None, false);
        let restore = Unshown { call: Call::RestoreBackup, before: before.clone(), answer, recalled };
        let mut again = before;
        again.delete_timestamp = Some(Timestamp::from_millisecond(700_400).unwrap());
        let look = Observation::Found(Box::new(again));
        let (_, lags) = interpret(Some(&restore), Duration::ZERO, look, Timestamp::from_second(1_000).unwrap());
        assert_eq!(lags, recalled);
    }

    fn told(operation: &str, before: &str, at: i64, state: &str) -> CloudHsmBackupStatus {
        let time = |second| Time(Timestamp::from_second(second).unwrap());
        CloudHsmBackupStatus {
            backup_state: Some(state.into()),
            delete_timestamp: (state == "PENDING_DELETION").then(|| time(700)),
            region: Some("us-east-1".into()),
            last_write: Some(LastWrite {
                operation: operation.into(),
                time: time(at),
                generation: 1,
                request_id: None,
                previous_backup_state: before.into(),
                previous_delete_timestamp: (before == "PENDING_DELETION").then(|| time(700)),
                previous_never_expires: None,
            }),
            ..CloudHsmBackupStatus::default()
        }
    }

    #[rstest]
    #[case::a_write_just_before_the_start(told("DeleteBackup", "READY", 990, "PENDING_DELETION"), Some(10))]
    #[case::a_restore(told("RestoreBackup", "PENDING_DELETION", 1_000, "READY"), Some(0))]
    #[case::a_minute_later_it_is_past(told("DeleteBackup", "READY", 940, "PENDING_DELETION"), None)]
    #[case::the_future_is_no_memory(told("DeleteBackup", "READY", 1_001, "PENDING_DELETION"), None)]
    #[case::something_came_after_it(told("DeleteBackup", "READY", 990, "READY"), None)]
    #[case::an_unknown_operation(told("EatBackup", "READY", 990, "PENDING_DELETION"), None)]
    #[case::nothing_was_written(CloudHsmBackupStatus::default(), None)]
    fn a_starting_process_recalls(#[case] status: CloudHsmBackupStatus, #[case] age: Option<u64>) {
        let intent = Intent {
            uid: "u".into(),
            generation: 1,
            scope: Some(Scope::of_operator(Region::new("us-east-1"))),
            backup_id: "backup-ro5c4er4aac".parse().unwrap(),
            desired: DesiredState::Deleted,
            never_expires: None,
            suspend: false,
            deleting: false,
        };
        let now = Timestamp::from_second(1_000).unwrap();
        let recalled = recall(&status, &intent, now);
        assert_eq!(recalled.as_ref().map(|(_, age)| age.as_secs()), age);
        if let Some((unshown, age)) = recalled {
            let look = Observation::Found(Box::new(unshown.before.clone()));
            let (sight, lags) = interpret(Some(&unshown), age, look, now);
            assert!(lags);
            assert_eq!(
                sight.observation.backup().map(|backup| Some(backup.state.to_string())),
                Some(status.backup_state.clone())
            );
        }
        let elsewhere = Intent { scope: Some(Scope::of_operator(Region::new("eu-west-1"))), ..intent };
        assert_eq!(recall(&status, &elsewhere, now), None);
        let changed = Intent { generation: 2, scope: Some(Scope::of_operator(Region::new("us-east-1"))), ..elsewhere };
        assert_eq!(recall(&status, &changed, now), None);
    }

    #[test]
    fn a_backup_that_is_gone_after_a_write_is_gone() {
        let now = Timestamp::from_second(1_000).unwrap();
        let (sight, unshown) = interpret(Some(&deletion()), Duration::ZERO, Observation::NotFound, now);
        assert_eq!((sight.observation, unshown), (Observation::NotFound, false));
    }
}
