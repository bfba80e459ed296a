//! What AWS shows, scope by scope, and what this process knows beyond: its own writes that no look has shown yet, refusals and
//! failures.
//!
//! Each scope is swept once per resync interval, and objects are told of what has changed and of nothing else. In between, AWS is
//! looked at for those who ask. All requests of a scope go through one token bucket, and all objects that name one backup share one
//! entry, which one pass at a time holds.

mod asks;
mod bucket;
mod entry;
mod held;
mod partition;
mod sweep;
mod turns;

pub use entry::{Failed, Shown, Uncertain};
pub use held::Held;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use tokio::task::AbortHandle;

use self::{
    entry::{AFTER_WRITE, deed},
    partition::Partition,
};
use crate::{
    aws::Aws,
    backup::{AccountId, BackupId, Region, Scope},
    clock::Clock,
    lag::Unshown,
    liveness::Liveness,
    metrics::Metrics,
};

/// How many requests may be sent to AWS, per account and region.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    /// So many at once after a rest.
    pub burst: u32,
    /// So many per second in the long run.
    pub per_second: f64,
}

/// What the inventory is told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often each scope is swept.
    pub resync: Duration,
    /// How many requests may be sent.
    pub rate: Rate,
}

impl Settings {
    /// Whether a time is more than three resync intervals ago: what was seen then says nothing any more.
    fn is_long_ago(&self, time: Instant) -> bool {
        time.elapsed() > self.resync * 3
    }
}

/// Objects that name this backup have something to do: AWS shows something new, or a failure is to be shown, or it is their turn.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Changed {
    /// Where.
    pub scope: Scope,
    /// Of which backup.
    pub backup_id: BackupId,
}

/// The backups this process has to do with.
pub struct Inventory {
    aws: Aws,
    clock: Clock,
    metrics: Metrics,
    liveness: Liveness,
    settings: Settings,
    started: Instant,
    changed: UnboundedSender<Changed>,
    partitions: Mutex<Partitions>,
}

#[derive(Default)]
struct Partitions {
    by_scope: HashMap<Scope, (Arc<Partition>, Option<AbortHandle>)>,
    looking: bool,
}

impl Inventory {
    /// Knows nothing yet, and looks at nothing by itself before [`Self::start`]. The receiver is told of what changes.
    #[must_use]
    pub fn new(
        aws: Aws,
        clock: Clock,
        metrics: Metrics,
        liveness: Liveness,
        settings: Settings,
    ) -> (Self, UnboundedReceiver<Changed>) {
        let (changed, told) = unbounded();
        let started = Instant::now();
        let inventory =
            Self { aws, clock, metrics, liveness, settings, started, changed, partitions: Mutex::default() };
        (inventory, told)
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partition(&self, scope: &Scope) -> Arc<Partition> {
        let mut partitions = self.partitions();
        let looking = partitions.looking;
        let (partition, _) = partitions.by_scope.entry(scope.clone()).or_insert_with(|| {
            let Self { aws, clock, metrics, liveness, settings, changed, .. } = self;
            let (aws, clock, metrics, liveness) = (aws.clone(), clock.clone(), metrics.clone(), liveness.clone());
            let partition =
                Arc::new(Partition::new(scope.clone(), aws, clock, metrics, liveness, *settings, changed.clone()));
            // Objects that come later ask by themselves, so that the first sweep may wait.
            let task =
                looking.then(|| tokio::spawn(Arc::clone(&partition).keep_looking(settings.resync)).abort_handle());
            (partition, task)
        });
        Arc::clone(partition)
    }

    /// A scope in which there is something.
    fn known(&self, scope: &Scope) -> Option<Arc<Partition>> {
        self.partitions().by_scope.get(scope).map(|(partition, _)| Arc::clone(partition))
    }

    /// Begins to sweep.
    pub fn start(&self) {
        let mut partitions = self.partitions();
        partitions.looking = true;
        for (partition, task) in partitions.by_scope.values_mut() {
            task.get_or_insert_with(|| tokio::spawn(Arc::clone(partition).keep_looking(Duration::ZERO)).abort_handle());
        }
    }

    /// Looks at nothing by itself any more.
    pub fn stop(&self) {
        let mut partitions = self.partitions();
        partitions.looking = false;
        for (_, task) in partitions.by_scope.values_mut() {
            if let Some(task) = task.take() {
                task.abort();
            }
        }
    }

    /// The region for objects that name none.
    pub async fn default_region(&self) -> Option<Region> {
        self.aws.default_region().await
    }

    /// The account that a scope's credentials belong to, where that is known or can be asked for.
    pub async fn account(&self, scope: &Scope) -> Option<AccountId> {
        self.aws.account(scope).await
    }

    /// An object names this backup: from now on it is swept.
    pub fn track(&self, scope: &Scope, id: &BackupId) {
        self.partition(scope).entries().track(id);
    }

    /// An object wants to be told of the next look whatever it shows, and if it fails.
    pub fn await_next(&self, scope: &Scope, id: &BackupId) {
        if let Some(partition) = self.known(scope) {
            partition.change(id, |entry| entry.awaited = true);
        }
    }

    /// Takes up a write of the process before this one, made `age` ago, unless this process knows better. A standby hears of one after the
    /// other, and the last counts.
    pub fn recall(&self, scope: &Scope, id: &BackupId, unshown: Unshown, age: Duration) {
        let (Some(since), Some(partition)) = (Instant::now().checked_sub(age), self.known(scope)) else { return };
        partition.change(id, |entry| {
            // Statuses have whole seconds.
            let older = |held: &(Unshown, Instant)| held.0.recalled && held.1 <= since + Duration::from_secs(1);
            if entry.looked.is_none() && entry.affair().unshown.as_deref().is_none_or(older) {
                let affair = entry.affair();
                affair.deed = Some(deed(&unshown.answer));
                affair.unshown = Some(Box::new((unshown, since)));
                affair.follow_up = Some((Instant::now() + AFTER_WRITE, AFTER_WRITE));
            }
        });
    }

    /// Forgets a backup that no object names any more, but for what must outlive the object: a write not shown yet, a refusal.
    pub fn forget(&self, scope: &Scope, id: &BackupId) {
        let Some(partition) = self.known(scope) else { return };
        let left = partition.entries().untrack(id);
        if left == 0 {
            self.metrics.sweep_gone(scope);
            self.leave(scope);
        }
    }

    /// Lets go of a scope in which nothing is left: whoever may create objects may name any number of regions.
    fn leave(&self, scope: &Scope) {
        let mut partitions = self.partitions();
        if partitions.by_scope.get(scope).is_some_and(|(partition, _)| partition.entries().by_id.is_empty()) {
            if let Some((_, Some(task))) = partitions.by_scope.remove(scope) {
                task.abort();
            }
            self.aws.leave(scope);
        }
    }

    /// Takes hold of a backup, waiting for the pass that holds it.
    pub async fn hold(&self, scope: &Scope, id: &BackupId) -> Held {
        let partition = self.partition(scope);
        let hold = Some(partition.hold(id).await);
        Held { partition, id: *id, hold, turn: None }
    }

    /// Whether the process is older than three resync intervals.
    #[must_use]
    pub fn is_old(&self) -> bool {
        self.settings.is_long_ago(self.started)
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
