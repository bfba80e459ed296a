//! What AWS shows, backup by backup, and what this process knows beyond: its own writes that no look has shown yet, refusals,
//! failures and when to try again. All objects that name one backup share one entry, and one pass at a time holds it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

use crate::{
    aws::{Answer, Aws, WriteError},
    backoff,
    backup::{AccountId, Backup, BackupId, BackupState, Call, Failure, FailureClass, Observation, Region, Scope},
    clock::Clock,
    decide::{Permit, Sight, Source, is_past},
    lag::{LAG, Unshown, interpret},
};

/// How long after AWS refused to restore a backup whose time is past it isn't asked again.
const REFUSAL: Duration = Duration::from_secs(3600);

/// How soon to look again after a write of our own, until a look has shown it.
const AFTER_WRITE: Duration = Duration::from_secs(2);

type Key = (Scope, BackupId);

/// The backups this process has to do with.
pub struct Inventory {
    aws: Aws,
    clock: Clock,
    resync: Duration,
    started: Instant,
    entries: Mutex<HashMap<Key, Arc<AsyncMutex<Entry>>>>,
}

/// What is known of one backup.
#[derive(Default)]
struct Entry {
    sight: Option<Sight>,
    /// When AWS last gave a good answer.
    looked: Option<Instant>,
    next_look: Option<Instant>,
    unshown: Option<(Unshown, Instant)>,
    uncertain: Option<Uncertain>,
    refused: Option<Instant>,
    failed: Option<Failed>,
    /// Failures in a row.
    tries: u32,
}

/// A write whose answer was lost: whether it took effect, a look must tell.
pub struct Uncertain {
    /// The call.
    pub call: Call,
    /// What AWS showed before it.
    pub before: Backup,
    /// How its answer failed.
    pub failure: Failure,
    since: Instant,
}

/// A call that failed, and when the next one may go.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The failure.
    pub failure: Failure,
    /// The write it was; `None` for a look.
    pub write: Option<Call>,
    /// When to try again.
    pub until: Instant,
}

/// One backup, held for the time of one pass over an object.
pub struct Held<'a> {
    inventory: &'a Inventory,
    scope: Scope,
    id: BackupId,
    entry: OwnedMutexGuard<Entry>,
}

impl Inventory {
    /// Knows nothing yet. `resync` is how often each backup is looked at.
    #[must_use]
    pub fn new(aws: Aws, clock: Clock, resync: Duration) -> Self {
        Self { aws, clock, resync, started: Instant::now(), entries: Mutex::default() }
    }

    /// The region for objects that name none.
    pub async fn default_region(&self) -> Option<Region> {
        self.aws.default_region().await
    }

    /// The account that a scope's credentials belong to, where that is known or can be asked for.
    pub async fn account(&self, scope: &Scope) -> Option<AccountId> {
        self.aws.account(scope).await
    }

    /// Takes hold of a backup, waiting for the pass that holds it.
    pub async fn hold(&self, scope: &Scope, id: &BackupId) -> Held<'_> {
        let entry = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entries.entry((scope.clone(), id.clone())).or_default())
        };
        Held { inventory: self, scope: scope.clone(), id: id.clone(), entry: entry.lock_owned().await }
    }

    /// Whether the process is older than three resync intervals.
    #[must_use]
    pub fn is_old(&self) -> bool {
        self.is_long_ago(None)
    }

    fn is_long_ago(&self, looked: Option<Instant>) -> bool {
        looked.unwrap_or(self.started).elapsed() > self.resync * 3
    }

    /// Forgets a backup that no object names any more, but for what must outlive the object: a write not shown yet, a refusal.
    pub fn forget(&self, scope: &Scope, id: &BackupId) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scope.clone(), id.clone());
        let forgettable = entries.get(&key).is_some_and(|entry| {
            Arc::strong_count(entry) == 1
                && entry.try_lock().is_ok_and(|entry| {
                    let lagging = entry.unshown.as_ref().is_some_and(|(_, since)| since.elapsed() < LAG);
                    !lagging && !entry.is_refused()
                })
        });
        if forgettable {
            entries.remove(&key);
        }
    }
}

impl Held<'_> {
    /// What was last seen.
    #[must_use]
    pub fn sight(&self) -> Option<&Sight> {
        self.entry.sight.as_ref()
    }

    /// Whether it is time for a routine look, or for another try after a failure.
    #[must_use]
    pub fn is_look_due(&self) -> bool {
        let next = self.entry.failed.as_ref().map(|failed| failed.until).or(self.entry.next_look);
        next.is_none_or(|next| next <= Instant::now())
    }

    /// The failure that keeps further calls waiting.
    #[must_use]
    pub fn failed(&self) -> Option<&Failed> {
        self.entry.failed.as_ref().filter(|failed| failed.until > Instant::now())
    }

    /// Somebody asks: no failure keeps the next call waiting any more.
    pub fn clear_backoff(&mut self) {
        self.entry.recover();
    }

    /// Takes up a write of the process before this one, made `age` ago, unless this process knows better.
    pub fn recall(&mut self, unshown: Unshown, age: Duration) {
        if self.entry.looked.is_none()
            && self.entry.unshown.is_none()
            && let Some(since) = Instant::now().checked_sub(age)
        {
            self.entry.unshown = Some((unshown, since));
        }
    }

    /// Whether this process has had a good look at the backup.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.entry.looked.is_some()
    }

    /// Whether the last good look, or the start of the process, is older than three resync intervals.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.inventory.is_long_ago(self.entry.looked)
    }

    /// Whether AWS refused within the last hour to restore the backup after its time.
    #[must_use]
    pub fn is_restore_refused(&self) -> bool {
        self.entry.is_refused()
    }

    /// How long until the next call may or should go.
    #[must_use]
    pub fn next(&self) -> Duration {
        let next = self.failed().map(|failed| failed.until).or(self.entry.next_look);
        next.map_or(self.inventory.resync, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Asks AWS. A look that shows exactly what was there before a write of ours counts as that write's answer.
    ///
    /// # Errors
    ///
    /// When AWS gave no usable answer; then nothing is known, and nothing is proved absent.
    pub async fn look(&mut self) -> Result<Sight, Failure> {
        let looked_at = self.inventory.clock.now();
        match self.inventory.aws.describe(&self.scope, &self.id).await {
            Ok(observation) => Ok(self.saw(observation, looked_at)),
            Err(failure) => {
                self.note(&failure, None);
                Err(failure)
            }
        }
    }

    fn saw(&mut self, observation: Observation, looked_at: jiff::Timestamp) -> Sight {
        let entry = &mut *self.entry;
        let age = entry.unshown.as_ref().map(|(_, since)| since.elapsed()).unwrap_or_default();
        let unshown = entry.unshown.as_ref().map(|(unshown, _)| unshown);
        let (sight, still_unshown) = interpret(unshown, age, observation, looked_at);
        if !still_unshown {
            entry.unshown = None;
        }
        if entry.failed.as_ref().is_some_and(|failed| failed.write.is_none()) {
            entry.recover();
        }
        entry.looked = Some(Instant::now());
        let routine = backoff::resync(self.inventory.resync, fastrand::f64());
        let soon = still_unshown || entry.uncertain.as_ref().is_some_and(|write| write.since.elapsed() < LAG);
        let wait = if soon { AFTER_WRITE.min(routine) } else { routine };
        entry.next_look = Some(Instant::now() + wait);
        entry.sight = Some(sight.clone());
        sight
    }

    /// Makes the call that the permit is for, once. What AWS answers stands until a look shows it.
    ///
    /// # Errors
    ///
    /// When AWS refused, or gave no usable answer: then whether the call took effect is unknown until the next look.
    pub async fn write(&mut self, permit: Permit) -> Result<Answer, WriteError> {
        let call = permit.call();
        let before = self.entry.sight.as_ref().and_then(|sight| sight.observation.backup().cloned());
        let result = self.inventory.aws.write(permit).await.map(|answer| match &before {
            Some(before) => Answer { backup: answer.backup.filled_from(before), ..answer },
            None => answer,
        });
        match &result {
            Ok(answer) => {
                let entry = &mut *self.entry;
                let observation = Observation::Found(Box::new(answer.backup.clone()));
                entry.sight = Some(Sight { observation, source: Source::Answer });
                entry.unshown = before.map(|before| {
                    (Unshown { call, before, answer: answer.backup.clone(), recalled: false }, Instant::now())
                });
                entry.next_look = Some(Instant::now() + AFTER_WRITE.min(self.inventory.resync));
                entry.uncertain = None;
                entry.recover();
            }
            Err(WriteError::Failed(failure)) => {
                let end = before.as_ref().and_then(|backup| backup.delete_timestamp);
                if call == Call::RestoreBackup
                    && failure.class == FailureClass::InvalidRequest
                    && is_past(end, self.inventory.clock.now())
                {
                    self.entry.refused = Some(Instant::now());
                }
                if let (FailureClass::AwsUnavailable, Some(before)) = (failure.class, before) {
                    self.entry.uncertain =
                        Some(Uncertain { call, before, failure: failure.clone(), since: Instant::now() });
                }
                self.note(failure, Some(call));
            }
            Err(WriteError::PermitExpired) => {}
        }
        result
    }

    /// What was to be written is done, or no longer wanted: the failure of a write keeps nothing waiting.
    pub fn settle(&mut self) {
        if self.entry.failed.as_ref().is_some_and(|failed| failed.write.is_some()) {
            self.entry.recover();
        }
    }

    /// The write whose answer was lost and whose effect the last look shows, once.
    pub fn found_effect(&mut self) -> Option<Uncertain> {
        let shown = self.entry.sight.as_ref().and_then(|sight| sight.observation.backup());
        let write = self.entry.uncertain.as_ref()?;
        let found = shown.is_some_and(|shown| write.has_effect(shown));
        let unchanged = shown.is_some_and(|shown| shown.state == write.before.state) && write.since.elapsed() < LAG;
        if !found && unchanged {
            return None;
        }
        self.entry.uncertain.take().filter(|_| found)
    }

    fn note(&mut self, failure: &Failure, write: Option<Call>) {
        let entry = &mut *self.entry;
        entry.tries = entry.tries.saturating_add(1);
        let wait = backoff::delay(failure.class, entry.tries, self.inventory.resync, fastrand::f64());
        entry.failed = Some(Failed { failure: failure.clone(), write, until: Instant::now() + wait });
    }
}

impl Uncertain {
    fn has_effect(&self, shown: &Backup) -> bool {
        match self.call {
            Call::DeleteBackup => shown.state == BackupState::PendingDeletion,
            Call::RestoreBackup => shown.state == BackupState::Ready,
            Call::ModifyBackupAttributes { never_expires } => shown.never_expires == Some(never_expires),
        }
    }
}

impl Entry {
    fn recover(&mut self) {
        self.failed = None;
        self.tries = 0;
    }

    fn is_refused(&self) -> bool {
        let closed = self.sight.as_ref().and_then(|sight| sight.observation.backup()).is_none_or(|backup| {
            // A backup that came back and was deleted anew has another window.
            backup.state == BackupState::PendingDeletion
        });
        closed && self.refused.is_some_and(|at| at.elapsed() < REFUSAL)
    }
}
