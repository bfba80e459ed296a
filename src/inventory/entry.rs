//! What is known of one backup. Ten thousands of these are held, so what only few need is elsewhere.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::turns::KEPT;
use crate::{
    backup::{Backup, BackupState, Call, Failure, Observation},
    decide::{Sight, Source},
    lag::{LAG, Unshown, interpret},
};

/// How soon to look again after a write of our own; twice as long each time that it isn't shown yet.
pub(super) const AFTER_WRITE: Duration = Duration::from_secs(2);

/// How long after AWS refused to restore a backup whose time is past it isn't asked again.
const REFUSAL: Duration = Duration::from_secs(3600);

/// What AWS showed, as a number: whether it shows the same again can be told without keeping it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown(u64);

impl Shown {
    /// Of an observation. The numbers of one process mean nothing to another.
    #[must_use]
    pub fn of(observation: &Observation) -> Self {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(HASHER.hash_one(observation))
    }
}

/// What is known of one backup.
#[derive(Default)]
pub(super) struct Entry {
    /// What its objects have last been told.
    pub(super) shown: Option<Shown>,
    /// When the last good look was sent.
    pub(super) looked: Option<Instant>,
    /// What it showed, from the time that objects are told until they are done with it.
    pub(super) sight: Option<Box<Sight>>,
    /// Its objects are to be told of the next look, whatever it shows.
    pub(super) awaited: bool,
    /// The last good look showed it.
    pub(super) is_there: bool,
    /// A look that asks for it fails, and is made for it alone.
    pub(super) alone: bool,
    /// An object names it.
    pub(super) tracked: bool,
    /// Held by the pass at work on it.
    pub(super) hold: Option<Arc<tokio::sync::Mutex<()>>>,
    /// What is going on.
    pub(super) affair: Option<Box<Affair>>,
}

/// What is going on with a backup.
#[derive(Default)]
pub(super) struct Affair {
    /// A write that AWS accepted and no look has shown yet.
    pub(super) unshown: Option<Box<(Unshown, Instant)>>,
    pub(super) uncertain: Option<Box<Uncertain>>,
    /// What the last write made of it, as far as that is known.
    pub(super) deed: Option<Deed>,
    /// When AWS refused to restore it.
    pub(super) refused: Option<Instant>,
    pub(super) failed: Option<Failed>,
    /// Failures in a row.
    pub(super) tries: u32,
    /// When to look again after a write, and after how long a wait.
    pub(super) follow_up: Option<(Instant, Duration)>,
    /// When the last write was over: looks sent before it are of the past.
    pub(super) wrote: Option<Instant>,
    /// Since when a token for a write is at hand.
    pub(super) turn: Option<Instant>,
}

/// What writes change of a backup.
pub(super) type Deed = (BackupState, Option<Timestamp>, Option<bool>);

/// What writes change, of this backup.
pub(super) fn deed(backup: &Backup) -> Deed {
    (backup.state.clone(), backup.delete_timestamp, backup.never_expires)
}

/// A write whose answer was lost: whether it took effect, a look must tell.
#[derive(Clone)]
pub struct Uncertain {
    /// The call.
    pub call: Call,
    /// What AWS showed before it.
    pub before: Backup,
    /// How its answer failed.
    pub failure: Failure,
    pub(super) since: Instant,
}

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The failure.
    pub failure: Failure,
    /// The write it was; `None` for a look.
    pub write: Option<Call>,
    /// When it was sent.
    pub sent: Instant,
    /// When a write may be tried again. The next look comes by itself.
    pub until: Instant,
}

/// When a look was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) time: Timestamp,
}

impl Entry {
    pub(super) fn affair(&mut self) -> &mut Affair {
        self.affair.get_or_insert_default()
    }

    /// Takes in what a look shows. Returns whether its objects are to be told.
    pub(super) fn saw(&mut self, observation: Observation, sent: Sent) -> bool {
        if !self.is_news(sent.at) {
            return false;
        }
        self.looked = Some(sent.at);
        self.alone = false;
        self.is_there = observation.backup().is_some();
        // What is going on waits for looks that show the same, too.
        let open = self.affair.as_ref().is_some_and(|affair| affair.uncertain.is_some() || affair.unshown.is_some());
        let sight = match &mut self.affair {
            Some(affair) => affair.saw(observation, sent),
            None => Sight { observation, source: Source::Look(sent.time) },
        };
        let shown = Some(Shown::of(&sight.observation));
        let settled = open && matches!(sight.source, Source::Look(_));
        let tell = self.awaited || settled || self.shown != shown;
        self.awaited = false;
        if tell || self.sight.is_some() {
            self.sight = Some(Box::new(sight));
        }
        self.shown = shown;
        tell
    }

    /// Whether a look sent then isn't older than what is known.
    fn is_news(&self, sent: Instant) -> bool {
        let wrote = self.affair.as_ref().and_then(|affair| affair.wrote);
        self.looked.is_none_or(|looked| looked <= sent) && wrote.is_none_or(|wrote| wrote <= sent)
    }

    /// A look failed. Returns whether its objects are to be told: where one waits for it, or its last good look is too long ago.
    pub(super) fn look_failed(&mut self, failure: &Failure, sent: Instant, stale: bool) -> bool {
        if self.alone
            && let Some(affair) = &mut self.affair
        {
            // No back-off of the scope keeps the next look waiting.
            affair.wait_on();
        }
        if !self.is_news(sent) || !(self.awaited || stale) {
            return false;
        }
        let same = |failed: &Failed| failed.failure.is_like(failure);
        let told = self.affair.as_ref().and_then(|affair| affair.failed_look()).is_some_and(same);
        self.awaited = true;
        let failed = Failed { failure: failure.clone(), write: None, sent, until: sent };
        self.affair().failed = Some(failed);
        !told
    }

    /// Until when AWS, which refused to restore it after its time, isn't asked again.
    pub(super) fn refused_until(&self) -> Option<Instant> {
        self.affair.as_ref()?.refused.map(|at| at + REFUSAL)
    }

    /// Whether AWS refused within the last hour to restore it after its time.
    pub(super) fn is_refused(&self) -> bool {
        self.refused_until().is_some_and(|until| until > Instant::now())
    }

    /// When it is to be looked at before the next sweep: after a write, or at once where a look failed (the back-off is the scope's).
    pub(super) fn next_look(&self) -> Option<Instant> {
        let affair = self.affair.as_ref()?;
        let failed = affair.failed_look().filter(|_| !self.alone);
        failed.map(|failed| failed.sent).or(affair.follow_up.map(|(at, _)| at))
    }

    /// Whether nobody needs it: no object names it, no pass is at work on it, and nothing must outlive the object.
    pub(super) fn is_forgettable(&self) -> bool {
        let unshown = self.affair.as_ref().and_then(|affair| affair.unshown.as_ref());
        let lagging = unshown.is_some_and(|unshown| unshown.1.elapsed() < LAG);
        !self.tracked && !lagging && !self.is_refused() && !self.is_held()
    }

    fn is_held(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| Arc::strong_count(hold) > 1)
    }

    /// Lets go of what is over.
    pub(super) fn tidy(&mut self) {
        if self.affair.as_ref().is_some_and(|affair| affair.is_over()) && !self.is_refused() {
            self.affair = None;
        }
        if !self.is_held() {
            self.hold = None;
        }
    }
}

impl Affair {
    /// Tells a lagging look from news.
    fn saw(&mut self, observation: Observation, sent: Sent) -> Sight {
        let age = self.unshown.as_ref().map(|unshown| unshown.1.elapsed()).unwrap_or_default();
        let unshown = self.unshown.as_ref().map(|unshown| &unshown.0);
        let (sight, still_unshown) = interpret(unshown, age, observation, sent.time);
        if !still_unshown {
            self.unshown = None;
        }
        if self.failed_look().is_some() {
            self.recover();
        }
        if sight.observation.backup().is_some_and(|backup| backup.state != BackupState::PendingDeletion) {
            // Deleted anew, it has another window.
            self.refused = None;
        }
        let open = still_unshown || self.uncertain.as_ref().is_some_and(|write| write.is_young());
        self.follow_up.take_if(|_| !open);
        self.wait_on();
        sight
    }

    /// Waits for the next follow-up twice as long as for the last one.
    fn wait_on(&mut self) {
        self.follow_up = self.follow_up.map(|(_, wait)| {
            let wait = (wait * 2).min(LAG);
            (Instant::now() + wait, wait)
        });
    }

    /// A look that failed and hasn't been made good.
    pub(super) fn failed_look(&self) -> Option<&Failed> {
        self.failed.as_ref().filter(|failed| failed.write.is_none())
    }

    /// A write that failed, and nothing has come after it.
    pub(super) fn failed_write(&self) -> Option<&Failed> {
        self.failed.as_ref().filter(|failed| failed.write.is_some())
    }

    /// Whether a token for a write is at hand.
    pub(super) fn has_turn(&self) -> bool {
        self.turn.is_some_and(|since| since.elapsed() < KEPT)
    }

    pub(super) fn recover(&mut self) {
        self.failed = None;
        self.tries = 0;
    }

    fn is_over(&self) -> bool {
        self.unshown.is_none()
            && self.uncertain.is_none()
            && self.failed.is_none()
            && self.follow_up.is_none()
            && self.wrote.is_none_or(|wrote| wrote.elapsed() > LAG)
            && !self.has_turn()
    }
}

impl Uncertain {
    /// Whether AWS may still not show it.
    pub(super) fn is_young(&self) -> bool {
        self.since.elapsed() < LAG
    }

    pub(super) fn has_effect(&self, shown: &Backup) -> bool {
        match self.call {
            Call::DeleteBackup => shown.state == BackupState::PendingDeletion,
            Call::RestoreBackup => shown.state == BackupState::Ready,
            Call::ModifyBackupAttributes { never_expires } => shown.never_expires == Some(never_expires),
        }
    }
}

#[cfg(test)]
mod tests;
