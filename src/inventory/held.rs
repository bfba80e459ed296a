//! One backup, held for the time of one pass over an object.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::OwnedMutexGuard;

use super::{
    entry::{AFTER_WRITE, Affair, Entry, Failed, Shown, Uncertain, deed},
    partition::Partition,
};
use crate::{
    aws::{Answer, WriteError},
    backoff,
    backup::{Backup, BackupId, BackupState, Call, Failure, FailureClass, Observation},
    decide::{Permit, Sight, Source, is_past},
    lag::Unshown,
};

/// One backup, held for the time of one pass over an object.
pub struct Held {
    pub(super) partition: Arc<Partition>,
    pub(super) id: BackupId,
    pub(super) hold: Option<OwnedMutexGuard<()>>,
    /// Since when the pass has the token for a write that it hasn't made.
    pub(super) turn: Option<Instant>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let turn = self.turn.take();
        self.partition.change(&self.id, |entry| {
            if turn.is_some() {
                // The pass ends to wait for a look: the one that this brings about makes the write.
                entry.affair().turn = turn;
            }
        });
        self.hold = None;
        self.partition.change(&self.id, Entry::tidy);
    }
}

impl Held {
    fn read<T: Default>(&self, read: impl FnOnce(&Entry) -> T) -> T {
        self.partition.read(&self.id, read).unwrap_or_default()
    }

    fn affair<T: Default>(&self, read: impl FnOnce(&Affair) -> T) -> T {
        self.read(|entry| entry.affair.as_ref().map(|affair| read(affair)).unwrap_or_default())
    }

    /// What was last seen, where that is still at hand.
    #[must_use]
    pub fn sight(&self) -> Option<Sight> {
        self.read(|entry| entry.sight.as_deref().cloned())
    }

    /// What AWS showed last, as a number.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        self.read(|entry| entry.shown)
    }

    /// Whether there was a good look that was sent at that time or later.
    #[must_use]
    pub fn has_looked_since(&self, time: Instant) -> bool {
        self.read(|entry| entry.looked.is_some_and(|looked| looked >= time))
    }

    /// Whether this process has had a good look at the backup.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.read(|entry| entry.looked.is_some())
    }

    /// Whether the last good look, or the start of the process, is older than three resync intervals.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.read(|entry| self.partition.is_stale(entry))
    }

    /// A look that failed and hasn't been made good, or a write that isn't to be tried again yet.
    #[must_use]
    pub fn failed(&self) -> Option<Failed> {
        let failed = self.affair(|affair| affair.failed.clone());
        failed.filter(|failed| failed.write.is_none() || failed.until > Instant::now())
    }

    /// Whether there is a sight that the objects haven't taken in, a failure to show, or a token at hand.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.read(|entry| {
            let affair = entry.affair.as_deref();
            let failed = affair.and_then(Affair::failed_look).is_some();
            entry.sight.is_some() || failed || affair.is_some_and(Affair::has_turn)
        })
    }

    /// When the objects need a pass though nothing changes: a write that failed may be tried again then.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let now = Instant::now();
        let failed = self.affair(|affair| affair.failed_write().map(|failed| failed.until));
        let refused = self.read(Entry::refused_until);
        failed.into_iter().chain(refused).filter(|at| *at > now).min().map(|at| at - now)
    }

    /// The objects want to be told of the next look whatever it shows.
    pub fn await_next(&mut self) {
        self.partition.change(&self.id, |entry| entry.awaited = true);
    }

    /// Somebody asks: no failure keeps the next call waiting any more.
    pub fn clear_backoff(&mut self) {
        self.change_affair(Affair::recover);
    }

    fn change_affair(&self, change: impl FnOnce(&mut Affair)) {
        self.partition.change(&self.id, |entry| entry.affair.as_deref_mut().map(change));
    }

    /// Whether what AWS shows, now or in a moment, is what the last write of this process made of the backup.
    #[must_use]
    pub fn is_own_deed(&self, shown: &Backup) -> bool {
        self.affair(|affair| affair.deed.as_ref().is_some_and(|done| *done == deed(shown)))
    }

    /// Whether AWS refused within the last hour to restore the backup after its time.
    #[must_use]
    pub fn is_restore_refused(&self) -> bool {
        self.read(Entry::is_refused)
    }

    /// Asks AWS, and waits for the answer no longer than that. `false` when there is none yet: then the objects are told of it.
    /// After `true` it is a sight, or a failure.
    pub async fn look(&mut self, within: Duration) -> bool {
        let asked = self.partition.change(&self.id, |entry| {
            entry.awaited = true;
            if let Some(affair) = &mut entry.affair
                && affair.failed_look().is_some()
            {
                affair.failed = None;
            }
        });
        if asked.is_none() {
            return false;
        }
        tokio::time::timeout(within, self.partition.ask(&self.id)).await.is_ok()
    }

    /// Takes the token without which nothing is to be written. `false` when there is none: then the objects are told when it is
    /// their turn.
    #[must_use]
    pub fn take_turn(&mut self) -> bool {
        self.turn = self.partition.take_turn(&self.id);
        self.turn.is_some()
    }

    /// Makes the call that the permit is for, once. What AWS answers stands until a look shows it.
    ///
    /// # Errors
    ///
    /// When AWS refused, or gave no usable answer: then whether the call took effect is unknown until the next look.
    pub async fn write(&mut self, permit: Permit) -> Result<Answer, WriteError> {
        // Where too many hang there is no waiting for room: by then the permit would have run out.
        let Ok(_room) = self.partition.writes.try_acquire() else { return Err(WriteError::PermitExpired) };
        self.turn = None;
        let call = permit.call();
        let before = self.sight().and_then(|sight| sight.observation.backup().cloned());
        let result = self.partition.aws.write(permit).await.map(|answer| match &before {
            Some(before) => Answer { backup: answer.backup.filled_from(before), ..answer },
            None => answer,
        });
        let now = Instant::now();
        let resync = self.partition.settings.resync;
        let first = AFTER_WRITE.min(resync);
        match &result {
            Ok(answer) => {
                self.partition.bucket.succeeded();
                let observation = Observation::Found(Box::new(answer.backup.clone()));
                self.partition.change(&self.id, |entry| {
                    entry.shown = Some(Shown::of(&observation));
                    entry.sight = Some(Box::new(Sight { observation, source: Source::Answer }));
                    let affair = entry.affair();
                    affair.unshown = before.map(|before| {
                        let unshown = Unshown { call, before, answer: answer.backup.clone(), recalled: false };
                        Box::new((unshown, now))
                    });
                    affair.deed = Some(deed(&answer.backup));
                    affair.wrote = Some(now);
                    affair.follow_up = Some((now + first, first));
                    affair.uncertain = None;
                    if answer.backup.state != BackupState::PendingDeletion {
                        affair.refused = None;
                    }
                    affair.recover();
                });
            }
            Err(WriteError::Failed(failure)) => {
                if failure.class == FailureClass::Throttled {
                    self.partition.back_off(failure.class);
                }
                let end = before.as_ref().and_then(|backup| backup.delete_timestamp);
                let refused = call == Call::RestoreBackup
                    && failure.class == FailureClass::InvalidRequest
                    && is_past(end, self.partition.clock.now());
                self.partition.change(&self.id, |entry| {
                    let affair = entry.affair();
                    affair.wrote = Some(now);
                    if refused {
                        affair.refused = Some(now);
                    }
                    if let (FailureClass::AwsUnavailable, Some(before)) = (failure.class, before) {
                        let uncertain = Uncertain { call, before, failure: failure.clone(), since: now };
                        affair.uncertain = Some(Box::new(uncertain));
                        affair.follow_up = Some((now + first, first));
                    }
                    affair.note(failure, call, resync);
                });
            }
            Err(WriteError::PermitExpired) => {}
        }
        result
    }

    /// What was to be written is done, or no longer wanted: the failure of a write keeps nothing waiting.
    pub fn settle(&mut self) {
        self.change_affair(|affair| {
            if affair.failed_write().is_some() {
                affair.recover();
            }
        });
    }

    /// The write whose answer was lost and whose effect the last look shows, once.
    pub fn found_effect(&mut self) -> Option<Uncertain> {
        let found = self.partition.change(&self.id, |entry| {
            let shown = entry.sight.as_ref().and_then(|sight| sight.observation.backup());
            let affair = entry.affair.as_mut()?;
            let write = affair.uncertain.as_ref()?;
            let found = shown.is_some_and(|shown| write.has_effect(shown));
            if !found && shown.is_some_and(|shown| shown.state == write.before.state) && write.is_young() {
                return None;
            }
            affair.uncertain.take().filter(|_| found)
        });
        found.flatten().map(|write| *write)
    }

    /// The objects know all that was seen. `again` when they want to be told of the next look, even if it shows the same.
    pub fn rest(&mut self, again: bool) {
        self.partition.change(&self.id, |entry| {
            entry.awaited |= again;
            entry.sight = None;
        });
    }
}

impl Affair {
    fn note(&mut self, failure: &Failure, call: Call, resync: Duration) {
        self.tries = self.tries.saturating_add(1);
        let wait = backoff::delay(failure.class, self.tries, resync, fastrand::f64());
        let now = Instant::now();
        self.failed = Some(Failed { failure: failure.clone(), write: Some(call), sent: now, until: now + wait });
    }
}
