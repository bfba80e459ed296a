//! All that is known of one scope, and the one way of asking AWS about it. Scopes share nothing, so that none slows another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use futures::channel::mpsc::UnboundedSender;
use tokio::sync::{Notify, OwnedMutexGuard, Semaphore};

use super::{
    Changed, Settings,
    asks::Asks,
    bucket::{Bucket, Class},
    entry::{Entry, Sent},
    turns::Turns,
};
use crate::{
    aws::{Aws, Listing, LookFailed, Progress},
    backoff,
    backup::{Backup, BackupId, FailureClass, Observation, Scope},
    clock::Clock,
    liveness::Liveness,
    metrics::Metrics,
};

/// How many writes of a scope are under way at once: a scope in which they hang shall leave room for the passes of others.
const WRITES: usize = 32;

/// After so many failures in a row AWS is asked about no id at all: where that fails too it isn't about single ids.
const FRUITLESS: usize = 5;

/// One scope.
pub(super) struct Partition {
    pub(super) scope: Scope,
    pub(super) aws: Aws,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) liveness: Liveness,
    pub(super) settings: Settings,
    pub(super) started: Instant,
    pub(super) bucket: Arc<Bucket>,
    pub(super) asks: Asks,
    pub(super) turns: Turns,
    pub(super) writes: Semaphore,
    /// Something is to be looked at that doesn't wait for the next sweep.
    pub(super) arrived: Notify,
    entries: Mutex<Entries>,
    changed: UnboundedSender<Changed>,
}

/// The backups, and when to look at those that don't wait for the next sweep.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) by_id: HashMap<BackupId, Entry>,
    /// Of entries that are there, and of no others: what is due and can't be looked at would be due for ever.
    pub(super) follow_ups: HashMap<BackupId, Instant>,
    /// How many are named by objects.
    tracked: usize,
}

impl Entries {
    /// An object names this backup.
    pub(super) fn track(&mut self, id: &BackupId) {
        let entry = self.by_id.entry(*id).or_default();
        if !std::mem::replace(&mut entry.tracked, true) {
            self.tracked += 1;
        }
    }

    /// Whether no object names any.
    pub(super) fn is_deserted(&self) -> bool {
        self.tracked == 0
    }

    /// No object names it any more. Returns how many are left.
    pub(super) fn untrack(&mut self, id: &BackupId) -> usize {
        if let Some(entry) = self.by_id.get_mut(id) {
            if std::mem::take(&mut entry.tracked) {
                self.tracked = self.tracked.saturating_sub(1);
            }
            if entry.is_forgettable() {
                self.by_id.remove(id);
                self.follow_ups.remove(id);
            }
        }
        self.tracked
    }

    /// Lets go of what nobody needs any more.
    pub(super) fn tidy(&mut self) {
        let Self { by_id, follow_ups, .. } = self;
        by_id.retain(|id, entry| {
            entry.tidy();
            let needed = !entry.is_forgettable();
            if !needed {
                follow_ups.remove(id);
            }
            needed
        });
    }
}

/// How a look went.
pub(super) enum Looked {
    /// AWS answered, for all ids or all but single ones.
    Well,
    /// It failed for reasons that concern the whole scope.
    Failed(LookFailed, Sent),
}

impl Partition {
    pub(super) fn new(
        scope: Scope,
        aws: Aws,
        clock: Clock,
        metrics: Metrics,
        liveness: Liveness,
        settings: Settings,
        changed: UnboundedSender<Changed>,
    ) -> Self {
        Self {
            scope,
            aws,
            clock,
            metrics,
            liveness,
            started: Instant::now(),
            bucket: Arc::new(Bucket::new(settings.rate)),
            settings,
            asks: Asks::default(),
            turns: Turns::default(),
            writes: Semaphore::new(WRITES),
            arrived: Notify::new(),
            entries: Mutex::default(),
            changed,
        }
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads an entry.
    pub(super) fn read<T>(&self, id: &BackupId, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.entries().by_id.get(id).map(read)
    }

    /// Changes an entry that is there, after which it may be due for a look at another time.
    pub(super) fn change<T>(&self, id: &BackupId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.entries();
        let Some(entry) = entries.by_id.get_mut(id) else {
            entries.follow_ups.remove(id);
            return None;
        };
        let result = change(entry);
        match entry.next_look() {
            Some(due) => {
                if entries.follow_ups.insert(*id, due) != Some(due) {
                    self.arrived.notify_one();
                }
            }
            None => {
                entries.follow_ups.remove(id);
            }
        }
        Some(result)
    }

    /// Tells that the objects which name the backup have something to do.
    pub(super) fn tell(&self, id: &BackupId) {
        // It fails only when nothing runs any more.
        let _ = self.changed.unbounded_send(Changed { scope: self.scope.clone(), backup_id: *id });
    }

    /// Takes hold of a backup, waiting for the pass that holds it.
    pub(super) async fn hold(&self, id: &BackupId) -> OwnedMutexGuard<()> {
        let hold = Arc::clone(self.entries().by_id.entry(*id).or_default().hold.get_or_insert_default());
        hold.lock_owned().await
    }

    /// Asks AWS for these backups (the first request has its token) and tells those concerned. Where one id spoils the answer for
    /// all it is found, and the others get theirs.
    pub(super) async fn look(&self, ids: Vec<BackupId>, class: Class) -> Looked {
        let (failed, sent) = match self.list(&ids).await {
            Ok(()) => return Looked::Well,
            Err(error) => error,
        };
        if failed.may_be_one_id && ids.len() > 1 {
            return self.isolate(ids, failed, sent, class).await;
        }
        // One that is known to be bad says nothing about the scope.
        let known = ids.first().is_some_and(|id| self.read(id, |entry| entry.alone).unwrap_or_default());
        self.fail(&ids, &failed, sent);
        if known && failed.may_be_one_id {
            return Looked::Well;
        }
        // The back-off of what AWS refuses is long, and the scope's.
        let refused = failed.failure.class == FailureClass::InvalidRequest && failed.may_be_one_id;
        if refused && self.is_answering(class).await {
            self.set_alone(&ids, &failed);
            return Looked::Well;
        }
        self.back_off(failed.failure.class);
        Looked::Failed(failed, sent)
    }

    pub(super) fn set_alone(&self, ids: &[BackupId], failed: &LookFailed) {
        tracing::warn!(backups = ?ids, region = %self.scope.region, error = %failed, "a look fails because of one backup; it is looked at alone from now on");
        for id in ids {
            self.change(id, |entry| entry.alone = true);
        }
    }

    /// Whether AWS answers where no single id can be the cause of a failure: a page of all that the scope holds.
    pub(super) async fn is_answering(&self, class: Class) -> bool {
        self.bucket.take(class).await;
        let mut listing = Listing::all();
        let answers = self.aws.read_on(&self.scope, &mut listing).await.is_ok();
        if answers {
            self.bucket.succeeded();
        }
        answers
    }

    /// Halves what fails until the bad ids are alone, however many they are, for as long as AWS gives good answers in between.
    async fn isolate(&self, ids: Vec<BackupId>, failed: LookFailed, sent: Sent, class: Class) -> Looked {
        let mut fruitless = 1;
        let mut suspects = vec![(ids, failed, sent)];
        while let Some((ids, failed, sent)) = suspects.pop() {
            if ids.len() == 1 {
                self.set_alone(&ids, &failed);
                self.fail(&ids, &failed, sent);
                continue;
            }
            let (front, back) = ids.split_at(ids.len() / 2);
            let mut bad = Vec::new();
            for half in [back, front] {
                self.bucket.take(class).await;
                match self.list(half).await {
                    Ok(()) => fruitless = 0,
                    Err((failed, sent)) => {
                        fruitless += 1;
                        bad.push((half.to_vec(), failed, sent));
                    }
                }
            }
            let other = bad.iter().any(|(_, failed, _)| !failed.may_be_one_id);
            suspects.append(&mut bad);
            if !other && fruitless >= FRUITLESS && self.is_answering(class).await {
                fruitless = 0;
            }
            if other || fruitless >= FRUITLESS {
                let Some((_, last, sent)) = suspects.last().cloned() else { break };
                for (ids, failed, sent) in suspects {
                    self.fail(&ids, &failed, sent);
                }
                self.back_off(last.failure.class);
                return Looked::Failed(last, sent);
            }
        }
        Looked::Well
    }

    /// One listing, all of its pages.
    async fn list(&self, ids: &[BackupId]) -> Result<(), (LookFailed, Sent)> {
        let sent = self.sent();
        let mut listing = Listing::of(ids.to_vec());
        loop {
            match self.aws.read_on(&self.scope, &mut listing).await {
                Ok(Progress::Complete) => break,
                // The answer is half there: it goes before others.
                Ok(Progress::More) => self.bucket.take(Class::Asked).await,
                Err(failed) => return Err((failed, sent)),
            }
        }
        self.bucket.succeeded();
        let refused = listing.is_refused();
        let mut found: HashMap<BackupId, Backup> =
            listing.take_found().into_iter().map(|backup| (backup.id, backup)).collect();
        for id in ids {
            let observation =
                found.remove(id).map_or(Observation::NotFound, |backup| Observation::Found(Box::new(backup)));
            self.saw(id, observation, sent);
            if refused {
                // Good news for itself, but not for those who are asked for along with it.
                self.change(id, |entry| entry.alone = true);
            }
        }
        Ok(())
    }

    pub(super) fn sent(&self) -> Sent {
        Sent { at: Instant::now(), time: self.clock.now() }
    }

    /// Takes in what a look shows of one backup, and tells those concerned.
    pub(super) fn saw(&self, id: &BackupId, observation: Observation, sent: Sent) {
        if self.change(id, |entry| entry.saw(observation, sent)) == Some(true) {
            self.tell(id);
        }
    }

    fn fail(&self, ids: &[BackupId], failed: &LookFailed, sent: Sent) {
        for id in ids {
            if self.change(id, |entry| entry.look_failed(&failed.failure, sent.at, self.is_stale(entry))) == Some(true)
            {
                self.tell(id);
            }
        }
    }

    /// The backups that AWS couldn't be asked about because it fails for the whole scope, and whose last good look gets too old.
    pub(super) fn fail_stale(&self, failed: &LookFailed, sent: Sent) {
        let stale: Vec<BackupId> = {
            let entries = self.entries();
            let stale = entries.by_id.iter().filter(|(_, entry)| !entry.awaited && self.is_stale(entry));
            stale.map(|(id, _)| *id).collect()
        };
        self.fail(&stale, failed, sent);
    }

    /// Whether the last good look, or the beginning, is older than three resync intervals.
    pub(super) fn is_stale(&self, entry: &Entry) -> bool {
        self.settings.is_long_ago(entry.looked.unwrap_or(self.started))
    }

    /// AWS fails or throttles in this way: then nobody sends for a while.
    pub(super) fn back_off(&self, class: FailureClass) {
        self.bucket.failed(class == FailureClass::Throttled, |tries| {
            backoff::delay(class, tries, self.settings.resync, fastrand::f64())
        });
    }
}
