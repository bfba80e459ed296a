//! AWS may go on showing, for a while, what was true before a write. This tells such a lagging look from news. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    backup::{Backup, Call, Observation},
    decide::{Sight, Source},
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
}

impl Unshown {
    /// Whether a look shows exactly what was there before the write.
    #[must_use]
    fn is_unchanged(&self, look: &Backup) -> bool {
        let modified = matches!(self.call, Call::ModifyBackupAttributes { .. });
        look.state == self.before.state
            && look.delete_timestamp == self.before.delete_timestamp
            && (!modified || look.never_expires == self.before.never_expires)
    }
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

    use super::*;
    use crate::backup::BackupState;

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
        }
    }

    fn modification() -> Unshown {
        Unshown {
            call: Call::ModifyBackupAttributes { never_expires: true },
            before: backup(BackupState::Ready, None, false),
            answer: backup(BackupState::Ready, None, true),
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

    #[test]
    fn a_backup_that_is_gone_after_a_write_is_gone() {
        let now = Timestamp::from_second(1_000).unwrap();
        let (sight, unshown) = interpret(Some(&deletion()), Duration::ZERO, Observation::NotFound, now);
        assert_eq!((sight.observation, unshown), (Observation::NotFound, false));
    }
}
