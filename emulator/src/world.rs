//! Everything that calls and the control API read and change. One lock guards it, so each call is decided at once.

use crate::backup::{Backup, DELETED};
use crate::behaviour::Behaviour;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::history::History;
use crate::ids::Ids;
use crate::journal::Journal;
use crate::pages::Listings;
use crate::store::Store;
use crate::throttle::Throttle;
use crate::time::Millis;
use std::sync::Arc;
use std::time::SystemTime;

/// The state of the emulator.
pub(crate) struct World {
    clock: Arc<dyn Clock>,
    /// What the control API added to the clock, in milliseconds.
    offset: i64,
    pub(crate) backups: Store,
    behaviour: Behaviour,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) listings: Listings,
    pub(crate) throttle: Throttle,
    pub(crate) ids: Ids,
}

impl World {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            offset: 0,
            backups: Store::default(),
            behaviour: Behaviour::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            listings: Listings::default(),
            throttle: Throttle::default(),
            ids: Ids::default(),
        }
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new(Arc::clone(&self.clock));
    }

    pub(crate) fn real_time(&self) -> SystemTime {
        self.clock.now()
    }

    /// The time by the control clock.
    pub(crate) fn now(&self) -> Millis {
        Millis::of(self.clock.now()).plus(self.offset)
    }

    /// Moves the control clock to where `to` says, given where it is; what time has brought about until now stands.
    /// Answers none, and changes nothing, where `to` does.
    pub(crate) fn move_clock(&mut self, to: impl FnOnce(Millis) -> Option<Millis>) -> Option<Millis> {
        let now = self.settle();
        let target = to(now)?;
        self.offset = self.offset.saturating_add(target.get().saturating_sub(now.get()));
        Some(target)
    }

    pub(crate) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// A new behaviour; what shows by now stays shown even if the lag grows.
    pub(crate) fn behave(&mut self, behaviour: Behaviour) {
        self.settle();
        self.behaviour = behaviour;
    }

    /// Brings all backups up to now.
    pub(crate) fn settle(&mut self) -> Millis {
        let now = self.now();
        self.backups.settle(now, self.behaviour.describe_lag);
        now
    }

    /// Whether AWS calls take this backup for unknown.
    pub(crate) fn hides(&self, backup: &Backup) -> bool {
        self.behaviour.purged_absent && backup.is(DELETED)
    }

    /// A backup as an AWS call other than DescribeBackups sees it.
    pub(crate) fn known(&mut self, scope: &crate::backup::Scope, id: &str) -> Option<(Millis, Arc<Backup>)> {
        let (now, lag) = (self.now(), self.behaviour.describe_lag);
        let history = self.backups.get_mut(scope, id)?;
        history.settle(now, lag);
        let backup = Arc::clone(history.truth());
        (!self.hides(&backup)).then_some((now, backup))
    }

    /// Makes a change that an AWS call asked for.
    pub(crate) fn change(&mut self, scope: &crate::backup::Scope, now: Millis, backup: Backup) {
        match self.backups.get_mut(scope, &backup.id) {
            Some(history) => history.change(now, backup),
            None => self.backups.put(scope, History::made(backup, now)),
        }
    }
}
